/*
 * host_commands.h - Telegram's lists of commands, kept in step with the scripts.
 *
 * Only what has changed is sent: what was sent before stands in the database, so
 * a restart calls nothing. Lists that are not wanted any more are deleted; one
 * that this program never sent (an author's own, made with @BotFather) stays.
 * A call that fails is tried again after a minute, then after two, up to an hour;
 * the others don't wait for it.
 */
#ifndef BOT_HOST_COMMANDS_H
#define BOT_HOST_COMMANDS_H

#include "io/pg.h"
#include "script/handlers.h"
#include "telegram/send.h"

#define COMMANDS_AGAIN_MIN_MS 60000
#define COMMANDS_AGAIN_MAX_MS 3600000

struct host_commands;

struct host_commands *host_commands_new(struct loop *loop, struct pg *pg,
                                        struct sender *sender, int64_t bot_id);
void host_commands_free(struct host_commands *c); /* NULL is allowed */

/* These are wanted now. afresh: another program may have sent some meanwhile, so
 * look at the database first. */
void host_commands_want(struct host_commands *c, const struct handlers *hs,
                        bool afresh);

#endif
