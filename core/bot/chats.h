/*
 * chats.h - which chats the bot has seen: the table chats, which broadcasts to
 * "all" go by.
 *
 * Each update says that its chat is there; a look into a hash tells whether that
 * is known of today, and else the chat is written, many in one statement. What
 * my_chat_member says is always written: that the bot was thrown out or blocked, or
 * let in again. When the database is away, chats are forgotten, not kept: they are
 * written when they next speak.
 */
#ifndef BOT_CHATS_H
#define BOT_CHATS_H

#include "io/loop.h"
#include "io/pg.h"
#include "telegram/update.h"

struct chats;

/* on: false: nothing is noted, chats_seen() does nothing. */
struct chats *chats_new(struct loop *loop, struct pg *pg, int64_t bot, bool on);
/* What is not written yet is written, if the loop goes on: at the end of a bot. */
void chats_flush(struct chats *chats);
void chats_free(struct chats *chats); /* NULL is allowed */

/* For every update that comes in. chats may be NULL. Costs some nanoseconds for a
 * chat that was seen today. */
void chats_seen(struct chats *chats, const struct update *u);
/* Something found out that nothing can be sent to this chat, and wrote so: the next
 * update from it is news. */
void chats_forget(struct chats *chats, int64_t chat_id);

#endif
