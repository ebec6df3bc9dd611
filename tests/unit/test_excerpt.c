/* test_excerpt.c - the line that a message is about; compiled files that are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>

#include "script/chunks.h"
#include "script/excerpt.h"
#include "script/folder.h"

static void check(const char *source, int line, const char *message,
                  const char *expected)
{
    struct buf out = BUF_INIT;

    excerpt_add(&out, slice_of(source), line, message);
    assert_string_equal(out.data, expected);
    buf_release(&out);
}

static void test_place(void **state)
{
    char path[20];
    int line;

    (void)state;
    assert_true(
        excerpt_place("scripts/a.lua:12: no", path, sizeof(path), &line));
    assert_string_equal(path, "scripts/a.lua");
    assert_int_equal(line, 12);
    assert_false(excerpt_place("no place: 12", path, sizeof(path), &line));
    assert_false(excerpt_place("a:0: x", path, sizeof(path), &line));
    assert_false(excerpt_place("a.lua: x", path, sizeof(path), &line));
    assert_false(excerpt_place("a/path/that/is/too/long.lua:1: x", path,
                               sizeof(path), &line));
    assert_false(excerpt_place("", path, sizeof(path), &line));
}

static void test_caret(void **state)
{
    (void)state;
    check("one\n  x = = 1\nthree", 2, "a:2: unexpected symbol near '='",
          "\n  2 |   x = = 1\n    |     ^");
    check("io.open('x')\r\n", 1, "a:1: … (global 'io')",
          "\n  1 | io.open('x')\n    | ^");
    check("return f(xs, x)", 1, "a:1: nil value (local 'x')",
          "\n  1 | return f(xs, x)\n    |              ^");
    check("\tfoo(", 1, "a:1: ')' expected near <eof>",
          "\n  1 | \tfoo(\n    | \t    ^");
    check("\n\n  boom()\n", 3, "a:3: something", "\n  3 |   boom()\n    |   ^");
    check("größer(x)", 1, "(local 'x')", "\n  1 | größer(x)\n    |        ^");
    check("one", 2, "x", "");
    check("", 1, "near <eof>", "\n  1 | \n    | ^");
}

static void test_long_lines(void **state)
{
    struct buf line = BUF_INIT, out = BUF_INIT;

    (void)state;
    for (int i = 0; i < 300; i++)
        buf_adds(&line, "ä");
    buf_adds(&line, " here ");
    excerpt_add(&out, buf_slice(&line), 1, "near 'here'");
    assert_true(out.len < 400);
    assert_non_null(strstr(out.data, " here "));
    buf_release(&line);
    buf_release(&out);
}

/* --- chunks ------------------------------------------------------------------------ */

static int compile(lua_State *L)
{
    const char *path = lua_tostring(L, 1);
    struct buf text = BUF_INIT;

    buf_adds(&text, lua_tostring(L, 2));
    chunks_push(L, path, &text);
    buf_release(&text);
    lua_pushvalue(L, 3);
    lua_setupvalue(L, -2, 1);
    return 1;
}

/* Compile with globals of its own and call it; the result is pushed. */
static void run(lua_State *L, const char *path, const char *text)
{
    lua_pushcfunction(L, compile);
    lua_pushstring(L, path);
    lua_pushstring(L, text);
    lua_newtable(L);
    lua_call(L, 3, 1);
    lua_call(L, 0, 1);
}

static void test_kept(void **state)
{
    static const char text[] = "n = (n or 0) + 1 return function() n = n + 1 "
                               "return n end";
    lua_State *L = luaL_newstate();

    (void)state;
    chunks_begin(L);
    run(L, "a", text); /* two generations of one compiled function */
    run(L, "a", text);
    assert_int_equal(chunks_compiled(L), 1);
    for (int i = 2; i < 5; i++) { /* each counts in globals of its own */
        lua_pushvalue(L, 1);
        lua_call(L, 0, 1);
        assert_int_equal(lua_tointeger(L, -1), i);
        lua_pop(L, 1);
    }
    lua_pushvalue(L, 2);
    lua_call(L, 0, 1);
    assert_int_equal(lua_tointeger(L, -1), 2);
    run(L, "a", "return 5");
    assert_int_equal(lua_tointeger(L, -1), 5);
    assert_int_equal(chunks_compiled(L), 2);
    assert_true(slice_eq(chunks_text(L, "a"), "return 5"));
    chunks_end(L);
    chunks_begin(L);
    run(L, "b", "return 6");
    chunks_end(L);
    assert_null(chunks_text(L, "a").p); /* not used: forgotten */
    assert_true(slice_eq(chunks_text(L, "b"), "return 6"));
    lua_close(L);
}

static void test_takes(void **state)
{
    (void)state;
    assert_true(folder_takes("a.lua", ".lua"));
    assert_false(folder_takes(".lua", ".lua"));
    assert_false(folder_takes(".#a.lua", ".lua"));
    assert_false(folder_takes("#a.lua#", ".lua"));
    assert_false(folder_takes("a.lua~", ".lua"));
    assert_false(folder_takes("a.sql", ".lua"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_place),      cmocka_unit_test(test_caret),
        cmocka_unit_test(test_long_lines), cmocka_unit_test(test_kept),
        cmocka_unit_test(test_takes),
    };

    return cmocka_run_group_tests_name("excerpt", tests, NULL, NULL);
}
