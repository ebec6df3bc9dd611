/*
 * view_int.h - the parts of config views: for script/view*.c and derived.c.
 *
 * A proxy's metatable holds besides its metamethods:
 *   [VIEW] the view   [NODE] the setting (light userdata)   [VALUES] the table
 *   [SHARED] of a section: true while its values are the generation's defaults
 *   [BEFORE] of a section: the metatable of the one made before it, or nil
 *   [OWNER], [PARENT] of a table within a list or map: the metatables of that list
 *   or map, and of what it is directly in
 *   [STATE] of a list, a map or a table in it: REPLACED, another value was assigned
 *   to its setting; STALE, the config was read anew, and this is no part of it
 * The view's user values: ROOT, the proxy; SECTIONS, the metatable of the section
 * made last; DIRTY, lists and maps changed in place: metatable → true, or nil.
 *
 * What has not been made yet is not in the patch: to assign to it, it is made.
 */
#ifndef SCRIPT_VIEW_INT_H
#define SCRIPT_VIEW_INT_H

#include <lauxlib.h>

#include "base/json.h"
#include "script/generation.h"
#include "script/json_lua.h"
#include "script/view.h"

enum slot {
    VIEW = 1,
    NODE,
    VALUES,
    SHARED,
    BEFORE,
    OWNER = SHARED,
    PARENT = BEFORE,
    STATE,
};
enum uservalue { ROOT = 1, SECTIONS, DIRTY };
enum state { REPLACED = 1, STALE };

/* The settings that proxies point at are there while the view's task lives: it
 * holds the generation. A reference here would keep a generation for ever whose
 * script puts a config into a global. */
struct view {
    int64_t chat_id;
    struct config *config;
    struct config_patch patch;
    char
        *unfit; /* why the patch does not go with what others stored, or NULL */
    bool dirty; /* a list was changed in place: see DIRTY */
    int ref; /* of the userdata in the registry; LUA_NOREF: the task is over */
    struct generation *gen;
    struct view *next; /* of the task's */
    bool aged;         /* see views_age() */
};

/* --- view.c ------------------------------------------------------------------- */

/* Push the view itself. */
void view_push_self(lua_State *L, const struct view *view);
bool view_is_changed(const struct view *view);
/* Read all that has been made anew: config with the patch applied to it. */
void view_refill(lua_State *L, struct view *view);
/* What was changed in place becomes part of the patch. */
void view_collect(lua_State *L, struct view *view);

/* Before a commit: the same, checked. ERR_CONFIG: a list has become invalid, or does
 * not fit together with what somebody else has stored. */
bool view_ready(lua_State *L, struct view *view, struct err *err);
/* Forget what changed, and read anew from the config as it is stored. */
void view_reset(lua_State *L, struct view *view);
/* What changed is stored now, in the commit's config. */
void view_committed(lua_State *L, struct view *view,
                    const struct config_op *op);

/* --- view_proxy.c: what sections, lists and maps share ---------------------- */

/* Push the metatable of the proxy at 1; returns its index. */
int view_mt(lua_State *L);
const struct setting *view_node(lua_State *L, int mt);
/* Push the view that the metatable at mt is of. */
struct view *view_push_of(lua_State *L, int mt);
struct view *view_of(lua_State *L, int mt);
/* Has the view's task ended? */
bool view_has_ended(const struct view *view);
/* Raises then: assigning would go nowhere, and the settings may be gone. */
void view_check_alive(lua_State *L, const struct view *view);
/* "config.welcome.text" */
void view_add_path(const struct setting *node, struct buf *out);
const char *view_push_path(lua_State *L, const struct setting *node);
/* A new proxy with its metatable; the values at the top are taken. */
void view_push_proxy(lua_State *L, int view, const struct setting *node,
                     const luaL_Reg *metamethods);
/* Give the proxy with this metatable the values at the top, which are popped. */
void view_set_values(lua_State *L, int mt);
/* Its STATE, 0 for none. */
int view_slot_state(lua_State *L, int mt);
/* Metamethods. */
int view_proxy_len(lua_State *L);
int view_proxy_pairs(lua_State *L);
int view_proxy_jsonvalue(lua_State *L);
/* The value at index as the node's new one, in JSON; raises when it can't be. Its
 * buf is at the top. */
struct buf *view_push_json(lua_State *L, const struct setting *node, int index);

/* --- view_list.c -------------------------------------------------------------- */

/* Push a list or map with this value. */
void view_push_container(lua_State *L, int view, const struct setting *node,
                         struct slice json);
/* The list or map at index has another value now; tables that were in it are
 * stale. */
void view_refill_container(lua_State *L, int view, int index,
                           struct slice json);
/* The list or map whose proxy is at index is no longer its setting's value. */
void view_detach(lua_State *L, int view, int index);
/* It was changed: mt is its metatable's index. */
void view_mark_dirty(lua_State *L, int mt);
/* Is it in DIRTY? */
bool view_is_dirty(lua_State *L, int view, int proxy);

/* --- view_section.c ----------------------------------------------------------- */

void view_push_section(lua_State *L, int view, const struct setting *node);
/* Its values anew, out of the document; lists that are dirty stay. */
void view_refill_section(lua_State *L, int view, int mt, struct slice document);

/* --- view_assign.c ------------------------------------------------------------ */

int view_section_newindex(lua_State *L);
/* Values of its own instead of the generation's. */
void view_own_values(lua_State *L, int mt);
/* Push a leaf's value as it is in a section's values: nil for null. */
void view_push_value(lua_State *L, int view, const struct setting *node,
                     struct slice json);

#endif
