/* test_config.c - the schema of settings, patches, the cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "config/cache.h"
#include "config/patch.h"
#include "config/schema.h"

/* --- a schema ------------------------------------------------------------------ */

static struct setting *root;

static struct setting *add(struct setting *section, const char *name,
                           enum setting_type type, const char *def)
{
    struct err err = ERR_INIT;
    struct setting *s = schema_add(section, name, type, def, &err);

    if (!s)
        fail_msg("%s", err.text);
    return s;
}

static char **choices(void)
{
    char **list = xalloc(3 * sizeof(*list));

    list[0] = xstrdup("en");
    list[1] = xstrdup("de");
    return list;
}

static void limit(struct setting *s, double min, double max)
{
    s->has_min = s->has_max = true;
    s->min = min;
    s->max = max;
}

static int setup(void **state)
{
    struct setting *welcome, *deep;

    (void)state;
    root = schema_new();
    add(root, "on", SETTING_BOOLEAN, "true");
    limit(add(root, "max", SETTING_INTEGER, "5"), 1, 100);
    add(root, "ratio", SETTING_NUMBER, "0.5");
    add(root, "lang", SETTING_CHOICE, "\"en\"")->choices = choices();
    add(root, "words", SETTING_LIST, "[\"a\"]");
    add(root, "tags", SETTING_MAP, "{}");
    welcome = add(root, "welcome", SETTING_SECTION, NULL);
    limit(add(welcome, "text", SETTING_STRING, "\"Hi\""), 1, 10);
    deep = add(welcome, "deep", SETTING_SECTION, NULL);
    add(deep, "n", SETTING_INTEGER, "1")->has_min = true;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    schema_free(root);
    schema_free(NULL);
    return 0;
}

static const struct setting *find(const char *path)
{
    const struct setting *s = schema_find(root, path);

    if (!s)
        fail_msg("there is no %s", path);
    return s;
}

/* --- declaring --------------------------------------------------------------------- */

static void test_schema__find_and_path(void **state)
{
    static const char *const paths[] = { "on",           "max",
                                         "welcome.text", "welcome.deep.n",
                                         "welcome",      "" };
    static const char *const none[] = {
        "x",  "welcome.x",        "on.x", ".", ".on", "on.", "..", "welcome.",
        "we", "welcome.deep.n.x", " on"
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct buf path = BUF_INIT;

        setting_path(find(paths[i]), &path);
        assert_string_equal(path.data, paths[i]);
        buf_release(&path);
    }
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_null(schema_find(root, none[i]));
    assert_ptr_equal(find(""), root);
}

static void test_schema__children_are_in_order(void **state)
{
    (void)state;
    for (size_t i = 1; i < root->nchildren; i++)
        assert_true(
            strcmp(root->children[i - 1]->name, root->children[i]->name) < 0);
    assert_int_equal(root->nchildren, 7);
    assert_null(setting_child(NULL, slice_of("on")));
    assert_null(setting_child(find("on"), slice_of("x")));
}

static void test_schema__names(void **state)
{
    static const char *const bad[] = { "",    "1a",       "a b", "a.b",
                                       "a-b", "\xc3\xa4", "on",  "welcome" };
    static const char *const good[] = { "a", "_", "_1", "A9_" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;

        assert_null(schema_add(root, bad[i], SETTING_BOOLEAN, "true", &err));
        assert_int_equal(err.kind, ERR_CONFIG);
        assert_non_null(strstr(err.text, bad[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        add(root, good[i], SETTING_BOOLEAN, "true");
}

static void test_schema__depth(void **state)
{
    struct setting *s = root;
    struct err err = ERR_INIT;
    int depth = 0;

    (void)state;
    for (;;) {
        struct setting *next =
            schema_add(s, "deeper", SETTING_SECTION, NULL, &err);

        if (!next)
            break;
        s = next;
        depth++;
    }
    assert_int_equal(depth, SETTING_DEPTH_MAX);
    assert_string_equal(err.text,
                        "sections are nested more than 8 deep at \"deeper\"");
}

static void test_schema__defaults_are_checked(void **state)
{
    struct setting *s = add(root, "n", SETTING_INTEGER, "500");
    struct err err = ERR_INIT;

    (void)state;
    assert_true(schema_check_default(s, &err));
    limit(s, 1, 10);
    assert_false(schema_check_default(s, &err));
    assert_string_equal(err.text, "the default does not fit: n: must be a "
                                  "whole number from 1 to 10, got 500");
    assert_true(schema_check_default(find("welcome"), &err));
}

/* --- checking ------------------------------------------------------------------------- */

static const struct {
    const char *path, *value;
    const char *err; /* after the path; NULL: fits */
} checks[] = {
    { "on", "true", NULL },
    { "on", "1", ": must be true or false, got 1" },
    { "on", "null", ": must be true or false, got null" },
    { "max", "1", NULL },
    { "max", "100", NULL },
    { "max", "0", ": must be a whole number from 1 to 100, got 0" },
    { "max", "101", ": must be a whole number from 1 to 100, got 101" },
    { "max", "5.5", ": must be a whole number from 1 to 100, got 5.5" },
    { "max", "\"abc\"", ": must be a whole number from 1 to 100, got \"abc\"" },
    { "welcome.deep.n", "9223372036854775807", NULL },
    { "welcome.deep.n", "9223372036854775808",
      ": must be a whole number at least 0, got 9223372036854775808" },
    { "ratio", "1", NULL },
    { "ratio", "-1.5e10", NULL },
    { "ratio", "\"1\"", ": must be a number, got \"1\"" },
    { "lang", "\"de\"", NULL },
    { "lang", "\"\\u0064e\"", NULL },
    { "lang", "\"fr\"", ": must be one of en, de, got \"fr\"" },
    { "lang", "5", ": must be one of en, de, got 5" },
    { "welcome.text", "\"x\"", NULL },
    { "welcome.text",
      "\"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3"
      "\xa4\xc3\xa4\xc3\xa4\xc3\xa4\"",
      NULL }, /* ten characters */
    { "welcome.text", "\"\"",
      ": must be text of 1 to 10 characters, got \"\"" },
    { "welcome.text", "\"12345678901\"",
      ": must be text of 1 to 10 characters, got \"12345678901\"" },
    { "welcome.text", "\"a\\u0000b\"",
      ": text in a config can't hold a NUL byte" },
    { "welcome.text", "\"a\\\\u0000b\"", NULL },
    { "words", "[]", NULL },
    { "words", "[1,{\"a\":[]}]", NULL },
    { "words", "{}", ": must be a list, got {}" },
    { "words", "[[\"\\u0000\"]]", ": text in a config can't hold a NUL byte" },
    { "tags", "{\"x\":1}", NULL },
    { "tags", "{\"a\\u0000\":1}", ": text in a config can't hold a NUL byte" },
    { "tags", "[]", ": must be a table, got []" },
    { "welcome", "{}", NULL },
    { "welcome", "[]", ": must be a section, got []" },
};

static void test_setting__check(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(checks); i++) {
        char wanted[300] = "";
        struct err err = ERR_INIT;
        bool ok = setting_check(find(checks[i].path), slice_of(checks[i].value),
                                &err);

        if (checks[i].err)
            snprintf(wanted, sizeof(wanted), "%s%s", checks[i].path,
                     checks[i].err);
        assert_string_equal(err.text, wanted);
        assert_int_equal(ok, !checks[i].err);
        assert_int_equal(err.kind, ok ? ERR_NONE : ERR_CONFIG);
    }
}

/* A long value is cut, and not in the middle of a character. */
static void test_setting__a_long_value_is_cut(void **state)
{
    struct buf value = BUF_INIT;
    struct err err = ERR_INIT;

    (void)state;
    buf_addc(&value, '"');
    for (int i = 0; i < 100; i++)
        buf_adds(&value, "\xc3\xa4");
    buf_addc(&value, '"');
    assert_false(setting_check(find("max"), buf_slice(&value), &err));
    assert_true(strlen(err.text) < 140);
    assert_non_null(strstr(err.text, "\xc3\xa4\xe2\x80\xa6"));
    buf_release(&value);
}

static void test_setting__allowed(void **state)
{
    static const struct {
        const char *path, *text;
    } cases[] = {
        { "on", "true or false" },
        { "max", "a whole number from 1 to 100" },
        { "ratio", "a number" },
        { "lang", "one of en, de" },
        { "words", "a list" },
        { "tags", "a table" },
        { "welcome.text", "text of 1 to 10 characters" },
        { "welcome.deep.n", "a whole number at least 0" },
        { "welcome", "a section" },
    };
    struct setting *s = add(root, "t", SETTING_STRING, "\"\"");
    struct buf text = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_reset(&text);
        setting_allowed(find(cases[i].path), &text);
        assert_string_equal(text.data, cases[i].text);
    }
    s->has_max = true;
    s->max = 64;
    buf_reset(&text);
    setting_allowed(s, &text);
    assert_string_equal(text.data, "text of at most 64 characters");
    buf_release(&text);
}

/* --- reading ----------------------------------------------------------------------------- */

static void test_setting__value(void **state)
{
    static const struct {
        const char *path, *overrides, *value;
        bool set;
    } cases[] = {
        { "max", "{}", "5", false },
        { "max", "{\"max\":7}", "7", true },
        { "max", "{\"max\":5}", "5", true }, /* chosen, though the default */
        { "max", "{\"max\":500}", "500", true }, /* stored before a limit */
        { "max", "{\"max\":\"7\"}", "5", false },
        { "max", "{\"max\":7.5}", "5", false },
        { "max", "{\"max\":null}", "5", false },
        { "ratio", "{\"ratio\":2}", "2", true },
        { "on", "{\"on\":false}", "false", true },
        { "lang", "{\"lang\":\"fr\"}", "\"fr\"", true },
        { "words", "{\"words\":[]}", "[]", true },
        { "words", "{\"words\":{}}", "[\"a\"]", false },
        { "tags", "{\"tags\":{\"a\":1}}", "{\"a\":1}", true },
        { "welcome.text", "{\"welcome\":{\"text\":\"x\"}}", "\"x\"", true },
        { "welcome.text", "{\"welcome\":{}}", "\"Hi\"", false },
        { "welcome.text", "{\"welcome\":7}", "\"Hi\"", false },
        { "welcome.text", "{\"text\":\"x\"}", "\"Hi\"", false },
        { "welcome.deep.n", "{\"welcome\":{\"deep\":{\"n\":9}}}", "9", true },
        { "welcome.deep.n", "{\"welcome\":{\"deep\":[]}}", "1", false },
    };
    bool set;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice value = setting_value(find(cases[i].path),
                                           slice_of(cases[i].overrides), &set);

        if (!slice_eq(value, cases[i].value) || set != cases[i].set)
            fail_msg("%s of %s is %.*s", cases[i].path, cases[i].overrides,
                     (int)value.n, value.p);
    }
    assert_true(slice_eq(setting_value(find("max"), SLICE_NONE, &set), "5"));
    assert_false(set);
}

static void test_setting__parse(void **state)
{
    static const struct {
        const char *path, *text, *json; /* NULL: refused */
    } cases[] = {
        { "on", "on", "true" },
        { "on", "off", "false" },
        { "on", "yes", "true" },
        { "on", "0", "false" },
        { "on", "true", "true" },
        { "on", "maybe", NULL },
        { "max", "7", "7" },
        { "max", "seven", NULL },
        { "max", "", NULL },
        { "welcome.text", "Hello you", "\"Hello you\"" },
        { "welcome.text", "\"quoted\"", "\"quoted\"" },
        { "welcome.text", "\"half", "\"\\\"half\"" },
        { "welcome.text", "5", "\"5\"" },
        { "welcome.text", "\xff", NULL },
        { "lang", "de", "\"de\"" },
        { "words", "[\"a\", 1]", "[\"a\", 1]" },
        { "words", "a b", NULL },
        { "tags", "{\"a\":1}", "{\"a\":1}" },
        { "welcome", "{}", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf json = BUF_INIT;
        struct err err = ERR_INIT;
        bool ok = setting_parse(find(cases[i].path), slice_of(cases[i].text),
                                &json, &err);

        if (ok != !!cases[i].json || (ok && strcmp(json.data, cases[i].json)))
            fail_msg("%s = %s: %s %s", cases[i].path, cases[i].text, json.data,
                     err.text);
        assert_true(ok || err.text[0]);
        buf_release(&json);
    }
}

/* --- patches ------------------------------------------------------------------------------- */

static void expect_applied(const struct config_patch *patch,
                           const char *document, const char *wanted)
{
    struct buf out = BUF_INIT;

    config_patch_apply(patch, slice_of(document), &out);
    assert_string_equal(out.data, wanted);
    buf_release(&out);
}

static void test_patch__apply(void **state)
{
    struct config_patch patch = { 0 }, copy;
    bool reset;

    (void)state;
    expect_applied(&patch, "{\"a\":1}", "{\"a\":1}");
    config_patch_set(&patch, "welcome.text", slice_of("\"x\""));
    config_patch_set(&patch, "max", slice_of("7"));
    config_patch_set(&patch, "a.b.c", SLICE_NONE);
    expect_applied(&patch, "{}", "{\"welcome\":{\"text\":\"x\"},\"max\":7}");
    expect_applied(&patch, "{\"max\":1,\"a\":{\"b\":{\"c\":1}},\"z\":[1,2]}",
                   "{\"max\":7,\"z\":[1,2],\"welcome\":{\"text\":\"x\"}}");
    expect_applied(&patch, "{\"welcome\":7,\"a\":{\"b\":{\"c\":1,\"d\":2}}}",
                   "{\"welcome\":{\"text\":\"x\"},\"a\":{\"b\":{\"d\":2}},"
                   "\"max\":7}");
    assert_true(config_patch_has(&patch, "a.b.c", &reset));
    assert_true(reset);
    assert_true(config_patch_has(&patch, "max", &reset));
    assert_false(reset);
    assert_false(config_patch_has(&patch, "a.b", &reset));
    config_patch_copy(&copy, &patch);
    config_patch_release(&patch);
    config_patch_release(&patch);
    expect_applied(&copy, "{}", "{\"welcome\":{\"text\":\"x\"},\"max\":7}");
    config_patch_release(&copy);
}

/* The same path again: the last value. What is below a path goes with it. */
static void test_patch__set_again(void **state)
{
    struct config_patch patch = { 0 };

    (void)state;
    config_patch_set(&patch, "max", slice_of("1"));
    config_patch_set(&patch, "max", slice_of("2"));
    assert_int_equal(patch.n, 1);
    expect_applied(&patch, "{}", "{\"max\":2}");
    config_patch_set(&patch, "max", SLICE_NONE);
    expect_applied(&patch, "{\"max\":9,\"maximum\":1}", "{\"maximum\":1}");
    config_patch_set(&patch, "w.a", slice_of("1"));
    config_patch_set(&patch, "wx", slice_of("1"));
    config_patch_set(&patch, "w", SLICE_NONE);
    expect_applied(&patch, "{}", "{\"wx\":1}");
    config_patch_release(&patch);
}

/* --- the cache --------------------------------------------------------------------------------- */

static void put(struct cache *cache, int64_t chat, const char *text)
{
    struct config *c = config_make(chat, 1, 0, slice_of(text));

    cache_put(cache, c);
    config_unref(c);
}

static void test_cache__least_recently_used_goes(void **state)
{
    struct cache *cache = cache_new(0);
    struct config_stats stats = { 0 };
    size_t one;

    (void)state;
    put(cache, 1, "{}");
    cache_stats(cache, &stats);
    one = stats.bytes; /* one always stays */
    assert_true(one > sizeof(struct config));
    cache_free(cache);

    cache = cache_new(3 * one);
    for (int chat = 1; chat <= 3; chat++)
        put(cache, chat, "{}");
    assert_non_null(cache_get(cache, 1));
    put(cache, 4, "{}");
    assert_null(cache_get(cache, 2));
    assert_non_null(cache_get(cache, 1));
    assert_non_null(cache_get(cache, 3));
    assert_non_null(cache_get(cache, 4));
    cache_stats(cache, &stats);
    assert_int_equal(stats.entries, 3);
    assert_int_equal(stats.bytes, 3 * one);
    assert_int_equal(stats.evictions, 1);
    assert_int_equal(stats.hits, 4);
    assert_int_equal(stats.misses, 1);
    cache_drop(cache, 3);
    cache_drop(cache, 3);
    cache_stats(cache, &stats);
    assert_int_equal(stats.bytes, 2 * one);
    cache_free(cache);
    cache_free(NULL);
}

static void test_cache__a_big_one_pushes_many_out(void **state)
{
    struct cache *cache = cache_new(10000);
    struct config_stats stats = { 0 };
    char *big = xrealloc(NULL, 20001);

    (void)state;
    memset(big, ' ', 20000);
    big[20000] = '\0';
    for (int chat = 1; chat <= 10; chat++)
        put(cache, chat, "{}");
    put(cache, 11, big);
    cache_stats(cache, &stats);
    assert_int_equal(stats.entries, 1);
    put(cache, 12, "{}");
    assert_null(cache_get(cache, 11));
    assert_non_null(cache_get(cache, 12));
    free(big);
    cache_free(cache);
}

/* Who reads a config keeps it, whatever becomes of the cache's. */
static void test_cache__replacing_and_references(void **state)
{
    struct cache *cache = cache_new(100000);
    struct config *old;

    (void)state;
    put(cache, 1, "{\"a\":1}");
    old = config_ref(cache_get(cache, 1));
    put(cache, 1, "{\"a\":2}");
    assert_true(slice_eq(old->text, "{\"a\":1}"));
    assert_true(slice_eq(cache_get(cache, 1)->text, "{\"a\":2}"));
    cache_free(cache);
    assert_true(slice_eq(old->text, "{\"a\":1}"));
    config_unref(old);
    config_unref(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_schema__find_and_path),
        TEST(test_schema__children_are_in_order),
        TEST(test_schema__names),
        TEST(test_schema__depth),
        TEST(test_schema__defaults_are_checked),
        TEST(test_setting__check),
        TEST(test_setting__a_long_value_is_cut),
        TEST(test_setting__allowed),
        TEST(test_setting__value),
        TEST(test_setting__parse),
        cmocka_unit_test(test_patch__apply),
        cmocka_unit_test(test_patch__set_again),
        cmocka_unit_test(test_cache__least_recently_used_goes),
        cmocka_unit_test(test_cache__a_big_one_pushes_many_out),
        cmocka_unit_test(test_cache__replacing_and_references),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
