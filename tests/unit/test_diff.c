/* test_diff.c - what differs between two documents; patches of a whole one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "config/diff.h"
#include "config/patch.h"

static void add(const char *path, struct slice before, struct slice after,
                void *arg)
{
    struct buf *out = arg;

    buf_addf(out, "%s: %.*s > %.*s\n", path, (int)before.n,
             before.p ? before.p : "", (int)after.n, after.p ? after.p : "");
}

/* "": SLICE_NONE */
static const struct {
    const char *before, *after, *lines;
} cases[] = {
    { "{}", "{}", "" },
    { "", "{}", "" },
    { "{}", "{\"a\":1}", "a:  > 1\n" },
    { "", "{\"a\":1}", "a:  > 1\n" },
    { "{\"a\":1}", "", "a: 1 > \n" },
    { "{\"a\":1,\"b\":2}", "{\"b\": 2, \"a\": 1}", "" },
    { "{\"a\":1,\"b\":2}", "{\"b\":3,\"c\":1}",
      "a: 1 > \nb: 2 > 3\nc:  > 1\n" },
    { "{\"w\":{\"t\":\"x\",\"u\":{\"v\":1}}}", "{\"w\":{\"t\":\"y\"}}",
      "w.t: \"x\" > \"y\"\nw.u.v: 1 > \n" },
    { "{\"w\":{\"t\":1}}", "{}", "w.t: 1 > \n" },
    { "{\"w\":{\"t\":1}}", "{\"w\":{}}", "w.t: 1 > \n" },
    { "{}", "{\"w\":{}}", "w:  > {}\n" },
    { "{\"w\":{}}", "{\"w\":{}}", "" },
    { "{\"w\":{\"t\":1}}", "{\"w\":5}", "w: {\"t\":1} > 5\n" },
    { "{\"w\":5}", "{\"w\":{\"t\":1}}", "w: 5 > {\"t\":1}\n" },
    { "{\"a\":null}", "{}", "a: null > \n" },
    { "{\"a\":[1,{\"b\":2,\"c\":3}]}", "{\"a\": [1, {\"c\":3,\"b\":2.0}]}",
      "" },
    { "{\"a\":[1,2]}", "{\"a\":[1]}", "a: [1,2] > [1]\n" },
    { "{\"a\":[1]}", "{\"a\":[1,2]}", "a: [1] > [1,2]\n" },
    { "{\"a\":[{\"b\":1}]}", "{\"a\":[{\"c\":1}]}",
      "a: [{\"b\":1}] > [{\"c\":1}]\n" },
    { "{\"a\":\"\\u00e4\"}", "{\"a\":\"\xc3\xa4\"}", "" },
    { "{\"a\":9007199254740993}", "{\"a\":9007199254740992}",
      "a: 9007199254740993 > 9007199254740992\n" },
    { "{\"a\":1}", "{\"a\":true}", "a: 1 > true\n" },
    { "{\"a\":true}", "{\"a\":true}", "" },
    /* a prefix comes first; keys are raw */
    { "{\"ab\":1,\"a\\\"\":2,\"a\":3}", "{}",
      "a: 3 > \na\\\": 2 > \nab: 1 > \n" },
    /* what is no document is the same or not, as a whole */
    { "[1]", "[1]", "" },
    { "[1]", "[2]", ": [1] > [2]\n" },
    { "null", "{\"a\":1}", ": null > {\"a\":1}\n" },
    { "", "5", ":  > 5\n" },
    { "5", "", ": 5 > \n" },
};

static struct slice side(const char *text)
{
    return *text ? slice_of(text) : SLICE_NONE;
}

static void test_diff__by_path(void **state)
{
    struct buf out = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t lines = 0;

        buf_reset(&out);
        for (const char *p = cases[i].lines; *p; p++)
            lines += *p == '\n';
        assert_int_equal(config_diff(side(cases[i].before),
                                     side(cases[i].after), add, &out),
                         lines);
        assert_string_equal(out.data, cases[i].lines);
    }
    buf_release(&out);
}

static void expect_json(const char *before, const char *after,
                        const char *wanted)
{
    struct buf out = BUF_INIT;

    config_diff_json(&out, slice_of(before), slice_of(after));
    assert_string_equal(out.data, wanted);
    buf_release(&out);
}

static void test_diff__as_json(void **state)
{
    (void)state;
    expect_json("{}", "{}", "[]");
    expect_json("{\"a\\\"\":1,\"b\":{\"c\":[]}}", "{\"b\":{\"c\":2}}",
                "[{\"path\":\"a\\\"\",\"before\":1},"
                "{\"path\":\"b.c\",\"before\":[],\"after\":2}]");
}

/* Thousands of keys on both sides, none in common: sorted, not searched. */
static void test_diff__many_keys(void **state)
{
    struct buf a = BUF_INIT, b = BUF_INIT;

    (void)state;
    for (int i = 0; i < 50000; i++) {
        buf_addf(&a, "%s\"a%d\":1", i ? "," : "{", i * 7919 % 50000);
        buf_addf(&b, "%s\"b%d\":1", i ? "," : "{", i * 7919 % 50000);
    }
    buf_addc(&a, '}');
    buf_addc(&b, '}');
    assert_int_equal(config_diff(buf_slice(&a), buf_slice(&b), NULL, NULL),
                     100000);
    assert_int_equal(config_diff(buf_slice(&a), buf_slice(&a), NULL, NULL), 0);
    buf_release(&a);
    buf_release(&b);
}

/* --- the path "" ------------------------------------------------------------------- */

static void set(struct config_patch *patch, const char *path, const char *value)
{
    config_patch_set(patch, path, value ? slice_of(value) : SLICE_NONE);
}

static void expect_applied(const struct config_patch *patch,
                           const char *document, const char *wanted)
{
    struct buf out = BUF_INIT;

    config_patch_apply(patch, slice_of(document), &out);
    assert_string_equal(out.data, wanted);
    buf_release(&out);
}

static void test_patch__the_whole_document(void **state)
{
    struct config_patch patch = { 0 }, copy;

    (void)state;
    set(&patch, "max", "1");
    set(&patch, "welcome.text", "\"x\"");
    set(&patch, "", "{\"a\":{\"b\":2}}");
    assert_int_equal(patch.n, 1); /* what was set before is meaningless */
    expect_applied(&patch, "{\"z\":1}", "{\"a\":{\"b\":2}}");
    expect_applied(&patch, "{}", "{\"a\":{\"b\":2}}");
    set(&patch, "a.c", "3");
    set(&patch, "a.b", NULL);
    expect_applied(&patch, "{\"z\":1}", "{\"a\":{\"c\":3}}");
    config_patch_copy(&copy, &patch);
    expect_applied(&copy, "{\"z\":1}", "{\"a\":{\"c\":3}}");
    config_patch_release(&copy);
    set(&patch, "", NULL);
    expect_applied(&patch, "{\"z\":1}", "{}");
    config_patch_release(&patch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_diff__by_path),
        cmocka_unit_test(test_diff__as_json),
        cmocka_unit_test(test_diff__many_keys),
        cmocka_unit_test(test_patch__the_whole_document),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
