/* test_simulator_chats.c - members and rights, chats, pins, topics, commands. */
#include "sim_test.h"

static json_t *in_chat(const char *method, int64_t chat)
{
    return call(method, json_pack("{s:I}", "chat_id", (json_int_t)chat));
}

static json_t *about(const char *method, int64_t chat, int user)
{
    return call(method, json_pack("{s:I, s:i}", "chat_id", (json_int_t)chat,
                                  "user_id", user));
}

static const char *status_of(int64_t chat, int user)
{
    return str(ok(about("getChatMember", chat, user)), "status");
}

static void test_chats__members(void **state)
{
    json_t *list;

    (void)state;
    assert_string_equal(status_of(GROUP, 1003), "creator");
    assert_string_equal(status_of(GROUP, 1001), "member");
    assert_string_equal(status_of(GROUP, 1), "member");
    assert_string_equal(status_of(CHANNEL, 1), "administrator");
    assert_string_equal(status_of(1001, 1001), "member");
    fails(about("getChatMember", GROUP, 4242), 400,
          "Bad Request: user not found");
    fails(about("getChatMember", 1001, 1002), 400,
          "Bad Request: member not found");
    fails(about("getChatMember", -5, 1001), 400, "Bad Request: chat not found");
    person("person", json_pack("{s:i, s:s}", "id", 1500, "first_name", "Dora"));
    assert_string_equal(status_of(GROUP, 1500), "left");
    list = ok(in_chat("getChatAdministrators", GROUP));
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(str(json_array_get(list, 0), "status"), "creator");
    assert_int_equal(json_integer_value(
                         ok(in_chat("getChatMemberCount", GROUP))),
                     4);
    fails(in_chat("getChatAdministrators", 1001), 400,
          "Bad Request: there are no administrators in the private chat");
}

static void test_chats__rights_are_needed(void **state)
{
    (void)state;
    fails(about("banChatMember", GROUP, 1002), 400,
          "Bad Request: not enough rights to restrict/unrestrict chat member");
    fails(about("promoteChatMember", FORUM, 1002), 400,
          "Bad Request: not enough rights to promote a chat member");
    fails(call("setChatTitle",
               json_pack("{s:i, s:s}", "chat_id", GROUP, "title", "x")),
          400, "Bad Request: not enough rights to change chat title");
    alice_says(GROUP, "pin me");
    fails(call("pinChatMessage",
               json_pack("{s:i, s:i}", "chat_id", GROUP, "message_id", 1)),
          400,
          "Bad Request: not enough rights to manage pinned messages in the "
          "chat");
    fails(call("createForumTopic", json_pack("{s:I, s:s}", "chat_id",
                                             (json_int_t)FORUM, "name", "x")),
          400, "Bad Request: not enough rights to manage topics");
    /* an administrator without that right has not got it */
    person("member",
           json_pack("{s:i, s:i, s:s, s:b}", "chat", GROUP, "user", 1, "status",
                     "administrator", "can_restrict_members", 0));
    fails(about("banChatMember", GROUP, 1002), 400,
          "Bad Request: not enough rights to restrict/unrestrict chat member");
}

static void test_chats__ban_and_unban(void **state)
{
    json_t *updates;

    (void)state;
    call("getMe", NULL);
    promote_bot();
    ok(call("getUpdates",
            json_pack("{s:i, s:[s, s]}", "offset", -1, "allowed_updates",
                      "message", "chat_member")));
    fails(about("banChatMember", GROUP, 1003), 400,
          "Bad Request: can't remove chat owner");
    ok(about("banChatMember", GROUP, 1002));
    assert_string_equal(status_of(GROUP, 1002), "kicked");
    updates = poll(102);
    assert_int_equal(json_array_size(updates), 2);
    assert_int_equal(num(json_object_get(update_at(updates, 0, "message"),
                                         "left_chat_member"),
                         "id"),
                     1002);
    assert_string_equal(str(json_object_get(update_at(updates, 1,
                                                      "chat_member"),
                                            "new_chat_member"),
                            "status"),
                        "kicked");
    request("sim/join", json_pack("{s:i, s:i}", "as", 1002, "chat", GROUP));
    assert_int_equal(sim.status, 400); /* banned */
    ok(about("unbanChatMember", GROUP, 1002));
    assert_string_equal(status_of(GROUP, 1002), "left");
    person("join", json_pack("{s:i, s:i}", "as", 1002, "chat", GROUP));
    assert_string_equal(status_of(GROUP, 1002), "member");
}

static void test_chats__restrict_and_promote(void **state)
{
    json_t *m;

    (void)state;
    call("getMe", NULL);
    promote_bot();
    person("member",
           json_pack("{s:I, s:i, s:s, s:b}", "chat", (json_int_t)FORUM, "user",
                     1, "status", "administrator", "can_promote_members", 1));
    ok(call("restrictChatMember",
            json_pack("{s:I, s:i, s:{s:b}, s:i}", "chat_id", (json_int_t)FORUM,
                      "user_id", 1001, "permissions", "can_send_photos", 1,
                      "until_date", 2000000000)));
    m = ok(about("getChatMember", FORUM, 1001));
    assert_string_equal(str(m, "status"), "restricted");
    assert_true(json_is_false(json_object_get(m, "can_send_messages")));
    assert_true(json_is_true(json_object_get(m, "can_send_photos")));
    assert_int_equal(num(m, "until_date"), 2000000000);
    request("sim/send", json_pack("{s:i, s:I, s:s}", "as", 1001, "chat",
                                  (json_int_t)FORUM, "text", "x"));
    assert_int_equal(sim.status, 400);
    ok(call("promoteChatMember",
            json_pack("{s:I, s:i, s:b}", "chat_id", (json_int_t)FORUM,
                      "user_id", 1002, "can_pin_messages", 1)));
    m = ok(about("getChatMember", FORUM, 1002));
    assert_string_equal(str(m, "status"), "administrator");
    assert_true(json_is_true(json_object_get(m, "can_pin_messages")));
    assert_true(json_is_false(json_object_get(m, "can_restrict_members")));
    fails(about("banChatMember", FORUM, 1002), 400,
          "Bad Request: user is an administrator of the chat");
    ok(about("promoteChatMember", FORUM, 1002)); /* nothing granted: demoted */
    assert_string_equal(status_of(FORUM, 1002), "member");
}

static void test_chats__the_bot_comes_and_goes(void **state)
{
    json_t *updates;

    (void)state;
    call("getMe", NULL);
    person("member", json_pack("{s:i, s:i, s:s}", "chat", GROUP, "user", 1,
                               "status", "kicked"));
    alice_says(1001, "still here");
    person("send", json_pack("{s:i, s:i, s:s}", "as", 1001, "chat", GROUP,
                             "text", "not for it"));
    updates = poll(0);
    assert_int_equal(json_array_size(updates), 2);
    assert_string_equal(str(json_object_get(update_at(updates, 0,
                                                      "my_chat_member"),
                                            "new_chat_member"),
                            "status"),
                        "kicked");
    update_at(updates, 1, "message");
    ok(in_chat("leaveChat", FORUM));
    fails(in_chat("getChat", FORUM), 403,
          "Forbidden: bot is not a member of the supergroup chat");
    person("member", json_pack("{s:i, s:i, s:s}", "chat", 1001, "user", 1,
                               "status", "kicked"));
    updates = poll(102);
    assert_string_equal(
        str(json_object_get(update_at(updates, json_array_size(updates) - 1,
                                      "my_chat_member"),
                            "new_chat_member"),
            "status"),
        "kicked");
}

static void test_chats__title_and_pins(void **state)
{
    json_t *chat, *updates;

    (void)state;
    call("getMe", NULL);
    promote_bot();
    alice_says(GROUP, "pin me");
    poll(-1);
    ok(call("setChatTitle",
            json_pack("{s:i, s:s}", "chat_id", GROUP, "title", "Orchard")));
    ok(call("setChatDescription",
            json_pack("{s:i, s:s}", "chat_id", GROUP, "description", "Trees")));
    fails(call("setChatDescription", json_pack("{s:i, s:s}", "chat_id", GROUP,
                                               "description", "Trees")),
          400, "Bad Request: chat description is not modified");
    ok(call("pinChatMessage",
            json_pack("{s:i, s:i}", "chat_id", GROUP, "message_id", 1)));
    fails(call("pinChatMessage",
               json_pack("{s:i, s:i}", "chat_id", GROUP, "message_id", 99)),
          400, "Bad Request: message to pin not found");
    chat = ok(in_chat("getChat", GROUP));
    assert_string_equal(str(chat, "title"), "Orchard");
    assert_string_equal(str(chat, "description"), "Trees");
    assert_string_equal(str(json_object_get(chat, "pinned_message"), "text"),
                        "pin me");
    updates = poll(103); /* the bot hears of its own title and pin */
    assert_int_equal(json_array_size(updates), 2);
    assert_string_equal(str(update_at(updates, 0, "message"), "new_chat_title"),
                        "Orchard");
    ok(in_chat("unpinAllChatMessages", GROUP));
    assert_null(
        json_object_get(ok(in_chat("getChat", GROUP)), "pinned_message"));
}

static json_t *topic(const char *method, int64_t thread)
{
    return call(method, json_pack("{s:I, s:I}", "chat_id", (json_int_t)FORUM,
                                  "message_thread_id", (json_int_t)thread));
}

static json_t *send_to_thread(int64_t thread)
{
    return call("sendMessage",
                json_pack("{s:I, s:s, s:I}", "chat_id", (json_int_t)FORUM,
                          "text", "x", "message_thread_id",
                          (json_int_t)thread));
}

static void test_chats__topics(void **state)
{
    int64_t id;
    json_t *m;

    (void)state;
    call("getMe", NULL);
    promote_bot();
    id = num(ok(call("createForumTopic",
                     json_pack("{s:I, s:s}", "chat_id", (json_int_t)FORUM,
                               "name", "Metal"))),
             "message_thread_id");
    ok(send_to_thread(id));
    ok(topic("closeForumTopic", id));
    fails(topic("closeForumTopic", id), 400, "Bad Request: TOPIC_NOT_MODIFIED");
    ok(topic("reopenForumTopic", id));
    ok(topic("deleteForumTopic", id));
    fails(send_to_thread(id), 400, "Bad Request: message thread not found");
    fails(call("createForumTopic",
               json_pack("{s:i, s:s}", "chat_id", GROUP, "name", "x")),
          400, "Bad Request: the chat is not a forum");
    m = json_object_get(person("send",
                               json_pack("{s:i, s:I, s:s, s:i}", "as", 1001,
                                         "chat", (json_int_t)FORUM, "text",
                                         "in Wood", "thread", 3)),
                        "message");
    assert_int_equal(num(m, "message_thread_id"), 3);
}

static json_t *commands(const char *scope, const char *language)
{
    return ok(
        call("getMyCommands", json_pack("{s:{s:s}, s:s}", "scope", "type",
                                        scope, "language_code", language)));
}

static void test_chats__commands(void **state)
{
    (void)state;
    ok(call("setMyCommands",
            json_pack("{s:[{s:s, s:s}]}", "commands", "command", "start",
                      "description", "Begin")));
    ok(call("setMyCommands",
            json_pack("{s:[{s:s, s:s}], s:{s:s}, s:s}", "commands", "command",
                      "hilfe", "description", "Hilfe", "scope", "type",
                      "all_private_chats", "language_code", "de")));
    assert_string_equal(str(json_array_get(commands("default", ""), 0),
                            "command"),
                        "start");
    assert_int_equal(json_array_size(commands("all_private_chats", "")), 0);
    assert_string_equal(
        str(json_array_get(commands("all_private_chats", "de"), 0), "command"),
        "hilfe");
    fails(call("setMyCommands",
               json_pack("{s:[{s:s, s:s}]}", "commands", "command", "Start!",
                         "description", "x")),
          400, "Bad Request: BOT_COMMAND_INVALID");
    ok(call("deleteMyCommands", NULL));
    assert_int_equal(json_array_size(commands("default", "")), 0);
}

static void test_chats__migration(void **state)
{
    json_t *answer, *updates;
    int64_t to;

    (void)state;
    call("getMe", NULL);
    to = num(json_object_get(person("migrate",
                                    json_pack("{s:i}", "chat", GROUP)),
                             "chat"),
             "id");
    assert_true(to < -1000000000000);
    updates = poll(0);
    assert_int_equal(num(update_at(updates, 0, "message"),
                         "migrate_to_chat_id"),
                     to);
    assert_int_equal(num(update_at(updates, 1, "message"),
                         "migrate_from_chat_id"),
                     GROUP);
    answer = call("sendMessage",
                  json_pack("{s:i, s:s}", "chat_id", GROUP, "text", "x"));
    fails(answer, 400,
          "Bad Request: group chat was upgraded to a supergroup chat");
    assert_int_equal(num(json_object_get(answer, "parameters"),
                         "migrate_to_chat_id"),
                     to);
    ok(call("sendMessage",
            json_pack("{s:I, s:s}", "chat_id", (json_int_t)to, "text", "x")));
    assert_string_equal(status_of(to, 1003), "creator");
}

static void test_chats__channel(void **state)
{
    json_t *post;

    (void)state;
    call("getMe", NULL);
    person("send", json_pack("{s:i, s:I, s:s}", "as", 1003, "chat",
                             (json_int_t)CHANNEL, "text", "news"));
    post = update_at(poll(0), 0, "channel_post");
    assert_null(json_object_get(post, "from"));
    assert_int_equal(num(json_object_get(post, "sender_chat"), "id"), CHANNEL);
    request("sim/send", json_pack("{s:i, s:I, s:s}", "as", 1001, "chat",
                                  (json_int_t)CHANNEL, "text", "x"));
    assert_int_equal(sim.status, 400); /* Alice only reads */
    post = ok(call("sendMessage", json_pack("{s:I, s:s}", "chat_id",
                                            (json_int_t)CHANNEL, "text", "b")));
    ok(call("editMessageText",
            json_pack("{s:I, s:I, s:s}", "chat_id", (json_int_t)CHANNEL,
                      "message_id", (json_int_t)num(post, "message_id"), "text",
                      "c")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_chats__members),
        TEST(test_chats__rights_are_needed),
        TEST(test_chats__ban_and_unban),
        TEST(test_chats__restrict_and_promote),
        TEST(test_chats__the_bot_comes_and_goes),
        TEST(test_chats__title_and_pins),
        TEST(test_chats__topics),
        TEST(test_chats__commands),
        TEST(test_chats__migration),
        TEST(test_chats__channel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
