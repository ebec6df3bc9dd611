/*
 * diff.h - what differs between two documents of overrides, by path.
 */
#ifndef CONFIG_DIFF_H
#define CONFIG_DIFF_H

#include "base/buf.h"

/* before or after is SLICE_NONE where there is nothing. path: "welcome.text",
 * with the keys' JSON escapes; "" is the whole document. */
typedef void (*diff_fn)(const char *path, struct slice before,
                        struct slice after, void *arg);

/*
 * Calls fn (may be NULL) for each path that differs, in the order of paths; how
 * many. Each is an object, SLICE_NONE for {}, or any other text, which can only be
 * the same as a whole.
 */
size_t config_diff(struct slice before, struct slice after, diff_fn fn,
                   void *arg);

/* Do two valid JSON values mean the same? */
bool json_same(struct slice a, struct slice b);

/* Append the changes as a JSON list of {"path":…,"before":…,"after":…}. */
void config_diff_json(struct buf *out, struct slice before, struct slice after);

#endif
