/*
 * cron.h - times in the way of cron: "0 9 * * 1-5" is nine o'clock, Monday to
 * Friday.
 *
 * Five fields: minute (0-59), hour (0-23), day of the month (1-31), month (1-12
 * or jan-dec), day of the week (0-7 or sun-sat; 0 and 7 are Sunday). A field is
 * "*", a number, a range "1-5", a list "1,3,5", with a step "/2" behind "*", a
 * range, or a number (from it on). If neither day field begins with "*", a day
 * that is in either is meant, as crontab(5) has it. Or @hourly, @daily
 * (@midnight), @weekly, @monthly, @yearly (@annually).
 *
 * Times here are minutes of the clock on the wall, counted from 1970-01-01 00:00:
 * this knows the calendar and no timezones.
 */
#ifndef BASE_CRON_H
#define BASE_CRON_H

#include <stdint.h>

#include "base/err.h"

struct cron {
    uint64_t minutes; /* a bit for each */
    uint32_t hours, days, months, weekdays;
    bool either;     /* a day of the month or of the week is enough */
    bool every_hour; /* all hours: also where the clock is set back, each
                      * hour that passes counts */
};

/* ERR_USAGE names the field and what is wrong with it; also for a day that never
 * comes (30 February). */
bool cron_parse(struct cron *cron, const char *text,
                struct err *err) MUST_CHECK;

/* The first minute after this one. There is always one, within 40 years. */
int64_t cron_next(const struct cron *cron, int64_t minute);

#endif
