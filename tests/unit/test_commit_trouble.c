/*
 * test_commit_trouble.c - what becomes of a commit when the connection breaks, or
 * the server says no. A proxy cuts the connection at an exact place.
 */
#include "store_test.h"

#include "pg_proxy.h"

#define ROLE "test_trouble" /* so that settings of a role are this test's own */

static struct pg_proxy proxy;
static PGconn *side;    /* another program */
static PGconn *watcher; /* looks at what the server is doing */

/* --- another program ------------------------------------------------------------ */

static PGconn *open_side(void)
{
    PGconn *conn = PQconnectdb(pg_server_url());

    PQclear(PQexec(conn, "SET search_path = " ROLE));
    PQclear(PQexec(conn, "SET deadlock_timeout = '60s'"));
    assert_int_equal(PQstatus(conn), CONNECTION_OK);
    return conn;
}

static void side_sql(const char *text)
{
    PGresult *res = PQexec(side, text);

    if (PQresultStatus(res) != PGRES_COMMAND_OK &&
        PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", text, PQerrorMessage(side));
    PQclear(res);
}

/* The first value, "" if there is none. */
static const char *ask_side(PGconn *conn, const char *text)
{
    static char value[300];
    PGresult *res = PQexec(conn, text);

    if (PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", text, PQerrorMessage(conn));
    snprintf(value, sizeof(value), "%s",
             PQntuples(res) ? PQgetvalue(res, 0, 0) : "");
    PQclear(res);
    return value;
}

static void expect_row(const char *wanted)
{
    assert_string_equal(ask_side(watcher,
                                 "SELECT config::text || ' ' || revision FROM "
                                 "chat_configs WHERE chat_id = 5"),
                        wanted);
}

/* The replaced revisions, oldest first. */
static void expect_history(const char *wanted)
{
    assert_string_equal(
        ask_side(watcher, "SELECT string_agg(revision || ':' || config::text, "
                          "' ' ORDER BY revision) FROM config_history"),
        wanted);
}

/*
 * In the loop, once: when the question's answer is t, do the SQL.
 */
struct step {
    const char *question, *sql;
    struct op *timer;
    bool done;
};

static void take_step(struct op *op);

static void wait_step(struct step *s)
{
    s->timer = timer_start(db.loop, 10);
    s->timer->done = take_step;
    s->timer->arg = s;
}

static void take_step(struct op *op)
{
    struct step *s = op->arg;

    op_free(op);
    s->timer = NULL;
    if (strcmp(ask_side(watcher, s->question), "t") != 0) {
        wait_step(s);
        return;
    }
    side_sql(s->sql);
    s->done = true;
}

#define BACKENDS_WAITING(n)                                                    \
    "SELECT count(*) = " n " FROM pg_stat_activity WHERE usename = '" ROLE     \
    "' AND wait_event_type = 'Lock'"

/* --- before and after -------------------------------------------------------------- */

static int group_setup(void **state)
{
    (void)state;
    make_tables(ROLE);
    sql("DROP ROLE IF EXISTS " ROLE "; CREATE ROLE " ROLE " LOGIN; "
        "GRANT ALL ON SCHEMA " ROLE " TO " ROLE "; "
        "GRANT ALL ON ALL TABLES IN SCHEMA " ROLE " TO " ROLE "; "
        "ALTER ROLE " ROLE " SET search_path = " ROLE);
    client_free(&db);
    side = open_side();
    watcher = open_side();
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    side_sql("DROP OWNED BY " ROLE "; DROP ROLE " ROLE "; DROP SCHEMA " ROLE
             " CASCADE");
    PQfinish(side);
    PQfinish(watcher);
    return 0;
}

/* The store's connection goes through the proxy. */
static void connect_store(const struct pg_options *given)
{
    struct pg_options o = *given;
    struct err err = ERR_INIT;
    char url[200];

    db = (struct client){ .stop_ups = -1, .stop_downs = -1 };
    db.loop = loop_new();
    pg_proxy_start(&proxy, db.loop, pg_server_url());
    snprintf(url, sizeof(url),
             "postgresql://" ROLE "@127.0.0.1:%d/%s?sslmode=disable",
             proxy.port, PQdb(side));
    o.url = url;
    o.prepare = true;
    db.pg = pg_new(db.loop, &o, &err);
    assert_non_null(db.pg);
    store = store_of(&db);
}

static void disconnect_store(void)
{
    config_store_free(store);
    pg_proxy_stop(&proxy);
    client_free(&db);
}

static const struct pg_options usual = { .statement_timeout_ms = 20000,
                                         .query_timeout_ms = 25000,
                                         .wait_timeout_ms = 10000 };

static int setup(void **state)
{
    (void)state;
    side_sql("TRUNCATE chat_configs, config_history");
    side_sql("INSERT INTO chat_configs VALUES (5, '{\"a\": 1}', 0)");
    connect_store(&usual);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (PQtransactionStatus(side) != PQTRANS_IDLE)
        side_sql("ROLLBACK");
    disconnect_store();
    return 0;
}

static void cut(enum pg_cut how, int times)
{
    proxy.mark = "\"a\":7";
    proxy.how = how;
    proxy.cuts = times;
}

/* a = 7, which must be saved. */
static struct config_op *commit_well(void)
{
    struct config_op *op = commit(config_cached(store, 5), "a", "7");

    assert_string_equal(op->op.err.text, "");
    assert_non_null(op->config);
    assert_true(slice_eq(json_get(op->config->text, "a"), "7"));
    return op;
}

/* a = 7, which must fail with this. */
static void commit_badly(const char *why)
{
    struct config_op *op = commit(fetch(5), "a", "7");

    assert_int_equal(op->op.err.kind, ERR_DATABASE);
    assert_has(op->op.err.text, why);
    assert_hasnt(op->op.err.text, "\n");
    assert_null(op->config);
    op_free(&op->op);
}

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
