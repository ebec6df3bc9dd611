/* ctx_has.c - ctx:has(): is this update what a filter asks for? */
#include "script/ctx_has.h"

#include <lauxlib.h>

#include "script/ctx.h"
#include "script/task.h"

static bool has_one(lua_State *L, const struct task *t, int index)
{
    struct filter f;
    struct err err = ERR_INIT;
    const char *text = lua_tostring(L, index);

    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "ctx:has: a filter or a list of filters is expected");
    if (!filter_parse(&f, text, &err))
        luaL_error(L, "ctx:has(\"%s\"): %s", text, err.text);
    return filter_matches(&f, &t->in->u, t->gen->handlers.me);
}

/* ctx:has(filter or list of filters) -> boolean */
int ctx_has(lua_State *L)
{
    const struct task *t = ctx_task(L, 1);
    bool has = false;

    if (!lua_istable(L, 2)) {
        lua_pushboolean(L, has_one(L, t, 2));
        return 1;
    }
    for (lua_Integer i = 1; !has && i <= (lua_Integer)lua_rawlen(L, 2); i++) {
        lua_rawgeti(L, 2, i);
        has = has_one(L, t, 3);
        lua_pop(L, 1);
    }
    lua_pushboolean(L, has);
    return 1;
}
