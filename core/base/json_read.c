/*
 * json_read.c - the strict reader; see json.h.
 *
 * A reader is always before one of these:
 *   VALUE    a value must come (at the start, after a key, after [1,)
 *   ITEM     after [: a value or ]
 *   MEMBER   after {: a key or }
 *   NEXT     after a value: a comma or the end of what is open; or of the text
 *   FAILED   for good
 */
#include "base/json.h"

#include <assert.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

#include "base/json_scan.h"

enum { VALUE, ITEM, MEMBER, NEXT, FAILED };

double json_scan_double(const char *p, const char *end)
{
    char text[64], *copy = text;
    size_t n = (size_t)(end - p);
    locale_t c_locale = newlocale(LC_ALL_MASK, "C", NULL), old;
    double d;

    if (n >= sizeof(text))
        copy = xrealloc(NULL, n + 1);
    memcpy(copy, p, n);
    copy[n] = '\0';
    old = uselocale(c_locale);
    d = strtod(copy, NULL);
    uselocale(old);
    freelocale(c_locale);
    if (copy != text)
        free(copy);
    return d;
}

void json_reader_init(struct json_reader *r, struct slice text, int depth_max)
{
    assert(depth_max >= 1 && depth_max <= JSON_DEPTH_MAX);
    r->text = SLICE_NONE;
    r->escaped = false;
    r->depth = 0;
    err_clear(&r->err);
    r->start = r->p = text.n ? text.p : "";
    r->end = r->start + text.n;
    r->state = VALUE;
    r->depth_max = depth_max;
}

static enum json_token fail(struct json_reader *r, const char *at,
                            const char *what)
{
    if (at < r->end)
        err_set(&r->err, ERR_JSON, "%s at byte %zu", what,
                (size_t)(at - r->start) + 1);
    else
        err_set(&r->err, ERR_JSON, "the text ends too early, at byte %zu",
                (size_t)(at - r->start));
    r->state = FAILED;
    return JSON_T_ERROR;
}

/* --- strings --------------------------------------------------------------- */

static bool is_hex(char c)
{
    return json_is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* How many bytes the escape at p has; 0: it is none. */
static size_t escape_size(const char *p, const char *end)
{
    if (end - p < 2)
        return 0;
    if (p[1] != 'u')
        return p[1] && strchr("\"\\/bfnrt", p[1]) ? 2 : 0;
    if (end - p < 6)
        return 0;
    for (int i = 2; i < 6; i++)
        if (!is_hex(p[i]))
            return 0;
    return 6;
}

/* The string whose opening quote is at p, into r->text; p goes after it. */
static bool read_string(struct json_reader *r, const char *p)
{
    const char *begin = ++p;
    size_t n;

    r->escaped = false;
    for (;;) {
        p = json_skip_plain(p, r->end);
        if (p == r->end)
            return fail(r, p, "");
        if (*p == '"')
            break;
        if (*p == '\\') {
            r->escaped = true;
            n = escape_size(p, r->end);
            if (n == 0)
                return fail(r, p, "bad escape");
        } else {
            n = json_utf8_size(p, r->end); /* 0 for controls too */
            if (n == 0)
                return fail(r, p,
                            (unsigned char)*p < ' '
                                ? "control character in a string"
                                : "bad UTF-8");
        }
        p += n;
    }
    r->text = (struct slice){ begin, (size_t)(p - begin) };
    r->p = p + 1;
    return true;
}

/* --- tokens ------------------------------------------------------------------ */

static enum json_token read_number(struct json_reader *r, const char *p)
{
    bool plain;
    const char *stop = json_number_end(p, r->end, &plain);

    if (!stop)
        return fail(r, p, "malformed number");
    r->p = stop;
    r->state = NEXT;
    if (plain && json_scan_int(p, stop, &r->integer))
        return JSON_T_INT;
    r->number = json_scan_double(p, stop);
    if (isinf(r->number))
        return fail(r, p, "number too large");
    return JSON_T_DOUBLE;
}

static enum json_token read_word(struct json_reader *r, const char *p,
                                 struct slice word, enum json_token token)
{
    if ((size_t)(r->end - p) < word.n || memcmp(p, word.p, word.n) != 0)
        return fail(r, p, "expected a value");
    r->p = p + word.n;
    r->state = NEXT;
    return token;
}

static enum json_token open_at(struct json_reader *r, const char *p,
                               bool object)
{
    uint8_t bit = (uint8_t)(1 << (r->depth & 7));
    uint8_t *bits = &r->in_object[r->depth >> 3];

    if (r->depth == r->depth_max)
        return fail(r, p, "nested too deeply");
    *bits = (uint8_t)(object ? *bits | bit : *bits & ~bit);
    r->depth++;
    r->p = p + 1;
    r->state = object ? MEMBER : ITEM;
    return object ? JSON_T_OBJECT : JSON_T_ARRAY;
}

static enum json_token close_at(struct json_reader *r, const char *p,
                                bool object)
{
    r->depth--;
    r->p = p + 1;
    r->state = NEXT;
    return object ? JSON_T_OBJECT_END : JSON_T_ARRAY_END;
}

static enum json_token read_value(struct json_reader *r, const char *p)
{
    if (p == r->end)
        return fail(r, p, "");
    switch (*p) {
    case '"':
        r->state = NEXT;
        return read_string(r, p) ? JSON_T_STRING : JSON_T_ERROR;
    case '{': return open_at(r, p, true);
    case '[': return open_at(r, p, false);
    case 't': return read_word(r, p, (struct slice){ "true", 4 }, JSON_T_TRUE);
    case 'f':
        return read_word(r, p, (struct slice){ "false", 5 }, JSON_T_FALSE);
    case 'n': return read_word(r, p, (struct slice){ "null", 4 }, JSON_T_NULL);
    case '-': return read_number(r, p);
    default:
        return json_is_digit(*p) ? read_number(r, p)
                                 : fail(r, p, "expected a value");
    }
}

static enum json_token read_key(struct json_reader *r, const char *p)
{
    if (p == r->end || *p != '"')
        return fail(r, p, "expected a key");
    if (!read_string(r, p))
        return JSON_T_ERROR;
    p = json_skip_space(r->p, r->end);
    if (p == r->end || *p != ':')
        return fail(r, p, "expected ':'");
    r->p = p + 1;
    r->state = VALUE;
    return JSON_T_KEY;
}

static enum json_token read_next(struct json_reader *r, const char *p)
{
    int level = r->depth - 1;
    bool object;

    if (level < 0)
        return p == r->end ? JSON_T_END : fail(r, p, "expected no more");
    object = r->in_object[level >> 3] >> (level & 7) & 1;
    if (p == r->end)
        return fail(r, p, "");
    if (*p == (object ? '}' : ']'))
        return close_at(r, p, object);
    if (*p != ',')
        return fail(r, p,
                    object ? "expected ',' or '}'" : "expected ',' or ']'");
    p = json_skip_space(p + 1, r->end);
    return object ? read_key(r, p) : read_value(r, p);
}

enum json_token json_read(struct json_reader *r)
{
    const char *p = json_skip_space(r->p, r->end);

    switch (r->state) {
    case VALUE: return read_value(r, p);
    case NEXT: return read_next(r, p);
    case ITEM:
        if (p < r->end && *p == ']')
            return close_at(r, p, false);
        return read_value(r, p);
    case MEMBER:
        if (p < r->end && *p == '}')
            return close_at(r, p, true);
        return read_key(r, p);
    default: return JSON_T_ERROR;
    }
}
