/*
 * load_int.h - what load.c and require.c share.
 */
#ifndef SCRIPT_LOAD_INT_H
#define SCRIPT_LOAD_INT_H

#include <lua.h>

struct generation;

/* Compile and run a file of the folder; pushes its first result.  [-0, +1, v] */
void load_run_file(lua_State *L, struct generation *gen, const char *name);

#endif
