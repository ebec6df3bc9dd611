/* log.c - see log.h. */
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log_line.h"

#define SECRETS_MAX 16
#define SECRET_LEN_MIN 6

static struct {
    enum log_level least;
    enum log_format format;
    char *secrets[SECRETS_MAX];
    int nsecrets;
    log_sink_fn sink;
    void *sink_arg;
    bool silent;
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

void log_set_silent(bool silent)
{
    g.silent = silent;
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
        size_t len;

        if (*p != g.secrets[i][0])
            continue;
        len = strlen(g.secrets[i]);
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
    struct log_event event = { .level = level, .area = area };

    if (level < g.least)
        return;
    buf_addv(&raw, fmt, ap);
    log_redact(&message, buf_slice(&raw));
    log_redact(&clean_fields, slice_of(fields));
    gettimeofday(&event.when, NULL);
    event.message = buf_slice(&message);
    event.fields = buf_slice(&clean_fields);
    log_add_line(&line, g.format, &event);
    if (!g.silent)
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
