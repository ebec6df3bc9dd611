/* test_source.c - in which line a setting stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "script/source.h"

static void test_source__key_line(void **state)
{
    static const struct {
        const char *source, *path;
        int line;
    } cases[] = {
        { "return { a = 1 }", "a", 1 },
        { "return {\n a = 1,\n b = 2 }", "b", 3 },
        { "return {\n a = 1,\n b = 2 }", "c", 0 },
        { "return {\n a = { b = 1,\n c = 2 },\n c = 3 }", "c", 4 },
        { "return {\n a = { b = 1,\n c = 2 },\n c = 3 }", "a.c", 3 },
        { "return {\n ['a'] = 1;\n [\"b\"] = 2;\n [ [[c]] ] = 3 }", "b", 3 },
        { "return {\n ['a'] = 1;\n [\"b\"] = 2;\n [ [[c]] ] = 3 }", "c", 4 },
        { "-- return { a = 1 }\n--[[ {\na = 1 ]] return {\n a = 1 }", "a", 4 },
        { "--[==[\n]]\n]==] return { a = 1 }", "a", 3 },
        { "return { x = 'a = 1',\n y = \"{\\\" a = 1\",\n a = 1 }", "a", 3 },
        { "return { x = [[\n{ a = 1\n]],\n a = 1 }", "a", 4 },
        { "return { b == 1,\n a = 1 }", "a", 2 },
        { "return { b, a == 1 }", "a", 0 },
        { "return {\n a = 1,\n a = 2 }", "a", 0 }, /* which? */
        { "local t = {\n a = 1 }\nreturn t", "a", 0 },
        { "local t = { a = 1 }\nreturn {\n a = 1 }", "a", 3 },
        { "local t = {}\nt.a = 1\nreturn t", "a", 0 },
        { "local function f()\n return { a = 1 } end\nreturn { a = 1 }", "a",
          3 },
        { "if x then return { a = 1 } end\nreturn { a = 1 }", "a", 2 },
        { "return option.section{ settings = {\n a = 1 } }", "a", 2 },
        { "return option.section({ settings = {\n a = 1 } })", "a", 2 },
        { "return { s = option.section{ settings = {\n a = 1 } } }", "s.a", 2 },
        { "return { d = function(s) local t = { a = 1 } end,\n a = 1 }", "a",
          2 },
        { "return { { a = 1 },\n a = 2 }", "a", 2 },
        { "return { l = { { a = 1 } } }", "l.a", 0 },
        { "return {\n l = f({ a = 1 }, 2),\n a = 3 }", "a", 3 },
        { "return {\n a = option.list{ of = option.string{},\n default = {} } "
          "}",
          "default", 0 },
        { "", "a", 0 },
        { "return {", "a", 0 },
        { "return { a", "a", 0 },
        { "return { a =", "a", 1 },
        { "return { ['a", "a", 0 },
        { "return { [[a", "a", 0 },
        { "--[[", "a", 0 },
        { "}}}} return { a = 1 }", "a", 1 },
        { "end end return { a = 1 }", "a", 1 },
    };
    struct buf deep = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int line = source_key_line(slice_of(cases[i].source), cases[i].path);

        if (line != cases[i].line)
            fail_msg("%s in %s: %d", cases[i].path, cases[i].source, line);
    }
    buf_adds(&deep, "return ");
    for (int i = 0; i < 100; i++)
        buf_adds(&deep, "{ a = ");
    assert_int_equal(source_key_line(buf_slice(&deep), "b"), 0);
    buf_release(&deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_source__key_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
