/* test_io.c - the loop, its operations, timers and hooks; watching files. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "io/loop.h"
#include "io/watch.h"

static struct {
    struct loop *loop;
    char order[100]; /* a letter for each thing that happened */
    int stops, frees, turns;
    struct op *victim;
    struct loop_turn_hook *hook, *other_hook;
} t;

static void note(const char *letter)
{
    strcat(t.order, letter);
}

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    t.loop = loop_new();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    assert_int_equal(loop_live_ops(t.loop), 0);
    loop_free(t.loop);
    return 0;
}

/* --- an op that completes when it is told to ------------------------------------- */

static void manual_stop(struct op *op)
{
    (void)op;
    t.stops++;
}

static void manual_free(struct op *op)
{
    t.frees++;
    free(op);
}

static const struct op_class manual = { "manual", manual_stop, manual_free };

static struct op *manual_start(op_done_fn done, const char *letter)
{
    struct op *op = xalloc(sizeof(*op));

    op_init(op, &manual, t.loop);
    op->done = done;
    op->arg = (void *)letter;
    return op;
}

static void note_and_free(struct op *op)
{
    note(op->arg);
    op_free(op);
}

static void stop_and_free(struct op *op)
{
    op_free(op);
    loop_stop(t.loop);
}

static void run_ms(int64_t ms)
{
    timer_start(t.loop, ms)->done = stop_and_free;
    loop_run(t.loop);
}

/* --- completing --------------------------------------------------------------------- */

static void test_op__done_comes_from_the_loop(void **state)
{
    struct op *op = manual_start(note_and_free, "a");

    (void)state;
    assert_int_equal(op->state, OP_RUNNING);
    op_complete(op);
    assert_int_equal(op->state, OP_QUEUED);
    assert_string_equal(t.order, "");
    run_ms(0);
    assert_string_equal(t.order, "a");
    assert_int_equal(t.frees, 1);
    assert_int_equal(t.stops, 0);
}

static void test_op__nobody_asks(void **state)
{
    struct op *op = manual_start(NULL, "a");

    (void)state;
    op_complete(op);
    run_ms(1);
    assert_int_equal(op->state, OP_DONE);
    op_free(op);
    assert_int_equal(t.stops, 0);
}

static void start_another(struct op *op)
{
    note_and_free(op);
    op_complete(manual_start(note_and_free, "c"));
    note("-");
}

/* What completes in a done is called in the next turn, after the hooks. */
static void note_turn(void *arg)
{
    note(arg);
}

static void test_loop__one_batch_a_turn(void **state)
{
    (void)state;
    t.hook = loop_at_end_of_turn(t.loop, note_turn, "|");
    op_complete(manual_start(start_another, "a"));
    op_complete(manual_start(note_and_free, "b"));
    run_ms(5);
    /* the last turn is the timer's, which stops the loop before its hooks end */
    assert_memory_equal(t.order, "a-b|c|", 6);
    loop_end_of_turn_cancel(t.hook);
}

static void complete_here(struct op *op)
{
    struct op *outer = op->arg;

    op_free(op);
    note("<");
    op_complete_here(outer);
    note(">");
}

static void test_op__complete_here(void **state)
{
    struct op *outer = manual_start(note_and_free, "o");
    struct op *inner = manual_start(complete_here, NULL);

    (void)state;
    inner->arg = outer;
    op_complete(inner);
    run_ms(1);
    assert_string_equal(t.order, "<o>");
}

/* An op that completes again and again does not keep others out. */
static void again(struct op *op)
{
    bool go_on = !t.order[0];

    op_free(op);
    t.turns++;
    if (go_on)
        timer_start(t.loop, 0)->done = again;
}

static void note_timer(struct op *op)
{
    note_and_free(op);
}

static void test_loop__a_tight_loop_starves_nobody(void **state)
{
    struct op *timer = timer_start(t.loop, 20);

    (void)state;
    timer->done = note_timer;
    timer->arg = "t";
    timer_start(t.loop, 0)->done = again;
    run_ms(200);
    assert_string_equal(t.order, "t");
    assert_true(t.turns > 3);
}

/* --- freeing ---------------------------------------------------------------------------- */

static void fail_done(struct op *op)
{
    (void)op;
    fail_msg("done was called after op_free()");
}

static void test_op__free_while_running(void **state)
{
    (void)state;
    op_free(NULL);
    op_free(manual_start(fail_done, ""));
    assert_int_equal(t.stops, 1);
    assert_int_equal(t.frees, 1);
    run_ms(1);
}

static void test_op__free_while_queued(void **state)
{
    struct op *op = manual_start(fail_done, ""), *other;

    (void)state;
    op_complete(op);
    other = manual_start(note_and_free, "b");
    op_complete(other);
    op_free(op);
    assert_int_equal(t.stops, 0);
    run_ms(1);
    assert_string_equal(t.order, "b");
}

static void free_victim(struct op *op)
{
    note_and_free(op);
    op_free(t.victim);
}

/* In the same batch: taken out of the queue already, not yet called. */
static void test_op__free_in_anothers_done(void **state)
{
    struct op *first = manual_start(free_victim, "a"), *last;

    (void)state;
    t.victim = manual_start(fail_done, "");
    last = manual_start(note_and_free, "c");
    op_complete(first);
    op_complete(t.victim);
    op_complete(last);
    run_ms(1);
    assert_string_equal(t.order, "ac");
    assert_int_equal(t.frees, 3);
}

static void test_op__a_late_op_freed_in_a_done(void **state)
{
    struct op *first = manual_start(free_victim, "a");

    (void)state;
    t.victim = timer_start(t.loop, 100000);
    t.victim->done = fail_done;
    op_complete(first);
    run_ms(1);
    assert_string_equal(t.order, "a");
}

/* --- timers ------------------------------------------------------------------------------ */

static void test_timer__order(void **state)
{
    static const struct {
        int ms;
        const char *letter;
    } timers[] = { { 30, "c" }, { 10, "b" }, { 0, "a" }, { 40, "d" } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
        struct op *op = timer_start(t.loop, timers[i].ms);

        op->done = note_and_free;
        op->arg = (void *)timers[i].letter;
        assert_int_equal(op->state, OP_RUNNING);
    }
    run_ms(60);
    assert_string_equal(t.order, "abcd");
}

static void test_timer__negative_is_now(void **state)
{
    struct op *op = timer_start(t.loop, -5);

    (void)state;
    op->done = note_and_free;
    op->arg = "a";
    run_ms(5);
    assert_string_equal(t.order, "a");
}

static struct {
    int64_t started_ns, waited_ns;
} run;

static void note_waited(struct op *op)
{
    run.waited_ns = loop_now_ns() - run.started_ns;
    stop_and_free(op);
}

static void start_late(struct op *op)
{
    int64_t until = loop_now_ns() + 20000000;

    while (loop_now_ns() < until)
        ; /* the turn is 20 ms old, and so is the time the turn has */
    op_free(op);
    run.started_ns = loop_now_ns();
    timer_start(t.loop, 30)->done = note_waited;
    for (int ms = 1; ms < 30; ms++) /* libevent looks at its timers each time */
        timer_start(t.loop, ms)->done = op_free;
}

/* Not from the beginning of the turn, and not by the kernel's coarse clock. */
static void test_timer__waits_from_when_it_was_started(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        timer_start(t.loop, i)->done = start_late;
        loop_run(t.loop);
        assert_true(run.waited_ns >= 30000000);
    }
}

/* --- time that is moved on ---------------------------------------------------------------- */

static void start_timer(int64_t ms, const char *letter, bool background)
{
    struct op *op = timer_start(t.loop, ms);

    op->done = note_and_free;
    op->arg = (void *)letter;
    if (background)
        assert_ptr_equal(timer_in_background(op), op);
}

/* Until nothing is due: well below the first timer. */
static void let_it_run(void)
{
    do
        loop_once(t.loop, 0);
    while (!loop_is_idle(t.loop) || loop_next_timer_ms(t.loop) == 0);
}

static void test_advance__what_is_due_comes_in_order(void **state)
{
    int64_t began = loop_now_ms(), real = loop_real_ms();

    (void)state;
    assert_int_equal(loop_next_timer_ms(t.loop), -1);
    start_timer(3000000, "c", false);
    start_timer(1000000, "a", false);
    start_timer(2000000, "b", false);
    start_timer(4000000, "d", false);
    loop_advance(t.loop, 3500000);
    let_it_run();
    assert_string_equal(t.order, "abc");
    assert_true(loop_now_ms() - began >= 3500000);
    assert_true(loop_real_ms() - real < 400000);
    assert_in_range(loop_next_timer_ms(t.loop), 400000, 500000);
    loop_advance(t.loop, 500000);
    let_it_run();
    assert_string_equal(t.order, "abcd");
}

static void test_advance__the_background_is_no_stop(void **state)
{
    (void)state;
    start_timer(1000000, "b", true);
    assert_int_equal(loop_next_timer_ms(t.loop), -1);
    start_timer(2000000, "f", false);
    assert_in_range(loop_next_timer_ms(t.loop), 1900000, 2000000);
    loop_advance(t.loop, 2000000);
    let_it_run();
    assert_string_equal(t.order, "bf");
}

static void test_advance__a_timer_that_was_freed(void **state)
{
    struct op *op = timer_start(t.loop, 1000000);

    (void)state;
    op_free(op);
    loop_advance(t.loop, 2000000);
    assert_int_equal(loop_next_timer_ms(t.loop), -1);
    let_it_run();
    start_timer(0, "a", false);
    let_it_run();
    assert_string_equal(t.order, "a");
}

static void test_loop__what_goes_outside_is_counted(void **state)
{
    struct op *a = timer_start(t.loop, 0), *b = timer_start(t.loop, 1000000);

    (void)state;
    a->done = note_and_free;
    a->arg = "a";
    assert_int_equal(loop_outside(t.loop), 0);
    op_goes_outside(a);
    op_goes_outside(b);
    assert_int_equal(loop_outside(t.loop), 2);
    let_it_run();
    assert_string_equal(t.order, "a");
    assert_int_equal(loop_outside(t.loop), 1);
    op_free(b);
    assert_int_equal(loop_outside(t.loop), 0);
}

/* --- the end of a turn ---------------------------------------------------------------------- */

static void test_loop__a_turn_on_demand(void **state)
{
    (void)state;
    t.hook = loop_at_end_of_turn(t.loop, note_turn, "x");
    loop_turn_wanted(t.loop);
    loop_turn_wanted(t.loop);
    run_ms(20);
    assert_memory_equal(t.order, "x", 1);
    assert_true(strlen(t.order) <= 2); /* the timer's own turn may be one */
    loop_end_of_turn_cancel(t.hook);
}

static void cancel_both(void *arg)
{
    (void)arg;
    note("1");
    loop_end_of_turn_cancel(t.hook);
    loop_end_of_turn_cancel(t.other_hook);
    t.hook = t.other_hook = NULL;
}

static void test_loop__hooks_cancelled_in_a_hook(void **state)
{
    struct loop_turn_hook *last;

    (void)state;
    loop_end_of_turn_cancel(NULL);
    t.hook = loop_at_end_of_turn(t.loop, cancel_both, NULL);
    t.other_hook = loop_at_end_of_turn(t.loop, note_turn, "2");
    last = loop_at_end_of_turn(t.loop, note_turn, "3");
    loop_turn_wanted(t.loop);
    run_ms(5);
    assert_memory_equal(t.order, "13", 2);
    assert_null(strchr(t.order, '2'));
    loop_end_of_turn_cancel(last);
}

/* --- signals ------------------------------------------------------------------------------------ */

static void on_signal(int number, void *arg)
{
    (void)arg;
    note(number == SIGUSR1 ? "1" : "2");
    if (strlen(t.order) == 2)
        loop_stop(t.loop);
}

static void test_loop__signals(void **state)
{
    (void)state;
    loop_on_signal(t.loop, SIGUSR1, on_signal, NULL);
    loop_on_signal(t.loop, SIGUSR2, on_signal, NULL);
    raise(SIGUSR1);
    raise(SIGUSR2);
    loop_run(t.loop);
    assert_true(strchr(t.order, '1') && strchr(t.order, '2'));
}

/* --- watching ------------------------------------------------------------------------------------- */

static void on_change(void *arg)
{
    int *n = arg;

    ++*n;
    loop_stop(t.loop);
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[200];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* Runs until told, or fails after a while. */
static void expect_change(int *n, int wanted)
{
    struct op *timer = timer_start(t.loop, 30000);

    timer->done = fail_done;
    while (*n < wanted)
        loop_run(t.loop);
    op_free(timer);
    run_ms(40);
    assert_int_equal(*n, wanted); /* and no more than once */
}

/* What is not closed yet is not told of, whatever else changes. */
static void test_watch__half_a_file(void **state)
{
    char dir[] = "/tmp/moonpost-test-XXXXXX", path[200], other[200];
    struct err err = ERR_INIT;
    struct watch *w;
    FILE *f;
    int n = 0;

    (void)state;
    assert_non_null(mkdtemp(dir));
    w = watch_new(t.loop, on_change, &n, &err);
    assert_non_null(w);
    watch_add(w, dir);
    snprintf(path, sizeof(path), "%s/a.lua", dir);
    snprintf(other, sizeof(other), "%s/b.lua", dir);
    f = fopen(path, "w");
    assert_non_null(f);
    run_ms(30);
    write_file(dir, "b.lua", "whole");
    run_ms(400);
    assert_int_equal(n, 0);
    fputs("the rest", f);
    fclose(f);
    expect_change(&n, 1);
    unlink(path);
    expect_change(&n, 2);
    assert_int_equal(link(other, path), 0); /* never closed */
    expect_change(&n, 3);
    unlink(path);
    assert_int_equal(symlink(other, path), 0);
    expect_change(&n, 4);
    f = fopen(path, "a"); /* gone while it is written */
    assert_non_null(f);
    fputs("x", f);
    fflush(f);
    run_ms(30);
    unlink(other);
    unlink(path);
    fclose(f);
    expect_change(&n, 5);
    watch_free(w);
    rmdir(dir);
}

/* What can be seen and is not told of: looked at again, and believed in the end. */
static void test_watch__what_is_doubtful(void **state)
{
    char dir[] = "/tmp/moonpost-test-XXXXXX", path[200];
    struct err err = ERR_INIT;
    struct watch *w;
    int n = 0;

    (void)state;
    assert_non_null(mkdtemp(dir));
    w = watch_new(t.loop, on_change, &n, &err);
    assert_non_null(w);
    watch_add(w, dir);
    assert_false(watch_doubts(w, false));
    assert_true(watch_doubts(w, true));
    expect_change(&n, 1);
    assert_false(watch_doubts(w, true));
    assert_true(watch_doubts(w, true));
    write_file(dir, "a.lua", "whole"); /* sooner than the second */
    expect_change(&n, 2);
    assert_false(watch_doubts(w, false));
    assert_true(watch_doubts(w, true)); /* from the beginning */
    expect_change(&n, 3);
    watch_free(w);
    snprintf(path, sizeof(path), "rm -r '%s'", dir);
    assert_int_equal(system(path), 0);
}

static void test_watch__tells_once(void **state)
{
    char dir[] = "/tmp/moonpost-test-XXXXXX", sub[100], path[200], other[200];
    struct err err = ERR_INIT;
    struct watch *w;
    int n = 0;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(sub, sizeof(sub), "%s/new", dir);
    w = watch_new(t.loop, on_change, &n, &err);
    assert_non_null(w);
    watch_add(w, dir);
    watch_add(w, "/nowhere/at/all");
    write_file(dir, "a.lua", "one");
    write_file(dir, "b.lua", "two");
    expect_change(&n, 1);
    mkdir(sub, 0755);
    write_file(sub, "c.lua", "within");
    expect_change(&n, 2);
    write_file(sub, "c.lua", "again");
    expect_change(&n, 3);
    snprintf(path, sizeof(path), "%s/a.lua", dir);
    snprintf(other, sizeof(other), "%s/d.lua", dir);
    rename(path, other); /* how many editors save */
    expect_change(&n, 4);
    unlink(other);
    expect_change(&n, 5);
    snprintf(path, sizeof(path), "%s/c.lua", sub);
    unlink(path);
    rmdir(sub);
    expect_change(&n, 6);
    mkdir(sub, 0755); /* the same name again */
    write_file(sub, "e.lua", "x");
    expect_change(&n, 7);
    watch_free(w);
    watch_free(NULL);
    snprintf(path, sizeof(path), "rm -r '%s'", dir);
    assert_int_equal(system(path), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_op__done_comes_from_the_loop),
        TEST(test_op__nobody_asks),
        TEST(test_loop__one_batch_a_turn),
        TEST(test_op__complete_here),
        TEST(test_loop__a_tight_loop_starves_nobody),
        TEST(test_op__free_while_running),
        TEST(test_op__free_while_queued),
        TEST(test_op__free_in_anothers_done),
        TEST(test_op__a_late_op_freed_in_a_done),
        TEST(test_timer__order),
        TEST(test_timer__negative_is_now),
        TEST(test_timer__waits_from_when_it_was_started),
        TEST(test_advance__what_is_due_comes_in_order),
        TEST(test_advance__the_background_is_no_stop),
        TEST(test_advance__a_timer_that_was_freed),
        TEST(test_loop__what_goes_outside_is_counted),
        TEST(test_loop__a_turn_on_demand),
        TEST(test_loop__hooks_cancelled_in_a_hook),
        TEST(test_loop__signals),
        TEST(test_watch__half_a_file),
        TEST(test_watch__what_is_doubtful),
        TEST(test_watch__tells_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
