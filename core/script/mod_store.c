/*
 * mod_store.c - see mod_store.h: a store is a userdata with the id, whose fields are
 * read from the database and written to it.
 */
#include "script/mod_store.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"
#include "script/json_lua.h"
#include "script/lazy.h"
#include "script/raise.h"
#include "script/store_desk.h"
#include "script/task.h"

#define STORE_MT "moonpost.store"
#define KEY_MAX 256

static const struct store_desk *desk_of(lua_State *L)
{
    const struct store_desk *desk = vm_of(L)->services->stores;

    task_current(L);
    if (!desk)
        luaL_error(L, "there is no database here");
    return desk;
}

static int64_t check_store(lua_State *L)
{
    const int64_t *id = luaL_testudata(L, 1, STORE_MT);

    if (!id)
        luaL_error(L, "a store is expected; call its methods with a colon: "
                      "ctx.store:get(…)");
    return *id;
}

/* What the server would refuse, and with it the keys of others in its statement. */
static void check_utf8(lua_State *L, struct slice key)
{
    struct err err = ERR_INIT;

    if (!json_add_string(json_push_buf(L), key, &err))
        luaL_error(L, "a key: %s", err.text);
    lua_pop(L, 1);
}

/* A number as a key is its digits. */
static struct slice check_key(lua_State *L, int index)
{
    struct slice key;

    if (lua_isinteger(L, index))
        lua_tostring(L, index); /* in its place */
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "a key is a text or a whole number, not a %s",
                   luaL_typename(L, index));
    key.p = lua_tolstring(L, index, &key.n);
    if (key.n == 0 || key.n > KEY_MAX || memchr(key.p, 0, key.n))
        luaL_error(L, "a key has 1 to %d bytes, and no NUL among them",
                   KEY_MAX);
    check_utf8(L, key);
    return key;
}

/* --- answers -------------------------------------------------------------------------- */

/* Raises the op's error. The key is at 2, if there is one. */
static const struct store_op *answer_of(lua_State *L)
{
    const struct store_op *op = (const struct store_op *)task_finished(L);
    const struct store_desk *desk = vm_of(L)->services->stores;

    if (op->op.err.kind)
        raise_err(L, &op->op.err);
    if (op->outcome == STORE_FULL)
        luaL_error(L,
                   "store: %s can't be added: this chat has %d keys "
                   "(STORE_KEYS)",
                   lua_tostring(L, 2), desk->keys_max);
    if (op->outcome == STORE_NO_NUMBER)
        luaL_error(L, "store: %s is no number", lua_tostring(L, 2));
    return op;
}

static int give_nothing(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    answer_of(L);
    return 0;
}

static int give_done(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    lua_pushboolean(L, answer_of(L)->outcome == STORE_DONE);
    return 1;
}

/* Or what stands at 3. */
static int give_value(lua_State *L, int status, lua_KContext k)
{
    const struct store_op *op = answer_of(L);

    (void)status;
    (void)k;
    if (op->outcome == STORE_DONE)
        json_push(L, op->value);
    else
        lua_pushvalue(L, 3);
    return 1;
}

static int give_all(lua_State *L, int status, lua_KContext k)
{
    const struct store_op *op = answer_of(L);

    (void)status;
    (void)k;
    lua_createtable(L, 0, (int)op->n);
    for (int i = 0; i < op->n; i++) {
        struct slice key = pg_value(op->query, i, 0);

        lua_pushlstring(L, key.p, key.n);
        json_push(L, pg_value(op->query, i, 1));
        lua_rawset(L, -3);
    }
    return 1;
}

static int give_count(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    lua_pushinteger(L, answer_of(L)->n);
    return 1;
}

/* --- options ------------------------------------------------------------------------------ */

struct store_options {
    int64_t ttl_ms;
    bool only_new;
};

static int64_t read_ttl(lua_State *L, const char *what)
{
    struct err err = ERR_INIT;
    int64_t ms = 0;
    bool ok;

    if (lua_type(L, -1) == LUA_TNUMBER)
        ok = duration_of_seconds(lua_tonumber(L, -1), &ms, &err);
    else if (lua_type(L, -1) == LUA_TSTRING)
        ok = duration_parse(slice_of(lua_tostring(L, -1)), &ms, &err);
    else
        ok = err_set(&err, ERR_USAGE,
                     "\"10m\" or a number of seconds is "
                     "expected, got %s",
                     luaL_typename(L, -1));
    if (ok && ms <= 0)
        ok = err_set(&err, ERR_USAGE, "it must be more than 0");
    if (!ok)
        luaL_error(L, "%s: ttl: %s", what, err.text);
    return ms;
}

/* The table at index, or nothing. */
static struct store_options read_options(lua_State *L, int index,
                                         const char *what, bool takes_new)
{
    struct store_options o = { 0 };

    if (lua_isnoneornil(L, index))
        return o;
    luaL_checktype(L, index, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        const char *name =
            lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "[…]";

        if (strcmp(name, "ttl") == 0)
            o.ttl_ms = read_ttl(L, what);
        else if (takes_new && strcmp(name, "only_new") == 0)
            o.only_new = lua_toboolean(L, -1);
        else
            luaL_error(L, "%s: there is no option %s; ttl%s", what, name,
                       takes_new ? " and only_new are" : " is");
        lua_pop(L, 1);
    }
    return o;
}

/* --- methods --------------------------------------------------------------------------------- */

/* store:get(key [, default]) -> value | default | nil                     [waits] */
static int l_get(lua_State *L)
{
    const struct store_desk *desk = desk_of(L);
    int64_t id = check_store(L);

    lua_settop(L, 3);
    return task_wait(L, &desk->get(desk->arg, id, check_key(L, 2))->op,
                     give_value);
}

static struct slice push_json(lua_State *L, int index,
                              const struct store_desk *desk)
{
    struct buf *json = json_push_buf(L);
    struct err err = ERR_INIT;

    if (lua_istable(L, index))
        lazy_settle(L, index);
    if (!json_add_lua(L, index, NULL, json, &err))
        luaL_error(L, "store: %s: %s", lua_tostring(L, 2), err.text);
    if (json->len > desk->value_max)
        luaL_error(L,
                   "store: %s: the value has %d bytes as JSON, and may have %d "
                   "(STORE_VALUE_KB)",
                   lua_tostring(L, 2), (int)json->len, (int)desk->value_max);
    return buf_slice(json);
}

/* Stack: store, key, value. nil is deleted. */
static int write(lua_State *L, struct store_options o, lua_KFunction k)
{
    const struct store_desk *desk = desk_of(L);
    int64_t id = check_store(L);
    struct slice key = check_key(L, 2);

    if (lua_isnil(L, 3))
        return task_wait(L, &desk->take(desk->arg, id, key)->op, k);
    return task_wait(L,
                     &desk->set(desk->arg, id, key, push_json(L, 3, desk),
                                o.ttl_ms, o.only_new)
                          ->op,
                     k);
}

/* store:set(key, value [, { ttl =, only_new = }]) -> was it written?      [waits] */
static int l_set(lua_State *L)
{
    luaL_checkany(L, 3);
    lua_settop(L, 4);
    return write(L, read_options(L, 4, "store:set", true), give_done);
}

/* "%.17g" of what is a number; as SQL's numeric. */
static struct slice check_number(lua_State *L, int index, char text[40])
{
    int n;

    if (lua_isinteger(L, index)) {
        n = snprintf(text, 40, "%lld", (long long)lua_tointeger(L, index));
    } else {
        lua_Number d = luaL_checknumber(L, index);

        luaL_argcheck(L, isfinite(d), index, "a finite number is expected");
        n = snprintf(text, 40, "%.17g", d);
    }
    return (struct slice){ text, (size_t)n };
}

/* store:incr(key [, n [, { ttl = }]]) -> the sum                           [waits] */
static int l_incr(lua_State *L)
{
    const struct store_desk *desk = desk_of(L);
    int64_t id = check_store(L);
    struct slice key = check_key(L, 2);
    struct store_options o;
    char number[40];

    lua_settop(L, 4);
    if (lua_isnil(L, 3)) {
        lua_pushinteger(L, 1);
        lua_replace(L, 3);
    }
    o = read_options(L, 4, "store:incr", false);
    return task_wait(L,
                     &desk->add(desk->arg, id, key, check_number(L, 3, number),
                                o.ttl_ms)
                          ->op,
                     give_value);
}

/* store:take(key) -> value | nil: and it is gone                          [waits] */
static int l_take(lua_State *L)
{
    const struct store_desk *desk = desk_of(L);
    int64_t id = check_store(L);

    lua_settop(L, 2);
    lua_pushnil(L);
    return task_wait(L, &desk->take(desk->arg, id, check_key(L, 2))->op,
                     give_value);
}

/* store:delete(key) -> was it there?                                      [waits] */
static int l_delete(lua_State *L)
{
    const struct store_desk *desk = desk_of(L);
    int64_t id = check_store(L);

    return task_wait(L, &desk->take(desk->arg, id, check_key(L, 2))->op,
                     give_done);
}

/* store:all() -> { key = value, … }                                       [waits] */
static int l_all(lua_State *L)
{
    const struct store_desk *desk = desk_of(L);

    return task_wait(L, &desk->all(desk->arg, check_store(L))->op, give_all);
}

/* store:clear() -> how many keys there were                               [waits] */
static int l_clear(lua_State *L)
{
    const struct store_desk *desk = desk_of(L);

    return task_wait(L, &desk->clear(desk->arg, check_store(L))->op,
                     give_count);
}

static const luaL_Reg store_methods[] = {
    { "all", l_all },   { "clear", l_clear }, { "delete", l_delete },
    { "get", l_get },   { "incr", l_incr },   { "set", l_set },
    { "take", l_take }, { NULL, NULL },
};

/* --- fields ------------------------------------------------------------------------------------ */

/* Is the key at 2 a method's name? Push it. Upvalue 1: the methods. */
static bool push_method(lua_State *L)
{
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
        return true;
    lua_pop(L, 1);
    return false;
}

static int store_index(lua_State *L)
{
    check_store(L);
    if (push_method(L))
        return 1;
    return l_get(L);
}

static int store_newindex(lua_State *L)
{
    check_store(L);
    if (push_method(L))
        return luaL_error(L,
                          "store: \"%s\" is a method of the store; such a key "
                          "is written by store:set(\"%s\", …)",
                          lua_tostring(L, 2), lua_tostring(L, 2));
    return write(L, (struct store_options){ 0 }, give_nothing);
}

static int no_pairs(lua_State *L)
{
    return luaL_error(L, "store: pairs(ctx.store:all()) goes over all of it");
}

static int store_tostring(lua_State *L)
{
    lua_pushfstring(L, "store of %I", (LUAI_UACINT)check_store(L));
    return 1;
}

static void push_metatable(lua_State *L)
{
    if (!luaL_newmetatable(L, STORE_MT))
        return;
    luaL_newlib(L, store_methods);
    lua_pushvalue(L, -1);
    lua_pushcclosure(L, store_index, 1);
    lua_setfield(L, -3, "__index");
    lua_pushcclosure(L, store_newindex, 1);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, no_pairs);
    lua_setfield(L, -2, "__pairs");
    lua_pushcfunction(L, store_tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
}

void store_push(lua_State *L, int64_t id)
{
    int64_t *at = lua_newuserdatauv(L, sizeof(*at), 0);

    *at = id;
    push_metatable(L);
    lua_setmetatable(L, -2);
}

/* bot.store(id) -> store: of any chat or person */
int bot_store(lua_State *L)
{
    lua_Integer id;
    int is_int;

    id = lua_tointegerx(L, 1, &is_int);
    if (!is_int || id == 0 || lua_type(L, 1) != LUA_TNUMBER)
        return luaL_error(L,
                          "bot.store(id): a chat's or a person's id is a whole "
                          "number other than 0, got %s",
                          luaL_tolstring(L, 1, NULL));
    store_push(L, id);
    return 1;
}
