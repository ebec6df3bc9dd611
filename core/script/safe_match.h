/*
 * safe_match.h - a pattern of Lua's against a text, in a bounded number of steps. For
 * safe_pattern.c, which has the functions that scripts call.
 */
#ifndef SCRIPT_SAFE_MATCH_H
#define SCRIPT_SAFE_MATCH_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAPTURES_MAX 32 /* LUA_MAXCAPTURES */

typedef unsigned char byte;

enum {
    CAPTURE_OPEN = -1,
    CAPTURE_POSITION = -2
}; /* for the length of a capture */

struct capture {
    const byte *p;
    ptrdiff_t n; /* or CAPTURE_OPEN, CAPTURE_POSITION */
};

struct matching {
    lua_State *L;
    const byte *text, *text_end, *pattern_end;
    int64_t steps;   /* left, for all calls of match_at() */
    int64_t at_once; /* at most, for one of them */
    int64_t floor;   /* where the present one ends */
    int64_t look;    /* steps, when matching_wants_way() looked last */
    int depth;       /* left */
    int n;           /* of captures */
    struct capture captures[CAPTURES_MAX];
};

/* The strings are the caller's (on the Lua stack), a '\0' behind each. pattern:
 * without its "^"; the same as match_at()'s p. */
void matching_init(struct matching *m, lua_State *L, const byte *text,
                   size_t text_n, const byte *pattern, size_t pattern_n);

/* Between two calls of match_at(): see watchdog_wants_way(). */
bool matching_wants_way(struct matching *m);

/* Where the text ends that the pattern p fits from s on, or NULL; captures are then
 * in m. Raises for a malformed pattern, and after too many steps.    [-0, +0, v] */
const byte *match_at(struct matching *m, const byte *s, const byte *p);

/* --- what was captured by a match from s to e --- */

/* The text of capture i (from 0; without any, the 0th is all of s … e). A position is
 * pushed, then *n is CAPTURE_POSITION.                         [-0, +(0|1), v] */
const byte *match_capture(const struct matching *m, int i, const byte *s,
                          const byte *e, ptrdiff_t *n);
/*                                                                  [-0, +1, v] */
void match_push_capture(const struct matching *m, int i, const byte *s,
                        const byte *e);
/* All of them; without any, s … e, unless s is NULL. Returns how many.
 *                                                                  [-0, +n, v] */
int match_push_captures(const struct matching *m, const byte *s, const byte *e);

#endif
