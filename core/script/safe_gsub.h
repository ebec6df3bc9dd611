/*
 * safe_gsub.h - string.gsub: bounded as the others (safe_pattern.h), and it gives way.
 *
 * What is called for a match, a function or an __index, may wait: the state of the work
 * is then in a userdata, and goes on in a continuation.
 */
#ifndef SCRIPT_SAFE_GSUB_H
#define SCRIPT_SAFE_GSUB_H

#include <lua.h>

/* The function, in the table at the top of the stack.             [-0, +0, m] */
void safe_gsub_set(lua_State *L);

#endif
