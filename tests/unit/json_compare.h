/*
 * json_compare.h - our JSON codec beside jansson, for test_json and fuzz_json.
 *
 * Where the two may differ: jansson has no integers beyond 64 bits, takes -0 as
 * the integer 0, refuses escaped lone surrogates and NUL in keys, and takes a NUL
 * byte between tokens for the end of the text.
 */
#ifndef TESTS_JSON_COMPARE_H
#define TESTS_JSON_COMPARE_H

/* Both have kinds of these names: jansson's get others in here, and its macros
 * that use them (json_is_string(), …) are of no use. */
#define JSON_NULL JANSSON_NULL
#define JSON_STRING JANSSON_STRING
#define JSON_ARRAY JANSSON_ARRAY
#define JSON_OBJECT JANSSON_OBJECT
#include <jansson.h>
#undef JSON_NULL
#undef JSON_STRING
#undef JSON_ARRAY
#undef JSON_OBJECT
#undef json_is_true

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"

static inline json_t *jansson_load(struct slice text, json_error_t *error)
{
    return json_loadb(text.n ? text.p : "", text.n,
                      JSON_DECODE_ANY | JSON_ALLOW_NUL, error);
}

/* Jansson refused the text: by one of its own rules, so that we may take it? */
static inline bool jansson_own_rule(const json_error_t *error)
{
    enum json_error_code code = json_error_code(error);

    return code == json_error_numeric_overflow ||
           code == json_error_null_byte_in_key ||
           code == json_error_stack_overflow ||
           strstr(error->text, "invalid Unicode");
}

static inline bool same_number(struct slice ours, const json_t *theirs)
{
    int64_t n;
    double d;

    if (json_to_int(ours, &n))
        return json_is_integer(theirs) && json_integer_value(theirs) == n;
    if (!json_to_double(ours, &d))
        return false;
    if (d == 0 && signbit(d) && json_is_integer(theirs))
        return json_integer_value(theirs) == 0;
    return json_is_real(theirs) && json_real_value(theirs) == d;
}

static inline bool same_string(struct slice ours, const json_t *theirs)
{
    struct buf text = BUF_INIT;
    bool same;

    json_to_text(ours, &text);
    same = json_typeof(theirs) == JANSSON_STRING &&
           text.len == json_string_length(theirs) &&
           memcmp(text.data, json_string_value(theirs), text.len) == 0;
    buf_release(&text);
    return same;
}

static inline bool same_value(struct slice ours, const json_t *theirs);

static inline bool same_array(struct slice ours, const json_t *theirs)
{
    struct json_iter it;
    size_t n = 0;

    json_iter_init(&it, ours);
    while (json_iter_next(&it))
        if (!same_value(it.value, json_array_get(theirs, n++)))
            return false;
    return json_typeof(theirs) == JANSSON_ARRAY && n == json_array_size(theirs);
}

static inline bool same_object(struct slice ours, const json_t *theirs)
{
    struct buf key = BUF_INIT;
    struct json_iter it;
    bool same = json_typeof(theirs) == JANSSON_OBJECT;
    size_t n = 0;
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)theirs, name, value)
    {
        same = same && same_value(json_get(ours, name), value);
        n++;
    }
    json_iter_init(&it, ours);
    while (same && json_iter_next(&it)) {
        buf_reset(&key);
        json_add_unescaped(&key, it.key);
        same = json_object_get(theirs, key.data) && n > 0;
    }
    buf_release(&key);
    return same;
}

static inline bool same_value(struct slice ours, const json_t *theirs)
{
    if (!ours.p || !theirs)
        return false;
    switch (json_kind(ours)) {
    case JSON_NULL: return json_typeof(theirs) == JANSSON_NULL;
    case JSON_BOOL:
        return json_typeof(theirs) ==
               (json_is_true(ours) ? JSON_TRUE : JSON_FALSE);
    case JSON_NUMBER: return same_number(ours, theirs);
    case JSON_STRING: return same_string(ours, theirs);
    case JSON_ARRAY: return same_array(ours, theirs);
    case JSON_OBJECT: return same_object(ours, theirs);
    }
    return false;
}

static inline void write_text(struct buf *out, const struct json_reader *r)
{
    struct buf text = BUF_INIT;

    json_add_unescaped(&text, r->text);
    json_add_text(out, buf_slice(&text));
    buf_release(&text);
}

/* Read text token by token and write it anew; false: it is not JSON. */
static inline bool rewrite(struct slice text, struct buf *out)
{
    struct json_reader r;
    bool comma = false, after;

    json_reader_init(&r, text, JSON_DEPTH_MAX);
    for (;; comma = after) {
        enum json_token token = json_read(&r);

        if (token <= JSON_T_END)
            return token == JSON_T_END;
        after = token != JSON_T_KEY && token != JSON_T_ARRAY &&
                token != JSON_T_OBJECT;
        if (comma && token != JSON_T_ARRAY_END && token != JSON_T_OBJECT_END)
            buf_addc(out, ',');
        switch (token) {
        case JSON_T_NULL: buf_adds(out, "null"); break;
        case JSON_T_TRUE: buf_adds(out, "true"); break;
        case JSON_T_FALSE: buf_adds(out, "false"); break;
        case JSON_T_INT: buf_add_int(out, r.integer); break;
        case JSON_T_DOUBLE: json_add_double(out, r.number, NULL); break;
        case JSON_T_ARRAY: buf_addc(out, '['); break;
        case JSON_T_OBJECT: buf_addc(out, '{'); break;
        case JSON_T_ARRAY_END: buf_addc(out, ']'); break;
        case JSON_T_OBJECT_END: buf_addc(out, '}'); break;
        default:
            write_text(out, &r);
            if (token == JSON_T_KEY)
                buf_addc(out, ':');
            break;
        }
    }
}

/*
 * Everything the two must agree on about this text: accepted or not, each value,
 * and what we write anew is read by jansson as the same. NULL: they agree.
 */
static inline const char *compare_with_jansson(struct slice text)
{
    struct buf again = BUF_INIT;
    json_error_t error;
    json_t *theirs = jansson_load(text, &error), *reread = NULL;
    bool ours = json_check(text, JSON_DEPTH_MAX, NULL);
    const char *what = NULL;

    if (ours != rewrite(text, &again)) {
        what = "json_check() and json_read() differ";
    } else if (theirs && ours) {
        reread = jansson_load(buf_slice(&again), &error);
        if (!same_value(text, theirs))
            what = "the values differ";
        else if (!reread || !same_value(text, reread))
            what = "our own text is not the same to jansson";
    } else if (theirs && !(text.n && memchr(text.p, '\0', text.n))) {
        what = "only jansson takes it";
    } else if (!theirs && ours && !jansson_own_rule(&error)) {
        what = "only we take it";
    }
    json_decref(theirs);
    json_decref(reread);
    buf_release(&again);
    return what;
}

#endif
