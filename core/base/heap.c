/* heap.c - see heap.h. nodes[0] is place 1. */
#include "base/heap.h"

#include <stdlib.h>

void heap_release(struct heap *h)
{
    free(h->nodes);
    *h = (struct heap)HEAP_INIT;
}

static void set(struct heap *h, size_t place, struct heap_node *node)
{
    h->nodes[place - 1] = node;
    node->place = place;
}

static struct heap_node *get(const struct heap *h, size_t place)
{
    return h->nodes[place - 1];
}

static void move_up(struct heap *h, struct heap_node *node, size_t place)
{
    while (place > 1 && get(h, place / 2)->at > node->at) {
        set(h, place, get(h, place / 2));
        place /= 2;
    }
    set(h, place, node);
}

static void move_down(struct heap *h, struct heap_node *node, size_t place)
{
    size_t child;

    while ((child = place * 2) <= h->n) {
        if (child < h->n && get(h, child + 1)->at < get(h, child)->at)
            child++;
        if (get(h, child)->at >= node->at)
            break;
        set(h, place, get(h, child));
        place = child;
    }
    set(h, place, node);
}

void heap_put(struct heap *h, struct heap_node *node, int64_t at)
{
    int64_t before = node->at;

    node->at = at;
    if (!node->place) {
        if (h->n == h->cap) {
            h->cap = h->cap ? 2 * h->cap : 16;
            h->nodes = xrealloc(h->nodes, h->cap * sizeof(struct heap_node *));
        }
        h->n++;
        move_up(h, node, h->n);
    } else if (at < before) {
        move_up(h, node, node->place);
    } else {
        move_down(h, node, node->place);
    }
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    size_t place = node->place;
    struct heap_node *last;

    if (!place)
        return;
    node->place = 0;
    last = get(h, h->n--);
    if (last == node)
        return;
    if (place > 1 && get(h, place / 2)->at > last->at)
        move_up(h, last, place);
    else
        move_down(h, last, place);
}

struct heap_node *heap_first(const struct heap *h)
{
    return h->n ? h->nodes[0] : NULL;
}
