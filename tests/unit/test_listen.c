/* test_listen.c - what others write is heard, or looked up. */
#include "store_test.h"

#include "config/listen.h"

static struct client other; /* somebody else's connection */
static struct config_listener *listener;
static int test_ms; /* 0: as usual */

static int group_setup(void **state)
{
    (void)state;
    make_tables("test_listen");
    other = connect_to(pg_server_url());
    script_ok(&other, "SET search_path = test_listen; "
                      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                      "WHERE application_name = 'test listener'");
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    client_free(&other);
    drop_tables("test_listen");
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
    config_listener_free(listener);
    listener = NULL;
    config_store_free(store);
    assert_int_equal(loop_live_ops(db.loop), 0);
    return 0;
}

static void write_as_other(const char *text)
{
    script_ok(&other, text);
}

/* Run the loop until it holds. */
#define wait_until(holds)                                                      \
    do {                                                                       \
        for (int tries = 0; !(holds); tries++) {                               \
            if (tries == 3000)                                                 \
                fail_msg("never: %s", #holds);                                 \
            sleep_ms(&db, 5);                                                  \
        }                                                                      \
    } while (0)

/* Listen to this database of the server, where nothing is told if it is another. */
static void listen_in(const char *database, int poll_ms)
{
    struct buf url = BUF_INIT;
    struct err err = ERR_INIT;

    buf_adds(&url, pg_server_url());
    buf_adds(&url, strchr(url.data, '?') ? "&" : "?");
    buf_adds(&url, "options=-csearch_path%3Dtest_listen");
    if (database)
        buf_addf(&url, "&dbname=%s", database);
    listener = config_listener_new(db.loop, store, db.pg,
                                   &(struct config_listener_options){
                                       .connection = { .url = url.data,
                                                       .application_name =
                                                           "test listener" },
                                       .poll_ms = poll_ms,
                                       .test_ms = database ? 20 : test_ms,
                                   },
                                   &err);
    assert_string_equal(err.text, "");
    buf_release(&url);
}

static void start_listening(void)
{
    listen_in(NULL, 3600000);
    wait_until(config_listener_state(listener) == LISTENER_LISTENING);
    sleep_ms(&db, 20); /* its first look forgets what was read before */
}

static void expect_forgotten(int64_t chat)
{
    wait_until(!config_cached(store, chat));
}

/* --- notifications --------------------------------------------------------------- */

static void test_listen__writes_of_others(void **state)
{
    (void)state;
    start_listening();
    expect_text(fetch(5), "{}");
    expect_text(fetch(6), "{}");
    write_as_other("INSERT INTO chat_configs VALUES (5, '{\"a\": 1}', 0)");
    expect_forgotten(5);
    expect_text(fetch(5), "{\"a\": 1}");
    write_as_other("UPDATE chat_configs SET config = '{\"a\": 2}'");
    expect_forgotten(5);
    expect_text(fetch(5), "{\"a\": 2}");
    assert_int_equal(config_cached(store, 5)->revision, 2);
    write_as_other("DELETE FROM chat_configs");
    expect_forgotten(5);
    expect_text(fetch(5), "{}");
    assert_non_null(config_cached(store, 6)); /* nobody wrote that */
    assert_int_equal(config_store_stats(store).invalidations, 3);
}

static void test_listen__a_truncate(void **state)
{
    (void)state;
    sql("INSERT INTO chat_configs VALUES (5, '{\"a\": 1}', 0)");
    start_listening();
    expect_text(fetch(5), "{\"a\": 1}");
    write_as_other("TRUNCATE chat_configs");
    expect_forgotten(5);
    expect_text(fetch(5), "{}");
}

/* One notification holds many chats; two hold more. */
static void test_listen__many_at_once(void **state)
{
    (void)state;
    start_listening();
    for (int i = 1; i <= 500; i += 7)
        fetch(-1001234567890000 - i);
    write_as_other("INSERT INTO chat_configs SELECT -1001234567890000 - n, "
                   "'{}', 0 FROM generate_series(1, 500) AS n");
    for (int i = 1; i <= 500; i += 7)
        expect_forgotten(-1001234567890000 - i);
}

static void test_listen__own_writes_stay_cached(void **state)
{
    (void)state;
    start_listening();
    op_free(&commit(fetch(5), "a", "1")->op);
    op_free(&commit(config_cached(store, 5), "b", "2")->op);
    write_as_other("INSERT INTO chat_configs VALUES (6, '{}', 0)");
    fetch(7);
    write_as_other("INSERT INTO chat_configs VALUES (7, '{}', 0)");
    expect_forgotten(7); /* then those before it were heard too */
    expect_text(config_cached(store, 5), "{\"a\":1,\"b\":2}");
}

static void test_listen__foreign_notifications(void **state)
{
    (void)state;
    start_listening();
    fetch(5);
    fetch(6);
    write_as_other("NOTIFY moonpost_config_test_listen; NOTIFY "
                   "moonpost_config_test_listen, 'hello'; "
                   "NOTIFY moonpost_config_test_listen, '5'; NOTIFY "
                   "moonpost_config_test_listen, "
                   "'5:x,6:1'; NOTIFY moonpost_config_test_listen, 'test:00'; "
                   "NOTIFY moonpost_config_test_listen, '6:9'");
    expect_forgotten(6);
    assert_non_null(config_cached(store, 5));
}

/* --- gaps ---------------------------------------------------------------------------- */

static void test_listen__a_lost_connection(void **state)
{
    (void)state;
    start_listening();
    fetch(5);
    fetch(6);
    /* in one statement: what is written is committed after the end of the other */
    write_as_other("SELECT pg_terminate_backend(pid, 5000) FROM "
                   "pg_stat_activity WHERE application_name = 'test listener'; "
                   "INSERT INTO chat_configs VALUES (5, '{\"a\": 1}', 0)");
    expect_forgotten(5);
    assert_non_null(config_cached(store, 6));
    wait_until(config_listener_state(listener) == LISTENER_LISTENING);
    write_as_other("INSERT INTO chat_configs VALUES (6, '{\"a\": 1}', 0)");
    expect_forgotten(6);
}

/* More than it looks at one by one: all is forgotten. */
static void test_listen__much_was_missed(void **state)
{
    (void)state;
    start_listening();
    fetch(5);
    fetch(-6);
    write_as_other("SELECT pg_terminate_backend(pid, 5000) FROM "
                   "pg_stat_activity WHERE application_name = 'test listener'; "
                   "INSERT INTO chat_configs SELECT n, '{}', 0 FROM "
                   "generate_series(1, 10050) AS n");
    expect_forgotten(5);
    expect_forgotten(-6);
}

static int64_t tries_to_notify(void)
{
    struct pg_op *op =
        pg_script(other.pg, slice_of("SELECT last_value FROM tries"));
    int64_t n;

    wait_all(&other, &op, 1);
    assert_string_equal(op->op.err.text, "");
    n = pg_int(op, 0, 0);
    op_free(&op->op);
    return n;
}

/* The server says no at once, as a standby does, or one whose queue of
 * notifications is full: it is asked now and then, not all the time. */
static void test_listen__a_test_that_is_refused(void **state)
{
    (void)state;
    sql("CREATE SEQUENCE tries; "
        "CREATE FUNCTION pg_notify(text, text) RETURNS void LANGUAGE plpgsql "
        "AS $$ BEGIN PERFORM nextval('tries'); RAISE 'no'; END $$; "
        "SET search_path = test_listen, pg_catalog");
    test_ms = 100;
    listen_in(NULL, 3600000);
    test_ms = 0;
    wait_until(tries_to_notify() > 0);
    sleep_ms(&db, 300);
    assert_in_range(tries_to_notify(), 1, 5);
    assert_int_equal(config_listener_state(listener), LISTENER_CONNECTING);
    sql("SET search_path = test_listen; DROP SEQUENCE tries; "
        "DROP FUNCTION test_listen.pg_notify(text, text)");
    wait_until(config_listener_state(listener) == LISTENER_LISTENING);
}

/* --- without notifications -------------------------------------------------------------- */

static void poll(void)
{
    listen_in("template1", 20);
    wait_until(config_listener_state(listener) == LISTENER_POLLING);
    sleep_ms(&db, 50);
}

/* A writer that counts revisions, and knows no transactions. */
static void test_listen__polling_and_another_counter(void **state)
{
    (void)state;
    sql("INSERT INTO chat_configs VALUES (5, '{}', 0)");
    poll();
    fetch(5);
    write_as_other("UPDATE chat_configs SET revision = revision + 1");
    expect_forgotten(5);
    assert_int_equal(fetch(5)->revision, 2);
}

static void test_listen__polling(void **state)
{
    (void)state;
    poll();
    fetch(5);
    fetch(6);
    write_as_other("INSERT INTO chat_configs VALUES (5, '{\"a\": 1}', 0)");
    expect_forgotten(5);
    fetch(5);
    write_as_other("UPDATE chat_configs SET config = '{}'");
    expect_forgotten(5);
    assert_int_equal(fetch(5)->revision, 2);
    write_as_other("DELETE FROM chat_configs");
    expect_forgotten(5);
    fetch(5);
    write_as_other("INSERT INTO chat_configs VALUES (5, '{}', 0)");
    expect_forgotten(5);
    assert_int_equal(fetch(5)->revision, 3); /* they only grow */
    assert_non_null(config_cached(store, 6));
}

/* Times would miss it: it was written long before it was committed. */
static void test_listen__polling_and_a_long_transaction(void **state)
{
    PGconn *slow = PQconnectdb(pg_server_url());
    int64_t before;

    (void)state;
    poll();
    PQclear(PQexec(slow, "SET search_path = test_listen; BEGIN; INSERT INTO "
                         "chat_configs VALUES (5, '{\"a\": 1}', 0)"));
    assert_int_equal(PQtransactionStatus(slow), PQTRANS_INTRANS);
    fetch(5);
    before = config_store_stats(store).invalidations;
    for (int i = 10; i < 20; i++) {
        char text[100];

        fetch(i);
        snprintf(text, sizeof(text),
                 "INSERT INTO chat_configs VALUES (%d, '{}', 0)", i);
        write_as_other(text);
        expect_forgotten(i);
    }
    assert_non_null(config_cached(store, 5));
    assert_int_equal(config_store_stats(store).invalidations, before + 10);
    PQclear(PQexec(slow, "COMMIT"));
    expect_forgotten(5);
    PQfinish(slow);
}

/* --- what is told while it is on its way ------------------------------------------------- */

static void test_listen__told_during_a_fetch(void **state)
{
    struct config_op *ops[2];

    (void)state;
    ops[0] = config_fetch(store, 5, 0);
    sleep_ms(&db, 0); /* it is on its way */
    config_changed(store, 5, 3);
    ops[1] = config_fetch(store, 5, 0); /* may not have that answer */
    wait_configs(ops, 2);
    expect_text(ops[0]->config, "{}");
    assert_null(config_cached(store, 5));
    assert_int_equal(config_store_stats(store).statements, 2);
    op_free(&ops[0]->op);
    op_free(&ops[1]->op);
    sql("INSERT INTO chat_configs VALUES (5, '{}', 0, 3)");
    assert_int_equal(fetch(5)->revision, 3);
}

static void test_listen__told_during_a_commit(void **state)
{
    struct config_op *op = commit_start(fetch(5), "a", "1");

    (void)state;
    config_changed(store, 5, 2); /* heard before our own answer */
    wait_configs(&op, 1);
    assert_int_equal(op->config->revision, 1);
    assert_null(config_cached(store, 5));
    op_free(&op->op);
}

static void test_listen__an_older_word(void **state)
{
    (void)state;
    sql("INSERT INTO chat_configs VALUES (5, '{}', 0, 7)");
    fetch(5);
    config_changed(store, 5, 6);
    config_changed(store, 5, 7);
    assert_non_null(config_cached(store, 5));
    config_changed(store, 5, 8);
    assert_null(config_cached(store, 5));
}

/* --- history ------------------------------------------------------------------------------- */

static void expect_history(const char *wanted)
{
    struct pg_op *op = pg_script(
        db.pg,
        slice_of("SELECT string_agg(revision || ' ' || config::text || ' ' || "
                 "coalesce(changed_by, '?'), '; ' ORDER BY revision) FROM "
                 "(SELECT revision, config, changed_by FROM config_history "
                 "UNION ALL SELECT revision, config, changed_by FROM "
                 "chat_configs) AS all_of_them"));

    wait_all(&db, &op, 1);
    assert_string_equal(op->op.err.text, "");
    if (!slice_eq(pg_value(op, 0, 0), wanted))
        fail_msg("%.*s", (int)pg_value(op, 0, 0).n, pg_value(op, 0, 0).p);
    op_free(&op->op);
}

static void test_history__who_wrote_what(void **state)
{
    (void)state;
    op_free(&commit(fetch(5), "a", "1")->op);
    write_as_other("SET ROLE NONE; UPDATE chat_configs SET config = '{}'");
    config_forget(store, 5);
    op_free(&commit(fetch(5), "b", "2")->op);
    script_ok(&db, "UPDATE config_history SET changed_by = 'sql' WHERE "
                   "changed_by = 'sql:' || session_user");
    expect_history("1 {\"a\": 1} user:42; 2 {} sql; 3 {\"b\": 2} user:42");
}

static void test_history__so_many_are_kept(void **state)
{
    (void)state;
    fetch(5);
    for (int i = 1; i <= 9; i++) {
        char value[12];

        snprintf(value, sizeof(value), "%d", i);
        op_free(&commit(config_cached(store, 5), "a", value)->op);
    }
    expect_history("4 {\"a\": 4} user:42; 5 {\"a\": 5} user:42; "
                   "6 {\"a\": 6} user:42; 7 {\"a\": 7} user:42; "
                   "8 {\"a\": 8} user:42; 9 {\"a\": 9} user:42");
}

static void test_history__a_failed_commit_leaves_none(void **state)
{
    (void)state;
    op_free(&commit(fetch(5), "a", "1")->op);
    sql("ALTER TABLE chat_configs ADD CHECK (NOT config ? 'bad')");
    op_free(&commit(config_cached(store, 5), "bad", "1")->op);
    sql("ALTER TABLE chat_configs DROP CONSTRAINT chat_configs_config_check");
    expect_history("1 {\"a\": 1} user:42");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_listen__writes_of_others),
        TEST(test_listen__a_truncate),
        TEST(test_listen__many_at_once),
        TEST(test_listen__own_writes_stay_cached),
        TEST(test_listen__foreign_notifications),
        TEST(test_listen__a_lost_connection),
        TEST(test_listen__much_was_missed),
        TEST(test_listen__a_test_that_is_refused),
        TEST(test_listen__polling),
        TEST(test_listen__polling_and_another_counter),
        TEST(test_listen__polling_and_a_long_transaction),
        TEST(test_listen__told_during_a_fetch),
        TEST(test_listen__told_during_a_commit),
        TEST(test_listen__an_older_word),
        TEST(test_history__who_wrote_what),
        TEST(test_history__so_many_are_kept),
        TEST(test_history__a_failed_commit_leaves_none),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
