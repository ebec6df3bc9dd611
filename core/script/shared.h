/*
 * shared.h - what the configs of all chats share in one generation: the
 * defaults as Lua tables, and configs as plain tables laid over them.
 *
 * The defaults' tables are read by views, upgrades and derive functions, and
 * never given to scripts: they would change them for everybody.
 */
#ifndef SCRIPT_SHARED_H
#define SCRIPT_SHARED_H

#include <lua.h>
#include <sys/queue.h>

#include "config/schema.h"

struct generation;

struct shared {
    lua_State *L;     /* the main thread */
    int defaults_ref; /* tables of sections, within each other */
    int derived_ref;  /* derived values of chats that have nothing of their own
                       * in a section: its name → the value (derived.c) */
    TAILQ_HEAD(derived_list, derived)
    derived; /* kept with chats' configs, the
                                                * one used last at the end */
    int nderived;
    int box_ref; /* a userdata that holds the generation, … */
    struct generation *
        *box; /* … and NULL once it is gone: for what scripts keep */
    struct missing *missing; /* or NULL: missing.h */
};

/* Made when first asked for; generation_unref() frees it.         [-0, +0, m] */
struct shared *shared_of(lua_State *L, struct generation *gen);
void shared_free(struct shared *shared); /* NULL is allowed */

/* Push the defaults of a section: to be read only.                [-0, +1, m] */
void shared_push_defaults(lua_State *L, struct generation *gen,
                          const struct setting *section);

/* The section's part of a document; SLICE_NONE: none, or it is no object. */
struct slice section_part(const struct setting *section, struct slice document);

/*
 * Push a section as a plain table of its own: what is set in part (an object or
 * SLICE_NONE) and fits its setting, else the defaults; null as nil, keys that
 * no setting has left out.                                        [-0, +1, m]
 */
void shared_push_section(lua_State *L, struct generation *gen,
                         const struct setting *section, struct slice part);

/* Push a copy of the defaults with everything in the object laid over, keys that no
 * setting has too. null is nil as a default, cjson.null where it was set.
 *                                                                 [-0, +1, m] */
void shared_push_merged(lua_State *L, struct generation *gen,
                        struct slice document);

/* Push an object's key, given raw; a value (without space around it), faster than
 * json_push() if it is a scalar.                                  [-0, +1, m] */
void shared_push_key(lua_State *L, struct slice raw);
void shared_push_json(lua_State *L, struct slice value);

#endif
