/*
 * pg_deadline.c - queries that wait too long: for a connection, or an answer.
 *
 * by_age has all queries that are not over, oldest first. As all have the same
 * time-outs, their deadlines come in that order too: one timer is enough.
 */
#include "pg_int.h"

#include <stdio.h>

#define NEVER INT64_MAX

static int64_t deadline_of(const struct pg *pg, const struct query *q)
{
    int64_t least =
        q->statement ? q->started_ms + pg->options.query_timeout_ms : NEVER;
    int64_t waits_since;

    if (pg->phase == PG_UP)
        return least;
    waits_since = q->started_ms > pg->down_ms ? q->started_ms : pg->down_ms;
    waits_since += pg->options.wait_timeout_ms;
    return waits_since < least ? waits_since : least;
}

int64_t pg_deadline_left(const struct pg *pg)
{
    const struct query *q;
    int64_t left;

    TAILQ_FOREACH (q, &pg->by_age, age) {
        if (deadline_of(pg, q) == NEVER)
            continue; /* a script */
        left = deadline_of(pg, q) - loop_real_ms();
        return left < 0 ? 0 : left;
    }
    return -1;
}

/* Set the timer for the first deadline, if there is one. */
void pg_deadlines_changed(struct pg *pg)
{
    int64_t left = pg_deadline_left(pg);
    struct timeval tv = { left / 1000, left % 1000 * 1000 + 999 };

    if (left < 0)
        evtimer_del(pg->deadline);
    else
        evtimer_add(pg->deadline, &tv);
}

static void fail_waiting(struct pg *pg, struct query *q)
{
    if (pg->phase != PG_UP)
        err_set(&q->pub.op.err, ERR_DATABASE, "no connection to PostgreSQL: %s",
                *pg->reason ? pg->reason : "no answer yet");
    else
        err_set(&q->pub.op.err, ERR_TIMEOUT,
                "%s: not sent within %d ms: those before it took too long",
                pg_query_name(q), pg->options.query_timeout_ms);
    pg_query_over(pg, q);
}

/* There is no telling when the answer will come, and the answers of all others
 * come after it. (PQcancel() would block; the server's own statement_timeout
 * ends what still runs there.) */
static void fail_sent(struct pg *pg, struct query *q)
{
    char reason[200];

    snprintf(reason, sizeof(reason), "%s: no answer within %d ms",
             pg_query_name(q), pg->options.query_timeout_ms);
    q->pub.maybe_done = true;
    err_set(&q->pub.op.err, ERR_TIMEOUT, "%s", reason);
    pg_lost(pg, reason);
}

static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
    struct pg *pg = arg;
    int64_t now = loop_real_ms();
    struct query *q, *next;

    (void)fd;
    (void)what;
    for (q = TAILQ_FIRST(&pg->by_age); q; q = next) {
        next = TAILQ_NEXT(q, age);
        if (deadline_of(pg, q) > now) {
            if (q->statement)
                break;
            continue; /* a script: those behind it have deadlines */
        }
        if (q->place == QUERY_SENT) {
            fail_sent(pg, q); /* ends others too; sets the timer */
            return;
        }
        fail_waiting(pg, q);
    }
    pg_deadlines_changed(pg);
}

void pg_deadlines_init(struct pg *pg)
{
    pg->deadline = evtimer_new(loop_base(pg->loop), on_deadline, pg);
}
