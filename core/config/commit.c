/*
 * commit.c - writing what a task changed. See store.h.
 *
 *     apply the patch ─► write if the revision is still ours ─► done
 *            ▲                        │ nothing written
 *            └──── read the newer ◄───┘
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/json.h"
#include "config/store_int.h"

#define COMMIT_TRIES 10

static bool make_next(struct config_op *c, struct err *err);
static void write_next(struct config_op *c);

/* What is cached is still what is stored, unless the write may have been done. */
static void commit_failed(struct config_op *c, const struct err *err,
                          bool maybe_done)
{
    if (maybe_done)
        cache_drop(c->store->cache, c->chat_id);
    config_op_failed(c, err);
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
        newer = pg_rows(query) ? config_read_row(c->store, query, 0, &err)
                               : config_make(c->chat_id, 0, c->store->version,
                                             slice_of("{}"));
        if (newer) {
            config_unref(c->base);
            c->base = newer;
        }
    }
    op_free(op);
    if (err.kind || !make_next(c, &err))
        commit_failed(c, &err, true); /* somebody else has written */
    else
        write_next(c);
}

static void read_again(struct config_op *c)
{
    struct buf chats = BUF_INIT;

    buf_addf(&chats, "{%lld}", (long long)c->chat_id);
    c->query = config_send_fetch(c->store, buf_slice(&chats));
    c->query->op.done = on_read_again;
    c->query->op.arg = c;
    buf_release(&chats);
}

static void on_written(struct op *op)
{
    struct config_op *c = op->arg;
    struct err err = op->err;
    int64_t revision = 0;
    bool maybe_done = c->query->maybe_done;

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
        commit_failed(c, &err, maybe_done);
    } else if (++c->tries < COMMIT_TRIES) {
        read_again(c);
    } else {
        err_set(&err, ERR_DATABASE,
                "the config of chat %lld is being written by others all the "
                "time",
                (long long)c->chat_id);
        commit_failed(c, &err, true);
    }
}

/* Apply the patch to the base, and look whether that may be stored. */
static bool make_next(struct config_op *c, struct err *err)
{
    size_t max = c->store->document_max;
    struct err why = ERR_INIT;

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
    if (!json_check(buf_slice(&c->next), CONFIG_DEPTH_MAX, &why))
        return err_set(err, ERR_CONFIG, "the chat's config can't be stored: %s",
                       why.text);
    return true;
}

static void write_next(struct config_op *c)
{
    c->query = c->base->revision == 0
                   ? config_send_insert(c->store, c->base, buf_slice(&c->next))
                   : config_send_update(c->store, c->base, buf_slice(&c->next));
    c->query->op.done = on_written;
    c->query->op.arg = c;
}

struct config_op *config_commit(struct config_store *store, struct config *base,
                                const struct config_patch *patch)
{
    struct config_op *c = config_op_new(store, base->chat_id);

    c->base = config_ref(base);
    config_patch_copy(&c->patch, patch);
    if (make_next(c, &c->op.err))
        write_next(c);
    else
        op_complete(&c->op);
    return c;
}
