/* httpd_answer.c - see httpd.h: requests and their answers. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <event2/buffer.h>

#include "io/httpd_int.h"

/* --- requests -------------------------------------------------------------- */

struct httpd_request *httpd_request_new(struct connection *c)
{
    struct httpd_request *r = xalloc(sizeof(*r));

    r->httpd = c->httpd;
    r->con = c;
    httpd_reader_init(&r->reader, c->httpd->options.headers_max,
                      c->httpd->options.body_max);
    TAILQ_INSERT_TAIL(&c->httpd->requests, r, link);
    return r;
}

void httpd_request_free(struct httpd_request *r)
{
    if (r->con)
        r->con->req = NULL;
    TAILQ_REMOVE(&r->httpd->requests, r, link);
    httpd_reader_release(&r->reader);
    free(r);
}

const char *httpd_method(const struct httpd_request *r)
{
    return r->reader.method;
}

const char *httpd_path(const struct httpd_request *r)
{
    return r->reader.path;
}

const char *httpd_query(const struct httpd_request *r)
{
    return r->reader.query;
}

const char *httpd_header(const struct httpd_request *r, const char *name)
{
    return httpd_reader_header(&r->reader, name);
}

bool httpd_header_at(const struct httpd_request *r, size_t i, const char **name,
                     const char **value)
{
    if (i >= r->reader.nheaders)
        return false;
    *name = r->reader.headers[i].name;
    *value = r->reader.headers[i].value;
    return true;
}

struct slice httpd_body(const struct httpd_request *r)
{
    return buf_slice(&r->reader.body);
}

void httpd_on_gone(struct httpd_request *r, httpd_gone_fn gone, void *arg)
{
    assert(!r->gone);
    r->gone = gone;
    r->gone_arg = arg;
}
/* --- answers ------------------------------------------------------------------- */

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *text;
    } known[] = {
        { 200, "OK" },
        { 201, "Created" },
        { 204, "No Content" },
        { 301, "Moved Permanently" },
        { 302, "Found" },
        { 304, "Not Modified" },
        { 307, "Temporary Redirect" },
        { 308, "Permanent Redirect" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 413, "Content Too Large" },
        { 415, "Unsupported Media Type" },
        { 429, "Too Many Requests" },
        { 431, "Request Header Fields Too Large" },
        { 500, "Internal Server Error" },
        { 501, "Not Implemented" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 505, "HTTP Version Not Supported" },
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i].status == status)
            return known[i].text;
    return "Unknown";
}

static const char *date_now(struct httpd *httpd)
{
    time_t now = time(NULL);
    struct tm tm;

    if (now != httpd->date) {
        httpd->date = now;
        gmtime_r(&now, &tm);
        strftime(httpd->date_text, sizeof(httpd->date_text),
                 "%a, %d %b %Y %H:%M:%S GMT", &tm);
    }
    return httpd->date_text;
}

/* The status line and the headers, without the empty line at their end. */
static void add_head(struct buf *out, struct connection *c, int status,
                     const char *const *headers)
{
    buf_addf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, reason_of(status),
             date_now(c->httpd));
    for (; headers && headers[0]; headers += 2) {
        if (strcasecmp(headers[0], "Connection") == 0)
            c->last = c->last || strcasecmp(headers[1], "close") == 0;
        else
            buf_addf(out, "%s: %s\r\n", headers[0], headers[1]);
    }
    if (c->last)
        buf_adds(out, "Connection: close\r\n");
}

static bool has_body(const struct httpd_request *r, int status)
{
    return status >= 200 && status != 204 && status != 304 &&
           strcmp(r->reader.method, "HEAD") != 0;
}

/* Gives r back; the next request may be there already. */
static void answered(struct httpd_request *r)
{
    struct connection *c = r->con;

    httpd_request_free(r);
    if (!c)
        return;
    if (c->last || (c->ended && !c->feeding &&
                    evbuffer_get_length(bufferevent_get_input(c->bev)) == 0)) {
        connection_begin_closing(c);
        return;
    }
    connection_enter(c, IDLE);
    if (c->feeding || c->ready)
        return;
    c->ready = true;
    TAILQ_INSERT_TAIL(&c->httpd->ready, c, ready_link);
    event_active(c->httpd->resume, EV_TIMEOUT, 1);
}

static void send_whole(struct httpd_request *r, int status,
                       const char *const *headers, struct slice body)
{
    struct buf head = BUF_INIT;

    add_head(&head, r->con, status, headers);
    if (status != 204 && status != 304)
        buf_addf(&head, "Content-Length: %zu\r\n", body.n);
    buf_adds(&head, "\r\n");
    connection_put(r->con, buf_slice(&head),
                   has_body(r, status) ? body : SLICE_NONE);
    buf_release(&head);
}

void httpd_reply(struct httpd_request *r, int status,
                 const char *const *headers, struct slice body)
{
    assert(!r->streaming);
    if (r->con)
        send_whole(r, status, headers, body);
    answered(r);
}

void httpd_stream_begin(struct httpd_request *r, int status,
                        const char *const *headers)
{
    struct buf head = BUF_INIT;

    assert(!r->streaming);
    r->streaming = true;
    if (!r->con)
        return;
    r->chunked = r->reader.minor > 0;
    if (!r->chunked)
        r->con->last = true;
    add_head(&head, r->con, status, headers);
    if (r->chunked)
        buf_adds(&head, "Transfer-Encoding: chunked\r\n");
    buf_adds(&head, "\r\n");
    connection_put(r->con, buf_slice(&head), SLICE_NONE);
    buf_release(&head);
}

void httpd_stream_add(struct httpd_request *r, struct slice bytes)
{
    char size[32];

    assert(r->streaming);
    if (!r->con || bytes.n == 0 || !has_body(r, 200))
        return;
    snprintf(size, sizeof(size), "%zx\r\n", bytes.n);
    connection_put(r->con, r->chunked ? slice_of(size) : SLICE_NONE, bytes);
    if (r->chunked)
        connection_put(r->con, slice_of("\r\n"), SLICE_NONE);
}

size_t httpd_stream_pending(const struct httpd_request *r)
{
    return r->con ? connection_unsent(r->con) : 0;
}

void httpd_stream_end(struct httpd_request *r)
{
    assert(r->streaming);
    if (r->con && r->chunked && has_body(r, 200))
        connection_put(r->con, slice_of("0\r\n\r\n"), SLICE_NONE);
    answered(r);
}

void httpd_drop(struct httpd_request *r)
{
    struct connection *c = r->con;

    httpd_request_free(r);
    if (c)
        connection_close(c);
}

void httpd_refuse(struct connection *c, int status, const char *const *headers)
{
    char text[80];

    c->last = true;
    snprintf(text, sizeof(text), "%d %s\n", status, reason_of(status));
    send_whole(c->req, status, headers, slice_of(text));
    httpd_request_free(c->req);
    connection_begin_closing(c);
}
