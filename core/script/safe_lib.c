/* safe_lib.c - see safe_lib.h. */
#include "script/safe_lib.h"

#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/embedded.h"
#include "script/watchdog.h"

#define FAR 50000 /* elements: moved in Lua, half a millisecond in C */

extern const struct embedded script_lua[];

/* Lua's own. They report their errors by the name they are called by, so each is
 * run in place of the one that has looked at its arguments. */
static struct {
    lua_CFunction insert, remove, move;
} own;

static int too_many(lua_State *L, const char *name)
{
    return luaL_error(L, "%s: more than %d elements to move", name,
                      SAFE_MOVES_MAX);
}

static int moved(lua_State *L, int status, lua_KContext nresults)
{
    (void)L;
    (void)status;
    return (int)nresults;
}

/* Call the function in the upvalue, of lua/moonpost.moves.lua, with what is on the stack;
 * the rest of it is as task_wait() is. */
static int move_in_lua(lua_State *L, int nresults)
{
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_callk(L, lua_gettop(L) - 1, nresults, nresults, moved);
    return nresults;
}

/* How far is it from position at 2 to the end, *n? 0: it is not far, or the original is
 * to say what is wrong. An odd __len says anything. */
static lua_Unsigned how_far(lua_State *L, lua_Integer *n)
{
    lua_Integer at;
    int is_int;

    at = lua_tointegerx(L, 2, &is_int);
    if (!is_int || (!lua_istable(L, 1) && !luaL_getmetafield(L, 1, "__len")))
        return 0;
    *n = luaL_len(L, 1);
    return at < *n ? (lua_Unsigned)*n - (lua_Unsigned)at : 0;
}

/* Stack: t, at, …; it becomes t, n, at, … */
static bool is_for_lua(lua_State *L, lua_Unsigned far, lua_Integer n)
{
    if (far < FAR || !lua_istable(L, 1) || lua_tointeger(L, 2) < 1)
        return false;
    lua_pushinteger(L, n);
    lua_insert(L, 2);
    return true;
}

static int l_insert(lua_State *L)
{
    lua_Integer n = 0;
    lua_Unsigned far;

    if (lua_gettop(L) != 3)
        return own.insert(L);
    far = how_far(L, &n);
    lua_settop(L, 3);
    if (far > SAFE_MOVES_MAX)
        return too_many(L, "table.insert");
    return is_for_lua(L, far, n) ? move_in_lua(L, 0) : own.insert(L);
}

static int l_remove(lua_State *L)
{
    lua_Integer n = 0;
    lua_Unsigned far;

    if (lua_gettop(L) != 2)
        return own.remove(L);
    far = how_far(L, &n);
    lua_settop(L, 2);
    if (far > SAFE_MOVES_MAX)
        return too_many(L, "table.remove");
    return is_for_lua(L, far, n) ? move_in_lua(L, 1) : own.remove(L);
}

static int l_move(lua_State *L)
{
    lua_Integer from = luaL_checkinteger(L, 2), to = luaL_checkinteger(L, 3);
    lua_Integer at = luaL_checkinteger(L, 4);
    lua_Unsigned far = to > from ? (lua_Unsigned)to - (lua_Unsigned)from : 0;

    if (far >= SAFE_MOVES_MAX)
        return too_many(L, "table.move");
    lua_settop(L, 5);
    if (far < FAR || at > LUA_MAXINTEGER - SAFE_MOVES_MAX || !lua_istable(L, 1))
        return own.move(L);
    if (lua_isnil(L, 5)) {
        lua_pushvalue(L, 1);
        lua_replace(L, 5);
    }
    return lua_istable(L, 5) ? move_in_lua(L, 1) : own.move(L);
}

/* string.rep(s, n [, sep]): as Lua's own, which counts to n even if nothing is to
 * be repeated. */
static int l_rep(lua_State *L)
{
    size_t n, sep_n, total, done;
    const char *s = luaL_checklstring(L, 1, &n);
    lua_Integer times = luaL_checkinteger(L, 2);
    const char *sep = luaL_optlstring(L, 3, "", &sep_n);
    luaL_Buffer b;
    char *to;

    if (times <= 0 || n + sep_n == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if (n + sep_n < n || n + sep_n > (size_t)PTRDIFF_MAX / (size_t)times)
        return luaL_error(L, "resulting string too large");
    total = (size_t)times * n + (size_t)(times - 1) * sep_n;
    to = luaL_buffinitsize(L, &b, total);
    memcpy(to, s, n);
    done = n;
    if (times > 1) {
        memcpy(to + n, sep, sep_n);
        done += sep_n;
    }
    while (done < total) { /* twice as much each time */
        size_t more = done < total - done ? done : total - done;

        memcpy(to + done, to, more);
        done += more;
    }
    luaL_pushresultsize(&b, total);
    return 1;
}

/* The message handler of xpcall(); upvalue: the script's. What the watchdog raises
 * does not go through it: Lua calls no hooks in it then, so that it could loop for
 * ever. */
static int handle_message(lua_State *L)
{
    if (watchdog_is_ending())
        return 1;
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

static int xpcall_done(lua_State *L, int status, lua_KContext before)
{
    if (status == LUA_OK || status == LUA_YIELD)
        return lua_gettop(L) - (int)before;
    lua_pushboolean(L, false);
    lua_pushvalue(L, -2);
    return 2;
}

/* xpcall(f, handler, …) */
static int l_xpcall(lua_State *L)
{
    int n = lua_gettop(L), status;

    luaL_checktype(L, 2, LUA_TFUNCTION);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, handle_message, 1);
    lua_replace(L, 2);
    lua_pushboolean(L, true);
    lua_pushvalue(L, 1);
    lua_rotate(L, 3, 2); /* f, handler, true, f, … */
    status = lua_pcallk(L, n - 2, LUA_MULTRET, 2, 2, xpcall_done);
    return xpcall_done(L, status, 2);
}

/* Stack top: a library's table. */
static lua_CFunction replace(lua_State *L, const char *name, lua_CFunction by)
{
    lua_CFunction was;

    lua_getfield(L, -1, name);
    was = lua_tocfunction(L, -1);
    lua_pop(L, 1);
    lua_pushcfunction(L, by);
    lua_setfield(L, -2, name);
    return was;
}

/* Stack: library, functions in Lua. The top one is popped, and is the upvalue. */
static lua_CFunction replace_with(lua_State *L, int library, const char *name,
                                  lua_CFunction by)
{
    lua_CFunction was;

    lua_getfield(L, library, name);
    was = lua_tocfunction(L, -1);
    lua_pop(L, 1);
    lua_pushcclosure(L, by, 1);
    lua_setfield(L, library, name);
    return was;
}

static void push_moves(lua_State *L)
{
    struct slice text = embedded_find(script_lua, "moonpost.moves.lua");

    if (luaL_loadbufferx(L, text.p, text.n, "=table", "t") != LUA_OK)
        lua_error(L);
    lua_call(L, 0, 3);
}

void safe_lib_open(lua_State *L)
{
    int library;

    lua_getglobal(L, "table");
    library = lua_gettop(L);
    push_moves(L);
    own.move = replace_with(L, library, "move", l_move);
    own.remove = replace_with(L, library, "remove", l_remove);
    own.insert = replace_with(L, library, "insert", l_insert);
    lua_pop(L, 1);
    lua_getglobal(L, "string");
    replace(L, "rep", l_rep);
    lua_pop(L, 1);
    lua_pushglobaltable(L);
    replace(L, "xpcall", l_xpcall);
    lua_pop(L, 1);
}
