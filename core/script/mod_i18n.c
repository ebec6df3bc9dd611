/* mod_i18n.c - the part of require "i18n" that is C: the tables that the files in
 * locales/ returned. The rest is lua/i18n.lua. */
#include <lauxlib.h>

#include "script/chunks.h"
#include "script/generation.h"
#include "script/modules.h"
#include "script/raise.h"
#include "script/says.h"
#include "script/source.h"

/* line(file, path) -> the line in which the text at path is, or 0 */
static int l_line(lua_State *L)
{
    const char *file = luaL_checkstring(L, 1), *path = luaL_checkstring(L, 2);
    struct slice text = chunks_text(L, file);

    lua_pushinteger(L, text.p ? source_key_line(text, path) : 0);
    return 1;
}

/* misuse(text): an error at the line of the script. */
static int l_misuse(lua_State *L)
{
    luaL_checkstring(L, 1);
    lua_settop(L, 1);
    raise_push_where(L);
    lua_insert(L, 1);
    lua_concat(L, 2);
    return lua_error(L);
}

/* near(key) -> the one of the host's own keys that is most like it */
static int l_near(lua_State *L)
{
    struct slice key;

    key.p = luaL_checklstring(L, 1, &key.n);
    lua_pushstring(L, says_near(key));
    return 1;
}

void mod_i18n_push(lua_State *L, struct generation *gen)
{
    lua_createtable(L, 0, 6);
    lua_rawgeti(L, LUA_REGISTRYINDEX, gen->locales_ref);
    lua_setfield(L, -2, "locales");
    lua_pushcfunction(L, l_line);
    lua_setfield(L, -2, "line");
    lua_pushcfunction(L, l_misuse);
    lua_setfield(L, -2, "misuse");
    lua_pushcfunction(L, l_near);
    lua_setfield(L, -2, "near");
    says_push_english(L);
    lua_setfield(L, -2, "english");
    lua_pushinteger(L, SAYS_MAX);
    lua_setfield(L, -2, "says_max");
}
