/*
 * bulk.c - reading batches and upgrading them. See bulk.h and bulk_int.h.
 *
 * One connection carries it all, in order:
 *     read 1 │ read 2 │ write 1 │ read 3 │ write 2 │ …
 * The next batch is asked for before one is upgraded here, so it is there when
 * that has been sent, and the server writes one while the next is upgraded. When
 * a read is answered, the write before last is done: never more than three
 * batches are in memory. A batch is upgraded in slices: between them the loop
 * turns, and what did not fit into the socket at once goes on its way.
 */
#include "config/bulk.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "config/bulk_int.h"

#define PASSES_MAX 20
#define TRIES_MAX 8
#define BACKOFF_MIN_MS 250
#define BACKOFF_MAX_MS 8000
#define POSTS_MAX 2
#define SLICE 40 /* rows: about a millisecond */

static void send_read(struct bulk *b);
static void begin_pass(struct bulk *b);

/* --- the end, and errors ------------------------------------------------------------- */

static void free_query(struct pg_op **query)
{
    if (*query)
        op_free(&(*query)->op);
    *query = NULL;
}

static void let_go(struct bulk *b)
{
    while (!TAILQ_EMPTY(&b->posts))
        bulk_post_free(TAILQ_FIRST(&b->posts));
    op_free(b->timer);
    op_free(b->slice);
    b->timer = b->slice = NULL;
    free_query(&b->query);
    free_query(&b->page);
    free_query(&b->next_page);
}

static void end(struct bulk *b, const struct err *err)
{
    if (err)
        b->pub.op.err = *err;
    let_go(b);
    op_complete_here(&b->pub.op);
}

int64_t bulk_backoff(struct bulk *b, const struct pg_op *query)
{
    bool too_slow = strcmp(query->sqlstate, "57014") == 0;
    struct err err = ERR_INIT;
    int64_t ms = BACKOFF_MIN_MS;

    err_set(&err, ERR_DATABASE, "%s%s", query->op.err.text,
            too_slow ? " (does another transaction hold a row of these chats? "
                       "Else DATABASE_TIMEOUT_MS may be too short)"
                     : "");
    b->pub.try_again = pg_may_pass(query->sqlstate);
    if (!b->pub.try_again || ++b->tries > TRIES_MAX) {
        end(b, &err);
        return -1;
    }
    for (int i = 1; i < b->tries && ms < BACKOFF_MAX_MS; i++)
        ms *= 2;
    return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

/* --- waiting ---------------------------------------------------------------------------- */

static void on_timer(struct op *op)
{
    struct bulk *b = op->arg;

    b->timer = NULL;
    op_free(op);
    b->then(b);
}

static void wait_then(struct bulk *b, int64_t ms, void (*then)(struct bulk *))
{
    b->then = then;
    b->timer = timer_start(b->store->loop, ms);
    b->timer->done = on_timer;
    b->timer->arg = b;
}

/* An answer has come: false if it is an error; then `again` goes on later. */
static bool answered(struct bulk *b, struct pg_op *query,
                     void (*again)(struct bulk *))
{
    int64_t ms;

    b->query = NULL;
    if (!query->op.err.kind) {
        if (TAILQ_EMPTY(&b->posts)) /* that can be read, helps no post */
            b->tries = 0;
        return true;
    }
    ms = bulk_backoff(b, query);
    if (ms >= 0)
        wait_then(b, ms, again);
    op_free(&query->op);
    return false;
}

static void ask(struct bulk *b, struct pg_op *query, op_done_fn done)
{
    b->query = query;
    query->op.done = done;
    query->op.arg = b;
}

/* --- upgrading a batch -------------------------------------------------------------------- */

static bool is_object(struct slice text, struct err *err)
{
    static const char *const names[] = { "null",     "a boolean", "a number",
                                         "a string", "an array",  "an object" };
    enum json_kind kind = json_kind(text);

    return kind == JSON_OBJECT ||
           err_set(err, ERR_CONFIG,
                   "the stored config is %s, not an object: mend it with an "
                   "UPDATE, or `moonpost config unset CHAT --all`",
                   names[kind]);
}

void bulk_note_failure(struct bulk *b, int64_t chat_id, int version,
                       const char *error)
{
    buf_addf(&b->failures, "%c{\"chat_id\":%lld,\"version\":%d,\"error\":",
             b->failures.len ? ',' : '[', (long long)chat_id, version);
    json_add_text(&b->failures, slice_of(error));
    buf_addc(&b->failures, '}');
    b->pub.counts.failed++;
    if (b->o.on_failed)
        b->o.on_failed(chat_id, version, error, b->o.arg);
}

struct misfits {
    struct bulk *bulk;
    int64_t chat_id;
};

static void on_misfit(const struct err *why, void *arg)
{
    const struct misfits *m = arg;

    if (m->bulk->o.on_misfit)
        m->bulk->o.on_misfit(m->chat_id, why->text, m->bulk->o.arg);
}

static void look_for_misfits(struct bulk *b, int64_t chat_id, struct slice text)
{
    struct misfits m = { b, chat_id };
    const struct setting *schema = b->store->rules.schema;

    if (schema && schema_misfits(schema, text, on_misfit, &m) > 0)
        b->pub.counts.misfits++;
}

static bool upgrade_text(struct bulk *b, const struct bulk_row *row,
                         struct slice text, struct buf *out, struct err *err)
{
    return is_object(text, err) &&
           config_check_stored(b->store, row->chat_id, text, err) &&
           config_upgrade_text(b->store, row->chat_id, text, row->version, out,
                               err);
}

/* text: SLICE_NONE if it is too long to be read; size: what it has. */
static void upgrade_row(struct bulk *b, struct bulk_post *p,
                        const struct bulk_row *row, struct slice text,
                        int64_t size)
{
    struct buf next = BUF_INIT;
    struct err err = ERR_INIT;
    bool ok;

    if (!text.p)
        ok = err_set(&err, ERR_CONFIG,
                     "the stored config is %lld bytes, more than %d times "
                     "CONFIG_MAX_KB: it is not read",
                     (long long)size, CONFIG_READ_FACTOR);
    else
        ok = upgrade_text(b, row, text, &next, &err);
    if (!ok) {
        bulk_note_failure(b, row->chat_id, row->version, err.text);
    } else {
        look_for_misfits(b, row->chat_id, buf_slice(&next));
        if (b->o.dry_run && b->o.on_upgraded)
            b->o.on_upgraded(row->chat_id, text, buf_slice(&next), b->o.arg);
        bulk_post_add(p, row, buf_slice(&next));
    }
    buf_release(&next);
}

static void upgrade_next(struct bulk *b)
{
    const struct pg_op *page = b->page;
    int i = b->page_row++;
    struct slice text = pg_value(page, i, BULK_TEXT);
    struct bulk_row row = {
        .chat_id = pg_int(page, i, BULK_CHAT),
        .version = (int)pg_int(page, i, BULK_VERSION),
        .revision = pg_int(page, i, BULK_REVISION),
    };

    if (row.version >= b->store->rules.version)
        return; /* a dry run goes through all of them */
    if (pg_is_null(page, i, BULK_TEXT))
        text = pg_is_null(page, i, BULK_SIZE) ? slice_of("{}") : SLICE_NONE;
    upgrade_row(b, b->post, &row, text, pg_int(page, i, BULK_SIZE));
}

static void begin_page(struct bulk *b, struct pg_op *page);
static void upgrade_slice(struct bulk *b);

static void end_page(struct bulk *b)
{
    struct bulk_post *p = b->post;
    struct pg_op *next = b->next_page;

    if (b->o.dry_run) {
        b->pub.counts.upgraded += p->nrows;
        buf_reset(&b->failures);
    } else {
        bulk_post_failures(b);
    }
    if (b->o.dry_run || p->nrows == 0)
        bulk_post_free(p);
    else
        bulk_post_send(p);
    b->post = NULL;
    b->next_page = NULL;
    free_query(&b->page);
    if (b->o.on_batch)
        b->o.on_batch(&b->pub.counts, b->o.arg);
    if (next)
        begin_page(b, next);
    else
        bulk_go_on(b);
}

static void on_slice(struct op *op)
{
    struct bulk *b = op->arg;

    b->slice = NULL;
    op_free(op);
    upgrade_slice(b);
}

static void upgrade_slice(struct bulk *b)
{
    int n = pg_rows(b->page);

    for (int i = 0; i < SLICE && b->page_row < n; i++)
        upgrade_next(b);
    if (b->page_row == n) {
        end_page(b);
        return;
    }
    b->slice = timer_start(b->store->loop, 0);
    b->slice->done = on_slice;
    b->slice->arg = b;
}

static void begin_page(struct bulk *b, struct pg_op *page)
{
    int last = pg_rows(page) - 1;

    b->at_chat = pg_int(page, last, BULK_CHAT);
    b->at_version = (int)pg_int(page, last, BULK_VERSION);
    if (!b->o.pause_ms && b->nposts < POSTS_MAX)
        send_read(b);
    b->page = page;
    b->page_row = 0;
    b->post = bulk_post_new(b);
    upgrade_slice(b);
}

/* --- passes --------------------------------------------------------------------------------- */

static void on_read(struct op *op)
{
    struct bulk *b = op->arg;
    struct pg_op *read = b->query;

    if (!answered(b, read, send_read))
        return;
    if (pg_rows(read) == 0) {
        b->all_read = true;
        op_free(op);
        bulk_go_on(b);
    } else if (b->page) {
        b->next_page = read;
    } else {
        begin_page(b, read);
    }
}

static void send_read(struct bulk *b)
{
    ask(b, bulk_send_read(b), on_read);
}

/* May what was written be gone? See config_bulk_write_statement. */
static bool is_in_doubt(const struct bulk *b)
{
    return b->connection != pg_connections(b->store->pg);
}

static void on_end(struct op *op)
{
    struct bulk *b = op->arg;

    if (!answered(b, b->query, bulk_go_on))
        return;
    op_free(op);
    if (is_in_doubt(b))
        bulk_go_on(b);
    else
        end(b, NULL);
}

static void pass_over(struct bulk *b)
{
    struct err err = ERR_INIT;

    if (!b->o.dry_run && is_in_doubt(b))
        b->another_pass = true;
    if (b->another_pass && b->pub.counts.passes < PASSES_MAX) {
        begin_pass(b);
    } else if (b->another_pass) {
        err_set(&err, ERR_DATABASE,
                "some chats' configs are written by others all the time: they "
                "are still of an old version");
        b->pub.try_again = true;
        end(b, &err);
    } else if (b->o.dry_run) {
        end(b, NULL);
    } else {
        ask(b, bulk_send_end(b), on_end);
    }
}

void bulk_go_on(struct bulk *b)
{
    if (b->query || b->timer || b->page)
        return;
    if (b->all_read && TAILQ_EMPTY(&b->posts))
        pass_over(b);
    else if (b->all_read || b->nposts >= POSTS_MAX)
        return; /* the post that is done calls again */
    else if (!b->o.pause_ms)
        send_read(b);
    else if (TAILQ_EMPTY(&b->posts))
        wait_then(b, b->o.pause_ms, send_read);
}

static void begin_pass(struct bulk *b)
{
    b->pub.counts.passes++;
    b->all_read = false;
    b->another_pass = false;
    b->connection = pg_connections(b->store->pg);
    b->at_version = INT32_MIN;
    b->at_chat = INT64_MIN;
    send_read(b);
}

/* --- beginning ------------------------------------------------------------------------------- */

static void send_begin(struct bulk *b);

static bool has_sqlstate(const struct pg_op *query, const char *state)
{
    return query->op.err.kind && strcmp(query->sqlstate, state) == 0;
}

static void on_begun(struct op *op)
{
    struct bulk *b = op->arg;
    struct pg_op *query = b->query;
    struct slice since;

    if (b->o.dry_run && has_sqlstate(query, "42P01")) {
        b->query = NULL; /* there is no table yet */
        op_free(op);
        b->pub.counts.total = 0;
        end(b, NULL);
        return;
    }
    if (has_sqlstate(query, "57014") && b->o.on_batch) {
        b->query = NULL; /* there are too many to be counted in time */
        op_free(op);
        b->o.on_batch = NULL;
        send_begin(b);
        return;
    }
    if (!answered(b, query, send_begin))
        return;
    since = pg_value(query, 0, 0);
    if (since.n < sizeof(b->since))
        memcpy(b->since, since.p, since.n);
    b->pub.counts.total = pg_int(query, 0, 1);
    op_free(op);
    begin_pass(b);
}

static void send_begin(struct bulk *b)
{
    ask(b, bulk_send_begin(b), on_begun);
}

/* --- the op ------------------------------------------------------------------------------------ */

static void bulk_stop(struct op *op)
{
    (void)op;
}

static void bulk_free(struct op *op)
{
    struct bulk *b = (struct bulk *)op;

    let_go(b);
    buf_release(&b->failures);
    free(b->who);
    free(b);
}

static const struct op_class bulk_class = { "bulk upgrade", bulk_stop,
                                            bulk_free };

struct config_bulk_op *config_bulk_start(struct config_store *store,
                                         const struct config_bulk_options *o)
{
    struct bulk *b = xalloc(sizeof(*b));

    op_init(&b->pub.op, &bulk_class, store->loop);
    TAILQ_INIT(&b->posts);
    buf_init(&b->failures);
    b->store = store;
    b->o = *o;
    b->who = xstrdup(o->who);
    b->pub.counts.total = -1;
    if (store->rules.version == 0 || !store->rules.upgrade) {
        b->pub.counts.total = 0; /* there is nothing to upgrade to */
        op_complete(&b->pub.op);
    } else {
        send_begin(b);
    }
    return &b->pub;
}
