/* test_schema.c - settings: the tree, what fits, what is typed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
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

static struct setting *add_element(struct setting *list, enum setting_type type)
{
    struct err err = ERR_INIT;
    struct setting *s = schema_add_element(list, type, &err);

    if (!s)
        fail_msg("%s", err.text);
    return s;
}

static void most(struct setting *s, double max)
{
    s->has_max = true;
    s->max = max;
}

/* A pattern for tests: what the text must begin with. */
static bool begins(const char *pattern, struct slice text, void *arg)
{
    size_t n = strlen(pattern);

    assert_ptr_equal(arg, &root);
    return text.n >= n && memcmp(text.p, pattern, n) == 0;
}

static void add_lists(struct setting *section)
{
    struct setting *s;

    limit(add(section, "few", SETTING_LIST, "[1]"), 1, 3);
    s = add(section, "words", SETTING_LIST, "[]");
    most(s, 100);
    most(add_element(s, SETTING_STRING), 5);
    s = add(section, "grid", SETTING_LIST, "[]");
    s = add_element(s, SETTING_LIST);
    most(s, 2);
    add_element(s, SETTING_INTEGER);
    s = add(section, "names", SETTING_MAP, "{}");
    limit(add_element(s, SETTING_INTEGER), 0, 9);
    s->has_min = true;
    s->min = 1;
    s = add(section, "langs", SETTING_LIST, "[]");
    add_element(s, SETTING_CHOICE)->choices = choices();
    add_element(add(section, "chats", SETTING_LIST, "[]"), SETTING_CHAT);
    add_element(add(section, "flags", SETTING_LIST, "[]"), SETTING_BOOLEAN);
    s = add(section, "maps", SETTING_LIST, "[]");
    add_element(add_element(s, SETTING_MAP), SETTING_LIST);
}

static int setup(void **state)
{
    struct setting *welcome, *deep, *s;

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
    add_lists(add(root, "lists", SETTING_SECTION, NULL));
    add(root, "chat", SETTING_CHAT, "null");
    add(root, "user", SETTING_USER, "7");
    s = add(root, "wait", SETTING_INTEGER, "5");
    limit(s, 1, 60);
    s->unit = xstrdup("minutes");
    s = add(root, "code", SETTING_STRING, "\"ab\"");
    s->pattern = xstrdup("a");
    most(s, 4);
    schema_set_matcher(root, begins, &root);
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
    static const char *const paths[] = {
        "on",          "max", "welcome.text", "welcome.deep.n", "welcome",
        "lists.words", ""
    };
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
    assert_int_equal(root->nchildren, 12);
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
    assert_string_equal(err.text, "n: the default does not fit: must be a "
                                  "whole number from 1 to 10, got 500");
    assert_true(schema_check_default(find("welcome"), &err));
}

static void test_schema__a_default_in_a_list(void **state)
{
    struct setting *s = add(root, "l", SETTING_LIST, "[[1],[2,\"x\"]]");
    struct err err = ERR_INIT;
    char *large = xalloc(SETTING_DEFAULT_MAX + 10);

    (void)state;
    add_element(add_element(s, SETTING_LIST), SETTING_INTEGER);
    assert_false(schema_check_default(s, &err));
    assert_string_equal(err.text, "l[2][2]: the default does not fit: must be "
                                  "a whole number, got \"x\"");
    err_clear(&err);
    memset(large, ' ', SETTING_DEFAULT_MAX + 1);
    memcpy(large, "\"\"", 2);
    s = add(root, "t", SETTING_STRING, large);
    assert_false(schema_check_default(s, &err));
    assert_string_equal(err.text, "t: the default is too large: 65537 bytes as "
                                  "JSON, at most 65536 are allowed");
    free(large);
}

static void test_schema__elements_are_limited(void **state)
{
    struct setting *s = add(root, "l", SETTING_LIST, "[]");
    struct err err = ERR_INIT;
    int depth = 0;

    (void)state;
    while ((s = schema_add_element(s, SETTING_LIST, &err)))
        depth++;
    assert_int_equal(depth, SETTING_DEPTH_MAX);
    assert_string_equal(err.text, "lists and maps are nested more than 8 deep");
    err_clear(&err);
}

static void test_schema__settings_are_limited(void **state)
{
    struct setting *many = schema_new(), *list;
    struct err err = ERR_INIT;
    char name[20];

    (void)state;
    list = add(many, "list", SETTING_LIST, "[]");
    for (int i = 1; i < SETTINGS_MAX; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        add(many, name, SETTING_BOOLEAN, "true");
    }
    assert_null(schema_add(many, "n", SETTING_BOOLEAN, "true", &err));
    assert_string_equal(err.text, "there are more than 10000 settings");
    err_clear(&err);
    assert_null(schema_add_element(list, SETTING_BOOLEAN, &err));
    assert_string_equal(err.text, "there are more than 10000 settings");
    schema_free(many);
}

/* Bits in the order of the names, whatever the order of declaring. */
static void test_schema__lazy_sections(void **state)
{
    struct setting *b = add(root, "b", SETTING_SECTION, NULL);
    struct setting *a = add(root, "a", SETTING_SECTION, NULL);
    struct setting *c = add(root, "c", SETTING_SECTION, NULL);
    struct err err = ERR_INIT;

    (void)state;
    assert_int_equal(schema_lazy_sections(root), 0);
    assert_null(schema_lazy_section(root, 1));
    assert_true(schema_set_lazy(b, &err));
    assert_int_equal(b->lazy, 1);
    assert_true(schema_set_lazy(a, &err));
    assert_int_equal(a->lazy, 1);
    assert_int_equal(b->lazy, 2);
    assert_int_equal(c->lazy, 0);
    assert_int_equal(schema_lazy_sections(root), 3);
    assert_ptr_equal(schema_lazy_section(root, 2), b);
    assert_null(schema_lazy_section(root, 4));
    assert_null(schema_lazy_section(root, 0));
    assert_false(schema_set_lazy(add(a, "in", SETTING_SECTION, NULL), &err));
    assert_string_equal(err.text, "only sections at the top level can be lazy");
    err_clear(&err);
    assert_false(schema_set_lazy(root, &err));
    err_clear(&err);
    for (int i = 2; i <= SETTING_LAZY_MAX; i++) {
        char name[20];

        snprintf(name, sizeof(name), "s%d", i);
        a = add(root, name, SETTING_SECTION, NULL);
        assert_int_equal(schema_set_lazy(a, &err), i < SETTING_LAZY_MAX);
    }
    assert_string_equal(err.text, "more than 32 sections are lazy");
    assert_int_equal(a->lazy, 0);
    assert_int_equal(schema_lazy_sections(root), UINT32_MAX);
}

static void test_schema__private(void **state)
{
    struct setting *deep = (struct setting *)schema_find(root, "welcome.deep");

    (void)state;
    assert_false(setting_is_private(schema_find(root, "welcome.deep.n")));
    deep->is_private = true;
    assert_true(setting_is_private(schema_find(root, "welcome.deep.n")));
    assert_true(setting_is_private(deep));
    assert_false(setting_is_private(schema_find(root, "welcome.text")));
}

static void test_schema__type_words(void **state)
{
    (void)state;
    assert_string_equal(setting_type_word(SETTING_SECTION), "section");
    assert_string_equal(setting_type_word(SETTING_CHOICE), "choice");
    assert_string_equal(setting_type_word(SETTING_CHAT), "chat");
    assert_string_equal(setting_type_word(SETTING_MAP), "map");
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
    { "wait", "61", ": must be a whole number from 1 to 60 minutes, got 61" },
    { "code", "\"abcd\"", NULL },
    { "code", "\"\\u0061\"", NULL },
    { "code", "\"ba\"",
      ": must be text of at most 4 characters that matches \"a\", got "
      "\"ba\"" },
    { "code", "\"abcde\"",
      ": must be text of at most 4 characters that matches \"a\", got "
      "\"abcde\"" },
    { "chat", "null", NULL },
    { "chat", "-1001234567890123", NULL },
    { "chat", "4503599627370495", NULL },
    { "chat", "-4503599627370495", NULL },
    { "chat", "0", ": must be a chat's id or none, got 0" },
    { "chat", "4503599627370496",
      ": must be a chat's id or none, got 4503599627370496" },
    { "chat", "-4503599627370496",
      ": must be a chat's id or none, got -4503599627370496" },
    { "chat", "1.5", ": must be a chat's id or none, got 1.5" },
    { "chat", "\"1\"", ": must be a chat's id or none, got \"1\"" },
    { "user", "null", NULL },
    { "user", "1", NULL },
    { "user", "4503599627370495", NULL },
    { "user", "-1", ": must be a user's id or none, got -1" },
    { "user", "0", ": must be a user's id or none, got 0" },
    { "lists.few", "[1]", NULL },
    { "lists.few", "[1,{},[4,5,6,7]]", NULL },
    { "lists.few", "[]",
      ": must be a list of 1 to 3 elements, got 0 elements" },
    { "lists.few", "[1,2,3,4]",
      ": must be a list of 1 to 3 elements, got 4 elements" },
    { "lists.words", "[]", NULL },
    { "lists.words", "[\"abcde\",\"\"]", NULL },
    { "lists.words", "[\"a\",\"b\",12]",
      "[3]: must be text of at most 5 characters, got 12" },
    { "lists.words", "[\"a\",\"abcdef\"]",
      "[2]: must be text of at most 5 characters, got \"abcdef\"" },
    { "lists.words", "[null]",
      "[1]: must be text of at most 5 characters, got null" },
    { "lists.words", "{\"a\":\"b\"}",
      ": must be a list of at most 100 elements, each text of at most 5 "
      "characters, got {\"a\":\"b\"}" },
    { "lists.words", "[\"a\\u0000\"]",
      ": text in a config can't hold a NUL byte" },
    { "lists.grid", "[[1,2],[]]", NULL },
    { "lists.grid", "[[1],[2,true]]",
      "[2][2]: must be a whole number, got true" },
    { "lists.grid", "[[1],[2,3,4]]",
      "[2]: must be a list of at most 2 elements, each a whole number, got 3 "
      "elements" },
    { "lists.grid", "[{}]",
      "[1]: must be a list of at most 2 elements, each a whole number, got "
      "{}" },
    { "lists.names", "{\"a b\":9}", NULL },
    { "lists.names", "{}",
      ": must be a table of at least 1 value, each a whole number from 0 to 9, "
      "got 0 values" },
    { "lists.names", "{\"a\":1,\"b\\\"c\":10}",
      "[\"b\\\"c\"]: must be a whole number from 0 to 9, got 10" },
    { "lists.names",
      "{\"12345678901234567890123456789012345678901234567890123456789012345\":"
      "-1}",
      "[\"123456789012345678901234567890123456789012345678901234567890…\"]: "
      "must "
      "be a whole number from 0 to 9, got -1" },
    { "lists.langs", "[\"de\",\"fr\"]",
      "[2]: must be one of en, de, got \"fr\"" },
    { "lists.chats", "[-5,null]", "[2]: must be a chat's id, got null" },
    { "lists.chats", "[-5,0]", "[2]: must be a chat's id, got 0" },
    { "lists.flags", "[true,1]", "[2]: must be true or false, got 1" },
    { "lists.maps", "[{\"a\":[1]},{\"b\":[],\"c\":{}}]",
      "[2][\"c\"]: must be a list, got {}" },
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

/* One element, before it is in its list. */
static void test_setting__check_element(void **state)
{
    static const struct {
        const char *path, *value, *err;
    } cases[] = {
        { "lists.words", "\"a\"", "" },
        { "lists.words", "12",
          "lists.words[]: must be text of at most 5 characters, got 12" },
        { "lists.grid", "[1]", "" },
        { "lists.grid", "[1,\"2\"]",
          "lists.grid[][2]: must be a whole number, got \"2\"" },
        { "lists.names", "10",
          "lists.names[]: must be a whole number from 0 to 9, got 10" },
        { "lists.few", "{\"any\":[]}", "" },
        { "lists.few", "\"\\u0000\"",
          "lists.few: text in a config can't hold a NUL byte" },
        { "lists.words", "\"\\u0000\"",
          "lists.words[]: text in a config can't hold a NUL byte" },
        { "tags", "null", "" },
    };
    struct err err = ERR_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        err_clear(&err);
        assert_int_equal(setting_check_element(find(cases[i].path),
                                               slice_of(cases[i].value), &err),
                         !*cases[i].err);
        assert_string_equal(err.text, cases[i].err);
    }
    /* a list within a list is the element of that list */
    assert_false(setting_check_element(find("lists.grid")->element,
                                       slice_of("true"), &err));
    assert_string_equal(err.text,
                        "lists.grid[][]: must be a whole number, got true");
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
        { "wait", "a whole number from 1 to 60 minutes" },
        { "code", "text of at most 4 characters that matches \"a\"" },
        { "chat", "a chat's id or none" },
        { "user", "a user's id or none" },
        { "lists.few", "a list of 1 to 3 elements" },
        { "lists.words", "a list of at most 100 elements, each text of at most "
                         "5 characters" },
        { "lists.grid", "a list, each a list of at most 2 elements, each a "
                        "whole number" },
        { "lists.names", "a table of at least 1 value, each a whole number "
                         "from 0 to 9" },
        { "lists.langs", "a list, each one of en, de" },
        { "lists.chats", "a list, each a chat's id" },
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
    s->has_min = true;
    s->min = 64;
    buf_reset(&text);
    setting_allowed(s, &text);
    assert_string_equal(text.data, "text of 64 characters");
    s->has_max = false;
    s->min = 1;
    buf_reset(&text);
    setting_allowed(s, &text);
    assert_string_equal(text.data, "text of at least 1 character");
    buf_release(&text);
}

static void test_setting__allowed_numbers(void **state)
{
    struct setting *s = add(root, "t", SETTING_NUMBER, "1");
    struct buf text = BUF_INIT;

    (void)state;
    limit(s, 0.25, 9007199254740992.0);
    setting_allowed(s, &text);
    assert_string_equal(text.data, "a number from 0.25 to 9007199254740992.0");
    s->unit = xstrdup("seconds");
    s->has_max = false;
    buf_reset(&text);
    setting_allowed(s, &text);
    assert_string_equal(text.data, "a number at least 0.25, in seconds");
    s->has_min = false;
    buf_reset(&text);
    setting_allowed(s, &text);
    assert_string_equal(text.data, "a number, in seconds");
    most(s, -1);
    buf_reset(&text);
    setting_allowed(s, &text);
    assert_string_equal(text.data, "a number at most -1, in seconds");
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
        { "chat", "{}", "null", false },
        { "chat", "{\"chat\":-5}", "-5", true },
        { "chat", "{\"chat\":\"x\"}", "null", false },
        { "chat", "{\"chat\":1.5}", "null", false },
        { "user", "{\"user\":null}", "null", true }, /* none was chosen */
        { "user", "{}", "7", false },
        { "lists.words", "{\"lists\":{\"words\":[5]}}", "[5]", true },
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
        { "wait", "7", "7" },
        { "chat", "-1001234567890", "-1001234567890" },
        { "chat", "none", "null" },
        { "chat", "off", "null" },
        { "chat", "null", "null" },
        { "chat", "@name", NULL },
        { "user", "none", "null" },
        { "lists.words", "a, b,c d", "[\"a\",\"b\",\"c d\"]" },
        { "lists.words", "  a  ,, b , ", "[\"a\",\"b\"]" },
        { "lists.words", "\"a, b\", \"c\\n\",d\"",
          "[\"a, b\",\"c\\n\",\"d\\\"\"]" },
        { "lists.words", "\"half, b", "[\"\\\"half\",\"b\"]" },
        { "lists.words", "[\"a\", \"b\"]", "[\"a\", \"b\"]" },
        { "lists.words", "[a, b]", NULL },
        { "lists.words", "", "[]" },
        { "lists.words", ",", "[]" },
        { "lists.words", "a, \xff", NULL },
        { "lists.langs", "de, fr", "[\"de\",\"fr\"]" }, /* not checked yet */
        { "lists.chats", "-5, 7", "[-5,7]" },
        { "lists.chats", "-5, none", NULL },
        { "lists.flags", "on, off", "[true,false]" },
        { "lists.grid", "[[1]]", "[[1]]" },
        { "lists.grid", "1, 2", NULL },
        { "lists.names", "{\"a\":1}", "{\"a\":1}" },
        { "lists.names", "a=1", NULL },
        { "lists.few", "1, 2", NULL }, /* of what, nobody knows */
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
        assert_true(ok || (err.text[0] && json.len == 0));
        buf_release(&json);
    }
}

static void test_setting__parse_says_which(void **state)
{
    struct buf json = BUF_INIT;
    struct err err = ERR_INIT;

    (void)state;
    assert_false(
        setting_parse(find("lists.chats"), slice_of("5, x, 7"), &json, &err));
    assert_string_equal(err.text, "lists.chats[2]: must be a chat's id, got x");
    buf_release(&json);
}

/* {} and [] become what the setting has. */
static void test_setting__add_shaped(void **state)
{
    static const struct {
        const char *path, *value, *shaped;
    } cases[] = {
        { "words", "{}", "[]" },
        { "tags", "[]", "{}" },
        { "words", "[1,{}]", "[1,{}]" },
        { "words", "{\"a\":1}", "{\"a\":1}" }, /* refused elsewhere */
        { "lists.grid", "[{},[1]]", "[[],[1]]" },
        { "lists.maps", "[{\"a\":{},\"b\\n\":[1]},[]]",
          "[{\"a\":[],\"b\\n\":[1]},{}]" },
        { "lists.maps", "{\"a\":[]}", "{\"a\":[]}" },
        { "max", "5", "5" },
        { "welcome", "{}", "{}" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = BUF_INIT;

        setting_add_shaped(find(cases[i].path), slice_of(cases[i].value), &out);
        assert_string_equal(out.data, cases[i].shaped);
        buf_release(&out);
    }
}

/* --- documents --------------------------------------------------------------------- */

static void note(const struct err *why, void *arg)
{
    assert_int_equal(why->kind, ERR_CONFIG);
    buf_addf(arg, "%s\n", why->text);
}

static void expect_misfits(const char *document, int n, const char *wanted)
{
    struct buf said = BUF_INIT;

    assert_int_equal(schema_misfits(root, slice_of(document), note, &said), n);
    assert_string_equal(said.data, wanted);
    assert_int_equal(schema_misfits(root, slice_of(document), NULL, NULL), n);
    buf_release(&said);
}

static void test_schema__misfits(void **state)
{
    (void)state;
    expect_misfits("{}", 0, "");
    expect_misfits("{\"max\":7,\"unknown\":{\"max\":\"x\"},\"welcome\":{"
                   "\"gone\":[],\"deep\":{\"n\":1}},\"user\":null}",
                   0, "");
    expect_misfits("{\"max\":700,\"on\":null,\"welcome\":{\"text\":5,"
                   "\"deep\":\"x\"},\"lang\":\"fr\",\"code\":\"b\","
                   "\"lists\":{\"words\":[\"a\",5,6]}}",
                   7,
                   "max: must be a whole number from 1 to 100, got 700\n"
                   "on: must be true or false, got null\n"
                   "welcome.text: must be text of 1 to 10 characters, got 5\n"
                   "welcome.deep: must be a section, got \"x\"\n"
                   "lang: must be one of en, de, got \"fr\"\n"
                   "code: must be text of at most 4 characters that matches "
                   "\"a\", got \"b\"\n"
                   "lists.words[2]: must be text of at most 5 characters, got "
                   "5\n");
    expect_misfits("[1]", 1, "the config: must be a section, got [1]\n");
    expect_misfits("null", 1, "the config: must be a section, got null\n");
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
        TEST(test_schema__a_default_in_a_list),
        TEST(test_schema__elements_are_limited),
        cmocka_unit_test(test_schema__settings_are_limited),
        TEST(test_schema__lazy_sections),
        TEST(test_schema__private),
        TEST(test_schema__type_words),
        TEST(test_setting__check),
        TEST(test_setting__check_element),
        TEST(test_setting__a_long_value_is_cut),
        TEST(test_setting__allowed),
        TEST(test_setting__allowed_numbers),
        TEST(test_setting__value),
        TEST(test_setting__parse),
        TEST(test_setting__parse_says_which),
        TEST(test_setting__add_shaped),
        TEST(test_schema__misfits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
