/*
 * mod_counter.c - require "counter": counts for floods and warnings.
 *
 *     local flood = counter.new("flood", { window = "10s" })
 *     if flood:add(ctx) > 5 then … end
 *
 * Those that are not durable never wait. A durable count is looked up when it is
 * first used; after that only :reset and :top wait.
 */
#include <lauxlib.h>
#include <string.h>

#include "base/clock.h"
#include "script/counter_desk.h"
#include "script/ctx.h"
#include "script/generation.h"
#include "script/job_options.h"
#include "script/modules.h"
#include "script/raise.h"
#include "script/task.h"
#include "script/vm.h"

#define COUNTER_MT "moonpost.counter"
#define WINDOW_MIN_MS 100
#define WINDOW_MAX_MS ((int64_t)366 * 24 * 3600 * 1000)
#define TOP_MAX 1000
#define TOP_DEFAULT 10
#define N_MAX 1000000000

enum per { PER_CHAT_USER, PER_CHAT, PER_USER, PER_BOT, PER_KEY };

static const char *const per_names[] = { [PER_CHAT_USER] = "chat+user",
                                         [PER_CHAT] = "chat",
                                         [PER_USER] = "user",
                                         [PER_BOT] = "bot",
                                         [PER_KEY] = "key" };

/* What a script has. */
struct handle {
    enum per per;
    int64_t window_ms;
    bool durable;
    struct counter *c; /* from when it is first used */
    char name[COUNTER_NAME_MAX + 1];
};

static int64_t now_ms(void)
{
    return clock_wall_us() / 1000;
}

/* --- which count ---------------------------------------------------------------- */

static const struct counter_desk *desk_of(lua_State *L)
{
    const struct counter_desk *desk = vm_of(L)->services->counters;

    task_current(L);
    if (!desk)
        luaL_error(L, "nothing can be counted here");
    return desk;
}

static struct handle *check_handle(lua_State *L)
{
    struct handle *h = luaL_checkudata(L, 1, COUNTER_MT);

    if (!h->c)
        h->c =
            counters_find(desk_of(L)->all, h->name, h->window_ms, h->durable);
    return h;
}

static int64_t id_field(lua_State *L, const struct handle *h, const char *name)
{
    int is_int;
    int64_t id;

    lua_getfield(L, 2, name);
    id = lua_tointegerx(L, -1, &is_int);
    if (!is_int || id == 0)
        luaL_error(L, "the counter %s counts per %s: %s is expected, got %s",
                   h->name, per_names[h->per], name,
                   luaL_tolstring(L, -1, NULL));
    lua_pop(L, 1);
    return id;
}

/* From a table { chat =, user = }. */
static void key_of_table(lua_State *L, const struct handle *h,
                         struct count_key *key)
{
    static const char *const names[] = { "chat", "user", NULL };

    job_check_names(L, 2, h->name, names);
    if (h->per == PER_CHAT_USER || h->per == PER_CHAT)
        key->chat = id_field(L, h, "chat");
    if (h->per == PER_CHAT_USER || h->per == PER_USER)
        key->user = id_field(L, h, "user");
}

static void key_of_ctx(lua_State *L, const struct handle *h,
                       struct count_key *key)
{
    const struct update *u = &ctx_task(L, 2)->in->u;

    if (h->per == PER_CHAT_USER || h->per == PER_CHAT)
        key->chat = u->chat_id;
    if (h->per == PER_CHAT_USER || h->per == PER_USER)
        key->user = u->user_id;
    if ((h->per == PER_CHAT_USER || h->per == PER_CHAT) && !key->chat)
        luaL_error(L,
                   "the counter %s counts per %s, and this update has no "
                   "chat",
                   h->name, per_names[h->per]);
    if ((h->per == PER_CHAT_USER || h->per == PER_USER) && !key->user)
        luaL_error(L,
                   "the counter %s counts per %s, and this update is "
                   "nobody's",
                   h->name, per_names[h->per]);
}

/* Who is meant by the value at 2: a ctx, a table, a text. Its text stays there. */
static void check_key(lua_State *L, const struct handle *h,
                      struct count_key *key)
{
    const struct counter_desk *desk = desk_of(L);

    *key = (struct count_key){ .key = { "", 0 } };
    if (h->per == PER_KEY) {
        key->key.p = luaL_checklstring(L, 2, &key->key.n);
        if (key->key.n == 0 || key->key.n > COUNTER_KEY_MAX)
            luaL_error(L, "the counter %s: a key has 1 to %d bytes", h->name,
                       COUNTER_KEY_MAX);
        if (memchr(key->key.p, 0, key->key.n))
            luaL_error(L, "the counter %s: a key has no NUL byte", h->name);
    } else if (h->per != PER_BOT && lua_type(L, 2) == LUA_TUSERDATA) {
        key_of_ctx(L, h, key);
    } else if (h->per != PER_BOT) {
        luaL_argexpected(L, lua_istable(L, 2), 2,
                         "ctx or table { chat =, user = }");
        key_of_table(L, h, key);
    }
    if (key->chat)
        key->chat = desk->home(desk->arg, key->chat);
}

/* --- methods ------------------------------------------------------------------------ */

static void check_answer(lua_State *L)
{
    const struct op *op = task_finished(L);

    if (op->err.kind)
        raise_err(L, &op->err);
}

/* With what the database has of the count, go on in k. */
static int with_count(lua_State *L, lua_KFunction k)
{
    const struct counter_desk *desk = desk_of(L);
    struct handle *h = check_handle(L);
    struct count_key key;

    check_key(L, h, &key);
    if (counters_knows(h->c, &key))
        return k(L, LUA_OK, 0);
    return task_wait(L, desk->load(desk->arg, h->c, &key), k);
}

/* Stack: counter, who, n. */
static int add_known(lua_State *L, int status, lua_KContext k)
{
    struct handle *h = check_handle(L);
    struct count_key key;

    (void)k;
    if (status == LUA_YIELD)
        check_answer(L);
    check_key(L, h, &key);
    lua_pushinteger(L, counters_add(h->c, &key, now_ms(), lua_tointeger(L, 3)));
    return 1;
}

/* Has this counter a second argument that says who? */
static void settle_arguments(lua_State *L, const struct handle *h, int n)
{
    if (h->per == PER_BOT && lua_type(L, 2) == LUA_TNUMBER) {
        lua_settop(L, n - 1);
        lua_pushnil(L); /* nobody */
        lua_insert(L, 2);
    }
    lua_settop(L, n);
}

/* counter:add(who [, n]) -> the count                 [waits, if it is durable] */
static int l_add(lua_State *L)
{
    struct handle *h = check_handle(L);
    lua_Integer n;

    settle_arguments(L, h, 3);
    n = luaL_optinteger(L, 3, 1);
    luaL_argcheck(L, n >= -N_MAX && n <= N_MAX, 3, "at most a billion");
    lua_pushinteger(L, n);
    lua_replace(L, 3);
    return with_count(L, add_known);
}

static int get_known(lua_State *L, int status, lua_KContext k)
{
    struct handle *h = check_handle(L);
    struct count_key key;

    (void)k;
    if (status == LUA_YIELD)
        check_answer(L);
    check_key(L, h, &key);
    lua_pushinteger(L, counters_get(h->c, &key, now_ms()));
    return 1;
}

/* counter:get(who) -> the count                       [waits, if it is durable] */
static int l_get(lua_State *L)
{
    lua_settop(L, 2);
    return with_count(L, get_known);
}

static int reset_done(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    check_answer(L);
    return 0;
}

/* counter:reset(who)                                  [waits, if it is durable] */
static int l_reset(lua_State *L)
{
    const struct counter_desk *desk = desk_of(L);
    struct handle *h = check_handle(L);
    struct count_key key;

    lua_settop(L, 2);
    check_key(L, h, &key);
    if (h->durable)
        return task_wait(L, desk->reset(desk->arg, h->c, &key), reset_done);
    counters_reset(h->c, &key);
    return 0;
}

static int push_top(lua_State *L, const struct count_top *list, int n)
{
    lua_createtable(L, n, 0);
    for (int i = 0; i < n; i++) {
        lua_createtable(L, 0, 3);
        lua_pushinteger(L, list[i].n);
        lua_setfield(L, -2, "count");
        if (list[i].chat) {
            lua_pushinteger(L, list[i].chat);
            lua_setfield(L, -2, "chat_id");
        }
        if (list[i].user) {
            lua_pushinteger(L, list[i].user);
            lua_setfield(L, -2, "user_id");
        }
        if (list[i].key.n) {
            lua_pushlstring(L, list[i].key.p, list[i].key.n);
            lua_setfield(L, -2, "key");
        }
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static int top_known(lua_State *L, int status, lua_KContext k)
{
    const struct counter_op *op;

    (void)status;
    (void)k;
    check_answer(L);
    op = (const struct counter_op *)task_finished(L);
    return push_top(L, op->list, op->n);
}

/* counter:top([n [, chat]]) -> the greatest; in this chat, or of all
 *                                                     [waits, if it is durable] */
static int l_top(lua_State *L)
{
    const struct counter_desk *desk = desk_of(L);
    struct handle *h = check_handle(L);
    lua_Integer n = luaL_optinteger(L, 2, TOP_DEFAULT);
    int64_t chat = 0;
    struct count_top *list;

    luaL_argcheck(L, n >= 1 && n <= TOP_MAX, 2, "1 to 1000");
    if (lua_type(L, 3) == LUA_TUSERDATA)
        chat = ctx_task(L, 3)->in->u.chat_id;
    else if (!lua_isnoneornil(L, 3))
        chat = luaL_checkinteger(L, 3);
    if (chat)
        chat = desk->home(desk->arg, chat);
    if (h->durable)
        return task_wait(L, desk->top(desk->arg, h->c, chat, 0, (int)n),
                         top_known);
    list = lua_newuserdatauv(L, (size_t)n * sizeof(*list), 0);
    n = counters_top(h->c, chat, 0, now_ms(), list, (int)n);
    return push_top(L, list, (int)n);
}

/* --- counter.new --------------------------------------------------------------------- */

/* Two of the same name would count together, or not: neither is meant. */
static void check_new(lua_State *L, struct generation *gen, const char *name)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->functions_ref);
    lua_pushfstring(L, "counter %s", name);
    lua_pushvalue(L, -1);
    if (lua_rawget(L, -3) != LUA_TNIL)
        luaL_error(L, "counter.new: there is a counter \"%s\" already", name);
    lua_pop(L, 1);
    lua_pushboolean(L, true);
    lua_rawset(L, -3);
    lua_pop(L, 1);
}

static enum per read_per(lua_State *L)
{
    const char *per = job_text_option(L, 2, "counter.new", "per");

    for (size_t i = 0; per && i < ARRAY_LEN(per_names); i++)
        if (strcmp(per, per_names[i]) == 0)
            return (enum per)i;
    if (per)
        luaL_error(L,
                   "counter.new: per: \"%s\": \"chat+user\", \"chat\", "
                   "\"user\", \"key\" or \"bot\" is expected",
                   per);
    return PER_CHAT_USER;
}

static void read_options(lua_State *L, struct handle *h)
{
    static const char *const names[] = { "durable", "per", "window", NULL };

    luaL_checktype(L, 2, LUA_TTABLE);
    job_check_names(L, 2, "counter.new", names);
    h->per = read_per(L);
    h->window_ms = job_span_option(L, 2, "counter.new", "window", 0);
    if (h->window_ms &&
        (h->window_ms < WINDOW_MIN_MS || h->window_ms > WINDOW_MAX_MS))
        luaL_error(L, "counter.new: window: 100 ms to a year is expected");
    lua_getfield(L, 2, "durable");
    h->durable = lua_toboolean(L, -1);
}

/* counter.new(name [, { window =, per =, durable = }]) -> counter */
static int l_new(lua_State *L)
{
    struct generation *gen = generation_of(L);
    size_t n;
    const char *name = luaL_checklstring(L, 1, &n);
    struct handle *h;

    if (!gen->loading)
        luaL_error(L, "counter.new can only be called while the scripts are "
                      "loaded, not in a handler");
    luaL_argcheck(L, n >= 1 && n <= COUNTER_NAME_MAX, 1, "1 to 60 bytes");
    lua_settop(L, 2);
    h = lua_newuserdatauv(L, sizeof(*h), 0);
    memset(h, 0, sizeof(*h));
    memcpy(h->name, name, n);
    if (!lua_isnil(L, 2))
        read_options(L, h);
    check_new(L, gen, h->name);
    lua_settop(L, 3);
    luaL_setmetatable(L, COUNTER_MT);
    return 1;
}

static const luaL_Reg methods[] = {
    { "add", l_add }, { "get", l_get }, { "reset", l_reset },
    { "top", l_top }, { NULL, NULL },
};

static const luaL_Reg functions[] = {
    { "new", l_new },
    { NULL, NULL },
};

void mod_counter_push(lua_State *L, struct generation *gen)
{
    if (luaL_newmetatable(L, COUNTER_MT)) {
        luaL_newlib(L, methods);
        lua_setfield(L, -2, "__index");
        lua_pushboolean(L, false);
        lua_setfield(L, -2, "__metatable");
    }
    lua_pop(L, 1);
    luaL_newlibtable(L, functions);
    lua_pushlightuserdata(L, gen);
    luaL_setfuncs(L, functions, 1);
}
