/*
 * types_files.h - what an editor is told about a bot's folder: definition files
 * for lua-language-server in DIR/types, and DIR/.luarc.json, which names them.
 *
 * https://luals.github.io/wiki/definition-files/ and /wiki/configuration/
 */
#ifndef BOT_TYPES_FILES_H
#define BOT_TYPES_FILES_H

#include "config/schema.h"

/* The folder they are in, in the bot's. */
#define TYPES_FOLDER "types"

enum types_written {
    TYPES_NOTHING, /* all were as they should be */
    TYPES_FILES,
    TYPES_ALL, /* .luarc.json, too */
};

/*
 * Write those that are not there or are different: the Bot API's, one for each
 * host module, config.lua with the settings. A .luarc.json that is there stays as
 * it is: it is its author's. ERR_SYSTEM.
 */
bool types_write_files(const char *dir, const struct setting *root,
                       enum types_written *written, struct err *err) MUST_CHECK;

#endif
