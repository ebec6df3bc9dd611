/* derived.c - see derived.h; view_push_derived() of view.h is here. */
#include "script/derived.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "script/view_int.h"
#include "script/vm.h"

struct derived {
    struct config_attachment attachment;
    struct shared *shared; /* NULL: of a generation that is gone */
    int ref;               /* section's name → value */
    TAILQ_ENTRY(derived) link;
};

static const char nil_mark; /* stands for nil in such a table */

/* --- what is kept with a config ----------------------------------------------------- */

/* Lua may be in the middle of anything: only the reference is let go. */
static void drop(struct derived *d)
{
    if (!d->shared)
        return;
    luaL_unref(d->shared->L, LUA_REGISTRYINDEX, d->ref);
    TAILQ_REMOVE(&d->shared->derived, d, link);
    d->shared->nderived--;
    d->shared = NULL;
}

static void free_derived(struct config_attachment *attachment)
{
    drop((struct derived *)attachment);
    free(attachment);
}

void derived_forget_all(struct shared *shared)
{
    struct derived *d;

    while ((d = TAILQ_FIRST(&shared->derived)))
        drop(d);
}

static struct derived *attached_to(struct config *config)
{
    struct derived *d = (struct derived *)config->attached;

    if (d)
        return d;
    d = xalloc(sizeof(*d));
    d->attachment.free = free_derived;
    config->attached = &d->attachment;
    return d;
}

/* Push the table that is kept with the config. */
static void push_kept(lua_State *L, struct shared *shared,
                      struct config *config)
{
    struct derived *d = attached_to(config);

    if (d->shared == shared) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, d->ref);
        TAILQ_REMOVE(&shared->derived, d, link);
    } else {
        int ref;

        lua_newtable(L);
        lua_pushvalue(L, -1);
        ref = luaL_ref(L, LUA_REGISTRYINDEX);
        drop(d);
        d->ref = ref;
        d->shared = shared;
        shared->nderived++;
    }
    TAILQ_INSERT_TAIL(&shared->derived, d, link);
    if (shared->nderived > DERIVED_CHATS_MAX)
        drop(TAILQ_FIRST(&shared->derived));
}

/* --- making them ---------------------------------------------------------------------- */

/* Push what derive() makes of the section. Its error is the reader's. */
static void compute(lua_State *L, struct view *v, const struct setting *section,
                    struct slice part)
{
    struct buf *why;

    lua_rawgeti(L, LUA_REGISTRYINDEX, section->derive);
    shared_push_section(L, v->gen, section, part);
    if (lua_pcall(L, 1, 1, 0) == LUA_OK)
        return;
    why = json_push_buf(L);
    vm_add_error(L, -2, why);
    luaL_error(L, "ctx.derived.%s: %s", section->name, why->data);
}

/* Push the value out of the table at the top, made if it is not there. */
static void from_table(lua_State *L, struct view *v,
                       const struct setting *section, struct slice part)
{
    int table = lua_gettop(L);

    if (lua_getfield(L, table, section->name) == LUA_TNIL) {
        lua_pop(L, 1);
        compute(L, v, section, part); /* table, value */
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            lua_pushlightuserdata(L, (void *)&nil_mark);
        }
        lua_pushvalue(L, -1);
        lua_setfield(L, table, section->name);
    }
    if (lua_touserdata(L, -1) == &nil_mark)
        lua_pushnil(L);
}

static bool same_text(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Push the value made of what the task has assigned and not committed: not kept.
 * False: nothing of it is in this section. */
static bool push_uncommitted(lua_State *L, struct view *v,
                             const struct setting *section)
{
    struct slice stored = section_part(section, v->config->text), now;
    struct buf *document;

    if (!view_is_changed(v))
        return false;
    view_collect(L, v);
    document = json_push_buf(L);
    config_patch_apply(&v->patch, v->config->text, document);
    now = section_part(section, buf_slice(document));
    if (same_text(stored, now))
        return false;
    compute(L, v, section, now);
    return true;
}

static int push_value(lua_State *L, int status, lua_KContext ctx)
{
    const struct setting *section = (const struct setting *)ctx;
    struct view *v = lua_touserdata(L, lua_upvalueindex(1));
    struct shared *shared = shared_of(L, v->gen);
    struct slice part = section_part(section, v->config->text);

    (void)status;
    if (push_uncommitted(L, v, section))
        return 1;
    if (part.p)
        push_kept(L, shared, v->config);
    else
        lua_rawgeti(L, LUA_REGISTRYINDEX, shared->derived_ref);
    from_table(L, v, section, part);
    return 1;
}

/* --- ctx.derived ------------------------------------------------------------------------ */

static int no_derive(lua_State *L, const struct setting *root)
{
    struct buf *text = json_push_buf(L);
    int n = 0;

    luaL_tolstring(L, 2, NULL);
    buf_addf(text, "ctx.derived has no \"%s\"; ", lua_tostring(L, -1));
    for (size_t i = 0; i < root->nchildren; i++)
        if (root->children[i]->derive)
            buf_addf(text, "%s%s",
                     n++ ? ", " : "a derive function have the sections ",
                     root->children[i]->name);
    if (n == 0)
        buf_adds(text, "no section has a derive function");
    return luaL_error(L, "%s", text->data);
}

/* Upvalue 1: the view. */
static int derived_index(lua_State *L)
{
    struct view *v = lua_touserdata(L, lua_upvalueindex(1));
    const struct setting *section = NULL;
    struct slice key;

    lua_settop(L, 2);
    view_check_alive(L, v);
    if (lua_type(L, 2) == LUA_TSTRING) {
        key.p = lua_tolstring(L, 2, &key.n);
        section = setting_child(v->gen->schema, key);
    }
    if (!section || !section->derive)
        return no_derive(L, v->gen->schema);
    return view_load(L, v, section, (lua_KContext)section, push_value);
}

static int derived_newindex(lua_State *L)
{
    return luaL_error(L, "ctx.derived can't be assigned to: its values come "
                         "from derive functions in defaults/");
}

static int derived_pairs(lua_State *L)
{
    return luaL_error(L, "ctx.derived can't be gone over: read its sections "
                         "by their names");
}

void view_push_derived(lua_State *L, struct view *v)
{
    lua_newtable(L);
    lua_createtable(L, 0, 4);
    view_push_self(L, v);
    lua_pushcclosure(L, derived_index, 1);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, derived_newindex);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, derived_pairs);
    lua_setfield(L, -2, "__pairs");
    lua_pushboolean(L, false);
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}
