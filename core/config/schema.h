/*
 * schema.h - what settings there are: sections, types, defaults, limits.
 *
 * A tree: the root and its sections are SETTING_SECTION, the leaves have the
 * other types. It is built once from the files in defaults/ (by script/), then only
 * read. Paths are written with dots: "welcome.text"; what is in a list or map,
 * which is no setting of its own, as words[3] and notes["a"]; words[] is any of
 * its elements. Knows nothing of Lua.
 */
#ifndef CONFIG_SCHEMA_H
#define CONFIG_SCHEMA_H

#include <uthash.h>

#include "base/buf.h"

#define SETTING_DEPTH_MAX                                                      \
    8 /* of sections within each other; of lists and maps */
#define SETTINGS_MAX 10000 /* settings, sections and elements of a schema */
#define SETTING_DEFAULT_MAX ((size_t)64 << 10) /* bytes of a default's JSON */
#define SETTING_ID_MAX                                                         \
    (((int64_t)1 << 52) - 1) /* of a chat or user, Telegram's */

enum setting_type {
    SETTING_SECTION,
    SETTING_BOOLEAN,
    SETTING_INTEGER,
    SETTING_NUMBER,
    SETTING_STRING,
    SETTING_CHOICE, /* a string out of choices */
    SETTING_CHAT,   /* a chat's id, or null: none */
    SETTING_USER,   /* a user's id, or null: none */
    SETTING_LIST,   /* a JSON array */
    SETTING_MAP,    /* a JSON object with keys of any kind */
};

#define SETTING_LAZY_MAX 32 /* lazy sections of a bot */

struct setting {
    char *name; /* letters, digits, _; not beginning with a digit */
    enum setting_type type;
    struct setting *parent; /* NULL: the root */
    char *def;              /* the default as JSON text; sections: NULL */
    char *label, *help;     /* or NULL */
    bool has_min, has_max;
    double min, max; /* INTEGER, NUMBER: the value; STRING: code points; LIST,
                      * MAP: how many elements */
    char **choices;  /* CHOICE: ended by NULL */
    char
        *pattern; /* STRING: a Lua pattern, see schema_set_matcher(); or NULL */
    char *unit;   /* INTEGER, NUMBER: "minutes", for people; or NULL */
    bool is_private; /* not shown to a chat's admins; also of a section */
    struct setting *element; /* LIST, MAP: what is in it; NULL: anything */
    uint32_t lazy; /* SECTION below the root, declared lazy: its bit in a
                      * set of lazy sections (1 << 0, 1 << 1, …); else 0 */
    int derive;    /* SECTION below the root: script/'s reference of its
                      * derive function; 0: none */
    struct setting **children; /* SECTION: in order of their names, n of them */
    size_t nchildren;
    struct setting *by_name; /* SECTION: the same, hashed */
    UT_hash_handle hh;
};

struct setting *schema_new(void); /* the root: an empty section */
void schema_free(struct setting *root);

/* Does the text match the Lua pattern (string.find)? What can't be said is no. */
typedef bool (*schema_match_fn)(const char *pattern, struct slice text,
                                void *arg);
/* Who knows patterns; without it every text matches. */
void schema_set_matcher(struct setting *root, schema_match_fn match, void *arg);

/*
 * Add a setting. def: JSON text of the right type, copied (NULL for a
 * section). ERR_CONFIG: the name is not one or taken, nested too deep, or there
 * are too many. Limits are set in the result afterwards; then
 * schema_check_default().
 */
struct setting *schema_add(struct setting *section, const char *name,
                           enum setting_type type, const char *def,
                           struct err *err) MUST_CHECK;
/* What is in a list or map: its element from now on. Not a section. ERR_CONFIG:
 * too many, or nested too deep. */
struct setting *schema_add_element(struct setting *list, enum setting_type type,
                                   struct err *err) MUST_CHECK;
/*
 * Does the default fit? The error begins with the path: "filters.words[2]: the
 * default does not fit: must be text, got 5".
 */
bool schema_check_default(const struct setting *s, struct err *err) MUST_CHECK;

/* Lazy sections have bits in the order of their names, from 1 << 0 on; so a bit
 * is for sure only when all are declared. ERR_CONFIG: not directly below the root,
 * or more than SETTING_LAZY_MAX. */
bool schema_set_lazy(struct setting *section, struct err *err) MUST_CHECK;
uint32_t schema_lazy_sections(const struct setting *root); /* all their bits */
/* By its bit; NULL: none. */
const struct setting *schema_lazy_section(const struct setting *root,
                                          uint32_t bit);

const struct setting *setting_child(const struct setting *section,
                                    struct slice name); /* or NULL */
/* By its dotted path; NULL: none. The root for "". */
const struct setting *schema_find(const struct setting *root, const char *path);

void setting_path(const struct setting *s,
                  struct buf *out);                    /* "welcome.text" */
const char *setting_type_word(enum setting_type type); /* "integer" */
/* Is it, or a section that it is in, private? */
bool setting_is_private(const struct setting *s);

/* --- checking: schema_check.c --------------------------------------------------- */

/*
 * Does a value (valid JSON) fit? ERR_CONFIG names the path, what was given and
 * what is allowed: "antiflood.max: must be a whole number from 1 to 100, got "abc"".
 * Of lists and maps it is the first element that does not fit:
 * "filters.words[3]: must be text of at most 50 characters, got 12".
 */
bool setting_check(const struct setting *s, struct slice value,
                   struct err *err) MUST_CHECK;

/* The same for one element of a list or map: what list->element says; without
 * that, whether it can be stored. "filters.words[]: must be text, got 12" */
bool setting_check_element(const struct setting *list, struct slice value,
                           struct err *err) MUST_CHECK;

/* The part of it that holds for everything in a document: text without NUL. */
bool setting_storable(const struct setting *s, struct slice value,
                      struct err *err) MUST_CHECK;

/*
 * Append a value, but with {} and [] as the setting has them: Lua has one empty
 * table, and whoever writes it as JSON can't know which it is. Goes into lists and
 * maps as far as their elements are declared.
 */
void setting_add_shaped(const struct setting *s, struct slice value,
                        struct buf *out);

/* What is allowed, for people: "a whole number from 1 to 100 minutes". */
void setting_allowed(const struct setting *s, struct buf *out);

/* Has a value the type that it must have to be read at all? Limits, and what is in
 * a list or map, are not looked at. */
bool setting_fits(const struct setting *s, struct slice value);

/*
 * The value of a leaf in a chat whose overrides are given (a JSON object, or
 * SLICE_NONE): the override if there is one of the right type, else the
 * default. *set says which. What is in a list or map is not looked at. Borrowed
 * from overrides or the schema.
 */
struct slice setting_value(const struct setting *s, struct slice overrides,
                           bool *set);

/*
 * Call fn (may be NULL) with why, for each value of a document (overrides: valid
 * JSON) that does not fit its setting. Keys that no setting has are no misfits.
 * Returns how many there are.
 */
int schema_misfits(const struct setting *root, struct slice document,
                   void (*fn)(const struct err *why, void *arg), void *arg);

/* --- what a person typed: schema_parse.c ------------------------------------------ */

/*
 * A leaf's value as a person writes it: JSON; or bare text for strings and
 * choices; on, off, yes, no for booleans; digits, none or off for chats and
 * users; "a, b, c" for lists whose elements can be written so. Appends JSON; not
 * checked further. ERR_CONFIG: it can't be one.
 */
bool setting_parse(const struct setting *s, struct slice text, struct buf *json,
                   struct err *err) MUST_CHECK;

#endif
