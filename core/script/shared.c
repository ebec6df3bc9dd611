/* shared.c - see shared.h. */
#include "script/shared.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "script/derived.h"
#include "script/generation.h"
#include "script/json_lua.h"
#include "script/missing.h"

void shared_push_key(lua_State *L, struct slice raw)
{
    if (memchr(raw.p, '\\', raw.n))
        json_push(L, (struct slice){ raw.p - 1, raw.n + 2 });
    else
        lua_pushlstring(L, raw.p, raw.n);
}

/* json_push() makes ready for a value of any size; most are scalars. */
void shared_push_json(lua_State *L, struct slice value)
{
    int64_t n;

    if (*value.p == '"')
        shared_push_key(L, (struct slice){ value.p + 1, value.n - 2 });
    else if (*value.p == 't' || *value.p == 'f')
        lua_pushboolean(L, *value.p == 't');
    else if (*value.p != '{' && *value.p != '[' && json_to_int(value, &n))
        lua_pushinteger(L, n);
    else
        json_push(L, value);
}

/* --- the defaults ----------------------------------------------------------------- */

static void push_defaults(lua_State *L, const struct setting *section)
{
    luaL_checkstack(L, 4, "sections are nested too deep");
    lua_createtable(L, 0, (int)section->nchildren);
    for (size_t i = 0; i < section->nchildren; i++) {
        const struct setting *s = section->children[i];

        if (s->type == SETTING_SECTION)
            push_defaults(L, s);
        else
            json_push(L, slice_of(s->def));
        lua_setfield(L, -2, s->name);
    }
}

struct shared *shared_of(lua_State *L, struct generation *gen)
{
    struct shared *shared = gen->shared;
    int defaults, derived, box_ref;
    struct generation **box;

    if (shared)
        return shared;
    push_defaults(L, gen->schema);
    defaults = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    derived = luaL_ref(L, LUA_REGISTRYINDEX);
    box = lua_newuserdatauv(L, sizeof(*box), 0);
    *box = gen;
    box_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    shared = xalloc(sizeof(*shared)); /* from here on nothing raises */
    shared->L = gen->L;
    shared->defaults_ref = defaults;
    shared->derived_ref = derived;
    shared->box_ref = box_ref;
    shared->box = box;
    TAILQ_INIT(&shared->derived);
    gen->shared = shared;
    return shared;
}

void shared_free(struct shared *shared)
{
    if (!shared)
        return;
    derived_forget_all(shared);
    missing_free(shared->missing);
    *shared->box = NULL;
    luaL_unref(shared->L, LUA_REGISTRYINDEX, shared->box_ref);
    luaL_unref(shared->L, LUA_REGISTRYINDEX, shared->defaults_ref);
    luaL_unref(shared->L, LUA_REGISTRYINDEX, shared->derived_ref);
    free(shared);
}

static void push_part(lua_State *L, const struct shared *shared,
                      const struct setting *section)
{
    if (!section->parent) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, shared->defaults_ref);
        return;
    }
    push_part(L, shared, section->parent);
    lua_getfield(L, -1, section->name);
    lua_remove(L, -2);
}

void shared_push_defaults(lua_State *L, struct generation *gen,
                          const struct setting *section)
{
    push_part(L, shared_of(L, gen), section);
}

/* --- a section as the chat has it ----------------------------------------------------- */

struct slice section_part(const struct setting *section, struct slice document)
{
    struct slice part = document;

    if (section->parent) {
        part = section_part(section->parent, document);
        if (part.p)
            part = json_get(part, section->name);
    }
    return part.p && json_kind(part) == JSON_OBJECT ? part : SLICE_NONE;
}

void shared_push_section(lua_State *L, struct generation *gen,
                         const struct setting *section, struct slice part)
{
    luaL_checkstack(L, 6, "sections are nested too deep");
    lua_createtable(L, 0, (int)section->nchildren);
    for (size_t i = 0; i < section->nchildren; i++) {
        const struct setting *s = section->children[i];
        struct slice value = part.p ? json_get(part, s->name) : SLICE_NONE;
        bool fits = value.p && setting_fits(s, value);

        if (s->type == SETTING_SECTION)
            shared_push_section(L, gen, s, fits ? value : SLICE_NONE);
        else
            shared_push_json(L, fits ? value : slice_of(s->def));
        if (lua_islightuserdata(L, -1)) {
            lua_pop(L, 1);
            lua_pushnil(L);
        }
        lua_setfield(L, -2, s->name);
    }
}

/* --- everything, for upgrades ------------------------------------------------------------ */

/* Push a copy of the table at the top, which is a section's defaults. */
static void push_copy(lua_State *L, const struct setting *section)
{
    int from = lua_gettop(L);

    luaL_checkstack(L, 6, "sections are nested too deep");
    lua_createtable(L, 0, (int)section->nchildren);
    lua_pushnil(L);
    while (lua_next(L, from)) {           /* copy, key, value */
        if (lua_islightuserdata(L, -1)) { /* null */
            lua_pop(L, 1);
            continue;
        }
        if (lua_istable(L, -1)) {
            struct slice name;
            const struct setting *s;

            name.p = lua_tolstring(L, -2, &name.n);
            s = setting_child(section, name);
            if (s->type == SETTING_SECTION)
                push_copy(L, s);
            else
                json_push(L, slice_of(s->def));
            lua_replace(L, -2);
        }
        lua_pushvalue(L, -2);
        lua_insert(L, -2); /* copy, key, key, value */
        lua_rawset(L, from + 1);
    }
}

/* Put the overrides over the defaults in the table at the top. */
static void lay_over(lua_State *L, const struct setting *section,
                     struct slice overrides)
{
    struct json_iter it;
    const struct setting *s;

    luaL_checkstack(L, 6, "a config is nested too deep");
    json_iter_init(&it, overrides);
    while (json_iter_next(&it)) {
        shared_push_key(L, it.key);
        s = setting_child(section, it.key);
        if (s && s->type == SETTING_SECTION &&
            json_kind(it.value) == JSON_OBJECT) {
            lua_pushvalue(L, -1);
            if (lua_rawget(L, -3) != LUA_TTABLE) { /* a key twice */
                lua_pop(L, 1);
                lua_newtable(L);
            }
            lay_over(L, s, it.value);
        } else {
            shared_push_json(L, it.value);
        }
        lua_rawset(L, -3);
    }
}

void shared_push_merged(lua_State *L, struct generation *gen,
                        struct slice document)
{
    shared_push_defaults(L, gen, gen->schema);
    push_copy(L, gen->schema);
    lua_remove(L, -2);
    lay_over(L, gen->schema, document);
}
