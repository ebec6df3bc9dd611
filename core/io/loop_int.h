/*
 * loop_int.h - the loop's inside, for io/ only.
 */
#ifndef IO_LOOP_INT_H
#define IO_LOOP_INT_H

#include <event2/event.h>

#include "io/loop.h"

TAILQ_HEAD(op_queue, op);

struct loop_turn_hook {
    struct loop *loop;
    loop_turn_fn fn;
    void *arg;
    TAILQ_ENTRY(loop_turn_hook) link;
};

struct timer {
    struct op op;
    struct event *event;
    int64_t due_ns; /* by clock_steady_ns() */
    bool background;
    TAILQ_ENTRY(timer) link; /* while it waits */
};

struct loop_signal {
    struct event *event;
    loop_signal_fn fn;
    void *arg;
    struct loop_signal *next;
};

struct loop {
    struct event_base *base;
    struct event *wake; /* active: a drain is due */
    bool waking, draining;
    struct op_queue finished; /* QUEUED, since the last batch was taken */
    struct op_queue batch;    /* QUEUED, being called in this turn */
    TAILQ_HEAD(, loop_turn_hook) hooks;
    struct loop_turn_hook *next_hook; /* safe against cancel while iterating */
    struct loop_signal *signals;
    int live_ops;
    int outside;                /* of the running ones */
    TAILQ_HEAD(, timer) timers; /* that wait */
};

/* See to it that the queue is drained and the hooks are called this turn. */
void loop_wake(struct loop *loop);
void loop_unqueue(struct op *op);

#endif
