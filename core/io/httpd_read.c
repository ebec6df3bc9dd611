/* httpd_read.c - see httpd_read.h. */
#include "io/httpd_read.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define HEADERS_MAX 200
#define CHUNK_LINE_MAX 256 /* its size and what may stand behind it */
#define TRAILER_MAX 4096   /* all lines after the last chunk */

static void refuse(struct httpd_reader *r, int status)
{
    r->state = HTTPD_READ_REFUSED;
    r->status = status;
}

void httpd_reader_init(struct httpd_reader *r, size_t head_max, size_t body_max)
{
    *r = (struct httpd_reader){ .head_max = head_max,
                                .body_max = body_max,
                                .method = "",
                                .path = "",
                                .query = "" };
    buf_init(&r->head);
    buf_init(&r->body);
    buf_init(&r->line);
}

void httpd_reader_release(struct httpd_reader *r)
{
    buf_release(&r->head);
    buf_release(&r->body);
    buf_release(&r->line);
    free(r->headers);
    r->headers = NULL;
    r->nheaders = 0;
}

const char *httpd_reader_header(const struct httpd_reader *r, const char *name)
{
    for (size_t i = 0; i < r->nheaders; i++)
        if (strcasecmp(r->headers[i].name, name) == 0)
            return r->headers[i].value;
    return NULL;
}

/* --- the head ---------------------------------------------------------------- */

/* RFC 9110: token. */
static bool is_token(const char *s)
{
    const char *p = s;

    while (*p && (isalnum((unsigned char)*p) || strchr("!#$%&'*+-.^_`|~", *p)))
        p++;
    return p != s && !*p;
}

/* Ends the line at p (its "\r\n" becomes a NUL); NULL: not a line of text. */
static char *end_line(char *p, char *end)
{
    char *eol = memmem(p, (size_t)(end - p), "\r\n", 2);

    for (const char *c = p; eol && c < eol; c++)
        if ((unsigned char)*c < ' ' ? *c != '\t' : *c == 0x7f)
            return NULL;
    if (!eol)
        return NULL;
    *eol = '\0';
    return eol + 2;
}

/* "http://host/path" as well as "/path", and "*" of OPTIONS. */
static bool read_target(struct httpd_reader *r, char *target)
{
    char *query, *authority;

    if (strncasecmp(target, "http://", 7) == 0 ||
        strncasecmp(target, "https://", 8) == 0) {
        authority = strstr(target, "://") + 3;
        target = authority + strcspn(authority, "/?");
    } else if (*target != '/' && strcmp(target, "*") != 0) {
        return false;
    }
    target[strcspn(target, "#")] = '\0';
    query = strchr(target, '?');
    if (query)
        *query++ = '\0';
    r->path = *target ? target : "/";
    r->query = query ? query : "";
    return true;
}

/* "POST /path HTTP/1.1" */
static int read_request_line(struct httpd_reader *r, char *line)
{
    char *target = strchr(line, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;

    if (!version)
        return 400;
    *target++ = '\0';
    *version++ = '\0';
    if (!is_token(line) || strncmp(version, "HTTP/", 5) != 0 ||
        strlen(version) != 8 || !isdigit((unsigned char)version[5]) ||
        version[6] != '.' || !isdigit((unsigned char)version[7]))
        return 400;
    if (version[5] != '1')
        return 505;
    r->minor = version[7] - '0';
    r->method = line;
    return read_target(r, target) ? 0 : 400;
}

static bool read_header(struct httpd_reader *r, char *line)
{
    char *value = strchr(line, ':'), *end;

    if (!value)
        return false;
    *value++ = '\0';
    if (!is_token(line)) /* also a folded line, and a space before the colon */
        return false;
    value += strspn(value, " \t");
    end = value + strlen(value);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';
    r->headers[r->nheaders++] =
        (struct httpd_header){ .name = line, .value = value };
    return true;
}

static int read_lines(struct httpd_reader *r)
{
    char *p = r->head.data, *end = p + r->head.len - 2, *next;
    int status;

    next = end_line(p, end + 2);
    if (!next)
        return 400;
    status = read_request_line(r, p);
    if (status)
        return status;
    r->headers = xalloc(HEADERS_MAX * sizeof(r->headers[0]));
    for (p = next; p < end; p = next) {
        next = end_line(p, end + 2);
        if (!next || r->nheaders == HEADERS_MAX)
            return next ? 431 : 400;
        if (!read_header(r, p))
            return 400;
    }
    r->headers =
        xrealloc(r->headers, (r->nheaders + 1) * sizeof(r->headers[0]));
    return 0;
}

/* Is word one of the words of a list like "keep-alive, Upgrade"? */
static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = list ? list : ""; *p; p += strcspn(p, ",")) {
        p += strspn(p, ", \t");
        if (strncasecmp(p, word, n) == 0 && strchr(", \t", p[n]))
            return true;
    }
    return false;
}

static bool read_length(const char *text, size_t *n)
{
    char *end;

    /* 15 digits: no overflow, and more than anybody sends */
    if (!isdigit((unsigned char)*text) || strlen(text) > 15)
        return false;
    *n = (size_t)strtoull(text, &end, 10);
    return !*end;
}

/* What follows the head. */
static int read_framing(struct httpd_reader *r)
{
    const char *length = httpd_reader_header(r, "Content-Length");
    const char *coding = httpd_reader_header(r, "Transfer-Encoding");

    for (size_t i = 0; length && i < r->nheaders; i++)
        if (strcasecmp(r->headers[i].name, "Content-Length") == 0 &&
            strcmp(r->headers[i].value, length) != 0)
            return 400;
    if (coding) {
        if (length || r->minor == 0)
            return 400;
        if (strcasecmp(coding, "chunked") != 0)
            return 501;
        r->state = HTTPD_READ_CHUNK_SIZE;
        return 0;
    }
    if (length && !read_length(length, &r->left))
        return 400;
    if (r->left > r->body_max)
        return 413;
    r->state = r->left ? HTTPD_READ_BODY : HTTPD_READ_COMPLETE;
    return 0;
}

static void finish_head(struct httpd_reader *r)
{
    const char *connection;
    int status = read_lines(r);

    if (!status)
        status = read_framing(r);
    if (status) {
        refuse(r, status);
        return;
    }
    connection = httpd_reader_header(r, "Connection");
    r->keep_alive = r->minor ? !has_word(connection, "close")
                             : has_word(connection, "keep-alive");
    r->expect_continue =
        r->minor && r->state != HTTPD_READ_COMPLETE &&
        has_word(httpd_reader_header(r, "Expect"), "100-continue");
}

static size_t read_head(struct httpd_reader *r, const char *p, size_t n)
{
    size_t before = r->head.len, skipped = 0;
    size_t room = r->head_max > before ? r->head_max - before : 0;
    const char *end;

    /* An empty line before a request is left over from the one before. */
    while (before == 0 && skipped < n &&
           (p[skipped] == '\r' || p[skipped] == '\n'))
        skipped++;
    p += skipped;
    n -= skipped;
    buf_add(&r->head, p, n < room ? n : room);
    end = memmem(r->head.data + r->looked, r->head.len - r->looked, "\r\n\r\n",
                 4);
    if (!end) {
        r->looked = r->head.len > 3 ? r->head.len - 3 : 0;
        if (n >= room)
            refuse(r, 431);
        return skipped + (n < room ? n : room);
    }
    r->head.len = (size_t)(end - r->head.data) + 4;
    r->head.data[r->head.len] = '\0';
    n = r->head.len - before;
    finish_head(r);
    return skipped + n;
}

/* --- the body ------------------------------------------------------------------ */

/* Gather a line of at most max bytes; true: it is complete, without its end. */
static bool gather_line(struct httpd_reader *r, const char *p, size_t n,
                        size_t max, size_t *taken)
{
    const char *eol = memchr(p, '\n', n);

    *taken = eol ? (size_t)(eol - p) + 1 : n;
    buf_add(&r->line, p, *taken);
    if (r->line.len > max ||
        (eol && (r->line.len < 2 || r->line.data[r->line.len - 2] != '\r'))) {
        refuse(r, 400);
        return false;
    }
    if (!eol)
        return false;
    r->line.len -= 2;
    r->line.data[r->line.len] = '\0';
    return true;
}

static size_t read_chunk_size(struct httpd_reader *r, const char *p, size_t n)
{
    size_t taken;
    char *end;

    if (!gather_line(r, p, n, CHUNK_LINE_MAX, &taken))
        return taken;
    r->left = (size_t)strtoull(r->line.data, &end, 16);
    if (!isxdigit((unsigned char)r->line.data[0]) || end - r->line.data > 12 ||
        !strchr("; \t", *end))
        refuse(r, 400);
    else if (r->left > r->body_max - r->body.len)
        refuse(r, 413);
    else
        r->state = r->left ? HTTPD_READ_CHUNK : HTTPD_READ_TRAILER;
    r->looked = 0;
    buf_reset(&r->line);
    return taken;
}

static size_t read_chunk_end(struct httpd_reader *r, const char *p, size_t n)
{
    size_t taken;

    if (!gather_line(r, p, n, 2, &taken))
        return taken;
    buf_reset(&r->line);
    r->state = HTTPD_READ_CHUNK_SIZE;
    return taken;
}

/* Headers after the last chunk: nobody here wants them. */
static size_t read_trailer(struct httpd_reader *r, const char *p, size_t n)
{
    size_t taken;

    if (!gather_line(r, p, n, TRAILER_MAX, &taken))
        return taken;
    r->looked += r->line.len;
    if (r->line.len == 0)
        r->state = HTTPD_READ_COMPLETE;
    else if (r->looked > TRAILER_MAX)
        refuse(r, 431);
    buf_reset(&r->line);
    return taken;
}

static size_t read_body(struct httpd_reader *r, const char *p, size_t n)
{
    size_t take = n < r->left ? n : r->left;

    buf_add(&r->body, p, take);
    r->left -= take;
    if (r->left == 0)
        r->state = r->state == HTTPD_READ_BODY ? HTTPD_READ_COMPLETE
                                               : HTTPD_READ_CHUNK_END;
    return take;
}

static size_t read_piece(struct httpd_reader *r, const char *p, size_t n)
{
    switch (r->state) {
    case HTTPD_READ_HEAD: return read_head(r, p, n);
    case HTTPD_READ_BODY:
    case HTTPD_READ_CHUNK: return read_body(r, p, n);
    case HTTPD_READ_CHUNK_SIZE: return read_chunk_size(r, p, n);
    case HTTPD_READ_CHUNK_END: return read_chunk_end(r, p, n);
    case HTTPD_READ_TRAILER: return read_trailer(r, p, n);
    case HTTPD_READ_COMPLETE:
    case HTTPD_READ_REFUSED: break;
    }
    return 0;
}

size_t httpd_read(struct httpd_reader *r, const char *p, size_t n)
{
    bool in_head = r->state == HTTPD_READ_HEAD;
    size_t taken = 0;

    while (taken < n && r->state < HTTPD_READ_COMPLETE) {
        taken += read_piece(r, p + taken, n - taken);
        if (in_head && r->state != HTTPD_READ_HEAD)
            break;
    }
    return taken;
}
