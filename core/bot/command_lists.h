/*
 * command_lists.h - the lists of commands that Telegram is to have, made of what
 * the scripts have registered: one for each scope and language.
 *
 * Telegram shows a person the list of the narrowest scope that there is, and of
 * their language before the others, and nothing of the wider ones. So each list
 * has the commands of all scopes around its own, in its order of registration.
 */
#ifndef BOT_COMMAND_LISTS_H
#define BOT_COMMAND_LISTS_H

#include "script/handlers.h"

/* https://core.telegram.org/bots/api#setmycommands */
#define COMMAND_LIST_MAX 100

struct command_list {
    char *scope;      /* the BotCommandScope as JSON */
    char language[4]; /* "": all others */
    char *commands;   /* a JSON list of BotCommand; never empty */
    bool failed;      /* for the owner: not now */
};

struct command_lists {
    struct command_list *list;
    int n;
    bool too_long; /* one of them had more than COMMAND_LIST_MAX: cut */
};

void command_lists_release(struct command_lists *lists);
void command_lists_make(struct command_lists *lists, const struct handlers *hs);

/* The one of this scope and language, or NULL. */
struct command_list *command_lists_find(const struct command_lists *lists,
                                        const char *scope,
                                        const char *language);
/* Its commands become these; it is made if there is none. */
void command_lists_put(struct command_lists *lists, struct slice scope,
                       struct slice language, struct slice commands);
void command_lists_remove(struct command_lists *lists,
                          struct command_list *one);

#endif
