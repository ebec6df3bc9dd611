/* test_update.c - what an update is about, read from its text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "telegram/update.h"

static bool is(struct slice got, const char *wanted)
{
    return wanted ? got.p && slice_eq(got, wanted) : got.n == 0;
}

struct update_case {
    const char *text;
    enum update_kind kind;
    int64_t chat, user;
    const char *command, *bot, *args;
};

#define CHAT "\"chat\":{\"id\":-1001234567890123,\"type\":\"supergroup\"}"
#define FROM "\"from\":{\"id\":7,\"is_bot\":false,\"first_name\":\"A\"}"
#define BIG (-1001234567890123)

static const struct update_case updates[] = {
    { "{\"update_id\":1,\"message\":{\"message_id\":2," FROM "," CHAT
      ",\"date\":1,\"text\":\"hi\"}}",
      UPDATE_MESSAGE, BIG, 7, NULL, NULL, NULL },
    { "{\"update_id\":1,\"edited_message\":{" CHAT "," FROM
      ",\"text\":\"/start\"}}",
      UPDATE_EDITED_MESSAGE, BIG, 7, NULL, NULL, NULL },
    { "{\"update_id\":1,\"channel_post\":{" CHAT ",\"text\":\"/start\"}}",
      UPDATE_CHANNEL_POST, BIG, 0, "start", NULL, NULL },
    { "{\"update_id\":1,\"edited_channel_post\":{" CHAT "}}",
      UPDATE_EDITED_CHANNEL_POST, BIG, 0, NULL, NULL, NULL },
    { "{\"update_id\":1,\"business_connection\":{\"id\":\"b\",\"user\":{"
      "\"id\":9},\"user_chat_id\":9,\"is_enabled\":true}}",
      UPDATE_BUSINESS_CONNECTION, 0, 9, NULL, NULL, NULL },
    { "{\"update_id\":1,\"business_message\":{" CHAT "," FROM
      ",\"text\":\"/a b\"}}",
      UPDATE_BUSINESS_MESSAGE, BIG, 7, "a", NULL, "b" },
    { "{\"update_id\":1,\"deleted_business_messages\":{" CHAT
      ",\"message_ids\":[1,2]}}",
      UPDATE_DELETED_BUSINESS_MESSAGES, BIG, 0, NULL, NULL, NULL },
    { "{\"update_id\":1,\"message_reaction\":{" CHAT
      ",\"message_id\":3,\"user\":{\"id\":8},\"date\":1}}",
      UPDATE_MESSAGE_REACTION, BIG, 8, NULL, NULL, NULL },
    { "{\"update_id\":1,\"message_reaction_count\":{" CHAT "}}",
      UPDATE_MESSAGE_REACTION_COUNT, BIG, 0, NULL, NULL, NULL },
    { "{\"update_id\":1,\"inline_query\":{\"id\":\"1\"," FROM
      ",\"query\":\"/start\"}}",
      UPDATE_INLINE_QUERY, 0, 7, NULL, NULL, NULL },
    { "{\"update_id\":1,\"chosen_inline_result\":{" FROM "}}",
      UPDATE_CHOSEN_INLINE_RESULT, 0, 7, NULL, NULL, NULL },
    { "{\"update_id\":1,\"callback_query\":{\"id\":\"1\"," FROM
      ",\"message\":{\"message_id\":5,\"from\":{\"id\":999,\"is_bot\":true}"
      "," CHAT ",\"text\":\"/start\"},\"data\":\"x\"}}",
      UPDATE_CALLBACK_QUERY, BIG, 7, NULL, NULL, NULL },
    { "{\"update_id\":1,\"callback_query\":{\"message\":{" CHAT
      ",\"from\":{\"id\":999}}," FROM ",\"data\":\"x\"}}",
      UPDATE_CALLBACK_QUERY, BIG, 7, NULL, NULL, NULL },
    { "{\"update_id\":1,\"callback_query\":{\"id\":\"1\"," FROM
      ",\"inline_message_id\":\"i\",\"data\":\"x\"}}",
      UPDATE_CALLBACK_QUERY, 0, 7, NULL, NULL, NULL },
    { "{\"update_id\":1,\"shipping_query\":{" FROM "}}", UPDATE_SHIPPING_QUERY,
      0, 7, NULL, NULL, NULL },
    { "{\"update_id\":1,\"pre_checkout_query\":{" FROM "}}",
      UPDATE_PRE_CHECKOUT_QUERY, 0, 7, NULL, NULL, NULL },
    { "{\"update_id\":1,\"purchased_paid_media\":{" FROM "}}",
      UPDATE_PURCHASED_PAID_MEDIA, 0, 7, NULL, NULL, NULL },
    { "{\"update_id\":1,\"poll\":{\"id\":\"1\",\"question\":\"?\"}}",
      UPDATE_POLL, 0, 0, NULL, NULL, NULL },
    { "{\"update_id\":1,\"poll_answer\":{\"poll_id\":\"1\",\"user\":{\"id\":3}}"
      "}",
      UPDATE_POLL_ANSWER, 0, 3, NULL, NULL, NULL },
    { "{\"update_id\":1,\"my_chat_member\":{" CHAT "," FROM "}}",
      UPDATE_MY_CHAT_MEMBER, BIG, 7, NULL, NULL, NULL },
    { "{\"update_id\":1,\"chat_member\":{" CHAT "," FROM "}}",
      UPDATE_CHAT_MEMBER, BIG, 7, NULL, NULL, NULL },
    { "{\"update_id\":1,\"chat_join_request\":{" CHAT "," FROM "}}",
      UPDATE_CHAT_JOIN_REQUEST, BIG, 7, NULL, NULL, NULL },
    { "{\"update_id\":1,\"chat_boost\":{" CHAT "}}", UPDATE_CHAT_BOOST, BIG, 0,
      NULL, NULL, NULL },
    { "{\"update_id\":1,\"removed_chat_boost\":{" CHAT "}}",
      UPDATE_REMOVED_CHAT_BOOST, BIG, 0, NULL, NULL, NULL },
    /* the order of the members does not matter, nor do spaces */
    { " { \"message\" : { \"text\" : \"x\" , " CHAT " } , \"update_id\" : 1 } ",
      UPDATE_MESSAGE, BIG, 0, NULL, NULL, NULL },
    /* hostile: read as far as it goes */
    { "{\"update_id\":1}", UPDATE_KINDS, 0, 0, NULL, NULL, NULL },
    { "{\"update_id\":1,\"message\":null}", UPDATE_KINDS, 0, 0, NULL, NULL,
      NULL },
    { "{\"update_id\":1,\"message\":\"x\"}", UPDATE_KINDS, 0, 0, NULL, NULL,
      NULL },
    { "{\"update_id\":1,\"message\":[]}", UPDATE_KINDS, 0, 0, NULL, NULL,
      NULL },
    { "{\"update_id\":1,\"message\":{}}", UPDATE_MESSAGE, 0, 0, NULL, NULL,
      NULL },
    { "{\"update_id\":1,\"message\":{\"chat\":5,\"from\":[],\"text\":{}}}",
      UPDATE_MESSAGE, 0, 0, NULL, NULL, NULL },
    { "{\"update_id\":1,\"message\":{\"chat\":{\"id\":\"5\"},\"from\":{\"id\":"
      "1.5},\"text\":7}}",
      UPDATE_MESSAGE, 0, 0, NULL, NULL, NULL },
    { "{\"update_id\":1,\"message\":{\"chat\":{\"id\":9223372036854775807},"
      "\"from\":{\"id\":-9223372036854775808}}}",
      UPDATE_MESSAGE, INT64_MAX, INT64_MIN, NULL, NULL, NULL },
    { "{\"update_id\":1,\"message\":{\"chat\":{\"id\":9223372036854775808}}}",
      UPDATE_MESSAGE, 0, 0, NULL, NULL, NULL },
    { "{\"update_id\":1,\"callback_query\":{\"message\":7,\"data\":[],"
      "\"from\":\"\"}}",
      UPDATE_CALLBACK_QUERY, 0, 0, NULL, NULL, NULL },
    { "{\"update_id\":1,\"from_the_future\":{" CHAT "," FROM "}}", UPDATE_KINDS,
      BIG, 7, NULL, NULL, NULL },
};

static void test_update__kinds(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(updates); i++) {
        const struct update_case *c = &updates[i];
        struct err err = ERR_INIT;
        struct update u;

        assert_true(json_check(slice_of(c->text), JSON_DEPTH_MAX, &err));
        if (!update_read(slice_of(c->text), &u, &err))
            fail_msg("%s: %s", c->text, err.text);
        if (u.id != 1 || u.kind != c->kind || u.chat_id != c->chat ||
            u.user_id != c->user || !is(u.command, c->command) ||
            !is(u.command_bot, c->bot) || !is(u.command_args, c->args))
            fail_msg("%s is read as kind %d chat %lld user %lld", c->text,
                     u.kind, (long long)u.chat_id, (long long)u.user_id);
        assert_true(update_chat(&u) == (c->chat ? c->chat : c->user));
    }
}

static const struct {
    const char *text;
    int64_t lane;
} lanes[] = {
    { "{\"update_id\":5,\"message\":{" CHAT "," FROM "}}", BIG },
    { "{\"update_id\":5,\"callback_query\":{" FROM ",\"message\":{" CHAT "}}}",
      BIG },
    { "{\"update_id\":5,\"callback_query\":{" FROM "}}", 7 },
    { "{\"update_id\":5,\"poll_answer\":{\"user\":{\"id\":8}}}", 8 },
    { "{\"update_id\":5,\"inline_query\":{" FROM "}}",
      UPDATE_LANE_QUERIES + 7 },
    { "{\"update_id\":5,\"chosen_inline_result\":{" FROM "}}",
      UPDATE_LANE_QUERIES + 7 },
    { "{\"update_id\":5,\"shipping_query\":{" FROM "}}",
      UPDATE_LANE_QUERIES + 7 },
    { "{\"update_id\":5,\"pre_checkout_query\":{" FROM "}}",
      UPDATE_LANE_QUERIES + 7 },
    { "{\"update_id\":5,\"inline_query\":{}}", UPDATE_LANE_OWN + 5 },
    { "{\"update_id\":5,\"poll\":{\"id\":\"1\"}}", UPDATE_LANE_OWN + 5 },
    { "{\"update_id\":5}", UPDATE_LANE_OWN + 5 },
};

static void test_update__lanes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lanes); i++) {
        struct err err = ERR_INIT;
        struct update u;

        assert_true(update_read(slice_of(lanes[i].text), &u, &err));
        if (update_lane(&u) != lanes[i].lane)
            fail_msg("%s is in lane %lld", lanes[i].text,
                     (long long)update_lane(&u));
        assert_int_equal(update_lane_is_urgent(update_lane(&u)),
                         lanes[i].lane == UPDATE_LANE_QUERIES + 7);
    }
}

static void test_update__names(void **state)
{
    (void)state;
    for (int kind = 0; kind < UPDATE_KINDS; kind++) {
        const char *name = update_kind_name((enum update_kind)kind);

        assert_int_equal(update_kind_find(slice_of(name)), kind);
    }
    assert_int_equal(update_kind_find(slice_of("messages")), UPDATE_KINDS);
    assert_int_equal(update_kind_find(slice_of("")), UPDATE_KINDS);
    assert_string_equal(update_kind_name(UPDATE_KINDS), "unknown");
}

static void test_update__without_an_id(void **state)
{
    static const char *const bad[] = { "{}",
                                       "[]",
                                       "null",
                                       "7",
                                       "\"update_id\"",
                                       "{\"update_id\":\"1\"}",
                                       "{\"update_id\":1.5}",
                                       "{\"update_id\":null,\"message\":{}}",
                                       "{\"message\":{}}",
                                       "{\"update_id\":99999999999999999999}" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;
        struct update u;

        assert_false(update_read(slice_of(bad[i]), &u, &err));
        assert_int_equal(err.kind, ERR_JSON);
    }
}

static const struct {
    const char *text; /* raw, as in JSON */
    const char *command, *bot, *args;
} commands[] = {
    { "/start", "start", NULL, NULL },
    { "/start@some_bot", "start", "some_bot", NULL },
    { "/start@Some_Bot x y", "start", "Some_Bot", "x y" },
    { "/Start  a  b ", "Start", NULL, "a  b" },
    { "/a\\nb\\nc", "a", NULL, "b\\nc" },
    { "/a \\n b\\n", "a", NULL, "b" },
    { "/a b\\\\n", "a", NULL, "b\\\\n" },  /* a backslash and an n */
    { "/a b\\\\\\n", "a", NULL, "b\\\\" }, /* a backslash, a line break */
    { "/a \\n", "a", NULL, NULL },
    { "/a\\t\\r\\nx", "a", NULL, "x" },
    { "/a \\\"q\\\"", "a", NULL, "\\\"q\\\"" },
    { "/a \\u00e4", "a", NULL, "\\u00e4" },
    { "/a \xc3\xa4", "a", NULL, "\xc3\xa4" },
    { "\\/a x", "a", NULL, "x" },
    { "/123_x", "123_x", NULL, NULL },
    { "/", NULL, NULL, NULL },
    { "\\/", NULL, NULL, NULL },
    { "", NULL, NULL, NULL },
    { "/ x", NULL, NULL, NULL },
    { " /a", NULL, NULL, NULL },
    { "x /a", NULL, NULL, NULL },
    { "/a-b", NULL, NULL, NULL },
    { "/usr/bin", NULL, NULL, NULL },
    { "/a.", NULL, NULL, NULL },
    { "/\xc3\xa4", NULL, NULL, NULL },
    { "/a\\\\n", NULL, NULL, NULL },
    { "/a@b c@d", "a", "b", "c@d" },
    { "/a@b@c", NULL, NULL, NULL },
};

static void test_update__commands(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        static const char *const fields[] = { "text", "caption" };

        for (int f = 0; f < 2; f++) {
            struct buf text = BUF_INIT;
            struct err err = ERR_INIT;
            struct update u;

            buf_addf(&text, "{\"update_id\":1,\"message\":{\"%s\":\"%s\"}}",
                     fields[f], commands[i].text);
            assert_true(json_check(buf_slice(&text), JSON_DEPTH_MAX, &err));
            assert_true(update_read(buf_slice(&text), &u, &err));
            if (!is(u.command, commands[i].command) ||
                !is(u.command_bot, commands[i].bot) ||
                !is(u.command_args, commands[i].args))
                fail_msg("%s: [%.*s] [%.*s] [%.*s]", commands[i].text,
                         (int)u.command.n, u.command.p, (int)u.command_bot.n,
                         u.command_bot.p, (int)u.command_args.n,
                         u.command_args.p);
            buf_release(&text);
        }
    }
}

static void test_update__parts(void **state)
{
    static const char text[] =
        "{\"update_id\":5,\"callback_query\":{\"id\":\"77\"," FROM
        ",\"message\":{\"message_id\":5,\"is_topic_message\":true,"
        "\"message_thread_id\":12,\"text\":\"t\",\"caption\":\"c\"," CHAT
        "},\"data\":\"a\\\"b\"}}";
    static const char thread[] =
        "{\"update_id\":5,\"message\":{\"message_thread_id\":12,\"caption\":"
        "\"c\",\"business_connection_id\":\"bc\","
        "\"direct_messages_topic\":{\"topic_id\":9}}}";
    struct err err = ERR_INIT;
    struct update u;

    (void)state;
    assert_true(update_read(slice_of(text), &u, &err));
    assert_true(is(u.kind_name, "callback_query"));
    assert_true(is(u.data, "a\\\"b"));
    assert_true(is(json_get(u.message, "message_id"), "5"));
    assert_true(is(json_raw(json_get(u.payload, "id")), "77"));
    assert_true(is(u.topic, "12"));
    assert_null(u.text.p);
    assert_null(u.direct.p);
    assert_true(update_read(slice_of(thread), &u, &err));
    assert_null(u.topic.p); /* a thread of replies, no topic */
    assert_true(is(u.text, "c"));
    assert_true(is(u.business, "\"bc\""));
    assert_true(is(json_get(u.direct, "topic_id"), "9"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_update__kinds),
        cmocka_unit_test(test_update__lanes),
        cmocka_unit_test(test_update__names),
        cmocka_unit_test(test_update__without_an_id),
        cmocka_unit_test(test_update__commands),
        cmocka_unit_test(test_update__parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
