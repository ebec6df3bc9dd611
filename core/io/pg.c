/*
 * pg.c - queries: see pg.h; the other files are listed in pg_int.h.
 *
 * pg_query() only puts a query in line. An event that runs before the loop
 * sleeps sends all that wait (pg_send.c), so that a turn's queries go together,
 * and so that nothing can fail inside a start.
 */
#include "pg_int.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* Not for statement_timeout: a migration takes the time it takes. In a simple
 * query of several statements this holds for their one transaction. */
#define SCRIPT_PREFIX "SET LOCAL statement_timeout = 0; "

/* --- the list of queries -------------------------------------------------- */

const char *pg_query_name(const struct query *q)
{
    return q->statement ? q->statement->name : "script";
}

static void query_destroy(struct query *q)
{
    q->pg->live--;
    PQclear(q->pub.result);
    PQclear(q->pub.failure);
    pg_answer_free(q->pub.answer);
    pg_text_unref(q->text);
    free(q->script);
    free(q);
}

static void take_off(struct pg *pg, struct query *q)
{
    TAILQ_REMOVE(q->place == QUERY_SENT ? &pg->sent : &pg->waiting, q, link);
    TAILQ_REMOVE(&pg->by_age, q, age);
    pg->count--;
    q->place = QUERY_OVER;
}

void pg_query_over(struct pg *pg, struct query *q)
{
    take_off(pg, q);
    if (q->detached)
        query_destroy(q);
    else
        op_complete(&q->pub.op);
}

void pg_query_repeat(struct pg *pg, struct query *q)
{
    struct query *other;

    q->again = false;
    q->unprepared = true;
    err_clear(&q->pub.op.err);
    q->pub.sqlstate[0] = '\0';
    PQclear(q->pub.failure);
    q->pub.failure = NULL;
    TAILQ_REMOVE(&pg->sent, q, link);
    q->place = QUERY_WAITING;
    TAILQ_FOREACH (other, &pg->waiting, link) {
        if (other->number > q->number) {
            TAILQ_INSERT_BEFORE(other, q, link);
            return;
        }
    }
    TAILQ_INSERT_TAIL(&pg->waiting, q, link);
}

static void query_stop(struct op *op)
{
    struct query *q = (struct query *)op;

    if (q->place == QUERY_WAITING)
        take_off(q->pg, q);
}

static void query_free(struct op *op)
{
    struct query *q = (struct query *)op;

    if (q->place == QUERY_SENT)
        q->detached = true;
    else
        query_destroy(q);
}

static const struct op_class query_class = { "query", query_stop, query_free };

/* They belong to the connection that is gone, and were not sent. */
static void fail_bound(struct pg *pg)
{
    struct query *q, *next;

    for (q = TAILQ_FIRST(&pg->waiting); q; q = next) {
        next = TAILQ_NEXT(q, link);
        if (!q->session)
            continue;
        err_set(&q->pub.op.err, ERR_DATABASE,
                "%s: the connection to PostgreSQL broke: %s", pg_query_name(q),
                pg->reason);
        pg_query_over(pg, q);
    }
}

void pg_sent_lost(struct pg *pg)
{
    struct query *q;

    while ((q = TAILQ_FIRST(&pg->sent))) {
        if (q->again && !q->detached) {
            pg_query_repeat(pg, q);
            continue;
        }
        if (!q->pub.op.err.kind) {
            q->pub.maybe_done = true;
            err_set(&q->pub.op.err, ERR_DATABASE,
                    "%s: the connection to PostgreSQL broke: %s",
                    pg_query_name(q), pg->reason);
        }
        pg_query_over(pg, q);
    }
    fail_bound(pg);
    free(pg->prepared);
    pg->prepared = NULL;
    pg->nprepared = 0;
    pg->prepared_forgotten = false;
    pg->prepared_lost = 0;
}

/* --- starting ------------------------------------------------------------- */

static void on_pump(evutil_socket_t fd, short what, void *arg)
{
    struct pg *pg = arg;

    (void)fd;
    (void)what;
    pg_pump(pg);
    /* libpq also reads when it cannot write: the socket need not tell. */
    if (pg->phase == PG_UP)
        pg_read_answers(pg);
}

static struct query *query_new(struct pg *pg, size_t more)
{
    struct query *q = xalloc(sizeof(*q) + more);

    op_init(&q->pub.op, &query_class, pg->loop);
    op_goes_outside(&q->pub.op);
    q->pg = pg;
    pg->live++;
    q->number = pg->number++;
    q->started_ms = loop_real_ms();
    q->place = QUERY_OVER;
    return q;
}

/* Put it in line, unless something is wrong with it already. */
static struct pg_op *query_start(struct pg *pg, struct query *q)
{
    if (pg->count >= pg->options.queue_max)
        err_set(&q->pub.op.err, ERR_DATABASE,
                "%s: too many queries are waiting", pg_query_name(q));
    if (q->pub.op.err.kind) {
        op_complete(&q->pub.op);
        return &q->pub;
    }
    q->place = QUERY_WAITING;
    TAILQ_INSERT_TAIL(&pg->waiting, q, link);
    TAILQ_INSERT_TAIL(&pg->by_age, q, age);
    pg->count++;
    if (!evtimer_pending(pg->deadline, NULL))
        pg_deadlines_changed(pg);
    if (pg->phase == PG_UP)
        event_active(pg->pump, EV_TIMEOUT, 1);
    return &q->pub;
}

static void copy_params(struct query *q, const struct slice *params, int n)
{
    char *to = (char *)(q->params + n);

    for (int i = 0; i < n; i++) {
        if (!params[i].p)
            continue; /* NULL */
        if (memchr(params[i].p, 0, params[i].n))
            err_set(&q->pub.op.err, ERR_DATABASE,
                    "%s: parameter %d has a NUL byte in it", pg_query_name(q),
                    i + 1);
        memcpy(to, params[i].p, params[i].n);
        q->params[i] = to;
        to += params[i].n + 1; /* the memory is zeroed */
    }
}

struct pg_op *pg_query(struct pg *pg, const struct pg_statement *statement,
                       const struct slice *params, int n)
{
    size_t more = 0;
    struct query *q;

    assert(n == statement->nparams && n <= PG_PARAMS_MAX);
    for (int i = 0; i < n; i++)
        more += sizeof(q->params[0]) + params[i].n + 1;
    q = query_new(pg, more);
    q->statement = statement;
    copy_params(q, params, n);
    return query_start(pg, q);
}

struct pg_op *pg_ask_text(struct pg *pg, const struct pg_question *question,
                          struct text *text, struct pg_answer *answer)
{
    size_t more = 0;
    struct query *q;

    for (int i = 0; i < question->nparams; i++)
        more += sizeof(q->params[0]) + question->params[i].n + 1;
    q = query_new(pg, more);
    q->text = text;
    q->statement = pg_text_ref(text);
    pg_text_unref(text); /* the asker's */
    q->session = question->session;
    q->control = question->control;
    q->pub.answer = answer;
    copy_params(q, question->params, question->nparams);
    if (q->session && (pg->phase != PG_UP || pg->connections != q->session))
        err_set(&q->pub.op.err, ERR_DATABASE,
                "%s: the connection to PostgreSQL broke", pg_query_name(q));
    return query_start(pg, q);
}

void pg_ask_detached(struct pg *pg, struct text *text)
{
    struct query *q = query_new(pg, 0);

    q->text = text;
    q->statement = pg_text_ref(text);
    q->pub.answer = NULL;
    query_start(pg, q);
    if (q->place == QUERY_OVER) { /* too many wait */
        op_free(&q->pub.op);
        return;
    }
    op_left(&q->pub.op);
    q->detached = true;
}

struct pg_op *pg_script(struct pg *pg, struct slice sql)
{
    struct query *q = query_new(pg, 0);
    struct buf text = BUF_INIT;

    if (sql.n && memchr(sql.p, 0, sql.n))
        err_set(&q->pub.op.err, ERR_DATABASE, "script: a NUL byte is in it");
    buf_adds(&text, SCRIPT_PREFIX);
    buf_add_slice(&text, sql);
    q->script = buf_detach(&text);
    return query_start(pg, q);
}

int pg_script_done(const struct pg_op *op)
{
    return ((const struct query *)op)->results - 1; /* the prefix's */
}

int pg_script_position(const struct pg_op *op)
{
    const char *position = pg_error_field(op, PG_ERROR_POSITION);
    long n = position ? strtol(position, NULL, 10) : 0;

    n -= (long)sizeof(SCRIPT_PREFIX) - 1;
    return n > 0 && n < INT_MAX ? (int)n : 0;
}

static void fill_defaults(struct pg_options *o)
{
    o->url = o->application_name = NULL; /* pg_url has them */
    o->query_timeout_ms = o->query_timeout_ms ?: 15000;
    o->statement_timeout_ms =
        o->statement_timeout_ms ?: o->query_timeout_ms / 8 * 7;
    o->wait_timeout_ms = o->wait_timeout_ms ?: 5000;
    o->queue_max = o->queue_max ?: 10000;
}

struct pg *pg_new(struct loop *loop, const struct pg_options *options,
                  struct err *err)
{
    struct event_base *base = loop_base(loop);
    struct pg_url url = { 0 };
    struct pg *pg;

    if (!pg_url_init(&url, options, err))
        return NULL;
    pg = xalloc(sizeof(*pg));
    pg->loop = loop;
    pg->url = url;
    pg->options = *options;
    pg->schema = options->schema ? xstrdup(options->schema) : NULL;
    fill_defaults(&pg->options);
    TAILQ_INIT(&pg->waiting);
    TAILQ_INIT(&pg->sent);
    TAILQ_INIT(&pg->by_age);
    TAILQ_INIT(&pg->texts);
    pg->pump = event_new(base, -1, 0, on_pump, pg);
    pg_deadlines_init(pg);
    pg_connect_init(pg);
    pg_fault_join(pg);
    return pg;
}

void pg_free(struct pg *pg)
{
    struct query *q;

    if (!pg)
        return;
    while ((q = TAILQ_FIRST(&pg->sent))) {
        assert(q->detached);
        pg_query_over(pg, q);
    }
    while ((q = TAILQ_FIRST(&pg->waiting))) {
        assert(q->detached);
        pg_query_over(pg, q);
    }
    assert(pg->live == 0);
    pg_fault_leave(pg);
    pg_connect_release(pg);
    pg_url_release(&pg->url);
    event_free(pg->pump);
    event_free(pg->deadline);
    pg_texts_free(pg);
    free(pg->prepared);
    free(pg->schema);
    free(pg);
}

const char *pg_schema(const struct pg *pg)
{
    return pg->schema;
}

void pg_on_state(struct pg *pg, pg_state_fn fn, void *arg)
{
    pg->on_state = fn;
    pg->on_state_arg = arg;
}

void pg_on_notify(struct pg *pg, pg_notify_fn fn, void *arg)
{
    pg->on_notify = fn;
    pg->on_notify_arg = arg;
}

bool pg_is_up(const struct pg *pg)
{
    return pg->phase == PG_UP;
}

unsigned pg_connections(const struct pg *pg)
{
    return pg->connections;
}

struct pg_pending pg_pending(const struct pg *pg)
{
    struct pg_pending n = { 0 };
    const struct query *q;

    TAILQ_FOREACH (q, &pg->waiting, link)
        n.waiting++;
    TAILQ_FOREACH (q, &pg->sent, link)
        n.sent++;
    return n;
}

int pg_backend(const struct pg *pg)
{
    return pg->phase == PG_UP && !pg->pooled ? PQbackendPID(pg->conn) : 0;
}
