/* test_http.c - outgoing HTTP, against io/httpd and a server that breaks. */
#include "http_test.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_http__post_json),
        TEST(test_http__get),
        TEST(test_http__a_body_goes_whole),
        TEST(test_http__target_headers_method_type),
        TEST(test_http__any_status_is_an_answer),
        TEST(test_http__the_body_comes_back),
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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
