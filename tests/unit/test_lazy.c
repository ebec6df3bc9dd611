/* test_lazy.c - sections that are read only when they are asked for. */
#include "store_test.h"

#include "config/schema.h"

enum { FILTERS = 1, NOTES = 2 };

static struct setting *schema;

static void add_section(const char *name, uint32_t lazy)
{
    struct err err = ERR_INIT;
    struct setting *s = schema_add(schema, name, SETTING_SECTION, NULL, &err);

    assert_non_null(s);
    s->lazy = lazy;
}

static bool add_mark(int64_t chat_id, struct slice text, int version,
                     struct buf *out, struct err *err, void *arg)
{
    struct slice path[1] = { { "mark", 4 } };

    (void)chat_id;
    (void)version;
    (void)err;
    (void)arg;
    json_add_changed(out, text, path, 1, slice_of("1"));
    return true;
}

static void use(int version)
{
    config_store_use(store, &(struct config_rules){ .version = version,
                                                    .upgrade = add_mark,
                                                    .schema = schema });
}

static int group_setup(void **state)
{
    (void)state;
    make_tables("test_lazy");
    schema = schema_new();
    add_section("filters", FILTERS);
    add_section("notes", NOTES);
    add_section("welcome", 0);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    schema_free(schema);
    drop_tables("test_lazy");
    return 0;
}

static int setup(void **state)
{
    (void)state;
    sql("DELETE FROM chat_configs; DELETE FROM config_history; "
        "INSERT INTO chat_configs VALUES (5, '{\"filters\": {\"a\": 1}, "
        "\"notes\": {\"b\": 2}, \"welcome\": {\"c\": 3}}', 1), "
        "(6, '{\"welcome\": {}}', 1)");
    store = store_of(&db);
    use(1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    config_store_free(store);
    assert_int_equal(loop_live_ops(db.loop), 0);
    return 0;
}

static void fetch_with(int64_t chat, uint32_t sections, const char *text,
                       uint32_t omitted)
{
    struct config_op *op = config_fetch(store, chat, sections);

    wait_configs(&op, 1);
    assert_string_equal(op->op.err.text, "");
    expect_text(op->config, text);
    assert_int_equal(op->config->omitted, omitted);
    op_free(&op->op);
}

static void test_lazy__left_out(void **state)
{
    (void)state;
    fetch_with(5, 0, "{\"welcome\": {\"c\": 3}}", FILTERS | NOTES);
    fetch_with(6, 0, "{\"welcome\": {}}", 0); /* it has none */
    fetch_with(7, 0, "{}", 0);
}

static void test_lazy__asked_for(void **state)
{
    (void)state;
    fetch(5);
    fetch_with(5, NOTES, "{\"notes\": {\"b\": 2}, \"welcome\": {\"c\": 3}}",
               FILTERS);
    assert_int_equal(config_cached(store, 5)->omitted, FILTERS);
    fetch_with(5, FILTERS | NOTES,
               "{\"notes\": {\"b\": 2}, \"filters\": {\"a\": 1}, "
               "\"welcome\": {\"c\": 3}}",
               0);
    assert_int_equal(config_cached(store, 5)->omitted, 0);
}

/* Those who ask in one turn get what all of them need, in one statement. */
static void test_lazy__in_one_turn(void **state)
{
    struct config_op *ops[3] = { config_fetch(store, 5, 0),
                                 config_fetch(store, 5, NOTES),
                                 config_fetch(store, 6, NOTES) };

    (void)state;
    wait_configs(ops, 3);
    assert_int_equal(ops[0]->config->omitted, FILTERS);
    assert_int_equal(ops[1]->config->omitted, FILTERS);
    for (int i = 0; i < 3; i++)
        op_free(&ops[i]->op);
    assert_int_equal(config_store_stats(store).statements, 1);
}

/* A statement on its way that reads less is not the answer. */
static void test_lazy__while_less_is_on_its_way(void **state)
{
    struct config_op *ops[2];

    (void)state;
    ops[0] = config_fetch(store, 5, 0);
    sleep_ms(&db, 0);
    ops[1] = config_fetch(store, 5, NOTES);
    wait_configs(ops, 2);
    assert_int_equal(ops[0]->config->omitted, FILTERS | NOTES);
    assert_int_equal(ops[1]->config->omitted, FILTERS);
    op_free(&ops[0]->op);
    op_free(&ops[1]->op);
}

/* What is written has what was left out. */
static void test_lazy__a_commit_keeps_the_rest(void **state)
{
    struct config_op *op = commit(fetch(5), "welcome.c", "4");

    (void)state;
    assert_string_equal(op->op.err.text, "");
    assert_int_equal(op->config->omitted, 0);
    assert_int_equal(op->config->revision, 2);
    assert_true(slice_eq(json_path(op->config->text, "notes", "b", NULL), "2"));
    assert_true(
        slice_eq(json_path(op->config->text, "filters", "a", NULL), "1"));
    op_free(&op->op);
    config_forget(store, 5);
    fetch_with(5, FILTERS, "{\"filters\": {\"a\": 1}, \"welcome\": {\"c\": 4}}",
               NOTES);
}

static void test_lazy__an_old_row_is_upgraded_whole(void **state)
{
    (void)state;
    use(2);
    fetch_with(5, 0,
               "{\"notes\":{\"b\": 2},\"filters\":{\"a\": 1},"
               "\"welcome\":{\"c\": 3},\"mark\":1}",
               0);
    sleep_ms(&db, 20);
    config_forget(store, 5);
    fetch_with(5, 0, "{\"mark\": 1, \"welcome\": {\"c\": 3}}", FILTERS | NOTES);
}

static void test_lazy__what_is_no_object(void **state)
{
    struct config_op *op;

    (void)state;
    sql("ALTER TABLE chat_configs ALTER config DROP NOT NULL; INSERT INTO "
        "chat_configs VALUES (1, '5', 1), (2, '[\"notes\"]', 1), (3, NULL, 1)");
    for (int i = 1; i <= 2; i++) {
        op = config_fetch(store, i, 0);
        wait_configs(&op, 1);
        assert_has(op->op.err.text, "is not a JSON object");
        op_free(&op->op);
    }
    fetch_with(3, 0, "{}", 0);
    sql("DELETE FROM chat_configs WHERE config IS NULL; "
        "ALTER TABLE chat_configs ALTER config SET NOT NULL");
}

/* Other lazy sections than before: what is cached was read by the old rules. */
static void test_lazy__declared_otherwise(void **state)
{
    struct setting *notes;

    (void)state;
    fetch(5);
    notes = (struct setting *)(uintptr_t)schema_find(schema, "notes");
    notes->lazy = 0;
    use(1);
    assert_null(config_cached(store, 5));
    fetch_with(5, 0, "{\"notes\": {\"b\": 2}, \"welcome\": {\"c\": 3}}",
               FILTERS);
    notes->lazy = NOTES;
}

/* The same while an answer is on its way: it has not all that is needed now. */
static void test_lazy__declared_otherwise_meanwhile(void **state)
{
    const char *all = "{\"notes\": {\"b\": 2}, \"filters\": {\"a\": 1}, "
                      "\"welcome\": {\"c\": 3}}";
    struct config_op *ops[2] = { config_fetch(store, 5, 0),
                                 config_fetch(store, 6, 0) };
    struct setting *notes;

    (void)state;
    sleep_ms(&db, 0); /* they are sent */
    notes = (struct setting *)(uintptr_t)schema_find(schema, "notes");
    notes->lazy = 0;
    use(1);
    op_free(&ops[1]->op); /* it is not asked for again */
    wait_configs(ops, 1);
    expect_text(ops[0]->config, all);
    assert_int_equal(ops[0]->config->omitted, 0);
    op_free(&ops[0]->op);
    assert_null(config_cached(store, 6));
    notes->lazy = NOTES;
}

/* A new version meanwhile: what is upgraded and written back is the whole. */
static void test_lazy__a_new_version_meanwhile(void **state)
{
    struct config_op *op = config_fetch(store, 5, 0);

    (void)state;
    sleep_ms(&db, 0);
    use(2);
    wait_configs(&op, 1);
    assert_int_equal(op->config->version, 2);
    assert_true(
        slice_eq(json_path(op->config->text, "filters", "a", NULL), "1"));
    assert_true(slice_eq(json_get(op->config->text, "mark"), "1"));
    op_free(&op->op);
}

/* A task that began before a reload writes what it knows, at its version. */
static void test_lazy__written_at_the_version_of_before(void **state)
{
    struct config *base = config_ref(fetch(6));
    struct config_op *op;

    (void)state;
    use(2);
    op = commit(base, "welcome.d", "4");
    assert_string_equal(op->op.err.text, "");
    assert_int_equal(op->config->version, 1);
    op_free(&op->op);
    config_unref(base);
    assert_null(config_cached(store, 6)); /* it is still to be upgraded */
    expect_text(fetch(6), "{\"welcome\":{\"d\": 4},\"mark\":1}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lazy__written_at_the_version_of_before),
        TEST(test_lazy__left_out),
        TEST(test_lazy__asked_for),
        TEST(test_lazy__in_one_turn),
        TEST(test_lazy__while_less_is_on_its_way),
        TEST(test_lazy__a_commit_keeps_the_rest),
        TEST(test_lazy__an_old_row_is_upgraded_whole),
        TEST(test_lazy__what_is_no_object),
        TEST(test_lazy__declared_otherwise),
        TEST(test_lazy__declared_otherwise_meanwhile),
        TEST(test_lazy__a_new_version_meanwhile),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
