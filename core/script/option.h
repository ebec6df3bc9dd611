/*
 * option.h - settings in defaults/ files: from Lua values to the schema.
 *
 * A plain value is a setting of its type with itself as the default: true,
 * 5, 0.5, "text", { "a", "list" }; a table with names is a section. The global
 * `option` says more:
 *   option.integer{ default = 5, min = 1, max = 100, label = …, help = … }
 *   option.number, option.string (min, max: characters), option.boolean,
 *   option.choice{ "de", "en", default = "en" }, option.list, option.map
 */
#ifndef SCRIPT_OPTION_H
#define SCRIPT_OPTION_H

#include <lua.h>

#include "config/schema.h"

/* The table `option`.                                            [-0, +1, m] */
void option_push(lua_State *L);

/* Add the settings in the table at the top to section; raises naming file and key. */
void option_declare(lua_State *L, struct setting *section, const char *file);

#endif
