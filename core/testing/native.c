/* native.c - see native.h. */
#include "testing/native.h"

#include <dirent.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/duration.h"
#include "bot/testing.h"
#include "config/schema.h"
#include "config/store.h"
#include "script/json_lua.h"
#include "script/vm.h"

#define HOOK_INSTRUCTIONS 100000
#define ALL_SECTIONS UINT32_MAX

static struct native *self(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* No place in front of it: the Lua above adds the spec's. */
static int fail(lua_State *L, const struct err *err)
{
    lua_pushstring(L, err->text);
    return lua_error(L);
}

/* It has waited: its time begins anew. */
static void waited(struct native *n)
{
    n->since_ms = loop_real_ms();
}

/* --- other sites ------------------------------------------------------------------- */

#define WEB_HEADERS_MAX 100

static void push_headers(lua_State *L, const struct httpd_request *req)
{
    const char *name, *value;

    lua_newtable(L);
    for (size_t i = 0; httpd_header_at(req, i, &name, &value); i++) {
        lua_pushstring(L, name);
        lua_pushstring(L, value);
        lua_settable(L, -3);
    }
}

/* Stack: status, { name, value, … }, body. */
static void reply_web(lua_State *L, struct httpd_request *req)
{
    const char *headers[WEB_HEADERS_MAX + 1];
    int status = (int)lua_tointeger(L, -3), n = 0;
    struct slice body;

    while (n < WEB_HEADERS_MAX && lua_rawgeti(L, -2 - n, n + 1) == LUA_TSTRING)
        headers[n++] = lua_tostring(L, -1);
    headers[n] = NULL;
    lua_settop(L, lua_gettop(L) - n - (n < WEB_HEADERS_MAX));
    body.p = lua_tolstring(L, -1, &body.n);
    if (status == 0)
        httpd_drop(req);
    else
        httpd_reply(req, status, headers, body);
}

/* It can't raise: what specs give goes through a pcall up there. */
static void on_web(struct httpd_request *req, void *arg)
{
    struct native *n = arg;
    lua_State *L = n->active;
    int top = lua_gettop(L);
    struct slice body = httpd_body(req);
    const char *url = httpd_header(req, HTTP_MEANT);

    luaL_checkstack(L, WEB_HEADERS_MAX + 20, NULL);
    lua_rawgeti(L, LUA_REGISTRYINDEX, n->web);
    lua_pushstring(L, httpd_method(req));
    lua_pushstring(L, url ? url : "");
    push_headers(L, req);
    lua_pushlstring(L, body.p ? body.p : "", body.n);
    if (lua_pcall(L, 4, 3, 0) == LUA_OK)
        reply_web(L, req);
    else
        httpd_drop(req);
    lua_settop(L, top);
}

static struct stage *stage_of(lua_State *L)
{
    struct native *n = self(L);
    struct stage_options options = { .settings = n->options->settings,
                                     .dir = n->options->dir,
                                     .timeout_ms = n->options->timeout_ms,
                                     .offline = n->options->recording };
    struct err err = ERR_INIT;

    n->active = L;
    if (!n->stage && !(n->stage = stage_open(&options, &err)))
        fail(L, &err);
    if (n->web)
        stage_on_web(n->stage, on_web, n);
    return n->stage;
}

static struct stage *stage_begun(lua_State *L)
{
    struct native *n = self(L);

    if (!n->stage || !stage_host(n->stage))
        luaL_error(L, "there is no bot outside of a spec");
    n->active = L;
    return n->stage;
}

/* --- endless loops ------------------------------------------------------------------ */

/*
 * Runs within the spec. Yielding out of its coroutine can't be caught by pcall; where
 * it is not possible (in a comparator of table.sort), an error must do.
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
    struct native *n = self(L);

    luaL_checktype(L, 1, LUA_TTHREAD);
    n->overran = false;
    n->spec = lua_tothread(L, 1);
    waited(n);
    lua_sethook(n->spec, on_count, LUA_MASKCOUNT, HOOK_INSTRUCTIONS);
    return 0;
}

/* overran() -> was the last one ended by that? */
static int l_overran(lua_State *L)
{
    lua_pushboolean(L, self(L)->overran);
    return 1;
}

/* --- the stage ----------------------------------------------------------------------- */

static int done(lua_State *L, bool ok, const struct err *err)
{
    waited(self(L));
    return ok ? 0 : fail(L, err);
}

/* open(): the database and the simulator, for all specs */
static int l_open(lua_State *L)
{
    stage_of(L);
    return done(L, true, NULL);
}

/* begin(): a new world and a new bot */
static int l_begin(lua_State *L)
{
    struct err err = ERR_INIT;

    return done(L, stage_begin(stage_of(L), &err), &err);
}

static int l_restart(lua_State *L)
{
    struct err err = ERR_INIT;

    return done(L, stage_restart(stage_begun(L), &err), &err);
}

/* finish(): the bot is gone */
static int l_finish(lua_State *L)
{
    struct native *n = self(L);

    if (n->stage)
        stage_end(n->stage);
    waited(n);
    return 0;
}

static int l_settle(lua_State *L)
{
    struct err err = ERR_INIT;

    return done(L, stage_settle(stage_begun(L), &err), &err);
}

/* advance(ms) */
static int l_advance(lua_State *L)
{
    struct err err = ERR_INIT;

    return done(L, stage_advance(stage_begun(L), luaL_checkinteger(L, 1), &err),
                &err);
}

static int l_interrupted(lua_State *L)
{
    lua_pushboolean(L, stage_is_interrupted());
    return 1;
}

/* request(method, target [, body [, type]]) -> status, body */
static int l_request(lua_State *L)
{
    struct stage *stage = stage_begun(L);
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
    waited(self(L));
    if (!ok)
        return fail(L, &err);
    lua_pushinteger(L, op->status);
    lua_pushlstring(L, op->body.data, op->body.len);
    op_free(&op->op);
    return 2;
}

/* lines() -> { { level =, area =, text =, fields = }, … } that came since the last time */
static int l_lines(lua_State *L)
{
    struct native *n = self(L);
    struct stage_line *line = n->stage ? stage_take_lines(n->stage) : NULL,
                      *next;

    lua_newtable(L);
    for (lua_Integer i = 1; line; i++, line = next) {
        next = line->next;
        lua_createtable(L, 0, 4);
        lua_pushstring(L, log_level_name(line->level));
        lua_setfield(L, -2, "level");
        lua_pushstring(L, line->area);
        lua_setfield(L, -2, "area");
        lua_pushstring(L, line->text);
        lua_setfield(L, -2, "text");
        lua_pushstring(L, line->fields);
        lua_setfield(L, -2, "fields");
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
        return fail(L, &err);
    lua_pushinteger(L, ms);
    return 1;
}

/* --- the author's tables ---------------------------------------------------------------- */

/*
 * Statements have their address as identity, and a connection may remember them: so
 * each text has one, for the whole run.
 */
static const struct pg_statement *statement_of(const char *sql, int nparams)
{
    static struct known {
        struct pg_statement st;
        char *sql;
        struct known *next;
    } * all; /* ends with the program */
    struct known *k;

    for (k = all; k; k = k->next)
        if (k->st.nparams == nparams && strcmp(k->sql, sql) == 0)
            return &k->st;
    k = xalloc(sizeof(*k));
    k->sql = xstrdup(sql);
    k->st = (struct pg_statement){ "db.query", k->sql, nparams };
    k->next = all;
    all = k;
    return &k->st;
}

static int push_answer(lua_State *L, const struct pg_op *op, bool rows)
{
    struct slice json;

    if (!rows) {
        lua_pushnil(L);
        lua_pushinteger(L, pg_affected(op));
        return 2;
    }
    json = pg_value(op, 0, 0);
    lua_pushlstring(L, json.p, json.n);
    return 1;
}

/* query(sql, n, …) -> JSON of the rows | nil, how many it touched. Parameters are
 * text or nil. */
static int l_query(lua_State *L)
{
    struct stage *stage = stage_begun(L);
    const char *sql = luaL_checkstring(L, 1);
    int n = (int)luaL_checkinteger(L, 2), pushed = 0;
    struct slice params[PG_PARAMS_MAX] = { 0 };
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    struct pg_op *op;
    bool rows, ok;

    luaL_argcheck(L, n <= PG_PARAMS_MAX, 2, "too many parameters");
    for (int i = 0; i < n; i++)
        if (!lua_isnil(L, 3 + i))
            params[i].p = luaL_checklstring(L, 3 + i, &params[i].n);
    testing_query(slice_of(sql), &text, &rows);
    op = pg_query(stage_pg(stage), statement_of(text.data, n), params, n);
    buf_release(&text);
    ok = stage_wait(stage, &op->op, &err) && stage_heed(stage, &err);
    waited(self(L));
    if (ok)
        pushed = push_answer(L, op, rows);
    op_free(&op->op);
    return ok ? pushed : fail(L, &err);
}

/* --- settings of chats ----------------------------------------------------------------- */

static void add_merged(struct buf *out, const struct setting *s,
                       struct slice overrides)
{
    bool set;

    if (s->type != SETTING_SECTION) {
        buf_add_slice(out, setting_value(s, overrides, &set));
        return;
    }
    buf_addc(out, '{');
    for (size_t i = 0; i < s->nchildren; i++) {
        buf_addf(out, "%s\"%s\":", i ? "," : "", s->children[i]->name);
        add_merged(out, s->children[i], overrides);
    }
    buf_addc(out, '}');
}

static const struct setting *setting_at(lua_State *L, struct stage *stage,
                                        const char *path)
{
    const struct setting *s = schema_find(host_schema(stage_host(stage)), path);

    if (!s) {
        lua_pushfstring(L, "there is no setting \"%s\"", path);
        lua_error(L);
    }
    return s;
}

/* What the bot would read: through its own store. *config is the caller's. */
static bool fetch(struct stage *stage, int64_t chat, struct config **config,
                  struct err *err)
{
    struct config_op *op = config_fetch(host_services(stage_host(stage))->store,
                                        chat, ALL_SECTIONS);
    bool ok = stage_wait(stage, &op->op, err);

    if (ok)
        *config = config_ref(op->config);
    op_free(&op->op);
    return ok;
}

/* config_get(chat, path) -> "section" | "setting", JSON */
static int l_config_get(lua_State *L)
{
    struct stage *stage = stage_begun(L);
    int64_t chat = luaL_checkinteger(L, 1);
    const struct setting *s = setting_at(L, stage, luaL_checkstring(L, 2));
    struct config *config;
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;

    if (!fetch(stage, chat, &config, &err))
        return fail(L, &err);
    add_merged(&out, s, config->text);
    config_unref(config);
    waited(self(L));
    lua_pushstring(L, s->type == SETTING_SECTION ? "section" : "setting");
    lua_pushlstring(L, out.data, out.len);
    buf_release(&out);
    return 2;
}

static bool commit(struct stage *stage, int64_t chat, const char *path,
                   struct slice value, struct err *err)
{
    struct config *config = NULL;
    struct config_patch patch = { 0 };
    struct config_op *op;
    bool ok;

    if (!fetch(stage, chat, &config, err))
        return false;
    config_patch_set(&patch, path, value);
    op = config_commit(host_services(stage_host(stage))->store, config, &patch,
                       "spec");
    ok = stage_wait(stage, &op->op, err);
    op_free(&op->op);
    config_patch_release(&patch);
    config_unref(config);
    return ok;
}

/* config_set(chat, path, JSON | nil) */
static int l_config_set(lua_State *L)
{
    struct stage *stage = stage_begun(L);
    int64_t chat = luaL_checkinteger(L, 1);
    const char *path = luaL_checkstring(L, 2);
    const struct setting *s = setting_at(L, stage, path);
    struct slice value = SLICE_NONE;
    struct buf shaped = BUF_INIT;
    struct err err = ERR_INIT;
    bool ok;

    value.p = luaL_optlstring(L, 3, NULL, &value.n);
    if (value.p && s->type == SETTING_SECTION)
        return luaL_error(L, "\"%s\" is a section: set the settings in it",
                          path);
    if (value.p)
        setting_add_shaped(s, value, &shaped);
    ok = (!value.p || setting_check(s, buf_slice(&shaped), &err)) &&
         commit(stage, chat, path, value.p ? buf_slice(&shaped) : SLICE_NONE,
                &err);
    buf_release(&shaped);
    return done(L, ok, &err);
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

/* web(function(method, url, headers, body) return status, { name, value, … }, body end):
 * who answers what the bot asks of other sites; status 0: nobody. Once. */
static int l_web(lua_State *L)
{
    struct native *n = self(L);

    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    n->web = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/* --- for replays ---------------------------------------------------------------------- */

/* Stack: player's error or its two results. */
static bool take_answer(lua_State *L, struct buf *answer, int *status)
{
    size_t n;
    const char *text = lua_tolstring(L, -2, &n);

    if (!text)
        return false;
    buf_add(answer, text, n);
    *status = (int)luaL_optinteger(L, -1, 200);
    return true;
}

/* Within a call of ours that waits, so that the state is where player() left it. */
static bool on_answer(const char *method, struct slice params,
                      struct buf *answer, int *status, void *arg)
{
    struct native *n = arg;
    lua_State *L = n->L;
    int top = lua_gettop(L);
    bool answered = false;

    luaL_checkstack(L, 8, NULL);
    lua_rawgeti(L, LUA_REGISTRYINDEX, n->player);
    lua_pushstring(L, method);
    lua_pushlstring(L, params.p, params.n);
    if (lua_pcall(L, 2, 2, 0) == LUA_OK)
        answered = take_answer(L, answer, status);
    else
        fprintf(stderr, "moonpost replay: %s\n", lua_tostring(L, -1));
    lua_settop(L, top);
    return answered;
}

/* player(function(method, params) return answer, status end): who answers the bot's
 * calls; nil from it: the simulator does. From the main program, once. */
static int l_player(lua_State *L)
{
    struct native *n = self(L);
    struct stage *stage = stage_of(L);

    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    n->player = luaL_ref(L, LUA_REGISTRYINDEX);
    n->L = L;
    stage_answer_with(stage, on_answer, n);
    return 0;
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
    { "real_ms", l_real_ms },
    { "duration", l_duration },
    { "query", l_query },
    { "config_get", l_config_get },
    { "config_set", l_config_set },
    { "kind", l_kind },
    { "list", l_list },
    { "player", l_player },
    { "web", l_web },
    { NULL, NULL },
};

void native_push(lua_State *L, struct native *native)
{
    lua_pushlightuserdata(L, native);
    lua_setfield(L, LUA_REGISTRYINDEX, "moonpost.native");
    luaL_newlibtable(L, functions);
    lua_pushlightuserdata(L, native);
    luaL_setfuncs(L, functions, 1);
}

void native_close(struct native *native)
{
    stage_close(native->stage);
    native->stage = NULL;
}
