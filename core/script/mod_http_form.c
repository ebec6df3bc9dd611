/* mod_http_form.c - see mod_http.h. */
#include "script/mod_http.h"

#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

#include "script/call_file.h"

#define UPLOAD_MT "moonpost.http.upload"
#define PARTS_MAX 256 /* fields and files of one form */

static int upload_gc(lua_State *L)
{
    struct upload *u = lua_touserdata(L, 1);

    http_form_unref(u->form);
    u->form = NULL;
    return 0;
}

static struct upload *push_upload(lua_State *L)
{
    struct upload *u = lua_newuserdatauv(L, sizeof(*u), 0);

    *u = (struct upload){ NULL, false };
    if (luaL_newmetatable(L, UPLOAD_MT)) {
        lua_pushcfunction(L, upload_gc);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    u->form = http_form_new();
    return u;
}

const struct upload *mod_http_upload_at(lua_State *L, int index)
{
    return luaL_testudata(L, index, UPLOAD_MT);
}

/* The name of a part stands in a header; at index. */
static const char *check_name(lua_State *L, int index)
{
    struct slice s;

    s.p = luaL_checklstring(L, index, &s.n);
    for (size_t i = 0; i < s.n; i++)
        if (iscntrl((unsigned char)s.p[i]))
            luaL_error(L, "a line break, or another sign of that kind, is in "
                          "the name of a field");
    return s.p;
}

/* Stack: fields, files, upload. Add those of the list at index. */
static void add_all(lua_State *L, int index, const struct upload *u,
                    int *nparts)
{
    for (lua_Integer i = 1; lua_rawgeti(L, index, i) != LUA_TNIL; i += 2) {
        struct http_part part = { .name = check_name(L, -1) };

        if (++*nparts > PARTS_MAX)
            luaL_error(L, "more than %d fields and files", PARTS_MAX);
        if (lua_rawgeti(L, index, i + 1) == LUA_TSTRING) {
            part.data.p = lua_tolstring(L, -1, &part.data.n);
            http_form_add(u->form, &part);
        } else if (!call_file_add(L, -1, part.name, u->form)) {
            luaL_error(L, "%s: a %s is no file", part.name,
                       luaL_typename(L, -1));
        }
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
}

int mod_http_form(lua_State *L)
{
    const struct upload *u;
    int nparts = 0;

    luaL_checktype(L, 1, LUA_TTABLE);
    luaL_checktype(L, 2, LUA_TTABLE);
    lua_settop(L, 2);
    u = push_upload(L);
    add_all(L, 1, u, &nparts);
    add_all(L, 2, u, &nparts);
    lua_pushinteger(L, http_form_size(u->form));
    return 2;
}

int mod_http_upload(lua_State *L)
{
    struct upload *u;

    lua_settop(L, 1);
    u = push_upload(L);
    u->bare = true;
    if (!call_file_add(L, 1, "body", u->form))
        return luaL_error(L, "a %s is no file", luaL_typename(L, 1));
    lua_pushinteger(L, http_form_size(u->form));
    lua_pushstring(L, call_file_type(L, 1));
    return 3;
}
