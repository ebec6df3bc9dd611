/*
 * heap.h - what is due first: a binary heap of nodes that are parts of others.
 *
 * A node is in one heap at most; its owner keeps its memory in place meanwhile.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include "base/buf.h"

struct heap_node {
    int64_t at;   /* least first; set by heap_put() */
    size_t place; /* from 1; 0: in no heap. Zeroed memory is a node. */
};

struct heap {
    struct heap_node **nodes;
    size_t n, cap;
};

#define HEAP_INIT                                                              \
    {                                                                          \
        NULL, 0, 0                                                             \
    }

void heap_release(struct heap *h); /* its own memory only */
/* Into the heap, or, when it is there, to its new place. */
void heap_put(struct heap *h, struct heap_node *node, int64_t at);
void heap_remove(struct heap *h, struct heap_node *node); /* if it is in */
struct heap_node *heap_first(const struct heap *h);       /* NULL: none */

#endif
