/* test_config.c - patches and the cache. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "config/cache.h"
#include "config/patch.h"

/* --- patches ------------------------------------------------------------------------------- */

static void expect_applied(const struct config_patch *patch,
                           const char *document, const char *wanted)
{
    struct buf out = BUF_INIT;

    config_patch_apply(patch, slice_of(document), &out);
    assert_string_equal(out.data, wanted);
    buf_release(&out);
}

static void test_patch__apply(void **state)
{
    struct config_patch patch = { 0 }, copy;
    bool reset;

    (void)state;
    expect_applied(&patch, "{\"a\":1}", "{\"a\":1}");
    config_patch_set(&patch, "welcome.text", slice_of("\"x\""));
    config_patch_set(&patch, "max", slice_of("7"));
    config_patch_set(&patch, "a.b.c", SLICE_NONE);
    expect_applied(&patch, "{}", "{\"welcome\":{\"text\":\"x\"},\"max\":7}");
    expect_applied(&patch, "{\"max\":1,\"a\":{\"b\":{\"c\":1}},\"z\":[1,2]}",
                   "{\"max\":7,\"z\":[1,2],\"welcome\":{\"text\":\"x\"}}");
    expect_applied(&patch, "{\"welcome\":7,\"a\":{\"b\":{\"c\":1,\"d\":2}}}",
                   "{\"welcome\":{\"text\":\"x\"},\"a\":{\"b\":{\"d\":2}},"
                   "\"max\":7}");
    assert_true(config_patch_has(&patch, "a.b.c", &reset));
    assert_true(reset);
    assert_true(config_patch_has(&patch, "max", &reset));
    assert_false(reset);
    assert_false(config_patch_has(&patch, "a.b", &reset));
    config_patch_copy(&copy, &patch);
    config_patch_release(&patch);
    config_patch_release(&patch);
    expect_applied(&copy, "{}", "{\"welcome\":{\"text\":\"x\"},\"max\":7}");
    config_patch_release(&copy);
}

/* The same path again: the last value. What is below a path goes with it. */
static void test_patch__set_again(void **state)
{
    struct config_patch patch = { 0 };

    (void)state;
    config_patch_set(&patch, "max", slice_of("1"));
    config_patch_set(&patch, "max", slice_of("2"));
    assert_int_equal(patch.n, 1);
    expect_applied(&patch, "{}", "{\"max\":2}");
    config_patch_set(&patch, "max", SLICE_NONE);
    expect_applied(&patch, "{\"max\":9,\"maximum\":1}", "{\"maximum\":1}");
    config_patch_set(&patch, "w.a", slice_of("1"));
    config_patch_set(&patch, "wx", slice_of("1"));
    config_patch_set(&patch, "w", SLICE_NONE);
    expect_applied(&patch, "{}", "{\"wx\":1}");
    config_patch_release(&patch);
}

/* --- the cache --------------------------------------------------------------------------------- */

static void put(struct cache *cache, int64_t chat, const char *text)
{
    struct config *c = config_make(chat, 1, 0, slice_of(text));

    cache_put(cache, c);
    config_unref(c);
}

static void test_cache__least_recently_used_goes(void **state)
{
    struct cache *cache = cache_new(0);
    struct config_stats stats = { 0 };
    size_t one;

    (void)state;
    put(cache, 1, "{}");
    cache_stats(cache, &stats);
    one = stats.bytes; /* one always stays */
    assert_true(one > sizeof(struct config));
    cache_free(cache);

    cache = cache_new(3 * one);
    for (int chat = 1; chat <= 3; chat++)
        put(cache, chat, "{}");
    assert_non_null(cache_get(cache, 1));
    put(cache, 4, "{}");
    assert_null(cache_get(cache, 2));
    assert_non_null(cache_get(cache, 1));
    assert_non_null(cache_get(cache, 3));
    assert_non_null(cache_get(cache, 4));
    cache_stats(cache, &stats);
    assert_int_equal(stats.entries, 3);
    assert_int_equal(stats.bytes, 3 * one);
    assert_int_equal(stats.evictions, 1);
    assert_int_equal(stats.hits, 4);
    assert_int_equal(stats.misses, 1);
    cache_drop(cache, 3);
    cache_drop(cache, 3);
    cache_stats(cache, &stats);
    assert_int_equal(stats.bytes, 2 * one);
    cache_free(cache);
    cache_free(NULL);
}

static void test_cache__a_big_one_pushes_many_out(void **state)
{
    struct cache *cache = cache_new(10000);
    struct config_stats stats = { 0 };
    char *big = xrealloc(NULL, 20001);

    (void)state;
    memset(big, ' ', 20000);
    big[20000] = '\0';
    for (int chat = 1; chat <= 10; chat++)
        put(cache, chat, "{}");
    put(cache, 11, big);
    cache_stats(cache, &stats);
    assert_int_equal(stats.entries, 1);
    put(cache, 12, "{}");
    assert_null(cache_get(cache, 11));
    assert_non_null(cache_get(cache, 12));
    free(big);
    cache_free(cache);
}

/* Who reads a config keeps it, whatever becomes of the cache's. */
static void test_cache__replacing_and_references(void **state)
{
    struct cache *cache = cache_new(100000);
    struct config *old;

    (void)state;
    put(cache, 1, "{\"a\":1}");
    old = config_ref(cache_get(cache, 1));
    put(cache, 1, "{\"a\":2}");
    assert_true(slice_eq(old->text, "{\"a\":1}"));
    assert_true(slice_eq(cache_get(cache, 1)->text, "{\"a\":2}"));
    cache_free(cache);
    assert_true(slice_eq(old->text, "{\"a\":1}"));
    config_unref(old);
    config_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patch__apply),
        cmocka_unit_test(test_patch__set_again),
        cmocka_unit_test(test_cache__least_recently_used_goes),
        cmocka_unit_test(test_cache__a_big_one_pushes_many_out),
        cmocka_unit_test(test_cache__replacing_and_references),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
