/* test_simulator_send.c - tokens and methods, sendMessage and its errors, files. */
#include "sim_test.h"

static json_t *send_to(int64_t chat, const char *text)
{
    return call("sendMessage", json_pack("{s:I, s:s}", "chat_id",
                                         (json_int_t)chat, "text", text));
}

static void test_send__tokens_and_methods(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *description;
    } cases[] = {
        { "bot1:invalid/getMe", 401, "Unauthorized" },
        { "bot1/getMe", 404, "Not Found" },
        { "bot:x/getMe", 404, "Not Found" },
        { "bot1:/getMe", 404, "Not Found" },
        { "botx:y/getMe", 404, "Not Found" },
        { "bot1:x", 404, "Not Found" },
        { "bot1001:x/getMe", 401, "Unauthorized" }, /* Alice is no bot */
        { "bot1:x/getYou", 404, "Not Found: method not found" },
        { "bot1:x/", 404, "Not Found: method not found" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        fails(request(cases[i].path, NULL), cases[i].status,
              cases[i].description);
    assert_int_equal(num(ok(request("bot7%3Axy/GETME", NULL)), "id"), 7);
    assert_string_equal(str(ok(request("bot7:xy/getMe", NULL)), "username"),
                        "moonpost_7_bot");
}

static void test_send__text(void **state)
{
    json_t *m, *entity;

    (void)state;
    m = ok(
        call("sendMessage", json_pack("{s:s, s:s, s:s, s:b}", "chat_id", "1001",
                                      "text", "😀 <b>bold</b>", "parse_mode",
                                      "HTML", "protect_content", 1)));
    assert_string_equal(str(m, "text"), "😀 bold");
    entity = json_array_get(json_object_get(m, "entities"), 0);
    assert_int_equal(num(entity, "offset"), 3); /* in UTF-16 */
    assert_int_equal(num(entity, "length"), 4);
    assert_true(json_is_true(json_object_get(m, "has_protected_content")));
    assert_int_equal(num(json_object_get(m, "from"), "id"), 1);
    assert_int_equal(num(json_object_get(m, "chat"), "id"), 1001);
    assert_int_equal(num(ok(send_to(1001, "next")), "message_id"),
                     num(m, "message_id") + 1);
    /* the bot does not hear itself */
    assert_int_equal(json_array_size(poll(0)), 0);
}

static void test_send__bad_text(void **state)
{
    char *text = xalloc(4098);

    (void)state;
    fails(send_to(1001, ""), 400, "Bad Request: message text is empty");
    fails(send_to(1001, "  \n "), 400, "Bad Request: message text is empty");
    fails(call("sendMessage", json_pack("{s:i}", "chat_id", 1001)), 400,
          "Bad Request: message text is empty");
    memset(text, 'a', 4097);
    fails(send_to(1001, text), 400, "Bad Request: message is too long");
    text[4096] = '\0';
    ok(send_to(1001, text));
    fails(call("sendMessage", json_pack("{s:i, s:s, s:s}", "chat_id", 1001,
                                        "text", "<b>x", "parse_mode", "HTML")),
          400,
          "Bad Request: can't parse entities: Can't find end tag "
          "corresponding to start tag \"b\"");
    free(text);
}

static void test_send__where_it_cannot(void **state)
{
    (void)state;
    fails(send_to(-5, "x"), 400, "Bad Request: chat not found");
    fails(call("sendMessage",
               json_pack("{s:s, s:s}", "chat_id", "@nowhere", "text", "x")),
          400, "Bad Request: chat not found");
    fails(call("sendMessage", json_pack("{s:s}", "text", "x")), 400,
          "Bad Request: chat_id is empty");
    person("person", json_pack("{s:i, s:s}", "id", 1500, "first_name", "Dora"));
    fails(send_to(1500, "x"), 403,
          "Forbidden: bot can't initiate conversation with a user");
    person("send", json_pack("{s:i, s:i, s:s}", "as", 1500, "chat", 1500,
                             "text", "hello"));
    ok(send_to(1500, "now it can"));
    person("member", json_pack("{s:i, s:i, s:s}", "chat", 1001, "user", 1,
                               "status", "kicked"));
    fails(send_to(1001, "x"), 403, "Forbidden: bot was blocked by the user");
    person("member", json_pack("{s:i, s:i, s:s}", "chat", 1001, "user", 1,
                               "status", "member"));
    ok(send_to(1001, "x"));
    person("member", json_pack("{s:i, s:i, s:s}", "chat", GROUP, "user", 1,
                               "status", "left"));
    fails(send_to(GROUP, "x"), 403,
          "Forbidden: bot is not a member of the group chat");
    person("member", json_pack("{s:I, s:i, s:s}", "chat", (json_int_t)FORUM,
                               "user", 1, "status", "kicked"));
    fails(send_to(FORUM, "x"), 403,
          "Forbidden: bot was kicked from the supergroup chat");
    person("member", json_pack("{s:I, s:i, s:s}", "chat", (json_int_t)CHANNEL,
                               "user", 1, "status", "member"));
    fails(send_to(CHANNEL, "x"), 400,
          "Bad Request: need administrator rights in the channel chat");
}

static void test_send__restricted(void **state)
{
    (void)state;
    call("getMe", NULL);
    person("member", json_pack("{s:I, s:i, s:s}", "chat", (json_int_t)FORUM,
                               "user", 1, "status", "restricted"));
    fails(send_to(FORUM, "x"), 400,
          "Bad Request: not enough rights to send text messages to the chat");
    person("member",
           json_pack("{s:I, s:i, s:s, s:b}", "chat", (json_int_t)FORUM, "user",
                     1, "status", "restricted", "can_send_messages", 1));
    ok(send_to(FORUM, "x"));
    fails(call("sendPhoto",
               json_pack("{s:I, s:s}", "chat_id", (json_int_t)FORUM, "photo",
                         "http://127.0.0.1/a.jpg")),
          400, "Bad Request: not enough rights to send photos to the chat");
}

static json_t *reply(int64_t chat, int64_t to, int leniently)
{
    return call("sendMessage",
                json_pack("{s:I, s:s, s:{s:I, s:b}}", "chat_id",
                          (json_int_t)chat, "text", "re", "reply_parameters",
                          "message_id", (json_int_t)to,
                          "allow_sending_without_reply", leniently));
}

static void test_send__replies_and_threads(void **state)
{
    int64_t first;
    json_t *m;

    (void)state;
    first = num(ok(send_to(1001, "one")), "message_id");
    m = json_object_get(ok(reply(1001, first, 0)), "reply_to_message");
    assert_string_equal(str(m, "text"), "one");
    fails(reply(1001, 999, 0), 400,
          "Bad Request: message to be replied not found");
    assert_null(json_object_get(ok(reply(1001, 999, 1)), "reply_to_message"));
    m = ok(call("sendMessage",
                json_pack("{s:I, s:s, s:i}", "chat_id", (json_int_t)FORUM,
                          "text", "in Tools", "message_thread_id", 2)));
    assert_int_equal(num(m, "message_thread_id"), 2);
    assert_true(json_is_true(json_object_get(m, "is_topic_message")));
    m = ok(reply(FORUM, num(m, "message_id"), 0)); /* stays in the topic */
    assert_int_equal(num(m, "message_thread_id"), 2);
    fails(call("sendMessage",
               json_pack("{s:I, s:s, s:i}", "chat_id", (json_int_t)FORUM,
                         "text", "x", "message_thread_id", 77)),
          400, "Bad Request: message thread not found");
}

static json_t *with_button(json_t *button)
{
    return call("sendMessage",
                json_pack("{s:i, s:s, s:{s:[[o]]}}", "chat_id", 1001, "text",
                          "x", "reply_markup", "inline_keyboard", button));
}

static void test_send__buttons(void **state)
{
    char data[66];
    json_t *m;

    (void)state;
    memset(data, 'd', 65);
    data[65] = '\0';
    fails(with_button(
              json_pack("{s:s, s:s}", "text", "x", "callback_data", data)),
          400, "Bad Request: BUTTON_DATA_INVALID");
    data[64] = '\0';
    ok(with_button(
        json_pack("{s:s, s:s}", "text", "x", "callback_data", data)));
    fails(with_button(json_pack("{s:s}", "text", "x")), 400,
          "Bad Request: can't parse inline keyboard button: Text buttons are "
          "unallowed in the inline keyboard");
    fails(with_button(json_pack("{s:s, s:s}", "text", "x", "url", "no url")),
          400,
          "Bad Request: inline keyboard button URL 'no url' is invalid: Wrong "
          "HTTP URL");
    /* reply keyboards are for people, not part of the Message */
    m = ok(call("sendMessage",
                json_pack("{s:i, s:s, s:{s:[[s]]}}", "chat_id", 1001, "text",
                          "x", "reply_markup", "keyboard", "Yes")));
    assert_null(json_object_get(m, "reply_markup"));
    m = json_object_get(request("sim/messages?chat=1001", NULL), "messages");
    m = json_array_get(m, json_array_size(m) - 1);
    assert_non_null(
        json_object_get(json_object_get(m, "reply_markup"), "keyboard"));
}

/* --- files ---------------------------------------------------------------------- */

static json_t *upload(const char *method, const struct http_part *parts,
                      size_t n)
{
    char url[200];
    struct http_request req = { .url = url, .form = http_form_new() };
    struct http_op *op;

    for (size_t i = 0; i < n; i++)
        http_form_add(req.form, &parts[i]);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/%s",
             simulator_port(sim.simulator), method);
    op = http_start(sim.http, &req);
    http_form_unref(req.form);
    return finish(op);
}

static void test_send__upload_and_download(void **state)
{
    struct http_part parts[] = {
        { .name = "chat_id", .data = slice_of("1001") },
        { .name = "caption", .data = slice_of("*look*") },
        { .name = "parse_mode", .data = slice_of("MarkdownV2") },
        { .name = "document",
          .data = slice_of("the bytes"),
          .filename = "a b.txt",
          .type = "text/plain" },
    };
    json_t *m, *document, *file, *calls;
    struct http_op *op;
    char path[100];

    (void)state;
    m = ok(upload("bot1:x/sendDocument", parts, ARRAY_LEN(parts)));
    assert_string_equal(str(m, "caption"), "look");
    document = json_object_get(m, "document");
    assert_string_equal(str(document, "file_name"), "a b.txt");
    assert_int_equal(num(document, "file_size"), 9);
    file = ok(call("getFile",
                   json_pack("{s:s}", "file_id", str(document, "file_id"))));
    snprintf(path, sizeof(path), "file/bot1:x/%s", str(file, "file_path"));
    op = start(path, NULL);
    op->op.done = stop_loop;
    loop_run(sim.loop);
    assert_int_equal(op->status, 200);
    assert_string_equal(op->body.data, "the bytes");
    op_free(&op->op);
    ok(call("sendDocument", json_pack("{s:i, s:s}", "chat_id", GROUP,
                                      "document", str(document, "file_id"))));
    calls = json_object_get(request("sim/calls?method=sendDocument", NULL),
                            "calls");
    document =
        json_object_get(json_object_get(json_array_get(calls, 0), "params"),
                        "document");
    assert_string_equal(str(document, "file_name"), "a b.txt");
    assert_int_equal(num(document, "size"), 9);
}

static void test_send__bad_files(void **state)
{
    struct http_part empty[] = {
        { .name = "chat_id", .data = slice_of("1001") },
        { .name = "photo", .data = slice_of(""), .filename = "a.jpg" },
    };

    (void)state;
    fails(upload("bot1:x/sendPhoto", empty, 2), 400,
          "Bad Request: file must be non-empty");
    fails(call("sendPhoto",
               json_pack("{s:i, s:s}", "chat_id", 1001, "photo", "nothing")),
          400, "Bad Request: wrong file identifier/HTTP URL specified");
    fails(call("getFile", json_pack("{s:s}", "file_id", "nothing")), 400,
          "Bad Request: invalid file_id");
}

static void test_send__album(void **state)
{
    json_t *list;

    (void)state;
    list =
        ok(call("sendMediaGroup",
                json_pack("{s:i, s:[{s:s, s:s, s:s}, {s:s, s:s}]}", "chat_id",
                          1001, "media", "type", "photo", "media",
                          "http://127.0.0.1/a.jpg", "caption", "first", "type",
                          "video", "media", "http://127.0.0.1/b.mp4")));
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(str(json_array_get(list, 0), "media_group_id"),
                        str(json_array_get(list, 1), "media_group_id"));
    assert_non_null(json_object_get(json_array_get(list, 1), "video"));
}

/* --- forwards and copies ----------------------------------------------------------- */

static json_t *again(const char *method, int64_t id)
{
    return call(method,
                json_pack("{s:i, s:i, s:I}", "chat_id", GROUP, "from_chat_id",
                          1001, "message_id", (json_int_t)id));
}

static void test_send__forward_and_copy(void **state)
{
    json_t *m;

    (void)state;
    call("getMe", NULL);
    alice_says(1001, "hello *there*");
    m = ok(again("forwardMessage", 1));
    assert_string_equal(str(m, "text"), "hello *there*");
    m = json_object_get(json_object_get(m, "forward_origin"), "sender_user");
    assert_int_equal(num(m, "id"), 1001);
    m = ok(again("copyMessage", 1));
    assert_int_equal(json_object_size(m), 1);
    assert_int_equal(num(m, "message_id"), 2);
    fails(again("forwardMessage", 9), 400,
          "Bad Request: message to forward not found");
    fails(again("copyMessage", 9), 400,
          "Bad Request: message to copy not found");
}

/* Methods without behaviour of their own: checked, and of the declared type. */
static void test_send__any_other_method(void **state)
{
    json_t *m;

    (void)state;
    m = ok(call("sendGame", json_pack("{s:i, s:s}", "chat_id", 1001,
                                      "game_short_name", "chess")));
    assert_int_equal(num(json_object_get(m, "chat"), "id"), 1001);
    ok(call("deleteMessage", /* it is in the chat */
            json_pack("{s:i, s:I}", "chat_id", 1001, "message_id",
                      (json_int_t)num(m, "message_id"))));
    fails(call("sendGame", json_pack("{s:i, s:s}", "chat_id", -77,
                                     "game_short_name", "chess")),
          400, "Bad Request: chat not found");
    call("sendGame", json_pack("{s:i}", "chat_id", 1001));
    assert_int_equal(sim.status, 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_send__tokens_and_methods),
        TEST(test_send__text),
        TEST(test_send__bad_text),
        TEST(test_send__where_it_cannot),
        TEST(test_send__restricted),
        TEST(test_send__replies_and_threads),
        TEST(test_send__buttons),
        TEST(test_send__upload_and_download),
        TEST(test_send__bad_files),
        TEST(test_send__album),
        TEST(test_send__forward_and_copy),
        TEST(test_send__any_other_method),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
