/* lanes.c - see lanes.h. */
#include "bot/lanes.h"

#include <assert.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/kept.h"
#include "base/metrics.h"
#include "script/ask.h"

struct lane {
    int64_t id;
    struct lanes *lanes;
    TAILQ_HEAD(, incoming) queue; /* not started */
    int holds;                    /* nothing starts unless 0 */
    bool running, ready; /* ready: in one of lanes' lists, to start its next */
    TAILQ_ENTRY(lane) link;
    UT_hash_handle hh;
};

TAILQ_HEAD(lane_list, lane);

struct lanes {
    struct loop *loop;
    struct vm *vm;
    struct generation *gen;
    struct lane *by_id;
    struct lane_list urgent, ready;
    struct loop_turn_hook *hook;
    lanes_done_fn done;
    void *arg;
    struct asks *asks; /* or NULL: nobody is asked */
    int running;
    int holds; /* of all lanes */
    bool stopped;
    struct metric_series *waited;
};

/* To a millisecond: the clock is read anyway, that often. */
static const int64_t wait_limits[] = { 1000,     5000,     25000,   100000,
                                       250000,   1000000,  2500000, 10000000,
                                       60000000, INT64_MAX };
static struct metric wait_seconds = {
    .name = "moonpost_lane_seconds",
    .help = "Time an update waited for its chat's turn.",
    .type = METRIC_HISTOGRAM,
    .limits = wait_limits,
};

static void lane_free(struct lane *lane)
{
    struct incoming *in;

    while ((in = TAILQ_FIRST(&lane->queue))) {
        TAILQ_REMOVE(&lane->queue, in, link);
        incoming_free(in);
    }
    HASH_DEL(lane->lanes->by_id, lane);
    kept_free(lane, sizeof(*lane));
}

static struct lane_list *list_of(const struct lane *lane)
{
    return update_lane_is_urgent(lane->id) ? &lane->lanes->urgent
                                           : &lane->lanes->ready;
}

/* After anything about it has changed. It may be gone then. */
static void lane_settle(struct lane *lane)
{
    bool empty = TAILQ_EMPTY(&lane->queue);
    bool ready = !lane->running && !lane->holds && !empty;

    if (ready && !lane->ready) {
        TAILQ_INSERT_TAIL(list_of(lane), lane, link);
        loop_turn_wanted(lane->lanes->loop);
    } else if (!ready && lane->ready) {
        TAILQ_REMOVE(list_of(lane), lane, link);
    }
    lane->ready = ready;
    if (!lane->running && !lane->holds && empty)
        lane_free(lane);
}

static void tell(struct lanes *lanes, struct incoming *in,
                 enum task_result result)
{
    lanes->done(in, result, lanes->arg);
}

static void end(struct lanes *lanes, struct task *t, enum task_result result)
{
    lanes->running--;
    if (t->current)
        tell(lanes, t->current, result);
}

static void on_task_end(struct task *t, enum task_result result, void *arg)
{
    struct lane *lane = arg;
    struct lanes *lanes = lane->lanes;

    lane->running = false;
    lane_settle(lane);
    end(lanes, t, result);
}

static void on_left_task_end(struct task *t, enum task_result result, void *arg)
{
    end(arg, t, result);
}

static void on_task_leave(struct task *t)
{
    struct lane *lane = t->arg;

    t->on_end = on_left_task_end;
    t->arg = lane->lanes;
    lane->running = false;
    lane_settle(lane);
}

/* --- tasks that wait to be answered --------------------------------------------------- */

static void on_asking_task_end(struct task *t, enum task_result result,
                               void *arg)
{
    (void)t;
    (void)result;
    (void)arg;
}

/* It is in no lane while it waits. on_leave stays: it comes back into one, if it
 * had not left its lane before. */
static void on_task_ask(struct task *t)
{
    struct lanes *lanes = t->arg;
    struct lane *lane = t->arg;

    if (t->on_leave) {
        lanes = lane->lanes;
        lane->running = false;
        lane_settle(lane);
    }
    t->on_end = on_asking_task_end;
    t->arg = lanes;
    end(lanes, t, TASK_OK);
}

/* An update for a task that waits, or what wakes it for another reason: it is in
 * the lane from now on. in is out of the queue. */
static void wake(struct lane *lane, struct ask *ask, struct incoming *in)
{
    struct lanes *lanes = lane->lanes;
    struct task *t = ask_task(ask);
    bool by_update = !ask_is_waker(in);

    if (!by_update)
        incoming_free(in);
    else if (ask_is_waited_for(ask))
        in->started = true;
    if (ask_is_waited_for(ask)) {
        lanes->running++;
        t->on_end = t->on_leave ? on_task_end : on_left_task_end;
        t->arg = t->on_leave ? (void *)lane : (void *)lanes;
        lane->running = t->on_leave != NULL;
    }
    lane_settle(lane);
    ask_give(ask, by_update ? in : NULL);
}

static void drop(struct lane *lane, struct incoming *in)
{
    struct lanes *lanes = lane->lanes;

    lane_settle(lane);
    if (!in->origin)
        tell(lanes, in, TASK_OK);
    incoming_free(in);
}

/* Does any handler want it at all? Most messages of a group concern none. */
static bool is_wanted(const struct lanes *lanes, const struct update *u)
{
    return handlers_next(&lanes->gen->handlers, u, 0,
                         lanes->vm->services->bot_username) >= 0;
}

static void start_task(struct lane *lane, struct incoming *in)
{
    struct lanes *lanes = lane->lanes;
    struct task *t = task_new(lanes->vm, lanes->gen, in, on_task_end, lane);

    in->started = true;
    metric_observe(lanes->waited, 1000 * (t->started_ms - in->pushed_ms));
    lane->running = true;
    lane_settle(lane);
    lanes->running++;
    t->on_leave = on_task_leave;
    t->on_ask = on_task_ask;
    task_run(t);
}

static void start_next(struct lane *lane)
{
    struct lanes *lanes = lane->lanes;
    struct incoming *in = TAILQ_FIRST(&lane->queue);
    const char *username = lanes->vm->services->bot_username;
    enum ask_found found = ASK_NONE;
    struct ask *ask = NULL;

    TAILQ_REMOVE(&lane->queue, in, link);
    if (ask_is_waker(in))
        found = (ask = ask_of_waker(in)) ? ASK_ANSWERED : ASK_TOLD;
    else if (!in->origin)
        found = asks_find(lanes->asks, &in->u, username, &ask);
    if (found == ASK_ANSWERED)
        wake(lane, ask, in);
    else if (found == ASK_TOLD || (in->unwanted && !is_wanted(lanes, &in->u)))
        drop(lane, in);
    else
        start_task(lane, in);
}

/* Not from within a task's end: tasks that end at once would nest. */
static void run_ready(void *arg)
{
    struct lanes *lanes = arg;
    struct lane *lane;

    while (!lanes->stopped && ((lane = TAILQ_FIRST(&lanes->urgent)) ||
                               (lane = TAILQ_FIRST(&lanes->ready))))
        start_next(lane);
}

static void on_wake(struct incoming *in, void *arg)
{
    in->started = false;
    lanes_push(arg, in);
}

struct lanes *lanes_new(struct loop *loop, struct vm *vm, lanes_done_fn done,
                        void *arg)
{
    struct lanes *lanes = xalloc(sizeof(*lanes));

    *lanes = (struct lanes){ .loop = loop, .vm = vm, .done = done, .arg = arg };
    TAILQ_INIT(&lanes->urgent);
    TAILQ_INIT(&lanes->ready);
    lanes->waited = metric_plain(&wait_seconds);
    lanes->hook = loop_at_end_of_turn(loop, run_ready, lanes);
    lanes->asks = vm->services->asks;
    if (lanes->asks)
        asks_on_wake(lanes->asks, on_wake, lanes);
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
    lane = kept_alloc(sizeof(*lane));
    lane->id = id;
    lane->lanes = lanes;
    TAILQ_INIT(&lane->queue);
    HASH_ADD(hh, lanes->by_id, id, sizeof(id), lane);
    return lane;
}

/* What comes while it is held is not over before it is released. */
static bool is_held(const struct lanes *lanes, int64_t id)
{
    struct lane *lane = NULL;

    if (lanes->holds)
        HASH_FIND(hh, lanes->by_id, &id, sizeof(id), lane);
    return lane && lane->holds;
}

/* Is it over before it began? */
static bool is_for_nobody(const struct lanes *lanes, struct incoming *in,
                          int64_t lane)
{
    if (in->origin || is_wanted(lanes, &in->u))
        return false;
    in->unwanted = true; /* but by somebody who asks, perhaps */
    return !is_held(lanes, lane) && !asks_may_take(lanes->asks, &in->u);
}

void lanes_push(struct lanes *lanes, struct incoming *in)
{
    int64_t id = in->origin ? in->lane : update_lane(&in->u);
    struct lane *lane;

    if (is_for_nobody(lanes, in, id)) {
        tell(lanes, in, TASK_OK);
        incoming_free(in);
        return;
    }
    in->pushed_ms = loop_now_ms();
    lane = lane_get(lanes, id);
    TAILQ_INSERT_TAIL(&lane->queue, in, link);
    lane_settle(lane);
}

bool lanes_is_running(const struct lanes *lanes, int64_t id)
{
    struct lane *lane;

    HASH_FIND(hh, lanes->by_id, &id, sizeof(id), lane);
    return lane && lane->running;
}

void lanes_hold(struct lanes *lanes, int64_t id)
{
    struct lane *lane = lane_get(lanes, id);

    lane->holds++;
    lanes->holds++;
    lane_settle(lane);
}

void lanes_release(struct lanes *lanes, int64_t id)
{
    struct lane *lane = lane_get(lanes, id);

    assert(lane->holds > 0);
    lane->holds--;
    lanes->holds--;
    lane_settle(lane);
}

bool lanes_asks(const struct lanes *lanes)
{
    return asks_count(lanes->asks) > 0;
}

void lanes_stop(struct lanes *lanes)
{
    lanes->stopped = true;
}

int lanes_running(const struct lanes *lanes)
{
    return lanes->running;
}
