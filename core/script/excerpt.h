/*
 * excerpt.h - the line that a message is about, with a caret where the mistake
 * may be.
 */
#ifndef SCRIPT_EXCERPT_H
#define SCRIPT_EXCERPT_H

#include "base/buf.h"

/* "scripts/a.lua:12: …": its file and line. false: it does not begin so. */
bool excerpt_place(const char *message, char *path, size_t path_size,
                   int *line);

/* A line of source, from 1, without its end; SLICE_NONE: there is none. */
struct slice excerpt_line(struct slice source, int line);

/*
 * Append "\n  12 | the line\n     |     ^". The caret is below what the message
 * names ("near 'x'", "local 'x'"), else below the line's first word; long lines are
 * cut around it. Nothing, when source has no such line.
 */
void excerpt_add(struct buf *out, struct slice source, int line,
                 const char *message);

/* The same for the byte at of source, at most source.n. Returns its line's number. */
int excerpt_add_at(struct buf *out, struct slice source, size_t at);

#endif
