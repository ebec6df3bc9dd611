/*
 * mod_bot_broadcast.c - bot.broadcast(), bot.broadcasts(), bot.find_broadcast(), of
 * mod_bot.c. A broadcast is a table with what it was when it was looked at, and
 * methods that ask or change it.
 */
#include <ctype.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "script/json_lua.h"
#include "script/lazy.h"
#include "script/modules.h"
#include "script/raise.h"
#include "script/task.h"
#include "telegram/broadcast.h"

#define BROADCAST_MT "moonpost.broadcast"
#define LIST_MAX 100
#define RECIPIENTS_SHOWN 100 /* bytes of a SELECT */

static const struct broadcast_desk *desk_of(lua_State *L)
{
    const struct broadcast_desk *desk = vm_of(L)->services->broadcasts;

    task_current(L);
    if (!desk)
        luaL_error(L, "broadcasts can't be made now");
    return desk;
}

/* --- a broadcast as a table ---------------------------------------------------------- */

static void set_text(lua_State *L, const char *key, struct slice text)
{
    if (!text.p)
        lua_pushnil(L);
    else
        lua_pushlstring(L, text.p, text.n);
    lua_setfield(L, -2, key);
}

static void set_number(lua_State *L, const char *key, int64_t n)
{
    lua_pushinteger(L, n);
    lua_setfield(L, -2, key);
}

/* Fill the table at the top. */
static void fill(lua_State *L, const struct broadcast *b)
{
    set_number(L, "id", b->id);
    set_text(L, "state", b->state);
    set_text(L, "reason", b->reason);
    set_text(L, "method", b->method);
    set_text(L, "to", b->recipients);
    set_text(L, "made_by", b->made_by);
    set_text(L, "made_at", b->made_at);
    set_text(L, "started_at", b->started_at);
    set_text(L, "ended_at", b->ended_at);
    set_number(L, "total", b->total);
    set_number(L, "waiting", b->waiting + b->sending);
    set_number(L, "sent", b->sent);
    set_number(L, "blocked", b->blocked);
    set_number(L, "failed", b->failed);
    set_number(L, "in_doubt", b->in_doubt);
}

static int l_pause(lua_State *L);
static int l_resume(lua_State *L);
static int l_cancel(lua_State *L);
static int l_retry(lua_State *L);
static int l_refresh(lua_State *L);

static const luaL_Reg methods[] = {
    { "cancel", l_cancel }, { "pause", l_pause }, { "refresh", l_refresh },
    { "resume", l_resume }, { "retry", l_retry }, { NULL, NULL },
};

static void push_broadcast(lua_State *L, const struct broadcast *b)
{
    lua_createtable(L, 0, 16);
    fill(L, b);
    if (luaL_newmetatable(L, BROADCAST_MT)) {
        luaL_newlib(L, methods);
        lua_setfield(L, -2, "__index");
        lua_pushboolean(L, false);
        lua_setfield(L, -2, "__metatable");
    }
    lua_setmetatable(L, -2);
}

/* The answer of any of these; raises its error. */
static const struct broadcast_op *answer_of(lua_State *L)
{
    const struct op *op = task_finished(L);

    if (op->err.kind)
        raise_err(L, &op->err);
    return (const struct broadcast_op *)op;
}

/* --- who it is for --------------------------------------------------------------------- */

/* What is ordered, while a commit is waited for: its texts are below it on the
 * stack. */
struct ordered {
    struct broadcast_order order;
    char who[16], recipients[RECIPIENTS_SHOWN + 8], made_by[64], key[32];
};

static bool begins_with(const char *text, const char *word)
{
    size_t n = strlen(word);

    return strncasecmp(text, word, n) == 0 && !isalnum((unsigned char)text[n]);
}

static bool is_select(const char *text)
{
    text += strspn(text, " \t\r\n(");
    return begins_with(text, "select") || begins_with(text, "with") ||
           begins_with(text, "values") || begins_with(text, "table");
}

/* In one line, cut where a character begins. */
static void show_select(const char *sql, char *out, size_t size)
{
    size_t n = strlen(sql);
    const char *end = "";

    if (n > size - 8) {
        n = size - 8;
        while (n > 0 && ((unsigned char)sql[n] & 0xC0) == 0x80)
            n--;
        end = "…";
    }
    snprintf(out, size, "%.*s%s", (int)n, sql, end);
    for (char *p = out; *p; p++)
        if (isspace((unsigned char)*p))
            *p = ' ';
}

static void read_word(lua_State *L, int index, struct ordered *o)
{
    static const char *const words[] = { "all", "private", "groups" };
    const char *to = lua_tostring(L, index);

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(to, words[i]) == 0) {
            snprintf(o->who, sizeof(o->who), "%s", to);
            snprintf(o->recipients, sizeof(o->recipients), "%s", to);
            return;
        }
    }
    if (!is_select(to))
        luaL_error(L,
                   "bot.broadcast: to = \"%s\": \"all\", \"private\", "
                   "\"groups\", a list of chats' ids, or a SELECT of ids is "
                   "expected",
                   to);
    snprintf(o->who, sizeof(o->who), "sql");
    show_select(to, o->recipients, sizeof(o->recipients));
    o->order.what = slice_of(to);
}

static void read_list(lua_State *L, int index, struct ordered *o)
{
    struct buf *ids = json_push_buf(L);
    lua_Integer n = (lua_Integer)lua_rawlen(L, index);

    for (lua_Integer i = 1; i <= n; i++) {
        int is_int;
        lua_Integer id;

        lua_rawgeti(L, index, i);
        id = lua_tointegerx(L, -1, &is_int);
        if (!is_int || id == 0 || lua_type(L, -1) != LUA_TNUMBER)
            luaL_error(L,
                       "bot.broadcast: to[%d]: a chat's id is a whole number "
                       "other than 0, got %s",
                       (int)i, luaL_tolstring(L, -1, NULL));
        buf_addf(ids, "%s%lld", i > 1 ? "," : "{", (long long)id);
        lua_pop(L, 1);
    }
    if (n == 0)
        luaL_error(L, "bot.broadcast: to: the list of chats is empty");
    buf_addc(ids, '}');
    snprintf(o->who, sizeof(o->who), "list");
    snprintf(o->recipients, sizeof(o->recipients), "%lld chat%s", (long long)n,
             n == 1 ? "" : "s");
    o->order.what = buf_slice(ids);
}

static void read_to(lua_State *L, int index, struct ordered *o)
{
    o->order.what = slice_of("");
    if (lua_type(L, index) == LUA_TSTRING)
        read_word(L, index, o);
    else if (lua_istable(L, index))
        read_list(L, index, o);
    else
        luaL_error(L,
                   "bot.broadcast: to: \"all\", \"private\", \"groups\", a "
                   "list of chats' ids, or a SELECT of ids is expected, got "
                   "%s",
                   luaL_typename(L, index));
}

/* --- the message ------------------------------------------------------------------------ */

/* A copy of the table at index without its method. */
static void push_parameters(lua_State *L, int index)
{
    lazy_settle(L, index);
    lua_newtable(L);
    lua_pushnil(L);
    while (lua_next(L, index)) { /* copy, key, value */
        lua_pushvalue(L, -2);
        lua_insert(L, -2); /* copy, key, key, value */
        lua_rawset(L, -4);
    }
    lua_pushnil(L);
    lua_setfield(L, -2, "method");
}

/* Its text, or a table with its method (sendMessage) and that one's parameters. */
static void read_message(lua_State *L, int index, struct ordered *o)
{
    struct json_lua_options options = {
        .flags = JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS
    };
    struct err err = ERR_INIT;
    struct buf *json;

    o->order.method = "sendMessage";
    if (lua_type(L, index) == LUA_TSTRING) {
        lua_createtable(L, 0, 1);
        lua_pushvalue(L, index);
        lua_setfield(L, -2, "text");
    } else if (lua_istable(L, index)) {
        if (lua_getfield(L, index, "method") == LUA_TSTRING)
            o->order.method = lua_tostring(L, -1); /* stays on the stack */
        push_parameters(L, index);
    } else {
        luaL_error(L,
                   "bot.broadcast: message: a text, or a table { text = … } or "
                   "{ method = \"copyMessage\", … } is expected, got %s",
                   luaL_typename(L, index));
    }
    json = json_push_buf(L);
    if (!json_add_lua(L, -2, &options, json, &err))
        luaL_error(L,
                   "bot.broadcast: message: %s (a file is sent once, and then "
                   "broadcast by its file_id)",
                   err.text);
    o->order.parameters = buf_slice(json);
    if (!broadcast_check(o->order.method, o->order.parameters, &err))
        luaL_error(L, "bot.broadcast: %s", err.text);
}

/* --- bot.broadcast ------------------------------------------------------------------------ */

/* The same update makes it once, also when it is run again after a crash. */
static void read_maker(const struct task *t, struct ordered *o)
{
    int n = 0;

    o->order.key = SLICE_NONE;
    if (!t->in || !t->in->u.id) {
        snprintf(o->made_by, sizeof(o->made_by), "script");
        return;
    }
    if (t->in->u.user_id)
        n = snprintf(o->made_by, sizeof(o->made_by), "user:%lld ",
                     (long long)t->in->u.user_id);
    snprintf(o->made_by + n, sizeof(o->made_by) - (size_t)n, "update:%lld",
             (long long)t->in->u.id);
    snprintf(o->key, sizeof(o->key), "update:%lld", (long long)t->in->u.id);
    o->order.key = slice_of(o->key);
}

static int made(lua_State *L, int status, lua_KContext k)
{
    const struct broadcast_op *op = answer_of(L);

    (void)status;
    (void)k;
    push_broadcast(L, &op->list[0]);
    return 1;
}

/* Stack top: the order. */
static int make_now(lua_State *L, int status, lua_KContext k)
{
    const struct broadcast_desk *desk = desk_of(L);
    const struct ordered *o = lua_touserdata(L, -1);

    (void)status;
    (void)k;
    return task_wait(L, desk->make(desk->arg, &o->order), made);
}

static void check_names(lua_State *L)
{
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        const char *name =
            lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "[…]";

        if (strcmp(name, "to") != 0 && strcmp(name, "message") != 0)
            luaL_error(L,
                       "bot.broadcast: there is no option %s; to and "
                       "message are",
                       name);
        lua_pop(L, 1);
    }
}

/* bot.broadcast{ to = …, message = … } -> broadcast                       [waits] */
int bot_broadcast(lua_State *L)
{
    struct ordered *o;

    desk_of(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    check_names(L);
    lua_getfield(L, 1, "to");
    lua_getfield(L, 1, "message");
    o = lua_newuserdatauv(L, sizeof(*o), 0);
    *o = (struct ordered){ .order = { .what = SLICE_NONE } };
    o->order.who = o->who;
    o->order.recipients = o->recipients;
    o->order.made_by = o->made_by;
    read_to(L, 2, o);
    read_message(L, 3, o);
    read_maker(task_current(L), o);
    lua_pushvalue(L, 4);
    return task_commit(L, make_now);
}

/* --- looking ------------------------------------------------------------------------------ */

static int found(lua_State *L, int status, lua_KContext k)
{
    const struct broadcast_op *op = answer_of(L);

    (void)status;
    (void)k;
    if (op->n == 0)
        lua_pushnil(L);
    else
        push_broadcast(L, &op->list[0]);
    return 1;
}

/* bot.find_broadcast(id) -> broadcast | nil                               [waits] */
int bot_find_broadcast(lua_State *L)
{
    const struct broadcast_desk *desk = desk_of(L);
    lua_Integer id = luaL_checkinteger(L, 1);

    if (id <= 0) {
        lua_pushnil(L);
        return 1;
    }
    return task_wait(L, desk->find(desk->arg, id, 1), found);
}

static int listed(lua_State *L, int status, lua_KContext k)
{
    const struct broadcast_op *op = answer_of(L);

    (void)status;
    (void)k;
    lua_createtable(L, op->n, 0);
    for (int i = 0; i < op->n; i++) {
        push_broadcast(L, &op->list[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

/* bot.broadcasts([n]) -> the newest n (10), newest first                  [waits] */
int bot_broadcasts(lua_State *L)
{
    const struct broadcast_desk *desk = desk_of(L);
    lua_Integer n = luaL_optinteger(L, 1, 10);

    luaL_argcheck(L, n >= 1 && n <= LIST_MAX, 1, "1 to 100");
    return task_wait(L, desk->find(desk->arg, 0, (int)n), listed);
}

/* --- methods -------------------------------------------------------------------------------- */

/* The broadcast at 1 is as it is now. */
static int refreshed(lua_State *L, int status, lua_KContext k)
{
    const struct broadcast_op *op = answer_of(L);

    (void)status;
    (void)k;
    lua_settop(L, 1);
    if (op->n == 0)
        return luaL_error(L, "there is no such broadcast any more");
    fill(L, &op->list[0]);
    return 1;
}

static lua_Integer check_self(lua_State *L)
{
    lua_Integer id;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_getfield(L, 1, "id");
    id = luaL_checkinteger(L, -1);
    lua_pop(L, 1);
    return id;
}

static int change_to(lua_State *L, enum broadcast_change change)
{
    const struct broadcast_desk *desk = desk_of(L);
    lua_Integer id = check_self(L);

    return task_wait(L, desk->change(desk->arg, id, change), refreshed);
}

static int l_pause(lua_State *L)
{
    return change_to(L, BROADCAST_PAUSE);
}

static int l_resume(lua_State *L)
{
    return change_to(L, BROADCAST_RESUME);
}

static int l_cancel(lua_State *L)
{
    return change_to(L, BROADCAST_CANCEL);
}

static int l_retry(lua_State *L)
{
    return change_to(L, BROADCAST_RETRY);
}

static int l_refresh(lua_State *L)
{
    const struct broadcast_desk *desk = desk_of(L);
    lua_Integer id = check_self(L);

    return task_wait(L, desk->find(desk->arg, id, 1), refreshed);
}
