/* test_counters.c - counts that expire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "script/counters.h"

#define NOW INT64_C(1700000000000)

static struct count_key person(int64_t user)
{
    return (struct count_key){ -100, user, { "", 0 } };
}

static struct count_key word(const char *text)
{
    return (struct count_key){ 0, 0, { text, strlen(text) } };
}

/* Forgotten between one window and a tenth more, whenever it came. */
static void test_counters__window(void **state)
{
    struct counters *all = counters_new(1000);
    struct counter *c = counters_find(all, "flood", 10000, false);

    (void)state;
    for (int64_t at = NOW; at < NOW + 2500; at += 37) {
        struct count_key key = person(at);

        assert_int_equal(counters_add(c, &key, at, 2), 2);
        assert_int_equal(counters_add(c, &key, at + 9999, 1), 3);
        assert_int_equal(counters_get(c, &key, at + 9999), 3);
        assert_int_equal(counters_get(c, &key, at + 11000), 1);
        assert_int_equal(counters_get(c, &key, at + 22000), 0);
    }
    counters_free(all);
}

/* Against a list of all that was added. */
static void test_counters__never_sooner_never_much_later(void **state)
{
    struct counters *all = counters_new(1000);
    struct counter *c = counters_find(all, "flood", 1000, false);
    struct count_key key = person(1);
    int64_t at = NOW, times[3000];
    int from = 0;

    (void)state;
    srandom(7);
    for (int i = 0; i < 3000; i++) {
        int64_t n, least = 0, most = 0;

        at += random() % (i % 300 == 0 ? 3000 : 60);
        times[i] = at;
        n = counters_add(c, &key, at, 1);
        while (times[from] < at - 1100)
            from++;
        for (int k = from; k <= i; k++) {
            least += times[k] > at - 1000;
            most += times[k] > at - 1100;
        }
        if (n < least || n > most)
            fail_msg("%lld of %lld to %lld", (long long)n, (long long)least,
                     (long long)most);
    }
    counters_free(all);
}

static void test_counters__without_window(void **state)
{
    struct counters *all = counters_new(1000);
    struct counter *c = counters_find(all, "warnings", 0, false);
    struct count_key key = word("a");

    (void)state;
    assert_int_equal(counters_add(c, &key, NOW, 3), 3);
    assert_int_equal(counters_add(c, &key, NOW * 2, -1), 2);
    assert_int_equal(counters_add(c, &key, NOW, -5), 0);
    assert_int_equal(counters_add(c, &key, NOW, 1), 1);
    assert_int_equal(counters_add(c, &key, NOW, INT64_MAX), INT64_MAX / 4);
    counters_reset(c, &key);
    assert_int_equal(counters_get(c, &key, NOW), 0);
    counters_free(all);
}

static void test_counters__keys_are_apart(void **state)
{
    struct counters *all = counters_new(1000);
    struct counter *a = counters_find(all, "a", 1000, false),
                   *b = counters_find(all, "b", 1000, false);
    struct count_key one = person(1), two = person(2), text = word("1");

    (void)state;
    assert_ptr_equal(counters_find(all, "a", 1000, false), a);
    assert_ptr_not_equal(counters_find(all, "a", 2000, false), a);
    counters_add(a, &one, NOW, 1);
    counters_add(a, &text, NOW, 5);
    assert_int_equal(counters_get(a, &two, NOW), 0);
    assert_int_equal(counters_get(b, &one, NOW), 0);
    assert_int_equal(counters_get(a, &one, NOW), 1);
    assert_int_equal(counters_get(a, &text, NOW), 5);
    counters_free(all);
}

static void test_counters__bounded(void **state)
{
    struct counters *all = counters_new(100);
    struct counter *c = counters_find(all, "a", 0, false);
    struct count_key first = person(1);

    (void)state;
    counters_add(c, &first, NOW, 1);
    for (int64_t i = 2; i < 1000; i++) {
        struct count_key key = person(i);

        counters_add(c, &key, NOW, i);
        assert_int_equal(counters_get(c, &first, NOW), 1); /* it is in use */
        assert_true(counters_kept(all) <= 100);
    }
    assert_int_equal(counters_kept(all), 100);
    counters_free(all);
}

static void test_counters__top(void **state)
{
    struct counters *all = counters_new(1000);
    struct counter *c = counters_find(all, "a", 1000, false);
    struct count_top top[3];

    (void)state;
    for (int64_t i = 1; i <= 20; i++) {
        struct count_key here = person(i), there = { -200, i, { "", 0 } };

        counters_add(c, &here, NOW, 1 + i * 7 % 20);
        counters_add(c, &there, NOW, 100);
    }
    assert_int_equal(counters_top(c, -100, 0, NOW, top, 3), 3);
    assert_int_equal(top[0].n, 20);
    assert_int_equal(top[1].n, 19);
    assert_int_equal(top[2].n, 18);
    assert_int_equal(top[0].user, 17); /* 119 % 20 is 19 */
    assert_int_equal(counters_top(c, 0, 5, NOW, top, 3), 2);
    assert_int_equal(top[0].chat, -200);
    assert_int_equal(counters_top(c, -100, 0, NOW + 1100, top, 3), 0);
    counters_free(all);
}

/* What is taken and told is once in the database, whatever comes in between. */
static void test_counters__durable(void **state)
{
    struct counters *all = counters_new(10);
    struct counter *c = counters_find(all, "w", 0, true);
    struct count_key key = person(1);
    struct count_change change[4];

    (void)state;
    assert_false(counters_knows(c, &key));
    counters_load(c, &key, 0, 40);
    counters_loaded(c, &key);
    assert_true(counters_knows(c, &key));
    counters_load(c, &key, 0, 40); /* two have asked */
    assert_int_equal(counters_add(c, &key, NOW, 1), 41);
    assert_int_equal(counters_unwritten(all), 1);
    assert_int_equal(counters_take(all, NOW, change, 4), 1);
    assert_int_equal(change[0].n, 1);
    assert_int_equal(change[0].keep_ms, 0);
    assert_int_equal(counters_take(all, NOW, change + 1, 3), 0);
    assert_int_equal(counters_add(c, &key, NOW, 2), 43);
    assert_int_equal(counters_take(all, NOW, change + 1, 3), 0);
    /* another process has added 5 meanwhile */
    counters_told(all, &change[0], true, 46);
    assert_int_equal(counters_get(c, &key, NOW), 48);
    assert_int_equal(counters_take(all, NOW, change, 4), 1);
    assert_int_equal(change[0].n, 2);
    counters_told(all, &change[0], false, 0);
    assert_int_equal(counters_take(all, NOW, change, 4), 1);
    assert_int_equal(change[0].n, 2);
    counters_reset(c, &key);
    for (int64_t i = 2; i < 40; i++) { /* it is not freed before it is told */
        struct count_key other = word("x");

        other.user = i;
        counters_add(counters_find(all, "x", 0, false), &other, NOW, 1);
    }
    counters_told(all, &change[0], true, 99); /* of before */
    assert_int_equal(counters_get(c, &key, NOW), 0);
    assert_int_equal(counters_unwritten(all), 0);
    counters_free(all);
}

/* Those that are written go first. */
static void test_counters__unwritten_ones_stay(void **state)
{
    struct counters *all = counters_new(10);
    struct counter *c = counters_find(all, "w", 60000, true),
                   *plain = counters_find(all, "p", 0, false);
    struct count_change change[100];
    int n;

    (void)state;
    for (int64_t i = 1; i <= 9; i++) {
        struct count_key key = person(i);

        counters_add(c, &key, NOW, i);
    }
    for (int64_t i = 1; i <= 30; i++) {
        struct count_key key = person(i);

        counters_add(plain, &key, NOW, i);
        assert_true(counters_kept(all) <= 10);
    }
    assert_int_equal(counters_lost(all), 0);
    n = counters_take(all, NOW, change, 100);
    assert_int_equal(n, 9);
    for (int i = 0; i < n; i++) {
        assert_true(change[i].keep_ms >= 60000 && change[i].keep_ms <= 72000);
        assert_true(change[i].slot <= NOW && change[i].slot > NOW - 6000);
        counters_told(all, &change[i], true, change[i].n);
    }
    assert_int_equal(counters_unwritten(all), 0);
    for (int64_t i = 1; i <= 10; i++) { /* as any other, now */
        struct count_key key = person(100 + i);

        counters_add(plain, &key, NOW, i);
    }
    assert_int_equal(counters_top(c, 0, 0, NOW, &(struct count_top){ 0 }, 1),
                     0);
    assert_int_equal(counters_lost(all), 0);
    counters_free(all);
}

/* The database is away: what can't be written is bounded, too, and what is on its
 * way to it stays. */
static void test_counters__unwritten_ones_are_bounded(void **state)
{
    struct counters *all = counters_new(10);
    struct counter *c = counters_find(all, "w", 0, true);
    struct count_key first = person(3);
    struct count_change change[20], more[20];

    (void)state;
    for (int64_t i = 1; i <= 30; i++) {
        struct count_key key = person(i);

        counters_add(c, &key, NOW, i);
        assert_int_equal(counters_kept(all), i < 10 ? i : 10);
        if (i == 4)
            assert_int_equal(counters_take(all, NOW, change, 3), 3);
        if (i > 3)
            assert_int_equal(counters_add(c, &first, NOW, 1), i);
    }
    assert_int_equal(counters_lost(all), 20);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(change[i].n, i + 1);
        assert_int_equal(change[i].key.user, i + 1);
        counters_told(all, &change[i], false, 0);
    }
    assert_int_equal(counters_unwritten(all), 10);
    assert_int_equal(counters_take(all, NOW, more, 20), 10);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(more[i].key.user, i < 3 ? i + 1 : 21 + i);
        assert_int_equal(more[i].n, i == 2 ? 30 : more[i].key.user);
    }
    /* all are on their way: one more than the limit at most */
    for (int64_t i = 100; i < 130; i++) {
        struct count_key key = person(i);

        counters_add(c, &key, NOW, 1);
        assert_int_equal(counters_kept(all), 11);
    }
    counters_free(all);
}

/* A new one does not look through all that can't be written: that hung. */
static void test_counters__room_at_once(void **state)
{
    struct counters *all = counters_new(100000);
    struct counter *c = counters_find(all, "w", 0, true);

    (void)state;
    for (int64_t i = 1; i <= 400000; i++) {
        struct count_key key = person(i);

        counters_add(c, &key, NOW, 1);
    }
    assert_int_equal(counters_kept(all), 100000);
    assert_int_equal(counters_lost(all), 300000);
    counters_free(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counters__window),
        cmocka_unit_test(test_counters__never_sooner_never_much_later),
        cmocka_unit_test(test_counters__without_window),
        cmocka_unit_test(test_counters__keys_are_apart),
        cmocka_unit_test(test_counters__bounded),
        cmocka_unit_test(test_counters__top),
        cmocka_unit_test(test_counters__durable),
        cmocka_unit_test(test_counters__unwritten_ones_stay),
        cmocka_unit_test(test_counters__unwritten_ones_are_bounded),
        cmocka_unit_test(test_counters__room_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
