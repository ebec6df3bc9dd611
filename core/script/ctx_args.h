/*
 * ctx_args.h - what stands after a command, in words: ctx.args, ctx.payload.
 */
#ifndef SCRIPT_CTX_ARGS_H
#define SCRIPT_CTX_ARGS_H

#include <lua.h>

struct task;

/* Push it, or nil (a getter of ctx.c).                            [-0, +1, m] */
int ctx_get_args(lua_State *L, struct task *t);
int ctx_get_payload(lua_State *L, struct task *t);

#endif
