/* send_line.c - see send_int.h: calls that wait, and who may go. */
#include "io/loop.h"
#include "telegram/send_int.h"

static struct send_op *of_wake(struct heap_node *node)
{
    return (struct send_op *)((char *)node - offsetof(struct send_op, wake));
}

static struct send_op *of_item(struct pace_item *item)
{
    return (struct send_op *)((char *)item - offsetof(struct send_op, item));
}

/* --- waiting ----------------------------------------------------------------------- */

void send_stop_waiting(struct send_op *op, int64_t now)
{
    if (op->state == PAUSED)
        op->s->paused[op->item.priority]--;
    heap_remove(&op->s->wakes, &op->wake);
    if (op->waited && !op->tries)
        op->s->stats.waited_us += (now - op->asked) / 1000;
}

static void note_wait(struct send_op *op)
{
    if (!op->waited && !op->tries)
        op->s->stats.waited++;
    op->waited = true;
}

void send_pause_until(struct send_op *op, int64_t until)
{
    note_wait(op);
    op->state = PAUSED;
    op->s->paused[op->item.priority]++;
    heap_put(&op->s->wakes, &op->wake, until);
}

void send_wait_in_line(struct send_op *op)
{
    note_wait(op);
    op->state = IN_LINE;
    heap_put(&op->s->wakes, &op->wake, op->deadline);
}

/* --- waiting in vain --------------------------------------------------------------- */

/* It waited in vain, and is not sent. */
static void give_up(struct send_op *op, int64_t now)
{
    send_stop_waiting(op, now);
    if (op->is_message)
        pace_done(op->s->pace, &op->item, now);
    op->state = ENDED;
    op_complete(&op->pub.op);
}

static void time_out(struct send_op *op, int64_t now)
{
    struct err *err = &op->pub.op.err;

    op->s->stats.timed_out++;
    op->pub.maybe_sent = op->maybe_sent;
    if (op->tries)
        err_set(err, ERR_TIMEOUT,
                "tried %d times, and waited for the flood limits in between, "
                "for %d ms%s",
                op->tries, op->timeout_ms, op->maybe_sent ? SEND_IN_DOUBT : "");
    else
        err_set(err, ERR_TIMEOUT,
                "not sent: it waited for the flood limits for %d ms",
                op->timeout_ms);
    give_up(op, now);
}

/* The limits are known to last longer than the call's time: why wait? */
static bool is_hopeless(struct send_op *op, int64_t until, int64_t now)
{
    int64_t seconds = (until - now) / MS / 1000 + 1;

    if (until < op->deadline)
        return false;
    err_set(&op->pub.op.err, ERR_TIMEOUT,
            "not sent: Telegram's flood limits last for another %lld s",
            (long long)seconds);
    op->s->stats.timed_out++;
    give_up(op, now);
    return true;
}

static bool is_too_many(struct send_op *op, int64_t now)
{
    struct sender *s = op->s;
    int kept = op->item.priority == SEND_REPLY ? 0 : s->queue_max / 10;

    if (s->wakes.n < (size_t)(s->queue_max - kept))
        return false;
    err_set(&op->pub.op.err, ERR_TIMEOUT,
            "not sent: %zu calls wait for the flood limits already "
            "(PACE_QUEUE_MAX)",
            s->wakes.n);
    s->stats.refused++;
    give_up(op, now);
    return true;
}

/* --- who may go -------------------------------------------------------------------- */

static void go(struct send_op *op, int64_t now)
{
    send_stop_waiting(op, now);
    send_try(op, now);
}

static void on_timer(struct op *timer)
{
    struct sender *s = timer->arg;

    s->timer = NULL;
    op_free(timer);
    send_wake_up(s);
}

void send_set_timer(struct sender *s, int64_t now)
{
    struct heap_node *node = heap_first(&s->wakes);
    int64_t at = pace_due(s->pace);

    if (node && node->at < at)
        at = node->at;
    if (s->timer && s->timer_at == at)
        return;
    op_free(s->timer);
    s->timer = NULL;
    s->timer_at = at;
    if (at == PACE_NEVER)
        return;
    s->timer = timer_start(s->loop, at > now ? (at - now + MS - 1) / MS : 0);
    s->timer->done = on_timer;
    s->timer->arg = s;
}

void send_wake_up(struct sender *s)
{
    int64_t now = loop_now_ns();
    struct heap_node *node;
    struct pace_item *item;

    while ((node = heap_first(&s->wakes)) && node->at <= now) {
        if (of_wake(node)->state == PAUSED)
            go(of_wake(node), now);
        else
            time_out(of_wake(node), now);
    }
    while ((item = pace_next(s->pace, now)))
        go(of_item(item), now);
    send_set_timer(s, now);
}

void send_ask(struct send_op *op, int64_t now)
{
    struct sender *s = op->s;
    int64_t until;

    if (op->is_message) {
        if (pace_ask(s->pace, &op->item, now)) {
            send_try(op, now);
            return;
        }
        until = pace_held_until(s->pace, op->item.chat_id, now);
    } else {
        until = s->holds.n ? send_held_until(&s->holds, op->method,
                                             op->item.chat_id, now)
                           : 0;
        if (!until) {
            send_try(op, now);
            return;
        }
    }
    if (is_hopeless(op, until, now) || is_too_many(op, now))
        return;
    if (op->is_message)
        send_wait_in_line(op);
    else
        send_pause_until(op, until);
    send_set_timer(s, now);
}
