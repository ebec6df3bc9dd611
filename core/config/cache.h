/*
 * cache.h - the store's memory of configs: a hash with an LRU order. For
 * config/ only.
 */
#ifndef CONFIG_CACHE_H
#define CONFIG_CACHE_H

#include "config/store.h"

struct cache;

struct cache *cache_new(size_t bytes);
void cache_free(struct cache *cache);
struct config *cache_get(struct cache *cache, int64_t chat_id); /* borrowed */
/* The same, without counting as use. */
struct config *cache_peek(struct cache *cache, int64_t chat_id);
/* Takes a reference; replaces what was there. */
void cache_put(struct cache *cache, struct config *config);
void cache_clear(struct cache *cache);
bool cache_drop(struct cache *cache, int64_t chat_id); /* was it there? */
void cache_drop_read_only(struct cache *cache);
void cache_stats(const struct cache *cache, struct config_stats *stats);

/* A config of these contents, with one reference, the caller's. */
struct config *config_make(int64_t chat_id, int64_t revision, int version,
                           struct slice text);

#endif
