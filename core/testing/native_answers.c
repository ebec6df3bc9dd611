/*
 * native_answers.c - who answers a bot that is tested: as other sites (web:answer),
 * and as Telegram (replays). Both are called within a function of ours that waits,
 * so that the Lua state is where that was called.
 */
#include <stdio.h>
#include <string.h>

#include "testing/native_int.h"

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

static enum site_end end_of(const char *how)
{
    if (strcmp(how, "drop") == 0)
        return SITE_DROPS;
    if (strcmp(how, "refused") == 0)
        return SITE_REFUSES;
    return strcmp(how, "timeout") == 0 ? SITE_TIMES_OUT : SITE_REPLIES;
}

/* Stack from base on: how or a status, { name, value, … }, body, ms. */
static void reply_web(lua_State *L, struct native *native, int base,
                      struct httpd_request *req)
{
    struct sites *sites = stage_sites(native->stage);
    const char *headers[WEB_HEADERS_MAX + 1];
    struct site_answer answer = { .headers = headers };
    int n = 0;

    answer.status = (int)lua_tointeger(L, base);
    answer.slow_ms = lua_tointeger(L, base + 3);
    answer.body.p = lua_tolstring(L, base + 2, &answer.body.n);
    answer.end = end_of(lua_tostring(L, base));
    while (n < WEB_HEADERS_MAX &&
           lua_rawgeti(L, base + 1, n + 1) == LUA_TSTRING)
        headers[n++] = lua_tostring(L, -1); /* they stay on the stack */
    headers[n] = NULL;
    sites_answer(sites, req, &answer);
}

/* It can't raise: what specs give goes through a pcall up there. */
void native_on_web(struct httpd_request *req, void *arg)
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
    if (lua_pcall(L, 4, 4, 0) == LUA_OK)
        reply_web(L, n, top + 1, req);
    else
        httpd_drop(req);
    lua_settop(L, top);
}

/* web(function(method, url, headers, body) return how, { name, value, … }, body, ms end):
 * who answers what the bot asks of other sites. how: a status, or "drop", "refused",
 * "timeout"; ms: later. Once. */
static int l_web(lua_State *L)
{
    struct native *n = native_self(L);

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

static bool on_answer(const char *method, struct slice params,
                      struct buf *answer, int *status, void *arg)
{
    struct native *n = arg;
    lua_State *L = n->active;
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
    struct native *n = native_self(L);
    struct stage *stage = native_stage(L);

    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_settop(L, 1);
    n->player = luaL_ref(L, LUA_REGISTRYINDEX);
    stage_answer_with(stage, on_answer, n);
    return 0;
}

const luaL_Reg native_answers[] = {
    { "player", l_player },
    { "web", l_web },
    { NULL, NULL },
};
