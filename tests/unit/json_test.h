/* json_test.h - what the tests of JSON share. */
#ifndef TESTS_JSON_TEST_H
#define TESTS_JSON_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"

/* Text with its length, so that it can hold NUL. */
#define T(s)                                                                   \
    {                                                                          \
        s, sizeof(s) - 1                                                       \
    }
#define S(s) ((struct slice)T(s))

/* Memory that ends where the text ends, so that ASan sees a byte too far. */
static inline struct slice tight(struct slice text)
{
    char *p = malloc(text.n ? text.n : 1);

    assert_non_null(p);
    if (text.n)
        memcpy(p, text.p, text.n);
    return (struct slice){ p, text.n };
}

static inline void free_tight(struct slice text)
{
    free((void *)(uintptr_t)text.p);
}

static inline void assert_text(struct slice got, const char *wanted)
{
    if (!slice_eq(got, wanted))
        fail_msg("'%.*s' is not '%s'", (int)got.n, got.p ? got.p : "", wanted);
}

/* xorshift; a test seeds it, so that each run is the same. */
static uint64_t random_state;

static inline uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static inline unsigned random_below(unsigned n)
{
    return (unsigned)(random_bits() >> 32) % n;
}

#endif
