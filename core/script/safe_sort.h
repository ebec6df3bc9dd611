/*
 * safe_sort.h - a table.sort that gives way, and whose comparator may wait.
 *
 * Lua's own sorts in C: nothing that it calls can yield, and a long table without a
 * comparator is not interrupted at all. This one means the same (its errors too; it
 * is as unstable), but it sorts in Lua, in lua/moonpost.sort.lua, which takes 0.8 to
 * 1.15 times as long (tests/bench, limits).
 */
#ifndef SCRIPT_SAFE_SORT_H
#define SCRIPT_SAFE_SORT_H

#include <lua.h>

/* The function, in the table at the top of the stack. Once for a state, while string
 * is still Lua's own.                                               [-0, +0, v] */
void safe_sort_set(lua_State *L);

#endif
