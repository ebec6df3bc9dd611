/* test_schema_parse.c - a setting's value as people type it and as Lua writes it. */
#include "schema_test.h"

/* --- what people type and Lua writes ---------------------------------------------- */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_setting__parse),
        TEST(test_setting__parse_says_which),
        TEST(test_setting__add_shaped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
