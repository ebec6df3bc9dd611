/*
 * test_broadcast_make.c - what a broadcast is made of: its message, its chats, what
 * their answers mean; and which chats the bot has seen.
 */
#define SCHEMA "test_broadcast_make"
#include "broadcast_test.h"

/* --- messages and answers ----------------------------------------------------------------------- */

static void test_message__is_checked(void **state)
{
    static const struct {
        const char *method, *parameters, *wrong;
    } cases[] = {
        { "sendMessage", "{\"text\":\"a\"}", NULL },
        { "copyMessage", "{\"from_chat_id\":1,\"message_id\":2}", NULL },
        { "sendMessage", "{\"text\":\"\"}", "no text" },
        { "sendMessage", "{}", "no text" },
        { "sendMessage", "{\"text\":\"a\",\"chat_id\":1}", "without chat_id" },
        { "sendMessage", "[]", "object" },
        { "getMe", "{}", "not for many chats" },
        { "answerInlineQuery", "{}", "not for many chats" },
        { "send/../x", "{}", "can't be a method" },
        { "", "{}", "can't be a method" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        bool ok = broadcast_check(cases[i].method,
                                  slice_of(cases[i].parameters), &err);

        assert_int_equal(ok, cases[i].wrong == NULL);
        if (cases[i].wrong)
            assert_has(err.text, cases[i].wrong);
    }
}

static void test_body__has_the_chat_first(void **state)
{
    static const struct {
        const char *parameters, *body;
    } cases[] = {
        { "{\"text\":\"a\"}", "{\"chat_id\":-7,\"text\":\"a\"}" },
        { " { \"a\" : {} }", "{\"chat_id\":-7, \"a\" : {} }" },
        { "{}", "{\"chat_id\":-7}" },
        { "{ }", "{\"chat_id\":-7}" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf body = BUF_INIT;

        broadcast_add_body(&body, -7, slice_of(cases[i].parameters));
        assert_string_equal(body.data, cases[i].body);
        buf_release(&body);
    }
}

static void test_answers__are_told_apart(void **state)
{
    static const struct {
        enum err_kind kind;
        int code;
        const char *description;
        bool maybe_sent;
        int64_t migrate;
        enum broadcast_outcome outcome;
    } cases[] = {
        { ERR_TELEGRAM, 403, "Forbidden: bot was blocked by the user", false, 0,
          BROADCAST_BLOCKED },
        { ERR_TELEGRAM, 403, "Forbidden: user is deactivated", false, 0,
          BROADCAST_BLOCKED },
        { ERR_TELEGRAM, 403, "Forbidden: bot was kicked from the group chat",
          false, 0, BROADCAST_BLOCKED },
        { ERR_TELEGRAM, 400, "Bad Request: chat not found", false, 0,
          BROADCAST_BLOCKED },
        { ERR_TELEGRAM, 400, "Bad Request: not enough rights to send text",
          false, 0, BROADCAST_FAILED },
        { ERR_TELEGRAM, 400, "Bad Request: group chat was upgraded", false,
          -1001, BROADCAST_MOVED },
        { ERR_TELEGRAM, 401, "Unauthorized", false, 0, BROADCAST_REFUSED },
        { ERR_TELEGRAM, 404, "Not Found", false, 0, BROADCAST_REFUSED },
        { ERR_TELEGRAM, 429, "Too Many Requests", false, 0,
          BROADCAST_NOT_SENT },
        { ERR_TELEGRAM, 500, "Internal Server Error", false, 0,
          BROADCAST_IN_DOUBT },
        { ERR_TELEGRAM, 502, "Bad Gateway", false, 0, BROADCAST_NOT_SENT },
        { ERR_TELEGRAM, 502, "Bad Gateway", true, 0, BROADCAST_IN_DOUBT },
        { ERR_NETWORK, 0, "", false, 0, BROADCAST_NOT_SENT },
        { ERR_TIMEOUT, 0, "", true, 0, BROADCAST_IN_DOUBT },
        { ERR_USAGE, 0, "", false, 0, BROADCAST_NOT_SENT },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct tg_op op = {
            .error_code = cases[i].code,
            .description = slice_of(cases[i].description),
            .maybe_sent = cases[i].maybe_sent,
            .migrate_to_chat_id = cases[i].migrate,
        };

        op.op.err.kind = cases[i].kind;
        assert_int_equal(broadcast_read(&op, -5).outcome, cases[i].outcome);
    }
}

static void test_answers__where_it_went(void **state)
{
    struct tg_op op = { 0 };
    struct broadcast_answer a;

    (void)state;
    op.result = slice_of("{\"message_id\":9,\"chat\":{\"id\":-5}}");
    a = broadcast_read(&op, -5);
    assert_int_equal(a.outcome, BROADCAST_SENT);
    assert_int_equal(a.message_id, 9);
    assert_int_equal(a.moved_to, 0);
    assert_true(broadcast_read(&op, -6).moved_to == -5);
    op.result = slice_of("true");
    assert_int_equal(broadcast_read(&op, -5).message_id, 0);
}

/* --- making ---------------------------------------------------------------------------------------------- */

static void test_same_order__is_made_once(void **state)
{
    struct broadcast_op *first = order("list", "{1,2}", "update:7");
    struct broadcast_op *again = order("list", "{1,2}", "update:7");
    struct broadcast_op *other = order("list", "{1,3}", "update:7");

    (void)state;
    assert_true(first->changed);
    assert_false(again->changed);
    assert_true(first->list[0].id == again->list[0].id);
    assert_true(other->changed);
    op_free(&first->op);
    op_free(&again->op);
    op_free(&other->op);
}

static void test_sql__may_only_read(void **state)
{
    static const char *const wrong[] = {
        "DELETE FROM chats RETURNING chat_id",
        "SELECT 1) AS a; DELETE FROM chats; --",
        "SELECT evil()",
        "SELECT 'a'",
        "SELECT",
    };

    (void)state;
    sql("CREATE OR REPLACE FUNCTION evil() RETURNS BIGINT LANGUAGE plpgsql AS "
        "$$ BEGIN DELETE FROM chats; RETURN 1; END $$");
    sql("INSERT INTO chats (bot_id, chat_id) VALUES (1, 1)");
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct broadcast_op *op = order("sql", wrong[i], NULL);

        assert_int_equal(op->op.err.kind, ERR_DATABASE);
        op_free(&op->op);
    }
    assert_int_equal(number("SELECT count(*) FROM chats"), 1);
    assert_int_equal(number("SELECT count(*) FROM broadcasts"), 0);
    make("sql", "SELECT chat_id FROM chats -- a comment;");
    make("sql", " WITH x AS (SELECT 1) SELECT * FROM x; \n");
    make("sql", "VALUES (NULL), (0), (3), (3)");
    assert_int_equal(number("SELECT count(*) FROM broadcast_chats "
                            "WHERE broadcast_id = (SELECT max(id) "
                            "FROM broadcasts)"),
                     1);
}

static void test_groups_and_people(void **state)
{
    struct pg_op *op;

    (void)state;
    sql("INSERT INTO chats (bot_id, chat_id, kind) VALUES (1, 1, 'private'), "
        "(1, -2, 'group'), (1, -3, 'channel')");
    sql("INSERT INTO chat_configs (chat_id) VALUES (-3), (-4), (5)");
    make("groups", "");
    wait_state("done");
    assert_int_equal(api.n, 2);
    assert_int_equal(calls_to(-2) + calls_to(-4), 2);
    make("private", "");
    wait_state("done");
    assert_int_equal(api.n, 4);
    assert_int_equal(calls_to(1) + calls_to(5), 2);
    op = broadcast_count_start(db.pg, BOT,
                               &(struct broadcast_order){
                                   .who = "all", .what = slice_of("") });
    wait_all(&db, &op, 1);
    assert_int_equal(pg_int(op, 0, 0), 5);
    op_free(&op->op);
}

static void test_old_ones__are_deleted(void **state)
{
    static const char *const prune = "30";
    struct pg_op *op;

    (void)state;
    make("list", "{1,2,3}");
    wait_state("done");
    make("list", "{4}");
    wait_state("done");
    sql("UPDATE broadcasts SET ended_at = now() - interval '31 days' "
        "WHERE id = (SELECT min(id) FROM broadcasts)");
    for (int left = 2; left >= 1; left--) { /* at first not all of its chats */
        op = pg_query(db.pg, &broadcast_prune_statement,
                      (struct slice[]){ slice_of(prune), slice_of("2") }, 2);
        wait_all(&db, &op, 1);
        assert_string_equal(op->op.err.text, "");
        op_free(&op->op);
    }
    assert_int_equal(number("SELECT count(*) FROM broadcast_chats"), 1);
    op = pg_query(db.pg, &broadcast_prune_statement,
                  (struct slice[]){ slice_of(prune), slice_of("2") }, 2);
    wait_all(&db, &op, 1);
    op_free(&op->op);
    assert_int_equal(number("SELECT count(*) FROM broadcasts"), 1);
}

/* --- chats that were seen -------------------------------------------------------------------------------- */

static void see(struct chats *chats, const char *text)
{
    struct update u;
    struct err err = ERR_INIT;

    assert_true(update_read(slice_of(text), &u, &err));
    chats_seen(chats, &u);
}

static void see_message(struct chats *chats, int64_t chat, const char *type)
{
    char text[200];

    snprintf(text, sizeof(text),
             "{\"update_id\":1,\"message\":{\"message_id\":1,\"chat\":{\"id\":"
             "%lld,\"type\":\"%s\"}}}",
             (long long)chat, type);
    see(chats, text);
}

static void see_member(struct chats *chats, int64_t chat, const char *status)
{
    char text[300];

    snprintf(text, sizeof(text),
             "{\"update_id\":1,\"my_chat_member\":{\"chat\":{\"id\":%lld,"
             "\"type\":\"private\"},\"new_chat_member\":{\"status\":\"%s\"}}}",
             (long long)chat, status);
    see(chats, text);
}

static int64_t written(struct chats *chats)
{
    chats_flush(chats);
    number("SELECT 1"); /* it came behind */
    return number("SELECT count(*) FROM chats");
}

static void test_seen__once_a_day(void **state)
{
    struct chats *chats = chats_new(db.loop, db.pg, BOT, true);

    (void)state;
    for (int i = 0; i < 3; i++) {
        see_message(chats, 5, "private");
        see_message(chats, -6, "channel");
    }
    assert_int_equal(written(chats), 2);
    assert_int_equal(number("SELECT count(*) FROM chats WHERE chat_id = -6 "
                            "AND kind = 'channel' AND gone IS NULL AND seen = "
                            "(now() AT TIME ZONE 'UTC')::date"),
                     1);
    sql("DELETE FROM chats");
    see_message(chats, 5, "private");
    assert_int_equal(written(chats), 0); /* it is known of today */
    chats_forget(chats, 5);
    see_message(chats, 5, "private");
    assert_int_equal(written(chats), 1);
    chats_free(chats);
}

static void test_seen__blocked_and_back(void **state)
{
    struct chats *chats = chats_new(db.loop, db.pg, BOT, true);

    (void)state;
    see_message(chats, 5, "private");
    see_member(chats, 5, "kicked");   /* both in one statement */
    see_message(chats, 5, "private"); /* came late: it stays blocked */
    assert_int_equal(written(chats), 1);
    assert_int_equal(number("SELECT count(*) FROM chats WHERE gone LIKE '%has "
                            "blocked%' AND gone_at IS NOT NULL"),
                     1);
    see_member(chats, 5, "member");
    written(chats);
    assert_int_equal(number("SELECT count(*) FROM chats WHERE gone IS NULL "
                            "AND gone_at IS NULL"),
                     1);
    chats_free(chats);
}

static void test_seen__not_of_business_or_elsewhere(void **state)
{
    struct chats *chats = chats_new(db.loop, db.pg, BOT, true);
    struct chats *off = chats_new(db.loop, db.pg, BOT, false);

    (void)state;
    see(chats, "{\"update_id\":1,\"business_message\":{\"message_id\":1,"
               "\"business_connection_id\":\"b\",\"chat\":{\"id\":5,"
               "\"type\":\"private\"}}}");
    see(chats, "{\"update_id\":1,\"inline_query\":{\"id\":\"1\",\"from\":"
               "{\"id\":5}}}");
    see(chats, "{\"update_id\":1,\"poll\":{\"id\":\"1\"}}");
    see_message(off, 5, "private");
    chats_flush(off);
    assert_int_equal(written(chats), 0);
    chats_free(chats);
    chats_free(off);
}

/* More than are remembered, and than go in one statement. */
static void test_seen__many(void **state)
{
    struct chats *chats = chats_new(db.loop, db.pg, BOT, true);
    struct update u = { .kind = UPDATE_MESSAGE };

    (void)state;
    for (int64_t chat = 1; chat <= 200000; chat++) {
        u.chat_id = chat % 2 ? chat : -chat * 1000;
        chats_seen(chats, &u);
    }
    for (int64_t chat = 199990; chat <= 200000; chat++)
        chats_forget(chats, chat % 2 ? chat : -chat * 1000);
    wait_number("SELECT (count(*) >= 1000)::int FROM chats", 1);
    chats_free(chats);
}

int main(void)
{
#define SENDING(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message__is_checked),
        cmocka_unit_test(test_body__has_the_chat_first),
        cmocka_unit_test(test_answers__are_told_apart),
        cmocka_unit_test(test_answers__where_it_went),
        SENDING(test_same_order__is_made_once),
        SENDING(test_sql__may_only_read),
        SENDING(test_groups_and_people),
        SENDING(test_old_ones__are_deleted),
        SENDING(test_seen__once_a_day),
        SENDING(test_seen__blocked_and_back),
        SENDING(test_seen__not_of_business_or_elsewhere),
        SENDING(test_seen__many),
    };

    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
