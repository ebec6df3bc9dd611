/* option.c - the table `option`, and messages about what is declared. */
#include "script/option_int.h"

#include <lauxlib.h>
#include <string.h>

#include "script/json_lua.h"
#include "script/source.h"

#define FIELDS_ALL (FIELD_LABEL | FIELD_HELP | FIELD_PRIVATE)
#define FIELDS_VALUE (FIELD_DEFAULT | FIELDS_ALL)
#define FIELDS_RANGE (FIELD_MIN | FIELD_MAX)

/* In the order of their names. */
static const struct option_kind kinds[] = {
    { "boolean", SETTING_BOOLEAN, FIELDS_VALUE },
    { "chat", SETTING_CHAT, FIELDS_VALUE },
    { "choice", SETTING_CHOICE, FIELDS_VALUE | FIELD_CHOICES },
    { "integer", SETTING_INTEGER, FIELDS_VALUE | FIELDS_RANGE | FIELD_UNIT },
    { "list", SETTING_LIST, FIELDS_VALUE | FIELDS_RANGE | FIELD_OF },
    { "map", SETTING_MAP, FIELDS_VALUE | FIELDS_RANGE | FIELD_OF },
    { "number", SETTING_NUMBER, FIELDS_VALUE | FIELDS_RANGE | FIELD_UNIT },
    { "section", SETTING_SECTION,
      FIELDS_ALL | FIELD_SETTINGS | FIELD_LAZY | FIELD_DERIVE },
    { "string", SETTING_STRING, FIELDS_VALUE | FIELDS_RANGE | FIELD_PATTERN },
    { "user", SETTING_USER, FIELDS_VALUE },
};

/* Keys in an option's table that a script can't write: their addresses. */
static const char kind_key, where_key;

/* Push the place in the defaults/ file that is being run, also when a function
 * elsewhere makes the option for it: "defaults/x.lua:4: ". */
static void push_caller(lua_State *L)
{
    lua_Debug ar;

    for (int level = 1; lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sl", &ar);
        if (strncmp(ar.short_src, "defaults/", 9) == 0) {
            lua_pushfstring(L, "%s:%d: ", ar.short_src, ar.currentline);
            return;
        }
    }
    luaL_where(L, 1);
}

/* option.integer{ … }: the same table, marked with its kind and this line. */
static int l_option(lua_State *L)
{
    const struct option_kind *kind = lua_touserdata(L, lua_upvalueindex(1));

    if (!lua_istable(L, 1))
        return luaL_error(L, "option.%s needs a table: option.%s{ … }",
                          kind->name, kind->name);
    lua_settop(L, 1);
    lua_pushlightuserdata(L, (void *)kind);
    lua_rawsetp(L, 1, &kind_key);
    push_caller(L);
    lua_rawsetp(L, 1, &where_key);
    return 1;
}

static int option_index(lua_State *L)
{
    lua_pushfstring(L, "there is no option.%s; there are ",
                    luaL_tolstring(L, 2, NULL));
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        lua_pushfstring(L, "%s%s", i ? ", " : "", kinds[i].name);
        lua_concat(L, 2);
    }
    return luaL_error(L, "%s", lua_tostring(L, -1));
}

void option_push(lua_State *L)
{
    lua_newtable(L);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        lua_pushlightuserdata(L, (void *)&kinds[i]);
        lua_pushcclosure(L, l_option, 1);
        lua_setfield(L, -2, kinds[i].name);
    }
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, option_index);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
}

const struct option_kind *option_kind_of(lua_State *L, int index)
{
    const struct option_kind *kind;

    if (!lua_istable(L, index))
        return NULL;
    lua_rawgetp(L, index, &kind_key);
    kind = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return kind;
}

const char *option_push_where(lua_State *L, int index)
{
    lua_rawgetp(L, index, &where_key);
    return lua_tostring(L, -1);
}

/* --- messages ---------------------------------------------------------------------- */

static const char *push_path(lua_State *L, const struct option_place *at)
{
    struct buf *path = json_push_buf(L);

    if (at->element) {
        setting_path(at->element, path);
        return path->data;
    }
    setting_path(at->section, path);
    if (path->len && *at->key)
        buf_addc(path, '.');
    buf_adds(path, at->key);
    return path->data;
}

/* The same as the file has it: without the file's own section. */
static const char *path_in_file(lua_State *L, const struct option_place *at)
{
    const char *path = push_path(L, at);
    struct buf *base = json_push_buf(L);

    setting_path(at->base, base);
    if (!base->len)
        return path;
    return strlen(path) > base->len ? path + base->len + 1 : "";
}

/* A plain value does not know where it was written: look into the file. */
static int find_line(lua_State *L, const struct option_place *at)
{
    const char *file = lua_pushfstring(L, "%s/%s", at->dir, at->file);
    const char *path = path_in_file(L, at);
    struct buf *source = json_push_buf(L);
    struct err ignored = ERR_INIT;

    if (!*path || !buf_add_file(source, file, &ignored))
        return 0;
    return source_key_line(buf_slice(source), path);
}

int option_fail_text(lua_State *L, const struct option_place *at,
                     const char *text)
{
    int line = at->where ? 0 : find_line(L, at);

    if (at->where)
        return luaL_error(L, "%s%s", at->where, text);
    if (line)
        return luaL_error(L, "%s:%d: %s", at->file, line, text);
    return luaL_error(L, "%s: %s", at->file, text);
}

int option_fail(lua_State *L, const struct option_place *at, const char *fmt,
                ...)
{
    const char *why, *path;
    va_list ap;

    va_start(ap, fmt);
    why = lua_pushvfstring(L, fmt, ap);
    va_end(ap);
    path = push_path(L, at);
    return option_fail_text(L, at,
                            lua_pushfstring(L, "%s%s%s", path,
                                            *path ? ": " : "", why));
}
