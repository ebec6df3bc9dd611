/* test_json_value.c - values, lookups, writing and changing. */
#include "json_test.h"

#include <locale.h>
#include <math.h>

/* --- values ------------------------------------------------------------------- */

static void test_json__integers(void **state)
{
    static const struct {
        const char *text;
        bool integer;
        int64_t n;
    } cases[] = {
        { "0", true, 0 },
        { "-1", true, -1 },
        { "-1001234567890123", true, -1001234567890123 },
        { "9007199254740993", true, 9007199254740993 },
        { "999999999999999999", true, 999999999999999999 },
        { "9223372036854775807", true, INT64_MAX },
        { "-9223372036854775808", true, INT64_MIN },
        { " 7 ", true, 7 },
        { "9223372036854775808", false, 0 },
        { "-9223372036854775809", false, 0 },
        { "18446744073709551616", false, 0 },
        { "18446744073709551617", false, 0 },
        { "99999999999999999999", false, 0 },
        { "-0", false, 0 },
        { "1.0", false, 0 },
        { "1e2", false, 0 },
        { "\"1\"", false, 0 },
        { "null", false, 0 },
        { "[1]", false, 0 },
        { "", false, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int64_t n = 0;

        if (json_to_int(slice_of(cases[i].text), &n) != cases[i].integer)
            fail_msg("%s", cases[i].text);
        assert_true(n == cases[i].n);
    }
}

static void test_json__doubles(void **state)
{
    static const struct {
        const char *text;
        double d;
        const char *written;
    } cases[] = {
        { "0.1", 0.1, "0.1" },
        { "1.0", 1, "1.0" },
        { "-0", -0.0, "-0.0" },
        { "0e5", 0, "0.0" },
        { "100", 100, "100.0" },
        { "1e2", 100, "100.0" },
        { "5e-324", 5e-324, "5e-324" },
        { "1e-400", 0, "0.0" },
        { "2.2250738585072014e-308", 2.2250738585072014e-308,
          "2.2250738585072014e-308" },
        { "1.7976931348623157e308", 1.7976931348623157e308,
          "1.7976931348623157e+308" },
        { "9223372036854775808", 9223372036854775808.0,
          "9.223372036854776e+18" },
        { "0.30000000000000004", 0.1 + 0.2, "0.30000000000000004" },
        { "1e15", 1e15, "1e+15" },
        { "-123456789012345.0", -123456789012345.0, "-123456789012345.0" },
        { "3.141592653589793", 3.141592653589793, "3.141592653589793" },
    };
    struct buf out = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool finite = false;
        double d = 99;

        assert_true(json_to_double(slice_of(cases[i].text), &d));
        assert_true(d == cases[i].d && signbit(d) == signbit(cases[i].d));
        buf_reset(&out);
        json_add_double(&out, d, &finite);
        assert_true(finite);
        assert_string_equal(out.data, cases[i].written);
    }
    buf_release(&out);
}

static void test_json__not_finite(void **state)
{
    static const double bad[] = { NAN, INFINITY, -INFINITY };
    struct buf out = BUF_INIT;

    (void)state;
    buf_adds(&out, "x");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        bool finite = true;

        json_add_double(&out, bad[i], &finite);
        assert_false(finite);
        json_add_double(&out, bad[i], NULL);
        assert_string_equal(out.data, "x");
    }
    buf_release(&out);
}

static void test_json__any_double_comes_back(void **state)
{
    struct buf out = BUF_INIT;

    (void)state;
    random_state = 88172645463325252u;
    for (int i = 0; i < 50000; i++) {
        uint64_t bits = random_bits();
        bool finite;
        double d, again;
        int64_t n;

        memcpy(&d, &bits, sizeof(d));
        buf_reset(&out);
        json_add_double(&out, d, &finite);
        if (!finite)
            continue;
        assert_true(json_check(buf_slice(&out), 1, NULL));
        assert_false(json_to_int(buf_slice(&out), &n));
        assert_true(json_to_double(buf_slice(&out), &again));
        assert_memory_equal(&d, &again, sizeof(d));
    }
    buf_release(&out);
}

/* A locale with a decimal comma, where the machine has one. */
static void test_json__any_locale(void **state)
{
    struct buf out = BUF_INIT;
    double d;

    (void)state;
    if (!setlocale(LC_NUMERIC, "de_DE.UTF-8") &&
        !setlocale(LC_NUMERIC, "fr_FR.UTF-8"))
        skip();
    json_add_double(&out, 0.5, NULL);
    assert_string_equal(out.data, "0.5");
    assert_true(json_to_double(S("0.25"), &d));
    assert_true(d == 0.25);
    setlocale(LC_NUMERIC, "C");
    buf_release(&out);
}

static void test_json__strings(void **state)
{
    static const struct {
        struct slice text, meaning;
    } cases[] = {
        { T("\"\""), T("") },
        { T("\"abc\""), T("abc") },
        { T(" \"abc\"\n"), T("abc") },
        { T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), T("\"\\/\b\f\n\r\t") },
        { T("\"a\\u0000b\""), T("a\0b") },
        { T("\"\\u007f\\u0080\\u07ff\\u0800\\uFFFF\""),
          T("\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf") },
        { T("\"\\ud800\\udc00\\uDBFF\\uDFFF\""),
          T("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf") },
        { T("\"\\ud83d\\ude00!\""), T("\xf0\x9f\x98\x80!") },
        { T("\"\\ud83d\""), T("\xef\xbf\xbd") },
        { T("\"\\ud83dx\""), T("\xef\xbf\xbdx") },
        { T("\"\\ude00\\ud83d\""), T("\xef\xbf\xbd\xef\xbf\xbd") },
        { T("\"\\ud83d\\ud83d\\ude00\""), T("\xef\xbf\xbd\xf0\x9f\x98\x80") },
        { T("\"\\ud83d\\n\""), T("\xef\xbf\xbd\n") },
        { T("\"\\ud83d\\u0041\""), T("\xef\xbf\xbd"
                                     "A") },
        { T("\"\xc3\xa9\\u00e9\""), T("\xc3\xa9\xc3\xa9") },
    };
    struct buf out = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice text = tight(cases[i].text);

        buf_reset(&out);
        assert_true(json_to_text(text, &out));
        assert_int_equal(out.len, cases[i].meaning.n);
        assert_memory_equal(out.data, cases[i].meaning.p, out.len);
        assert_int_equal(out.data[out.len], 0);
        free_tight(text);
    }
    buf_reset(&out);
    assert_false(json_to_text(S("1"), &out));
    assert_false(json_to_text(SLICE_NONE, &out));
    assert_int_equal(out.len, 0);
    assert_null(json_raw(S("[]")).p);
    assert_text(json_raw(S(" \"a\\n\" ")), "a\\n");
    buf_release(&out);
}

static void test_json__kinds(void **state)
{
    (void)state;
    assert_int_equal(json_kind(S("null")), JSON_NULL);
    assert_int_equal(json_kind(SLICE_NONE), JSON_NULL);
    assert_int_equal(json_kind(S(" true")), JSON_BOOL);
    assert_int_equal(json_kind(S("false")), JSON_BOOL);
    assert_int_equal(json_kind(S("-1")), JSON_NUMBER);
    assert_int_equal(json_kind(S("\"\"")), JSON_STRING);
    assert_int_equal(json_kind(S("\n[]")), JSON_ARRAY);
    assert_int_equal(json_kind(S("{}")), JSON_OBJECT);
    assert_true(json_is_true(S("\ttrue")));
    assert_false(json_is_true(S("false")));
    assert_false(json_is_true(S("\"true\"")));
    assert_false(json_is_true(SLICE_NONE));
}

/* --- lookups ------------------------------------------------------------------- */

static void test_json__get(void **state)
{
    struct slice o = S(" { \"a\" : 1 , \"b\":[{\"a\":2}], \"\\u0063\":3,\"\":4,"
                       "\"a\\\"\":5, \"x\":\"}\\\"]\", \"a\":6, \"\\ud83d\":7,"
                       "\"n\\u0000\":8 , \"last\":{} } ");
    struct slice missing[] = { S("[\"a\",1]"), S("\"a\""), S("1"), SLICE_NONE };

    (void)state;
    assert_true(json_check(o, 3, NULL));
    assert_text(json_get(o, "a"), "6"); /* the last of two */
    assert_text(json_get(o, "b"), "[{\"a\":2}]");
    assert_text(json_get(o, "c"), "3");
    assert_text(json_get(o, ""), "4");
    assert_text(json_get(o, "a\""), "5");
    assert_text(json_get(o, "x"), "\"}\\\"]\"");
    assert_text(json_get(o, "\xef\xbf\xbd"), "7");
    assert_text(json_get(o, "last"), "{}");
    assert_null(json_get(o, "n").p);
    assert_null(json_get(o, "d").p);
    assert_null(json_get(o, "\\u0063").p);
    assert_null(json_get(o, "las").p);
    for (size_t i = 0; i < ARRAY_LEN(missing); i++)
        assert_null(json_get(missing[i], "a").p);
}

static void test_json__path(void **state)
{
    struct slice u =
        S("{\"m\":{\"chat\":{\"id\":-1001234567890123}},\"n\":null}");

    (void)state;
    assert_text(json_path(u, "m", "chat", "id", NULL), "-1001234567890123");
    assert_text(json_path(u, "m", "chat", NULL), "{\"id\":-1001234567890123}");
    assert_null(json_path(u, "m", "chat", "id", "x", NULL).p);
    assert_null(json_path(u, "q", "chat", "id", NULL).p);
    assert_null(json_path(u, "n", "chat", NULL).p);
    assert_text(json_path(S("5"), NULL), "5");
}

static void test_json__iter(void **state)
{
    static const char *const keys[] = { "a", "b\\n", "" };
    static const char *const values[] = { "[1, {\"x\":2}]", "\"],\\\\\"",
                                          "-1.5e3" };
    struct slice object =
        S("{ \"a\" : [1, {\"x\":2}] ,\"b\\n\":\"],\\\\\",\"\":-1.5e3 }");
    struct slice array = S("[[1, {\"x\":2}], \"],\\\\\" ,-1.5e3]");
    struct slice none[] = { S("[]"), S("{}"),      S(" [ ] "), S("{ }"),
                            S("1"),  S("\"[1]\""), S("null"),  SLICE_NONE };
    struct json_iter it;

    (void)state;
    json_iter_init(&it, object);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        assert_true(json_iter_next(&it));
        assert_text(it.key, keys[i]);
        assert_text(it.value, values[i]);
    }
    assert_false(json_iter_next(&it));
    assert_false(json_iter_next(&it));
    json_iter_init(&it, array);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        assert_true(json_iter_next(&it));
        assert_null(it.key.p);
        assert_text(it.value, values[i]);
    }
    assert_false(json_iter_next(&it));
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        json_iter_init(&it, none[i]);
        assert_false(json_iter_next(&it));
    }
}

static void test_json__outline(void **state)
{
    static const struct {
        struct slice text;
        const char *outline; /* NULL: none */
    } cases[] = {
        { T("1"), "1" },
        { T(" [1,2] , 3"), "[1,2]" },
        { T("{\"a\":nonsense 1.2.3}]"), "{\"a\":nonsense 1.2.3}" },
        { T("\"a\\\"]\" x"), "\"a\\\"]\"" },
        { T("[\"]\",\"\\\\\"]]"), "[\"]\",\"\\\\\"]" },
        { T("bad,1"), "bad" },
        { T("\xff\xfe,"), "\xff\xfe" },
        { T("[\"\xff\"]"), "[\"\xff\"]" },
        { T("[}"), "[}" }, /* which bracket is not looked at */
        { T(""), NULL },
        { T("  "), NULL },
        { T("["), NULL },
        { T("{\"a\":[1}"), NULL },
        { T("\"abc"), NULL },
        { T("\"abc\\"), NULL },
        { T("\"abc\\\""), NULL },
        { T("\"1234567\\\""), NULL },
        { T("[\"]"), NULL },
        { T("]"), NULL },
        { T(",1"), NULL },
        { T(":"), NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice text = tight(cases[i].text);
        struct slice got = json_outline(text);

        if (cases[i].outline)
            assert_text(got, cases[i].outline);
        else
            assert_null(got.p);
        free_tight(text);
    }
    assert_null(json_outline(SLICE_NONE).p);
}

/* Byte by byte, what json_outline() does by blocks. */
static size_t plain_outline(struct slice text)
{
    bool string = false;
    size_t depth = 0;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (c == '\\')
            i++;
        else if (c == '"')
            string = !string;
        else if (!string && (c == '[' || c == '{'))
            depth++;
        else if (!string && (c == ']' || c == '}') && --depth == 0)
            return i + 1;
    }
    return 0;
}

/* Brackets, quotes and escapes at all places of a block, and across two. */
static void test_json__outline_by_blocks(void **state)
{
    static const char bytes[] = "[]{}\"\"\\\\aY_y\x7f:,1";
    char text[300];

    (void)state;
    srandom(7);
    for (int round = 0; round < 20000; round++) {
        size_t n = 1 + (size_t)random() % sizeof(text);
        size_t few = (size_t)random() % 4 ? 3 : sizeof(bytes) - 1;

        memset(text, 'x', sizeof(text));
        text[0] = '[';
        for (size_t i = 0; i < n / few; i++)
            text[1 + (size_t)random() % (sizeof(text) - 1)] =
                bytes[(size_t)random() % (sizeof(bytes) - 1)];
        for (size_t i = 1; i < n;
             i++) /* outside of a string it means nothing */
            if (text[i - 1] == '\\' && text[i] != '\\' && text[i] != '"')
                text[i] = 'x';
        struct slice exact = tight((struct slice){ text, n });

        assert_int_equal(json_outline(exact).n, plain_outline(exact));
        free_tight(exact);
    }
}

/* One bad element does not hide its neighbours. */
static void test_json__outline_of_bad_parts(void **state)
{
    struct slice text =
        S("{\"ok\":true,\"result\":[{\"id\":1},{\"id\":\"\\x\"},"
          "{\"id\":1e999},{\"id\":4}]}");
    static const bool good[] = { true, false, false, true };
    struct json_iter it;
    size_t n = 0;

    (void)state;
    assert_false(json_check(text, 9, NULL));
    json_iter_init(&it, json_get(json_outline(text), "result"));
    while (json_iter_next(&it))
        assert_int_equal(json_check(it.value, 9, NULL), good[n++]);
    assert_int_equal(n, ARRAY_LEN(good));
}

/* --- writing -------------------------------------------------------------------- */

static void test_json__add_string(void **state)
{
    static const struct {
        struct slice text;
        const char *strict, *lenient; /* strict NULL: an error */
    } cases[] = {
        { T(""), "\"\"", "\"\"" },
        { T("plain /\x7f'"), "\"plain /\x7f'\"", "\"plain /\x7f'\"" },
        { T("\"\\\b\f\n\r\t"), "\"\\\"\\\\\\b\\f\\n\\r\\t\"",
          "\"\\\"\\\\\\b\\f\\n\\r\\t\"" },
        { T("\0\x01\x0b\x1f"), "\"\\u0000\\u0001\\u000b\\u001f\"",
          "\"\\u0000\\u0001\\u000b\\u001f\"" },
        { T("\xc3\xa9\xf0\x9f\x98\x80"), "\"\xc3\xa9\xf0\x9f\x98\x80\"",
          "\"\xc3\xa9\xf0\x9f\x98\x80\"" },
        { T("ab\xff"), NULL, "\"ab\xef\xbf\xbd\"" },
        { T("\"\xc3"), NULL, "\"\\\"\xef\xbf\xbd\"" },
        { T("\xed\xa0\x80x"), NULL,
          "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdx\"" },
    };
    struct buf out = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice text = tight(cases[i].text);
        struct err err = ERR_INIT;

        buf_reset(&out);
        assert_int_equal(json_add_string(&out, text, &err), !!cases[i].strict);
        assert_string_equal(out.data, cases[i].strict ? cases[i].strict : "");
        assert_int_equal(err.kind, cases[i].strict ? ERR_NONE : ERR_JSON);
        buf_reset(&out);
        json_add_text(&out, text);
        assert_string_equal(out.data, cases[i].lenient);
        assert_true(json_check(buf_slice(&out), 1, NULL));
        free_tight(text);
    }
    buf_release(&out);
}

/* --- changing --------------------------------------------------------------------- */

static void test_json__changed(void **state)
{
    static const struct {
        const char *object, *path[3], *value, *result; /* value NULL: remove */
    } cases[] = {
        { "{}", { "a" }, "1", "{\"a\":1}" },
        { "{ \"a\" : 0 , \"b\" : 2 }", { "a" }, "1", "{\"a\":1,\"b\":2}" },
        { "{\"b\":2}", { "a" }, "1", "{\"b\":2,\"a\":1}" },
        { "{\"x\":1,\"a\":{\"y\":1,\"b\":2,\"z\":3}}",
          { "a", "b" },
          "[]",
          "{\"x\":1,\"a\":{\"y\":1,\"b\":[],\"z\":3}}" },
        { "{}", { "a", "b", "c" }, "null", "{\"a\":{\"b\":{\"c\":null}}}" },
        { "{\"a\":5,\"z\":1}", { "a", "b" }, "1", "{\"a\":{\"b\":1},\"z\":1}" },
        { "{\"a\":[1]}", { "a", "b" }, "1", "{\"a\":{\"b\":1}}" },
        { "{\"a\":1,\"b\":2}", { "a" }, NULL, "{\"b\":2}" },
        { "{\"a\":1}", { "a" }, NULL, "{}" },
        { "{\"a\":1}", { "b" }, NULL, "{\"a\":1}" },
        { "{\"a\":1}", { "b", "c" }, NULL, "{\"a\":1}" },
        { "{\"a\":1}", { "a", "c" }, NULL, "{\"a\":1}" },
        { "{\"a\":{\"b\":{\"c\":1}},\"d\":2}",
          { "a", "b", "c" },
          NULL,
          "{\"d\":2}" },
        { "{\"a\":{\"b\":{\"c\":1},\"e\":{}}}",
          { "a", "b", "c" },
          NULL,
          "{\"a\":{\"e\":{}}}" },
        { "{\"a\":1,\"b\":2,\"a\":3}", { "a" }, "4", "{\"b\":2,\"a\":4}" },
        { "{\"a\":{\"x\":1},\"a\":{\"y\":2}}",
          { "a", "z" },
          "3",
          "{\"a\":{\"y\":2,\"z\":3}}" },
        { "{\"a\":1,\"a\":3,\"b\":0}", { "a" }, NULL, "{\"b\":0}" },
        { "{\"\\u0061\":1,\"b\":2}", { "a" }, "9", "{\"a\":9,\"b\":2}" },
        { "{\"a\":1,\"b\":2}", { "\\u0061" }, "9", "{\"\\u0061\":9,\"b\":2}" },
        { "{\"\\u0061\\n\":1}", { "a\\u000a" }, NULL, "{}" },
        { "[1]", { "a" }, "1", "{\"a\":1}" },
        { "{\"k\":\"{}\"}", { "k", "x" }, NULL, "{\"k\":\"{}\"}" },
    };
    struct buf out = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice path[3];
        size_t n = 0;

        for (; n < 3 && cases[i].path[n]; n++)
            path[n] = slice_of(cases[i].path[n]);
        buf_reset(&out);
        buf_adds(&out, "before");
        json_add_changed(&out, slice_of(cases[i].object), path, n,
                         cases[i].value ? slice_of(cases[i].value)
                                        : SLICE_NONE);
        assert_memory_equal(out.data, "before", 6);
        assert_string_equal(out.data + 6, cases[i].result);
    }
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json__integers),
        cmocka_unit_test(test_json__doubles),
        cmocka_unit_test(test_json__not_finite),
        cmocka_unit_test(test_json__any_double_comes_back),
        cmocka_unit_test(test_json__any_locale),
        cmocka_unit_test(test_json__strings),
        cmocka_unit_test(test_json__kinds),
        cmocka_unit_test(test_json__get),
        cmocka_unit_test(test_json__path),
        cmocka_unit_test(test_json__iter),
        cmocka_unit_test(test_json__outline),
        cmocka_unit_test(test_json__outline_by_blocks),
        cmocka_unit_test(test_json__outline_of_bad_parts),
        cmocka_unit_test(test_json__add_string),
        cmocka_unit_test(test_json__changed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
