/*
 * merge.h - a list or map that two have changed.
 *
 * Of three values (valid JSON): what both began with, what one of them made of it
 * (mine), and what the other one has stored meanwhile (theirs).
 */
#ifndef CONFIG_MERGE_H
#define CONFIG_MERGE_H

#include "base/buf.h"

/*
 * Append theirs with what mine has more and without what mine has less.
 * A list's elements are what they mean, however often each is there; theirs keep
 * their order, what is added comes last. In an object, what both changed is merged
 * in turn if it is a list or object in all three, and else mine. Values of
 * different kinds: mine.
 */
void config_merge(struct slice before, struct slice mine, struct slice theirs,
                  struct buf *out);

#endif
