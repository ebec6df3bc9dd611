/*
 * bulk_write.c - what a bulk upgrade writes: documents and failures, a statement
 * for each batch. See bulk_int.h.
 */
#include <stdlib.h>
#include <string.h>

#include "config/bulk_int.h"

static void on_posted(struct op *op);

/* --- posts ------------------------------------------------------------------------ */

struct bulk_post *bulk_post_new(struct bulk *b)
{
    struct bulk_post *p = xalloc(sizeof(*p));

    p->bulk = b;
    buf_init(&p->texts);
    TAILQ_INSERT_TAIL(&b->posts, p, link);
    b->nposts++;
    return p;
}

void bulk_post_free(struct bulk_post *p)
{
    TAILQ_REMOVE(&p->bulk->posts, p, link);
    p->bulk->nposts--;
    if (p->query)
        op_free(&p->query->op);
    op_free(p->retry);
    buf_release(&p->texts);
    free(p->rows);
    free(p);
}

void bulk_post_add(struct bulk_post *p, const struct bulk_row *row,
                   struct slice text)
{
    /* it grows by doubling: at 1, 2, 4, … rows */
    if ((p->nrows & (p->nrows - 1)) == 0)
        p->rows = xrealloc(p->rows, (p->nrows ? 2 * (size_t)p->nrows : 1) *
                                        sizeof(*p->rows));
    if (p->nrows)
        buf_addc(&p->texts, BULK_SEPARATOR);
    p->rows[p->nrows] = *row;
    p->rows[p->nrows].at = p->texts.len;
    p->rows[p->nrows].n = text.n;
    p->nrows++;
    buf_add_slice(&p->texts, text);
}

void bulk_post_send(struct bulk_post *p)
{
    p->query = p->rows ? bulk_send_write(p->bulk, p)
                       : bulk_send_failures(p->bulk, buf_slice(&p->texts));
    p->query->op.done = on_posted;
    p->query->op.arg = p;
}

void bulk_post_failures(struct bulk *b)
{
    struct bulk_post *p;

    if (!b->failures.len)
        return;
    p = bulk_post_new(b);
    buf_addc(&b->failures, ']');
    buf_move(&p->texts, &b->failures);
    bulk_post_send(p);
}

/* --- answers ----------------------------------------------------------------------- */

static void on_retry(struct op *op)
{
    struct bulk_post *p = op->arg;

    p->retry = NULL;
    op_free(op);
    bulk_post_send(p);
}

/* Does a value not suit the server, or what the operator has added to the table (a
 * constraint, a trigger)? Then it is one row's fault. */
static bool is_about_rows(const char *sqlstate)
{
    static const char *const classes[] = { "22", "23", "44", "54", "P0" };

    for (size_t i = 0; i < ARRAY_LEN(classes); i++)
        if (strncmp(sqlstate, classes[i], 2) == 0)
            return true;
    return false;
}

static void send_half(struct bulk_post *p, int from, int to)
{
    struct bulk_post *half = bulk_post_new(p->bulk);

    for (int i = from; i < to; i++)
        bulk_post_add(half, &p->rows[i],
                      (struct slice){ p->texts.data + p->rows[i].at,
                                      p->rows[i].n });
    bulk_post_send(half);
}

/* Find the row whose fault it is by halves; the others are written. */
static void split(struct bulk_post *p, const struct err *why)
{
    struct bulk *b = p->bulk;
    struct err err = ERR_INIT;

    if (p->nrows > 1) {
        send_half(p, 0, p->nrows / 2);
        send_half(p, p->nrows / 2, p->nrows);
    } else {
        err_set(&err, ERR_CONFIG, "PostgreSQL refuses the upgraded config: %s",
                why->text);
        bulk_note_failure(b, p->rows[0].chat_id, p->rows[0].version, err.text);
        bulk_post_failures(b);
    }
    bulk_post_free(p);
    bulk_go_on(b);
}

static void post_failed(struct bulk_post *p, struct pg_op *query)
{
    struct bulk *b = p->bulk;
    int64_t ms;

    if (p->rows && is_about_rows(query->sqlstate)) {
        split(p, &query->op.err);
        return;
    }
    p->in_doubt = p->in_doubt || query->maybe_done;
    ms = bulk_backoff(b, query);
    if (ms < 0)
        return; /* the bulk upgrade has ended, its posts are gone */
    p->retry = timer_start(b->store->loop, ms);
    p->retry->done = on_retry;
    p->retry->arg = p;
}

static void count(struct bulk_post *p, const struct pg_op *query)
{
    struct config_bulk_counts *counts = &p->bulk->pub.counts;
    int64_t written = pg_int(query, 0, 0), current = pg_int(query, 0, 1);
    int64_t left = p->nrows - written - current;

    if (p->in_doubt) { /* that was us, the time before */
        written += current;
        current = 0;
    }
    counts->upgraded += written;
    counts->others += current;
    counts->conflicts += left;
    if (left)
        p->bulk->another_pass = true;
    /* Whoever wrote them, the revision that was read is an old one now. */
    for (int i = 0; i < p->nrows; i++)
        config_changed(p->bulk->store, p->rows[i].chat_id,
                       p->rows[i].revision + 1);
}

static void on_posted(struct op *op)
{
    struct bulk_post *p = op->arg;
    struct bulk *b = p->bulk;
    struct pg_op *query = p->query;

    p->query = NULL;
    if (op->err.kind) {
        post_failed(p, query);
        op_free(op);
        return;
    }
    b->tries = 0;
    if (p->rows)
        count(p, query);
    bulk_post_free(p);
    op_free(op);
    if (b->o.on_batch)
        b->o.on_batch(&b->pub.counts, b->o.arg);
    bulk_go_on(b);
}
