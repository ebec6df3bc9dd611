/*
 * task.c - see task.h.
 *
 * Stack of a task's coroutine: the ctx at index 1; dispatch.c runs the
 * handlers with it.
 */
#include "script/task.h"

#include <assert.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/metrics.h"
#include "script/call_answer.h"
#include "script/ctx.h"
#include "script/dispatch.h"
#include "script/raise.h"
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

static struct task **task_slot(lua_State *L)
{
    return lua_getextraspace(L);
}

struct task *task_find(lua_State *L)
{
    return *task_slot(L);
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
    return task_find(L)->finished;
}

/* --- ending ---------------------------------------------------------------------- */

static void add_fields(const struct task *t, struct buf *fields)
{
    if (!t->in->origin)
        log_field_int(fields, "update", t->in->u.id);
    if (t->in->u.chat_id)
        log_field_int(fields, "chat", t->in->u.chat_id);
    if (t->handler)
        log_field(fields, "handler", slice_of(t->handler));
}

/* In the log, and with the update, which may be set aside. */
static void report(struct task *t, const char *what, struct buf *why)
{
    struct buf fields = BUF_INIT;

    add_fields(t, &fields);
    log_event(LOG_ERROR, "script", fields.data, "%s: %s", what, why->data);
    buf_release(&fields);
    t->in->handler = t->handler;
    free(t->in->error);
    t->in->error = buf_detach(why);
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
    lua_xmove(t->co, L, 1); /* nothing can be called in a dead coroutine */
    vm_add_error(L, -1, &t->trace);
    lua_pop(L, 1);
    vm_add_traceback(t->co, 0, &t->trace);
}

static void report_overrun(struct task *t, const char *what)
{
    struct buf why = BUF_INIT;
    size_t n;

    buf_adds(&why, what);
    n = why.len;
    vm_add_traceback(t->co, 0, &why);
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

static void task_end(struct task *t, enum task_result result)
{
    struct vm *vm = t->vm;

    if (t->seconds)
        metric_observe(t->seconds, metric_clock_us() - t->started_us);
    op_free(t->op);
    op_free(t->finished);
    t->op = t->finished = NULL;
    if (t->co) { /* NULL: it could not even be made */
        ctx_end(t);
        watchdog_enter(t->co, WATCHDOG_TASK, &t->overran);
        lua_resetthread(t->co); /* closes <close> variables */
        watchdog_leave();
        luaL_unref(vm->L, LUA_REGISTRYINDEX, t->ref);
    }
    TAILQ_REMOVE(&vm->tasks, t, link);
    vm->ntasks--;
    t->on_end(t, result, t->arg);
    generation_unref(t->gen);
    incoming_free(t->in);
    buf_release(&t->trace);
    free(t);
}

/* --- running ---------------------------------------------------------------------- */

/* The one lua_resume. */
static void task_resume(struct task *t, int nargs)
{
    int nresults, status;

    t->state = TASK_RUNNING;
    watchdog_enter(t->co, WATCHDOG_TASK, &t->overran);
    status = lua_resume(t->co, NULL, nargs, &nresults);
    watchdog_leave();
    op_free(t->finished);
    t->finished = NULL;
    if (t->overran) {
        report_overrun(t, "it computed for too long without waiting");
        task_end(t, TASK_OVERRAN);
    } else if (status == LUA_YIELD && t->op) {
        t->state = TASK_WAITING;
    } else if ((status == LUA_OK && !t->failed) ||
               (status > LUA_YIELD && raise_is_stop(t->co, -1))) {
        task_end(t, TASK_OK);
    } else {
        if (!t->failed)
            keep_error(t);
        report_error(t);
        task_end(t, t->no_database ? TASK_NO_DATABASE : TASK_FAILED);
    }
}

static void start_clock(struct task *t)
{
    if (t->stopped_ms)
        t->free_ms += loop_now_ms() - t->stopped_ms;
    t->stopped_ms = 0;
}

static void on_op_done(struct op *op)
{
    struct task *t = op->arg;

    assert(t->state == TASK_WAITING && t->op == op);
    t->finished = op;
    t->op = NULL;
    start_clock(t);
    task_resume(t, 0);
}

int task_wait_ctx(lua_State *L, struct op *op, lua_KContext ctx,
                  lua_KFunction k)
{
    struct task *t = task_current(L);

    if (!lua_isyieldable(L)) {
        op_free(op);
        return luaL_error(L, "can't wait here: inside a function that was "
                             "called from C (a comparator, a gsub callback, a "
                             "metamethod)");
    }
    call_answer_send(t);
    op_free(t->op); /* left by an error that the script caught */
    t->op = op;
    op->done = on_op_done;
    op->arg = t;
    return lua_yieldk(L, 0, ctx, k);
}

int task_wait(lua_State *L, struct op *op, lua_KFunction k)
{
    return task_wait_ctx(L, op, 0, k);
}

void task_stop_clock(struct task *t)
{
    t->stopped_ms = loop_now_ms();
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
        report_overrun(t, "it ran longer than TASK_TIMEOUT_S");
        task_end(t, TASK_OVERRAN);
    }
    sweep_later(vm);
}

/* Everything that may run out of memory. */
static int push_task(lua_State *L)
{
    struct task *t = lua_touserdata(L, 1);

    t->co = lua_newthread(L);
    *task_slot(t->co) = t;
    lua_pushcfunction(t->co, dispatch_main);
    ctx_push(t->co, t);
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
        .gen = generation_ref(gen),
        .in = in,
        .started_us = now_us,
        .started_ms = now_us / 1000, /* the same clock as loop_now_ms() */
        .on_end = on_end,
        .arg = arg,
        .trace = BUF_INIT,
    };
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
        task_resume(t, 1);
        return;
    }
    buf_addf(&t->trace, "can't be started: %s", lua_tostring(L, -1));
    report_error(t);
    lua_pop(L, 1);
    t->co = NULL;
    task_end(t, TASK_FAILED);
}

void tasks_kill_all(struct vm *vm)
{
    struct task *t;

    while ((t = TAILQ_FIRST(&vm->tasks)))
        task_end(t, TASK_KILLED);
}
