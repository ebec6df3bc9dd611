/*
 * test_jobs_time.c - when the next time of a cron line is, in zones whose clocks are
 * set forward and back: base/cron.h and moonpost_time_of() of schema/0007 together.
 */
#include "store_test.h"

#include "base/cron.h"

#define SCHEMA "test_jobs_time"

static int group_setup(void **state)
{
    (void)state;
    make_tables(SCHEMA);
    run_schema_file("0003_inbox.sql");
    run_schema_file("0004_broadcasts.sql");
    run_schema_file("0006_moved_chats.sql");
    run_schema_file("0007_jobs.sql");
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    drop_tables(SCHEMA);
    return 0;
}

/* The first row's values in one line. */
static void ask_text(const char *query, char *out, size_t size)
{
    struct pg_op *op = pg_script(db.pg, slice_of(query));

    wait_all(&db, &op, 1);
    assert_string_equal(op->op.err.text, "");
    snprintf(out, size, "%.*s", (int)pg_value(op, 0, 0).n,
             pg_value(op, 0, 0).p);
    op_free(&op->op);
}

/* Each time seen from the one before, as in moonpost_job_next(); in UTC. */
static void follow(const char *line, const char *zone, const char *from,
                   const char *const *wanted)
{
    char at[64], query[600], minute[64];
    struct err err = ERR_INIT;
    struct cron cron;

    assert_true(cron_parse(&cron, line, &err));
    snprintf(at, sizeof(at), "%s", from);
    for (int i = 0; wanted[i]; i++) {
        int64_t here;

        snprintf(query, sizeof(query), "SELECT moonpost_minute('%s+00', '%s')",
                 at, zone);
        ask_text(query, minute, sizeof(minute));
        here = strtoll(minute, NULL, 10);
        snprintf(query, sizeof(query),
                 "SELECT to_char(moonpost_time_of('%s+00', %lld, %lld, '%s', "
                 "%s) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI')",
                 at, (long long)here, (long long)cron_next(&cron, here), zone,
                 cron.every_hour ? "true" : "false");
        ask_text(query, at, sizeof(at));
        if (strcmp(at, wanted[i]) != 0)
            fail_msg("%s in %s: number %d from %s is %s, not %s", line, zone,
                     i + 1, from, at, wanted[i]);
    }
}

/* Berlin: on 29 March at 2:00 it is 3:00; on 25 October at 3:00 it is 2:00. */
static const struct {
    const char *line, *zone, *from, *wanted[8];
} cases[] = {
    { "0 9 * * *",
      "Europe/Berlin",
      "2026-03-27 08:00",
      { "2026-03-28 08:00", "2026-03-29 07:00", "2026-03-30 07:00" } },
    { "0 9 * * *",
      "Europe/Berlin",
      "2026-10-24 07:00",
      { "2026-10-25 08:00", "2026-10-26 08:00" } },
    /* left out: as much later, and the next day as ever */
    { "30 2 * * *",
      "Europe/Berlin",
      "2026-03-28 01:30",
      { "2026-03-29 01:30", "2026-03-30 00:30", "2026-03-31 00:30" } },
    /* twice: the first */
    { "30 2 * * *",
      "Europe/Berlin",
      "2026-10-24 00:30",
      { "2026-10-25 00:30", "2026-10-26 01:30" } },
    { "0,30 2 * * *",
      "Europe/Berlin",
      "2026-10-24 00:30",
      { "2026-10-25 00:00", "2026-10-25 00:30", "2026-10-26 01:00" } },
    /* seen from within the second */
    { "0,30 2 * * *",
      "Europe/Berlin",
      "2026-10-25 01:10",
      { "2026-10-25 01:30", "2026-10-26 01:00" } },
    /* every hour: time goes on as it passes */
    { "0 * * * *",
      "Europe/Berlin",
      "2026-03-28 23:00",
      { "2026-03-29 00:00", "2026-03-29 01:00", "2026-03-29 02:00" } },
    { "0 * * * *",
      "Europe/Berlin",
      "2026-10-24 23:00",
      { "2026-10-25 00:00", "2026-10-25 01:00", "2026-10-25 02:00",
        "2026-10-25 03:00" } },
    { "*/20 * * * *",
      "Europe/Berlin",
      "2026-10-25 00:20",
      { "2026-10-25 00:40", "2026-10-25 01:00", "2026-10-25 01:20",
        "2026-10-25 01:40", "2026-10-25 02:00" } },
    { "*/20 * * * *",
      "Europe/Berlin",
      "2026-03-29 00:40",
      { "2026-03-29 01:00", "2026-03-29 01:20" } },
    /* not every hour: 4 o'clock is 4 o'clock */
    { "0 */4 * * *",
      "Europe/Berlin",
      "2026-10-24 22:00",
      { "2026-10-25 03:00", "2026-10-25 07:00" } },
    { "0 */4 * * *",
      "Europe/Berlin",
      "2026-03-28 23:00",
      { "2026-03-29 02:00", "2026-03-29 06:00" } },
    { "0 0 1 * *",
      "Europe/Berlin",
      "2026-02-28 23:00",
      { "2026-03-31 22:00", "2026-04-30 22:00" } },
    /* by half an hour, on 4 October at 2:00 and 5 April */
    { "15 2 * * *",
      "Australia/Lord_Howe",
      "2026-10-02 15:45",
      { "2026-10-03 15:45", "2026-10-04 15:15" } },
    { "45 1 * * *",
      "Australia/Lord_Howe",
      "2026-04-03 14:45",
      { "2026-04-04 14:45", "2026-04-05 15:15" } },
    /* at midnight, on 6 September: the day begins at 1:00 */
    { "0 0 * * *",
      "America/Santiago",
      "2026-09-05 04:00",
      { "2026-09-06 04:00", "2026-09-07 03:00" } },
    { "30 5 * * *",
      "UTC",
      "2026-03-28 05:30",
      { "2026-03-29 05:30", "2026-03-30 05:30" } },
    { "0 12 * * *",
      "Asia/Kathmandu",
      "2026-01-01 00:00",
      { "2026-01-01 06:15", "2026-01-02 06:15" } },
};

static void test_jobs_time__follows_the_clock(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        follow(cases[i].line, cases[i].zone, cases[i].from, cases[i].wanted);
}

/* Whatever the zone: through two years every time is later than the last, and on the
 * clock it is what the line says, but for what is left out. */
static void test_jobs_time__always_goes_on(void **state)
{
    static const char *const zones[] = { "Europe/Berlin", "America/New_York",
                                         "Australia/Lord_Howe",
                                         "America/Santiago" };
    static const char query[] =
        "WITH RECURSIVE t (n, at) AS (SELECT 0, '2026-01-01 00:00+00'::"
        "timestamptz UNION ALL SELECT n + 1, moonpost_time_of(at, "
        "moonpost_minute(at, '%1$s'), (moonpost_minute(at, '%1$s') / 1440 + "
        "CASE WHEN moonpost_minute(at, '%1$s') %% 1440 >= 150 THEN 1 ELSE 0 "
        "END) * 1440 + 150, '%1$s', false) FROM t WHERE n < 730) "
        "SELECT count(*) FILTER (WHERE gap < interval '22 hours' OR gap > "
        "interval '26 hours') || ' ' || count(*) FILTER (WHERE to_char(at AT "
        "TIME ZONE '%1$s', 'HH24:MI') <> '02:30') FROM (SELECT n, at, at - "
        "lag(at) OVER (ORDER BY n) AS gap FROM t WHERE n > 0) AS g";

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(zones); i++) {
        char text[1500], got[64];
        int wrong_gaps, elsewhere;

        snprintf(text, sizeof(text), query, zones[i]);
        ask_text(text, got, sizeof(got));
        assert_int_equal(sscanf(got, "%d %d", &wrong_gaps, &elsewhere), 2);
        assert_int_equal(wrong_gaps, 0);
        assert_true(elsewhere <= 2); /* once a year, if at all */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jobs_time__follows_the_clock),
        cmocka_unit_test(test_jobs_time__always_goes_on),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
