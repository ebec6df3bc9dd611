/*
 * missing.h - settings that scripts read although no file in defaults/ declares
 * them. Reading one gives nil, and is told in the log: once for each setting and
 * generation, with the script's line, so that a slip of the pen is found.
 */
#ifndef SCRIPT_MISSING_H
#define SCRIPT_MISSING_H

#include <lua.h>

#include "config/schema.h"

struct generation;
struct missing; /* those that a generation's scripts have read */

void missing_free(struct missing *missing); /* NULL is allowed */

/* key was read in the section, which has no such setting. Tells of MISSING_MAX
 * different ones, then of no more.                                [-0, +0, m] */
#define MISSING_MAX 100
void missing_tell(lua_State *L, struct generation *gen,
                  const struct setting *section, struct slice key);

/* The table at the top has values of the section, all but null: what it does not
 * have is told of when it is read. What it has costs nothing more. [-0, +0, m] */
void missing_watch(lua_State *L, struct generation *gen,
                   const struct setting *section);

#endif
