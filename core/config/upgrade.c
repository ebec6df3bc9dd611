/*
 * upgrade.c - documents of older versions: brought to the current one when they
 * are read, then written back without anybody waiting. See store_int.h.
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "config/store_int.h"

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

void config_write_back(struct config_store *store, struct config *config)
{
    struct writeback *w = xalloc(sizeof(*w));

    w->store = store;
    w->config = config_ref(config);
    w->query = config_send_update(store, config, config->text);
    w->query->op.done = on_written_back;
    w->query->op.arg = w;
    TAILQ_INSERT_TAIL(&store->writebacks, w, link);
}

struct config *config_upgraded(struct config_store *store, struct config *old)
{
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    struct config *config;

    if (old->version >= store->version || !store->upgrade)
        return old;
    if (store->upgrade(old->chat_id, old->text, old->version, &text, &err,
                       store->upgrade_arg) &&
        json_check(buf_slice(&text), CONFIG_DEPTH_MAX, &err)) {
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

void config_writebacks_free(struct config_store *store)
{
    while (!TAILQ_EMPTY(&store->writebacks))
        writeback_free(TAILQ_FIRST(&store->writebacks));
}
