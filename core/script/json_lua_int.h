/*
 * json_lua_int.h - what the files that write JSON share.
 *
 *     json_lua_write.c  scalars, plain tables, errors
 *     json_lua_proxy.c  what metatables say
 *
 * True: it is in out. False: the err is set, and what is on the Lua stack is left
 * to json_add_lua().
 */
#ifndef SCRIPT_JSON_LUA_INT_H
#define SCRIPT_JSON_LUA_INT_H

#include "script/json_lua.h"

struct step {
    const struct step *up; /* NULL: this is the value that was given */
    struct slice key;  /* in an object; alive while its key is on the stack */
    lua_Integer index; /* in an array: key.p is NULL */
};

struct encoder {
    lua_State *L;
    struct buf *out;
    struct err *err;
    struct json_lua_options options;
    const void *array_mt, *empty_array_mt;
    size_t begin; /* where in out this value begins */
    int depth;
};

/* json_lua_write.c */
bool json_lua_fail(struct encoder *e, const struct step *at, const char *fmt,
                   ...) __attribute__((format(printf, 3, 4)));
bool json_lua_add_value(struct encoder *e, int index, const struct step *at);
/* The element on top of the stack; popped. */
bool json_lua_add_element(struct encoder *e, lua_Integer i,
                          const struct step *up);
/* The key and value on top of the stack; the value is popped. */
bool json_lua_add_member(struct encoder *e, const struct step *up);

/* json_lua_proxy.c */
/* Write what the metatable asks for, if it does; *found says so. */
bool json_lua_add_by_metatable(struct encoder *e, int index, bool *found,
                               const struct step *at);

#endif
