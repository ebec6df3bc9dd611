/*
 * log.h - what the program says, one line an event, on standard error.
 *
 * A line has a level, an area (the part of the program that speaks), a message
 * for people, and fields for machines. With LOG_FORMAT=text:
 *     12:34:56 warn  poll: no connection to the Bot API, again in 2 s (try=3)
 * with logfmt:
 *     time=2026-01-02T12:34:56.789Z level=warn area=poll msg="no connection …" try=3
 * with json:
 *     {"time":"2026-01-02T12:34:56.789Z","level":"warn","area":"poll","msg":"…","try":3}
 * Secrets given to log_hide() are replaced by *** in every line, whatever
 * brought them there. An event is at most LOG_LINE_MAX bytes of UTF-8, its line
 * break included; what is too long is cut within its quotes. Line breaks within
 * become \n, but are kept, indented, in text.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/buf.h"

#define LOG_LINE_MAX 10000 /* bytes */

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_TEXT, LOG_LOGFMT, LOG_JSON };

void log_setup(enum log_level least, enum log_format format);
/* Never let this text appear in a line. Shorter than 6 bytes: ignored. Copied. */
void log_hide(const char *secret);
void log_unhide_all(void); /* at the end: frees */
/* Append text with the secrets replaced: for messages that go elsewhere. */
void log_redact(struct buf *out, struct slice text);

/* Also give every line to fn (the page shows them); one at a time, NULL ends it.
 * fields may be "". */
typedef void (*log_sink_fn)(enum log_level level, const char *area,
                            const char *message, const char *fields, void *arg);
void log_set_sink(log_sink_fn fn, void *arg);
/* Only to fn: nothing on standard error. */
void log_set_silent(bool silent);

void log_debug(const char *area, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_info(const char *area, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_warn(const char *area, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void log_error(const char *area, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The same with fields: "chat=12 update=34", values quoted as logfmt wants. */
void log_event(enum log_level level, const char *area, const char *fields,
               const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* Append " key=value" to fields, quoted if needed. */
void log_field(struct buf *fields, const char *key, struct slice value);
void log_field_int(struct buf *fields, const char *key, int64_t value);

const char *log_level_name(enum log_level level);

#endif
