/* mod_store.h - ctx.store, ctx.user_store and bot.store(): see store_desk.h. */
#ifndef SCRIPT_MOD_STORE_H
#define SCRIPT_MOD_STORE_H

#include <lua.h>
#include <stdint.h>

/* Push the store of a chat or person.                             [-0, +1, m] */
void store_push(lua_State *L, int64_t id);

int bot_store(lua_State *L); /* bot.store(id) -> store */

#endif
