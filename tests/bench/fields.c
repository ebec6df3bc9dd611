#include "fields.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* --- a=b&c=d ---------------------------------------------------------------- */

static void add_unquoted(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '+') {
            buf_addc(out, ' ');
        } else if (s.p[i] == '%' && i + 2 < s.n && hex_digit(s.p[i + 1]) >= 0 &&
                   hex_digit(s.p[i + 2]) >= 0) {
            buf_addc(out, (char)(hex_digit(s.p[i + 1]) * 16 +
                                 hex_digit(s.p[i + 2])));
            i += 2;
        } else {
            buf_addc(out, s.p[i]);
        }
    }
}

static bool form_field(struct slice form, const char *name, struct buf *out)
{
    size_t len = strlen(name);
    const char *p = form.p, *end = form.p + form.n;

    while (p < end) {
        const char *amp = memchr(p, '&', (size_t)(end - p));
        const char *stop = amp ? amp : end;

        if ((size_t)(stop - p) > len && !memcmp(p, name, len) &&
            p[len] == '=') {
            p += len + 1;
            add_unquoted(out, (struct slice){ p, (size_t)(stop - p) });
            return true;
        }
        p = stop + 1;
    }
    return false;
}

/* --- JSON --------------------------------------------------------------------- */

static const char *skip_space(const char *p, const char *end)
{
    while (p < end && isspace((unsigned char)*p))
        p++;
    return p;
}

/* p is at the opening quote; returns what follows the closing one. */
static const char *skip_string(const char *p, const char *end)
{
    for (p++; p < end && *p != '"'; p++) {
        if (*p == '\\')
            p++;
    }
    return p < end ? p + 1 : end;
}

static const char *skip_value(const char *p, const char *end)
{
    int depth = 0;

    while (p < end) {
        if (*p == '"') {
            p = skip_string(p, end);
            continue;
        }
        if (depth == 0 && (*p == ',' || *p == '}' || *p == ']'))
            break;
        depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
        p++;
    }
    return p;
}

static void add_utf8(struct buf *out, unsigned c)
{
    if (c < 0x80) {
        buf_addc(out, (char)c);
        return;
    }
    if (c < 0x800) {
        buf_addc(out, (char)(0xC0 | c >> 6));
    } else {
        if (c < 0x10000) {
            buf_addc(out, (char)(0xE0 | c >> 12));
        } else {
            buf_addc(out, (char)(0xF0 | c >> 18));
            buf_addc(out, (char)(0x80 | (c >> 12 & 0x3F)));
        }
        buf_addc(out, (char)(0x80 | (c >> 6 & 0x3F)));
    }
    buf_addc(out, (char)(0x80 | (c & 0x3F)));
}

static unsigned hex4(const char *p, const char *end)
{
    unsigned c = 0;

    for (int i = 0; i < 4 && p + i < end && hex_digit(p[i]) >= 0; i++)
        c = c * 16 + (unsigned)hex_digit(p[i]);
    return c;
}

/* p is behind "\u"; returns what follows the escape (maybe two of them). */
static const char *add_u_escape(struct buf *out, const char *p, const char *end)
{
    unsigned c = hex4(p, end);

    p += 4;
    if (c >= 0xD800 && c < 0xDC00 && end - p >= 6 && p[0] == '\\') {
        c = 0x10000 + ((c - 0xD800) << 10) + (hex4(p + 2, end) - 0xDC00);
        p += 6;
    }
    add_utf8(out, c);
    return p;
}

static void add_unescaped(struct buf *out, const char *p, const char *end)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";

    while (p < end) {
        const char *f;

        if (*p != '\\' || p + 1 >= end) {
            buf_addc(out, *p++);
            continue;
        }
        p += 2;
        f = strchr(from, p[-1]);
        if (p[-1] == 'u')
            p = add_u_escape(out, p, end);
        else
            buf_addc(out, f ? to[f - from] : p[-1]);
    }
}

static bool json_field(struct slice json, const char *name, struct buf *out)
{
    const char *end = json.p + json.n, *p = skip_space(json.p, end);
    size_t len = strlen(name);

    if (p < end && *p == '{')
        p++;
    while ((p = skip_space(p, end)) < end && *p == '"') {
        const char *key = p + 1, *after = skip_string(p, end), *value, *stop;

        value = skip_space(after, end);
        value = skip_space(value < end ? value + 1 : end, end); /* the colon */
        stop = skip_value(value, end);
        if ((size_t)(after - 1 - key) == len && !memcmp(key, name, len)) {
            while (stop > value && isspace((unsigned char)stop[-1]))
                stop--;
            if (value < stop && *value == '"')
                add_unescaped(out, value + 1, stop - 1);
            else
                buf_add(out, value, (size_t)(stop - value));
            return true;
        }
        p = stop < end ? stop + 1 : end; /* the comma */
    }
    return false;
}

/* --- multipart/form-data ------------------------------------------------------ */

static bool part_is(struct slice head, const char *name)
{
    char wanted[64];
    int n = snprintf(wanted, sizeof(wanted), "name=\"%s\"", name);

    return memmem(head.p, head.n, wanted, (size_t)n) != NULL;
}

static bool multipart_field(const struct request *r, const char *name,
                            struct buf *out)
{
    const char *b = memmem(r->type.p, r->type.n, "boundary=", 9);
    const char *p = r->body.p, *end = r->body.p + r->body.n;
    struct slice boundary;

    if (!b)
        return false;
    b += 9;
    boundary = (struct slice){ b, (size_t)(r->type.p + r->type.n - b) };
    if (boundary.n > 1 && b[0] == '"')
        boundary = (struct slice){ b + 1, boundary.n - 2 };
    while ((p = memmem(p, (size_t)(end - p), boundary.p, boundary.n))) {
        const char *head = p + boundary.n;
        const char *text = memmem(head, (size_t)(end - head), "\r\n\r\n", 4);
        const char *stop;

        if (!text)
            return false;
        stop =
            memmem(text + 4, (size_t)(end - text - 4), boundary.p, boundary.n);
        if (stop && stop - 4 >= text + 4 && /* CRLF and two dashes */
            part_is((struct slice){ head, (size_t)(text - head) }, name)) {
            buf_add(out, text + 4, (size_t)(stop - 4 - (text + 4)));
            return true;
        }
        p = text;
    }
    return false;
}

bool field_text(const struct request *r, const char *name, struct buf *out)
{
    buf_reset(out);
    if (form_field(r->query, name, out))
        return true;
    if (r->type.n >= 16 && !strncasecmp(r->type.p, "application/json", 16))
        return json_field(r->body, name, out);
    if (r->type.n >= 19 && !strncasecmp(r->type.p, "multipart/form-data", 19))
        return multipart_field(r, name, out);
    return form_field(r->body, name, out);
}

int64_t field_int(const struct request *r, const char *name, int64_t otherwise)
{
    struct buf text = BUF_INIT;
    int64_t n = otherwise;
    char *end;

    if (field_text(r, name, &text) && text.len) {
        n = strtoll(text.data, &end, 10);
        if (*end)
            n = otherwise;
    }
    buf_release(&text);
    return n;
}
