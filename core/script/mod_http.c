/*
 * mod_http.c - the part of require "http" that is C: one request, without its
 * redirects and further tries. What scripts call is lua/http.lua.
 *
 * Stack of a request: what it was given (enum below), then the transfer. A body
 * that goes into a file or to a function goes through a sink (sink.h).
 */
#include <lauxlib.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "script/call_file.h"
#include "script/json_lua.h"
#include "script/mod_http.h"
#include "script/modules.h"
#include "script/raise.h"
#include "script/recording.h"
#include "script/sink.h"
#include "script/task.h"
#include "script/web.h"

#define TRANSFER_MT "moonpost.http"
#define STRING_BYTES ((int64_t)4 << 20) /* a body, unless max_bytes says more */
#define SINK_TIMEOUT_MS 600000
#define STALL_MS 30000
#define TIMEOUT_MAX_MS 3600000
#define HEADERS_MAX 100

enum {
    ARG_LABEL = 1, /* "GET example.com", for messages */
    ARG_METHOD,
    ARG_URL,
    ARG_HEADERS, /* { "Name: value", … } */
    ARG_TYPE,    /* Content-Type, or nil */
    ARG_BODY,    /* a string, an upload (mod_http.h) or nil */
    ARG_TIMEOUT, /* milliseconds */
    ARG_CONNECT, /* of them to connect, or nil */
    ARG_MAX,     /* bytes of the answer, or nil */
    ARG_SINK,    /* a name, a function or nil */
    TRANSFER
};

struct transfer {
    struct sink sink;
    struct http_op *http; /* runs or is done; or NULL */
    int64_t max;
};

/* --- the body -------------------------------------------------------------------- */

static enum http_sink_result on_piece(struct slice piece, void *arg)
{
    struct transfer *d = arg;

    if (d->sink.got + (int64_t)piece.n > d->max) {
        err_set(&d->sink.err, ERR_NETWORK, "answer larger than %lld bytes",
                (long long)d->max);
        d->http->why = HTTP_TOO_LARGE;
        return HTTP_STOP;
    }
    return sink_take(&d->sink, piece);
}

static void on_transferred(struct op *op)
{
    struct transfer *d = op->arg;

    if (op->err.kind)
        err_set(&d->sink.err, op->err.kind, "%s", op->err.text);
    sink_end(&d->sink);
}

/* --- the transfer's object --------------------------------------------------------- */

static int transfer_release(lua_State *L)
{
    struct transfer *d = lua_touserdata(L, 1);

    if (d->http)
        op_free(&d->http->op);
    d->http = NULL;
    sink_release(&d->sink);
    return 0;
}

static struct transfer *push_transfer(lua_State *L)
{
    struct transfer *d = lua_newuserdatauv(L, sizeof(*d), 0);

    *d = (struct transfer){ 0 };
    sink_init(&d->sink, vm_of(L)->services);
    if (luaL_newmetatable(L, TRANSFER_MT)) {
        lua_pushcfunction(L, transfer_release);
        lua_setfield(L, -2, "__gc");
        lua_pushcfunction(L, transfer_release);
        lua_setfield(L, -2, "__close");
    }
    lua_setmetatable(L, -2);
    lua_toclose(L, -1);
    return d;
}

/* --- the end -------------------------------------------------------------------------- */

static int fail(lua_State *L, const struct err *err, enum http_why why,
                bool maybe_sent)
{
    struct err told = ERR_INIT;

    err_set(&told, err->kind, "%s: %s%s", lua_tostring(L, ARG_LABEL), err->text,
            maybe_sent ? " (it may have been carried out)" : "");
    raise_push_err(L, &told);
    lua_pushstring(L, web_reason(why));
    lua_setfield(L, -2, "reason");
    lua_pushboolean(L, maybe_sent);
    lua_setfield(L, -2, "maybe_sent");
    return lua_error(L);
}

/* Has something been asked for that a second time would do twice? */
static bool is_in_doubt(lua_State *L, const struct http_op *op)
{
    const char *method = lua_tostring(L, ARG_METHOD);

    return op->maybe_sent && strcmp(method, "GET") != 0 &&
           strcmp(method, "HEAD") != 0;
}

/* status, headers, body or nil, where it redirects to or nil */
static void push_answer(lua_State *L, const struct http_op *op, bool has_body)
{
    lua_pushinteger(L, op->status);
    lua_pushlstring(L, op->headers.data, op->headers.len);
    if (has_body)
        lua_pushlstring(L, op->body.data, op->body.len);
    else
        lua_pushnil(L);
    lua_pushstring(L, op->redirect);
}

static int got_string(lua_State *L, int status, lua_KContext k)
{
    const struct http_op *op = (struct http_op *)task_finished(L);

    (void)status, (void)k;
    if (op->op.err.kind)
        return fail(L, &op->op.err, op->why, is_in_doubt(L, op));
    push_answer(L, op, true);
    return 4;
}

static bool is_taken(const struct transfer *d)
{
    return d->http->status >= 200 && d->http->status < 300;
}

static int finish(lua_State *L, struct transfer *d)
{
    bool taken = is_taken(d);

    if (taken && d->sink.kind == SINK_FILE &&
        (!sink_begin_file(&d->sink) ||
         !data_file_finish(&d->sink.file, &d->sink.err)))
        return fail(L, &d->sink.err, HTTP_NOT_TAKEN, false);
    push_answer(L, d->http, !taken);
    if (!taken)
        return 4;
    lua_pushinteger(L, d->sink.got);
    if (d->sink.kind == SINK_FILE)
        lua_pushfstring(L, "data/%s", d->sink.name);
    else
        lua_pushnil(L);
    return 6;
}

/* One whose answer no task has waited for itself. */
static void tell_finished(lua_State *L, const struct transfer *d)
{
    const struct recording *r = vm_of(L)->services->recording;

    if (r && d->http->op.state == OP_DONE)
        r->finished(r->arg, &d->http->op);
}

/* --- pieces for a function --------------------------------------------------------------- */

static int on_woken(lua_State *L, int status, lua_KContext k);

static int on_given(lua_State *L, int status, lua_KContext k)
{
    (void)status, (void)k;
    lua_settop(L, TRANSFER);
    return sink_wait(L, &((struct transfer *)lua_touserdata(L, TRANSFER))->sink,
                     on_woken);
}

static int give(lua_State *L, struct transfer *d)
{
    lua_pushvalue(L, ARG_SINK);
    sink_push(L, &d->sink);
    if (d->sink.full && !d->sink.ended) { /* the next one comes meanwhile */
        d->sink.full = false;
        http_resume(d->http);
    }
    lua_callk(L, 1, 0, 0, on_given);
    return on_given(L, LUA_OK, 0);
}

static int on_woken(lua_State *L, int status, lua_KContext k)
{
    struct transfer *d = lua_touserdata(L, TRANSFER);

    (void)status, (void)k;
    sink_woken(&d->sink);
    tell_finished(L, d);
    if (d->sink.err.kind)
        return fail(L, &d->sink.err, d->http->why, is_in_doubt(L, d->http));
    if (d->sink.kind == SINK_FUNCTION && d->sink.bytes.len)
        return give(L, d);
    if (d->sink.ended)
        return finish(L, d);
    return sink_wait(L, &d->sink, on_woken);
}

/* --- the beginning ------------------------------------------------------------------------- */

/* Its strings are on the Lua stack; no error is raised between here and the start. */
static struct http_request read_request(lua_State *L, const char **headers,
                                        struct buf *body)
{
    const struct upload *upload = mod_http_upload_at(L, ARG_BODY);
    struct slice text;
    int n = 0;

    for (lua_Integer i = 1; i <= HEADERS_MAX; i++) {
        if (lua_rawgeti(L, ARG_HEADERS, i) == LUA_TSTRING)
            headers[n++] = lua_tostring(L, -1); /* the table keeps it */
        lua_pop(L, 1);
    }
    headers[n] = NULL;
    if (lua_isstring(L, ARG_BODY)) {
        text.p = lua_tolstring(L, ARG_BODY, &text.n);
        buf_add_slice(body, text);
    }
    return (struct http_request){
        .method = lua_tostring(L, ARG_METHOD),
        .url = lua_tostring(L, ARG_URL),
        .body = body,
        .type = lua_tostring(L, ARG_TYPE),
        .headers = headers,
        .form = upload ? upload->form : NULL,
        .bare = upload && upload->bare,
        .timeout_ms = lua_tointeger(L, ARG_TIMEOUT),
        .connect_ms = (int)lua_tointeger(L, ARG_CONNECT),
        .owner = task_current(L),
        .stall_ms = upload ? STALL_MS : 0,
        .wants_headers = true,
        .unpacks = true,
    };
}

/* What it was is recorded, if somebody records. */
static struct http_op *start(lua_State *L, const struct http_request *req)
{
    const struct services *s = vm_of(L)->services;
    const struct recording *r = s->recording;
    int64_t number = r ? r->request(r->arg, task_find(L), req) : 0;
    struct http_op *op = http_start(s->web->http, req);

    if (number)
        r->sent(r->arg, number, &op->op);
    return op;
}

static int64_t max_bytes(lua_State *L, const struct web *web, int64_t def)
{
    int64_t max = lua_isinteger(L, ARG_MAX) ? lua_tointeger(L, ARG_MAX) : def;

    return max < web->bytes_max ? max : web->bytes_max;
}

static int send_for_string(lua_State *L, const struct web *web)
{
    const char *headers[HEADERS_MAX + 1];
    struct buf body = BUF_INIT;
    struct http_request req = read_request(L, headers, &body);

    req.body_max = (size_t)max_bytes(L, web, STRING_BYTES);
    if (req.form) /* it has limits of its own */
        task_stop_clock(task_current(L));
    return task_wait(L, &start(L, &req)->op, got_string);
}

static int send_for_sink(lua_State *L, const struct web *web)
{
    struct transfer *d = push_transfer(L);
    const char *headers[HEADERS_MAX + 1];
    struct buf body = BUF_INIT;
    struct http_request req = read_request(L, headers, &body);

    d->sink.kind = lua_isfunction(L, ARG_SINK) ? SINK_FUNCTION : SINK_FILE;
    d->sink.name = d->sink.kind == SINK_FILE ? lua_tostring(L, ARG_SINK) : NULL;
    d->max = max_bytes(L, web, web->bytes_max);
    req.body_max = (size_t)STRING_BYTES; /* what is said instead of a 2xx */
    req.sink = on_piece;
    req.sink_arg = d;
    req.stall_ms = STALL_MS;
    d->http = start(L, &req);
    d->http->op.done = on_transferred;
    d->http->op.arg = d;
    return sink_wait(L, &d->sink, on_woken);
}

static int send_now(lua_State *L, int status, lua_KContext k)
{
    const struct web *web = vm_of(L)->services->web;

    (void)status, (void)k;
    lua_settop(L, ARG_SINK);
    return lua_isnil(L, ARG_SINK) ? send_for_string(L, web)
                                  : send_for_sink(L, web);
}

/* send(label, method, url, headers, type, body, timeout, connect, max, sink) [waits]
 * What the script has assigned to settings is stored before. */
static int l_send(lua_State *L)
{
    task_current(L);
    if (!vm_of(L)->services->web)
        return luaL_error(L, "nothing can be requested now");
    lua_settop(L, ARG_SINK);
    return task_commit(L, send_now);
}

/* Is this a name for a file in the data folder? nil, or what is wrong with it. */
static int l_check_name(lua_State *L)
{
    struct err err = ERR_INIT;

    if (data_name_check(luaL_checkstring(L, 1), &err))
        return 0;
    lua_pushstring(L, err.text);
    return 1;
}

/* clock() -> milliseconds of a clock that never jumps */
static int l_clock(lua_State *L)
{
    lua_pushinteger(L, clock_steady_ns() / 1000000);
    return 1;
}

/* error(text, reason, kind) -> an error object, for error(). */
static int l_error(lua_State *L)
{
    struct err err = ERR_INIT;

    err_set(&err, ERR_NETWORK, "%s", luaL_checkstring(L, 1));
    lua_settop(L, 3);
    raise_push_err(L, &err);
    lua_insert(L, 1);
    lua_setfield(L, 1, "kind");
    lua_setfield(L, 1, "reason");
    lua_settop(L, 1);
    return 1;
}

/* wrong(text): the author's mistake, raised with the line of the script. */
static int l_wrong(lua_State *L)
{
    luaL_checkstring(L, 1);
    raise_push_where(L);
    lua_pushvalue(L, 1);
    lua_concat(L, 2);
    return lua_error(L);
}

/* date("Mon, 02 Jan 2026 06:09:56 GMT") -> seconds since 1970 | nil */
static int l_date(lua_State *L)
{
    int64_t at = http_date(luaL_checkstring(L, 1));

    if (at < 0)
        return 0;
    lua_pushinteger(L, at);
    return 1;
}

/* retried(): one more try begins. */
static int l_retried(lua_State *L)
{
    (void)L;
    web_count_retry();
    return 0;
}

static const luaL_Reg core[] = {
    { "send", l_send },
    { "check_name", l_check_name },
    { "clock", l_clock },
    { "date", l_date },
    { "error", l_error },
    { "file", call_file },
    { "form", mod_http_form },
    { "retried", l_retried },
    { "upload", mod_http_upload },
    { "wrong", l_wrong },
    { NULL, NULL },
};

void mod_http_push(lua_State *L, struct generation *gen)
{
    const struct web *web = vm_of(L)->services->web;

    (void)gen;
    luaL_newlib(L, core);
    lua_pushinteger(L, web ? web->timeout_ms : 30000);
    lua_setfield(L, -2, "timeout_ms");
    lua_pushinteger(L, SINK_TIMEOUT_MS);
    lua_setfield(L, -2, "sink_timeout_ms");
    lua_pushinteger(L, TIMEOUT_MAX_MS);
    lua_setfield(L, -2, "timeout_max_ms");
    lua_pushinteger(L, web ? web->send_max : INT64_MAX);
    lua_setfield(L, -2, "send_max");
    lua_pushinteger(L, HEADERS_MAX);
    lua_setfield(L, -2, "headers_max");
}
