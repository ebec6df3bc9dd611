/*
 * view_commit.c - committing what a task changed in its configs: task_commit().
 *
 * One operation made of a config_commit() for each view that changed: they go
 * through the connection's pipeline side by side.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "script/raise.h"
#include "script/task.h"
#include "script/view_int.h"

struct part {
    struct view *view;
    struct config_op *op;
};

struct commits {
    struct op op;
    size_t n, running;
    struct part parts[];
};

static void stop_commits(struct op *op)
{
    (void)op; /* its parts are freed with it */
}

static void free_commits(struct op *op)
{
    struct commits *c = (struct commits *)op;

    for (size_t i = 0; i < c->n; i++)
        op_free(&c->parts[i].op->op);
    free(c);
}

static const struct op_class commits_class = {
    .name = "commits",
    .stop = stop_commits,
    .free = free_commits,
};

static void on_part_done(struct op *op)
{
    struct commits *c = op->arg;

    if (--c->running == 0)
        op_complete_here(&c->op);
}

/* Who changes it, for the history: "user:42 update:1001". */
static const char *who_of(const struct task *t, char *text, size_t size)
{
    const struct update *u = &t->in->u;
    int n = 0;

    *text = '\0';
    if (u->user_id)
        n = snprintf(text, size, "user:%lld ", (long long)u->user_id);
    snprintf(text + n, size - (size_t)n, "update:%lld", (long long)u->id);
    return text;
}

static struct commits *start_commits(struct task *t, size_t n)
{
    struct commits *c = xalloc(sizeof(*c) + n * sizeof(c->parts[0]));
    struct config_store *store = t->vm->services->store;
    char who[64];

    op_init(&c->op, &commits_class, t->vm->services->loop);
    who_of(t, who, sizeof(who));
    for (struct view *v = t->views; v; v = v->next) {
        struct part *part = &c->parts[c->n];

        if (!view_is_changed(v))
            continue;
        part->view = v;
        part->op = config_commit(store, v->config, &v->patch, who);
        part->op->op.done = on_part_done;
        part->op->op.arg = c;
        c->n++;
    }
    c->running = c->n;
    return c;
}

/* Of several chats the message says which one it is about. */
static void name_chat(const struct task *t, const struct view *v,
                      struct err *err)
{
    struct err plain = *err;
    char id[32];

    snprintf(id, sizeof(id), "%lld", (long long)v->chat_id);
    if (!t->views->next || strstr(err->text, id))
        return;
    err_clear(err);
    err_set(err, plain.kind, "the config of chat %s: %s", id, plain.text);
}

static void take_part(lua_State *L, const struct task *t, struct part *part,
                      struct err *err)
{
    struct err failed = part->op->op.err;

    if (!failed.kind) {
        view_committed(L, part->view, part->op);
        return;
    }
    view_reset(L, part->view);
    if (err->kind)
        return; /* the first one is told */
    *err = failed;
    name_chat(t, part->view, err);
}

/* --- one at a time ---------------------------------------------------------------- */

/* Fibers of a task share its views, and what one commits the others can't change
 * meanwhile: they wait at a gate. */
struct gate {
    struct op op;
    struct task *task;
    TAILQ_ENTRY(gate) link;
};

static void gate_stop(struct op *op)
{
    struct gate *gate = (struct gate *)op;

    TAILQ_REMOVE(&gate->task->gates, gate, link);
}

static void gate_free(struct op *op)
{
    free(op);
}

static const struct op_class gate_class = { "gate", gate_stop, gate_free };

void task_commit_over(struct task *t)
{
    struct gate *gate;

    t->commits = NULL;
    while ((gate = TAILQ_FIRST(&t->gates))) {
        TAILQ_REMOVE(&t->gates, gate, link);
        op_complete(&gate->op);
    }
}

static int gate_opened(lua_State *L, int status, lua_KContext ctx)
{
    (void)status;
    return task_commit(L, (lua_KFunction)ctx);
}

static int wait_at_gate(lua_State *L, struct task *t, lua_KFunction k)
{
    struct gate *gate;

    if (!lua_isyieldable(L))
        return task_wait_ctx(L, NULL, 0, gate_opened); /* it raises */
    gate = xalloc(sizeof(*gate));
    op_init(&gate->op, &gate_class, t->vm->services->loop);
    gate->task = t;
    TAILQ_INSERT_TAIL(&t->gates, gate, link);
    return task_wait_ctx(L, &gate->op, (lua_KContext)k, gate_opened);
}

/* --- the commit ------------------------------------------------------------------- */

static int committed(lua_State *L, int status, lua_KContext ctx)
{
    struct task *t = task_current(L);
    struct commits *c = (struct commits *)task_finished(L);
    struct err err = ERR_INIT;

    (void)status;
    task_commit_over(t); /* first: what follows may run out of memory */
    for (size_t i = 0; i < c->n; i++)
        take_part(L, t, &c->parts[i], &err);
    if (task_fiber(L)->doomed)
        return lua_yield(L, 0); /* for good: see parallel.c */
    if (err.kind)
        return raise_err(L, &err);
    return ((lua_KFunction)ctx)(L, LUA_OK, 0);
}

/* A list that has become invalid: nothing is committed, of this view nothing is
 * kept. */
static void make_ready(lua_State *L, const struct task *t, struct view *v)
{
    struct err err = ERR_INIT;

    if (view_ready(L, v, &err))
        return;
    view_reset(L, v);
    name_chat(t, v, &err);
    raise_err(L, &err);
}

int task_commit(lua_State *L, lua_KFunction k)
{
    struct task *t = task_current(L);
    size_t n = 0;

    for (struct view *v = t->views; v; v = v->next)
        n += view_is_changed(v);
    if (n == 0)
        return k(L, LUA_OK, 0);
    if (!lua_isyieldable(L)) /* it raises, and nothing has been sent */
        return task_wait_ctx(L, NULL, 0, committed);
    if (t->commits && t->commits != task_fiber(L))
        return wait_at_gate(L, t, k);
    for (struct view *v = t->views; v; v = v->next)
        make_ready(L, t, v);
    t->commits = task_fiber(L);
    return task_wait_ctx(L, &start_commits(t, n)->op, (lua_KContext)k,
                         committed);
}
