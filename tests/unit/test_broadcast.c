/*
 * test_broadcast.c - broadcasts on a real PostgreSQL, with a Bot API server in the
 * same loop that knows how often each chat was sent to.
 */
#include "store_test.h"

#include <stdio.h>

#include "bot/broadcast_desk.h"
#include "bot/broadcast_statements.h"
#include "bot/broadcasts.h"
#include "bot/chats.h"
#include "io/httpd.h"
#include "telegram/send.h"

#define SCHEMA "test_broadcast"
#define BOT 1
#define CALLS_MAX 400

/* --- the Bot API ------------------------------------------------------------------ */

struct called {
    int64_t chat;
    struct httpd_request *req; /* held; or NULL */
};

static struct {
    struct httpd *httpd;
    struct http *http;
    struct tg *tg;
    struct sender *sender;
    struct called calls[CALLS_MAX];
    int n;
    int hold_from; /* calls of this number and later are held; -1: none */
    int stop_at;   /* the loop stops at so many calls */
    char last[300];
} api;

static struct broadcasts *sending;
static int idles, gones;

/* Chats by their ids: 403 is one that blocked the bot, and so on. */
static int answer_for(int64_t chat, char *out, size_t size)
{
    const char *error = NULL;

    switch (chat) {
    case 403:
        error =
            "403,\"description\":\"Forbidden: bot was blocked by the user\"";
        break;
    case 404:
        error = "400,\"description\":\"Bad Request: chat not found\"";
        break;
    case 400:
        error = "400,\"description\":\"Bad Request: TOPIC_CLOSED\"";
        break;
    case 429:
        error = "429,\"description\":\"Too Many Requests: retry after 3000\","
                "\"parameters\":{\"retry_after\":3000}";
        break;
    case 401: error = "401,\"description\":\"Unauthorized\""; break;
    case -500:
        error = "400,\"description\":\"Bad Request: group chat was upgraded to "
                "a supergroup chat\",\"parameters\":{\"migrate_to_chat_id\":"
                "-1000500}";
        break;
    default:
        if (chat >= 9000) /* a mistake in the message */
            error = "400,\"description\":\"Bad Request: can't parse entities\"";
    }
    if (error) {
        snprintf(out, size, "{\"ok\":false,\"error_code\":%s}", error);
        return atoi(error);
    }
    snprintf(out, size,
             "{\"ok\":true,\"result\":{\"message_id\":%lld,\"chat\":{\"id\":"
             "%lld,\"type\":\"private\"},\"date\":1}}",
             (long long)(chat < 0 ? -chat : chat) + 5, (long long)chat);
    return 200;
}

static void answer(struct called *c)
{
    char text[400];
    int status = answer_for(c->chat, text, sizeof(text));
    struct httpd_request *req = c->req;

    c->req = NULL;
    httpd_reply(req, status, NULL, slice_of(text));
}

static void on_request(struct httpd_request *req, void *arg)
{
    struct called *c = &api.calls[api.n];

    (void)arg;
    assert_true(api.n < CALLS_MAX);
    c->req = req;
    assert_true(json_to_int(json_get(httpd_body(req), "chat_id"), &c->chat));
    snprintf(api.last, sizeof(api.last), "%s %.*s", httpd_path(req),
             (int)httpd_body(req).n, httpd_body(req).p);
    api.n++;
    if (api.hold_from < 0 || api.n <= api.hold_from)
        answer(c);
    if (api.n == api.stop_at)
        loop_stop(db.loop);
}

static int calls_to(int64_t chat)
{
    int n = 0;

    for (int i = 0; i < api.n; i++)
        n += api.calls[i].chat == chat;
    return n;
}

static void wait_calls(int n)
{
    api.stop_at = n;
    if (api.n < n)
        loop_run(db.loop);
    api.stop_at = -1;
    assert_true(api.n >= n);
}

/* --- asking the database --------------------------------------------------------------- */

static struct pg_op *asked;

static int64_t number(const char *text)
{
    int64_t n;

    asked = pg_script(db.pg, slice_of(text));
    wait_all(&db, &asked, 1);
    assert_string_equal(asked->op.err.text, "");
    assert_int_equal(pg_rows(asked), 1);
    n = pg_int(asked, 0, 0);
    op_free(&asked->op);
    return n;
}

/* Until the query gives this; only something that hangs takes long. */
static void wait_number(const char *text, int64_t wanted)
{
    for (int i = 0; i < 1500; i++) {
        if (number(text) == wanted)
            return;
        sleep_ms(&db, 10);
    }
    fail_msg("%s is %lld, not %lld", text, (long long)number(text),
             (long long)wanted);
}

static void wait_state(const char *state)
{
    char text[200];

    snprintf(text, sizeof(text),
             "SELECT count(*) FROM broadcasts WHERE state = '%s' "
             "AND id = (SELECT max(id) FROM broadcasts)",
             state);
    wait_number(text, 1);
}

static int64_t chats_in(const char *state)
{
    char text[200];

    snprintf(text, sizeof(text),
             "SELECT count(*) FROM broadcast_chats WHERE state = '%s' "
             "AND broadcast_id = (SELECT max(id) FROM broadcasts)",
             state);
    return number(text);
}

/* --- broadcasts --------------------------------------------------------------------------- */

static void on_gone(int64_t chat, void *arg)
{
    (void)chat, (void)arg;
    gones++;
}

static void on_idle(void *arg)
{
    (void)arg;
    idles++;
    loop_stop(db.loop);
}

static struct broadcasts *process(int window)
{
    struct broadcasts *b =
        broadcasts_new(db.loop, db.pg, api.sender, BOT,
                       &(struct broadcasts_options){ .window = window,
                                                     .keep_days = 30,
                                                     .gone = on_gone,
                                                     .idle = on_idle });

    broadcasts_start(b);
    return b;
}

static struct broadcast_op *wait_desk(struct op *op)
{
    pending = 1;
    op->done = on_done;
    loop_run(db.loop);
    return (struct broadcast_op *)op;
}

static struct broadcast_op *order(const char *who, const char *what,
                                  const char *key)
{
    return wait_desk(
        broadcast_make_start(db.loop, db.pg, BOT,
                             &(struct broadcast_order){
                                 .method = "sendMessage",
                                 .parameters = slice_of("{\"text\":\"hi\"}"),
                                 .who = who,
                                 .what = slice_of(what),
                                 .recipients = who,
                                 .made_by = "test",
                                 .key = key ? slice_of(key) : SLICE_NONE,
                             }));
}

static int64_t make(const char *who, const char *what)
{
    struct broadcast_op *op = order(who, what, NULL);
    int64_t id;

    assert_string_equal(op->op.err.text, "");
    assert_int_equal(op->n, 1);
    assert_true(op->changed);
    id = op->list[0].id;
    op_free(&op->op);
    if (sending)
        broadcasts_kick(sending);
    return id;
}

static bool change(int64_t id, enum broadcast_change what)
{
    struct broadcast_op *op =
        wait_desk(broadcast_change_start(db.loop, db.pg, id, what, NULL));
    bool changed = op->changed;

    assert_string_equal(op->op.err.text, "");
    op_free(&op->op);
    return changed;
}

static void kill_process(void)
{
    broadcasts_free(sending);
    sending = NULL;
    /* its time is over */
    number("WITH u AS (UPDATE broadcasts SET sender_at = now() - interval "
           "'1 h' RETURNING 1) SELECT count(*) FROM u");
}

/* --- setting up ------------------------------------------------------------------------------ */

static void clear(void)
{
    sql("TRUNCATE broadcasts, broadcast_chats, chats, chat_configs");
    memset(api.calls, 0, sizeof(api.calls));
    api.n = 0;
    api.hold_from = api.stop_at = -1;
    idles = gones = 0;
}

static char *url_with_schema(void)
{
    struct buf url = BUF_INIT;

    buf_adds(&url, pg_server_url());
    buf_addf(&url, "%soptions=-csearch_path%%3D" SCHEMA,
             strchr(url.data, '?') ? "&" : "?");
    return buf_detach(&url);
}

static int set_up_all(void **state)
{
    struct httpd_options o = { .address = "127.0.0.1", .body_max = 1 << 20 };
    struct err err = ERR_INIT;
    struct buf text = BUF_INIT;
    char *url;

    (void)state;
    make_tables(SCHEMA);
    add_schema_file("0003_inbox.sql", &text);
    add_schema_file("0004_broadcasts.sql", &text);
    add_schema_file("0006_moved_chats.sql", &text);
    sql(text.data);
    buf_release(&text);
    client_free(&db);
    url = url_with_schema();
    db = connect_to(url);
    free(url);
    api.httpd = httpd_start(db.loop, &o, on_request, NULL, &err);
    assert_non_null(api.httpd);
    api.http =
        http_new(db.loop, &(struct http_options){ .connections_max = 40 });
    snprintf(api.last, sizeof(api.last), "http://127.0.0.1:%d",
             httpd_port(api.httpd));
    api.tg = tg_new(db.loop, api.http,
                    &(struct tg_options){ .url = api.last,
                                          .token = "1:aaaaaaaaaaaa",
                                          .timeout_ms = 60000 },
                    &err);
    assert_non_null(api.tg);
    api.sender =
        sender_new(db.loop, api.tg,
                   &(struct sender_options){ 1000, 1000, 1000, 60000, 1000 });
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    sender_free(api.sender);
    tg_free(api.tg);
    http_free(api.http);
    httpd_free(api.httpd);
    drop_tables(SCHEMA);
    log_unhide_all();
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    clear();
    sending = process(1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    broadcasts_free(sending);
    sending = NULL;
    for (int i = 0; i < api.n; i++)
        if (api.calls[i].req)
            answer(&api.calls[i]);
    assert_int_equal(loop_live_ops(db.loop), 0);
    return 0;
}

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

/* --- sending --------------------------------------------------------------------------------------- */

static void test_all__each_chat_once(void **state)
{
    (void)state;
    sql("INSERT INTO chats (bot_id, chat_id, kind) SELECT 1, n, 'private' "
        "FROM generate_series(1, 30) AS n");
    sql("INSERT INTO chats (bot_id, chat_id, gone) VALUES (1, 77, 'blocked'), "
        "(2, 78, NULL)");
    sql("INSERT INTO chat_configs (chat_id) VALUES (30), (31), (77)");
    make("all", "");
    wait_state("done");
    assert_int_equal(api.n, 31);
    for (int chat = 1; chat <= 31; chat++)
        assert_int_equal(calls_to(chat), 1);
    assert_int_equal(chats_in("sent"), 31);
    assert_int_equal(number("SELECT message_id FROM broadcast_chats "
                            "WHERE chat_id = 4"),
                     9);
    assert_has(api.last, "sendMessage {\"chat_id\":31,\"text\":\"hi\"}");
    assert_int_equal(number("SELECT (sender IS NULL)::int FROM broadcasts"), 1);
}

static void test_none__is_done_at_once(void **state)
{
    (void)state;
    make("all", "");
    wait_state("done");
    assert_int_equal(api.n, 0);
}

static void test_crash__one_in_doubt(void **state)
{
    int64_t id;

    (void)state;
    api.hold_from = 7;
    id = make("sql", "SELECT n FROM generate_series(1, 20) AS n");
    wait_calls(8);
    kill_process();
    assert_int_equal(chats_in("sending"), 1);
    assert_int_equal(chats_in("sent"), 7);
    api.hold_from = -1;
    sending = process(1);
    wait_state("done");
    assert_int_equal(chats_in("in_doubt"), 1);
    assert_int_equal(chats_in("sent"), 19);
    for (int chat = 1; chat <= 20; chat++)
        assert_int_equal(calls_to(chat), 1);
    assert_true(change(id, BROADCAST_RETRY));
    broadcasts_kick(sending);
    wait_state("done");
    assert_int_equal(chats_in("sent"), 20);
    assert_int_equal(calls_to(8), 2);
    assert_false(change(id, BROADCAST_RETRY));
}

static void test_window__so_many_at_once(void **state)
{
    (void)state;
    broadcasts_free(sending);
    sending = process(5);
    api.hold_from = 0;
    make("sql", "SELECT n FROM generate_series(1, 40) AS n");
    wait_calls(5);
    sleep_ms(&db, 50);
    assert_int_equal(api.n, 5);
    assert_int_equal(chats_in("sending"), 5);
    api.hold_from = -1;
    for (int i = 0; i < 5; i++)
        answer(&api.calls[i]);
    wait_state("done");
    for (int chat = 1; chat <= 40; chat++)
        assert_int_equal(calls_to(chat), 1);
}

static void test_claim_without_answer__is_sent(void **state)
{
    int64_t id;

    (void)state;
    kill_process();
    id = make("list", "{1,2,3}");
    sending = process(1);
    api.hold_from = 0;
    wait_calls(1);
    /* as if a claim had been carried out, and its answer lost */
    number("WITH u AS (UPDATE broadcast_chats SET state = 'sending' "
           "WHERE chat_id = 3 RETURNING 1) SELECT count(*) FROM u");
    api.hold_from = -1;
    answer(&api.calls[0]);
    wait_state("done");
    assert_int_equal(calls_to(3), 1);
    assert_int_equal(chats_in("sent"), 3);
    (void)id;
}

static void test_pause_resume_cancel(void **state)
{
    int64_t id;

    (void)state;
    api.hold_from = 5;
    id = make("sql", "SELECT n FROM generate_series(1, 20) AS n");
    wait_calls(6);
    assert_true(change(id, BROADCAST_PAUSE));
    assert_false(change(id, BROADCAST_PAUSE));
    answer(&api.calls[5]);
    wait_number("SELECT count(*) FROM broadcast_chats WHERE state = 'sent'", 6);
    sleep_ms(&db, 50);
    assert_int_equal(api.n, 6);
    assert_int_equal(broadcasts_running(sending), 0);
    api.hold_from = 10;
    assert_true(change(id, BROADCAST_RESUME));
    broadcasts_kick(sending);
    wait_calls(11);
    assert_true(change(id, BROADCAST_CANCEL));
    answer(&api.calls[10]);
    wait_number("SELECT count(*) FROM broadcast_chats WHERE state = 'sent'",
                11);
    sleep_ms(&db, 50);
    assert_int_equal(api.n, 11);
    assert_false(change(id, BROADCAST_RESUME));
    assert_false(change(id, BROADCAST_RETRY));
    assert_int_equal(chats_in("waiting"), 9);
}

static void test_blocked__are_left_out_next_time(void **state)
{
    (void)state;
    sql("INSERT INTO chats (bot_id, chat_id) VALUES (1, 1), (1, 400), "
        "(1, 403), (1, 404)");
    make("all", "");
    wait_state("done");
    assert_int_equal(chats_in("sent"), 1);
    assert_int_equal(chats_in("failed"), 1);
    assert_int_equal(chats_in("blocked"), 2);
    assert_int_equal(gones, 2);
    assert_int_equal(number("SELECT count(*) FROM chats WHERE gone LIKE '403 "
                            "Forbidden: bot was blocked by the user%'"),
                     1);
    make("all", "");
    wait_state("done");
    assert_int_equal(calls_to(403), 1);
    assert_int_equal(calls_to(404), 1);
    assert_int_equal(calls_to(400), 2);
}

static void test_moved__once_under_its_new_id(void **state)
{
    (void)state;
    make("list", "{-500,5}");
    wait_state("done");
    assert_int_equal(calls_to(-1000500), 1);
    assert_int_equal(calls_to(5), 1);
    assert_int_equal(number("SELECT count(*) FROM chats WHERE chat_id = -500 "
                            "AND gone IS NOT NULL"),
                     1);
}

static void test_moved_before__by_both_ids_once(void **state)
{
    (void)state;
    sql("INSERT INTO moved_chats (old_id, new_id) VALUES (-600, -1000600), "
        "(-700, -1000700)");
    make("list", "{-600,-1000600,-700}");
    wait_state("done");
    sql("TRUNCATE moved_chats");
    assert_int_equal(api.n, 2);
    assert_int_equal(calls_to(-1000600), 1);
    assert_int_equal(calls_to(-1000700), 1);
}

/* A chat that can't be sent to for now holds up no other for long. */
static void test_flood__the_others_go_on(void **state)
{
    (void)state;
    make("sql", "SELECT n FROM generate_series(426, 435) AS n");
    wait_number("SELECT count(*) FROM broadcast_chats WHERE state = 'sent'", 9);
    assert_int_equal(chats_in("failed") + chats_in("in_doubt"), 0);
    assert_int_equal(number("SELECT count(*) FROM broadcasts WHERE state = "
                            "'running'"),
                     1);
}

static void test_mistake__pauses_after_ten(void **state)
{
    int64_t id;

    (void)state;
    id = make("sql", "SELECT n FROM generate_series(9000, 9050) AS n");
    wait_state("paused");
    assert_int_equal(api.n, 10);
    assert_int_equal(chats_in("failed"), 10);
    assert_int_equal(number("SELECT count(*) FROM broadcasts WHERE reason "
                            "LIKE '%can''t parse entities%'"),
                     1);
    assert_true(change(id, BROADCAST_RETRY));
    assert_int_equal(chats_in("failed"), 0);
    wait_state("paused");
}

static void test_wrong_token__pauses_and_misses_nobody(void **state)
{
    (void)state;
    make("list", "{401,402}");
    wait_state("paused");
    wait_number("SELECT count(*) FROM broadcast_chats WHERE state = 'waiting'",
                2);
    assert_int_equal(api.n, 1);
}

/* --- several processes ------------------------------------------------------------------------------- */

static void test_two_processes__each_chat_once(void **state)
{
    struct broadcasts *other = process(1);

    (void)state;
    for (int i = 0; i < 4; i++) {
        char what[80];

        snprintf(what, sizeof(what),
                 "SELECT n FROM generate_series(%d, %d) AS n", i * 20 + 1,
                 i * 20 + 20);
        make("sql", what);
        broadcasts_kick(other);
    }
    wait_number("SELECT count(*) FROM broadcasts WHERE state = 'done'", 4);
    for (int chat = 1; chat <= 80; chat++)
        assert_int_equal(calls_to(chat), 1);
    broadcasts_free(other);
}

static void
test_lost_lease__its_result_counts_and_it_claims_no_more(void **state)
{
    (void)state;
    api.hold_from = 3;
    make("sql", "SELECT n FROM generate_series(1, 10) AS n");
    wait_calls(4);
    number("WITH u AS (UPDATE broadcasts SET sender = 'other', sender_at = "
           "now() + interval '1 h' RETURNING 1) SELECT count(*) FROM u");
    number("WITH u AS (UPDATE broadcast_chats SET state = 'in_doubt' "
           "WHERE state = 'sending' RETURNING 1) SELECT count(*) FROM u");
    answer(&api.calls[3]);
    wait_number("SELECT count(*) FROM broadcast_chats WHERE state = 'sent'", 4);
    sleep_ms(&db, 50);
    assert_int_equal(api.n, 4);
    assert_int_equal(broadcasts_running(sending), 0);
}

static void test_other_bot__is_left_alone(void **state)
{
    (void)state;
    make("list", "{1}");
    wait_state("done");
    sql("UPDATE broadcasts SET bot_id = 2, state = 'running'");
    sql("UPDATE broadcast_chats SET state = 'waiting'");
    broadcasts_kick(sending);
    sleep_ms(&db, 50);
    assert_int_equal(api.n, 1);
}

/* --- stopping, trouble --------------------------------------------------------------------------------- */

static void test_stop__waits_for_what_is_on_its_way(void **state)
{
    (void)state;
    api.hold_from = 2;
    make("sql", "SELECT n FROM generate_series(1, 10) AS n");
    wait_calls(3);
    broadcasts_stop(sending);
    assert_false(broadcasts_idle(sending));
    assert_int_equal(idles, 0);
    answer(&api.calls[2]);
    loop_run(db.loop); /* until on_idle() */
    assert_int_equal(idles, 1);
    assert_true(broadcasts_idle(sending));
    assert_int_equal(chats_in("sent"), 3);
    assert_int_equal(chats_in("sending"), 0);
    assert_int_equal(number("SELECT (sender IS NULL)::int FROM broadcasts"), 1);
    api.hold_from = -1;
    broadcasts_free(sending);
    sending = process(1);
    wait_state("done");
    for (int chat = 1; chat <= 10; chat++)
        assert_int_equal(calls_to(chat), 1);
}

static void test_stop__gives_back_what_waits_for_the_limits(void **state)
{
    struct sender *slow =
        sender_new(db.loop, api.tg,
                   &(struct sender_options){ 1, 1, 1, 20, 1000 });
    struct sender *fast = api.sender;

    (void)state;
    broadcasts_free(sending);
    api.sender = slow;
    sending = process(8);
    make("sql", "SELECT n FROM generate_series(1, 20) AS n");
    wait_calls(1);
    broadcasts_stop(sending);
    if (idles == 0)
        loop_run(db.loop); /* until on_idle() */
    assert_true(api.n < 8);
    assert_int_equal(chats_in("sent"), api.n);
    assert_int_equal(chats_in("waiting"), 20 - api.n);
    broadcasts_free(sending);
    sending = NULL;
    api.sender = fast;
    sender_free(slow);
}

static void test_stop__with_nothing_to_do(void **state)
{
    (void)state;
    number("SELECT 1");
    broadcasts_stop(sending);
    assert_int_equal(idles, 1);
}

static void test_database_breaks__each_chat_once(void **state)
{
    char *url = url_with_schema();
    struct client other = connect_to(url);
    struct pg_op *op;

    (void)state;
    free(url);
    make("sql", "SELECT n FROM generate_series(1, 60) AS n");
    for (int i = 1; i <= 5; i++) {
        wait_calls(i * 10);
        op = pg_script(other.pg,
                       slice_of("SELECT pg_terminate_backend(pid) FROM "
                                "pg_stat_activity WHERE application_name = "
                                "'test_pg' AND pid <> pg_backend_pid() "
                                "AND state = 'idle' OR state = 'active' "
                                "AND query LIKE '%broadcast%' AND pid <> "
                                "pg_backend_pid()"));
        wait_all(&other, &op, 1);
        op_free(&op->op);
    }
    client_free(&other);
    for (int i = 0; i < 2000 && api.n < 60; i++)
        sleep_ms(&db, 10);
    wait_state("done");
    for (int chat = 1; chat <= 60; chat++)
        assert_int_equal(calls_to(chat), 1);
    assert_int_equal(chats_in("sent"), 60);
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
        SENDING(test_all__each_chat_once),
        SENDING(test_none__is_done_at_once),
        SENDING(test_crash__one_in_doubt),
        SENDING(test_window__so_many_at_once),
        SENDING(test_claim_without_answer__is_sent),
        SENDING(test_pause_resume_cancel),
        SENDING(test_blocked__are_left_out_next_time),
        SENDING(test_moved__once_under_its_new_id),
        SENDING(test_moved_before__by_both_ids_once),
        SENDING(test_flood__the_others_go_on),
        SENDING(test_mistake__pauses_after_ten),
        SENDING(test_wrong_token__pauses_and_misses_nobody),
        SENDING(test_two_processes__each_chat_once),
        SENDING(test_lost_lease__its_result_counts_and_it_claims_no_more),
        SENDING(test_other_bot__is_left_alone),
        SENDING(test_stop__waits_for_what_is_on_its_way),
        SENDING(test_stop__gives_back_what_waits_for_the_limits),
        SENDING(test_stop__with_nothing_to_do),
        SENDING(test_database_breaks__each_chat_once),
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
