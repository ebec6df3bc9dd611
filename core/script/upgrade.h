/*
 * upgrade.h - bringing a chat's config to the current version.
 *
 * The functions of migrations/config/ get the config as a plain table: the
 * chat's overrides over the present defaults, with keys that no setting has
 * any more. What they change becomes an override, what they remove is removed;
 * everything else stays as it was, so a chat that never set a value goes on
 * following its default. A setting is renamed by their second argument, move()
 * (upgrade_move.h).
 */
#ifndef SCRIPT_UPGRADE_H
#define SCRIPT_UPGRADE_H

#include "base/buf.h"

/*
 * A config_upgrade_fn; arg: the struct generation. ERR_SCRIPT: a function raised,
 * computed for too long, or returned something; with its file and line.
 */
bool upgrade_config(int64_t chat_id, struct slice text, int version,
                    struct buf *out, struct err *err, void *arg);

#endif
