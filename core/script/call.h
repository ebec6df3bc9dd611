/*
 * call.h - calls of the Bot API from scripts.
 *
 * First what the task changed in its config is committed, then the call leaves:
 * a handler can't say "saved" before it is.
 */
#ifndef SCRIPT_CALL_H
#define SCRIPT_CALL_H

#include <lua.h>

#include "base/buf.h"
#include "telegram/send.h"

/*
 * Call method with the JSON object in body (of json_push_buf(), so that the
 * collector owns it), wait, and return the result; an object comes as a lazy
 * table. Raises the error object of raise_tg(). method must stay (a literal,
 * or a string on the stack). Only as: return call_json(…).              [waits]
 */
int call_json(lua_State *L, const char *method, struct buf *body);

/* send_start() for the task that runs: as a reply if it goes to the chat or the
 * person that the task's update came from, or to no chat.
 * Raises where nothing can be called. */
struct tg_op *call_start(lua_State *L, const struct tg_call *call);

/* Append the members of the options table at index (nil: none) to an open JSON
 * object that has at least one member. Raises what can't be written. */
void call_add_options(lua_State *L, struct buf *body, int index);

/* bot.api and ctx.api: any method by its name.                   [-0, +1, m] */
void call_push_api(lua_State *L);
void call_open(lua_State *L); /* once for a state */

#endif
