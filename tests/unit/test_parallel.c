/* test_parallel.c - require "parallel": several calls of a task at once. */
#include "script_test.h"

static void body(const char *text)
{
    struct buf all = BUF_INIT;

    buf_addf(&all,
             "local bot, time = require('bot'), require('time')\n"
             "local parallel = require('parallel')\n"
             "local function raises(f, ...) local ok, e = pcall(f, ...) "
             "assert(not ok) return tostring(e) end\n"
             "bot.command('a', function(ctx)\n%s\nend)\n",
             text);
    script(all.data);
    buf_release(&all);
}

/* Run a body that replies with what is wanted. */
static void gives(const char *text, const char *wanted)
{
    struct buf all = BUF_INIT;

    body(text);
    say_ok("/a");
    buf_addf(&all, "%s\n", wanted);
    expect_replies(all.data);
    buf_release(&all);
}

static void test_parallel__results(void **state)
{
    (void)state;
    gives("local order = ''\n"
          "local function f(name, s) return function()\n"
          "  time.sleep(s) order = order .. name return name, 'more' end end\n"
          "local a, b, c, d = parallel(f('a', 0.03), f('b', 0.01),\n"
          "  function() end, function() return 4 end)\n"
          "ctx:reply(a .. b .. tostring(c) .. d .. order)",
          "abnil4ba");
    gives("local r = parallel.all{ function() return 1 end,\n"
          "  function() time.sleep(0) return 2 end, function() end }\n"
          "ctx:reply(r[1] .. r[2] .. tostring(r[3]) .. r.n)",
          "12nil3");
    gives("assert(select('#', parallel()) == 0)\n"
          "ctx:reply(parallel.all{}.n .. parallel.map({}, 3, error).n ..\n"
          "  parallel.settle().n)",
          "000");
    /* calls of the Bot API: all three are on their way at once */
    gives("local n = 0\n"
          "local function call() local m = ctx:reply('x') n = n + 1\n"
          "  return m.message_id end\n"
          "local a, b, c = parallel(call, call, call)\n"
          "ctx:reply(a + b + c + n)",
          "x\nx\nx\n300");
}

static void test_parallel__errors(void **state)
{
    (void)state;
    /* the first one ends the others */
    gives("local log = ''\n"
          "local e = raises(parallel, function()\n"
          "  local c <close> = setmetatable({}, { __close = function()\n"
          "    log = log .. 'closed ' end })\n"
          "  time.sleep(50) log = log .. 'never' end,\n"
          "  function() time.sleep(0.01) error('oh no') end)\n"
          "ctx:reply(log .. e)",
          "closed scripts/a.lua:10: oh no");
    gives("local ok, e = pcall(parallel, function() error({ code = 7 }) end)\n"
          "ctx:reply(e.code)",
          "7");
    gives("local r = parallel.settle(function() error('x', 0) end,\n"
          "  function() return 5 end, function() error() end)\n"
          "ctx:reply(tostring(r[1].ok) .. r[1].error .. tostring(r[2].ok) ..\n"
          "  r[2].value .. tostring(r[3].ok) .. tostring(r[3].error) .. r.n)",
          "falsextrue5falsenil3");
    gives("local r, i = parallel.race(function() time.sleep(50) end,\n"
          "  function() time.sleep(0.01) return 'b' end)\n"
          "ctx:reply(r .. i)",
          "b2");
    gives("ctx:reply(raises(parallel.race, function() time.sleep(50) end,\n"
          "  function() error('lost', 0) end))",
          "lost");
    body("parallel(function() time.sleep(50) end, function()\n"
         "  local x = nil\n  x.y = 1 end)");
    assert_int_equal(say("/a"), TASK_FAILED);
    assert_has(t.log.data, "handler failed: scripts/a.lua:7: attempt to index");
    assert_has(t.log.data, "in parallel:\n  scripts/a.lua:7: in ");
    buf_reset(&t.log);
    /* what ends a handler quietly does so from within, too */
    body("parallel.settle(function() ctx:require_admin() end)\n"
         "ctx:reply('not reached')");
    answer("getChatMember", 200,
           "{\"ok\":true,\"result\":{\"status\":\"member\",\"user\":{\"id\":7}}"
           "}");
    say_ok("/a");
    assert_null(strstr(t.calls.data, "not reached"));
    buf_reset(&t.calls);
}

static void test_parallel__map(void **state)
{
    (void)state;
    gives("local now, most = 0, 0\n"
          "local list = {} for i = 1, 100 do list[i] = i end\n"
          "local r = parallel.map(list, 7, function(x, i)\n"
          "  assert(x == i) now = now + 1 most = math.max(most, now)\n"
          "  time.sleep(0) now = now - 1 return x * 2 end)\n"
          "local sum = 0 for i = 1, r.n do sum = sum + r[i] end\n"
          "ctx:reply(sum .. ' ' .. most)",
          "10100 7");
    gives("local n = 0\n"
          "local e = raises(parallel.map, { 1, 2, 3, 4, 5 }, 2, function(x)\n"
          "  n = n + 1 time.sleep(0) if x == 2 then error('two', 0) end end)\n"
          "ctx:reply(e .. (n < 5 and ' early' or n))",
          "two early");
    /* those that never wait */
    gives("local r = parallel.map(('x'):rep(1000):gmatch('x') and\n"
          "  table.pack(('x'):rep(1000):byte(1, -1)), 64,\n"
          "  function(x) return x end)\n"
          "ctx:reply(r.n .. ' ' .. r[1000])",
          "1000 120");
}

static void test_parallel__nested(void **state)
{
    (void)state;
    gives("local function leaf(x) return function() time.sleep(0) return x end "
          "end\n"
          "local a, b = parallel(function()\n"
          "  local c, d = parallel(leaf(1), leaf(2)) return c + d end,\n"
          "  function() return (parallel(leaf(4))) end)\n"
          "ctx:reply(a + b)",
          "7");
    gives("local ok = pcall(parallel, function()\n"
          "  parallel(function() time.sleep(50) end) end,\n"
          "  function() time.sleep(0.01) error('x') end)\n"
          "ctx:reply(tostring(ok))",
          "false");
}

static void test_parallel__limits(void **state)
{
    (void)state;
    gives("local list = {}\n"
          "for i = 1, 64 do list[i] = function() time.sleep(0) end end\n"
          "assert(parallel.all(list).n == 64)\n"
          "list[65] = list[1]\n"
          "ctx:reply(raises(function() parallel.all(list) end))",
          "scripts/a.lua:9: parallel: a task has at most 64 functions running "
          "at once, these would be 65; parallel.map(list, n, f) runs n at a "
          "time");
    gives("ctx:reply(raises(parallel, 5))",
          "bad argument #1 to '?' (function expected, got number; write "
          "parallel(f, g), not parallel(f(), g()))");
    gives("ctx:reply(raises(tostring, setmetatable({}, { __tostring = "
          "function()\n"
          "  parallel(time.sleep) end })):sub(1, 29))",
          "scripts/a.lua:6: can't wait h");
    /* the budget is the task's */
    make_vm(16 << 20, 100, 60000);
    body("parallel(function() time.sleep(50) end,\n"
         "  function() while true do pcall(error) end end)");
    assert_int_equal(say("/a"), TASK_OVERRAN);
    assert_has(t.log.data, "computed for too long");
    assert_has(t.log.data, "scripts/a.lua:6: in ");
    /* one that ends with its task: the deadline */
    make_vm(16 << 20, 1000, 50);
    body("parallel(function() time.sleep(50) end, function()\n"
         "  parallel(function() time.sleep(50) end) end)");
    assert_int_equal(say("/a"), TASK_OVERRAN);
    assert_has(t.log.data, "TASK_TIMEOUT_S");
    /* and when the program ends */
    make_vm(16 << 20, 1000, 60000);
    body("parallel(function() time.sleep(50) end, time.sleep)");
    push(message_of("/a"));
    sleep_ms(&t.db, 20);
    tasks_kill_all(t.vm);
}

static void test_parallel__memory(void **state)
{
    (void)state;
    body("pcall(parallel, function() time.sleep(50) end,\n"
         "  function() time.sleep(0) local t = {} for i = 1, 1e9 do\n"
         "    t[i] = { i } end end)\n"
         "ctx:reply('never')");
    assert_int_equal(say("/a"), TASK_OVERRAN);
    assert_has(t.log.data, "not enough memory");
    body("ctx:reply('alive')");
    say_ok("/a");
    expect_replies("alive\n");
}

/* Ended where nothing can yield, by an error: no hook runs in its coroutine from then
 * on, but what it closes ends all the same. */
static void test_parallel__endless(void **state)
{
    (void)state;
    make_vm(16 << 20, 50, 60000);
    body("parallel(function()\n"
         "  local c <close> = setmetatable({}, { __close = function()\n"
         "    while true do end end })\n"
         "  table.sort({ 1, 2, 3 }, function() while true do end end) end)\n"
         "ctx:reply('never')");
    assert_int_equal(say("/a"), TASK_OVERRAN);
    assert_has(t.log.data, "computed for too long");
}

/* Configs are the task's: one child commits after the other. */
static void test_parallel__configs(void **state)
{
    (void)state;
    file("defaults/a.lua", "return { x = 1, y = 1, z = 1 }");
    gives("local a, b, c = parallel(function() ctx.config.a.x = 5\n"
          "  ctx:reply('one') return ctx.config.a.y end,\n"
          "  function() ctx.config.a.y = 6 ctx:reply('two') return\n"
          "    ctx.config.a.x end,\n"
          "  function() return bot.config(-100123).a.z end)\n"
          "ctx:reply(a .. b .. c .. ctx.config.a.x .. ctx.config.a.y)",
          "one\ntwo\n65156");
    body("ctx:reply(ctx.config.a.x .. ctx.config.a.y)");
    say_ok("/a");
    expect_replies("56\n");
    /* one that is ended in a commit: that is done, and nothing after it */
    gives("local ok = pcall(parallel, function() ctx.config.a.z = 9\n"
          "  ctx:reply('not sent') end, function() time.sleep(0) error() end)\n"
          "ctx:reply(tostring(ok) .. ctx.config.a.z)",
          "false9");
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_parallel");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_parallel");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(test_parallel__results),
        SCRIPT_TEST(test_parallel__errors),
        SCRIPT_TEST(test_parallel__map),
        SCRIPT_TEST(test_parallel__nested),
        SCRIPT_TEST(test_parallel__limits),
        SCRIPT_TEST(test_parallel__memory),
        SCRIPT_TEST(test_parallel__configs),
        SCRIPT_TEST(test_parallel__endless),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
