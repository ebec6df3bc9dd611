/* generation.c - a generation's life; loading is in load.c. */
#include "script/breaker.h"
#include "script/generation.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "script/pattern.h"
#include "script/shared.h"
#include "script/vm.h"

static int new_table_ref(lua_State *L)
{
    lua_newtable(L);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* Everything that may run out of memory. */
static int make_tables(lua_State *L)
{
    struct generation *gen = lua_touserdata(L, 1);

    gen->modules_ref = new_table_ref(L);
    gen->functions_ref = new_table_ref(L);
    gen->locales_ref = new_table_ref(L);
    gen->upgrades_ref = new_table_ref(L);
    vm_push_globals(L);
    gen->globals_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

struct generation *generation_new(lua_State *L, const char *dir, int number)
{
    struct generation *gen = xalloc(sizeof(*gen));

    gen->L = L;
    gen->refs = 1;
    gen->number = number;
    gen->dir = xstrdup(dir);
    gen->schema = schema_new();
    schema_set_matcher(gen->schema, pattern_matches, L);
    gen->globals_ref = gen->modules_ref = LUA_NOREF;
    gen->host_globals_ref = LUA_NOREF;
    gen->functions_ref = gen->upgrades_ref = LUA_NOREF;
    gen->locales_ref = LUA_NOREF;
    gen->move_ref = LUA_NOREF;
    lua_pushcfunction(L, make_tables);
    lua_pushlightuserdata(L, gen);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK)
        lua_pop(L, 1); /* generation_load() says so */
    return gen;
}

struct generation *generation_ref(struct generation *gen)
{
    gen->refs++;
    return gen;
}

/* The references that option.section{ derive = … } made. */
static void unref_derives(struct generation *gen)
{
    for (size_t i = 0; i < gen->schema->nchildren; i++)
        if (gen->schema->children[i]->derive)
            luaL_unref(gen->L, LUA_REGISTRYINDEX,
                       gen->schema->children[i]->derive);
}

void generation_unref(struct generation *gen)
{
    if (!gen || --gen->refs > 0)
        return;
    luaL_unref(gen->L, LUA_REGISTRYINDEX, gen->globals_ref);
    luaL_unref(gen->L, LUA_REGISTRYINDEX, gen->host_globals_ref);
    luaL_unref(gen->L, LUA_REGISTRYINDEX, gen->modules_ref);
    luaL_unref(gen->L, LUA_REGISTRYINDEX, gen->functions_ref);
    luaL_unref(gen->L, LUA_REGISTRYINDEX, gen->locales_ref);
    luaL_unref(gen->L, LUA_REGISTRYINDEX, gen->upgrades_ref);
    luaL_unref(gen->L, LUA_REGISTRYINDEX, gen->move_ref);
    unref_derives(gen);
    shared_free(gen->shared);
    handlers_release(&gen->handlers);
    job_defs_release(&gen->jobs);
    breaker_free(gen->breaker);
    schema_free(gen->schema);
    folder_release(&gen->sources);
    free(gen->dir);
    free(gen);
}

struct generation *generation_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}
