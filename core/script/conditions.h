/*
 * conditions.h - what must hold for the handlers of a bot.group{ … }.
 *
 * Groups stand in each other: all conditions of all of them must hold. What the
 * update itself says is decided here, before any Lua runs; whether somebody is an
 * administrator, and what a function of the script says, is not (dispatch.c).
 */
#ifndef SCRIPT_CONDITIONS_H
#define SCRIPT_CONDITIONS_H

#include "script/filter.h"

enum topic_rule { TOPIC_ANY, TOPIC_NONE, TOPIC_SOME, TOPIC_LISTED };
enum admin_rule { ADMIN_ANY, ADMIN_YES, ADMIN_NO };

/* Types of chats, as bits. */
enum {
    CHAT_PRIVATE = 1,
    CHAT_GROUP = 2,
    CHAT_SUPERGROUP = 4,
    CHAT_CHANNEL = 8,
};

struct id_list {
    int64_t *ids; /* n of them, ascending; n 0: any */
    int n;
};

struct group {
    int parent;     /* its number; 0: none */
    char *source;   /* "scripts/start.lua:3" */
    uint64_t kinds; /* of updates, that its filters, and its parent's, leave */
    struct filter *on; /* one of them; non 0: any */
    int non;
    unsigned chat_types; /* 0: any */
    struct id_list chats, users, topics;
    enum topic_rule topic;
    enum admin_rule admin;
    char *
        *rights; /* of administrators: all of these, ends with NULL; or NULL */
    bool has_when; /* a function of the script */
    bool asks;     /* any of the last three, also of the groups around it */
};

void group_release(struct group *g);

/* The bit of a type of chats; 0: there is none of this name. */
unsigned chat_type_bit(struct slice name);
void id_list_add(struct id_list *list, int64_t id);

/*
 * Do the conditions of this one group hold, but for its filters and those that
 * must be asked for?
 */
bool group_takes(const struct group *g, const struct update *u);

#endif
