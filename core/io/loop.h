/*
 * loop.h - the event loop (libevent), its queue of finished operations, timers.
 *
 * A callback of a library records and queues; the loop then calls op.done, one
 * batch a turn, so that nothing that completes at once can starve the rest.
 */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include <stdint.h>

#include "io/op.h"

struct loop;
struct event_base;

struct loop *loop_new(void);
/* Every op must have been freed before: asserted. */
void loop_free(struct loop *loop);

/* Run until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

struct event_base *loop_base(struct loop *loop); /* for io/ only */
int loop_live_ops(const struct loop *loop);      /* not yet freed: for tests */

/* Milliseconds of a clock that never jumps back; a test of a bot moves it on. */
int64_t loop_now_ms(void);
int64_t loop_now_ns(void); /* the same clock, finer */
/* What has really passed: time-outs of I/O go by it, whatever a test does. */
int64_t loop_real_ms(void);

/*
 * Called after each batch of finished operations: for work that is cheaper when
 * gathered (one statement for many reads). Work that was asked for outside
 * op.done needs loop_turn_wanted(), which brings such a turn about. Every hook
 * must be cancelled before loop_free().
 */
struct loop_turn_hook;
typedef void (*loop_turn_fn)(void *arg);
struct loop_turn_hook *loop_at_end_of_turn(struct loop *loop, loop_turn_fn fn,
                                           void *arg);
void loop_turn_wanted(struct loop *loop);
void loop_end_of_turn_cancel(struct loop_turn_hook *hook); /* NULL is allowed */

/* Completes after ms (0: in the next turn), never sooner. */
struct op *timer_start(struct loop *loop, int64_t ms);

/*
 * For tests of bots (`moonpost test`). loop_advance(): both clocks (base/clock.h)
 * are ms ahead, and every timer has so much less to wait; those that are due then
 * complete in the next turns, in the order of their times. To let one thing lead
 * to the next, go from timer to timer: loop_next_timer_ms() is how long the first
 * one still waits, rounded up; -1: there is none.
 */
void loop_advance(struct loop *loop, int64_t ms);
int64_t loop_next_timer_ms(const struct loop *loop);
/* A look that comes again and again, like a sign of life: when time is moved on it
 * moves along, but is no stop on the way. Returns timer. */
struct op *timer_in_background(struct op *timer);
/* Nothing has finished that was not told, and no turn is due. */
bool loop_is_idle(const struct loop *loop);
/* Operations under way whose answer comes from another program. */
int loop_outside(const struct loop *loop);
/* Handle what is there, waiting for it up to ms. Never inside of loop_run(). */
void loop_once(struct loop *loop, int64_t ms);

/* fn runs in the loop for each of the signals, until loop_free(). */
typedef void (*loop_signal_fn)(int signal, void *arg);
void loop_on_signal(struct loop *loop, int signal, loop_signal_fn fn,
                    void *arg);

#endif
