/*
 * sink.h - where a body goes that comes piece by piece: a file in the data folder, a
 * function of the script, or a string. For download.c and mod_http.c.
 *
 * What comes is not told to the task piece by piece: it waits on an operation of the
 * sink's, made anew for each wait, which is done when there is something for it.
 */
#ifndef SCRIPT_SINK_H
#define SCRIPT_SINK_H

#include <lua.h>

#include "io/http.h"
#include "script/data_file.h"
#include "script/vm.h"

enum sink_kind { SINK_FILE, SINK_FUNCTION, SINK_STRING };

struct sink {
    const struct services *services;
    enum sink_kind kind;
    const char *name; /* of the file, borrowed: on the Lua stack */
    struct data_file file;
    struct buf bytes; /* for the function or the string */
    int64_t got;
    bool full;      /* bytes is; the transfer waits to be resumed */
    bool ended;     /* the transfer has */
    struct err err; /* of writing, or the owner's own */
    /* private */
    struct sink_wait *wait; /* the task waits, or NULL */
};

/* In a userdata that releases it; kind and name are set by its owner. */
void sink_init(struct sink *s, const struct services *services);
void sink_release(struct sink *s); /* a file that is not finished is gone */

/* Open the file, unless it is open. */
bool sink_begin_file(struct sink *s) MUST_CHECK;
/* A piece has come, for http's sink. HTTP_WAIT: it is not taken, s->full is set. */
enum http_sink_result sink_take(struct sink *s, struct slice piece);
/* The transfer is over, well or not: what waits is woken. */
void sink_end(struct sink *s);

/* Only as: return sink_wait(L, s, k). In k, sink_woken() comes first.     [waits] */
int sink_wait(lua_State *L, struct sink *s, lua_KFunction k);
void sink_woken(struct sink *s);
/* Push what is there for the function, which makes room.           [-0, +1, m] */
void sink_push(lua_State *L, struct sink *s);

#endif
