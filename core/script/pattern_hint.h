/*
 * pattern_hint.h - what a text must have for a Lua pattern to match it, found
 * once, so that most texts need no trying.
 *
 * A pattern that is matched costs a call into Lua; that a text can't match is
 * seen here in a few nanoseconds: "^count:(%d+)$" needs "count:" in front,
 * "%-(%w+)@" an "@" somewhere, "^%d" a digit, "^%s*$" nothing but white space.
 */
#ifndef SCRIPT_PATTERN_HINT_H
#define SCRIPT_PATTERN_HINT_H

#include "base/buf.h"

#define PATTERN_HINT_MAX 24

struct pattern_hint {
    bool anchored;     /* the pattern begins with ^ */
    uint8_t front;     /* bytes that must stand in front, if anchored */
    uint8_t part;      /* bytes that must stand somewhere */
    bool has_first;    /* a match begins with one of these: */
    uint8_t first[32]; /* a bit for each byte */
    bool has_all;      /* it is ^…$, and all of the text is of these: */
    uint8_t all[32];
    char front_text[PATTERN_HINT_MAX], part_text[PATTERN_HINT_MAX];
};

/* Of a pattern that pattern_check() takes. */
void pattern_hint_of(struct pattern_hint *hint, const char *pattern);

/* false: the pattern does not match this text. */
bool pattern_hint_allows(const struct pattern_hint *hint, struct slice text);

#endif
