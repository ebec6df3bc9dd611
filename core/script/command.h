/*
 * command.h - what bot.command() says of a command: its names, and who sees it
 * how in Telegram's list of commands.
 */
#ifndef SCRIPT_COMMAND_H
#define SCRIPT_COMMAND_H

#include "base/buf.h"

#define COMMAND_LEN_MAX 32 /* https://core.telegram.org/bots/api#botcommand */
#define COMMAND_DESCRIPTION_MAX 256

/* https://core.telegram.org/bots/api#botcommandscope, in their order. */
enum command_scope_type {
    SCOPE_DEFAULT,
    SCOPE_PRIVATE, /* all_private_chats */
    SCOPE_GROUPS,  /* all_group_chats */
    SCOPE_ADMINS,  /* all_chat_administrators */
    SCOPE_CHAT,
    SCOPE_CHAT_ADMINS,
    SCOPE_CHAT_MEMBER,
};

struct command_scope {
    enum command_scope_type type;
    int64_t chat_id; /* CHAT…; else 0 */
    int64_t user_id; /* CHAT_MEMBER; else 0 */
};

struct command_text {
    char language[4]; /* "de" */
    char *text;
};

struct command {
    char **names; /* n of them, lower case; the first is the command, the others
                   * are aliases, which no list has */
    int n;
    char *description; /* or NULL: in no list */
    struct command_text *texts;
    int ntexts;
    struct command_scope *scopes; /* nscopes 0: SCOPE_DEFAULT */
    int nscopes;
    bool hidden; /* in no list, although it has a description */
};

void command_free(struct command *c); /* NULL is allowed */
void command_add_name(struct command *c, const char *name);
/* The same scope twice is one. */
void command_add_scope(struct command *c, struct command_scope scope);
/* text in a language that has one already replaces it. */
void command_add_text(struct command *c, const char *language,
                      const char *text);

/* Its description for those who use this language ("": any other). */
const char *command_text_in(const struct command *c, const char *language);

/* Is a command of scope "of" seen in the list of scope "list"? Telegram shows one
 * list only, the narrowest that there is, so that it must have the wider ones'. */
bool command_scope_within(struct command_scope list, struct command_scope of);

/* Append the BotCommandScope object. */
void command_scope_add_json(struct buf *out, struct command_scope scope);

#endif
