/*
 * log_line.h - one event as a line, in each format; private to base/log*.c.
 */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include <sys/time.h>

#include "base/log.h"

struct log_event {
    struct timeval when;
    enum log_level level;
    const char *area;
    struct slice message; /* without secrets, as is fields; any bytes */
    struct slice fields;  /* of log_field() */
};

/* Append the line with its line break: LOG_LINE_MAX bytes at most, UTF-8, and
 * whole: what is too long is cut within its quotes. */
void log_add_line(struct buf *out, enum log_format format,
                  const struct log_event *event);

#endif
