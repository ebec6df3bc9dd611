/* test_history.c - rows as commands see them: history, replacing, importing. */
#include "store_test.h"

#include "config/history.h"
#include "config/rows.h"

/* Version 2: "was" says from which; "bad" can't be upgraded. */
static bool upgrade(int64_t chat_id, struct slice text, int version,
                    struct buf *out, struct err *err, void *arg)
{
    struct slice path = slice_of("was");
    char number[24];

    (void)chat_id;
    (void)arg;
    if (json_get(text, "bad").p)
        return err_set(err, ERR_SCRIPT, "0001_x.lua:3: bad");
    json_add_changed(out, text, &path, 1, pg_int_param(number, version));
    return true;
}

static int group_setup(void **state)
{
    (void)state;
    make_tables("test_history");
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    drop_tables("test_history");
    return 0;
}

static int setup(void **state)
{
    (void)state;
    sql("DELETE FROM chat_configs; DELETE FROM config_history; "
        "DELETE FROM config_failures");
    store = store_of(&db);
    config_store_use(store, &(struct config_rules){ .version = 2,
                                                    .upgrade = upgrade });
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    config_store_free(store);
    assert_int_equal(loop_live_ops(db.loop), 0);
    return 0;
}

/* Wait for it to end well; the same op. */
static struct pg_op *ended(struct pg_op *op)
{
    wait_all(&db, &op, 1);
    assert_string_equal(op->op.err.text, "");
    return op;
}

static void expect_slice(struct slice s, const char *wanted)
{
    if (!slice_eq(s, wanted))
        fail_msg("%.*s, not %s", (int)s.n, s.p ? s.p : "", wanted);
}

/* who: NULL: another program */
static void expect_row(const struct pg_op *op, int i, int64_t revision,
                       const char *config, int version, const char *who)
{
    struct config_row row = config_row_read(op, i);

    assert_int_equal(row.revision, revision);
    if (config)
        expect_slice(row.config, config);
    else
        assert_null(row.config.p);
    assert_int_equal(row.version, version);
    if (who)
        expect_slice(row.changed_by, who);
    else
        assert_memory_equal(row.changed_by.p, "sql:", 4);
}

static struct pg_op *history(int64_t chat)
{
    return ended(config_history_start(db.pg, chat));
}

/* --- rows --------------------------------------------------------------------------- */

static void expect_ready(const char *expected)
{
    struct pg_op *op = ended(config_ready_start(db.pg));

    assert_true(slice_eq(pg_value(op, 0, 0), expected));
    op_free(&op->op);
}

static void test_rows__ready(void **state)
{
    (void)state;
    expect_ready("t");
    sql("ALTER TABLE config_history RENAME TO gone");
    expect_ready("f");
    sql("ALTER TABLE gone RENAME TO config_history; "
        "ALTER TABLE chat_configs RENAME changed_xid TO x");
    expect_ready("f");
    sql("ALTER TABLE chat_configs RENAME x TO changed_xid");
}

/* As they are, whatever they are. */
static void test_rows__one(void **state)
{
    struct pg_op *op;

    (void)state;
    sql("ALTER TABLE chat_configs ALTER config DROP NOT NULL; "
        "INSERT INTO chat_configs (chat_id, config, version, revision, "
        "updated_at, changed_by) VALUES (5, '[1]', 1, 7, "
        "'2026-01-02 03:04:05.678+02', 'me'), (6, NULL, 0, 1, now(), NULL)");
    op = ended(config_row_start(db.pg, 5));
    assert_int_equal(pg_rows(op), 1);
    expect_row(op, 0, 7, "[1]", 1, "me");
    expect_slice(config_row_read(op, 0).changed_at, "2026-01-02T01:04:05.678Z");
    op_free(&op->op);
    op = ended(config_row_start(db.pg, 6));
    expect_row(op, 0, 1, NULL, 0, NULL);
    op_free(&op->op);
    op = ended(config_row_start(db.pg, 7));
    assert_int_equal(pg_rows(op), 0);
    op_free(&op->op);
    sql("DELETE FROM chat_configs; DELETE FROM config_history; "
        "ALTER TABLE chat_configs ALTER config SET NOT NULL");
}

static void test_rows__by_keyset(void **state)
{
    struct pg_op *op;
    int64_t from = INT64_MIN;

    (void)state;
    sql("INSERT INTO chat_configs (chat_id, config, version) "
        "SELECT n, '{}', 2 FROM unnest(ARRAY[-9223372036854775808, "
        "-1001234567890, -1, 5, 9223372036854775807]) AS n");
    op = ended(config_rows_start(db.pg, from, 2));
    assert_int_equal(pg_rows(op), 2);
    assert_true(config_row_read(op, 0).chat_id == INT64_MIN);
    from = config_row_read(op, 1).chat_id + 1;
    op_free(&op->op);
    op = ended(config_rows_start(db.pg, from, 10));
    assert_int_equal(pg_rows(op), 3);
    assert_true(config_row_read(op, 0).chat_id == -1);
    assert_true(config_row_read(op, 2).chat_id == INT64_MAX);
    op_free(&op->op);
}

static void test_rows__made_current(void **state)
{
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;
    int version = 2;

    (void)state;
    assert_true(config_make_current(store, 5, slice_of("{\"a\":1}"), &version,
                                    &out, &err));
    assert_string_equal(out.data, "{\"a\":1}");
    buf_reset(&out);
    version = 9; /* newer: as it is */
    assert_true(
        config_make_current(store, 5, SLICE_NONE, &version, &out, &err));
    assert_string_equal(out.data, "{}");
    assert_int_equal(version, 9);
    buf_reset(&out);
    version = 1;
    assert_true(config_make_current(store, 5, slice_of("{\"a\":1}"), &version,
                                    &out, &err));
    assert_string_equal(out.data, "{\"a\":1,\"was\":1}");
    assert_int_equal(version, 2);
    version = 0;
    assert_false(config_make_current(store, 5, slice_of("{\"bad\":1}"),
                                     &version, &out, &err));
    assert_int_equal(err.kind, ERR_SCRIPT);
    assert_string_equal(
        err.text, "can't be upgraded from version 0 to 2: 0001_x.lua:3: bad");
    assert_int_equal(version, 0);
    err_clear(&err);
    assert_false(
        config_make_current(store, 5, slice_of("[]"), &version, &out, &err));
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_has(err.text, "not a JSON object");
    buf_release(&out);
}

/* --- history ------------------------------------------------------------------------ */

static void test_history__newest_first(void **state)
{
    struct pg_op *op = history(5);

    (void)state;
    assert_int_equal(pg_rows(op), 0);
    op_free(&op->op);
    op_free(&commit(fetch(5), "a", "1")->op);
    op_free(&commit(config_cached(store, 5), "a", "2")->op);
    sql("UPDATE chat_configs SET config = '[]'");
    op = history(5);
    assert_int_equal(pg_rows(op), 3);
    assert_true(config_history_is_present(op, 0));
    assert_false(config_history_is_present(op, 1));
    assert_int_equal(config_row_read(op, 0).revision, 3);
    expect_slice(config_row_read(op, 0).config, "[]");
    expect_row(op, 1, 2, "{\"a\": 2}", 2, "user:42");
    expect_row(op, 2, 1, "{\"a\": 1}", 2, "user:42");
    op_free(&op->op);
    sql("DELETE FROM chat_configs");
    op = history(5);
    assert_false(config_history_is_present(op, 0));
    assert_int_equal(config_row_read(op, 0).revision, 3);
    op_free(&op->op);
}

static struct config_op *replace(int64_t revision, int version,
                                 const char *document)
{
    struct config_op *op = config_replace(store, 5, revision, version,
                                          slice_of(document), "cli:alice");

    wait_configs(&op, 1);
    return op;
}

static void test_history__replace(void **state)
{
    struct config_op *op = replace(0, 2, "{\"a\":1}");
    struct pg_op *rows;

    (void)state;
    assert_string_equal(op->op.err.text, "");
    expect_text(op->config, "{\"a\":1}");
    op_free(&op->op);
    sql("UPDATE chat_configs SET config = '5', version = 1"); /* revision 2 */
    op = replace(2, 2, "{\"b\":2}");
    assert_string_equal(op->op.err.text, "");
    assert_int_equal(op->config->revision, 3);
    op_free(&op->op);
    rows = history(5);
    expect_row(rows, 0, 3, "{\"b\": 2}", 2, "cli:alice");
    expect_row(rows, 1, 2, "5", 1, NULL);
    op_free(&rows->op);
}

/* Somebody wrote in between: the whole document is the last word all the same. */
static void test_history__replace_in_between(void **state)
{
    struct config_op *op;

    (void)state;
    sql("INSERT INTO chat_configs (chat_id, config, version, revision) "
        "VALUES (5, '{\"c\": 1}', 2, 8)");
    op = replace(7, 2, "{\"b\":2}");
    assert_string_equal(op->op.err.text, "");
    assert_int_equal(op->config->revision, 9);
    expect_text(op->config, "{\"b\":2}");
    op_free(&op->op);
    sql("UPDATE chat_configs SET config = '[]'");
    op = replace(9, 2, "{}"); /* and what they wrote can't be read */
    assert_int_equal(op->op.err.kind, ERR_CONFIG);
    op_free(&op->op);
}

static void test_history__replace_keeps_the_limits(void **state)
{
    struct buf big = BUF_INIT;
    struct config_op *op;

    (void)state;
    buf_addf(&big, "{\"a\":\"%02000d\"}", 1);
    op = replace(0, 2, big.data);
    assert_int_equal(op->op.err.kind, ERR_CONFIG);
    assert_has(op->op.err.text, "CONFIG_MAX_KB");
    op_free(&op->op);
    buf_release(&big);
}

/* --- importing ----------------------------------------------------------------------- */

static int64_t import(const char *batch, bool dry_run)
{
    struct pg_op *op =
        ended(dry_run ? config_import_count_start(store, slice_of(batch))
                      : config_import_start(store, slice_of(batch), "cli:bob"));
    int64_t n = config_import_changed(op);

    op_free(&op->op);
    return n;
}

static void test_import__a_line(void **state)
{
    struct buf out = BUF_INIT;

    (void)state;
    config_import_add(&out, -1001, slice_of("{\"a\":1}"), 2, SLICE_NONE, 0);
    assert_string_equal(
        out.data, "{\"chat_id\":-1001,\"version\":2,\"config\":{\"a\":1}}");
    buf_reset(&out);
    config_import_add(&out, 5, slice_of("{\"a\":1}"), 2, slice_of("{}"), 1);
    assert_string_equal(out.data,
                        "{\"chat_id\":5,\"version\":2,\"config\":{\"a\":1},"
                        "\"was_version\":1,\"was\":{}}");
    buf_release(&out);
}

static const char batch[] =
    "[{\"chat_id\":6,\"version\":2,\"config\":{\"x\":0}},"
    "{\"chat_id\":5,\"version\":2,\"config\":{\"b\":9007199254740993}},"
    "{\"chat_id\":7,\"version\":2,\"config\":{\"same\":1.0}},"
    "{\"chat_id\":8,\"version\":2,\"config\":{\"was\":1},"
    "\"was_version\":1,\"was\":{}},"
    "{\"chat_id\":6,\"version\":2,\"config\":{\"y\":1}}]";

static void test_import__what_differs(void **state)
{
    struct pg_op *op;

    (void)state;
    sql("INSERT INTO chat_configs (chat_id, config, version) VALUES "
        "(5, '{\"a\": 1}', 2), (7, '{\"same\": 1.0}', 2), (8, '{}', 1), "
        "(9, '{}', 2)");
    assert_int_equal(import(batch, true), 2);
    op = history(5);
    assert_int_equal(pg_rows(op), 1); /* nothing was written */
    op_free(&op->op);
    assert_int_equal(import(batch, false), 2);
    assert_int_equal(import(batch, true), 0);
    assert_int_equal(import(batch, false), 0);
    op = history(5);
    assert_int_equal(pg_rows(op), 2);
    expect_row(op, 0, 2, "{\"b\": 9007199254740993}", 2, "cli:bob");
    expect_row(op, 1, 1, "{\"a\": 1}", 2, NULL);
    op_free(&op->op);
    op = history(6); /* of two lines the last */
    assert_int_equal(pg_rows(op), 1);
    expect_row(op, 0, 1, "{\"y\": 1}", 2, "cli:bob");
    op_free(&op->op);
    op = history(8); /* as the file has it: not upgraded by an import */
    expect_row(op, 0, 1, "{}", 1, NULL);
    op_free(&op->op);
}

/* An older version's line, for a chat that has something else. */
static void test_import__an_upgraded_line(void **state)
{
    struct pg_op *op;

    (void)state;
    sql("INSERT INTO chat_configs (chat_id, config, version) VALUES "
        "(8, '{\"was\": 1}', 2)");
    assert_int_equal(import(batch, false), 3); /* but not 8: upgraded it is */
    sql("UPDATE chat_configs SET config = '{\"z\": 1}' WHERE chat_id = 8");
    assert_int_equal(import(batch, false), 1);
    op = history(8);
    expect_row(op, 0, 3, "{\"was\": 1}", 2, "cli:bob");
    op_free(&op->op);
}

/* A deleted row's revisions go on, so that history stays in order. */
static void test_import__after_a_delete(void **state)
{
    struct pg_op *op;

    (void)state;
    sql("INSERT INTO chat_configs (chat_id, config, version, revision) VALUES "
        "(5, '{}', 2, 7); DELETE FROM chat_configs");
    op = history(5);
    assert_int_equal(pg_rows(op), 1);
    op_free(&op->op);
    import(batch, false);
    op = history(5);
    assert_int_equal(pg_rows(op), 2);
    assert_true(config_history_is_present(op, 0));
    assert_true(config_row_read(op, 0).revision > 7);
    op_free(&op->op);
}

static void test_import__history_is_pruned(void **state)
{
    struct pg_op *op;

    (void)state;
    for (int i = 0; i < 10; i++) {
        char text[100];

        snprintf(text, sizeof(text),
                 "[{\"chat_id\":5,\"version\":2,\"config\":{\"n\":%d}}]", i);
        assert_int_equal(import(text, false), 1);
    }
    op = history(5);
    assert_int_equal(pg_rows(op), 6); /* the present one, and 5 */
    expect_row(op, 0, 10, "{\"n\": 9}", 2, "cli:bob");
    op_free(&op->op);
}

/* --- statistics ------------------------------------------------------------------------ */

static void test_statistics(void **state)
{
    struct pg_op *ops[CONFIG_STATISTICS_OPS];
    struct config_statistics s;

    (void)state;
    sql("ALTER TABLE chat_configs ALTER config DROP NOT NULL; "
        "INSERT INTO chat_configs (chat_id, config, version) VALUES "
        "(1, '{}', 2), (6, NULL, 2), (2, '{\"a\": 1}', 1), (3, '[]', 1), (4, "
        "'5', 9); "
        "INSERT INTO config_failures (chat_id, version, error) "
        "VALUES (3, 1, 'x'); UPDATE chat_configs SET config = '6' "
        "WHERE chat_id = 4");
    config_statistics_start(db.pg, ops);
    wait_all(&db, ops, CONFIG_STATISTICS_OPS);
    for (int i = 0; i < CONFIG_STATISTICS_OPS; i++)
        assert_string_equal(ops[i]->op.err.text, "");
    config_statistics_read(ops, &s);
    assert_int_equal(s.rows, 5);
    assert_int_equal(s.empty, 2); /* NULL is read as {} */
    assert_int_equal(s.unreadable, 2);
    assert_int_equal(s.failures, 1);
    assert_int_equal(s.history, 1);
    assert_false(s.history_is_estimate);
    assert_int_equal(s.bytes, 2 + 8 + 2 + 1);
    assert_true(s.table_bytes > 8000 && s.history_bytes > 8000);
    assert_int_equal(s.nversions, 3);
    assert_int_equal(s.versions[0].version, 9);
    assert_int_equal(s.versions[2].version, 1);
    assert_int_equal(s.versions[2].rows, 2);
    assert_int_equal(s.nlargest, 4);
    assert_int_equal(s.largest[0].chat_id, 2);
    assert_int_equal(s.largest[0].bytes, 8);
    config_statistics_release(&s);
    free_all(ops, CONFIG_STATISTICS_OPS);
    sql("DELETE FROM chat_configs; "
        "ALTER TABLE chat_configs ALTER config SET NOT NULL");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rows__ready),
        TEST(test_rows__one),
        TEST(test_rows__by_keyset),
        TEST(test_rows__made_current),
        TEST(test_history__newest_first),
        TEST(test_history__replace),
        TEST(test_history__replace_in_between),
        TEST(test_history__replace_keeps_the_limits),
        TEST(test_import__a_line),
        TEST(test_import__what_differs),
        TEST(test_import__an_upgraded_line),
        TEST(test_import__after_a_delete),
        TEST(test_import__history_is_pruned),
        TEST(test_statistics),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
