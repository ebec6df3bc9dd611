/*
 * require.c - require() for a bot's folder: the host's modules, then
 * scripts/lib/.
 *
 * A host module is made for each generation anew: by a C function, or by a Lua
 * file that is compiled into the program (script/lua/), or by both: then the Lua
 * file gets what the C function made as its argument ("...").
 */
#include <lauxlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/embedded.h"
#include "script/ask.h"
#include "script/chunks.h"
#include "script/generation.h"
#include "script/json_lua.h"
#include "script/load_int.h"
#include "script/modules.h"
#include "script/says.h"
#include "script/vm.h"

extern const struct embedded script_lua[];

static const char loading_mark;

typedef void (*push_fn)(lua_State *L, struct generation *gen);

/* lua-cjson's interface wants its name. */
static void push_cjson(lua_State *L, struct generation *gen)
{
    (void)gen;
    lua_pushcfunction(L, luaopen_cjson);
    lua_pushliteral(L, "cjson");
    lua_call(L, 1, 1);
}

static void push_cjson_safe(lua_State *L, struct generation *gen)
{
    (void)gen;
    lua_pushcfunction(L, luaopen_cjson_safe);
    lua_pushliteral(L, "cjson.safe");
    lua_call(L, 1, 1);
}

/* By name, the host's own last. push NULL: all of it is in script/lua/. */
static const struct host_module {
    const char *name;
    push_fn push;
} host_modules[] = {
    { "bot", mod_bot_push },
    { "cjson", push_cjson },
    { "cjson.safe", push_cjson_safe },
    { "counter", mod_counter_push },
    { "crypto", mod_crypto_push },
    { "db", mod_db_push },
    { "fmt", mod_ctx_push },
    { "http", mod_http_push },
    { "i18n", mod_i18n_push },
    { "inspect", NULL },
    { "keyboard", NULL },
    { "log", mod_log_push },
    { "menu", NULL },
    { "parallel", mod_parallel_push },
    { "time", mod_time_push },
    { "utf16", mod_utf16_push },
    { "moonpost.ask", mod_ask_push },
    { "moonpost.ctx", mod_ctx_push },
    { "moonpost.http_body", mod_http_push },
    { "moonpost.http_send", mod_http_push },
    { "moonpost.members", mod_ctx_push },
    { "moonpost.menu_data", mod_menu_push },
    { "moonpost.menu_draw", NULL },
    { "moonpost.plurals", NULL },
    { "moonpost.says", mod_says_push },
    { "moonpost.send", mod_ctx_push },
};

/* Parts of the host: not for scripts. */
static bool is_own(const char *name)
{
    return strncmp(name, "moonpost.", 9) == 0;
}

/* --- the part that is Lua -------------------------------------------------------- */

static void push_require(lua_State *L, struct generation *gen, bool for_host);

/* Push the globals of the host's own Lua: what scripts do to theirs is nothing to
 * it. */
static void push_host_globals(lua_State *L, struct generation *gen)
{
    if (gen->host_globals_ref == LUA_NOREF) {
        vm_push_globals(L);
        push_require(L, gen, true);
        lua_setfield(L, -2, "require");
        gen->host_globals_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->host_globals_ref);
}

/* Stack top: what push made, or nil; replaced by what the file returns. */
static void run_host_file(lua_State *L, struct generation *gen,
                          const char *name, struct slice text)
{
    const char *chunk = lua_pushfstring(L, CHUNKS_OF_HOST "%s", name);
    struct buf *copy = json_push_buf(L);

    buf_add_slice(copy, text);
    chunks_push(L, chunk, copy);
    lua_remove(L, -2);
    push_host_globals(L, gen);
    lua_setupvalue(L, -2, 1);
    lua_replace(L, -2); /* made, function */
    lua_insert(L, -2);
    lua_call(L, 1, 1);
}

static bool push_host_module(lua_State *L, struct generation *gen,
                             const char *name)
{
    const char *file = lua_pushfstring(L, "%s.lua", name);
    struct slice text = embedded_find(script_lua, file);

    lua_pop(L, 1);
    for (size_t i = 0; i < ARRAY_LEN(host_modules); i++) {
        if (strcmp(name, host_modules[i].name) != 0)
            continue;
        if (host_modules[i].push)
            host_modules[i].push(L, gen);
        else
            lua_pushnil(L);
        if (text.p)
            run_host_file(L, gen, name, text);
        return true;
    }
    return false;
}

void host_file_push(lua_State *L, struct generation *gen, const char *name)
{
    const char *file = lua_pushfstring(L, "%s.lua", name);
    struct slice text = embedded_find(script_lua, file);

    lua_pop(L, 1);
    lua_pushnil(L);
    run_host_file(L, gen, name, text);
}

static void add_host_names(luaL_Buffer *b)
{
    for (size_t i = 0; !is_own(host_modules[i].name); i++) {
        if (i)
            luaL_addstring(b,
                           is_own(host_modules[i + 1].name) ? " and " : ", ");
        luaL_addstring(b, host_modules[i].name);
    }
}

/* --- scripts/lib/ ------------------------------------------------------------------ */

/* "text" and "lib.text" are scripts/lib/text.lua. */
static const char *push_library_path(lua_State *L, const char *name)
{
    const char *p;

    for (p = name; *p; p++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                    "0123456789_-.",
                    *p))
            break;
    if (*p || !*name || strstr(name, "..") || *name == '.')
        luaL_error(L, "require \"%s\": not a module's name", name);
    lua_pushliteral(L, "scripts/lib/");
    luaL_gsub(L, name, ".", "/");
    lua_pushliteral(L, ".lua");
    lua_concat(L, 3);
    return lua_tostring(L, -1);
}

static bool file_exists(const struct generation *gen, const char *path)
{
    struct buf full = BUF_INIT;
    struct stat st;
    bool exists;

    buf_addf(&full, "%s/%s", gen->dir, path);
    exists = stat(full.data, &st) == 0;
    buf_release(&full);
    return exists;
}

static void no_such_module(lua_State *L, const char *name, const char *path)
{
    luaL_Buffer b;

    luaL_buffinit(L, &b);
    add_host_names(&b);
    luaL_pushresult(&b);
    luaL_error(L,
               "require \"%s\": no such module; the host has %s, and there "
               "is no %s",
               name, lua_tostring(L, -1), path);
}

static void push_library(lua_State *L, struct generation *gen, const char *name)
{
    const char *path = push_library_path(L, name);

    if (!gen->loading)
        luaL_error(L,
                   "require \"%s\": files are loaded at the top of a script, "
                   "not in a handler",
                   name);
    if (!file_exists(gen, path))
        no_such_module(L, name, path);
    load_run_file(L, gen, path);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushboolean(L, true);
    }
    lua_remove(L, -2);
}

static int l_require(lua_State *L)
{
    struct generation *gen = generation_of(L);
    const char *name = luaL_checkstring(L, 1);

    if (strncmp(name, "lib.", 4) == 0)
        name += 4; /* the same file: loaded once */
    if (is_own(name) && !lua_toboolean(L, lua_upvalueindex(2)))
        return luaL_error(L,
                          "require \"%s\": a part of the host, not for "
                          "scripts",
                          name);
    lua_settop(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->modules_ref); /* name, modules */
    lua_getfield(L, 2, name);
    if (lua_touserdata(L, -1) == &loading_mark)
        return luaL_error(L, "require \"%s\": it requires itself", name);
    if (!lua_isnil(L, -1))
        return 1;
    lua_pop(L, 1);
    if (!push_host_module(L, gen, name)) {
        lua_pushlightuserdata(L, (void *)&loading_mark);
        lua_setfield(L, 2, name);
        push_library(L, gen, name);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, 2, name);
    return 1;
}

/* for_host: of the host's own Lua. */
static void push_require(lua_State *L, struct generation *gen, bool for_host)
{
    lua_pushlightuserdata(L, gen);
    lua_pushboolean(L, for_host);
    lua_pushcclosure(L, l_require, 2);
}

void require_push(lua_State *L, struct generation *gen)
{
    push_require(L, gen, false);
}

void require_own(lua_State *L, struct generation *gen, const char *name)
{
    push_require(L, gen, true);
    lua_pushstring(L, name);
    lua_call(L, 1, 1);
}
