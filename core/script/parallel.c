/*
 * parallel.c - see parallel.h.
 *
 * What belongs to Lua stands in a table, the join's box, in the registry under the
 * join's address: what to run, the coroutines, the results.
 */
#include "script/parallel.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "script/modules.h"
#include "script/raise.h"

enum mode { ALL, LIST, SETTLE, RACE, MAP };
enum box { ITEMS = 1, FUNCTION, THREADS, RESULTS, FAILURE, BOX_LEN = FAILURE };

struct join {
    struct op op;
    struct fiber *parent;
    enum mode mode;
    int n, next;            /* to be run; the number of the next one */
    int slots, running;     /* at once */
    bool over;              /* nothing new starts: one has failed, or won */
    bool failed;            /* then box[FAILURE] is why */
    bool no_memory;         /* or that */
    int winner;             /* of a RACE: its number */
    bool *gone;             /* while children are being started: is it freed? */
    struct op *later;       /* then they are started; or NULL */
    struct fiber *fibers[]; /* slots of them; NULL: a free one */
};

static void push_box(lua_State *L, const struct join *j)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, j);
}

/* --- children ------------------------------------------------------------------- */

static int find_slot(const struct join *j, const struct fiber *f)
{
    int i = 0;

    while (j->fibers[i] != f)
        i++;
    return i;
}

static void free_slot(struct join *j, int slot)
{
    struct fiber *f = j->fibers[slot];
    lua_State *L = f->task->vm->L;

    fiber_close(f);
    push_box(L, j);
    lua_rawgeti(L, -1, THREADS);
    lua_pushboolean(L, false); /* no new key, no memory */
    lua_rawseti(L, -2, slot + 1);
    lua_pop(L, 2);
    j->fibers[slot] = NULL;
    j->running--;
    f->task->nfibers--;
    free(f);
}

/* One that commits is ended after that: half a commit would leave the task's view
 * of a config unclear. */
static void stop_children(struct join *j)
{
    j->over = true;
    for (int i = 0; i < j->slots; i++) {
        struct fiber *f = j->fibers[i];

        if (f && f->task->commits == f)
            f->doomed = true;
        else if (f)
            free_slot(j, i);
    }
}

/* Where it has failed: the stack is gone in parallel_ended(). */
static int child_raises(lua_State *L)
{
    const struct fiber *f = task_fiber(L);
    struct buf *trace = &f->task->child_trace;

    if (!f->doomed && !trace->len && f->parent->join->mode != SETTLE)
        vm_add_traceback(L, 1, trace);
    return 1;
}

static int child_returned(lua_State *L, int status, lua_KContext k)
{
    (void)k;
    if (status != LUA_OK && status != LUA_YIELD)
        return lua_error(L);
    return lua_gettop(L) - 1;
}

/* What a child runs: function, arguments. Without the protected call an error that
 * the watchdog's hook raises would leave its coroutine without hooks, for its
 * __close to loop in for ever. */
static int child_main(lua_State *L)
{
    int n = lua_gettop(L) - 1;

    lua_pushcfunction(L, child_raises);
    lua_insert(L, 1);
    return child_returned(L,
                          lua_pcallk(L, n, LUA_MULTRET, 1, 0, child_returned),
                          0);
}

/* In a protected call: join, slot → the child is made, with what it is to run. */
static int make_child(lua_State *L)
{
    struct join *j = lua_touserdata(L, 1);
    int slot = (int)lua_tointeger(L, 2), number = j->next;
    struct fiber *f = j->fibers[slot];

    push_box(L, j); /* box */
    lua_rawgeti(L, -1, THREADS);
    fiber_push(L, f, j->parent); /* box, threads, thread */
    f->number = number;
    lua_rawseti(L, -2, slot + 1);
    lua_pushcfunction(f->co, child_main);
    if (j->mode == MAP)
        lua_rawgeti(L, 3, FUNCTION);
    lua_rawgeti(L, 3, ITEMS);
    lua_rawgeti(L, -1, number);
    lua_remove(L, -2);
    if (j->mode == MAP)
        lua_pushinteger(L, number);
    lua_xmove(L, f->co, j->mode == MAP ? 3 : 1);
    return 0;
}

/* Memory for it has run out on the way. */
static void fail(struct join *j)
{
    j->failed = j->no_memory = true;
    stop_children(j);
}

static void start_child(struct join *j)
{
    lua_State *L = j->parent->task->vm->L;
    int slot = find_slot(j, NULL);
    struct fiber *f = xalloc(sizeof(*f));

    j->fibers[slot] = f;
    f->task = j->parent->task;
    j->running++;
    f->task->nfibers++;
    lua_pushcfunction(L, make_child);
    lua_pushlightuserdata(L, j);
    lua_pushinteger(L, slot);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        lua_pop(L, 1);
        fail(j);
        return;
    }
    j->next++;
    fiber_resume(f, j->mode == MAP ? 3 : 1);
}

static void go(struct join *j)
{
    bool gone = false;

    if (j->gone)
        return; /* a child has ended while others are being started */
    j->gone = &gone;
    while (!gone && !j->over && j->next <= j->n && j->running < j->slots)
        start_child(j);
    if (gone)
        return;
    j->gone = NULL;
    if (j->running == 0 && j->op.state == OP_RUNNING)
        op_complete(&j->op);
}

static void on_later(struct op *op)
{
    struct join *j = op->arg;

    op_free(op);
    j->later = NULL;
    go(j);
}

/* Those of a child begin in the next turn: parallel() in parallel() could go on
 * without end otherwise, and deep into C's stack. */
void parallel_go(struct fiber *parent)
{
    struct join *j = parent->join;

    if (!parent->parent) {
        go(j);
        return;
    }
    j->later = timer_start(parent->task->vm->services->loop, 0);
    j->later->done = on_later;
    j->later->arg = j;
}

/* --- results -------------------------------------------------------------------- */

struct ending {
    struct join *join;
    struct fiber *child;
    int status, nresults;
};

/* Stack top: a value, which becomes { ok = …, value or error = it }. */
static void wrap_result(lua_State *L, bool ok)
{
    lua_createtable(L, 0, 2);
    lua_insert(L, -2);
    lua_setfield(L, -2, ok ? "value" : "error");
    lua_pushboolean(L, ok);
    lua_setfield(L, -2, "ok");
}

/* In a protected call: what the child ended with goes into the box. */
static int take_result(lua_State *L)
{
    const struct ending *e = lua_touserdata(L, 1);
    struct join *j = e->join;
    bool ok = e->status == LUA_OK;

    push_box(L, j); /* box */
    if (e->nresults > 0 || !ok) {
        if (ok)
            lua_settop(e->child->co,
                       lua_gettop(e->child->co) - e->nresults + 1);
        lua_xmove(e->child->co, L, 1); /* the first of them, or the error */
    } else {
        lua_pushnil(L);
    }
    if (j->mode == SETTLE && !(!ok && raise_is_stop(L, -1))) {
        wrap_result(L, ok);
    } else if (!ok) {
        j->failed = true;
        lua_rawseti(L, 2, FAILURE);
        return 0;
    }
    lua_rawgeti(L, 2, RESULTS);
    lua_insert(L, -2);
    lua_rawseti(L, -2, e->child->number);
    return 0;
}

void parallel_ended(struct fiber *child, int status, int nresults)
{
    struct join *j = child->parent->join;
    lua_State *L = child->task->vm->L;
    struct ending e = { j, child, status, nresults };

    if (!child->doomed) {
        lua_pushcfunction(L, take_result);
        lua_pushlightuserdata(L, &e);
        if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
            lua_pop(L, 1);
            fail(j);
        }
        if (j->mode == RACE && !j->over)
            j->winner = child->number;
    }
    for (int i = 0; i < j->slots; i++)
        if (j->fibers[i] == child)
            free_slot(j, i);
    if (j->failed || j->mode == RACE)
        stop_children(j);
    go(j);
}

void parallel_add_trace(struct task *t, struct buf *out)
{
    if (!t->child_trace.len)
        return;
    buf_adds(out, "\nin parallel:");
    buf_add(out, t->child_trace.data, t->child_trace.len);
    buf_reset(&t->child_trace);
}

/* --- the op --------------------------------------------------------------------- */

static void join_stop(struct op *op)
{
    (void)op;
}

static void join_free(struct op *op)
{
    struct join *j = (struct join *)op;
    lua_State *L = j->parent->task->vm->L;

    op_free(j->later);
    if (j->gone)
        *j->gone = true;
    for (int i = 0; i < j->slots; i++)
        if (j->fibers[i])
            free_slot(j, i);
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, j);
    if (j->parent->join == j)
        j->parent->join = NULL;
    free(j);
}

static const struct op_class join_class = { "parallel", join_stop, join_free };

/* Push what they came to. Stack top: box. */
static int push_results(lua_State *L, const struct join *j)
{
    lua_rawgeti(L, -1, RESULTS);
    if (j->mode == RACE) {
        lua_rawgeti(L, -1, j->winner);
        lua_pushinteger(L, j->winner);
        return 2;
    }
    if (j->mode != ALL)
        return 1;
    luaL_checkstack(L, j->n, "parallel");
    for (int i = 1; i <= j->n; i++)
        lua_rawgeti(L, -i, i);
    return j->n;
}

static int joined(lua_State *L, int status, lua_KContext ctx)
{
    struct join *j = (struct join *)task_finished(L);

    (void)status;
    (void)ctx;
    j->parent->join = NULL;
    push_box(L, j);
    if (!j->failed)
        return push_results(L, j);
    if (j->no_memory)
        return luaL_error(L, "not enough memory");
    lua_rawgeti(L, -1, FAILURE);
    return lua_error(L);
}

/* Stack: items (a table), function or nil. Only as: return run(…)        [waits] */
static int run(lua_State *L, enum mode mode, int n, int slots)
{
    struct task *t = task_current(L);
    struct join *j;

    if (!lua_isyieldable(L))
        return task_wait(L, NULL, joined); /* it raises */
    if (t->nfibers + slots > PARALLEL_MAX)
        return luaL_error(L,
                          "parallel: a task has at most %d functions running "
                          "at once, these would be %d; parallel.map(list, n, "
                          "f) runs n at a time",
                          PARALLEL_MAX, t->nfibers + slots);
    lua_createtable(L, BOX_LEN, 0);
    lua_insert(L, 1); /* box, items, function */
    lua_rawseti(L, 1, FUNCTION);
    lua_rawseti(L, 1, ITEMS);
    lua_createtable(L, slots, 0);
    for (int i = 1; i <= slots; i++) {
        lua_pushboolean(L, false);
        lua_rawseti(L, -2, i);
    }
    lua_rawseti(L, 1, THREADS);
    lua_createtable(L, n, mode == ALL || mode == RACE ? 0 : 1);
    if (mode != ALL && mode != RACE) {
        lua_pushinteger(L, n);
        lua_setfield(L, -2, "n");
    }
    lua_rawseti(L, 1, RESULTS);
    lua_pushboolean(L, false);
    lua_rawseti(L, 1, FAILURE);
    j = xalloc(sizeof(*j) + (size_t)slots * sizeof(j->fibers[0]));
    *j = (struct join){
        .parent = task_fiber(L), .mode = mode, .n = n, .next = 1, .slots = slots
    };
    op_init(&j->op, &join_class, t->vm->services->loop);
    task_keep(L, &j->op); /* so that it is freed if the next line raises */
    lua_rawsetp(L, LUA_REGISTRYINDEX, j);
    task_fiber(L)->join = j;
    return task_wait(L, &j->op, joined);
}

/* --- the module ------------------------------------------------------------------ */

static void check_functions(lua_State *L, int n)
{
    for (int i = 1; i <= n; i++)
        if (lua_type(L, i) != LUA_TFUNCTION)
            luaL_argerror(L, i,
                          lua_pushfstring(L,
                                          "function expected, got %s; "
                                          "write parallel(f, g), not "
                                          "parallel(f(), g())",
                                          luaL_typename(L, i)));
}

static int run_arguments(lua_State *L, enum mode mode)
{
    int n = lua_gettop(L);

    check_functions(L, n);
    lua_createtable(L, n, 0);
    lua_insert(L, 1);
    for (int i = n; i >= 1; i--)
        lua_rawseti(L, 1, i);
    lua_pushnil(L);
    return run(L, mode, n, n);
}

/* parallel(f, g, …) -> the first result of each                          [waits] */
static int l_parallel(lua_State *L)
{
    lua_remove(L, 1); /* the module: it is its __call */
    if (lua_gettop(L) == 0)
        return 0;
    return run_arguments(L, ALL);
}

/* parallel.settle(f, g, …) -> { { ok = true, value = … } or
 * { ok = false, error = … }, …, n = … }                                  [waits] */
static int l_settle(lua_State *L)
{
    return run_arguments(L, SETTLE);
}

/* parallel.race(f, g, …) -> the result of the first that ends, its number [waits] */
static int l_race(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    return run_arguments(L, RACE);
}

/* Copy the list at 1, whose fields may be a config's: reading them may raise. */
static int copy_list(lua_State *L)
{
    lua_Integer n;

    luaL_checkany(L, 1);
    n = luaL_len(L, 1);
    luaL_argcheck(L, n <= 1000000, 1, "more than 1000000 elements");
    if (n < 0)
        n = 0;
    lua_createtable(L, (int)n, 0);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_geti(L, 1, i);
        lua_rawseti(L, -2, i);
    }
    lua_replace(L, 1);
    return (int)n;
}

/* parallel.all{ f, g, … } -> { result, …, n = … }                        [waits] */
static int l_all(lua_State *L)
{
    int n;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    n = copy_list(L);
    for (int i = 1; i <= n; i++) {
        if (lua_rawgeti(L, 1, i) != LUA_TFUNCTION)
            return luaL_error(L,
                              "parallel.all: element %d is a %s, not a "
                              "function",
                              i, luaL_typename(L, -1));
        lua_pop(L, 1);
    }
    lua_pushnil(L);
    return run(L, LIST, n, n);
}

/* parallel.map(list, n, f) -> { f(list[1], 1), …, n = … }, n at a time   [waits] */
static int l_map(lua_State *L)
{
    lua_Integer at_once = luaL_checkinteger(L, 2);
    int n;

    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_argcheck(L, at_once >= 1 && at_once <= PARALLEL_MAX, 2, "1 to 64");
    luaL_checktype(L, 3, LUA_TFUNCTION);
    lua_settop(L, 3);
    lua_remove(L, 2);
    n = copy_list(L);
    return run(L, MAP, n, n < at_once ? n : (int)at_once);
}

static const luaL_Reg functions[] = {
    { "all", l_all },       { "map", l_map }, { "race", l_race },
    { "settle", l_settle }, { NULL, NULL },
};

void mod_parallel_push(lua_State *L, struct generation *gen)
{
    (void)gen;
    luaL_newlib(L, functions);
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, l_parallel);
    lua_setfield(L, -2, "__call");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}
