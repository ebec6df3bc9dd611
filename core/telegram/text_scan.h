/*
 * text_scan.h - a text with markup, piece by piece: characters, and the marks
 * around them.
 *
 * It knows as much of HTML and MarkdownV2 as is needed to divide a text: which
 * entities are open where, what closes them, and how long the text is without
 * its marks. Names of tags and addresses are not looked at, so entities that
 * Telegram adds are divided as well.
 * See https://core.telegram.org/bots/api#formatting-options.
 */
#ifndef TELEGRAM_TEXT_SCAN_H
#define TELEGRAM_TEXT_SCAN_H

#include "base/buf.h"

enum text_markup { TEXT_PLAIN, TEXT_HTML, TEXT_MARKDOWN_V2 };

#define TEXT_OPEN_MAX 32 /* entities within each other */

enum text_mark {
    MARK_TAG, /* any of HTML's */
    MARK_BOLD,
    MARK_ITALIC,
    MARK_UNDERLINE,
    MARK_STRIKE,
    MARK_SPOILER,
    MARK_CODE,
    MARK_PRE,
    MARK_LINK,
    MARK_EMOJI,
    MARK_QUOTE,
};

/* An entity that is open. */
struct text_open {
    enum text_mark mark;
    bool whole;         /* a link, code …: better not divided */
    struct slice token; /* "<b>", "__", "```lua\n" */
};

enum text_token_kind {
    TEXT_CHAR,
    TEXT_OPEN,
    TEXT_CLOSE,
    TEXT_NEXT_LINE, /* the ">" of another line of a quote */
    TEXT_END,
    TEXT_BAD, /* Telegram would not take this; and nothing after it is read */
};

struct text_token {
    enum text_token_kind kind;
    struct slice raw;
    int units;          /* of a character, in UTF-16 */
    uint32_t character; /* its code point; of several: the last one */
};

/* Can be copied, to look ahead. */
struct text_scan {
    enum text_markup markup;
    struct slice in; /* UTF-8 */
    size_t i;        /* the next byte of in */
    struct text_open open[TEXT_OPEN_MAX];
    int depth;       /* how many are open */
    bool quote;      /* one is open */
    bool line_start; /* nothing of this line has been read */
};

void text_scan_init(struct text_scan *s, enum text_markup markup,
                    struct slice in);
struct text_token text_scan_next(struct text_scan *s);

/* What closes each of the entities that are open: closers has room for them all.
 * Read ahead, so that a link's address is in it. SLICE_NONE: nothing does. */
void text_scan_closers(const struct text_scan *s, struct slice *closers);

/* The code point at p (n > 0 bytes) and its length; a byte that is not UTF-8 is
 * U+FFFD. */
uint32_t text_code_point(const char *p, size_t n, size_t *length);

#endif
