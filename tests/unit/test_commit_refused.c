/*
 * test_commit_refused.c - what becomes of a commit when the server gives no answer
 * in time, takes it back, or takes no writes.
 */
#define ROLE "test_refused"
#include "trouble_test.h"

/* --- no answer in time ------------------------------------------------------------------- */

/* The client's patience ends: it is asked once more, not ten times. */
static void test_commit__no_answer_in_time(void **state)
{
    (void)state;
    disconnect_store();
    connect_store(&(struct pg_options){ .query_timeout_ms = 300,
                                        .statement_timeout_ms = 9000 });
    fetch(5);
    side_sql("BEGIN; SELECT FROM chat_configs FOR UPDATE");
    commit_badly("it is not known whether the config of chat 5 was saved: ");
    assert_int_equal(proxy.accepted, 2);
    assert_null(config_cached(store, 5));
    side_sql("ROLLBACK");
}

/* The server's own: nothing is saved, and that is known. */
static void test_commit__statement_timeout(void **state)
{
    (void)state;
    disconnect_store();
    connect_store(&(struct pg_options){ .statement_timeout_ms = 200 });
    fetch(5);
    side_sql("BEGIN; SELECT FROM chat_configs FOR UPDATE");
    commit_badly("config_update: canceling statement due to statement timeout");
    side_sql("ROLLBACK");
    assert_int_equal(proxy.accepted, 1);
    expect_text(config_cached(store, 5), "{\"a\": 1}");
    op_free(&commit_well()->op);
    expect_row("{\"a\": 7} 2");
}

/* --- taken back by the server --------------------------------------------------------------- */

static void test_commit__the_backend_is_ended(void **state)
{
    struct step step = {
        BACKENDS_WAITING("1"),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE usename = '" ROLE "'; COMMIT",
        NULL,
        false,
    };

    (void)state;
    fetch(5);
    side_sql("BEGIN; SELECT FROM chat_configs FOR UPDATE");
    wait_step(&step);
    op_free(&commit_well()->op);
    assert_true(step.done);
    assert_int_equal(proxy.accepted, 2);
    expect_row("{\"a\": 7} 2");
}

/*
 * We hold the row and wait for another's lock (a trigger wants it); they have that
 * and want our row. We notice first.
 */
static void test_commit__deadlock(void **state)
{
    struct step step = { BACKENDS_WAITING("1"), "SELECT 1", NULL, false };
    PGconn *other = open_side();
    struct config_op *op;

    (void)state;
    side_sql("ALTER ROLE " ROLE " SET deadlock_timeout = '50ms'; "
             "CREATE FUNCTION lock_1() RETURNS trigger LANGUAGE plpgsql AS $$ "
             "BEGIN PERFORM pg_advisory_xact_lock(5, 1); RETURN NULL; END $$; "
             "CREATE TRIGGER lock_1 AFTER UPDATE ON chat_configs "
             "FOR EACH ROW EXECUTE FUNCTION lock_1()");
    disconnect_store();
    connect_store(&usual);
    fetch(5);
    PQclear(PQexec(other, "BEGIN; SELECT pg_advisory_xact_lock(5, 1)"));
    op = commit_start(config_cached(store, 5), "a", "7");
    wait_step(&step);
    while (!step.done)
        sleep_ms(&db, 10);
    assert_true(PQsendQuery(other, "UPDATE chat_configs SET config = "
                                   "config || '{\"b\": 2}'; COMMIT"));
    wait_configs(&op, 1);
    assert_string_equal(op->op.err.text, "");
    assert_true(op->tries > 0);
    op_free(&op->op);
    expect_row("{\"a\": 7, \"b\": 2} 3");
    PQfinish(other);
    side_sql("DROP TRIGGER lock_1 ON chat_configs; DROP FUNCTION lock_1(); "
             "ALTER ROLE " ROLE " RESET deadlock_timeout");
}

static void test_commit__serialization_failure(void **state)
{
    struct step step = { BACKENDS_WAITING("1"), "COMMIT", NULL, false };

    (void)state;
    side_sql("ALTER ROLE " ROLE
             " SET default_transaction_isolation = 'serializable'");
    disconnect_store();
    connect_store(&usual);
    fetch(5);
    side_sql("BEGIN; UPDATE chat_configs SET config = config || '{\"b\": 2}'");
    wait_step(&step);
    op_free(&commit_well()->op);
    assert_true(step.done);
    expect_row("{\"a\": 7, \"b\": 2} 3");
    side_sql("ALTER ROLE " ROLE " RESET default_transaction_isolation");
}

/* --- a server that takes no writes ------------------------------------------------------------ */

/* A failover: the connection is to what is a standby now; a new one finds the
 * primary, and nobody has noticed. */
static void test_commit__failover(void **state)
{
    (void)state;
    sql("SET default_transaction_read_only = on");
    fetch(5);
    op_free(&commit_well()->op);
    assert_int_equal(proxy.accepted, 2);
    expect_row("{\"a\": 7} 2");
}

/* The new connection is read-only too; later it is not. */
static void test_commit__read_only_for_a_while(void **state)
{
    struct config_op *op;
    int tries = 0;

    (void)state;
    side_sql("ALTER ROLE " ROLE " SET default_transaction_read_only = on");
    disconnect_store();
    connect_store(&usual);
    fetch(5);
    for (int i = 0; i < 30; i++)
        commit_badly("config_update: cannot execute UPDATE in a read-only "
                     "transaction");
    assert_in_range(proxy.accepted, 2, 5); /* not at each of them */
    pg_on_state(db.pg, on_state, &db);
    config_forget_all(store);
    expect_text(fetch(5), "{\"a\": 1}"); /* reading goes on */

    side_sql("ALTER ROLE " ROLE " RESET default_transaction_read_only");
    for (;; tries++) {
        op = commit(fetch(5), "a", "7");
        if (!op->op.err.kind)
            break;
        op_free(&op->op);
        sleep_ms(&db, 100);
    }
    op_free(&op->op);
    assert_has(db.reason, "the server is read-only");
    expect_row("{\"a\": 7} 2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(test_commit__no_answer_in_time),
        T(test_commit__statement_timeout),
        T(test_commit__the_backend_is_ended),
        T(test_commit__deadlock),
        T(test_commit__serialization_failure),
        T(test_commit__failover),
        T(test_commit__read_only_for_a_while),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
