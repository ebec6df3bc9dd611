/* test_schema.c - settings: the tree, and documents against it. */
#include "schema_test.h"

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
        TEST(test_setting__value),
        TEST(test_schema__misfits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
