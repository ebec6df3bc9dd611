/*
 * call_file.c - see call_file.h.
 *
 * A call with a file in it goes as multipart/form-data: the parameters are
 * fields, and a file, however deep, is written as attach://<name of a part>.
 */
#include "script/call_file.h"

#include <ctype.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "script/json_lua.h"
#include "script/vm.h"

#define FILE_MT "moonpost.file"
#define FORM_MT "moonpost.form"
#define PARTS_MAX 64 /* parameters and files of one call */

/* A call with files may take longer, by the time that these speeds need. */
#define SLOW_BYTES_PER_MS 64         /* to the Bot API server */
#define SLOW_LOCAL_BYTES_PER_MS 1024 /* from one on this computer to Telegram */

/* A file to upload: uservalues are its path or data, name and type. */
struct file {
    bool is_path;
};
enum { FILE_CONTENT = 1, FILE_NAME, FILE_TYPE };

/* --- bot.file -------------------------------------------------------------------- */

/* The data folder need not be in the bot's. */
static void push_data_path(lua_State *L, const char *name)
{
    const struct services *s = vm_of(L)->services;
    struct buf *path = json_push_buf(L);

    data_folder_add(&s->files, s->dir, path);
    buf_addf(path, "/%s", name);
    lua_pushlstring(L, path->data, path->len);
    lua_remove(L, -2);
}

void call_push_path(lua_State *L, const char *what, const char *path)
{
    const struct services *s = vm_of(L)->services;

    if (path[0] == '/' || strstr(path, ".."))
        luaL_error(L,
                   "%s(\"%s\"): only files in the bot's folder, named from "
                   "there, can be used",
                   what, path);
    if (strncmp(path, "data/", 5) == 0)
        push_data_path(L, path + 5);
    else
        lua_pushfstring(L, "%s/%s", s->dir, path);
}

static void push_path_to_send(lua_State *L, const char *path)
{
    struct stat st;

    call_push_path(L, "bot.file", path);
    if (access(lua_tostring(L, -1), R_OK) != 0 ||
        stat(lua_tostring(L, -1), &st) != 0 || !S_ISREG(st.st_mode))
        luaL_error(L, "bot.file(\"%s\"): there is no such file in %s", path,
                   vm_of(L)->services->dir);
}

/* Push the field of the table at 1, a string or nil: it will stand in a header. */
static void push_word(lua_State *L, const char *field)
{
    struct slice s;

    if (lua_getfield(L, 1, field) == LUA_TNIL)
        return;
    if (lua_type(L, -1) != LUA_TSTRING)
        luaL_error(L, "bot.file: %s must be a string, is a %s", field,
                   luaL_typename(L, -1));
    s.p = lua_tolstring(L, -1, &s.n);
    for (size_t i = 0; i < s.n; i++)
        if (iscntrl((unsigned char)s.p[i]))
            luaL_error(L,
                       "bot.file: a line break, or another sign of that "
                       "kind, is in %s",
                       field);
}

/* Push the full path, or the bytes; true: it is a path. */
static bool push_content(lua_State *L)
{
    if (lua_type(L, 1) == LUA_TSTRING) {
        push_path_to_send(L, lua_tostring(L, 1));
        return true;
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_getfield(L, 1, "path") == LUA_TSTRING) {
        push_path_to_send(L, lua_tostring(L, -1));
        lua_remove(L, -2);
        return true;
    }
    lua_pop(L, 1);
    if (lua_getfield(L, 1, "data") != LUA_TSTRING)
        luaL_error(L, "bot.file: a path, or { data = \"…\", name = \"…\" }, is "
                      "expected");
    return false;
}

int call_file(lua_State *L)
{
    struct file *f;
    bool is_path;

    lua_settop(L, 1);
    is_path = push_content(L);
    f = lua_newuserdatauv(L, sizeof(*f), 3);
    f->is_path = is_path;
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, FILE_CONTENT);
    if (lua_istable(L, 1)) {
        push_word(L, "name");
        lua_setiuservalue(L, -2, FILE_NAME);
        push_word(L, "type");
        lua_setiuservalue(L, -2, FILE_TYPE);
    }
    luaL_setmetatable(L, FILE_MT);
    return 1;
}

/* --- a form ------------------------------------------------------------------------ */

struct form {
    struct http_form *http; /* NULL: files are only counted */
    int nparts, nfiles;
    bool local; /* files on disk are sent as their paths */
    int64_t local_bytes;
};

static int form_gc(lua_State *L)
{
    struct form *form = lua_touserdata(L, 1);

    http_form_unref(form->http);
    form->http = NULL;
    return 0;
}

/* A string of a script that a form sends from where it is: Lua must keep it. */
struct kept {
    struct vm *vm;
    int ref;
};

static void let_go(void *arg)
{
    struct kept *kept = arg;

    luaL_unref(kept->vm->L, LUA_REGISTRYINDEX, kept->ref);
    free(kept);
}

/* The string at the top, popped.                                  [-1, +0, m] */
static void keep_data(lua_State *L, struct http_part *part)
{
    struct kept *kept;
    int ref;

    part->data.p = lua_tolstring(L, -1, &part->data.n);
    ref = luaL_ref(L, LUA_REGISTRYINDEX);
    kept = xalloc(sizeof(*kept));
    *kept = (struct kept){ vm_of(L), ref };
    part->release = let_go;
    part->arg = kept;
}

static const char *file_text(lua_State *L, int index, int uservalue)
{
    const char *text;

    lua_getiuservalue(L, index, uservalue);
    text = lua_tostring(L, -1); /* the file keeps it alive */
    lua_pop(L, 1);
    return text;
}

/* typed: it has a type in any case. */
static void add_part(lua_State *L, int index, const char *name, bool typed,
                     struct http_form *form)
{
    const struct file *f = lua_touserdata(L, index);
    struct http_part part = {
        .name = name,
        .filename = file_text(L, index, FILE_NAME),
        .type = file_text(L, index, FILE_TYPE),
    };

    if (f->is_path) {
        part.path = file_text(L, index, FILE_CONTENT);
    } else {
        if (!part.filename)
            part.filename = "file";
        lua_getiuservalue(L, index, FILE_CONTENT);
        keep_data(L, &part);
    }
    if (typed && !part.type)
        part.type =
            http_type_by_name(part.filename ? part.filename : part.path);
    http_form_add(form, &part);
}

bool call_file_add(lua_State *L, int index, const char *name,
                   struct http_form *form)
{
    if (!luaL_testudata(L, index, FILE_MT))
        return false;
    add_part(L, lua_absindex(L, index), name, true, form);
    return true;
}

const char *call_file_type(lua_State *L, int index)
{
    return file_text(L, index, FILE_TYPE);
}

static void add_uri(const char *path, struct buf *out)
{
    struct buf uri = BUF_INIT;
    char *full =
        realpath(path, NULL); /* NULL: the server will say what's wrong */

    buf_adds(&uri, "file://");
    for (const char *p = full ? full : path; *p; p++) {
        if (isalnum((unsigned char)*p) || strchr("/._-~", *p))
            buf_addc(&uri, *p);
        else
            buf_addf(&uri, "%%%02X", (unsigned)(unsigned char)*p);
    }
    json_add_text(out, buf_slice(&uri));
    buf_release(&uri);
    free(full);
}

/* A server on this computer reads the file itself. */
static void add_local(lua_State *L, int index, struct buf *out,
                      struct form *form)
{
    const char *path = file_text(L, index, FILE_CONTENT);
    struct stat st;

    if (stat(path, &st) == 0)
        form->local_bytes += st.st_size;
    add_uri(path, out);
}

static bool add_file(lua_State *L, int index, struct buf *out, void *arg)
{
    struct form *form = arg;
    const struct file *f;
    char name[32];

    index = lua_absindex(L, index);
    f = luaL_testudata(L, index, FILE_MT);
    if (!f || form->nparts == PARTS_MAX)
        return false;
    if (f->is_path && form->local && !file_text(L, index, FILE_NAME)) {
        add_local(L, index, out, form);
        return true;
    }
    snprintf(name, sizeof(name), "file%d", form->nfiles++);
    form->nparts++;
    if (form->http)
        add_part(L, index, name, false, form->http);
    buf_addf(out, "\"attach://%s\"", name);
    return true;
}

/* Write the parameters at index as JSON into a new buf at the top. */
static struct buf *push_json(lua_State *L, const char *method, int index,
                             struct form *form)
{
    struct json_lua_options options = {
        .flags = JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS,
        .userdata = add_file,
        .arg = form,
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
static void add_fields(lua_State *L, struct slice object, struct form *form)
{
    struct buf *text = json_push_buf(L);
    struct json_iter it;

    json_iter_init(&it, object);
    while (json_iter_next(&it)) {
        if (form->nparts++ == PARTS_MAX)
            luaL_error(L, "more than %d parameters and files in one call",
                       PARTS_MAX);
        buf_reset(text);
        if (!json_to_text(it.value, text))
            buf_add_slice(text, it.value);
        lua_pushlstring(L, it.key.p, it.key.n); /* ends with a NUL */
        http_form_add(form->http,
                      &(struct http_part){ .name = lua_tostring(L, -1),
                                           .data = buf_slice(text) });
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static struct form *push_form(lua_State *L)
{
    struct form *form = lua_newuserdatauv(L, sizeof(*form), 0);

    *form = (struct form){ .http = NULL };
    luaL_setmetatable(L, FORM_MT);
    form->http = http_form_new();
    return form;
}

static int timeout_of(lua_State *L, const struct form *form)
{
    struct tg *tg = vm_of(L)->services->tg;
    int64_t ms = tg ? tg_timeout_ms(tg) : 0;

    ms += form->local_bytes / SLOW_LOCAL_BYTES_PER_MS;
    if (form->http)
        ms += http_form_size(form->http) / SLOW_BYTES_PER_MS;
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

struct call_params call_push_params(lua_State *L, const char *method, int index)
{
    struct form counted = { .local = vm_of(L)->services->files.local }, *form;
    struct buf *body;

    index = lua_absindex(L, index);
    body = push_json(L, method, index, &counted);
    if (counted.nfiles == 0)
        return (struct call_params){ .body = body,
                                     .timeout_ms = counted.local_bytes
                                                       ? timeout_of(L, &counted)
                                                       : 0 };
    lua_pop(L, 1);
    form = push_form(L);
    form->local = counted.local;
    body = push_json(L, method, index, form);
    add_fields(L, buf_slice(body), form);
    lua_pop(L, 1);
    return (struct call_params){ .form = form->http,
                                 .timeout_ms = timeout_of(L, form) };
}

void call_file_open(lua_State *L)
{
    luaL_newmetatable(L, FILE_MT);
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    luaL_newmetatable(L, FORM_MT);
    lua_pushcfunction(L, form_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
}
