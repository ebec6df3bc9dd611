/* option_declare.c - what a defaults/ file returns becomes settings. */
#include <lauxlib.h>
#include <string.h>

#include "base/json.h"
#include "config/store.h"
#include "script/json_lua.h"
#include "script/option_int.h"

static void declare_table(lua_State *L, int index,
                          const struct option_place *of,
                          struct setting *section);

static struct setting *add(lua_State *L, const struct option_place *at,
                           enum setting_type type)
{
    struct err err = ERR_INIT;
    struct setting *s = schema_add(at->section, at->key, type, NULL, &err);

    if (!s)
        option_fail(L, at, "%s", err.text);
    return s;
}

/* An option among the values of a list, where it can mean nothing. */
static void check_no_option(lua_State *L, int index,
                            const struct option_place *at)
{
    bool found = option_kind_of(L, index);

    if (!lua_istable(L, index))
        return;
    lua_pushnil(L);
    while (!found && lua_next(L, index)) {
        found = option_kind_of(L, lua_gettop(L));
        lua_pop(L, 1);
    }
    if (found)
        option_fail(L, at,
                    "a value can't be an option; what is in a list is said "
                    "by option.list{ of = … }");
}

/* The value at index is the default. */
static void set_default(lua_State *L, int index, const struct option_place *at,
                        struct setting *s)
{
    /* Nested so deep it can be stored once it is in its sections. */
    struct json_lua_options o = { .depth_max =
                                      CONFIG_DEPTH_MAX - SETTING_DEPTH_MAX };
    struct buf *json = json_push_buf(L), *shaped = json_push_buf(L);
    struct err err = ERR_INIT;

    check_no_option(L, index, at);
    if (!json_add_lua(L, index, &o, json, &err))
        option_fail(L, at, "the default does not fit: %s", err.text);
    setting_add_shaped(s, buf_slice(json), shaped);
    s->def = xstrdup(shaped->data);
    if (!schema_check_default(s, &err))
        option_fail_text(L, at, err.text);
    lua_pop(L, 2);
}

/* --- options ------------------------------------------------------------------------- */

/* The option.section{} at index says what is in the section s. */
static void fill_section(lua_State *L, int index, const struct option_place *at,
                         const struct option_kind *kind, struct setting *s)
{
    struct option_place inner = *at;

    option_read_fields(L, index, at, kind, kind->fields, s);
    if (lua_getfield(L, index, "settings") != LUA_TTABLE)
        option_fail(L, at,
                    "option.section needs settings: option.section{ settings "
                    "= { … } }");
    if (option_kind_of(L, lua_gettop(L)))
        option_fail(L, at, "settings is a table of settings, not an option");
    inner.where = NULL;
    declare_table(L, lua_gettop(L), &inner, s);
}

static void declare_option(lua_State *L, int index,
                           const struct option_place *place,
                           const struct option_kind *kind)
{
    struct option_place at = *place;
    struct setting *s;

    at.where = option_push_where(L, index);
    s = add(L, &at, kind->type);
    if (kind->type == SETTING_SECTION) {
        fill_section(L, index, &at, kind, s);
        return;
    }
    option_read_fields(L, index, &at, kind, kind->fields, s);
    if (lua_getfield(L, index, "default") != LUA_TNIL)
        set_default(L, lua_gettop(L), &at, s);
    else if (s->type == SETTING_CHAT || s->type == SETTING_USER)
        s->def = xstrdup("null");
    else
        option_fail(L, &at, "option.%s needs a default", kind->name);
}

/* --- plain values --------------------------------------------------------------------- */

static void declare_plain_table(lua_State *L, int index,
                                const struct option_place *at)
{
    lua_pushnil(L);
    if (lua_rawlen(L, index) == 0 && lua_next(L, index)) {
        declare_table(L, index, at, add(L, at, SETTING_SECTION));
        return;
    }
    lua_settop(L, index);
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) == LUA_TSTRING)
            option_fail(L, at,
                        "a table is a list or a section; this one has both "
                        "[1] and \"%s\"",
                        lua_tostring(L, -2));
        lua_pop(L, 1);
    }
    set_default(L, index, at, add(L, at, SETTING_LIST));
}

/* Declare at->key with the value at the top. */
static void declare(lua_State *L, const struct option_place *at)
{
    int index = lua_gettop(L);
    const struct option_kind *kind = option_kind_of(L, index);
    enum setting_type type;

    luaL_checkstack(L, 20, "sections are nested too deep");
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN: type = SETTING_BOOLEAN; break;
    case LUA_TSTRING: type = SETTING_STRING; break;
    case LUA_TNUMBER:
        type = lua_isinteger(L, index) ? SETTING_INTEGER : SETTING_NUMBER;
        break;
    case LUA_TTABLE:
        if (kind)
            declare_option(L, index, at, kind);
        else
            declare_plain_table(L, index, at);
        return;
    default:
        option_fail(L, at, "a setting can't be a %s", luaL_typename(L, index));
        return;
    }
    set_default(L, index, at, add(L, at, type));
}

/* A key with a NUL in it would be cut. */
static const char *check_key(lua_State *L, const struct option_place *at)
{
    size_t n;
    const char *key;

    if (lua_type(L, -2) != LUA_TSTRING)
        option_fail(L, at, "settings need names, this one has a %s",
                    luaL_typename(L, -2));
    key = lua_tolstring(L, -2, &n);
    if (strlen(key) != n)
        option_fail(L, at, "a name can't hold a NUL byte");
    return key;
}

/* The settings in the table at index are the section's. of: where it is. */
static void declare_table(lua_State *L, int index,
                          const struct option_place *of,
                          struct setting *section)
{
    struct option_place at = *of;

    at.section = section;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        int value = lua_gettop(L);

        at.key = "";
        at.key = check_key(L, &at);
        declare(L, &at);
        lua_settop(L, value - 1);
    }
}

/* --- a file ---------------------------------------------------------------------------- */

static void check_returned(lua_State *L, const struct option_kind *kind,
                           const char *file, bool is_root)
{
    if (!lua_istable(L, -1))
        luaL_error(L, "%s: must return a table of settings, returned %s", file,
                   luaL_typename(L, -1));
    if (kind && (is_root || kind->type != SETTING_SECTION))
        luaL_error(L, "%s: must return a table of settings, returned option.%s",
                   file, kind->name);
}

void option_declare_file(lua_State *L, struct generation *gen, const char *file)
{
    int index = lua_gettop(L);
    const struct option_kind *kind = option_kind_of(L, index);
    const char *name = strrchr(file, '/') + 1;
    bool is_root = strcmp(name, "init.lua") == 0;
    struct option_place at = { gen->dir, file, gen->schema, gen->schema,
                               "",       NULL, NULL };
    struct setting *section = gen->schema;
    struct err err = ERR_INIT;

    check_returned(L, kind, file, is_root);
    if (!is_root) {
        name = lua_pushlstring(L, name, strlen(name) - 4);
        section = schema_add(gen->schema, name, SETTING_SECTION, NULL, &err);
        if (!section)
            luaL_error(L, "%s: %s", file, err.text);
        at.base = at.section = section;
    }
    if (kind) {
        at.where = option_push_where(L, index);
        fill_section(L, index, &at, kind, section);
    } else {
        declare_table(L, index, &at, section);
    }
    lua_settop(L, index);
}
