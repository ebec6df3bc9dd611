/* test_parked.c - updates that wait for others' lanes, and suspects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bot/parked.h"

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static struct parked *parked;
static struct buf events;
static bool at_once; /* a suspect runs as soon as it is told */

static void on_run(struct incoming *in, void *arg)
{
    (void)arg;
    buf_addf(&events, "run %lld\n", (long long)in->u.id);
    incoming_free(in);
}

static void on_suspect(struct incoming *in, void *arg)
{
    (void)arg;
    buf_addf(&events, "suspect %lld\n", (long long)in->u.id);
    if (at_once)
        parked_run_suspect(parked, in->u.id);
}

static int setup(void **state)
{
    (void)state;
    at_once = false;
    buf_init(&events);
    buf_adds(&events, "");
    parked = parked_new(
        &(struct parked_callbacks){ .run = on_run, .suspect = on_suspect });
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    parked_free(parked);
    buf_release(&events);
    return 0;
}

/* False: it was not taken, and is gone. */
static bool push(int64_t id, int64_t lane, int tries)
{
    struct incoming *in = xalloc(sizeof(*in));

    buf_init(&in->text);
    in->u.id = id;
    in->lane = lane;
    in->tries = tries;
    if (parked_push(parked, in))
        return true;
    incoming_free(in);
    return false;
}

static void busy(size_t n, int64_t a, int64_t b)
{
    parked_set_busy(parked, (struct parked_lane[]){ { a, 0 }, { b, 0 } }, n);
}

static void expect(const char *text)
{
    assert_string_equal(events.len ? events.data : "", text);
    buf_reset(&events);
}

static void test_parked__nothing_waits(void **state)
{
    (void)state;
    assert_false(push(1, 7, 0));
    assert_false(parked_has_busy(parked));
    parked_done(parked, 1);
    assert_int_equal(parked_count(parked), 0);
    expect("");
}

static void test_parked__behind_others(void **state)
{
    (void)state;
    busy(2, 7, 8);
    assert_true(parked_has_busy(parked));
    assert_true(push(1, 7, 0));
    assert_true(push(2, 8, 0));
    assert_true(push(3, 7, 0));
    assert_false(push(4, 9, 0));
    assert_int_equal(parked_count(parked), 3);
    expect("");
    busy(1, 8, 0);
    expect("run 1\nrun 3\n");
    assert_false(push(5, 7, 0)); /* its lane is free again */
    busy(0, 0, 0);
    expect("run 2\n");
    assert_int_equal(parked_count(parked), 0);
    assert_false(parked_has_busy(parked));
}

/* What there was no room for is behind what is here; new ones are behind it. */
static void test_parked__before_those_elsewhere(void **state)
{
    (void)state;
    parked_set_busy(parked, (struct parked_lane[]){ { 7, 5 } }, 1);
    push(2, 7, 0);
    push(3, 7, 1);
    push(4, 7, 0);
    push(9, 7, 0);
    push(6, 7, 1);
    expect("");
    parked_set_busy(parked, (struct parked_lane[]){ { 7, 5 } }, 1);
    expect("run 2\nsuspect 3\n");
    parked_run_suspect(parked, 3);
    parked_done(parked, 3);
    expect("run 3\nrun 4\n");
    push(5, 7, 0);
    busy(0, 0, 0);
    expect("run 5\nsuspect 6\n");
}

/* Older ones, that others have left, are loaded after newer ones have come. */
static void test_parked__in_order_whenever_they_come(void **state)
{
    (void)state;
    busy(1, 7, 0);
    push(5, 7, 0);
    push(2, 7, 0);
    push(9, 7, 0);
    push(1, 7, 0);
    push(7, 7, 0);
    busy(0, 0, 0);
    expect("run 1\nrun 2\nrun 5\nrun 7\nrun 9\n");
}

static void test_parked__suspects_run_alone(void **state)
{
    (void)state;
    assert_true(push(1, 7, 2));
    assert_true(push(2, 8, 2));
    assert_true(push(3, 9, 2));
    expect("suspect 1\n");
    parked_run_suspect(parked, 99); /* it has no turn */
    parked_run_suspect(parked, 1);
    parked_run_suspect(parked, 1); /* once */
    expect("run 1\n");
    parked_done(parked, 99); /* another one's */
    expect("");
    parked_done(parked, 1);
    expect("suspect 2\n");
    parked_run_suspect(parked, 2);
    parked_done(parked, 2);
    expect("run 2\nsuspect 3\n");
}

/* The first time; then each alone, when no other is there. */
static void test_parked__suspects_run_together_once(void **state)
{
    char all[300] = "";

    (void)state;
    busy(1, 7, 0);
    push(1, 7, 2);
    for (int i = 2; i < 12; i++)
        push(i, i + 10, 1);
    for (int i = 2; i < 10; i++)
        sprintf(all + strlen(all), "suspect %d\n", i);
    expect(all); /* PARKED_TOGETHER */
    busy(0, 0, 0);
    expect("");
    for (int i = 2; i < 10; i++)
        parked_run_suspect(parked, i);
    buf_reset(&events);
    parked_done(parked, 5);
    expect("suspect 10\n");
    parked_done(parked, 6);
    expect("suspect 11\n");
    parked_run_suspect(parked, 10);
    parked_run_suspect(parked, 11);
    buf_reset(&events);
    for (int i = 2; i < 11; i++)
        parked_done(parked, i);
    expect(""); /* not beside the last one */
    parked_done(parked, 11);
    expect("suspect 1\n");
}

static void test_parked__those_tried_least_go_first(void **state)
{
    (void)state;
    busy(1, 7, 0);
    push(1, 7, 1); /* waits for others */
    push(2, 8, 2);
    push(3, 9, 2);
    push(4, 10, 1);
    expect("suspect 2\n");
    parked_run_suspect(parked, 2);
    parked_done(parked, 2);
    expect("run 2\nsuspect 4\n");
    parked_run_suspect(parked, 4);
    busy(0, 0, 0);
    parked_done(parked, 4);
    expect("run 4\nsuspect 1\n");
    parked_run_suspect(parked, 1);
    parked_done(parked, 1);
    expect("run 1\nsuspect 3\n");
}

/* What follows a suspect in its lane waits for its end; others' don't. */
static void test_parked__a_suspects_lane(void **state)
{
    (void)state;
    push(1, 7, 1);
    assert_true(push(2, 7, 0));
    assert_false(push(3, 8, 0));
    parked_run_suspect(parked, 1);
    assert_true(push(4, 7, 0)); /* while it runs, too */
    expect("suspect 1\nrun 1\n");
    busy(0, 0, 0);
    expect("");
    parked_done(parked, 1);
    expect("run 2\nrun 4\n");
    assert_false(push(5, 7, 0));
}

static void test_parked__two_suspects_in_a_lane(void **state)
{
    (void)state;
    at_once = true;
    push(1, 7, 1);
    push(2, 7, 0);
    push(3, 7, 1);
    push(4, 7, 0);
    expect("suspect 1\nrun 1\n");
    parked_done(parked, 1);
    expect("run 2\nsuspect 3\nrun 3\n");
    parked_done(parked, 3);
    expect("run 4\n");
    assert_int_equal(parked_count(parked), 0);
}

/* It was told already when others became busy with its lane again, or it is
 * freed with all that waits (by teardown). */
static void test_parked__busy_while_a_suspect_is_noted(void **state)
{
    (void)state;
    push(1, 7, 1);
    busy(1, 7, 0);
    push(2, 7, 0);
    parked_run_suspect(parked, 1);
    expect("suspect 1\nrun 1\n");
    parked_done(parked, 1);
    expect("");
    busy(0, 0, 0);
    expect("run 2\n");
    busy(1, 7, 0);
    push(3, 7, 0);
    push(4, 8, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_parked__nothing_waits),
        TEST(test_parked__behind_others),
        TEST(test_parked__in_order_whenever_they_come),
        TEST(test_parked__suspects_run_alone),
        TEST(test_parked__before_those_elsewhere),
        TEST(test_parked__suspects_run_together_once),
        TEST(test_parked__those_tried_least_go_first),
        TEST(test_parked__a_suspects_lane),
        TEST(test_parked__two_suspects_in_a_lane),
        TEST(test_parked__busy_while_a_suspect_is_noted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
