/*
 * json_scan.h - how the bytes of JSON text are stepped over; private to
 * base/json_*.c. Nothing here reads at or after end.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <endian.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/json.h"

/* The C locale's strtod() of a number's text, which may end at end. */
double json_scan_double(const char *p, const char *end);

/* Compare what two raw strings mean. */
bool json_same_text(struct slice raw, struct slice other_raw);

static inline bool json_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static inline const char *json_skip_space(const char *p, const char *end)
{
    while (p < end && json_is_space(*p))
        p++;
    return p;
}

/*
 * Eight bytes at a time: each function answers with the high bit set in every
 * byte that fits. A borrow can only set bits above the first true one, and only
 * the lowest bit is used.
 */
#define JSON_ONES (UINT64_MAX / 255)
#define JSON_HIGH (JSON_ONES * 0x80)

static inline uint64_t json_load8(const char *p)
{
    uint64_t x;

    memcpy(&x, p, sizeof(x));
    return le64toh(x);
}

static inline uint64_t json_bytes_eq(uint64_t x, unsigned char c)
{
    x ^= JSON_ONES * c;
    return (x - JSON_ONES) & ~x & JSON_HIGH;
}

static inline uint64_t json_bytes_below_space(uint64_t x)
{
    return (x - JSON_ONES * ' ') & ~x & JSON_HIGH;
}

static inline bool json_is_plain(char c)
{
    return (unsigned char)(c - ' ') < 0x80 - ' ' && c != '"' && c != '\\';
}

/* The first byte that needs a look: quote, backslash, control, not ASCII. */
static inline const char *json_skip_plain(const char *p, const char *end)
{
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')),
                                   _mm_cmpeq_epi8(x, _mm_set1_epi8('\\')));
        int bits; /* signed: what is not ASCII is below a space, too */

        hit = _mm_or_si128(hit, _mm_cmplt_epi8(x, _mm_set1_epi8(' ')));
        bits = _mm_movemask_epi8(hit);
        if (bits)
            return p + __builtin_ctz((unsigned)bits);
    }
#endif
    for (; end - p >= 8; p += 8) {
        uint64_t x = json_load8(p);
        uint64_t hit = json_bytes_eq(x, '"') | json_bytes_eq(x, '\\') |
                       json_bytes_below_space(x) | (x & JSON_HIGH);

        if (hit)
            return p + __builtin_ctzll(hit) / 8;
    }
    while (p < end && json_is_plain(*p))
        p++;
    return p;
}

/* The first quote or backslash. */
static inline const char *json_skip_unescaped(const char *p, const char *end)
{
#ifdef __SSE2__
    for (; end - p >= 16; p += 16) {
        __m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
        int bits = _mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(x, _mm_set1_epi8('"')),
                         _mm_cmpeq_epi8(x, _mm_set1_epi8('\\'))));

        if (bits)
            return p + __builtin_ctz((unsigned)bits);
    }
#endif
    for (; end - p >= 8; p += 8) {
        uint64_t x = json_load8(p);
        uint64_t hit = json_bytes_eq(x, '"') | json_bytes_eq(x, '\\');

        if (hit)
            return p + __builtin_ctzll(hit) / 8;
    }
    while (p < end && *p != '"' && *p != '\\')
        p++;
    return p;
}

/* After the quote that ends a string whose text begins at p; NULL: no end. */
static inline const char *json_string_end(const char *p, const char *end)
{
    while ((p = json_skip_unescaped(p, end)) < end) {
        if (*p == '"')
            return p + 1;
        p += end - p > 1 ? 2 : 1;
    }
    return NULL;
}

static inline bool json_in_range(char c, unsigned char from, unsigned char to)
{
    return (unsigned char)c >= from && (unsigned char)c <= to;
}

/* How many bytes the code point at p (not ASCII) has; 0: not UTF-8 (RFC 3629). */
static inline size_t json_utf8_size(const char *p, const char *end)
{
    unsigned char c = (unsigned char)*p;
    size_t n = c < 0xC2 ? 0 : c < 0xE0 ? 2 : c < 0xF0 ? 3 : c < 0xF5 ? 4 : 0;

    if (n == 0 || (size_t)(end - p) < n)
        return 0;
    if (!json_in_range(p[1],
                       c == 0xE0   ? 0xA0
                       : c == 0xF0 ? 0x90
                                   : 0x80,
                       c == 0xED   ? 0x9F
                       : c == 0xF4 ? 0x8F
                                   : 0xBF))
        return 0;
    for (size_t i = 2; i < n; i++)
        if (!json_in_range(p[i], 0x80, 0xBF))
            return 0;
    return n;
}

static inline bool json_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline const char *json_skip_digits(const char *p, const char *end)
{
    while (p < end && json_is_digit(*p))
        p++;
    return p;
}

/* After the number at p; NULL: none there. *plain: no fraction, no exponent. */
static inline const char *json_number_end(const char *p, const char *end,
                                          bool *plain)
{
    const char *digits;

    *plain = true;
    if (p < end && *p == '-')
        p++;
    digits = p;
    p = json_skip_digits(p, end);
    if (p == digits)
        return NULL;
    if (*digits == '0')
        p = digits + 1; /* a digit after it is then out of place */
    if (p < end && *p == '.') {
        *plain = false;
        digits = ++p;
        p = json_skip_digits(p, end);
        if (p == digits)
            return NULL;
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        *plain = false;
        p++;
        if (p < end && (*p == '+' || *p == '-'))
            p++;
        digits = p;
        p = json_skip_digits(p, end);
        if (p == digits)
            return NULL;
    }
    return p;
}

/* The plain number p … end as an integer; false: beyond 64 bits, or -0. */
static inline bool json_scan_int(const char *p, const char *end, int64_t *n)
{
    bool negative = *p == '-';
    uint64_t u = 0;

    p += negative;
    if (end - p > 19) /* 19 digits always fit in 64 bits without a sign */
        return false;
    while (p < end)
        u = u * 10 + (uint64_t)(*p++ - '0');
    if (u > (uint64_t)INT64_MAX + negative || (negative && u == 0))
        return false;
    *n = negative ? (int64_t)(0 - u) : (int64_t)u;
    return true;
}

#endif
