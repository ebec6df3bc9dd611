/*
 * spec_check.c - the parameters of a call against their declaration.
 *
 * Telegram is lenient in places where a bot's author is better told: a number
 * that is none is 0 there, and a 400 here.
 */
#include "simulator/spec_int.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What Telegram says when a parameter is missing, where it is something other
 * than `parameter "x" is required`. */
static const struct {
    const char *name, *text;
} missing_texts[] = {
    { "chat_id", "chat_id is empty" },
    { "from_chat_id", "from_chat_id is empty" },
    { "text", "message text is empty" },
    { "user_id", "invalid user_id specified" },
    { "message_id", "message identifier is not specified" },
    { "message_ids", "message identifiers are not specified" },
    { "action", "wrong parameter action in request" },
    { "photo", "there is no photo in the request" },
    { "document", "there is no document in the request" },
    { "video", "there is no video in the request" },
    { "video_note", "there is no video note in the request" },
    { "audio", "there is no audio in the request" },
    { "voice", "there is no voice in the request" },
    { "animation", "there is no animation in the request" },
    { "sticker", "there is no sticker in the request" },
    { "file_id", "file_id not specified" },
};

/* What Telegram calls a JSON-serialized parameter that it cannot parse; others
 * go by their own name. */
static const struct {
    const char *name, *text;
} json_names[] = {
    { "reply_markup", "reply keyboard markup" },
    { "caption_entities", "entities" },
    { "results", "inline query results" },
    { "scope", "BotCommandScope" },
    { "reaction", "reaction types" },
};

/* "reply_parameters" or "InlineKeyboardButton" as words. */
static void words(struct buf *out, const char *name)
{
    for (const char *p = name; *p; p++) {
        if (isupper((unsigned char)*p) && p > name)
            buf_addc(out, ' ');
        buf_addc(out, *p == '_' ? ' ' : (char)tolower((unsigned char)*p));
    }
}

static void json_name(struct buf *out, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(json_names); i++)
        if (strcmp(json_names[i].name, name) == 0) {
            buf_adds(out, json_names[i].text);
            return;
        }
    words(out, name);
}

static bool missing(const char *name, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(missing_texts); i++)
        if (strcmp(missing_texts[i].name, name) == 0)
            return err_set(err, ERR_TELEGRAM, "Bad Request: %s",
                           missing_texts[i].text);
    return err_set(err, ERR_TELEGRAM,
                   "Bad Request: parameter \"%s\" is required", name);
}

static json_t *wrong_type(const char *name, const char *type, struct err *err)
{
    err_set(err, ERR_TELEGRAM, "Bad Request: field \"%s\" must be of type %s",
            name, type);
    return NULL;
}

static json_t *to_integer(const json_t *value)
{
    const char *s = json_string_value(value);
    char *end;
    long long n;
    double real;

    if (json_is_integer(value))
        return json_integer(json_integer_value(value));
    if (json_is_real(value)) {
        real = json_real_value(value);
        return real == floor(real) && fabs(real) < 9e15
                   ? json_integer((json_int_t)real)
                   : NULL;
    }
    if (!s || !(isdigit((unsigned char)*s) || *s == '-'))
        return NULL;
    errno = 0;
    n = strtoll(s, &end, 10);
    return errno || *end || end == s ? NULL : json_integer(n);
}

static json_t *to_float(const json_t *value)
{
    const char *s = json_string_value(value);
    char *end;
    double real;

    if (json_is_number(value))
        return json_incref((json_t *)value);
    if (!s || !*s || isspace((unsigned char)*s))
        return NULL;
    real = strtod(s, &end);
    return *end || !isfinite(real) ? NULL : json_real(real);
}

static json_t *to_boolean(const json_t *value)
{
    static const char *const yes[] = { "true", "1", "yes" };
    static const char *const no[] = { "false", "0", "no" };
    const char *s = json_string_value(value);

    if (json_is_boolean(value))
        return json_boolean(json_is_true(value));
    if (json_is_integer(value) && (json_integer_value(value) & ~1) == 0)
        return json_boolean(json_integer_value(value));
    for (size_t i = 0; s && i < ARRAY_LEN(yes); i++) {
        if (strcasecmp(s, yes[i]) == 0)
            return json_true();
        if (strcasecmp(s, no[i]) == 0)
            return json_false();
    }
    return NULL;
}

static json_t *to_string(const json_t *value)
{
    char *text;
    json_t *string;

    if (json_is_string(value))
        return json_incref((json_t *)value);
    if (!json_is_number(value) && !json_is_boolean(value))
        return NULL;
    text = json_dumps(value, JSON_ENCODE_ANY);
    string = json_string(text);
    free(text);
    return string;
}

static json_t *to_scalar(const char *type, const json_t *value)
{
    if (strcmp(type, "Integer") == 0)
        return to_integer(value);
    if (strcmp(type, "Float") == 0)
        return to_float(value);
    if (strcmp(type, "Boolean") == 0)
        return to_boolean(value);
    return to_string(value);
}

/* types: what each element may be. */
static json_t *to_array(const struct spec *spec, const json_t *types,
                        const json_t *value, const char *name, int depth,
                        struct err *err)
{
    json_t *array = json_array(), *item;
    size_t i;

    json_array_foreach(value, i, item)
    {
        json_t *v = spec_convert(spec, types, item, name, depth + 1, err);

        if (!v) {
            json_decref(array);
            return NULL;
        }
        json_array_append_new(array, v);
    }
    return array;
}

/* One field of an object, replaced in it by what it means. */
static bool convert_field(const struct spec *spec, const char *type,
                          json_t *object, const json_t *field, int depth,
                          struct err *err)
{
    const char *name = json_string_value(json_object_get(field, "name"));
    json_t *value = json_object_get(object, name), *converted;
    struct buf what = BUF_INIT;

    if (json_is_null(value)) {
        json_object_del(object, name);
        value = NULL;
    }
    if (!value && json_is_true(json_object_get(field, "required"))) {
        words(&what, type);
        err_set(err, ERR_TELEGRAM,
                "Bad Request: can't parse %s: Can't find field \"%s\"",
                what.data, name);
        buf_release(&what);
        return false;
    }
    if (!value)
        return true;
    converted = spec_convert(spec, json_object_get(field, "types"), value, name,
                             depth + 1, err);
    if (!converted)
        return false;
    json_object_set_new(object, name, converted);
    return true;
}

/* Fields the type does not know stay: Telegram ignores them. */
static json_t *to_object(const struct spec *spec, const char *type,
                         const json_t *value, int depth, struct err *err)
{
    json_t *object = json_copy((json_t *)value), *field;
    size_t i;

    json_array_foreach(spec_fields(spec, type), i, field)
    {
        if (!convert_field(spec, type, object, field, depth, err)) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* The object types, with each union replaced by what it is made of. */
static json_t *objects_of(const struct spec *spec, const json_t *types)
{
    json_t *all = json_array(), *name, *subtypes;
    size_t i;

    json_array_foreach(types, i, name)
    {
        const char *type = json_string_value(name);

        subtypes = spec_subtypes(spec, type);
        if (subtypes)
            json_array_extend(all, subtypes);
        else if (!spec_is_scalar(type) && !spec_element(type))
            json_array_append(all, name);
    }
    return all;
}

static json_t *to_any_object(const struct spec *spec, const json_t *types,
                             const json_t *value, const char *name, int depth,
                             struct err *err)
{
    json_t *all = objects_of(spec, types), *result = NULL;
    const char *type = spec_pick(spec, all, value);

    if (type) {
        result = to_object(spec, type, value, depth, err);
    } else if (json_array_size(all)) {
        struct buf what = BUF_INIT;

        words(&what, json_string_value(json_array_get(types, 0)));
        err_set(err, ERR_TELEGRAM,
                "Bad Request: can't parse %s: unsupported type", what.data);
        buf_release(&what);
    } else {
        wrong_type(name, json_string_value(json_array_get(types, 0)), err);
    }
    json_decref(all);
    return result;
}

static json_t *to_any_array(const struct spec *spec, const json_t *types,
                            const json_t *value, const char *name, int depth,
                            struct err *err)
{
    json_t *elements = json_array(), *type, *result;
    size_t i;

    json_array_foreach(types, i, type)
    {
        const char *element = spec_element(json_string_value(type));

        if (element)
            json_array_append_new(elements, json_string(element));
        else if (strcmp(json_string_value(type), "RichText") == 0)
            json_array_append(elements, type);
    }
    result = json_array_size(elements)
                 ? to_array(spec, elements, value, name, depth, err)
                 : wrong_type(name, json_string_value(json_array_get(types, 0)),
                              err);
    json_decref(elements);
    return result;
}

static bool has_type(const json_t *types, const char *type)
{
    size_t i;
    json_t *name;

    json_array_foreach(types, i, name)
    {
        if (strcmp(json_string_value(name), type) == 0)
            return true;
    }
    return false;
}

json_t *spec_convert(const struct spec *spec, const json_t *types,
                     const json_t *value, const char *name, int depth,
                     struct err *err)
{
    size_t i;
    json_t *type, *result;

    if (depth > SPEC_DEPTH_MAX)
        return wrong_type(name, "something less deep", err);
    json_array_foreach(types, i, type)
    {
        if (!spec_is_scalar(json_string_value(type)))
            continue;
        result = to_scalar(json_string_value(type), value);
        if (result)
            return result;
    }
    if (has_type(types, "RichText") && json_is_string(value))
        return json_incref((json_t *)value);
    /* text alone may stand for these: not in the data, but at Telegram */
    if (json_is_string(value) && (has_type(types, "KeyboardButton") ||
                                  has_type(types, "InputPollOption")))
        return json_pack("{s:O}", "text", value);
    if (json_is_array(value))
        return to_any_array(spec, types, value, name, depth, err);
    if (json_is_object(value))
        return to_any_object(spec, types, value, name, depth, err);
    return wrong_type(name, json_string_value(json_array_get(types, 0)), err);
}

static bool all_scalar(const json_t *types)
{
    size_t i;
    json_t *type;

    json_array_foreach(types, i, type)
    {
        if (!spec_is_scalar(json_string_value(type)))
            return false;
    }
    return true;
}

/* A JSON-serialized parameter: the value in the string. */
static json_t *parse_string(const json_t *value, const char *name,
                            struct err *err)
{
    struct buf what = BUF_INIT;
    json_t *parsed =
        json_loadb(json_string_value(value), json_string_length(value),
                   JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);

    if (parsed)
        return parsed;
    json_name(&what, name);
    err_set(err, ERR_TELEGRAM, "Bad Request: can't parse %s JSON object",
            what.data);
    buf_release(&what);
    return NULL;
}

/* As good as not there? An empty text is something else than none. */
static bool is_absent(const json_t *field, const json_t *value)
{
    json_t *types = json_object_get(field, "types");

    if (!value || json_is_null(value))
        return true;
    if (!json_is_string(value) || json_string_length(value))
        return false;
    return json_is_true(json_object_get(field, "required")) ||
           json_array_size(types) != 1 ||
           strcmp(json_string_value(json_array_get(types, 0)), "String") != 0;
}

static bool check_field(const struct spec *spec, const json_t *field,
                        json_t *params, struct err *err)
{
    const char *name = json_string_value(json_object_get(field, "name"));
    json_t *types = json_object_get(field, "types");
    json_t *value = json_object_get(params, name), *parsed = NULL, *result;

    if (is_absent(field, value)) {
        json_object_del(params, name);
        return !json_is_true(json_object_get(field, "required")) ||
               missing(name, err);
    }
    if (json_is_string(value) && !all_scalar(types)) {
        parsed = parse_string(value, name, err);
        if (!parsed)
            return false;
    }
    result = spec_convert(spec, types, parsed ? parsed : value, name, 0, err);
    json_decref(parsed);
    if (!result)
        return false;
    json_object_set_new(params, name, result);
    return true;
}

void spec_remove_unknown(const struct spec_method *method, json_t *params,
                         spec_unknown_fn fn, void *arg)
{
    const json_t *fields = method->fields;
    json_t *known = json_object(), *field, *value;
    const char *name;
    void *next;
    size_t i;

    json_array_foreach(fields, i, field)
        json_object_set_new(known,
                            json_string_value(json_object_get(field, "name")),
                            json_true());
    json_object_foreach_safe(params, next, name, value)
    {
        if (json_object_get(known, name))
            continue;
        if (fn)
            fn(name, arg);
        json_object_del(params, name);
    }
    json_decref(known);
}

bool spec_check(const struct spec *spec, const struct spec_method *method,
                json_t *params, struct err *err)
{
    size_t i;
    json_t *field;

    spec_remove_unknown(method, params, NULL, NULL);
    json_array_foreach(method->fields, i, field)
    {
        if (!check_field(spec, field, params, err))
            return false;
    }
    return true;
}
