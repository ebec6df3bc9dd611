/* test_http_free.c - requests that are freed at any time, and many of them. */
#include "http_test.h"

#define MANY 1000

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
