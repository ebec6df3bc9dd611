/* spec.c - see spec.h: the data, looking things up in it, and spec_is(). */
#include "simulator/spec_int.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/embedded.h"

extern const struct embedded simulator_spec[];

static char *lower_dup(const char *s)
{
    char *copy = xstrdup(s);

    for (char *p = copy; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return copy;
}

static void method_add(struct spec *spec, const char *name, json_t *entry)
{
    struct spec_method *method = xalloc(sizeof(*method));

    method->name = xstrdup(name);
    method->key = lower_dup(name);
    method->returns = json_object_get(entry, "returns");
    method->fields = json_object_get(entry, "fields");
    HASH_ADD_KEYPTR(hh, spec->methods, method->key, strlen(method->key),
                    method);
}

struct spec *spec_new(void)
{
    struct slice data = embedded_find(simulator_spec, "bot-api.json");
    struct spec *spec = xalloc(sizeof(*spec));
    const char *name;
    json_t *entry;

    spec->document = json_loadb(data.p, data.n, 0, NULL);
    assert(spec->document); /* it was written by spec_reduce */
    spec->types = json_object_get(spec->document, "types");
    json_object_foreach(json_object_get(spec->document, "methods"), name, entry)
        method_add(spec, name, entry);
    return spec;
}

void spec_free(struct spec *spec)
{
    struct spec_method *method, *next;

    if (!spec)
        return;
    HASH_ITER (hh, spec->methods, method, next) {
        HASH_DEL(spec->methods, method);
        free(method->name);
        free(method->key);
        free(method);
    }
    json_decref(spec->document);
    free(spec);
}

const struct spec_method *spec_method(const struct spec *spec, const char *name)
{
    struct spec_method *method;
    char *key = lower_dup(name);

    HASH_FIND(hh, spec->methods, key, strlen(key), method);
    free(key);
    return method;
}

const char *spec_method_name(const struct spec_method *method)
{
    return method->name;
}

const char *spec_element(const char *type)
{
    return strncmp(type, "Array of ", 9) == 0 ? type + 9 : NULL;
}

json_t *spec_fields(const struct spec *spec, const char *type)
{
    return json_object_get(json_object_get(spec->types, type), "fields");
}

json_t *spec_subtypes(const struct spec *spec, const char *type)
{
    return json_object_get(json_object_get(spec->types, type), "subtypes");
}

bool spec_is_scalar(const char *type)
{
    return strcmp(type, "String") == 0 || strcmp(type, "Integer") == 0 ||
           strcmp(type, "Float") == 0 || strcmp(type, "Boolean") == 0 ||
           strcmp(type, "InputFile") == 0;
}

bool spec_constant_fits(const json_t *field, const json_t *value)
{
    const char *constant = json_string_value(json_object_get(field, "const"));
    const char *is = json_string_value(value);

    return !constant || (is && strcmp(constant, is) == 0);
}

/* How well an object fits a type; -1: a constant is another. */
static int score(const json_t *fields, const json_t *value)
{
    int points = 0;
    size_t i;
    json_t *field;

    json_array_foreach(fields, i, field)
    {
        const char *name = json_string_value(json_object_get(field, "name"));
        const json_t *v = json_object_get(value, name);
        bool required = json_is_true(json_object_get(field, "required"));

        if (!spec_constant_fits(field, v))
            return -1;
        points += v ? (required ? 4 : 1) : (required ? -2 : 0);
    }
    return points + 1000;
}

const char *spec_pick(const struct spec *spec, const json_t *types,
                      const json_t *value)
{
    const char *best = NULL;
    int best_score = -1;
    size_t i;
    json_t *name;

    json_array_foreach(types, i, name)
    {
        const char *type = json_string_value(name);
        json_t *fields = spec_fields(spec, type);
        int points = fields ? score(fields, value) : -1;

        if (points > best_score) {
            best_score = points;
            best = type;
        }
    }
    return best;
}

static bool wrong(struct err *err, const char *path, const char *type)
{
    return err_set(err, ERR_USAGE, "%s is not of type %s", path, type);
}

static bool is_scalar(const char *type, const json_t *value)
{
    if (strcmp(type, "String") == 0 || strcmp(type, "InputFile") == 0)
        return json_is_string(value);
    if (strcmp(type, "Integer") == 0)
        return json_is_integer(value);
    if (strcmp(type, "Float") == 0)
        return json_is_number(value);
    return json_is_boolean(value);
}

static bool check(const struct spec *spec, const char *type,
                  const json_t *value, const char *path, struct err *err);

static bool check_array(const struct spec *spec, const char *element,
                        const json_t *value, const char *path, struct err *err)
{
    size_t i;
    json_t *item;

    json_array_foreach(value, i, item)
    {
        struct buf at = BUF_INIT;
        bool ok;

        buf_addf(&at, "%s[%zu]", path, i);
        ok = check(spec, element, item, at.data, err);
        buf_release(&at);
        if (!ok)
            return false;
    }
    return true;
}

/* Any of the types; the reason of the last one that is no scalar is kept. */
static bool check_any(const struct spec *spec, const json_t *types,
                      const json_t *value, const char *path, struct err *err)
{
    struct err why = ERR_INIT;
    size_t i;
    json_t *name;

    json_array_foreach(types, i, name)
    {
        struct err one = ERR_INIT;

        if (check(spec, json_string_value(name), value, path, &one))
            return true;
        if (!spec_is_scalar(json_string_value(name)) || !why.kind)
            why = one;
    }
    return err_set(err, ERR_USAGE, "%s", why.text);
}

static bool check_field(const struct spec *spec, const json_t *field,
                        const json_t *value, const char *path, struct err *err)
{
    const char *name = json_string_value(json_object_get(field, "name"));
    struct buf at = BUF_INIT;
    bool ok = true;

    buf_addf(&at, "%s.%s", path, name);
    if (!value && json_is_true(json_object_get(field, "required")))
        ok = err_set(err, ERR_USAGE, "%s is missing", at.data);
    else if (value && !spec_constant_fits(field, value))
        ok = err_set(err, ERR_USAGE, "%s is not \"%s\"", at.data,
                     json_string_value(json_object_get(field, "const")));
    else if (value)
        ok = check_any(spec, json_object_get(field, "types"), value, at.data,
                       err);
    buf_release(&at);
    return ok;
}

static bool has_field(const json_t *fields, const char *name)
{
    size_t i;
    json_t *field;

    json_array_foreach(fields, i, field)
    {
        if (strcmp(json_string_value(json_object_get(field, "name")), name) ==
            0)
            return true;
    }
    return false;
}

static bool check_object(const struct spec *spec, const char *type,
                         const json_t *value, const char *path, struct err *err)
{
    json_t *fields = spec_fields(spec, type), *field, *v;
    const char *name;
    size_t i;

    json_array_foreach(fields, i, field)
    {
        v = json_object_get(value,
                            json_string_value(json_object_get(field, "name")));
        if (!check_field(spec, field, v, path, err))
            return false;
    }
    json_object_foreach((json_t *)value, name, v)
    {
        if (!has_field(fields, name))
            return err_set(err, ERR_USAGE, "%s.%s: %s has no such field", path,
                           name, type);
    }
    return true;
}

static bool check(const struct spec *spec, const char *type,
                  const json_t *value, const char *path, struct err *err)
{
    const char *element = spec_element(type);
    json_t *subtypes = spec_subtypes(spec, type);
    const char *picked;

    if (element)
        return json_is_array(value)
                   ? check_array(spec, element, value, path, err)
                   : wrong(err, path, type);
    if (spec_is_scalar(type))
        return is_scalar(type, value) || wrong(err, path, type);
    if (strcmp(type, "RichText") == 0 && json_is_string(value))
        return true;
    if (strcmp(type, "RichText") == 0 && json_is_array(value))
        return check_array(spec, type, value, path, err);
    if (!json_is_object(value))
        return wrong(err, path, type);
    if (!subtypes)
        return check_object(spec, type, value, path, err);
    picked = spec_pick(spec, subtypes, value);
    return picked ? check(spec, picked, value, path, err)
                  : wrong(err, path, type);
}

bool spec_is(const struct spec *spec, const char *type, const json_t *value,
             struct err *err)
{
    return check(spec, type, value, type, err);
}
