/*
 * chunks.h - the compiled files of a bot's folder, kept from one loading to the
 * next: only what changed is compiled again.
 *
 * A file is known by its path in the folder and its text. Its compiled function is
 * shared by the generations; each call of it gets a variable _ENV of its own, so
 * that they share nothing that a script can see. One for each Lua state, in its
 * registry; the texts also serve messages, which show the line.
 */
#ifndef SCRIPT_CHUNKS_H
#define SCRIPT_CHUNKS_H

#include <lua.h>

#include "base/buf.h"

/* The names of the host's own files begin so: they are never forgotten. */
#define CHUNKS_OF_HOST "moonpost/"

/* A loading begins. */
void chunks_begin(lua_State *L);

/*
 * Push the function of the file at path, whose text is text (taken), to be called
 * before the next of these. A mistake in it is raised, with its line.
 *                                                                 [-0, +1, v] */
void chunks_push(lua_State *L, const char *path, struct buf *text);

/* The loading went well: what it had no use for is forgotten. */
void chunks_end(lua_State *L);

/* The text that the file at path was last loaded with, or was to be; SLICE_NONE:
 * unknown. Borrowed until the next loading. */
struct slice chunks_text(lua_State *L, const char *path);

int chunks_compiled(lua_State *L); /* since chunks_begin() */
int chunks_kept(lua_State *L);     /* functions in the registry; for tests */

uint64_t chunks_hash(struct slice text); /* to tell two texts apart */

#endif
