/* test_telegram.c - calls and polling, against a Bot API server in the same loop
 * that answers what a test tells it to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "io/httpd.h"
#include "io/loop.h"
#include "telegram/api.h"
#include "telegram/poll.h"

#define TOKEN "123456:AAsecret-token_x"

static bool is(struct slice got, const char *wanted)
{
    return wanted ? got.p && slice_eq(got, wanted) : got.n == 0;
}

/* --- a server -------------------------------------------------------------------------- */

static struct {
    struct loop *loop;
    struct http *http;
    struct httpd *httpd;
    struct tg *tg;
    char url[100];
    const char *answers[20]; /* one for each request; the last one stays */
    int statuses[20];
    int nanswers, requests, stop_after;
    char path[200], body[2000], type[200];
    struct buf log;
    /* of polling */
    int batches;
    size_t n[20];
    bool valid[20];
    char seen[2000]; /* the texts of updates, a line each */
    char refused[300];
} t;

static void on_request(struct httpd_request *req, void *arg)
{
    int i = t.requests < t.nanswers ? t.requests : t.nanswers - 1;
    const char *type = httpd_header(req, "Content-Type");

    (void)arg;
    t.requests++;
    snprintf(t.path, sizeof(t.path), "%s %s", httpd_method(req),
             httpd_path(req));
    snprintf(t.type, sizeof(t.type), "%s", type ? type : "");
    snprintf(t.body, sizeof(t.body), "%.*s", (int)httpd_body(req).n,
             httpd_body(req).p);
    if (i < 0 || !t.answers[i])
        httpd_drop(req);
    else
        httpd_reply(req, t.statuses[i] ? t.statuses[i] : 200, NULL,
                    slice_of(t.answers[i]));
    if (t.requests == t.stop_after)
        loop_stop(t.loop);
}

static void on_line(enum log_level level, const char *area, const char *message,
                    const char *fields, void *arg)
{
    (void)arg;
    buf_addf(&t.log, "%s %s: %s %s\n", log_level_name(level), area, message,
             fields);
}

static void answer_with(int status, const char *text)
{
    t.statuses[t.nanswers] = status;
    t.answers[t.nanswers++] = text;
}

static int setup(void **state)
{
    struct httpd_options o = { .address = "127.0.0.1" };
    struct http_options client = { .connections_max = 4 };
    struct tg_options options = { .url = t.url, .token = TOKEN };
    struct err err = ERR_INIT;

    (void)state;
    memset(&t, 0, sizeof(t));
    buf_init(&t.log);
    log_set_sink(on_line, NULL);
    t.loop = loop_new();
    t.http = http_new(t.loop, &client);
    t.httpd = httpd_start(t.loop, &o, on_request, NULL, &err);
    assert_non_null(t.httpd);
    snprintf(t.url, sizeof(t.url), "http://127.0.0.1:%d/base/",
             httpd_port(t.httpd));
    t.tg = tg_new(t.loop, t.http, &options, &err);
    assert_non_null(t.tg);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_null(strstr(t.log.data, "AAsecret"));
    assert_int_equal(loop_live_ops(t.loop), 0);
    tg_free(t.tg);
    http_free(t.http);
    httpd_free(t.httpd);
    loop_free(t.loop);
    log_set_sink(NULL, NULL);
    log_unhide_all();
    buf_release(&t.log);
    return 0;
}

static void stop_loop(struct op *op)
{
    loop_stop(op->loop);
}

static void run_ms(int64_t ms)
{
    struct op *timer = timer_start(t.loop, ms);

    timer->done = stop_loop;
    loop_run(t.loop);
    op_free(timer);
}

static struct tg_op *call(const char *method, const char *json)
{
    struct buf body = BUF_INIT;
    struct tg_op *op;

    if (json)
        buf_adds(&body, json);
    op = tg_start(t.tg, &(struct tg_call){ .method = method,
                                           .body = json ? &body : NULL,
                                           .timeout_ms = 3000 });
    op->op.done = stop_loop;
    loop_run(t.loop);
    assert_null(strstr(op->op.err.text, "AAsecret"));
    return op;
}

/* --- the token and the address -------------------------------------------------------------- */

static void test_tg__tokens(void **state)
{
    static const struct {
        const char *token;
        int64_t id;
    } tokens[] = {
        { "1:x", 1 },
        { "123456:AA-bb_CC9", 123456 },
        { "5000000000:x", 5000000000 },
        { "", 0 },
        { "x", 0 },
        { ":x", 0 },
        { "1", 0 },
        { "1:", 0 },
        { "-1:x", 0 },
        { " 1:x", 0 },
        { "1:x y", 0 },
        { "1:x/../y", 0 },
        { "1:x\n", 0 },
        { "0:x", 0 },
        { "99999999999999999999:x", 0 },
        { "bot1:x", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
        struct tg_options o = { .url = "http://h", .token = tokens[i].token };
        struct err err = ERR_INIT;
        struct tg *tg = tg_new(t.loop, t.http, &o, &err);

        assert_int_equal(tg ? tg_bot_id(tg) : 0, tokens[i].id);
        assert_int_equal(err.kind, tg ? ERR_NONE : ERR_USAGE);
        if (!tg)
            assert_non_null(strstr(err.text, "BOT_TOKEN"));
        tg_free(tg);
    }
    log_unhide_all();
    log_hide(TOKEN);
}

static void test_tg__urls(void **state)
{
    static const struct {
        const char *url;
        bool ok;
    } urls[] = {
        { "https://api.telegram.org", true },
        { "http://127.0.0.1:8081", true },
        { "http://[::1]:80/", true },
        { "http://h/a/b//", true },
        { "", false },
        { "api.telegram.org", false },
        { "ftp://h", false },
        { "http://", false },
        { "http:///x", false },
        { "http://h?x", false },
        { "http://h#x", false },
        { "http://h x", false },
        { "http://h:0", false },
        { "http://h:99999", false },
        { "http://h:x", false },
        { "http://user:pass@h", false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct tg_options o = { .url = urls[i].url, .token = TOKEN };
        struct err err = ERR_INIT;
        struct tg *tg = tg_new(t.loop, t.http, &o, &err);

        if (!!tg != urls[i].ok)
            fail_msg("%s: %s", urls[i].url, err.text);
        if (!tg)
            assert_non_null(strstr(err.text, "TELEGRAM_API_URL"));
        tg_free(tg);
    }
    tg_free(NULL);
}

/* --- calls -------------------------------------------------------------------------------------- */

static void test_tg__call(void **state)
{
    struct tg_op *op;

    (void)state;
    answer_with(200, " {\"ok\":true,\"result\":{\"id\":9007199254740993}} \n");
    op = call("getMe", NULL);
    assert_string_equal(op->op.err.text, "");
    assert_true(is(op->result, "{\"id\":9007199254740993}"));
    assert_string_equal(t.path, "GET /base/bot" TOKEN "/getMe");
    op_free(&op->op);
    op = call("sendMessage", "{\"chat_id\":1}");
    assert_string_equal(t.path, "POST /base/bot" TOKEN "/sendMessage");
    assert_string_equal(t.body, "{\"chat_id\":1}");
    assert_string_equal(t.type, "application/json");
    op_free(&op->op);
}

static void test_tg__a_long_method(void **state)
{
    char method[600];
    struct tg_op *op;

    (void)state;
    memset(method, 'm', sizeof(method));
    method[sizeof(method) - 1] = '\0';
    answer_with(200, "{\"ok\":true,\"result\":true}");
    op = call(method, "{}");
    assert_string_equal(op->op.err.text, "");
    assert_true(is(op->result, "true"));
    op_free(&op->op);
}

static void test_tg__results_of_any_kind(void **state)
{
    static const char *const results[] = { "true", "null",    "[]", "\"x\"",
                                           "-7",   "[{},{}]", "{}" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(results); i++) {
        char text[100];
        struct tg_op *op;

        snprintf(text, sizeof(text), "{\"result\":%s,\"ok\":true}", results[i]);
        t.nanswers = t.requests = 0;
        answer_with(200, text);
        op = call("x", "{}");
        assert_int_equal(op->op.err.kind, ERR_NONE);
        assert_true(is(op->result, results[i]));
        op_free(&op->op);
    }
}

static void test_tg__not_ok(void **state)
{
    struct tg_op *op;

    (void)state;
    answer_with(400, "{\"ok\":false,\"error_code\":400,\"description\":\"Bad "
                     "Request: \\u00fc\"}");
    op = call("x", "{}");
    assert_int_equal(op->op.err.kind, ERR_TELEGRAM);
    assert_string_equal(op->op.err.text, "400 Bad Request: \xc3\xbc");
    assert_int_equal(op->error_code, 400);
    assert_true(is(op->description, "Bad Request: \\u00fc"));
    assert_null(op->parameters.p);
    op_free(&op->op);
}

static void test_tg__parameters(void **state)
{
    struct tg_op *op;

    (void)state;
    answer_with(429, "{\"ok\":false,\"error_code\":429,\"description\":\"Too "
                     "Many Requests\",\"parameters\":{\"retry_after\":7}}");
    answer_with(400, "{\"ok\":false,\"error_code\":400,\"description\":\"x\","
                     "\"parameters\":{\"migrate_to_chat_id\":-1001234567890}}");
    op = call("x", "{}");
    assert_int_equal(op->retry_after, 7);
    assert_int_equal(op->migrate_to_chat_id, 0);
    assert_true(is(op->parameters, "{\"retry_after\":7}"));
    op_free(&op->op);
    op = call("x", "{}");
    assert_int_equal(op->retry_after, 0);
    assert_true(op->migrate_to_chat_id == -1001234567890);
    op_free(&op->op);
}

static void test_tg__odd_errors(void **state)
{
    static const struct {
        const char *text, *err;
        int retry_after;
    } answers[] = {
        { "{\"ok\":false}", "500 ", 0 },
        { "{\"ok\":false,\"error_code\":\"x\",\"description\":5}", "500 ", 0 },
        { "{\"ok\":false,\"error_code\":3,\"description\":\"d\",\"parameters\":"
          "[]}",
          "3 d", 0 },
        { "{\"ok\":false,\"parameters\":{\"retry_after\":-3}}", "500 ", 0 },
        { "{\"ok\":false,\"parameters\":{\"retry_after\":9999999999999}}",
          "500 ", 0 },
        { "{\"ok\":false,\"parameters\":{\"retry_after\":\"3\"}}", "500 ", 0 },
        { "{\"ok\":false,\"parameters\":{\"retry_after\":0}}", "500 ", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct tg_op *op;

        t.nanswers = t.requests = 0;
        answer_with(500, answers[i].text);
        op = call("x", "{}");
        assert_int_equal(op->op.err.kind, ERR_TELEGRAM);
        assert_string_equal(op->op.err.text, answers[i].err);
        assert_int_equal(op->retry_after, answers[i].retry_after);
        op_free(&op->op);
    }
}

static void test_tg__no_bot_api(void **state)
{
    static const struct {
        int status;
        const char *text;
    } answers[] = {
        { 502, "<html><body>502 Bad Gateway</body></html>" },
        { 200, "" },
        { 200, "   " },
        { 200, "{\"ok\":true" },
        { 200, "{\"ok\":true}" },
        { 200, "{\"ok\":1,\"result\":true}" },
        { 200, "{\"ok\":null}" },
        { 200, "{\"result\":true}" },
        { 200, "[]" },
        { 200, "true" },
        { 200, "{\"ok\":true,\"result\":{\"a\":\"\xff\"}}" },
        { 200, "{\"ok\":true,\"result\":01}" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct tg_op *op;

        t.nanswers = t.requests = 0;
        answer_with(answers[i].status, answers[i].text);
        op = call("x", "{}");
        if (op->op.err.kind != ERR_NETWORK || !op->maybe_sent ||
            op->error_code != answers[i].status || op->result.p)
            fail_msg("%s: %d %s", answers[i].text, op->op.err.kind,
                     op->op.err.text);
        assert_non_null(strstr(op->op.err.text, "not the Bot API's JSON"));
        op_free(&op->op);
    }
}

static void test_tg__no_connection(void **state)
{
    struct tg_op *op;

    (void)state;
    answer_with(0, NULL); /* dropped */
    op = call("x", "{}");
    assert_int_equal(op->op.err.kind, ERR_NETWORK);
    assert_true(op->maybe_sent);
    assert_int_equal(t.requests, 1);
    op_free(&op->op);
}

static void test_tg__free_while_it_runs(void **state)
{
    struct buf body = BUF_INIT;
    struct tg_op *op;

    (void)state;
    buf_adds(&body, "{}");
    answer_with(200, "{\"ok\":true,\"result\":true}");
    op = tg_start(t.tg, &(struct tg_call){ .method = "x", .body = &body });
    assert_int_equal(body.len, 0);
    op_free(&op->op);
    run_ms(10);
}

static void test_tg__multipart(void **state)
{
    struct http_part parts[] = {
        { .name = "chat_id", .data = { "12", 2 } },
        { .name = "photo", .data = { "PNG", 3 }, .filename = "a.png" },
    };
    struct http_form *form = http_form_new();
    struct tg_op *op;

    (void)state;
    answer_with(200, "{\"ok\":true,\"result\":true}");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        http_form_add(form, &parts[i]);
    op = tg_start(t.tg,
                  &(struct tg_call){ .method = "sendPhoto", .form = form });
    http_form_unref(form);
    op->op.done = stop_loop;
    loop_run(t.loop);
    assert_string_equal(op->op.err.text, "");
    assert_non_null(strstr(t.type, "multipart/form-data; boundary="));
    assert_non_null(strstr(t.body, "name=\"photo\"; filename=\"a.png\""));
    op_free(&op->op);
}

/* --- polling ---------------------------------------------------------------------------------------- */

static void on_updates(const struct slice *list, size_t n, bool valid,
                       void *arg)
{
    (void)arg;
    t.n[t.batches] = n;
    t.valid[t.batches++] = valid;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(t.seen);

        snprintf(t.seen + len, sizeof(t.seen) - len, "%.*s\n", (int)list[i].n,
                 list[i].p);
    }
    loop_stop(t.loop);
}

static void on_refused(const char *why, void *arg)
{
    (void)arg;
    snprintf(t.refused, sizeof(t.refused), "%s", why);
    loop_stop(t.loop);
}

static struct poll *polling(int limit)
{
    static const struct poll_callbacks callbacks = { .updates = on_updates,
                                                     .refused = on_refused,
                                                     .arg = NULL };
    struct poll_options o = { .timeout_s = 1, .limit = limit };

    return poll_new(t.loop, t.tg, &o, &callbacks);
}

static void poll_once(struct poll *poll, int64_t offset, int limit)
{
    poll_next(poll, offset, limit);
    assert_true(poll_is_running(poll));
    loop_run(t.loop);
}

static void test_poll__asks(void **state)
{
    struct poll *poll = polling(100);

    (void)state;
    answer_with(200, "{\"ok\":true,\"result\":[]}");
    poll_once(poll, 0, 100);
    assert_string_equal(t.body, "{\"offset\":0,\"limit\":100,\"timeout\":1}");
    assert_false(poll_is_running(poll));
    poll_allow(poll, "[\"message\"]");
    poll_once(poll, 5000000000, 7);
    assert_string_equal(t.body, "{\"offset\":5000000000,\"limit\":7,\"timeout\""
                                ":1,\"allowed_updates\":[\"message\"]}");
    poll_once(poll, 1, 1000);
    assert_non_null(strstr(t.body, "\"limit\":100"));
    assert_int_equal(t.batches, 3);
    assert_int_equal(t.n[0], 0);
    poll_free(poll);
    poll_free(NULL);
}

static void test_poll__updates(void **state)
{
    struct poll *poll = polling(100);

    (void)state;
    answer_with(200, "{\"ok\":true,\"result\":[ {\"update_id\":1}, "
                     "{\"update_id\":2,\"message\":{\"text\":\"],[\"}}]}");
    poll_once(poll, 0, 100);
    assert_true(t.valid[0]);
    assert_string_equal(t.seen, "{\"update_id\":1}\n{\"update_id\":2,"
                                "\"message\":{\"text\":\"],[\"}}\n");
    poll_free(poll);
}

/* One that is broken must not take the others with it. */
static void test_poll__a_broken_update(void **state)
{
    struct poll *poll = polling(100);

    (void)state;
    answer_with(200,
                "{\"ok\":true,\"result\":[{\"update_id\":1,\"x\":\"\xff\"},\n"
                "{\"update_id\":2}, {\"update_id\":3,\"n\":01}]}");
    answer_with(200, "{\"ok\":true,\"result\":[{\"update_id\":1},");
    poll_once(poll, 0, 100);
    assert_int_equal(t.n[0], 3);
    assert_false(t.valid[0]);
    assert_string_equal(t.seen, "{\"update_id\":1,\"x\":\"\xff\"}\n"
                                "{\"update_id\":2}\n{\"update_id\":3,\"n\":01}"
                                "\n");
    t.stop_after = 3; /* an answer that is cut: tried again */
    poll_once(poll, 0, 100);
    assert_int_equal(t.batches, 1);
    assert_non_null(strstr(t.log.data, "warn poll: no updates: "));
    poll_free(poll);
}

static void test_poll__odd_results(void **state)
{
    struct poll *poll = polling(100);

    (void)state;
    answer_with(200, "{\"ok\":true,\"result\":{}}");
    answer_with(200, "{\"ok\":true,\"result\":null}");
    answer_with(200, "{\"ok\":true,\"result\":[null,7,[1,2],\"x\"]}");
    for (int i = 0; i < 3; i++)
        poll_once(poll, 0, 100);
    assert_int_equal(t.n[0], 0);
    assert_int_equal(t.n[1], 0);
    assert_string_equal(t.seen, "null\n7\n[1,2]\n\"x\"\n");
    poll_free(poll);
}

static int count(const char *text, const char *part)
{
    int n = 0;

    while ((text = strstr(text, part))) {
        text++;
        n++;
    }
    return n;
}

/* Tried again with growing pauses; said once, and when it is over. */
static void test_poll__trouble_is_said_once(void **state)
{
    struct poll *poll = polling(100);
    int64_t before = loop_now_ms();

    (void)state;
    answer_with(0, NULL);
    answer_with(0, NULL);
    answer_with(0, NULL);
    answer_with(200, "{\"ok\":true,\"result\":[]}");
    poll_once(poll, 0, 100);
    assert_int_equal(t.requests, 4);
    assert_int_equal(t.batches, 1);
    /* 0.5 + 1 + 2 s, each ± 25 %: not less */
    assert_true(loop_now_ms() - before >= 2500);
    assert_int_equal(count(t.log.data, "warn poll: no updates"), 1);
    assert_int_equal(count(t.log.data, "info poll: getting updates again"), 1);
    poll_free(poll);
}

static void test_poll__conflict_and_retry_after(void **state)
{
    struct poll *poll = polling(100);
    int64_t before = loop_now_ms();

    (void)state;
    answer_with(409, "{\"ok\":false,\"error_code\":409,\"description\":"
                     "\"Conflict: terminated by other getUpdates request\"}");
    answer_with(429, "{\"ok\":false,\"error_code\":429,\"description\":\"Too "
                     "Many Requests: retry after 1\",\"parameters\":{"
                     "\"retry_after\":1}}");
    answer_with(200, "{\"ok\":true,\"result\":[]}");
    poll_once(poll, 0, 100);
    assert_int_equal(t.batches, 1);
    assert_true(loop_now_ms() - before >= 1370);
    assert_int_equal(count(t.log.data, "warn poll: no updates"), 2);
    assert_non_null(strstr(t.log.data, "another program polls"));
    poll_free(poll);
}

static void test_poll__refused(void **state)
{
    static const char *const answers[] = {
        "{\"ok\":false,\"error_code\":401,\"description\":\"Unauthorized\"}",
        "{\"ok\":false,\"error_code\":404,\"description\":\"Not Found\"}",
    };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct poll *poll = polling(100);

        t.nanswers = t.requests = 0;
        t.refused[0] = '\0';
        answer_with(i ? 404 : 401, answers[i]);
        poll_once(poll, 0, 100);
        assert_non_null(strstr(t.refused, "BOT_TOKEN"));
        assert_false(poll_is_running(poll));
        poll_free(poll);
    }
}

static void test_poll__free_while_it_runs_or_waits(void **state)
{
    struct poll *poll = polling(100);

    (void)state;
    answer_with(0, NULL);
    poll_next(poll, 0, 100);
    poll_free(poll);
    run_ms(5);
    poll = polling(100);
    poll_next(poll, 0, 100);
    run_ms(50); /* dropped: now in its pause */
    assert_true(poll_is_running(poll));
    poll_free(poll);
    assert_int_equal(t.batches, 0);
}

static void test_poll__acknowledge(void **state)
{
    struct poll *poll = polling(100);
    struct tg_op *op;

    (void)state;
    answer_with(200, "{\"ok\":true,\"result\":[]}");
    poll_next(poll, 0, 100);
    op = poll_acknowledge(poll, 43);
    assert_false(poll_is_running(poll));
    op->op.done = stop_loop;
    loop_run(t.loop);
    assert_string_equal(op->op.err.text, "");
    assert_string_equal(t.body, "{\"offset\":43,\"limit\":1,\"timeout\":0}");
    assert_int_equal(t.batches, 0);
    op_free(&op->op);
    poll_free(poll);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_tg__tokens),
        TEST(test_tg__urls),
        TEST(test_tg__call),
        TEST(test_tg__a_long_method),
        TEST(test_tg__results_of_any_kind),
        TEST(test_tg__not_ok),
        TEST(test_tg__parameters),
        TEST(test_tg__odd_errors),
        TEST(test_tg__no_bot_api),
        TEST(test_tg__no_connection),
        TEST(test_tg__free_while_it_runs),
        TEST(test_tg__multipart),
        TEST(test_poll__asks),
        TEST(test_poll__updates),
        TEST(test_poll__a_broken_update),
        TEST(test_poll__odd_results),
        TEST(test_poll__trouble_is_said_once),
        TEST(test_poll__conflict_and_retry_after),
        TEST(test_poll__refused),
        TEST(test_poll__free_while_it_runs_or_waits),
        TEST(test_poll__acknowledge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
