/* pg_fault.c - see pg_fault.h. One for the process, as a clock that is moved is. */
#include "io/pg_fault.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "io/pg_int.h"

struct failing {
    struct pg_failure f; /* its texts are its own */
    TAILQ_ENTRY(failing) link;
};

static struct {
    bool down, spare;
    int64_t slow_ms;
    TAILQ_HEAD(, failing) failing;
} faults = { .failing = TAILQ_HEAD_INITIALIZER(faults.failing) };

static TAILQ_HEAD(, pg) all = TAILQ_HEAD_INITIALIZER(all);

/* --- what pg asks ----------------------------------------------------------------- */

void pg_fault_join(struct pg *pg)
{
    TAILQ_INSERT_TAIL(&all, pg, all);
}

void pg_fault_leave(struct pg *pg)
{
    TAILQ_REMOVE(&all, pg, all);
}

bool pg_fault_refuses(void)
{
    return faults.down;
}

bool pg_fault_hurries(void)
{
    return faults.slow_ms && !faults.down;
}

void pg_fault_let_go(struct pg *pg)
{
    op_free(pg->held);
    pg->held = NULL;
    pg->let_through = false;
}

static void on_held(struct op *op)
{
    struct pg *pg = op->arg;

    pg_fault_let_go(pg);
    pg->let_through = true;
    event_add(pg->readable, NULL);
}

bool pg_fault_holds(struct pg *pg)
{
    if (!faults.slow_ms || pg->let_through || TAILQ_EMPTY(&pg->sent)) {
        pg->let_through = false;
        return false;
    }
    event_del(pg->readable);
    pg->held = timer_start(pg->loop, faults.slow_ms);
    pg->held->done = on_held;
    pg->held->arg = pg;
    return true;
}

/* --- statements that fail ----------------------------------------------------------- */

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static bool names(const char *sql, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = sql; (p = strcasestr(p, word)); p++)
        if ((p == sql || !is_word(p[-1])) && !is_word(p[n]))
            return true;
    return false;
}

static void free_failing(struct failing *f)
{
    TAILQ_REMOVE(&faults.failing, f, link);
    free((char *)f->f.table);
    free((char *)f->f.sqlstate);
    free((char *)f->f.message);
    free((char *)f->f.constraint);
    free(f);
}

static void add_literal(struct buf *out, const char *text)
{
    buf_adds(out, "E'");
    for (; *text; text++) {
        if (strchr("'\\", *text))
            buf_addc(out, *text);
        buf_addc(out, *text == '$' ? ' ' : *text); /* it ends at $$ */
    }
    buf_addc(out, '\'');
}

bool pg_fault_takes(const struct query *q, struct buf *sql)
{
    struct failing *f;

    if (TAILQ_EMPTY(&faults.failing) || faults.spare || q->control ||
        q->detached)
        return false;
    TAILQ_FOREACH (f, &faults.failing, link)
        if (strcmp(f->f.table, "*") == 0 ||
            names(q->statement->sql, f->f.table))
            break;
    if (!f)
        return false;
    buf_addf(sql, "DO $$BEGIN RAISE EXCEPTION USING ERRCODE = '%s', MESSAGE = ",
             f->f.sqlstate);
    add_literal(sql, f->f.message);
    if (f->f.constraint) {
        buf_adds(sql, ", CONSTRAINT = ");
        add_literal(sql, f->f.constraint);
    }
    buf_adds(sql, "; END$$");
    if (f->f.times > 0 && --f->f.times == 0)
        free_failing(f);
    return true;
}

void pg_fault_fail(const struct pg_failure *failure)
{
    struct failing *f = xalloc(sizeof(*f));

    f->f = (struct pg_failure){ .table = xstrdup(failure->table),
                                .sqlstate = xstrdup(failure->sqlstate),
                                .message = xstrdup(failure->message),
                                .constraint = failure->constraint
                                                  ? xstrdup(failure->constraint)
                                                  : NULL,
                                .times = failure->times };
    TAILQ_INSERT_TAIL(&faults.failing, f, link);
}

void pg_fault_spare(bool spare)
{
    faults.spare = spare;
}

/* --- connections ---------------------------------------------------------------------- */

void pg_fault_down(void)
{
    struct pg *pg;

    faults.down = true;
    TAILQ_FOREACH (pg, &all, all) {
        if (pg->held && pg->readable)
            event_add(pg->readable, NULL);
        pg_fault_let_go(pg);
        pg->let_through = true;
        if (pg->phase == PG_RESOLVING)
            pg_lost(pg, "Connection refused");
        else if (pg->conn)
            shutdown(PQsocket(pg->conn), SHUT_RDWR);
    }
}

void pg_fault_up(void)
{
    struct pg *pg;

    if (!faults.down)
        return;
    faults.down = false;
    TAILQ_FOREACH (pg, &all, all)
        if (pg->phase == PG_DOWN)
            pg_connect_now(pg);
}

/* What is held comes now. */
static void hurry_held(void)
{
    struct pg *pg;

    TAILQ_FOREACH (pg, &all, all) {
        if (!pg->held)
            continue;
        pg_fault_let_go(pg);
        event_add(pg->readable, NULL);
    }
}

void pg_fault_slow(int64_t ms)
{
    faults.slow_ms = ms;
    if (!ms)
        hurry_held();
}

void pg_fault_end(void)
{
    struct failing *f;

    while ((f = TAILQ_FIRST(&faults.failing)))
        free_failing(f);
    pg_fault_slow(0);
    pg_fault_up();
}

/* --- looking on --------------------------------------------------------------------------- */

bool pg_fault_is_down(void)
{
    return faults.down;
}

bool pg_fault_all_down(void)
{
    const struct pg *pg;

    TAILQ_FOREACH (pg, &all, all)
        if (pg->phase != PG_DOWN)
            return false;
    return true;
}

bool pg_fault_all_up(void)
{
    const struct pg *pg;

    TAILQ_FOREACH (pg, &all, all)
        if (pg->phase != PG_UP)
            return false;
    return true;
}

static bool is_held(const struct pg *pg)
{
    return pg->held || (faults.down && pg->phase == PG_DOWN);
}

int pg_fault_held(void)
{
    const struct query *q;
    const struct pg *pg;
    int n = 0;

    TAILQ_FOREACH (pg, &all, all)
        if (is_held(pg))
            TAILQ_FOREACH (q, &pg->by_age, age)
                n += !q->detached;
    return n;
}

int64_t pg_fault_next_ms(void)
{
    int64_t next = -1, left;
    const struct pg *pg;

    TAILQ_FOREACH (pg, &all, all) {
        left = is_held(pg) ? pg_deadline_left(pg) : -1;
        if (left >= 0 && (next < 0 || left < next))
            next = left;
    }
    return next;
}

void pg_fault_advance(int64_t ms)
{
    struct query *q;
    struct pg *pg;

    TAILQ_FOREACH (pg, &all, all) {
        if (!is_held(pg))
            continue;
        pg->down_ms -= ms;
        TAILQ_FOREACH (q, &pg->by_age, age)
            q->started_ms -= ms;
        pg_deadlines_changed(pg);
    }
}
