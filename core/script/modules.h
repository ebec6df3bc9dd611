/*
 * modules.h - what scripts get by require(): one file for each, mod_*.c.
 *
 * A module is made for each generation anew; its functions have the generation
 * as upvalue 1 (generation_of()).
 */
#ifndef SCRIPT_MODULES_H
#define SCRIPT_MODULES_H

#include <lua.h>

struct generation;

/* Each pushes its module.                                        [-0, +1, m] */
void mod_bot_push(lua_State *L, struct generation *gen);
/* What lua/moonpost.ctx.lua and its parts get: ctx_lua.c. */
void mod_ctx_push(lua_State *L, struct generation *gen);
void mod_counter_push(lua_State *L, struct generation *gen);
void mod_crypto_push(lua_State *L, struct generation *gen);
void mod_http_push(lua_State *L, struct generation *gen);
void mod_parallel_push(lua_State *L, struct generation *gen);
void mod_db_push(lua_State *L, struct generation *gen);
void mod_i18n_push(lua_State *L, struct generation *gen);
void mod_menu_push(lua_State *L, struct generation *gen);
void mod_log_push(lua_State *L, struct generation *gen);
void mod_time_push(lua_State *L, struct generation *gen);
void mod_utf16_push(lua_State *L, struct generation *gen);

int bot_config(lua_State *L); /* of the module bot: mod_bot_config.c */
/* The same: mod_bot_broadcast.c. */
int bot_broadcast(lua_State *L);
int bot_broadcasts(lua_State *L);
int bot_find_broadcast(lua_State *L);

/* Parts of mod_bot: mod_bot_settings.c.
 * bot.settings() -> { { path = "welcome.text", allowed = "text", … }, … }
 * bot.parse_setting(path, text) -> value | nil, message: what a person typed as
 * the value of a setting. */
int mod_bot_settings(lua_State *L);
int mod_bot_parse_setting(lua_State *L);

/* Let os.time, os.date and os.clock go by base/clock.h.          [-0, +0, m] */
void time_set_os(lua_State *L, int globals);

/* What a file of script/lua/ returns that is no module for scripts. [-0, +1, v] */
void host_file_push(lua_State *L, struct generation *gen, const char *name);

/* require() for a generation: host modules, then scripts/lib/.   [-0, +1, m] */
void require_push(lua_State *L, struct generation *gen);
/* What a part of the host gives, that scripts can't require: "moonpost.ctx".
 *                                                                 [-0, +1, v] */
void require_own(lua_State *L, struct generation *gen, const char *name);

#endif
