/*
 * fiber.c - the coroutines of tasks: running one, waiting, and having turns. See
 * task.h.
 */
#include <assert.h>
#include <lauxlib.h>

#include "script/call_answer.h"
#include "script/parallel.h"
#include "script/recording.h"
#include "script/task_int.h"
#include "script/watchdog.h"

static void want_turn(struct vm *vm);

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

void fiber_push(lua_State *L, struct fiber *f, struct fiber *parent)
{
    *f = (struct fiber){ .task = parent->task, .parent = parent };
    f->co = lua_newthread(L);
    *slot_of(f->co) = f;
}

/* --- turns ------------------------------------------------------------------------- */

/* It goes on after as long as a slice: what others want takes several turns of the
 * loop, a connection, a request, its answer, and each turn would wait for a slice. */
static void on_turn(struct op *op)
{
    struct vm *vm = op->arg;
    struct fiber *f = TAILQ_FIRST(&vm->turns);

    op_free(op);
    vm->turn = NULL;
    TAILQ_REMOVE(&vm->turns, f, turn_link);
    f->has_turn_coming = false;
    fiber_resume(f, 0);
    want_turn(vm); /* from now on */
}

static void want_turn(struct vm *vm)
{
    if (vm->turn || TAILQ_EMPTY(&vm->turns))
        return;
    vm->turn = timer_start(vm->services->loop, vm->limits.slice_ms);
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

/* --- running ----------------------------------------------------------------------- */

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
    watchdog_enter(f->co, WATCHDOG_CLOSE, &overran);
    lua_resetthread(f->co); /* closes <close> variables */
    watchdog_leave();
    f->task->watch = spent;
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
        task_overran(f);
    else if (status == LUA_YIELD && t->watch.gave_way)
        wait_for_turn(f);
    else if (status == LUA_YIELD && f->join)
        parallel_go(f);
    else if (status == LUA_YIELD && f->op)
        return;
    else if (f->parent)
        parallel_ended(f, status, nresults);
    else
        task_ran(t, status);
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
        start_clock(t); /* it may have been stopped for this wait */
        return luaL_error(L, "can't wait here: inside a function that was "
                             "called from C (__tostring, a message handler "
                             "of xpcall, what cjson calls)");
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
