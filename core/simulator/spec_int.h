/*
 * spec_int.h - between the parts of spec.
 */
#ifndef SIMULATOR_SPEC_INT_H
#define SIMULATOR_SPEC_INT_H

#include <uthash.h>

#include "simulator/spec.h"

/* Nothing real is nested deeper; deeper values are refused. */
#define SPEC_DEPTH_MAX 32

struct spec_method {
    char *name;      /* as the documentation spells it */
    char *key;       /* lower case */
    json_t *returns; /* [type]; borrowed from the document, as fields */
    json_t *fields;  /* [{name, types, required}] */
    UT_hash_handle hh;
};

struct spec {
    json_t *document;
    json_t *types; /* borrowed from the document */
    struct spec_method *methods;
};

/* "Array of X" → "X"; NULL: it is no array. */
const char *spec_element(const char *type);
/* The fields of a type; NULL when it has none or there is no such type. */
json_t *spec_fields(const struct spec *spec, const char *type);
/* The names of a union's types, or NULL. */
json_t *spec_subtypes(const struct spec *spec, const char *type);
/*
 * The type of the union (a list of names) that value is, by the constant
 * fields and then by the required ones it has; NULL: no type fits better
 * than the others. Lives as long as types.
 */
const char *spec_pick(const struct spec *spec, const json_t *types,
                      const json_t *value);
/* Do the names say that this is a number, a string, a boolean? */
bool spec_is_scalar(const char *type);

/* One of the field's constants and whether value has it; true without one. */
bool spec_constant_fits(const json_t *field, const json_t *value);

/* value as one of the types, a new reference; NULL and err when it is none.
 * name is the parameter or field it is in. */
json_t *spec_convert(const struct spec *spec, const json_t *types,
                     const json_t *value, const char *name, int depth,
                     struct err *err);

#endif
