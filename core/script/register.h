/*
 * register.h - what scripts register on bot and on groups, while they are loaded.
 *
 * Each function of `bot` that registers is one of a group, too; upvalue 1 is the
 * generation, upvalue 2 the group's number (of `bot` itself: none, 0).
 */
#ifndef SCRIPT_REGISTER_H
#define SCRIPT_REGISTER_H

#include <lauxlib.h>

#include "script/generation.h"

/* Of bot and of every group: callback, command, group, hears, on, use, … */
extern const struct luaL_Reg register_functions[];

/* The generation that is being loaded; raises when it is loaded, or where the
 * function was called with a colon. */
struct generation *register_check(lua_State *L, const char *what);
int register_group(lua_State *L); /* the number of the group it is for, or 0 */

/* Push zeroed memory that the collector frees by free_it; its metatable is kept in the
 * registry under key.                                              [-0, +1, m] */
void *register_box(lua_State *L, size_t size, const void *key,
                   lua_CFunction free_it);
/* Push a handler to be filled, which the collector frees if anything raises. */
struct handler *register_begin(lua_State *L, enum handler_type type);
/* Register it with the function at index. Its what is taken over. */
void register_end(lua_State *L, struct generation *gen, struct handler *h,
                  int function);

/* Where the script is that called: "scripts/start.lua:3"; to be freed. */
char *register_source(lua_State *L);

/* For each of the texts at index (a text, or a list of them) call fn with its index
 * on the stack. */
void register_each(lua_State *L, int index, const char *what,
                   void (*fn)(lua_State *L, int index, void *arg), void *arg);

/* All keys of the table at index must be among these; raises, and says the nearest. */
void register_check_keys(lua_State *L, int index, const char *what,
                         const char *const *known);

/* What bot.concurrent() made of a function: upvalue 1 (mod_bot.c). */
int bot_run_concurrent(lua_State *L);

/* mod_bot_command.c */
int register_command(lua_State *L);
int bot_commands(lua_State *L);
/* mod_bot_group.c */
int register_new_group(lua_State *L);

#endif
