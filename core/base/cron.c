/* cron.c - see cron.h. */
#include "base/cron.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"

#define DAY_MINUTES 1440
/* 29 February on one day of the week comes every 28 years, and after 12 more
 * where a century has no leap day. */
#define DAYS_MAX (41 * 366)

/* --- the calendar ----------------------------------------------------------------- */

struct date {
    int month, day; /* 1 … */
};

/* Of days since 1970-01-01; years that begin in March make the leap day the last.
 * See Hinnant, "chrono-compatible low-level date algorithms". */
static struct date date_of(int64_t days)
{
    int64_t shifted = days + 719468;
    int64_t era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    int64_t doe = shifted - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);

    return (struct date){ .month = month,
                          .day = (int)(doy - (153 * mp + 2) / 5 + 1) };
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int weekday_of(int64_t days)
{
    int64_t n = (days + 4) % 7; /* 1970-01-01 was a Thursday */

    return (int)(n < 0 ? n + 7 : n);
}

/* --- reading ------------------------------------------------------------------------- */

static const char *const month_names[] = {
    "jan", "feb", "mar", "apr", "may", "jun", "jul",
    "aug", "sep", "oct", "nov", "dec", NULL,
};
static const char *const weekday_names[] = { "sun", "mon", "tue", "wed",
                                             "thu", "fri", "sat", NULL };

static const struct field {
    const char *what;
    int min, max;
    const char *const *names; /* of min, min + 1, …; or NULL */
} fields[] = {
    { "minute", 0, 59, NULL },
    { "hour", 0, 23, NULL },
    { "day of the month", 1, 31, NULL },
    { "month", 1, 12, month_names },
    { "day of the week", 0, 7, weekday_names },
};

enum { FIELDS = ARRAY_LEN(fields), FIELD_MAX = 200 };

static bool bad(const struct field *f, const char *text, struct err *err)
{
    return err_set(err, ERR_USAGE,
                   "%s \"%.40s\": %d to %d%s%s, a range like 1-5, a list like "
                   "1,3,5, or a step like */2 is expected",
                   f->what, text, f->min, f->max,
                   f->names ? " or a name like " : "",
                   f->names ? f->names[1] : "");
}

/* A number or a name at *p. */
static bool read_value(const struct field *f, const char **p, int *out)
{
    int n = 0, digits = 0;

    for (; isdigit((unsigned char)**p) && digits < 4; digits++, (*p)++)
        n = n * 10 + (**p - '0');
    if (digits) {
        *out = n;
        return n >= f->min && n <= f->max;
    }
    for (int i = 0; f->names && f->names[i]; i++) {
        if (strncasecmp(*p, f->names[i], 3) == 0 &&
            !isalnum((unsigned char)(*p)[3])) {
            *p += 3;
            *out = f->min + i;
            return true;
        }
    }
    return false;
}

/* "*", "5", "1-5", each perhaps with "/2". */
static bool read_part(const struct field *f, const char **p, uint64_t *bits)
{
    int from = f->min, to = f->max, step = 1;
    bool open = **p == '*';

    if (open) {
        (*p)++;
    } else {
        if (!read_value(f, p, &from))
            return false;
        to = from;
        if (**p == '-') {
            (*p)++;
            if (!read_value(f, p, &to) || to < from)
                return false;
        } else if (**p == '/') {
            to = f->max;
            open = true;
        }
    }
    if (**p == '/') {
        char *end;

        if (!isdigit((unsigned char)(*p)[1]))
            return false;
        step = (int)strtol(*p + 1, &end, 10);
        if (step < 1 || step > f->max || end - *p > 4)
            return false;
        *p = end;
    }
    if (open && f->max == 7 && from < 7)
        to = 6; /* Sunday is in it as 0 */
    for (int i = from; i <= to; i += step)
        *bits |= (uint64_t)1 << i;
    return true;
}

static bool read_field(const struct field *f, const char *text, uint64_t *bits,
                       struct err *err)
{
    const char *p = text;

    *bits = 0;
    do {
        if (p != text)
            p++; /* the comma */
        if (!read_part(f, &p, bits))
            return bad(f, text, err);
    } while (*p == ',');
    return !*p || bad(f, text, err);
}

/* The text of an @name; NULL: there is none such. */
static const char *by_name(const char *text)
{
    static const char *const names[][2] = {
        { "@hourly", "0 * * * *" },   { "@daily", "0 0 * * *" },
        { "@midnight", "0 0 * * *" }, { "@weekly", "0 0 * * 0" },
        { "@monthly", "0 0 1 * *" },  { "@yearly", "0 0 1 1 *" },
        { "@annually", "0 0 1 1 *" },
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcasecmp(text, names[i][0]) == 0)
            return names[i][1];
    return NULL;
}

/* Copy the next word of *text. False: there is none, or it is too long. */
static bool next_word(const char **text, char *word)
{
    size_t n;

    *text += strspn(*text, " \t");
    n = strcspn(*text, " \t");
    if (n == 0 || n >= FIELD_MAX)
        return false;
    memcpy(word, *text, n);
    word[n] = '\0';
    *text += n;
    return true;
}

/* Is there a day of a month that is in both sets? */
static bool comes(const struct cron *cron)
{
    static const int lengths[] = { 31, 29, 31, 30, 31, 30,
                                   31, 31, 30, 31, 30, 31 };

    if (cron->either)
        return true;
    for (int month = 1; month <= 12; month++)
        for (int day = 1; day <= lengths[month - 1]; day++)
            if (cron->months >> month & 1 && cron->days >> day & 1)
                return true;
    return false;
}

bool cron_parse(struct cron *cron, const char *text, struct err *err)
{
    uint64_t bits[FIELDS];
    char word[FIELD_MAX];
    bool star[FIELDS] = { false };
    const char *rest = text;

    if (*text == '@' && !(rest = by_name(text)))
        return err_set(err, ERR_USAGE,
                       "\"%.40s\": @hourly, @daily, @weekly, @monthly or "
                       "@yearly is expected",
                       text);
    for (size_t i = 0; i < FIELDS; i++) {
        if (!next_word(&rest, word))
            return err_set(err, ERR_USAGE,
                           "five fields are expected (minute, hour, day of "
                           "the month, month, day of the week), got %d",
                           (int)i);
        if (!read_field(&fields[i], word, &bits[i], err))
            return false;
        star[i] = *word == '*';
    }
    if (rest[strspn(rest, " \t")])
        return err_set(err, ERR_USAGE,
                       "five fields are expected, there is more: \"%.40s\"",
                       rest + strspn(rest, " \t"));
    *cron = (struct cron){
        .minutes = bits[0],
        .hours = (uint32_t)bits[1],
        .days = (uint32_t)bits[2],
        .months = (uint32_t)bits[3],
        .weekdays = (uint32_t)((bits[4] | bits[4] >> 7) & 0x7f),
        .either = !star[2] && !star[4],
        .every_hour = bits[1] == ((uint64_t)1 << 24) - 1,
    };
    return comes(cron) || err_set(err, ERR_USAGE, "this day never comes");
}

/* --- the next one ---------------------------------------------------------------------- */

static bool is_day(const struct cron *cron, int64_t days)
{
    struct date d = date_of(days);
    bool day = cron->days >> d.day & 1,
         weekday = cron->weekdays >> weekday_of(days) & 1;

    if (!(cron->months >> d.month & 1))
        return false;
    return cron->either ? day || weekday : day && weekday;
}

/* The first minute of a day from this one on, or -1. */
static int in_day(const struct cron *cron, int from)
{
    for (int hour = from / 60; hour < 24; hour++) {
        int first = hour == from / 60 ? from % 60 : 0;

        if (!(cron->hours >> hour & 1))
            continue;
        for (int minute = first; minute < 60; minute++)
            if (cron->minutes >> minute & 1)
                return hour * 60 + minute;
    }
    return -1;
}

int64_t cron_next(const struct cron *cron, int64_t minute)
{
    int64_t day = floor_div(minute + 1, DAY_MINUTES);
    int from = (int)(minute + 1 - day * DAY_MINUTES);

    for (int64_t last = day + DAYS_MAX; day <= last; day++, from = 0) {
        int found = is_day(cron, day) ? in_day(cron, from) : -1;

        if (found >= 0)
            return day * DAY_MINUTES + found;
    }
    abort(); /* cron_parse() lets no such pass */
}
