/*
 * repl.c - see repl.h.
 *
 * A session is a client's: it lives until the client is gone and all that it
 * asked for has ended. Scripts reach it through a userdata (SESSION_MT).
 */
#include "bot/repl.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "io/lines.h"
#include "script/modules.h"

#define SESSION_MT "moonpost.repl"

struct repl {
    struct repl_options options;
    struct lines *lines;
    int sessions; /* there have been so many */
};

struct session {
    struct repl *repl;          /* NULL: it ends */
    struct line_client *client; /* NULL: gone */
    int refs;
    int64_t lane, chat; /* chat: what ctx is about, or 0 */
    int variables;      /* in the registry: what was assigned, or LUA_NOREF */
    struct generation *gen; /* whose values may be among them; or NULL */
    lua_State *L;           /* the main thread */
};

/* What was asked for: incoming.origin_arg. */
struct request {
    struct session *session;
    char *text; /* Lua; NULL: an update */
};

/* --- sessions -------------------------------------------------------------------- */

static struct session *session_of(struct repl *repl, struct line_client *client)
{
    struct session *s = lines_data(client);

    if (s)
        return s;
    s = xalloc(sizeof(*s));
    s->repl = repl;
    s->client = client;
    s->refs = 1;
    s->lane = UPDATE_LANE_OWN | INT64_C(1) << 60 | ++repl->sessions;
    s->L = repl->options.vm->L;
    s->variables = LUA_NOREF;
    lines_set_data(client, s);
    return s;
}

static void forget_variables(struct session *s)
{
    luaL_unref(s->L, LUA_REGISTRYINDEX, s->variables);
    s->variables = LUA_NOREF;
    generation_unref(s->gen);
    s->gen = NULL;
}

static void session_unref(struct session *s)
{
    if (--s->refs)
        return;
    forget_variables(s);
    free(s);
}

static void send(struct session *s, const char *key, struct slice text)
{
    struct buf line = BUF_INIT;
    struct err err = ERR_INIT;

    if (!s->client)
        return;
    buf_addf(&line, "{\"%s\":", key);
    if (!json_add_string(&line, text, &err))
        json_add_text(&line, slice_of("(bytes that are no text)"));
    buf_addc(&line, '}');
    lines_send(s->client, buf_slice(&line));
    buf_release(&line);
}

static void send_done(struct session *s)
{
    if (s->client)
        lines_send(s->client, slice_of("{\"done\":true}"));
}

/* --- for repl.lua ------------------------------------------------------------------ */

static struct session *session_at(lua_State *L)
{
    return *(struct session **)lua_touserdata(L, lua_upvalueindex(1));
}

/* send(key, text) */
static int l_send(lua_State *L)
{
    struct slice text;
    const char *key = luaL_checkstring(L, 1);

    text.p = luaL_checklstring(L, 2, &text.n);
    send(session_at(L), key, text);
    return 0;
}

/* chat(id): from the next input on, ctx is about it. */
static int l_chat(lua_State *L)
{
    session_at(L)->chat = luaL_checkinteger(L, 1);
    return 0;
}

static int session_gc(lua_State *L)
{
    session_unref(*(struct session **)lua_touserdata(L, 1));
    return 0;
}

static void push_session(lua_State *L, struct session *s)
{
    struct session **held = lua_newuserdatauv(L, sizeof(s), 0);

    *held = s;
    s->refs++;
    if (luaL_newmetatable(L, SESSION_MT)) {
        lua_pushcfunction(L, session_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
}

/* What a generation's functions stand on goes with it: a variable that holds one of
 * them must not be there any more when it is gone. So all begin anew with each. */
static void push_variables(lua_State *L, struct session *s,
                           struct generation *gen)
{
    if (s->gen == gen) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, s->variables);
        return;
    }
    lua_newtable(L);
    if (!s->client) /* nothing comes after this */
        return;
    forget_variables(s);
    lua_pushvalue(L, -1);
    s->variables = luaL_ref(L, LUA_REGISTRYINDEX);
    s->gen = generation_ref(gen);
}

/* → run, ctx, text, variables, globals, send, chat */
static int push_input(lua_State *L, struct task *t)
{
    const struct request *r = t->in->origin_arg;
    int session;

    push_session(L, r->session);
    session = lua_gettop(L);
    host_file_push(L, t->gen, "repl");
    lua_pushvalue(L, 1);
    lua_pushstring(L, r->text);
    push_variables(L, r->session, t->gen);
    lua_rawgeti(L, LUA_REGISTRYINDEX, t->gen->globals_ref);
    lua_pushvalue(L, session);
    lua_pushcclosure(L, l_send, 1);
    lua_pushvalue(L, session);
    lua_pushcclosure(L, l_chat, 1);
    return 6;
}

/* --- requests ----------------------------------------------------------------------- */

static void request_free(void *arg)
{
    struct request *r = arg;

    session_unref(r->session);
    free(r->text);
    free(r);
}

static void request_done(struct incoming *in, enum task_result result)
{
    const struct request *r = in->origin_arg;

    if (in->error)
        send(r->session, "error", slice_of(in->error));
    else if (result == TASK_KILLED)
        send(r->session, "error", slice_of("the bot ends"));
    send_done(r->session);
}

static const struct origin input_origin = {
    .name = "moonpost repl",
    .push = push_input,
    .done = request_done,
    .free = request_free,
};
static const struct origin update_origin = {
    .name = "moonpost repl",
    .done = request_done,
    .free = request_free,
};

static struct incoming *incoming_of(struct session *s, char *text,
                                    const struct origin *origin)
{
    struct incoming *in = xalloc(sizeof(*in));
    struct request *r = xalloc(sizeof(*r));

    *r = (struct request){ .session = s, .text = text };
    s->refs++;
    buf_init(&in->text);
    in->origin = origin;
    in->origin_arg = r;
    return in;
}

static void run_input(struct session *s, struct slice raw)
{
    char *text = xalloc(raw.n + 1);
    struct incoming *in;

    text[json_unescape(text, raw)] = '\0';
    in = incoming_of(s, text, &input_origin);
    buf_adds(&in->text, "{}");
    in->u.kind = UPDATE_KINDS;
    in->u.chat_id = s->chat;
    in->lane = s->lane;
    lanes_push(s->repl->options.lanes, in);
}

static void run_update(struct session *s, struct slice update)
{
    struct incoming *in = incoming_of(s, NULL, &update_origin);
    struct err err = ERR_INIT;

    buf_add_slice(&in->text, update);
    if (!update_read(buf_slice(&in->text), &in->u, &err)) {
        send(s, "error", slice_of(err.text));
        send_done(s);
        incoming_free(in);
        return;
    }
    in->lane = update_lane(&in->u);
    lanes_push(s->repl->options.lanes, in);
}

static void on_line(struct line_client *client, struct slice line, void *arg)
{
    struct session *s = session_of(arg, client);
    struct err err = ERR_INIT;
    struct slice text, update;

    if (!json_check(line, JSON_DEPTH_MAX, &err)) {
        send(s, "error", slice_of(err.text));
        send_done(s);
        return;
    }
    text = json_raw(json_get(line, "run"));
    update = json_get(line, "update");
    if (text.p) {
        run_input(s, text);
    } else if (update.p) {
        run_update(s, update);
    } else {
        send(s, "error", slice_of("neither \"run\" nor \"update\""));
        send_done(s);
    }
}

static void on_gone(struct line_client *client, void *arg)
{
    struct session *s = lines_data(client);

    (void)arg;
    if (!s)
        return;
    s->client = NULL;
    forget_variables(s);
    session_unref(s);
}

struct repl *repl_new(const struct repl_options *options, struct err *err)
{
    struct repl *repl = xalloc(sizeof(*repl));

    repl->options = *options;
    repl->lines = lines_new(options->loop,
                            &(struct lines_options){
                                .path = options->path,
                                .line = on_line,
                                .gone = on_gone,
                                .arg = repl,
                            },
                            err);
    if (repl->lines)
        return repl;
    free(repl);
    return NULL;
}

void repl_free(struct repl *repl)
{
    if (!repl)
        return;
    lines_free(repl->lines);
    free(repl);
}
