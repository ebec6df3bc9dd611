/* http.c - requests: see http.h and http_int.h. */
#include "io/http.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/kept.h"
#include "io/http_int.h"

#define DEFAULT_TIMEOUT_MS 60000

static void fail_guarded(struct http_pending *p);
static void watch_progress(struct http_pending *p);

static bool keeps_running(const struct http *http)
{
    return http->host_max || http->owner_max;
}

void http_activate(struct http *http, struct http_pending *p)
{
    struct handle *h = http_handle_take(http);

    h->user = &p->pub;
    if (!http_handle_set_up(http, h, p)) {
        http_handle_give_back(http, h);
        http_tell_ended(p, HTTP_NO_FILE);
        op_complete(&p->pub.op);
        return;
    }
    p->handle = h;
    http->active++;
    if (keeps_running(http))
        TAILQ_INSERT_TAIL(&http->running, p, link);
    curl_multi_add_handle(http->multi, h->easy);
    if (p->stall_ms)
        watch_progress(p);
}

static void count_bytes(struct http_pending *p)
{
    curl_off_t sent = 0, got = 0;

    curl_easy_getinfo(p->handle->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    curl_easy_getinfo(p->handle->easy, CURLINFO_SIZE_DOWNLOAD_T, &got);
    p->pub.sent = sent;
    p->pub.got = got;
}

static void release_handle(struct http_pending *p)
{
    struct http *http = p->http;
    struct handle *h = p->handle;

    if (http->ended)
        count_bytes(p);
    curl_multi_remove_handle(http->multi, h->easy);
    curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, NULL);
    http_handle_give_back(http, h);
    p->handle = NULL;
    p->paused = false;
    if (p->look)
        event_free(p->look);
    p->look = NULL;
    http->active--;
    if (keeps_running(http))
        TAILQ_REMOVE(&http->running, p, link);
}

bool http_is_whole(const struct http_pending *p)
{
    return !p->form || p->form_read;
}

static enum http_why why_by_curl(CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT: return HTTP_TIMED_OUT;
    case CURLE_URL_MALFORMAT: return HTTP_BAD_URL;
    case CURLE_COULDNT_RESOLVE_HOST: return HTTP_NO_NAME;
    case CURLE_COULDNT_CONNECT: return HTTP_NO_CONNECTION;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_PEER_FAILED_VERIFICATION: return HTTP_NO_TLS;
    default: return HTTP_LOST;
    }
}

/* What has stopped it in here is known better than by curl. */
static enum http_why why_of(const struct http_pending *p, CURLcode code)
{
    if (p->pub.why)
        return p->pub.why;
    switch (p->pub.op.err.kind) {
    case ERR_SYSTEM: return HTTP_NO_FILE;
    case ERR_CANCELLED: return HTTP_NOT_TAKEN;
    default: return why_by_curl(code);
    }
}

void http_tell_ended(struct http_pending *p, enum http_why why)
{
    struct http *http = p->http;

    p->pub.why = why;
    if (!http->ended)
        return;
    p->pub.took_us = clock_steady_ns() / 1000 - p->started_us;
    http->ended(&p->pub, p->method, http->ended_arg);
}

static void set_error(struct http_pending *p, CURLcode code)
{
    long sent = 0;
    enum err_kind kind =
        code == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT : ERR_NETWORK;

    curl_easy_getinfo(p->handle->easy, CURLINFO_REQUEST_SIZE, &sent);
    p->pub.maybe_sent =
        p->pub.maybe_sent ||
        (sent > 0 && code != CURLE_COULDNT_CONNECT && http_is_whole(p));
    p->pub.why = why_of(p, code);
    if (code == CURLE_COULDNT_CONNECT && p->refused.len)
        fail_guarded(p);
    err_set(&p->pub.op.err, kind, "%s",
            p->errbuf[0] ? p->errbuf : curl_easy_strerror(code));
}

static void fail_guarded(struct http_pending *p)
{
    p->pub.why = HTTP_NOT_ALLOWED;
    err_set(&p->pub.op.err, ERR_NETWORK,
            "%s is not a public address, and HTTP_ALLOW_PRIVATE does not name "
            "it",
            p->refused.data);
}

/* What Location says may be relative: to where the request was meant to go. */
static char *redirect_of_meant(const struct http_pending *p, CURL *easy)
{
    struct curl_header *location;
    CURLU *url = curl_url();
    char *part = NULL, *redirect = NULL;

    if (curl_easy_header(easy, "Location", 0, CURLH_HEADER, -1, &location) ==
            CURLHE_OK &&
        curl_url_set(url, CURLUPART_URL, p->meant, 0) == CURLUE_OK &&
        curl_url_set(url, CURLUPART_URL, location->value, 0) == CURLUE_OK &&
        curl_url_get(url, CURLUPART_URL, &part, 0) == CURLUE_OK)
        redirect = xstrdup(part);
    curl_free(part);
    curl_url_cleanup(url);
    return redirect;
}

static void read_redirect(struct http_pending *p, CURL *easy)
{
    char *url = NULL;

    curl_easy_getinfo(easy, CURLINFO_REDIRECT_URL, &url);
    if (url && p->meant)
        p->pub.redirect = redirect_of_meant(p, easy);
    else
        p->pub.redirect = url ? xstrdup(url) : NULL;
}

static int64_t read_date(CURL *easy)
{
    struct curl_header *date;
    time_t at = -1;

    if (curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1, &date) == CURLHE_OK)
        at = curl_getdate(date->value, NULL);
    return at > 0 ? at : 0;
}

static void finish(struct handle *h, CURLcode code)
{
    struct http_pending *p = (struct http_pending *)h->user;
    long status = 0;

    if (code == CURLE_OK) {
        curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
        p->pub.status = (int)status;
        if (p->wants_date)
            p->pub.date = read_date(h->easy);
        if (p->wants_headers)
            read_redirect(p, h->easy);
    } else {
        set_error(p, code);
    }
    release_handle(p);
    http_tell_ended(p, p->pub.why);
    op_complete(&p->pub.op);
}

/* --- progress ------------------------------------------------------------------- */

static void fail(struct http_pending *p, CURLcode code)
{
    struct http *http = p->http;

    finish(p->handle, code);
    http_start_waiting(http);
}

/* It is all with the server, which may take its time. */
static bool is_answer_awaited(const struct http_pending *p, curl_off_t got)
{
    return got == 0 && (p->form || p->request_body.len) && http_is_whole(p);
}

static void on_look(evutil_socket_t fd, short what, void *arg)
{
    struct http_pending *p = arg;
    CURL *e = p->handle->easy;
    curl_off_t sent = 0, got = 0;
    int64_t before = p->moved;

    (void)fd, (void)what;
    curl_easy_getinfo(e, CURLINFO_SIZE_UPLOAD_T, &sent);
    curl_easy_getinfo(e, CURLINFO_SIZE_DOWNLOAD_T, &got);
    p->moved = sent + got;
    if (p->has_waited || is_answer_awaited(p, got)) {
        p->has_waited = p->paused;
        return;
    }
    if (p->moved - before >= HTTP_STALL_BYTES)
        return;
    err_set(&p->pub.op.err, ERR_TIMEOUT, "stalled: %lld bytes moved in %d ms",
            (long long)(p->moved - before), p->stall_ms);
    fail(p, CURLE_OPERATION_TIMEDOUT);
}

static void watch_progress(struct http_pending *p)
{
    struct timeval tv = { p->stall_ms / 1000, (p->stall_ms % 1000) * 1000 };

    p->look = event_new(p->http->loop->base, -1, EV_PERSIST, on_look, p);
    event_add(p->look, &tv);
}

/* What the sink refuses in here, curl reports nowhere else. */
void http_resume(struct http_op *op)
{
    struct http_pending *p = (struct http_pending *)op;
    CURLcode code;

    if (!p->paused)
        return;
    p->paused = false;
    code = curl_easy_pause(p->handle->easy, CURLPAUSE_CONT);
    if (code != CURLE_OK && op->op.state == OP_RUNNING)
        fail(p, code);
}

/* --- the end -------------------------------------------------------------------------- */

void http_collect_finished(struct http *http)
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
        http_start_waiting(http);
}

static void http_op_stop(struct op *op)
{
    struct http_pending *p = (struct http_pending *)op;

    bool runs = p->handle;

    http_leave_line(p);
    if (runs)
        release_handle(p);
    http_tell_ended(p, HTTP_FREED);
    if (runs)
        http_start_waiting(p->http);
}

static void http_op_free(struct op *op)
{
    struct http_pending *p = (struct http_pending *)op;

    http_form_unref(p->form);
    curl_slist_free_all(p->headers);
    buf_release(&p->request_body);
    buf_release(&p->pub.body);
    free(p->method);
    free(p->url);
    free(p->target);
    free(p->type);
    free(p->meant);
    free(p->host);
    buf_release(&p->refused);
    buf_release(&p->pub.headers);
    free(p->pub.redirect);
    kept_free(p, sizeof(*p));
}

static const struct op_class http_class = { "http", http_op_stop,
                                            http_op_free };

static char *copy(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

/* Small letters: names in URLs have no others for curl either. */
static char *host_of(const char *url)
{
    CURLU *parsed = curl_url();
    char *part = NULL, *host = NULL;

    if (curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(parsed, CURLUPART_HOST, &part, 0) == CURLUE_OK)
        host = xstrdup(part);
    curl_free(part);
    curl_url_cleanup(parsed);
    for (char *c = host; c && *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return host;
}

void http_divert(struct http *http, const char *url)
{
    free(http->divert);
    http->divert = copy(url);
    http->guard = NULL;
}

static void divert(struct http_pending *p)
{
    struct buf header = BUF_INIT;

    buf_addf(&header, HTTP_MEANT ": %s", p->url);
    p->headers = curl_slist_append(p->headers, header.data);
    p->number = ++p->http->diverted;
    buf_reset(&header);
    buf_addf(&header, HTTP_NUMBER ": %lld", (long long)p->number);
    p->headers = curl_slist_append(p->headers, header.data);
    buf_release(&header);
    p->meant = p->url;
    p->url = xstrdup(p->http->divert);
}

static struct http_pending *diverted(const struct http *http, int64_t number)
{
    struct http_pending *p;

    if (http)
        TAILQ_FOREACH (p, &http->running, link)
            if (p->number == number)
                return p;
    return NULL;
}

int64_t http_left_ms(const struct http *http, int64_t number)
{
    const struct http_pending *p = diverted(http, number);
    int64_t left = p ? p->deadline - loop_real_ms() : -1;

    return p && left < 0 ? 0 : left;
}

void http_break(struct http *http, int64_t number, enum http_break how)
{
    static const struct {
        CURLcode code;
        const char *text;
    } ends[] = {
        [HTTP_BREAK_LOST] = { CURLE_GOT_NOTHING, "Empty reply from server" },
        [HTTP_BREAK_REFUSED] = { CURLE_COULDNT_CONNECT,
                                 "Failed to connect: Connection refused" },
        [HTTP_BREAK_TIMEOUT] = { CURLE_OPERATION_TIMEDOUT,
                                 "Operation timed out" },
    };
    struct http_pending *p = diverted(http, number);

    if (!p)
        return;
    snprintf(p->errbuf, sizeof(p->errbuf), "%s", ends[how].text);
    fail(p, ends[how].code);
}

static void take_request(struct http_pending *p, const struct http_request *req)
{
    const struct http *http = p->http;

    p->method = copy(req->method);
    p->url = xstrdup(req->url);
    p->target = copy(req->target);
    p->type = copy(req->type);
    if (req->body)
        buf_move(&p->request_body, req->body);
    for (const char *const *h = req->headers; h && *h; h++)
        p->headers = curl_slist_append(p->headers, *h);
    p->form = http_form_ref(req->form);
    p->bare = req->bare;
    p->owner = req->owner;
    p->connect_ms = req->connect_ms;
    p->wants_date = req->wants_date;
    p->wants_headers = req->wants_headers;
    p->unpacks = req->unpacks;
    p->body_max = req->body_max && req->body_max < http->body_max
                      ? req->body_max
                      : http->body_max;
    if (http->host_max || http->guard)
        p->host = host_of(req->url);
    p->sink = req->sink;
    p->sink_arg = req->sink_arg;
    p->stall_ms = req->stall_ms;
    p->deadline = loop_real_ms() +
                  (req->timeout_ms ? req->timeout_ms : DEFAULT_TIMEOUT_MS);
}

struct http_op *http_start(struct http *http, const struct http_request *req)
{
    struct http_pending *p = op_alloc(sizeof(*p));

    op_init(&p->pub.op, &http_class, http->loop);
    op_goes_outside(&p->pub.op);
    buf_init(&p->pub.body);
    buf_init(&p->request_body);
    buf_init(&p->pub.headers);
    buf_init(&p->refused);
    p->http = http;
    if (http->ended)
        p->started_us = clock_steady_ns() / 1000;
    take_request(p, req);
    if (http->divert)
        divert(p);
    TAILQ_INSERT_TAIL(&http->waiting, p, link);
    p->in_line = true;
    http_start_waiting(http);
    if (p->in_line)
        http_wait_in_line(p);
    return &p->pub;
}

void http_take_body_back(struct http_op *op, struct buf *body)
{
    struct http_pending *p = (struct http_pending *)op;

    assert(op->op.state == OP_DONE);
    buf_move(body, &p->request_body);
}

int64_t http_date(const char *text)
{
    return curl_getdate(text, NULL);
}

int http_running(const struct http *http)
{
    return http->active;
}

struct http *http_new(struct loop *loop, const struct http_options *options)
{
    struct http *http = xalloc(sizeof(*http));

    curl_global_init(CURL_GLOBAL_DEFAULT);
    TAILQ_INIT(&http->waiting);
    TAILQ_INIT(&http->running);
    http->loop = loop;
    http->host_max = options->host_max;
    http->owner_max = options->owner_max;
    http->ended = options->ended;
    http->ended_arg = options->ended_arg;
    http->guard = options->guard;
    http->connections_max =
        options->connections_max ? options->connections_max : 256;
    http->body_max = options->body_max ? options->body_max : 64u << 20;
    http->multi = curl_multi_init();
    http->json_headers =
        curl_slist_append(NULL, "Content-Type: application/json");
    http->json_headers = curl_slist_append(http->json_headers, "Expect:");
    http_sockets_init(http);
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
        http_handle_free(h);
    }
    curl_multi_cleanup(http->multi); /* closes the kept connections */
    http_sockets_release(http);
    curl_slist_free_all(http->json_headers);
    curl_global_cleanup();
    free(http->divert);
    free(http);
}
