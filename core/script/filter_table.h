/*
 * filter_table.h - the names that a filter may be made of, and those of methods.
 * The table itself is made while building, from the Bot API as data: script/spec/filter_table.c.
 */
#ifndef SCRIPT_FILTER_TABLE_H
#define SCRIPT_FILTER_TABLE_H

/* A field of what a kind of update holds, and what may follow it: sorted, ends
 * with NULL. NULL: nothing may. */
struct filter_name {
    const char *name;
    const char *const *words;
};

struct filter_kind {
    const char *name;                 /* "message" */
    const struct filter_name *fields; /* ends with { NULL, NULL } */
};

extern const struct filter_kind filter_kinds[]; /* ends with { NULL, NULL } */

/* The fields of ChatAdministratorRights; ends with NULL. */
extern const char *const filter_rights[];

/* All methods of the Bot API; ends with NULL. */
extern const char *const method_names[];

#endif
