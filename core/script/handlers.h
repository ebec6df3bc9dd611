/*
 * handlers.h - what scripts have registered, and which of it an update is for.
 *
 * Handlers are tried in the order in which they were registered (files in the
 * order of their names); the first that matches runs, and the next one only if
 * it calls next(). A handler's number is its place in that order.
 */
#ifndef SCRIPT_HANDLERS_H
#define SCRIPT_HANDLERS_H

#include <lua.h>
#include <uthash.h>

#include "telegram/update.h"

enum handler_type {
    HANDLER_USE,      /* everything */
    HANDLER_COMMAND,  /* a command by its name */
    HANDLER_ON,       /* a kind, and a field that must be there */
    HANDLER_HEARS,    /* a message's text */
    HANDLER_CALLBACK, /* a callback query's data */
};

struct handler {
    enum handler_type type;
    char *what;        /* "/start", "message:photo", … for messages */
    char *source;      /* "scripts/start.lua:3" */
    char *command;     /* COMMAND: without the slash, lower case */
    char *description; /* COMMAND: or NULL */
    uint64_t
        kinds;    /* bits of enum update_kind; bit UPDATE_KINDS: unknown ones */
    char *field;  /* ON: in the payload, "photo"; NULL: any */
    char *entity; /* ON: with field "entities": a type; NULL: any */
    char *pattern;   /* HEARS, CALLBACK */
    bool plain;      /* the pattern has nothing magic: must be equal */
    bool wants_next; /* its function takes a second argument */
    struct metric_series *seconds; /* of its runs; set by handlers_add() */
};

struct command_entry;

struct handlers {
    struct handler *list; /* n of them, by number */
    int n;
    int *by_kind[UPDATE_KINDS + 1]; /* numbers of all but commands, ascending */
    int by_kind_n[UPDATE_KINDS + 1];
    struct command_entry *commands;
    bool has_use;
};

void handlers_release(struct handlers *hs);

/* Add one; its strings are taken. ERR_SCRIPT: another file has this command, or
 * there are too many. Returns its number, or -1. */
int handlers_add(struct handlers *hs, const struct handler *h, struct err *err);

/*
 * The first handler numbered from or higher that may want this update, or -1.
 * For HEARS and CALLBACK with a pattern only the script state can tell: see
 * handler_matches_pattern(). username: the bot's own, for "/cmd@username".
 */
int handlers_next(const struct handlers *hs, const struct update *u, int from,
                  const char *username);

/* For a filter like "message:photo". ERR_SCRIPT: unknown kind; says the nearest. */
bool handler_parse_filter(struct handler *h, const char *filter,
                          struct err *err) MUST_CHECK;
/* Has a text anything that is magic in a Lua pattern? */
bool is_plain_text(const char *pattern);

/* Does Telegram send updates of this kind? Messages and presses of buttons always,
 * as soon as there is any handler: it may ask (ctx:ask()). */
bool handlers_gets_kind(const struct handlers *hs, enum update_kind kind);
/* These kinds as a JSON array: allowed_updates. */
void handlers_add_allowed(const struct handlers *hs, struct buf *out);

#endif
