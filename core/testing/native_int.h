/*
 * native_int.h - what the files of native.h share. Their functions have the struct
 * native as upvalue 1.
 */
#ifndef TESTING_NATIVE_INT_H
#define TESTING_NATIVE_INT_H

#include <lauxlib.h>

#include "testing/native.h"

struct native *native_self(lua_State *L);
/* No place in front of it: the Lua above adds the spec's. Does not return. */
int native_fail(lua_State *L, const struct err *err);
/* It has waited: its time begins anew. */
void native_waited(struct native *n);
/* The stage, opened now if it is not; one on which a bot runs. Both may raise. */
struct stage *native_stage(lua_State *L);
struct stage *native_begun(lua_State *L);
/* The end of a function that has waited. */
int native_done(lua_State *L, bool ok, const struct err *err);

/* table[key] = text, of the table at the top; NULL: nothing.        [-0, +0, m] */
void native_set_text(lua_State *L, const char *key, const char *text);

/* Answers as the sites that a script asks. */
void native_on_web(struct httpd_request *req, void *arg);

extern const luaL_Reg native_data[];    /* native_data.c */
extern const luaL_Reg native_answers[]; /* native_answers.c */

#endif
