/* err.c - see err.h. */
#include "base/err.h"

#include <stdio.h>
#include <string.h>

/* Drop the beginning of a code point that the buffer's end cut in two. */
static void trim_cut_utf8(char *text, size_t n)
{
    while (n > 0 && ((unsigned char)text[n - 1] & 0xC0) == 0x80)
        n--;
    if (n > 0 && ((unsigned char)text[n - 1] & 0xC0) == 0xC0)
        text[n - 1] = '\0';
}

bool err_setv(struct err *err, enum err_kind kind, const char *fmt, va_list ap)
{
    int n;

    if (!err || err->kind)
        return false;
    err->kind = kind;
    n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
    if (n >= (int)sizeof(err->text))
        trim_cut_utf8(err->text, sizeof(err->text) - 1);
    return false;
}

bool err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    err_setv(err, kind, fmt, ap);
    va_end(ap);
    return false;
}

void err_clear(struct err *err)
{
    err->kind = ERR_NONE;
    err->text[0] = '\0';
}

const char *err_kind_name(enum err_kind kind)
{
    static const char *const names[] = {
        [ERR_NONE] = "none",           [ERR_USAGE] = "usage",
        [ERR_SYSTEM] = "system",       [ERR_JSON] = "json",
        [ERR_NETWORK] = "network",     [ERR_TIMEOUT] = "timeout",
        [ERR_TELEGRAM] = "telegram",   [ERR_DATABASE] = "database",
        [ERR_CONFIG] = "config",       [ERR_SCRIPT] = "script",
        [ERR_CANCELLED] = "cancelled",
    };

    return names[kind];
}
