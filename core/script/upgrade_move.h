/*
 * upgrade_move.h - move(from, to), the second argument of upgrade functions:
 * what a chat has chosen, or a function before has assigned, goes to another name
 * and stays chosen, also when it is what the default there is. An assignment can't
 * say that: it looks like nothing has changed. A section (before or after) goes
 * member by member, anything else as one value.
 */
#ifndef SCRIPT_UPGRADE_MOVE_H
#define SCRIPT_UPGRADE_MOVE_H

#include <lua.h>

#include "base/buf.h"

struct generation;

/*
 * Push the function (one for a generation), to work on the document text and the
 * table at the index config until moves_end(); later it raises.  [-0, +1, m]
 */
void moves_begin(lua_State *L, struct generation *gen, const struct slice *text,
                 int config);
void moves_end(struct generation *gen);

/*
 * What was moved with the function at the index `move`, and is there still, is
 * chosen: it is added to the document at out, from start on, if it is not in it.
 *                                                                 [-0, +0, m]
 */
void moves_add(lua_State *L, int move, int config, struct buf *out,
               size_t start);

#endif
