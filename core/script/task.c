/*
 * task.c - see task.h: a task's beginning, its questions, and its ends. Its coroutines
 * run in fiber.c.
 *
 * Stack of a task's coroutine: the ctx at index 1; dispatch.c runs the
 * handlers with it.
 */
#include "script/task.h"

#include <lauxlib.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/kept.h"
#include "base/log.h"
#include "base/metrics.h"
#include "script/ask.h"
#include "script/breaker.h"
#include "script/ctx.h"
#include "script/dispatch.h"
#include "script/raise.h"
#include "script/task_int.h"
#include "script/throttle.h"
#include "script/watchdog.h"

#define SWEEP_MS 1000

void incoming_free(struct incoming *in)
{
    if (!in)
        return;
    if (in->origin && in->origin->free)
        in->origin->free(in->origin_arg);
    buf_release(&in->text);
    free(in->error);
    free(in);
}

/* --- ending ---------------------------------------------------------------------- */

/* What it is at work on, for messages. */
static struct incoming *present(const struct task *t)
{
    return t->current ? t->current : t->in;
}

static void add_fields(const struct task *t, struct buf *fields)
{
    const struct incoming *in = present(t);

    if (!in->origin)
        log_field_int(fields, "update", in->u.id);
    if (in->u.chat_id)
        log_field_int(fields, "chat", in->u.chat_id);
    if (t->handler)
        log_field(fields, "handler", slice_of(t->handler));
}

/* Of one handler, the same error but for numbers. */
static uint64_t kind_of(const struct task *t, const struct buf *why)
{
    return throttle_kind((uintptr_t)t->handler,
                         (struct slice){ why->data, strcspn(why->data, "\n") });
}

/* In the log, unless it stands there often enough, and with the update, which may be set aside. */
static void report(struct task *t, const char *what, struct buf *why)
{
    struct buf fields = BUF_INIT;

    add_fields(t, &fields);
    if (throttle_pass(t->vm->reports, kind_of(t, why), why->data))
        log_event(LOG_ERROR, "script", fields.data, "%s: %s", what, why->data);
    buf_release(&fields);
    present(t)->handler = t->handler;
    free(present(t)->error);
    present(t)->error = buf_detach(why);
}

static void report_error(struct task *t)
{
    report(t, "handler failed", &t->trace);
}

/* An error that dispatch.c did not keep: in bot.catch, or out of memory. */
static void keep_error(struct task *t)
{
    lua_State *L = t->vm->L;

    buf_reset(&t->trace);
    /* nothing can be called in a dead coroutine */
    lua_xmove(t->fiber.co, L, 1);
    vm_add_error(L, -1, &t->trace);
    lua_pop(L, 1);
    vm_add_traceback(t->fiber.co, 0, &t->trace);
}

static void report_overrun(struct task *t, const struct fiber *f,
                           const char *what)
{
    struct buf why = BUF_INIT;
    size_t n;

    buf_adds(&why, what);
    n = why.len;
    if (t->watch.end == WATCHDOG_MEMORY || t->watch.end == WATCHDOG_BLOCK)
        /* where it was then */
        buf_add_slice(&why, buf_slice(&t->vm->ended_at));
    else
        for (int i = 0; f && i < 3; i++, f = f->parent) /* of parallel() */
            vm_add_traceback(f->co, 0, &why);
    if (why.len == n &&
        t->trace.len) /* it ended with an error: see watchdog.h */
        buf_addf(&why, ": %s", t->trace.data);
    report(t, "handler ended", &why);
}

void task_leave_lane(struct task *t)
{
    void (*on_leave)(struct task * t) = t->on_leave;

    t->on_leave = NULL;
    if (on_leave)
        on_leave(t);
}

static void observe(struct task *t)
{
    if (t->seconds)
        metric_observe(t->seconds, metric_clock_us() - t->started_us);
}

static void free_updates(struct task *t)
{
    struct incoming *in;

    while ((in = TAILQ_FIRST(&t->updates))) {
        TAILQ_REMOVE(&t->updates, in, link);
        incoming_free(in);
    }
}

static void task_end(struct task *t, enum task_result result)
{
    struct vm *vm = t->vm;

    if (!t->asking)
        observe(t);
    ask_free(t->ask);
    t->ask = NULL;
    if (t->fiber.co) { /* NULL: it could not even be made */
        ctx_end(t);
        fiber_close(&t->fiber);
        luaL_unref(vm->L, LUA_REGISTRYINDEX, t->ref);
    }
    if (vm->hog == t) {
        op_free(vm->hog_op);
        vm->hog_op = NULL;
        vm->hog = NULL;
    }
    if (t->asking)
        TAILQ_REMOVE(&vm->asking, t, link);
    else
        TAILQ_REMOVE(&vm->tasks, t, link);
    vm->ntasks--;
    t->on_end(t, result, t->arg);
    generation_unref(t->gen);
    free_updates(t);
    buf_release(&t->trace);
    buf_release(&t->child_trace);
    kept_free(t, sizeof(*t));
}

/* At most so often: what is loaded anew may fill up again. */
#define RENEW_MS 60000

static void on_renewal(struct op *op)
{
    struct vm *vm = op->arg;

    op_free(op);
    vm->renewal = NULL;
    vm->services->renew(vm->services->renew_arg);
}

#define TRIM_MS                                                                \
    1000 /* it takes ms: once for all that end at about the same time */

static void on_trim(struct op *op)
{
    struct vm *vm = op->arg;

    op_free(op);
    vm->trim = NULL;
    malloc_trim(0);
}

static void trim_later(struct vm *vm)
{
    if (vm->trim)
        return;
    vm->trim = timer_start(vm->services->loop, TRIM_MS);
    vm->trim->done = on_trim;
    vm->trim->arg = vm;
}

/* Free what a task left behind that was refused memory: the next one must not be. If
 * that does not help, it is the scripts' variables. */
static void collect_all(struct vm *vm)
{
    size_t max = vm->limits.memory_max;
    int64_t now = loop_now_ms();

    lua_gc(vm->L, LUA_GCCOLLECT);
    trim_later(vm); /* what it had is the system's again */
    if (vm->memory < max / 10 * 9 || vm->renewal ||
        (vm->renewed_ms && now - vm->renewed_ms < RENEW_MS))
        return;
    vm->renewed_ms = now;
    log_error("script",
              "the scripts keep %zu of %zu MiB (LUA_MEMORY_MB) in their "
              "variables: they are loaded anew",
              vm->memory >> 20, max >> 20);
    if (!vm->services->renew)
        return;
    vm->renewal = timer_start(vm->services->loop, 0);
    vm->renewal->done = on_renewal;
    vm->renewal->arg = vm;
}

static void on_hog(struct op *op)
{
    struct vm *vm = op->arg;
    struct task *t = vm->hog;

    op_free(op);
    vm->hog_op = NULL;
    vm->hog = NULL;
    lua_gc(vm->L, LUA_GCCOLLECT);
    if (vm->memory < vm->limits.memory_max / 8 * 7) { /* it was garbage */
        t->watch.memory = 0;
        return;
    }
    t->watch.end = WATCHDOG_MEMORY;
    buf_reset(&vm->ended_at);
    vm_add_traceback(t->fiber.co, 0, &vm->ended_at);
    task_overran(&t->fiber);
}

bool tasks_find_hog(struct vm *vm)
{
    int64_t most = watchdog_grown();
    struct task *t;

    if (vm->hog)
        return true;
    if (most < (int64_t)vm->limits.memory_max / 8)
        most = (int64_t)vm->limits.memory_max / 8;
    TAILQ_FOREACH (t, &vm->tasks, link) {
        if (t != task_find(watchdog_running()) && t->watch.memory > most) {
            most = t->watch.memory;
            vm->hog = t;
        }
    }
    if (!vm->hog)
        return false;
    vm->hog_op = timer_start(vm->services->loop, 0);
    vm->hog_op->done = on_hog;
    vm->hog_op->arg = vm;
    return true;
}

static const char *why_ended(const struct task *t, char *text, size_t size)
{
    const struct vm_limits *l = &t->vm->limits;

    switch (t->watch.end) {
    case WATCHDOG_CPU_TOTAL:
        snprintf(text, size,
                 "it computed for more than %d ms in all "
                 "(TASK_CPU_TOTAL_MS)",
                 l->cpu_total_ms);
        break;
    case WATCHDOG_MEMORY:
        snprintf(text, size,
                 "not enough memory: all scripts together may have %zu MiB "
                 "(LUA_MEMORY_MB), one string or table %zu",
                 l->memory_max >> 20, l->memory_max / VM_BLOCK >> 20);
        break;
    case WATCHDOG_BLOCK:
        snprintf(text, size,
                 "it computed for more than %d ms where it can't give way to "
                 "others, in what a C function calls (TASK_BLOCK_MS); compute "
                 "before it is called, and hand over what came of it",
                 l->block_ms);
        break;
    default:
        snprintf(text, size,
                 "it computed for too long without waiting: more than %d ms "
                 "(TASK_CPU_MS)",
                 l->cpu_ms);
    }
    return text;
}

void task_overran(struct fiber *f)
{
    struct task *t = f->task;
    struct vm *vm = t->vm;
    bool memory = t->watch.end == WATCHDOG_MEMORY;
    char text[240];

    report_overrun(t, f, why_ended(t, text, sizeof(text)));
    breaker_ended(t, true);
    task_end(t, TASK_OVERRAN);
    if (memory)
        collect_all(vm);
}

void task_ran(struct task *t, int status)
{
    if ((status == LUA_OK && !t->failed) ||
        (status != LUA_OK && raise_is_stop(t->fiber.co, -1))) {
        breaker_ended(t, t->handler_failed);
        task_end(t, TASK_OK);
        return;
    }
    if (!t->failed)
        keep_error(t);
    report_error(t);
    if (!t->no_database)
        breaker_ended(t, true);
    task_end(t, t->no_database ? TASK_NO_DATABASE : TASK_FAILED);
}

static void sweep_later(struct vm *vm);

/* --- questions --------------------------------------------------------------------- */

void task_ask(struct task *t)
{
    observe(t);
    TAILQ_REMOVE(&t->vm->tasks, t, link);
    TAILQ_INSERT_TAIL(&t->vm->asking, t, link);
    t->asking = true;
    t->answer_kept = false; /* it goes with the answer to the update */
    if (t->on_ask)
        t->on_ask(t);
    t->current = NULL;
}

/* What a long conversation has been told is not all kept. */
static void forget_old(struct task *t)
{
    struct incoming *in;

    if (t->nanswers < TASK_ANSWERS_MAX) {
        t->nanswers++;
        return;
    }
    in = TAILQ_NEXT(TAILQ_FIRST(&t->updates), link);
    TAILQ_REMOVE(&t->updates, in, link);
    ctx_forget(t, in);
    incoming_free(in);
}

void task_answer(struct task *t, struct incoming *in)
{
    TAILQ_REMOVE(&t->vm->asking, t, link);
    TAILQ_INSERT_TAIL(&t->vm->tasks, t, link);
    t->asking = false;
    t->started_us = metric_clock_us();
    t->started_ms = loop_now_ms();
    t->stopped_ms = t->free_ms = 0;
    t->watch.total_us = 0; /* and its computing time */
    t->in = TAILQ_FIRST(&t->updates);
    t->current = in;
    sweep_later(t->vm);
    if (!in)
        return;
    forget_old(t);
    TAILQ_INSERT_TAIL(&t->updates, in, link);
    t->in = in;
}

/* --- time ------------------------------------------------------------------------- */

static void sweep(struct op *op);

static void sweep_later(struct vm *vm)
{
    if (vm->sweep || TAILQ_EMPTY(&vm->tasks))
        return;
    vm->sweep = timer_start(vm->services->loop, SWEEP_MS);
    vm->sweep->done = sweep;
    vm->sweep->arg = vm;
}

/* End the tasks that are over their time: the oldest come first. */
static void sweep(struct op *op)
{
    struct vm *vm = op->arg;
    struct task *t, *next;
    int64_t now = loop_now_ms();

    op_free(op);
    vm->sweep = NULL;
    for (t = TAILQ_FIRST(&vm->tasks); t; t = next) {
        next = TAILQ_NEXT(t, link);
        if (now - t->started_ms < vm->limits.task_ms)
            break;
        if (t->state != TASK_WAITING || t->stopped_ms ||
            now - t->started_ms - t->free_ms < vm->limits.task_ms)
            continue;
        report_overrun(t, &t->fiber, "it ran longer than TASK_TIMEOUT_S");
        breaker_ended(t, true);
        task_end(t, TASK_OVERRAN);
    }
    sweep_later(vm);
}

/* --- beginning -------------------------------------------------------------------- */

/* Everything that may run out of memory. */
static int push_task(lua_State *L)
{
    struct task *t = lua_touserdata(L, 1);

    fiber_push(L, &t->fiber, &t->fiber);
    t->fiber.parent = NULL;
    lua_pushcfunction(t->fiber.co, dispatch_main);
    ctx_push(t->fiber.co, t);
    t->ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

struct task *task_new(struct vm *vm, struct generation *gen,
                      struct incoming *in, task_end_fn on_end, void *arg)
{
    struct task *t = kept_take(sizeof(*t));
    int64_t now_us = metric_clock_us();

    *t = (struct task){
        .vm = vm,
        .fiber = { .task = t },
        .gen = generation_ref(gen),
        .in = in,
        .current = in,
        .started_us = now_us,
        .started_ms = now_us / 1000, /* the same clock as loop_now_ms() */
        .on_end = on_end,
        .arg = arg,
        .trace = BUF_INIT,
        .child_trace = BUF_INIT,
    };
    TAILQ_INIT(&t->gates);
    TAILQ_INIT(&t->updates);
    TAILQ_INSERT_TAIL(&t->updates, in, link);
    TAILQ_INSERT_TAIL(&vm->tasks, t, link);
    vm->ntasks++;
    sweep_later(vm);
    return t;
}

void task_run(struct task *t)
{
    lua_State *L = t->vm->L;

    lua_pushcfunction(L, push_task);
    lua_pushlightuserdata(L, t);
    if (lua_pcall(L, 1, 0, 0) == LUA_OK) {
        fiber_resume(&t->fiber, 1);
        return;
    }
    buf_addf(&t->trace, "can't be started: %s", lua_tostring(L, -1));
    report_error(t);
    lua_pop(L, 1);
    t->fiber.co = NULL;
    task_end(t, TASK_FAILED);
}

void tasks_kill_all(struct vm *vm)
{
    struct task *t;

    while ((t = TAILQ_FIRST(&vm->tasks)) || (t = TAILQ_FIRST(&vm->asking)))
        task_end(t, TASK_KILLED);
}
