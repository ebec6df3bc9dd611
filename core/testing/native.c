/* native.c - see native.h. */
#include "testing/native_int.h"

#include <dirent.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/duration.h"
#include "bot/testing.h"
#include "script/vm.h"

#define HOOK_INSTRUCTIONS 100000

struct native *native_self(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* No place in front of it: the Lua above adds the spec's. */
int native_fail(lua_State *L, const struct err *err)
{
    lua_pushstring(L, err->text);
    return lua_error(L);
}

/* It has waited: its time begins anew. */
void native_waited(struct native *n)
{
    n->since_ms = loop_real_ms();
}

struct stage *native_stage(lua_State *L)
{
    struct native *n = native_self(L);
    struct stage_options options = { .settings = n->options->settings,
                                     .dir = n->options->dir,
                                     .timeout_ms = n->options->timeout_ms };
    struct err err = ERR_INIT;

    n->active = L;
    if (!n->stage && !(n->stage = stage_open(&options, &err)))
        native_fail(L, &err);
    if (n->web)
        sites_on_request(stage_sites(n->stage), native_on_web, n);
    return n->stage;
}

struct stage *native_begun(lua_State *L)
{
    struct native *n = native_self(L);

    if (!n->stage || !stage_host(n->stage))
        luaL_error(L, "there is no bot outside of a spec");
    n->active = L;
    return n->stage;
}

/* --- endless loops ------------------------------------------------------------------ */

/*
 * Runs within the spec. Yielding out of its coroutine can't be caught by pcall; where
 * it is not possible (in a __tostring), an error must do.
 */
static void on_count(lua_State *L, lua_Debug *ar)
{
    struct native *n;

    (void)ar;
    lua_getfield(L, LUA_REGISTRYINDEX, "moonpost.native");
    n = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (!stage_is_interrupted() &&
        loop_real_ms() - n->since_ms < n->options->timeout_ms)
        return;
    n->overran = !stage_is_interrupted();
    /* It may make coroutines without end, which we end one by one. */
    lua_sethook(n->spec, on_count, LUA_MASKCOUNT, 1);
    if (lua_isyieldable(L))
        lua_yield(L, 0);
    else
        luaL_error(L, "it ran for too long without waiting for anything: an "
                      "endless loop? (--timeout)");
}

/* watch(coroutine): end it when it runs too long without waiting. */
static int l_watch(lua_State *L)
{
    struct native *n = native_self(L);

    luaL_checktype(L, 1, LUA_TTHREAD);
    n->overran = false;
    n->spec = lua_tothread(L, 1);
    native_waited(n);
    lua_sethook(n->spec, on_count, LUA_MASKCOUNT, HOOK_INSTRUCTIONS);
    return 0;
}

/* overran() -> was the last one ended by that? */
static int l_overran(lua_State *L)
{
    lua_pushboolean(L, native_self(L)->overran);
    return 1;
}

/* --- the stage ----------------------------------------------------------------------- */

int native_done(lua_State *L, bool ok, const struct err *err)
{
    native_waited(native_self(L));
    return ok ? 0 : native_fail(L, err);
}

void native_set_text(lua_State *L, const char *key, const char *text)
{
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

/* open(): the database and the simulator, for all specs */
static int l_open(lua_State *L)
{
    native_stage(L);
    return native_done(L, true, NULL);
}

/* begin(): a new world and a new bot */
static int l_begin(lua_State *L)
{
    struct err err = ERR_INIT;

    return native_done(L, stage_begin(native_stage(L), &err), &err);
}

static int l_restart(lua_State *L)
{
    struct err err = ERR_INIT;

    return native_done(L, stage_restart(native_begun(L), &err), &err);
}

/* finish(): the bot is gone */
static int l_finish(lua_State *L)
{
    struct native *n = native_self(L);

    if (n->stage)
        stage_end(n->stage);
    native_waited(n);
    return 0;
}

static int l_settle(lua_State *L)
{
    struct err err = ERR_INIT;

    return native_done(L, stage_settle(native_begun(L), &err), &err);
}

/* advance(ms) */
static int l_advance(lua_State *L)
{
    struct err err = ERR_INIT;

    return native_done(
        L, stage_advance(native_begun(L), luaL_checkinteger(L, 1), &err), &err);
}

static int l_interrupted(lua_State *L)
{
    lua_pushboolean(L, stage_is_interrupted());
    return 1;
}

/* request(method, target [, body [, type]]) -> status, body */
static int l_request(lua_State *L)
{
    struct stage *stage = native_begun(L);
    const char *method = luaL_checkstring(L, 1);
    const char *target = luaL_checkstring(L, 2);
    size_t n = 0;
    const char *given = luaL_optlstring(L, 3, NULL, &n);
    const char *type = luaL_optstring(L, 4, NULL);
    struct buf body = BUF_INIT;
    struct err err = ERR_INIT;
    struct http_op *op;
    bool ok;

    buf_add(&body, given ? given : "", n);
    ok =
        stage_ask(stage, method, target, type, given ? &body : NULL, &op, &err);
    buf_release(&body);
    native_waited(native_self(L));
    if (!ok)
        return native_fail(L, &err);
    lua_pushinteger(L, op->status);
    lua_pushlstring(L, op->body.data, op->body.len);
    op_free(&op->op);
    return 2;
}

/* lines() -> { { level =, area =, text =, fields = }, … } that came since the last time */
static int l_lines(lua_State *L)
{
    struct native *n = native_self(L);
    struct stage_line *line = n->stage ? stage_take_lines(n->stage) : NULL,
                      *next;

    lua_newtable(L);
    for (lua_Integer i = 1; line; i++, line = next) {
        next = line->next;
        lua_createtable(L, 0, 4);
        native_set_text(L, "level", log_level_name(line->level));
        native_set_text(L, "area", line->area);
        native_set_text(L, "text", line->text);
        native_set_text(L, "fields", line->fields);
        lua_rawseti(L, -2, i);
        stage_line_free(line);
    }
    return 1;
}

/* --- time ---------------------------------------------------------------------------- */

/* now() -> seconds since 1970, as the bot sees it */
static int l_now(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)clock_wall_us() / 1e6);
    return 1;
}

/* set_day(ms since 1970): as if it were then, from now on */
static int l_set_day(lua_State *L)
{
    clock_shift_wall(luaL_checkinteger(L, 1) - clock_wall_us() / 1000);
    return 0;
}

/* real_ms() -> of a clock that nobody moves */
static int l_real_ms(lua_State *L)
{
    lua_pushnumber(L, (lua_Number)clock_steady_ns() / 1e6 -
                          (lua_Number)clock_ahead_ms());
    return 1;
}

/* duration("1h30m" or seconds) -> ms */
static int l_duration(lua_State *L)
{
    struct err err = ERR_INIT;
    int64_t ms;
    bool ok;

    if (lua_type(L, 1) == LUA_TNUMBER)
        ok = duration_of_seconds(lua_tonumber(L, 1), &ms, &err);
    else
        ok = duration_parse(slice_of(luaL_checkstring(L, 1)), &ms, &err);
    if (!ok)
        return native_fail(L, &err);
    lua_pushinteger(L, ms);
    return 1;
}

/* --- files ---------------------------------------------------------------------------- */

/* kind(path) -> "file" | "folder" | nil */
static int l_kind(lua_State *L)
{
    struct stat st;

    if (stat(luaL_checkstring(L, 1), &st) != 0)
        return 0;
    lua_pushstring(L, S_ISDIR(st.st_mode) ? "folder" : "file");
    return 1;
}

/* list(folder) -> names, sorted, without hidden ones */
static int l_list(lua_State *L)
{
    struct dirent **list;
    int n = scandir(luaL_checkstring(L, 1), &list, NULL, alphasort);
    lua_Integer count = 0;

    lua_newtable(L);
    for (int i = 0; i < n; i++) {
        if (list[i]->d_name[0] != '.') {
            lua_pushstring(L, list[i]->d_name);
            lua_rawseti(L, -2, ++count);
        }
        free(list[i]);
    }
    if (n >= 0)
        free(list);
    return 1;
}

static const luaL_Reg functions[] = {
    { "watch", l_watch },
    { "overran", l_overran },
    { "open", l_open },
    { "begin", l_begin },
    { "restart", l_restart },
    { "finish", l_finish },
    { "settle", l_settle },
    { "advance", l_advance },
    { "request", l_request },
    { "lines", l_lines },
    { "interrupted", l_interrupted },
    { "now", l_now },
    { "set_day", l_set_day },
    { "real_ms", l_real_ms },
    { "duration", l_duration },
    { "kind", l_kind },
    { "list", l_list },
    { NULL, NULL },
};

static void add_functions(lua_State *L, struct native *native,
                          const luaL_Reg *list)
{
    lua_pushlightuserdata(L, native);
    luaL_setfuncs(L, list, 1);
}

void native_push(lua_State *L, struct native *native)
{
    lua_pushlightuserdata(L, native);
    lua_setfield(L, LUA_REGISTRYINDEX, "moonpost.native");
    lua_newtable(L);
    add_functions(L, native, functions);
    add_functions(L, native, native_data);
    add_functions(L, native, native_answers);
}

void native_close(struct native *native)
{
    stage_close(native->stage);
    native->stage = NULL;
}
