/*
 * json_check.c - see json_check() in json.h.
 *
 * Answers and updates are nearly always valid, so they are passed over quickly
 * here, without making tokens. What this does not let pass is left to the
 * reader, which knows what is wrong with it, and whether anything is.
 */
#include "base/json_scan.h"

/* How many digits a number may have to be finite for sure. */
#define NUMBER_MAX 300

/* All return what is after the thing at p; NULL: the reader must look. */

static const char *pass_value(const char *p, const char *end, int depth);

static inline const char *pass_space(const char *p, const char *end)
{
    while (p < end && *p <= ' ' && json_is_space(*p))
        p++;
    return p;
}

static bool is_hex4(const char *p)
{
    for (int i = 0; i < 4; i++)
        if (!json_is_digit(p[i]) &&
            ((p[i] | 0x20) < 'a' || (p[i] | 0x20) > 'f'))
            return false;
    return true;
}

static const char *pass_escape(const char *p, const char *end)
{
    if (end - p >= 6 && p[1] == 'u')
        return is_hex4(p + 2) ? p + 6 : NULL;
    if (end - p < 2 || !p[1] || !strchr("\"\\/bfnrt", p[1]))
        return NULL;
    return p + 2;
}

/* p: after the opening quote. */
static inline const char *pass_string(const char *p, const char *end)
{
    size_t n;

    for (;;) {
        p = json_skip_plain(p, end);
        if (p == end)
            return NULL;
        if (*p == '"')
            return p + 1;
        if (*p == '\\') {
            p = pass_escape(p, end);
            if (!p)
                return NULL;
        } else {
            n = json_utf8_size(p, end); /* 0 for controls too */
            if (n == 0)
                return NULL;
            p += n;
        }
    }
}

/* Numbers with an exponent, and very long ones, are left to the reader. */
static inline const char *pass_number(const char *p, const char *end)
{
    bool plain;
    const char *stop = json_number_end(p, end, &plain);

    if (!stop || stop - p > NUMBER_MAX)
        return NULL;
    if (!plain && (memchr(p, 'e', (size_t)(stop - p)) ||
                   memchr(p, 'E', (size_t)(stop - p))))
        return NULL;
    return stop;
}

static const char *pass_word(const char *p, const char *end, const char *word,
                             size_t n)
{
    return (size_t)(end - p) >= n && memcmp(p, word, n) == 0 ? p + n : NULL;
}

/* After the comma or the closing bracket that p, or white space there, leads
 * to; *more: it was a comma. */
static inline const char *pass_next(const char *p, const char *end, char close,
                                    bool *more)
{
    p = p ? pass_space(p, end) : end;
    if (p == end || (*p != ',' && *p != close))
        return NULL;
    *more = *p == ',';
    return p + 1;
}

static inline const char *pass_key(const char *p, const char *end)
{
    p = pass_space(p, end);
    if (p == end || *p != '"')
        return NULL;
    p = pass_string(p + 1, end);
    if (!p)
        return NULL;
    p = pass_space(p, end);
    return p < end && *p == ':' ? p + 1 : NULL;
}

/* depth: how many more may be open within. p: after the opening bracket. */
static const char *pass_object(const char *p, const char *end, int depth)
{
    bool more = true;

    p = pass_space(p, end);
    if (p < end && *p == '}')
        return p + 1;
    while (p && more) {
        p = pass_key(p, end);
        if (p)
            p = pass_next(pass_value(p, end, depth), end, '}', &more);
    }
    return p;
}

static const char *pass_array(const char *p, const char *end, int depth)
{
    bool more = true;

    p = pass_space(p, end);
    if (p < end && *p == ']')
        return p + 1;
    while (p && more)
        p = pass_next(pass_value(p, end, depth), end, ']', &more);
    return p;
}

static const char *pass_value(const char *p, const char *end, int depth)
{
    p = pass_space(p, end);
    if (p == end)
        return NULL;
    switch (*p) {
    case '"': return pass_string(p + 1, end);
    case '{': return depth ? pass_object(p + 1, end, depth - 1) : NULL;
    case '[': return depth ? pass_array(p + 1, end, depth - 1) : NULL;
    case 't': return pass_word(p, end, "true", 4);
    case 'f': return pass_word(p, end, "false", 5);
    case 'n': return pass_word(p, end, "null", 4);
    default: return pass_number(p, end);
    }
}

static bool passes(struct slice text, int depth_max)
{
    const char *end = text.p + text.n, *p;

    if (text.n == 0)
        return false;
    p = pass_value(text.p, end, depth_max);
    return p && pass_space(p, end) == end;
}

bool json_check(struct slice text, int depth_max, struct err *err)
{
    struct json_reader r;
    enum json_token token;

    if (passes(text, depth_max))
        return true;
    json_reader_init(&r, text, depth_max);
    do
        token = json_read(&r);
    while (token > JSON_T_END);
    return token == JSON_T_END || err_set(err, r.err.kind, "%s", r.err.text);
}
