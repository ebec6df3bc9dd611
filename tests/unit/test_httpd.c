/* test_httpd.c - the HTTP server, with raw sockets as clients. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "io/httpd.h"
#include "io/loop.h"

struct server {
    struct loop *loop;
    struct httpd *httpd;
    struct httpd_request *held; /* asked for /hold or /stream */
    int gone;
    int requests;
};

static void on_gone(struct httpd_request *req, void *arg)
{
    struct server *s = arg;

    s->gone++;
    s->held = NULL;
    if (strcmp(httpd_path(req), "/stream") == 0)
        httpd_stream_end(req);
    else
        httpd_reply(req, 200, NULL, slice_of("late"));
}

static void answer_echo(struct httpd_request *req)
{
    static const char *const headers[] = { "Content-Type", "text/plain", NULL };
    const char *extra = httpd_header(req, "X-Extra");
    struct buf out = BUF_INIT;

    buf_addf(&out, "%s %s?%s %s %zu:", httpd_method(req), httpd_path(req),
             httpd_query(req), extra ? extra : "-", httpd_body(req).n);
    buf_add_slice(&out, httpd_body(req));
    httpd_reply(req, 201, headers, buf_slice(&out));
    buf_release(&out);
}

static void on_request(struct httpd_request *req, void *arg)
{
    static const char *const sse[] = { "Content-Type", "text/event-stream",
                                       NULL };
    struct server *s = arg;

    s->requests++;
    if (strcmp(httpd_path(req), "/large") == 0) {
        char *bytes = xalloc(40000);

        httpd_reply(req, 200, NULL, (struct slice){ bytes, 40000 });
        free(bytes);
    } else if (strcmp(httpd_path(req), "/drop") == 0) {
        httpd_drop(req);
    } else if (strcmp(httpd_path(req), "/hold") == 0) {
        s->held = req;
        httpd_on_gone(req, on_gone, s);
    } else if (strcmp(httpd_path(req), "/stream") == 0) {
        s->held = req;
        httpd_on_gone(req, on_gone, s);
        httpd_stream_begin(req, 200, sse);
    } else {
        answer_echo(req);
    }
}

static void on_timer(struct op *op)
{
    loop_stop(op->loop);
}

/* Let the server work for a while. */
static void run_ms(struct server *s, int64_t ms)
{
    struct op *timer = timer_start(s->loop, ms);

    timer->done = on_timer;
    loop_run(s->loop);
    op_free(timer);
}

static int setup(void **state)
{
    static struct server server;
    struct httpd_options o = { .address = "127.0.0.1",
                               .body_max = 1000,
                               .headers_max = 2000,
                               .connections_max = 3,
                               .idle_seconds = 1 };
    struct err err = ERR_INIT;

    memset(&server, 0, sizeof(server));
    server.loop = loop_new();
    server.httpd = httpd_start(server.loop, &o, on_request, &server, &err);
    assert_non_null(server.httpd);
    *state = &server;
    return 0;
}

static int teardown(void **state)
{
    struct server *s = *state;

    httpd_free(s->httpd);
    loop_free(s->loop);
    return 0;
}

static int dial(struct server *s)
{
    struct sockaddr_in addr = { .sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    addr.sin_port = htons((uint16_t)httpd_port(s->httpd));
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
                     (ssize_t)strlen(text));
}

/* What has arrived so far; "" for nothing; NULL: the server closed. */
static const char *hear(int fd)
{
    static char text[4096];
    ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

    if (n == 0 || (n < 0 && errno != EAGAIN))
        return NULL;
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

static void test_httpd__request_and_answer(void **state)
{
    struct server *s = *state;
    int fd = dial(s);
    const char *answer;

    say(fd, "POST /a%20b/c?x=1&y HTTP/1.1\r\nHost: h\r\nX-Extra: yes\r\n"
            "Content-Length: 3\r\n\r\na\nb");
    run_ms(s, 20);
    answer = hear(fd);
    assert_non_null(answer);
    assert_non_null(strstr(answer, "HTTP/1.1 201"));
    assert_non_null(strstr(answer, "Content-Type: text/plain"));
    assert_non_null(strstr(answer, "\r\n\r\nPOST /a%20b/c?x=1&y yes 3:a\nb"));
    say(fd, "DELETE / HTTP/1.1\r\nHost: h\r\n\r\n"); /* the same connection */
    run_ms(s, 20);
    answer = hear(fd);
    assert_non_null(answer);
    assert_non_null(strstr(answer, "\r\n\r\nDELETE /? - 0:"));
    close(fd);
}

static void test_httpd__limits(void **state)
{
    struct server *s = *state;
    int fd = dial(s);
    char *header = xalloc(3000);

    say(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\n\r\nx");
    run_ms(s, 20);
    assert_non_null(strstr(hear(fd), "HTTP/1.1 413"));
    close(fd);
    fd = dial(s);
    memset(header, 'a', 2500);
    say(fd, "GET / HTTP/1.1\r\nX-Long: ");
    say(fd, header);
    say(fd, "\r\n\r\n");
    run_ms(s, 20);
    assert_null(strstr(hear(fd), "HTTP/1.1 2"));
    close(fd);
    free(header);
    assert_int_equal(s->requests, 0);
}

static void test_httpd__too_many_connections(void **state)
{
    struct server *s = *state;
    int fd[4];

    for (int i = 0; i < 4; i++)
        fd[i] = dial(s);
    run_ms(s, 30);
    for (int i = 0; i < 3; i++)
        assert_string_equal(hear(fd[i]), "");
    assert_null(hear(fd[3]));
    close(fd[3]);
    close(fd[0]);
    run_ms(s, 30);
    fd[0] = dial(s); /* there is room again */
    say(fd[0], "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    run_ms(s, 30);
    assert_non_null(strstr(hear(fd[0]), "HTTP/1.1 201"));
    for (int i = 0; i < 3; i++)
        close(fd[i]);
}

static void test_httpd__idle_connection_is_closed(void **state)
{
    struct server *s = *state;
    int fd = dial(s), waiting = dial(s);

    say(waiting, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    run_ms(s, 1300);
    assert_null(hear(fd));
    assert_string_equal(hear(waiting), ""); /* pending is not idle */
    assert_int_equal(s->gone, 0);
    httpd_reply(s->held, 200, NULL, slice_of("waited"));
    run_ms(s, 20);
    assert_non_null(strstr(hear(waiting), "waited"));
    close(fd);
    close(waiting);
}

static void test_httpd__pipelined_while_waiting(void **state)
{
    struct server *s = *state;
    int fd = dial(s);
    const char *answer;

    say(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    run_ms(s, 20);
    say(fd, "GET /next HTTP/1.1\r\nHost: h\r\n\r\n");
    run_ms(s, 20);
    assert_int_equal(s->requests, 1);
    httpd_reply(s->held, 200, NULL, slice_of("first"));
    run_ms(s, 30);
    answer = hear(fd);
    assert_non_null(strstr(answer, "first"));
    assert_non_null(strstr(answer, "GET /next"));
    close(fd);
}

static void test_httpd__client_leaves(void **state)
{
    struct server *s = *state;
    int fd = dial(s);

    say(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    run_ms(s, 20);
    assert_non_null(s->held);
    close(fd);
    run_ms(s, 20);
    assert_int_equal(s->gone, 1);
}

static void test_httpd__stream(void **state)
{
    struct server *s = *state;
    int fd = dial(s);
    const char *answer;

    say(fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    run_ms(s, 20);
    assert_non_null(strstr(hear(fd), "text/event-stream"));
    httpd_stream_add(s->held, slice_of("data: 1\n\n"));
    run_ms(s, 1300); /* longer than idle_seconds */
    httpd_stream_add(s->held, slice_of("data: 2\n\n"));
    run_ms(s, 20);
    answer = hear(fd);
    assert_non_null(strstr(answer, "data: 1"));
    assert_non_null(strstr(answer, "data: 2"));
    assert_int_equal(httpd_stream_pending(s->held), 0);
    assert_int_equal(s->gone, 0);
    close(fd);
    run_ms(s, 20);
    assert_int_equal(s->gone, 1);
}

static void test_httpd__stream_end_keeps_the_connection(void **state)
{
    struct server *s = *state;
    int fd = dial(s);

    say(fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    run_ms(s, 20);
    httpd_stream_add(s->held, slice_of("x"));
    httpd_stream_end(s->held);
    run_ms(s, 20);
    assert_non_null(strstr(hear(fd), "\r\n0\r\n\r\n"));
    say(fd, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    run_ms(s, 20);
    assert_non_null(strstr(hear(fd), "HTTP/1.1 201"));
    close(fd);
}

/* All of a large answer comes at once, not its end 40 ms later (Nagle). */
static void test_httpd__large_answer_is_not_held_up(void **state)
{
    struct server *s = *state;
    static char bytes[60000];
    int fd = dial(s);

    for (int i = 0; i < 3; i++) {
        say(fd, "GET /large HTTP/1.1\r\nHost: h\r\n\r\n");
        run_ms(s, 25);
        assert_true(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 40000);
    }
    close(fd);
}

static void test_httpd__drop(void **state)
{
    struct server *s = *state;
    int fd = dial(s);

    say(fd, "GET /drop HTTP/1.1\r\nHost: h\r\n\r\n");
    run_ms(s, 20);
    assert_int_equal(s->requests, 1);
    assert_null(hear(fd));
    close(fd);
}

/* httpd_free() with a request pending and one whose client has left. */
static void test_httpd__free_with_pending(void **state)
{
    struct server *s = *state;
    int fd = dial(s), other = dial(s);

    say(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    say(other, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    run_ms(s, 20);
    assert_int_equal(s->requests, 2);
    httpd_free(s->httpd);
    s->httpd = NULL;
    run_ms(s, 10);
    assert_int_equal(s->gone, 0);
    close(fd);
    close(other);
}

static void test_httpd__port_taken(void **state)
{
    struct server *s = *state;
    struct httpd_options o = { .address = "127.0.0.1",
                               .port = httpd_port(s->httpd) };
    struct err err = ERR_INIT;

    assert_null(httpd_start(s->loop, &o, on_request, s, &err));
    assert_int_equal(err.kind, ERR_SYSTEM);
    assert_non_null(strstr(err.text, "127.0.0.1 port "));
    o.address = "nowhere";
    err_clear(&err);
    assert_null(httpd_start(s->loop, &o, on_request, s, &err));
    assert_int_equal(err.kind, ERR_USAGE);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_httpd__request_and_answer),
        TEST(test_httpd__limits),
        TEST(test_httpd__too_many_connections),
        TEST(test_httpd__idle_connection_is_closed),
        TEST(test_httpd__pipelined_while_waiting),
        TEST(test_httpd__client_leaves),
        TEST(test_httpd__stream),
        TEST(test_httpd__stream_end_keeps_the_connection),
        TEST(test_httpd__large_answer_is_not_held_up),
        TEST(test_httpd__drop),
        TEST(test_httpd__free_with_pending),
        TEST(test_httpd__port_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
