/*
 * view_int.h - the parts of config views: for script/view*.c only.
 *
 * A proxy's metatable holds besides its metamethods:
 *   [VIEW] the view   [NODE] the setting (light userdata)   [VALUES] the table
 *   [OWNER] of a table within a list or map: the metatable of that list or map
 *   [DETACHED] of a list or map: another value was assigned to its setting
 * The view's user values: SECTIONS, metatables of the sections made so far;
 * DIRTY, lists and maps changed in place: metatable → true.
 */
#ifndef SCRIPT_VIEW_INT_H
#define SCRIPT_VIEW_INT_H

#include <lauxlib.h>

#include "base/json.h"
#include "script/generation.h"
#include "script/json_lua.h"
#include "script/view.h"

enum slot { VIEW = 1, NODE, VALUES, OWNER, DETACHED };
enum uservalue { SECTIONS = 1, DIRTY };

/* The settings that proxies point at are there while the view's task lives: it
 * holds the generation. A reference here would keep a generation for ever whose
 * script puts a config into a global. */
struct view {
    struct config *config;
    struct config_patch patch;
    bool dirty; /* a list was changed in place */
    int ref;    /* of the userdata in the registry, until view_end() */
};

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
/* A new proxy with its metatable; the values at the top are taken. */
void view_push_proxy(lua_State *L, int view, const struct setting *node,
                     const luaL_Reg *metamethods);
/* Metamethods. */
int view_proxy_len(lua_State *L);
int view_proxy_pairs(lua_State *L);
int view_proxy_jsonvalue(lua_State *L);
/* The value at index as the node's new one, in JSON; raises when it can't be. */
struct buf *view_push_json(lua_State *L, const struct setting *node, int index);

/* --- view_list.c -------------------------------------------------------------- */

/* Push a leaf's value; tables as proxies. owner: the index of the metatable of the
 * list or map that it is put in, or 0. */
void view_push_value(lua_State *L, int view, const struct setting *node,
                     struct slice json, int owner);

/* The list or map whose proxy is at index is no longer its setting's value. */
void view_detach(lua_State *L, int view, int index);
/* It was changed: mt is its metatable's index. */
void view_mark_dirty(lua_State *L, int mt);

/* --- view_section.c ----------------------------------------------------------- */

void view_push_section(lua_State *L, int view, const struct setting *node);
/* Fill a section's values: what is set, else the defaults; not its sections. */
void view_fill_section(lua_State *L, int view, int values,
                       const struct setting *node);

#endif
