/* intake_inbox.c - saving what is in hand, loading what waits. See intake.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bot/intake_int.h"

#define LOAD_PAUSE_MS 500 /* before what failed is asked again */
#define LOOK_MS 900       /* between looks for what nobody has */
#define BUSY_LOOK_MS 100  /* others are still busy with some lanes */
#define SHARED_LOOK_MS 50 /* others may leave us something */
#define ASKED_LOOK_MS 200 /* the same, while nothing but questions waits here */

/* --- saving ------------------------------------------------------------------------ */

static void on_told(struct op *op)
{
    struct intake *in = op->arg;

    op_free(op);
    in->told = NULL;
    in->handed_over(in->unsaved == 0, in->handed_over_arg);
}

static void told_later(struct intake *in)
{
    in->told = timer_start(in->loop, 0);
    in->told->done = on_told;
    in->told->arg = in;
}

static void saved(struct intake *in, struct held *h, bool ok, bool perhaps)
{
    h->saving = false;
    h->doubtful = h->doubtful || perhaps;
    if (ok && !h->saved) {
        h->saved = true;
        in->unsaved--;
        intake_answer_held(h, INTAKE_SAVED);
    }
    if (h->done) {
        if (h->saved || h->doubtful)
            inbox_done(in->inbox, h->id);
        intake_remove(in, h);
    }
}

static void tell_unsaved(struct intake *in, bool ok, const char *why)
{
    if (!ok && !in->told_unsaved)
        log_warn("inbox",
                 "updates that take long can't be saved and stay with "
                 "Telegram until they are done; polling is slower: %s",
                 why);
    else if (ok && in->told_unsaved)
        log_info("inbox", "updates that take long are saved again");
    in->told_unsaved = !ok;
}

/* At the end: what has not begun is anybody's, also what was saved as ours. */
static bool is_to_save(const struct intake *in, const struct held *h)
{
    if (h->done || !h->in)
        return false;
    return !h->saved || (in->stopped && !h->in->started && !h->left);
}

static void on_saved(struct op *op)
{
    struct intake *in = op->arg;
    bool ok = !op->err.kind, again = false,
         perhaps = !ok && ((struct pg_op *)op)->maybe_done;
    struct held *h, *next;

    in->save = NULL;
    tell_unsaved(in, ok, op->err.text);
    op_free(op);
    for (h = TAILQ_FIRST(&in->order); h; h = next) {
        next = TAILQ_NEXT(h, link);
        if (h->saving)
            saved(in, h, ok, perhaps);
    }
    TAILQ_FOREACH (h, &in->order, link)
        again = again || is_to_save(in, h);
    in->cannot_save = !ok;
    if (in->handed_over && ok && again && intake_save(in))
        return;
    if (in->handed_over)
        in->handed_over(ok && in->unsaved == 0, in->handed_over_arg);
    in->impatient = true;
    intake_poll_if_due(in);
}

bool intake_save(struct intake *in)
{
    struct inbox_update *list;
    struct held *h;
    size_t n = 0;

    if (!in->inbox || in->save)
        return in->save;
    if (!inbox_is_up(in->inbox)) {
        tell_unsaved(in, false, "there is no connection to PostgreSQL");
        return false;
    }
    list = xalloc((HASH_COUNT(in->by_id) + 1) * sizeof(*list));
    TAILQ_FOREACH (h, &in->order, link) {
        if (!is_to_save(in, h))
            continue;
        h->saving = true;
        list[n++] = (struct inbox_update){
            .id = h->id,
            .lane = h->in->lane,
            .text = buf_slice(&h->in->text),
            .mine = !in->stopped || h->in->started,
        };
        h->left = !list[n - 1].mine;
    }
    if (n) {
        in->save = inbox_save(in->inbox, list, n, 0);
        in->save->op.done = on_saved;
        in->save->op.arg = in;
    }
    free(list);
    return n > 0;
}

void intake_hand_over(struct intake *in, void (*done)(bool ok, void *arg),
                      void *arg)
{
    in->handed_over = done;
    in->handed_over_arg = arg;
    if (in->save) /* what began since is seen to when that is over */
        return;
    if (!intake_save(in))
        told_later(in);
}

/* --- with care --------------------------------------------------------------------- */

static void ask_to_load(struct intake *in);

static void on_careful_saved(struct op *op)
{
    struct intake *in = op->arg;
    bool ok = !op->err.kind;

    in->careful_op = NULL;
    if (!ok)
        log_warn("inbox", "%s; trying again", op->err.text);
    op_free(op);
    if (ok) {
        in->careful = false;
        in->look_first = true;
        ask_to_load(in);
    } else { /* they come again */
        in->last_id = in->careful_last;
    }
    intake_wait(in, ok ? 0 : LOAD_PAUSE_MS);
}

void intake_save_careful(struct intake *in, struct incoming **list, size_t n)
{
    struct inbox_update updates[INBOX_TAKE_MAX];

    for (size_t i = 0; i < n; i++)
        updates[i] = (struct inbox_update){ .id = list[i]->u.id,
                                            .lane = list[i]->lane,
                                            .text = buf_slice(&list[i]->text) };
    if (n) {
        in->careful_last = in->polled_offset ? in->polled_offset - 1 : 0;
        in->careful_op = inbox_save(in->inbox, updates, n, 1);
        in->careful_op->op.done = on_careful_saved;
        in->careful_op->op.arg = in;
    } else {
        in->careful = false;
    }
    for (size_t i = 0; i < n; i++)
        incoming_free(list[i]);
}

/* --- loading ----------------------------------------------------------------------- */

static void on_load_pause(struct op *op)
{
    struct intake *in = op->arg;

    op_free(op);
    in->load_pause = NULL;
    ask_to_load(in);
}

static void load_after(struct intake *in, int64_t ms)
{
    if (in->load_pause)
        return;
    in->load_pause = timer_start(in->loop, ms);
    in->load_pause->done = on_load_pause;
    in->load_pause->arg = in;
}

static void read_seen(struct intake *in)
{
    for (int i = 0; i < pg_rows(in->seen_op); i++)
        if (!seen_add_multirange(in->seen, pg_value(in->seen_op, i, 0),
                                 loop_now_ms()))
            log_warn("inbox", "updates_seen: a row can't be read");
}

static void set_aside(struct intake *in, const struct inbox_taken *t,
                      const char *reason, const char *why)
{
    in->options.dead(t->id, t->text, reason, why, t->tries, in->options.arg);
    inbox_done(in->inbox, t->id);
    /* Those who died of it may not have come to acknowledge it. */
    seen_add(in->seen, t->id, loop_now_ms());
}

static void take_row(struct intake *in, const struct inbox_taken *t)
{
    struct err err = ERR_INIT;
    struct incoming *incoming;

    if (intake_find(in, t->id)) /* it was somebody else's for a while */
        return;
    if (t->tries >= INBOX_TRIES_MAX) {
        set_aside(in, t, "crash",
                  "the program died while it ran this update, again and "
                  "again");
        return;
    }
    incoming = intake_read(t->text, false, &err);
    if (!incoming) {
        set_aside(in, t, "unreadable", err.text);
        return;
    }
    incoming->tries = t->tries;
    incoming->lane = t->lane;
    intake_hold(in, incoming, true);
    if (!parked_push(in->parked, incoming))
        lanes_push(in->lanes, incoming);
}

static void read_lanes(struct intake *in)
{
    int n = pg_rows(in->lanes_op);
    struct parked_lane *lanes = xalloc(((size_t)n + 1) * sizeof(*lanes));

    for (int i = 0; i < n; i++)
        lanes[i] = (struct parked_lane){ pg_int(in->lanes_op, i, 0),
                                         pg_int(in->lanes_op, i, 1) };
    parked_set_busy(in->parked, lanes, (size_t)n);
    free(lanes);
}

static void open_up(struct intake *in)
{
    in->state = INTAKE_OPEN;
    if (intake_in_hand(in))
        log_info("inbox", "%d updates of before go on", intake_in_hand(in));
    in->options.opened(in->options.arg);
    intake_poll_if_due(in);
}

/* A server that is read-only gives no rows: their lanes wait until it does. */
static struct op *failed_op(const struct intake *in)
{
    if (in->seen_op && in->seen_op->op.err.kind)
        return &in->seen_op->op;
    if (in->take_op->op.err.kind && strcmp(in->take_op->sqlstate, "25006") != 0)
        return &in->take_op->op;
    return in->lanes_op && in->lanes_op->op.err.kind ? &in->lanes_op->op : NULL;
}

static void free_ops(struct intake *in)
{
    struct pg_op **ops[] = { &in->seen_op, &in->take_op, &in->lanes_op };

    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (*ops[i])
            op_free(&(*ops[i])->op);
        *ops[i] = NULL;
    }
}

/* The lanes first: they say what must wait behind rows that are not here. But a
 * lane whose last rows have just been taken is free only after these. */
static int take_rows(struct intake *in)
{
    int n = pg_rows(in->take_op);
    struct inbox_taken t;

    for (int i = 0; i < n; i++) {
        inbox_taken(in->take_op, i, &t);
        take_row(in, &t);
    }
    if (in->lanes_op)
        read_lanes(in);
    return n;
}

static void on_loaded(struct op *op)
{
    struct intake *in = op->arg;
    struct op *failed = failed_op(in);
    int n;

    if (failed) {
        if (!in->told_trouble)
            log_warn("inbox", "%s; trying again", failed->err.text);
        in->told_trouble = true;
        free_ops(in);
        load_after(in, LOAD_PAUSE_MS);
        return;
    }
    in->told_trouble = false;
    if (in->seen_op)
        read_seen(in);
    n = take_rows(in);
    if (in->lanes_op)
        in->look_first = false;
    free_ops(in);
    if (in->state == INTAKE_LOADING)
        open_up(in);
    if (n == INBOX_TAKE_MAX)
        load_after(in, 0);
    else if (parked_has_busy(in->parked) || in->look_first)
        load_after(in, BUSY_LOOK_MS);
    else
        intake_look_soon(in);
    intake_poll_if_due(in);
}

static void ask_to_load(struct intake *in)
{
    struct pg_op *last;

    if (in->take_op || in->stopped || in->state == INTAKE_CLOSED)
        return;
    if (in->state == INTAKE_OPEN && intake_is_full(in)) {
        load_after(in, BUSY_LOOK_MS);
        return;
    }
    if (in->state == INTAKE_LOADING)
        in->seen_op = inbox_seen(in->inbox);
    last = in->take_op = inbox_take(in->inbox);
    if (in->state == INTAKE_LOADING || in->look_first ||
        parked_has_busy(in->parked))
        last = in->lanes_op = inbox_lanes(in->inbox);
    last->op.done = on_loaded; /* answers come in the order of asking */
    last->op.arg = in;
}

void intake_load(struct intake *in)
{
    if (in->inbox)
        ask_to_load(in);
    else
        open_up(in);
}

void intake_look(struct intake *in, bool others)
{
    int64_t now = loop_now_ms();

    if (!in->inbox || in->state != INTAKE_OPEN)
        return;
    intake_push_recover(in);
    if (now - in->looked_ms >= LOOK_MS) {
        in->looked_ms = now;
        ask_to_load(in);
    }
    in->others = others;
    intake_look_soon(in);
}

/* Others leave us what is behind something that we run, and what answers our
 * questions. */
void intake_look_soon(struct intake *in)
{
    if (!in->others || !in->options.shares)
        return;
    if (TAILQ_FIRST(&in->order))
        load_after(in, SHARED_LOOK_MS);
    else if (lanes_asks(in->lanes))
        load_after(in, ASKED_LOOK_MS);
}

/* --- suspects ---------------------------------------------------------------------- */

/* A suspect on its way to its lane: its row says so first. */
struct beginning {
    struct intake *in;
    int64_t id;
    struct op *op; /* the query, or the pause before it is asked again */
    TAILQ_ENTRY(beginning) link;
};

static void ask_to_begin(struct beginning *b);

static void beginning_free(struct beginning *b)
{
    TAILQ_REMOVE(&b->in->beginning, b, link);
    op_free(b->op);
    free(b);
}

static void on_begin_pause(struct op *op)
{
    struct beginning *b = op->arg;

    op_free(op);
    ask_to_begin(b);
}

static void on_begun(struct op *op)
{
    struct beginning *b = op->arg;
    struct intake *in = b->in;
    int64_t id = b->id;

    if (op->err.kind) { /* it must not run unnoted */
        op_free(op);
        b->op = timer_start(in->loop, LOAD_PAUSE_MS);
        b->op->done = on_begin_pause;
        b->op->arg = b;
        return;
    }
    beginning_free(b);
    parked_run_suspect(in->parked, id);
}

static void ask_to_begin(struct beginning *b)
{
    b->op = &inbox_begin(b->in->inbox, b->id)->op;
    b->op->done = on_begun;
    b->op->arg = b;
}

void intake_begin_suspect(struct incoming *incoming, void *arg)
{
    struct intake *in = arg;
    struct beginning *b;

    if (in->stopped)
        return;
    b = xalloc(sizeof(*b));
    b->in = in;
    b->id = incoming->u.id;
    TAILQ_INSERT_TAIL(&in->beginning, b, link);
    ask_to_begin(b);
}

void intake_load_release(struct intake *in)
{
    struct beginning *b;

    free_ops(in);
    op_free(in->load_pause);
    op_free(in->told);
    if (in->save)
        op_free(&in->save->op);
    if (in->careful_op)
        op_free(&in->careful_op->op);
    while ((b = TAILQ_FIRST(&in->beginning)))
        beginning_free(b);
}
