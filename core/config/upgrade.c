/*
 * upgrade.c - documents of older versions: brought to the current one when they
 * are read, then written back without anybody waiting. See store_int.h.
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "config/store_int.h"

/* --- documents ---------------------------------------------------------------------- */

bool config_check_stored(const struct config_store *store, int64_t chat_id,
                         struct slice text, struct err *err)
{
    size_t max = store->document_max * CONFIG_READ_FACTOR;
    struct err why = ERR_INIT;

    if (text.n > max)
        return err_set(err, ERR_CONFIG,
                       "the stored config of chat %lld is %zu bytes, more than "
                       "%d times CONFIG_MAX_KB; it is not read, and left as "
                       "it is",
                       (long long)chat_id, text.n, CONFIG_READ_FACTOR);
    if (!json_check(text, CONFIG_DEPTH_MAX, &why))
        return err_set(err, ERR_CONFIG, "the stored config of chat %lld: %s",
                       (long long)chat_id, why.text);
    return json_kind(text) == JSON_OBJECT ||
           err_set(err, ERR_CONFIG,
                   "the stored config of chat %lld is not a JSON object",
                   (long long)chat_id);
}

bool config_upgrade_text(const struct config_store *store, int64_t chat_id,
                         struct slice text, int version, struct buf *out,
                         struct err *err)
{
    const struct config_rules *rules = &store->rules;
    size_t before = out->len;
    struct slice result;

    if (!rules->upgrade(chat_id, text, version, out, err, rules->arg))
        return false;
    result = (struct slice){ out->data + before, out->len - before };
    /* One that was larger before may stay so; it can shrink in the chat. */
    if (result.n > store->document_max && result.n > text.n)
        return err_set(err, ERR_CONFIG,
                       "it would be %zu bytes, more than the %zu that "
                       "CONFIG_MAX_KB allows",
                       result.n, store->document_max);
    return json_check(result, CONFIG_DEPTH_MAX, err);
}

struct config *config_upgraded(struct config_store *store, struct config *old)
{
    const struct config_rules *rules = &store->rules;
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    struct config *config;

    if (old->version >= rules->version || !rules->upgrade)
        return old;
    if (config_upgrade_text(store, old->chat_id, old->text, old->version, &text,
                            &err)) {
        config = config_make(old->chat_id, old->revision, rules->version,
                             buf_slice(&text));
        config_unref(old);
    } else {
        log_error("config",
                  "the config of chat %lld can't be upgraded from version %d "
                  "to %d and is read-only: %s",
                  (long long)old->chat_id, old->version, rules->version,
                  err.text);
        config = old;
        config->read_only = true;
    }
    buf_release(&text);
    return config;
}

/* --- writing them back ----------------------------------------------------------------- */

static void writeback_free(struct writeback *w)
{
    TAILQ_REMOVE(&w->store->writebacks, w, link);
    config_flight_end(w->store, w->flight);
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
    const struct config *cached = cache_peek(cache, c->chat_id);
    struct config *next;

    if (op->err.kind)
        log_warn("config", "the upgraded config of chat %lld was not saved: %s",
                 (long long)c->chat_id, op->err.text);
    if (op->err.kind || !pg_rows(w->query)) {
        if (cached == c)
            cache_drop(cache, c->chat_id);
    } else if (!cached || cached == c) { /* none: told of it by the listener */
        next = config_make(c->chat_id, pg_int(w->query, 0, 0), c->version,
                           c->text);
        config_keep(w->store, w->flight, next);
        config_unref(next);
    }
    writeback_free(w);
}

void config_write_back(struct config_store *store, struct config *config)
{
    struct writeback *w = xalloc(sizeof(*w));

    w->store = store;
    w->config = config_ref(config);
    w->flight = config_flight(store, config->chat_id);
    w->query = config_send_update(store, config, config->text, "upgrade");
    w->query->op.done = on_written_back;
    w->query->op.arg = w;
    TAILQ_INSERT_TAIL(&store->writebacks, w, link);
}

void config_writebacks_free(struct config_store *store)
{
    while (!TAILQ_EMPTY(&store->writebacks))
        writeback_free(TAILQ_FIRST(&store->writebacks));
}
