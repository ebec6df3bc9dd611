/* test_script_tasks.c - errors, waiting, limits, the sandbox. */
#include "script_test.h"

/* A command /a with this body. */
static void body(const char *text)
{
    struct buf all = BUF_INIT;

    buf_addf(&all,
             "local bot, time = require('bot'), require('time')\n"
             "local cjson, log = require('cjson'), require('log')\n"
             "local function raises(f, ...) local ok, e = pcall(f, ...) "
             "assert(not ok) return tostring(e) end\n"
             "bot.command('a', function(ctx)\n%s\nend)\n",
             text);
    script(all.data);
    buf_release(&all);
}

#define MEMBER(status)                                                         \
    "{\"ok\":true,\"result\":{\"status\":\"" status "\",\"user\":{\"id\":7}}}"

/* --- errors ---------------------------------------------------------------------------- */

static void test_task__an_error_is_logged(void **state)
{
    (void)state;
    body("local function inner() error('oh no') end\ninner()");
    assert_int_equal(say("/a"), TASK_FAILED);
    assert_has(t.log.data,
               "error script: handler failed: scripts/a.lua:5: oh no");
    assert_has(t.log.data, "scripts/a.lua:6: in ");
    expect_log("update=10 chat=-100123 handler=/a");
    body("ctx.x.y = 1");
    assert_int_equal(say("/a"), TASK_FAILED);
    expect_log("scripts/a.lua:5: attempt to index a nil value (field 'x')");
    body("error({ code = 5 })");
    assert_int_equal(say("/a"), TASK_FAILED);
    expect_log("handler failed: raised a table, not a text: { code = 5 }\n");
    body("error(setmetatable({ code = 6 }, { __index = error }))");
    assert_int_equal(say("/a"), TASK_FAILED);
    expect_log("handler failed: raised a table, not a text: { code = 6 }\n");
    body("error({ 'a\\n\\0', 2.5, false, [7] = print, [true] = { x = { y = 1 } "
         "},\n"
         "  ['a-b'] = {}, u = setmetatable({ 1 }, { __pairs = error, __len = "
         "error }) })");
    assert_int_equal(say("/a"), TASK_FAILED);
    expect_log("{ \"a\\n\\000\", 2.5, false, [7] = function, "
               "[\"a-b\"] = {}, u = { 1 }, [true] = { x = table } }\n");
    body("local t = {} t[1] = t\n"
         "for i = 2, 1000 do t[i] = ('\\u{fc}'):rep(500) end\n"
         "error(t)");
    assert_int_equal(say("/a"), TASK_FAILED);
    assert_true(t.log.len < 600);
    assert_has(t.log.data, "text: { { table, \"\u00fc\u00fc");
    expect_log("\u00fc…\", … }, … }\n");
    body("error(setmetatable({}, { __tostring = function() error('x') end }))");
    assert_int_equal(say("/a"), TASK_FAILED);
    expect_log("whose __tostring raises");
    body("error()");
    assert_int_equal(say("/a"), TASK_FAILED);
    expect_log("handler failed: raised a nil, not a text");
}

static void test_task__a_misspelt_method(void **state)
{
    (void)state;
    body("ctx:replay('x')");
    assert_int_equal(say("/a"), TASK_FAILED);
    expect_log("scripts/a.lua:5: attempt to call a nil value (method "
               "'replay'); did you mean ctx:reply()?\n");
    body("ctx:sendMessage('x')");
    assert_int_equal(say("/a"), TASK_FAILED);
    expect_log("(method 'sendMessage'); methods of the Bot API are called as "
               "ctx.api.sendMessage{ … }\n");
    body("local x = { ban = false } x:bananas()");
    assert_int_equal(say("/a"), TASK_FAILED);
    expect_log("attempt to call a nil value (method 'bananas')\n");
}

/* What the host's modules in Lua did is no help. */
static void test_task__trace(void **state)
{
    (void)state;
    body("ctx:ban(nil)");
    assert_int_equal(say("/a"), TASK_FAILED);
    expect_log("ctx:ban: a user or an id is expected, got nil\n"
               "  method 'ban'\n"
               "  scripts/a.lua:5: in the function at line 4 (");
    body("tostring(setmetatable({}, { __tostring = function()\n"
         "error('x') end }))");
    assert_int_equal(say("/a"), TASK_FAILED);
    expect_log("scripts/a.lua:6: x\n"
               "  global 'error'\n"
               "  scripts/a.lua:6: in the function at line 5\n"
               "  global 'tostring'\n"
               "  scripts/a.lua:5: in the function at line 4 (");
}

static void test_task__catch(void **state)
{
    (void)state;
    script(
        "local bot = require('bot')\n"
        "bot.catch(function(e, ctx) ctx:reply('caught ' .. tostring(e)) end)\n"
        "bot.command('a', function(ctx) error('x') end)\n"
        "bot.command('b', function(ctx) bot.api.x{} end)\n"
        "bot.use(function(ctx, next) error('use') end)");
    answer("x", 400,
           "{\"ok\":false,\"error_code\":400,\"description\":\"no\"}");
    say_ok("/a");
    say_ok("/b");
    say_ok("x");
    expect_replies(
        "caught scripts/a.lua:3: x\ncaught scripts/a.lua:4: x: 400 no\n"
        "caught scripts/a.lua:5: use\n");
    script("local bot = require('bot')\n"
           "bot.catch(function(e, ctx) error('in catch: ' .. e) end)\n"
           "bot.command('a', function(ctx) error('x') end)");
    assert_int_equal(say("/a"), TASK_FAILED);
    expect_log("scripts/a.lua:2: in catch: scripts/a.lua:3: x");
    script("local bot = require('bot')\n"
           "bot.catch(function(e, ctx) ctx:require_admin() end)\n"
           "bot.command('a', function(ctx) error('x') end)");
    answer("getChatMember", 200, MEMBER("left"));
    say_ok("/a");
}

static void test_task__after_next_in_a_pcall(void **state)
{
    (void)state;
    script("local bot = require('bot')\n"
           "bot.use(function(ctx, next) local ok, e = pcall(next) "
           "ctx:reply(tostring(e)) end)\n"
           "bot.command('a', function(ctx) ctx:reply('1') error('x') end)");
    say_ok("/a");
    expect_replies("1\nscripts/a.lua:3: x\n");
}

/* --- waiting ------------------------------------------------------------------------------ */

static void test_task__waits(void **state)
{
    const char *p;

    (void)state;
    script("local bot, time = require('bot'), require('time')\n"
           "bot.command('a', function(ctx) time.sleep(tonumber(ctx.args[1]))\n"
           "  print('woke', ctx.args[1]) end)");
    for (int i = 3; i > 0; i--) {
        char text[40];

        snprintf(text, sizeof(text), "/a %g", i * 0.03);
        push(message_of(text));
    }
    wait_tasks();
    p = strstr(t.log.data, "woke\t0.03");
    assert_non_null(p);
    p = strstr(p, "woke\t0.06");
    assert_non_null(p);
    assert_non_null(strstr(p, "woke\t0.09"));
}

static void test_task__waits_everywhere(void **state)
{
    (void)state;
    body("local out = {}\n"
         "pcall(function() time.sleep(0) out[#out + 1] = 'pcall' end)\n"
         "local mt = setmetatable({}, { __index = function() time.sleep(0) "
         "return "
         "'index' end, __add = function() time.sleep(0) return 'add' end })\n"
         "out[#out + 1] = mt.x out[#out + 1] = mt + 1\n"
         "for v in function() time.sleep(0) if #out < 4 then return 'for' end "
         "end do "
         "out[#out + 1] = v end\n"
         "do local c <close> = setmetatable({}, { __close = function() "
         "time.sleep(0) out[#out + 1] = 'close' end }) end\n"
         "local t = { 3, 1, 2 } table.sort(t, function(a, b) time.sleep(0) "
         "return a < b end) out[#out + 1] = table.concat(t)\n"
         "out[#out + 1] = (('x-y'):gsub('%a', function(c) time.sleep(0) "
         "return c:upper() end))\n"
         "out[#out + 1] = (('x-y'):gsub('%a', setmetatable({}, { __index = "
         "function(_, k) time.sleep(0) return k .. k end })))\n"
         "assert(raises(tostring, setmetatable({}, { __tostring = function() "
         "time.sleep(0) end })):find(\"can't wait here\"))\n"
         "assert(raises(tostring, setmetatable({}, { __tostring = function() "
         "ctx:reply('no') end })):find(\"can't wait here\"))\n"
         "ctx:reply(table.concat(out, ' '))");
    say_ok("/a");
    expect_replies("pcall index add for close 123 X-Y xx-yy\n");
}

static void test_task__bad_sleeps(void **state)
{
    (void)state;
    body("for _, s in ipairs{ -1, 0/0, 1/0, 86401, 'x', false } do raises("
         "time.sleep, s) end\nraises(time.sleep)\n"
         "assert(time.now() > 1.7e9 and time.clock() >= 0)");
    say_ok("/a");
}

static void test_task__many_short_waits(void **state)
{
    (void)state;
    body("for i = 1, 2000 do time.sleep(0) end ctx:reply('ok')");
    say_ok("/a");
    expect_replies("ok\n");
}

static void test_task__kill_while_it_waits(void **state)
{
    (void)state;
    body("local c <close> = setmetatable({}, { __close = function() "
         "log.info('closed') end })\ntime.sleep(50)");
    push(message_of("/a"));
    sleep_ms(&t.db, 5);
    assert_int_equal(t.vm->ntasks, 1);
    tasks_kill_all(t.vm);
    assert_int_equal(t.result, TASK_KILLED);
    expect_log("info bot: closed");
    assert_int_equal(t.running, 0);
}

static void test_task__kill_while_it_calls(void **state)
{
    (void)state;
    file("defaults/init.lua", "return { max = 1 }");
    body("ctx.config.max = 2 ctx:reply('x')");
    push(message_of("/a"));
    for (int i = 0; i < 3; i++)
        sleep_ms(&t.db, 0); /* somewhere on its way */
    tasks_kill_all(t.vm);
    sleep_ms(&t.db, 20);
}

/* --- limits ----------------------------------------------------------------------------------- */

static void test_task__time_out(void **state)
{
    int64_t before = loop_now_ms();

    (void)state;
    make_vm(16 << 20, 200, 100);
    body("time.sleep(100)");
    push(message_of("/a"));
    wait_tasks();
    assert_int_equal(t.result, TASK_OVERRAN);
    assert_true(loop_now_ms() - before < 3000);
    expect_log("handler ended: it ran longer than TASK_TIMEOUT_S");
}

/* The clock stands while a call is waited for, and goes on where none can be. */
static void test_task__time_out_after_a_call_that_can_not_wait(void **state)
{
    (void)state;
    make_vm(16 << 20, 200, 100);
    body("assert(not pcall(tostring, setmetatable({}, { __tostring =\n"
         "  function() bot.api.sendDocument{ document =\n"
         "  bot.file{ data = 'x', name = 'a' } } end })))\n"
         "time.sleep(5)");
    push(message_of("/a"));
    wait_tasks();
    assert_int_equal(t.result, TASK_OVERRAN);
    expect_log("handler ended: it ran longer than TASK_TIMEOUT_S");
}

static void test_task__endless(void **state)
{
    static const char *const loops[] = {
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local function f() return f() end f()",
        "pcall(pcall, pcall, function() while true do end end) while true do "
        "end",
        "xpcall(function() while true do end end, function() while true do end "
        "end) while true do end",
        "table.sort({ 1, 2, 3 }, function() while true do end end)",
        "while true do pcall(string.gsub, 'x', 'x', function() while true do "
        "end "
        "end) end",
        "setmetatable({}, { __index = function() while true do end end }).x = "
        "setmetatable({}, { __index = function() while true do end end }).x",
        "while true do ('x'):rep(100) end",
        "local c <close> = setmetatable({}, { __close = function() while true "
        "do "
        "end end })",
        "error(setmetatable({}, { __tostring = function() while true do end "
        "end "
        "}))",
    };

    (void)state;
    make_vm(16 << 20, 60, 60000);
    for (size_t i = 0; i < ARRAY_LEN(loops); i++) {
        body(loops[i]);
        if (say("/a") == TASK_OK)
            fail_msg("%s ended well", loops[i]);
        if (!strstr(t.log.data, "scripts/a.lua:"))
            fail_msg("%s: %s", loops[i], t.log.data);
        buf_reset(&t.log);
    }
    assert_int_equal(say("/a"), TASK_OVERRAN);
    body("ctx:reply('alive')");
    say_ok("/a");
    expect_replies("alive\n");
}

/* Closing what is left must not hang either. */
static void test_task__endless_in_close(void **state)
{
    (void)state;
    make_vm(16 << 20, 60, 60000);
    body("local c <close> = setmetatable({}, { __close = function() while true "
         "do "
         "end end })\ntime.sleep(50)");
    push(message_of("/a"));
    sleep_ms(&t.db, 5);
    tasks_kill_all(t.vm);
    assert_int_equal(t.result, TASK_KILLED);
}

/* Ended by an error, where nothing can yield: its variables are closed with hooks. */
static void test_task__endless_in_catch(void **state)
{
    (void)state;
    make_vm(16 << 20, 60, 60000);
    script("local bot = require 'bot'\n"
           "bot.command('a', function() error('oh no') end)\n"
           "bot.catch(function()\n"
           "  local c <close> = setmetatable({}, { __close = function()\n"
           "    while true do end end })\n"
           "  tostring(setmetatable({}, { __tostring = function()\n"
           "    while true do end end })) end)\n");
    assert_int_equal(say("/a"), TASK_OVERRAN);
    expect_log("it computed for too long");
}

static void test_task__short_computing_is_fine(void **state)
{
    (void)state;
    make_vm(16 << 20, 400, 60000);
    body("for i = 1, 8 do for j = 1, 1e5 do end time.sleep(0) end "
         "ctx:reply('ok')");
    say_ok("/a");
    expect_replies("ok\n");
}

static void test_task__memory(void **state)
{
    static const char *const eaters[] = {
        "local t = {} for i = 1, 1e9 do t[i] = { i } end",
        "local s = 'x' while true do s = s .. s end",
        "('x'):rep(1 << 30)",
        "local function f() return 1 + f() end f()",
        "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1000) .. i end",
        "pcall(function() local t = {} for i = 1, 1e9 do t[i] = { i } end end) "
        "ctx:reply('after')",
        "while true do pcall(string.rep, 'x', 1 << 30) end",
        "while true do pcall(table.sort, { 1, 2 }, function() "
        "pcall(string.rep, 'x', 1 << 30) end) end",
        "local s = ('x'):rep(5 << 20)", /* of 16 MiB, a quarter */
        "pcall(table.concat, { ('x'):rep(3 << 20), ('y'):rep(3 << 20) })",
    };
    size_t places = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(eaters); i++) {
        make_vm(16 << 20, 5000, 60000);
        body(eaters[i]);
        assert_int_equal(say("/a"), TASK_OVERRAN);
        assert_has(t.log.data, "handler ended: not enough memory: all scripts "
                               "together may have 16 MiB (LUA_MEMORY_MB), one "
                               "string or table 4\n");
        places += strstr(t.log.data, "scripts/a.lua:") != NULL;
        buf_reset(&t.log);
        assert_true(t.vm->memory <= t.limits.memory_max);
    }
    /* Where it ran out within the host, no line of the script may be known. */
    assert_true(places >= ARRAY_LEN(eaters) - 2);
    body("ctx:reply('alive')");
    say_ok("/a");
    expect_replies("alive\n");
    /* what is kept for good */
    body("hoard = {} for i = 1, 1e9 do hoard[i] = { i } end");
    assert_int_equal(say("/a"), TASK_OVERRAN);
    for (int i = 0; i < 5; i++)
        say("/a");
    body("ctx:reply('alive')");
    say_ok("/a");
    expect_replies("alive\n");
}

/* --- the sandbox --------------------------------------------------------------------------------- */

static void test_sandbox__globals(void **state)
{
    (void)state;
    body("local names = {}\n"
         "for k in pairs(_G) do names[#names + 1] = k end table.sort(names)\n"
         "ctx:reply(table.concat(names, ' '))\n"
         "names = {}\n"
         "for k in pairs(os) do names[#names + 1] = k end table.sort(names)\n"
         "ctx:reply(table.concat(names, ' '))\n"
         "assert(string.dump == nil and ('').dump == nil)");
    say_ok("/a");
    expect_replies(
        "_G _VERSION assert collectgarbage error getmetatable ipairs load math "
        "next os pairs pcall print rawequal rawget rawlen rawset require "
        "select "
        "setmetatable string table tonumber tostring type utf8 xpcall\n"
        "clock date difftime time\n");
}

static void test_sandbox__closed(void **state)
{
    (void)state;
    body("local f, e = load('\\27Lua')\n"
         "assert(f == nil and e:find('binary'), e)\n"
         "assert(load('return 1 + 1')() == 2)\n"
         "assert(load('x = 5 return _G')() == _G and x == 5)\n"
         "local env = {} assert(load('y = 1', 'n', 't', env)) load('y = 1', "
         "'n', "
         "'bt', env)()\n"
         "assert(env.y == 1 and y == nil)\n"
         "assert(getmetatable('') == false)\n"
         "string.len = nil assert(('abc'):len() == 3)\n"
         "assert(raises(setmetatable, {}, { __gc = print }):find('__gc'))\n"
         "assert(raises(setmetatable, '', {}))\n"
         "for _, v in ipairs{ '[]', '[1]' } do\n"
         "  local c = require('cjson').new()\n"
         "  c.decode_array_with_array_mt(v == '[1]')\n"
         "  local mt = getmetatable(c.decode(v))\n"
         "  assert(mt == (v == '[]' and c.empty_array_mt or c.array_mt))\n"
         "  local function put() mt.__gc = print end\n"
         "  assert(raises(put):find('can\\'t be changed'))\n"
         "  assert(raises(rawset, mt, '__gc', print):find('be changed'))\n"
         "  assert(raises(table.insert, mt, 1):find('be changed'))\n"
         "  assert(raises(table.move, { 1 }, 1, 1, 1, mt):find('be changed'))\n"
         "  assert(raises(setmetatable, mt, nil):find('protected'))\n"
         "  assert(next(mt) == nil and rawset({}, 1, 2)[1] == 2)\n"
         "end\n"
         "assert(getmetatable(ctx) == false and getmetatable(bot) == false)\n"
         "assert(raises(collectgarbage, 'stop'):find('only \"count\"'))\n"
         "assert(collectgarbage('count') > 10 and collectgarbage() > 10)\n"
         "assert(raises(require, 'io'):find('not in a handler'))\n"
         "assert(raises(bot.catch, print):find('not in a handler'))\n"
         "assert(_G.debug == nil and _G.io == nil and _G.coroutine == nil)\n"
         "print('a', 1, nil, {} ~= nil)\n"
         "log.info('%d of %s', 3, 'x') log.warn('100%') log.error({} ~= nil)\n"
         "log.debug('not shown')\n"
         "raises(log.info) raises(log.info, '%d', 'x')");
    say_ok("/a");
    assert_has(t.log.data, "info script: a\t1\tnil\ttrue");
    assert_has(t.log.data, "info bot: 3 of x (update=10 chat=-100123)");
    assert_has(t.log.data, "warn bot: 100%");
    assert_has(t.log.data, "error bot: true");
    assert_hasnt(t.log.data, "not shown");
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_script_tasks");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_script_tasks");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(test_task__an_error_is_logged),
        SCRIPT_TEST(test_task__a_misspelt_method),
        SCRIPT_TEST(test_task__trace),
        SCRIPT_TEST(test_task__catch),
        SCRIPT_TEST(test_task__after_next_in_a_pcall),
        SCRIPT_TEST(test_task__waits),
        SCRIPT_TEST(test_task__waits_everywhere),
        SCRIPT_TEST(test_task__bad_sleeps),
        SCRIPT_TEST(test_task__many_short_waits),
        SCRIPT_TEST(test_task__kill_while_it_waits),
        SCRIPT_TEST(test_task__kill_while_it_calls),
        SCRIPT_TEST(test_task__time_out),
        SCRIPT_TEST(test_task__time_out_after_a_call_that_can_not_wait),
        SCRIPT_TEST(test_task__endless),
        SCRIPT_TEST(test_task__endless_in_close),
        SCRIPT_TEST(test_task__endless_in_catch),
        SCRIPT_TEST(test_task__short_computing_is_fine),
        SCRIPT_TEST(test_task__memory),
        SCRIPT_TEST(test_sandbox__globals),
        SCRIPT_TEST(test_sandbox__closed),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
