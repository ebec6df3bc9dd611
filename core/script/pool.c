/* pool.c - see pool.h. */
#include "script/pool.h"

#include <stdlib.h>
#include <string.h>

static size_t class_of(size_t size)
{
    return (size + POOL_CLASS - 1) / POOL_CLASS;
}

static void *take(struct pool *pool, size_t size)
{
    size_t class = class_of(size);
    struct pool_block *block;

    if (!pool->keeps || size > POOL_SIZE_MAX)
        return malloc(size);
    block = pool->kept[class];
    if (!block)
        return malloc(class * POOL_CLASS);
    pool->kept[class] = block->next;
    __builtin_prefetch(block->next); /* long out of the caches: for the next */
    pool->bytes -= class * POOL_CLASS;
    return block;
}

static void give_back(struct pool *pool, void *p, size_t size)
{
    size_t class = class_of(size);
    struct pool_block *block = p;

    if (!pool->keeps || size > POOL_SIZE_MAX || !p ||
        pool->bytes >= POOL_KEEP) {
        free(p);
        return;
    }
    block->next = pool->kept[class];
    pool->kept[class] = block;
    pool->bytes += class * POOL_CLASS;
}

static void *move(struct pool *pool, void *p, size_t old, size_t size)
{
    void *to = take(pool, size);

    if (!to)
        return size < old ? p : NULL; /* it then passes for a smaller one */
    if (old)
        memcpy(to, p, old < size ? old : size);
    give_back(pool, p, old);
    return to;
}

void *pool_resize(struct pool *pool, void *p, size_t old, size_t size)
{
    if (size == 0) {
        give_back(pool, p, old);
        return NULL;
    }
    if (!p)
        return take(pool, size);
    if (!pool->keeps || (old > POOL_SIZE_MAX && size > POOL_SIZE_MAX))
        return realloc(p, size);
    if (old <= POOL_SIZE_MAX && class_of(old) == class_of(size))
        return p;
    return move(pool, p, old, size);
}

void pool_release(struct pool *pool)
{
    for (size_t i = 0; i < sizeof(pool->kept) / sizeof(pool->kept[0]); i++) {
        struct pool_block *block = pool->kept[i], *next;

        for (; block; block = next) {
            next = block->next;
            free(block);
        }
        pool->kept[i] = NULL;
    }
    pool->bytes = 0;
}
