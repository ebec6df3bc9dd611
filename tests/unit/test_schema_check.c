/* test_schema_check.c - what fits a setting, and how it is said if not. */
#include "schema_test.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_setting__check),
        TEST(test_setting__check_element),
        TEST(test_setting__a_long_value_is_cut),
        TEST(test_setting__allowed),
        TEST(test_setting__allowed_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
