/*
 * kept.h - small blocks that are kept for the next one of their size.
 *
 * An update makes and drops a dozen of them, and a batch of updates a hundred times
 * that: bursts for which glibc's own lists are too short. Whoever frees a block
 * knows its size, so that nothing is kept beside it. What is kept is bounded. For
 * the loop's thread only.
 */
#ifndef BASE_KEPT_H
#define BASE_KEPT_H

#include <stdbool.h>
#include <stddef.h>

#define KEPT_SIZE_MAX 2048 /* bytes; larger ones are malloc()'s alone */
#define KEPT_MAX 128       /* blocks of one size: as a batch of updates has */

/* Sanitizers see more when each block comes from malloc(). */
#ifdef __has_feature
#define KEPT_CLANG_SANITIZES __has_feature(address_sanitizer)
#else
#define KEPT_CLANG_SANITIZES 0
#endif
#if defined(__SANITIZE_ADDRESS__) || KEPT_CLANG_SANITIZES
#define KEPT_KEEPS false
#else
#define KEPT_KEEPS true
#endif

extern bool kept_keeps; /* KEPT_KEEPS; a test may change it at its begin */

/* Memory or abort(). What is in it is undefined. */
void *kept_take(size_t size);
void *kept_alloc(size_t size); /* zeroed */
/* Only what these have made, with the size it was made with. p may be NULL. */
void kept_free(void *p, size_t size);
int kept_count(size_t size); /* blocks of this size that wait for their next */

#endif
