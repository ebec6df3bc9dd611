/*
 * mod_bot_jobs.c - see mod_bot_jobs.h: making jobs, looking at them.
 */
#include "script/mod_bot_jobs.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "script/generation.h"
#include "script/job_options.h"
#include "script/json_lua.h"
#include "script/raise.h"
#include "script/task.h"
#include "script/vm.h"
#include "telegram/job.h"

#define LIST_MAX 1000
#define LIST_DEFAULT 100

/* --- making ---------------------------------------------------------------------------- */

static const struct job_desk *desk_of(lua_State *L)
{
    const struct job_desk *desk = vm_of(L)->services->jobs;

    task_current(L);
    if (!desk)
        luaL_error(L, "there is no database here, so there are no jobs");
    return desk;
}

static const struct job_op *answer_of(lua_State *L)
{
    const struct op *op = task_finished(L);

    if (op->err.kind)
        raise_err(L, &op->err);
    return (const struct job_op *)op;
}

/* "captcha, remind", for a name that is none. */
static const char *push_job_names(lua_State *L, const struct job_defs *defs)
{
    const struct job_def *def;
    luaL_Buffer b;
    int n = 0;

    luaL_buffinit(L, &b);
    for (def = defs->by_name; def; def = def->hh.next) {
        if (def->every || n++ >= 10)
            continue;
        luaL_addstring(&b, n > 1 ? ", " : "; there are ");
        luaL_addstring(&b, def->name);
    }
    luaL_pushresult(&b);
    return lua_tostring(L, -1);
}

static void check_job(lua_State *L, const char *what, const char *name)
{
    const struct generation *gen = generation_of(L);
    const struct job_def *def = job_defs_find(&gen->jobs, name);

    if (!def)
        luaL_error(L, "%s: there is no bot.job(\"%s\", …)%s", what, name,
                   push_job_names(L, &gen->jobs));
    if (def->every)
        luaL_error(L, "%s: \"%s\" is of bot.every, which says when it runs",
                   what, name);
}

/* chat = id; false: of no chat; nothing: the task's. In a filter also "all". */
static int64_t read_chat(lua_State *L, int options, const char *what, bool all)
{
    const struct task *t = task_current(L);
    int64_t chat = t->in->u.chat_id;
    int type = options ? lua_getfield(L, options, "chat") : LUA_TNIL, is_int;

    if (type == LUA_TBOOLEAN && !lua_toboolean(L, -1)) {
        chat = 0;
    } else if (all && type == LUA_TSTRING &&
               strcmp(lua_tostring(L, -1), "all") == 0) {
        chat = JOB_CHAT_ANY;
    } else if (type != LUA_TNIL) {
        chat = lua_tointegerx(L, -1, &is_int);
        if (!is_int || type != LUA_TNUMBER || chat == 0)
            luaL_error(L,
                       "%s: chat: a chat's id%s or false is expected, got %s",
                       what, all ? ", \"all\"" : "",
                       luaL_tolstring(L, -1, NULL));
    }
    if (options)
        lua_pop(L, 1);
    return chat;
}

/* The text (or number) of key, which stays on the stack. */
static struct slice read_key(lua_State *L, int options, const char *what)
{
    struct slice key = SLICE_NONE;

    if (!options || lua_getfield(L, options, "key") == LUA_TNIL)
        return key;
    if (!lua_isstring(L, -1))
        luaL_error(L, "%s: key: a text is expected, got %s", what,
                   luaL_typename(L, -1));
    key.p = lua_tolstring(L, -1, &key.n);
    if (key.n == 0 || key.n > JOB_KEY_MAX || memchr(key.p, 0, key.n))
        luaL_error(L, "%s: key: 1 to %d bytes are expected", what, JOB_KEY_MAX);
    return key;
}

/* What is ordered, while a commit is waited for: its texts are below it on the
 * stack. */
struct ordered {
    struct job_order order;
    char made_by[64];
};

static int added(lua_State *L, int status, lua_KContext k)
{
    const struct job_op *op = answer_of(L);

    (void)status;
    (void)k;
    lua_pushinteger(L, op->id);
    lua_pushboolean(L, op->is_new);
    return 2;
}

/* Stack top: the order. */
static int add_now(lua_State *L, int status, lua_KContext k)
{
    const struct job_desk *desk = desk_of(L);
    const struct ordered *o = lua_touserdata(L, -1);

    (void)status;
    (void)k;
    return task_wait(L, desk->add(desk->arg, &o->order), added);
}

static struct slice read_data(lua_State *L, int index, const char *what)
{
    struct err err = ERR_INIT;
    struct buf *json;

    if (lua_isnil(L, index))
        return SLICE_NONE;
    json = json_push_buf(L);
    if (!json_add_lua(L, index, &(struct json_lua_options){ 0 }, json, &err))
        luaL_error(L, "%s: data: %s", what, err.text);
    if (json->len > JOB_DATA_MAX)
        luaL_error(L, "%s: data: %d bytes as JSON; %d are the most", what,
                   (int)json->len, JOB_DATA_MAX);
    return buf_slice(json);
}

static void read_maker(const struct task *t, struct ordered *o)
{
    const struct update *u = &t->in->u;
    size_t n = 0;

    if (u->user_id)
        n = (size_t)snprintf(o->made_by, sizeof(o->made_by), "user:%lld ",
                             (long long)u->user_id);
    if (u->id)
        snprintf(o->made_by + n, sizeof(o->made_by) - n, "update:%lld",
                 (long long)u->id);
    else
        snprintf(o->made_by + n, sizeof(o->made_by) - n, "job");
    o->order.made_by = o->made_by;
}

/* At 1 when, which fn reads; at 2 the name, 3 data, 4 options. */
static int add(lua_State *L, const char *what, const char *const *names,
               void (*read_when)(lua_State *L, struct job_order *order))
{
    struct job_order order = { .delay_ms = -1, .zone = "UTC" };
    struct ordered *o;
    int options;

    desk_of(L);
    lua_settop(L, 4);
    options = lua_isnil(L, 4) ? 0 : 4;
    if (options) {
        luaL_checktype(L, 4, LUA_TTABLE);
        job_check_names(L, 4, what, names);
    }
    order.name = luaL_checkstring(L, 2);
    check_job(L, what, order.name);
    read_when(L, &order);
    order.data = read_data(L, 3, what);
    order.chat_id = read_chat(L, options, what, false);
    order.key = read_key(L, options, what);
    if (options && lua_getfield(L, options, "replace") != LUA_TNIL)
        order.replace = lua_toboolean(L, -1);
    if (order.replace && !order.key.p)
        luaL_error(L, "%s: replace goes with a key", what);
    o = lua_newuserdatauv(L, sizeof(*o), 0);
    *o = (struct ordered){ .order = order };
    read_maker(task_current(L), o);
    return task_commit(L, add_now);
}

static void read_delay(lua_State *L, struct job_order *order)
{
    order->delay_ms = job_read_span(L, 1, "bot.after");
}

/* bot.after(span, name [, data [, options]]) -> id, was it new?            [waits] */
int bot_after(lua_State *L)
{
    static const char *const names[] = { "chat", "key", "replace", NULL };

    return add(L, "bot.after", names, read_delay);
}

/* "2026-12-24 18:00", perhaps with seconds, or with a T in between. */
static bool is_date_time(const char *text)
{
    static const char form[] = "dddd-dd-dd dd:dd:dd";
    size_t n = strlen(text);

    if (n != 16 && n != 19)
        return false;
    for (size_t i = 0; i < n; i++) {
        bool digit = text[i] >= '0' && text[i] <= '9';

        if (form[i] == 'd' ? !digit
                           : text[i] != form[i] && !(i == 10 && text[i] == 'T'))
            return false;
    }
    return true;
}

static void read_time(lua_State *L, struct job_order *order)
{
    const char *zone = NULL;

    if (!lua_isnil(L, 4))
        zone = job_text_option(L, 4, "bot.at", "timezone");
    if (zone && !job_zone_exists(zone))
        luaL_error(L, "bot.at: timezone: there is no \"%s\"", zone);
    if (lua_type(L, 1) == LUA_TNUMBER) {
        lua_Number seconds = lua_tonumber(L, 1);

        if (!(seconds >= 0 && seconds <= 1e11))
            luaL_error(L, "bot.at: seconds since 1970 are expected, got %s",
                       luaL_tolstring(L, 1, NULL));
        order->at_ms = (int64_t)(seconds * 1000);
        return;
    }
    if (lua_type(L, 1) != LUA_TSTRING || !is_date_time(lua_tostring(L, 1)))
        luaL_error(L,
                   "bot.at: seconds since 1970, or a text like \"2026-12-24 "
                   "18:00\" is expected, got %s",
                   luaL_tolstring(L, 1, NULL));
    order->at.p = lua_tolstring(L, 1, &order->at.n);
    if (zone)
        order->zone = zone;
}

/* bot.at(time, name [, data [, options]]) -> id, was it new?               [waits] */
int bot_at(lua_State *L)
{
    static const char *const names[] = { "chat", "key", "replace", "timezone",
                                         NULL };

    return add(L, "bot.at", names, read_time);
}

static void read_schedule(lua_State *L, struct job_order *order)
{
    const char *zone = NULL;

    order->schedule = luaL_checkstring(L, 1);
    job_read_schedule(L, "bot.schedule", &order->cron, &order->interval_ms);
    if (!lua_isnil(L, 4))
        zone = job_text_option(L, 4, "bot.schedule", "timezone");
    if (zone && order->interval_ms)
        luaL_error(L, "bot.schedule: a timezone goes with a cron line");
    if (zone && !job_zone_exists(zone))
        luaL_error(L, "bot.schedule: timezone: there is no \"%s\"", zone);
    if (order->interval_ms)
        order->zone = NULL;
    else if (zone)
        order->zone = zone;
}

/* bot.schedule(interval or cron line, name [, data [, options]]) -> id, was it
 * new?                                                                     [waits] */
int bot_schedule(lua_State *L)
{
    static const char *const names[] = { "chat", "key", "replace", "timezone",
                                         NULL };

    return add(L, "bot.schedule", names, read_schedule);
}

/* --- looking, cancelling ---------------------------------------------------------------- */

static int cancelled(lua_State *L, int status, lua_KContext k)
{
    const struct job_op *op = answer_of(L);

    (void)status;
    (void)k;
    lua_pushinteger(L, op->n);
    return 1;
}

/* bot.cancel_job(id or name [, { chat =, key = }]) -> how many              [waits] */
int bot_cancel_job(lua_State *L)
{
    static const char *const names[] = { "chat", "key", NULL };
    const struct job_desk *desk = desk_of(L);
    struct job_filter filter = { .name = "", .state = "" };

    lua_settop(L, 2);
    if (lua_isinteger(L, 1)) {
        filter.id = lua_tointeger(L, 1);
        filter.chat_id = JOB_CHAT_ANY;
        if (filter.id <= 0) {
            lua_pushinteger(L, 0);
            return 1;
        }
    } else {
        filter.name = luaL_checkstring(L, 1);
        check_job(L, "bot.cancel_job", filter.name);
        if (!lua_isnil(L, 2)) {
            luaL_checktype(L, 2, LUA_TTABLE);
            job_check_names(L, 2, "bot.cancel_job", names);
        }
        filter.chat_id =
            read_chat(L, lua_isnil(L, 2) ? 0 : 2, "bot.cancel_job", true);
        filter.key = read_key(L, lua_isnil(L, 2) ? 0 : 2, "bot.cancel_job");
    }
    return task_wait(L, desk->cancel(desk->arg, &filter), cancelled);
}

static void set_text(lua_State *L, const char *key, struct slice text)
{
    if (!text.p)
        return;
    lua_pushlstring(L, text.p, text.n);
    lua_setfield(L, -2, key);
}

static void set_integer(lua_State *L, const char *key, int64_t n)
{
    lua_pushinteger(L, n);
    lua_setfield(L, -2, key);
}

static void set_seconds(lua_State *L, const char *key, int64_t ms)
{
    if (!ms)
        return;
    lua_pushnumber(L, (lua_Number)ms / 1000);
    lua_setfield(L, -2, key);
}

static void push_job(lua_State *L, const struct job_info *job)
{
    struct err ignored = ERR_INIT;

    lua_createtable(L, 0, 12);
    set_integer(L, "id", job->id);
    set_text(L, "name", job->name);
    set_text(L, "state", job->state);
    if (job->chat_id)
        set_integer(L, "chat_id", job->chat_id);
    set_text(L, "key", job->key);
    set_text(L, "every", job->schedule);
    set_text(L, "timezone", job->zone);
    set_text(L, "error", job->error);
    set_integer(L, "tries", job->tries);
    set_seconds(L, "due", job->due_ms);
    set_seconds(L, "made", job->made_ms);
    if (job->data.p &&
        json_push_text(L, job->data, JSON_DEPTH_MAX, false, &ignored))
        lua_setfield(L, -2, "data");
}

static int listed(lua_State *L, int status, lua_KContext k)
{
    const struct job_op *op = answer_of(L);

    (void)status;
    (void)k;
    lua_createtable(L, op->n, 0);
    for (int i = 0; i < op->n; i++) {
        push_job(L, &op->list[i]);
        lua_rawseti(L, -2, i + 1);
    }
    return 1;
}

static const char *read_state(lua_State *L)
{
    static const char *const states[] = { "waiting", "running", "failed" };
    const char *state = job_text_option(L, 1, "bot.jobs", "state");

    for (size_t i = 0; state && i < ARRAY_LEN(states); i++)
        if (strcmp(state, states[i]) == 0)
            return states[i];
    if (state)
        luaL_error(L,
                   "bot.jobs: state: \"%s\": \"waiting\", \"running\" or "
                   "\"failed\" is expected",
                   state);
    return "";
}

/* bot.jobs([{ name =, chat =, key =, state =, limit = }]) -> list           [waits] */
int bot_jobs(lua_State *L)
{
    static const char *const names[] = { "chat", "key",   "limit",
                                         "name", "state", NULL };
    const struct job_desk *desk = desk_of(L);
    struct job_filter filter = { .name = "",
                                 .state = "",
                                 .limit = LIST_DEFAULT };

    lua_settop(L, 1);
    if (!lua_isnil(L, 1)) {
        const char *name;

        luaL_checktype(L, 1, LUA_TTABLE);
        job_check_names(L, 1, "bot.jobs", names);
        filter.key = read_key(L, 1, "bot.jobs");
        filter.state = read_state(L);
        if ((name = job_text_option(L, 1, "bot.jobs", "name")))
            filter.name = name;
        if (lua_getfield(L, 1, "limit") != LUA_TNIL) {
            lua_Integer n = lua_tointeger(L, -1);

            if (n < 1 || n > LIST_MAX)
                luaL_error(L, "bot.jobs: limit: 1 to %d is expected", LIST_MAX);
            filter.limit = (int)n;
        }
    }
    filter.chat_id = read_chat(L, lua_isnil(L, 1) ? 0 : 1, "bot.jobs", true);
    return task_wait(L, desk->list(desk->arg, &filter), listed);
}
