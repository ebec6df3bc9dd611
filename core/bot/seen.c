/* seen.c - see seen.h: two sorted arrays of intervals; the older one is dropped. */
#include "bot/seen.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct interval {
    int64_t first, last;
};

struct half {
    struct interval *list; /* ascending, with gaps in between */
    size_t n, room;
};

struct seen {
    struct half now, before;
    int64_t began_ms; /* of now */
};

struct seen *seen_new(int64_t now_ms)
{
    struct seen *seen = xalloc(sizeof(*seen));

    seen->began_ms = now_ms;
    return seen;
}

void seen_free(struct seen *seen)
{
    if (!seen)
        return;
    free(seen->now.list);
    free(seen->before.list);
    free(seen);
}

/* The first interval that ends at id or after it. */
static size_t find(const struct half *h, int64_t id)
{
    size_t low = 0, high = h->n;

    if (h->n && h->list[h->n - 1].last < id) /* as nearly always */
        return h->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (h->list[middle].last < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool half_has(const struct half *h, int64_t id)
{
    size_t i = find(h, id);

    return i < h->n && h->list[i].first <= id;
}

static void remove_at(struct half *h, size_t i, size_t n)
{
    memmove(h->list + i, h->list + i + n, (h->n - i - n) * sizeof(*h->list));
    h->n -= n;
}

static void insert_at(struct half *h, size_t i, struct interval v)
{
    if (h->n == SEEN_INTERVALS_MAX) {
        remove_at(h, 0, 1);
        if (i > 0)
            i--;
    }
    if (h->n == h->room) {
        h->room = h->room ? h->room * 2 : 4;
        h->list = xrealloc(h->list, h->room * sizeof(*h->list));
    }
    memmove(h->list + i + 1, h->list + i, (h->n - i) * sizeof(*h->list));
    h->list[i] = v;
    h->n++;
}

/* Joined with what it touches. */
static void half_add(struct half *h, int64_t first, int64_t last)
{
    size_t i = find(h, first > INT64_MIN ? first - 1 : first), n = 0;
    struct interval v = { first, last };

    while (i + n < h->n &&
           (h->list[i + n].first <= last || h->list[i + n].first - 1 == last)) {
        if (h->list[i + n].first < v.first)
            v.first = h->list[i + n].first;
        if (h->list[i + n].last > v.last)
            v.last = h->list[i + n].last;
        n++;
    }
    if (!n) {
        insert_at(h, i, v);
        return;
    }
    h->list[i] = v;
    remove_at(h, i + 1, n - 1);
}

static void turn_over(struct seen *seen, int64_t now_ms)
{
    if (now_ms - seen->began_ms < SEEN_HALF_MS)
        return;
    free(seen->before.list);
    seen->before = seen->now;
    seen->now = (struct half){ 0 };
    seen->began_ms = now_ms;
}

bool seen_has(const struct seen *seen, int64_t id)
{
    return half_has(&seen->now, id) || half_has(&seen->before, id);
}

void seen_add_range(struct seen *seen, int64_t first, int64_t last,
                    int64_t now_ms)
{
    turn_over(seen, now_ms);
    if (first <= last)
        half_add(&seen->now, first, last);
}

bool seen_add(struct seen *seen, int64_t id, int64_t now_ms)
{
    if (seen_has(seen, id))
        return false;
    seen_add_range(seen, id, id, now_ms);
    return true;
}

/* "[1,5)" at p; NULL: it is none. */
static const char *read_range(const char *p, const char *end,
                              struct interval *v)
{
    char text[64], *after;
    const char *close = memchr(p, ')', (size_t)(end - p));
    size_t n = close ? (size_t)(close - p) : sizeof(text);

    if (n < 2 || n >= sizeof(text) || *p != '[')
        return NULL;
    memcpy(text, p, n);
    text[n] = '\0';
    v->first = strtoll(text + 1, &after, 10);
    if (!isdigit((unsigned char)text[1]) || *after != ',' ||
        !isdigit((unsigned char)after[1]))
        return NULL;
    v->last = strtoll(after + 1, &after, 10) - 1;
    return *after ? NULL : close + 1;
}

bool seen_add_multirange(struct seen *seen, struct slice text, int64_t now_ms)
{
    const char *p = text.p, *end = text.p + text.n;
    struct interval v;

    if (text.n < 2 || *p++ != '{' || *--end != '}')
        return false;
    while (p < end) {
        p = read_range(p, end, &v);
        if (!p)
            return false;
        seen_add_range(seen, v.first, v.last, now_ms);
        if (p < end && *p == ',')
            p++;
    }
    return true;
}

size_t seen_intervals(const struct seen *seen)
{
    return seen->now.n + seen->before.n;
}
