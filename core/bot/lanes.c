/* lanes.c - see lanes.h. */
#include "bot/lanes.h"

#include <stdlib.h>
#include <uthash.h>

struct queued {
    struct incoming *in;
    TAILQ_ENTRY(queued) link;
};

struct lane {
    int64_t id;
    struct lanes *lanes;
    TAILQ_HEAD(, queued) queue; /* not started */
    bool running, ready;        /* ready: in lanes->ready, to start its next */
    TAILQ_ENTRY(lane) link;
    UT_hash_handle hh;
};

struct lanes {
    struct loop *loop;
    struct vm *vm;
    struct generation *gen;
    struct lane *by_id;
    TAILQ_HEAD(, lane) ready;
    struct loop_turn_hook *hook;
    lanes_done_fn done;
    void *arg;
    int running;
    bool stopped;
};

static void lane_free(struct lane *lane)
{
    struct queued *q;

    while ((q = TAILQ_FIRST(&lane->queue))) {
        TAILQ_REMOVE(&lane->queue, q, link);
        incoming_free(q->in);
        free(q);
    }
    HASH_DEL(lane->lanes->by_id, lane);
    free(lane);
}

static void make_ready(struct lane *lane)
{
    lane->ready = true;
    TAILQ_INSERT_TAIL(&lane->lanes->ready, lane, link);
    loop_turn_wanted(lane->lanes->loop);
}

static void on_task_end(struct task *t, enum task_result result, void *arg)
{
    struct lane *lane = arg;
    struct lanes *lanes = lane->lanes;

    lane->running = false;
    lanes->running--;
    if (!TAILQ_EMPTY(&lane->queue))
        make_ready(lane);
    else
        lane_free(lane);
    lanes->done(t->in, result, lanes->arg);
}

/* Does any handler want it at all? Most messages of a group concern none. */
static bool is_wanted(const struct lanes *lanes, const struct update *u)
{
    return handlers_next(&lanes->gen->handlers, u, 0,
                         lanes->vm->services->bot_username) >= 0;
}

static void start_next(struct lane *lane)
{
    struct lanes *lanes = lane->lanes;
    struct queued *q = TAILQ_FIRST(&lane->queue);
    struct incoming *in = q->in;

    TAILQ_REMOVE(&lane->queue, q, link);
    free(q);
    lane->running = true;
    lanes->running++;
    task_run(task_new(lanes->vm, lanes->gen, in, on_task_end, lane));
}

/* Not from within a task's end: tasks that end at once would nest. */
static void run_ready(void *arg)
{
    struct lanes *lanes = arg;
    struct lane *lane;

    while (!lanes->stopped && (lane = TAILQ_FIRST(&lanes->ready))) {
        TAILQ_REMOVE(&lanes->ready, lane, link);
        lane->ready = false;
        start_next(lane);
    }
}

struct lanes *lanes_new(struct loop *loop, struct vm *vm, lanes_done_fn done,
                        void *arg)
{
    struct lanes *lanes = xalloc(sizeof(*lanes));

    *lanes = (struct lanes){ .loop = loop, .vm = vm, .done = done, .arg = arg };
    TAILQ_INIT(&lanes->ready);
    lanes->hook = loop_at_end_of_turn(loop, run_ready, lanes);
    return lanes;
}

void lanes_free(struct lanes *lanes)
{
    struct lane *lane, *next;

    if (!lanes)
        return;
    HASH_ITER (hh, lanes->by_id, lane, next)
        lane_free(lane);
    loop_end_of_turn_cancel(lanes->hook);
    generation_unref(lanes->gen);
    free(lanes);
}

void lanes_set_generation(struct lanes *lanes, struct generation *gen)
{
    generation_ref(gen);
    generation_unref(lanes->gen);
    lanes->gen = gen;
}

static struct lane *lane_get(struct lanes *lanes, int64_t id)
{
    struct lane *lane;

    HASH_FIND(hh, lanes->by_id, &id, sizeof(id), lane);
    if (lane)
        return lane;
    lane = xalloc(sizeof(*lane));
    lane->id = id;
    lane->lanes = lanes;
    TAILQ_INIT(&lane->queue);
    HASH_ADD(hh, lanes->by_id, id, sizeof(id), lane);
    return lane;
}

void lanes_push(struct lanes *lanes, struct incoming *in)
{
    struct queued *q;
    struct lane *lane;
    int64_t id = update_lane(&in->u);

    if (!is_wanted(lanes, &in->u)) {
        lanes->done(in, TASK_OK, lanes->arg);
        incoming_free(in);
        return;
    }
    lane = lane_get(lanes, id ? id : -in->u.id);
    q = xalloc(sizeof(*q));
    q->in = in;
    TAILQ_INSERT_TAIL(&lane->queue, q, link);
    if (!lane->running && !lane->ready)
        make_ready(lane);
}

void lanes_stop(struct lanes *lanes)
{
    lanes->stopped = true;
}

int lanes_running(const struct lanes *lanes)
{
    return lanes->running;
}
