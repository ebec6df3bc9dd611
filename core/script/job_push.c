/* job_push.c - what a task that runs a job begins with: see mod_bot_jobs.h. */
#include <lauxlib.h>

#include "script/generation.h"
#include "script/json_lua.h"
#include "script/mod_bot_jobs.h"
#include "script/task.h"

static int job_committed(lua_State *L, int status, lua_KContext k)
{
    struct job_start *start = lua_touserdata(L, lua_upvalueindex(2));

    (void)status;
    (void)k;
    start->returned = true;
    return 0;
}

static int job_returned(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    return task_commit(L, job_committed);
}

/* Upvalues: the function, its struct job_start. */
static int job_main(lua_State *L)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_callk(L, lua_gettop(L) - 1, 0, 0, job_returned);
    return job_returned(L, LUA_OK, 0);
}

static int nothing(lua_State *L)
{
    (void)L;
    return 0;
}

/* ctx.job, of the ctx at 1. */
static void set_ctx_job(lua_State *L, const struct job_start *start)
{
    lua_createtable(L, 0, 4);
    lua_pushinteger(L, start->id);
    lua_setfield(L, -2, "id");
    lua_pushstring(L, start->name);
    lua_setfield(L, -2, "name");
    lua_pushnumber(L, (lua_Number)start->due_ms / 1000);
    lua_setfield(L, -2, "due");
    lua_pushinteger(L, start->tries);
    lua_setfield(L, -2, "tries");
    lua_setfield(L, 1, "job");
}

int job_push(lua_State *L, struct task *t, struct job_start *start)
{
    const struct job_def *def = job_defs_find(&t->gen->jobs, start->name);
    struct err err = ERR_INIT;

    if (!def) { /* the scripts were loaded again since it was taken */
        start->lost = true;
        lua_pushcfunction(L, nothing);
        return 0;
    }
    t->handler = def->what;
    set_ctx_job(L, start);
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->gen->functions_ref);
    lua_pushfstring(L, "job %s", def->name);
    lua_rawget(L, -2);
    lua_remove(L, -2); /* function */
    lua_pushlightuserdata(L, start);
    lua_pushcclosure(L, job_main, 2);
    lua_pushvalue(L, 1);
    if (!t->in->text.len)
        return 1;
    if (!json_push_text(L, buf_slice(&t->in->text), JSON_DEPTH_MAX, false,
                        &err))
        luaL_error(L, "the job's data: %s", err.text);
    return 2;
}
