/*
 * filter.h - grammY's filter queries: "message:entities:url".
 *
 * Up to three levels with colons between: a kind of update, a field that must be
 * there, and what that must be or have. https://grammy.dev/guide/filter-queries.
 * What can be named follows from the Bot API (filter_table.h), so it is more than
 * grammY lists; what grammY takes means the same here.
 *
 *   first   a kind under Telegram's name; "" and "msg": message and channel_post;
 *           "edit": edited_message and edited_channel_post
 *   second  a field; "": entities and caption_entities; "media": photo, live_photo
 *           and video; "file": all that have a file
 *   third   of an object, or of any in a list: a field of it that is there and is
 *           not false, 0 or ""; or its type, status, source or state; of a user:
 *           "me", which is the bot. Of a text: what it is
 */
#ifndef SCRIPT_FILTER_H
#define SCRIPT_FILTER_H

#include "telegram/update.h"

#define FILTER_FIELDS_MAX 9

/* Its texts are the table's: nothing to free. */
struct filter {
    uint64_t kinds;                        /* bits of enum update_kind */
    const char *fields[FILTER_FIELDS_MAX]; /* one of them; nfields 0: any */
    int slots
        [FILTER_FIELDS_MAX]; /* for the owner: where it keeps their values */
    int nfields;
    const char *third; /* NULL: any */
};

/* ERR_SCRIPT says what is unknown, and the nearest that is known. */
bool filter_parse(struct filter *f, const char *text,
                  struct err *err) MUST_CHECK;

/* Is the value of one of its fields what it asks for? SLICE_NONE: it is not
 * there. me: the bot's id. */
bool filter_takes(const struct filter *f, struct slice value, int64_t me);

/* All of it, for an update that is looked at only once. */
bool filter_matches(const struct filter *f, const struct update *u, int64_t me);

/* How many changes make a of b; a large number for long texts. */
int filter_distance(struct slice a, const char *b);

#endif
