/*
 * pattern.h - Lua patterns: are they well-formed, and does a text match?
 */
#ifndef SCRIPT_PATTERN_H
#define SCRIPT_PATTERN_H

#include <lua.h>

#include "base/buf.h"

/*
 * Would string.find() take it, whatever the text? Lua itself notices a mistake
 * only when it gets there, which may be at one text in a thousand. ERR_CONFIG in
 * Lua's words: "malformed pattern (missing ']')".
 */
bool pattern_check(const char *pattern, struct err *err) MUST_CHECK;

/* Does string.find() find it? A pattern that is too complex for a text does not
 * match it. A schema_match_fn; arg: the lua_State's main thread. */
bool pattern_matches(const char *pattern, struct slice text, void *arg);

#endif
