/* test_simulator_ephemeral.c - messages that one person of a group sees. */
#include "sim_test.h"

static json_t *whisper(int64_t chat, int64_t user, const char *query)
{
    json_t *params =
        json_pack("{s:I, s:s, s:{s:I}, s:{s:[[{s:s, s:s}]]}}", "chat_id",
                  (json_int_t)chat, "text", "psst",
                  "ephemeral_message_parameters", "receiver_user_id",
                  (json_int_t)user, "reply_markup", "inline_keyboard", "text",
                  "Go", "callback_data", "go");

    if (query)
        json_object_set_new(json_object_get(params,
                                            "ephemeral_message_parameters"),
                            "callback_query_id", json_string(query));
    return call("sendMessage", params);
}

static json_t *about(const char *method, int64_t user, int64_t id,
                     const char *text)
{
    json_t *params =
        json_pack("{s:i, s:I, s:I}", "chat_id", GROUP, "receiver_user_id",
                  (json_int_t)user, "ephemeral_message_id", (json_int_t)id);

    if (text)
        json_object_set_new(params, "text", json_string(text));
    return call(method, params);
}

static void test_ephemeral__needs_a_right_or_a_press(void **state)
{
    static const char no_right[] =
        "Bad Request: not enough rights to send ephemeral messages to the chat";
    json_t *m, *query;
    int64_t id;

    (void)state;
    ok(call("getMe", NULL));
    fails(whisper(1001, 1001, NULL), 400,
          "Bad Request: ephemeral messages can't be sent to the chat");
    fails(whisper(GROUP, 1002, NULL), 400, no_right);
    m = ok(call("sendMessage",
                json_pack("{s:i, s:s, s:{s:[[{s:s, s:s}]]}}", "chat_id", GROUP,
                          "text", "press", "reply_markup", "inline_keyboard",
                          "text", "Go", "callback_data", "go")));
    id = num(m, "message_id");
    person("press", json_pack("{s:i, s:i, s:I, s:s}", "as", 1002, "chat", GROUP,
                              "message_id", (json_int_t)id, "data", "go"));
    query = update_at(poll(0), 0, "callback_query");
    fails(whisper(GROUP, 1001, str(query, "id")), 400, no_right);
    ok(whisper(GROUP, 1002, str(query, "id")));
    promote_bot();
    ok(whisper(GROUP, 1001, NULL));
    fails(whisper(GROUP, 99, NULL), 400,
          "Bad Request: receiver user not found");
}

static void test_ephemeral__has_no_message_id(void **state)
{
    json_t *m, *seen;
    int64_t id;

    (void)state;
    ok(call("getMe", NULL));
    promote_bot();
    m = ok(whisper(GROUP, 1002, NULL));
    id = num(m, "ephemeral_message_id");
    assert_int_equal(num(m, "message_id"), 0);
    assert_int_equal(num(json_object_get(m, "receiver_user"), "id"), 1002);
    fails(call("editMessageText",
               json_pack("{s:i, s:I, s:s}", "chat_id", GROUP, "message_id",
                         (json_int_t)id, "text", "x")),
          400, "Bad Request: message to edit not found");
    fails(call("deleteMessage", json_pack("{s:i, s:I}", "chat_id", GROUP,
                                          "message_id", (json_int_t)id)),
          400, "Bad Request: message to delete not found");
    /* the page knows it by its number, and whose it is */
    seen =
        json_array_get(json_object_get(request("sim/messages?chat=-2001", NULL),
                                       "messages"),
                       0);
    assert_int_equal(num(seen, "message_id"), id);
    assert_int_equal(num(json_object_get(seen, "receiver_user"), "id"), 1002);
}

static void test_ephemeral__is_edited_and_deleted(void **state)
{
    const json_t *answer;
    int64_t id;

    (void)state;
    ok(call("getMe", NULL));
    promote_bot();
    id = num(ok(whisper(GROUP, 1002, NULL)), "ephemeral_message_id");
    answer = ok(about("editEphemeralMessageText", 1002, id, "new"));
    assert_true(json_is_true(answer));
    fails(about("editEphemeralMessageText", 1001, id, "x"), 400,
          "Bad Request: message to edit not found");
    answer = ok(about("deleteEphemeralMessage", 1002, id, NULL));
    assert_true(json_is_true(answer));
    fails(about("deleteEphemeralMessage", 1002, id, NULL), 400,
          "Bad Request: message to edit not found");
}

static void test_ephemeral__is_pressed_by_its_receiver(void **state)
{
    json_t *message, *updates;
    int64_t id;

    (void)state;
    ok(call("getMe", NULL));
    promote_bot();
    id = num(ok(whisper(GROUP, 1002, NULL)), "ephemeral_message_id");
    request("sim/press",
            json_pack("{s:i, s:i, s:I, s:s}", "as", 1001, "chat", GROUP,
                      "message_id", (json_int_t)id, "data", "go"));
    assert_int_equal(sim.status, 400);
    person("press", json_pack("{s:i, s:i, s:I, s:s}", "as", 1002, "chat", GROUP,
                              "message_id", (json_int_t)id, "data", "go"));
    updates = poll(0);
    message = json_object_get(update_at(updates, json_array_size(updates) - 1,
                                        "callback_query"),
                              "message");
    assert_int_equal(num(message, "message_id"), 0);
    assert_int_equal(num(message, "ephemeral_message_id"), id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ephemeral__needs_a_right_or_a_press),
        TEST(test_ephemeral__has_no_message_id),
        TEST(test_ephemeral__is_edited_and_deleted),
        TEST(test_ephemeral__is_pressed_by_its_receiver),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
