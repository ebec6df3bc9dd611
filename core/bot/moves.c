/*
 * moves.c - see moves.h.
 *
 *     WAITING ─ no task of theirs runs ─► MOVING ─► done ─ some time ─► once more
 *        ▲ both lanes are held               │
 *        └── the database is away, or ───────┘
 *            versions differ: read both, which upgrades them
 */
#include "bot/moves.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bot/moves_statements.h"

#define LOOK_MS 20 /* whether their tasks are over */
#define BACKOFF_MIN_MS 250
#define BACKOFF_MAX_MS 10000
#define VERSIONS_TRIES 5
#define AGAIN_MS 10000 /* for what somebody wrote who did not know yet */
#define KNOWN_MAX 5000

struct move {
    struct moves *m;
    int64_t from, to;
    bool held; /* both lanes; false: it is the look for stragglers */
    int tries, versions;
    bool told; /* that it has to wait */
    struct op *op;
    struct config_op *reading[2];
    TAILQ_ENTRY(move) link;
};

struct moves {
    struct loop *loop;
    struct pg *pg;
    struct moves_options o;
    TAILQ_HEAD(, move) list;
    struct pg_op *asking;
};

static void look(struct move *v);
static void send_move(struct move *v);

/* --- a move --------------------------------------------------------------------- */

static void let_go(struct move *v)
{
    if (v->held) {
        lanes_release(v->m->o.lanes, v->from);
        lanes_release(v->m->o.lanes, v->to);
    }
    v->held = false;
}

static void stop_reading(struct move *v)
{
    for (size_t i = 0; i < ARRAY_LEN(v->reading); i++) {
        if (v->reading[i])
            op_free(&v->reading[i]->op);
        v->reading[i] = NULL;
    }
}

static void move_free(struct move *v)
{
    TAILQ_REMOVE(&v->m->list, v, link);
    op_free(v->op);
    stop_reading(v);
    free(v);
}

static void step(struct move *v, struct op *op, op_done_fn done)
{
    v->op = op;
    op->done = done;
    op->arg = v;
}

static void step_over(struct move *v)
{
    op_free(v->op);
    v->op = NULL;
}

static void on_again(struct op *op)
{
    struct move *v = op->arg;

    step_over(v);
    send_move(v);
}

static void in_ms(struct move *v, int64_t ms, op_done_fn done)
{
    step(v, timer_start(v->m->loop, ms), done);
}

/* Whether it went well or not: both chats go on. */
static void finish(struct move *v)
{
    bool was_held = v->held;

    v->tries = v->versions = 0;
    let_go(v);
    if (was_held)
        in_ms(v, AGAIN_MS, on_again);
    else
        move_free(v);
}

static void know(struct moves *m, int64_t from, int64_t to)
{
    config_moved(m->o.store, from, to);
    sender_moved(m->o.sender, from, to);
}

static void tell(const struct move *v, const struct pg_op *query)
{
    struct slice why = pg_value(query, 0, 4);
    int64_t stayed = pg_int(query, 0, 3);

    log_info("moves", "chat %lld is %lld now: %s, %lld rows of tables moved",
             (long long)v->from, (long long)v->to,
             slice_eq(pg_value(query, 0, 1), "t") ? "its settings"
                                                  : "no settings",
             (long long)pg_int(query, 0, 2));
    if (stayed)
        log_warn("moves",
                 "chat %lld is %lld now: %lld rows stayed with the old id: "
                 "%.*s",
                 (long long)v->from, (long long)v->to, (long long)stayed,
                 (int)why.n, why.p);
}

/* Reading upgrades a config, and writes it back; then once more. */
static void meet_versions(struct move *v)
{
    const int64_t chats[] = { v->from, v->to };

    stop_reading(v);
    for (size_t i = 0; i < ARRAY_LEN(chats); i++) {
        config_forget(v->m->o.store, chats[i]);
        v->reading[i] = config_fetch(v->m->o.store, chats[i], UINT32_MAX);
    }
    v->versions++;
    in_ms(v, BACKOFF_MIN_MS, on_again);
}

static void failed(struct move *v, const struct err *err, bool may_pass)
{
    int64_t ms =
        v->tries > 5 ? BACKOFF_MAX_MS : (int64_t)BACKOFF_MIN_MS << v->tries;

    v->tries++;
    if (may_pass) {
        if (!v->told)
            log_warn("moves",
                     "chat %lld is %lld now; moving what is its: %s; "
                     "trying again, both chats wait",
                     (long long)v->from, (long long)v->to, err->text);
        v->told = true;
        in_ms(v, ms, on_again);
        return;
    }
    log_error("moves",
              "chat %lld is %lld now, but what is its could not be moved: %s; "
              "to do it later: SELECT * FROM moonpost_move_chat(%lld, %lld, "
              "true)",
              (long long)v->from, (long long)v->to, err->text,
              (long long)v->from, (long long)v->to);
    finish(v);
}

/* Somebody has just made a row for the new id. */
static bool was_overtaken(const char *sqlstate)
{
    return strcmp(sqlstate, "23505") == 0;
}

static void on_moved(struct op *op)
{
    struct move *v = op->arg;
    struct pg_op *query = (struct pg_op *)op;
    struct err err = op->err;
    bool may_pass = pg_may_pass(query->sqlstate) ||
                    (was_overtaken(query->sqlstate) && v->tries < 5);

    v->op = NULL;
    stop_reading(v);
    if (err.kind) {
        op_free(op);
        failed(v, &err, may_pass);
    } else if (slice_eq(pg_value(query, 0, 0), "versions")) {
        op_free(op);
        meet_versions(v);
    } else {
        if (slice_eq(pg_value(query, 0, 0), "moved"))
            tell(v, query);
        op_free(op);
        know(v->m, v->from, v->to);
        finish(v);
    }
}

static void send_move(struct move *v)
{
    char from[24], to[24];
    struct slice params[3] = {
        pg_int_param(from, v->from),
        pg_int_param(to, v->to),
        slice_of(v->versions < VERSIONS_TRIES ? "f" : "t"),
    };

    step(v, &pg_query(v->m->pg, &moves_move_statement, params, 3)->op,
         on_moved);
}

static void on_look(struct op *op)
{
    struct move *v = op->arg;

    step_over(v);
    look(v);
}

/* What they write goes along, then. */
static void look(struct move *v)
{
    const struct lanes *lanes = v->m->o.lanes;

    if (lanes_is_running(lanes, v->from) || lanes_is_running(lanes, v->to))
        in_ms(v, LOOK_MS, on_look);
    else
        send_move(v);
}

/* --- news ------------------------------------------------------------------------- */

static struct move *find(struct moves *m, int64_t from)
{
    struct move *v;

    TAILQ_FOREACH (v, &m->list, link)
        if (v->from == from && v->held)
            return v;
    return NULL;
}

static struct move *move_new(struct moves *m, int64_t from, int64_t to)
{
    struct move *v = xalloc(sizeof(*v));

    v->m = m;
    v->from = from;
    v->to = to;
    TAILQ_INSERT_TAIL(&m->list, v, link);
    return v;
}

void moves_note(struct moves *m, int64_t from, int64_t to)
{
    struct move *v;

    if (!from || !to || from == to || config_home(m->o.store, from) == to ||
        find(m, from))
        return;
    v = move_new(m, from, to);
    v->held = true;
    lanes_hold(m->o.lanes, from);
    lanes_hold(m->o.lanes, to);
    in_ms(v, 0, on_look); /* after this turn's tasks have started */
}

void moves_see(struct moves *m, const struct update *u)
{
    if (u->kind != UPDATE_MESSAGE)
        return;
    if (u->moved_to)
        moves_note(m, u->chat_id, u->moved_to);
    else if (u->moved_from)
        moves_note(m, u->moved_from, u->chat_id);
}

static void on_sender_moved(int64_t from, int64_t to, void *arg)
{
    moves_note(arg, from, to);
}

/* --- earlier ones -------------------------------------------------------------------- */

static void on_known(struct op *op)
{
    struct moves *m = op->arg;
    struct pg_op *query = m->asking;

    m->asking = NULL;
    if (op->err.kind)
        log_warn("moves", "looking up chats that have moved: %s", op->err.text);
    for (int i = 0; !op->err.kind && i < pg_rows(query); i++) {
        int64_t from = pg_int(query, i, 0), to = pg_int(query, i, 1);

        know(m, from, to);
        if (slice_eq(pg_value(query, i, 2), "t"))
            send_move(move_new(m, from, to));
    }
    op_free(op);
}

void moves_learn(struct moves *m)
{
    char most[24];
    struct slice param = pg_int_param(most, KNOWN_MAX);

    if (m->asking)
        return;
    m->asking = pg_query(m->pg, &moves_known_statement, &param, 1);
    m->asking->op.done = on_known;
    m->asking->op.arg = m;
}

struct moves *moves_new(struct loop *loop, struct pg *pg,
                        const struct moves_options *options)
{
    struct moves *m = xalloc(sizeof(*m));

    m->loop = loop;
    m->pg = pg;
    m->o = *options;
    TAILQ_INIT(&m->list);
    sender_on_moved(m->o.sender, on_sender_moved, m);
    return m;
}

void moves_free(struct moves *m)
{
    if (!m)
        return;
    sender_on_moved(m->o.sender, NULL, NULL);
    while (!TAILQ_EMPTY(&m->list))
        move_free(TAILQ_FIRST(&m->list));
    if (m->asking)
        op_free(&m->asking->op);
    free(m);
}
