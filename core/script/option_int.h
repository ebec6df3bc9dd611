/*
 * option_int.h - the parts of declaring settings: for script/option*.c only.
 */
#ifndef SCRIPT_OPTION_INT_H
#define SCRIPT_OPTION_INT_H

#include "script/option.h"

/* What may be in the table of an option, as bits. */
enum option_field {
    FIELD_DEFAULT = 1 << 0,
    FIELD_MIN = 1 << 1,
    FIELD_MAX = 1 << 2,
    FIELD_UNIT = 1 << 3,
    FIELD_PATTERN = 1 << 4,
    FIELD_OF = 1 << 5,
    FIELD_SETTINGS = 1 << 6,
    FIELD_LAZY = 1 << 7,
    FIELD_DERIVE = 1 << 8,
    FIELD_LABEL = 1 << 9,
    FIELD_HELP = 1 << 10,
    FIELD_PRIVATE = 1 << 11,
    FIELD_CHOICES = 1 << 12, /* [1], [2], … */
};

struct option_kind {
    const char *name; /* option.name{} */
    enum setting_type type;
    int fields;
};

/* What is declared, for messages. */
struct option_place {
    const char *dir;            /* the bot's folder */
    const char *file;           /* "defaults/x.lua" */
    const struct setting *base; /* the section that the file's table is */
    struct setting *section;    /* what it is added to */
    const char *key;
    const struct setting *element; /* instead: of a list or map; or NULL */
    const char
        *where; /* "defaults/x.lua:4: ", of the call of option.…; or NULL */
};

/* --- option.c ---------------------------------------------------------------- */

/* NULL: the value at index was made by no option.…{} */
const struct option_kind *option_kind_of(lua_State *L, int index);
/* Push "defaults/x.lua:4: ", where option.…{} was called. */
const char *option_push_where(lua_State *L, int index);

/* Raise "defaults/x.lua:4: x.max: why". fmt: as lua_pushfstring's. */
int option_fail(lua_State *L, const struct option_place *at, const char *fmt,
                ...);
/* The same for a text that begins with the key already. */
int option_fail_text(lua_State *L, const struct option_place *at,
                     const char *text);

/* --- option_fields.c ----------------------------------------------------------- */

/*
 * Read the fields of the option at index into its setting, but for the default.
 * fields: those that it may have, others raise. For a section: not its
 * settings. [-0, +0, v] */
void option_read_fields(lua_State *L, int index, const struct option_place *at,
                        const struct option_kind *kind, int fields,
                        struct setting *s);

#endif
