/*
 * schema_int.h - the parts of a schema: for config/schema*.c only.
 */
#ifndef CONFIG_SCHEMA_INT_H
#define CONFIG_SCHEMA_INT_H

#include "config/schema.h"

/* What schema_new() makes: its setting comes first, and is what others see. */
struct schema {
    struct setting root;
    schema_match_fn match;
    void *match_arg;
    int n; /* settings, sections and elements in all */
};

struct schema *schema_of(const struct setting *s);
/* Is it what a list or map holds? */
bool schema_is_element(const struct setting *s);

/* Where a value is that is checked: at the setting itself (up is NULL), or in
 * the list or map at up. */
struct schema_place {
    const struct schema_place *up;
    const struct setting *setting;
    const char *intro; /* at the setting itself: what a message begins with */
    size_t index;      /* in a list, from 1 */
    struct slice key;  /* in a map: raw, as in JSON; else SLICE_NONE */
};

/* "words[3]: must be text, got 5". got: JSON or what was typed, shown cut.
 * Returns false. */
bool schema_refuse(const struct schema_place *at, struct slice got,
                   struct err *err);

#endif
