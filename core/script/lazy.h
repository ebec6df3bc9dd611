/*
 * lazy.h - tables that are decoded from JSON when a script first looks inside.
 *
 * Most results of API calls are never read. A lazy table holds the text; the
 * first index, assignment, pairs(), # or next() on it decodes it in place, and
 * from then on it is a plain table. Scripts can't tell the difference.
 */
#ifndef SCRIPT_LAZY_H
#define SCRIPT_LAZY_H

#include <lua.h>

#include "base/buf.h"

void lazy_open(lua_State *L); /* once for a state */

/* Push a value: an object as a lazy table, others decoded.       [-0, +1, m] */
void lazy_push(lua_State *L, struct slice valid);

/* If the value at index is a lazy table, decode it now.          [-0, +0, m] */
void lazy_settle(lua_State *L, int index);

/* Set next, rawget, rawset and rawlen in the table at index to ones that know
 * lazy tables.                                                   [-0, +0, m] */
void lazy_set_functions(lua_State *L, int index);

#endif
