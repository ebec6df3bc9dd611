/* generation.c - a generation's life; loading is in load.c. */
#include "script/generation.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "script/vm.h"

static int new_table_ref(lua_State *L)
{
    lua_newtable(L);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

struct generation *generation_new(lua_State *L, const char *dir, int number)
{
    struct generation *gen = xalloc(sizeof(*gen));

    gen->L = L;
    gen->refs = 1;
    gen->number = number;
    gen->dir = xstrdup(dir);
    gen->schema = schema_new();
    vm_push_globals(L);
    gen->globals_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    gen->modules_ref = new_table_ref(L);
    gen->functions_ref = new_table_ref(L);
    gen->upgrades_ref = new_table_ref(L);
    return gen;
}

struct generation *generation_ref(struct generation *gen)
{
    gen->refs++;
    return gen;
}

void generation_unref(struct generation *gen)
{
    if (!gen || --gen->refs > 0)
        return;
    luaL_unref(gen->L, LUA_REGISTRYINDEX, gen->globals_ref);
    luaL_unref(gen->L, LUA_REGISTRYINDEX, gen->modules_ref);
    luaL_unref(gen->L, LUA_REGISTRYINDEX, gen->functions_ref);
    luaL_unref(gen->L, LUA_REGISTRYINDEX, gen->upgrades_ref);
    handlers_release(&gen->handlers);
    schema_free(gen->schema);
    free(gen->dir);
    free(gen);
}

struct generation *generation_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}
