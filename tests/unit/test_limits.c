/* test_limits.c - tasks that give way, and what they may use in all. */
#include "script_test.h"

static void body(const char *a, const char *b)
{
    struct buf all = BUF_INIT;

    buf_addf(&all,
             "local bot, time = require('bot'), require('time')\n"
             "local parallel = require('parallel')\n"
             "local log = require('log')\n"
             "bot.command('a', function(ctx)\n%s\nend)\n"
             "bot.command('b', function(ctx)\n%s\nend)\n",
             a, b);
    script(all.data);
    buf_release(&all);
}

static void set_up(int slice_ms, int cpu_ms, int total_ms)
{
    free_vm();
    t.limits = (struct vm_limits){ .memory_max = 16 << 20,
                                   .cpu_ms = cpu_ms,
                                   .task_ms = 60000,
                                   .slice_ms = slice_ms,
                                   .cpu_total_ms = total_ms };
    t.vm = vm_new(&t.services, &t.limits);
    t.registry = count_registry();
}

/* Computes until others have said that they are done. */
#define COUNT "for i = 1, 1e12 do if done then break end end log.info('end')"

static void test_slice__others_have_their_turn(void **state)
{
    (void)state;
    set_up(10, 60000, 0);
    body(COUNT, "log.info('b') done = true");
    push(message_of("/a"));
    push(message_of("/b"));
    wait_tasks(); /* never, if the first one kept others out */
    assert_int_equal(t.result, TASK_OK);
    assert_true(strstr(t.log.data, "bot: b (") < strstr(t.log.data, "end ("));
}

/* Also in what C functions of the host call: comparators, a gsub's function. */
static void test_slice__in_callbacks(void **state)
{
    static const char *const places[] = {
        "table.sort({ 2, 1, 3 }, function(a, b)\n" COUNT "\nreturn a < b end)",
        "local _ = ('x'):gsub('x', function()\n" COUNT "\nend)",
        "local _ = ('x'):gsub('x', setmetatable({}, { __index = "
        "function()\n" COUNT "\nend }))",
        "table.sort(setmetatable({}, { __len = function() return 2 end,\n"
        "  __newindex = function() end, __index = function(_, k)\n" COUNT
        "\nreturn k end }))",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        set_up(10, 60000, 0);
        body(places[i], "log.info('b') done = true");
        push(message_of("/a"));
        push(message_of("/b"));
        wait_tasks();
        assert_int_equal(t.result, TASK_OK);
        assert_true(strstr(t.log.data, "bot: b (") <
                    strstr(t.log.data, "end ("));
        buf_reset(&t.log);
    }
}

/* And C functions themselves, where they have much to do; the work is then right. */
static void test_slice__in_c_functions(void **state)
{
    static const char *const works[] = {
        "local u = {} for i = 1, 3e5 do u[i] = i * 7919 % 300007 end\n"
        "go() table.sort(u) for i = 2, #u do assert(u[i - 1] <= u[i]) end",
        "local s = ('ab'):rep(3e5) .. 'c' go()\n"
        "local r, n = s:gsub('a', '<%0>') assert(n == 3e5 and #r == 12e5 + 1)",
        "local t = {} for i = 1, 4e5 do t[i] = i end go()\n"
        "table.insert(t, 1, 'x') assert(#t == 400001 and t[1] == 'x')\n"
        "assert(t[2] == 1 and t[400001] == 4e5)\n"
        "assert(table.remove(t, 1) == 'x' and #t == 4e5 and t[1] == 1)\n"
        "assert(table.move(t, 1, 4e5, 3) == t and t[3] == 1)\n"
        "assert(t[400002] == 4e5 and t[2] == 2 and #t == 400002)\n"
        "local u = table.move(t, 3, 400002, 1, {}) assert(#u == 4e5)\n"
        "for i = 1, 4e5 do assert(u[i] == i) end table.move(t, 3, 400002, 1)\n"
        "for i = 1, 4e5 do assert(t[i] == i) end",
        "local cjson = require('cjson') local s = '[' ..\n"
        "  ('{\"a\":[1,2,{\"b\":[]}]},'):rep(2e4) .. '0]' go()\n"
        "local v = cjson.decode(s) assert(#v == 20001)\n"
        "assert(cjson.encode(v) == s)",
        "local s = ('ab'):rep(15e5) go() assert(not s:find('[c-z]+'))",
        "local s = ('ab'):rep(15e5) go() assert(not s:match('[c-z]'))",
        "local s = ('ab'):rep(15e5) go()\n"
        "for w in s:gmatch('[c-z]') do error(w) end",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(works); i++) {
        struct buf all = BUF_INIT;

        set_up(1, 60000, 0);
        t.vm->limits.memory_max = 64 << 20;
        buf_addf(&all,
                 "local turns, last = 0\n"
                 "local function go() started = true time.sleep(0) end\n"
                 "%s\nworked = true",
                 works[i]);
        body(all.data, "while not started do time.sleep(0) end\n"
                       "local n = 0 while not worked do n = n + 1\n"
                       "  time.sleep(0) end log.info(n > 3 and 'turns' or n)");
        buf_release(&all);
        push(message_of("/a"));
        push(message_of("/b"));
        wait_tasks();
        assert_int_equal(t.result, TASK_OK);
        expect_log("bot: turns (");
    }
}

/* Where none can be let in, a task has less time, and is told where that was. */
static void test_block__is_ended(void **state)
{
    static const char *const places[] = {
        "tostring(setmetatable({}, { __tostring = function()\n"
        "  while true do end end }))",
        "while true do pcall(tostring, setmetatable({}, { __tostring =\n"
        "  function() while true do end end })) end",
        "require('cjson').encode(setmetatable({}, { __pairs = function()\n"
        "  while true do end end }))",
        "xpcall(error, function()\n"
        "  while true do end end)",
        "table.insert(setmetatable({}, { __len = function()\n"
        "  while true do end end }), 1)",
        "error(setmetatable({}, { __tostring = function()\n"
        "  while true do end end }))",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        set_up(5, 60000, 0);
        t.limits.block_ms = 20;
        free_vm();
        t.vm = vm_new(&t.services, &t.limits);
        body(places[i], "");
        assert_int_equal(say("/a"), TASK_OVERRAN);
        assert_has(t.log.data, "handler ended: it computed for more than 20 ms "
                               "where it can't give way to others, in what a C "
                               "function calls (TASK_BLOCK_MS)");
        expect_log("\n  scripts/a.lua:6: in");
    }
}

/* What computes for long, but not where it keeps others out, is not that. */
static void test_block__is_not_ended_elsewhere(void **state)
{
    (void)state;
    set_up(2, 60000, 0);
    t.limits.block_ms = 10;
    free_vm();
    t.vm = vm_new(&t.services, &t.limits);
    body("local m = setmetatable({}, { __tostring = function()\n"
         "  for i = 1, 3e3 do end return 'm' end })\n"
         "local n = 0 for i = 1, 2000 do tostring(m) n = n + 1 end\n"
         "ctx:reply(n)",
         "");
    say_ok("/a");
    expect_replies("2000\n");
}

/* Whatever a script is in the midst of, it comes out the same. */
static void test_slice__changes_nothing(void **state)
{
    (void)state;
    set_up(1, 60000, 0);
    body(
        "local function f(n) if n < 2 then return n end\n"
        "  return f(n - 1) + f(n - 2) end\n"
        "local t, s = {}, 0\n"
        "for i = 1, 50000 do t[#t + 1] = select('#', table.unpack(t, 1, i % 9))"
        "\n end\n"
        "for _, v in ipairs(t) do s = s + v end\n"
        "local ok, e = pcall(function() f(20) error(f(15), 0) end)\n"
        "local a, b = parallel(function() return f(22) end,\n"
        "  function() return f(21) end)\n"
        "do local c <close> = setmetatable({}, { __close = function()\n"
        "  s = s + f(20) end }) end\n"
        "local m = setmetatable({}, { __add = function() return f(20) end,\n"
        "  __index = function(_, k) return f(k) end })\n"
        "ctx:reply(table.concat({ s, e, a, b, m + 1, m[21] }, ' '))",
        "");
    say_ok("/a");
    expect_replies("206760 610 17711 10946 6765 10946\n");
}

static void test_slice__killed_between(void **state)
{
    (void)state;
    set_up(5, 60000, 0);
    body("while true do end", "parallel(function() while true do end end,\n"
                              "  function() while true do end end)");
    push(message_of("/a"));
    push(message_of("/b"));
    sleep_ms(&t.db, 50);
    tasks_kill_all(t.vm);
    assert_int_equal(t.result, TASK_KILLED);
    assert_int_equal(t.vm->ntasks, 0);
}

/* Giving way is no waiting: the budget goes on. */
static void test_cpu__over_all_slices(void **state)
{
    (void)state;
    set_up(5, 100, 0);
    body("while true do end", "");
    assert_int_equal(say("/a"), TASK_OVERRAN);
    expect_log("more than 100 ms (TASK_CPU_MS)");
}

static void test_cpu__in_all(void **state)
{
    (void)state;
    set_up(0, 10000, 200);
    body("while true do for i = 1, 1e5 do end time.sleep(0) end", "");
    assert_int_equal(say("/a"), TASK_OVERRAN);
    expect_log("it computed for more than 200 ms in all (TASK_CPU_TOTAL_MS)");
    set_up(0, 10000, 0); /* none */
    body("for j = 1, 20 do for i = 1, 1e6 do end time.sleep(0) end "
         "ctx:reply('ok')",
         "");
    say_ok("/a");
    expect_replies("ok\n");
}

/* Who has the memory is ended, not who needs a little. */
static void test_memory__of_one_that_waits(void **state)
{
    (void)state;
    set_up(0, 10000, 0);
    body("local t = {} for i = 1, 14 do t[i] = ('x'):rep(1 << 20) end\n"
         "time.sleep(50) ctx:reply('never')",
         "for i = 1, 50 do local t = {}\n"
         "  for j = 1, 40 do t[j] = ('y'):rep(1 << 16) end time.sleep(0) end\n"
         "ctx:reply('b')");
    push(message_of("/a"));
    sleep_ms(&t.db, 20);
    push(message_of("/b"));
    wait_tasks();
    assert_has(t.log.data, "handler ended: not enough memory");
    assert_has(t.log.data, "handler=/a");
    assert_hasnt(t.log.data, "handler=/b");
    expect_replies("b\n");
}

static int renewals;

static void renew(void *arg)
{
    assert_ptr_equal(arg, &renewals);
    renewals++;
}

static void test_memory__of_variables(void **state)
{
    (void)state;
    t.services.renew = renew;
    t.services.renew_arg = &renewals;
    set_up(0, 10000, 0);
    body("hoard = {} for i = 1, 1e9 do hoard[i] = ('x'):rep(1000) .. i end",
         "ctx:reply('b')");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(say("/a"), TASK_OVERRAN);
        say_ok("/b"); /* from what is kept for little ones */
    }
    sleep_ms(&t.db, 10);
    assert_int_equal(renewals, 1); /* once a minute */
    assert_has(t.log.data, "(LUA_MEMORY_MB) in their variables: they are "
                           "loaded anew");
    expect_replies("b\nb\nb\n");
    t.services.renew = NULL;
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_limits");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_limits");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(test_slice__others_have_their_turn),
        SCRIPT_TEST(test_slice__in_callbacks),
        SCRIPT_TEST(test_slice__in_c_functions),
        SCRIPT_TEST(test_block__is_ended),
        SCRIPT_TEST(test_block__is_not_ended_elsewhere),
        SCRIPT_TEST(test_slice__changes_nothing),
        SCRIPT_TEST(test_slice__killed_between),
        SCRIPT_TEST(test_cpu__over_all_slices),
        SCRIPT_TEST(test_cpu__in_all),
        SCRIPT_TEST(test_memory__of_one_that_waits),
        SCRIPT_TEST(test_memory__of_variables),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
