/* test_syntax_hint.c - hints for what other languages write, of Lua's own messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>

#include "script/excerpt.h"
#include "script/syntax_hint.h"

#define NO_CONTINUE                                                            \
    "Lua has no continue: write \"goto continue\", and ::continue:: before "   \
    "the loop's end"

static const struct {
    const char *source;
    const char *hint; /* NULL: none */
} cases[] = {
    { "if a != b then end", "Lua writes ~= for !=" },
    { "local x =\n\n\"!y\" .. y != 'z'", "Lua writes ~= for !=" },
    { "x = !a", "Lua writes \"not x\" for !x" },
    { "if not (!x) and a != b then end", "Lua writes \"not x\" for !x" },
    { "if a && b then end", "Lua writes \"and\" for &&" },
    { "if a ~= '||' || b then end", "Lua writes \"or\" for ||" },
    { "if a & & b then end", NULL },
    { "x += 1", "Lua has no +=: write x = x + …" },
    { "x ..= 'a'", "Lua has no ..=: write x = x .. …" },
    { "i++", "Lua has no ++: write i = i + 1" },
    { "i + + 1 '++'", NULL },
    { "for i = 1, 2 do\n if i then continue end\nend", NO_CONTINUE },
    { "for i = 1, 2 do\n continue -- here\n\n f(i)\nend", NO_CONTINUE },
    { "for i = 1, 2 do\n if a then f() end\n continue;\nend", NO_CONTINUE },
    { "x.continue end", NULL },
    { "x.continue\nend", NULL },
    { "continue = 2 foo bar", NULL },
    { "for i = 1, 2 do goto continue end",
      "write ::continue:: before the loop's end" },
    { "f(function()\n  g()\n",
      "this 'function' is not closed:\n  1 | f(function()" },
    { "x = 1\nif x then\n a()\nelse if y then\n b()\nend\n-- c\nbot.x()\n",
      "this 'if' is not closed:\n  2 | if x then\n  hint: \"else if\" in line "
      "4 "
      "begins a block with an end of its own; elseif does not" },
    { "if x then elseif y then else if z then end",
      "\"else if\" in line 1 begins a block with an end of its own; elseif "
      "does "
      "not" },
    { "f{\n a = 1,\n b = 2\n", "this '{' is not closed:\n  1 | f{" },
    { "if a then end end", "all blocks are closed before this end" },
    { "x = = 1", NULL },
    { "x = 'a", NULL },
    { "", NULL },
};

static void check(lua_State *L, const char *source, const char *hint)
{
    struct buf out = BUF_INIT, expected = BUF_INIT;
    const char *message = "a:1: no mistake";
    char path[10];
    int line;

    if (luaL_loadbuffer(L, source, strlen(source), "@a") != LUA_OK)
        message = lua_tostring(L, -1);
    assert_true(excerpt_place(message, path, sizeof(path), &line));
    syntax_hint_add(&out, slice_of(source), line, message);
    buf_adds(&expected, "");
    if (hint)
        buf_addf(&expected, "\n  hint: %s", hint);
    assert_string_equal(out.data, expected.data);
    buf_release(&out);
    buf_release(&expected);
    lua_settop(L, 0);
}

static void test_hints(void **state)
{
    lua_State *L = luaL_newstate();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(L, cases[i].source, cases[i].hint);
    lua_close(L);
}

/* A line may be of any length, and not be there at all. */
static void test_odd_lines(void **state)
{
    struct buf line = BUF_INIT, out = BUF_INIT;

    (void)state;
    buf_adds(&line, "if 'ä\\");
    for (int i = 0; i < 1000; i++)
        buf_adds(&line, "ä\\");
    syntax_hint_add(&out, buf_slice(&line), 1, "a:1: x near '!'");
    syntax_hint_add(&out, buf_slice(&line), 7, "a:7: x near '!'");
    syntax_hint_add(&out, buf_slice(&line), 1,
                    "a:1: 'end' expected (to close 'if' at line 9) near <eof>");
    assert_int_equal(out.len, 0);
    syntax_hint_add(&out, buf_slice(&line), 1,
                    "a:1: 'end' expected (to close 'if' at line 1) near <eof>");
    assert_true(out.len > 40 && out.len < 120);
    buf_release(&line);
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_odd_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
