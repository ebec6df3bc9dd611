/* duration.c - see duration.h. */
#include "base/duration.h"

#include <math.h>

static const struct unit {
    const char *name;
    int64_t ms;
} units[] = {
    { "w", 7 * 24 * 3600 * 1000 },
    { "d", 24 * 3600 * 1000 },
    { "h", 3600 * 1000 },
    { "m", 60 * 1000 },
    { "s", 1000 },
    { "ms", 1 },
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool refuse(struct slice text, struct err *err)
{
    return err_set(err, ERR_USAGE,
                   "a duration is expected, as \"90s\", \"10m\", \"1h30m\" or "
                   "\"2d\"; got \"%.*s\"",
                   (int)(text.n < 40 ? text.n : 40), text.p ? text.p : "");
}

static bool too_long(struct err *err)
{
    return err_set(err, ERR_USAGE, "a duration is at most 100 years");
}

static void skip_spaces(struct slice *s)
{
    while (s->n && (*s->p == ' ' || *s->p == '\t')) {
        s->p++;
        s->n--;
    }
}

/* The digits at the front; more than the maximum stays at more than that. */
static bool take_number(struct slice *s, int64_t *number)
{
    if (!s->n || !is_digit(*s->p))
        return false;
    *number = 0;
    for (; s->n && is_digit(*s->p); s->p++, s->n--)
        if (*number <= DURATION_MAX_MS)
            *number = *number * 10 + (*s->p - '0');
    return true;
}

/* The unit at the front, of those from index first on; -1: there is none. */
static int take_unit(struct slice *s, int first)
{
    size_t n = 0;

    while (n < s->n && s->p[n] >= 'a' && s->p[n] <= 'z')
        n++;
    for (int i = first; i < (int)ARRAY_LEN(units); i++) {
        if (!slice_eq((struct slice){ s->p, n }, units[i].name))
            continue;
        s->p += n;
        s->n -= n;
        return i;
    }
    return -1;
}

static bool add(int64_t *sum, int64_t number, int64_t unit_ms)
{
    if (number > (DURATION_MAX_MS - *sum) / unit_ms)
        return false;
    *sum += number * unit_ms;
    return true;
}

bool duration_parse(struct slice text, int64_t *ms, struct err *err)
{
    struct slice s = text;
    int64_t sum = 0, number;
    int unit = -1;

    skip_spaces(&s);
    do {
        if (!take_number(&s, &number))
            return refuse(text, err);
        skip_spaces(&s);
        if (!s.n && unit < 0)
            unit = 4; /* digits alone */
        else if ((unit = take_unit(&s, unit + 1)) < 0)
            return refuse(text, err);
        if (!add(&sum, number, units[unit].ms))
            return too_long(err);
        skip_spaces(&s);
    } while (s.n);
    *ms = sum;
    return true;
}

bool duration_of_seconds(double seconds, int64_t *ms, struct err *err)
{
    if (!(seconds >= 0))
        return err_set(err, ERR_USAGE,
                       "a duration can't be negative, or no number");
    if (seconds * 1000 > (double)DURATION_MAX_MS)
        return too_long(err);
    *ms = llround(seconds * 1000);
    return true;
}

void duration_add(struct buf *out, int64_t ms)
{
    if (!ms)
        buf_adds(out, "0s");
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (ms < units[i].ms)
            continue;
        buf_add_int(out, ms / units[i].ms);
        buf_adds(out, units[i].name);
        ms %= units[i].ms;
    }
}
