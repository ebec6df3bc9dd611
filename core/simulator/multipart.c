/*
 * multipart.c - see multipart.h.
 *
 * A body is  --boundary CRLF headers CRLF CRLF data CRLF --boundary … --
 * (RFC 2046, section 5.1.1); what is before the first and after the last
 * delimiter is ignored. Everything works on slices of the body.
 */
#include "simulator/multipart.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool multipart_is(const char *content_type)
{
    return content_type &&
           strncasecmp(content_type, "multipart/form-data", 19) == 0;
}

static struct slice trim(struct slice s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

static bool equal_nocase(struct slice a, const char *b)
{
    return a.n == strlen(b) && strncasecmp(a.p, b, a.n) == 0;
}

/* Cut s at the first c: what is before it, and *rest is what follows. */
static struct slice cut(struct slice s, char c, struct slice *rest)
{
    const char *p = s.n ? memchr(s.p, c, s.n) : NULL;

    if (!p) {
        *rest = SLICE_NONE;
        return s;
    }
    *rest = (struct slice){ p + 1, s.n - (size_t)(p + 1 - s.p) };
    return (struct slice){ s.p, (size_t)(p - s.p) };
}

/* A quoted string or a token at the start of *s, which is moved behind it.
 * Browsers write a quote as %22, curl and Python as \". */
static void value_read(struct slice *s, struct buf *out)
{
    size_t i = 0;

    if (!s->n)
        return;
    if (*s->p != '"') {
        while (i < s->n && s->p[i] != ';')
            i++;
        buf_add_slice(out, trim((struct slice){ s->p, i }));
    } else {
        for (i = 1; i < s->n && s->p[i] != '"'; i++) {
            if (s->p[i] == '\\' && i + 1 < s->n &&
                (s->p[i + 1] == '"' || s->p[i + 1] == '\\'))
                i++;
            if (s->n - i >= 3 && strncmp(s->p + i, "%22", 3) == 0) {
                buf_addc(out, '"');
                i += 2;
            } else {
                buf_addc(out, s->p[i]);
            }
        }
        i += i < s->n;
    }
    s->p += i;
    s->n -= i;
}

/* The parameter of that name in "value; name=x; …": its value, to free, or
 * NULL. */
static char *parameter(struct slice header, const char *name)
{
    struct slice rest;

    cut(header, ';', &rest);
    while (rest.n) {
        struct slice key = trim(cut(rest, '=', &rest));
        struct buf value = BUF_INIT;

        if (!rest.p) /* no '=' */
            break;
        rest = trim(rest);
        value_read(&rest, &value);
        if (equal_nocase(key, name))
            return buf_detach(&value);
        buf_release(&value);
        cut(rest, ';', &rest);
    }
    return NULL;
}

/* The next delimiter ("--boundary") in s from i on: where it begins (with the
 * line break before it), and *end where it ends; s.n: there is none. */
static size_t find_delimiter(struct slice s, size_t i, const char *delimiter,
                             size_t *end)
{
    size_t n = strlen(delimiter);

    for (; i < s.n; i++) {
        const char *p = memmem(s.p + i, s.n - i, delimiter, n);

        if (!p)
            break;
        i = (size_t)(p - s.p);
        if ((i > 0 && p[-1] != '\n') ||
            (i + n < s.n && !strchr("- \t\r\n", p[n])))
            continue; /* not a line of its own */
        *end = i + n;
        if (i >= 2 && p[-2] == '\r')
            return i - 2;
        return i >= 1 ? i - 1 : 0;
    }
    return s.n;
}

static void take_disposition(struct multipart_part *part, struct slice value)
{
    free(part->name);
    free(part->filename);
    part->name = parameter(value, "name");
    part->filename = parameter(value, "filename");
}

static void take_header(struct multipart_part *part, struct slice line)
{
    struct slice value, name = trim(cut(line, ':', &value));

    if (equal_nocase(name, "Content-Disposition"))
        take_disposition(part, value);
    if (equal_nocase(name, "Content-Type")) {
        free(part->type);
        part->type = slice_dup(trim(value));
    }
}

/* Headers up to an empty line; the rest is data. */
static bool part_read(struct multipart_part *part, struct slice s)
{
    while (s.n) {
        struct slice rest, line = cut(s, '\n', &rest);

        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (!rest.p) /* the headers do not end */
            return false;
        s = rest;
        if (!line.n) {
            part->data = s;
            return part->name != NULL;
        }
        take_header(part, line);
    }
    return false;
}

static bool part_add(struct multipart *m, struct slice s, struct err *err)
{
    struct multipart_part part = { .data = { "", 0 } };

    if (m->n == MULTIPART_PARTS_MAX)
        return err_set(err, ERR_USAGE, "more than %d parts",
                       MULTIPART_PARTS_MAX);
    m->parts = xrealloc(m->parts, (m->n + 1) * sizeof(*m->parts));
    if (!part_read(&part, s)) {
        free(part.name);
        free(part.filename);
        free(part.type);
        return err_set(err, ERR_USAGE, "part %zu has no name or no data",
                       m->n + 1);
    }
    m->parts[m->n++] = part;
    return true;
}

/* At the end of a delimiter: move behind its line break. false: it is none. */
static bool line_end(struct slice s, size_t *i)
{
    while (*i < s.n && (s.p[*i] == ' ' || s.p[*i] == '\t'))
        ++*i;
    if (*i < s.n && s.p[*i] == '\r')
        ++*i;
    if (*i >= s.n || s.p[*i] != '\n')
        return false;
    ++*i;
    return true;
}

static bool parts_read(struct multipart *m, const char *delimiter,
                       struct slice body, struct err *err)
{
    size_t end = 0, at = find_delimiter(body, 0, delimiter, &end);

    if (at == body.n)
        return err_set(err, ERR_USAGE, "the boundary is not in the body");
    for (;;) {
        size_t begin = end;

        if (body.n - end >= 2 && memcmp(body.p + end, "--", 2) == 0)
            return true;
        if (!line_end(body, &begin))
            return err_set(err, ERR_USAGE, "a boundary is cut off");
        /* the line break before a delimiter may be the one of the last */
        at = find_delimiter(body, begin - 1, delimiter, &end);
        if (at == body.n)
            return err_set(err, ERR_USAGE, "the last boundary is missing");
        if (at < begin)
            at = begin;
        if (!part_add(m, (struct slice){ body.p + begin, at - begin }, err))
            return false;
    }
}

bool multipart_parse(struct multipart *m, const char *content_type,
                     struct slice body, struct err *err)
{
    char *boundary = parameter(slice_of(content_type), "boundary");
    struct buf delimiter = BUF_INIT;
    bool ok;

    *m = (struct multipart){ 0 };
    buf_addf(&delimiter, "--%s", boundary ? boundary : "");
    if (delimiter.len < 3 || delimiter.len > 200)
        ok = err_set(err, ERR_USAGE, "Content-Type has no boundary");
    else
        ok = parts_read(m, delimiter.data, body, err);
    buf_release(&delimiter);
    free(boundary);
    if (!ok)
        multipart_release(m);
    return ok;
}

const struct multipart_part *multipart_find(const struct multipart *m,
                                            const char *name)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->parts[i].name, name) == 0)
            return &m->parts[i];
    return NULL;
}

void multipart_release(struct multipart *m)
{
    for (size_t i = 0; i < m->n; i++) {
        free(m->parts[i].name);
        free(m->parts[i].filename);
        free(m->parts[i].type);
    }
    free(m->parts);
    *m = (struct multipart){ 0 };
}
