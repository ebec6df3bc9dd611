/*
 * json_value.c - looking things up in text that is known to be JSON: finding
 * where values end and what strings mean; see json.h. Text that is not JSON
 * after all yields nonsense, but nothing is read outside of it and every loop
 * ends.
 */
#include "base/json.h"

#include "base/json_block.h"

/* --- where values end -------------------------------------------------------- */

/* What a byte does when only the ends of values matter. */
enum { OTHER, QUOTE, OPEN, CLOSE, BREAK };

static const uint8_t roles[256] = {
    ['"'] = QUOTE,  ['['] = OPEN,   ['{'] = OPEN,   [']'] = CLOSE,
    ['}'] = CLOSE,  [','] = BREAK,  [':'] = BREAK,  [' '] = BREAK,
    ['\n'] = BREAK, ['\r'] = BREAK, ['\t'] = BREAK,
};

static inline int role(char c)
{
    return roles[(unsigned char)c];
}

/*
 * Step over a block's brackets; p: where the block is. What a string holds is
 * masked out, so in valid text only brackets are left. After the one that ends
 * the value, or NULL: it goes on.
 */
static const char *close_in_block(const char *p, uint64_t brackets,
                                  size_t *depth)
{
    for (; brackets; brackets &= brackets - 1) {
        const char *at = p + __builtin_ctzll(brackets);
        int what = role(*at);

        if (what == OPEN)
            ++*depth;
        else if (what == CLOSE && --*depth == 0)
            return at + 1;
    }
    return NULL;
}

/* After the bracket that closes the one at p; NULL: none does. */
static const char *brackets_end(const char *p, const char *end)
{
    struct json_carry carry = { .escape = false };
    char rest[JSON_BLOCK] = { 0 };
    const char *stop;
    size_t depth = 0;

    for (; end - p >= JSON_BLOCK; p += JSON_BLOCK) {
        stop = close_in_block(p, json_block_brackets(p, &carry), &depth);
        if (stop)
            return stop;
    }
    memcpy(rest, p, (size_t)(end - p));
    stop = close_in_block(rest, json_block_brackets(rest, &carry), &depth);
    return stop ? p + (stop - rest) : NULL;
}

/* After the value at p; NULL: it has no end, or none begins here. */
static const char *value_end(const char *p, const char *end)
{
    const char *begin = p;

    if (p == end)
        return NULL;
    if (*p == '"')
        return json_string_end(p + 1, end);
    if (role(*p) == OPEN)
        return brackets_end(p, end);
    while (p < end && role(*p) == OTHER)
        p++;
    return p > begin ? p : NULL;
}

struct slice json_outline(struct slice text)
{
    const char *end, *p, *stop;

    if (text.n == 0)
        return SLICE_NONE;
    end = text.p + text.n;
    p = json_skip_space(text.p, end);
    stop = value_end(p, end);
    return stop ? (struct slice){ p, (size_t)(stop - p) } : SLICE_NONE;
}

/* --- what strings mean --------------------------------------------------------- */

static unsigned hex_digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

static unsigned hex4(const char *p)
{
    return hex_digit(p[0]) << 12 | hex_digit(p[1]) << 8 | hex_digit(p[2]) << 4 |
           hex_digit(p[3]);
}

static size_t put_utf8(char *to, unsigned c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xC0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xE0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3F));
        to[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    to[0] = (char)(0xF0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3F));
    to[2] = (char)(0x80 | (c >> 6 & 0x3F));
    to[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

/* The code point of the \u at *p, which goes after it (and its other half). */
static unsigned unicode_escape(const char **p, const char *end)
{
    unsigned c = hex4(*p + 2), low;

    *p += 6;
    if (c < 0xD800 || c > 0xDFFF)
        return c;
    if (c < 0xDC00 && end - *p >= 6 && (*p)[0] == '\\' && (*p)[1] == 'u') {
        low = hex4(*p + 2);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *p += 6;
            return 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        }
    }
    return 0xFFFD;
}

/* Write what the escape at *p means; *p goes after it. At most 4 bytes, and
 * never more than the escape has. */
static size_t put_escape(char *to, const char **p, const char *end)
{
    char c;

    if (end - *p < 2) { /* not in valid text */
        *p = end;
        return 0;
    }
    c = (*p)[1];
    if (c == 'u' && end - *p >= 6)
        return put_utf8(to, unicode_escape(p, end));
    *p += 2;
    switch (c) {
    case 'b': *to = '\b'; break;
    case 'f': *to = '\f'; break;
    case 'n': *to = '\n'; break;
    case 'r': *to = '\r'; break;
    case 't': *to = '\t'; break;
    default: *to = c; break;
    }
    return 1;
}

size_t json_unescape(char *to, struct slice raw)
{
    char *begin = to;
    const char *p = raw.p, *end, *escape;

    if (raw.n == 0)
        return 0;
    end = raw.p + raw.n;
    while ((escape = memchr(p, '\\', (size_t)(end - p)))) {
        memcpy(to, p, (size_t)(escape - p));
        to += escape - p;
        p = escape;
        to += put_escape(to, &p, end);
    }
    memcpy(to, p, (size_t)(end - p));
    return (size_t)(to - begin) + (size_t)(end - p);
}

void json_add_unescaped(struct buf *out, struct slice raw)
{
    if (raw.n == 0)
        return;
    buf_reserve(out, raw.n);
    out->len += json_unescape(out->data + out->len, raw);
    out->data[out->len] = '\0';
}

static bool has_escape(struct slice raw)
{
    return raw.n && memchr(raw.p, '\\', raw.n);
}

static bool same_bytes(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Does raw, which has escapes, mean these bytes? */
static bool means(struct slice raw, struct slice bytes)
{
    const char *p = raw.p, *end = raw.p + raw.n;
    char piece[4];
    size_t n, at = 0;

    while (p < end) {
        n = 1;
        if (*p == '\\')
            n = put_escape(piece, &p, end);
        else
            piece[0] = *p++;
        if (bytes.n - at < n || memcmp(bytes.p + at, piece, n) != 0)
            return false;
        at += n;
    }
    return at == bytes.n;
}

static bool raw_means(struct slice raw, struct slice bytes)
{
    return has_escape(raw) ? means(raw, bytes) : same_bytes(raw, bytes);
}

bool json_same_text(struct slice raw, struct slice other_raw)
{
    struct buf text = BUF_INIT;
    bool same;

    if (!has_escape(raw) && !has_escape(other_raw))
        return same_bytes(raw, other_raw);
    json_add_unescaped(&text, other_raw);
    same = raw_means(raw, buf_slice(&text));
    buf_release(&text);
    return same;
}

/* --- values ---------------------------------------------------------------------- */

static struct slice trim(struct slice value)
{
    while (value.n && json_is_space(*value.p)) {
        value.p++;
        value.n--;
    }
    while (value.n && json_is_space(value.p[value.n - 1]))
        value.n--;
    return value;
}

enum json_kind json_kind(struct slice value)
{
    value = trim(value);
    if (value.n == 0)
        return JSON_NULL;
    switch (*value.p) {
    case 'n': return JSON_NULL;
    case 't':
    case 'f': return JSON_BOOL;
    case '"': return JSON_STRING;
    case '[': return JSON_ARRAY;
    case '{': return JSON_OBJECT;
    default: return JSON_NUMBER;
    }
}

bool json_is_true(struct slice value)
{
    value = trim(value);
    return value.n && *value.p == 't';
}

/* The whole value as a number's text; false: it is none. */
static bool number_text(struct slice *value, bool *plain)
{
    *value = trim(*value);
    return value->n && json_number_end(value->p, value->p + value->n, plain) ==
                           value->p + value->n;
}

bool json_to_int(struct slice value, int64_t *n)
{
    bool plain;

    return number_text(&value, &plain) && plain &&
           json_scan_int(value.p, value.p + value.n, n);
}

bool json_to_double(struct slice value, double *d)
{
    bool plain;
    int64_t n;

    if (!number_text(&value, &plain))
        return false;
    if (plain && json_scan_int(value.p, value.p + value.n, &n))
        *d = (double)n;
    else
        *d = json_scan_double(value.p, value.p + value.n);
    return true;
}

struct slice json_raw(struct slice value)
{
    value = trim(value);
    if (value.n < 2 || *value.p != '"')
        return SLICE_NONE;
    return (struct slice){ value.p + 1, value.n - 2 };
}

bool json_to_text(struct slice value, struct buf *out)
{
    struct slice raw = json_raw(value);

    if (!raw.p)
        return false;
    json_add_unescaped(out, raw);
    return true;
}

/* --- members ---------------------------------------------------------------------- */

void json_iter_init(struct json_iter *it, struct slice value)
{
    value = trim(value);
    *it = (struct json_iter){ .object = false };
    if (value.n == 0 || role(*value.p) != OPEN)
        return;
    it->object = *value.p == '{';
    it->p = value.p + 1;
    it->end = value.p + value.n;
}

static const char *skip_breaks(const char *p, const char *end)
{
    while (p < end && role(*p) == BREAK)
        p++;
    return p;
}

/* The value at it->p, into *value. */
static bool take_value(struct json_iter *it, struct slice *value)
{
    const char *p = skip_breaks(it->p, it->end), *stop = value_end(p, it->end);

    if (!stop)
        return false;
    *value = (struct slice){ p, (size_t)(stop - p) };
    it->p = stop;
    return true;
}

bool json_iter_next(struct json_iter *it)
{
    struct slice key;

    if (!it->p)
        return false;
    if (it->object) {
        if (!take_value(it, &key) || key.n < 2 || *key.p != '"')
            return false;
        it->key = (struct slice){ key.p + 1, key.n - 2 };
    }
    return take_value(it, &it->value);
}

bool json_is_empty(struct slice value)
{
    struct json_iter it;

    json_iter_init(&it, value);
    return !json_iter_next(&it);
}

struct slice json_get(struct slice object, const char *key)
{
    struct slice wanted = slice_of(key), found = SLICE_NONE;
    struct json_iter it;

    json_iter_init(&it, object);
    if (!it.object)
        return SLICE_NONE;
    while (json_iter_next(&it))
        if (it.key.n >= wanted.n && raw_means(it.key, wanted))
            found = it.value;
    return found;
}

struct slice json_get_first(struct slice object, const char *key)
{
    struct slice wanted = slice_of(key);
    struct json_iter it;

    json_iter_init(&it, object);
    while (it.object && json_iter_next(&it))
        if (it.key.n >= wanted.n && raw_means(it.key, wanted))
            return it.value;
    return SLICE_NONE;
}

struct slice json_path(struct slice value, ...)
{
    const char *key;
    va_list ap;

    va_start(ap, value);
    while (value.p && (key = va_arg(ap, const char *)))
        value = json_get(value, key);
    va_end(ap);
    return value;
}
