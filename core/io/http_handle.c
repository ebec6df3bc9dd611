/*
 * http_handle.c - curl's easy handles: kept, and only what changed set again.
 * See http_int.h.
 *
 * The token is in the path. Given as CURLOPT_REQUEST_TARGET it is used as it
 * is; in CURLOPT_URL it would be parsed and printed byte by byte.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/address.h"
#include "io/http_int.h"

#define CONNECT_TIMEOUT_MS 10000L
#define HEADERS_MAX ((size_t)256 << 10) /* bytes of one answer's */
#define KEPT_GUARDED_S 15L /* idle; many servers close after so long */

/* A piece for the sink. */
static size_t give(struct http_pending *p, const char *data, size_t n)
{
    switch (p->sink((struct slice){ data, n }, p->sink_arg)) {
    case HTTP_TAKEN: return n;
    case HTTP_WAIT:
        p->paused = p->has_waited = true;
        return CURL_WRITEFUNC_PAUSE;
    case HTTP_STOP: break;
    }
    err_set(&p->pub.op.err, ERR_CANCELLED, "the answer was not taken");
    return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct handle *h = arg;
    struct http_pending *p = (struct http_pending *)h->user;
    long status = 0;

    n *= size;
    if (p->sink) {
        curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
        if (status >= 200 && status < 300)
            return give(p, data, n);
    }
    if (p->pub.body.len + n > p->body_max) {
        p->pub.why = HTTP_TOO_LARGE;
        err_set(&p->pub.op.err, ERR_NETWORK, "answer larger than %zu bytes",
                p->body_max);
        return 0;
    }
    buf_add(&p->pub.body, data, n);
    return n;
}

/* Each line of the answer's head. What came before the last status line was of
 * an answer that was none: 100 Continue. */
static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
    struct http_pending *p =
        (struct http_pending *)((struct handle *)arg)->user;

    n *= size;
    if (n >= 5 && memcmp(data, "HTTP/", 5) == 0) {
        buf_reset(&p->pub.headers);
        return n;
    }
    if (p->pub.headers.len + n > HEADERS_MAX) {
        p->pub.why = HTTP_TOO_LARGE;
        err_set(&p->pub.op.err, ERR_NETWORK, "headers larger than %zu bytes",
                HEADERS_MAX);
        return 0;
    }
    buf_add(&p->pub.headers, data, n);
    return n;
}

/* curl is about to connect: the name has been resolved, so that whatever it
 * resolves to the next time does not matter. */
static curl_socket_t on_connect(void *arg, curlsocktype purpose,
                                struct curl_sockaddr *to)
{
    struct http_pending *p =
        (struct http_pending *)((struct handle *)arg)->user;
    struct slice host = p->host ? slice_of(p->host) : SLICE_NONE;

    (void)purpose;
    if (!address_is_public(&to->addr) &&
        !address_list_has(p->http->guard, host, &to->addr)) {
        buf_reset(&p->refused);
        address_add(&to->addr, &p->refused);
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static bool may_repeat(const struct http_pending *p)
{
    return !p->request_body.len && !p->form &&
           (!p->method || strcmp(p->method, "GET") == 0 ||
            strcmp(p->method, "HEAD") == 0);
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
    if (!p->tried || may_repeat(p)) {
        p->tried = true;
        return CURL_PREREQFUNC_OK;
    }
    p->pub.maybe_sent = http_is_whole(p);
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
    curl_easy_setopt(e, CURLOPT_SOCKOPTFUNCTION, http_curl_opened);
    curl_easy_setopt(e, CURLOPT_SOCKOPTDATA, http);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, http_curl_closes);
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, http);
    curl_easy_setopt(e, CURLOPT_PRIVATE, h);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_try);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, h);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    if (http->guard) {
        curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_connect);
        curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, h);
        curl_easy_setopt(e, CURLOPT_PROXY, "");
        curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, KEPT_GUARDED_S);
    }
    h->plain_json = false;
    free(h->url);
    h->url = NULL;
}

struct handle *http_handle_take(struct http *http)
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

void http_handle_give_back(struct http *http, struct handle *h)
{
    h->user = NULL;
    if (!h->plain_json) {
        curl_easy_reset(h->easy);
        handle_set_base(http, h);
    }
    curl_mime_free(h->mime);
    h->mime = NULL;
    http_reader_free(h->reader);
    h->reader = NULL;
    curl_slist_free_all(h->list);
    h->list = NULL;
    h->next = http->pool;
    http->pool = h;
}

void http_handle_free(struct handle *h)
{
    curl_easy_cleanup(h->easy);
    curl_url_cleanup(h->parsed);
    free(h->url);
    free(h);
}

/* The usual request: POST of JSON with no headers of its own. */
static bool is_plain_json(const struct http_pending *p)
{
    return p->request_body.len > 0 && !p->form && !p->headers && !p->type &&
           !p->method && !p->wants_headers && !p->unpacks && !p->connect_ms;
}

static void set_plain_json(struct http *http, struct handle *h)
{
    if (h->plain_json)
        return;
    curl_easy_setopt(h->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, http->json_headers);
    h->plain_json = true;
}

static void set_type(struct handle *h, const char *type)
{
    struct buf line = BUF_INIT;

    buf_addf(&line, "Content-Type: %s", type ? type : "application/json");
    h->list = curl_slist_append(h->list, line.data);
    buf_release(&line);
}

static bool set_form(struct handle *h, struct http_pending *p)
{
    if (p->bare) {
        h->reader = http_form_reader(p->form, p);
        if (!h->reader)
            return false;
        http_reader_set(h->reader, h->easy);
        set_type(h, p->type);
        return true;
    }
    h->mime = http_form_mime(p->form, h->easy, p);
    if (!h->mime)
        return false;
    curl_easy_setopt(h->easy, CURLOPT_MIMEPOST, h->mime);
    return true;
}

static bool set_other(struct handle *h, struct http_pending *p)
{
    CURL *e = h->easy;

    h->plain_json = false;
    h->list = curl_slist_append(p->headers, "Expect:");
    p->headers = NULL;
    if (p->form) {
        if (!set_form(h, p))
            return false;
    } else if (p->request_body.len) {
        set_type(h, p->type);
        curl_easy_setopt(e, CURLOPT_POST, 1L);
    } else if (p->method &&
               *p->method == 'P') { /* POST, PUT, PATCH of nothing */
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, "");
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0);
        h->list = curl_slist_append(h->list, "Content-Type:");
    } else {
        curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
    }
    if (p->method && strcmp(p->method, "HEAD") == 0)
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    else if (p->method)
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, p->method);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, h->list);
    if (p->connect_ms)
        curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)p->connect_ms);
    if (p->unpacks)
        curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, "");
    if (p->wants_headers) {
        curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(e, CURLOPT_HEADERDATA, h);
    }
    return true;
}

/* A url that is parsed once costs less than one that curl gets as text. */
static void set_url(struct handle *h, struct http_pending *p)
{
    if (!h->url || strcmp(h->url, p->url) != 0) {
        free(h->url);
        h->url = p->url;
        p->url = NULL;
        curl_url_cleanup(h->parsed);
        h->parsed = curl_url();
        if (curl_url_set(h->parsed, CURLUPART_URL, h->url, 0) != CURLUE_OK) {
            curl_url_cleanup(h->parsed); /* curl says what is wrong with it */
            h->parsed = NULL;
        }
        curl_easy_setopt(h->easy, CURLOPT_URL, h->url);
        curl_easy_setopt(h->easy, CURLOPT_CURLU, h->parsed);
    }
    curl_easy_setopt(h->easy, CURLOPT_REQUEST_TARGET, p->target);
}

bool http_handle_set_up(struct http *http, struct handle *h,
                        struct http_pending *p)
{
    int64_t left = p->deadline - loop_real_ms();

    if (h->plain_json && !is_plain_json(p)) {
        curl_easy_reset(h->easy);
        handle_set_base(http, h);
    }
    if (is_plain_json(p))
        set_plain_json(http, h);
    else if (!set_other(h, p))
        return false;
    set_url(h, p);
    if (p->request_body.len) {
        curl_easy_setopt(h->easy, CURLOPT_POSTFIELDS, p->request_body.data);
        curl_easy_setopt(h->easy, CURLOPT_POSTFIELDSIZE_LARGE,
                         (curl_off_t)p->request_body.len);
    }
    curl_easy_setopt(h->easy, CURLOPT_ERRORBUFFER, p->errbuf);
    curl_easy_setopt(h->easy, CURLOPT_TIMEOUT_MS, (long)(left > 1 ? left : 1));
    return true;
}
