/*
 * types.h - a bot's settings as annotations for lua-language-server.
 *
 * A Lua file of comments: a class for each section, `Config` for the whole and
 * `Derived` for what sections compute; so that an editor completes
 * ctx.config.welcome.text and knows its type. The annotations are described at
 * https://luals.github.io/wiki/annotations/
 */
#ifndef BOT_TYPES_H
#define BOT_TYPES_H

#include "config/schema.h"

void types_write(const struct setting *root, struct buf *out);

#endif
