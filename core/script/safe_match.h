/*
 * safe_match.h - a pattern of Lua's against a text, in a bounded number of steps. For
 * safe_pattern.c, which has the functions that scripts call.
 */
#ifndef SCRIPT_SAFE_MATCH_H
#define SCRIPT_SAFE_MATCH_H

#include <lua.h>
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
    int64_t steps; /* left, for all calls of match_at() */
    int depth;     /* left */
    int n;         /* of captures */
    struct capture captures[CAPTURES_MAX];
};

/* The strings are the caller's (on the Lua stack), a '\0' behind each. pattern:
 * without its "^"; the same as match_at()'s p. */
void matching_init(struct matching *m, lua_State *L, const byte *text,
                   size_t text_n, const byte *pattern, size_t pattern_n);

/* Where the text ends that the pattern p fits from s on, or NULL; captures are then
 * in m. Raises for a malformed pattern, and after too many steps.    [-0, +0, v] */
const byte *match_at(struct matching *m, const byte *s, const byte *p);

#endif
