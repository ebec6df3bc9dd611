/* test_http_sink.c - answers that are taken in pieces, or stall. */
#include "http_test.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_http__sink),
        TEST(test_http__sink_waits),
        TEST(test_http__sink_stops),
        TEST(test_http__sink_freed_while_it_waits),
        TEST(test_http__sink_gets_no_errors),
        TEST(test_http__sink_of_a_cut_answer),
        TEST(test_http__stall),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
