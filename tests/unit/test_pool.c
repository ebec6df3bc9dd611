/* test_pool.c - the blocks that are kept for Lua. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "script/pool.h"

/* A block that was given back is the next of its size. */
static void test_pool__keeps(void **state)
{
    struct pool pool = { .keeps = true };
    void *p, *q;

    (void)state;
    p = pool_resize(&pool, NULL, 0, 40);
    assert_null(pool_resize(&pool, p, 40, 0));
    assert_int_equal(pool.bytes, 48);
    q = pool_resize(&pool, NULL, 0, 33); /* the same class */
    assert_ptr_equal(q, p);
    assert_int_equal(pool.bytes, 0);
    assert_ptr_equal(pool_resize(&pool, q, 33, 48), q); /* it had that room */
    pool_resize(&pool, q, 48, 0);
    q = pool_resize(&pool, NULL, 0, 49);
    assert_ptr_not_equal(q, p);
    pool_resize(&pool, q, 49, 0);
    pool_release(&pool);
    assert_int_equal(pool.bytes, 0);
}

static void test_pool__is_bounded(void **state)
{
    enum { N = 2 * POOL_KEEP / 64 };
    struct pool pool = { .keeps = true };
    void **all = malloc(N * sizeof(*all));

    (void)state;
    for (int i = 0; i < N; i++)
        all[i] = pool_resize(&pool, NULL, 0, 64);
    for (int i = 0; i < N; i++)
        pool_resize(&pool, all[i], 64, 0);
    assert_in_range(pool.bytes, POOL_KEEP, POOL_KEEP + POOL_SIZE_MAX);
    free(all);
    pool_release(&pool);
}

/* Sizes on both sides of every limit: what was written stays. */
static void resize_at_random(bool keeps)
{
    enum { N = 40 };
    struct pool pool = { .keeps = keeps };
    unsigned char *p[N] = { NULL };
    size_t n[N] = { 0 };

    srandom(7);
    for (int round = 0; round < 100000; round++) {
        int i = (int)(random() % N);
        size_t most = random() % 4 ? 100 : 2 * POOL_SIZE_MAX;
        size_t size = random() % 3 ? 1 + (size_t)random() % most : 0;
        size_t same = n[i] < size ? n[i] : size;

        p[i] = pool_resize(&pool, p[i], n[i], size);
        for (size_t k = 0; k < same; k++)
            assert_int_equal(p[i][k], i);
        if (size)
            memset(p[i], i, size);
        n[i] = size;
    }
    for (int i = 0; i < N; i++)
        pool_resize(&pool, p[i], n[i], 0);
    pool_release(&pool);
}

static void test_pool__contents(void **state)
{
    (void)state;
    resize_at_random(true);
    resize_at_random(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool__keeps),
        cmocka_unit_test(test_pool__is_bounded),
        cmocka_unit_test(test_pool__contents),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
