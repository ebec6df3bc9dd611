/* job_options.c - see job_options.h. */
#include "script/job_options.h"

#include <lauxlib.h>
#include <string.h>

#include "base/duration.h"

void job_check_names(lua_State *L, int index, const char *what,
                     const char *const *names)
{
    lua_pushnil(L);
    while (lua_next(L, index)) {
        const char *name =
            lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : "[…]";
        const char *const *n = names;

        while (*n && strcmp(*n, name) != 0)
            n++;
        if (!*n) {
            luaL_Buffer b;

            luaL_buffinit(L, &b);
            for (n = names; *n; n++) {
                luaL_addstring(&b, n == names ? "" : ", ");
                luaL_addstring(&b, *n);
            }
            luaL_pushresult(&b);
            luaL_error(L, "%s: there is no option %s; there are %s", what, name,
                       lua_tostring(L, -1));
        }
        lua_pop(L, 1);
    }
}

const char *job_text_option(lua_State *L, int index, const char *what,
                            const char *name)
{
    int type = lua_getfield(L, index, name);

    if (type == LUA_TNIL)
        return NULL;
    if (type != LUA_TSTRING)
        luaL_error(L, "%s: %s: a text is expected, got %s", what, name,
                   luaL_typename(L, -1));
    return lua_tostring(L, -1);
}

int64_t job_read_span(lua_State *L, int index, const char *what)
{
    struct err err = ERR_INIT;
    int64_t ms = 0;
    bool ok;

    if (lua_type(L, index) == LUA_TNUMBER) {
        ok = duration_of_seconds(lua_tonumber(L, index), &ms, &err);
    } else if (lua_type(L, index) == LUA_TSTRING) {
        struct slice text;

        text.p = lua_tolstring(L, index, &text.n);
        ok = duration_parse(text, &ms, &err);
    } else {
        ok = err_set(&err, ERR_USAGE,
                     "a text like \"10m\" or a number of seconds is expected, "
                     "got %s",
                     luaL_typename(L, index));
    }
    if (!ok)
        luaL_error(L, "%s: %s", what, err.text);
    return ms;
}

int64_t job_span_option(lua_State *L, int index, const char *what,
                        const char *name, int64_t otherwise)
{
    int64_t ms = otherwise;

    if (lua_getfield(L, index, name) != LUA_TNIL) {
        lua_pushfstring(L, "%s: %s", what, name);
        ms = job_read_span(L, -2, lua_tostring(L, -1));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return ms;
}
