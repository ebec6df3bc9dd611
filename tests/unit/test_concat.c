/* test_concat.c - __concat of scripts, where Lua's own would crash: concat.h. */
#include "script_test.h"

/* Its __concat makes the stack grow, and then smaller again. */
#define JOINED                                                                 \
    "local bot = require('bot')\n"                                             \
    "local function deep(n) if n == 0 then return 0 end\n"                     \
    "  local a, b, c = n, n, n return deep(n - 1) + a - b + c - c end\n"       \
    "local M = {}\n"                                                           \
    "local function text(x) return type(x) == 'table' and x.v or x end\n"      \
    "local function new(v) return setmetatable({ v = v }, M) end\n"            \
    "function M.__concat(a, b) deep(200)\n"                                    \
    "  for i = 1, 200 do local t = { i } end\n"                                \
    "  return new(text(a) .. '|' .. text(b)) end\n"                            \
    "local a, b, c = new 'a', new 'b', new 'c'\n"

static void body(const char *text, const char *wanted)
{
    struct buf all = BUF_INIT;

    buf_addf(&all, JOINED "bot.command('a', function(ctx)\n%s\nend)\n", text);
    script(all.data);
    say_ok("/a");
    buf_reset(&all);
    buf_addf(&all, "%s\n", wanted);
    expect_replies(all.data);
    buf_release(&all);
}

static void test_concat__in_a_handler(void **state)
{
    (void)state;
    body("ctx:reply((a .. b .. c).v)", "a|b|c");
    body("for i = 1, 300 do local x = a .. b .. c .. 'd' .. 1 .. a\n"
         "  assert(x.v == 'a|b|c|d|1|a', x.v) end\n"
         "ctx:reply('' .. ('x'):rep(3) .. (a .. 1 .. 2).v)",
         "xxxa|12");
    /* it waits, it raises, it joins in itself, its result is not a table */
    body("local time = require('time')\n"
         "local mt = { __concat = function(x, y) time.sleep(0.001)\n"
         "  if y == 0 then error('oh no', 0) end return a .. b .. c end }\n"
         "local s = setmetatable({}, mt)\n"
         "local ok, e = pcall(function() return s .. 0 end)\n"
         "ctx:reply(e .. (s .. 1 .. s).v)",
         "oh noa|b|c");
    body("local mt = { __concat = setmetatable({}, { __call = function(_, x, "
         "y)\n"
         "  deep(50) return 7 end }) }\n"
         "local s = setmetatable({}, mt) s = setmetatable(s, mt)\n"
         "ctx:reply(s .. s .. s .. 1)",
         "7");
}

static void test_concat__in_parallel(void **state)
{
    (void)state;
    body("local function f() return (a .. b .. c).v end\n"
         "local x, y = require('parallel')(f, f)\n"
         "ctx:reply(x .. y)",
         "a|b|ca|b|c");
}

static void test_concat__where_nothing_can_yield(void **state)
{
    (void)state;
    body(
        "local ok, e = pcall(tostring, setmetatable({}, { __tostring = "
        "function()\n"
        "  return (a .. b).v end }))\n"
        "ctx:reply(e)",
        "scripts/a.lua:13: these can't be joined by .. here: inside a function "
        "that was called from C (__tostring, a message handler of xpcall)");
}

static void test_concat__while_loading(void **state)
{
    (void)state;
    script(JOINED
           "local x = a .. b .. c .. 'd'\n"
           "local function down(n) if n == 0 then return a .. b .. c end\n"
           "  return (down(n - 1)) end\n"
           "local near = down(80)\n"
           "local ok, far = pcall(down, 100)\n"
           "bot.command('a', function(ctx)\n"
           "  ctx:reply(x.v .. near.v) ctx:reply(far) end)\n");
    say_ok("/a");
    expect_replies(
        "a|b|c|da|b|c\n"
        "scripts/a.lua:12: these can't be joined by .. here: too many "
        "functions have called each other\n");
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_concat");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_concat");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(test_concat__in_a_handler),
        SCRIPT_TEST(test_concat__in_parallel),
        SCRIPT_TEST(test_concat__where_nothing_can_yield),
        SCRIPT_TEST(test_concat__while_loading),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
