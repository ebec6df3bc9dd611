/*
 * dispatch_groups.h - conditions of groups that must be asked for: whether somebody
 * is an administrator, and what a function of the script says.
 *
 * Each is asked for once in an update, when a handler of its group is the next to
 * run, groups from outside to inside; what the answers were is kept in a userdata
 * beside the ctx.
 */
#ifndef SCRIPT_DISPATCH_GROUPS_H
#define SCRIPT_DISPATCH_GROUPS_H

#include <lua.h>
#include <stdbool.h>

/*
 * Do the conditions of the group, and of those around it, hold? 1, 0, or -1: it was
 * asked, and the answer is at the stack's top: then groups_answer(), and once more.
 * Or the coroutine waits, and k is called with it there: it calls groups_answered()
 * with its context, which gives the number of the handler. The stack: the ctx at 1;
 * at 2 nil, or what an earlier call has put there, perhaps in another coroutine.
 */
int groups_hold(lua_State *L, int group, int number, lua_KFunction k);
void groups_answer(lua_State *L);
int groups_answered(lua_State *L, lua_KContext context);

#endif
