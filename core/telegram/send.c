/*
 * send.c - see send.h.
 *
 *     send_start() ─► IN_LINE ─► TRYING ─► done
 *           └────────────▲──┐ │ ▲
 *                        └──┼─┘ │  429, trouble: a message goes back in line,
 *                           ▼   │  what is no message waits by itself
 *                         PAUSED
 *
 * A call that need not wait costs a look at its chat and its method; timers run
 * only while something waits. In `wakes` is each call that waits: one in line
 * with the end of its time, one that is paused with the end of its pause.
 */
#include "telegram/send.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "base/log.h"
#include "base/metrics.h"
#include "io/loop.h"
#include "telegram/call_chat.h"
#include "telegram/methods.h"
#include "telegram/pace.h"
#include "telegram/send_int.h"

#define MS INT64_C(1000000)
#define FLOOD_TOLD_EVERY_NS (30000 * MS)

/* Groups that can become supergroups have ids above. */
#define SUPERGROUP_ID (-INT64_C(1000000000000))

struct sender {
    struct loop *loop;
    struct tg *tg;
    struct pace *pace;
    int queue_max;
    struct heap wakes;
    struct op *timer;
    int64_t timer_at;
    struct send_holds holds;
    struct moved_chats *moved;
    bool any_moved;
    sender_moved_fn on_moved;
    void *on_moved_arg;
    struct sender_stats stats;
    int paused[SEND_PRIORITIES];
    int64_t tell_again; /* of a 429 */
    struct metric_series *seconds;
};

static struct metric seconds = {
    .name = "moonpost_api_seconds",
    .help = "Time from a request to the Bot API to its answer, waiting for "
            "flood limits and getUpdates left out.",
    .type = METRIC_HISTOGRAM,
};

enum call_state { IN_LINE, PAUSED, TRYING, ENDED };

struct send_op {
    struct tg_op pub;
    struct sender *s;
    struct pace_item item; /* of a message; chat_id and priority of all */
    struct heap_node wake;
    enum call_state state;
    struct tg_op *tried; /* runs, or is what the call brought */
    struct buf body;     /* between tries */
    struct http_form *form;
    int64_t tried_at;        /* the last time; of loop_now_ns(), too */
    int64_t asked, deadline; /* of loop_now_ns() */
    int timeout_ms;
    int tries;
    bool is_message, repeatable, maybe_sent, redirected, waited;
    char method[SEND_METHOD_MAX + 1];
};

static const char in_doubt[] = " (it may have been sent)";

static void wake_up(struct sender *s);
static void on_try(struct op *op);

static struct send_op *of_wake(struct heap_node *node)
{
    return (struct send_op *)((char *)node - offsetof(struct send_op, wake));
}

static struct send_op *of_item(struct pace_item *item)
{
    return (struct send_op *)((char *)item - offsetof(struct send_op, item));
}

/* --- ending --------------------------------------------------------------------------- */

static void stop_waiting(struct send_op *op, int64_t now)
{
    if (op->state == PAUSED)
        op->s->paused[op->item.priority]--;
    heap_remove(&op->s->wakes, &op->wake);
    if (op->waited && !op->tries)
        op->s->stats.waited_us += (now - op->asked) / 1000;
}

/* It waited in vain, and is not sent. */
static void give_up(struct send_op *op, int64_t now)
{
    stop_waiting(op, now);
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
                op->tries, op->timeout_ms, op->maybe_sent ? in_doubt : "");
    else
        err_set(err, ERR_TIMEOUT,
                "not sent: it waited for the flood limits for %d ms",
                op->timeout_ms);
    give_up(op, now);
}

/* What the last try brought becomes what the call brings. */
static void bring(struct send_op *op)
{
    const struct tg_op *tried = op->tried;
    struct err *err = &op->pub.op.err;
    size_t n;

    op->pub.result = tried->result;
    op->pub.valid = tried->valid;
    op->pub.error_code = tried->error_code;
    op->pub.description = tried->description;
    op->pub.parameters = tried->parameters;
    op->pub.retry_after = tried->retry_after;
    op->pub.migrate_to_chat_id = tried->migrate_to_chat_id;
    if (!tried->op.err.kind)
        return;
    *err = tried->op.err;
    op->pub.maybe_sent = op->maybe_sent;
    n = strlen(err->text);
    if (op->maybe_sent)
        snprintf(err->text + n, sizeof(err->text) - n, "%s", in_doubt);
}

/* --- trying --------------------------------------------------------------------------- */

static void try_now(struct send_op *op, int64_t now)
{
    int64_t left = (op->deadline - now + MS - 1) / MS;

    if (op->tries++)
        op->s->stats.retries++;
    op->tried_at = now;
    op->state = TRYING;
    op->tried =
        tg_start(op->s->tg,
                 &(struct tg_call){ .method = op->method,
                                    .body = op->form ? NULL : &op->body,
                                    .form = op->form,
                                    .timeout_ms = left > 1 ? (int)left : 1,
                                    .lenient = op->pub.lenient });
    op->tried->op.done = on_try;
    op->tried->op.arg = op;
}

static void go(struct send_op *op, int64_t now)
{
    stop_waiting(op, now);
    try_now(op, now);
}

static void note_wait(struct send_op *op)
{
    if (!op->waited && !op->tries)
        op->s->stats.waited++;
    op->waited = true;
}

static void pause_until(struct send_op *op, int64_t until)
{
    note_wait(op);
    op->state = PAUSED;
    op->s->paused[op->item.priority]++;
    heap_put(&op->s->wakes, &op->wake, until);
}

static void wait_in_line(struct send_op *op)
{
    note_wait(op);
    op->state = IN_LINE;
    heap_put(&op->s->wakes, &op->wake, op->deadline);
}

/* The try brought nothing final: take back what it was given. */
static void drop_try(struct send_op *op)
{
    if (!op->form)
        http_take_body_back(op->tried->http, &op->body);
    op_free(&op->tried->op);
    op->tried = NULL;
}

static void try_again_at(struct send_op *op, int64_t at)
{
    drop_try(op);
    if (op->is_message) {
        pace_back(op->s->pace, &op->item, at);
        wait_in_line(op);
    } else {
        pause_until(op, at);
    }
}

/* --- chats that have moved ----------------------------------------------------------------- */

static void set_chat(struct send_op *op, int64_t chat_id)
{
    op->redirected = true;
    op->s->stats.redirects++;
    op->item.chat_id = chat_id;
    call_set_chat(&op->body, op->form, chat_id);
}

static bool can_redirect(struct send_op *op)
{
    int64_t from = op->item.chat_id;

    if (op->redirected || from >= 0 || from < SUPERGROUP_ID)
        return false;
    if (!op->form)
        http_take_body_back(op->tried->http, &op->body);
    return call_can_move(buf_slice(&op->body), op->form);
}

static void ask(struct send_op *op, int64_t now);

static void redirect(struct send_op *op, int64_t now)
{
    struct sender *s = op->s;
    int64_t from = op->item.chat_id, to = op->tried->migrate_to_chat_id;

    op_free(&op->tried->op);
    op->tried = NULL;
    if (op->is_message)
        pace_done(s->pace, &op->item, now);
    set_chat(op, to);
    s->any_moved = true;
    if (moved_chats_add(s->moved, from, to) && s->on_moved)
        s->on_moved(from, to, s->on_moved_arg);
    ask(op, now);
}

static void redirect_if_moved(struct send_op *op)
{
    int64_t to = moved_chats_find(op->s->moved, op->item.chat_id);

    if (to && call_can_move(buf_slice(&op->body), op->form))
        set_chat(op, to);
}

/* --- after a try ------------------------------------------------------------------------- */

/* Where the limits are kept there are none: the operator should know. */
static void tell_flood(struct send_op *op, int64_t now, int64_t until)
{
    struct sender *s = op->s;
    char chat[40] = "";

    if (now < s->tell_again)
        return;
    s->tell_again = now + FLOOD_TOLD_EVERY_NS;
    if (op->item.chat_id)
        snprintf(chat, sizeof(chat), " to chat %lld",
                 (long long)op->item.chat_id);
    log_warn("telegram",
             "flood limit: %s%s waits %.1f s, as Telegram says (429; %lld so "
             "far)",
             op->method, chat, (double)(until - now) / 1e9,
             (long long)s->stats.floods);
}

static int64_t note_flood(struct send_op *op, int64_t now)
{
    int64_t until = now + send_flood_ns(op->tried);

    op->s->stats.floods++;
    tell_flood(op, now, until);
    if (op->is_message)
        pace_flood(op->s->pace, &op->item, now, until);
    else
        send_hold(&op->s->holds, op->method, op->item.chat_id, until);
    return until;
}

static void end(struct send_op *op, int64_t now)
{
    struct sender *s = op->s;

    if (op->is_message)
        pace_done(s->pace, &op->item, now);
    op->state = ENDED;
    bring(op);
    if (s->wakes.n)
        wake_up(s);
    op_complete_here(&op->pub.op);
}

static void on_try(struct op *o)
{
    struct send_op *op = o->arg;
    int64_t now = loop_now_ns(), again = 0;
    bool maybe_sent = false;

    metric_observe(op->s->seconds, (now - op->tried_at) / 1000);
    switch (send_judge(op->tried, op->repeatable, &maybe_sent)) {
    case SEND_END: break;
    case SEND_AGAIN: again = now + send_backoff_ns(op->tries); break;
    case SEND_FLOOD: again = note_flood(op, now); break;
    case SEND_REDIRECT:
        if (can_redirect(op)) {
            redirect(op, now);
            wake_up(op->s);
            return;
        }
        break;
    }
    op->maybe_sent = op->maybe_sent || maybe_sent;
    if (again && again < op->deadline) {
        try_again_at(op, again);
        wake_up(op->s);
    } else {
        end(op, now);
    }
}

/* --- those that wait ------------------------------------------------------------------------ */

static void on_timer(struct op *timer)
{
    struct sender *s = timer->arg;

    s->timer = NULL;
    op_free(timer);
    wake_up(s);
}

/* See to it that wake_up() comes when the next of them is due. */
static void set_timer(struct sender *s, int64_t now)
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

/* Let go whoever can, end whoever's time is up. */
static void wake_up(struct sender *s)
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
    set_timer(s, now);
}

/* The limits are known to last longer than the call's time: why wait? */
static bool is_hopeless(struct send_op *op, int64_t until, int64_t now)
{
    if (until < op->deadline)
        return false;
    err_set(&op->pub.op.err, ERR_TIMEOUT,
            "not sent: Telegram's flood limits last for another %lld s",
            (long long)((until - now) / MS / 1000 + 1));
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

/* Now, or in line. */
static void ask(struct send_op *op, int64_t now)
{
    struct sender *s = op->s;
    int64_t until;

    if (op->is_message) {
        if (pace_ask(s->pace, &op->item, now)) {
            try_now(op, now);
            return;
        }
        until = pace_held_until(s->pace, op->item.chat_id, now);
    } else {
        until = s->holds.n ? send_held_until(&s->holds, op->method,
                                             op->item.chat_id, now)
                           : 0;
        if (!until) {
            try_now(op, now);
            return;
        }
    }
    if (is_hopeless(op, until, now) || is_too_many(op, now))
        return;
    if (op->is_message)
        wait_in_line(op);
    else
        pause_until(op, until);
    set_timer(s, now);
}

/* --- calls -------------------------------------------------------------------------------- */

static void send_op_stop(struct op *o)
{
    struct send_op *op = (struct send_op *)o;
    int64_t now = loop_now_ns();

    stop_waiting(op, now);
    if (op->is_message)
        pace_done(op->s->pace, &op->item, now);
    if (op->s->timer)
        set_timer(op->s, now);
}

static void send_op_free(struct op *o)
{
    struct send_op *op = (struct send_op *)o;

    if (op->tried)
        op_free(&op->tried->op);
    http_form_unref(op->form);
    buf_release(&op->body);
    free(op);
}

static const struct op_class send_class = { "Bot API call", send_op_stop,
                                            send_op_free };

static void set_method(struct send_op *op, const char *method)
{
    struct method_rule rule = method_rule(method);

    assert(strlen(method) <= SEND_METHOD_MAX);
    strcpy(op->method, method);
    op->is_message = rule.is_message;
    op->repeatable = rule.repeatable;
}

struct tg_op *send_start(struct sender *s, const struct tg_call *call,
                         enum send_priority priority)
{
    struct send_op *op = xalloc(sizeof(*op));

    op_init(&op->pub.op, &send_class, s->loop);
    op->s = s;
    buf_init(&op->body);
    if (call->body)
        buf_move(&op->body, call->body);
    op->form = http_form_ref(call->form);
    set_method(op, call->method);
    op->item.chat_id = tg_call_chat(buf_slice(&op->body), op->form);
    op->item.priority = (int)priority;
    op->item.ordered = !op->form; /* uploads may take long */
    op->pub.lenient = call->lenient;
    op->timeout_ms = call->timeout_ms ? call->timeout_ms : tg_timeout_ms(s->tg);
    op->asked = loop_now_ns();
    op->deadline = op->asked + op->timeout_ms * MS;
    s->stats.calls++;
    if (s->any_moved && op->item.chat_id < 0)
        redirect_if_moved(op);
    ask(op, op->asked);
    return &op->pub;
}

bool send_has_left(const struct tg_op *call)
{
    const struct send_op *op = (const struct send_op *)call;

    assert(call->op.class == &send_class);
    return op->tries > 0;
}

bool send_elsewhere(struct sender *s, const struct tg_call *call)
{
    struct slice body = call->body ? buf_slice(call->body) : SLICE_NONE;
    struct pace_item item = { .chat_id = tg_call_chat(body, call->form) };
    int64_t now = loop_now_ns();
    bool can;

    if (moved_chats_find(s->moved, item.chat_id))
        return false;
    if (!method_rule(call->method).is_message)
        return s->holds.n == 0;
    can = pace_ask(s->pace, &item, now);
    pace_done(s->pace, &item, now);
    if (can)
        s->stats.calls++;
    return can;
}

/* --- the sender ------------------------------------------------------------------------------ */

struct sender *sender_new(struct loop *loop, struct tg *tg,
                          const struct sender_options *options)
{
    struct sender *s = xalloc(sizeof(*s));

    _Static_assert((int)SEND_PRIORITIES == PACE_PRIORITIES, "each has a line");
    s->loop = loop;
    s->tg = tg;
    s->queue_max = options->queue_max;
    s->pace = pace_new(&(struct pace_limits){
        .bot_per_s = options->bot_per_s,
        .chat_per_s = options->chat_per_s,
        .chat_burst = options->chat_burst,
        .group_per_min = options->group_per_min,
    });
    s->moved = moved_chats_new();
    s->seconds = metric_plain(&seconds);
    return s;
}

void sender_free(struct sender *s)
{
    if (!s)
        return;
    assert(s->wakes.n == 0);
    op_free(s->timer);
    heap_release(&s->wakes);
    pace_free(s->pace);
    moved_chats_free(s->moved);
    free(s);
}

void sender_get_stats(const struct sender *s, struct sender_stats *stats)
{
    *stats = s->stats;
    stats->waiting_now = (int)s->wakes.n;
    for (int i = 0; i < SEND_PRIORITIES; i++)
        stats->waiting_now_of[i] = pace_waiting(s->pace, i) + s->paused[i];
    stats->chats_now = pace_chats(s->pace);
}

void sender_moved(struct sender *s, int64_t from, int64_t to)
{
    moved_chats_add(s->moved, from, to);
    s->any_moved = true;
}

void sender_on_moved(struct sender *s, sender_moved_fn fn, void *arg)
{
    s->on_moved = fn;
    s->on_moved_arg = arg;
}
