/* test_duration.c - base/duration.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/duration.h"

#define SECOND ((int64_t)1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static void test_duration__is_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        { "90s", 90 * SECOND },
        { "10m", 10 * MINUTE },
        { "1h30m", 90 * MINUTE },
        { "2d", 2 * DAY },
        { "1w", 7 * DAY },
        { "1w2d3h4m5s6ms", 9 * DAY + 3 * HOUR + 4 * MINUTE + 5 * SECOND + 6 },
        { "500ms", 500 },
        { "90", 90 * SECOND },
        { "0", 0 },
        { "0s", 0 },
        { " 1h 30 m ", 90 * MINUTE },
        { "007m", 7 * MINUTE },
        { "36500d", DURATION_MAX_MS },
        { "3153600000", DURATION_MAX_MS },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        int64_t ms = -1;

        if (!duration_parse(slice_of(cases[i].text), &ms, &err))
            fail_msg("%s: %s", cases[i].text, err.text);
        if (ms != cases[i].ms)
            fail_msg("%s is %lld", cases[i].text, (long long)ms);
    }
}

static void test_duration__is_refused(void **state)
{
    static const char *const cases[] = {
        "",      " ",    "m",    "10x", "10mm", "-5m",   "+5m",    "1.5h",
        "30m1h", "1h1h", "1h30", "10M", "10 5", "5m,3s", "1h\n1m", "forever",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        int64_t ms = -1;

        if (duration_parse(slice_of(cases[i]), &ms, &err))
            fail_msg("\"%s\" is %lld", cases[i], (long long)ms);
        assert_int_equal(ms, -1);
        assert_int_equal(err.kind, ERR_USAGE);
        assert_non_null(strstr(err.text, "a duration is expected"));
    }
}

static void test_duration__is_refused_when_too_long(void **state)
{
    static const char *const cases[] = {
        "36500d1ms",
        "3153600001",
        "99999999999999999999999999999999999999w",
        "36500d99999999999999999999h",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = ERR_INIT;
        int64_t ms = -1;

        assert_false(duration_parse(slice_of(cases[i]), &ms, &err));
        assert_string_equal(err.text, "a duration is at most 100 years");
    }
}

/* A slice that is not NUL-terminated, and nothing at all. */
static void test_duration__reads_no_further(void **state)
{
    struct err err = ERR_INIT;
    int64_t ms = -1;

    (void)state;
    assert_true(duration_parse((struct slice){ "10ms", 3 }, &ms, &err));
    assert_int_equal(ms, 10 * MINUTE);
    assert_false(duration_parse(SLICE_NONE, &ms, &err));
    assert_int_equal(ms, 10 * MINUTE);
}

static void test_duration__of_seconds(void **state)
{
    struct err err = ERR_INIT;
    int64_t ms = -1;

    (void)state;
    assert_true(duration_of_seconds(1.5, &ms, &err));
    assert_int_equal(ms, 1500);
    assert_true(duration_of_seconds(0, &ms, &err));
    assert_int_equal(ms, 0);
    assert_true(duration_of_seconds(3153600000.0, &ms, &err));
    assert_int_equal(ms, DURATION_MAX_MS);
    assert_false(duration_of_seconds(3153600001.0, &ms, &err));
    assert_false(duration_of_seconds(-1, &ms, &err));
    assert_false(duration_of_seconds((double)NAN, &ms, &err));
    assert_false(duration_of_seconds((double)INFINITY, &ms, &err));
    assert_int_equal(ms, DURATION_MAX_MS);
}

static void test_duration__is_written_as_it_is_read(void **state)
{
    static const char *const cases[] = {
        "0s", "1ms", "90ms", "1m30s", "1h1s", "1w2d3h", "1d1ms", "5214w2d",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = BUF_INIT;
        struct err err = ERR_INIT;
        int64_t ms = -1;

        assert_true(duration_parse(slice_of(cases[i]), &ms, &err));
        duration_add(&out, ms);
        assert_string_equal(out.data, cases[i]);
        buf_release(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_duration__is_read),
        cmocka_unit_test(test_duration__is_refused),
        cmocka_unit_test(test_duration__is_refused_when_too_long),
        cmocka_unit_test(test_duration__reads_no_further),
        cmocka_unit_test(test_duration__of_seconds),
        cmocka_unit_test(test_duration__is_written_as_it_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
