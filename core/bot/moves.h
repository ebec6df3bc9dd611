/*
 * moves.h - groups that become supergroups, and so get another id.
 *
 * Telegram tells of it by a message in the old chat, one in the new chat, and the
 * 400 to whoever still sends to the old one. Whichever comes first: updates of both
 * chats wait, tasks of theirs that run are waited for, and then the config, its
 * history and every row that belongs to the chat get the new id, in one transaction
 * (moonpost_move_chat(), schema/0006). What comes later does nothing. From then on
 * calls to the old id go to the new one, and so do reads and writes of its config.
 *
 * While PostgreSQL is down, both chats wait; the update that told of it is not done
 * before the move is (it is in one of the lanes), so that after a restart it comes again.
 */
#ifndef BOT_MOVES_H
#define BOT_MOVES_H

#include "bot/lanes.h"
#include "config/store.h"
#include "telegram/send.h"

struct moves;

struct moves_options {
    struct config_store *store;
    struct lanes *lanes;
    struct sender *sender;
};

/* It hears sender_on_moved(). */
struct moves *moves_new(struct loop *loop, struct pg *pg,
                        const struct moves_options *options);
void moves_free(
    struct moves *m); /* what is not done is forgotten; NULL is fine */

/* The tables are there: learn of earlier ones. */
void moves_learn(struct moves *m);

/* News; from and to are ids of chats. */
void moves_note(struct moves *m, int64_t from, int64_t to);
/* An update that has arrived: is it such news? Before it goes into its lane. */
void moves_see(struct moves *m, const struct update *u);

#endif
