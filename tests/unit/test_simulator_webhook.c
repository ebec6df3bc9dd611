/* Webhook delivery, to a real HTTP server on loopback. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/httpd.h"
#include "simulator/webhook.h"

#define REQUESTS_MAX 50

struct fixture {
    struct loop *loop;
    struct http *http;
    struct httpd *httpd;
    struct webhook *webhook;
    json_t *updates; /* waiting, oldest first */
    char url[100];
    struct buf log; /* what happened, in order */
    size_t stop_at; /* updates left when the loop is to stop */
    /* how the bot's server answers: */
    int failures; /* so many requests get this status first */
    int failure_status;
    const char *answer;
    bool hold; /* answer nothing; requests are kept in held */
    struct httpd_request *held[REQUESTS_MAX];
    int nheld;
    char secret[40];
};

static int64_t id_of(const json_t *update)
{
    return json_integer_value(json_object_get(update, "update_id"));
}

static const json_t *next(int64_t after, void *arg)
{
    struct fixture *f = arg;
    size_t i;
    json_t *update;

    json_array_foreach(f->updates, i, update)
    {
        if (id_of(update) > after)
            return update;
    }
    return NULL;
}

static void done(int64_t update_id, void *arg)
{
    struct fixture *f = arg;
    size_t i;
    json_t *update;

    json_array_foreach(f->updates, i, update)
    {
        if (id_of(update) == update_id) {
            json_array_remove(f->updates, i);
            break;
        }
    }
    buf_addf(&f->log, " done:%lld", (long long)update_id);
    if (json_array_size(f->updates) == f->stop_at)
        loop_stop(f->loop);
}

static void call(const char *method, const json_t *params, void *arg)
{
    struct fixture *f = arg;
    char *text = json_dumps(params, JSON_COMPACT | JSON_SORT_KEYS);

    buf_addf(&f->log, " call:%s%s", method, text);
    free(text);
    if (strcmp(method, "deleteWebhook") == 0) {
        webhook_free(f->webhook);
        f->webhook = NULL;
    }
}

static void on_request(struct httpd_request *req, void *arg)
{
    struct fixture *f = arg;
    struct slice body = httpd_body(req);
    json_t *update = json_loadb(body.p, body.n, 0, NULL);
    const char *secret = httpd_header(req, "X-Telegram-Bot-Api-Secret-Token");

    assert_string_equal(httpd_method(req), "POST");
    assert_string_equal(httpd_header(req, "Content-Type"), "application/json");
    snprintf(f->secret, sizeof(f->secret), "%s", secret ? secret : "");
    buf_addf(&f->log, " got:%lld", (long long)id_of(update));
    json_decref(update);
    if (f->hold)
        f->held[f->nheld++] = req;
    else if (f->failures-- > 0)
        httpd_reply(req, f->failure_status, NULL, slice_of("no"));
    else
        httpd_reply(req, 200, NULL, slice_of(f->answer ? f->answer : ""));
}

static void setup(struct fixture *f)
{
    struct httpd_options options = { .address = "127.0.0.1" };
    struct err err = ERR_INIT;

    *f = (struct fixture){ .failure_status = 500 };
    buf_init(&f->log);
    f->loop = loop_new();
    f->http = http_new(f->loop, &(struct http_options){ 0 });
    f->httpd = httpd_start(f->loop, &options, on_request, f, &err);
    assert_non_null(f->httpd);
    snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%d/hook",
             httpd_port(f->httpd));
    f->updates = json_array();
}

static void start(struct fixture *f, const struct webhook_options *more)
{
    struct webhook_owner owner = { next, done, call, f };
    struct webhook_options options = *more;

    options.url = f->url;
    options.retry_first_ms = 20;
    f->webhook = webhook_new(f->loop, f->http, &options, &owner);
}

static void teardown(struct fixture *f)
{
    webhook_free(f->webhook);
    json_decref(f->updates);
    httpd_free(f->httpd);
    http_free(f->http);
    assert_int_equal(loop_live_ops(f->loop), 0);
    loop_free(f->loop);
    buf_release(&f->log);
}

static void add_message(struct fixture *f, int update_id, int chat_id)
{
    json_array_append_new(f->updates,
                          json_pack("{s:i, s:{s:i, s:i, s:{s:i, s:s}}}",
                                    "update_id", update_id, "message",
                                    "message_id", 1, "date", 1, "chat", "id",
                                    chat_id, "type", "private"));
}

static void stop(struct op *op)
{
    loop_stop(op->loop);
}

static void run_ms(struct fixture *f, int64_t ms)
{
    struct op *timer = timer_start(f->loop, ms);

    timer->done = stop;
    loop_run(f->loop);
    op_free(timer);
}

static void test_webhook__delivers_in_order(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    add_message(&f, 1, 10);
    add_message(&f, 2, 10);
    start(&f, &(struct webhook_options){ .secret_token = "s3cret" });
    run_ms(&f, 5000);
    assert_string_equal(f.log.data, " got:1 done:1 got:2 done:2");
    assert_string_equal(f.secret, "s3cret");
    add_message(&f, 3, 10);
    webhook_wake(f.webhook);
    webhook_wake(f.webhook);
    run_ms(&f, 5000);
    assert_string_equal(f.log.data, " got:1 done:1 got:2 done:2 got:3 done:3");
    teardown(&f);
}

/* The messages of one chat wait for each other; other chats do not, up to
 * max_connections. */
static void test_webhook__side_by_side(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    f.hold = true;
    add_message(&f, 1, 10);
    add_message(&f, 2, 10);
    add_message(&f, 3, 11);
    add_message(&f, 4, 12);
    start(&f, &(struct webhook_options){ .max_connections = 2 });
    run_ms(&f, 100);
    assert_int_equal(f.nheld, 2);
    assert_non_null(strstr(f.log.data, "got:1"));
    assert_non_null(strstr(f.log.data, "got:3"));
    httpd_reply(f.held[0], 200, NULL, slice_of(""));
    httpd_reply(f.held[1], 204, NULL, slice_of(""));
    run_ms(&f, 100);
    assert_int_equal(f.nheld, 4);
    assert_int_equal(json_array_size(f.updates), 2);
    teardown(&f);
}

static void test_webhook__tries_again(void **state)
{
    struct fixture f;
    json_t *info = json_object();
    int64_t began = loop_now_ms();

    (void)state;
    setup(&f);
    f.failures = 3;
    add_message(&f, 1, 10);
    start(&f, &(struct webhook_options){ 0 });
    run_ms(&f, 5000);
    assert_string_equal(f.log.data, " got:1 got:1 got:1 got:1 done:1");
    assert_true(loop_now_ms() - began >= 20 + 40 + 80 - 3);
    assert_string_equal(f.secret, "");
    webhook_info(f.webhook, info);
    assert_string_equal(
        json_string_value(json_object_get(info, "last_error_message")),
        "Wrong response from the webhook: 500 Internal Server Error");
    assert_true(json_integer_value(json_object_get(info, "last_error_date")) >
                1000000000);
    assert_string_equal(json_string_value(json_object_get(info, "url")), f.url);
    json_decref(info);
    teardown(&f);
}

static void test_webhook__no_server(void **state)
{
    struct fixture f;
    json_t *info = json_object();

    (void)state;
    setup(&f);
    httpd_free(f.httpd);
    f.httpd = NULL;
    add_message(&f, 1, 10);
    start(&f, &(struct webhook_options){ 0 });
    run_ms(&f, 100);
    webhook_info(f.webhook, info);
    assert_non_null(json_object_get(info, "last_error_message"));
    assert_int_equal(json_array_size(f.updates), 1);
    json_decref(info);
    teardown(&f);
}

static void test_webhook__no_answer_in_time(void **state)
{
    struct fixture f;
    json_t *info = json_object();

    (void)state;
    setup(&f);
    f.hold = true;
    add_message(&f, 1, 10);
    start(&f, &(struct webhook_options){ .timeout_ms = 50 });
    run_ms(&f, 300);
    assert_true(f.nheld >= 2);
    webhook_info(f.webhook, info);
    assert_string_equal(json_string_value(
                            json_object_get(info, "last_error_message")),
                        "Read timeout expired");
    json_decref(info);
    teardown(&f);
}

static void test_webhook__answer_is_a_call(void **state)
{
    static const struct {
        const char *answer, *log;
    } cases[] = {
        { " {\"method\":\"sendMessage\",\"chat_id\":10,\"text\":\"a\"}",
          " got:1 done:1 call:sendMessage{\"chat_id\":10,\"text\":\"a\"}" },
        { "method=sendMessage&chat_id=10&text=a+b",
          " got:1 done:1 call:sendMessage{\"chat_id\":\"10\",\"text\":\"a "
          "b\"}" },
        { "{\"method\":\"deleteWebhook\"}",
          " got:1 done:1 call:deleteWebhook{}" },
        { "{\"method\":7}", " got:1 done:1" },
        { "{\"ok\":true}", " got:1 done:1" },
        { "OK", " got:1 done:1" },
        { "{", " got:1 done:1" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;

        setup(&f);
        f.answer = cases[i].answer;
        add_message(&f, 1, 10);
        start(&f, &(struct webhook_options){ 0 });
        run_ms(&f, 5000);
        assert_string_equal(f.log.data, cases[i].log);
        teardown(&f);
    }
}

/* Freed while requests are on their way and others rest. */
static void test_webhook__free_cancels(void **state)
{
    struct fixture f;

    (void)state;
    setup(&f);
    f.failures = 1;
    add_message(&f, 1, 10);
    start(&f, &(struct webhook_options){ 0 });
    run_ms(&f, 10);
    f.hold = true;
    add_message(&f, 2, 11);
    webhook_wake(f.webhook);
    run_ms(&f, 5);
    webhook_free(f.webhook);
    f.webhook = NULL;
    assert_int_equal(loop_live_ops(f.loop), 0);
    run_ms(&f, 60);
    assert_null(strstr(f.log.data, "done"));
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_webhook__delivers_in_order),
        cmocka_unit_test(test_webhook__side_by_side),
        cmocka_unit_test(test_webhook__tries_again),
        cmocka_unit_test(test_webhook__no_server),
        cmocka_unit_test(test_webhook__no_answer_in_time),
        cmocka_unit_test(test_webhook__answer_is_a_call),
        cmocka_unit_test(test_webhook__free_cancels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
