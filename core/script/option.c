/* option.c - see option.h. */
#include "script/option.h"

#include <lauxlib.h>
#include <string.h>

#include "base/json.h"
#include "script/json_lua.h"

#define OPTION_MT "moonpost.option"

static const struct {
    const char *name;
    enum setting_type type;
} kinds[] = {
    { "boolean", SETTING_BOOLEAN }, { "choice", SETTING_CHOICE },
    { "integer", SETTING_INTEGER }, { "list", SETTING_LIST },
    { "map", SETTING_MAP },         { "number", SETTING_NUMBER },
    { "string", SETTING_STRING },
};

/* option.integer{ … }: the same table, marked with its type. */
static int l_option(lua_State *L)
{
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_setfield(L, 1, "type");
    luaL_setmetatable(L, OPTION_MT);
    return 1;
}

void option_push(lua_State *L)
{
    luaL_newmetatable(L, OPTION_MT);
    lua_pop(L, 1);
    lua_newtable(L);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        lua_pushinteger(L, kinds[i].type);
        lua_pushcclosure(L, l_option, 1);
        lua_setfield(L, -2, kinds[i].name);
    }
}

static bool is_option(lua_State *L, int index)
{
    bool is = false;

    if (lua_istable(L, index) && lua_getmetatable(L, index)) {
        luaL_getmetatable(L, OPTION_MT);
        is = lua_rawequal(L, -1, -2);
        lua_pop(L, 2);
    }
    return is;
}

/* What is being declared, for messages. */
struct place {
    const char *file;
    struct setting *section;
    const char *key;
};

static int fail(lua_State *L, const struct place *at, const char *why)
{
    struct buf *path = json_push_buf(L);

    setting_path(at->section, path);
    if (path->len && *at->key)
        buf_addc(path, '.');
    buf_adds(path, at->key);
    return luaL_error(L, "%s: %s%s%s", at->file, path->data,
                      path->len ? ": " : "", why);
}

/* The default at the top as JSON text. */
static const char *push_default(lua_State *L, const struct place *at,
                                enum setting_type type)
{
    struct buf *json = json_push_buf(L);
    struct err err = ERR_INIT;

    if (!json_add_lua(L, -2, NULL, json, &err))
        fail(L, at, err.text);
    if (type == SETTING_LIST && slice_eq(buf_slice(json), "{}")) {
        buf_reset(json);
        buf_adds(json, "[]");
    }
    if (type == SETTING_MAP && slice_eq(buf_slice(json), "[]")) {
        buf_reset(json);
        buf_adds(json, "{}");
    }
    return json->data;
}

static struct setting *add(lua_State *L, const struct place *at,
                           enum setting_type type, const char *def)
{
    struct err err = ERR_INIT;
    struct setting *s = schema_add(at->section, at->key, type, def, &err);

    if (!s)
        fail(L, at, err.text);
    return s;
}

static void check(lua_State *L, const struct place *at, const struct setting *s)
{
    struct err err = ERR_INIT;

    if (!schema_check_default(s, &err))
        fail(L, at, err.text);
}

/* --- options ------------------------------------------------------------------- */

static char *text_field(lua_State *L, int index, const struct place *at,
                        const char *name)
{
    char *text = NULL;

    if (lua_getfield(L, index, name) == LUA_TSTRING)
        text = xstrdup(lua_tostring(L, -1));
    else if (!lua_isnil(L, -1))
        fail(L, at, "label and help must be texts");
    lua_pop(L, 1);
    return text;
}

static bool number_field(lua_State *L, int index, const struct place *at,
                         const char *name, double *out)
{
    bool has = lua_getfield(L, index, name) == LUA_TNUMBER;

    if (!has && !lua_isnil(L, -1))
        fail(L, at, "min and max must be numbers");
    if (has)
        *out = lua_tonumber(L, -1);
    lua_pop(L, 1);
    return has;
}

static void set_choices(lua_State *L, int index, const struct place *at,
                        struct setting *s)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, index);

    if (n == 0)
        fail(L, at,
             "option.choice needs choices: option.choice{ \"a\", \"b\", "
             "default = \"a\" }");
    s->choices = xalloc((size_t)(n + 1) * sizeof(*s->choices));
    for (lua_Integer i = 1; i <= n; i++) {
        if (lua_rawgeti(L, index, i) != LUA_TSTRING)
            fail(L, at, "choices must be texts");
        s->choices[i - 1] = xstrdup(lua_tostring(L, -1));
        lua_pop(L, 1);
    }
}

/* A misspelt field would be ignored without this. */
static void check_fields(lua_State *L, int index, const struct place *at,
                         enum setting_type type)
{
    static const char *const names[] = { "default", "help", "label",
                                         "max",     "min",  "type" };

    lua_pushnil(L);
    while (lua_next(L, index)) {
        bool known = type == SETTING_CHOICE && lua_isinteger(L, -2);

        for (size_t i = 0; i < ARRAY_LEN(names) && !known; i++)
            known = lua_type(L, -2) == LUA_TSTRING &&
                    strcmp(lua_tostring(L, -2), names[i]) == 0;
        if (!known) {
            lua_pushfstring(L,
                            "an option has no \"%s\"; it has default, min, "
                            "max, label, help",
                            luaL_tolstring(L, -2, NULL));
            fail(L, at, lua_tostring(L, -1));
        }
        lua_pop(L, 1);
    }
}

static void declare_option(lua_State *L, int index, const struct place *at)
{
    enum setting_type type;
    struct setting *s;

    lua_getfield(L, index, "type");
    type = (enum setting_type)lua_tointeger(L, -1);
    check_fields(L, index, at, type);
    if (lua_getfield(L, index, "default") == LUA_TNIL)
        fail(L, at, "an option needs a default");
    s = add(L, at, type, push_default(L, at, type));
    s->label = text_field(L, index, at, "label");
    s->help = text_field(L, index, at, "help");
    s->has_min = number_field(L, index, at, "min", &s->min);
    s->has_max = number_field(L, index, at, "max", &s->max);
    if (type == SETTING_CHOICE)
        set_choices(L, index, at, s);
    check(L, at, s);
    lua_settop(L, index);
}

/* --- plain values ------------------------------------------------------------------ */

static void declare_table(lua_State *L, int index, const struct place *at)
{
    struct setting *s;

    if (lua_rawlen(L, index) > 0) {
        lua_pushvalue(L, index);
        check(L, at,
              add(L, at, SETTING_LIST, push_default(L, at, SETTING_LIST)));
    } else {
        lua_pushnil(L);
        if (!lua_next(L, index)) {
            add(L, at, SETTING_LIST, "[]");
        } else {
            s = add(L, at, SETTING_SECTION, NULL);
            lua_settop(L, index);
            option_declare(L, s, at->file);
        }
    }
    lua_settop(L, index);
}

/* Declare at->key with the value at the top. */
static void declare(lua_State *L, const struct place *at)
{
    int index = lua_gettop(L);
    enum setting_type type;

    luaL_checkstack(L, 20, "sections are nested too deep");
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN: type = SETTING_BOOLEAN; break;
    case LUA_TSTRING: type = SETTING_STRING; break;
    case LUA_TNUMBER:
        type = lua_isinteger(L, index) ? SETTING_INTEGER : SETTING_NUMBER;
        break;
    case LUA_TTABLE:
        if (is_option(L, index))
            declare_option(L, index, at);
        else
            declare_table(L, index, at);
        return;
    default:
        lua_pushfstring(L, "a setting can't be a %s", luaL_typename(L, index));
        fail(L, at, lua_tostring(L, -1));
        return;
    }
    check(L, at, add(L, at, type, push_default(L, at, type)));
    lua_settop(L, index);
}

void option_declare(lua_State *L, struct setting *section, const char *file)
{
    struct place at = { file, section, "" };
    int table = lua_gettop(L);

    lua_pushnil(L);
    while (lua_next(L, table)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            fail(L, &at, "settings need names, this one has a number");
        at.key = lua_tostring(L, -2);
        declare(L, &at);
        lua_pop(L, 1);
    }
}
