/* test_merge.c - lists and maps that two have changed; patches brought to another
 * document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "config/merge.h"
#include "config/patch.h"
#include "json_test.h"

static void expect(const char *before, const char *mine, const char *theirs,
                   const char *wanted)
{
    struct buf out = BUF_INIT;

    config_merge(slice_of(before), slice_of(mine), slice_of(theirs), &out);
    assert_string_equal(out.data, wanted);
    buf_release(&out);
}

/* --- merging ------------------------------------------------------------------------------- */

static void test_merge__lists(void **state)
{
    (void)state;
    expect("[1]", "[1,2]", "[1, 3]", "[1,3,2]");
    expect("[1,2,3]", "[1,3]", "[3, 2, 1]", "[3,1]");
    expect("[1,2]", "[]", "[1,2,3]", "[3]");
    expect("[]", "[]", "[5]", "[5]");
    expect("[1,2]", "[2,1]", "[1,2,3]", "[1,2,3]"); /* order is theirs */
    expect("[1]", "[1,1]", "[1]", "[1,1]");
    expect("[1,1]", "[1]", "[1,1,1]", "[1,1]");
    expect("[1]", "[]", "[]", "[]"); /* both took it out */
    expect("[]", "[7]", "[7]", "[7,7]");
}

/* What means the same is the same, however it is written. */
static void test_merge__meaning(void **state)
{
    (void)state;
    expect("[\"\\u00fc\"]", "[\"\xc3\xbc\",1]", "[ \"\xc3\xbc\" ]",
           "[\"\xc3\xbc\",1]");
    expect("[1.0,-0.0]", "[1,0,true]", "[1.00, 0]", "[1.00,0,true]");
    expect("[{\"a\":1,\"b\":[2]}]", "[{\"b\":[2],\"a\":1},{}]",
           "[{\"a\": 1, \"b\": [2]}, null]",
           "[{\"a\": 1, \"b\": [2]},null,{}]");
    expect("[[1,2],[2,1]]", "[[2,1]]", "[[1,2],[2,1],[]]", "[[2,1],[]]");
    expect("[true,false,null]", "[false]", "[true,false,null,0]", "[false,0]");
}

static void test_merge__objects(void **state)
{
    (void)state;
    expect("{}", "{\"a\":1}", "{\"b\":2}", "{\"b\":2,\"a\":1}");
    expect("{\"a\":1,\"b\":1}", "{\"b\":1}", "{\"a\":5,\"b\":2,\"c\":3}",
           "{\"b\":2,\"c\":3}");
    expect("{\"a\":1}", "{\"a\":2}", "{\"a\":3}", "{\"a\":2}");
    expect("{\"a\":1}", "{\"a\":2}", "{}", "{\"a\":2}");
    expect("{\"a\":[1]}", "{\"a\":[1,2]}", "{\"a\":[1,3]}", "{\"a\":[1,3,2]}");
    expect("{\"a\":{\"x\":1}}", "{\"a\":{\"x\":1,\"y\":1}}",
           "{\"a\":{\"x\":2}}", "{\"a\":{\"x\":2,\"y\":1}}");
    expect("{\"\\u0061\\\"\":1}", "{\"a\\\"\":2}", "{\"a\\\"\": 1}",
           "{\"a\\\"\":2}");
    expect("{}", "{\"a\":[1]}", "{\"a\":[2]}", "{\"a\":[1]}");
}

static void test_merge__other_kinds(void **state)
{
    (void)state;
    expect("1", "2", "3", "2");
    expect("[1]", "{\"a\":1}", "[2]", "{\"a\":1}");
    expect("[1]", "[2]", "{}", "[2]");
    expect("null", "[2]", "[3]", "[2]");
}

/* How often an element is there is what both have done to it. */
static void add_random_list(struct buf *out, int *counts, unsigned kinds)
{
    unsigned n = random_below(9);

    memset(counts, 0, 5 * sizeof(*counts));
    buf_addc(out, '[');
    for (unsigned i = 0; i < n; i++) {
        unsigned k = random_below(kinds);

        counts[k]++;
        buf_addf(out, "%s%u", i ? "," : "", k);
    }
    buf_addc(out, ']');
}

static int more(int a, int b)
{
    return a > b ? a - b : 0;
}

static void test_merge__like_the_model(void **state)
{
    (void)state;
    random_state = 7;
    for (int round = 0; round < 20000; round++) {
        struct buf text[4] = { BUF_INIT, BUF_INIT, BUF_INIT, BUF_INIT };
        int counts[3][5], got[5] = { 0 };
        struct json_iter it;
        int64_t k;

        for (int i = 0; i < 3; i++)
            add_random_list(&text[i], counts[i], 1 + random_below(5));
        config_merge(buf_slice(&text[0]), buf_slice(&text[1]),
                     buf_slice(&text[2]), &text[3]);
        json_iter_init(&it, buf_slice(&text[3]));
        while (json_iter_next(&it)) {
            assert_true(json_to_int(it.value, &k));
            got[k]++;
        }
        for (int i = 0; i < 5; i++)
            assert_int_equal(got[i], more(counts[2][i],
                                          more(counts[0][i], counts[1][i])) +
                                         more(counts[1][i], counts[0][i]));
        for (int i = 0; i < 4; i++)
            buf_release(&text[i]);
    }
}

/* As large as a document can be, and all the same: not squared. */
static void test_merge__many(void **state)
{
    struct buf list = BUF_INIT, longer = BUF_INIT, out = BUF_INIT;

    (void)state;
    for (int same = 0; same < 2; same++) {
        buf_reset(&list);
        buf_reset(&longer);
        buf_reset(&out);
        buf_addc(&list, '[');
        for (int i = 0; i < 200000; i++)
            buf_addf(&list, "%s%d", i ? "," : "", same ? 0 : i);
        buf_add_slice(&longer, buf_slice(&list));
        buf_adds(&longer, ",-1]");
        buf_addc(&list, ']');
        config_merge(buf_slice(&list), buf_slice(&longer), buf_slice(&list),
                     &out);
        assert_int_equal(out.len, longer.len);
        assert_memory_equal(out.data, longer.data, out.len);
    }
    buf_release(&list);
    buf_release(&longer);
    buf_release(&out);
}

/* --- patches --------------------------------------------------------------------------------- */

static struct setting *make_schema(void)
{
    struct setting *root = schema_new(), *filters, *words;
    struct err err = ERR_INIT;

    filters = schema_add(root, "filters", SETTING_SECTION, NULL, &err);
    assert_non_null(filters);
    words = schema_add(filters, "words", SETTING_LIST, "[\"spam\"]", &err);
    assert_non_null(words);
    words->has_max = true;
    words->max = 3;
    assert_non_null(schema_add(filters, "max", SETTING_INTEGER, "5", &err));
    assert_non_null(schema_add(root, "notes", SETTING_MAP, "{}", &err));
    return root;
}

static void expect_rebased(const struct config_patch *given,
                           const struct setting *schema, uint32_t omitted,
                           const char *before, const char *now,
                           const char *wanted)
{
    struct config_patch patch;
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;
    bool ok;

    config_patch_copy(&patch, given);
    ok = config_patch_rebase(&patch, schema, omitted, slice_of(before),
                             slice_of(now), &err);
    if (ok)
        config_patch_apply(&patch, slice_of(now), &out);
    assert_string_equal(ok ? out.data : err.text, wanted);
    buf_release(&out);
    config_patch_release(&patch);
}

static void test_rebase(void **state)
{
    struct setting *schema = make_schema();
    struct config_patch patch = { 0 };

    (void)state;
    config_patch_set(&patch, "filters.words", slice_of("[\"spam\",\"a\"]"));
    config_patch_set(&patch, "filters.max", slice_of("7"));
    config_patch_set(&patch, "notes", slice_of("{\"x\":1}"));
    config_patch_set(&patch, "unknown", slice_of("[1]"));
    /* nobody has written it: as it is */
    expect_rebased(&patch, schema, 0, "{}", "{\"filters\":{\"max\":6}}",
                   "{\"filters\":{\"max\":7,\"words\":[\"spam\",\"a\"]},"
                   "\"notes\":{\"x\":1},\"unknown\":[1]}");
    /* what is not stored is the default */
    expect_rebased(&patch, schema, 0, "{}",
                   "{\"filters\":{\"words\":[\"spam\",\"b\"]},"
                   "\"notes\":{\"y\":2},\"unknown\":[2]}",
                   "{\"filters\":{\"words\":[\"spam\",\"b\",\"a\"],\"max\":7},"
                   "\"notes\":{\"y\":2,\"x\":1},\"unknown\":[1]}");
    expect_rebased(&patch, schema, 0, "{\"filters\":{\"words\":[]}}", "{}",
                   "{\"filters\":{\"words\":[\"spam\",\"spam\",\"a\"],"
                   "\"max\":7},\"notes\":{\"x\":1},\"unknown\":[1]}");
    expect_rebased(&patch, schema, 0, "{}",
                   "{\"filters\":{\"words\":[\"b\",\"c\",\"d\"]}}",
                   "filters.words: must be a list of at most 3 elements, got 4 "
                   "elements (with what somebody else has written meanwhile)");
    config_patch_set(&patch, "filters", SLICE_NONE); /* a reset is a reset */
    expect_rebased(&patch, schema, 0, "{}", "{\"filters\":{\"words\":[\"b\"]}}",
                   "{\"notes\":{\"x\":1},\"unknown\":[1]}");
    expect_rebased(&patch, NULL, 0, "{}", "{\"notes\":{\"y\":2}}",
                   "{\"notes\":{\"x\":1},\"unknown\":[1]}");
    config_patch_release(&patch);
    schema_free(schema);
}

/* A lazy section that was not read: nobody knows what the list was. */
static void test_rebase__omitted(void **state)
{
    struct setting *schema = make_schema();
    struct config_patch patch = { 0 };
    struct err err = ERR_INIT;

    (void)state;
    assert_true(
        schema_set_lazy(schema->children[0], &err)); /* "filters": bit 1 */
    config_patch_set(&patch, "filters.words", slice_of("[\"a\"]"));
    expect_rebased(&patch, schema, 1, "{}",
                   "{\"filters\":{\"words\":[\"spam\",\"b\"]}}",
                   "{\"filters\":{\"words\":[\"a\"]}}");
    config_patch_release(&patch);
    schema_free(schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merge__lists),
        cmocka_unit_test(test_merge__meaning),
        cmocka_unit_test(test_merge__objects),
        cmocka_unit_test(test_merge__other_kinds),
        cmocka_unit_test(test_merge__like_the_model),
        cmocka_unit_test(test_merge__many),
        cmocka_unit_test(test_rebase),
        cmocka_unit_test(test_rebase__omitted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
