/* test_send.c - calls that wait, are tried again and redirected, against a Bot
 * API server in the same loop that answers what a test tells it to. */
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
#include "telegram/call_chat.h"
#include "telegram/send.h"

#define OK "{\"ok\":true,\"result\":{\"message_id\":1}}"
#define FLOOD                                                                  \
    "{\"ok\":false,\"error_code\":429,\"description\":\"Too Many Requests: "   \
    "retry after 1\",\"parameters\":{\"retry_after\":1}}"
#define BAD_GATEWAY                                                            \
    "{\"ok\":false,\"error_code\":502,\"description\":\"Bad Gateway\"}"
#define DROP NULL
#define CALLS 200

static struct {
    struct loop *loop;
    struct http *http;
    struct httpd *httpd;
    struct tg *tg;
    struct sender *s;
    char url[100];
    const char *answers[20]; /* in turn; then OK */
    int statuses[20];
    int nanswers, requests;
    struct buf said; /* in the log */
    struct buf log;  /* of requests: method and body, a line each */
    int64_t at[CALLS];
    /* calls */
    struct tg_op *calls[CALLS];
    int n, done;
    struct buf order; /* of ends: the calls' numbers */
    int64_t moved_from, moved_to;
    int moves;
} t;

/* --- the server ------------------------------------------------------------------ */

static void on_request(struct httpd_request *req, void *arg)
{
    int i = t.requests++;
    const char *answer = i < t.nanswers ? t.answers[i] : OK;
    struct slice body = httpd_body(req);

    (void)arg;
    assert_true(i < CALLS);
    t.at[i] = loop_now_ms();
    buf_addf(&t.log, "%s %.*s\n", strrchr(httpd_path(req), '/') + 1,
             (int)body.n, body.p);
    if (answer)
        httpd_reply(req, i < t.nanswers ? t.statuses[i] : 200, NULL,
                    slice_of(answer));
    else
        httpd_drop(req);
}

static void on_line(enum log_level level, const char *area, const char *message,
                    const char *fields, void *arg)
{
    (void)fields;
    (void)arg;
    buf_addf(&t.said, "%s %s: %s\n", log_level_name(level), area, message);
}

static void answer(int status, const char *text)
{
    t.statuses[t.nanswers] = status;
    t.answers[t.nanswers++] = text;
}

static void limit(int bot, int chat, int burst, int group, int queue)
{
    struct sender_options options = { bot, chat, burst, group, queue };

    sender_free(t.s);
    t.s = sender_new(t.loop, t.tg, &options);
}

static int setup(void **state)
{
    struct httpd_options o = { .address = "127.0.0.1" };
    struct http_options client = { .connections_max = 8 };
    struct tg_options options = { .url = t.url,
                                  .token = "1:xxxxxxxx",
                                  .timeout_ms = 10000 };
    struct err err = ERR_INIT;

    (void)state;
    memset(&t, 0, sizeof(t));
    buf_init(&t.log);
    buf_init(&t.said);
    log_set_sink(on_line, NULL);
    buf_init(&t.order);
    t.loop = loop_new();
    t.http = http_new(t.loop, &client);
    t.httpd = httpd_start(t.loop, &o, on_request, NULL, &err);
    assert_non_null(t.httpd);
    snprintf(t.url, sizeof(t.url), "http://127.0.0.1:%d", httpd_port(t.httpd));
    t.tg = tg_new(t.loop, t.http, &options, &err);
    assert_non_null(t.tg);
    limit(1000000, 1000000, 1000000, 1000000, 1000);
    return 0;
}

static int teardown(void **state)
{
    struct sender_stats stats;

    (void)state;
    for (int i = 0; i < t.n; i++)
        if (t.calls[i])
            op_free(&t.calls[i]->op);
    sender_get_stats(t.s, &stats);
    assert_int_equal(stats.waiting_now, 0);
    for (int i = 0; i < SEND_PRIORITIES; i++)
        assert_int_equal(stats.waiting_now_of[i], 0);
    sender_free(t.s);
    assert_int_equal(loop_live_ops(t.loop), 0);
    tg_free(t.tg);
    http_free(t.http);
    httpd_free(t.httpd);
    loop_free(t.loop);
    log_unhide_all();
    log_set_sink(NULL, NULL);
    buf_release(&t.said);
    buf_release(&t.log);
    buf_release(&t.order);
    return 0;
}

/* --- calls ------------------------------------------------------------------------ */

static void on_done(struct op *op)
{
    for (int i = 0; i < t.n; i++)
        if (&t.calls[i]->op == op)
            buf_addf(&t.order, "%d ", i);
    t.done++;
    loop_stop(t.loop);
}

static int start_as(const char *method, const char *json, int timeout_ms,
                    enum send_priority priority)
{
    struct buf body = BUF_INIT;
    struct tg_call call = { .method = method,
                            .body = &body,
                            .timeout_ms = timeout_ms };

    buf_adds(&body, json);
    t.calls[t.n] = send_start(t.s, &call, priority);
    t.calls[t.n]->op.done = on_done;
    assert_int_equal(body.len, 0);
    return t.n++;
}

static int start(const char *method, const char *json)
{
    return start_as(method, json, 0, SEND_REPLY);
}

static int send_to(int64_t chat, enum send_priority priority)
{
    char json[100];

    snprintf(json, sizeof(json), "{\"chat_id\":%lld,\"text\":\"%d\"}",
             (long long)chat, t.n);
    return start_as("sendMessage", json, 0, priority);
}

static void wait_done(int n)
{
    while (t.done < n)
        loop_run(t.loop);
}

static void stop_loop(struct op *op)
{
    loop_stop(op->loop);
}

static void run_ms(int64_t ms)
{
    struct op *timer = timer_start(t.loop, ms);

    timer->done = stop_loop;
    while (timer->state != OP_DONE)
        loop_run(t.loop);
    op_free(timer);
}

static const struct tg_op *finish(int i)
{
    wait_done(t.n);
    return t.calls[i];
}

static const struct tg_op *call(const char *method, const char *json)
{
    return finish(start(method, json));
}

static void expect_ok(const struct tg_op *op)
{
    if (op->op.err.kind)
        fail_msg("%s", op->op.err.text);
    assert_true(slice_eq(op->result, "{\"message_id\":1}"));
    assert_false(op->maybe_sent);
}

static void expect_err(const struct tg_op *op, enum err_kind kind,
                       const char *text)
{
    if (op->op.err.kind != kind || !strstr(op->op.err.text, text))
        fail_msg("%d %s", op->op.err.kind, op->op.err.text);
    assert_int_equal(!!strstr(op->op.err.text, "may have been sent"),
                     op->maybe_sent);
}

static int times(const char *text, const char *what)
{
    int n = 0;

    while ((text = strstr(text, what))) {
        n++;
        text++;
    }
    return n;
}

static struct sender_stats stats(void)
{
    struct sender_stats s;

    sender_get_stats(t.s, &s);
    return s;
}

#define SEND "sendMessage", "{\"chat_id\":7,\"text\":\"x\"}"

/* --- nothing special ----------------------------------------------------------------- */

static void test_send__at_once(void **state)
{
    (void)state;
    expect_ok(call(SEND));
    expect_ok(call("getMe", ""));
    expect_ok(call("sendMessage", "{\"chat_id\":\"@news\",\"text\":\"x\"}"));
    assert_int_equal(t.requests, 3);
    assert_int_equal(stats().calls, 3);
    assert_int_equal(stats().waited, 0);
    assert_true(send_has_left(t.calls[0]));
    assert_string_equal(t.log.data,
                        "sendMessage {\"chat_id\":7,\"text\":\"x\"}\ngetMe \n"
                        "sendMessage {\"chat_id\":\"@news\",\"text\":\"x\"}\n");
}

static void test_send__errors_are_forwarded(void **state)
{
    const struct tg_op *op;

    (void)state;
    answer(400, "{\"ok\":false,\"error_code\":400,\"description\":\"Bad "
                "Request: chat not found\",\"parameters\":{\"a\":1}}");
    answer(401, "{\"ok\":false,\"error_code\":401,\"description\":"
                "\"Unauthorized\"}");
    answer(404, "<html>Not here</html>");
    op = call(SEND);
    expect_err(op, ERR_TELEGRAM, "400 Bad Request: chat not found");
    assert_int_equal(op->error_code, 400);
    assert_true(slice_eq(op->description, "Bad Request: chat not found"));
    assert_true(slice_eq(op->parameters, "{\"a\":1}"));
    expect_err(call("getChat", "{\"chat_id\":7}"), ERR_TELEGRAM, "401 Una");
    expect_err(call("getMe", ""), ERR_NETWORK, "HTTP 404");
    assert_int_equal(t.requests, 3);
    expect_ok(call(SEND)); /* a 401 does not stay */
}

static void test_send__cancelled_anywhere(void **state)
{
    (void)state;
    limit(1000000, 1, 1, 1000000, 1000);
    answer(502, BAD_GATEWAY);
    start("getMe", "");     /* will be paused */
    send_to(1, SEND_REPLY); /* in flight */
    send_to(1, SEND_REPLY); /* in line */
    send_to(1, SEND_OTHER);
    run_ms(60);
    assert_int_equal(stats().waiting_now, 3);
    assert_false(send_has_left(t.calls[2]));
    for (int i = 0; i < t.n; i++) {
        op_free(&t.calls[i]->op);
        t.calls[i] = NULL;
    }
}

/* --- trying again ------------------------------------------------------------------------ */

/* What is answered first, and how often each kind of method is then called. */
static const struct {
    int status;
    const char *answer;
    int message, read; /* requests */
} troubles[] = {
    { 502, BAD_GATEWAY, 2, 2 },
    { 502, "<html>502 Bad Gateway</html>", 2, 2 },
    { 503, "", 2, 2 },
    { 504, "<html>", 2, 2 },
    { 500, "{\"ok\":false,\"error_code\":500,\"description\":\"Oops\"}", 1, 2 },
    { 200, "garbage", 1, 2 },
    { 200, "{\"ok\":true,\"result\":{\"mess", 1, 2 },
    { 0, DROP, 1, 2 },
};

static void test_send__trouble(void **state)
{
    const struct tg_op *op;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(troubles); i++) {
        t.requests = t.nanswers = 0;
        answer(troubles[i].status, troubles[i].answer);
        op = call(SEND);
        assert_int_equal(t.requests, troubles[i].message);
        if (troubles[i].message == 1) {
            assert_true(op->maybe_sent);
            expect_err(op, op->op.err.kind, "may have been sent");
        } else {
            expect_ok(op);
        }
        t.requests = t.nanswers = 0;
        answer(troubles[i].status, troubles[i].answer);
        expect_ok(call("editMessageText", "{\"chat_id\":7,\"text\":\"y\"}"));
        assert_int_equal(t.requests, troubles[i].read);
        assert_non_null(strstr(t.log.data, "{\"chat_id\":7,\"text\":\"y\"}\n"
                                           "editMessageText "
                                           "{\"chat_id\":7,\"text\":\"y\"}\n"));
        buf_reset(&t.log);
    }
}

/* It comes up while the call waits. */
static void test_send__server_that_is_not_there(void **state)
{
    int port = httpd_port(t.httpd), i;
    struct httpd_options o = { .address = "127.0.0.1", .port = port };
    struct err err = ERR_INIT;

    (void)state;
    httpd_free(t.httpd);
    i = start(SEND);
    run_ms(100);
    assert_int_equal(t.done, 0);
    t.httpd = httpd_start(t.loop, &o, on_request, NULL, &err);
    if (!t.httpd)
        fail_msg("%s", err.text);
    expect_ok(finish(i));
    assert_true(stats().retries >= 1);
}

static void test_send__no_time_left(void **state)
{
    const struct tg_op *op;
    int64_t start = loop_now_ms();
    int i;

    (void)state;
    for (int k = 0; k < 20; k++)
        answer(502, BAD_GATEWAY);
    i = start_as("sendMessage", "{\"chat_id\":7}", 1000, SEND_REPLY);
    op = finish(i);
    expect_err(op, ERR_TELEGRAM, "502 Bad Gateway");
    assert_false(op->maybe_sent);
    assert_true(t.requests > 1 && t.requests < 10);
    assert_true(loop_now_ms() - start < 1500);
}

static void add_part(struct http_form *form, const char *name, const char *text)
{
    http_form_add(form,
                  &(struct http_part){ .name = name, .data = slice_of(text) });
}

static int start_form(const char *chat)
{
    struct http_form *form = http_form_new();
    struct tg_call call = { .method = "sendDocument", .form = form };

    add_part(form, "chat_id", chat);
    add_part(form, "document", "the contents");
    t.calls[t.n] = send_start(t.s, &call, SEND_REPLY);
    t.calls[t.n]->op.done = on_done;
    http_form_unref(form);
    return t.n++;
}

static void test_send__upload_again(void **state)
{
    (void)state;
    answer(502, BAD_GATEWAY);
    answer(429, FLOOD);
    expect_ok(finish(start_form("7")));
    assert_int_equal(t.requests, 3);
    assert_int_equal(times(t.log.data, "the contents"), 3);
}

/* --- 429 ------------------------------------------------------------------------------------ */

static void test_send__flood_in_one_chat(void **state)
{
    (void)state;
    answer(429, FLOOD);
    send_to(1, SEND_REPLY);
    run_ms(50);
    send_to(1, SEND_REPLY);
    send_to(2, SEND_REPLY);
    start("getChat", "{\"chat_id\":1}");
    wait_done(4);
    assert_string_equal(t.order.data, "2 3 0 1 ");
    assert_true(t.at[3] - t.at[0] >= 1000);
    assert_int_equal(stats().floods, 1);
    assert_int_equal(stats().retries, 1);
    assert_int_equal(stats().waited, 1); /* the second; the first had gone */
    for (int i = 0; i < 4; i++)
        expect_ok(t.calls[i]);
}

/* It is the bot's own limit: a fourth chat waits, too. */
static void test_send__flood_everywhere(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        answer(429, FLOOD);
    for (int i = 0; i < 3; i++)
        send_to(i + 1, SEND_REPLY);
    run_ms(100);
    send_to(4, SEND_REPLY);
    start("getMe", "");
    wait_done(5);
    assert_true(t.at[4] - t.at[0] >= 900); /* at[3]: getMe */
    assert_non_null(strstr(t.order.data, "4 "));
    assert_true(t.order.data[0] == '4');
    assert_int_equal(stats().floods, 3);
    assert_int_equal(times(t.said.data, "warn telegram: flood limit: "), 1);
    assert_non_null(strstr(t.said.data, ": sendMessage to chat 1 waits 1."));
}

static void test_send__flood_of_a_method(void **state)
{
    (void)state;
    answer(429, FLOOD);
    start("setMyCommands", "{}");
    run_ms(50);
    start("setMyCommands", "{}");
    start("getMe", "");
    send_to(1, SEND_REPLY);
    wait_done(4);
    assert_true(t.order.data[0] == '2' || t.order.data[0] == '3');
    assert_true(t.at[3] - t.at[0] >= 1000);
    assert_int_equal(stats().waited, 1);
}

static void test_send__flood_that_lasts_too_long(void **state)
{
    const struct tg_op *op;
    int64_t start = loop_now_ms();

    (void)state;
    answer(429, "{\"ok\":false,\"error_code\":429,\"description\":\"Too Many\","
                "\"parameters\":{\"retry_after\":30}}");
    op = call(SEND);
    expect_err(op, ERR_TELEGRAM, "429");
    assert_int_equal(op->retry_after, 30);
    expect_err(call(SEND), ERR_TIMEOUT,
               "not sent: Telegram's flood limits "
               "last for another 3");
    assert_int_equal(t.requests, 1);
    assert_true(loop_now_ms() - start < 5000);
    assert_int_equal(stats().timed_out, 1);
}

/* --- the limits -------------------------------------------------------------------------------- */

static void test_send__waits_its_turn(void **state)
{
    (void)state;
    limit(1000000, 10, 2, 1000000, 1000);
    for (int i = 0; i < 4; i++)
        send_to(1, SEND_REPLY);
    send_to(2, SEND_REPLY);
    wait_done(5);
    assert_non_null(strstr(t.order.data, "4 "));
    assert_true(strstr(t.order.data, "4 ") < strstr(t.order.data, "2 "));
    assert_true(t.at[4] - t.at[0] >= 180);
    assert_int_equal(stats().waited, 3);
    assert_true(stats().waited_us > 200000);
}

static void test_send__priorities(void **state)
{
    (void)state;
    limit(20, 1000000, 1000000, 1000000, 1000);
    for (int i = 0; i < 20; i++)
        send_to(100 + i, SEND_BROADCAST);
    send_to(1, SEND_OTHER);
    send_to(2, SEND_REPLY);
    assert_true(stats().waiting_now_of[SEND_BROADCAST] > 5);
    wait_done(22);
    assert_true(strstr(t.order.data, "21 ") < strstr(t.order.data, "15 "));
    assert_true(strstr(t.order.data, "20 ") < strstr(t.order.data, "15 "));
}

static void test_send__waits_too_long(void **state)
{
    const struct tg_op *op;

    (void)state;
    limit(1000000, 1, 1, 1000000, 1000);
    send_to(1, SEND_REPLY);
    op = finish(start_as("sendMessage", "{\"chat_id\":1}", 300, SEND_REPLY));
    expect_err(op, ERR_TIMEOUT,
               "not sent: it waited for the flood limits for 300 ms");
    assert_false(send_has_left(op));
    assert_int_equal(t.requests, 1);
    assert_int_equal(stats().timed_out, 1);
}

static void test_send__too_many(void **state)
{
    (void)state;
    limit(1000000, 20, 1, 1000000, 2);
    for (int i = 0; i < 4; i++)
        send_to(1, SEND_REPLY);
    wait_done(4);
    expect_err(t.calls[3], ERR_TIMEOUT, "PACE_QUEUE_MAX");
    for (int i = 0; i < 3; i++)
        expect_ok(t.calls[i]);
    assert_int_equal(stats().refused, 1);
    assert_string_equal(t.order.data, "3 0 1 2 ");
}

static void test_send__room_for_replies(void **state)
{
    (void)state;
    limit(1000000, 20, 1, 1000000, 10);
    for (int i = 0; i < 11; i++)
        send_to(1, SEND_OTHER);
    send_to(1, SEND_REPLY);
    wait_done(12);
    expect_err(t.calls[10], ERR_TIMEOUT, "9 calls wait");
    expect_ok(t.calls[9]);
    expect_ok(t.calls[11]);
}

static void test_send__order_in_a_chat(void **state)
{
    (void)state;
    answer(502, BAD_GATEWAY); /* the first comes again; the others wait */
    for (int i = 0; i < 5; i++)
        send_to(1, SEND_REPLY);
    wait_done(5);
    assert_string_equal(t.order.data, "0 1 2 3 4 ");
    assert_int_equal(t.requests, 6);
}

static void test_send__elsewhere(void **state)
{
    struct buf body = BUF_INIT;
    struct tg_call message = { .method = "sendMessage", .body = &body };
    struct tg_call other = { .method = "answerCallbackQuery", .body = &body };

    (void)state;
    buf_adds(&body, "{\"chat_id\":-5,\"text\":\"x\"}");
    limit(1000000, 5, 2, 1000000, 1000);
    assert_true(send_elsewhere(t.s, &message));
    assert_true(send_elsewhere(t.s, &message));
    assert_false(send_elsewhere(t.s, &message));
    assert_true(send_elsewhere(t.s, &other));
    assert_int_equal(t.requests, 0);
    sender_moved(t.s, -5, -1005);
    run_ms(500);
    assert_false(send_elsewhere(t.s, &message));
    buf_release(&body);
}

/* --- chats that have moved ------------------------------------------------------------------------ */

#define MOVED                                                                  \
    "{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request: group "   \
    "chat was upgraded to a supergroup chat\",\"parameters\":{"                \
    "\"migrate_to_chat_id\":-1001234567890}}"

static void on_moved(int64_t from, int64_t to, void *arg)
{
    assert_ptr_equal(arg, &t);
    t.moved_from = from;
    t.moved_to = to;
    t.moves++;
}

static void test_send__moved(void **state)
{
    (void)state;
    sender_on_moved(t.s, on_moved, &t);
    answer(400, MOVED);
    expect_ok(call("sendMessage", "{\"chat_id\":-77,\"text\":\"x\"}"));
    assert_int_equal(t.moves, 1);
    assert_true(t.moved_from == -77 && t.moved_to == -1001234567890);
    expect_ok(call("sendMessage", "{\"text\":\"y\",\"chat_id\":\"-77\"}"));
    expect_ok(call("getChat", "{\"chat_id\":-77}"));
    expect_ok(finish(start_form("-77")));
    assert_int_equal(t.requests, 5);
    assert_int_equal(t.moves, 1);
    assert_non_null(strstr(t.log.data,
                           "sendMessage {\"chat_id\":-77,\"text\":\"x\"}\n"
                           "sendMessage {\"chat_id\":-1001234567890,"
                           "\"text\":\"x\"}\n"
                           "sendMessage {\"text\":\"y\","
                           "\"chat_id\":-1001234567890}\n"
                           "getChat {\"chat_id\":-1001234567890}\n"));
    assert_int_equal(times(t.log.data, "-1001234567890"), 4);
    assert_int_equal(stats().redirects, 4);
}

static void test_send__told_of_a_move(void **state)
{
    (void)state;
    sender_on_moved(t.s, on_moved, &t);
    sender_moved(t.s, -77, -1001234567890);
    answer(429, FLOOD);
    expect_ok(finish(start_form("-77")));
    assert_int_equal(times(t.log.data, "-1001234567890"), 2);
    assert_int_equal(t.moves, 0);
}

/* Once only; and never where it is another chat that has moved. */
static void test_send__moved_no_further(void **state)
{
    const struct tg_op *op;

    (void)state;
    answer(400, MOVED);
    answer(400, MOVED);
    op = call("sendMessage", "{\"chat_id\":-77,\"text\":\"x\"}");
    expect_err(op, ERR_TELEGRAM, "upgraded");
    assert_true(op->migrate_to_chat_id == -1001234567890);
    assert_int_equal(t.requests, 2);
    t.requests = t.nanswers = 0;
    answer(400, MOVED);
    expect_err(call("sendMessage", "{\"chat_id\":78,\"text\":\"x\"}"),
               ERR_TELEGRAM, "upgraded");
    t.requests = t.nanswers = 0;
    answer(400, MOVED);
    expect_err(call("copyMessage", "{\"chat_id\":-5,\"from_chat_id\":-6}"),
               ERR_TELEGRAM, "upgraded");
    assert_int_equal(t.requests, 1);
}

/* --- which chat ------------------------------------------------------------------------------------- */

static void test_call_chat(void **state)
{
    static const struct {
        const char *body;
        int64_t id;
    } cases[] = {
        { "{\"chat_id\":7,\"text\":\"x\"}", 7 },
        { "{\"chat_id\":-1001234567890}", -1001234567890 },
        { "{\"chat_id\":\"-100\"}", -100 },
        { "{ \"text\":\"\\\"chat_id\\\":3\", \"chat_id\" : 4 }", 4 },
        { "{\"chat_id\":9223372036854775807}", INT64_MAX },
        { "{\"chat_id\":92233720368547758070}", 0 },
        { "{\"chat_id\":1.5}", 0 },
        { "{\"chat_id\":}", 0 },
        { "{\"chat_id\":", 0 },
        { "{\"chat_id\":null}", 0 },
        { "{\"chat_id\":\"me\"}", 0 },
        { "{\"chat_id\":\"@\"}", 0 },
        { "{\"inline_message_id\":\"x\"}", 0 },
        { "{}", 0 },
        { "", 0 },
    };
    int64_t a, b;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (tg_call_chat(slice_of(cases[i].body), NULL) != cases[i].id)
            fail_msg("%s: %lld", cases[i].body,
                     (long long)tg_call_chat(slice_of(cases[i].body), NULL));
    a = tg_call_chat(slice_of("{\"chat_id\":\"@News\"}"), NULL);
    b = tg_call_chat(slice_of("{\"chat_id\":\"@news\"}"), NULL);
    assert_true(a == b && a < -2000000000000000);
    b = tg_call_chat(slice_of("{\"chat_id\":\"@newt\"}"), NULL);
    assert_true(a != b);
}

static void test_moved_chats__bounded(void **state)
{
    struct moved_chats *moved = moved_chats_new();

    (void)state;
    assert_true(moved_chats_add(moved, -1, -2));
    assert_false(moved_chats_add(moved, -1, -2));
    assert_false(moved_chats_add(moved, -1, -1));
    assert_true(moved_chats_add(moved, -1, -3));
    assert_true(moved_chats_find(moved, -1) == -3);
    assert_true(moved_chats_find(moved, -2) == 0);
    for (int i = 10; i < 10 + MOVED_CHATS_MAX; i++)
        assert_true(moved_chats_add(moved, i, -i));
    assert_true(moved_chats_find(moved, -1) == 0);
    assert_true(moved_chats_find(moved, 10) == -10);
    moved_chats_free(moved);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_send__at_once),
        TEST(test_send__errors_are_forwarded),
        TEST(test_send__cancelled_anywhere),
        TEST(test_send__trouble),
        TEST(test_send__server_that_is_not_there),
        TEST(test_send__no_time_left),
        TEST(test_send__upload_again),
        TEST(test_send__flood_in_one_chat),
        TEST(test_send__flood_everywhere),
        TEST(test_send__flood_of_a_method),
        TEST(test_send__flood_that_lasts_too_long),
        TEST(test_send__waits_its_turn),
        TEST(test_send__priorities),
        TEST(test_send__waits_too_long),
        TEST(test_send__too_many),
        TEST(test_send__room_for_replies),
        TEST(test_send__order_in_a_chat),
        TEST(test_send__elsewhere),
        TEST(test_send__moved),
        TEST(test_send__told_of_a_move),
        TEST(test_send__moved_no_further),
        cmocka_unit_test(test_call_chat),
        cmocka_unit_test(test_moved_chats__bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
