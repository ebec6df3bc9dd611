/*
 * option.h - settings in defaults/ files: from Lua values to the schema.
 *
 * A plain value is a setting of its type with itself as the default: true,
 * 5, 0.5, "text", { "a", "list" }; a table with names is a section. The global
 * `option` says more:
 *   option.integer{ default = 5, min = 1, max = 100, unit = "minutes" }
 *   option.number, option.string (min, max: characters; pattern),
 *   option.boolean, option.choice{ "de", "en", default = "en" },
 *   option.list, option.map (min, max: how many; of = option.string{ … }),
 *   option.chat, option.user (default may be left out: none)
 *   option.section{ settings = { … }, lazy = true, derive = function … end }
 * and all of them label, help, private.
 */
#ifndef SCRIPT_OPTION_H
#define SCRIPT_OPTION_H

#include <lua.h>

#include "script/generation.h"

/* The table `option`.                                            [-0, +1, m] */
void option_push(lua_State *L);

/*
 * Add to the generation's schema what a file in defaults/ has returned, which is
 * at the top. file: "defaults/antiflood.lua". Raises what is wrong, with file,
 * line and key: "defaults/antiflood.lua:4: antiflood.max: the default does not
 * fit: must be a whole number from 1 to 100, got 0". What was added until then stays:
 * the generation is not used any more.                            [-0, +0, v] */
void option_declare_file(lua_State *L, struct generation *gen,
                         const char *file);

#endif
