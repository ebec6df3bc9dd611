/* timezone.c - see timezone.h. */
#include "base/timezone.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "/usr/share/zoneinfo/"
#define NAME_MAX_BYTES 60
#define ZONES_MAX 700 /* there are some 600; then the oldest stay */
#define DAY_S 86400
#define YEAR_MIN 1
#define YEAR_MAX 9999

struct kind {
    int offset; /* seconds east of UTC */
    int abbreviation;
    bool dst;
};

/* When the clocks change every year: M3.2.0/2, J60/2, 59/2. */
struct change {
    enum { BY_WEEK, BY_JULIAN, BY_DAY } how;
    int month, week, day; /* of the week, or of the year */
    int seconds;          /* of the day, by the clocks before the change */
};

/* What comes after the last transition: the end of the file, POSIX's TZ. */
struct rule {
    bool there, has_dst;
    int offset[2];    /* standard, summer */
    char name[2][12]; /* the same */
    struct change begins, ends;
};

struct timezone {
    char name[NAME_MAX_BYTES + 1];
    int64_t *times;
    unsigned char *kinds; /* of what comes after times[i] */
    struct kind *types;
    char *abbreviations;
    size_t ntimes, ntypes, nabbreviations;
    struct rule rule;
    struct timezone *next;
};

static struct timezone *zones;
static int nzones;

/* --- the calendar ------------------------------------------------------------------ */

/* Days since 1970-01-01 of a day of the Gregorian calendar; month 1 … 12. */
static int64_t days_of(int64_t year, int month, int day)
{
    int64_t era, of_era;

    year -= month <= 2;
    era = (year >= 0 ? year : year - 399) / 400;
    of_era = year - era * 400;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
           (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1 - 719468;
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static void set_date(struct tm *out, int64_t seconds)
{
    int64_t days = seconds / DAY_S, rest = seconds % DAY_S, era, doe, yoe, doy;
    int64_t year;
    int mp;

    if (rest < 0) {
        rest += DAY_S;
        days--;
    }
    out->tm_wday = (int)(((days % 7) + 11) % 7);
    out->tm_hour = (int)(rest / 3600);
    out->tm_min = (int)(rest / 60 % 60);
    out->tm_sec = (int)(rest % 60);
    days += 719468;
    era = (days >= 0 ? days : days - 146096) / 146097;
    doe = days - era * 146097;
    yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    mp = (int)((5 * doy + 2) / 153);
    out->tm_mday = (int)(doy - (153 * mp + 2) / 5 + 1);
    out->tm_mon = mp < 10 ? mp + 2 : mp - 10;
    year = yoe + era * 400 + (out->tm_mon <= 1);
    out->tm_year = (int)(year - 1900);
    out->tm_yday = (int)(days - 719468 - days_of(year, 1, 1));
}

/* --- the rule ------------------------------------------------------------------------ */

static bool read_number(const char **p, int *n)
{
    if (!isdigit((unsigned char)**p))
        return false;
    for (*n = 0; isdigit((unsigned char)**p) && *n < 10000; (*p)++)
        *n = *n * 10 + (**p - '0');
    return true;
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(const char **p, int *seconds)
{
    int sign = **p == '-' ? -1 : 1, n = 0;

    *p += **p == '-' || **p == '+';
    *seconds = 0;
    for (int unit = 3600; unit; unit /= 60) {
        if (!read_number(p, &n))
            return false;
        *seconds += n * unit;
        if (**p != ':')
            break;
        (*p)++;
    }
    *seconds *= sign;
    return true;
}

/* CET or <+0330> */
static bool read_name(const char **p, char name[12])
{
    bool quoted = **p == '<';
    size_t n;

    *p += quoted;
    n = quoted ? strcspn(*p, ">")
               : strspn(*p, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                            "abcdefghijklmnopqrstuvwxyz");
    if (n < 1 || n > 11 || (quoted && (*p)[n] != '>'))
        return false;
    memcpy(name, *p, n);
    name[n] = '\0';
    *p += n + quoted;
    return true;
}

static bool read_change(const char **p, struct change *c)
{
    bool ok;

    *c = (struct change){ .how = BY_DAY, .seconds = 7200 };
    if (**p != ',')
        return false;
    (*p)++;
    if (**p == 'M') {
        c->how = BY_WEEK;
        (*p)++;
        ok = read_number(p, &c->month) && *(*p)++ == '.' &&
             read_number(p, &c->week) && *(*p)++ == '.' &&
             read_number(p, &c->day) && c->month >= 1 && c->month <= 12;
    } else {
        if (**p == 'J') {
            c->how = BY_JULIAN;
            (*p)++;
        }
        ok = read_number(p, &c->day);
    }
    if (ok && **p == '/') {
        (*p)++;
        ok = read_time(p, &c->seconds);
    }
    return ok;
}

static bool read_rule(const char *text, struct rule *r)
{
    const char *p = text;

    if (!read_name(&p, r->name[0]) || !read_time(&p, &r->offset[0]))
        return false;
    r->offset[0] = -r->offset[0];
    r->there = true;
    if (!*p)
        return true;
    if (!read_name(&p, r->name[1]))
        return false;
    r->offset[1] = r->offset[0] + 3600;
    if (*p && *p != ',') {
        if (!read_time(&p, &r->offset[1]))
            return false;
        r->offset[1] = -r->offset[1];
    }
    r->has_dst = read_change(&p, &r->begins) && read_change(&p, &r->ends);
    return r->has_dst;
}

/* When the clocks change in that year: seconds since 1970, local before it. */
static int64_t change_at(const struct change *c, int64_t year)
{
    int64_t day = days_of(year, 1, 1);

    switch (c->how) {
    case BY_DAY: day += c->day; break;
    case BY_JULIAN: day += c->day - 1 + (is_leap(year) && c->day >= 60); break;
    case BY_WEEK: {
        int64_t first = days_of(year, c->month, 1), last;

        last = c->month == 12 ? first + 30 : days_of(year, c->month + 1, 1) - 1;
        day = first + (c->day - (first + 4) % 7 + 7) % 7 + (c->week - 1) * 7;
        while (day > last)
            day -= 7;
        break;
    }
    }
    return day * DAY_S + c->seconds;
}

static bool is_summer(const struct rule *r, int64_t seconds)
{
    struct tm tm;
    int64_t year, begins, ends;

    if (!r->has_dst)
        return false;
    set_date(&tm, seconds + r->offset[0]);
    year = tm.tm_year + 1900;
    begins = change_at(&r->begins, year) - r->offset[0];
    ends = change_at(&r->ends, year) - r->offset[1];
    if (begins < ends)
        return seconds >= begins && seconds < ends;
    return seconds >= begins || seconds < ends; /* in the south */
}

/* --- the file ---------------------------------------------------------------------------- */

static int64_t big_endian(const unsigned char *p, int n)
{
    uint64_t v = n == 4 && p[0] & 0x80 ? UINT64_MAX : 0;

    while (n-- > 0)
        v = v << 8 | *p++;
    return (int64_t)v;
}

struct header {
    size_t isut, isstd, leaps, times, types, chars;
};

static bool read_header(struct slice s, struct header *h)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t *const fields[] = { &h->isut,  &h->isstd, &h->leaps,
                               &h->times, &h->types, &h->chars };

    if (s.n < 44 || memcmp(p, "TZif", 4) != 0 || p[4] < '2')
        return false;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        *fields[i] = (size_t)big_endian(p + 20 + 4 * i, 4) & 0xfffff;
    return h->types > 0 && h->types <= 255;
}

static size_t body_size(const struct header *h, size_t time_size)
{
    return h->times * (time_size + 1) + h->types * 6 + h->chars +
           h->leaps * (time_size + 4) + h->isstd + h->isut;
}

static void read_types(struct timezone *tz, const unsigned char *p)
{
    tz->types = xalloc(tz->ntypes * sizeof(*tz->types));
    for (size_t i = 0; i < tz->ntypes; i++, p += 6) {
        size_t at = p[5] < tz->nabbreviations ? p[5] : tz->nabbreviations;

        tz->types[i] =
            (struct kind){ (int)big_endian(p, 4), (int)at, p[4] != 0 };
    }
}

static bool read_body(struct timezone *tz, const unsigned char *p,
                      const struct header *h)
{
    tz->ntimes = h->times;
    tz->ntypes = h->types;
    tz->nabbreviations = h->chars;
    tz->times = xalloc((h->times + 1) * sizeof(*tz->times));
    tz->kinds = xalloc(h->times + 1);
    for (size_t i = 0; i < h->times; i++) {
        tz->times[i] = big_endian(p + i * 8, 8);
        tz->kinds[i] = p[h->times * 8 + i];
        if (tz->kinds[i] >= h->types)
            return false;
    }
    p += h->times * 9;
    read_types(tz, p);
    tz->abbreviations = xalloc(h->chars + 1);
    memcpy(tz->abbreviations, p + h->types * 6, h->chars);
    return true;
}

/* The first part, with times of 32 bits, is skipped. */
static bool read_file(struct timezone *tz, struct slice s)
{
    struct header h;
    size_t skip, size;
    char *rule;
    bool ok;

    if (!read_header(s, &h))
        return false;
    skip = 44 + body_size(&h, 4);
    if (s.n < skip ||
        !read_header((struct slice){ s.p + skip, s.n - skip }, &h))
        return false;
    size = body_size(&h, 8);
    if (s.n - skip < 44 + size + 2 ||
        !read_body(tz, (const unsigned char *)s.p + skip + 44, &h))
        return false;
    skip += 44 + size + 1; /* and a line break, before the rule */
    rule = slice_dup((struct slice){ s.p + skip, s.n - skip - 1 });
    ok = !*rule || read_rule(rule, &tz->rule);
    free(rule);
    return ok;
}

static void timezone_free(struct timezone *tz)
{
    free(tz->times);
    free(tz->kinds);
    free(tz->types);
    free(tz->abbreviations);
    free(tz);
}

/* --- finding ------------------------------------------------------------------------------- */

/* "+05:30" */
static bool read_offset(const char *name, struct rule *r)
{
    int h, m;

    if ((*name != '+' && *name != '-') || strlen(name) != 6 ||
        sscanf(name + 1, "%2d:%2d", &h, &m) != 2 || h > 14 || m > 59 || h < 0 ||
        m < 0)
        return false;
    *r =
        (struct rule){ .there = true,
                       .offset = { (h * 60 + m) * (*name == '-' ? -60 : 60) } };
    snprintf(r->name[0], sizeof(r->name[0]), "%s", name);
    return true;
}

static bool is_zone_name(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789/_+-";
    size_t n = strlen(name);

    return n > 0 && n <= NAME_MAX_BYTES &&
           name[strspn(name, letters)] == '\0' && isalpha((unsigned char)*name);
}

static bool load(struct timezone *tz, const char *name, struct err *err)
{
    struct buf path = BUF_INIT, text = BUF_INIT;
    struct err why = ERR_INIT;
    bool ok;

    if (strcmp(name, "UTC") == 0) {
        tz->rule = (struct rule){ .there = true, .name = { "UTC" } };
        return true;
    }
    if (read_offset(name, &tz->rule))
        return true;
    buf_adds(&path, FOLDER);
    buf_adds(&path, name);
    ok = is_zone_name(name) && buf_add_file(&text, path.data, &why) &&
         read_file(tz, buf_slice(&text));
    buf_release(&path);
    buf_release(&text);
    return ok ||
           err_set(err, ERR_USAGE,
                   "there is no time zone \"%.60s\" on this system (a name "
                   "like Europe/Berlin, UTC or +05:30 is wanted)",
                   name);
}

const struct timezone *timezone_find(const char *name, struct err *err)
{
    struct timezone *tz;

    for (tz = zones; tz; tz = tz->next)
        if (strcmp(tz->name, name) == 0)
            return tz;
    tz = xalloc(sizeof(*tz));
    if (!load(tz, name, err) ||
        (nzones >= ZONES_MAX &&
         !err_set(err, ERR_USAGE, "more than %d time zones", ZONES_MAX))) {
        timezone_free(tz);
        return NULL;
    }
    snprintf(tz->name, sizeof(tz->name), "%s", name);
    tz->next = zones;
    zones = tz;
    nzones++;
    return tz;
}

/* --- asking ------------------------------------------------------------------------------------ */

/* How many transitions are not after that second. */
static size_t count_before(const struct timezone *tz, int64_t seconds)
{
    size_t low = 0, high = tz->ntimes;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (tz->times[middle] <= seconds)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Before the first transition: the first type that is no summer time. */
static const struct kind *first_kind(const struct timezone *tz)
{
    for (size_t i = 0; i < tz->ntypes; i++)
        if (!tz->types[i].dst)
            return &tz->types[i];
    return &tz->types[0];
}

static int offset_at(const struct timezone *tz, int64_t seconds,
                     const char **name, bool *dst)
{
    size_t n = count_before(tz, seconds);
    const struct kind *kind;

    if (n == tz->ntimes && tz->rule.there) {
        *dst = is_summer(&tz->rule, seconds);
        *name = tz->rule.name[*dst];
        return tz->rule.offset[*dst];
    }
    kind = n ? &tz->types[tz->kinds[n - 1]] : first_kind(tz);
    *dst = kind->dst;
    *name = tz->abbreviations + kind->abbreviation;
    return kind->offset;
}

bool timezone_at(const struct timezone *tz, int64_t seconds, struct tm *out)
{
    const char *name;
    bool dst;
    int offset;

    if (seconds < days_of(YEAR_MIN, 1, 2) * DAY_S ||
        seconds >= days_of(YEAR_MAX, 12, 31) * DAY_S)
        return false;
    offset = offset_at(tz, seconds, &name, &dst);
    *out = (struct tm){ 0 };
    set_date(out, seconds + offset);
    out->tm_isdst = dst;
    out->tm_gmtoff = offset;
    out->tm_zone = name;
    return true;
}

int64_t timezone_seconds(const struct timezone *tz, const struct tm *tm)
{
    int64_t months = (int64_t)tm->tm_year * 12 + tm->tm_mon;
    int64_t year = months / 12 - (months % 12 < 0), local, first, second;
    const char *name;
    bool dst;
    int before, after;

    local = (days_of(year + 1900, (int)(months - year * 12) + 1, 1) +
             tm->tm_mday - 1) *
                DAY_S +
            (int64_t)tm->tm_hour * 3600 + (int64_t)tm->tm_min * 60 + tm->tm_sec;
    /* no zone changes twice within two days */
    before = offset_at(tz, local - DAY_S, &name, &dst);
    after = offset_at(tz, local + DAY_S, &name, &dst);
    first = local - before;
    second = local - after;
    if (offset_at(tz, first, &name, &dst) == before)
        return first;
    if (offset_at(tz, second, &name, &dst) == after)
        return second;
    return first; /* skipped */
}
