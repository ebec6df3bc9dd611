/*
 * view.h - a chat's config as a script sees it: ctx.config, bot.config(id).
 *
 * Tables that are read like plain ones and check what is assigned to them.
 * What was assigned is seen at once by this task, and by nobody else until
 * the task commits it (task_commit()). A task has one view of a chat.
 *
 * How: each section and list is an empty table (the proxy) whose metatable has
 * a plain table of values as __index, so that reading costs no call, and C
 * functions for assigning, pairs() and #. A section's values are made when it
 * is first read: the chat's override or else the default. A section without
 * overrides has the generation's table of defaults until something is assigned.
 */
#ifndef SCRIPT_VIEW_H
#define SCRIPT_VIEW_H

#include <lua.h>

#include "config/schema.h"
#include "config/store.h"

struct task;
struct view;

void view_open(lua_State *L); /* once for a state */

/* Push the root proxy of the task's view of a chat's config, then go on in k. From
 * the cache, or fetched. Only as: return view_with(…)                       [waits] */
int view_with(lua_State *L, struct task *t, int64_t chat_id, lua_KFunction k);
/* The task's view of a chat, or NULL: valid until views_end(). */
struct view *view_find(const struct task *t, int64_t chat_id);

/* The task is over: from now on assigning raises. */
void views_end(struct task *t);

/* Have the lazy sections of this setting in the view, then go on in k; raises where
 * a script can't wait. Only as: return view_load(…)                         [waits] */
int view_load(lua_State *L, struct view *view, const struct setting *s,
              lua_KContext ctx, lua_KFunction k);

/* Is there a value of this chat's own for a leaf, what was assigned included? Its
 * section must be loaded.                                         [-0, +0, m] */
bool view_is_set(lua_State *L, struct view *view, const struct setting *leaf);

/* Forget what the task changed in its views and did not commit. */
void views_reset(lua_State *L, struct task *t);

/* The task waits for long: what others write meanwhile is to be seen after it. */
void views_age(struct task *t);
/* Read anew what has aged and was written since, then go on in k. What can't be
 * read stays as it was. Only as: return views_refresh(…)                  [waits] */
int views_refresh(lua_State *L, lua_KContext ctx, lua_KFunction k);

/* Push the derived values of the view: ctx.derived (derived.c).   [-0, +1, m] */
void view_push_derived(lua_State *L, struct view *view);

#endif
