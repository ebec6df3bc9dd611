/*
 * world.h - people, bots, chats and their members: what docs/simulator.md calls
 * the world. A plain model: it knows nothing of HTTP, calls and updates.
 *
 * Objects live until world_free(). Telegram's objects are kept as jansson
 * values and shared by reference into what is made from them.
 */
#ifndef SIMULATOR_WORLD_H
#define SIMULATOR_WORLD_H

#include <uthash.h>

#include "simulator/text.h"

#define FIRST_PERSON 1001
#define GROUP_ID (-2001)
#define SUPERGROUP_ID (-1001000002002)
#define CHANNEL_ID (-1001000002003)
#define OWNER_ID 1003

struct updates;

struct user {
    int64_t id;
    bool is_bot;
    json_t *json; /* User */
    UT_hash_handle hh;
};

struct bot {
    int64_t id;
    struct user *user;
    json_t *me;       /* User, as getMe gives it */
    json_t *commands; /* "scope/language" → {scope, language_code, commands} */
    json_t *profile;  /* "name/language" → text */
    struct updates *updates; /* see updates.h; made and freed by its user */
    struct bot *next;        /* in the order of first use */
};

struct member {
    int64_t id;
    json_t *json; /* ChatMember */
    UT_hash_handle hh;
};

struct topic {
    int64_t id;
    json_t *json; /* ForumTopic */
    bool closed;
    struct topic *next;
};

struct message {
    int64_t id, seq, from, thread;
    int64_t receiver;      /* an ephemeral message: who alone sees it; else 0 */
    struct text *text;     /* Message as bots see it; NULL: deleted */
    struct text *keyboard; /* a reply_markup that only people see, or NULL */
    json_t *reactions;     /* {"user id": [ReactionType]}, or NULL */
};

enum chat_type { CHAT_PRIVATE, CHAT_GROUP, CHAT_SUPERGROUP, CHAT_CHANNEL };

/* A private chat is one person's with one bot; others have bot 0. */
struct chat_key {
    int64_t id, bot;
};

struct chat {
    struct chat_key key;
    enum chat_type type;
    json_t *brief; /* Chat, as in messages */
    json_t *full;  /* what else ChatFullInfo holds */
    struct member *members;
    struct topic *topics;
    json_t *pinned;            /* [message id], oldest first */
    bool blocked;              /* private: the person blocked the bot */
    int64_t migrated_to;       /* a group that became this supergroup; or 0 */
    struct message **messages; /* by id; first … first + n */
    size_t first, n, cap;
    int64_t next_id, last_seq;
    UT_hash_handle hh;
};

struct world {
    struct user *users;
    struct bot *bots;
    struct chat *chats;
    int64_t next_person, next_chat;
};

struct world *world_new(void); /* with the people and chats it starts with */
void world_free(struct world *world); /* bots' updates must be gone */

struct user *world_user(const struct world *world, int64_t id); /* or NULL */
/* Makes a person; id 0: a free one. NULL when the id is taken. */
struct user *world_add_person(struct world *world, int64_t id,
                              const char *first_name);
struct bot *world_bot(const struct world *world, int64_t id); /* or NULL */
/* The bot of that id, made and put into the chats if it is new. */
struct bot *world_add_bot(struct world *world, int64_t id);

/* bot counts for private chats only; there NULL when they never talked. */
struct chat *world_chat(const struct world *world, int64_t id, int64_t bot);
struct chat *world_chat_named(const struct world *world, const char *username);
/* A person's chat with a bot, made if it is new. */
struct chat *world_private(struct world *world, struct user *person,
                           struct bot *bot);
/* id 0: a free one of that type. NULL when the id is taken or not of the type. */
struct chat *world_add_chat(struct world *world, enum chat_type type,
                            int64_t id, const char *title);
const char *chat_type_name(enum chat_type type); /* "supergroup" */
bool chat_type_parse(const char *name, enum chat_type *type);
/* A new reference to a ChatFullInfo. */
json_t *chat_full_info(const struct chat *chat);

/* --- members --------------------------------------------------------------- */

struct member *chat_member(const struct chat *chat, int64_t id); /* or NULL */
const char *member_status(const struct member *member); /* NULL: "left" */
/* In the chat: also when restricted, if is_member. In private chats: both. */
bool chat_has(const struct chat *chat, int64_t id);
bool chat_is_admin(const struct chat *chat, int64_t id);
/* Has an administrator or the owner this right ("can_pin_messages")? */
bool chat_may(const struct chat *chat, int64_t id, const char *right);
/* A ChatMember of that status with the rights it usually has. New reference. */
json_t *member_make(const struct chat *chat, const struct user *user,
                    const char *status);
/* ChatMember as it is now ("left" for who never was there). New reference. */
json_t *chat_member_json(const struct chat *chat, const struct user *user);
void chat_set_member(struct chat *chat, const struct user *user, json_t *json);
int64_t chat_member_count(const struct chat *chat);

struct topic *chat_topic(const struct chat *chat, int64_t id);
struct topic *chat_add_topic(struct chat *chat, int64_t id, const char *name,
                             int64_t icon_color);
void chat_remove_topic(struct chat *chat, int64_t id);

#endif
