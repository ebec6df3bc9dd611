/* test_config_diff.c - what changed, in lines that fit a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config_diff.h"

static void expect(const char *before, const char *after, size_t max,
                   const char *lines)
{
    struct buf out = BUF_INIT;

    config_diff_show(&out, before ? slice_of(before) : SLICE_NONE,
                     slice_of(after), "- ", max);
    assert_string_equal(out.data, lines);
    buf_release(&out);
}

static void test_config_diff__short(void **state)
{
    (void)state;
    expect("{\"a\":1}", "{\"a\":2}", 20, "- a: 1 → 2\n");
    expect(NULL, "{\"a\":2}", 20, "- a: default → 2\n");
    expect("[1]", "{}", 20, "- all of it: [1] → {}\n");
}

/* Wherever two long texts begin to differ, however little room there is. */
static void test_config_diff__long(void **state)
{
    char before[200], after[200], *differ = after + strlen("{\"a\":\"");
    struct buf out = BUF_INIT;

    (void)state;
    memset(before, 'x', sizeof(before));
    memcpy(before, "{\"a\":\"", 6);
    memcpy(before + 150, "\"}", 3);
    for (size_t max = 13; max < 60; max++) {
        for (int i = 0; i < 140; i++) {
            memcpy(after, before, sizeof(after));
            differ[i] = 'D';
            buf_reset(&out);
            config_diff_show(&out, slice_of(before), slice_of(after), "", max);
            if (!strchr(out.data, 'D'))
                fail_msg("%d of %zu: %s", i, max, out.data);
        }
    }
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_diff__short),
        cmocka_unit_test(test_config_diff__long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
