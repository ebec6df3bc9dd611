/* specs.c - see specs.h: the Lua state of the specs. */
#include "testing/specs.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>

#include "base/embedded.h"
#include "script/json_lua.h"
#include "testing/native_int.h"

extern const struct embedded testing_lua[];

/* --- the parts that are Lua --------------------------------------------------------- */

static void load_part(lua_State *L, const struct embedded *file)
{
    const char *chunk = lua_pushfstring(L, "=moonpost/%s", file->name);
    struct slice text = embedded_find(testing_lua, file->name);

    if (luaL_loadbufferx(L, text.p, text.n, chunk, "t") != LUA_OK)
        lua_error(L);
    lua_remove(L, -2);
}

/* Each is package.preload["moonpost.NAME"]. */
static void preload_parts(lua_State *L)
{
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    for (const struct embedded *f = testing_lua; f->name; f++) {
        luaL_gsub(L, f->name, ".lua", "");
        lua_pushfstring(L, "moonpost.%s", lua_tostring(L, -1));
        load_part(L, f);
        lua_settable(L, -4);
        lua_pop(L, 1);
    }
    lua_pushcfunction(L, luaopen_cjson);
    lua_setfield(L, -2, "cjson");
    lua_pop(L, 1);
}

/* The bot's folder goes first: spec/helpers.lua is require "helpers", and what
 * scripts require is found under the same names. */
static void set_path(lua_State *L, const char *dir)
{
    static const char *const folders[] = { "spec", "scripts/lib", "scripts" };
    luaL_Buffer b;

    lua_getglobal(L, "package");
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        lua_pushfstring(L, "%s/%s/?.lua;", dir, folders[i]);
        luaL_addvalue(&b);
    }
    luaL_pushresult(&b);
    lua_getfield(L, -2, "path");
    lua_concat(L, 2);
    lua_setfield(L, -2, "path");
    lua_pop(L, 1);
}

static void set_int(lua_State *L, const char *key, int64_t n)
{
    lua_pushinteger(L, n);
    lua_setfield(L, -2, key);
}

static void set_bool(lua_State *L, const char *key, bool is)
{
    lua_pushboolean(L, is);
    lua_setfield(L, -2, key);
}

static void push_options(lua_State *L, const struct specs_options *o)
{
    static const char *const formats[] = { "text", "tap", "json", "junit" };

    lua_newtable(L);
    native_set_text(L, "dir", o->dir);
    native_set_text(L, "filter", o->filter);
    native_set_text(L, "name", o->name);
    set_bool(L, "verbose", o->verbose);
    set_bool(L, "list", o->list);
    set_bool(L, "colour", o->colour);
    set_bool(L, "bail", o->bail);
    if (o->shuffle)
        set_int(L, "seed", o->seed);
    set_int(L, "times", o->times ? o->times : 1);
    set_int(L, "timeout_ms", o->timeout_ms);
    native_set_text(L, "recording", o->recording);
    set_int(L, "update", o->update);
    native_set_text(L, "format", formats[o->format]);
    lua_createtable(L, o->nfiles, 0);
    for (int i = 0; i < o->nfiles; i++) {
        lua_pushstring(L, o->files[i]);
        lua_rawseti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "files");
}

/* --- running ----------------------------------------------------------------------------- */

/* main(native) -> exit status */
static int run(lua_State *L)
{
    struct native *native = lua_touserdata(L, 1);

    luaL_openlibs(L);
    preload_parts(L);
    set_path(L, native->options->dir);
    native_push(L, native);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "moonpost.native");
    lua_pop(L, 1);
    lua_getglobal(L, "require");
    lua_pushstring(L, native->options->recording ? "moonpost.replay"
                                                 : "moonpost.main");
    lua_call(L, 1, 1); /* the function that does it */
    push_options(L, native->options);
    lua_call(L, 1, 1);
    return 1;
}

/* A table is for the person who asked: only its message. The rest is our bug. */
static int explain(lua_State *L)
{
    if (lua_istable(L, 1)) {
        lua_getfield(L, 1, "message");
        return 1;
    }
    luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
    return 1;
}

bool specs_run(const struct specs_options *options, int *status,
               struct err *err)
{
    struct native native = { .options = options };
    lua_State *L = luaL_newstate();
    bool ok;

    if (!L)
        abort();
    lua_pushcfunction(L, explain);
    lua_pushcfunction(L, run);
    lua_pushlightuserdata(L, &native);
    ok = lua_pcall(L, 1, 1, 1) == LUA_OK;
    if (ok)
        *status = (int)lua_tointeger(L, -1);
    else
        err_set(err, ERR_SCRIPT, "%s", lua_tostring(L, -1));
    lua_close(L);
    native_close(&native);
    return ok;
}
