/* log_line.c - see log_line.h. */
#include "base/log_line.h"

#include <string.h>
#include <time.h>

#include "base/json.h"

#define AREA_MAX 40
#define KEY_MAX 100
#define VALUE_MAX 1000  /* bytes of one field's value in a line */
#define FIELDS_MAX 5000 /* of all of them; further ones are left out */

/* --- reading fields -------------------------------------------------------------- */

struct field {
    struct slice key;
    struct buf value;
    bool quoted;
};

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *p = c ? strchr(digits, c) : NULL;

    return p ? (int)(p - digits) : -1;
}

/* What add_quoted() wrote, from behind the quote on; returns how much it was. */
static size_t unquote(struct buf *to, struct slice s)
{
    size_t i = 0;

    while (i < s.n && s.p[i] != '"') {
        char c = s.p[i++];

        if (c == '\\' && i + 2 < s.n && s.p[i] == 'x' &&
            hex_digit(s.p[i + 1]) >= 0 && hex_digit(s.p[i + 2]) >= 0) {
            c = (char)(hex_digit(s.p[i + 1]) << 4 | hex_digit(s.p[i + 2]));
            i += 3;
        } else if (c == '\\' && i < s.n) {
            c = s.p[i] == 'n' ? '\n' : s.p[i];
            i++;
        }
        buf_addc(to, c);
    }
    return i < s.n ? i + 1 : i;
}

static size_t until(struct slice s, const char *stops)
{
    size_t n = 0;

    while (n < s.n && !(s.p[n] && strchr(stops, s.p[n])))
        n++;
    return n;
}

static void skip(struct slice *s, size_t n)
{
    s->p += n;
    s->n -= n;
}

/* Take one from the text. Never fails: what a secret's removal has torn apart
 * comes out as something. */
static bool next_field(struct slice *rest, struct field *f)
{
    size_t n;

    buf_reset(&f->value);
    while (rest->n && (*rest->p == ' ' || *rest->p == '='))
        skip(rest, 1);
    if (!rest->n)
        return false;
    n = until(*rest, " =");
    f->key = (struct slice){ rest->p, n < KEY_MAX ? n : KEY_MAX };
    skip(rest, n);
    f->quoted = false;
    if (!rest->n || *rest->p != '=')
        return true;
    skip(rest, 1);
    f->quoted = rest->n && *rest->p == '"';
    if (f->quoted) {
        skip(rest, 1);
        skip(rest, unquote(&f->value, *rest));
        return true;
    }
    n = until(*rest, " ");
    buf_add(&f->value, rest->p, n);
    skip(rest, n);
    return true;
}

/* --- quoted values --------------------------------------------------------------- */

static bool needs_quotes(struct slice v)
{
    if (v.n == 0 || v.n > VALUE_MAX)
        return true;
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];

        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f)
            return true;
    }
    return false;
}

static void add_quoted(struct buf *out, struct slice v)
{
    buf_addc(out, '"');
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];

        if (c == '\n')
            buf_adds(out, "\\n");
        else if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c < ' ' || c == 0x7f)
            buf_addf(out, "\\x%02x", c);
        else
            buf_addc(out, (char)c);
    }
    buf_addc(out, '"');
}

static void add_value(struct buf *out, struct slice v)
{
    if (needs_quotes(v))
        add_quoted(out, v);
    else
        buf_add_slice(out, v);
}

/* Bytes of the letter or escape at p, as logfmt and JSON write them. */
static size_t unit_size(const char *p)
{
    size_t n = 1;

    if (p[0] == '\\')
        return p[1] == 'u' ? 6 : p[1] == 'x' ? 4 : 2;
    while (((unsigned char)p[n] & 0xC0) == 0x80)
        n++;
    return n;
}

/* Cut the quoted value that begins at from to max bytes, with its quotes. */
static void shorten(struct buf *out, size_t from, size_t max)
{
    size_t end = from + 1, room = max - strlen("…\"");

    if (out->len - from <= max)
        return;
    while (end + unit_size(out->data + end) <= from + room)
        end += unit_size(out->data + end);
    out->len = end;
    out->data[end] = '\0';
    buf_adds(out, "…\"");
}

/* --- logfmt ---------------------------------------------------------------------- */

static void add_time(struct buf *out, const struct timeval *when)
{
    char text[32];
    struct tm tm;

    gmtime_r(&when->tv_sec, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    buf_addf(out, "%s.%03dZ", text, (int)(when->tv_usec / 1000));
}

/* Fields as " key=value …" or ",\"key\":value …". */
typedef void (*add_field_fn)(struct buf *out, const struct field *f);

static void add_fields(struct buf *out, struct slice fields, add_field_fn add)
{
    struct field f = { .value = BUF_INIT };
    struct buf clean = BUF_INIT;
    struct slice rest;

    json_add_clean(&clean, fields);
    rest = buf_slice(&clean);
    while (next_field(&rest, &f) && out->len < FIELDS_MAX - VALUE_MAX)
        add(out, &f);
    buf_release(&f.value);
    buf_release(&clean);
}

/* What would end a key, or a line, is no part of a key. */
static void add_key(struct buf *out, struct slice key)
{
    for (size_t i = 0; i < key.n; i++) {
        unsigned char c = (unsigned char)key.p[i];

        buf_addc(out, c <= ' ' || c >= 0x7f || c == '"' || c == '\\' ? '_'
                                                                     : (char)c);
    }
}

static void add_logfmt_field(struct buf *out, const struct field *f)
{
    size_t from;

    buf_addc(out, ' ');
    add_key(out, f->key);
    buf_addc(out, '=');
    from = out->len;
    add_value(out, buf_slice(&f->value));
    if (out->data[from] == '"')
        shorten(out, from, VALUE_MAX);
}

static void add_logfmt(struct buf *out, const struct log_event *e)
{
    struct buf fields = BUF_INIT, message = BUF_INIT;
    size_t from;

    add_fields(&fields, e->fields, add_logfmt_field);
    json_add_clean(&message, e->message);
    buf_adds(out, "time=");
    add_time(out, &e->when);
    buf_addf(out, " level=%s area=%.*s msg=", log_level_name(e->level),
             AREA_MAX, e->area);
    from = out->len;
    add_value(out, buf_slice(&message));
    if (out->data[from] == '"')
        shorten(out, from, LOG_LINE_MAX - 1 - from - fields.len);
    buf_add_slice(out, buf_slice(&fields));
    buf_release(&message);
    buf_release(&fields);
}

/* --- JSON ------------------------------------------------------------------------ */

/* An integer as log_field_int() writes it, that no reader of JSON rounds. */
static bool is_number(const struct field *f)
{
    const char *p = f->value.data, *digits = p + (*p == '-');
    size_t n = strspn(digits, "0123456789");

    return !f->quoted && n > 0 && n <= 15 && !digits[n] &&
           (digits[0] != '0' || (n == 1 && digits == p));
}

static void add_json_field(struct buf *out, const struct field *f)
{
    size_t from;

    buf_adds(out, ",\"");
    add_key(out, f->key);
    buf_adds(out, "\":");
    from = out->len;
    if (is_number(f)) {
        buf_add_slice(out, buf_slice(&f->value));
        return;
    }
    json_add_text(out, buf_slice(&f->value));
    shorten(out, from, VALUE_MAX);
}

static void add_json(struct buf *out, const struct log_event *e)
{
    struct buf fields = BUF_INIT;
    size_t from;

    add_fields(&fields, e->fields, add_json_field);
    buf_adds(out, "{\"time\":\"");
    add_time(out, &e->when);
    buf_addf(out, "\",\"level\":\"%s\",\"area\":\"%.*s\",\"msg\":",
             log_level_name(e->level), AREA_MAX, e->area);
    from = out->len;
    json_add_text(out, e->message);
    shorten(out, from, LOG_LINE_MAX - 2 - from - fields.len);
    buf_add_slice(out, buf_slice(&fields));
    buf_addc(out, '}');
    buf_release(&fields);
}

/* --- text ------------------------------------------------------------------------ */

/* Messages are for a terminal too: no control characters but line breaks. */
static void add_indented(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c == '\n')
            buf_adds(out, "\n         ");
        else
            buf_addc(out, (c < ' ' && c != '\t') || c == 0x7f ? ' ' : (char)c);
    }
}

static void cut(struct buf *line)
{
    if (line->len < LOG_LINE_MAX)
        return;
    line->len = LOG_LINE_MAX - 4;
    while (((unsigned char)line->data[line->len] & 0xC0) == 0x80)
        line->len--;
    line->data[line->len] = '\0';
    buf_adds(line, "…");
}

static void add_text(struct buf *out, const struct log_event *e)
{
    struct buf clean = BUF_INIT;
    char when[32];
    struct tm tm;

    localtime_r(&e->when.tv_sec, &tm);
    strftime(when, sizeof(when), "%H:%M:%S", &tm);
    buf_addf(out, "%s %-5s %s: ", when, log_level_name(e->level), e->area);
    json_add_clean(&clean, e->message);
    add_indented(out, buf_slice(&clean));
    buf_reset(&clean);
    if (e->fields.n) {
        json_add_clean(&clean, e->fields);
        buf_adds(out, " (");
        add_indented(out, buf_slice(&clean));
        buf_addc(out, ')');
    }
    cut(out);
    buf_release(&clean);
}

/* --- what others call ------------------------------------------------------------ */

void log_add_line(struct buf *out, enum log_format format,
                  const struct log_event *event)
{
    switch (format) {
    case LOG_TEXT: add_text(out, event); break;
    case LOG_LOGFMT: add_logfmt(out, event); break;
    case LOG_JSON: add_json(out, event); break;
    }
    buf_addc(out, '\n');
}

void log_field(struct buf *fields, const char *key, struct slice value)
{
    struct buf clean = BUF_INIT;

    log_redact(&clean, value); /* quoted, a secret might look otherwise */
    if (fields->len)
        buf_addc(fields, ' ');
    buf_adds(fields, key);
    buf_addc(fields, '=');
    add_value(fields, buf_slice(&clean));
    buf_release(&clean);
}

void log_field_int(struct buf *fields, const char *key, int64_t value)
{
    if (fields->len)
        buf_addc(fields, ' ');
    buf_addf(fields, "%s=", key);
    buf_add_int(fields, value);
}
