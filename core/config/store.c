/*
 * store.c - see store.h. The SQL statements of config/ are here.
 *
 * A fetch waits in `wanted` until the turn's end, then for its statement in
 * struct fetch; the answer is given to all of its ops. A commit is
 *     apply the patch ─► write if the revision is still ours ─► done
 *            ▲                        │ nothing written
 *            └──── read the newer ◄───┘
 */
#include "config/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "config/cache.h"
#include "io/loop.h"

#define CHATS_PER_STATEMENT 500
#define COMMIT_TRIES 10
#define DOCUMENT_DEPTH_MAX 64

static const struct pg_statement fetch_statement = {
    "config_fetch",
    "SELECT chat_id, config, version, revision FROM chat_configs "
    "WHERE chat_id = ANY ($1::bigint[]) ORDER BY chat_id",
    1,
};

static const struct pg_statement insert_statement = {
    "config_insert",
    "INSERT INTO chat_configs (chat_id, config, version) "
    "VALUES ($1::bigint, $2::jsonb, $3::int) "
    "ON CONFLICT (chat_id) DO NOTHING RETURNING revision",
    3,
};

static const struct pg_statement update_statement = {
    "config_update",
    "UPDATE chat_configs SET config = $2::jsonb, version = $4::int, "
    "revision = revision + 1, updated_at = now() "
    "WHERE chat_id = $1::bigint AND revision = $3::bigint RETURNING revision",
    4,
};

TAILQ_HEAD(config_ops, config_op);

/* One statement on its way, and who waits for it. */
struct fetch {
    struct config_store *store;
    struct pg_op *query;
    struct config_ops ops;
    TAILQ_ENTRY(fetch) link;
};

struct config_store {
    struct loop *loop;
    struct pg *pg;
    struct cache *cache;
    struct config_ops wanted; /* since the last turn's end */
    TAILQ_HEAD(, fetch) fetches;
    struct loop_turn_hook *hook;
    size_t document_max;
    int version;
    config_upgrade_fn upgrade;
    void *upgrade_arg;
    TAILQ_HEAD(, writeback) writebacks;
    int64_t statements;
};

/* An upgraded document on its way to its row. */
struct writeback {
    struct config_store *store;
    struct config *config; /* what was upgraded; its revision is the row's */
    struct pg_op *query;
    TAILQ_ENTRY(writeback) link;
};

/* --- upgrading ---------------------------------------------------------------- */

static struct pg_op *send_update(struct config_store *store,
                                 const struct config *base, struct slice text)
{
    char chat[24], revision[24], version[24];
    struct slice params[4] = {
        pg_int_param(chat, base->chat_id),
        text,
        pg_int_param(revision, base->revision),
        pg_int_param(version, base->version),
    };

    store->statements++;
    return pg_query(store->pg, &update_statement, params, 4);
}

static void writeback_free(struct writeback *w)
{
    TAILQ_REMOVE(&w->store->writebacks, w, link);
    op_free(&w->query->op);
    config_unref(w->config);
    free(w);
}

/* If it did not work, the next reader upgrades again. */
static void on_written_back(struct op *op)
{
    struct writeback *w = op->arg;
    struct cache *cache = w->store->cache;
    const struct config *c = w->config;
    struct config *next;

    if (op->err.kind)
        log_warn("config", "the upgraded config of chat %lld was not saved: %s",
                 (long long)c->chat_id, op->err.text);
    if (cache_peek(cache, c->chat_id) == c) {
        if (!op->err.kind && pg_rows(w->query)) {
            next = config_make(c->chat_id, pg_int(w->query, 0, 0), c->version,
                               c->text);
            cache_put(cache, next);
            config_unref(next);
        } else {
            cache_drop(cache, c->chat_id);
        }
    }
    writeback_free(w);
}

static void write_back(struct config_store *store, struct config *config)
{
    struct writeback *w = xalloc(sizeof(*w));

    w->store = store;
    w->config = config_ref(config);
    w->query = send_update(store, config, config->text);
    w->query->op.done = on_written_back;
    w->query->op.arg = w;
    TAILQ_INSERT_TAIL(&store->writebacks, w, link);
}

/* Takes old's reference, returns one of what is to be used. */
static struct config *upgraded(struct config_store *store, struct config *old)
{
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    struct config *config;

    if (old->version >= store->version || !store->upgrade)
        return old;
    if (store->upgrade(old->chat_id, old->text, old->version, &text, &err,
                       store->upgrade_arg)) {
        config = config_make(old->chat_id, old->revision, store->version,
                             buf_slice(&text));
        config_unref(old);
    } else {
        log_error("config",
                  "the config of chat %lld can't be upgraded from version %d "
                  "to %d and is read-only: %s",
                  (long long)old->chat_id, old->version, store->version,
                  err.text);
        config = old;
        config->read_only = true;
    }
    buf_release(&text);
    return config;
}

/* --- fetching ------------------------------------------------------------------ */

static struct config *read_row(struct config_store *store,
                               const struct pg_op *query, int row,
                               struct err *err)
{
    int64_t chat_id = pg_int(query, row, 0);
    struct slice text = pg_value(query, row, 1);
    struct err why = ERR_INIT;

    if (pg_is_null(query, row, 1))
        text = slice_of("{}");
    if (!json_check(text, DOCUMENT_DEPTH_MAX, &why)) {
        err_set(err, ERR_CONFIG, "the stored config of chat %lld: %s",
                (long long)chat_id, why.text);
        return NULL;
    }
    if (json_kind(text) != JSON_OBJECT) {
        err_set(err, ERR_CONFIG,
                "the stored config of chat %lld is not a JSON object",
                (long long)chat_id);
        return NULL;
    }
    return upgraded(store, config_make(chat_id, pg_int(query, row, 3),
                                       (int)pg_int(query, row, 2), text));
}

/* Rows come in the order of their chats. */
static int find_row(const struct pg_op *query, int64_t chat_id)
{
    int low = 0, high = pg_rows(query) - 1;

    while (low <= high) {
        int middle = (low + high) / 2;
        int64_t here = pg_int(query, middle, 0);

        if (here == chat_id)
            return middle;
        if (here < chat_id)
            low = middle + 1;
        else
            high = middle - 1;
    }
    return -1;
}

static void answer(struct config_store *store, const struct pg_op *query,
                   struct config_op *op)
{
    struct config *config = cache_get(store->cache, op->chat_id);
    int row;

    if (config) { /* another waiter of this answer, or a commit, put it there */
        op->config = config_ref(config);
        return;
    }
    row = find_row(query, op->chat_id);
    if (row < 0)
        config = config_make(op->chat_id, 0, store->version, slice_of("{}"));
    else
        config = read_row(store, query, row, &op->op.err);
    if (config) {
        cache_put(store->cache, config);
        if (row >= 0 && config->version > (int)pg_int(query, row, 2))
            write_back(store, config);
    }
    op->config = config;
}

/* Whatever it was to io/: for those who wait, the database could not be asked. */
static void failed(struct config_op *op, const struct err *why)
{
    op->op.err = *why;
    if (why->kind == ERR_TIMEOUT || why->kind == ERR_NETWORK)
        op->op.err.kind = ERR_DATABASE;
}

static void on_fetched(struct op *op)
{
    struct fetch *fetch = op->arg;
    struct config_op *waiter;
    struct config_ops ops = TAILQ_HEAD_INITIALIZER(ops);

    TAILQ_REMOVE(&fetch->store->fetches, fetch, link);
    TAILQ_CONCAT(&ops, &fetch->ops, link);
    while ((waiter = TAILQ_FIRST(&ops))) {
        TAILQ_REMOVE(&ops, waiter, link);
        waiter->in_fetch = false;
        if (op->err.kind)
            failed(waiter, &op->err);
        else
            answer(fetch->store, fetch->query, waiter);
        op_complete(&waiter->op);
    }
    op_free(op);
    free(fetch);
}

/* Send one statement for up to CHATS_PER_STATEMENT of the wanted. */
static void send_fetch(struct config_store *store)
{
    struct fetch *fetch = xalloc(sizeof(*fetch));
    struct buf chats = BUF_INIT;
    struct config_op *op;
    struct slice param;
    int n = 0;

    TAILQ_INIT(&fetch->ops);
    fetch->store = store;
    buf_addc(&chats, '{');
    while (n++ < CHATS_PER_STATEMENT && (op = TAILQ_FIRST(&store->wanted))) {
        TAILQ_REMOVE(&store->wanted, op, link);
        TAILQ_INSERT_TAIL(&fetch->ops, op, link);
        if (chats.len > 1)
            buf_addc(&chats, ',');
        buf_add_int(&chats, op->chat_id);
    }
    buf_addc(&chats, '}');
    param = buf_slice(&chats);
    fetch->query = pg_query(store->pg, &fetch_statement, &param, 1);
    fetch->query->op.done = on_fetched;
    fetch->query->op.arg = fetch;
    TAILQ_INSERT_TAIL(&store->fetches, fetch, link);
    store->statements++;
    buf_release(&chats);
}

static void on_turn_end(void *arg)
{
    struct config_store *store = arg;

    while (!TAILQ_EMPTY(&store->wanted))
        send_fetch(store);
}

/* --- ops -------------------------------------------------------------------------- */

/* Which list a waiting fetch is in, only its neighbours know. */
static void leave_list(struct config_op *op)
{
    struct config_store *store = op->store;
    struct config_op *other;
    struct fetch *fetch;

    TAILQ_FOREACH(other, &store->wanted, link)
    {
        if (other == op) {
            TAILQ_REMOVE(&store->wanted, op, link);
            return;
        }
    }
    TAILQ_FOREACH(fetch, &store->fetches, link)
    {
        TAILQ_FOREACH(other, &fetch->ops, link)
        {
            if (other == op) {
                TAILQ_REMOVE(&fetch->ops, op, link);
                return;
            }
        }
    }
}

static void config_op_stop(struct op *op)
{
    struct config_op *c = (struct config_op *)op;

    if (c->in_fetch)
        leave_list(c);
    c->in_fetch = false;
}

static void config_op_free(struct op *op)
{
    struct config_op *c = (struct config_op *)op;

    if (c->query)
        op_free(&c->query->op);
    config_unref(c->config);
    config_unref(c->base);
    config_patch_release(&c->patch);
    buf_release(&c->next);
    free(c);
}

static const struct op_class config_class = { "config", config_op_stop,
                                              config_op_free };

static struct config_op *op_new(struct config_store *store, int64_t chat_id)
{
    struct config_op *op = xalloc(sizeof(*op));

    op_init(&op->op, &config_class, store->loop);
    op->store = store;
    op->chat_id = chat_id;
    buf_init(&op->next);
    return op;
}

struct config_op *config_fetch(struct config_store *store, int64_t chat_id)
{
    struct config_op *op = op_new(store, chat_id);

    TAILQ_INSERT_TAIL(&store->wanted, op, link);
    op->in_fetch = true;
    loop_turn_wanted(store->loop);
    return op;
}

/* --- committing --------------------------------------------------------------------- */

static bool make_next(struct config_op *c, struct err *err);
static void write_next(struct config_op *c);

static void commit_failed(struct config_op *c, const struct err *err)
{
    cache_drop(c->store->cache, c->chat_id);
    failed(c, err);
    op_complete_here(&c->op);
}

static void on_read_again(struct op *op)
{
    struct config_op *c = op->arg;
    struct pg_op *query = c->query;
    struct config *newer;
    struct err err = op->err;

    c->query = NULL;
    if (!err.kind) {
        newer = pg_rows(query) ? read_row(c->store, query, 0, &err)
                               : config_make(c->chat_id, 0, c->store->version,
                                             slice_of("{}"));
        if (newer) {
            config_unref(c->base);
            c->base = newer;
        }
    }
    op_free(op);
    if (err.kind || !make_next(c, &err))
        commit_failed(c, &err);
    else
        write_next(c);
}

static void read_again(struct config_op *c)
{
    struct buf chats = BUF_INIT;
    struct slice param;

    buf_addf(&chats, "{%lld}", (long long)c->chat_id);
    param = buf_slice(&chats);
    c->query = pg_query(c->store->pg, &fetch_statement, &param, 1);
    c->query->op.done = on_read_again;
    c->query->op.arg = c;
    c->store->statements++;
    buf_release(&chats);
}

static void on_written(struct op *op)
{
    struct config_op *c = op->arg;
    struct err err = op->err;
    int64_t revision = 0;

    if (!err.kind && pg_rows(c->query))
        revision = pg_int(c->query, 0, 0);
    op_free(op);
    c->query = NULL;
    if (!err.kind && revision) {
        c->config = config_make(c->chat_id, revision, c->base->version,
                                buf_slice(&c->next));
        cache_put(c->store->cache, c->config);
        op_complete_here(&c->op);
    } else if (err.kind) {
        commit_failed(c, &err);
    } else if (++c->tries < COMMIT_TRIES) {
        read_again(c);
    } else {
        err_set(&err, ERR_DATABASE,
                "the config of chat %lld is being written by others all the "
                "time",
                (long long)c->chat_id);
        commit_failed(c, &err);
    }
}

static struct pg_op *send_insert(struct config_store *store,
                                 const struct config *base, struct slice text)
{
    char chat[24], version[24];
    struct slice params[3] = {
        pg_int_param(chat, base->chat_id),
        text,
        pg_int_param(version, base->version),
    };

    store->statements++;
    return pg_query(store->pg, &insert_statement, params, 3);
}

/* Apply the patch to the base, and look whether that may be stored. */
static bool make_next(struct config_op *c, struct err *err)
{
    size_t max = c->store->document_max;

    if (c->base->read_only)
        return err_set(err, ERR_CONFIG,
                       "the config of chat %lld could not be upgraded and is "
                       "read-only; the log says why",
                       (long long)c->chat_id);
    buf_reset(&c->next);
    config_patch_apply(&c->patch, c->base->text, &c->next);
    if (c->next.len > max)
        return err_set(err, ERR_CONFIG,
                       "the chat's config would be %zu bytes, more than the "
                       "%zu that CONFIG_MAX_KB allows",
                       c->next.len, max);
    return true;
}

static void write_next(struct config_op *c)
{
    c->query = c->base->revision == 0
                   ? send_insert(c->store, c->base, buf_slice(&c->next))
                   : send_update(c->store, c->base, buf_slice(&c->next));
    c->query->op.done = on_written;
    c->query->op.arg = c;
}

struct config_op *config_commit(struct config_store *store, struct config *base,
                                const struct config_patch *patch)
{
    struct config_op *c = op_new(store, base->chat_id);

    c->base = config_ref(base);
    config_patch_copy(&c->patch, patch);
    if (make_next(c, &c->op.err))
        write_next(c);
    else
        op_complete(&c->op);
    return c;
}

/* --- the store ------------------------------------------------------------------------ */

struct config_store *config_store_new(struct loop *loop, struct pg *pg,
                                      const struct config_store_options *o)
{
    struct config_store *store = xalloc(sizeof(*store));

    TAILQ_INIT(&store->wanted);
    TAILQ_INIT(&store->fetches);
    TAILQ_INIT(&store->writebacks);
    store->loop = loop;
    store->pg = pg;
    store->cache = cache_new(o->cache_bytes);
    store->document_max = o->document_max;
    store->hook = loop_at_end_of_turn(loop, on_turn_end, store);
    return store;
}

void config_store_free(struct config_store *store)
{
    struct fetch *fetch;

    if (!store)
        return;
    while (!TAILQ_EMPTY(&store->writebacks))
        writeback_free(TAILQ_FIRST(&store->writebacks));
    while ((fetch = TAILQ_FIRST(&store->fetches))) {
        TAILQ_REMOVE(&store->fetches, fetch, link);
        op_free(&fetch->query->op);
        free(fetch);
    }
    loop_end_of_turn_cancel(store->hook);
    cache_free(store->cache);
    free(store);
}

void config_store_set_version(struct config_store *store, int version,
                              config_upgrade_fn upgrade, void *arg)
{
    if (version != store->version)
        cache_clear(store->cache);
    store->version = version;
    store->upgrade = upgrade;
    store->upgrade_arg = arg;
}

struct config *config_cached(struct config_store *store, int64_t chat_id)
{
    return cache_get(store->cache, chat_id);
}

void config_forget(struct config_store *store, int64_t chat_id)
{
    cache_drop(store->cache, chat_id);
}

struct config_stats config_store_stats(const struct config_store *store)
{
    struct config_stats stats = { .statements = store->statements };

    cache_stats(store->cache, &stats);
    return stats;
}
