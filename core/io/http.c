/*
 * http.c - see http.h. libcurl's multi_socket interface on libevent.
 *
 * What the measuring of a prototype taught:
 *   - Easy handles are used again and only what changed is set again.
 *   - The token is in the path. Given as CURLOPT_REQUEST_TARGET it is used as
 *     it is; in CURLOPT_URL it would be parsed and printed byte by byte.
 *   - A kept connection's socket stays registered with the loop between two
 *     requests. If it becomes readable then (the peer closed it), it is taken
 *     out: curl does not know of it at that moment and would never read it.
 *     Not so the sockets by which curl's resolver wakes it: it closes them
 *     without curl_closes(), and their numbers are used again.
 */
#include "io/http.h"

#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/loop_int.h"

#define DEFAULT_TIMEOUT_MS 60000
#define CONNECT_TIMEOUT_MS 10000L

/* A socket of curl's, from its first use until curl closes it. */
struct sock {
    struct http *http;
    struct event *event;
    short what; /* EV_READ, EV_WRITE: registered for; 0: not registered */
    bool idle;  /* curl has no transfer on it */
    bool kept;  /* a connection's; others are curl's own, of its resolver */
};

/* An easy handle, in use by one op or in the pool. */
struct handle {
    CURL *easy;
    struct http_op *user;
    bool plain_json; /* set up as POST of JSON, ready for the next one */
    char *url;
    struct curl_slist *list; /* headers of this request only */
    curl_mime *mime;
    struct handle *next;
};

struct http {
    struct loop *loop;
    CURLM *multi;
    struct event *timer;
    struct sock **socks; /* by file descriptor */
    size_t nsocks;
    struct handle *pool;
    struct curl_slist *json_headers;
    TAILQ_HEAD(, http_pending) waiting;
    int active, connections_max;
    size_t body_max;
};

/* What is behind the public http_op. */
struct http_pending {
    struct http_op pub;
    struct http *http;
    struct handle *handle; /* while active */
    char *method, *url, *target, *type;
    struct buf request_body;
    struct curl_slist *headers;
    struct http_part *parts; /* copies */
    size_t nparts;
    int64_t deadline;
    char errbuf[CURL_ERROR_SIZE];
    TAILQ_ENTRY(http_pending) link; /* while waiting in line */
    struct event *patience;         /* the same: till the deadline */
    bool in_line;
    bool tried; /* curl has begun to send it */
};

static void start_waiting(struct http *http);

/* --- sockets and the timer -------------------------------------------------- */

static void collect_finished(struct http *http);

static void sock_unregister(struct sock *s)
{
    if (s->what)
        event_del(s->event);
    s->what = 0;
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
    struct sock *s = arg;
    struct http *http = s->http;
    int flags = 0, running;

    if (s->idle) {
        sock_unregister(s);
        return;
    }
    if (what & EV_READ)
        flags |= CURL_CSELECT_IN;
    if (what & EV_WRITE)
        flags |= CURL_CSELECT_OUT;
    curl_multi_socket_action(http->multi, fd, flags, &running);
    collect_finished(http);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
    struct http *http = arg;
    int running;

    (void)fd;
    (void)what;
    curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    collect_finished(http);
}

static struct sock *sock_get(struct http *http, curl_socket_t fd)
{
    size_t i = (size_t)fd, n = http->nsocks;

    if (i >= n) {
        http->nsocks = i + 64;
        http->socks =
            xrealloc(http->socks, http->nsocks * sizeof(*http->socks));
        memset(http->socks + n, 0, (http->nsocks - n) * sizeof(*http->socks));
    }
    if (!http->socks[i]) {
        http->socks[i] = xalloc(sizeof(struct sock));
        http->socks[i]->http = http;
        http->socks[i]->event =
            event_new(http->loop->base, fd, 0, on_socket, http->socks[i]);
    }
    return http->socks[i];
}

static void sock_free(struct http *http, curl_socket_t fd)
{
    struct sock *s = http->socks[fd];

    sock_unregister(s);
    event_free(s->event);
    free(s);
    http->socks[fd] = NULL;
}

/* curl made a socket for a connection. */
static int curl_opened(void *arg, curl_socket_t fd, curlsocktype purpose)
{
    (void)purpose;
    sock_get(arg, fd)->kept = true;
    return CURL_SOCKOPT_OK;
}

static int curl_wants(CURL *easy, curl_socket_t fd, int action, void *arg,
                      void *unused)
{
    struct http *http = arg;
    struct sock *s = sock_get(http, fd);
    short what = 0;

    (void)easy;
    (void)unused;
    s->idle = action == CURL_POLL_REMOVE;
    /* What was never read from has not got connected: 7.88 closes such a socket
     * without curl_closes() (cf_socket_close in its cf-socket.c). */
    if (s->idle && !(s->kept && s->what & EV_READ))
        sock_free(http, fd);
    if (action == CURL_POLL_REMOVE)
        return 0; /* a kept one stays registered for the next request */
    if (action & CURL_POLL_IN)
        what |= EV_READ;
    if (action & CURL_POLL_OUT)
        what |= EV_WRITE;
    if (what == s->what)
        return 0;
    sock_unregister(s);
    event_assign(s->event, http->loop->base, fd, (short)(what | EV_PERSIST),
                 on_socket, s);
    event_add(s->event, NULL);
    s->what = what;
    return 0;
}

static int curl_closes(void *arg, curl_socket_t fd)
{
    struct http *http = arg;
    size_t i = (size_t)fd;

    if (i < http->nsocks && http->socks[i])
        sock_free(http, fd);
    return close(fd);
}

static int curl_timer(CURLM *multi, long ms, void *arg)
{
    struct http *http = arg;
    struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

    (void)multi;
    if (ms < 0)
        event_del(http->timer);
    else
        event_add(http->timer, &tv);
    return 0;
}

/* --- handles ------------------------------------------------------------------ */

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct handle *h = arg;
    struct http_pending *p = (struct http_pending *)h->user;

    n *= size;
    if (p->pub.body.len + n > p->http->body_max) {
        err_set(&p->pub.op.err, ERR_NETWORK, "answer larger than %zu bytes",
                p->http->body_max);
        return 0;
    }
    buf_add(&p->pub.body, data, n);
    return n;
}

/*
 * A kept connection that breaks before the first byte of the answer makes
 * libcurl send the request again by itself (Curl_retry_request in its
 * transfer.c): a message would be sent twice. It asks here before each try.
 */
static int on_try(void *arg, char *ip, char *local_ip, int port, int local_port)
{
    struct http_pending *p =
        (struct http_pending *)((struct handle *)arg)->user;

    (void)ip, (void)local_ip, (void)port, (void)local_port;
    if (!p->tried || !(p->request_body.len || p->nparts)) {
        p->tried = true;
        return CURL_PREREQFUNC_OK;
    }
    p->pub.maybe_sent = true;
    err_set(&p->pub.op.err, ERR_NETWORK,
            "the connection was closed before an answer came");
    return CURL_PREREQFUNC_ABORT;
}

static void handle_set_base(struct http *http, struct handle *h)
{
    CURL *e = h->easy;

    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_TIMEOUT_MS);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, h);
    /* Else a time-out waits for the resolver's thread: all of us would. */
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, curl_opened);
    curl_easy_setopt(e, CURLOPT_SOCKOPTDATA, http);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, curl_closes);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, http);
    curl_easy_setopt(e, CURLOPT_PRIVATE, h);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_try);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, h);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    h->plain_json = false;
    free(h->url);
    h->url = NULL;
}

static struct handle *handle_take(struct http *http)
{
    struct handle *h = http->pool;

    if (h) {
        http->pool = h->next;
        return h;
    }
    h = xalloc(sizeof(*h));
    h->easy = curl_easy_init();
    if (!h->easy)
        abort();
    handle_set_base(http, h);
    return h;
}

static void handle_give_back(struct http *http, struct handle *h)
{
    h->user = NULL;
    if (!h->plain_json) {
        curl_easy_reset(h->easy);
        handle_set_base(http, h);
    }
    curl_mime_free(h->mime);
    h->mime = NULL;
    curl_slist_free_all(h->list);
    h->list = NULL;
    h->next = http->pool;
    http->pool = h;
}

static void handle_free(struct handle *h)
{
    curl_easy_cleanup(h->easy);
    free(h->url);
    free(h);
}

static void add_part(curl_mime *mime, const struct http_part *part)
{
    curl_mimepart *m = curl_mime_addpart(mime);

    curl_mime_name(m, part->name);
    if (part->path)
        curl_mime_filedata(m, part->path);
    else
        curl_mime_data(m, part->data.p ? part->data.p : "", part->data.n);
    if (part->filename)
        curl_mime_filename(m, part->filename);
    if (part->type)
        curl_mime_type(m, part->type);
}

/* The usual request: POST of JSON with no headers of its own. */
static bool is_plain_json(const struct http_pending *p)
{
    return p->request_body.len > 0 && !p->nparts && !p->headers && !p->type &&
           !p->method;
}

static void set_plain_json(struct http *http, struct handle *h)
{
    if (h->plain_json)
        return;
    curl_easy_setopt(h->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, http->json_headers);
    h->plain_json = true;
}

static void set_other(struct handle *h, struct http_pending *p)
{
    CURL *e = h->easy;
    struct buf type = BUF_INIT;

    h->plain_json = false;
    h->list = curl_slist_append(p->headers, "Expect:");
    p->headers = NULL;
    if (p->nparts) {
        h->mime = curl_mime_init(e);
        for (size_t i = 0; i < p->nparts; i++)
            add_part(h->mime, &p->parts[i]);
        curl_easy_setopt(e, CURLOPT_MIMEPOST, h->mime);
    } else if (p->request_body.len) {
        buf_addf(&type, "Content-Type: %s",
                 p->type ? p->type : "application/json");
        h->list = curl_slist_append(h->list, type.data);
        buf_release(&type);
        curl_easy_setopt(e, CURLOPT_POST, 1L);
    } else {
        curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
    }
    if (p->method)
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, p->method);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, h->list);
}

static void set_url(struct handle *h, struct http_pending *p)
{
    if (!h->url || strcmp(h->url, p->url) != 0) {
        free(h->url);
        h->url = p->url;
        p->url = NULL;
        curl_easy_setopt(h->easy, CURLOPT_URL, h->url);
    }
    curl_easy_setopt(h->easy, CURLOPT_REQUEST_TARGET, p->target);
}

static void handle_set_up(struct http *http, struct handle *h,
                          struct http_pending *p)
{
    int64_t left = p->deadline - loop_now_ms();

    if (h->plain_json && !is_plain_json(p)) {
        curl_easy_reset(h->easy);
        handle_set_base(http, h);
    }
    if (is_plain_json(p))
        set_plain_json(http, h);
    else
        set_other(h, p);
    set_url(h, p);
    if (p->request_body.len) {
        curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, p->request_body.data);
        curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)p->request_body.len);
    }
    curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, p->errbuf);
    curl_easy_setopt(h->easy, CURLOPT_TIMEOUT_MS, (long)(left > 1 ? left : 1));
}

/* --- requests ----------------------------------------------------------------- */

static void activate(struct http *http, struct http_pending *p)
{
    struct handle *h = handle_take(http);

    handle_set_up(http, h, p);
    h->user = &p->pub;
    p->handle = h;
    http->active++;
    curl_multi_add_handle(http->multi, h->easy);
}

static void release_handle(struct http_pending *p)
{
    struct http *http = p->http;
    struct handle *h = p->handle;

    curl_multi_remove_handle(http->multi, h->easy);
    curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, NULL);
    handle_give_back(http, h);
    p->handle = NULL;
    http->active--;
}

static void set_error(struct http_pending *p, CURLcode code)
{
    long sent = 0;
    enum err_kind kind =
        code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_NETWORK;

    curl_easy_getinfo(p->handle->easy, CURLINFO_REQUEST_SIZE, &sent);
    p->pub.maybe_sent = p->pub.maybe_sent || sent > 0;
    err_set(&p->pub.op.err, kind, "%s",
            p->errbuf[0] ? p->errbuf : curl_easy_strerror(code));
}

static void finish(struct handle *h, CURLcode code)
{
    struct http_pending *p = (struct http_pending *)h->user;
    long status = 0;

    if (code == CURLE_OK) {
        curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
        p->pub.status = (int)status;
    } else {
        set_error(p, code);
    }
    release_handle(p);
    op_complete(&p->pub.op);
}

static void collect_finished(struct http *http)
{
    CURLMsg *msg;
    struct handle *h;
    int left;
    bool any = false;

    while ((msg = curl_multi_info_read(http->multi, &left))) {
        if (msg->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&h);
        finish(h, msg->data.result);
        any = true;
    }
    if (any)
        start_waiting(http);
}

static void leave_line(struct http_pending *p)
{
    if (p->in_line)
        TAILQ_REMOVE(&p->http->waiting, p, link);
    p->in_line = false;
    if (p->patience)
        event_free(p->patience);
    p->patience = NULL;
}

static void on_patience_over(evutil_socket_t fd, short what, void *arg)
{
    struct http_pending *p = arg;

    (void)fd;
    (void)what;
    leave_line(p);
    err_set(&p->pub.op.err, ERR_TIMEOUT,
            "timed out waiting for a free connection");
    op_complete(&p->pub.op);
}

/* There is no free connection: wait in line, but no longer than the deadline. */
static void wait_in_line(struct http_pending *p)
{
    int64_t ms = p->deadline - loop_now_ms();
    struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };

    p->patience = evtimer_new(p->http->loop->base, on_patience_over, p);
    event_add(p->patience, &tv);
}

static void start_waiting(struct http *http)
{
    struct http_pending *p;

    while (http->active < http->connections_max &&
           (p = TAILQ_FIRST(&http->waiting))) {
        leave_line(p);
        activate(http, p);
    }
}

static void http_op_stop(struct op *op)
{
    struct http_pending *p = (struct http_pending *)op;

    leave_line(p);
    if (p->handle) {
        release_handle(p);
        start_waiting(p->http);
    }
}

static void http_op_free(struct op *op)
{
    struct http_pending *p = (struct http_pending *)op;

    for (size_t i = 0; i < p->nparts; i++) {
        free((char *)p->parts[i].name);
        free((char *)p->parts[i].data.p);
        free((char *)p->parts[i].path);
        free((char *)p->parts[i].filename);
        free((char *)p->parts[i].type);
    }
    free(p->parts);
    curl_slist_free_all(p->headers);
    buf_release(&p->request_body);
    buf_release(&p->pub.body);
    free(p->method);
    free(p->url);
    free(p->target);
    free(p->type);
    free(p);
}

static const struct op_class http_class = { "http", http_op_stop,
                                            http_op_free };

static char *copy(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

static void copy_parts(struct http_pending *p, const struct http_request *req)
{
    if (!req->nparts)
        return;
    p->parts = xalloc(req->nparts * sizeof(*p->parts));
    p->nparts = req->nparts;
    for (size_t i = 0; i < req->nparts; i++) {
        const struct http_part *from = &req->parts[i];

        p->parts[i] = (struct http_part){
            .name = copy(from->name),
            .data = { from->path ? NULL : slice_dup(from->data), from->data.n },
            .path = copy(from->path),
            .filename = copy(from->filename),
            .type = copy(from->type),
        };
    }
}

/* Before anything is sent: half an upload would be of no use. */
static void check_files(struct http_pending *p)
{
    struct stat st;

    for (size_t i = 0; i < p->nparts; i++) {
        const char *path = p->parts[i].path;

        if (!path)
            continue;
        if (stat(path, &st) < 0 || access(path, R_OK) < 0)
            err_set(&p->pub.op.err, ERR_SYSTEM, "%s: %s", path,
                    strerror(errno));
        else if (!S_ISREG(st.st_mode))
            err_set(&p->pub.op.err, ERR_SYSTEM, "%s: not a file", path);
    }
}

struct http_op *http_start(struct http *http, const struct http_request *req)
{
    struct http_pending *p = xalloc(sizeof(*p));

    op_init(&p->pub.op, &http_class, http->loop);
    buf_init(&p->pub.body);
    buf_init(&p->request_body);
    p->http = http;
    p->method = copy(req->method);
    p->url = xstrdup(req->url);
    p->target = copy(req->target);
    p->type = copy(req->type);
    if (req->body)
        buf_move(&p->request_body, req->body);
    for (const char *const *h = req->headers; h && *h; h++)
        p->headers = curl_slist_append(p->headers, *h);
    copy_parts(p, req);
    p->deadline = loop_now_ms() +
                  (req->timeout_ms ? req->timeout_ms : DEFAULT_TIMEOUT_MS);
    check_files(p);
    if (p->pub.op.err.kind) {
        op_complete(&p->pub.op);
        return &p->pub;
    }
    TAILQ_INSERT_TAIL(&http->waiting, p, link);
    p->in_line = true;
    start_waiting(http);
    if (p->in_line)
        wait_in_line(p);
    return &p->pub;
}

struct http *http_new(struct loop *loop, const struct http_options *options)
{
    struct http *http = xalloc(sizeof(*http));

    curl_global_init(CURL_GLOBAL_DEFAULT);
    TAILQ_INIT(&http->waiting);
    http->loop = loop;
    http->connections_max =
        options->connections_max ? options->connections_max : 256;
    http->body_max = options->body_max ? options->body_max : 64u << 20;
    http->multi = curl_multi_init();
    http->timer = evtimer_new(loop->base, on_timeout, http);
    http->json_headers =
        curl_slist_append(NULL, "Content-Type: application/json");
    http->json_headers = curl_slist_append(http->json_headers, "Expect:");
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, curl_wants);
    curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, curl_timer);
    curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
    curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS,
                      (long)http->connections_max);
    curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    return http;
}

void http_free(struct http *http)
{
    struct handle *h;

    if (!http)
        return;
    assert(http->active == 0 && TAILQ_EMPTY(&http->waiting));
    while ((h = http->pool)) {
        http->pool = h->next;
        handle_free(h);
    }
    curl_multi_cleanup(http->multi); /* closes the kept connections */
    for (size_t i = 0; i < http->nsocks; i++)
        assert(!http->socks[i]);
    free(http->socks);
    event_free(http->timer);
    curl_slist_free_all(http->json_headers);
    curl_global_cleanup();
    free(http);
}
