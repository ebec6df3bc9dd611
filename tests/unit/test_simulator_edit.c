/* test_simulator_edit.c - edits, deletions, and answers to queries. */
#include "sim_test.h"

static const char not_modified[] =
    "Bad Request: message is not modified: specified new message content and "
    "reply markup are exactly the same as a current content and reply markup "
    "of the message";

static int64_t sent(int64_t chat, const char *text)
{
    return num(ok(call("sendMessage",
                       json_pack("{s:I, s:s, s:{s:[[{s:s, s:s}]]}}", "chat_id",
                                 (json_int_t)chat, "text", text, "reply_markup",
                                 "inline_keyboard", "text", "Go",
                                 "callback_data", "go"))),
               "message_id");
}

static json_t *edit(int64_t id, const char *text)
{
    return call("editMessageText",
                json_pack("{s:i, s:I, s:s, s:s}", "chat_id", 1001, "message_id",
                          (json_int_t)id, "text", text, "parse_mode", "HTML"));
}

static void test_edit__text(void **state)
{
    int64_t id = sent(1001, "old");
    json_t *m;

    (void)state;
    m = ok(edit(id, "<b>new</b>"));
    assert_string_equal(str(m, "text"), "new");
    assert_non_null(json_object_get(m, "entities"));
    assert_true(num(m, "edit_date") > 0);
    assert_null(json_object_get(m, "reply_markup")); /* not given: gone */
    fails(edit(id, "<b>new</b>"), 400, not_modified);
    ok(edit(id, "new")); /* the entities differ */
    fails(edit(id, ""), 400, "Bad Request: message text is empty");
    fails(edit(999, "x"), 400, "Bad Request: message to edit not found");
    alice_says(1001, "mine");
    fails(edit(id + 1, "x"), 400, "Bad Request: message can't be edited");
}

static void test_edit__markup_and_caption(void **state)
{
    int64_t id = sent(1001, "text");
    json_t *m;

    (void)state;
    m = ok(call("editMessageReplyMarkup",
                json_pack("{s:i, s:I}", "chat_id", 1001, "message_id",
                          (json_int_t)id)));
    assert_null(json_object_get(m, "reply_markup"));
    fails(call("editMessageReplyMarkup",
               json_pack("{s:i, s:I}", "chat_id", 1001, "message_id",
                         (json_int_t)id)),
          400, not_modified);
    fails(call("editMessageCaption",
               json_pack("{s:i, s:I, s:s}", "chat_id", 1001, "message_id",
                         (json_int_t)id, "caption", "x")),
          400, "Bad Request: there is no caption in the message to edit");
    id = num(ok(call("sendPhoto", json_pack("{s:i, s:s}", "chat_id", 1001,
                                            "photo", "http://127.0.0.1/a"))),
             "message_id");
    m = ok(call("editMessageCaption",
                json_pack("{s:i, s:I, s:s}", "chat_id", 1001, "message_id",
                          (json_int_t)id, "caption", "now")));
    assert_string_equal(str(m, "caption"), "now");
    fails(edit(id, "x"), 400,
          "Bad Request: there is no text in the message to edit");
    m = ok(call("editMessageMedia",
                json_pack("{s:i, s:I, s:{s:s, s:s}}", "chat_id", 1001,
                          "message_id", (json_int_t)id, "media", "type",
                          "document", "media", "http://127.0.0.1/b.txt")));
    assert_null(json_object_get(m, "photo"));
    assert_null(json_object_get(m, "caption"));
    assert_non_null(json_object_get(m, "document"));
}

static json_t *remove_message(int64_t chat, int64_t id)
{
    return call("deleteMessage",
                json_pack("{s:I, s:I}", "chat_id", (json_int_t)chat,
                          "message_id", (json_int_t)id));
}

static void test_edit__delete(void **state)
{
    int64_t id = sent(1001, "x");
    json_t *list;

    (void)state;
    ok(remove_message(1001, id));
    fails(remove_message(1001, id), 400,
          "Bad Request: message to delete not found");
    fails(edit(id, "x"), 400, "Bad Request: message to edit not found");
    list = json_object_get(request("sim/messages?chat=1001", NULL), "messages");
    assert_true(
        json_is_true(json_object_get(json_array_get(list, 0), "deleted")));
    alice_says(GROUP, "mine");
    fails(remove_message(GROUP, 1), 400,
          "Bad Request: message can't be deleted for everyone");
    promote_bot();
    ok(remove_message(GROUP, 1));
    id = sent(1001, "a");
    sent(1001, "b");
    ok(call("deleteMessages",
            json_pack("{s:i, s:[I, I, i]}", "chat_id", 1001, "message_ids",
                      (json_int_t)id, (json_int_t)id + 1, 999)));
    fails(edit(id + 1, "x"), 400, "Bad Request: message to edit not found");
}

static void test_edit__press_and_answer(void **state)
{
    int64_t id = sent(GROUP, "press");
    struct http_op *op;
    json_t *query, *answer;

    (void)state;
    op = start("sim/press",
               json_pack("{s:i, s:i, s:I, s:s, s:i}", "as", 1002, "chat", GROUP,
                         "message_id", (json_int_t)id, "data", "go", "wait_ms",
                         5000));
    query = update_at(ok(call("getUpdates", json_pack("{s:i}", "timeout", 5))),
                      0, "callback_query");
    assert_string_equal(str(query, "data"), "go");
    assert_int_equal(num(json_object_get(query, "from"), "id"), 1002);
    assert_int_equal(num(json_object_get(query, "message"), "message_id"), id);
    ok(call("answerCallbackQuery",
            json_pack("{s:s, s:s, s:b}", "callback_query_id", str(query, "id"),
                      "text", "Done", "show_alert", 1)));
    answer = json_object_get(finish(op), "answer");
    assert_string_equal(str(answer, "text"), "Done");
    assert_true(json_is_true(json_object_get(answer, "show_alert")));
    fails(call("answerCallbackQuery",
               json_pack("{s:s}", "callback_query_id", str(query, "id"))),
          400,
          "Bad Request: query is too old and response timeout expired or query "
          "ID is invalid");
    request("sim/press",
            json_pack("{s:i, s:i, s:I, s:s}", "as", 1002, "chat", GROUP,
                      "message_id", (json_int_t)id, "data", "other"));
    assert_int_equal(sim.status, 400);
}

static void test_edit__inline_query(void **state)
{
    struct http_op *op;
    json_t *query, *results, *m;
    const char *id;

    (void)state;
    call("getMe", NULL);
    op =
        start("sim/inline", json_pack("{s:i, s:s}", "as", 1001, "query", "ca"));
    query = update_at(ok(call("getUpdates", json_pack("{s:i}", "timeout", 5))),
                      0, "inline_query");
    assert_string_equal(str(query, "query"), "ca");
    id = str(query, "id");
    ok(call("answerInlineQuery",
            json_pack("{s:s, s:[{s:s, s:s, s:s, s:{s:s, s:s}}]}",
                      "inline_query_id", id, "results", "type", "article", "id",
                      "r1", "title", "Cat", "input_message_content",
                      "message_text", "<i>cat</i>", "parse_mode", "HTML")));
    results = json_object_get(finish(op), "results");
    assert_int_equal(json_array_size(results), 1);
    m = json_object_get(person("pick",
                               json_pack("{s:i, s:i, s:s, s:s}", "as", 1001,
                                         "chat", GROUP, "inline_query_id", id,
                                         "result_id", "r1")),
                        "message");
    assert_string_equal(str(m, "text"), "cat");
    assert_int_equal(num(json_object_get(m, "via_bot"), "id"), 1);
    m = poll(101);
    update_at(m, 0, "message");
    update_at(m, 1, "chosen_inline_result");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_edit__text),         TEST(test_edit__markup_and_caption),
        TEST(test_edit__delete),       TEST(test_edit__press_and_answer),
        TEST(test_edit__inline_query),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
