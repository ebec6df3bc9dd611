/*
 * syntax_hint.h - what to write instead, where a mistake of Lua's syntax is what
 * other languages have: !=, +=, continue, &&, else if; and where a block begins
 * that is not ended.
 */
#ifndef SCRIPT_SYNTAX_HINT_H
#define SCRIPT_SYNTAX_HINT_H

#include "base/buf.h"

/*
 * Append "\n  hint: …" for Lua's message about this line (from 1) of source, or
 * nothing: only what message and line leave no doubt of is said.
 */
void syntax_hint_add(struct buf *out, struct slice source, int line,
                     const char *message);

#endif
