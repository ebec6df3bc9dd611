/* log.c - see log.h. */
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECRETS_MAX 16
#define SECRET_LEN_MIN 6

static struct {
    enum log_level least;
    enum log_format format;
    char *secrets[SECRETS_MAX];
    int nsecrets;
    log_sink_fn sink;
    void *sink_arg;
} g = { .least = LOG_INFO };

void log_setup(enum log_level least, enum log_format format)
{
    g.least = least;
    g.format = format;
}

void log_hide(const char *secret)
{
    if (!secret || strlen(secret) < SECRET_LEN_MIN || g.nsecrets == SECRETS_MAX)
        return;
    g.secrets[g.nsecrets++] = xstrdup(secret);
}

void log_unhide_all(void)
{
    while (g.nsecrets)
        free(g.secrets[--g.nsecrets]);
}

void log_set_sink(log_sink_fn fn, void *arg)
{
    g.sink = fn;
    g.sink_arg = arg;
}

const char *log_level_name(enum log_level level)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };

    return names[level];
}

/* Length of the secret that begins at p, or 0. */
static size_t secret_at(const char *p, size_t n)
{
    for (int i = 0; i < g.nsecrets; i++) {
        size_t len = strlen(g.secrets[i]);

        if (len <= n && memcmp(p, g.secrets[i], len) == 0)
            return len;
    }
    return 0;
}

void log_redact(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.n;) {
        size_t secret = secret_at(text.p + i, text.n - i);

        if (secret)
            buf_adds(out, "***");
        else
            buf_addc(out, text.p[i]);
        i += secret ? secret : 1;
    }
}

static bool needs_quotes(struct slice v)
{
    if (v.n == 0)
        return true;
    for (size_t i = 0; i < v.n; i++) {
        unsigned char c = (unsigned char)v.p[i];

        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f)
            return true;
    }
    return false;
}

static void add_value(struct buf *out, struct slice v)
{
    if (!needs_quotes(v)) {
        buf_add_slice(out, v);
        return;
    }
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

void log_field(struct buf *fields, const char *key, struct slice value)
{
    if (fields->len)
        buf_addc(fields, ' ');
    buf_adds(fields, key);
    buf_addc(fields, '=');
    add_value(fields, value);
}

void log_field_int(struct buf *fields, const char *key, int64_t value)
{
    if (fields->len)
        buf_addc(fields, ' ');
    buf_addf(fields, "%s=", key);
    buf_add_int(fields, value);
}

/* Messages are for a terminal too: no control characters but line breaks. */
static void add_indented(struct buf *out, struct slice text)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];

        if (c == '\n')
            buf_adds(out, "\n         ");
        else
            buf_addc(out, c < ' ' && c != '\t' ? ' ' : (char)c);
    }
}

static void add_line(struct buf *line, enum log_level level, const char *area,
                     struct slice message, const char *fields)
{
    struct timeval tv;
    struct tm tm;
    char when[32];

    gettimeofday(&tv, NULL);
    if (g.format == LOG_LOGFMT) {
        gmtime_r(&tv.tv_sec, &tm);
        strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
        buf_addf(line, "time=%s.%03dZ level=%s area=%s msg=", when,
                 (int)(tv.tv_usec / 1000), log_level_name(level), area);
        add_value(line, message);
        if (fields[0])
            buf_addf(line, " %s", fields);
        return;
    }
    localtime_r(&tv.tv_sec, &tm);
    strftime(when, sizeof(when), "%H:%M:%S", &tm);
    buf_addf(line, "%s %-5s %s: ", when, log_level_name(level), area);
    add_indented(line, message);
    if (fields[0])
        buf_addf(line, " (%s)", fields);
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

static void write_all(const char *p, size_t n)
{
    while (n > 0) {
        ssize_t written = write(STDERR_FILENO, p, n);

        if (written <= 0)
            return;
        p += written;
        n -= (size_t)written;
    }
}

static void log_v(enum log_level level, const char *area, const char *fields,
                  const char *fmt, va_list ap)
{
    struct buf raw = BUF_INIT, message = BUF_INIT, line = BUF_INIT;
    struct buf clean_fields = BUF_INIT;

    if (level < g.least)
        return;
    buf_addv(&raw, fmt, ap);
    log_redact(&message, buf_slice(&raw));
    log_redact(&clean_fields, slice_of(fields));
    add_line(&line, level, area, buf_slice(&message), clean_fields.data);
    cut(&line);
    buf_addc(&line, '\n');
    write_all(line.data, line.len);
    if (g.sink)
        g.sink(level, area, message.data, clean_fields.data, g.sink_arg);
    buf_release(&raw);
    buf_release(&message);
    buf_release(&line);
    buf_release(&clean_fields);
}

void log_event(enum log_level level, const char *area, const char *fields,
               const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_v(level, area, fields ? fields : "", fmt, ap);
    va_end(ap);
}

#define DEFINE_LOG(name, level)                                                \
    void name(const char *area, const char *fmt, ...)                          \
    {                                                                          \
        va_list ap;                                                            \
                                                                               \
        va_start(ap, fmt);                                                     \
        log_v(level, area, "", fmt, ap);                                       \
        va_end(ap);                                                            \
    }

DEFINE_LOG(log_debug, LOG_DEBUG)
DEFINE_LOG(log_info, LOG_INFO)
DEFINE_LOG(log_warn, LOG_WARN)
DEFINE_LOG(log_error, LOG_ERROR)
