/*
 * view.h - a chat's config as a script sees it: ctx.config.
 *
 * Tables that are read like plain ones and check what is assigned to them.
 * What was assigned is seen at once by this task, and by nobody else until
 * the task commits it (task_commit()).
 *
 * How: each section and list is an empty table (the proxy) whose metatable has
 * a plain table of values as __index, so that reading costs no call, and C
 * functions for assigning, pairs() and #. A section's values are made when it
 * is first read: the chat's override or else the default.
 */
#ifndef SCRIPT_VIEW_H
#define SCRIPT_VIEW_H

#include <lua.h>

#include "config/schema.h"
#include "config/store.h"

struct generation;
struct view;

void view_open(lua_State *L); /* once for a state */

/* Push the root proxy of a config (referenced while the view lives); *out is the
 * view behind it, valid until view_end().                       [-0, +1, m] */
void view_push(lua_State *L, struct generation *gen, struct config *config,
               struct view **out);

/* The task is over: from now on assigning raises. */
void view_end(lua_State *L, struct view *view);

/* Is there a value of this chat's own for a leaf, what was assigned included? */
bool view_is_set(lua_State *L, struct view *view, const struct setting *leaf);

bool view_is_changed(const struct view *view);
/* Start to commit what changed. Raises ERR_CONFIG if a list has become invalid. */
struct op *view_commit(lua_State *L, struct view *view);
/* Forget what changed, and read anew from the config as it is stored. */
void view_reset(lua_State *L, struct view *view);
void view_committed(lua_State *L, struct view *view, struct config *config);

#endif
