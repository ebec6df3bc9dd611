/* call.c - see call.h. */
#include "script/call.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "script/json_lua.h"
#include "script/lazy.h"
#include "script/raise.h"
#include "script/task.h"

#define FILE_MT "moonpost.file"
#define PARTS_MAX 64 /* parameters and files of one call */

static const char api_key; /* in the registry: the table of methods */

/* Stack while a call is made: the body's or the parts' owner and the method's
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

static struct tg *api_of(lua_State *L)
{
    struct tg *tg = vm_of(L)->services->tg;

    if (!tg)
        luaL_error(L, "the Bot API can't be called now");
    return tg;
}

/* Stack top: method (string), body (userdata). */
static int call_now(lua_State *L, int status, lua_KContext ctx)
{
    const char *method = lua_tostring(L, -2);
    struct buf *body = lua_touserdata(L, -1);
    struct tg_op *op;

    (void)status;
    (void)ctx;
    op = tg_start(api_of(L),
                  &(struct tg_call){ .method = method, .body = body });
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

/* --- files --------------------------------------------------------------------- */

/* A file to upload: uservalues are its path or data, name and type. */
struct file {
    bool is_path;
};
enum { FILE_CONTENT = 1, FILE_NAME, FILE_TYPE };

/* Scripts read files of their own folder only. Pushes the full path. */
static void push_path(lua_State *L, const char *path)
{
    const struct services *s = vm_of(L)->services;
    struct stat st;

    if (path[0] == '/' || strstr(path, ".."))
        luaL_error(L,
                   "bot.file(\"%s\"): only files in the bot's folder, "
                   "named from there, can be sent",
                   path);
    lua_pushfstring(L, "%s/%s", s->dir, path);
    if (access(lua_tostring(L, -1), R_OK) != 0 ||
        stat(lua_tostring(L, -1), &st) != 0 || !S_ISREG(st.st_mode))
        luaL_error(L, "bot.file(\"%s\"): there is no such file in %s", path,
                   s->dir);
}

int call_file(lua_State *L)
{
    struct file *f;
    bool is_path = lua_type(L, 1) == LUA_TSTRING;

    lua_settop(L, 1);
    if (is_path) {
        push_path(L, lua_tostring(L, 1));
    } else {
        luaL_checktype(L, 1, LUA_TTABLE);
        if (lua_getfield(L, 1, "data") != LUA_TSTRING)
            return luaL_error(L, "bot.file: a path, or { data = \"…\", name = "
                                 "\"…\" }, is expected");
    }
    f = lua_newuserdatauv(L, sizeof(*f), 3);
    f->is_path = is_path;
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, FILE_CONTENT);
    if (!is_path) {
        lua_getfield(L, 1, "name");
        lua_setiuservalue(L, -2, FILE_NAME);
        lua_getfield(L, 1, "type");
        lua_setiuservalue(L, -2, FILE_TYPE);
    }
    luaL_setmetatable(L, FILE_MT);
    return 1;
}

/* The parts of a multipart call, gathered while its parameters are written.
 * Names and texts are in strings and userdata that stay on the Lua stack; files
 * in a table: the script may change its own while a commit is waited for. */
struct upload {
    struct http_part parts[PARTS_MAX];
    size_t n, nfiles;
    char names[PARTS_MAX][16];
    int files; /* the table's index, or 0 */
};

static const char *file_text(lua_State *L, int index, int uservalue, size_t *n)
{
    const char *text;

    lua_getiuservalue(L, index, uservalue);
    text = lua_tolstring(L, -1, n); /* the file keeps it alive */
    lua_pop(L, 1);
    return text;
}

/* A file is written as attach://<name of its part>, and becomes that part. */
static bool add_file(lua_State *L, int index, struct buf *out, void *arg)
{
    struct upload *up = arg;
    struct file *f;
    struct http_part *part;
    size_t n;

    index = lua_absindex(L, index);
    f = luaL_testudata(L, index, FILE_MT);
    if (!f || up->n == PARTS_MAX)
        return false;
    snprintf(up->names[up->n], sizeof(up->names[0]), "file%zu", up->nfiles++);
    part = &up->parts[up->n];
    *part = (struct http_part){ .name = up->names[up->n] };
    up->n++;
    if (up->files) {
        lua_pushvalue(L, index);
        lua_rawseti(L, up->files, (lua_Integer)up->n);
    }
    if (f->is_path) {
        part->path = file_text(L, index, FILE_CONTENT, &n);
    } else {
        part->data.p = file_text(L, index, FILE_CONTENT, &part->data.n);
        part->filename = file_text(L, index, FILE_NAME, &n);
        if (!part->filename)
            part->filename = "file";
        part->type = file_text(L, index, FILE_TYPE, &n);
    }
    buf_addf(out, "\"attach://%s\"", part->name);
    return true;
}

/* Write the parameters at index as JSON into a new buf at the top. */
static struct buf *push_params(lua_State *L, const char *method, int index,
                               struct upload *up)
{
    struct json_lua_options options = {
        .flags = JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS,
        .userdata = add_file,
        .arg = up,
    };
    struct buf *body = json_push_buf(L);
    struct err err = ERR_INIT;

    if (lua_isnoneornil(L, index))
        buf_adds(body, "{}");
    else if (!json_add_lua(L, index, &options, body, &err))
        luaL_error(L, "%s: %s", method, err.text);
    if (body->len == 0 || body->data[0] != '{')
        luaL_error(L, "%s: parameters must have names: { chat_id = … }",
                   method);
    return body;
}

/* The JSON object's members as form fields: strings bare, the rest as JSON. */
static void add_fields(lua_State *L, struct slice object, struct upload *up)
{
    struct json_iter it;
    struct buf *text;
    struct http_part *part;

    json_iter_init(&it, object);
    while (json_iter_next(&it)) {
        if (up->n == PARTS_MAX)
            luaL_error(L, "more than %d parameters and files in one call",
                       PARTS_MAX);
        luaL_checkstack(L, 2, "too many parameters");
        text = json_push_buf(L);
        if (!json_to_text(it.value, text))
            buf_add_slice(text, it.value);
        part = &up->parts[up->n++];
        part->name = lua_pushlstring(L, it.key.p, it.key.n);
        part->data = buf_slice(text);
    }
}

/* Stack: …, parts' strings, method, upload (userdata). */
static int upload_now(lua_State *L, int status, lua_KContext ctx)
{
    const char *method = lua_tostring(L, -2);
    struct upload *up = lua_touserdata(L, -1);
    struct tg_op *op;

    (void)status;
    (void)ctx;
    op = tg_start(api_of(L), &(struct tg_call){ .method = method,
                                                .parts = up->parts,
                                                .nparts = up->n });
    return task_wait_ctx(L, &op->op, (lua_KContext)method, call_done);
}

/*
 * Call method with the parameters in the table at index. If a file (bot.file) is
 * among them, however deep, the call goes as multipart/form-data.       [waits]
 */
static int call_table(lua_State *L, const char *method, int index)
{
    struct upload small = { .n = 0 }, *up;
    struct buf *body = push_params(L, method, index, &small);
    int owner;

    if (small.n == 0)
        return call_json(L, method, body);
    up = lua_newuserdatauv(L, sizeof(*up), 0);
    owner = lua_gettop(L);
    lua_newtable(L);
    *up = (struct upload){ .files = owner + 1 };
    /* Again, now into memory that stays: the names are in it. */
    body = push_params(L, method, index, up);
    add_fields(L, buf_slice(body), up);
    lua_pushstring(L, method);
    lua_pushvalue(L, owner);
    return task_commit(L, upload_now);
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
    luaL_newmetatable(L, FILE_MT);
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
}

void call_push_api(lua_State *L)
{
    lua_rawgetp(L, LUA_REGISTRYINDEX, &api_key);
}
