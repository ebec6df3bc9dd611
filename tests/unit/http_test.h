/*
 * http_test.h - for tests of io/http: a client, an io/httpd that echoes, and a server
 * that breaks, in one loop; asking them, and what is expected.
 */
#ifndef TESTS_HTTP_TEST_H
#define TESTS_HTTP_TEST_H

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

static inline void echo(struct httpd_request *req)
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
static inline void on_later(struct op *op)
{
    struct httpd_request *req = op->arg;

    op_free(op);
    t.together--;
    echo(req);
}

static inline void answer_later(struct httpd_request *req)
{
    struct op *timer = timer_start(t.loop, 2);

    timer->done = on_later;
    timer->arg = req;
    if (++t.together > t.most_together)
        t.most_together = t.together;
}

static inline void on_gone(struct httpd_request *req, void *arg)
{
    (void)arg;
    t.held = NULL;
    httpd_reply(req, 200, NULL, slice_of("late"));
}

static inline void on_request(struct httpd_request *req, void *arg)
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

static inline int setup_with(int connections_max)
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

static inline int setup(void **state)
{
    (void)state;
    return setup_with(8);
}

static inline int setup_one(void **state)
{
    (void)state;
    return setup_with(1);
}

static inline int teardown(void **state)
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

static inline void stop_loop(struct op *op)
{
    loop_stop(op->loop);
}

/* Also on a busy machine these are some turns. */
static inline void run_ms(int64_t ms)
{
    int parts = ms < 20 ? 1 : 10;

    for (int i = 0; i < parts; i++) {
        struct op *timer = timer_start(t.loop, ms / parts);

        timer->done = stop_loop;
        loop_run(t.loop);
        op_free(timer);
    }
}

static inline void on_done(struct op *op)
{
    (void)op;
    if (--t.pending == 0)
        loop_stop(t.loop);
}

static inline void wait_for(struct http_op **ops, int n)
{
    t.pending = n;
    for (int i = 0; i < n; i++)
        ops[i]->op.done = on_done;
    loop_run(t.loop);
}

static inline const char *url_of(int port, const char *path)
{
    static char url[300];

    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    return url;
}

/* body NULL: a GET */
static inline struct http_op *start_at(int port, const char *path,
                                       const char *body, int64_t timeout_ms)
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

static inline struct http_op *start(const char *path, const char *body)
{
    return start_at(httpd_port(t.httpd), path, body, 5000);
}

static inline struct http_op *start_raw(const char *path, const char *body)
{
    return start_at(t.raw.port, path, body, 5000);
}

static inline void expect_ok(struct http_op *op, const char *body)
{
    wait_for(&op, 1);
    assert_string_equal(op->op.err.text, "");
    assert_int_equal(op->status, 200);
    assert_string_equal(op->body.data, body);
    op_free(&op->op);
}

static inline void expect_err(struct http_op *op, enum err_kind kind,
                              bool maybe_sent)
{
    wait_for(&op, 1);
    assert_int_equal(op->op.err.kind, kind);
    assert_string_not_equal(op->op.err.text, "");
    assert_int_equal(op->maybe_sent, maybe_sent);
    op_free(&op->op);
}

/* 4 MiB that are no pattern, and what /large answers. */
static inline void make_large(void)
{
    uint32_t n = 1;

    buf_reserve(&t.large, 4 << 20);
    for (; t.large.len < 4 << 20; n = n * 1664525 + 1013904223)
        buf_add(&t.large, &n, sizeof(n));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
#define TEST_ONE(name)                                                         \
    cmocka_unit_test_setup_teardown(name, setup_one, teardown)

#endif
