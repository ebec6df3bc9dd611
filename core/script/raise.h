/*
 * raise.h - error objects that the host raises in scripts.
 *
 * A table with kind ("telegram", "config", "database", …), message, where
 * ("scripts/x.lua:5: "), and for the Bot API's errors method, error_code,
 * description, parameters. tostring() gives where and message.
 */
#ifndef SCRIPT_RAISE_H
#define SCRIPT_RAISE_H

#include <lua.h>

#include "telegram/api.h"

/* The object, for a caller that has fields to add.                [-0, +1, m] */
void raise_push_err(lua_State *L, const struct err *err);
/* Never return; int so that `return raise_…` can be written. */
int raise_err(lua_State *L, const struct err *err);
int raise_tg(lua_State *L, const struct tg_op *op, const char *method);

/* Push an error object, for more fields and lua_error(). kind is what scripts see;
 * no_database: the host tells the person that the database can't be reached.
 *                                                                 [-0, +1, m] */
void raise_push(lua_State *L, enum err_kind kind, bool no_database,
                const char *message);

/* Push the place of the nearest line of a script, as luaL_where(): also where a
 * function of C, such as table.insert(), or of the host's modules in Lua is in
 * between. "" if there is none. */
void raise_push_where(lua_State *L);

/* End the task without an error: everything has been said. */
int raise_stop(lua_State *L);
bool raise_is_stop(lua_State *L, int index);

/* The kind of the error object at index; ERR_SCRIPT for any other value. */
enum err_kind raise_kind(lua_State *L, int index);

#endif
