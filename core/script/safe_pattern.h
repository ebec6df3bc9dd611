/*
 * safe_pattern.h - string.find, match, gmatch and gsub that always return.
 *
 * Lua's own try every way in which a pattern may fit: ".*.*.*x" on a page of text
 * takes for ever, and nothing can stop a C function. These mean the same, to the
 * letter of their errors (test_safe_pattern.c compares them), but count their steps:
 * after limits.pattern_steps, and some for each byte of the text, they raise.
 */
#ifndef SCRIPT_SAFE_PATTERN_H
#define SCRIPT_SAFE_PATTERN_H

#include <lua.h>

/* The functions, in the table at the top of the stack.             [-0, +0, m] */
void safe_pattern_set(lua_State *L);

#endif
