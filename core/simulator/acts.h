/*
 * acts.h - what people and bots do in a chat, and which bots hear of it.
 *
 * want: the bot whose update id the caller would like to know; 0: the first.
 * Functions return that update's id, or 0 when there is none.
 */
#ifndef SIMULATOR_ACTS_H
#define SIMULATOR_ACTS_H

#include "simulator/messages.h"
#include "simulator/simulator_int.h"

/* Queue an update for every bot in the chat, but not for except (0: none). */
int64_t act_tell(struct simulator *sim, const struct chat *chat,
                 const char *kind, struct slice object, int64_t want,
                 int64_t except);
/* The same for bots that are administrators there (and in private chats). */
int64_t act_tell_admins(struct simulator *sim, const struct chat *chat,
                        const char *kind, struct slice object, int64_t want,
                        int64_t except);
/* message or channel_post, edited_… if edited. */
int64_t act_tell_message(struct simulator *sim, const struct chat *chat,
                         const struct message *message, bool edited,
                         int64_t want, int64_t except);

/* A Message with id, sender, chat, date and thread (0: none). New reference. */
json_t *act_new_message(struct chat *chat, const struct user *from,
                        int64_t thread);
/* A message with the member key: value (taken), told to all bots but except. */
int64_t act_service(struct simulator *sim, struct chat *chat,
                    const struct user *from, const char *key, json_t *value,
                    int64_t want, int64_t except);

/*
 * Give user the ChatMember json (taken): my_chat_member or chat_member for the
 * bots, and a service message when someone came or went.
 */
int64_t act_set_member(struct simulator *sim, struct chat *chat,
                       const struct user *user, json_t *json,
                       const struct user *by, int64_t want);

/* The person blocks or unblocks the bot of a private chat. */
int64_t act_block(struct simulator *sim, struct chat *chat, bool blocked);

/* A group becomes a supergroup: returns the new chat. */
struct chat *act_migrate(struct simulator *sim, struct chat *group);

#endif
