/* test_http.c - outgoing HTTP, against io/httpd and a server that breaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/http.h"
#include "io/httpd.h"
#include "io/loop.h"
#include "raw_server.h"

#define MANY 1000

static struct {
    struct loop *loop;
    struct http *http;
    struct httpd *httpd;
    struct raw_server raw;
    struct httpd_request *held;
    int pending; /* ops whose done is waited for */
    int served, together, most_together;
    struct buf large;
    struct buf taken; /* by the sink */
    size_t wait_at;   /* it waits there, once; 0: never */
    size_t stop_at;
    int released;
} t;

/* --- the server --------------------------------------------------------------- */

static void echo(struct httpd_request *req)
{
    const char *type = httpd_header(req, "Content-Type");
    const char *extra = httpd_header(req, "X-Extra");
    const char *expect = httpd_header(req, "Expect");
    struct buf out = BUF_INIT;

    buf_addf(&out, "%s %s?%s [%s][%s][%s] ", httpd_method(req), httpd_path(req),
             httpd_query(req), type ? type : "", extra ? extra : "",
             expect ? expect : "");
    buf_add_slice(&out, httpd_body(req));
    httpd_reply(req, 200, NULL, buf_slice(&out));
    buf_release(&out);
}

/* An answer a little later: so that requests are there at the same time. */
static void on_later(struct op *op)
{
    struct httpd_request *req = op->arg;

    op_free(op);
    t.together--;
    echo(req);
}

static void answer_later(struct httpd_request *req)
{
    struct op *timer = timer_start(t.loop, 2);

    timer->done = on_later;
    timer->arg = req;
    if (++t.together > t.most_together)
        t.most_together = t.together;
}

static void on_gone(struct httpd_request *req, void *arg)
{
    (void)arg;
    t.held = NULL;
    httpd_reply(req, 200, NULL, slice_of("late"));
}

static void on_request(struct httpd_request *req, void *arg)
{
    const char *path = httpd_path(req);
    struct buf big = BUF_INIT;

    (void)arg;
    t.served++;
    if (strcmp(path, "/later") == 0) {
        answer_later(req);
    } else if (strcmp(path, "/hold") == 0) {
        t.held = req;
        httpd_on_gone(req, on_gone, NULL);
    } else if (strcmp(path, "/big") == 0) {
        buf_reserve(&big, 10000);
        memset(big.data, 'x', 10000);
        big.len = 10000;
        httpd_reply(req, 200, NULL, buf_slice(&big));
        buf_release(&big);
    } else if (strcmp(path, "/large") == 0) {
        httpd_reply(req, 200, NULL, buf_slice(&t.large));
    } else if (strcmp(path, "/404") == 0) {
        httpd_reply(req, 404, NULL, slice_of("{\"ok\":false}"));
    } else {
        echo(req);
    }
}

static int setup_with(int connections_max)
{
    struct httpd_options o = { .address = "127.0.0.1", .body_max = 1 << 20 };
    struct http_options client = { .connections_max = connections_max,
                                   .body_max = 8000 };
    struct err err = ERR_INIT;

    memset(&t, 0, sizeof(t));
    buf_init(&t.large);
    buf_init(&t.taken);
    t.loop = loop_new();
    t.http = http_new(t.loop, &client);
    t.httpd = httpd_start(t.loop, &o, on_request, NULL, &err);
    assert_non_null(t.httpd);
    raw_start(&t.raw, t.loop);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    return setup_with(8);
}

static int setup_one(void **state)
{
    (void)state;
    return setup_with(1);
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(loop_live_ops(t.loop), 0);
    http_free(t.http);
    httpd_free(t.httpd);
    raw_stop(&t.raw);
    loop_free(t.loop);
    buf_release(&t.large);
    buf_release(&t.taken);
    return 0;
}

/* --- asking -------------------------------------------------------------------- */

static void stop_loop(struct op *op)
{
    loop_stop(op->loop);
}

/* Also on a busy machine these are some turns. */
static void run_ms(int64_t ms)
{
    int parts = ms < 20 ? 1 : 10;

    for (int i = 0; i < parts; i++) {
        struct op *timer = timer_start(t.loop, ms / parts);

        timer->done = stop_loop;
        loop_run(t.loop);
        op_free(timer);
    }
}

static void on_done(struct op *op)
{
    (void)op;
    if (--t.pending == 0)
        loop_stop(t.loop);
}

static void wait_for(struct http_op **ops, int n)
{
    t.pending = n;
    for (int i = 0; i < n; i++)
        ops[i]->op.done = on_done;
    loop_run(t.loop);
}

static const char *url_of(int port, const char *path)
{
    static char url[300];

    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    return url;
}

/* body NULL: a GET */
static struct http_op *start_at(int port, const char *path, const char *body,
                                int64_t timeout_ms)
{
    struct buf text = BUF_INIT;
    struct http_request req = { .url = url_of(port, path),
                                .timeout_ms = timeout_ms };

    if (body) {
        buf_adds(&text, body);
        req.body = &text;
    }
    return http_start(t.http, &req);
}

static struct http_op *start(const char *path, const char *body)
{
    return start_at(httpd_port(t.httpd), path, body, 5000);
}

static struct http_op *start_raw(const char *path, const char *body)
{
    return start_at(t.raw.port, path, body, 5000);
}

static void expect_ok(struct http_op *op, const char *body)
{
    wait_for(&op, 1);
    assert_string_equal(op->op.err.text, "");
    assert_int_equal(op->status, 200);
    assert_string_equal(op->body.data, body);
    op_free(&op->op);
}

static void expect_err(struct http_op *op, enum err_kind kind, bool maybe_sent)
{
    wait_for(&op, 1);
    assert_int_equal(op->op.err.kind, kind);
    assert_string_not_equal(op->op.err.text, "");
    assert_int_equal(op->maybe_sent, maybe_sent);
    op_free(&op->op);
}

/* --- plain requests -------------------------------------------------------------- */

static void test_http__post_json(void **state)
{
    struct http_op *op = start("/a?b=c", "{\"x\":1}");

    (void)state;
    assert_int_equal(op->op.state, OP_RUNNING);
    expect_ok(op, "POST /a?b=c [application/json][][] {\"x\":1}");
}

static void test_http__get(void **state)
{
    (void)state;
    expect_ok(start("/a", NULL), "GET /a? [][][] ");
}

static void test_http__a_body_goes_whole(void **state)
{
    struct buf body = BUF_INIT;
    struct http_request req = { .url = url_of(t.raw.port, "/"), .body = &body };
    struct http_op *op;

    (void)state;
    buf_add(&body, "a\0b\xff", 4);
    op = http_start(t.http, &req);
    assert_int_equal(body.len, 0); /* taken */
    wait_for(&op, 1);
    assert_int_equal(op->body.len, 4);
    assert_memory_equal(op->body.data, "a\0b\xff", 4);
    op_free(&op->op);
}

static void test_http__target_headers_method_type(void **state)
{
    static const char *const headers[] = { "X-Extra: y", NULL };
    struct buf body = BUF_INIT;
    struct http_request req = { .method = "PUT",
                                .url = url_of(httpd_port(t.httpd), ""),
                                .target = "/bot1:x/m?q=1",
                                .body = &body,
                                .type = "text/plain",
                                .headers = headers };

    (void)state;
    buf_adds(&body, "hi");
    expect_ok(http_start(t.http, &req),
              "PUT /bot1:x/m?q=1 [text/plain][y][] hi");
    /* nothing of it is left for the next one */
    expect_ok(start("/a", "{}"), "POST /a? [application/json][][] {}");
    expect_ok(start("/a", NULL), "GET /a? [][][] ");
    expect_ok(start("/a", "[]"), "POST /a? [application/json][][] []");
}

static void test_http__any_status_is_an_answer(void **state)
{
    struct http_op *op = start("/404", "{}");

    (void)state;
    wait_for(&op, 1);
    assert_int_equal(op->op.err.kind, ERR_NONE);
    assert_int_equal(op->status, 404);
    assert_string_equal(op->body.data, "{\"ok\":false}");
    op_free(&op->op);
}

static struct http_form *form_of(const struct http_part *parts, size_t n)
{
    struct http_form *form = http_form_new();

    for (size_t i = 0; i < n; i++)
        http_form_add(form, &parts[i]);
    return form;
}

static void test_http__multipart(void **state)
{
    char path[] = "/tmp/moonpost-test-XXXXXX";
    int fd = mkstemp(path);
    struct http_part parts[] = {
        { .name = "chat_id", .data = { "12", 2 } },
        { .name = "empty", .data = { NULL, 0 } },
        { .name = "photo", .path = path, .type = "image/png" },
        { .name = "doc", .data = { "d\0ta", 4 }, .filename = "a.txt" },
    };
    struct http_request req = { .url = url_of(t.raw.port, "/"),
                                .form = form_of(parts, ARRAY_LEN(parts)) };
    static const char *const wanted[] = {
        "name=\"chat_id\"\r\n\r\n12\r\n",
        "name=\"empty\"\r\n\r\n\r\n",
        "name=\"photo\"; filename=\"moonpost-test-",
        "image/png",
        "\r\n\r\nfile's text\r\n",
        "name=\"doc\"; filename=\"a.txt\""
    };
    struct http_op *op;

    (void)state;
    assert_int_equal(write(fd, "file's text", 11), 11);
    close(fd);
    op = http_start(t.http, &req);
    http_form_unref(req.form);
    wait_for(&op, 1);
    assert_string_equal(op->op.err.text, "");
    assert_non_null(strstr(t.raw.last, "multipart/form-data; boundary="));
    assert_null(strstr(t.raw.last, "Expect:"));
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_non_null(
            memmem(op->body.data, op->body.len, wanted[i], strlen(wanted[i])));
    assert_non_null(memmem(op->body.data, op->body.len, "d\0ta", 4));
    op_free(&op->op);
    unlink(path);
    expect_ok(start("/a", "{}"), "POST /a? [application/json][][] {}");
}

static void test_http__a_file_that_is_none(void **state)
{
    static const char *const paths[] = { "/nowhere/x.png", "/tmp" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct http_part part = { .name = "photo", .path = paths[i] };
        struct http_request req = { .url = url_of(t.raw.port, "/"),
                                    .form = form_of(&part, 1) };

        expect_err(http_start(t.http, &req), ERR_SYSTEM, false);
        http_form_unref(req.form);
    }
    assert_int_equal(t.raw.requests, 0);
}

static void on_release(void *arg)
{
    assert_ptr_equal(arg, &t);
    t.released++;
}

/* Two tries of one call, at the same time even, send the same memory. */
static void test_http__a_form_is_shared(void **state)
{
    struct http_part part = {
        .name = "a", .data = { "one text", 8 }, .release = on_release, .arg = &t
    };
    struct http_request req = { .url = url_of(t.raw.port, "/"),
                                .form = form_of(&part, 1) };
    struct http_op *ops[3];

    (void)state;
    assert_int_equal(http_form_size(req.form), 8);
    for (int i = 0; i < 3; i++)
        ops[i] = http_start(t.http, &req);
    http_form_unref(req.form);
    wait_for(ops, 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(t.released, 0);
        assert_non_null(memmem(ops[i]->body.data, ops[i]->body.len,
                               "\r\n\r\none text\r\n", 14));
        op_free(&ops[i]->op);
    }
    assert_int_equal(t.released, 1);
}

static void make_large(void)
{
    uint32_t n = 1;

    buf_reserve(&t.large, 4 << 20);
    for (; t.large.len < 4 << 20; n = n * 1664525 + 1013904223)
        buf_add(&t.large, &n, sizeof(n));
}

/* Half an upload has no effect, whatever becomes of it. */
static void test_http__half_an_upload_is_not_maybe_sent(void **state)
{
    struct http_part part = { .name = "a" };
    struct http_request req = { .url = url_of(t.raw.port, "/") };

    (void)state;
    make_large();
    part.data = buf_slice(&t.large);
    req.form = form_of(&part, 1);
    t.raw.refuse = true;
    expect_err(http_start(t.http, &req), ERR_NETWORK, false);
    http_form_unref(req.form);
}

static void test_http__a_file_that_shrinks(void **state)
{
    char path[] = "/tmp/moonpost-test-XXXXXX";
    int fd = mkstemp(path);
    struct http_part part = { .name = "photo", .path = path };
    struct http_request req = { .url = url_of(t.raw.port, "/"),
                                .form = form_of(&part, 1) };
    struct http_op *op;

    (void)state;
    assert_int_equal(ftruncate(fd, 32 << 20), 0);
    op = http_start(t.http, &req);
    assert_int_equal(ftruncate(fd, 1 << 10), 0);
    wait_for(&op, 1);
    assert_int_equal(op->op.err.kind, ERR_SYSTEM);
    assert_non_null(strstr(op->op.err.text, "became shorter"));
    assert_false(op->maybe_sent);
    op_free(&op->op);
    http_form_unref(req.form);
    close(fd);
    unlink(path);
}

static void test_http__the_body_comes_back(void **state)
{
    struct http_op *op = start_raw("/drop", "{\"x\":1}");
    struct buf body = BUF_INIT;

    (void)state;
    wait_for(&op, 1);
    assert_int_equal(op->op.err.kind, ERR_NETWORK);
    http_take_body_back(op, &body);
    assert_string_equal(body.data, "{\"x\":1}");
    op_free(&op->op);
    buf_release(&body);
}

/* --- answers in pieces ------------------------------------------------------------ */

static enum http_sink_result on_piece(struct slice piece, void *arg)
{
    assert_ptr_equal(arg, &t);
    if (t.wait_at && t.taken.len >= t.wait_at)
        return HTTP_WAIT;
    if (t.stop_at && t.taken.len >= t.stop_at)
        return HTTP_STOP;
    buf_add_slice(&t.taken, piece);
    return HTTP_TAKEN;
}

static struct http_op *start_sunk(int port, const char *path, int stall_ms)
{
    struct http_request req = { .url = url_of(port, path),
                                .timeout_ms = 20000,
                                .stall_ms = stall_ms,
                                .sink = on_piece,
                                .sink_arg = &t };

    return http_start(t.http, &req);
}

static void expect_all_taken(struct http_op *op)
{
    assert_string_equal(op->op.err.text, "");
    assert_int_equal(op->body.len, 0);
    assert_int_equal(t.taken.len, t.large.len);
    assert_memory_equal(t.taken.data, t.large.data, t.large.len);
    op_free(&op->op);
}

/* More than the client would take as a whole. */
static void test_http__sink(void **state)
{
    struct http_op *op = start_sunk(httpd_port(t.httpd), "/large", 0);

    (void)state;
    make_large();
    wait_for(&op, 1);
    expect_all_taken(op);
}

static void test_http__sink_waits(void **state)
{
    struct http_op *op;
    size_t before;

    (void)state;
    make_large();
    t.wait_at = 100000;
    op = start_sunk(httpd_port(t.httpd), "/large", 500);
    run_ms(700);
    before = t.taken.len;
    assert_true(before >= t.wait_at && before < t.large.len);
    run_ms(700); /* no stall either: that it waits is our doing */
    assert_int_equal(t.taken.len, before);
    assert_int_equal(op->op.state, OP_RUNNING);
    http_resume(op); /* in vain */
    assert_int_equal(t.taken.len, before);
    t.wait_at = 0;
    http_resume(op);
    wait_for(&op, 1);
    expect_all_taken(op);
}

static void test_http__sink_stops(void **state)
{
    struct http_op *op;

    (void)state;
    make_large();
    t.stop_at = 1000;
    expect_err(start_sunk(httpd_port(t.httpd), "/large", 0), ERR_CANCELLED,
               true);
    /* the same when it had waited */
    t.taken.len = 0;
    t.stop_at = 0;
    t.wait_at = 1000;
    op = start_sunk(httpd_port(t.httpd), "/large", 0);
    run_ms(50);
    t.wait_at = 0;
    t.stop_at = 1;
    http_resume(op);
    expect_err(op, ERR_CANCELLED, true);
}

static void test_http__sink_freed_while_it_waits(void **state)
{
    struct http_op *op = start_sunk(httpd_port(t.httpd), "/large", 0);

    (void)state;
    make_large();
    t.wait_at = 1;
    run_ms(50);
    assert_true(t.taken.len > 0);
    op_free(&op->op);
    run_ms(10);
}

static void test_http__sink_gets_no_errors(void **state)
{
    struct http_op *op = start_sunk(httpd_port(t.httpd), "/404", 0);

    (void)state;
    wait_for(&op, 1);
    assert_int_equal(op->status, 404);
    assert_string_equal(op->body.data, "{\"ok\":false}");
    assert_int_equal(t.taken.len, 0);
    op_free(&op->op);
}

static void test_http__sink_of_a_cut_answer(void **state)
{
    (void)state;
    expect_err(start_sunk(t.raw.port, "/cut", 0), ERR_NETWORK, true);
}

static void test_http__stall(void **state)
{
    struct http_op *op = start_sunk(t.raw.port, "/hold", 50);
    struct buf body = BUF_INIT;
    struct http_request req = { .url = url_of(t.raw.port, "/hold"),
                                .body = &body,
                                .stall_ms = 500,
                                .timeout_ms = 1500 };

    (void)state;
    wait_for(&op, 1);
    assert_int_equal(op->op.err.kind, ERR_TIMEOUT);
    assert_non_null(strstr(op->op.err.text, "stalled"));
    op_free(&op->op);
    /* The server has all of it, and thinks. */
    buf_adds(&body, "{}");
    op = http_start(t.http, &req);
    wait_for(&op, 1);
    assert_int_equal(op->op.err.kind, ERR_TIMEOUT);
    assert_null(strstr(op->op.err.text, "stalled"));
    op_free(&op->op);
}

static void test_http__a_name_is_looked_up(void **state)
{
    char host[100], url[200];

    (void)state;
    if (gethostname(host, sizeof(host)))
        skip();
    snprintf(url, sizeof(url), "http://%s:%d/", host, t.raw.port);
    for (int i = 0; i < 20; i++) {
        struct http_request req = { .url = url, .timeout_ms = 5000 };
        struct http_op *op = http_start(t.http, &req);

        wait_for(&op, 1);
        if (i == 0 && op->op.err.kind) {
            op_free(&op->op);
            skip(); /* this machine does not know its own name */
        }
        assert_string_equal(op->op.err.text, "");
        op_free(&op->op);
        raw_close_all(&t.raw); /* look it up and connect again */
        run_ms(1);
    }
}

/* The socket that curl's resolver wakes it by is not one of ours to keep. */
static void test_http__a_name_that_is_none(void **state)
{
    struct http_request req = { .url = "http://no-such-host.invalid/",
                                .timeout_ms = 300 };

    (void)state;
    for (int i = 0; i < 3; i++) {
        struct http_op *op = http_start(t.http, &req);

        wait_for(&op, 1);
        assert_int_not_equal(op->op.err.kind, ERR_NONE);
        assert_false(op->maybe_sent);
        op_free(&op->op);
        expect_ok(start_raw("/", "{}"), "{}");
    }
}

/* curl keeps a buffer of 4 KiB then, and must not read 16 into it. */
static void test_http__a_large_answer_after_a_failure(void **state)
{
    struct http_request req = { .url = "http://no-such-host.invalid/",
                                .timeout_ms = 300 };
    struct http_op *op = http_start(t.http, &req);
    struct buf body = BUF_INIT;

    (void)state;
    wait_for(&op, 1);
    op_free(&op->op);
    for (int i = 0; i < 7000; i++)
        buf_addc(&body, 'x');
    op = start_raw("/", body.data);
    wait_for(&op, 1);
    assert_string_equal(op->op.err.text, "");
    assert_int_equal(op->body.len, 7000);
    op_free(&op->op);
    buf_release(&body);
}

/* --- errors --------------------------------------------------------------------- */

static void test_http__timeout(void **state)
{
    (void)state;
    expect_err(start_at(t.raw.port, "/hold", "{}", 500), ERR_TIMEOUT, true);
    expect_ok(start_raw("/", "{}"), "{}");
}

static void test_http__refused(void **state)
{
    int port = t.raw.port;

    (void)state;
    raw_stop(&t.raw);
    expect_err(start_at(port, "/", "{}", 1000), ERR_NETWORK, false);
    raw_start(&t.raw, t.loop);
}

static void test_http__bad_url(void **state)
{
    struct http_request req = { .url = "http://[::1/" };
    struct http_request other = { .url = "file:///etc/passwd" };

    (void)state;
    expect_err(http_start(t.http, &req), ERR_NETWORK, false);
    expect_err(http_start(t.http, &other), ERR_NETWORK, false);
}

static void test_http__closed_before_the_request(void **state)
{
    (void)state;
    t.raw.refuse = true;
    for (int i = 0; i < 5; i++) {
        struct http_op *op = start_raw("/", "{}");

        wait_for(&op, 1);
        assert_int_equal(op->op.err.kind, ERR_NETWORK);
        op_free(&op->op);
    }
    assert_int_equal(t.raw.accepted, 5); /* not tried again here */
}

static void test_http__dropped_after_the_request(void **state)
{
    (void)state;
    expect_err(start_raw("/drop", "{}"), ERR_NETWORK, true);
    assert_int_equal(t.raw.requests, 1);
}

/* A kept connection: libcurl would send the POST again by itself. */
static void test_http__a_post_is_never_sent_twice(void **state)
{
    struct http_op *op;

    (void)state;
    expect_ok(start_raw("/", "{}"), "{}");
    op = start_raw("/drop", "{}");
    wait_for(&op, 1);
    assert_int_equal(op->op.err.kind, ERR_NETWORK);
    assert_true(op->maybe_sent);
    assert_null(strstr(op->op.err.text, "callback"));
    op_free(&op->op);
    assert_int_equal(t.raw.requests, 2);
    expect_ok(start_raw("/", "{}"), "{}");
}

/* Also when there is another kept connection to send it on. */
static void test_http__nor_on_another_kept_connection(void **state)
{
    struct http_op *ops[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        ops[i] = start_raw("/", "{}");
    wait_for(ops, 3);
    for (int i = 0; i < 3; i++)
        op_free(&ops[i]->op);
    assert_int_equal(t.raw.accepted, 3);
    expect_err(start_raw("/drop", "{}"), ERR_NETWORK, true);
    assert_int_equal(t.raw.requests, 4);
}

static void test_http__a_get_may_be_sent_again(void **state)
{
    (void)state;
    expect_ok(start_raw("/", "{}"), "{}");
    expect_ok(start_raw("/first-drop", NULL), "");
    assert_int_equal(t.raw.requests, 3);
}

static void test_http__broken_answers(void **state)
{
    (void)state;
    expect_err(start_raw("/cut", "{}"), ERR_NETWORK, true);
    expect_err(start_raw("/garbage", "{}"), ERR_NETWORK, true);
    expect_ok(start_raw("/", "{}"), "{}");
}

static void test_http__body_max(void **state)
{
    struct http_op *op = start("/big", "{}");

    (void)state;
    wait_for(&op, 1);
    assert_int_equal(op->op.err.kind, ERR_NETWORK);
    assert_string_equal(op->op.err.text, "answer larger than 8000 bytes");
    op_free(&op->op);
}

/* --- connections ------------------------------------------------------------------- */

static void test_http__connections_are_kept(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        expect_ok(start_raw("/", "{}"), "{}");
    assert_int_equal(t.raw.accepted, 1);
    assert_int_equal(t.raw.requests, 20);
}

static void test_http__an_idle_connection_is_closed(void **state)
{
    (void)state;
    for (int i = 1; i <= 5; i++) {
        expect_ok(start_raw("/", "{}"), "{}");
        assert_int_equal(t.raw.accepted, i);
        raw_close_all(&t.raw);
        run_ms(2);
    }
    for (int i = 1; i <= 5; i++) {
        expect_ok(start_raw("/close", "{}"), "{}");
        run_ms(2);
    }
    assert_int_equal(t.raw.requests, 10);
}

static void test_http__more_than_connections_max(void **state)
{
    struct http_op *ops[40];

    (void)state;
    for (int i = 0; i < 40; i++)
        ops[i] = start("/later", "{}");
    wait_for(ops, 40);
    for (int i = 0; i < 40; i++) {
        assert_string_equal(ops[i]->op.err.text, "");
        op_free(&ops[i]->op);
    }
    assert_int_equal(t.served, 40);
    assert_int_equal(t.most_together, 8);
}

static void test_http__time_runs_in_line_too(void **state)
{
    struct http_op *first = start_at(t.raw.port, "/hold", "{}", 5000);
    struct http_op *second = start_at(t.raw.port, "/", "{}", 500);

    (void)state;
    wait_for(&second, 1);
    assert_int_equal(first->op.state, OP_RUNNING); /* it has the connection */
    assert_int_equal(second->op.err.kind, ERR_TIMEOUT);
    assert_false(second->maybe_sent);
    op_free(&second->op);
    op_free(&first->op);
    assert_int_equal(t.raw.requests, 1);
}

static void test_http__first_come_first_served(void **state)
{
    struct http_op *ops[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        ops[i] = start("/later", "{}");
    wait_for(&ops[2], 1);
    assert_int_equal(ops[0]->op.state, OP_DONE);
    assert_int_equal(ops[1]->op.state, OP_DONE);
    for (int i = 0; i < 3; i++)
        op_free(&ops[i]->op);
}

/* --- freeing ------------------------------------------------------------------------ */

static void fail_done(struct op *op)
{
    (void)op;
    fail_msg("done was called after op_free()");
}

static void test_http__free_running(void **state)
{
    struct http_op *op = start("/hold", "{}");

    (void)state;
    op->op.done = fail_done;
    run_ms(20);
    assert_non_null(t.held);
    op_free(&op->op);
    run_ms(20);
    assert_null(t.held); /* the server saw us leave */
    expect_ok(start("/a", "{}"), "POST /a? [application/json][][] {}");
}

static void test_http__free_at_once(void **state)
{
    struct http_op *op = start("/a", "{}");

    (void)state;
    op->op.done = fail_done;
    op_free(&op->op);
    run_ms(20);
    assert_int_equal(t.served, 0);
}

static void test_http__free_in_line(void **state)
{
    struct http_op *first = start("/later", "{}");
    struct http_op *second = start("/a", "{}");
    struct http_op *third = start("/a", "{}");

    (void)state;
    second->op.done = fail_done;
    op_free(&second->op);
    wait_for(&first, 1);
    op_free(&first->op);
    expect_ok(third, "POST /a? [application/json][][] {}");
    assert_int_equal(t.served, 2);
}

/* Freeing what runs lets the next in line go. */
static void test_http__free_lets_the_next_go(void **state)
{
    struct http_op *first = start("/hold", "{}");
    struct http_op *second = start("/a", "{}");

    (void)state;
    run_ms(20);
    assert_int_equal(t.served, 1);
    op_free(&first->op);
    expect_ok(second, "POST /a? [application/json][][] {}");
}

/* A port where connections are never accepted: its queue of them is full. */
static int full_listener(int fds[5])
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(to);

    for (int i = 0; i < 5; i++)
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fds[0], (struct sockaddr *)&to, n), 0);
    assert_int_equal(listen(fds[0], 0), 0);
    assert_int_equal(getsockname(fds[0], (struct sockaddr *)&to, &n), 0);
    for (int i = 1; i < 5; i++)
        (void)!connect(fds[i], (struct sockaddr *)&to, n);
    return ntohs(to.sin_port);
}

/* curl closes the socket without a word; the next one has its number. */
static void test_http__free_while_connecting(void **state)
{
    int fds[5], port = full_listener(fds);
    struct http_op *op = start_at(port, "/", "{}", 3000);
    int64_t began;

    (void)state;
    run_ms(20);
    assert_int_equal(op->op.state, OP_RUNNING);
    op_free(&op->op);
    began = loop_now_ms();
    expect_ok(start("/a", "{}"), "POST /a? [application/json][][] {}");
    assert_true(loop_now_ms() - began < 2500);
    op = start_at(port, "/", "{}", 3000); /* and at the end */
    run_ms(20);
    op_free(&op->op);
    for (int i = 0; i < 5; i++)
        close(fds[i]);
}

static void test_http__free_queued(void **state)
{
    struct http_op *op = start_at(1, "/", "{}", 1000);

    (void)state;
    /* the error is there, done not yet called: by hand, a turn at a time */
    op->op.done = NULL;
    while (op->op.state == OP_RUNNING)
        event_base_loop(loop_base(t.loop), EVLOOP_ONCE);
    op_free(&op->op);
    run_ms(5);
}

static void free_itself(struct op *op)
{
    op_free(op);
    loop_stop(t.loop);
}

static void test_http__free_in_done(void **state)
{
    struct http_op *op = start("/a", "{}");

    (void)state;
    op->op.done = free_itself;
    loop_run(t.loop);
}

static void test_http__a_thousand(void **state)
{
    static struct http_op *ops[MANY];
    char body[40], wanted[100];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        snprintf(body, sizeof(body), "{\"i\":%d}", i);
        ops[i] = i % 3 ? start("/a", body) : start_raw("/", body);
        if (i % 7 == 0) {
            op_free(&ops[i]->op);
            ops[i] = NULL;
        }
    }
    t.pending = 0;
    for (int i = 0; i < MANY; i++)
        if (ops[i]) {
            ops[i]->op.done = on_done;
            t.pending++;
        }
    loop_run(t.loop);
    for (int i = 0; i < MANY; i++) {
        if (!ops[i])
            continue;
        assert_string_equal(ops[i]->op.err.text, "");
        snprintf(wanted, sizeof(wanted), "%s{\"i\":%d}",
                 i % 3 ? "POST /a? [application/json][][] " : "", i);
        assert_string_equal(ops[i]->body.data, wanted);
        op_free(&ops[i]->op);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_ONE(name)                                                         \
    cmocka_unit_test_setup_teardown(name, setup_one, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_http__post_json),
        TEST(test_http__get),
        TEST(test_http__a_body_goes_whole),
        TEST(test_http__target_headers_method_type),
        TEST(test_http__any_status_is_an_answer),
        TEST(test_http__multipart),
        TEST(test_http__a_file_that_is_none),
        TEST(test_http__a_form_is_shared),
        TEST(test_http__half_an_upload_is_not_maybe_sent),
        TEST(test_http__a_file_that_shrinks),
        TEST(test_http__the_body_comes_back),
        TEST(test_http__sink),
        TEST(test_http__sink_waits),
        TEST(test_http__sink_stops),
        TEST(test_http__sink_freed_while_it_waits),
        TEST(test_http__sink_gets_no_errors),
        TEST(test_http__sink_of_a_cut_answer),
        TEST(test_http__stall),
        TEST(test_http__a_name_is_looked_up),
        TEST(test_http__a_name_that_is_none),
        TEST(test_http__a_large_answer_after_a_failure),
        TEST(test_http__timeout),
        TEST(test_http__refused),
        TEST(test_http__bad_url),
        TEST(test_http__closed_before_the_request),
        TEST(test_http__dropped_after_the_request),
        TEST(test_http__a_post_is_never_sent_twice),
        TEST(test_http__nor_on_another_kept_connection),
        TEST(test_http__a_get_may_be_sent_again),
        TEST(test_http__broken_answers),
        TEST(test_http__body_max),
        TEST(test_http__connections_are_kept),
        TEST(test_http__an_idle_connection_is_closed),
        TEST(test_http__more_than_connections_max),
        TEST_ONE(test_http__time_runs_in_line_too),
        TEST_ONE(test_http__first_come_first_served),
        TEST(test_http__free_running),
        TEST(test_http__free_at_once),
        TEST_ONE(test_http__free_in_line),
        TEST_ONE(test_http__free_lets_the_next_go),
        TEST(test_http__free_while_connecting),
        TEST(test_http__free_queued),
        TEST(test_http__free_in_done),
        TEST(test_http__a_thousand),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
