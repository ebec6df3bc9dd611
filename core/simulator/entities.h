/*
 * entities.h - formatted text as the Bot API server takes it: HTML, MarkdownV2
 * and the old Markdown to plain text with MessageEntity objects, and what it
 * finds by itself (commands, mentions, links, …).
 *
 * Offsets and lengths are in UTF-16 code units. Errors are ERR_TELEGRAM with
 * the server's description, "Bad Request: " included.
 * See https://core.telegram.org/bots/api#formatting-options.
 */
#ifndef SIMULATOR_ENTITIES_H
#define SIMULATOR_ENTITIES_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

/* Bytes with markup; more is too long whatever comes out. */
#define ENTITIES_INPUT_MAX (256 * 1024)

/* The User object of that id (a new reference), or NULL when the bot does not
 * know them: then a link to them is plain text. */
typedef json_t *(*entities_user_fn)(int64_t id, void *arg);

struct entities_input {
    struct slice text;      /* as the bot or the person gave it; UTF-8 */
    const char *parse_mode; /* in any case; NULL or "": none */
    const json_t *given;    /* `entities` of the call: used without a
                                * parse_mode. NULL: none */
    entities_user_fn user;  /* for tg://user?id=…; NULL: nobody is known */
    void *arg;
    bool keep_empty;      /* a text that comes out empty is no error */
    size_t max;           /* UTF-16 units of the result; 0: no limit */
    const char *too_long; /* the text after "Bad Request: " then; NULL:
                                * "message is too long" */
};

/*
 * The whole way of a text into a message: parse, detect, trim white space.
 * text (reset first) receives the plain text; *entities a new array sorted by offset,
 * possibly empty (a message without any has no such field). On an error
 * neither is of use and *entities is NULL.
 */
bool entities_apply(const struct entities_input *input, struct buf *text,
                    json_t **entities, struct err *err) MUST_CHECK;

/* Length in UTF-16 code units. Bytes that are not UTF-8 count one each. */
size_t utf16_length(struct slice text);
/* Is it UTF-8 (no surrogates, nothing overlong, nothing above U+10FFFF)? */
bool utf8_valid(struct slice text);

#endif
