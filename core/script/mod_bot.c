/*
 * mod_bot.c - require "bot": registering handlers.
 *
 * What is registered belongs to the generation that is being loaded; after that
 * registering is an error.
 */
#include <ctype.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "script/call.h"
#include "script/call_file.h"
#include "script/download.h"
#include "script/generation.h"
#include "script/json_lua.h"
#include "script/modules.h"
#include "script/task.h"
#include "script/vm.h"

static struct generation *check_loading(lua_State *L, const char *what)
{
    struct generation *gen = generation_of(L);

    if (!gen->loading)
        luaL_error(L,
                   "%s can only be called while the scripts are loaded, not "
                   "in a handler",
                   what);
    return gen;
}

/* Where the script is that called: "scripts/start.lua:3". */
static char *source_of_caller(lua_State *L)
{
    lua_Debug ar;
    struct buf source = BUF_INIT;

    if (lua_getstack(L, 1, &ar) && lua_getinfo(L, "Sl", &ar))
        buf_addf(&source, "%s:%d", ar.short_src, ar.currentline);
    return buf_detach(&source);
}

/* --- bot.concurrent ----------------------------------------------------------------- */

static int concurrent_returned(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    return lua_gettop(L);
}

/* Here its lane goes on. */
static int concurrent_enter(lua_State *L, int status, lua_KContext k)
{
    task_leave_lane(task_current(L));
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, concurrent_returned);
    return concurrent_returned(L, status, k);
}

/* What the next update's handler reads has what this one has assigned before. */
static int l_run_concurrent(lua_State *L)
{
    return task_commit(L, concurrent_enter);
}

/* bot.concurrent(function) -> function */
static int l_concurrent(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    lua_pushcclosure(L, l_run_concurrent, 1);
    return 1;
}

/* Does the function at index take a second argument, next? */
static bool takes_next(lua_State *L, int index)
{
    lua_Debug ar;

    if (lua_tocfunction(L, index) != l_run_concurrent ||
        !lua_getupvalue(L, index, 1))
        lua_pushvalue(L, index);
    lua_getinfo(L, ">u", &ar);
    return ar.nparams > 1 || ar.isvararg;
}

/* Register h (its strings are taken) with the function at index. */
static void add(lua_State *L, struct generation *gen, struct handler *h,
                int function)
{
    struct err err = ERR_INIT;
    int number;

    h->source = source_of_caller(L);
    h->wants_next = takes_next(L, function);
    number = handlers_add(&gen->handlers, h, &err);
    if (number < 0)
        luaL_error(L, "%s", err.text);
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->functions_ref);
    lua_pushvalue(L, function);
    lua_rawseti(L, -2, number + 1);
    lua_pop(L, 1);
}

/* For each of the names at index (a string or a list of them) call fn. */
static void for_each_name(lua_State *L, int index, const char *what,
                          void (*fn)(lua_State *L, const char *name, void *arg),
                          void *arg)
{
    if (lua_type(L, index) == LUA_TSTRING) {
        fn(L, lua_tostring(L, index), arg);
        return;
    }
    if (!lua_istable(L, index) || lua_rawlen(L, index) == 0)
        luaL_error(L, "%s: a text or a list of texts is expected, got %s", what,
                   luaL_typename(L, index));
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, index); i++) {
        if (lua_rawgeti(L, index, i) != LUA_TSTRING)
            luaL_error(L, "%s: [%d] is not a text", what, (int)i);
        fn(L, lua_tostring(L, -1), arg);
        lua_pop(L, 1);
    }
}

struct registration {
    struct generation *gen;
    const char *description;
    int function;
    enum handler_type type;
};

/* --- bot.command ------------------------------------------------------------------ */

static void check_command(lua_State *L, const char *name)
{
    size_t n = strlen(name);
    bool ok = n >= 1 && n <= 32;

    for (size_t i = 0; i < n; i++)
        ok = ok && (islower((unsigned char)name[i]) ||
                    isdigit((unsigned char)name[i]) || name[i] == '_');
    if (!ok)
        luaL_error(L,
                   "bot.command: \"%s\" can't be a command: 1 to 32 of a-z, "
                   "0-9 and _, without the slash",
                   name);
}

static void add_command(lua_State *L, const char *name, void *arg)
{
    struct registration *r = arg;
    struct handler h = { .type = HANDLER_COMMAND };
    struct buf what = BUF_INIT;

    check_command(L, name);
    buf_addf(&what, "/%s", name);
    h.what = buf_detach(&what);
    h.command = xstrdup(name);
    h.description = r->description ? xstrdup(r->description) : NULL;
    add(L, r->gen, &h, r->function);
    r->description = NULL; /* the names after the first are aliases */
}

/* bot.command(name or names [, description], function) */
static int l_command(lua_State *L)
{
    struct registration r = { .gen = check_loading(L, "bot.command") };

    r.function = lua_isfunction(L, 2) ? 2 : 3;
    luaL_checktype(L, r.function, LUA_TFUNCTION);
    if (r.function == 3)
        r.description = luaL_checkstring(L, 2);
    for_each_name(L, 1, "bot.command", add_command, &r);
    return 0;
}

/* --- bot.on, bot.hears, bot.callback, bot.use --------------------------------------- */

static void free_parsed(struct handler *h)
{
    free(h->what);
    free(h->field);
    free(h->entity);
}

static void add_on(lua_State *L, const char *filter, void *arg)
{
    struct registration *r = arg;
    struct handler h = { .type = HANDLER_ON };
    struct err err = ERR_INIT;

    if (!handler_parse_filter(&h, filter, &err)) {
        free_parsed(&h);
        luaL_error(L, "bot.on(\"%s\"): %s", filter, err.text);
    }
    h.what = xstrdup(filter);
    add(L, r->gen, &h, r->function);
}

/* bot.on(filter or filters, function) */
static int l_on(lua_State *L)
{
    struct registration r = { .gen = check_loading(L, "bot.on"),
                              .function = 2 };

    luaL_checktype(L, 2, LUA_TFUNCTION);
    for_each_name(L, 1, "bot.on", add_on, &r);
    return 0;
}

/* A malformed pattern is an error now, not at the first message. */
static void check_pattern(lua_State *L, const char *pattern)
{
    lua_pushliteral(L, "");
    lua_getfield(L, -1, "find");
    lua_insert(L, -2);
    lua_pushstring(L, pattern);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK)
        luaL_error(L, "\"%s\": %s", pattern, lua_tostring(L, -1));
}

static void add_pattern(lua_State *L, const char *pattern, void *arg)
{
    struct registration *r = arg;
    struct handler h = { .type = r->type };

    if (!*pattern)
        luaL_error(L, "an empty text or pattern would match everything");
    check_pattern(L, pattern);
    h.kinds = r->type == HANDLER_HEARS ? (uint64_t)1 << UPDATE_MESSAGE |
                                             (uint64_t)1 << UPDATE_CHANNEL_POST
                                       : (uint64_t)1 << UPDATE_CALLBACK_QUERY;
    h.plain = is_plain_text(pattern);
    h.pattern = xstrdup(pattern);
    h.what = xstrdup(pattern);
    add(L, r->gen, &h, r->function);
}

static int register_pattern(lua_State *L, const char *what,
                            enum handler_type type)
{
    struct registration r = { .gen = check_loading(L, what),
                              .function = 2,
                              .type = type };

    luaL_checktype(L, 2, LUA_TFUNCTION);
    for_each_name(L, 1, what, add_pattern, &r);
    return 0;
}

/* bot.hears(text or Lua pattern, or a list of them, function) */
static int l_hears(lua_State *L)
{
    return register_pattern(L, "bot.hears", HANDLER_HEARS);
}

/* bot.callback(data or Lua pattern, or a list of them, function) */
static int l_callback(lua_State *L)
{
    return register_pattern(L, "bot.callback", HANDLER_CALLBACK);
}

/* bot.use(function(ctx, next) … end) */
static int l_use(lua_State *L)
{
    struct generation *gen = check_loading(L, "bot.use");
    struct handler h = { .type = HANDLER_USE,
                         .kinds = ((uint64_t)1 << (UPDATE_KINDS + 1)) - 1 };

    luaL_checktype(L, 1, LUA_TFUNCTION);
    h.what = xstrdup("bot.use");
    add(L, gen, &h, 1);
    return 0;
}

/* bot.catch(function(error, ctx) … end): one; a second one is an error */
static int l_catch(lua_State *L)
{
    struct generation *gen = check_loading(L, "bot.catch");

    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->functions_ref);
    if (lua_getfield(L, -1, "catch") != LUA_TNIL)
        return luaL_error(L, "bot.catch is already set");
    lua_pop(L, 1);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "catch");
    return 0;
}

/* --- asking ------------------------------------------------------------------------------ */

/* bot.commands() -> { { command = "start", description = "…" }, … }, by name */
static int l_commands(lua_State *L)
{
    struct handlers *hs = &generation_of(L)->handlers;
    lua_Integer n = 0;

    lua_newtable(L);
    for (int i = 0; i < hs->n; i++) {
        if (hs->list[i].type != HANDLER_COMMAND)
            continue;
        lua_createtable(L, 0, 2);
        lua_pushstring(L, hs->list[i].command);
        lua_setfield(L, -2, "command");
        lua_pushstring(L, hs->list[i].description);
        lua_setfield(L, -2, "description");
        lua_rawseti(L, -2, ++n);
    }
    return 1;
}

static int l_file(lua_State *L)
{
    return call_file(L);
}

static int bot_index(lua_State *L)
{
    const char *key = luaL_checkstring(L, 2);

    if (strcmp(key, "username") == 0)
        lua_pushstring(L, vm_of(L)->services->bot_username);
    else
        return luaL_error(L, "there is no bot.%s", key);
    return 1;
}

static const luaL_Reg functions[] = {
    { "broadcast", bot_broadcast },
    { "broadcasts", bot_broadcasts },
    { "callback", l_callback },
    { "catch", l_catch },
    { "command", l_command },
    { "commands", l_commands },
    { "concurrent", l_concurrent },
    { "config", bot_config },
    { "download", download },
    { "file", l_file },
    { "find_broadcast", bot_find_broadcast },
    { "hears", l_hears },
    { "on", l_on },
    { "parse_setting", mod_bot_parse_setting },
    { "settings", mod_bot_settings },
    { "use", l_use },
    { NULL, NULL },
};

void mod_bot_push(lua_State *L, struct generation *gen)
{
    luaL_newlibtable(L, functions);
    lua_pushlightuserdata(L, gen);
    luaL_setfuncs(L, functions, 1);
    call_push_api(L);
    lua_setfield(L, -2, "api");
    lua_newtable(L);
    lua_pushcfunction(L, bot_index);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}
