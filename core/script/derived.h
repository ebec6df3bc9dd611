/*
 * derived.h - values that derive functions make of a section: ctx.derived.
 *
 * Kept with the config that they were made of (struct config_attachment), so
 * they go when it changes or leaves the cache; with the generation for all
 * chats that have nothing of their own in the section; and not at all while a
 * task has changes that are not committed. The chats that were used last keep
 * theirs, DERIVED_CHATS_MAX of them: they take Lua's memory.
 */
#ifndef SCRIPT_DERIVED_H
#define SCRIPT_DERIVED_H

#include "script/shared.h"

#define DERIVED_CHATS_MAX 1000

/* The generation is ending: all that it derived goes. */
void derived_forget_all(struct shared *shared);

#endif
