/*
 * native.h - what C does for specs: a table of functions, `native` in
 * core/testing/lua. An error of theirs is the message alone, without a place: the
 * Lua that calls them knows which line of the spec is meant.
 */
#ifndef TESTING_NATIVE_H
#define TESTING_NATIVE_H

#include <lua.h>

#include "testing/specs.h"
#include "testing/stage.h"

struct native {
    const struct specs_options *options;
    struct stage *stage; /* NULL until a spec needs it */
    int64_t since_ms;    /* when the spec last waited, by the real clock */
    lua_State *spec;     /* its coroutine */
    bool overran;        /* it did not wait for too long: an endless loop */
    lua_State *active;   /* who called the function that waits */
    int web;             /* who answers as other sites; in the registry */
    int player;          /* in the registry; 0: none */
};

/* Push the table; native is borrowed, and closes its stage with native_close(). */
void native_push(lua_State *L, struct native *native);
void native_close(struct native *native);

#endif
