/*
 * counters.c - see counters.h.
 *
 * A count has a ring of parts: parts[p % RING] is what was added in part number p
 * (time / length of a part), for the last RING parts, and `last` is the newest one
 * that was used.
 *
 * A count is in one of three lists: taken ones have to stay, of the unwritten and
 * of the others the first is the one not used for longest. So there is room for a
 * new one at once, however many can't be written.
 */
#include "script/counters.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#define RING (COUNTER_PARTS + 1) /* the present one has only begun */

struct counter {
    struct counters *all;
    char *name;
    int64_t window_ms, part_ms;
    bool durable;
    struct counter *next;
};

/* What a count is found by: no holes, zeroed. */
struct lookup {
    const struct counter *of;
    int64_t chat, user;
    char key[]; /* not NUL-terminated */
};

/* Of a durable one: what was added and is not written, and what is on its way. */
struct pending {
    int64_t added[RING], sent[RING];
};

TAILQ_HEAD(count_list, count);

struct count {
    int64_t parts[RING];
    int64_t last;
    struct pending *pending; /* NULL: nothing was ever added, or not durable */
    int unwritten;           /* parts with something in pending */
    unsigned epoch;          /* of resets */
    int taken;               /* changes that are to be told */
    bool loaded;
    struct count_list *in; /* by `used` */
    TAILQ_ENTRY(count) used, dirty;
    UT_hash_handle hh;
    struct lookup at; /* last: it has no fixed size */
};

struct counters {
    struct counter *list;
    struct count *by_key;
    struct count_list used, unwritten, taken; /* longest ago first */
    struct count_list dirty; /* unwritten > 0, in the order to write them */
    int n, max, ndirty;
    int64_t lost;
};

/* --- which -------------------------------------------------------------------------- */

struct counter *counters_find(struct counters *all, const char *name,
                              int64_t window_ms, bool durable)
{
    struct counter *c;

    for (c = all->list; c; c = c->next)
        if (c->window_ms == window_ms && c->durable == durable &&
            strcmp(c->name, name) == 0)
            return c;
    c = xalloc(sizeof(*c));
    c->all = all;
    c->name = xstrdup(name);
    c->window_ms = window_ms;
    c->part_ms = (window_ms + COUNTER_PARTS - 1) / COUNTER_PARTS;
    c->durable = durable;
    c->next = all->list;
    all->list = c;
    return c;
}

const char *counter_name(const struct counter *c)
{
    return c->name;
}

int64_t counter_window_ms(const struct counter *c)
{
    return c->window_ms;
}

static int64_t part_of(const struct counter *c, int64_t now_ms)
{
    return c->part_ms ? now_ms / c->part_ms : 0;
}

/* --- counts --------------------------------------------------------------------------- */

static size_t key_size(size_t n)
{
    return sizeof(struct lookup) + n;
}

static size_t key_length(const struct count *count)
{
    return count->hh.keylen - sizeof(struct lookup);
}

static void count_free(struct counters *all, struct count *count)
{
    HASH_DEL(all->by_key, count);
    TAILQ_REMOVE(count->in, count, used);
    if (count->unwritten) {
        TAILQ_REMOVE(&all->dirty, count, dirty);
        all->ndirty--;
    }
    all->n--;
    free(count->pending);
    free(count);
}

/* Behind the others that are as it is. */
static void count_used(struct counters *all, struct count *count)
{
    if (count->in)
        TAILQ_REMOVE(count->in, count, used);
    count->in = count->taken       ? &all->taken
                : count->unwritten ? &all->unwritten
                                   : &all->used;
    TAILQ_INSERT_TAIL(count->in, count, used);
}

/* What is to be written stays while there are others, what is taken always. */
static void make_room(struct counters *all)
{
    while (all->n >= all->max) {
        struct count *count = TAILQ_FIRST(&all->used);

        if (!count) {
            count = TAILQ_FIRST(&all->unwritten);
            if (!count)
                return;
            all->lost++;
        }
        count_free(all, count);
    }
}

static struct count *find(struct counter *c, const struct count_key *key)
{
    union {
        struct lookup at;
        char room[sizeof(struct lookup) + COUNTER_KEY_MAX];
    } k;
    struct count *count;

    assert(key->key.n <= COUNTER_KEY_MAX);
    memset(&k, 0, sizeof(k));
    k.at.of = c;
    k.at.chat = key->chat;
    k.at.user = key->user;
    if (key->key.n)
        memcpy(k.room + sizeof(struct lookup), key->key.p, key->key.n);
    HASH_FIND(hh, c->all->by_key, &k, key_size(key->key.n), count);
    return count;
}

static struct count *get(struct counter *c, const struct count_key *key)
{
    struct counters *all = c->all;
    struct count *count = find(c, key);

    if (count) {
        count_used(all, count);
        return count;
    }
    make_room(all);
    count = xalloc(sizeof(*count) + key->key.n);
    count->at.of = c;
    count->at.chat = key->chat;
    count->at.user = key->user;
    if (key->key.n)
        memcpy(count->at.key, key->key.p, key->key.n);
    HASH_ADD(hh, all->by_key, at, key_size(key->key.n), count);
    count_used(all, count);
    all->n++;
    return count;
}

static void mark_dirty(struct counters *all, struct count *count)
{
    int unwritten = 0, before = count->unwritten;

    for (int i = 0; i < RING; i++)
        unwritten +=
            count->pending->added[i] != 0 || count->pending->sent[i] != 0;
    count->unwritten = unwritten;
    if (!before && unwritten) {
        TAILQ_INSERT_TAIL(&all->dirty, count, dirty);
        all->ndirty++;
    } else if (before && !unwritten) {
        TAILQ_REMOVE(&all->dirty, count, dirty);
        all->ndirty--;
    }
    if (!before != !unwritten)
        count_used(all, count);
}

/* Time has passed: what is out of the window is forgotten. What was added long ago
 * and could not be written yet is lost with it. */
static void turn_to(struct count *count, int64_t part)
{
    int64_t first = count->last + 1;

    if (part <= count->last)
        return;
    if (part - first >= RING)
        first = part - RING + 1;
    for (int64_t p = first; p <= part; p++) {
        count->parts[p % RING] = 0;
        if (count->pending)
            count->pending->added[p % RING] = 0;
    }
    count->last = part;
    if (count->pending)
        mark_dirty(count->at.of->all, count);
}

static int64_t sum(const struct count *count, int64_t part)
{
    int64_t n = 0, oldest = part - COUNTER_PARTS;

    for (int64_t p = oldest < 0 ? 0 : oldest; p <= part; p++)
        if (p <= count->last && p > count->last - RING)
            n += count->parts[p % RING];
    return n > 0 ? n : 0;
}

int64_t counters_add(struct counter *c, const struct count_key *key,
                     int64_t now_ms, int64_t n)
{
    struct count *count = get(c, key);
    int64_t part = part_of(c, now_ms), before;

    turn_to(count, part);
    part = count->last; /* the clock may have been set back */
    before = sum(count, part);
    if (n < -before)
        n = -before;
    if (n > INT64_MAX / 4 - before)
        n = INT64_MAX / 4 - before;
    count->parts[part % RING] += n;
    if (c->durable && n) {
        if (!count->pending)
            count->pending = xalloc(sizeof(*count->pending));
        count->pending->added[part % RING] += n;
        mark_dirty(c->all, count);
    }
    return before + n;
}

int64_t counters_get(struct counter *c, const struct count_key *key,
                     int64_t now_ms)
{
    struct count *count = find(c, key);
    int64_t part = part_of(c, now_ms);

    if (!count)
        return 0;
    count = get(c, key);
    turn_to(count, part);
    return sum(count, count->last);
}

void counters_reset(struct counter *c, const struct count_key *key)
{
    struct count *count = find(c, key);

    if (!count)
        return;
    memset(count->parts, 0, sizeof(count->parts));
    count->epoch++;
    if (!count->pending)
        return;
    memset(count->pending, 0, sizeof(*count->pending));
    mark_dirty(c->all, count);
}

int counters_top(const struct counter *c, int64_t chat, int64_t user,
                 int64_t now_ms, struct count_top *out, int max)
{
    const struct count *count;
    int n = 0;

    for (count = c->all->by_key; count; count = count->hh.next) {
        struct count_top top = { count->at.chat,
                                 count->at.user,
                                 0,
                                 { count->at.key, key_length(count) } };
        int i;

        if (count->at.of != c || (chat && count->at.chat != chat) ||
            (user && count->at.user != user))
            continue;
        top.n = sum(count, part_of(c, now_ms));
        if (top.n == 0 || (n == max && out[n - 1].n >= top.n))
            continue;
        if (n < max)
            n++;
        for (i = n - 1; i > 0 && out[i - 1].n < top.n; i--)
            out[i] = out[i - 1];
        out[i] = top;
    }
    return n;
}

int counters_kept(const struct counters *all)
{
    return all->n;
}

/* --- durable ones ------------------------------------------------------------------------ */

bool counters_knows(struct counter *c, const struct count_key *key)
{
    const struct count *count = find(c, key);

    return !c->durable || (count && count->loaded);
}

void counters_load(struct counter *c, const struct count_key *key, int64_t slot,
                   int64_t n)
{
    struct count *count = get(c, key);
    int64_t part = part_of(c, slot);

    if (count->loaded)
        return; /* two have asked */
    turn_to(count, part);
    if (part > count->last - RING)
        count->parts[part % RING] += n;
}

void counters_loaded(struct counter *c, const struct count_key *key)
{
    get(c, key)->loaded = true;
}

/* What was added in a part of its window. */
static struct count_change change_of(struct count *count, int64_t part,
                                     int64_t now_ms)
{
    const struct counter *c = count->at.of;
    int64_t slot = part * c->part_ms;

    return (struct count_change){
        .name = c->name,
        .key = { count->at.chat,
                 count->at.user,
                 { count->at.key, key_length(count) } },
        .slot = slot,
        .n = count->pending->added[part % RING],
        .total = count->parts[part % RING],
        .keep_ms =
            c->window_ms ? slot + c->window_ms + 2 * c->part_ms - now_ms : 0,
        .of = count,
        .part = part,
        .epoch = count->epoch,
    };
}

int counters_take(struct counters *all, int64_t now_ms,
                  struct count_change *out, int max)
{
    struct count *count;
    int n = 0;

    TAILQ_FOREACH (count, &all->dirty, dirty) {
        for (int64_t p = count->last - RING + 1; p <= count->last; p++) {
            int64_t *added, *sent;

            if (p < 0)
                continue;
            added = &count->pending->added[p % RING];
            sent = &count->pending->sent[p % RING];
            if (!*added || *sent)
                continue; /* one at a time */
            if (n == max)
                return n;
            out[n++] = change_of(count, p, now_ms);
            *sent = *added;
            *added = 0;
            if (count->taken++ == 0)
                count_used(all, count);
        }
    }
    return n;
}

void counters_told(struct counters *all, const struct count_change *change,
                   bool written, int64_t n)
{
    struct count *count = change->of;
    int64_t i = change->part % RING;

    if (--count->taken == 0)
        count_used(all, count);
    if (count->epoch != change->epoch)
        return;
    count->pending->sent[i] = 0;
    if (change->part > count->last - RING) {
        if (written)
            count->parts[i] = n + count->pending->added[i];
        else
            count->pending->added[i] += change->n;
    }
    mark_dirty(all, count);
}

int counters_unwritten(const struct counters *all)
{
    return all->ndirty;
}

int64_t counters_lost(const struct counters *all)
{
    return all->lost;
}

/* --- life ---------------------------------------------------------------------------------- */

struct counters *counters_new(int max)
{
    struct counters *all = xalloc(sizeof(*all));

    all->max = max;
    TAILQ_INIT(&all->used);
    TAILQ_INIT(&all->unwritten);
    TAILQ_INIT(&all->taken);
    TAILQ_INIT(&all->dirty);
    return all;
}

void counters_free(struct counters *all)
{
    struct count *count, *next;
    struct counter *c;

    if (!all)
        return;
    HASH_ITER (hh, all->by_key, count, next)
        count_free(all, count);
    while ((c = all->list)) {
        all->list = c->next;
        free(c->name);
        free(c);
    }
    free(all);
}
