/* throttle.c - see throttle.h. */
#include "script/throttle.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <uthash.h>

#define WHAT_MAX 300

struct kind {
    uint64_t id;
    int64_t since_ms; /* its window's beginning */
    int passed;
    uint64_t dropped;
    char what[WHAT_MAX];
    TAILQ_ENTRY(kind) link;
    UT_hash_handle hh;
};

struct throttle {
    struct loop *loop;
    int64_t window_ms;
    int full;
    throttle_tell_fn tell;
    struct kind *kinds;
    TAILQ_HEAD(, kind) by_age; /* of their windows, oldest first */
    struct op *timer;          /* while anything was dropped */
};

static void tell(struct throttle *t, struct kind *k)
{
    if (k->dropped)
        t->tell(k->what, k->dropped);
    k->dropped = 0;
}

static void forget(struct throttle *t, struct kind *k)
{
    tell(t, k);
    TAILQ_REMOVE(&t->by_age, k, link);
    HASH_DEL(t->kinds, k);
    free(k);
}

/* Those whose windows are over. */
static void forget_old(struct throttle *t, int64_t now)
{
    struct kind *k;

    while ((k = TAILQ_FIRST(&t->by_age)) && now - k->since_ms >= t->window_ms)
        forget(t, k);
}

static void on_timer(struct op *op);

static void start_timer(struct throttle *t)
{
    if (t->timer || !t->loop)
        return;
    t->timer = timer_in_background(timer_start(t->loop, t->window_ms));
    t->timer->done = on_timer;
    t->timer->arg = t;
}

static void on_timer(struct op *op)
{
    struct throttle *t = op->arg;

    op_free(op);
    t->timer = NULL;
    forget_old(t, loop_now_ms());
    if (t->kinds)
        start_timer(t);
}

struct throttle *throttle_new(struct loop *loop, int64_t window_ms, int full,
                              throttle_tell_fn tell_fn)
{
    struct throttle *t = xalloc(sizeof(*t));

    *t = (struct throttle){
        .loop = loop, .window_ms = window_ms, .full = full, .tell = tell_fn
    };
    TAILQ_INIT(&t->by_age);
    return t;
}

void throttle_free(struct throttle *t)
{
    struct kind *k;

    if (!t)
        return;
    while ((k = TAILQ_FIRST(&t->by_age)))
        forget(t, k);
    op_free(t->timer);
    free(t);
}

static struct kind *add(struct throttle *t, uint64_t id, const char *what,
                        int64_t now)
{
    struct kind *k;

    if (HASH_COUNT(t->kinds) >= THROTTLE_KEYS_MAX)
        forget(t, TAILQ_FIRST(&t->by_age));
    k = xalloc(sizeof(*k));
    *k = (struct kind){ .id = id, .since_ms = now };
    strncpy(k->what, what, WHAT_MAX - 1);
    HASH_ADD(hh, t->kinds, id, sizeof(k->id), k);
    TAILQ_INSERT_TAIL(&t->by_age, k, link);
    return k;
}

bool throttle_pass(struct throttle *t, uint64_t id, const char *what)
{
    int64_t now = loop_now_ms();
    struct kind *k;

    forget_old(t, now);
    HASH_FIND(hh, t->kinds, &id, sizeof(id), k);
    if (!k)
        k = add(t, id, what, now);
    if (k->passed < t->full) {
        k->passed++;
        return true;
    }
    k->dropped++;
    start_timer(t);
    return false;
}

uint64_t throttle_kind(uint64_t seed, struct slice text)
{
    uint64_t hash = 14695981039346656037u ^ seed; /* FNV-1a */

    for (size_t i = 0; i < text.n; i++) {
        if (isdigit((unsigned char)text.p[i]))
            continue;
        hash = (hash ^ (unsigned char)text.p[i]) * 1099511628211u;
    }
    return hash;
}
