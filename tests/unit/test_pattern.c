/* test_pattern.c - Lua patterns: well-formed or not is what Lua says too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>

#include "script/pattern.h"

static lua_State *L;

static int setup(void **state)
{
    (void)state;
    L = luaL_newstate();
    luaL_openlibs(L);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    lua_close(L);
    return 0;
}

/* What Lua says of a pattern for some text; NULL: nothing. */
static const char *lua_says(const char *pattern, const char *text)
{
    const char *error = NULL;
    static char kept[200];

    lua_pushliteral(L, "");
    lua_getfield(L, -1, "find");
    lua_pushstring(L, text);
    lua_pushstring(L, pattern);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        snprintf(kept, sizeof(kept), "%s", lua_tostring(L, -1));
        error = kept;
    }
    lua_settop(L, 0);
    return error;
}

/* All patterns of four characters that mean something. */
static void test_pattern__check(void **state)
{
    static const char letters[] = "a%[]()^$-1bf";
    static const char *const texts[] = { "", "a", "aa", "a]1", "-a(", "%b1" };
    const size_t n = sizeof(letters) - 1;
    int malformed = 0;

    (void)state;
    for (size_t i = 0; i < n * n * n * n; i++) {
        char pattern[5] = { letters[i % n], letters[i / n % n],
                            letters[i / n / n % n], letters[i / n / n / n],
                            '\0' };
        struct err err = ERR_INIT;

        if (!pattern_check(pattern, &err)) {
            malformed++;
            continue;
        }
        for (size_t k = 0; k < ARRAY_LEN(texts); k++)
            if (lua_says(pattern, texts[k]))
                fail_msg("%s: %s", pattern, lua_says(pattern, texts[k]));
    }
    assert_true(malformed > 1000 && malformed < 19000);
}

/* The same words as Lua's, for texts that get there. */
static void test_pattern__messages(void **state)
{
    static const struct {
        const char *pattern, *text; /* NULL: it is well-formed */
    } cases[] = {
        { "[", "a" },      { "a[", "a" },          { "[^]", "a" },
        { "%", "a" },      { "a%", "a" },          { "(", "" },
        { ".)", "a" },     { "(a))", "a" },        { "%b", "a" },
        { "%bx", "a" },    { "%f", "a" },          { "%fa", "a" },
        { "%1", "a" },     { "%0", "a" },          { "(%1)", "a" },
        { "[%", "a" },     { "[%]", "a" },         { "", NULL },
        { "a)", NULL },    { "[]]", NULL },        { "()%1", NULL },
        { "^%a+$", NULL }, { "%f[%w]%b()", NULL }, { "[%a_][%w_]*", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        bool ok = pattern_check(cases[i].pattern, &err);

        if (ok != !cases[i].text)
            fail_msg("%s: %s", cases[i].pattern, err.text);
        if (cases[i].text && !lua_says(cases[i].pattern, cases[i].text))
            fail_msg("%s: Lua takes it", cases[i].pattern);
        if (cases[i].text &&
            !strstr(lua_says(cases[i].pattern, cases[i].text), err.text))
            fail_msg("%s: %s, and Lua: %s", cases[i].pattern, err.text,
                     lua_says(cases[i].pattern, cases[i].text));
    }
}

static void test_pattern__matches(void **state)
{
    char many[400] = "", complex[700] = "";
    struct err err = ERR_INIT;

    (void)state;
    for (int i = 0; i < 300; i++)
        strcat(complex, "a?");
    assert_true(pattern_matches("^%a+$", slice_of("abc"), L));
    assert_false(pattern_matches("^%a+$", slice_of("ab1"), L));
    assert_false(pattern_matches("^%a+$", slice_of(""), L));
    assert_true(pattern_matches("", slice_of(""), L));
    for (int i = 0; i < 33; i++)
        strcat(many, "(a)");
    assert_false(pattern_check(many, &err));
    assert_string_equal(err.text, "too many captures");
    many[0] = '\0';
    for (int i = 0; i < 299; i++)
        strcat(many, "a");
    assert_true(pattern_matches("^.-$", slice_of(many), L));
    assert_false(pattern_matches(complex, slice_of(many), L));
    assert_non_null(strstr(lua_says(complex, many), "too complex"));
    assert_int_equal(lua_gettop(L), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_pattern__check),
        TEST(test_pattern__messages),
        TEST(test_pattern__matches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
