/*
 * patch.h - what a task changed in a config: paths and their new values.
 *
 * The same path set twice keeps the last value; a path set to nothing (reset)
 * goes back to the default. Applied in the order of first setting, so a patch
 * can be applied again to a newer document.
 */
#ifndef CONFIG_PATCH_H
#define CONFIG_PATCH_H

#include "base/buf.h"
#include "config/schema.h"

struct config_patch {
    struct config_change *changes;
    size_t n;
};

void config_patch_release(struct config_patch *patch); /* empty again */
/* value: valid JSON, copied; SLICE_NONE resets. path: "welcome.text"; "" is the
 * whole document. */
void config_patch_set(struct config_patch *patch, const char *path,
                      struct slice value);
/* Append the document (a JSON object) with the changes made. */
void config_patch_apply(const struct config_patch *patch, struct slice document,
                        struct buf *out);
/* Is the path among the changes? Then *is_reset says whether it was reset. */
bool config_patch_has(const struct config_patch *patch, const char *path,
                      bool *is_reset);
/* Drop the changes that stand in what with the same value. */
void config_patch_drop(struct config_patch *patch,
                       const struct config_patch *what);
/*
 * What was changed in the document before is to be changed in now: lists and maps
 * that somebody else has changed meanwhile are merged (merge.h), so that what two
 * add at the same time is there in the end. What the schema does not have, and what
 * is in the lazy sections `omitted`, which before lacks, stays as it is.
 * ERR_CONFIG: a merged one does not fit its setting (too many elements); that change
 * is as it was.
 */
bool config_patch_rebase(struct config_patch *patch,
                         const struct setting *schema, uint32_t omitted,
                         struct slice before, struct slice now,
                         struct err *err) MUST_CHECK;
void config_patch_copy(struct config_patch *to,
                       const struct config_patch *from);

#endif
