/* test_store.c - chats' configs in a real database. */
#include "store_test.h"

static int group_setup(void **state)
{
    (void)state;
    make_tables("test_store");
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    drop_tables("test_store");
    return 0;
}

static int setup(void **state)
{
    (void)state;
    sql("DELETE FROM chat_configs; DELETE FROM config_history");
    store = store_of(&db);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    config_store_free(store);
    assert_int_equal(loop_live_ops(db.loop), 0);
    return 0;
}

static void expect_row(int64_t chat, const char *wanted)
{
    char text[300];
    struct pg_statement st = { "row", text, 0 };
    struct pg_op *op;

    snprintf(text, sizeof(text),
             "SELECT config::text || ' ' || revision || ' ' || version FROM "
             "chat_configs WHERE chat_id = %lld",
             (long long)chat);
    op = pg_script(db.pg, slice_of(st.sql));
    wait_all(&db, &op, 1);
    if (wanted) {
        assert_int_equal(pg_rows(op), 1);
        assert_true(slice_eq(pg_value(op, 0, 0), wanted));
    } else {
        assert_int_equal(pg_rows(op), 0);
    }
    op_free(&op->op);
}

/* --- fetching ------------------------------------------------------------------- */

static void test_store__a_chat_without_a_row(void **state)
{
    struct config *c;

    (void)state;
    assert_null(config_cached(store, -1001234567890123));
    c = fetch(-1001234567890123);
    expect_text(c, "{}");
    assert_int_equal(c->revision, 0);
    expect_row(-1001234567890123, NULL); /* and reading makes none */
    assert_int_equal(config_store_stats(store).statements, 1);
    config_forget(store, -1001234567890123);
    assert_null(config_cached(store, -1001234567890123));
}

static void test_store__a_row(void **state)
{
    struct config *c;

    (void)state;
    sql("INSERT INTO chat_configs VALUES (5, '{\"a\": [1, 9007199254740993, "
        "\"\\u00e4\"]}', 3, 7)");
    c = fetch(5);
    expect_text(c, "{\"a\": [1, 9007199254740993, \"\xc3\xa4\"]}");
    assert_int_equal(c->revision, 7);
    assert_int_equal(c->version, 3);
}

#define MANY 1200

static void test_store__one_statement_for_many(void **state)
{
    static struct config_op *ops[MANY];

    (void)state;
    sql("INSERT INTO chat_configs SELECT n, jsonb_build_object('n', n), 0 "
        "FROM generate_series(2, 1200, 2) AS n");
    for (int i = 0; i < MANY; i++)
        ops[i] = config_fetch(store, (i * 7) % MANY + 1, 0);
    wait_configs(ops, MANY);
    for (int i = 0; i < MANY; i++) {
        int chat = (i * 7) % MANY + 1;
        char wanted[40];

        snprintf(wanted, sizeof(wanted), chat % 2 ? "{}" : "{\"n\": %d}", chat);
        assert_string_equal(ops[i]->op.err.text, "");
        expect_text(ops[i]->config, wanted);
        op_free(&ops[i]->op);
    }
    assert_int_equal(config_store_stats(store).statements, 3);
    assert_int_equal(config_store_stats(store).entries, MANY);
}

/* Who asks for the same chat within a turn shares the answer. */
static void test_store__one_answer_for_all(void **state)
{
    struct config_op *ops[20];

    (void)state;
    for (int i = 0; i < 20; i++)
        ops[i] = config_fetch(store, 5, 0);
    wait_configs(ops, 20);
    for (int i = 1; i < 20; i++)
        assert_ptr_equal(ops[i]->config, ops[0]->config);
    for (int i = 0; i < 20; i++)
        op_free(&ops[i]->op);
    assert_int_equal(config_store_stats(store).statements, 1);
    assert_int_equal(config_store_stats(store).entries, 1);
}

static void expect_unreadable(int64_t chat, const char *why)
{
    struct config_op *op = config_fetch(store, chat, 0);

    wait_configs(&op, 1);
    assert_int_equal(op->op.err.kind, ERR_CONFIG);
    assert_has(op->op.err.text, why);
    assert_null(op->config);
    op_free(&op->op);
    assert_null(config_cached(store, chat));
}

static void test_store__bad_documents(void **state)
{
    (void)state;
    sql("INSERT INTO chat_configs VALUES (1, '[]', 0), (2, '5', 0), "
        "(3, 'null', 0), (4, '{}', 0), "
        "(5, (repeat('{\"a\":', 70) || '1' || repeat('}', 70))::jsonb, 0)");
    expect_unreadable(1, "chat 1 is not a JSON object");
    expect_unreadable(2, "chat 2 is not a JSON object");
    expect_unreadable(3, "chat 3 is not a JSON object");
    expect_unreadable(5, "chat 5: ");
    expect_text(fetch(4), "{}");
    expect_row(1, "[] 1 0"); /* left as it is */
}

/* Put there by another program: that chat's problem only, and the row stays. */
static void test_store__huge_documents(void **state)
{
    (void)state;
    sql("INSERT INTO chat_configs VALUES "
        "(1, jsonb_build_object('a', repeat('x', 5000000)), 0), "
        "(2, (repeat('[', 10000) || repeat(']', 10000))::jsonb, 0), "
        "(3, (repeat('{\"a\":', 2000) || '1' || repeat('}', 2000))::jsonb, 0), "
        "(4, '{\"a\": {\"b\": 4}}', 0)");
    expect_unreadable(1, "chat 1 is 5000009 bytes, more than 16 times "
                         "CONFIG_MAX_KB; it is not read, and left as it is");
    expect_unreadable(2, "chat 2: ");
    expect_unreadable(3, "chat 3: ");
    expect_text(fetch(4), "{\"a\": {\"b\": 4}}");
}

/* A table of somebody else's, where config may be NULL. */
static void test_store__a_null_document(void **state)
{
    (void)state;
    sql("ALTER TABLE chat_configs ALTER config DROP NOT NULL; "
        "INSERT INTO chat_configs VALUES (1, NULL, 0)");
    expect_text(fetch(1), "{}");
    op_free(&commit(fetch(1), "a", "1")->op);
    expect_row(1, "{\"a\": 1} 2 0");
    sql("ALTER TABLE chat_configs ALTER config SET NOT NULL");
}

static void test_store__a_broken_one_among_good_ones(void **state)
{
    struct config_op *ops[3];

    (void)state;
    sql("INSERT INTO chat_configs VALUES (1, '{\"a\": 1}', 0), (2, '[]', 0), "
        "(3, '{\"a\": 3}', 0)");
    for (int i = 0; i < 3; i++)
        ops[i] = config_fetch(store, i + 1, 0);
    wait_configs(ops, 3);
    expect_text(ops[0]->config, "{\"a\": 1}");
    assert_int_equal(ops[1]->op.err.kind, ERR_CONFIG);
    expect_text(ops[2]->config, "{\"a\": 3}");
    for (int i = 0; i < 3; i++)
        op_free(&ops[i]->op);
}

static void test_store__the_database_says_no(void **state)
{
    struct config_op *ops[2];

    (void)state;
    sql("ALTER TABLE chat_configs RENAME TO gone");
    for (int i = 0; i < 2; i++)
        ops[i] = config_fetch(store, i + 1, 0);
    wait_configs(ops, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ops[i]->op.err.kind, ERR_DATABASE);
        op_free(&ops[i]->op);
    }
    sql("ALTER TABLE gone RENAME TO chat_configs");
    expect_text(fetch(1), "{}");
}

static void fail_done(struct op *op)
{
    (void)op;
    fail_msg("done was called after op_free()");
}

static void test_store__free_while_fetching(void **state)
{
    struct config_op *ops[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        ops[i] = config_fetch(store, i, 0);
        ops[i]->op.done = fail_done;
    }
    op_free(&ops[0]->op); /* not yet asked for */
    sleep_ms(&db, 0);     /* now they are on their way */
    op_free(&ops[1]->op);
    op_free(&ops[3]->op);
    wait_configs(&ops[2], 1);
    op_free(&ops[2]->op);
    assert_int_equal(config_store_stats(store).statements, 1);
    ops[0] = config_fetch(store, 9, 0);
    sleep_ms(&db, 0);
    op_free(&ops[0]->op); /* the only one: the answer is for nobody */
    sleep_ms(&db, 20);
}

static void free_next(struct op *op)
{
    struct config_op *next = op->arg;

    op_free(&next->op);
    op_free(op);
    loop_stop(db.loop);
}

/* A waiter of the same answer, freed in another's done. */
static void test_store__free_in_anothers_done(void **state)
{
    struct config_op *a = config_fetch(store, 1, 0),
                     *b = config_fetch(store, 1, 0);

    (void)state;
    a->op.done = free_next;
    a->op.arg = b;
    b->op.done = fail_done;
    loop_run(db.loop);
    sleep_ms(&db, 5);
}

/* --- committing -------------------------------------------------------------------- */

static void test_store__insert_and_update(void **state)
{
    struct config_op *op;

    (void)state;
    op = commit(fetch(5), "welcome.text", "\"Hi\"");
    assert_string_equal(op->op.err.text, "");
    expect_text(op->config, "{\"welcome\":{\"text\":\"Hi\"}}");
    assert_int_equal(op->config->revision, 1);
    assert_ptr_equal(config_cached(store, 5), op->config);
    op_free(&op->op);
    expect_row(5, "{\"welcome\": {\"text\": \"Hi\"}} 1 0");

    op = commit(config_cached(store, 5), "max", "7");
    assert_int_equal(op->config->revision, 2);
    op_free(&op->op);
    expect_row(5, "{\"max\": 7, \"welcome\": {\"text\": \"Hi\"}} 2 0");

    op = commit(config_cached(store, 5), "welcome.text", NULL);
    expect_text(op->config, "{\"max\":7}");
    op_free(&op->op);
    expect_row(5, "{\"max\": 7} 3 0");
    assert_int_equal(config_store_stats(store).statements, 4);
}

static void test_store__the_version_of_a_row_stays(void **state)
{
    (void)state;
    sql("INSERT INTO chat_configs VALUES (5, '{}', 9)");
    op_free(&commit(fetch(5), "a", "1")->op);
    expect_row(5, "{\"a\": 1} 2 9");
}

/* Somebody else wrote meanwhile: both keys are kept. */
static void test_store__two_writers(void **state)
{
    struct config_op *op;

    (void)state;
    sql("INSERT INTO chat_configs VALUES (5, '{\"a\": 1}', 0)");
    fetch(5);
    sql("UPDATE chat_configs SET config = config || '{\"b\": 2}', revision = "
        "revision + 1");
    op = commit(config_cached(store, 5), "c", "3");
    assert_string_equal(op->op.err.text, "");
    assert_int_equal(op->config->revision, 3);
    assert_true(slice_eq(json_get(op->config->text, "b"), "2"));
    op_free(&op->op);
    expect_row(5, "{\"a\": 1, \"b\": 2, \"c\": 3} 3 0");

    sql("UPDATE chat_configs SET config = '{\"a\": 5}', revision = 9");
    op_free(&commit(config_cached(store, 5), "a", "6")->op);
    expect_row(5, "{\"a\": 6} 10 0"); /* the same key: the last one wins */
}

static void test_store__two_that_insert(void **state)
{
    (void)state;
    fetch(5);
    sql("INSERT INTO chat_configs VALUES (5, '{\"a\": 1}', 0)");
    op_free(&commit(config_cached(store, 5), "b", "2")->op);
    expect_row(5, "{\"a\": 1, \"b\": 2} 2 0");
}

static void test_store__a_row_that_was_deleted(void **state)
{
    (void)state;
    sql("INSERT INTO chat_configs VALUES (5, '{\"a\": 1}', 0, 4)");
    fetch(5);
    sql("DELETE FROM chat_configs");
    op_free(&commit(config_cached(store, 5), "b", "2")->op);
    expect_row(5, "{\"b\": 2} 5 0"); /* counting where the history ends */
}

/* Two commits of this program at once, from the same base. */
static void test_store__two_commits_at_once(void **state)
{
    struct config_patch one_patch = { 0 }, other = { 0 };
    struct config *base = fetch(5);
    struct config_op *ops[2];

    (void)state;
    set(&one_patch, "a", "1");
    set(&other, "b", "2");
    ops[0] = config_commit(store, base, &one_patch, "a");
    ops[1] = config_commit(store, base, &other, "b");
    wait_configs(ops, 2);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(ops[i]->op.err.text, "");
        op_free(&ops[i]->op);
    }
    expect_row(5, "{\"a\": 1, \"b\": 2} 2 0");
    assert_int_equal(config_cached(store, 5)->revision, 2);
    config_patch_release(&one_patch);
    config_patch_release(&other);
}

static void expect_refused(struct config_op *op, const char *why)
{
    assert_int_equal(op->op.err.kind, ERR_CONFIG);
    assert_has(op->op.err.text, why);
    assert_null(op->config);
    op_free(&op->op);
}

static void test_store__document_max(void **state)
{
    char *big = xrealloc(NULL, 2100);

    (void)state;
    memset(big, 'x', 2100);
    big[0] = big[1990] = '"';
    big[1991] = '\0';
    op_free(&commit(fetch(5), "a", big)->op); /* 1997 bytes */
    expect_refused(commit(config_cached(store, 5), "b", "123456"),
                   "more than the 2000 that CONFIG_MAX_KB allows");
    /* also when it is another's writing that made it too large */
    fetch(6);
    sql("INSERT INTO chat_configs SELECT 6, config, 0 FROM chat_configs");
    expect_refused(commit(config_cached(store, 6), "b", "123456"),
                   "CONFIG_MAX");
    expect_text(fetch(7), "{}");
    free(big);
}

/* What could not be read again must not be written. */
static void test_store__too_deep(void **state)
{
    char deep[300] = "";

    (void)state;
    for (int i = 0; i < 70; i++)
        strcat(deep, "[");
    for (int i = 0; i < 70; i++)
        strcat(deep, "]");
    expect_refused(commit(fetch(5), "a", deep), "nested");
    expect_row(5, NULL);
}

static void test_store__a_commit_that_fails(void **state)
{
    struct config_op *op;

    (void)state;
    fetch(5);
    sql("ALTER TABLE chat_configs RENAME TO gone");
    op = commit(config_cached(store, 5), "a", "1");
    assert_int_equal(op->op.err.kind, ERR_DATABASE);
    op_free(&op->op);
    /* the server said no: what is cached is still what is stored */
    assert_non_null(config_cached(store, 5));
    assert_int_equal(config_cached(store, 5)->revision, 0);
    sql("ALTER TABLE gone RENAME TO chat_configs");
    op_free(&commit(fetch(5), "a", "1")->op);
    expect_row(5, "{\"a\": 1} 1 0");
}

static void expect_as_stored(const struct config *c)
{
    struct pg_op *op = pg_script(
        db.pg, slice_of("SELECT config FROM chat_configs WHERE chat_id = 5"));

    wait_all(&db, &op, 1);
    if (pg_rows(op))
        assert_true(slice_eq(pg_value(op, 0, 0), c->text.p));
    else
        assert_int_equal(c->revision, 0);
    op_free(&op->op);
}

/* It may be carried out all the same: the cache must not keep the old one. */
static void test_store__free_while_committing(void **state)
{
    struct config_patch patch = { 0 };
    struct config_op *op;

    (void)state;
    set(&patch, "a", "1");
    op = config_commit(store, fetch(5), &patch, "a");
    config_patch_release(&patch);
    op->op.done = fail_done;
    op_free(&op->op);
    assert_null(config_cached(store, 5));
    expect_as_stored(fetch(5));
}

/* Nor what was asked for before it, and is answered after. */
static void test_store__free_while_committing_and_fetching(void **state)
{
    struct config *base = config_ref(fetch(5));
    struct config_op *reading, *writing;

    (void)state;
    config_forget(store, 5);
    reading = config_fetch(store, 5, 0);
    sleep_ms(&db, 0); /* it is sent */
    writing = commit_start(base, "a", "1");
    op_free(&writing->op);
    wait_configs(&reading, 1);
    assert_int_equal(reading->config->revision, 0);
    op_free(&reading->op);
    assert_null(config_cached(store, 5));
    expect_as_stored(fetch(5));
    config_unref(base);
}

static void test_store__free_the_store_first(void **state)
{
    struct config_op *op = config_fetch(store, 1, 0);

    (void)state;
    sleep_ms(&db, 0);
    op_free(&op->op); /* its statement is still on its way */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_store__a_chat_without_a_row),
        TEST(test_store__a_row),
        TEST(test_store__one_statement_for_many),
        TEST(test_store__one_answer_for_all),
        TEST(test_store__bad_documents),
        TEST(test_store__huge_documents),
        TEST(test_store__a_null_document),
        TEST(test_store__a_broken_one_among_good_ones),
        TEST(test_store__the_database_says_no),
        TEST(test_store__free_while_fetching),
        TEST(test_store__free_in_anothers_done),
        TEST(test_store__insert_and_update),
        TEST(test_store__the_version_of_a_row_stays),
        TEST(test_store__two_writers),
        TEST(test_store__two_that_insert),
        TEST(test_store__a_row_that_was_deleted),
        TEST(test_store__two_commits_at_once),
        TEST(test_store__document_max),
        TEST(test_store__too_deep),
        TEST(test_store__a_commit_that_fails),
        TEST(test_store__free_while_committing),
        TEST(test_store__free_while_committing_and_fetching),
        TEST(test_store__free_the_store_first),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
