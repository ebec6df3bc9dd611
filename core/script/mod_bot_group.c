/*
 * mod_bot_group.c - bot.group{ … }: conditions for the handlers that are
 * registered on it.
 */
#include <stdlib.h>
#include <string.h>

#include "script/filter_table.h"
#include "script/register.h"

#define WHAT "bot.group"

static const char
    box_key; /* in the registry: the metatable of what is filled */

static int free_box(lua_State *L)
{
    struct group *g = lua_touserdata(L, 1);

    group_release(g);
    memset(g, 0, sizeof(*g));
    return 0;
}

/* Push a group to be filled, which the collector frees if anything raises. */
static struct group *begin(lua_State *L)
{
    struct group *g = register_box(L, sizeof(*g), &box_key, free_box);

    g->source = register_source(L);
    g->parent = register_group(L);
    return g;
}

/* --- conditions, each with its value at the top --------------------------------------- */

static void add_chat_type(lua_State *L, int index, void *arg)
{
    struct group *g = arg;
    const char *name = lua_tostring(L, index);
    unsigned bit = chat_type_bit(slice_of(name));

    if (!bit)
        luaL_error(L,
                   WHAT ": chat_type: \"private\", \"group\", \"supergroup\" "
                        "or \"channel\" is expected, got \"%s\"",
                   name);
    g->chat_types |= bit;
}

static void read_chat_type(lua_State *L, struct group *g)
{
    register_each(L, lua_gettop(L), WHAT ": chat_type", add_chat_type, g);
}

static int64_t check_id(lua_State *L, int index, const char *what)
{
    int is_integer = 0;
    int64_t id = lua_tointegerx(L, index, &is_integer);

    if (!is_integer || lua_type(L, index) != LUA_TNUMBER || id == 0)
        luaL_error(L, WHAT ": %s: an id or a list of ids is expected, got %s",
                   what, luaL_typename(L, index));
    return id;
}

static void read_ids(lua_State *L, struct id_list *list, const char *what)
{
    int index = lua_gettop(L);
    lua_Integer n;

    if (!lua_istable(L, index)) {
        id_list_add(list, check_id(L, index, what));
        return;
    }
    n = (lua_Integer)lua_rawlen(L, index);
    if (n == 0)
        luaL_error(L, WHAT ": %s: the list is empty", what);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, index, i);
        id_list_add(list, check_id(L, index + 1, what));
        lua_pop(L, 1);
    }
}

static void read_chat(lua_State *L, struct group *g)
{
    read_ids(L, &g->chats, "chat");
}

static void read_user(lua_State *L, struct group *g)
{
    read_ids(L, &g->users, "user");
}

static void read_topic(lua_State *L, struct group *g)
{
    if (lua_isboolean(L, -1)) {
        g->topic = lua_toboolean(L, -1) ? TOPIC_SOME : TOPIC_NONE;
        return;
    }
    g->topic = TOPIC_LISTED;
    read_ids(L, &g->topics, "topic");
}

static void read_admin(lua_State *L, struct group *g)
{
    if (!lua_isboolean(L, -1))
        luaL_error(L, WHAT ": admin: true or false is expected, got %s",
                   luaL_typename(L, -1));
    g->admin = lua_toboolean(L, -1) ? ADMIN_YES : ADMIN_NO;
}

struct rights {
    struct group *g;
    int n;
};

/* The right of this name, or the one that comes nearest. */
static const char *find_right(const char *name)
{
    const char *best = filter_rights[0];

    for (const char *const *right = filter_rights; *right; right++)
        if (filter_distance(slice_of(name), *right) <
            filter_distance(slice_of(name), best))
            best = *right;
    return best;
}

static void add_right(lua_State *L, int index, void *arg)
{
    struct rights *r = arg;
    const char *name = lua_tostring(L, index), *nearest = find_right(name);

    if (strcmp(name, nearest) != 0)
        luaL_error(L, WHAT ": rights: there is no \"%s\"; did you mean \"%s\"?",
                   name, nearest);
    r->g->rights =
        xrealloc(r->g->rights, (size_t)(r->n + 2) * sizeof(*r->g->rights));
    r->g->rights[r->n++] = xstrdup(name);
    r->g->rights[r->n] = NULL;
}

static void read_rights(lua_State *L, struct group *g)
{
    struct rights r = { .g = g };

    register_each(L, lua_gettop(L), WHAT ": rights", add_right, &r);
}

static void add_filter(lua_State *L, int index, void *arg)
{
    struct group *g = arg;
    const char *text = lua_tostring(L, index);
    struct filter f;
    struct err err = ERR_INIT;

    if (!filter_parse(&f, text, &err))
        luaL_error(L, WHAT ": on = \"%s\": %s", text, err.text);
    g->on = xrealloc(g->on, (size_t)(g->non + 1) * sizeof(*g->on));
    g->on[g->non++] = f;
}

static void read_on(lua_State *L, struct group *g)
{
    register_each(L, lua_gettop(L), WHAT ": on", add_filter, g);
}

static void read_when(lua_State *L, struct group *g)
{
    if (!lua_isfunction(L, -1))
        luaL_error(L, WHAT ": when: a function is expected, got %s",
                   luaL_typename(L, -1));
    g->has_when = true;
}

static const struct condition {
    const char *name;
    void (*read)(lua_State *L, struct group *g);
} conditions[] = {
    { "admin", read_admin },         { "chat", read_chat },
    { "chat_type", read_chat_type }, { "on", read_on },
    { "rights", read_rights },       { "topic", read_topic },
    { "user", read_user },           { "when", read_when },
};

static void read_conditions(lua_State *L, struct group *g)
{
    const char *known[ARRAY_LEN(conditions) + 1] = { NULL };
    bool any = false;

    for (size_t i = 0; i < ARRAY_LEN(conditions); i++)
        known[i] = conditions[i].name;
    register_check_keys(L, 1, WHAT, known);
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
        if (lua_getfield(L, 1, conditions[i].name) != LUA_TNIL) {
            conditions[i].read(L, g);
            any = true;
        }
        lua_pop(L, 1);
    }
    if (!any)
        luaL_error(L, WHAT ": without conditions it is the same as bot");
    if (g->admin == ADMIN_NO && g->rights)
        luaL_error(L, WHAT ": rights are of administrators: admin = false "
                           "never goes with them");
}

/* --- the object --------------------------------------------------------------------------- */

static int group_index(lua_State *L)
{
    const char *key = luaL_tolstring(L, 2, NULL);
    luaL_Buffer b;

    luaL_buffinit(L, &b);
    for (const luaL_Reg *f = register_functions; f->name; f++) {
        luaL_addstring(&b, f == register_functions ? "" : ", ");
        luaL_addstring(&b, f->name);
    }
    luaL_pushresult(&b);
    return luaL_error(L, "a group has no %s; it has %s", key,
                      lua_tostring(L, -1));
}

static void push_object(lua_State *L, struct generation *gen, int number)
{
    lua_newtable(L);
    lua_pushlightuserdata(L, gen);
    lua_pushinteger(L, number);
    luaL_setfuncs(L, register_functions, 2);
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, group_index);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}

/* The function stands among handlers', under its group's number below 0. */
static void keep_when(lua_State *L, const struct generation *gen, int number)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->functions_ref);
    lua_getfield(L, 1, "when");
    lua_rawseti(L, -2, -number);
    lua_pop(L, 1);
}

/* bot.group{ conditions } -> an object with what bot registers */
int register_new_group(lua_State *L)
{
    struct generation *gen = register_check(L, WHAT);
    struct group *g;
    struct err err = ERR_INIT;
    bool has_when;
    int number;

    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    g = begin(L);
    read_conditions(L, g);
    has_when = g->has_when;
    number = handlers_add_group(&gen->handlers, g, &err);
    memset(g, 0, sizeof(*g)); /* taken, or freed */
    if (!number)
        return luaL_error(L, WHAT ": %s", err.text);
    if (has_when)
        keep_when(L, gen, number);
    push_object(L, gen, number);
    return 1;
}
