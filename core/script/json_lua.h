/*
 * json_lua.h - JSON text to Lua values and back, with no tree in between.
 *
 *   null     lightuserdata NULL (cjson.null); nil is written as null too
 *   numbers  what base/json.h calls an integer is a Lua integer, exact;
 *            everything else a float. Floats are written as such: 3.0, not 3
 *            (but see JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS)
 *   strings  bytes; what is not UTF-8 is not written but an error
 *   [ … ]    a table; an empty one has the empty-array metatable, so that it
 *            is written as [] again. Nulls in it keep their places
 *   { … }    a table; an empty one is written as {}. The last of equal keys
 *            counts
 *
 * Stack effects are written as in Lua's manual: [-popped, +pushed, raises], where
 * "m" is being out of memory.
 */
#ifndef SCRIPT_JSON_LUA_H
#define SCRIPT_JSON_LUA_H

#include <lua.h>

#include "base/buf.h"
#include "base/json.h"

/* --- text to values ------------------------------------------------------- */

/* The value of a text that json_check() has accepted.              [-0, +1, m] */
void json_push(lua_State *L, struct slice valid);

/* The value of any text, checked on the way; ERR_JSON: nothing is pushed.
 * mark_arrays: all arrays get the array metatable. depth_max: 1 … JSON_DEPTH_MAX.
 *                                                            [-0, +(0|1), m] */
bool json_push_text(lua_State *L, struct slice text, int depth_max,
                    bool mark_arrays, struct err *err) MUST_CHECK;

/*
 * The same for a long text, so that others have their turn in between. The first pushes
 * a userdata; the second pushes what it has read onto what it has pushed before, nothing
 * else may be there: the value when it is done. The text must stay.
 *                                                                 [-0, +1, m] */
struct json_long;
struct json_long *json_long_push(lua_State *L, struct slice text, int depth_max,
                                 bool mark_arrays);
enum json_long_result {
    JSON_LONG_DONE,
    JSON_LONG_FAILED,
    JSON_LONG_WANTS_WAY, /* watchdog_give_way(), then it is to be called again */
};
/*                                                                 [-0, +n, v] */
enum json_long_result json_long_read(lua_State *L, struct json_long *l,
                                     struct err *err) MUST_CHECK;

/*
 * Metatables that say what a table is. The first: always an array, its #
 * elements are written and no other keys. The second: an array while it is
 * empty; otherwise its keys decide, as in a table without metatable.
 *                                                                 [-0, +1, m] */
void json_push_array_mt(lua_State *L);
void json_push_empty_array_mt(lua_State *L);
/* For rawset(): raise if the table at index is one of these two.   [-0, +0, v] */
void json_check_writable(lua_State *L, int index);

/* A lightuserdata of this is written as []: cjson.empty_array. */
extern const char json_empty_array;
#define JSON_EMPTY_ARRAY ((void *)&json_empty_array)

/* --- values to text --------------------------------------------------------- */

/* Numbers like 3.0 are written as 3 when they fit in 64 bits: for API calls,
 * where an author's 10 / 2 is meant as an Integer. */
#define JSON_LUA_INTEGRAL_FLOATS_AS_INTEGERS 1u
/* NaN and infinity are written as null; without it they are an error. */
#define JSON_LUA_INVALID_NUMBERS_AS_NULL 2u
/* Sparse arrays become objects; without it they are an error. */
#define JSON_LUA_SPARSE_AS_OBJECTS 4u

/* More than this is not written: a table in itself many times over grows fast. */
#define JSON_LUA_SIZE_MAX ((size_t)32 << 20)

/* Append a full userdata's JSON and return true; false: not mine. May raise only
 * on memory. */
typedef bool (*json_userdata_fn)(lua_State *L, int index, struct buf *out,
                                 void *arg);

struct json_lua_options {
    unsigned flags;
    int depth_max;             /* 0: JSON_DEPTH_MAX */
    int sparse_ratio;          /* 0: JSON_LUA_SPARSE_RATIO; < 0: any is taken */
    int sparse_safe;           /* 0: JSON_LUA_SPARSE_SAFE; < 0: none is safe */
    json_userdata_fn userdata; /* or NULL */
    void *arg;
};

/* A table with keys 1 … n of which some are missing is an array with nulls,
 * unless n > safe and n > ratio × the number of its keys (lua-cjson's rule). */
#define JSON_LUA_SPARSE_RATIO 2
#define JSON_LUA_SPARSE_SAFE 10

/*
 * Append the value at index as JSON. options may be NULL. On an error out is as
 * long as before, and the err names the value: "cannot serialise a function at
 * .a.b[3]".
 *
 * A table whose keys are all positive integers is an array, an empty or any
 * other an object; integers and floats as keys of objects become strings.
 * Metatables, also of userdata, can say otherwise:
 *   __jsonvalue(v)  what it returns is written instead
 *   __pairs(v)      an object of what it goes over; or an array, read with
 *                   v[1] … v[#v], if __jsontype is "array", or there is none,
 *                   and __len says more than 0
 * Both, and __index and __len, run in protected calls (so they cannot wait): an
 * error in them ends up in err. Still, Lua raises when memory runs out, or when
 * a metamethod changes the table that is just being gone through. So the memory
 * of out must belong to something that survives a raise (json_push_buf()), and
 * what is in it is then not whole.
 *                                                                  [-0, +0, m] */
bool json_add_lua(lua_State *L, int index,
                  const struct json_lua_options *options, struct buf *out,
                  struct err *err) MUST_CHECK;

/* Push a userdata that owns an empty buf; the collector releases it. [-0, +1, m] */
struct buf *json_push_buf(lua_State *L);

/* require "cjson" and "cjson.safe": mod_cjson.c. */
int luaopen_cjson(lua_State *L);
int luaopen_cjson_safe(lua_State *L);

#endif
