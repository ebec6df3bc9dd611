/*
 * messages.h - the messages of a chat: kept by id, the last MESSAGES_KEPT.
 */
#ifndef SIMULATOR_MESSAGES_H
#define SIMULATOR_MESSAGES_H

#include "simulator/feed.h"
#include "simulator/world.h"

#define MESSAGES_KEPT 2000

/* Message ids count up in each chat. */
int64_t message_next_id(struct chat *chat);
/* NULL: there is none, or it was deleted or is too old. */
struct message *message_find(const struct chat *chat, int64_t id);
/* A new reference to the Message object, for changing it. */
json_t *message_json(const struct message *message);

/*
 * An ephemeral message has an id here and on the page, as any other; bots know it
 * only by its ephemeral_message_id, which is the same number, and see the
 * message_id 0. This makes a Message so; others stay. message_find_ephemeral():
 * NULL as message_find(), or if it was for somebody else.
 */
void message_as_bots_see(json_t *json);
struct message *message_find_ephemeral(const struct chat *chat, int64_t id,
                                       int64_t receiver);

/*
 * Store a Message (borrowed; its message_id from message_next_id()) and tell
 * the feed. keyboard: a reply_markup that is not part of it, or NULL
 * (borrowed).
 */
struct message *message_add(struct feed *feed, struct chat *chat,
                            const json_t *json, const json_t *keyboard);
/* Its new form; message_json() of the old one, changed. */
void message_change(struct feed *feed, struct chat *chat,
                    struct message *message, const json_t *json);
void message_delete(struct feed *feed, struct chat *chat,
                    struct message *message);
/* reactions: [ReactionType], empty takes them away. */
void message_react(struct feed *feed, struct chat *chat,
                   struct message *message, int64_t user, json_t *reactions);

/* Append {"messages":[…],"seq":…}: what is new or changed since a seq. Returns
 * how many. */
size_t messages_list(const struct feed *feed, const struct chat *chat,
                     int64_t after, struct buf *out);
void messages_release(struct chat *chat);

/* As people see it: with reply keyboard, reactions and seq. */
void message_add_view(struct buf *out, const struct message *message);

#endif
