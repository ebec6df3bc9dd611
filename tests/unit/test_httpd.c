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
#include "io/httpd_read.h"
#include "io/loop.h"

struct server {
    struct loop *loop;
    struct httpd *httpd;
    struct httpd_request *held; /* asked for /hold or /stream */
    int gone;
    bool patient; /* don't watch whether the client of /hold leaves */
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
        if (!s->patient)
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

/* Let the server work for a while: also on a busy machine these are some turns. */
static void run_ms(struct server *s, int64_t ms)
{
    int parts = ms < 20 ? 1 : 10;

    for (int i = 0; i < parts; i++) {
        struct op *timer = timer_start(s->loop, ms / parts);

        timer->done = on_timer;
        loop_run(s->loop);
        op_free(timer);
    }
}

static int check(const struct httpd_request *req, const char *const **headers,
                 void *arg)
{
    static const char *const why[] = { "X-Why", "secret", NULL };

    (void)arg;
    *headers = why;
    return strcmp(httpd_path(req), "/forbidden") == 0 ? 403 : 0;
}

static int setup(void **state)
{
    static struct server server;
    struct httpd_options o = { .address = "127.0.0.1",
                               .body_max = 1000,
                               .headers_max = 2000,
                               .connections_max = 3,
                               .idle_seconds = 1,
                               .request_seconds = 1,
                               .check = check };
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
    assert_non_null(strstr(hear(fd), "HTTP/1.1 431"));
    close(fd);
    free(header);
    assert_int_equal(s->requests, 0);
}

/* One more closes the one that is idle for the longest; none that is busy. */
static void test_httpd__too_many_connections(void **state)
{
    struct server *s = *state;
    int fd[4], late;

    fd[0] = dial(s);
    say(fd[0], "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    run_ms(s, 20);
    for (int i = 1; i < 4; i++) {
        fd[i] = dial(s);
        run_ms(s, 20);
    }
    assert_null(hear(fd[1]));
    assert_int_equal(httpd_connections(s->httpd), 3);
    say(fd[3], "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    run_ms(s, 20);
    assert_non_null(strstr(hear(fd[3]), "HTTP/1.1 201"));
    say(fd[2], "GET / HTTP/1.1\r\n"); /* not idle any more */
    run_ms(s, 20);
    late = dial(s);
    run_ms(s, 20);
    assert_null(hear(fd[3]));
    assert_string_equal(hear(fd[2]), "");
    assert_string_equal(hear(fd[0]), "");
    assert_string_equal(hear(late), "");
    for (int i = 0; i < 4; i++)
        close(fd[i]);
    close(late);
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

/* A client that still sends when it is refused can read why. */
static void test_httpd__refusal_is_heard_by_who_still_sends(void **state)
{
    struct server *s = *state;
    int fd = dial(s);
    char *bytes = xalloc(100000);
    const char *answer;

    memset(bytes, 'x', 99999);
    say(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n");
    for (int i = 0; i < 20; i++) {
        say(fd, bytes);
        run_ms(s, 5);
    }
    answer = hear(fd);
    assert_non_null(answer);
    assert_non_null(strstr(answer, "HTTP/1.1 413 "));
    assert_non_null(strstr(answer, "Connection: close"));
    shutdown(fd, SHUT_WR);
    run_ms(s, 20);
    assert_null(hear(fd));
    assert_int_equal(httpd_connections(s->httpd), 0);
    close(fd);
    free(bytes);
}

static void test_httpd__slow_request(void **state)
{
    struct server *s = *state;
    int fd = dial(s);

    say(fd, "GET / HTTP/1.1\r\n");
    for (int i = 0; i < 9; i++) { /* never idle */
        run_ms(s, 150);
        send(fd, "a", 1, MSG_NOSIGNAL);
    }
    assert_non_null(strstr(hear(fd), "HTTP/1.1 408 "));
    assert_int_equal(s->requests, 0);
    close(fd);
}

/* The sockets' memory is full on both sides, and ours is not. */
static void never_read(struct server *s, const char *path, int at_most)
{
    struct buf many = BUF_INIT;
    int fd = dial(s), tries = 0;
    size_t sent = 0;

    for (int i = 0; i < 1000; i++)
        buf_addf(&many, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    while (tries < 50) {
        size_t at = sent % many.len;
        ssize_t n = send(fd, many.data + at, many.len - at,
                         MSG_NOSIGNAL | MSG_DONTWAIT);

        sent += n > 0 ? (size_t)n : 0;
        tries = n > 0 ? 0 : tries + 1;
        run_ms(s, 1);
    }
    assert_in_range(s->requests, 1, at_most);
    close(fd);
    run_ms(s, 50);
    assert_int_equal(httpd_connections(s->httpd), 0);
    buf_release(&many);
}

static void test_httpd__pipelined_and_never_read(void **state)
{
    struct server *s = *state;

    never_read(s, "/large", 2000);
    s->requests = 0;
    never_read(s, "/", 200000);
}

static void test_httpd__all_of_what_is_pipelined(void **state)
{
    struct server *s = *state;
    struct buf all = BUF_INIT;
    int fd = dial(s);

    for (int i = 0; i < 30; i++)
        buf_adds(&all, "POST /x HTTP/1.1\r\nHost: h\r\n"
                       "Content-Length: 2\r\n\r\nhi");
    say(fd, all.data);
    shutdown(fd, SHUT_WR); /* says that it ends, and still gets the answers */
    run_ms(s, 50);
    assert_int_equal(s->requests, 30);
    buf_reset(&all);
    buf_adds(&all, hear(fd));
    assert_non_null(strstr(all.data, "POST /x? - 2:hi"));
    assert_null(hear(fd)); /* and the end */
    buf_release(&all);
    close(fd);
}

static void test_httpd__half_closed_while_it_waits(void **state)
{
    struct server *s = *state;
    int fd = dial(s);

    s->patient = true;
    say(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n");
    shutdown(fd, SHUT_WR);
    run_ms(s, 20);
    assert_string_equal(hear(fd), "");
    httpd_reply(s->held, 200, NULL, slice_of("waited"));
    run_ms(s, 20);
    assert_non_null(strstr(hear(fd), "waited"));
    assert_null(hear(fd));
    close(fd);
}

static void test_httpd__connection_close_of_ours(void **state)
{
    static const char *const headers[] = { "Connection", "close", NULL };
    struct server *s = *state;
    int fd = dial(s);
    const char *answer;

    s->patient = true;
    say(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    run_ms(s, 20);
    httpd_reply(s->held, 503, headers, slice_of("bye"));
    run_ms(s, 20);
    answer = hear(fd);
    assert_non_null(strstr(answer, "HTTP/1.1 503 Service Unavailable"));
    assert_non_null(strstr(answer, "\r\nConnection: close\r\n"));
    assert_null(hear(fd));
    assert_int_equal(s->requests, 1);
    close(fd);
}

static void test_httpd__check_before_the_body(void **state)
{
    struct server *s = *state;
    int fd = dial(s);
    const char *answer;

    say(fd, "POST /forbidden HTTP/1.1\r\nHost: h\r\nContent-Length: 500\r\n"
            "Expect: 100-continue\r\n\r\n");
    run_ms(s, 20);
    answer = hear(fd);
    assert_non_null(strstr(answer, "HTTP/1.1 403 Forbidden"));
    assert_non_null(strstr(answer, "\r\nX-Why: secret\r\n"));
    close(fd);
    fd = dial(s);
    say(fd, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n"
            "Expect: 100-continue\r\n\r\n");
    run_ms(s, 20);
    assert_string_equal(hear(fd), "HTTP/1.1 100 Continue\r\n\r\n");
    say(fd, "yes");
    run_ms(s, 20);
    assert_non_null(strstr(hear(fd), "HTTP/1.1 201"));
    assert_int_equal(s->requests, 1);
    close(fd);
}

static void test_httpd__head_and_old_clients(void **state)
{
    struct server *s = *state;
    int fd = dial(s);
    const char *answer;

    say(fd, "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    run_ms(s, 20);
    answer = hear(fd);
    assert_non_null(strstr(answer, "\r\nContent-Length: 12\r\n"));
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
    say(fd, "GET /stream HTTP/1.0\r\n\r\n");
    run_ms(s, 20);
    httpd_stream_add(s->held, slice_of("plain"));
    httpd_stream_end(s->held);
    run_ms(s, 20);
    answer = hear(fd);
    assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\nplain");
    assert_null(hear(fd));
    close(fd);
}

/* --- requests as they are read -------------------------------------------- */

static const struct {
    const char *text;
    int status;       /* 0: complete */
    const char *what; /* method path?query body */
} requests[] = {
    { "GET / HTTP/1.1\r\n\r\n", 0, "GET /? " },
    { "\r\nGET /a?b?c#d HTTP/1.1\r\nA:b\r\n\r\n", 0, "GET /a?b?c " },
    { "GET http://h:1/a?b HTTP/1.1\r\n\r\n", 0, "GET /a?b " },
    { "GET http://h HTTP/1.1\r\n\r\n", 0, "GET /? " },
    { "OPTIONS * HTTP/1.1\r\n\r\n", 0, "OPTIONS *? " },
    { "POST / HTTP/1.1\r\ncontent-length: \t3 \r\n\r\nabc", 0, "POST /? abc" },
    { "POST / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"
      "3;x=y\r\nabc\r\n0A\r\n0123456789\r\n0\r\nT: r\r\n\r\n",
      0, "POST /? abc0123456789" },
    { "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 0,
      "POST /? abc" },
    { "GET /\r\n\r\n", 400, NULL },
    { "GET / HTTP/1.1 \r\n\r\n", 400, NULL },
    { "GET  / HTTP/1.1\r\n\r\n", 400, NULL },
    { "G T / HTTP/1.1\r\n\r\n", 400, NULL },
    { "GET a HTTP/1.1\r\n\r\n", 400, NULL },
    { "GET / HTTP/2.0\r\n\r\n", 505, NULL },
    { "GET / http/1.1\r\n\r\n", 400, NULL },
    { "\x16\x03\x01\x02 hello\r\n\r\n", 400, NULL },
    { "GET / HTTP/1.1\r\nA b\r\n\r\n", 400, NULL },
    { "GET / HTTP/1.1\r\nA : b\r\n\r\n", 400, NULL },
    { "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400, NULL },
    { "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n", 400, NULL },
    { "GET / HTTP/1.1\r\n: b\r\n\r\n", 400, NULL },
    { "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
      400, NULL },
    { "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400, NULL },
    { "POST / HTTP/1.1\r\nContent-Length: 0x3\r\n\r\n", 400, NULL },
    { "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400,
      NULL },
    { "POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n", 413, NULL },
    { "POST / HTTP/1.1\r\nContent-Length: 3\r\n"
      "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
      400, NULL },
    { "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400, NULL },
    { "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501,
      NULL },
    { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400, NULL },
    { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", 400, NULL },
    { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", 400,
      NULL },
    { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n", 400,
      NULL },
    { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n", 413,
      NULL },
    { "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
      "ffffffffffffffff\r\n",
      400, NULL },
};

/* Whatever pieces it comes in. */
static void test_httpd_read__requests(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        size_t n = strlen(requests[i].text);

        for (size_t piece = 1; piece <= n; piece++) {
            struct httpd_reader r;
            struct buf what = BUF_INIT;

            httpd_reader_init(&r, 300, 100);
            for (size_t at = 0; at < n;) {
                size_t m = piece < n - at ? piece : n - at;
                char *copy =
                    slice_dup((struct slice){ requests[i].text + at, m });
                size_t taken = httpd_read(&r, copy, m);

                free(copy);
                at += taken;
                if (!taken)
                    break;
            }
            if (requests[i].status) {
                assert_int_equal(r.state, HTTPD_READ_REFUSED);
                assert_int_equal(r.status, requests[i].status);
            } else {
                assert_int_equal(r.state, HTTPD_READ_COMPLETE);
                buf_addf(&what, "%s %s?%s %s", r.method, r.path, r.query,
                         r.body.data);
                assert_string_equal(what.data, requests[i].what);
            }
            buf_release(&what);
            httpd_reader_release(&r);
        }
    }
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
        TEST(test_httpd__refusal_is_heard_by_who_still_sends),
        TEST(test_httpd__slow_request),
        TEST(test_httpd__pipelined_and_never_read),
        TEST(test_httpd__all_of_what_is_pipelined),
        TEST(test_httpd__half_closed_while_it_waits),
        TEST(test_httpd__connection_close_of_ours),
        TEST(test_httpd__check_before_the_body),
        TEST(test_httpd__head_and_old_clients),
        cmocka_unit_test(test_httpd_read__requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
