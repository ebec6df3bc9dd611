/* loop.c - see loop.h. */
#include "io/loop.h"

#include <assert.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/clock.h"
#include "io/loop_int.h"

#define NS_PER_MS INT64_C(1000000)

static void drain(struct loop *loop)
{
    struct op *op;

    /* One batch: what finishes meanwhile comes in the next turn. */
    TAILQ_CONCAT(&loop->batch, &loop->finished, link);
    while ((op = TAILQ_FIRST(&loop->batch))) {
        TAILQ_REMOVE(&loop->batch, op, link);
        op->state = OP_DONE;
        if (op->done)
            op->done(op);
    }
}

static void run_hooks(struct loop *loop)
{
    struct loop_turn_hook *hook;

    for (hook = TAILQ_FIRST(&loop->hooks); hook; hook = loop->next_hook) {
        loop->next_hook = TAILQ_NEXT(hook, link);
        hook->fn(hook->arg);
    }
    loop->next_hook = NULL;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct loop *loop = arg;

    (void)fd;
    (void)what;
    loop->waking = false;
    loop->draining = true;
    drain(loop);
    run_hooks(loop);
    loop->draining = false;
}

void loop_wake(struct loop *loop)
{
    static const struct timeval now = { 0, 0 };

    if (loop->waking)
        return;
    loop->waking = true;
    if (loop->draining)
        event_add(loop->wake, &now); /* let I/O have its turn in between */
    else
        event_active(loop->wake, EV_TIMEOUT, 1);
}

void loop_unqueue(struct op *op)
{
    struct loop *loop = op->loop;
    struct op *other;

    TAILQ_FOREACH (other, &loop->batch, link) {
        if (other == op) {
            TAILQ_REMOVE(&loop->batch, op, link);
            return;
        }
    }
    TAILQ_REMOVE(&loop->finished, op, link);
}

struct loop *loop_new(void)
{
    struct loop *loop = xalloc(sizeof(*loop));
    struct event_config *config = event_config_new();

    TAILQ_INIT(&loop->finished);
    TAILQ_INIT(&loop->batch);
    TAILQ_INIT(&loop->hooks);
    TAILQ_INIT(&loop->timers);
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    loop->base = event_base_new_with_config(config);
    event_config_free(config);
    if (!loop->base)
        abort();
    loop->wake = evtimer_new(loop->base, on_wake, loop);
    return loop;
}

void loop_free(struct loop *loop)
{
    struct loop_signal *s;

    assert(loop->live_ops == 0);
    assert(TAILQ_EMPTY(&loop->hooks));
    while ((s = loop->signals)) {
        loop->signals = s->next;
        event_free(s->event);
        free(s);
    }
    event_free(loop->wake);
    event_base_free(loop->base);
    free(loop);
}

void loop_run(struct loop *loop)
{
    event_base_loop(loop->base, EVLOOP_NO_EXIT_ON_EMPTY);
}

void loop_stop(struct loop *loop)
{
    event_base_loopbreak(loop->base);
}

struct event_base *loop_base(struct loop *loop)
{
    return loop->base;
}

int loop_live_ops(const struct loop *loop)
{
    return loop->live_ops;
}

int64_t loop_now_ms(void)
{
    return clock_steady_ns() / 1000000;
}

int64_t loop_now_ns(void)
{
    return clock_steady_ns();
}

int64_t loop_real_ms(void)
{
    return loop_now_ms() - clock_ahead_ms();
}

struct loop_turn_hook *loop_at_end_of_turn(struct loop *loop, loop_turn_fn fn,
                                           void *arg)
{
    struct loop_turn_hook *hook = xalloc(sizeof(*hook));

    *hook = (struct loop_turn_hook){ .loop = loop, .fn = fn, .arg = arg };
    TAILQ_INSERT_TAIL(&loop->hooks, hook, link);
    return hook;
}

void loop_turn_wanted(struct loop *loop)
{
    loop_wake(loop);
}

void loop_end_of_turn_cancel(struct loop_turn_hook *hook)
{
    if (!hook)
        return;
    if (hook->loop->next_hook == hook)
        hook->loop->next_hook = TAILQ_NEXT(hook, link);
    TAILQ_REMOVE(&hook->loop->hooks, hook, link);
    free(hook);
}

/* --- timers --------------------------------------------------------------- */

static void timer_stop(struct op *op)
{
    struct timer *timer = (struct timer *)op;

    event_del(timer->event);
    TAILQ_REMOVE(&op->loop->timers, timer, link);
}

static void timer_free(struct op *op)
{
    struct timer *timer = (struct timer *)op;

    event_free(timer->event);
    free(timer);
}

static const struct op_class timer_class = { "timer", timer_stop, timer_free };

/* What should have been before now is before it by so much: the order stays. */
static void timer_again(struct timer *timer, int64_t now_ns)
{
    int64_t us = (timer->due_ns - now_ns) / 1000, s = us / 1000000;
    struct timeval tv;

    if (us < s * 1000000)
        s--;
    tv = (struct timeval){ s, us - s * 1000000 };
    event_add(timer->event, &tv);
}

/*
 * libevent counts from the time of its turn, which can be as old as the turn, and
 * by the kernel's coarse clock, up to 10 ms behind: it may tell us too soon.
 */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct timer *timer = arg;
    int64_t now_ns = clock_steady_ns();

    (void)fd;
    (void)what;
    if (timer->due_ns > now_ns) {
        timer_again(timer, now_ns);
        return;
    }
    TAILQ_REMOVE(&timer->op.loop->timers, timer, link);
    op_complete(&timer->op);
}

struct op *timer_start(struct loop *loop, int64_t ms)
{
    struct timer *timer = xalloc(sizeof(*timer));
    struct timeval tv;

    if (ms < 0)
        ms = 0;
    tv = (struct timeval){ ms / 1000, (ms % 1000) * 1000 };
    op_init(&timer->op, &timer_class, loop);
    timer->due_ns = clock_steady_ns() + ms * NS_PER_MS;
    timer->event = evtimer_new(loop->base, on_timer, timer);
    event_add(timer->event, &tv);
    TAILQ_INSERT_TAIL(&loop->timers, timer, link);
    return &timer->op;
}

/* --- time that is moved on ------------------------------------------------- */

struct op *timer_in_background(struct op *timer)
{
    assert(timer->class == &timer_class);
    ((struct timer *)timer)->background = true;
    return timer;
}

void loop_advance(struct loop *loop, int64_t ms)
{
    struct timer *timer;
    int64_t now_ns;

    clock_advance(ms);
    now_ns = clock_steady_ns();
    TAILQ_FOREACH (timer, &loop->timers, link)
        timer_again(timer, now_ns);
}

int64_t loop_next_timer_ms(const struct loop *loop)
{
    const struct timer *timer, *first = NULL;
    int64_t ns;

    TAILQ_FOREACH (timer, &loop->timers, link)
        if (!timer->background && (!first || timer->due_ns < first->due_ns))
            first = timer;
    if (!first)
        return -1;
    ns = first->due_ns - clock_steady_ns();
    return ns > 0 ? (ns + NS_PER_MS - 1) / NS_PER_MS : 0;
}

bool loop_is_idle(const struct loop *loop)
{
    return !loop->waking && TAILQ_EMPTY(&loop->finished) &&
           TAILQ_EMPTY(&loop->batch);
}

int loop_outside(const struct loop *loop)
{
    return loop->outside;
}

static void on_once_over(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

void loop_once(struct loop *loop, int64_t ms)
{
    struct timeval tv = { ms / 1000, (ms % 1000) * 1000 };
    struct event *over = evtimer_new(loop->base, on_once_over, NULL);

    event_add(over, &tv);
    event_base_loop(loop->base, EVLOOP_ONCE);
    event_free(over);
}

/* --- signals -------------------------------------------------------------- */

static void on_signal(evutil_socket_t number, short what, void *arg)
{
    struct loop_signal *s = arg;

    (void)what;
    s->fn(number, s->arg);
}

void loop_on_signal(struct loop *loop, int number, loop_signal_fn fn, void *arg)
{
    struct loop_signal *s = xalloc(sizeof(*s));

    *s = (struct loop_signal){ .fn = fn, .arg = arg, .next = loop->signals };
    s->event = evsignal_new(loop->base, number, on_signal, s);
    event_add(s->event, NULL);
    loop->signals = s;
}
