/* test_seen.c - which update_ids have come, against a plain set of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bot/seen.h"

#define IDS 300
#define FIRST 1000

static int64_t random_below(int64_t n)
{
    return random() % n;
}

static void expect_same(const struct seen *seen, const bool *in)
{
    for (int64_t id = 0; id < IDS; id++)
        if (seen_has(seen, FIRST + id) != in[id])
            fail_msg("%lld: %d expected", (long long)(FIRST + id), in[id]);
    assert_false(seen_has(seen, FIRST - 1));
    assert_false(seen_has(seen, FIRST + IDS));
}

static void add_some(struct seen *seen, bool *in)
{
    int64_t first = random_below(IDS), last = first + random_below(8);

    if (last >= IDS)
        last = IDS - 1;
    seen_add_range(seen, FIRST + first, FIRST + last, 0);
    for (int64_t i = first; i <= last; i++)
        in[i] = true;
}

static void one_step(struct seen *seen, bool *in)
{
    int64_t id = random_below(IDS);

    if (random_below(5) == 0) {
        add_some(seen, in);
    } else {
        assert_int_equal(seen_add(seen, FIRST + id, 0), !in[id]);
        in[id] = true;
    }
}

/* Intervals are never more than the gaps of the set demand. */
static size_t runs(const bool *in)
{
    size_t n = 0;

    for (int i = 0; i < IDS; i++)
        n += in[i] && (i == 0 || !in[i - 1]);
    return n;
}

static void test_seen__like_a_plain_set(void **state)
{
    (void)state;
    srandom(7);
    for (int round = 0; round < 100; round++) {
        struct seen *seen = seen_new(0);
        bool in[IDS] = { false };

        for (int i = 0; i < 200; i++) {
            one_step(seen, in);
            assert_int_equal(seen_intervals(seen), runs(in));
        }
        expect_same(seen, in);
        seen_free(seen);
    }
}

static void test_seen__at_the_ends_of_the_numbers(void **state)
{
    struct seen *seen = seen_new(0);

    (void)state;
    assert_true(seen_add(seen, INT64_MAX, 0));
    assert_true(seen_add(seen, INT64_MAX - 1, 0));
    assert_true(seen_add(seen, INT64_MIN, 0));
    assert_true(seen_add(seen, INT64_MIN + 1, 0));
    assert_false(seen_add(seen, INT64_MAX, 0));
    assert_false(seen_add(seen, INT64_MIN, 0));
    assert_int_equal(seen_intervals(seen), 2);
    seen_add_range(seen, 5, 4, 0); /* empty */
    assert_int_equal(seen_intervals(seen), 2);
    seen_free(seen);
}

static void test_seen__kept_a_day_and_not_for_ever(void **state)
{
    struct seen *seen = seen_new(0);

    (void)state;
    seen_add(seen, 1, SEEN_HALF_MS - 1);
    seen_add(seen, 2, SEEN_HALF_MS);
    assert_true(seen_has(seen, 1));
    seen_add(seen, 3, 2 * SEEN_HALF_MS - 2); /* a day less than that of 1 */
    assert_true(seen_has(seen, 1));
    seen_add(seen, 4, 2 * SEEN_HALF_MS);
    assert_false(seen_has(seen, 1));
    assert_true(seen_has(seen, 2));
    assert_true(seen_has(seen, 3));
    seen_free(seen);
}

/* With a gap after each number it is full: the lowest are forgotten. */
static void test_seen__bounded(void **state)
{
    struct seen *seen = seen_new(0);
    int64_t n = 3 * SEEN_INTERVALS_MAX;

    (void)state;
    for (int64_t i = 0; i < n; i++)
        assert_true(seen_add(seen, 2 * i, 0));
    assert_int_equal(seen_intervals(seen), SEEN_INTERVALS_MAX);
    assert_true(seen_has(seen, 2 * (n - 1)));
    assert_true(seen_has(seen, 2 * (n - SEEN_INTERVALS_MAX)));
    assert_false(seen_has(seen, 2 * (n - SEEN_INTERVALS_MAX) - 2));
    seen_add(seen, 1, 0); /* lower than all of them */
    assert_true(seen_has(seen, 1));
    seen_free(seen);
}

static void expect_read(const char *text, bool ok, size_t intervals)
{
    struct seen *seen = seen_new(0);
    /* without a NUL after it */
    char *bytes = malloc(strlen(text) + !*text);

    memcpy(bytes, text, strlen(text));
    if (seen_add_multirange(seen, (struct slice){ bytes, strlen(text) }, 0) !=
        ok)
        fail_msg("\"%s\": %d expected", text, ok);
    if (ok)
        assert_int_equal(seen_intervals(seen), intervals);
    free(bytes);
    seen_free(seen);
}

static void test_seen__multiranges(void **state)
{
    struct seen *seen = seen_new(0);

    (void)state;
    assert_true(seen_add_multirange(seen, slice_of("{[1,5),[7,9)}"), 0));
    for (int id = 0; id < 12; id++)
        assert_int_equal(seen_has(seen, id),
                         (id >= 1 && id < 5) || id == 7 || id == 8);
    seen_free(seen);
    expect_read("{}", true, 0);
    expect_read("{[3,4)}", true, 1);
    expect_read("{[3,4),[4,5)}", true, 1);
    expect_read("{[9007199254740990,9007199254740992)}", true, 1);
}

static void test_seen__what_is_no_multirange(void **state)
{
    static const char *const bad[] = {
        "",      "{",        "}",         "x",      "[1,2)",
        "{1,2}", "{[1,2]}",  "{[1,)}",    "{[,2)}", "{[1;2)}",
        "{(,)}", "{[1,2x)}", "{[1,2),x}", "{[1,2)", "{[1,-2)}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        expect_read(bad[i], false, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seen__like_a_plain_set),
        cmocka_unit_test(test_seen__at_the_ends_of_the_numbers),
        cmocka_unit_test(test_seen__kept_a_day_and_not_for_ever),
        cmocka_unit_test(test_seen__bounded),
        cmocka_unit_test(test_seen__multiranges),
        cmocka_unit_test(test_seen__what_is_no_multirange),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
