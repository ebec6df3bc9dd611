/* mod_log.c - require "log": lines in the program's log. */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "script/json_lua.h"
#include "script/modules.h"
#include "script/task.h"

#define FIELDS_MAX 30
#define NAME_BYTES_MAX 40

/* The first n arguments as one text: with a format if there is more than one. */
static void push_text(lua_State *L, int n)
{
    if (n > 1 && lua_type(L, 1) == LUA_TSTRING) {
        lua_getfield(L, 1, "format");
        for (int i = 1; i <= n; i++)
            lua_pushvalue(L, i);
        lua_call(L, n, 1);
    } else {
        luaL_tolstring(L, 1, NULL);
    }
}

/* --- fields -------------------------------------------------------------------- */

static bool is_field_name(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n <= NAME_BYTES_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789_.") == n;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The names in the table at index, in their order. They live as it does. */
static int read_names(lua_State *L, int index, const char **names)
{
    int n = 0;

    lua_pushnil(L);
    while (lua_next(L, index)) {
        lua_pop(L, 1);
        if (lua_type(L, -1) != LUA_TSTRING ||
            !is_field_name(lua_tostring(L, -1)))
            luaL_error(L,
                       "log: the name of a field is made of letters, digits, "
                       "_ and ., at most %d",
                       NAME_BYTES_MAX);
        if (n == FIELDS_MAX)
            luaL_error(L, "log: more than %d fields", FIELDS_MAX);
        names[n++] = lua_tostring(L, -1);
    }
    qsort(names, (size_t)n, sizeof(*names), by_name);
    return n;
}

static bool is_plain_table(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TTABLE)
        return false;
    if (luaL_getmetafield(L, index, "__tostring") == LUA_TNIL)
        return true;
    lua_pop(L, 1);
    return false;
}

/* Stack top: the value. */
static void add_field(lua_State *L, struct buf *fields, const char *name)
{
    struct buf *json;
    struct slice text;
    struct err err = ERR_INIT;

    if (is_plain_table(L, -1)) {
        json = json_push_buf(L);
        if (!json_add_lua(L, lua_gettop(L) - 1, NULL, json, &err))
            log_field(fields, name,
                      slice_of(err.text)); /* not worth an error */
        else
            log_field(fields, name, buf_slice(json));
        return;
    }
    text.p = luaL_tolstring(L, -1, &text.n);
    log_field(fields, name, text);
}

/* Is the last argument fields, and not a value for the format? */
static bool has_fields(lua_State *L, int n)
{
    return n >= 2 && is_plain_table(L, n);
}

static void add_fields(lua_State *L, int index, struct buf *fields)
{
    const char *names[FIELDS_MAX];
    int n = read_names(L, index, names), top = lua_gettop(L);

    for (int i = 0; i < n; i++) {
        lua_getfield(L, index, names[i]);
        add_field(L, fields, names[i]);
        lua_settop(L, top);
    }
}

static bool is_given(lua_State *L, int index, const char *name)
{
    bool given = index && lua_getfield(L, index, name) != LUA_TNIL;

    if (index)
        lua_pop(L, 1);
    return given;
}

static int write_line(lua_State *L, enum log_level level)
{
    struct task *t = task_find(L);
    int n = lua_gettop(L), at = has_fields(L, n) ? n : 0;
    struct buf *fields;

    luaL_checkany(L, 1);
    fields = json_push_buf(L);
    push_text(L, at ? n - 1 : n);
    if (!vm_may_write(L))
        return 0;
    if (t && !t->in->origin && !is_given(L, at, "update"))
        log_field_int(fields, "update", t->in->u.id);
    if (t && t->in->u.chat_id && !is_given(L, at, "chat"))
        log_field_int(fields, "chat", t->in->u.chat_id);
    if (at)
        add_fields(L, at, fields);
    log_event(level, "bot", fields->data, "%s", lua_tostring(L, n + 2));
    return 0;
}

static int l_debug(lua_State *L)
{
    return write_line(L, LOG_DEBUG);
}

static int l_info(lua_State *L)
{
    return write_line(L, LOG_INFO);
}

static int l_warn(lua_State *L)
{
    return write_line(L, LOG_WARN);
}

static int l_error(lua_State *L)
{
    return write_line(L, LOG_ERROR);
}

static const luaL_Reg functions[] = {
    { "debug", l_debug }, { "info", l_info }, { "warn", l_warn },
    { "error", l_error }, { NULL, NULL },
};

void mod_log_push(lua_State *L, struct generation *gen)
{
    (void)gen;
    luaL_newlib(L, functions);
}
