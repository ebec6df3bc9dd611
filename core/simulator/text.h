/*
 * text.h - a piece of text that several hold at once, and short names for what
 * is done with jansson all the time.
 *
 * A message is written as JSON once; the chat, the update, the feed and the
 * answer to the call all use that text. The simulator keeps texts, not trees:
 * they are a tenth of the size, and sending them on costs a memcpy.
 */
#ifndef SIMULATOR_TEXT_H
#define SIMULATOR_TEXT_H

#include <jansson.h>

#include "base/buf.h"

struct text {
    int refs;
    size_t len;
    char data[]; /* NUL-terminated */
};

struct text *text_new(struct slice bytes);
struct text *text_ref(struct text *text);
void text_unref(struct text *text); /* NULL is allowed */
struct slice text_slice(const struct text *text);

/* Append value as compact JSON. */
void json_add(struct buf *out, const json_t *value);
struct text *json_to_text_ref(const json_t *value);
/* A new reference; the text is known to be JSON. */
json_t *json_from(struct slice text);

/* Members of an object by name; the default, NULL or false when there is none
 * of that type. */
int64_t json_int(const json_t *object, const char *key, int64_t otherwise);
const char *json_str(const json_t *object, const char *key);
struct slice json_str_slice(const json_t *object, const char *key);
bool json_bool(const json_t *object, const char *key);

void json_set_int(json_t *object, const char *key, int64_t n);
void json_set_str(json_t *object, const char *key, const char *s);
void json_set_bool(json_t *object, const char *key, bool b);
/* Copies the member if there is one. */
void json_set_from(json_t *object, const json_t *from, const char *key);

#endif
