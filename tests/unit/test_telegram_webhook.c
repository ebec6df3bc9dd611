/* test_telegram_webhook.c - telling Telegram where to send updates: against a Bot API
 * server in the same loop that answers what a test tells it to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "io/loop.h"
#include "telegram/webhook.h"

#define TOKEN "123456:AAsecret-token_x"
#define OK "{\"ok\":true,\"result\":true}"
#define INFO(url) "{\"ok\":true,\"result\":{\"url\":\"" url "\"}}"

static struct {
    struct loop *loop;
    struct http *http;
    struct httpd *httpd;
    struct tg *tg;
    struct tg_webhook *webhook;
    char url[100];
    const char *answers[10]; /* one for each request; the last one stays */
    int nanswers, requests, stop_after;
    char methods[200], body[2000];
    struct buf log;
    char refused[300];
} t;

static void on_request(struct httpd_request *req, void *arg)
{
    int i = t.requests < t.nanswers ? t.requests : t.nanswers - 1;
    size_t n = strlen(t.methods);

    (void)arg;
    t.requests++;
    snprintf(t.methods + n, sizeof(t.methods) - n, "%s%s", n ? " " : "",
             strrchr(httpd_path(req), '/') + 1);
    snprintf(t.body, sizeof(t.body), "%.*s", (int)httpd_body(req).n,
             httpd_body(req).p);
    httpd_reply(req, 200, NULL, slice_of(t.answers[i]));
}

static void on_line(enum log_level level, const char *area, const char *message,
                    const char *fields, void *arg)
{
    (void)arg, (void)area, (void)fields;
    buf_addf(&t.log, "%s %s\n", log_level_name(level), message);
}

static void on_refused(const char *why, void *arg)
{
    (void)arg;
    snprintf(t.refused, sizeof(t.refused), "%s", why);
}

static struct tg_webhook *make(const char *url, const char *secret,
                               struct err *err)
{
    struct tg_webhook_options o = { .url = url,
                                    .secret = secret,
                                    .token = TOKEN,
                                    .max_connections = 7,
                                    .check_ms = 30,
                                    .refused = on_refused };

    return tg_webhook_new(t.loop, t.tg, &o, err);
}

static int setup(void **state)
{
    struct httpd_options o = { .address = "127.0.0.1" };
    struct err err = ERR_INIT;

    (void)state;
    memset(&t, 0, sizeof(t));
    buf_init(&t.log);
    log_set_sink(on_line, NULL);
    t.loop = loop_new();
    t.http = http_new(t.loop, &(struct http_options){ .connections_max = 4 });
    t.httpd = httpd_start(t.loop, &o, on_request, NULL, &err);
    assert_non_null(t.httpd);
    snprintf(t.url, sizeof(t.url), "http://127.0.0.1:%d", httpd_port(t.httpd));
    t.tg = tg_new(t.loop, t.http,
                  &(struct tg_options){ .url = t.url, .token = TOKEN }, &err);
    assert_non_null(t.tg);
    t.webhook = make("https://bot.example/hook", NULL, &err);
    assert_non_null(t.webhook);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_null(strstr(t.log.data, "AAsecret"));
    tg_webhook_free(t.webhook);
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

static struct op *tick;

static void on_tick(struct op *op)
{
    op_free(op);
    tick = NULL;
    if (t.requests >= t.stop_after || t.refused[0]) {
        loop_stop(t.loop);
        return;
    }
    tick = timer_start(t.loop, 5);
    tick->done = on_tick;
}

/* Until the server has had n requests, and a little longer. */
static void run_until(int n)
{
    t.stop_after = n;
    tick = timer_start(t.loop, 5);
    tick->done = on_tick;
    loop_run(t.loop);
    op_free(tick);
    tick = NULL;
}

static void test_webhook__registers(void **state)
{
    (void)state;
    t.answers[0] = OK;
    t.answers[1] = INFO("https://bot.example/hook");
    t.nanswers = 2;
    tg_webhook_allow(t.webhook, "[\"message\"]");
    assert_non_null(tg_webhook_trouble(t.webhook));
    tg_webhook_register(t.webhook);
    tg_webhook_register(t.webhook);
    run_until(1);
    assert_string_equal(t.methods, "setWebhook");
    assert_non_null(strstr(t.body, "\"url\":\"https://bot.example/hook\""));
    assert_non_null(strstr(t.body, "\"allowed_updates\":[\"message\"]"));
    assert_non_null(strstr(t.body, "\"max_connections\":7"));
    run_until(3); /* and looks, again and again */
    assert_string_equal(t.methods, "setWebhook getWebhookInfo getWebhookInfo");
    assert_null(tg_webhook_trouble(t.webhook));
    tg_webhook_allow(t.webhook, "[\"message\"]"); /* nothing new */
    tg_webhook_allow(t.webhook, "[\"message\",\"poll\"]");
    t.nanswers = 1;
    t.methods[0] = '\0';
    run_until(4);
    assert_string_equal(t.methods, "setWebhook");
    assert_non_null(strstr(t.body, "[\"message\",\"poll\"]"));
}

static void test_webhook__tries_again(void **state)
{
    (void)state;
    t.answers[0] = "{\"ok\":false,\"error_code\":500,\"description\":\"no\"}";
    t.answers[1] = OK;
    t.answers[2] = INFO("https://bot.example/hook");
    t.nanswers = 3;
    tg_webhook_register(t.webhook);
    run_until(1);
    run_until(2);
    assert_string_equal(t.methods, "setWebhook setWebhook");
    run_until(3);
    assert_null(tg_webhook_trouble(t.webhook));
    assert_non_null(strstr(t.log.data, "WEBHOOK_URL: 500 no"));
}

static void test_webhook__takes_it_back(void **state)
{
    (void)state;
    t.answers[0] = OK;
    t.answers[1] = INFO("https://other.example/");
    t.answers[2] = OK;
    t.answers[3] = INFO("");
    t.answers[4] = OK;
    t.answers[5] = "{\"ok\":true,\"result\":{\"url\":\"https://bot.example/hook"
                   "\",\"last_error_date\":5,\"last_error_message\":\"503\"}}";
    t.nanswers = 6;
    tg_webhook_register(t.webhook);
    run_until(7);
    assert_string_equal(t.methods,
                        "setWebhook getWebhookInfo setWebhook getWebhookInfo "
                        "setWebhook getWebhookInfo getWebhookInfo");
    assert_non_null(strstr(t.log.data, "sent them to https://other.example/"));
    assert_non_null(strstr(t.log.data, "removed the webhook"));
    assert_non_null(strstr(t.log.data, "could not deliver an update: 503"));
    /* once, not at each look */
    assert_null(strstr(strstr(t.log.data, "could not deliver") + 1,
                       "could not deliver"));
}

static void test_webhook__token_is_wrong(void **state)
{
    (void)state;
    t.answers[0] = "{\"ok\":false,\"error_code\":401,\"description\":\"x\"}";
    t.nanswers = 1;
    tg_webhook_register(t.webhook);
    run_until(99);
    assert_non_null(strstr(t.refused, "BOT_TOKEN"));
    assert_int_equal(t.requests, 1);
}

static void test_webhook__secret(void **state)
{
    struct err err = ERR_INIT;
    struct tg_webhook *same = make("https://x.example", NULL, &err);
    struct tg_webhook *own = make("http://h:1/a/b", "of-the_Operator", &err);
    char *secret, *end;

    (void)state;
    t.answers[0] = OK;
    t.nanswers = 1;
    tg_webhook_register(t.webhook);
    run_until(1);
    secret = strstr(t.body, "\"secret_token\":\"") + 16;
    end = strchr(secret, '"');
    *end = '\0';
    /* HMAC-SHA-256 of "moonpost webhook" with the token, as openssl has it */
    assert_string_equal(secret, "eed8f6f87a190fc12a9d1b8a59605e65"
                                "4313bb45c236a610899b7fd3f700b8a4");
    assert_true(tg_webhook_knows(same, secret));
    assert_string_equal(tg_webhook_path(same), "/");
    assert_false(tg_webhook_knows(own, secret));
    assert_true(tg_webhook_knows(own, "of-the_Operator"));
    assert_string_equal(tg_webhook_path(own), "/a/b");
    assert_false(tg_webhook_knows(own, "of-the_Operatox"));
    assert_false(tg_webhook_knows(own, "of-the_Operator1"));
    assert_false(tg_webhook_knows(own, ""));
    assert_false(tg_webhook_knows(own, NULL));
    tg_webhook_free(same);
    tg_webhook_free(own);
}

static void test_webhook__settings(void **state)
{
    static const char *const urls[] = { "",
                                        "bot.example/hook",
                                        "ftp://bot.example",
                                        "https://",
                                        "https:///x",
                                        "https://h/a?b",
                                        "https://h/a#b",
                                        "https://u@h/a",
                                        "https://h/a b" };
    static const char *const secrets[] = { "", "a b", "ä", "a.b" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct err err = ERR_INIT;

        assert_null(make(urls[i], NULL, &err));
        assert_int_equal(err.kind, ERR_USAGE);
        assert_non_null(strstr(err.text, "WEBHOOK_URL"));
    }
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        struct err err = ERR_INIT;

        assert_null(make("https://h", secrets[i], &err));
        assert_non_null(strstr(err.text, "WEBHOOK_SECRET"));
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_webhook__registers),     TEST(test_webhook__tries_again),
        TEST(test_webhook__takes_it_back), TEST(test_webhook__token_is_wrong),
        TEST(test_webhook__secret),        TEST(test_webhook__settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
