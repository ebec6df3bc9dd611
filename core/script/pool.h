/*
 * pool.h - a few kept blocks in front of malloc(), for Lua's small objects.
 *
 * An update makes and drops about forty of them, in bursts for which glibc's
 * own lists are too short. Lua knows each block's size when it frees it, so
 * that nothing is kept beside the block. What is kept is bounded.
 */
#ifndef SCRIPT_POOL_H
#define SCRIPT_POOL_H

#include <stdbool.h>
#include <stddef.h>

#define POOL_CLASS 16       /* bytes by which sizes differ */
#define POOL_SIZE_MAX 1024  /* larger ones are malloc()'s alone */
#define POOL_KEEP (1 << 21) /* bytes in kept blocks, in all */

/* Sanitizers see more when each block comes from malloc(). */
#ifdef __has_feature
#define POOL_CLANG_SANITIZES __has_feature(address_sanitizer)
#else
#define POOL_CLANG_SANITIZES 0
#endif
#if defined(__SANITIZE_ADDRESS__) || POOL_CLANG_SANITIZES
#define POOL_KEEPS false
#else
#define POOL_KEEPS true
#endif

struct pool_block {
    struct pool_block *next;
};

/* All zero: empty, and malloc() alone. */
struct pool {
    bool keeps; /* POOL_KEEPS */
    struct pool_block *kept[POOL_SIZE_MAX / POOL_CLASS + 1];
    size_t bytes;
};

/* As Lua's lua_Alloc: p of old bytes (p NULL: 0) becomes one of size (0: freed).
 * NULL: no memory, p stays. */
void *pool_resize(struct pool *pool, void *p, size_t old, size_t size);
void pool_release(struct pool *pool); /* frees what is kept */

#endif
