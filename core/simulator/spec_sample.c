/*
 * spec_sample.c - plausible values of any type, for the methods that the
 * simulator does not really carry out.
 */
#include "simulator/spec_int.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>
#include <time.h>

struct sampler {
    const struct spec *spec;
    const json_t *params, *known;
};

static json_t *sample(const struct sampler *s, const char *type,
                      const char *name, int depth);

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

static json_t *sample_string(const char *name)
{
    if (ends_with(name, "url") || ends_with(name, "link"))
        return json_string("https://t.me/");
    if (ends_with(name, "id"))
        return json_string("1");
    if (strcmp(name, "currency") == 0)
        return json_string("XTR");
    return json_string(name);
}

static json_t *sample_integer(const char *name)
{
    if (ends_with(name, "date"))
        return json_integer((json_int_t)time(NULL));
    return json_integer(ends_with(name, "id") || ends_with(name, "width") ||
                        ends_with(name, "height"));
}

static json_t *sample_scalar(const char *type, const char *name)
{
    if (strcmp(type, "Integer") == 0)
        return sample_integer(name);
    if (strcmp(type, "Float") == 0)
        return json_real(0.0);
    return sample_string(name);
}

static bool is_any(const struct spec *spec, const json_t *types,
                   const json_t *value)
{
    size_t i;
    json_t *type;

    json_array_foreach(types, i, type)
    {
        struct err why = ERR_INIT;

        if (spec_is(spec, json_string_value(type), value, &why))
            return true;
    }
    return false;
}

/* The parameter of the field's name, if it is of the field's type (what is
 * sent may be an InputChecklist and what comes back a Checklist); else NULL. */
static json_t *from_params(const struct sampler *s, const json_t *field)
{
    const char *name = json_string_value(json_object_get(field, "name"));
    json_t *types = json_object_get(field, "types");
    json_t *value = json_object_get(s->params, name), *converted;
    struct err why = ERR_INIT;

    if (!value)
        return NULL;
    converted = spec_convert(s->spec, types, value, name, 0, &why);
    if (converted && !is_any(s->spec, types, converted)) {
        json_decref(converted);
        return NULL;
    }
    return converted;
}

static json_t *sample_field(const struct sampler *s, const json_t *field,
                            int depth)
{
    const char *name = json_string_value(json_object_get(field, "name"));
    const char *constant = json_string_value(json_object_get(field, "const"));
    json_t *types = json_object_get(field, "types"), *value = NULL;

    if (constant)
        return json_string(constant);
    if (depth <= 1)
        value = from_params(s, field);
    if (value || !json_is_true(json_object_get(field, "required")))
        return value;
    return sample(s, json_string_value(json_array_get(types, 0)), name,
                  depth + 1);
}

static json_t *sample_object(const struct sampler *s, const char *type,
                             int depth)
{
    json_t *object = json_object(), *field, *value;
    size_t i;

    json_array_foreach(spec_fields(s->spec, type), i, field)
    {
        value = sample_field(s, field, depth);
        if (value)
            json_object_set_new(object,
                                json_string_value(
                                    json_object_get(field, "name")),
                                value);
    }
    return object;
}

/* depth 0: the result itself; name is "" then. */
static json_t *sample(const struct sampler *s, const char *type,
                      const char *name, int depth)
{
    const char *element = spec_element(type);
    json_t *known = json_object_get(s->known, type);
    json_t *subtypes = spec_subtypes(s->spec, type), *array;

    if (known)
        return json_deep_copy(known);
    if (element) {
        array = json_array();
        if (depth == 0)
            json_array_append_new(array, sample(s, element, name, 1));
        return array;
    }
    if (strcmp(type, "Boolean") == 0)
        return json_boolean(depth == 0);
    if (spec_is_scalar(type))
        return sample_scalar(type, name);
    if (strcmp(type, "RichText") == 0)
        return json_string("text");
    if (depth > SPEC_DEPTH_MAX)
        return json_object();
    if (subtypes)
        return sample(s, json_string_value(json_array_get(subtypes, 0)), name,
                      depth);
    return sample_object(s, type, depth);
}

/* "sendVideoNote" → "video_note", what such a message has; "" for others. */
static void content_name(struct buf *out, const char *method)
{
    if (strncmp(method, "send", 4) != 0)
        return;
    for (const char *p = method + 4; *p; p++) {
        if (isupper((unsigned char)*p) && p > method + 4)
            buf_addc(out, '_');
        buf_addc(out, (char)tolower((unsigned char)*p));
    }
}

/* A message that was sent has what was sent: `dice`, `location`, … */
static void add_content(const struct sampler *s, const char *method,
                        json_t *message)
{
    struct buf name = BUF_INIT;
    size_t i;
    json_t *field;

    content_name(&name, method);
    json_array_foreach(spec_fields(s->spec, "Message"), i, field)
    {
        const char *is = json_string_value(json_object_get(field, "name"));
        const char *type = json_string_value(
            json_array_get(json_object_get(field, "types"), 0));

        if (strcmp(is, name.data) == 0 && !spec_is_scalar(type) &&
            !spec_element(type) && !json_object_get(message, is))
            json_object_set_new(message, is, sample(s, type, is, 1));
    }
    buf_release(&name);
}

json_t *spec_result(const struct spec *spec, const struct spec_method *method,
                    const json_t *params, const json_t *known)
{
    struct sampler s = { spec, params, known };
    const char *type = json_string_value(json_array_get(method->returns, 0));
    json_t *result;

    /* an inline message that was edited is not the bot's to see */
    if (json_array_size(method->returns) > 1 &&
        json_object_get(params, "inline_message_id"))
        return json_true();
    result = sample(&s, type, "", 0);
    if (strcmp(type, "Message") == 0)
        add_content(&s, method->name, result);
    return result;
}
