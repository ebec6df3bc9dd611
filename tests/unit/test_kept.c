/* test_kept.c - small blocks that are kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/kept.h"

static int keeps(void **state)
{
    (void)state;
    kept_keeps = true; /* also where a sanitizer looks on */
    return 0;
}

/* What was freed is the next of its size, and of no other. */
static void test_kept__is_used_again(void **state)
{
    unsigned char *p = kept_take(100), *q;

    (void)state;
    memset(p, 7, 100);
    kept_free(p, 100);
    q = kept_take(200);
    assert_ptr_not_equal(q, p);
    kept_free(q, 200);
    q = kept_alloc(97); /* the same by 16 */
    assert_ptr_equal(q, p);
    for (size_t i = 0; i < 97; i++)
        assert_int_equal(q[i], 0);
    kept_free(q, 97);
    kept_free(NULL, 97);
}

/* As many as fit are kept, and none that is large; each is whole. */
static void test_kept__is_bounded(void **state)
{
    static const size_t sizes[] = {
        1,   16, 17, 464, KEPT_SIZE_MAX - 1, KEPT_SIZE_MAX, KEPT_SIZE_MAX + 1,
        5000
    };
    enum { N = 2 * KEPT_MAX };
    unsigned char *p[N];

    (void)state;
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i < N; i++)
                p[i] = memset(kept_alloc(sizes[s]), i & 0xff, sizes[s]);
            for (int i = 0; i < N; i++) {
                assert_int_equal(p[i][0], i & 0xff);
                assert_int_equal(p[i][sizes[s] - 1], i & 0xff);
                kept_free(p[i], sizes[s]);
            }
        }
        assert_int_equal(kept_count(sizes[s]),
                         sizes[s] > KEPT_SIZE_MAX ? 0 : KEPT_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kept__is_used_again),
        cmocka_unit_test(test_kept__is_bounded),
    };

    return cmocka_run_group_tests(tests, keeps, NULL);
}
