/*
 * pg_answer.c - results of queries, in the order in which they were sent.
 *
 * In pipeline mode libpq gives for each query
 *     [result of PQsendPrepare(), NULL,] result, NULL, PGRES_PIPELINE_SYNC
 * where after an error the rest up to the Sync is PGRES_PIPELINE_ABORTED; for a
 * script, one result per statement, then NULL. The commit is part of the Sync:
 * it may still bring an error (a deferred constraint).
 */
#include "pg_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

/* So often may prepared statements get lost before we believe in a pooler. */
#define PREPARED_LOST_MAX 3

/* --- errors --------------------------------------------------------------- */

/* The line of the script at which the server points, or 0. */
static int script_line(const struct query *q, const PGresult *res)
{
    const char *position = PQresultErrorField(res, PG_DIAG_STATEMENT_POSITION);
    long left = position ? strtol(position, NULL, 10) : 0;
    int line = 1;

    if (!q->script || left < 1)
        return 0;
    for (const char *p = q->script; *p && left > 1; p++) {
        if (*p == '\n')
            line++;
        if ((p[1] & 0xC0) != 0x80) /* positions count characters */
            left--;
    }
    return line;
}

/* The whole row with all its values is too much for a message, and for a log. */
static bool detail_is_the_row(const char *sqlstate)
{
    return !strcmp(sqlstate, "23514") || !strcmp(sqlstate, "23502");
}

static void set_error(struct pg *pg, struct query *q, const PGresult *res)
{
    const char *primary = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);
    int line = script_line(q, res);
    struct buf text = BUF_INIT;
    char clean[900];

    if (line)
        buf_addf(&text, "line %d: ", line);
    buf_adds(&text, primary ? primary : "unknown error");
    if (detail && !q->text && !detail_is_the_row(q->pub.sqlstate))
        buf_addf(&text, " (%s)", detail);
    pg_clean(clean, sizeof(clean), text.data, pg->conn);
    if (q->text)
        err_set(&q->pub.op.err, ERR_DATABASE, "%s", clean);
    else
        err_set(&q->pub.op.err, ERR_DATABASE, "%s: %s", pg_query_name(q),
                clean);
    buf_release(&text);
}

/*
 * Is the prepared statement to blame, and not the query? Such an error comes
 * before anything was done. The statement is gone (DISCARD ALL, or a pooler gave
 * us another session), or another session's has its name, or a table that it
 * reads was changed and it cannot be planned anew.
 */
enum blame { BLAME_QUERY, BLAME_SESSION, BLAME_PLAN };

static enum blame who_failed(const PGresult *res, const char *sqlstate)
{
    const char *function = PQresultErrorField(res, PG_DIAG_SOURCE_FUNCTION);

    if (!strcmp(sqlstate, "26000") || !strcmp(sqlstate, "42P05"))
        return BLAME_SESSION;
    if (!strcmp(sqlstate, "0A000") && function &&
        !strcmp(function, "RevalidateCachedQuery"))
        return BLAME_PLAN;
    return BLAME_QUERY;
}

/*
 * PgBouncer before 1.21 gives a session away when the answer to a Sync comes,
 * also when a part of the next query has already gone to it; the rest then goes
 * to another one.
 */
void pg_behind_pooler(struct pg *pg, const char *sign)
{
    pg->pooled = true;
    if (pg->told_pooled)
        return;
    pg->told_pooled = true;
    log_info("database",
             "a pooler is in between (%s): going on without prepared "
             "statements, one query at a time",
             sign);
}

static void prepared_lost(struct pg *pg, const struct query *q,
                          enum blame blame)
{
    if (!pg_forget_prepared(pg, q->statement, q->serial))
        return; /* already known from a query before this */
    if (blame != BLAME_SESSION)
        return;
    if (++pg->prepared_lost >= PREPARED_LOST_MAX)
        pg_behind_pooler(pg, "prepared statements keep getting lost");
}

/* An error result. False: it did not come from the server. */
static bool take_error(struct pg *pg, struct query *q, const PGresult *res)
{
    const char *sqlstate = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    const char *severity =
        PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
    bool fatal = severity && strcmp(severity, "ERROR") != 0;

    if (!sqlstate)
        return false;
    if (fatal)
        snprintf(pg->fatal, sizeof(pg->fatal), "%s",
                 PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY));
    if (q->pub.op.err.kind)
        return true;
    q->pub.maybe_done = fatal && q->answered;
    snprintf(q->pub.sqlstate, sizeof(q->pub.sqlstate), "%s", sqlstate);
    set_error(pg, q, res);
    if (!strcmp(sqlstate, "25006") && !q->session) /* one may be READ ONLY */
        pg_read_only(pg);
    if (!q->serial)
        return true;
    if (who_failed(res, sqlstate) != BLAME_QUERY) {
        prepared_lost(pg, q, who_failed(res, sqlstate));
        q->again = !fatal && !q->session;
    } else if (q->prepares) {
        pg_forget_prepared(pg, q->statement, q->serial); /* it is not there */
    }
    return true;
}

/* --- the end of a query --------------------------------------------------- */

static void query_finish(struct pg *pg, struct query *q)
{
    if (q->pub.op.err.kind) {
        PQclear(q->pub.result);
        q->pub.result = NULL;
    }
    if (q->again && !q->detached) {
        pg_query_repeat(pg, q);
        event_active(pg->pump, EV_TIMEOUT, 1);
    } else {
        pg_query_over(pg, q);
    }
}

/* NULL after a script's results. */
static bool script_finish(struct pg *pg, struct query *q)
{
    if (PQtransactionStatus(pg->conn) != PQTRANS_IDLE) {
        err_set(&q->pub.op.err, ERR_DATABASE,
                "script: it leaves a transaction open");
        strcpy(q->pub.sqlstate, "25000"); /* and would do so again */
        pg_lost(pg, "a script left a transaction open");
        return false;
    }
    if (!PQenterPipelineMode(pg->conn)) {
        pg_lost(pg, PQerrorMessage(pg->conn));
        return false;
    }
    query_finish(pg, q);
    return true;
}

void pg_want_rows(struct pg *pg, struct query *q)
{
    if (q->text && !q->prelude && !q->prepares && !q->answered && !q->by_row)
        q->by_row = PQsetSingleRowMode(pg->conn);
}

/* False: the answer is far too large to be read to its end. */
static bool keep_result(struct pg *pg, struct query *q, PGresult *res)
{
    struct prepared *p;
    bool ok;

    if (q->prelude) {
        q->prelude = false;
        PQclear(res);
        return true;
    }

    if (q->prepares) {
        q->prepares = false; /* done; the query's own comes next */
        p = pg_find_prepared(pg, q->statement);
        if (p && p->serial == q->serial)
            p->ready = true;
        PQclear(res);
        return true;
    }
    q->answered = true;
    q->results++;
    ok = pg_take_rows(q, res);
    PQclear(q->pub.result);
    q->pub.result = q->text ? NULL : res;
    if (q->text)
        PQclear(res);
    return ok;
}

/* Takes res. False: the connection is lost. */
static bool take_result(struct pg *pg, struct query *q, PGresult *res)
{
    ExecStatusType status = PQresultStatus(res);
    bool ok = true;

    switch (status) {
    case PGRES_EMPTY_QUERY:
    case PGRES_COMMAND_OK:
    case PGRES_TUPLES_OK:
    case PGRES_SINGLE_TUPLE:
        if (keep_result(pg, q, res))
            return true;
        pg_lost(pg, "the rest of a result was too large to be read");
        return false;
    case PGRES_PIPELINE_SYNC: query_finish(pg, q); break;
    case PGRES_PIPELINE_ABORTED: break;
    case PGRES_FATAL_ERROR:
        ok = take_error(pg, q, res);
        if (ok && !q->pub.failure && (q->text || q->script)) {
            q->pub.failure = res;
            return true;
        }
        break;
    default: /* PGRES_COPY_IN and its like */
        err_set(&q->pub.op.err, ERR_DATABASE,
                "%s: COPY from or to the client is not possible here",
                pg_query_name(q));
        strcpy(q->pub.sqlstate, "0A000"); /* and won't be */
        ok = false;
    }
    if (!ok)
        pg_lost(pg, *pg->fatal ? pg->fatal : PQresultErrorMessage(res));
    PQclear(res);
    return ok;
}

static void tell_notifies(struct pg *pg)
{
    PGnotify *n;

    while (pg->phase == PG_UP && (n = PQnotifies(pg->conn))) {
        if (pg->on_notify)
            pg->on_notify(n->relname, slice_of(n->extra), pg->on_notify_arg);
        PQfreemem(n);
    }
}

void pg_read_answers(struct pg *pg)
{
    struct query *q;
    int nothing = 0; /* NULLs in a row */

    while ((q = TAILQ_FIRST(&pg->sent)) && !PQisBusy(pg->conn)) {
        PGresult *res = PQgetResult(pg->conn);

        nothing = res ? 0 : nothing + 1;
        if (res && !take_result(pg, q, res))
            return;
        if (!res)
            pg_want_rows(pg, q);
        if (!res && q->script && !script_finish(pg, q))
            return;
        if (nothing > 2 || PQstatus(pg->conn) == CONNECTION_BAD) {
            /* more than libpq ever gives: it expects no answer any more */
            pg_lost(pg, *pg->fatal ? pg->fatal : PQerrorMessage(pg->conn));
            return;
        }
    }
    tell_notifies(pg);
    if (q || pg_renewed(pg))
        return;
    /* a script that waited for this, or what waited for a script */
    if (!TAILQ_EMPTY(&pg->waiting))
        event_active(pg->pump, EV_TIMEOUT, 1);
}

bool pg_may_pass(const char *sqlstate)
{
    static const char *const states[] = {
        "08",    "40",    "53",    "57", /* connection … resources, shutdown */
        "55P03", "25006", "58030",       /* locked; read-only; the disk */
    };

    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (strncmp(sqlstate, states[i], strlen(states[i])) == 0)
            return true;
    return !*sqlstate;
}

/* --- what the owner of a finished query reads ------------------------------ */

int pg_rows(const struct pg_op *op)
{
    return op->result ? PQntuples(op->result) : 0;
}

int64_t pg_affected(const struct pg_op *op)
{
    return op->result ? strtoll(PQcmdTuples(op->result), NULL, 10) : 0;
}

bool pg_is_null(const struct pg_op *op, int row, int column)
{
    return !op->result || PQgetisnull(op->result, row, column);
}

struct slice pg_value(const struct pg_op *op, int row, int column)
{
    if (pg_is_null(op, row, column))
        return SLICE_NONE;
    return (struct slice){ PQgetvalue(op->result, row, column),
                           (size_t)PQgetlength(op->result, row, column) };
}

#define PLAIN_DIGITS 18 /* always fit */

/* What nearly all are, many in each row: strtoll() takes ten times as long. */
static bool plain_int(struct slice text, int64_t *n)
{
    const char *p = text.p, *end = text.p + text.n;
    bool negative = text.n > 1 && *p == '-';

    p += negative;
    if (p == end || end - p > PLAIN_DIGITS)
        return false;
    for (*n = 0; p < end; p++) {
        if (*p < '0' || *p > '9')
            return false;
        *n = *n * 10 + (*p - '0');
    }
    *n = negative ? -*n : *n;
    return true;
}

int64_t pg_int(const struct pg_op *op, int row, int column)
{
    struct slice value = pg_value(op, row, column);
    int64_t plain;
    char *end;
    long long n;

    if (plain_int(value, &plain))
        return plain;
    if (!value.n)
        return 0;
    errno = 0;
    n = strtoll(value.p, &end, 10); /* libpq ends values with a NUL */
    return errno || end != value.p + value.n ? 0 : n;
}

struct slice pg_int_param(char storage[24], int64_t n)
{
    return (struct slice){ storage, (size_t)snprintf(storage, 24, "%lld",
                                                     (long long)n) };
}
