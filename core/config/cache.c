/* cache.c - see cache.h. */
#include "config/cache.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

/* malloc's own, and uthash's share of its buckets, per allocation. */
#define OVERHEAD 48

struct entry {
    int64_t chat_id;
    struct config *config;
    size_t bytes;
    TAILQ_ENTRY(entry) used;
    UT_hash_handle hh;
};

struct cache {
    struct entry *by_chat;
    TAILQ_HEAD(entry_list, entry) used; /* the most recent first */
    size_t bytes, budget, entries;
    int64_t hits, misses, evictions;
};

struct config *config_make(int64_t chat_id, int64_t revision, int version,
                           struct slice text)
{
    struct config *c = xalloc(sizeof(*c) + text.n + 1);
    char *copy = (char *)(c + 1);

    memcpy(copy, text.p, text.n);
    *c = (struct config){ .chat_id = chat_id,
                          .revision = revision,
                          .version = version,
                          .text = { copy, text.n },
                          .refs = 1 };
    return c;
}

struct config *config_ref(struct config *config)
{
    config->refs++;
    return config;
}

void config_unref(struct config *config)
{
    if (!config || --config->refs > 0)
        return;
    if (config->attached)
        config->attached->free(config->attached);
    free(config);
}

struct cache *cache_new(size_t bytes)
{
    struct cache *cache = xalloc(sizeof(*cache));

    TAILQ_INIT(&cache->used);
    cache->budget = bytes;
    return cache;
}

static void entry_drop(struct cache *cache, struct entry *e)
{
    HASH_DEL(cache->by_chat, e);
    TAILQ_REMOVE(&cache->used, e, used);
    cache->bytes -= e->bytes;
    cache->entries--;
    config_unref(e->config);
    free(e);
}

void cache_clear(struct cache *cache)
{
    struct entry *e;

    while ((e = TAILQ_FIRST(&cache->used)))
        entry_drop(cache, e);
}

void cache_free(struct cache *cache)
{
    if (!cache)
        return;
    cache_clear(cache);
    free(cache);
}

static struct entry *find(struct cache *cache, int64_t chat_id)
{
    struct entry *e;

    HASH_FIND(hh, cache->by_chat, &chat_id, sizeof(chat_id), e);
    return e;
}

struct config *cache_get(struct cache *cache, int64_t chat_id)
{
    struct entry *e = find(cache, chat_id);

    if (!e) {
        cache->misses++;
        return NULL;
    }
    cache->hits++;
    TAILQ_REMOVE(&cache->used, e, used);
    TAILQ_INSERT_HEAD(&cache->used, e, used);
    return e->config;
}

struct config *cache_peek(struct cache *cache, int64_t chat_id)
{
    struct entry *e = find(cache, chat_id);

    return e ? e->config : NULL;
}

bool cache_drop(struct cache *cache, int64_t chat_id)
{
    struct entry *e = find(cache, chat_id);

    if (e)
        entry_drop(cache, e);
    return e != NULL;
}

void cache_drop_read_only(struct cache *cache)
{
    struct entry *e, *next;

    for (e = TAILQ_FIRST(&cache->used); e; e = next) {
        next = TAILQ_NEXT(e, used);
        if (e->config->read_only)
            entry_drop(cache, e);
    }
}

static size_t size_of(const struct config *config)
{
    return sizeof(struct entry) + sizeof(struct config) + config->text.n + 1 +
           OVERHEAD;
}

void cache_put(struct cache *cache, struct config *config)
{
    struct entry *e = xalloc(sizeof(*e));

    cache_drop(cache, config->chat_id);
    e->chat_id = config->chat_id;
    e->config = config_ref(config);
    e->bytes = size_of(config);
    HASH_ADD(hh, cache->by_chat, chat_id, sizeof(e->chat_id), e);
    TAILQ_INSERT_HEAD(&cache->used, e, used);
    cache->bytes += e->bytes;
    cache->entries++;
    while (cache->bytes > cache->budget && cache->entries > 1) {
        entry_drop(cache, TAILQ_LAST(&cache->used, entry_list));
        cache->evictions++;
    }
}

void cache_stats(const struct cache *cache, struct config_stats *stats)
{
    stats->entries = cache->entries;
    stats->bytes = cache->bytes;
    stats->budget = cache->budget;
    stats->hits = cache->hits;
    stats->misses = cache->misses;
    stats->evictions = cache->evictions;
}
