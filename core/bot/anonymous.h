/*
 * anonymous.h - other names for people and chats in a text of JSON.
 *
 * What stands under "first_name", "last_name", "username", "title",
 * "phone_number", "email" in one text is a name from then on, and is replaced
 * wherever it stands as a word in a string of it and of later texts, by one of the
 * same length, the same for the same name: offsets of entities still fit, and
 * commands still match. Numbers stay; so does what people write about each other
 * in other words.
 */
#ifndef BOT_ANONYMOUS_H
#define BOT_ANONYMOUS_H

#include "base/buf.h"

/* The oldest are forgotten then, and get other names when they come again. */
#define ANONYMOUS_NAMES_MAX 10000

struct anonymous;

struct anonymous *anonymous_new(void);
void anonymous_free(struct anonymous *a); /* NULL is allowed */

/* This name stays as it is: the bot's own. */
void anonymous_keep(struct anonymous *a, const char *name);
/* Append text, which is valid JSON, with other names. */
void anonymous_add(struct anonymous *a, struct slice text, struct buf *out);

#endif
