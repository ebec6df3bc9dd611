/*
 * send.c - see send.h: calls, and their sender.
 *
 * A call that need not wait costs a look at its chat and its method; timers run
 * only while something waits.
 */
#include "telegram/send.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/kept.h"
#include "io/loop.h"
#include "telegram/call_chat.h"
#include "telegram/methods.h"
#include "telegram/send_int.h"

static struct metric seconds = {
    .name = "moonpost_api_seconds",
    .help = "Time from a request to the Bot API to its answer, waiting for "
            "flood limits and getUpdates left out.",
    .type = METRIC_HISTOGRAM,
};

/* --- calls -------------------------------------------------------------------------------- */

static void send_op_stop(struct op *o)
{
    struct send_op *op = (struct send_op *)o;
    int64_t now = loop_now_ns();

    send_stop_waiting(op, now);
    if (op->is_message)
        pace_done(op->s->pace, &op->item, now);
    if (op->s->timer)
        send_set_timer(op->s, now);
}

static void send_op_free(struct op *o)
{
    struct send_op *op = (struct send_op *)o;

    if (op->tried)
        op_free(&op->tried->op);
    http_form_unref(op->form);
    buf_release(&op->body);
    kept_free(op, sizeof(*op));
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

static void redirect_if_moved(struct send_op *op)
{
    int64_t to = moved_chats_find(op->s->moved, op->item.chat_id);

    if (to && call_can_move(buf_slice(&op->body), op->form))
        send_set_chat(op, to);
}

struct tg_op *send_start(struct sender *s, const struct tg_call *call,
                         enum send_priority priority)
{
    struct send_op *op = op_alloc(sizeof(*op));

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
    send_ask(op, op->asked);
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
