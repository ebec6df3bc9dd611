/*
 * upgrades.h - the background upgrade of a running bot: chats' configs of older
 * versions, brought to the current one a few at a time.
 *
 * It begins some seconds after each kick, goes through all rows once
 * (config/bulk.h), and rests until the next. Where the database is away, or
 * goes away, it comes back later and goes on.
 */
#ifndef BOT_UPGRADES_H
#define BOT_UPGRADES_H

#include "config/store.h"
#include "io/loop.h"

struct upgrades; /* opaque */

struct upgrades_options {
    int per_s;    /* rows a second; 0: off */
    int delay_ms; /* from a kick to the beginning; -1: some seconds */
};

struct upgrades *upgrades_new(struct loop *loop, struct config_store *store,
                              const struct upgrades_options *o);
/*
 * There may be something to upgrade: when the tables are there, and after each
 * config_store_use(). What is under way ends, and begins again.
 */
void upgrades_kick(struct upgrades *u);
void upgrades_free(struct upgrades *u); /* before the store; NULL is allowed */

#endif
