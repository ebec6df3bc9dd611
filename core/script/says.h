/*
 * says.h - what the host says by itself in chats: English, unless the bot's
 * locales/ have the key.
 *
 * This is the one list of the keys. Lua reads it through lua/moonpost.says.lua, and
 * lua/i18n.lua knows by it which keys a locale may have under "moonpost.".
 */
#ifndef SCRIPT_SAYS_H
#define SCRIPT_SAYS_H

#include <lua.h>

#include "telegram/update.h"

struct generation;

#define SAYS_MAX 200 /* characters: an answer to a press has no more */

/* { ["moonpost.admins_only"] = "Only …", … }                     [-0, +1, m] */
void says_push_english(lua_State *L);
/* The key that is most like a wrong one. */
const char *says_near(struct slice key);

/*
 * Append what is said where no task runs. No waiting: the chat's language is what its
 * config (the overrides that are cached; SLICE_NONE: none are) or else its default
 * says, in private the person's own, or the bot's default one.
 * gen: NULL, it is English. u: whom it is for; NULL: that is not known.
 */
void says_add(struct generation *gen, const char *key, const struct update *u,
              struct slice config, struct buf *out);

/* What lua/moonpost.says.lua gets.                               [-0, +1, m] */
void mod_says_push(lua_State *L, struct generation *gen);

#endif
