/*
 * script_db.c - see script_db.h.
 *
 *     link: FREE ─ query ─► BUSY ─ its answer ─► FREE
 *           FREE ─ BEGIN ─► BUSY ─► SESSION ⇄ BUSY … ─ COMMIT or ROLLBACK ─► FREE
 *
 * The link owns the query that runs on it; the op that waits for it, if its task
 * still lives, gets it when it has ended. Who waits for a link: script_db_line.c.
 */
#include "script_db_int.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"

static struct metric seconds = {
    .name = "moonpost_script_query_seconds",
    .help = "Statements of scripts, from asking to the answer, waiting for a "
            "connection included.",
    .type = METRIC_HISTOGRAM,
    .labels = { "result" },
};

/* --- ops ------------------------------------------------------------------------ */

static void op_stop(struct op *op)
{
    struct db_op *o = (struct db_op *)op;

    script_db_leave_line(o);
    if (o->link)
        o->link->op = NULL;
}

static void op_release(struct op *op)
{
    struct db_op *o = (struct db_op *)op;

    if (o->query)
        op_free(&o->query->op);
    if (o->session) /* nobody has taken it */
        o->db->desk.release(o->db, o->session);
    free(o);
}

static const struct op_class db_class = { "db", op_stop, op_release };

struct db_op *script_db_op(struct script_db *db)
{
    struct db_op *op = xalloc(sizeof(*op));

    op_init(&op->op, &db_class, db->loop);
    op->db = db;
    op->asked_us = metric_clock_us();
    return op;
}

struct db_op *script_db_failed(struct db_op *op, enum err_kind kind,
                               const char *why)
{
    err_set(&op->op.err, kind, "%s", why);
    op_complete(&op->op);
    return op;
}

/* --- sessions --------------------------------------------------------------------- */

static void end_session(struct db_session *s)
{
    if (!s->link)
        return;
    op_free(s->idle);
    s->idle = NULL;
    s->link->session = NULL;
    s->link = NULL;
}

/* Nobody waits for it; the link is free when it has been answered. */
static void ask_rollback(struct db_link *link, unsigned connection)
{
    script_db_ask(link, NULL,
                  &(struct pg_question){ .sql = slice_of("ROLLBACK"),
                                         .session = connection,
                                         .control = true });
}

static void roll_back(struct db_session *s)
{
    struct db_link *link = s->link;

    if (!link)
        return;
    end_session(s);
    if (link->op) { /* another task's, to which it was lent */
        link->op->link = NULL;
        script_db_failed(link->op, ERR_USAGE, "the transaction has ended");
    }
    if (link->query) { /* that nobody waits for: after it */
        op_free(&link->query->op);
        link->query = NULL;
    }
    ask_rollback(link, s->connection);
}

static void on_idle(struct op *op)
{
    struct db_session *s = op->arg;

    s->was_idle = true;
    roll_back(s);
}

static void idle_from_now(struct db_session *s)
{
    s->idle = timer_start(s->db->loop, s->db->options.timeout_ms);
    s->idle->done = on_idle;
    s->idle->arg = s;
}

static void note_error(struct db_session *s, const struct db_op *op,
                       const struct err *err)
{
    if (s->error.text[0])
        return;
    snprintf(s->error.text, sizeof(s->error.text), "%s", err->text);
    memcpy(s->error.sqlstate, op->sqlstate, sizeof(s->error.sqlstate));
}

static struct db_session *session_new(struct db_link *link, const void *owner)
{
    struct db_session *s = xalloc(sizeof(*s));

    s->db = link->db;
    s->owner = owner;
    s->link = link;
    s->connection = pg_connections(link->pg);
    link->session = s;
    TAILQ_INSERT_TAIL(&s->db->sessions, s, entry);
    return s;
}

/* --- answers ------------------------------------------------------------------------ */

static void read_error(struct db_op *op, const struct pg_op *query)
{
    op->op.err = query->op.err;
    op->maybe_done = query->maybe_done;
    memcpy(op->sqlstate, query->sqlstate, sizeof(op->sqlstate));
}

/* Of an op: BEGIN, COMMIT, or what was asked for. */
static void take_answer(struct db_link *link, struct db_op *op)
{
    struct db_session *s = link->session;
    const void *owner = op->owner;

    read_error(op, op->query);
    metric_observe(metric_of(&seconds, op->op.err.kind ? "failed" : "ok"),
                   metric_clock_us() - op->asked_us);
    if (owner) {
        if (!op->op.err.kind) {
            op->session = s = session_new(link, owner);
            idle_from_now(s);
        }
    } else if (s && op->in != s) { /* a commit */
        end_session(s);
    } else if (s) {
        if (!op->op.err.kind &&
            strcmp(pg_answer(op->query)->tag, "ROLLBACK") == 0)
            s->error = (struct db_first_error){ 0 }; /* to a savepoint */
        if (op->op.err.kind)
            note_error(s, op, &op->op.err);
        op->maybe_done = false; /* it can only be rolled back */
        idle_from_now(s);
    }
}

/* Its task has ended meanwhile. */
static void leave_answer(struct db_link *link, struct pg_op *query)
{
    bool began = link->begins && !query->op.err.kind;

    op_free(&query->op);
    if (began)
        ask_rollback(link, pg_connections(link->pg));
    else if (link->session)
        idle_from_now(link->session);
}

static void on_answer(struct op *op)
{
    struct db_link *link = op->arg;
    struct script_db *db = link->db;
    struct db_op *asker = link->op;
    struct pg_op *query = link->query;

    link->query = NULL;
    link->op = NULL;
    if (asker) {
        asker->link = NULL;
        asker->query = query;
        take_answer(link, asker);
        op_complete_here(&asker->op);
    } else {
        leave_answer(link, query);
    }
    script_db_serve(db);
}

void script_db_ask(struct db_link *link, struct db_op *op,
                   const struct pg_question *question)
{
    struct pg_question limited = *question;

    assert(!link->query);
    limited.rows_max = link->db->options.rows_max;
    limited.bytes_max = link->db->options.bytes_max;
    link->query = pg_ask(link->pg, &limited);
    link->query->op.done = on_answer;
    link->query->op.arg = link;
    link->begins = op && op->owner;
    link->op = op;
    if (op)
        op->link = link;
}

/* --- the desk ----------------------------------------------------------------------------- */

/* Why nothing can be asked in it, or NULL. */
static const char *problem_of(const struct db_session *s)
{
    if (s->was_idle)
        return "the transaction did nothing for too long, and was rolled back";
    if (!s->link)
        return "the transaction has ended";
    if (s->link->query)
        return "the transaction is busy with another query";
    return NULL;
}

static struct db_op *ask_in_session(struct db_session *s,
                                    const struct pg_question *question,
                                    bool ends)
{
    struct db_op *op = script_db_op(s->db);
    struct pg_question bound = *question;
    const char *problem = problem_of(s);

    if (problem)
        return script_db_failed(op, ERR_USAGE, problem);
    op_free(s->idle);
    s->idle = NULL;
    op->in = ends ? NULL : s;
    bound.session = s->connection;
    script_db_ask(s->link, op, &bound);
    return op;
}

static struct db_op *desk_query(void *arg, struct db_session *session,
                                const struct pg_question *question)
{
    if (session)
        return ask_in_session(session, question, false);
    return script_db_stand_in_line(arg, question, NULL);
}

static struct db_op *desk_begin(void *arg, const void *owner, const char *how)
{
    struct pg_question question = { .sql = slice_of(how), .control = true };

    return script_db_stand_in_line(arg, &question, owner);
}

static struct db_op *desk_commit(void *arg, struct db_session *session)
{
    (void)arg;
    return ask_in_session(session,
                          &(struct pg_question){ .sql = slice_of("COMMIT"),
                                                 .control = true },
                          true);
}

static void desk_release(void *arg, struct db_session *session)
{
    struct script_db *db = arg;

    roll_back(session);
    op_free(session->idle);
    TAILQ_REMOVE(&db->sessions, session, entry);
    free(session);
}

/* The first: those in it are savepoints. */
static struct db_session *desk_session_of(void *arg, const void *owner)
{
    struct script_db *db = arg;
    struct db_session *s;

    TAILQ_FOREACH (s, &db->sessions, entry)
        if (s->owner == owner)
            return s;
    return NULL;
}

static const struct db_first_error *
desk_first_error(const struct db_session *session)
{
    return &session->error;
}

/* --- making ---------------------------------------------------------------------------------- */

struct script_db *script_db_new(struct loop *loop,
                                const struct script_db_options *options)
{
    struct script_db *db = xalloc(sizeof(*db));

    assert(options->connections >= 1 &&
           options->connections <= SCRIPT_DB_CONNECTIONS_MAX);
    db->loop = loop;
    db->options = *options;
    db->desk = (struct db_desk){
        .query = desk_query,
        .begin = desk_begin,
        .commit = desk_commit,
        .release = desk_release,
        .session_of = desk_session_of,
        .first_error = desk_first_error,
        .arg = db,
    };
    TAILQ_INIT(&db->line);
    TAILQ_INIT(&db->sessions);
    return db;
}

void script_db_free(struct script_db *db)
{
    if (!db)
        return;
    assert(TAILQ_EMPTY(&db->line) && TAILQ_EMPTY(&db->sessions));
    op_free(db->deadline);
    for (int i = 0; i < db->n; i++) {
        if (db->links[i].query)
            op_free(&db->links[i].query->op);
        pg_free(db->links[i].pg);
    }
    free(db);
}

const struct db_desk *script_db_desk(const struct script_db *db)
{
    return &db->desk;
}

struct script_db_stats script_db_stats(const struct script_db *db)
{
    struct script_db_stats stats = { .open = db->n, .waiting = db->waiting };

    for (int i = 0; i < db->n; i++)
        stats.busy += db->links[i].query || db->links[i].session;
    return stats;
}
