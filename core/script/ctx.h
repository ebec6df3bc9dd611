/*
 * ctx.h - what a handler is given: the update, and what it can do about it.
 *
 * A userdata that knows its task while that lives. Fields are made when first
 * read and kept; a script may set fields of its own.
 */
#ifndef SCRIPT_CTX_H
#define SCRIPT_CTX_H

#include <lauxlib.h>
#include <lua.h>

struct incoming;
struct task;

void ctx_open(lua_State *L);                 /* once for a state */
void ctx_push(lua_State *L, struct task *t); /* [-0, +1, m] */
/* One of an update that answered it; kept until the task ends.    [-0, +1, m] */
void ctx_push_answer(lua_State *L, struct task *t, struct incoming *in);
/* The ctx of one of its updates, if there is one, no longer knows it. */
void ctx_forget(struct task *t, struct incoming *in);
void ctx_end(struct task *t); /* the same of all of them */

/* The task of the ctx at index; raises when it is no ctx or has ended. */
struct task *ctx_task(lua_State *L, int index);

/* Push ctx.config of the ctx at 1, then go on in k. Only as: return …      [waits] */
int ctx_with_config(lua_State *L, lua_KFunction k);

/* The methods (ctx_methods.c): their table of contents. One without a function is in
 * lua/moonpost.ctx.lua. */
extern const struct luaL_Reg ctx_methods[];

#endif
