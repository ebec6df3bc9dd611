/* test_simulator_updates.c - the rules of getUpdates and setWebhook. */
#include "sim_test.h"

#include "io/httpd.h"

static size_t count(const json_t *updates)
{
    return json_array_size(updates);
}

static int64_t id_at(const json_t *updates, size_t i)
{
    return num(json_array_get(updates, i), "update_id");
}

static void test_updates__offset_confirms(void **state)
{
    json_t *updates;

    (void)state;
    call("getMe", NULL);
    assert_int_equal(alice_says(1001, "one"), 100);
    assert_int_equal(alice_says(1001, "two"), 101);
    assert_int_equal(alice_says(1001, "three"), 102);
    updates = poll(0);
    assert_int_equal(count(updates), 3);
    assert_string_equal(str(update_at(updates, 0, "message"), "text"), "one");
    assert_int_equal(count(poll(0)), 3); /* nothing was confirmed */
    updates = poll(101);
    assert_int_equal(count(updates), 2);
    assert_int_equal(id_at(updates, 0), 101);
    assert_int_equal(count(poll(0)), 2); /* 100 is gone for good */
    updates = poll(-1);
    assert_int_equal(count(updates), 1);
    assert_int_equal(id_at(updates, 0), 102);
    assert_int_equal(count(poll(0)), 1); /* and what was before it */
    assert_int_equal(count(poll(103)), 0);
}

static void test_updates__limit(void **state)
{
    static const struct {
        int limit, got;
    } cases[] = { { 2, 2 }, { 100, 100 }, { 1000, 100 }, { 0, 1 }, { -5, 1 } };

    (void)state;
    call("getMe", NULL);
    for (int i = 0; i < 120; i++)
        alice_says(1001, "x");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(count(
                             ok(call("getUpdates", json_pack("{s:i}", "limit",
                                                             cases[i].limit)))),
                         cases[i].got);
    assert_int_equal(count(poll(0)), 100);
}

static void test_updates__waits(void **state)
{
    struct http_op *op;
    int64_t before;
    json_t *updates;

    (void)state;
    op = start("bot1:x/getUpdates", json_pack("{s:i}", "timeout", 30));
    run_ms(50);
    assert_int_equal(op->op.state, OP_RUNNING);
    before = loop_now_ms();
    alice_says(1001, "now");
    updates = ok(finish(op));
    assert_int_equal(count(updates), 1);
    assert_true(loop_now_ms() - before < 1000);
    before = loop_now_ms();
    updates = ok(call("getUpdates",
                      json_pack("{s:i, s:i}", "offset", 101, "timeout", 1)));
    assert_int_equal(count(updates), 0);
    assert_true(loop_now_ms() - before >= 990);
}

static void test_updates__second_poller_ends_the_first(void **state)
{
    struct http_op *first, *second;

    (void)state;
    first = start("bot1:x/getUpdates", json_pack("{s:i}", "timeout", 30));
    run_ms(30);
    second = start("bot1:x/getUpdates", json_pack("{s:i}", "timeout", 30));
    fails(finish(first), 409,
          "Conflict: terminated by other getUpdates request; make sure that "
          "only one bot instance is running");
    assert_int_equal(second->op.state, OP_RUNNING);
    alice_says(1001, "hello");
    assert_int_equal(count(ok(finish(second))), 1);
}

static void test_updates__poller_that_left(void **state)
{
    struct http_op *op;

    (void)state;
    op = start("bot1:x/getUpdates", json_pack("{s:i}", "timeout", 30));
    run_ms(30);
    op_free(&op->op);
    run_ms(30);
    assert_int_equal(
        count(json_object_get(request("sim/calls?method=getUpdates", NULL),
                              "calls")),
        1); /* it is over, not waiting for nobody */
    alice_says(1001, "anyone?");
    assert_int_equal(count(poll(0)), 1);
}

static void test_updates__bots_have_their_own(void **state)
{
    (void)state;
    call("getMe", NULL);
    request("bot2:y/getMe", NULL);
    alice_says(GROUP, "both");
    person("send", json_pack("{s:i, s:i, s:s, s:i}", "as", 1001, "chat", 1001,
                             "text", "second", "bot", 2));
    assert_int_equal(count(poll(0)), 1);
    assert_int_equal(count(ok(request("bot2:y/getUpdates", NULL))), 2);
}

static void test_updates__allowed(void **state)
{
    (void)state;
    ok(call("getUpdates",
            json_pack("{s:[s]}", "allowed_updates", "edited_message")));
    person("send", json_pack("{s:i, s:i, s:s}", "as", 1001, "chat", 1001,
                             "text", "not wanted"));
    person("edit", json_pack("{s:i, s:i, s:i, s:s}", "as", 1001, "chat", 1001,
                             "message_id", 1, "text", "wanted"));
    assert_int_equal(count(poll(0)), 1);
    update_at(poll(0), 0, "edited_message");
    /* stays until given again, and does not touch what is queued */
    ok(call("getUpdates", json_pack("{s:[]}", "allowed_updates")));
    alice_says(1001, "wanted now");
    assert_int_equal(count(poll(0)), 2);
}

static void test_updates__kinds_that_must_be_asked_for(void **state)
{
    json_t *updates;

    (void)state;
    call("getMe", NULL);
    promote_bot();
    poll(-1);
    person("leave",
           json_pack("{s:i, s:I}", "as", 1002, "chat", (json_int_t)FORUM));
    updates = poll(102);
    assert_int_equal(count(updates), 1); /* the service message only */
    update_at(updates, 0, "message");
    ok(call("getUpdates",
            json_pack("{s:i, s:[s, s]}", "offset", 103, "allowed_updates",
                      "chat_member", "message_reaction")));
    person("join",
           json_pack("{s:i, s:I}", "as", 1002, "chat", (json_int_t)FORUM));
    /* who is no administrator does not hear of it */
    person("member", json_pack("{s:i, s:i, s:s}", "chat", GROUP, "user", 1,
                               "status", "member"));
    person("leave", json_pack("{s:i, s:i}", "as", 1002, "chat", GROUP));
    updates = poll(0);
    assert_int_equal(count(updates), 1);
    assert_string_equal(str(json_object_get(update_at(updates, 0,
                                                      "chat_member"),
                                            "new_chat_member"),
                            "status"),
                        "member");
}

static void test_updates__webhook_or_polling(void **state)
{
    json_t *info;

    (void)state;
    fails(
        call("setWebhook",
             json_pack("{s:s}", "url", "http://example.org/hook")),
        400,
        "Bad Request: bad webhook: An HTTPS URL must be provided for webhook");
    fails(call("setWebhook",
               json_pack("{s:s, s:s}", "url", "http://127.0.0.1:9/",
                         "secret_token", "not allowed!")),
          400, "Bad Request: secret token contains unallowed characters");
    ok(call("setWebhook",
            json_pack("{s:s, s:[s], s:i}", "url", "http://127.0.0.1:9/hook",
                      "allowed_updates", "message", "max_connections", 7)));
    fails(call("getUpdates", NULL), 409,
          "Conflict: can't use getUpdates method while webhook is active; use "
          "deleteWebhook to delete the webhook first");
    alice_says(1001, "waits");
    info = ok(call("getWebhookInfo", NULL));
    assert_string_equal(str(info, "url"), "http://127.0.0.1:9/hook");
    assert_int_equal(num(info, "pending_update_count"), 1);
    assert_int_equal(num(info, "max_connections"), 7);
    assert_int_equal(json_array_size(json_object_get(info, "allowed_updates")),
                     1);
    ok(call("deleteWebhook", NULL));
    assert_int_equal(count(poll(0)), 1);
    ok(call("deleteWebhook", json_pack("{s:b}", "drop_pending_updates", 1)));
    assert_int_equal(count(poll(0)), 0);
}

struct hook {
    int requests;
    char secret[32];
    int64_t update_id;
};

/* A bot behind a webhook: the first delivery fails, then it answers with a call. */
static void on_hook(struct httpd_request *req, void *arg)
{
    static const char *const headers[] = { "Content-Type", "application/json",
                                           NULL };
    struct hook *hook = arg;
    const char *secret = httpd_header(req, "X-Telegram-Bot-Api-Secret-Token");
    struct slice body = httpd_body(req);
    json_t *update = json_loadb(body.p, body.n, 0, NULL);

    snprintf(hook->secret, sizeof(hook->secret), "%s", secret ? secret : "");
    hook->update_id = num(update, "update_id");
    json_decref(update);
    if (hook->requests++ == 0)
        httpd_reply(req, 500, NULL, slice_of("not yet"));
    else
        httpd_reply(req, 200, headers,
                    slice_of("{\"method\":\"sendMessage\",\"chat_id\":1001,"
                             "\"text\":\"from the hook\"}"));
}

static void test_updates__webhook_delivery(void **state)
{
    struct httpd_options o = { .address = "127.0.0.1" };
    struct err err = ERR_INIT;
    struct hook hook = { 0 };
    struct httpd *httpd = httpd_start(sim.loop, &o, on_hook, &hook, &err);
    json_t *messages, *entries;
    char url[64];

    (void)state;
    assert_non_null(httpd);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/hook", httpd_port(httpd));
    ok(call("setWebhook",
            json_pack("{s:s, s:s}", "url", url, "secret_token", "s3cret")));
    alice_says(1001, "deliver me");
    run_ms(100);
    assert_int_equal(hook.requests, 1);
    assert_int_equal(num(ok(call("getWebhookInfo", NULL)),
                         "pending_update_count"),
                     1);
    run_ms(1200); /* it is tried again after a second */
    assert_int_equal(hook.requests, 2);
    assert_int_equal(hook.update_id, 100);
    assert_string_equal(hook.secret, "s3cret");
    messages =
        json_object_get(request("sim/messages?chat=1001", NULL), "messages");
    assert_string_equal(str(json_array_get(messages, 1), "text"),
                        "from the hook");
    entries = json_object_get(request("sim/updates", NULL), "updates");
    assert_true(
        json_is_true(json_object_get(json_array_get(entries, 0), "done")));
    assert_int_equal(num(ok(call("getWebhookInfo", NULL)),
                         "pending_update_count"),
                     0);
    ok(call("deleteWebhook", NULL));
    httpd_free(httpd);
}

static void test_updates__set_webhook_ends_a_poll(void **state)
{
    struct http_op *op;

    (void)state;
    op = start("bot1:x/getUpdates", json_pack("{s:i}", "timeout", 30));
    run_ms(30);
    ok(call("setWebhook", json_pack("{s:s}", "url", "http://127.0.0.1:9/")));
    fails(finish(op), 409, "Conflict: terminated by setWebhook request");
}

static void test_updates__raw_and_ready_made(void **state)
{
    struct http_op *op;

    (void)state;
    call("getMe", NULL);
    person("update", json_pack("{s:{s:i}}", "message", "message_id", 7));
    person("raw", json_pack("{s:s}", "text", "{\"update_id\":@,\"odd\":"));
    op = start("bot1:x/getUpdates", NULL);
    op->op.done = stop_loop;
    loop_run(sim.loop);
    assert_non_null(strstr(op->body.data, "{\"update_id\":101,\"odd\":]"));
    op_free(&op->op);
    ok(call("getUpdates", json_pack("{s:i}", "offset", 102)));
}

static void test_updates__feed_says_done(void **state)
{
    json_t *entries;

    (void)state;
    call("getMe", NULL);
    alice_says(1001, "one");
    alice_says(1001, "two");
    poll(101);
    entries = json_object_get(request("sim/updates", NULL), "updates");
    assert_int_equal(json_array_size(entries), 2);
    assert_true(
        json_is_true(json_object_get(json_array_get(entries, 0), "done")));
    assert_true(
        json_is_false(json_object_get(json_array_get(entries, 1), "done")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_updates__offset_confirms),
        TEST(test_updates__limit),
        TEST(test_updates__waits),
        TEST(test_updates__second_poller_ends_the_first),
        TEST(test_updates__poller_that_left),
        TEST(test_updates__bots_have_their_own),
        TEST(test_updates__allowed),
        TEST(test_updates__kinds_that_must_be_asked_for),
        TEST(test_updates__webhook_or_polling),
        TEST(test_updates__webhook_delivery),
        TEST(test_updates__set_webhook_ends_a_poll),
        TEST(test_updates__raw_and_ready_made),
        TEST(test_updates__feed_says_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
