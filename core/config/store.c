/* store.c - the store of configs: see store.h and store_int.h. */
#include <stdlib.h>

#include "base/kept.h"
#include "config/store_int.h"

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
    store->history = o->history > 0 ? o->history : 1;
    buf_init(&store->lazy);
    buf_adds(&store->lazy, "{}");
    store->hook = loop_at_end_of_turn(loop, config_fetch_wanted, store);
    return store;
}

void config_store_free(struct config_store *store)
{
    if (!store)
        return;
    config_writebacks_free(store);
    config_fetches_free(store);
    config_moves_free(store);
    loop_end_of_turn_cancel(store->hook);
    cache_free(store->cache);
    buf_release(&store->lazy);
    free(store);
}

/* --- the rules of a generation ------------------------------------------------ */

static uint32_t add_lazy(const struct setting *root, struct buf *names)
{
    uint32_t all = 0;

    buf_addc(names, '{');
    for (size_t i = 0; root && i < root->nchildren; i++) {
        if (!root->children[i]->lazy)
            continue;
        buf_addf(names, "%s%s", all ? "," : "", root->children[i]->name);
        all |= root->children[i]->lazy;
    }
    buf_addc(names, '}');
    return all;
}

void config_store_use(struct config_store *store,
                      const struct config_rules *rules)
{
    struct buf lazy = BUF_INIT;
    uint32_t all = add_lazy(rules->schema, &lazy);
    struct loading *l;

    if (rules->version != store->rules.version ||
        !slice_eq(buf_slice(&lazy), store->lazy.data)) {
        config_forget_all(store);
        store->epoch++;
        TAILQ_FOREACH (l, &store->wanted, link)
            l->sections = UINT32_MAX; /* their bits were those of before */
    }
    cache_drop_read_only(store->cache); /* a mended function may do better */
    store->rules = *rules;
    store->lazy_all = all;
    buf_move(&store->lazy, &lazy);
}

/* --- what is known of rows ------------------------------------------------------ */

struct flight *config_flight(struct config_store *store, int64_t chat_id)
{
    struct flight *flight;

    HASH_FIND(hh, store->flights, &chat_id, sizeof(chat_id), flight);
    if (!flight) {
        flight = kept_alloc(sizeof(*flight));
        flight->chat_id = chat_id;
        HASH_ADD(hh, store->flights, chat_id, sizeof(flight->chat_id), flight);
    }
    flight->refs++;
    return flight;
}

void config_flight_end(struct config_store *store, struct flight *flight)
{
    if (--flight->refs > 0)
        return;
    HASH_DEL(store->flights, flight);
    kept_free(flight, sizeof(*flight));
}

void config_keep(struct config_store *store, const struct flight *flight,
                 struct config *config)
{
    const struct config_rules *rules = &store->rules;

    if (rules->upgrade && config->version < rules->version &&
        !config->read_only) /* by a task from before a reload */
        cache_drop(store->cache, config->chat_id);
    else if (flight->seen <= config->revision)
        cache_put(store->cache, config);
}

void config_changed(struct config_store *store, int64_t chat_id,
                    int64_t revision)
{
    struct config *config = cache_peek(store->cache, chat_id);
    struct flight *flight;

    if (revision == 0)
        revision = INT64_MAX;
    if (config && config->revision < revision) {
        cache_drop(store->cache, chat_id);
        store->invalidations++;
    }
    HASH_FIND(hh, store->flights, &chat_id, sizeof(chat_id), flight);
    if (flight && flight->seen < revision)
        flight->seen = revision;
}

struct config *config_cached(struct config_store *store, int64_t chat_id)
{
    return cache_get(store->cache, config_home(store, chat_id));
}

void config_forget(struct config_store *store, int64_t chat_id)
{
    config_changed(store, chat_id, 0);
}

void config_forget_all(struct config_store *store)
{
    struct flight *flight, *next;

    cache_clear(store->cache);
    HASH_ITER (hh, store->flights, flight, next)
        flight->seen = INT64_MAX;
}

struct config_stats config_store_stats(const struct config_store *store)
{
    struct config_stats stats = {
        .statements = store->statements,
        .invalidations = store->invalidations,
    };

    cache_stats(store->cache, &stats);
    return stats;
}
