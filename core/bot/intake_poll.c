/* intake_poll.c - polling: when, and from which update on. See intake.h. */
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "bot/intake_int.h"

/* The Bot API server delays who polls the same offset again sooner. */
#define SAME_OFFSET_MS 3000
/* A server that does not wait for updates is not asked more often than this. */
#define NOTHING_NEW_MS 250
/* More are waiting: what is not done by now is better saved than waited for. */
#define BUSY_PATIENCE_MS 5
/* Unless so many were done meanwhile: the others soon will be, which costs less
 * than saving them. */
#define BUSY_PROGRESS 20
#define ANSWER_MAX 100

/* The first that Telegram must keep: what is before it is acknowledged with it. */
static int64_t next_offset(const struct intake *in)
{
    const struct held *h;

    TAILQ_FOREACH (h, &in->order, link) {
        if (!h->saved && !h->done && !h->answer)
            return h->id;
    }
    return in->last_id ? in->last_id + 1 : 0;
}

static void on_patience_over(struct op *op)
{
    struct intake *in = op->arg;

    op_free(op);
    in->patience = NULL;
    if (in->unsaved && in->unsaved + BUSY_PROGRESS <= in->rush) {
        in->rush = in->unsaved;
        intake_wait(in, BUSY_PATIENCE_MS);
        return;
    }
    in->impatient = true;
    intake_poll_if_due(in);
}

void intake_wait(struct intake *in, int64_t ms)
{
    op_free(in->patience);
    in->patience = timer_start(in->loop, ms);
    in->patience->done = on_patience_over;
    in->patience->arg = in;
}

static void poll_now(struct intake *in, int64_t offset, int room)
{
    op_free(in->patience);
    in->patience = NULL;
    in->impatient = false;
    in->polled_offset = offset;
    in->polled_at = loop_now_ms();
    poll_next(in->poll, offset, room);
}

/* They can't be saved: from the first of them on, and not too often. */
static void poll_unsaved(struct intake *in)
{
    int64_t offset = next_offset(in), since = loop_now_ms() - in->polled_at,
            known = in->last_id - offset + 1;

    if (offset == in->polled_offset && since < SAME_OFFSET_MS) {
        intake_wait(in, SAME_OFFSET_MS - since);
        return;
    }
    /* What came from the offset on comes again, and needs room too. */
    if (known < 0 || known > ANSWER_MAX)
        known = ANSWER_MAX;
    poll_now(in, offset,
             in->options.updates_max - intake_in_hand(in) + (int)known);
}

void intake_hurry(struct intake *in)
{
    if (!in->patience || !in->options.polls)
        return;
    op_free(in->patience);
    in->patience = NULL;
    in->impatient = true;
    intake_poll_if_due(in);
}

void intake_poll_if_due(struct intake *in)
{
    if (!in->options.polls || !intake_is_open(in) || in->taking ||
        poll_is_running(in->poll) || intake_is_full(in) || in->save ||
        in->careful_op || in->look_first)
        return;
    if (!in->unsaved) {
        poll_now(in, next_offset(in),
                 in->options.updates_max - intake_in_hand(in));
        return;
    }
    if (!in->impatient || in->patience)
        return;
    if (in->cannot_save || !intake_save(in))
        poll_unsaved(in);
    in->cannot_save = false; /* to be tried again the next time */
}

/* --- an answer ----------------------------------------------------------------------- */

/* The number after "update_id": in a text that is not valid; 0: none. */
static int64_t guess_id(struct slice text)
{
    static const char key[] = "\"update_id\"";
    const char *p = memmem(text.p, text.n, key, sizeof(key) - 1);
    int64_t id = 0;

    /* Not the first thing in it, and no end to be seen: who knows whose it is. */
    if (!p || (p > text.p + 1 && json_outline(text).n != text.n))
        return 0;
    p += sizeof(key) - 1;
    while (p < text.p + text.n && (*p == ' ' || *p == ':'))
        p++;
    while (p < text.p + text.n && *p >= '0' && *p <= '9' && id <= UPDATE_ID_MAX)
        id = id * 10 + (*p++ - '0');
    return id <= UPDATE_ID_MAX ? id : 0;
}

/* Set aside. Without a number that can be its own, it has the one that comes next. */
static void take_broken(struct intake *in, struct slice text,
                        const struct err *why)
{
    int64_t id = guess_id(text);

    if (id < in->expected)
        id = in->expected;
    in->expected = id + 1;
    in->last_id = id;
    if (seen_add(in->seen, id, loop_now_ms()))
        in->options.dead(id, text, "unreadable", why->text, 1, in->options.arg);
}

/* A new one, or NULL. */
static struct incoming *read_new(struct intake *in, struct slice text,
                                 bool valid)
{
    struct err err = ERR_INIT;
    struct incoming *incoming = intake_read(text, valid, &err);

    if (!incoming) {
        take_broken(in, text, &err);
        return NULL;
    }
    in->expected = incoming->u.id + 1;
    if (seen_has(in->seen, incoming->u.id)) { /* came again, unacknowledged */
        if (in->last_id < incoming->u.id)
            in->last_id = incoming->u.id;
        incoming_free(incoming);
        return NULL;
    }
    in->last_id = incoming->u.id;
    return incoming;
}

static size_t take(struct intake *in, const struct slice *updates, size_t n,
                   bool valid)
{
    struct incoming *careful[ANSWER_MAX], *incoming;
    size_t fresh = 0;

    in->taking = true;
    for (size_t i = 0; i < n; i++) {
        incoming = read_new(in, updates[i], valid);
        if (!incoming)
            continue;
        if (in->careful) {
            careful[fresh++] = incoming;
            continue;
        }
        fresh++;
        intake_hold(in, incoming, false);
        if (!parked_push(in->parked, incoming))
            lanes_push(in->lanes, incoming);
    }
    in->taking = false;
    if (in->careful)
        intake_save_careful(in, careful, fresh);
    return fresh;
}

static void on_updates(const struct slice *updates, size_t n, bool valid,
                       void *arg)
{
    struct intake *in = arg;
    int64_t since = loop_now_ms() - in->polled_at;
    size_t fresh;

    if (!intake_is_open(in)) /* not acknowledged: they come again */
        return;
    in->expected = in->polled_offset ? in->polled_offset : in->last_id + 1;
    fresh = take(in, updates, n, valid);
    in->rush = n == ANSWER_MAX ? in->unsaved : 0;
    if (in->unsaved)
        intake_wait(in, in->rush && in->options.patience_ms > BUSY_PATIENCE_MS
                            ? BUSY_PATIENCE_MS
                            : in->options.patience_ms);
    else if (!fresh && since < NOTHING_NEW_MS) {
        intake_wait(in, NOTHING_NEW_MS - since);
        return;
    }
    intake_poll_if_due(in);
}

static void on_refused(const char *why, void *arg)
{
    struct intake *in = arg;

    in->options.refused(why, in->options.arg);
}

static void on_conflict(void *arg)
{
    struct intake *in = arg;

    if (in->options.conflict)
        in->options.conflict(in->options.arg);
}

void intake_poll_init(struct intake *in, struct tg *tg)
{
    in->poll = poll_new(in->loop, tg,
                        &(struct poll_options){
                            .timeout_s = in->options.poll_timeout_s,
                            .limit = ANSWER_MAX,
                        },
                        &(struct poll_callbacks){ .updates = on_updates,
                                                  .refused = on_refused,
                                                  .conflict = on_conflict,
                                                  .arg = in });
}

void intake_allow(struct intake *in, const char *allowed_updates)
{
    poll_allow(in->poll, allowed_updates);
}

struct tg_op *intake_acknowledge(struct intake *in)
{
    return in->options.polls && in->last_id
               ? poll_acknowledge(in->poll, next_offset(in))
               : NULL;
}
