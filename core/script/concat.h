/*
 * concat.h - __concat of scripts, kept from a bug of Lua 5.4.4.
 *
 * luaV_concat() of that version (Debian 12's) sets the stack's top by an address
 * that it took before it called the metamethod. Where the stack has moved since,
 * because it had to grow or a collection made it smaller, the top is wrong: the
 * next collection or the next operand of `a .. b .. c` reads freed memory. This
 * takes no hook and no yield: seven lines in a coroutine end the process.
 *
 * If the metamethod yields, it is not luaV_concat() that goes on but the code that
 * finishes an interrupted instruction, and that is right. So each __concat is
 * wrapped in a C function that runs it, yields with its result, and is resumed at
 * once (fiber.again; no other task runs in between). Where a coroutine can't yield
 * (in a __tostring, a message handler) it raises. While scripts are
 * loaded nothing can yield either, and much is joined there: the main thread's
 * stack is so large from the start that it does not move, CONCAT_LEVELS deep.
 *
 * Not caught: a __concat that is put into a metatable after its last setmetatable().
 */
#ifndef SCRIPT_CONCAT_H
#define SCRIPT_CONCAT_H

#include <lua.h>

/* Calls in each other on the main thread; from there on a __concat raises. */
#define CONCAT_LEVELS 100
/* Slots of its stack, of which vm_new() makes sure; a call takes 8 or so, and 250 at most. */
#define CONCAT_SLOTS 8192

/* A metatable is about to be set: wrap its __concat, unless it is.   [-0, +0, m] */
void concat_wrap(lua_State *L, int metatable);

#endif
