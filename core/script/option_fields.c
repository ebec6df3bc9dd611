/* option_fields.c - what an option's table says: min, max, of, label … */
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "script/json_lua.h"
#include "script/option_int.h"
#include "script/pattern.h"

/* In the order in which messages name them. */
static const struct {
    const char *name;
    int field;
} fields_by_name[] = {
    { "default", FIELD_DEFAULT },   { "min", FIELD_MIN },
    { "max", FIELD_MAX },           { "unit", FIELD_UNIT },
    { "pattern", FIELD_PATTERN },   { "of", FIELD_OF },
    { "settings", FIELD_SETTINGS }, { "lazy", FIELD_LAZY },
    { "derive", FIELD_DERIVE },     { "label", FIELD_LABEL },
    { "help", FIELD_HELP },         { "private", FIELD_PRIVATE },
};

/* What an option in `of` can't have: it is no setting of its own. */
#define FIELDS_OF_SETTING                                                      \
    (FIELD_DEFAULT | FIELD_LABEL | FIELD_HELP | FIELD_PRIVATE)

/* --- misspelt ones ----------------------------------------------------------------- */

static bool is_field(lua_State *L, int index, int key, int fields)
{
    const char *name =
        lua_type(L, key) == LUA_TSTRING ? lua_tostring(L, key) : "";

    if (lua_islightuserdata(L, key)) /* our marks */
        return true;
    if (lua_isinteger(L, key))
        return (fields & FIELD_CHOICES) && lua_tointeger(L, key) > 0 &&
               (lua_Unsigned)lua_tointeger(L, key) <= lua_rawlen(L, index);
    for (size_t i = 0; i < ARRAY_LEN(fields_by_name); i++)
        if (strcmp(fields_by_name[i].name, name) == 0)
            return fields & fields_by_name[i].field;
    return false;
}

static void no_such_field(lua_State *L, const struct option_place *at,
                          const struct option_kind *kind, int fields)
{
    const char *key = luaL_tolstring(L, -2, NULL);
    struct buf *has = json_push_buf(L);

    if (fields & FIELD_CHOICES)
        buf_adds(has, "[1], [2], …");
    for (size_t i = 0; i < ARRAY_LEN(fields_by_name); i++)
        if (fields & fields_by_name[i].field)
            buf_addf(has, "%s%s", has->len ? ", " : "", fields_by_name[i].name);
    option_fail(L, at, "option.%s%s has no \"%s\"; it has %s", kind->name,
                at->element ? " in \"of\"" : "", key,
                has->len ? has->data : "nothing");
}

/* One that is misspelt would be ignored without this. */
static void check_fields(lua_State *L, int index, const struct option_place *at,
                         const struct option_kind *kind, int fields)
{
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (!is_field(L, index, lua_gettop(L) - 1, fields))
            no_such_field(L, at, kind, fields);
        lua_pop(L, 1);
    }
}

/* --- one by one ----------------------------------------------------------------------- */

/* The text at the top, which people will see; name: of the field. */
static char *take_text(lua_State *L, const struct option_place *at,
                       const char *name)
{
    struct buf *scratch = json_push_buf(L);
    struct err ignored = ERR_INIT;
    struct slice text;

    if (lua_type(L, -2) != LUA_TSTRING)
        option_fail(L, at, "%s must be text, got %s", name,
                    luaL_typename(L, -2));
    text.p = lua_tolstring(L, -2, &text.n);
    if (memchr(text.p, '\0', text.n) ||
        !json_add_string(scratch, text, &ignored))
        option_fail(L, at, "%s must be text in UTF-8", name);
    lua_pop(L, 2);
    return slice_dup(text); /* the option holds it */
}

static char *text_field(lua_State *L, int index, const struct option_place *at,
                        const char *name)
{
    if (lua_getfield(L, index, name) != LUA_TNIL)
        return take_text(L, at, name);
    lua_pop(L, 1);
    return NULL;
}

static bool flag_field(lua_State *L, int index, const struct option_place *at,
                       const char *name)
{
    int type = lua_getfield(L, index, name);
    bool value = lua_toboolean(L, -1);

    if (type != LUA_TNIL && type != LUA_TBOOLEAN)
        option_fail(L, at, "%s must be true or false, got %s", name,
                    luaL_typename(L, -1));
    lua_pop(L, 1);
    return value;
}

static bool limit_field(lua_State *L, int index, const struct option_place *at,
                        const char *name, enum setting_type type, double *out)
{
    bool has = lua_getfield(L, index, name) != LUA_TNIL;

    if (has && lua_type(L, -1) != LUA_TNUMBER)
        option_fail(L, at, "%s must be a number, got %s", name,
                    luaL_typename(L, -1));
    *out = has ? lua_tonumber(L, -1) : 0;
    if (!isfinite(*out))
        option_fail(L, at, "%s must be a finite number", name);
    if (type != SETTING_NUMBER && trunc(*out) != *out)
        option_fail(L, at, "%s must be a whole number, got %f", name, *out);
    if (type != SETTING_NUMBER && type != SETTING_INTEGER && *out < 0)
        option_fail(L, at, "%s counts something: it can't be below 0", name);
    lua_pop(L, 1);
    return has;
}

static void read_limits(lua_State *L, int index, const struct option_place *at,
                        struct setting *s)
{
    s->has_min = limit_field(L, index, at, "min", s->type, &s->min);
    s->has_max = limit_field(L, index, at, "max", s->type, &s->max);
    if (s->has_min && s->has_max && s->min > s->max)
        option_fail(L, at, "min is larger than max: nothing would fit");
}

static void read_pattern(lua_State *L, int index, const struct option_place *at,
                         struct setting *s)
{
    struct err err = ERR_INIT;

    s->pattern = text_field(L, index, at, "pattern");
    if (s->pattern && !pattern_check(s->pattern, &err))
        option_fail(L, at, "pattern \"%s\": %s", s->pattern, err.text);
}

static void check_twice(lua_State *L, const struct option_place *at,
                        const struct setting *s, const char *choice)
{
    for (char **c = s->choices; *c; c++)
        if (*c != choice && strcmp(*c, choice) == 0)
            option_fail(L, at, "the choice \"%s\" is there twice", choice);
}

static void read_choices(lua_State *L, int index, const struct option_place *at,
                         struct setting *s)
{
    lua_Integer n = (lua_Integer)lua_rawlen(L, index);

    if (n == 0)
        option_fail(L, at,
                    "option.choice needs choices: option.choice{ \"a\", "
                    "\"b\", default = \"a\" }");
    s->choices = xalloc((size_t)(n + 1) * sizeof(*s->choices));
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, index, i);
        s->choices[i - 1] = take_text(L, at, "a choice");
        check_twice(L, at, s, s->choices[i - 1]);
    }
}

/* The option in `of`: what is in a list or map. */
static void read_element(lua_State *L, int index, const struct option_place *at,
                         struct setting *s)
{
    struct option_place inner = *at;
    const struct option_kind *kind;
    struct setting *element;
    struct err err = ERR_INIT;
    int of;

    if (lua_getfield(L, index, "of") == LUA_TNIL) {
        lua_pop(L, 1);
        return;
    }
    luaL_checkstack(L, 20, "lists are nested too deep");
    of = lua_gettop(L);
    kind = option_kind_of(L, of);
    if (!kind || kind->type == SETTING_SECTION)
        option_fail(L, at,
                    "of must be an option that is no section: of = "
                    "option.string{ max = 50 }");
    element = schema_add_element(s, kind->type, &err);
    if (!element)
        option_fail(L, at, "%s", err.text);
    inner.element = element;
    inner.where = option_push_where(L, of);
    option_read_fields(L, of, &inner, kind, kind->fields & ~FIELDS_OF_SETTING,
                       element);
    lua_settop(L, of - 1);
}

/* --- sections --------------------------------------------------------------------------- */

static void read_derive(lua_State *L, int index, const struct option_place *at,
                        struct setting *s)
{
    int type = lua_getfield(L, index, "derive");

    if (type != LUA_TNIL && type != LUA_TFUNCTION)
        option_fail(L, at, "derive must be a function, got %s",
                    luaL_typename(L, -1));
    if (type == LUA_TFUNCTION && s->parent->parent)
        option_fail(L, at, "only sections at the top level can have derive");
    if (type == LUA_TFUNCTION)
        s->derive = luaL_ref(L, LUA_REGISTRYINDEX); /* generation.c frees it */
    else
        lua_pop(L, 1);
}

static void read_lazy(lua_State *L, int index, const struct option_place *at,
                      struct setting *s)
{
    struct err err = ERR_INIT;

    if (flag_field(L, index, at, "lazy") && !schema_set_lazy(s, &err))
        option_fail(L, at, "%s", err.text);
}

/* --- all of them -------------------------------------------------------------------------- */

void option_read_fields(lua_State *L, int index, const struct option_place *at,
                        const struct option_kind *kind, int fields,
                        struct setting *s)
{
    check_fields(L, index, at, kind, fields);
    if (fields & FIELD_LABEL)
        s->label = text_field(L, index, at, "label");
    if (fields & FIELD_HELP)
        s->help = text_field(L, index, at, "help");
    if (fields & FIELD_PRIVATE)
        s->is_private = flag_field(L, index, at, "private");
    if (fields & FIELD_UNIT)
        s->unit = text_field(L, index, at, "unit");
    if (fields & FIELD_MIN)
        read_limits(L, index, at, s);
    if (fields & FIELD_PATTERN)
        read_pattern(L, index, at, s);
    if (fields & FIELD_CHOICES)
        read_choices(L, index, at, s);
    if (fields & FIELD_OF)
        read_element(L, index, at, s);
    if (fields & FIELD_LAZY)
        read_lazy(L, index, at, s);
    if (fields & FIELD_DERIVE)
        read_derive(L, index, at, s);
}
