/* test_json.c - base/json.h: each rule of RFC 8259, values, lookups, writing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <locale.h>
#include <stdlib.h>

#include "json_compare.h"

/* Text with its length, so that it can hold NUL. */
#define T(s)                                                                   \
    {                                                                          \
        s, sizeof(s) - 1                                                       \
    }
#define S(s) ((struct slice)T(s))

/* Memory that ends where the text ends, so that ASan sees a byte too far. */
static struct slice tight(struct slice text)
{
    char *p = malloc(text.n ? text.n : 1);

    assert_non_null(p);
    if (text.n)
        memcpy(p, text.p, text.n);
    return (struct slice){ p, text.n };
}

static void free_tight(struct slice text)
{
    free((void *)(uintptr_t)text.p);
}

static void assert_text(struct slice got, const char *wanted)
{
    if (!slice_eq(got, wanted))
        fail_msg("'%.*s' is not '%s'", (int)got.n, got.p ? got.p : "", wanted);
}

/* --- what is JSON ----------------------------------------------------------- */

static const struct slice accepted[] = {
    /* section 2: the six structural characters, white space, any value */
    T("null"),
    T("true"),
    T("false"),
    T("0"),
    T("\"\""),
    T("[]"),
    T("{}"),
    T(" \t\r\n1 \t\r\n"),
    T("[ ]"),
    T("{ }"),
    T(" [ 1 , 2 ] "),
    T("\n{\t\"a\"\r:\n1 ,\"b\" : 2}"),
    /* 4: objects */
    T("{\"a\":1}"),
    T("{\"a\":1,\"a\":2}"),
    T("{\"\":0}"),
    T("{\"a\":{\"b\":[]}}"),
    T("{\"\\u0061\":1}"),
    T("{\"\\u0000\":1}"),
    /* 5: arrays */
    T("[1]"),
    T("[1,\"a\",null,[],{}]"),
    T("[[[[]]]]"),
    /* 6: numbers */
    T("-0"),
    T("-1"),
    T("10"),
    T("1.5"),
    T("-0.0"),
    T("1e5"),
    T("1E5"),
    T("1e+5"),
    T("1e-5"),
    T("1.25e05"),
    T("0e0"),
    T("0.0"),
    T("9223372036854775807"),
    T("-9223372036854775808"),
    T("9223372036854775808"),
    T("1e308"),
    T("1e-400"),
    T("123456789012345678901234567890123456789012345678901234567890123456789"),
    /* 7: strings */
    T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    T("\"\\u00e9\\u00E9\""),
    T("\"\\u0000\""),
    T("\"\x7f\""),
    T("\"/'\""),
    T("\"\\ud83d\\ude00\""),
    T("\"\\ud83d\""),
    T("\"\\ude00\\ud83d\""),
    T("\"\\ud83d\\u0041\""),
    /* 8.1: UTF-8, from the first to the last of each length */
    T("\"\xc2\x80\xdf\xbf\""),
    T("\"\xe0\xa0\x80\xef\xbf\xbf\""),
    T("\"\xed\x9f\xbf\xee\x80\x80\""),
    T("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""),
    T("\"\xe2\x80\xa8\""),
    T("\"\xef\xbb\xbf\""),
};

static const struct slice rejected[] = {
    /* 2 */
    T(""),
    T(" "),
    T("1 2"),
    T("1,"),
    T("[]]"),
    T("{}x"),
    T("\f1"),
    T("\v1"),
    T("1\0"),
    T("\0"),
    T("\xc2\xa0"
      "1"),
    T("/**/1"),
    T("//\n1"),
    T("#1"),
    /* 3: names of values */
    T("nul"),
    T("nulll"),
    T("Null"),
    T("TRUE"),
    T("t"),
    T("fals"),
    T("undefined"),
    T("NaN"),
    T("nan"),
    T("Infinity"),
    T("-Infinity"),
    T("-inf"),
    /* 4 */
    T("{"),
    T("}"),
    T("{,}"),
    T("{\"a\"}"),
    T("{\"a\":}"),
    T("{\"a\" 1}"),
    T("{\"a\":1,}"),
    T("{\"a\":1 \"b\":2}"),
    T("{a:1}"),
    T("{'a':1}"),
    T("{1:1}"),
    T("{\"a\":1]"),
    T("{null:1}"),
    T("{\"a\"::1}"),
    T("{\"a\":1"),
    T("{\"a"),
    T("{\"a\":1,,\"b\":2}"),
    T("{\"a\":"),
    T("{\"a\""),
    T("{\"a\":1,"),
    T("{:1}"),
    T("{[]:1}"),
    T("{\"\\x\":1}"),
    T("{\"a\",1}"),
    /* 5 */
    T("["),
    T("]"),
    T("[,]"),
    T("[1,]"),
    T("[,1]"),
    T("[1,,2]"),
    T("[1 2]"),
    T("[1"),
    T("[1}"),
    T("[\"a\":1]"),
    T("[1,"),
    T("[["),
    T("[1;2]"),
    /* 6 */
    T("-"),
    T("+1"),
    T("01"),
    T("-01"),
    T("00"),
    T("1."),
    T(".5"),
    T("-.5"),
    T("1.e5"),
    T("1e"),
    T("1e+"),
    T("1E-"),
    T("1e5.5"),
    T("0x10"),
    T("1_000"),
    T("1,5"),
    T("- 1"),
    T("--1"),
    T("1-"),
    T("1e400"),
    T("-1e400"),
    T("0.1."),
    T("1f"),
    T("\xef\xbc\x91"),
    /* 7 */
    T("\""),
    T("\"a"),
    T("'a'"),
    T("\"\\\""),
    T("\"\\x41\""),
    T("\"\\a\""),
    T("\"\\u\""),
    T("\"\\u12\""),
    T("\"\\u123\""),
    T("\"\\u123g\""),
    T("\"\\U0041\""),
    T("\"\\u{41}\""),
    T("\"\\"),
    T("\"\\u00"),
    T("\"\\\0\""),
    T("\"a\nb\""),
    T("\"\0\""),
    T("\"\x1f\""),
    T("\"\t\""),
    T("\"12345678\x1f\""),
    T("\"\\N\""),
    /* 8.1: byte order mark; bytes that are not UTF-8 */
    T("\xef\xbb\xbf"
      "1"),
    T("\xff\xfe"
      "1\0"),
    T("\"\x80\""),
    T("\"\xbf\""),
    T("\"\xc0\x80\""),
    T("\"\xc1\xbf\""),
    T("\"\xe0\x9f\xbf\""),
    T("\"\xf0\x8f\xbf\xbf\""),
    T("\"\xed\xa0\x80\""),
    T("\"\xed\xbf\xbf\""),
    T("\"\xf4\x90\x80\x80\""),
    T("\"\xf5\x80\x80\x80\""),
    T("\"\xfe\""),
    T("\"\xff\""),
    T("\"\xc3\""),
    T("\"\xe2\x82\""),
    T("\"\xf0\x9f\x98\""),
    T("\"\xc3"),
    T("\"\xe2\x82"),
    T("\"\xf0\x9f\x98"),
    T("\"\xc3("),
    T("\"\xe2(\xa1\""),
    T("\"\xf0\x9f(\x80\""),
    T("\"\xf0\x9f\x98(\""),
    T("\"12345678\xff\""),
};

static void test_json__accepts(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
        struct slice text = tight(accepted[i]);
        struct json_reader r;
        enum json_token token;

        if (!json_check(text, JSON_DEPTH_MAX, &err))
            fail_msg("%s: %s", accepted[i].p, err.text);
        assert_int_equal(err.kind, ERR_NONE);
        json_reader_init(&r, text, JSON_DEPTH_MAX);
        while ((token = json_read(&r)) > JSON_T_END)
            ;
        assert_int_equal(token, JSON_T_END);
        assert_int_equal(json_read(&r), JSON_T_END);
        free_tight(text);
    }
}

static void test_json__rejects(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rejected); i++) {
        struct slice text = tight(rejected[i]);
        struct err err = ERR_INIT;

        if (json_check(text, JSON_DEPTH_MAX, &err))
            fail_msg("accepted: %s", rejected[i].p);
        assert_int_equal(err.kind, ERR_JSON);
        assert_non_null(strstr(err.text, "byte"));
        free_tight(text);
    }
}

static void test_json__agrees_with_jansson(void **state)
{
    const char *what;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(accepted); i++)
        if ((what = compare_with_jansson(accepted[i])))
            fail_msg("%s: %s", accepted[i].p, what);
    for (size_t i = 0; i < ARRAY_LEN(rejected); i++)
        if ((what = compare_with_jansson(rejected[i])))
            fail_msg("%s: %s", rejected[i].p, what);
}

static void test_json__names_the_byte(void **state)
{
    static const struct {
        struct slice text;
        const char *message;
    } cases[] = {
        { T("[1,}"), "expected a value at byte 4" },
        { T("{\"a\" 1}"), "expected ':' at byte 6" },
        { T("{\"a\":1 2}"), "expected ',' or '}' at byte 8" },
        { T("[1 2]"), "expected ',' or ']' at byte 4" },
        { T("{1}"), "expected a key at byte 2" },
        { T("1 2"), "expected no more at byte 3" },
        { T("[\"ab\xff\"]"), "bad UTF-8 at byte 5" },
        { T("\"\\x\""), "bad escape at byte 2" },
        { T("\"a\nb\""), "control character in a string at byte 3" },
        { T("[1."), "malformed number at byte 2" },
        { T("[1e999]"), "number too large at byte 2" },
        { T("[1"), "the text ends too early, at byte 2" },
        { T("[[[[1]]]]"), "nested too deeply at byte 4" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;

        assert_false(json_check(cases[i].text, 3, &err));
        assert_string_equal(err.text, cases[i].message);
    }
}

/* Every place in a vector of eight, so that no shortcut hides a byte. */
static void test_json__bad_byte_anywhere(void **state)
{
    static const char bad[] = { '\0', '\x1f', '\n', '"', '\x80', '\xff' };
    char text[40];

    (void)state;
    for (size_t n = 2; n < sizeof(text); n++) {
        for (size_t at = 1; at + 1 < n; at++) {
            for (size_t b = 0; b < sizeof(bad); b++) {
                struct slice s;

                memset(text, ' ' + (int)(at % 2), n);
                text[0] = text[n - 1] = '"';
                text[at] = bad[b];
                s = tight((struct slice){ text, n });
                /* a quote with nothing but space after it ends the string */
                if (json_check(s, 1, NULL) && bad[b] != '"')
                    fail_msg("byte %zu of %zu: %d", at, n, bad[b]);
                free_tight(s);
            }
        }
    }
}

static void add_nested(struct buf *text, int depth, const char *open,
                       const char *close)
{
    for (int i = 0; i < depth; i++)
        buf_adds(text, open);
    buf_adds(text, "1");
    for (int i = 0; i < depth; i++)
        buf_adds(text, close);
}

static void test_json__depth(void **state)
{
    static const int limits[] = { 1, 2, 7, 8, 9, 64, JSON_DEPTH_MAX };
    struct buf text = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        for (int more = -1; more <= 1; more++) {
            bool fits = more <= 0;

            buf_reset(&text);
            add_nested(&text, limits[i] + more, "[", "]");
            assert_int_equal(json_check(buf_slice(&text), limits[i], NULL),
                             fits);
            buf_reset(&text);
            add_nested(&text, limits[i] + more, "{\"a\":", "}");
            assert_int_equal(json_check(buf_slice(&text), limits[i], NULL),
                             fits);
        }
    }
    buf_reset(&text);
    add_nested(&text, 1000000, "[", "]");
    assert_false(json_check(buf_slice(&text), JSON_DEPTH_MAX, NULL));
    assert_int_equal(json_outline(buf_slice(&text)).n, text.len);
    buf_release(&text);
}

/* A mix of arrays and objects: each knows its own closing bracket. */
static void test_json__mixed_depth(void **state)
{
    struct buf text = BUF_INIT;

    (void)state;
    for (unsigned mix = 0; mix < 1024; mix++) {
        buf_reset(&text);
        for (int i = 0; i < 10; i++)
            buf_adds(&text, mix >> i & 1 ? "{\"a\":" : "[");
        buf_adds(&text, "1");
        for (int i = 9; i >= 0; i--)
            buf_adds(&text, mix >> i & 1 ? "}" : "]");
        assert_true(json_check(buf_slice(&text), 10, NULL));
        text.data[text.len - 1] ^= ']' ^ '}';
        assert_false(json_check(buf_slice(&text), 10, NULL));
    }
    buf_release(&text);
}

/* --- tokens ------------------------------------------------------------------- */

static void test_json__tokens(void **state)
{
    static const enum json_token tokens[] = {
        JSON_T_OBJECT,     JSON_T_KEY,        JSON_T_ARRAY, JSON_T_INT,
        JSON_T_DOUBLE,     JSON_T_TRUE,       JSON_T_FALSE, JSON_T_NULL,
        JSON_T_STRING,     JSON_T_ARRAY_END,  JSON_T_KEY,   JSON_T_OBJECT,
        JSON_T_OBJECT_END, JSON_T_OBJECT_END, JSON_T_END,   JSON_T_END,
    };
    struct json_reader r;

    (void)state;
    json_reader_init(&r,
                     S("{\"a\":[-5,2.5,true,false,null,\"x\\n\"],\"b\":{}}"),
                     2);
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        assert_int_equal(json_read(&r), tokens[i]);
        if (i == 1)
            assert_text(r.text, "a");
        if (i == 2)
            assert_int_equal(r.depth, 2);
        if (i == 3)
            assert_int_equal(r.integer, -5);
        if (i == 4)
            assert_true(r.number == 2.5);
        if (i == 8) {
            assert_text(r.text, "x\\n");
            assert_true(r.escaped);
        }
    }
    assert_int_equal(r.depth, 0);
    json_reader_init(&r, S("[x]"), 2);
    assert_int_equal(json_read(&r), JSON_T_ARRAY);
    assert_int_equal(json_read(&r), JSON_T_ERROR);
    assert_int_equal(json_read(&r), JSON_T_ERROR);
    assert_int_equal(r.err.kind, ERR_JSON);
}

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

static uint64_t random_state;

static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static unsigned random_below(unsigned n)
{
    return (unsigned)(random_bits() >> 32) % n;
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

/* --- generated documents ---------------------------------------------------------- */

static void generate(struct buf *out, int depth);

static void generate_space(struct buf *out)
{
    if (random_below(8) == 0)
        buf_addc(out, " \t\r\n"[random_below(4)]);
}

static void generate_string(struct buf *out)
{
    static const char *const pieces[] = {
        "a",
        "key",
        "a long run of plain text",
        "\\n",
        "\\\"",
        "\\\\",
        "\\/",
        "\\u0041",
        "\\u00e9",
        "\\ud83d\\ude00",
        "\\u0000",
        "\\ud800",
        "\xc3\xa9",
        "\xf0\x9f\x98\x80",
        "\xe2\x82\xac",
        "\x7f",
        "'",
        "{",
        "]",
    };

    buf_addc(out, '"');
    for (unsigned n = random_below(5); n > 0; n--)
        buf_adds(out, pieces[random_below(ARRAY_LEN(pieces))]);
    buf_addc(out, '"');
}

static void generate_number(struct buf *out)
{
    if (random_below(2))
        buf_addc(out, '-');
    if (random_below(4) == 0)
        buf_addc(out, '0');
    else
        buf_addf(out, "%llu",
                 (unsigned long long)random_bits() >> random_below(64));
    if (random_below(3) == 0)
        buf_addf(out, ".%u", random_below(1000000));
    if (random_below(4) == 0)
        buf_addf(out, "%s%u", random_below(2) ? "e-" : "E+", random_below(320));
}

static void generate_members(struct buf *out, bool object, int depth)
{
    buf_addc(out, object ? '{' : '[');
    for (unsigned n = random_below(5), i = 0; i < n; i++) {
        if (i > 0)
            buf_addc(out, ',');
        generate_space(out);
        if (object) {
            generate_string(out);
            generate_space(out);
            buf_addc(out, ':');
        }
        generate(out, depth - 1);
    }
    generate_space(out);
    buf_addc(out, object ? '}' : ']');
}

static void generate(struct buf *out, int depth)
{
    static const char *const words[] = { "null", "true", "false" };

    generate_space(out);
    switch (random_below(depth > 0 ? 8 : 3)) {
    case 0: generate_number(out); break;
    case 1: generate_string(out); break;
    case 2: buf_adds(out, words[random_below(3)]); break;
    default: generate_members(out, random_below(2), depth); break;
    }
    generate_space(out);
}

/* Change a byte, take one out, or cut the end off. */
static void damage(struct buf *text)
{
    static const char bytes[] = "{}[],:\"\\ \n019.-+eEu\x01\x80\xc3\xed\xff";
    size_t at = random_below((unsigned)text->len);

    switch (random_below(3)) {
    case 0: text->data[at] = bytes[random_below(sizeof(bytes))]; break;
    case 1:
        memmove(text->data + at, text->data + at + 1, text->len - at);
        text->len--;
        break;
    default: text->len = at; break;
    }
}

static void test_json__generated(void **state)
{
    struct buf text = BUF_INIT;
    const char *what;

    (void)state;
    random_state = 0x9E3779B97F4A7C15u;
    for (int i = 0; i < 20000; i++) {
        struct slice exact;

        buf_reset(&text);
        generate(&text, 5);
        if (i % 2)
            damage(&text);
        exact = tight(buf_slice(&text));
        what = compare_with_jansson(exact);
        if (what)
            fail_msg("%s: %.*s", what, (int)exact.n, exact.p);
        json_outline(exact);
        free_tight(exact);
    }
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json__accepts),
        cmocka_unit_test(test_json__rejects),
        cmocka_unit_test(test_json__agrees_with_jansson),
        cmocka_unit_test(test_json__names_the_byte),
        cmocka_unit_test(test_json__bad_byte_anywhere),
        cmocka_unit_test(test_json__depth),
        cmocka_unit_test(test_json__mixed_depth),
        cmocka_unit_test(test_json__tokens),
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
        cmocka_unit_test(test_json__outline_of_bad_parts),
        cmocka_unit_test(test_json__add_string),
        cmocka_unit_test(test_json__changed),
        cmocka_unit_test(test_json__generated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
