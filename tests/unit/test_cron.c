/* test_cron.c - times in the way of cron. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cron.h"

static int64_t minute_of(const char *text)
{
    struct tm tm = { 0 };

    assert_int_equal(sscanf(text, "%d-%d-%d %d:%d", &tm.tm_year, &tm.tm_mon,
                            &tm.tm_mday, &tm.tm_hour, &tm.tm_min),
                     5);
    tm.tm_year -= 1900;
    tm.tm_mon--;
    return timegm(&tm) / 60;
}

static void show(int64_t minute, char out[32])
{
    time_t at = minute * 60;
    struct tm tm;

    gmtime_r(&at, &tm);
    strftime(out, 32, "%Y-%m-%d %H:%M", &tm);
}

static const struct {
    const char *text, *after, *next;
} nexts[] = {
    { "* * * * *", "2026-11-23 14:16", "2026-11-23 14:17" },
    { "0 9 * * 1-5", "2026-11-23 09:00", "2026-11-24 09:00" },
    { "0 9 * * 1-5", "2026-11-27 09:00", "2026-11-30 09:00" },
    { "0 9 * * mon-FRI", "2026-11-27 08:59", "2026-11-27 09:00" },
    { "*/15 * * * *", "2026-11-23 14:46", "2026-11-23 15:00" },
    { "5/20 * * * *", "2026-11-23 14:46", "2026-11-23 15:05" },
    { "10-30/10 8,20 * * *", "2026-11-23 08:30", "2026-11-23 20:10" },
    { "59 23 31 12 *", "2026-12-31 23:59", "2027-12-31 23:59" },
    { "0 0 31 * *", "2026-01-31 00:00", "2026-03-31 00:00" },
    { "0 0 29 2 *", "2026-01-01 00:00", "2028-02-29 00:00" },
    { "0 0 29 2 *", "2096-02-29 00:00", "2104-02-29 00:00" },
    { "0 0 29 feb */7", "2026-01-01 00:00", "2032-02-29 00:00" },
    { "0 0 29 feb */7", "2088-02-29 00:00", "2128-02-29 00:00" },
    { "0 0 13 * 5", "2026-11-06 00:00", "2026-11-13 00:00" },
    { "0 0 13 * 5", "2026-11-13 00:00", "2026-11-20 00:00" },
    { "0 0 13 * */5", "2026-11-14 00:00", "2026-12-13 00:00" },
    { "0 0 * * 7", "2026-11-23 00:00", "2026-11-29 00:00" },
    { "0 0 * * 5-7", "2026-11-28 00:00", "2026-11-29 00:00" },
    { "0 0 * * 7/2", "2026-11-22 00:00", "2026-11-29 00:00" },
    { "0 0 * * 0/2", "2026-11-22 00:00", "2026-11-24 00:00" },
    { "0 0 * jan,dec *", "2026-11-22 00:00", "2026-12-01 00:00" },
    { "@hourly", "2026-11-22 13:00", "2026-11-22 14:00" },
    { "@Daily", "2026-11-22 13:00", "2026-11-23 00:00" },
    { "@weekly", "2026-11-22 13:00", "2026-11-29 00:00" },
    { "@monthly", "2026-11-22 13:00", "2026-12-01 00:00" },
    { "@yearly", "2026-11-22 13:00", "2027-01-01 00:00" },
    { "  0   9\t* * *  ", "2026-11-22 13:00", "2026-11-23 09:00" },
    { "0 0 1 1 *", "1969-06-01 00:00", "1970-01-01 00:00" },
    { "30 12 * * *", "1969-12-30 12:30", "1969-12-31 12:30" },
};

static void test_cron__next(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(nexts); i++) {
        struct err err = ERR_INIT;
        struct cron cron;
        char got[32];

        if (!cron_parse(&cron, nexts[i].text, &err))
            fail_msg("%s: %s", nexts[i].text, err.text);
        show(cron_next(&cron, minute_of(nexts[i].after)), got);
        if (strcmp(got, nexts[i].next) != 0)
            fail_msg("%s after %s: %s, not %s", nexts[i].text, nexts[i].after,
                     got, nexts[i].next);
    }
}

static const struct {
    const char *text, *error;
} wrong[] = {
    { "", "got 0" },
    { "0 9 * *", "got 4" },
    { "0 9 * * * *", "there is more: \"*\"" },
    { "60 * * * *", "minute \"60\": 0 to 59" },
    { "* 24 * * *", "hour \"24\": 0 to 23" },
    { "* * 0 * *", "day of the month \"0\"" },
    { "* * 32 * *", "day of the month \"32\"" },
    { "* * * 13 *", "month \"13\": 1 to 12 or a name like feb" },
    { "* * * * 8", "day of the week \"8\": 0 to 7 or a name like mon" },
    { "* * * * moon", "day of the week \"moon\"" },
    { "5-1 * * * *", "minute \"5-1\"" },
    { "*/0 * * * *", "minute \"*/0\"" },
    { "*/ * * * *", "minute \"*/\"" },
    { "*/99999999999999999999 * * * *", "minute" },
    { "99999999999999999999 * * * *", "minute" },
    { "1,,2 * * * *", "minute \"1,,2\"" },
    { "1, * * * *", "minute \"1,\"" },
    { "-1 * * * *", "minute \"-1\"" },
    { "1x * * * *", "minute \"1x\"" },
    { "0 0 30 2 *", "never comes" },
    { "0 0 31 4,6,9,11 *", "never comes" },
    { "@often", "@hourly, @daily" },
};

static void test_cron__refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct err err = ERR_INIT;
        struct cron cron;

        if (cron_parse(&cron, wrong[i].text, &err))
            fail_msg("%s is taken", wrong[i].text);
        if (err.kind != ERR_USAGE || !strstr(err.text, wrong[i].error))
            fail_msg("%s: %s", wrong[i].text, err.text);
    }
}

/* What is next is after, fits, and nothing in between does. */
static void test_cron__is_the_first(void **state)
{
    static const char *const texts[] = { "*/7 */5 * * *", "3,50 1-4 * * 2",
                                         "0 22 1,15 * 3", "17 * 28-31 * *" };
    int64_t minute = minute_of("2027-12-20 00:00");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct err err = ERR_INIT;
        struct cron cron;
        int64_t next;

        assert_true(cron_parse(&cron, texts[i], &err));
        next = cron_next(&cron, minute);
        for (int64_t m = minute; m < minute + 100000; m++) {
            if (m == next)
                next = cron_next(&cron, m);
            assert_int_equal(cron_next(&cron, m), next);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cron__next),
        cmocka_unit_test(test_cron__refuses),
        cmocka_unit_test(test_cron__is_the_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
