/* missing.c - see missing.h. */
#include "script/missing.h"

#include <ctype.h>
#include <lauxlib.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/log.h"
#include "script/filter.h"
#include "script/generation.h"
#include "script/raise.h"
#include "script/shared.h"
#include "script/view_int.h"

#define KEY_MAX 64 /* bytes: what is longer is no slip of the pen */

struct seen {
    UT_hash_handle hh;
    char *path;
};

struct missing {
    struct seen *seen;
};

void missing_free(struct missing *missing)
{
    struct seen *s, *next;

    if (!missing)
        return;
    HASH_ITER (hh, missing->seen, s, next) {
        HASH_DEL(missing->seen, s);
        free(s->path);
        free(s);
    }
    free(missing);
}

/* Is it to be told of? Not for a second time, and not without end. */
static bool note(struct shared *shared, const char *path)
{
    struct seen *s;

    if (!shared->missing)
        shared->missing = xalloc(sizeof(*shared->missing));
    HASH_FIND_STR(shared->missing->seen, path, s);
    if (s || HASH_COUNT(shared->missing->seen) >= MISSING_MAX)
        return false;
    s = xalloc(sizeof(*s));
    s->path = xstrdup(path);
    HASH_ADD_KEYPTR(hh, shared->missing->seen, s->path, strlen(s->path), s);
    return true;
}

static const char *nearest(const struct setting *section, struct slice key)
{
    int best = 2 + (int)key.n / 3;
    const char *name = NULL;

    for (size_t i = 0; i < section->nchildren; i++) {
        int distance = filter_distance(key, section->children[i]->name);

        if (distance < best) { /* of those that are as near, the first */
            best = distance;
            name = section->children[i]->name;
        }
    }
    return name;
}

static bool is_likely(struct slice key)
{
    for (size_t i = 0; i < key.n; i++)
        if (iscntrl((unsigned char)key.p[i]))
            return false;
    return key.n > 0 && key.n <= KEY_MAX;
}

void missing_tell(lua_State *L, struct generation *gen,
                  const struct setting *section, struct slice key)
{
    int top = lua_gettop(L);
    const char *meant, *section_path;
    struct buf *path;

    if (!is_likely(key))
        return;
    luaL_checkstack(L, 6, "a config is nested too deep");
    section_path = view_push_path(L, section);
    path = json_push_buf(L);
    buf_addf(path, "%s.%.*s", section_path, (int)key.n, key.p);
    raise_push_where(L);
    if (note(shared_of(L, gen), path->data)) {
        meant = nearest(section, key);
        log_warn("script",
                 "%s%s has no setting \"%.*s\"%s%s%s (reading it gives nil)",
                 lua_tostring(L, -1), section_path, (int)key.n, key.p,
                 meant ? "; did you mean " : "", meant ? meant : "",
                 meant ? "?" : "");
    }
    lua_settop(L, top);
}

/* --- sections without tables in them --------------------------------------------- */

/* __index of values. Upvalues: the generation's box, the section. A script may keep
 * a config for longer than its generation: then the section is gone, too. */
static int tell(lua_State *L)
{
    struct generation *const *gen = lua_touserdata(L, lua_upvalueindex(1));
    const struct setting *section = lua_touserdata(L, lua_upvalueindex(2));
    struct slice key;

    if (!*gen || lua_type(L, 2) != LUA_TSTRING)
        return 0;
    key.p = lua_tolstring(L, 2, &key.n);
    if (!setting_child(section, key)) /* else it is null */
        missing_tell(L, *gen, section, key);
    return 0;
}

/* The defaults at the top get a metatable, which stays pushed. */
static void push_metatable(lua_State *L, struct generation *gen,
                           const struct setting *section)
{
    lua_createtable(L, 0, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, shared_of(L, gen)->box_ref);
    lua_pushlightuserdata(L, (void *)section);
    lua_pushcclosure(L, tell, 2);
    lua_setfield(L, -2, "__index");
    lua_pushvalue(L, -1);
    lua_setmetatable(L, -3);
}

void missing_watch(lua_State *L, struct generation *gen,
                   const struct setting *section)
{
    luaL_checkstack(L, 6, "a config is nested too deep");
    shared_push_defaults(L, gen, section); /* values, defaults */
    if (!lua_getmetatable(L, -1))          /* one for all chats */
        push_metatable(L, gen, section);
    lua_setmetatable(L, -3);
    lua_pop(L, 1);
}
