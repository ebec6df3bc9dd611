/* Parameters and results of any method by the Bot API's data; faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/embedded.h"
#include "simulator/fault.h"
#include "simulator/spec.h"

extern const struct embedded simulator_spec[];

static struct spec *spec;

static int setup(void **state)
{
    (void)state;
    spec = spec_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    spec_free(spec);
    return 0;
}

static void test_spec__methods(void **state)
{
    (void)state;
    assert_string_equal(spec_method_name(spec_method(spec, "SENDmessage")),
                        "sendMessage");
    assert_null(spec_method(spec, "sendMessages"));
    assert_null(spec_method(spec, ""));
}

/* What spec_check() makes of params, or its error; to free. */
static char *checked(const char *method, const char *params)
{
    json_t *object = json_loads(params, 0, NULL);
    struct err err = ERR_INIT;
    char *text;

    assert_non_null(object);
    text = spec_check(spec, spec_method(spec, method), object, &err)
               ? json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS)
               : xstrdup(err.text);
    if (err.kind)
        assert_int_equal(err.kind, ERR_TELEGRAM);
    json_decref(object);
    return text;
}

static void test_spec__check(void **state)
{
    static const struct {
        const char *method, *params, *expected;
    } cases[] = {
        { "sendMessage",
          "{\"chat_id\":\"-1001\",\"text\":5,\"x\":1,"
          "\"disable_notification\":\"true\","
          "\"message_thread_id\":null,\"parse_mode\":\"\"}",
          "{\"chat_id\":-1001,\"disable_notification\":true,"
          "\"parse_mode\":\"\",\"text\":\"5\"}" },
        { "sendMessage", "{\"chat_id\":\"@news\",\"text\":\"a\"}",
          "{\"chat_id\":\"@news\",\"text\":\"a\"}" },
        { "sendMessage", "{\"chat_id\":9007199254740993,\"text\":\"a\"}",
          "{\"chat_id\":9007199254740993,\"text\":\"a\"}" },
        { "sendMessage", "{\"text\":\"a\"}", "Bad Request: chat_id is empty" },
        { "sendMessage", "{\"chat_id\":\"\",\"text\":\"a\"}",
          "Bad Request: chat_id is empty" },
        { "sendMessage", "{\"chat_id\":1}",
          "Bad Request: message text is empty" },
        { "sendMessage", "{\"chat_id\":1,\"text\":\"\"}",
          "Bad Request: message text is empty" },
        { "sendPoll", "{\"chat_id\":1,\"options\":[]}",
          "Bad Request: parameter \"question\" is required" },
        { "sendPhoto", "{\"chat_id\":1}",
          "Bad Request: there is no photo in the request" },
        { "sendPhoto", "{\"chat_id\":1,\"photo\":\"attach://photo\"}",
          "{\"chat_id\":1,\"photo\":\"attach://photo\"}" },
        { "sendMessage", "{\"chat_id\":[1],\"text\":\"a\"}",
          "Bad Request: field \"chat_id\" must be of type Integer" },
        { "deleteMessage", "{\"chat_id\":1,\"message_id\":\"1x\"}",
          "Bad Request: field \"message_id\" must be of type Integer" },
        { "deleteMessage", "{\"chat_id\":1,\"message_id\":7.0}",
          "{\"chat_id\":1,\"message_id\":7}" },
        { "sendLocation",
          "{\"chat_id\":1,\"latitude\":\"1.5\",\"longitude\":2}",
          "{\"chat_id\":1,\"latitude\":1.5,\"longitude\":2}" },
        { "sendLocation",
          "{\"chat_id\":1,\"latitude\":\"1.5x\",\"longitude\":2}",
          "Bad Request: field \"latitude\" must be of type Float" },
        { "sendMessage",
          "{\"chat_id\":1,\"text\":\"a\","
          "\"protect_content\":\"maybe\"}",
          "Bad Request: field \"protect_content\" must be of type Boolean" },
        { "sendMessage",
          "{\"chat_id\":1,\"text\":\"a\",\"reply_markup\":"
          "\"{\\\"inline_keyboard\\\":[[{\\\"text\\\":\\\"A\\\","
          "\\\"callback_data\\\":\\\"a\\\"}]]}\"}",
          "{\"chat_id\":1,\"reply_markup\":{\"inline_keyboard\":"
          "[[{\"callback_data\":\"a\",\"text\":\"A\"}]]},\"text\":\"a\"}" },
        { "sendMessage",
          "{\"chat_id\":1,\"text\":\"a\",\"reply_markup\":\"{\"}",
          "Bad Request: can't parse reply keyboard markup JSON object" },
        { "sendMessage", "{\"chat_id\":1,\"text\":\"a\",\"entities\":\"x\"}",
          "Bad Request: can't parse entities JSON object" },
        { "sendMessage",
          "{\"chat_id\":1,\"text\":\"a\",\"reply_markup\":"
          "{\"inline_keyboard\":[[{\"callback_data\":\"a\"}]]}}",
          "Bad Request: can't parse inline keyboard button: Can't find field "
          "\"text\"" },
        { "sendMessage",
          "{\"chat_id\":1,\"text\":\"a\",\"reply_markup\":"
          "{\"inline_keyboard\":[{\"text\":\"a\"}]}}",
          "Bad Request: field \"inline_keyboard\" must be of type Array of "
          "InlineKeyboardButton" },
        { "sendMessage",
          "{\"chat_id\":1,\"text\":\"a\",\"reply_markup\":"
          "{\"remove_keyboard\":\"true\"}}",
          "{\"chat_id\":1,\"reply_markup\":{\"remove_keyboard\":true},"
          "\"text\":\"a\"}" },
        { "setMessageReaction",
          "{\"chat_id\":1,\"message_id\":2,\"reaction\":"
          "[{\"type\":\"emoji\",\"emoji\":\"👍\"}]}",
          "{\"chat_id\":1,\"message_id\":2,\"reaction\":"
          "[{\"emoji\":\"👍\",\"type\":\"emoji\"}]}" },
        { "setMessageReaction",
          "{\"chat_id\":1,\"message_id\":2,\"reaction\":"
          "[{\"type\":\"smile\"}]}",
          "Bad Request: can't parse reaction type: unsupported type" },
        { "setMessageReaction",
          "{\"chat_id\":1,\"message_id\":2,\"reaction\":"
          "[{\"type\":\"emoji\"}]}",
          "Bad Request: can't parse reaction type emoji: Can't find field "
          "\"emoji\"" },
        { "setMyCommands",
          "{\"commands\":[{\"command\":\"a\",\"description\":\"b\"}],"
          "\"scope\":{\"type\":\"chat\",\"chat_id\":\"5\"}}",
          "{\"commands\":[{\"command\":\"a\",\"description\":\"b\"}],"
          "\"scope\":{\"chat_id\":5,\"type\":\"chat\"}}" },
        { "sendMediaGroup",
          "{\"chat_id\":1,\"media\":[{\"type\":\"photo\",\"media\":"
          "\"attach://a\"},{\"type\":\"video\",\"media\":\"b\"}]}",
          "{\"chat_id\":1,\"media\":[{\"media\":\"attach://a\",\"type\":"
          "\"photo\"},{\"media\":\"b\",\"type\":\"video\"}]}" },
        { "getUpdates", "{\"allowed_updates\":\"[\\\"message\\\"]\"}",
          "{\"allowed_updates\":[\"message\"]}" },
        { "getMe", "{\"a\":{\"b\":1}}", "{}" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *is = checked(cases[i].method, cases[i].params);

        assert_string_equal(is, cases[i].expected);
        free(is);
    }
}

static void test_spec__deep_values_are_refused(void **state)
{
    struct buf text = BUF_INIT;
    char *is;

    (void)state;
    buf_adds(&text, "{\"chat_id\":1,\"rich_message\":{\"blocks\":[{\"type\":"
                    "\"paragraph\",\"text\":");
    for (int i = 0; i < 100; i++)
        buf_adds(&text, "[");
    for (int i = 0; i < 100; i++)
        buf_adds(&text, "]");
    buf_adds(&text, "}]}}");
    is = checked("sendRichMessage", text.data);
    assert_string_equal(is, "Bad Request: field \"text\" must be of type "
                            "something less deep");
    free(is);
    buf_release(&text);
}

static json_t *known_objects(void)
{
    return json_pack("{s:{s:i, s:b, s:s}, s:{s:i, s:s}}", "User", "id", 7,
                     "is_bot", 1, "first_name", "Moonpost", "Chat", "id", 1001,
                     "type", "private");
}

/* Every method there is gives a result of the type it declares. */
static void test_spec__results_have_their_type(void **state)
{
    json_t *known = known_objects(), *params, *entry;
    struct slice data = embedded_find(simulator_spec, "bot-api.json");
    json_t *document = json_loadb(data.p, data.n, 0, NULL);
    const char *name;
    int n = 0;

    (void)state;
    assert_non_null(document);
    params = json_pack("{s:i, s:i}", "chat_id", 1001, "message_id", 5);
    json_object_foreach(json_object_get(document, "methods"), name, entry)
    {
        const char *type = json_string_value(
            json_array_get(json_object_get(entry, "returns"), 0));
        json_t *result =
            spec_result(spec, spec_method(spec, name), params, known);
        struct err err = ERR_INIT;

        if (!spec_is(spec, type, result, &err))
            fail_msg("%s: %s", name, err.text);
        json_decref(result);
        n++;
    }
    assert_int_equal(n, 185);
    json_decref(document);
    json_decref(params);
    json_decref(known);
}

static void test_spec__results_agree_with_params(void **state)
{
    json_t *known = known_objects();
    json_t *params = json_pack("{s:i, s:s, s:i}", "chat_id", 1001, "emoji", "🎯",
                               "message_id", 9);
    json_t *m = spec_result(spec, spec_method(spec, "sendDice"), params, known);

    (void)state;
    assert_int_equal(json_integer_value(
                         json_object_get(json_object_get(m, "chat"), "id")),
                     1001);
    assert_int_equal(json_integer_value(json_object_get(m, "message_id")), 9);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(m, "dice"), "emoji")),
        "🎯");
    json_decref(m);
    json_object_set_new(params, "inline_message_id", json_string("x"));
    m = spec_result(spec, spec_method(spec, "editMessageText"), params, known);
    assert_true(json_is_true(m));
    json_decref(m);
    json_decref(params);
    json_decref(known);
}

/* What is sent is not always what comes back. */
static void test_spec__results_are_not_input_types(void **state)
{
    json_t *known = known_objects();
    json_t *params = json_loads(
        "{\"chat_id\":1001,\"business_connection_id\":\"b\",\"checklist\":"
        "{\"title\":\"t\",\"parse_mode\":\"HTML\",\"tasks\":[]}}",
        0, NULL);
    json_t *m =
        spec_result(spec, spec_method(spec, "sendChecklist"), params, known);
    struct err err = ERR_INIT;

    (void)state;
    if (!spec_is(spec, "Message", m, &err))
        fail_msg("%s", err.text);
    assert_non_null(json_object_get(m, "checklist"));
    json_decref(m);
    json_decref(params);
    json_decref(known);
}

static void test_spec__is(void **state)
{
    static const struct {
        const char *type, *value, *why; /* why NULL: it is */
    } cases[] = {
        { "User", "{\"id\":1,\"is_bot\":false,\"first_name\":\"A\"}", NULL },
        { "User", "{\"id\":1,\"is_bot\":false}", "User.first_name is missing" },
        { "User", "{\"id\":\"1\",\"is_bot\":false,\"first_name\":\"A\"}",
          "User.id is not of type Integer" },
        { "User", "{\"id\":1,\"is_bot\":false,\"first_name\":\"A\",\"age\":3}",
          "User.age: User has no such field" },
        { "Array of User", "[3]", "Array of User[0] is not of type User" },
        { "Array of User", "{}", "Array of User is not of type Array of User" },
        { "ChatMember",
          "{\"status\":\"member\",\"user\":"
          "{\"id\":1,\"is_bot\":false,\"first_name\":\"A\"}}",
          NULL },
        { "ChatMember", "{\"status\":\"boss\"}",
          "ChatMember is not of type ChatMember" },
        { "MaybeInaccessibleMessage",
          "{\"message_id\":1,\"date\":5,\"text\":\"a\","
          "\"chat\":{\"id\":1,\"type\":\"private\"}}",
          NULL },
        { "RichText", "[\"a\",{\"type\":\"bold\",\"text\":\"b\"}]", NULL },
        { "Nothing", "{\"a\":1}", "Nothing.a: Nothing has no such field" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *value = json_loads(cases[i].value, 0, NULL);
        struct err err = ERR_INIT;

        assert_non_null(value);
        assert_int_equal(spec_is(spec, cases[i].type, value, &err),
                         !cases[i].why);
        assert_string_equal(err.text, cases[i].why ? cases[i].why : "");
        json_decref(value);
    }
}

static int add_fault(struct faults *faults, const char *text, struct err *err)
{
    json_t *body = json_loads(text, 0, NULL);
    int id = faults_add(faults, body, err);

    json_decref(body);
    return id;
}

static void test_faults__match_counts_down(void **state)
{
    struct faults *faults = faults_new();
    struct err err = ERR_INIT;
    struct fault f;
    json_t *list;

    (void)state;
    assert_int_equal(add_fault(faults,
                               "{\"method\":\"sendmessage\",\"kind\":\"error\","
                               "\"status\":429,\"retry_after\":3,\"times\":2}",
                               &err),
                     1);
    assert_int_equal(
        add_fault(faults,
                  "{\"method\":\"*\",\"kind\":\"delay\",\"ms\":5,\"times\":-1}",
                  &err),
        2);
    list = faults_list(faults);
    assert_int_equal(json_array_size(list), 2);
    json_decref(list);
    f = faults_match(faults, "sendMessage");
    assert_int_equal(f.kind, FAULT_ERROR);
    assert_int_equal(f.status, 429);
    assert_string_equal(f.description, "Too Many Requests: retry after 3");
    assert_int_equal(faults_match(faults, "getMe").kind, FAULT_DELAY);
    assert_int_equal(faults_match(faults, "SendMessage").kind, FAULT_ERROR);
    f = faults_match(faults, "sendMessage");
    assert_int_equal(f.kind, FAULT_DELAY);
    assert_int_equal(f.ms, 5);
    assert_false(faults_remove(faults, 1));
    assert_true(faults_remove(faults, 2));
    assert_int_equal(faults_match(faults, "getMe").kind, FAULT_NONE);
    faults_free(faults);
}

static void test_faults__bad_bodies(void **state)
{
    static const char *const bad[] = {
        "{}",
        "{\"kind\":\"error\"}",
        "{\"kind\":\"error\",\"method\":\"\"}",
        "{\"kind\":\"explode\",\"method\":\"*\"}",
        "{\"kind\":\"error\",\"method\":\"*\",\"status\":200}",
        "{\"kind\":\"drop\",\"method\":\"*\",\"times\":0}",
        "{\"kind\":\"delay\",\"method\":\"*\",\"ms\":-1}",
        "[]",
    };
    struct faults *faults = faults_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;

        assert_int_equal(add_fault(faults, bad[i], &err), 0);
        assert_int_equal(err.kind, ERR_USAGE);
    }
    assert_int_equal(faults_match(faults, "getMe").kind, FAULT_NONE);
    faults_free(faults);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spec__methods),
        cmocka_unit_test(test_spec__check),
        cmocka_unit_test(test_spec__deep_values_are_refused),
        cmocka_unit_test(test_spec__results_have_their_type),
        cmocka_unit_test(test_spec__results_agree_with_params),
        cmocka_unit_test(test_spec__results_are_not_input_types),
        cmocka_unit_test(test_spec__is),
        cmocka_unit_test(test_faults__match_counts_down),
        cmocka_unit_test(test_faults__bad_bodies),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
