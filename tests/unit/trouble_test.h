/*
 * trouble_test.h - for tests of commits that go wrong: a store whose connection
 * goes through a proxy, as a role of its own, and another program beside it.
 * ROLE is the role's name, and the schema's; settings of the role are the test's.
 */
#ifndef TESTS_TROUBLE_TEST_H
#define TESTS_TROUBLE_TEST_H

#include "pg_proxy.h"
#include "store_test.h"

static struct pg_proxy proxy;
static PGconn *side;    /* another program */
static PGconn *watcher; /* looks at what the server is doing */

/* --- another program ------------------------------------------------------------ */

static inline PGconn *open_side(void)
{
    PGconn *conn = PQconnectdb(pg_server_url());

    PQclear(PQexec(conn, "SET search_path = " ROLE));
    PQclear(PQexec(conn, "SET deadlock_timeout = '60s'"));
    assert_int_equal(PQstatus(conn), CONNECTION_OK);
    return conn;
}

static inline void side_sql(const char *text)
{
    PGresult *res = PQexec(side, text);

    if (PQresultStatus(res) != PGRES_COMMAND_OK &&
        PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", text, PQerrorMessage(side));
    PQclear(res);
}

/* The first value, "" if there is none. */
static inline const char *ask_side(PGconn *conn, const char *text)
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

static inline void expect_row(const char *wanted)
{
    assert_string_equal(ask_side(watcher,
                                 "SELECT config::text || ' ' || revision FROM "
                                 "chat_configs WHERE chat_id = 5"),
                        wanted);
}

/* The replaced revisions, oldest first. */
static inline void expect_history(const char *wanted)
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

static inline void take_step(struct op *op);

static inline void wait_step(struct step *s)
{
    s->timer = timer_start(db.loop, 10);
    s->timer->done = take_step;
    s->timer->arg = s;
}

static inline void take_step(struct op *op)
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

static inline int group_setup(void **state)
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

static inline int group_teardown(void **state)
{
    (void)state;
    side_sql("DROP OWNED BY " ROLE "; DROP ROLE " ROLE "; DROP SCHEMA " ROLE
             " CASCADE");
    PQfinish(side);
    PQfinish(watcher);
    return 0;
}

/* The store's connection goes through the proxy. */
static inline void connect_store(const struct pg_options *given)
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

static inline void disconnect_store(void)
{
    config_store_free(store);
    pg_proxy_stop(&proxy);
    client_free(&db);
}

static const struct pg_options usual = { .statement_timeout_ms = 20000,
                                         .query_timeout_ms = 25000,
                                         .wait_timeout_ms = 10000 };

static inline int setup(void **state)
{
    (void)state;
    side_sql("TRUNCATE chat_configs, config_history");
    side_sql("INSERT INTO chat_configs VALUES (5, '{\"a\": 1}', 0)");
    connect_store(&usual);
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    if (PQtransactionStatus(side) != PQTRANS_IDLE)
        side_sql("ROLLBACK");
    disconnect_store();
    return 0;
}

static inline void cut(enum pg_cut how, int times)
{
    proxy.mark = "\"a\":7";
    proxy.how = how;
    proxy.cuts = times;
}

/* a = 7, which must be saved. */
static inline struct config_op *commit_well(void)
{
    struct config_op *op = commit(config_cached(store, 5), "a", "7");

    assert_string_equal(op->op.err.text, "");
    assert_non_null(op->config);
    assert_true(slice_eq(json_get(op->config->text, "a"), "7"));
    return op;
}

/* a = 7, which must fail with this. */
static inline void commit_badly(const char *why)
{
    struct config_op *op = commit(fetch(5), "a", "7");

    assert_int_equal(op->op.err.kind, ERR_DATABASE);
    assert_has(op->op.err.text, why);
    assert_hasnt(op->op.err.text, "\n");
    assert_null(op->config);
    op_free(&op->op);
}

#endif
