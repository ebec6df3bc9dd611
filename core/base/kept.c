/* kept.c - see kept.h. */
#include "base/kept.h"

#include <stdlib.h>
#include <string.h>

bool kept_keeps = KEPT_KEEPS;

#define CLASS 16 /* bytes by which sizes differ */

struct block {
    struct block *next;
};

static struct {
    struct block *first;
    int n;
} kept[KEPT_SIZE_MAX / CLASS + 1];

static size_t class_of(size_t size)
{
    return (size + CLASS - 1) / CLASS;
}

void *kept_take(size_t size)
{
    size_t class = class_of(size);
    struct block *block;
    void *p;

    if (kept_keeps && size <= KEPT_SIZE_MAX && kept[class].first) {
        block = kept[class].first;
        kept[class].first = block->next;
        kept[class].n--;
        return block;
    }
    p = malloc(class * CLASS);
    if (!p)
        abort();
    return p;
}

void *kept_alloc(size_t size)
{
    return memset(kept_take(size), 0, size);
}

void kept_free(void *p, size_t size)
{
    size_t class = class_of(size);
    struct block *block = p;

    if (!p)
        return;
    if (!kept_keeps || size > KEPT_SIZE_MAX || kept[class].n >= KEPT_MAX) {
        free(p);
        return;
    }
    block->next = kept[class].first;
    kept[class].first = block;
    kept[class].n++;
}

int kept_count(size_t size)
{
    return size > KEPT_SIZE_MAX ? 0 : kept[class_of(size)].n;
}
