/*
 * handlers.h - what scripts have registered, and which of it an update is for.
 *
 * Handlers are tried in the order in which they were registered (files in the
 * order of their names); the first that matches runs, and the next one only if
 * it calls next(). A handler's number is its place in that order. Those of a
 * group stand in the same order, and have its conditions besides.
 *
 * So that a hundred handlers cost no more than a few, they are found by what the
 * update has: commands and plain texts by a hash, filters by the fields that are
 * there, and only the rest one by one. Each of these lists is in order; the
 * lowest number of them all is next (handlers_find.c).
 */
#ifndef SCRIPT_HANDLERS_H
#define SCRIPT_HANDLERS_H

#include <lua.h>
#include <uthash.h>

#include "script/command.h"
#include "script/conditions.h"
#include "script/filter.h"
#include "script/pattern_hint.h"
#include "telegram/update.h"

#define HANDLERS_MAX 10000
#define GROUPS_MAX 1000

enum handler_type {
    HANDLER_USE,      /* everything */
    HANDLER_COMMAND,  /* a command by its name */
    HANDLER_ON,       /* filters */
    HANDLER_REACTION, /* reactions that were added */
    HANDLER_HEARS, /* from here on by texts: a message's text or caption, … */
    HANDLER_CALLBACK, /* … a callback query's data, … */
    HANDLER_GAME,     /* … its game_short_name, … */
    HANDLER_INLINE,   /* … what was typed in an inline query, … */
    HANDLER_CHOSEN,   /* … the result_id of a chosen inline result, … */
    HANDLER_INVOICE, /* … the invoice_payload of a shipping or checkout query */
    HANDLER_TYPES,
};

struct trigger {
    char *text;
    bool plain; /* nothing magic in it: must be equal. REACTION: an emoji */
    struct pattern_hint *hint; /* of a pattern; NULL: plain */
};

struct handler {
    enum handler_type type;
    char *what;   /* "/start", "message:photo", … for messages */
    char *source; /* "scripts/start.lua:3" */
    int group;    /* its number, from 1; 0: none */
    uint64_t
        kinds; /* bits of enum update_kind; bit UPDATE_KINDS: unknown ones */
    bool wants_next;         /* its function takes a second argument */
    struct command *command; /* COMMAND */
    struct filter *filters;  /* ON: one of them */
    int nfilters;
    struct trigger *triggers; /* one of them; ntriggers 0: any text, any
                                * reaction */
    int ntriggers;
    struct metric_series *seconds; /* of its runs; set by handlers_add() */
};

/* The numbers of handlers, ascending. */
struct numbers {
    int *list, n;
};

struct entry; /* of a hash: a text, and the numbers of handlers for it */

struct handlers {
    struct handler *list; /* n of them, by number */
    int n;
    struct group *groups; /* ngroups of them; number 1 is the first */
    int ngroups;
    int64_t me; /* the bot's id, for "…:me" */
    /* indexes */
    struct numbers by_kind[UPDATE_KINDS + 1]; /* what is in no other */
    struct entry *commands;                   /* by name */
    struct entry *texts[HANDLER_TYPES];       /* plain ones; by type */
    size_t text_max[HANDLER_TYPES];           /* bytes of the longest */
    struct entry *fields; /* by name; also those of groups' filters */
    struct entry **field; /* nfields of them, by entry's number */
    int nfields;
    uint64_t wanted;      /* kinds that any handler wants, */
    uint64_t wanted_more; /* … commands not counted */
};

void handlers_release(struct handlers *hs);

/* Takes what h has, or frees it. ERR_SCRIPT: another file has this command, there
 * are too many, or it can never match. Returns its number, or -1. */
int handlers_add(struct handlers *hs, struct handler *h, struct err *err);
void handler_release(struct handler *h);
void handler_add_trigger(struct handler *h, const char *text, bool plain);
void handler_add_filter(struct handler *h, const struct filter *f);

/* The same for a group. Returns its number, from 1, or 0. */
int handlers_add_group(struct handlers *hs, struct group *g, struct err *err);
const struct group *handlers_group(const struct handlers *hs, int number);

/*
 * The first handler numbered from or higher that may want this update, or -1.
 * Patterns, and conditions of groups that must be asked for, are left to the
 * caller. username: the bot's own, for "/cmd@username".
 */
int handlers_next(const struct handlers *hs, const struct update *u, int from,
                  const char *username);

/* The text that patterns are for, raw; *type: of which handlers. */
struct slice handlers_subject(const struct update *u, enum handler_type *type);

/* Has a text anything that is magic in a Lua pattern? */
bool is_plain_text(const char *pattern);

/* A line for each command that an earlier handler of its file takes away from it: it
 * takes the same one on no other conditions, and calls no next(). */
void handlers_add_covered(const struct handlers *hs, struct buf *out);

/* Does any handler want updates of this kind, for more than commands? */
bool handlers_want(const struct handlers *hs, enum update_kind kind);
/* Does Telegram send updates of this kind? Messages and presses of buttons always,
 * as soon as there is any handler: it may ask (ctx:ask()). */
bool handlers_gets_kind(const struct handlers *hs, enum update_kind kind);
/* These kinds as a JSON array: allowed_updates. */
void handlers_add_allowed(const struct handlers *hs, struct buf *out);

#endif
