/*
 * pg_send.c - sending what waits: see pg.h.
 *
 * Every query is followed by a Sync of its own: it is its own transaction, and
 * is over when the answer to the Sync comes, because only then is it committed.
 * (libpq 15 writes to the socket at each PQpipelineSync(); there is no other way
 * to end a transaction there.)
 */
#include "pg_int.h"

#include <inttypes.h>
#include <stdio.h>

struct prepared *pg_find_prepared(struct pg *pg,
                                  const struct pg_statement *statement)
{
    for (size_t i = 0; i < pg->nprepared; i++) {
        if (pg->prepared[i].statement == statement)
            return &pg->prepared[i];
    }
    return NULL;
}

/* One name is one text in every session of every process: behind a pooler that
 * hands sessions around, another's statement of our name is as good as ours. */
static uint32_t hash(const char *text)
{
    uint32_t h = 2166136261u; /* FNV-1a */

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return h;
}

static struct prepared *
add_prepared(struct pg *pg, const struct pg_statement *statement, bool is_text)
{
    struct prepared *p;
    int n;

    pg->prepared =
        xrealloc(pg->prepared, (pg->nprepared + 1) * sizeof(*pg->prepared));
    p = &pg->prepared[pg->nprepared++];
    *p = (struct prepared){ .statement = statement, .serial = ++pg->serial };
    n = snprintf(p->name, sizeof(p->name), "%.40s#%08" PRIx32, statement->name,
                 hash(statement->sql));
    if (pg->prepared_forgotten || is_text)
        snprintf(p->name + n, sizeof(p->name) - (size_t)n, "#%u", p->serial);
    return p;
}

bool pg_forget_prepared(struct pg *pg, const struct pg_statement *statement,
                        unsigned serial)
{
    struct prepared *p = pg_find_prepared(pg, statement);

    if (!p || p->serial != serial)
        return false;
    pg->prepared_forgotten = true;
    *p = pg->prepared[--pg->nprepared];
    return true;
}

static bool send_unprepared(struct pg *pg, struct query *q)
{
    const struct pg_statement *st = q->statement;

    return PQsendQueryParams(pg->conn, st->sql, st->nparams, NULL, q->params,
                             NULL, NULL, 0);
}

/* Until it is known that the preparation went well, the statement's other
 * queries go without: they must not fail with it, nor find another's. */
static bool send_prepared(struct pg *pg, struct query *q)
{
    const struct pg_statement *st = q->statement;
    struct prepared *p = pg_find_prepared(pg, st);

    if (p && !p->ready)
        return send_unprepared(pg, q);
    if (!p) {
        p = add_prepared(pg, st, q->text != NULL);
        q->prepares = true;
        if (!PQsendPrepare(pg->conn, p->name, st->sql, st->nparams, NULL))
            return false;
    }
    q->serial = p->serial;
    return PQsendQueryPrepared(pg->conn, p->name, st->nparams, q->params, NULL,
                               NULL, 0);
}

/* Behind a pooler no time-out was set when the session began, and what is set must
 * end with the transaction: here, that of all up to the Sync. */
static bool send_prelude(struct pg *pg, struct query *q)
{
    char sql[80];

    q->prelude = pg->pooled && q->text && !q->control && !q->detached;
    if (!q->prelude)
        return true;
    snprintf(sql, sizeof(sql),
             "SELECT set_config('statement_timeout', '%d', true)",
             pg->options.statement_timeout_ms);
    return PQsendQueryParams(pg->conn, sql, 0, NULL, NULL, NULL, NULL, 0);
}

/* For a test that wants it to fail. */
static bool send_instead(struct pg *pg, struct buf *sql)
{
    bool ok =
        PQsendQueryParams(pg->conn, sql->data, 0, NULL, NULL, NULL, NULL, 0) &&
        PQpipelineSync(pg->conn);

    buf_release(sql);
    return ok;
}

static bool send_statement(struct pg *pg, struct query *q)
{
    struct buf instead = BUF_INIT;

    q->prepares = q->by_row = false;
    q->serial = 0;
    if (pg_fault_takes(q, &instead))
        return send_instead(pg, &instead);
    return send_prelude(pg, q) &&
           (pg->options.prepare && !pg->pooled && !q->unprepared &&
                    (!q->text || pg_text_is_known(q->text))
                ? send_prepared(pg, q)
                : send_unprepared(pg, q)) &&
           PQpipelineSync(pg->conn);
}

static bool send_script(struct pg *pg, struct query *q)
{
    return PQexitPipelineMode(pg->conn) && PQsendQuery(pg->conn, q->script);
}

/* Nothing was committed without the Sync, so it has had no effect. If the
 * connection is not to blame, the query is. */
static void send_failed(struct pg *pg, struct query *q)
{
    char reason[300];

    pg_clean(reason, sizeof(reason), PQerrorMessage(pg->conn), pg->conn);
    if (PQstatus(pg->conn) != CONNECTION_BAD) {
        err_set(&q->pub.op.err, ERR_DATABASE, "%s: cannot be sent: %s",
                pg_query_name(q), reason);
        pg_query_over(pg, q);
    }
    pg_lost(pg, reason);
}

/* A script goes alone: libpq has no simple queries in pipeline mode. */
static bool may_send(const struct pg *pg, const struct query *q)
{
    const struct query *first = TAILQ_FIRST(&pg->sent);

    if (pg->renew || (first && (pg->pooled || first->text || q->text)))
        return false;
    return !first || (q->statement && first->statement);
}

void pg_pump(struct pg *pg)
{
    struct query *q;
    bool sent = false;

    while (pg->phase == PG_UP && (q = TAILQ_FIRST(&pg->waiting)) &&
           may_send(pg, q)) {
        if (!(q->statement ? send_statement(pg, q) : send_script(pg, q))) {
            send_failed(pg, q);
            return;
        }
        TAILQ_REMOVE(&pg->waiting, q, link);
        TAILQ_INSERT_TAIL(&pg->sent, q, link);
        q->place = QUERY_SENT;
        sent = true;
        pg_want_rows(pg, q);
    }
    if (sent)
        pg_flush(pg);
}
