/*
 * task.c - see task.h.
 *
 * Stack of a task's coroutine: the ctx at index 1; dispatch.c runs the
 * handlers with it.
 */
#include "script/task.h"

#include <assert.h>
#include <lauxlib.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "script/ask.h"
#include "script/breaker.h"
#include "script/call_answer.h"
#include "script/ctx.h"
#include "script/dispatch.h"
#include "script/parallel.h"
#include "script/raise.h"
#include "script/recording.h"
#include "script/throttle.h"
#include "script/watchdog.h"

#define SWEEP_MS 1000

static void want_turn(struct vm *vm);

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

static struct fiber **slot_of(lua_State *L)
{
    return lua_getextraspace(L);
}

struct fiber *task_fiber(lua_State *L)
{
    return *slot_of(L);
}

struct task *task_find(lua_State *L)
{
    const struct fiber *f = task_fiber(L);

    return f ? f->task : NULL;
}

struct task *task_current(lua_State *L)
{
    struct task *t = task_find(L);

    if (!t)
        luaL_error(L, "this can only be called in a handler, not while the "
                      "scripts are being loaded");
    return t;
}

struct op *task_finished(lua_State *L)
{
    return task_fiber(L)->finished;
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
    if (t->watch.end == WATCHDOG_MEMORY) /* where it was then */
        buf_add_slice(&why, buf_slice(&t->vm->refused_at));
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
    free(t);
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

/* Free what a task left behind that was refused memory: the next one must not be. If
 * that does not help, it is the scripts' variables. */
static void collect_all(struct vm *vm)
{
    size_t max = vm->limits.memory_max;
    int64_t now = loop_now_ms();

    lua_gc(vm->L, LUA_GCCOLLECT);
    malloc_trim(0); /* what it had is the system's again */
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

static void end_overrun(struct fiber *f);

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
    buf_reset(&vm->refused_at);
    vm_add_traceback(t->fiber.co, 0, &vm->refused_at);
    end_overrun(&t->fiber);
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

/* --- running ---------------------------------------------------------------------- */

/* It goes on after half a slice: what others want takes several turns of the loop,
 * a connection, a request, its answer, and each turn would wait for a slice. */
static void on_turn(struct op *op)
{
    struct vm *vm = op->arg;
    struct fiber *f = TAILQ_FIRST(&vm->turns);

    op_free(op);
    vm->turn = NULL;
    TAILQ_REMOVE(&vm->turns, f, turn_link);
    f->has_turn_coming = false;
    want_turn(vm);
    fiber_resume(f, 0);
}

static void want_turn(struct vm *vm)
{
    if (vm->turn || TAILQ_EMPTY(&vm->turns))
        return;
    vm->turn = timer_start(vm->services->loop, vm->limits.slice_ms / 2);
    vm->turn->done = on_turn;
    vm->turn->arg = vm;
}

static void wait_for_turn(struct fiber *f)
{
    struct vm *vm = f->task->vm;

    TAILQ_INSERT_TAIL(&vm->turns, f, turn_link);
    f->has_turn_coming = true;
    want_turn(vm);
}

void fiber_close(struct fiber *f)
{
    struct vm *vm = f->task->vm;
    struct watch spent = f->task->watch;
    bool overran = false;

    op_free(f->op); /* with its children, if it waits for them */
    op_free(f->finished);
    if (f->task->commits == f)
        task_commit_over(f->task);
    f->op = f->finished = NULL;
    if (f->has_turn_coming)
        TAILQ_REMOVE(&vm->turns, f, turn_link);
    f->has_turn_coming = false;
    if (TAILQ_EMPTY(&vm->turns)) {
        op_free(vm->turn);
        vm->turn = NULL;
    }
    watchdog_enter(f->co, WATCHDOG_TASK, &overran);
    lua_resetthread(f->co); /* closes <close> variables */
    watchdog_leave();
    f->task->watch = spent;
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
    default:
        snprintf(text, size,
                 "it computed for too long without waiting: more than %d ms "
                 "(TASK_CPU_MS)",
                 l->cpu_ms);
    }
    return text;
}

static void end_overrun(struct fiber *f)
{
    struct task *t = f->task;
    struct vm *vm = t->vm;
    bool memory = t->watch.end == WATCHDOG_MEMORY;
    char text[160];

    report_overrun(t, f, why_ended(t, text, sizeof(text)));
    breaker_ended(t, true);
    task_end(t, TASK_OVERRAN);
    if (memory)
        collect_all(vm);
}

/* The task's own coroutine has run to its end. */
static void end_run(struct task *t, int status)
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

/* The one lua_resume. */
void fiber_resume(struct fiber *f, int nargs)
{
    struct task *t = f->task;
    int nresults, status;
    bool failed;

    t->state = TASK_RUNNING;
    watchdog_enter_task(f->co, t);
    do {
        f->again = false;
        status = lua_resume(f->co, NULL, nargs, &nresults);
        nargs = 0;
    } while (status == LUA_YIELD && f->again);
    watchdog_leave_task();
    op_free(f->finished);
    f->finished = NULL;
    t->state = TASK_WAITING;
    failed = status > LUA_YIELD || (status == LUA_OK && t->failed);
    if (failed && t->watch.refused)
        t->watch.end = WATCHDOG_MEMORY;
    if (t->watch.end)
        end_overrun(f);
    else if (status == LUA_YIELD && t->watch.gave_way)
        wait_for_turn(f);
    else if (status == LUA_YIELD && f->join)
        parallel_go(f);
    else if (status == LUA_YIELD && f->op)
        return;
    else if (f->parent)
        parallel_ended(f, status, nresults);
    else
        end_run(t, status);
}

static void start_clock(struct task *t)
{
    if (t->stopped_ms)
        t->free_ms += loop_now_ms() - t->stopped_ms;
    t->stopped_ms = 0;
}

static void on_op_done(struct op *op)
{
    struct fiber *f = op->arg;
    struct task *t = f->task;
    const struct recording *recording = t->vm->services->recording;

    assert(t->state == TASK_WAITING && f->op == op);
    if (recording)
        recording->finished(recording->arg, op);
    f->finished = op;
    f->op = NULL;
    start_clock(t);
    fiber_resume(f, 0);
}

int task_wait_ctx(lua_State *L, struct op *op, lua_KContext ctx,
                  lua_KFunction k)
{
    struct task *t = task_current(L);
    struct fiber *f = task_fiber(L);

    if (!lua_isyieldable(L)) {
        op_free(op);
        return luaL_error(L, "can't wait here: inside a function that was "
                             "called from C (a comparator, a gsub callback, a "
                             "metamethod)");
    }
    call_answer_send(t);
    if (f->op != op)
        op_free(f->op); /* left by an error that the script caught */
    f->op = op;
    op->done = on_op_done;
    op->arg = f;
    return lua_yieldk(L, 0, ctx, k);
}

void task_keep(lua_State *L, struct op *op)
{
    struct fiber *f = task_fiber(L);

    op_free(f->op);
    f->op = op;
}

int task_wait(lua_State *L, struct op *op, lua_KFunction k)
{
    return task_wait_ctx(L, op, 0, k);
}

void task_stop_clock(struct task *t)
{
    t->stopped_ms = loop_now_ms();
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

void fiber_push(lua_State *L, struct fiber *f, struct fiber *parent)
{
    *f = (struct fiber){ .task = parent->task, .parent = parent };
    f->co = lua_newthread(L);
    *slot_of(f->co) = f;
}

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
    struct task *t = xalloc(sizeof(*t));
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
