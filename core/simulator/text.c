/* text.c - see text.h. */
#include "simulator/text.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct text *text_new(struct slice bytes)
{
    struct text *text = xrealloc(NULL, sizeof(*text) + bytes.n + 1);

    text->refs = 1;
    text->len = bytes.n;
    if (bytes.n)
        memcpy(text->data, bytes.p, bytes.n);
    text->data[bytes.n] = '\0';
    return text;
}

struct text *text_ref(struct text *text)
{
    if (text)
        text->refs++;
    return text;
}

void text_unref(struct text *text)
{
    if (text && --text->refs == 0)
        free(text);
}

struct slice text_slice(const struct text *text)
{
    return (struct slice){ text->data, text->len };
}

static int add_piece(const char *piece, size_t n, void *out)
{
    buf_add(out, piece, n);
    return 0;
}

void json_add(struct buf *out, const json_t *value)
{
    buf_reserve(out, 512);
    json_dump_callback(value, add_piece, out, JSON_COMPACT | JSON_ENCODE_ANY);
}

struct text *json_to_text_ref(const json_t *value)
{
    struct buf out = BUF_INIT;
    struct text *text;

    json_add(&out, value);
    text = text_new(buf_slice(&out));
    buf_release(&out);
    return text;
}

json_t *json_from(struct slice text)
{
    json_t *value =
        json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

    assert(value);
    return value;
}

int64_t json_int(const json_t *object, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

const char *json_str(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

struct slice json_str_slice(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return (struct slice){ json_string_value(value),
                           json_string_length(value) };
}

bool json_bool(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

void json_set_int(json_t *object, const char *key, int64_t n)
{
    json_object_set_new(object, key, json_integer(n));
}

void json_set_str(json_t *object, const char *key, const char *s)
{
    json_object_set_new(object, key, json_string(s));
}

void json_set_bool(json_t *object, const char *key, bool b)
{
    json_object_set_new(object, key, json_boolean(b));
}

void json_set_from(json_t *object, const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);

    if (value)
        json_object_set(object, key, value);
}
