/*
 * intake_push.c - updates that a webhook gives. See intake.h.
 *
 * Beside other instances (shares), all that came in a turn are put in the inbox by one
 * statement, which says which of them are to run here; then the 200 may go. Alone,
 * they run at once, and those that are not done after the patience are saved.
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "bot/intake_int.h"

#define PUT_MAX 200 /* in one statement: each may lock a lane */

static void put_next(struct intake *in);

static void pushed_free(struct pushed *p)
{
    incoming_free(p->in);
    free(p);
}

static void tell(struct pushed *p, enum intake_answer how)
{
    if (p->answer)
        p->answer(how, p->answer_arg);
    pushed_free(p);
}

void intake_push(struct intake *in, struct slice update, intake_answer_fn fn,
                 void *arg)
{
    struct pushed *p = xalloc(sizeof(*p));
    struct err err = ERR_INIT;

    p->answer = fn;
    p->answer_arg = arg;
    if (!intake_is_open(in) || intake_is_full(in)) {
        p->over = true;
        p->how = INTAKE_FULL;
    } else if (!(p->in = intake_read(update, false, &err))) {
        log_error("update", "what came to the webhook is no update: %s",
                  err.text);
        p->over = true;
        p->how = INTAKE_BAD;
    } else if (seen_has(in->seen, p->in->u.id)) {
        const struct held *h = intake_find(in, p->in->u.id);

        p->over = true;
        p->how = h && !h->saved ? INTAKE_FULL : INTAKE_DONE;
    }
    TAILQ_INSERT_TAIL(&in->pushed, p, link);
    loop_turn_wanted(in->loop);
}

/* Into its lane. The answer waits for its end, or for the patience. */
static void run(struct intake *in, struct pushed *p, bool saved)
{
    struct incoming *incoming = p->in;
    struct held *h;

    if (seen_has(in->seen, incoming->u.id)) { /* twice in one turn */
        tell(p, INTAKE_DONE);
        return;
    }
    h = intake_hold(in, incoming, saved);
    h->answer = p->answer;
    h->answer_arg = p->answer_arg;
    p->in = NULL;
    pushed_free(p);
    if (!in->patience)
        intake_wait_push(in, in->options.patience_ms);
    if (!parked_push(in->parked, incoming))
        lanes_push(in->lanes, incoming);
    intake_look_soon(in);
}

static void one_result(struct intake *in, struct pushed *p,
                       const struct pg_op *op, int row)
{
    int64_t id;

    switch (inbox_put_result(op, row, &id)) {
    case INBOX_RUN:
        if (in->stopped) /* it goes with what is ours at the end */
            tell(p, INTAKE_SAVED);
        else
            run(in, p, true);
        break;
    case INBOX_LEFT: tell(p, INTAKE_SAVED); break;
    case INBOX_KNOWN: tell(p, INTAKE_DONE); break;
    }
}

/* --- answers that were lost --------------------------------------------------------- */

static void doubt(struct intake *in, int64_t id)
{
    in->doubtful =
        xrealloc(in->doubtful, (in->ndoubtful + 1) * sizeof(*in->doubtful));
    in->doubtful[in->ndoubtful++] = id;
}

static void on_untaken(struct op *op)
{
    struct intake *in = op->arg;
    bool ok = !op->err.kind;

    in->untake = NULL;
    op_free(op);
    if (ok) {
        in->ndoubtful = 0;
        intake_load(in);
    }
}

/* Not while a put is on its way: what it brings must not be taken twice. What came
 * again meanwhile, and was taken, is known. */
void intake_push_recover(struct intake *in)
{
    size_t n = 0;

    if (!in->ndoubtful || in->untake || in->put || !inbox_is_up(in->inbox))
        return;
    for (size_t i = 0; i < in->ndoubtful; i++)
        if (!seen_has(in->seen, in->doubtful[i]))
            in->doubtful[n++] = in->doubtful[i];
    in->ndoubtful = n;
    if (!n)
        return;
    in->untake = inbox_untake(in->inbox, in->doubtful, n);
    in->untake->op.done = on_untaken;
    in->untake->op.arg = in;
}

/* --- putting -------------------------------------------------------------------------- */

static void on_put(struct op *op)
{
    struct intake *in = op->arg;
    struct pg_op *answer = (struct pg_op *)op;
    struct pushed *p;
    int row = 0;

    in->put = NULL;
    if (op->err.kind)
        log_warn("inbox", "%s; Telegram will send these updates again",
                 op->err.text);
    while ((p = TAILQ_FIRST(&in->putting))) {
        TAILQ_REMOVE(&in->putting, p, link);
        if (op->err.kind && answer->maybe_done)
            doubt(in, p->in->u.id);
        if (op->err.kind)
            tell(p, INTAKE_FULL);
        else
            one_result(in, p, answer, row++);
    }
    op_free(op);
    if (!in->stopped)
        intake_push_recover(in);
    put_next(in);
}

static void put_next(struct intake *in)
{
    struct inbox_update list[PUT_MAX];
    struct pushed *p;
    size_t n = 0;

    while (n < PUT_MAX && (p = TAILQ_FIRST(&in->pushed))) {
        TAILQ_REMOVE(&in->pushed, p, link);
        if (p->over || in->stopped) {
            tell(p, p->over ? p->how : INTAKE_FULL);
            continue;
        }
        TAILQ_INSERT_TAIL(&in->putting, p, link);
        list[n++] = (struct inbox_update){ .id = p->in->u.id,
                                           .lane = p->in->lane,
                                           .text = buf_slice(&p->in->text) };
    }
    if (!n)
        return;
    in->put = inbox_put(in->inbox, list, n);
    in->put->op.done = on_put;
    in->put->op.arg = in;
}

static void run_all(struct intake *in)
{
    struct pushed *p;

    while ((p = TAILQ_FIRST(&in->pushed))) {
        TAILQ_REMOVE(&in->pushed, p, link);
        if (p->over)
            tell(p, p->how);
        else if (!intake_is_open(in))
            tell(p, INTAKE_FULL);
        else
            run(in, p, false);
    }
}

/* What was not done in time: saved ones can be answered, the others be saved. */
static void on_push_patience(struct op *op)
{
    struct intake *in = op->arg;
    int64_t now = loop_now_ms(), next = 0;
    bool late = false;
    struct held *h;

    op_free(op);
    in->patience = NULL;
    TAILQ_FOREACH (h, &in->order, link) {
        if (!h->answer)
            continue;
        if (now - h->since_ms < in->options.patience_ms) {
            next = h->since_ms + in->options.patience_ms - now;
            break;
        }
        if (h->saved)
            intake_answer_held(h, INTAKE_SAVED);
        else
            late = true;
    }
    if (late)
        intake_save(in);
    if (late || next)
        intake_wait_push(in, next ? next : in->options.patience_ms);
}

void intake_wait_push(struct intake *in, int64_t ms)
{
    in->patience = timer_start(in->loop, ms);
    in->patience->done = on_push_patience;
    in->patience->arg = in;
}

void intake_push_flush(void *arg)
{
    struct intake *in = arg;

    if (!TAILQ_FIRST(&in->pushed))
        return;
    if (!in->options.shares || !in->inbox)
        run_all(in);
    else if (!in->put)
        put_next(in);
}

void intake_push_release(struct intake *in)
{
    struct pushed *p;

    if (in->put)
        op_free(&in->put->op);
    if (in->untake)
        op_free(&in->untake->op);
    free(in->doubtful);
    while ((p = TAILQ_FIRST(&in->pushed))) {
        TAILQ_REMOVE(&in->pushed, p, link);
        pushed_free(p);
    }
    while ((p = TAILQ_FIRST(&in->putting))) {
        TAILQ_REMOVE(&in->putting, p, link);
        pushed_free(p);
    }
}
