/*
 * broadcast_test.h - for tests of broadcasts: their tables on a real PostgreSQL in a
 * schema of the test's own (SCHEMA), and a Bot API server in the same loop that knows
 * how often each chat was sent to. Define SCHEMA before including it.
 */
#ifndef TESTS_BROADCAST_TEST_H
#define TESTS_BROADCAST_TEST_H

#include "store_test.h"

#include <stdio.h>

#include "bot/broadcast_desk.h"
#include "bot/broadcast_statements.h"
#include "bot/broadcasts.h"
#include "bot/chats.h"
#include "io/httpd.h"
#include "telegram/send.h"

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
static inline int answer_for(int64_t chat, char *out, size_t size)
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

static inline void answer(struct called *c)
{
    char text[400];
    int status = answer_for(c->chat, text, sizeof(text));
    struct httpd_request *req = c->req;

    c->req = NULL;
    httpd_reply(req, status, NULL, slice_of(text));
}

static inline void on_request(struct httpd_request *req, void *arg)
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

static inline int calls_to(int64_t chat)
{
    int n = 0;

    for (int i = 0; i < api.n; i++)
        n += api.calls[i].chat == chat;
    return n;
}

static inline void wait_calls(int n)
{
    api.stop_at = n;
    if (api.n < n)
        loop_run(db.loop);
    api.stop_at = -1;
    assert_true(api.n >= n);
}

/* --- asking the database --------------------------------------------------------------- */

static struct pg_op *asked;

static inline int64_t number(const char *text)
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
static inline void wait_number(const char *text, int64_t wanted)
{
    for (int i = 0; i < 1500; i++) {
        if (number(text) == wanted)
            return;
        sleep_ms(&db, 10);
    }
    fail_msg("%s is %lld, not %lld", text, (long long)number(text),
             (long long)wanted);
}

static inline void wait_state(const char *state)
{
    char text[200];

    snprintf(text, sizeof(text),
             "SELECT count(*) FROM broadcasts WHERE state = '%s' "
             "AND id = (SELECT max(id) FROM broadcasts)",
             state);
    wait_number(text, 1);
}

static inline int64_t chats_in(const char *state)
{
    char text[200];

    snprintf(text, sizeof(text),
             "SELECT count(*) FROM broadcast_chats WHERE state = '%s' "
             "AND broadcast_id = (SELECT max(id) FROM broadcasts)",
             state);
    return number(text);
}

/* --- broadcasts --------------------------------------------------------------------------- */

static inline void on_gone(int64_t chat, void *arg)
{
    (void)chat, (void)arg;
    gones++;
}

static inline void on_idle(void *arg)
{
    (void)arg;
    idles++;
    loop_stop(db.loop);
}

static inline struct broadcasts *process(int window)
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

static inline struct broadcast_op *wait_desk(struct op *op)
{
    pending = 1;
    op->done = on_done;
    loop_run(db.loop);
    return (struct broadcast_op *)op;
}

static inline struct broadcast_op *order(const char *who, const char *what,
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

static inline int64_t make(const char *who, const char *what)
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

static inline bool change(int64_t id, enum broadcast_change what)
{
    struct broadcast_op *op =
        wait_desk(broadcast_change_start(db.loop, db.pg, id, what, NULL));
    bool changed = op->changed;

    assert_string_equal(op->op.err.text, "");
    op_free(&op->op);
    return changed;
}

static inline void kill_process(void)
{
    broadcasts_free(sending);
    sending = NULL;
    /* its time is over */
    number("WITH u AS (UPDATE broadcasts SET sender_at = now() - interval "
           "'1 h' RETURNING 1) SELECT count(*) FROM u");
}

/* --- setting up ------------------------------------------------------------------------------ */

static inline void clear(void)
{
    sql("TRUNCATE broadcasts, broadcast_chats, chats, chat_configs");
    memset(api.calls, 0, sizeof(api.calls));
    api.n = 0;
    api.hold_from = api.stop_at = -1;
    idles = gones = 0;
}

static inline char *url_with_schema(void)
{
    struct buf url = BUF_INIT;

    buf_adds(&url, pg_server_url());
    buf_addf(&url, "%soptions=-csearch_path%%3D" SCHEMA,
             strchr(url.data, '?') ? "&" : "?");
    return buf_detach(&url);
}

static inline int set_up_all(void **state)
{
    struct httpd_options o = { .address = "127.0.0.1", .body_max = 1 << 20 };
    struct err err = ERR_INIT;
    char *url;

    (void)state;
    make_tables(SCHEMA);
    run_schema_file("0003_inbox.sql");
    run_schema_file("0004_broadcasts.sql");
    run_schema_file("0006_moved_chats.sql");
    client_free(&db);
    url = url_with_schema();
    /* a name of its own: it is broken on purpose, and others' must not be */
    db = client_new(&(struct pg_options){
        .url = url, .application_name = SCHEMA, .prepare = true });
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

static inline int tear_down_all(void **state)
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

static inline int set_up(void **state)
{
    (void)state;
    clear();
    sending = process(1);
    return 0;
}

static inline int tear_down(void **state)
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

#endif
