/*
 * json_block.h - where 64 bytes of JSON text have quotes, backslashes and
 * brackets, as bits; private to base/json_*.c. An update is passed over several
 * times, so this is where most of its text is read.
 */
#ifndef BASE_JSON_BLOCK_H
#define BASE_JSON_BLOCK_H

#include "base/json_scan.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define JSON_BLOCK 64

/* Bit i is about byte i. */
struct json_block {
    uint64_t quotes, backslashes;
    uint64_t brackets; /* [ ] { }, and by chance Y _ y DEL */
};

/* All four kinds of brackets, and the others named above, become this one. */
#define JSON_BRACKET_OR 0x26
#define JSON_BRACKET 0x7F

#ifdef __SSE2__

static inline uint64_t json_bits16(__m128i x, __m128i c)
{
    return (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, c));
}

/* One bit for each byte of the four that is c. */
static inline uint64_t json_bits64(const __m128i x[4], char c)
{
    __m128i all = _mm_set1_epi8(c);

    return json_bits16(x[0], all) | json_bits16(x[1], all) << 16 |
           json_bits16(x[2], all) << 32 | json_bits16(x[3], all) << 48;
}

static inline void json_block_read(struct json_block *b, const char *p)
{
    const __m128i *from = (const __m128i *)(const void *)p;
    const __m128i x[4] = { _mm_loadu_si128(from), _mm_loadu_si128(from + 1),
                           _mm_loadu_si128(from + 2),
                           _mm_loadu_si128(from + 3) };
    const __m128i fold = _mm_set1_epi8(JSON_BRACKET_OR);
    const __m128i y[4] = { _mm_or_si128(x[0], fold), _mm_or_si128(x[1], fold),
                           _mm_or_si128(x[2], fold), _mm_or_si128(x[3], fold) };

    b->quotes = json_bits64(x, '"');
    b->backslashes = json_bits64(x, '\\');
    b->brackets = json_bits64(y, JSON_BRACKET);
}

#else

/* One bit for each of eight bytes that is c. */
static inline uint64_t json_bits8(uint64_t x, unsigned char c)
{
    const uint64_t low = ~JSON_HIGH;

    x ^= JSON_ONES * c;
    x = ~(((x & low) + low) | x | low);           /* 0x80 where it was 0 */
    return ((x >> 7) * 0x0102040810204080) >> 56; /* gathered */
}

static inline void json_block_read(struct json_block *b, const char *p)
{
    *b = (struct json_block){ 0 };
    for (int i = 0; i < JSON_BLOCK; i += 8) {
        uint64_t x = json_load8(p + i);
        uint64_t folded = x | JSON_ONES * JSON_BRACKET_OR;

        b->quotes |= json_bits8(x, '"') << i;
        b->backslashes |= json_bits8(x, '\\') << i;
        b->brackets |= json_bits8(folded, JSON_BRACKET) << i;
    }
}

#endif

/* What the block before leaves behind. */
struct json_carry {
    bool escape;      /* its last byte escapes our first */
    uint64_t strings; /* all ones: a string goes on */
};

/* The bytes that a backslash stands before. */
static inline uint64_t json_escaped_bits(uint64_t backslashes,
                                         struct json_carry *carry)
{
    uint64_t escaped = carry->escape;

    backslashes &= ~escaped;
    carry->escape = false;
    while (backslashes) {
        int i = __builtin_ctzll(backslashes);

        if (i == JSON_BLOCK - 1) {
            carry->escape = true;
            break;
        }
        escaped |= (uint64_t)2 << i;
        backslashes &=
            ~((uint64_t)3 << i); /* what is escaped escapes nothing */
    }
    return escaped;
}

/* The brackets that stand outside of strings. */
static inline uint64_t json_block_brackets(const char *p,
                                           struct json_carry *carry)
{
    struct json_block b;
    uint64_t inside;

    json_block_read(&b, p);
    if (b.backslashes || carry->escape)
        b.quotes &= ~json_escaped_bits(b.backslashes, carry);
    inside = b.quotes; /* each bit becomes the parity of those up to it */
    inside ^= inside << 1;
    inside ^= inside << 2;
    inside ^= inside << 4;
    inside ^= inside << 8;
    inside ^= inside << 16;
    inside ^= inside << 32;
    inside ^= carry->strings;
    carry->strings = inside >> 63 ? UINT64_MAX : 0;
    return b.brackets & ~inside;
}

#endif
