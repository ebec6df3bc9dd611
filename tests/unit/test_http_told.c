/*
 * test_http_told.c - outgoing HTTP: what its owner is told of a request, how many of
 * one owner run at once, files as bodies, the time to connect.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/http.h"
#include "io/httpd.h"
#include "io/loop.h"

static struct {
    struct loop *loop;
    struct http *http;
    struct httpd *httpd;
    int pending;
    int together, most_together;
    /* what ended() saw */
    int ended;
    enum http_why why;
    int status;
    int64_t sent, got;
    char method[16];
} t;

static void on_later(struct op *op)
{
    struct httpd_request *req = op->arg;

    op_free(op);
    t.together--;
    httpd_reply(req, 200, NULL, httpd_body(req));
}

static void on_request(struct httpd_request *req, void *arg)
{
    struct op *timer;

    (void)arg;
    if (strcmp(httpd_path(req), "/drop") == 0) {
        httpd_drop(req);
        return;
    }
    if (strcmp(httpd_path(req), "/slow") == 0)
        return; /* httpd_free() ends it */
    if (++t.together > t.most_together)
        t.most_together = t.together;
    timer = timer_start(t.loop, 2);
    timer->done = on_later;
    timer->arg = req;
}

static void on_ended(const struct http_op *op, const char *method, void *arg)
{
    assert_ptr_equal(arg, &t);
    assert_true(op->took_us >= 0);
    t.ended++;
    t.why = op->why;
    t.status = op->status;
    t.sent = op->sent;
    t.got = op->got;
    strncpy(t.method, method ? method : "", sizeof(t.method) - 1);
}

static int setup(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    memset(&t, 0, sizeof(t));
    t.loop = loop_new();
    t.http = http_new(t.loop, &(struct http_options){ .connections_max = 20,
                                                      .owner_max = 3,
                                                      .body_max = 1000,
                                                      .ended = on_ended,
                                                      .ended_arg = &t });
    t.httpd =
        httpd_start(t.loop, &(struct httpd_options){ .address = "127.0.0.1" },
                    on_request, NULL, &err);
    assert_non_null(t.httpd);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_free(t.http);
    httpd_free(t.httpd);
    loop_free(t.loop);
    return 0;
}

static void on_done(struct op *op)
{
    if (--t.pending == 0)
        loop_stop(op->loop);
}

static void wait_for(struct http_op **ops, int n)
{
    t.pending = n;
    for (int i = 0; i < n; i++)
        ops[i]->op.done = on_done;
    loop_run(t.loop);
}

static char *url_of(int port, const char *path)
{
    struct buf url = BUF_INIT;

    buf_addf(&url, "http://127.0.0.1:%d%s", port, path);
    return buf_detach(&url);
}

static struct http_op *start_at(int port, const char *path, const char *body,
                                struct http_request req)
{
    char *url = url_of(port, path);
    struct buf text = BUF_INIT;
    struct http_op *op;

    req.url = url;
    if (body) {
        buf_adds(&text, body);
        req.body = &text;
    }
    op = http_start(t.http, &req);
    free(url);
    return op;
}

static struct http_op *start(const char *path, const char *body,
                             struct http_request req)
{
    return start_at(httpd_port(t.httpd), path, body, req);
}

/* --- what is told ------------------------------------------------------------------ */

static void expect_told(struct http_op *op, enum http_why why, int64_t sent,
                        int64_t got)
{
    int before = t.ended;

    wait_for(&op, 1);
    assert_int_equal(op->why, why);
    assert_int_equal(t.ended, before + 1);
    assert_int_equal(t.why, why);
    assert_int_equal(t.sent, sent);
    assert_int_equal(t.got, got);
    op_free(&op->op);
    assert_int_equal(t.ended, before + 1);
}

static void test_http_told__each_ends_once(void **state)
{
    static const struct http_request plain = { .method = "POST" },
                                     brief = { .timeout_ms = 50 },
                                     small = { .body_max = 3 };
    struct http_op *op;

    (void)state;
    expect_told(start("/", "four", plain), HTTP_ANSWERED, 4, 4);
    assert_string_equal(t.method, "POST");
    assert_int_equal(t.status, 200);
    expect_told(start("/", NULL, brief), HTTP_ANSWERED, 0, 0);
    assert_string_equal(t.method, "");
    expect_told(start("/drop", NULL, plain), HTTP_LOST, 0, 0);
    expect_told(start("/slow", NULL, brief), HTTP_TIMED_OUT, 0, 0);
    expect_told(start_at(1, "/", NULL, plain), HTTP_NO_CONNECTION, 0, 0);
    op = start("/", "four", small);
    wait_for(&op, 1);
    assert_int_equal(t.why, HTTP_TOO_LARGE);
    op_free(&op->op);
    op_free(&start("/slow", NULL, plain)->op);
    assert_int_equal(t.why, HTTP_FREED);
    assert_int_equal(t.ended, 7);
}

static void test_http_told__in_line(void **state)
{
    struct http_request mine = { .owner = &t, .timeout_ms = 50 };
    struct http_op *ops[3], *fourth, *fifth;

    (void)state;
    for (int i = 0; i < 3; i++)
        ops[i] = start("/slow", NULL, (struct http_request){ .owner = &t });
    fourth = start("/", NULL, mine);
    mine.timeout_ms = 0;
    fifth = start("/", NULL, mine);
    assert_int_equal(http_running(t.http), 3);
    assert_int_equal(http_waiting(t.http), 2);
    expect_told(fourth, HTTP_TIMED_OUT, 0, 0);
    op_free(&fifth->op);
    assert_int_equal(t.why, HTTP_FREED);
    assert_int_equal(http_waiting(t.http), 0);
    for (int i = 0; i < 3; i++)
        op_free(&ops[i]->op);
    assert_int_equal(http_running(t.http), 0);
    assert_int_equal(t.ended, 5);
}

/* --- owners -------------------------------------------------------------------------- */

static void test_http_told__owner_max(void **state)
{
    static const char owners[2];
    struct http_op *ops[20];

    (void)state;
    for (int i = 0; i < 20; i++)
        ops[i] = start("/", NULL,
                       (struct http_request){ .owner = &owners[i >= 10] });
    assert_int_equal(http_running(t.http), 6);
    wait_for(ops, 20);
    for (int i = 0; i < 20; i++) {
        assert_string_equal(ops[i]->op.err.text, "");
        op_free(&ops[i]->op);
    }
    assert_int_equal(t.most_together, 6);
}

static void test_http_told__nobodys_are_not_counted(void **state)
{
    struct http_op *ops[10];

    (void)state;
    for (int i = 0; i < 10; i++)
        ops[i] = start("/", NULL, (struct http_request){ 0 });
    assert_int_equal(http_running(t.http), 10);
    wait_for(ops, 10);
    for (int i = 0; i < 10; i++)
        op_free(&ops[i]->op);
}

/* --- a file as the body ----------------------------------------------------------------- */

static struct http_op *start_bare(const char *path)
{
    struct http_form *form = http_form_new();
    struct http_op *op;

    http_form_add(form, &(struct http_part){ .name = "body", .path = path });
    op =
        start("/", NULL,
              (struct http_request){
                  .method = "PUT", .form = form, .bare = true, .type = "a/b" });
    http_form_unref(form);
    return op;
}

static void test_http_told__a_bare_form(void **state)
{
    char path[] = "/tmp/moonpost-test-XXXXXX";
    int fd = mkstemp(path);
    struct http_op *op;

    (void)state;
    expect_told(start_bare(path), HTTP_ANSWERED, 0, 0);
    assert_int_equal(write(fd, "file's text", 11), 11);
    close(fd);
    op = start_bare(path);
    wait_for(&op, 1);
    assert_string_equal(op->body.data, "file's text");
    assert_int_equal(t.sent, 11);
    op_free(&op->op);
    op = start_bare(path); /* what it has is released with it */
    op_free(&op->op);
    unlink(path);
    op = start_bare(path);
    wait_for(&op, 1);
    assert_int_equal(op->op.err.kind, ERR_SYSTEM);
    assert_int_equal(t.why, HTTP_NO_FILE);
    assert_int_equal(t.ended, 4);
    op_free(&op->op);
}

/* --- connecting ---------------------------------------------------------------------- */

/* A port whose line is full: the system lets nobody else in. */
static int listen_full(int fds[4])
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);

    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fds[0], (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(fds[0], 0), 0);
    assert_int_equal(getsockname(fds[0], (struct sockaddr *)&at, &len), 0);
    for (int i = 1; i < 4; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fds[i], (struct sockaddr *)&at, len);
    }
    return ntohs(at.sin_port);
}

static void test_http_told__connect_ms(void **state)
{
    struct http_request req = { .connect_ms = 100, .timeout_ms = 60000 };
    int64_t before = loop_real_ms();
    int fds[4], port = listen_full(fds);

    (void)state;
    expect_told(start_at(port, "/", NULL, req), HTTP_TIMED_OUT, 0, 0);
    assert_true(loop_real_ms() - before < 8000); /* 10 s without it */
    for (int i = 0; i < 4; i++)
        close(fds[i]);
}

static void test_http_told__dates(void **state)
{
    (void)state;
    assert_int_equal(http_date("Wed, 21 Oct 2015 07:28:00 GMT"), 1445412480);
    assert_int_equal(http_date("soon"), -1);
    assert_int_equal(http_date(""), -1);
}

static void test_http_told__types(void **state)
{
    (void)state;
    assert_string_equal(http_type_by_name("a.b.JPG"), "image/jpeg");
    assert_string_equal(http_type_by_name("a.jpg.x"),
                        "application/octet-stream");
    assert_string_equal(http_type_by_name("jpg"), "application/octet-stream");
    assert_string_equal(http_type_by_name(""), "application/octet-stream");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_http_told__each_ends_once),
        TEST(test_http_told__in_line),
        TEST(test_http_told__owner_max),
        TEST(test_http_told__nobodys_are_not_counted),
        TEST(test_http_told__a_bare_form),
        TEST(test_http_told__connect_ms),
        TEST(test_http_told__dates),
        TEST(test_http_told__types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
