/*
 * dispatch.h - running the handlers that match, one after another by next().
 */
#ifndef SCRIPT_DISPATCH_H
#define SCRIPT_DISPATCH_H

#include <lua.h>

/* A task's body: ctx → nothing. Commits the config at the end. */
int dispatch_main(lua_State *L);

#endif
