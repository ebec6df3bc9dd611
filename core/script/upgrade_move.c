/*
 * upgrade_move.c - see upgrade_move.h. A section goes member by member, so that
 * what is a default in it stays one; everything else is one value, whatever keys
 * it has.
 */
#include "script/upgrade_move.h"

#include <lauxlib.h>
#include <string.h>

#include "base/json.h"
#include "script/generation.h"
#include "script/json_lua.h"
#include "script/shared.h"
#include "script/upgrade_same.h"

#define STEPS_MAX (SETTING_DEPTH_MAX + 1) /* of a path */

/* The function's upvalues. KEPT: setting (light userdata) → true, of what has to
 * stay chosen; nil until something has. */
enum { GENERATION = 1, CONFIG, KEPT };

/* What is moved in; the indices are good in the function that made it. */
struct moves {
    struct slice text; /* the document, as it was read */
    int config, kept;
};

/* A path, and a member of a section there, and of that … */
struct place {
    struct slice steps[2 * STEPS_MAX];
    size_t n;
    const struct setting *setting; /* that is there; or NULL */
};

static void read_place(lua_State *L, int arg, const struct setting *root,
                       struct place *place)
{
    const char *p = luaL_checkstring(L, arg);

    *place = (struct place){ .setting = root };
    for (;;) {
        struct slice step = { p, strcspn(p, ".") };

        if (step.n == 0 || place->n == STEPS_MAX)
            luaL_error(L, "move: \"%s\" is not the path of a setting",
                       lua_tostring(L, arg));
        place->steps[place->n++] = step;
        place->setting = setting_child(place->setting, step);
        if (!p[step.n])
            return;
        p += step.n + 1;
    }
}

static bool is_section(const struct setting *s)
{
    return s && s->type == SETTING_SECTION;
}

static void push_step(lua_State *L, const struct place *place, size_t i)
{
    lua_pushlstring(L, place->steps[i].p, place->steps[i].n);
}

/* Push the table that the place's last step is in, or nil. make: as needed. */
static void push_parent(lua_State *L, const struct moves *m,
                        const struct place *place, bool make)
{
    lua_pushvalue(L, m->config);
    for (size_t i = 0; i + 1 < place->n && lua_istable(L, -1); i++) {
        push_step(L, place, i);
        if (lua_rawget(L, -2) != LUA_TTABLE && make) {
            lua_pop(L, 1);
            lua_newtable(L);
            push_step(L, place, i);
            lua_pushvalue(L, -2);
            lua_rawset(L, -4);
        }
        lua_remove(L, -2);
    }
    if (lua_istable(L, -1))
        return;
    lua_pop(L, 1);
    lua_pushnil(L);
}

/* --- what stays chosen ------------------------------------------------------------- */

static void mark(lua_State *L, const struct moves *m, const struct setting *s,
                 bool kept)
{
    if (!s || is_section(s) || (!kept && lua_isnil(L, m->kept)))
        return;
    if (lua_isnil(L, m->kept)) {
        lua_newtable(L);
        lua_replace(L, m->kept);
    }
    if (kept)
        lua_pushboolean(L, true);
    else
        lua_pushnil(L);
    lua_rawsetp(L, m->kept, s);
}

static bool is_kept(lua_State *L, const struct moves *m,
                    const struct setting *s)
{
    bool kept;

    if (lua_isnil(L, m->kept))
        return false;
    kept = lua_rawgetp(L, m->kept, s) != LUA_TNIL;
    lua_pop(L, 1);
    return kept;
}

static bool is_in(const struct setting *s, struct slice document)
{
    return json_get(section_part(s->parent, document), s->name).p;
}

/*
 * Was the value at the top chosen: in what was read, moved here, or by a function
 * that assigned it? Where there is no setting, nothing comes from defaults.
 */
static bool is_chosen(lua_State *L, const struct moves *m,
                      const struct setting *s)
{
    return !s || is_section(s) || is_in(s, m->text) || is_kept(L, m, s) ||
           !upgrade_same(L, lua_gettop(L), s, slice_of(s->def));
}

/* --- moving -------------------------------------------------------------------------- */

/* The object is a section, or becomes one: it goes member by member. */
static bool has_members(lua_State *L, int index, const struct setting *from,
                        const struct place *to)
{
    return (is_section(from) || is_section(to->setting)) &&
           upgrade_is_object(L, index);
}

static void move_value(lua_State *L, const struct moves *m,
                       const struct setting *from, const struct place *to);

/* Each member of the table at the top, which is no part of the config any more. */
static void move_members(lua_State *L, const struct moves *m,
                         const struct setting *from, const struct place *to)
{
    int table = lua_gettop(L);

    luaL_checkstack(L, 12, "a config is nested too deep");
    lua_pushnil(L);
    while (lua_next(L, table)) {
        struct place inner = *to;
        struct slice key;

        if (lua_type(L, table + 1) != LUA_TSTRING)
            luaL_error(L, "move: a key is not a text: [%s]",
                       luaL_tolstring(L, table + 1, NULL));
        key.p = lua_tolstring(L, table + 1, &key.n);
        inner.steps[inner.n++] = key;
        inner.setting = setting_child(to->setting, key);
        move_value(L, m, setting_child(from, key), &inner);
        lua_settop(L, table + 1);
    }
}

/* The value at the top, which was at the setting `from`, or at none. */
static void move_value(lua_State *L, const struct moves *m,
                       const struct setting *from, const struct place *to)
{
    int value = lua_gettop(L);
    bool chosen;

    if (has_members(L, value, from, to)) {
        move_members(L, m, from, to);
        return;
    }
    chosen = is_chosen(L, m, from);
    mark(L, m, from, false);
    if (!chosen)
        return;
    push_parent(L, m, to, true);
    push_step(L, to, to->n - 1);
    lua_pushvalue(L, value);
    lua_rawset(L, -3);
    lua_settop(L, value);
    mark(L, m, to->setting, true);
}

/* Is a the same place as b, or in it? */
static bool is_within(const struct place *a, const struct place *b)
{
    for (size_t i = 0; i < b->n; i++)
        if (i == a->n || a->steps[i].n != b->steps[i].n ||
            memcmp(a->steps[i].p, b->steps[i].p, b->steps[i].n) != 0)
            return false;
    return true;
}

/* move(from, to): what the chat has chosen there; if nothing, nothing. */
static int l_move(lua_State *L)
{
    const struct generation *gen =
        lua_touserdata(L, lua_upvalueindex(GENERATION));
    struct moves m = { .config = lua_upvalueindex(CONFIG),
                       .kept = lua_upvalueindex(KEPT) };
    struct place from, to;

    luaL_checkstring(L, 1);
    luaL_checkstring(L, 2);
    if (!gen->upgrading)
        return luaL_error(L, "move: only while an upgrade runs");
    m.text = *gen->upgrading;
    lua_settop(L, 2);
    read_place(L, 1, gen->schema, &from);
    read_place(L, 2, gen->schema, &to);
    push_parent(L, &m, &from, false);
    if (lua_isnil(L, -1))
        return 0;
    push_step(L, &from, from.n - 1);
    lua_pushvalue(L, -1);
    lua_rawget(L, -3);
    lua_insert(L, 3); /* value, parent, key */
    lua_pushnil(L);
    lua_rawset(L, -3);
    lua_settop(L, 3);
    if (is_within(&to, &from) && has_members(L, 3, from.setting, &to))
        return luaL_error(L, "move: the section \"%s\" can't go into itself",
                          lua_tostring(L, 1));
    if (!lua_isnil(L, 3))
        move_value(L, &m, from.setting, &to);
    return 0;
}

void moves_begin(lua_State *L, struct generation *gen, const struct slice *text,
                 int config)
{
    gen->upgrading = text;
    if (gen->move_ref == LUA_NOREF) {
        lua_pushlightuserdata(L, gen);
        lua_pushnil(L);
        lua_pushnil(L);
        lua_pushcclosure(L, l_move, 3);
        gen->move_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->move_ref);
    lua_pushvalue(L, config);
    lua_setupvalue(L, -2, CONFIG);
    lua_pushnil(L);
    lua_setupvalue(L, -2, KEPT);
}

void moves_end(struct generation *gen)
{
    gen->upgrading = NULL;
}

/* --- after the functions --------------------------------------------------------------- */

/* The steps of a setting's path; how many. */
static size_t steps_of(const struct setting *s, struct slice *steps)
{
    size_t n = s->parent->parent ? steps_of(s->parent, steps) : 0;

    steps[n] = slice_of(s->name);
    return n + 1;
}

/* Has the config a value there? */
static bool has_value(lua_State *L, const struct moves *m,
                      const struct place *place)
{
    int top = lua_gettop(L);
    bool has = false;

    push_parent(L, m, place, false);
    if (lua_istable(L, -1)) {
        push_step(L, place, place->n - 1);
        has = lua_rawget(L, -2) != LUA_TNIL;
    }
    lua_settop(L, top);
    return has;
}

/* What is not in the document is as the default. */
static void add_kept(lua_State *L, const struct moves *m,
                     const struct setting *s, struct buf *out, size_t start)
{
    struct slice document = { out->data + start, out->len - start };
    struct place place = { .setting = s };
    struct buf *next;

    place.n = steps_of(s, place.steps);
    if (is_in(s, document) || !has_value(L, m, &place))
        return;
    next = json_push_buf(L);
    json_add_changed(next, document, place.steps, place.n, slice_of(s->def));
    out->len = start;
    buf_add_slice(out, buf_slice(next));
}

void moves_add(lua_State *L, int move, int config, struct buf *out,
               size_t start)
{
    struct moves m = { .config = config };
    int top = lua_gettop(L);

    lua_getupvalue(L, move, KEPT);
    if (lua_istable(L, -1)) {
        lua_pushnil(L);
        while (lua_next(L, top + 1)) {
            add_kept(L, &m, lua_touserdata(L, top + 2), out, start);
            lua_settop(L, top + 2);
        }
    }
    lua_settop(L, top);
}
