/* call.c - see call.h. */
#include "script/call.h"

#include <ctype.h>
#include <lauxlib.h>

#include "script/call_answer.h"
#include "script/call_file.h"
#include "script/download.h"
#include "script/json_lua.h"
#include "script/lazy.h"
#include "script/raise.h"
#include "script/recording.h"
#include "script/task.h"
#include "telegram/call_chat.h"

static const char api_key; /* in the registry: the table of methods */

/* Stack while a call is made: the body's or the form's owner and the method's
 * name are somewhere below; ctx is the place of { method, body }. */

static int call_done(lua_State *L, int status, lua_KContext ctx)
{
    const struct tg_op *op = (struct tg_op *)task_finished(L);

    (void)status;
    if (op->op.err.kind)
        return raise_tg(L, op, (const char *)ctx);
    lazy_push(L, op->result);
    return 1;
}

/* What goes to where the update came from is waited for by somebody. */
static enum send_priority priority_of(const struct task *t,
                                      const struct tg_call *call)
{
    struct slice body = call->body ? buf_slice(call->body) : SLICE_NONE;
    int64_t chat;

    if (!t || !t->in)
        return SEND_OTHER;
    chat = tg_call_chat(body, call->form);
    return !chat || chat == t->in->u.chat_id || chat == t->in->u.user_id
               ? SEND_REPLY
               : SEND_OTHER;
}

/* 0: nobody records. */
static int64_t record_call(lua_State *L, const char *method,
                           const struct buf *body)
{
    const struct recording *r = vm_of(L)->services->recording;

    return r ? r->call(r->arg, task_find(L), method,
                       body ? buf_slice(body) : SLICE_NONE)
             : 0;
}

struct tg_op *call_start(lua_State *L, const struct tg_call *call)
{
    const struct services *s = vm_of(L)->services;
    enum send_priority priority;
    struct tg_op *op;
    int64_t number;

    if (!s->sender)
        luaL_error(L, "the Bot API can't be called now");
    priority = priority_of(task_find(L), call);
    number = record_call(L, call->method, call->body);
    op = send_start(s->sender, call, priority);
    if (number)
        s->recording->sent(s->recording->arg, number, &op->op);
    return op;
}

/* Stack top: method (string), body (userdata). */
static int call_now(lua_State *L, int status, lua_KContext ctx)
{
    const char *method = lua_tostring(L, -2);
    struct buf *body = lua_touserdata(L, -1);
    struct tg_op *op;

    (void)status;
    (void)ctx;
    if (body && call_answer_keep(L, method, buf_slice(body))) {
        record_call(L, method, body);
        lua_pushboolean(L, true);
        return 1;
    }
    op = call_start(L, &(struct tg_call){ .method = method, .body = body });
    return task_wait_ctx(L, &op->op, (lua_KContext)method, call_done);
}

int call_json(lua_State *L, const char *method, struct buf *body)
{
    task_current(L);
    lua_pushstring(L, method);
    lua_pushnil(L);
    /* The owner of body: somewhere on the stack, brought to the top. */
    for (int i = lua_gettop(L); i > 0; i--) {
        if (lua_touserdata(L, i) == (void *)body) {
            lua_pushvalue(L, i);
            lua_replace(L, -2);
            break;
        }
    }
    return task_commit(L, call_now);
}

void call_add_options(lua_State *L, struct buf *body, int index)
{
    struct json_lua_options options = {
        .flags = JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS
    };
    struct err err = ERR_INIT;
    size_t start = body->len;

    if (lua_isnoneornil(L, index))
        return;
    luaL_checktype(L, index, LUA_TTABLE);
    if (!json_add_lua(L, index, &options, body, &err))
        luaL_error(L, "options: %s", err.text);
    if (body->data[start] != '{')
        luaL_error(L, "options must have names: { parse_mode = \"HTML\" }");
    /* {…} becomes ,… */
    body->len -= body->len == start + 2 ? 2 : 1;
    body->data[body->len] = '\0';
    if (body->len > start)
        body->data[start] = ',';
}

/* --- calls with any parameters --------------------------------------------------- */

/* Stack top: method (string), the parameters' owner, the parameters. */
static int call_with_files(lua_State *L, int status, lua_KContext ctx)
{
    const char *method = lua_tostring(L, -3);
    const struct call_params *params = lua_touserdata(L, -1);
    struct tg_op *op;

    (void)status;
    (void)ctx;
    op = call_start(L, &(struct tg_call){ .method = method,
                                          .body = params->body,
                                          .form = params->form,
                                          .timeout_ms = params->timeout_ms });
    task_stop_clock(task_current(L));
    return task_wait_ctx(L, &op->op, (lua_KContext)method, call_done);
}

/*
 * Call method with the parameters in the table at index. If a file (bot.file) is
 * among them, however deep, the call goes as multipart/form-data.       [waits]
 */
static int call_table(lua_State *L, const char *method, int index)
{
    struct call_params params;

    lua_pushstring(L, method);
    params = call_push_params(L, method, index);
    if (!params.timeout_ms)
        return call_json(L, method, params.body);
    *(struct call_params *)lua_newuserdatauv(L, sizeof(params), 0) = params;
    return task_commit(L, call_with_files);
}

/* --- bot.api ------------------------------------------------------------------------ */

/* api.sendMessage{ … }; upvalue: the method's name. */
static int l_method(lua_State *L)
{
    const char *method = lua_tostring(L, lua_upvalueindex(1));

    if (!lua_isnoneornil(L, 1))
        luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    return call_table(L, method, 1);
}

static bool is_method_name(const char *name)
{
    const char *p = name;

    while (isalnum((unsigned char)*p))
        p++;
    return p != name && !*p && p - name <= 64;
}

/* The function of a method, made when first asked for. */
static int api_index(lua_State *L)
{
    const char *name = luaL_checkstring(L, 2);

    if (!is_method_name(name))
        return luaL_error(L, "\"%s\" can't be a method of the Bot API", name);
    lua_pushvalue(L, 2);
    lua_pushcclosure(L, l_method, 1);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, lua_upvalueindex(1));
    return 1;
}

static int api_newindex(lua_State *L)
{
    return luaL_error(L, "api is read-only");
}

void call_open(lua_State *L)
{
    lua_newtable(L); /* api: stays empty, so that nothing can be replaced */
    lua_newtable(L); /* its metatable */
    lua_newtable(L); /* methods: __index */
    lua_newtable(L); /* metatable of methods: makes them */
    lua_pushvalue(L, -2);
    lua_pushcclosure(L, api_index, 1);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, api_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &api_key);
    call_file_open(L);
    download_open(L);
}

void call_push_api(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &api_key);
}
