/* store.c - the store of configs: see store.h and store_int.h. */
#include <stdlib.h>

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
    store->hook = loop_at_end_of_turn(loop, config_fetch_wanted, store);
    return store;
}

void config_store_free(struct config_store *store)
{
    if (!store)
        return;
    config_writebacks_free(store);
    config_fetches_free(store);
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
