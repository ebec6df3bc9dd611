/* test_pattern_hint.c - a hint never says no where Lua finds a match. */
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
#include "script/pattern_hint.h"

static bool allows(const char *pattern, const char *text)
{
    struct pattern_hint hint;

    pattern_hint_of(&hint, pattern);
    return pattern_hint_allows(&hint, slice_of(text));
}

/* What it is for: texts that are refused without any trying. */
static void test_pattern_hint__refuses(void **state)
{
    static const struct {
        const char *pattern, *yes, *no;
    } cases[] = {
        { "^count:(%d+)$", "count:1", "xcount:1" },
        { "^count:(%d+)$", "count:", "coun:1" },
        { "^(%d+)%+(%d+)$", "1+1", "1-1" },
        { "^%d", "7", "seven" },
        { "hello", "I say hello", "I say hell" },
        { "[Hh]ello (%w+)", "Hello you", "hallo you" },
        { "a+b", "caab", "cb" },
        { "ab+c", "abbc", "aac" },
        { "^ab+c", "abbc", "acbc" },
        { "%f[%w]ban%f[%W]", "the ban", "the bun" },
        { "x?yes", "yes", "yxes" },
        { "(()abc())", "abc", "ab c" },
        { "^[^%s]", "x", " x" },
        { "^%s*$", " \n", " x" },
        { "^(%d*)%.?(%d*)$", "1.5", "1,5" },
        { "^a*%$", "aa$b", "x" },
        { "%d", "a1", "ab" },
        { "-", "a-b", "ab" },
        { "^%-%-", "--x", "-x" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (!allows(cases[i].pattern, cases[i].yes))
            fail_msg("%s: not %s", cases[i].pattern, cases[i].yes);
        if (allows(cases[i].pattern, cases[i].no))
            fail_msg("%s: %s", cases[i].pattern, cases[i].no);
    }
}

/* What takes more than it says: nothing is known of the text. */
static void test_pattern_hint__allows(void **state)
{
    (void)state;
    assert_true(allows("^%b()$", "(x)"));
    assert_true(allows("^%b()%d*$", "(x)7"));
    assert_true(allows("^(%a*)%d%1$", "ab7ab"));
    assert_true(allows("^.*$", "anything"));
    assert_true(allows("^a$b", "a$b"));
}

static unsigned seed = 7;

static int random_below(int n)
{
    seed = seed * 1103515245 + 12345;
    return (int)(seed >> 16) % n;
}

static void add_random(struct buf *out, const char *const *parts, int n,
                       int count)
{
    buf_reset(out);
    while (count--)
        buf_adds(out, parts[random_below(n)]);
}

/* Random patterns against random texts, side by side with string.find(). */
static void test_pattern_hint__against_lua(void **state)
{
    static const char *const items[] = {
        "a",     "b",    "ab",   "%d", "%a",  "%S", ".",     "[ab]", "[^a]",
        "[a-c]", "*",    "+",    "-",  "?",   "(",  ")",     "()",   "%b()",
        "%f[a]", "%1",   "^",    "$",  "%.",  "%-", "]",     " ",    "1",
        "[]]",   "[%d]", "[^]]", "%z", "%u+", "é",  "[a%-]", "[%w_]"
    };
    static const char *const texts[] = { "a", "b", "ab", "c", "1", ".", "-",
                                         " ", "(", ")",  "]", "$", "é", "A" };
    struct buf pattern = BUF_INIT, text = BUF_INIT;
    lua_State *L = luaL_newstate();
    int checked = 0, refused = 0;

    (void)state;
    luaL_openlibs(L);
    for (int i = 0; i < 60000; i++) {
        struct err err = ERR_INIT;
        bool found;

        add_random(&pattern, items, ARRAY_LEN(items), 1 + random_below(6));
        if (random_below(3) == 0) {
            memmove(pattern.data + 1, pattern.data, pattern.len - 1);
            pattern.data[0] = '^';
        }
        if (random_below(3) == 0)
            buf_addc(&pattern, '$');
        if (!pattern_check(pattern.data, &err))
            continue;
        for (int j = 0; j < 4; j++) {
            add_random(&text, texts, ARRAY_LEN(texts), random_below(7));
            if (!text.len)
                buf_addc(&text, 'b');
            found = pattern_matches(pattern.data, buf_slice(&text), L);
            checked++;
            if (allows(pattern.data, text.data))
                continue;
            refused++;
            if (found)
                fail_msg("%s finds %s", pattern.data, text.data);
        }
    }
    assert_true(checked > 50000);
    assert_true(refused > checked / 4); /* it is of use */
    lua_close(L);
    buf_release(&pattern);
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pattern_hint__refuses),
        cmocka_unit_test(test_pattern_hint__allows),
        cmocka_unit_test(test_pattern_hint__against_lua),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
