/*
 * schema.h - what settings there are: sections, types, defaults, limits.
 *
 * A tree: the root and its sections are SETTING_SECTION, the leaves have the
 * other types. It is built once from the files in defaults/ (by script/), then only
 * read. Paths are written with dots: "welcome.text". Knows nothing of Lua.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <uthash.h>

#include "base/buf.h"

#define SETTING_DEPTH_MAX 8 /* of sections within each other */

enum setting_type {
    SETTING_SECTION,
    SETTING_BOOLEAN,
    SETTING_INTEGER,
    SETTING_NUMBER,
    SETTING_STRING,
    SETTING_CHOICE, /* a string out of choices */
    SETTING_LIST,   /* a JSON array */
    SETTING_MAP,    /* a JSON object with keys of any kind */
};

struct setting {
    char *name; /* letters, digits, _; not beginning with a digit */
    enum setting_type type;
    struct setting *parent; /* NULL: the root */
    char *def;              /* the default as JSON text; sections: NULL */
    char *label, *help;     /* or NULL */
    bool has_min, has_max;
    double min, max; /* INTEGER, NUMBER: the value; STRING: code points */
    char **choices;  /* CHOICE: ended by NULL */
    struct setting **children; /* SECTION: in order of their names, n of them */
    size_t nchildren;
    struct setting *by_name; /* SECTION: the same, hashed */
    UT_hash_handle hh;
};

struct setting *schema_new(void); /* the root: an empty section */
void schema_free(struct setting *root);

/*
 * Add a setting. def: JSON text of the right type, copied (NULL for a
 * section). ERR_CONFIG: the name is not one or taken, or nested too deep.
 * Limits are set in the result afterwards; then schema_check_default().
 */
struct setting *schema_add(struct setting *section, const char *name,
                           enum setting_type type, const char *def,
                           struct err *err) MUST_CHECK;
bool schema_check_default(const struct setting *s, struct err *err) MUST_CHECK;

const struct setting *setting_child(const struct setting *section,
                                    struct slice name); /* or NULL */
/* By its dotted path; NULL: none. The root for "". */
const struct setting *schema_find(const struct setting *root, const char *path);

void setting_path(const struct setting *s,
                  struct buf *out);                    /* "welcome.text" */
const char *setting_type_word(enum setting_type type); /* "integer" */

/*
 * Does a value (valid JSON) fit? ERR_CONFIG names the path, what was given and
 * what is allowed: "antiflood.max: must be a whole number from 1 to 100, got "abc"".
 */
bool setting_check(const struct setting *s, struct slice value,
                   struct err *err) MUST_CHECK;

/* The part of it that holds for everything in a document: text without NUL. */
bool setting_storable(const struct setting *s, struct slice value,
                      struct err *err) MUST_CHECK;

/* What is allowed, for people: "a whole number from 1 to 100". */
void setting_allowed(const struct setting *s, struct buf *out);

/*
 * The value of a leaf in a chat whose overrides are given (a JSON object, or
 * SLICE_NONE): the override if there is one of the right type, else the
 * default. *set says which. Borrowed from overrides or the schema.
 */
struct slice setting_value(const struct setting *s, struct slice overrides,
                           bool *set);

/*
 * A leaf's value as a person writes it: JSON, or bare text for strings and
 * choices, on/off for booleans. Appends JSON; not checked further.
 */
bool setting_parse(const struct setting *s, struct slice text, struct buf *json,
                   struct err *err) MUST_CHECK;

#endif
