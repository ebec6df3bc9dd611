/* test_metrics.c - base/metrics.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "base/metrics.h"

static struct buf page = BUF_INIT;

static int release(void **state)
{
    (void)state;
    metrics_release();
    buf_release(&page);
    return 0;
}

static const char *render(void)
{
    buf_reset(&page);
    metrics_render(&page);
    return page.data;
}

static void test_metrics__counter(void **state)
{
    static struct metric m = {
        .name = "moonpost_calls_total",
        .help = "Calls.",
        .type = METRIC_COUNTER,
        .labels = { "method", "code" },
    };
    struct metric_series *a = metric_of(&m, "getMe", "200");

    (void)state;
    metric_add(a, 2);
    metric_add(metric_of(&m, "getMe", "429"), 1);
    assert_ptr_equal(metric_of(&m, "getMe", "200"), a);
    metric_add(a, 1);
    assert_string_equal(
        render(), "# HELP moonpost_calls_total Calls.\n"
                  "# TYPE moonpost_calls_total counter\n"
                  "moonpost_calls_total{method=\"getMe\",code=\"200\"} 3\n"
                  "moonpost_calls_total{method=\"getMe\",code=\"429\"} 1\n");
}

/* "ab" + "c" is not "a" + "bc". */
static void test_metrics__values_do_not_run_together(void **state)
{
    static struct metric m = { .name = "m_total",
                               .help = "",
                               .labels = { "a", "b" } };

    (void)state;
    assert_ptr_not_equal(metric_of(&m, "ab", "c"), metric_of(&m, "a", "bc"));
}

static double read_pi(void *arg)
{
    return *(const double *)arg;
}

static void test_metrics__gauge_values(void **state)
{
    static struct metric m = { .name = "g", .help = "x", .type = METRIC_GAUGE };
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        { 0, "g 0\n" },           { 42, "g 42\n" },
        { -1.5, "g -1.5\n" },     { 0.1, "g 0.1\n" },
        { 1e300, "g 1e+300\n" },  { 1.0 / 0.0, "g +Inf\n" },
        { 0.0 / 0.0, "g NaN\n" }, { -1.0 / 0.0, "g -Inf\n" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double value = cases[i].value;

        metric_read_from(metric_plain(&m), read_pi, &value);
        assert_string_equal(strstr(render(), "gauge\n") + 6, cases[i].text);
    }
}

static void test_metrics__histogram(void **state)
{
    static const int64_t limits[] = { 1000, 250000, INT64_MAX };
    static struct metric m = {
        .name = "h_seconds",
        .help = "How long.",
        .type = METRIC_HISTOGRAM,
        .labels = { "handler" },
        .limits = limits,
    };
    static const int64_t times[] = { -5,     0,      1000,         1001,
                                     250000, 250001, INT64_MAX / 4 };
    struct metric_series *h = metric_of(&m, "/start");

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times) - 1; i++)
        metric_observe(h, times[i]);
    assert_string_equal(render(),
                        "# HELP h_seconds How long.\n"
                        "# TYPE h_seconds histogram\n"
                        "h_seconds_bucket{handler=\"/start\",le=\"0.001\"} 3\n"
                        "h_seconds_bucket{handler=\"/start\",le=\"0.25\"} 5\n"
                        "h_seconds_bucket{handler=\"/start\",le=\"+Inf\"} 6\n"
                        "h_seconds_sum{handler=\"/start\"} 0.502002\n"
                        "h_seconds_count{handler=\"/start\"} 6\n");
    metric_observe(h, times[6]);
    assert_non_null(strstr(render(), "le=\"+Inf\"} 7\n"));
}

static void test_metrics__escapes(void **state)
{
    static struct metric m = { .name = "m_total",
                               .help = "a\\b\nc\"d",
                               .labels = { "l" } };

    (void)state;
    metric_of(&m, "q\"b\\n\nx");
    metric_of(&m, "bad\xff");
    assert_string_equal(render(), "# HELP m_total a\\\\b\\nc\"d\n"
                                  "# TYPE m_total counter\n"
                                  "m_total{l=\"q\\\"b\\\\n\\nx\"} 0\n"
                                  "m_total{l=\"bad\xef\xbf\xbd\"} 0\n");
}

/* What looks the same on the page is one series. */
static void test_metrics__cleaned_values_are_one_series(void **state)
{
    static struct metric m = { .name = "m_total",
                               .labels = { "l" },
                               .help = "" };
    char a[400], b[400];

    (void)state;
    memset(a, 'x', sizeof(a) - 1);
    a[sizeof(a) - 1] = '\0';
    memcpy(b, a, sizeof(a));
    b[300] = 'y';
    assert_ptr_equal(metric_of(&m, a), metric_of(&m, b));
    assert_ptr_equal(metric_of(&m, "\xff"), metric_of(&m, "\xfe"));
    memset(a, 'x', 119);
    memcpy(a + 119, "é", 3);
    metric_of(&m, a); /* not cut within the letter */
    assert_null(strstr(render(), "\xc3\""));
}

static void test_metrics__bounded(void **state)
{
    static struct metric m = {
        .name = "m_total",
        .labels = { "handler", "how" },
        .series_max = 4,
        .help = "",
    };
    int lines = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        char name[20];

        snprintf(name, sizeof(name), "h%d", i);
        metric_add(metric_of(&m, name, i % 2 ? "a" : "b"), 1);
        metric_add(metric_of(&m, "x", name), 1);
    }
    render();
    for (const char *p = page.data; (p = strchr(p, '\n')); p++)
        lines++;
    assert_in_range(lines, 2 + 4, 2 + 2 * 4 + 1);
    assert_non_null(strstr(page.data, "{handler=\"other\",how=\"a\"} 499\n"));
    assert_non_null(strstr(page.data, "{handler=\"other\",how=\"other\"} "));
}

static void test_metrics__release_and_again(void **state)
{
    static struct metric m = { .name = "m_total", .help = "" };
    static struct metric n = { .name = "n_total", .help = "" };

    (void)state;
    metric_add(metric_plain(&m), 1);
    metrics_release();
    assert_string_equal(render(), "");
    metric_add(metric_plain(&n), 1);
    metric_add(metric_plain(&m), 1);
    assert_string_equal(render(), "# HELP n_total \n# TYPE n_total counter\n"
                                  "n_total 1\n"
                                  "# HELP m_total \n# TYPE m_total counter\n"
                                  "m_total 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_metrics__counter, release),
        cmocka_unit_test_teardown(test_metrics__values_do_not_run_together,
                                  release),
        cmocka_unit_test_teardown(test_metrics__gauge_values, release),
        cmocka_unit_test_teardown(test_metrics__histogram, release),
        cmocka_unit_test_teardown(test_metrics__escapes, release),
        cmocka_unit_test_teardown(test_metrics__cleaned_values_are_one_series,
                                  release),
        cmocka_unit_test_teardown(test_metrics__bounded, release),
        cmocka_unit_test_teardown(test_metrics__release_and_again, release),
    };

    return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
