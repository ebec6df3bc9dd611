/* parked.c - see parked.h. */
#include "bot/parked.h"

#include <stdlib.h>
#include <uthash.h>

#define NO_BARRIER INT64_MAX

TAILQ_HEAD(incoming_list, incoming);

struct lane {
    int64_t id;
    int64_t barrier; /* update_id: what is behind this one waits; NO_BARRIER */
    struct incoming_list queue; /* by update_id */
    int64_t turn;               /* the suspect whose turn it is; 0: none */
    bool running;               /* it is in its lane, and not in the queue */
    UT_hash_handle hh;
};

struct parked {
    struct parked_callbacks cb;
    struct lane *by_id;
    int count, nbusy;
    struct lane *turns[PARKED_TOGETHER]; /* whose suspects have their turn */
    int nturns;
    bool alone; /* one that must be */
};

static struct lane *find(const struct parked *p, int64_t id)
{
    struct lane *lane;

    HASH_FIND(hh, p->by_id, &id, sizeof(id), lane);
    return lane;
}

static struct lane *get(struct parked *p, int64_t id)
{
    struct lane *lane = find(p, id);

    if (lane)
        return lane;
    lane = xalloc(sizeof(*lane));
    lane->id = id;
    lane->barrier = NO_BARRIER;
    TAILQ_INIT(&lane->queue);
    HASH_ADD(hh, p->by_id, id, sizeof(lane->id), lane);
    return lane;
}

static void let_go(struct parked *p, struct lane *lane)
{
    HASH_DEL(p->by_id, lane);
    free(lane);
}

static void take_off(struct parked *p, struct lane *lane, struct incoming *in)
{
    TAILQ_REMOVE(&lane->queue, in, link);
    p->count--;
}

/* What need not wait any more, up to the next suspect. */
static void run_free(struct parked *p, struct lane *lane)
{
    struct incoming *in;

    if (lane->running)
        return;
    while ((in = TAILQ_FIRST(&lane->queue)) && !in->tries &&
           in->u.id < lane->barrier) {
        take_off(p, lane, in);
        p->cb.run(in, p->cb.arg);
    }
    if (!in && lane->barrier == NO_BARRIER)
        let_go(p, lane);
}

/* The first of its lane that was tried least and may have its turn. */
static struct incoming *find_suspect(const struct parked *p)
{
    struct incoming *best = NULL, *in;
    struct lane *lane, *next;

    HASH_ITER (hh, p->by_id, lane, next) {
        in = TAILQ_FIRST(&lane->queue);
        if (in && in->tries && in->u.id < lane->barrier && !lane->turn &&
            (!best || in->tries < best->tries))
            best = in;
    }
    return best;
}

static void next_suspects(struct parked *p)
{
    struct incoming *in;
    struct lane *lane;

    while (!p->alone && p->nturns < PARKED_TOGETHER && (in = find_suspect(p))) {
        if (in->tries > 1 && p->nturns)
            return;
        p->alone = in->tries > 1;
        lane = find(p, in->lane);
        lane->turn = in->u.id;
        p->turns[p->nturns++] = lane;
        p->cb.suspect(in, p->cb.arg);
    }
}

/* The lane whose suspect has its turn, or NULL. */
static struct lane *turn_of(const struct parked *p, int64_t update_id)
{
    for (int i = 0; i < p->nturns; i++)
        if (p->turns[i]->turn == update_id)
            return p->turns[i];
    return NULL;
}

static void turn_over(struct parked *p, struct lane *lane)
{
    int i = 0;

    while (p->turns[i] != lane)
        i++;
    p->turns[i] = p->turns[--p->nturns];
    lane->turn = 0;
    lane->running = false;
    p->alone = false;
}

void parked_run_suspect(struct parked *p, int64_t update_id)
{
    struct lane *lane = turn_of(p, update_id);
    struct incoming *in;

    if (!lane || lane->running)
        return;
    in = TAILQ_FIRST(&lane->queue);
    if (in->u.id != update_id) { /* an older one has come */
        turn_over(p, lane);
        next_suspects(p);
        return;
    }
    lane->running = true;
    take_off(p, lane, in);
    p->cb.run(in, p->cb.arg);
}

void parked_done(struct parked *p, int64_t update_id)
{
    struct lane *lane = turn_of(p, update_id);

    if (!lane || !lane->running)
        return;
    turn_over(p, lane);
    run_free(p, lane);
    next_suspects(p);
}

/* What PostgreSQL has may be loaded after newer ones have come. */
static void insert_in_order(struct lane *lane, struct incoming *in)
{
    struct incoming *before = TAILQ_LAST(&lane->queue, incoming_list);

    while (before && before->u.id > in->u.id)
        before = TAILQ_PREV(before, incoming_list, link);
    if (before)
        TAILQ_INSERT_AFTER(&lane->queue, before, in, link);
    else
        TAILQ_INSERT_HEAD(&lane->queue, in, link);
}

bool parked_push(struct parked *p, struct incoming *in)
{
    struct lane *lane;

    if (!in->tries && !p->by_id) /* as nearly always */
        return false;
    lane = in->tries ? get(p, in->lane) : find(p, in->lane);
    if (!lane)
        return false;
    insert_in_order(lane, in);
    p->count++;
    next_suspects(p);
    return true;
}

void parked_set_busy(struct parked *p, const struct parked_lane *lanes,
                     size_t n)
{
    struct lane *lane, *next;

    HASH_ITER (hh, p->by_id, lane, next)
        lane->barrier = NO_BARRIER;
    for (size_t i = 0; i < n; i++)
        get(p, lanes[i].lane)->barrier = lanes[i].update_id;
    p->nbusy = (int)n;
    HASH_ITER (hh, p->by_id, lane, next)
        run_free(p, lane);
    next_suspects(p);
}

bool parked_has_busy(const struct parked *p)
{
    return p->nbusy > 0;
}

int parked_count(const struct parked *p)
{
    return p->count;
}

struct parked *parked_new(const struct parked_callbacks *callbacks)
{
    struct parked *p = xalloc(sizeof(*p));

    p->cb = *callbacks;
    return p;
}

void parked_free(struct parked *p)
{
    struct lane *lane, *next;
    struct incoming *in;

    if (!p)
        return;
    HASH_ITER (hh, p->by_id, lane, next) {
        while ((in = TAILQ_FIRST(&lane->queue))) {
            take_off(p, lane, in);
            incoming_free(in);
        }
        let_go(p, lane);
    }
    free(p);
}
