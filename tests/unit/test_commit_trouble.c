/*
 * test_commit_trouble.c - what becomes of a commit when the connection breaks. A
 * proxy cuts it at an exact place.
 */
#define ROLE "test_trouble"
#include "trouble_test.h"

/* --- the connection breaks ------------------------------------------------------------- */

static void test_commit__its_answer_is_lost(void **state)
{
    struct config_op *op;

    (void)state;
    fetch(5);
    cut(CUT_ANSWER, 1);
    op = commit_well();
    assert_int_equal(proxy.made, 1);
    assert_int_equal(op->config->revision, 2);
    assert_ptr_equal(config_cached(store, 5), op->config);
    op_free(&op->op);
    expect_row("{\"a\": 7} 2"); /* written once */
    expect_history("1:{\"a\": 1}");
}

static void test_commit__of_a_new_row_its_answer_is_lost(void **state)
{
    struct config_op *op;

    (void)state;
    side_sql("TRUNCATE chat_configs");
    fetch(5);
    cut(CUT_ANSWER, 1);
    op = commit_well();
    assert_int_equal(op->config->revision, 1);
    op_free(&op->op);
    expect_row("{\"a\": 7} 1");
    expect_history("");
}

static void test_commit__it_did_not_arrive(void **state)
{
    struct config_op *op;

    (void)state;
    fetch(5);
    cut(CUT_BEFORE, 3);
    op = commit_well();
    assert_int_equal(proxy.made, 3);
    assert_int_equal(op->config->revision, 2);
    op_free(&op->op);
    expect_row("{\"a\": 7} 2");
    expect_history("1:{\"a\": 1}");
}

/* Also while it is asked what became of it. */
static void cut_what_finds(void)
{
    proxy.on_cut = NULL;
    proxy.mark = "config_find";
    proxy.cuts = 2;
}

static void test_commit__cut_off_while_asking(void **state)
{
    struct config_op *op;

    (void)state;
    fetch(5);
    cut(CUT_ANSWER, 1);
    proxy.on_cut = cut_what_finds;
    op = commit_well();
    assert_int_equal(proxy.made, 3);
    assert_int_equal(op->config->revision, 2);
    op_free(&op->op);
    expect_row("{\"a\": 7} 2");
    expect_history("1:{\"a\": 1}");
}

/* Somebody else has written; their document is being read. */
static void test_commit__cut_off_while_reading(void **state)
{
    (void)state;
    fetch(5);
    side_sql("UPDATE chat_configs SET config = config || '{\"b\": 2}'");
    proxy.mark = "config_fetch";
    proxy.how = CUT_SENT;
    proxy.cuts = 2;
    op_free(&commit_well()->op);
    assert_int_equal(proxy.made, 2);
    expect_row("{\"a\": 7, \"b\": 2} 3");
}

/* While somebody else holds the row, both the first try and the second wait. */
static void test_commit__it_is_still_running(void **state)
{
    struct step step = { BACKENDS_WAITING("2"), "COMMIT", NULL, false };
    struct config_op *op;

    (void)state;
    fetch(5);
    side_sql("BEGIN; SELECT FROM chat_configs FOR UPDATE");
    cut(CUT_SENT, 1);
    wait_step(&step);
    op = commit_well();
    assert_true(step.done);
    assert_int_equal(op->config->revision, 2);
    op_free(&op->op);
    expect_row("{\"a\": 7} 2");
    expect_history("1:{\"a\": 1}");
}

/* And who holds it changes it: neither try was carried out. */
static void test_commit__it_is_still_running_and_too_late(void **state)
{
    struct step step = { BACKENDS_WAITING("2"), "COMMIT", NULL, false };
    struct config_op *op;

    (void)state;
    fetch(5);
    side_sql("BEGIN; UPDATE chat_configs SET config = '{\"a\": 2, \"b\": 2}'");
    cut(CUT_SENT, 1);
    wait_step(&step);
    op = commit_well();
    assert_true(step.done);
    assert_int_equal(op->config->revision, 3);
    assert_true(slice_eq(json_get(op->config->text, "b"), "2"));
    op_free(&op->op);
    expect_row("{\"a\": 7, \"b\": 2} 3");
}

static void test_commit__of_a_new_row_is_still_running(void **state)
{
    static const char *const ends[] = { "ROLLBACK", "COMMIT" };
    static const char *const rows[] = { "{\"a\": 7} 1",
                                        "{\"a\": 7, \"b\": 2} 2" };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct step step = { BACKENDS_WAITING("2"), ends[i], NULL, false };

        side_sql("TRUNCATE chat_configs");
        config_forget_all(store);
        fetch(5);
        side_sql("BEGIN; INSERT INTO chat_configs VALUES (5, '{\"b\": 2}', 0)");
        cut(CUT_SENT, 1);
        wait_step(&step);
        op_free(&commit_well()->op);
        assert_true(step.done);
        expect_row(rows[i]);
    }
}

static void somebody_writes(void)
{
    side_sql("UPDATE chat_configs SET config = config || '{\"b\": 2}'");
}

static void somebody_writes_the_same(void)
{
    side_sql("UPDATE chat_configs SET config = '{\"a\": 9}'");
}

static void somebody_deletes(void)
{
    side_sql("DELETE FROM chat_configs");
}

/* Ours was saved, and is not current any more: the other's change is kept. */
static void test_commit__saved_then_others_write(void **state)
{
    static const struct {
        void (*others)(void);
        const char *row;
    } cases[] = {
        { somebody_writes, "{\"a\": 7, \"b\": 2} 3" },
        { somebody_writes_the_same, "{\"a\": 9} 3" },
        { somebody_deletes, "" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config_op *op;

        side_sql("TRUNCATE chat_configs, config_history");
        side_sql("INSERT INTO chat_configs VALUES (5, '{\"a\": 1}', 0)");
        config_forget_all(store);
        fetch(5);
        cut(CUT_ANSWER, 1);
        proxy.on_cut = cases[i].others;
        op = commit_well();
        assert_int_equal(op->config->revision, 2);
        op_free(&op->op);
        expect_row(cases[i].row);
        expect_history("1:{\"a\": 1} 2:{\"a\": 7}");
        assert_null(config_cached(store, 5)); /* old: not to be read */
        assert_int_equal(fetch(5)->revision, *cases[i].row ? 3 : 0);
    }
}

/* Ours was not: it is applied to theirs. */
static void test_commit__not_saved_then_others_write(void **state)
{
    (void)state;
    fetch(5);
    cut(CUT_BEFORE, 1);
    proxy.on_cut = somebody_writes;
    op_free(&commit_well()->op);
    expect_row("{\"a\": 7, \"b\": 2} 3");
    expect_history("1:{\"a\": 1} 2:{\"a\": 1, \"b\": 2}");
}

/* The database does not come back: whether it was saved is not known. */
static void test_commit__nobody_can_be_asked(void **state)
{
    static const enum pg_cut hows[] = { CUT_BEFORE, CUT_ANSWER };
    static const char *const rows[] = { "{\"a\": 1} 1", "{\"a\": 7} 2" };

    (void)state;
    disconnect_store();
    connect_store(&(struct pg_options){ .wait_timeout_ms = 300 });
    for (int i = 0; i < 2; i++) {
        fetch(5);
        cut(hows[i], 1);
        proxy.refuse_after = true;
        commit_badly(
            "it is not known whether the config of chat 5 was saved: ");
        assert_null(config_cached(store, 5));
        expect_row(rows[i]);
        proxy.refuse = false;
        while (!pg_is_up(db.pg))
            sleep_ms(&db, 10);
    }
    expect_text(fetch(5), "{\"a\": 7}");
}

/* --- at random ----------------------------------------------------------- */

#define ROUNDS 12
#define ROUNDS_LONG 400

static bool chance(int percent)
{
    return rand() % 100 < percent;
}

/* In some of what follows, up to twice. */
static void cut_somewhere(int round)
{
    static const char *const statements[] = { "config_update", "config_find",
                                              "config_fetch" };
    static char value[24];

    snprintf(value, sizeof(value), "\"a\":%d", round);
    proxy.mark = chance(50) ? value : statements[rand() % 3];
    proxy.how = (enum pg_cut)(rand() % 3);
    proxy.cuts = rand() % 3;
    proxy.on_cut = chance(50) ? somebody_writes : NULL;
    if (chance(20))
        somebody_writes();
}

/* It was written once: in the row, or in what the row was before. */
static void expect_once(int round, int64_t revision)
{
    char question[400], wanted[40];

    snprintf(question, sizeof(question),
             "SELECT count(*) || ' ' || max(revision) FROM "
             "(SELECT revision, config, changed_by FROM config_history "
             "UNION ALL SELECT revision, config, changed_by FROM chat_configs) "
             "AS every WHERE changed_by = 'user:42' AND config->>'a' = '%d'",
             round);
    snprintf(wanted, sizeof(wanted), "1 %lld", (long long)revision);
    assert_string_equal(ask_side(watcher, question), wanted);
}

/* Whatever is cut and whoever else writes: done once, and said so. */
static void test_commit__at_random(void **state)
{
    bool is_long = getenv("MOONPOST_TEST_LONG");
    char value[24];

    (void)state;
    srand(1);
    for (int round = 10; round < 10 + (is_long ? ROUNDS_LONG : ROUNDS);
         round++) {
        struct config_op *op;

        if (chance(20))
            config_forget_all(store);
        fetch(5);
        cut_somewhere(round);
        snprintf(value, sizeof(value), "%d", round);
        op = commit(config_cached(store, 5), "a", value);
        proxy.cuts = 0;
        assert_string_equal(op->op.err.text, "");
        expect_once(round, op->config->revision);
        op_free(&op->op);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_commit__its_answer_is_lost),
        T(test_commit__of_a_new_row_its_answer_is_lost),
        T(test_commit__it_did_not_arrive),
        T(test_commit__cut_off_while_asking),
        T(test_commit__cut_off_while_reading),
        T(test_commit__it_is_still_running),
        T(test_commit__it_is_still_running_and_too_late),
        T(test_commit__of_a_new_row_is_still_running),
        T(test_commit__saved_then_others_write),
        T(test_commit__not_saved_then_others_write),
        T(test_commit__nobody_can_be_asked),
        T(test_commit__at_random),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
