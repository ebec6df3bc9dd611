/* send_try.c - see send_int.h: tries, and what they bring. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "io/loop.h"
#include "telegram/call_chat.h"
#include "telegram/send_int.h"

#define FLOOD_TOLD_EVERY_NS (30000 * MS)

/* Groups that can become supergroups have ids above. */
#define SUPERGROUP_ID (-INT64_C(1000000000000))

/* --- ending --------------------------------------------------------------------------- */

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
        snprintf(err->text + n, sizeof(err->text) - n, "%s", SEND_IN_DOUBT);
}

static void end(struct send_op *op, int64_t now)
{
    struct sender *s = op->s;

    if (op->is_message)
        pace_done(s->pace, &op->item, now);
    op->state = ENDED;
    bring(op);
    if (s->wakes.n)
        send_wake_up(s);
    op_complete_here(&op->pub.op);
}

/* --- trying again ----------------------------------------------------------------------- */

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
        send_wait_in_line(op);
    } else {
        send_pause_until(op, at);
    }
}

/* --- chats that have moved ----------------------------------------------------------------- */

void send_set_chat(struct send_op *op, int64_t chat_id)
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

static void redirect(struct send_op *op, int64_t now)
{
    struct sender *s = op->s;
    int64_t from = op->item.chat_id, to = op->tried->migrate_to_chat_id;

    op_free(&op->tried->op);
    op->tried = NULL;
    if (op->is_message)
        pace_done(s->pace, &op->item, now);
    send_set_chat(op, to);
    s->any_moved = true;
    if (moved_chats_add(s->moved, from, to) && s->on_moved)
        s->on_moved(from, to, s->on_moved_arg);
    send_ask(op, now);
}

/* --- flood limits -------------------------------------------------------------------------- */

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

/* --- trying -------------------------------------------------------------------------------- */

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
            send_wake_up(op->s);
            return;
        }
        break;
    }
    op->maybe_sent = op->maybe_sent || maybe_sent;
    if (again && again < op->deadline) {
        try_again_at(op, again);
        send_wake_up(op->s);
    } else {
        end(op, now);
    }
}

void send_try(struct send_op *op, int64_t now)
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
