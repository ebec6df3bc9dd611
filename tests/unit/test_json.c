/* test_json.c - what is JSON and what is not, by each rule of RFC 8259, and beside
 * jansson. */
#include "json_test.h"

#include "json_compare.h"

/* --- what is JSON ----------------------------------------------------------- */

/* clang-format off */
static const struct slice accepted[] = {
    /* section 2: the six structural characters, white space, any value */
    T("null"), T("true"), T("false"), T("0"), T("\"\""), T("[]"), T("{}"),
    T(" \t\r\n1 \t\r\n"), T("[ ]"), T("{ }"), T(" [ 1 , 2 ] "),
    T("\n{\t\"a\"\r:\n1 ,\"b\" : 2}"),
    /* 4: objects */
    T("{\"a\":1}"), T("{\"a\":1,\"a\":2}"), T("{\"\":0}"),
    T("{\"a\":{\"b\":[]}}"), T("{\"\\u0061\":1}"), T("{\"\\u0000\":1}"),
    /* 5: arrays */
    T("[1]"), T("[1,\"a\",null,[],{}]"), T("[[[[]]]]"),
    /* 6: numbers */
    T("-0"), T("-1"), T("10"), T("1.5"), T("-0.0"), T("1e5"), T("1E5"),
    T("1e+5"), T("1e-5"), T("1.25e05"), T("0e0"), T("0.0"),
    T("9223372036854775807"), T("-9223372036854775808"),
    T("9223372036854775808"), T("1e308"), T("1e-400"),
    T("123456789012345678901234567890123456789012345678901234567890123456789"),
    /* 7: strings */
    T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), T("\"\\u00e9\\u00E9\""),
    T("\"\\u0000\""), T("\"\x7f\""), T("\"/'\""), T("\"\\ud83d\\ude00\""),
    T("\"\\ud83d\""), T("\"\\ude00\\ud83d\""), T("\"\\ud83d\\u0041\""),
    /* 8.1: UTF-8, from the first to the last of each length */
    T("\"\xc2\x80\xdf\xbf\""), T("\"\xe0\xa0\x80\xef\xbf\xbf\""),
    T("\"\xed\x9f\xbf\xee\x80\x80\""),
    T("\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\""), T("\"\xe2\x80\xa8\""),
    T("\"\xef\xbb\xbf\""),
};
/* clang-format on */

/* clang-format off */
static const struct slice rejected[] = {
    /* 2 */
    T(""), T(" "), T("1 2"), T("1,"), T("[]]"), T("{}x"), T("\f1"), T("\v1"),
    T("1\0"), T("\0"), T("\xc2\xa0" "1"), T("/**/1"), T("//\n1"), T("#1"),
    /* 3: names of values */
    T("nul"), T("nulll"), T("Null"), T("TRUE"), T("t"), T("fals"),
    T("undefined"), T("NaN"), T("nan"), T("Infinity"), T("-Infinity"),
    T("-inf"),
    /* 4 */
    T("{"), T("}"), T("{,}"), T("{\"a\"}"), T("{\"a\":}"), T("{\"a\" 1}"),
    T("{\"a\":1,}"), T("{\"a\":1 \"b\":2}"), T("{a:1}"), T("{'a':1}"),
    T("{1:1}"), T("{\"a\":1]"), T("{null:1}"), T("{\"a\"::1}"), T("{\"a\":1"),
    T("{\"a"), T("{\"a\":1,,\"b\":2}"), T("{\"a\":"), T("{\"a\""),
    T("{\"a\":1,"), T("{:1}"), T("{[]:1}"), T("{\"\\x\":1}"), T("{\"a\",1}"),
    /* 5 */
    T("["), T("]"), T("[,]"), T("[1,]"), T("[,1]"), T("[1,,2]"), T("[1 2]"),
    T("[1"), T("[1}"), T("[\"a\":1]"), T("[1,"), T("[["), T("[1;2]"),
    /* 6 */
    T("-"), T("+1"), T("01"), T("-01"), T("00"), T("1."), T(".5"), T("-.5"),
    T("1.e5"), T("1e"), T("1e+"), T("1E-"), T("1e5.5"), T("0x10"), T("1_000"),
    T("1,5"), T("- 1"), T("--1"), T("1-"), T("1e400"), T("-1e400"), T("0.1."),
    T("1f"), T("\xef\xbc\x91"),
    /* 7 */
    T("\""), T("\"a"), T("'a'"), T("\"\\\""), T("\"\\x41\""), T("\"\\a\""),
    T("\"\\u\""), T("\"\\u12\""), T("\"\\u123\""), T("\"\\u123g\""),
    T("\"\\U0041\""), T("\"\\u{41}\""), T("\"\\"), T("\"\\u00"), T("\"\\\0\""),
    T("\"a\nb\""), T("\"\0\""), T("\"\x1f\""), T("\"\t\""),
    T("\"12345678\x1f\""), T("\"\\N\""), T("\"\\v\""), T("\"\\0\""),
    T("\"\\'\""),
    /* 8.1: byte order mark; bytes that are not UTF-8 */
    T("\xef\xbb\xbf" "1"), T("\xff\xfe" "1\0"), T("\"\x80\""), T("\"\xbf\""),
    T("\"\xc0\x80\""), T("\"\xc1\xbf\""), T("\"\xe0\x9f\xbf\""),
    T("\"\xf0\x8f\xbf\xbf\""), T("\"\xed\xa0\x80\""), T("\"\xed\xbf\xbf\""),
    T("\"\xf4\x90\x80\x80\""), T("\"\xf5\x80\x80\x80\""), T("\"\xfe\""),
    T("\"\xff\""), T("\"\xc3\""), T("\"\xe2\x82\""), T("\"\xf0\x9f\x98\""),
    T("\"\xc3"), T("\"\xe2\x82"), T("\"\xf0\x9f\x98"), T("\"\xc3("),
    T("\"\xe2(\xa1\""), T("\"\xf0\x9f(\x80\""), T("\"\xf0\x9f\x98(\""),
    T("\"12345678\xff\""),
};
/* clang-format on */

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

static bool reads(struct slice text)
{
    struct json_reader r;
    enum json_token token;

    json_reader_init(&r, text, 9);
    do
        token = json_read(&r);
    while (token > JSON_T_END);
    return token == JSON_T_END;
}

/* json_check() does not ask the reader about what it finds good itself. */
static void test_json__check_agrees_with_the_reader(void **state)
{
    static const char text[] =
        "{\"a\" : [1, -20,3.5,1e5,true,false,null,\"x\\u00e4\\n\",{}, []],"
        "\"a longer name than sixteen bytes\":\"\xc3\xa4 and more text\"}";
    static const char bytes[] = "{}[]\":,\\0-.eu \x01\xc3tn9\x7f";
    int good = 0;

    (void)state;
    srandom(7);
    for (int round = 0; round < 50000; round++) {
        size_t n = sizeof(text) - 1;
        char *copy = slice_dup((struct slice){ text, n });
        struct slice exact;

        for (int i = (int)(random() % 3); i > 0; i--)
            copy[(size_t)random() % n] =
                bytes[(size_t)random() % (sizeof(bytes) - 1)];
        if (random() % 4 == 0)
            n = (size_t)random() % n;
        exact = tight((struct slice){ copy, n });
        good += json_check(exact, 9, NULL);
        assert_int_equal(json_check(exact, 9, NULL), reads(exact));
        free_tight(exact);
        free(copy);
    }
    assert_in_range(good, 10000, 40000);
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
        cmocka_unit_test(test_json__check_agrees_with_the_reader),
        cmocka_unit_test(test_json__mixed_depth),
        cmocka_unit_test(test_json__tokens),
        cmocka_unit_test(test_json__generated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
