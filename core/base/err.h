/*
 * err.h - what went wrong, for a person to read.
 *
 * A fallible function returns bool or a pointer and takes struct err * last.
 * Success leaves the err alone, so calls can be chained with one err. The
 * first error set stays. Our own bugs are assert()s, on in every build; being
 * out of memory aborts.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

#define MUST_CHECK __attribute__((warn_unused_result))

enum err_kind {
    ERR_NONE = 0,
    ERR_USAGE,     /* a setting, an option or an argument is wrong */
    ERR_SYSTEM,    /* the operating system said no */
    ERR_JSON,      /* text that is not JSON, or more than we take */
    ERR_NETWORK,   /* no connection, or it broke */
    ERR_TIMEOUT,   /* no answer in time */
    ERR_TELEGRAM,  /* the Bot API answered ok: false */
    ERR_DATABASE,  /* PostgreSQL said no, or cannot be reached */
    ERR_CONFIG,    /* a setting's key or value does not fit its declaration */
    ERR_SCRIPT,    /* a script raised, or does not load */
    ERR_CANCELLED, /* the task or the program is ending */
};

struct err {
    enum err_kind kind;
    /* Cut at a UTF-8 boundary when longer. Every operation holds one: small
     * enough that they stay where malloc() is fast (its thread cache). */
    char text[400];
};

#define ERR_INIT                                                               \
    {                                                                          \
        ERR_NONE, ""                                                           \
    }

/* Set err unless it is set already (err may be NULL). Returns false. */
bool err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
bool err_setv(struct err *err, enum err_kind kind, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
void err_clear(struct err *err);
const char *err_kind_name(enum err_kind kind); /* "network", "database", … */

#endif
