/*
 * text_split.h - a text that is too long for one message, as several.
 *
 * A part ends behind an empty line if there is one in its second half, else at the
 * end of a line, else behind a word; outside of entities if possible, and never within a link or
 * `code` that fits into one part, a code point, or a character that is made of
 * several (an emoji with a skin tone). Entities that go on are closed, and opened
 * again in the next part. White space stays at the end of a part, where Telegram
 * takes it away.
 */
#ifndef TELEGRAM_TEXT_SPLIT_H
#define TELEGRAM_TEXT_SPLIT_H

#include "telegram/text_scan.h"

/* https://core.telegram.org/bots/api#sendmessage: UTF-16 units, without markup */
#define TEXT_MAX 4096
#define CAPTION_MAX 1024

/* An entity of a plain text, in UTF-16 units. */
struct text_range {
    size_t offset, length;
    bool whole; /* better not divided */
};

struct text_limits {
    size_t first, others; /* UTF-16 units of a part; at least 16 */
};

struct text_part {
    struct slice raw; /* what it is made of, of the text */
    struct buf text;  /* owned */
    size_t offset;    /* where it begins, in units of the text */
    size_t units;
    bool blank; /* white space only: Telegram would refuse it */
};

struct text_parts {
    struct text_part *part;
    size_t n;
};

/*
 * Divide a text. ranges are those of a plain text's entities (or NULL, 0). A text
 * that fits is one part. ERR_USAGE: the markup can't be read; parts are empty.
 */
bool text_split(struct slice text, enum text_markup markup,
                const struct text_limits *limits,
                const struct text_range *ranges, size_t nranges,
                struct text_parts *parts, struct err *err) MUST_CHECK;
void text_parts_release(struct text_parts *parts);

#endif
