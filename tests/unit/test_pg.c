/* test_pg.c - PostgreSQL on the loop, against real servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "io/loop.h"
#include "io/pg.h"
#include "pg_server.h"

static struct pg_server own; /* made by the group's set-up */

/* --- a loop, a pg and what was heard of it -------------------------------- */

struct client {
    struct loop *loop;
    struct pg *pg;
    int ups, downs;
    int stop_ups, stop_downs; /* loop_stop() when so many were told */
    char reason[800];
    int notifies;
    char channel[64], payload[64];
};

static void on_state(bool up, const char *reason, void *arg)
{
    struct client *c = arg;

    *(up ? &c->ups : &c->downs) += 1;
    if (!up)
        snprintf(c->reason, sizeof(c->reason), "%s", reason);
    if (c->ups == c->stop_ups || c->downs == c->stop_downs)
        loop_stop(c->loop);
}

static struct client client_new(const struct pg_options *options)
{
    struct client c = { .stop_ups = -1, .stop_downs = -1 };
    struct err err = ERR_INIT;

    c.loop = loop_new();
    c.pg = pg_new(c.loop, options, &err);
    if (!c.pg)
        fail_msg("%s", err.text);
    return c;
}

static struct client connect_to(const char *url)
{
    return client_new(&(struct pg_options){
        .url = url, .application_name = "test_pg", .prepare = true });
}

static void client_free(struct client *c)
{
    assert_int_equal(loop_live_ops(c->loop), 0);
    pg_free(c->pg);
    loop_free(c->loop);
}

static void wait_ups(struct client *c, int n)
{
    pg_on_state(c->pg, on_state, c);
    c->stop_ups = n;
    if (c->ups < n)
        loop_run(c->loop);
    c->stop_ups = -1;
}

static void wait_downs(struct client *c, int n)
{
    pg_on_state(c->pg, on_state, c);
    c->stop_downs = n;
    if (c->downs < n)
        loop_run(c->loop);
    c->stop_downs = -1;
}

static int pending;

static void on_done(struct op *op)
{
    if (--pending == 0)
        loop_stop(op->loop);
}

static void wait_all(struct client *c, struct pg_op **ops, int n)
{
    pending = n;
    for (int i = 0; i < n; i++)
        ops[i]->op.done = on_done;
    loop_run(c->loop);
}

static void free_all(struct pg_op **ops, int n)
{
    for (int i = 0; i < n; i++)
        op_free(&ops[i]->op);
}

/* A query without parameters to its end. */
static struct pg_op *ask(struct client *c, const struct pg_statement *st)
{
    struct pg_op *op = pg_query(c->pg, st, NULL, 0);

    wait_all(c, &op, 1);
    return op;
}

static void ask_ok(struct client *c, const struct pg_statement *st)
{
    struct pg_op *op = ask(c, st);

    assert_string_equal(op->op.err.text, "");
    op_free(&op->op);
}

static int64_t ask_int(struct client *c, const struct pg_statement *st)
{
    struct pg_op *op = ask(c, st);
    int64_t n = pg_int(op, 0, 0);

    assert_string_equal(op->op.err.text, "");
    assert_int_equal(pg_rows(op), 1);
    op_free(&op->op);
    return n;
}

static void script_ok(struct client *c, const char *sql)
{
    struct pg_op *op = pg_script(c->pg, slice_of(sql));

    wait_all(c, &op, 1);
    assert_string_equal(op->op.err.text, "");
    op_free(&op->op);
}

static void sleep_ms(struct client *c, int ms)
{
    struct op *timer = timer_start(c->loop, ms);

    pending = 1;
    timer->done = on_done;
    loop_run(c->loop);
    op_free(timer);
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static void assert_hasnt(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("\"%s\" is in \"%s\"", part, text);
}

static const struct pg_statement one = { "one", "SELECT 1", 0 };
static const struct pg_statement echo = { "echo", "SELECT $1::bigint", 1 };
static const struct pg_statement sleep_long = { "sleep", "SELECT pg_sleep(60)",
                                                0 };
static const struct pg_statement backend = { "backend",
                                             "SELECT pg_backend_pid()", 0 };

/* --- queries -------------------------------------------------------------- */

static void test_pg__parameters(void **state)
{
    static const struct pg_statement st = {
        "all.kinds", "SELECT $1::text, $2::bigint, $3::text, $4::text, $2 = $5",
        5
    };
    struct client c = connect_to(pg_server_url());
    char min[24], text[8] = "abcdefgh"; /* no NUL after it */
    struct slice params[] = { { text, 3 },
                              pg_int_param(min, INT64_MIN),
                              SLICE_NONE,
                              { "", 0 },
                              slice_of("-9223372036854775808") };
    struct pg_op *op = pg_query(c.pg, &st, params, 5);

    (void)state;
    memset(text, 'x', sizeof(text)); /* was copied */
    memset(min, 'x', sizeof(min));
    wait_all(&c, &op, 1);
    assert_string_equal(op->op.err.text, "");
    assert_int_equal(pg_rows(op), 1);
    assert_true(slice_eq(pg_value(op, 0, 0), "abc"));
    assert_true(pg_int(op, 0, 1) == INT64_MIN);
    assert_true(pg_is_null(op, 0, 2));
    assert_null(pg_value(op, 0, 2).p);
    assert_false(pg_is_null(op, 0, 3));
    assert_int_equal(pg_value(op, 0, 3).n, 0);
    assert_true(slice_eq(pg_value(op, 0, 4), "t"));
    assert_int_equal(pg_int(op, 0, 0), 0); /* no integer */
    op_free(&op->op);
    client_free(&c);
}

static void test_pg__nul_byte(void **state)
{
    struct client c = connect_to(pg_server_url());
    struct slice param = { "1\0002", 3 };
    struct pg_op *ops[] = { pg_query(c.pg, &echo, &param, 1),
                            pg_script(c.pg, param) };

    (void)state;
    wait_all(&c, ops, 2);
    assert_string_equal(ops[0]->op.err.text,
                        "echo: parameter 1 has a NUL byte in it");
    assert_int_equal(ops[1]->op.err.kind, ERR_DATABASE);
    free_all(ops, 2);
    client_free(&c);
}

#define MANY 1000

static void test_pg__many_in_order(void **state)
{
    struct client c = connect_to(pg_server_url());
    struct pg_op *ops[MANY];
    char storage[24];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        struct slice param = pg_int_param(storage, i * 4000000000LL);

        ops[i] = pg_query(c.pg, &echo, &param, 1);
    }
    ops[MANY - 1]->op.done = on_done; /* the last one: then all have come */
    pending = 1;
    loop_run(c.loop);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(ops[i]->op.state, OP_DONE);
        assert_true(pg_int(ops[i], 0, 0) == i * 4000000000LL);
    }
    free_all(ops, MANY);
    client_free(&c);
}

/* More than sockets hold, both ways: neither side may wait for the other. */
static void test_pg__large(void **state)
{
    static const struct pg_statement st = { "large", "SELECT $1::text", 1 };
    enum { COUNT = 60, SIZE = 300000 };
    struct client c = connect_to(pg_server_url());
    char *text = xalloc(SIZE);
    struct pg_op *ops[COUNT];

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        memset(text, 'a' + i % 26, SIZE);
        ops[i] = pg_query(c.pg, &st, &(struct slice){ text, SIZE }, 1);
    }
    wait_all(&c, ops, COUNT);
    for (int i = 0; i < COUNT; i++) {
        memset(text, 'a' + i % 26, SIZE);
        assert_string_equal(ops[i]->op.err.text, "");
        assert_int_equal(pg_value(ops[i], 0, 0).n, SIZE);
        assert_memory_equal(pg_value(ops[i], 0, 0).p, text, SIZE);
    }
    free_all(ops, COUNT);
    free(text);
    client_free(&c);
}

static void test_pg__error_spoils_no_other(void **state)
{
    static const struct pg_statement insert = {
        "insert", "INSERT INTO t_error VALUES ($1)", 1
    };
    static const struct pg_statement count = { "count",
                                               "SELECT sum(n) FROM t_error",
                                               0 };
    static const char *const values[] = { "1", "2", "1", "30" };
    struct client c = connect_to(pg_server_url());
    struct pg_op *ops[4];

    (void)state;
    script_ok(&c, "DROP TABLE IF EXISTS t_error;"
                  "CREATE TABLE t_error (n int PRIMARY KEY)");
    for (int i = 0; i < 4; i++) {
        struct slice param = slice_of(values[i]);

        ops[i] = pg_query(c.pg, &insert, &param, 1);
    }
    wait_all(&c, ops, 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(ops[i]->op.err.kind, i == 2 ? ERR_DATABASE : ERR_NONE);
    assert_int_equal(pg_affected(ops[0]), 1);
    assert_string_equal(ops[2]->sqlstate, "23505");
    assert_false(ops[2]->maybe_done);
    assert_has(ops[2]->op.err.text, "insert: duplicate key value");
    assert_has(ops[2]->op.err.text, "(Key (n)=(1) already exists.)");
    assert_int_equal(pg_rows(ops[2]), 0);
    free_all(ops, 4);
    assert_int_equal(ask_int(&c, &count), 33);
    client_free(&c);
}

/* An error that the commit brings. */
static void test_pg__deferred_error(void **state)
{
    static const struct pg_statement insert = {
        "insert", "INSERT INTO t_deferred VALUES (1), (1)", 0
    };
    struct client c = connect_to(pg_server_url());
    struct pg_op *op;

    (void)state;
    script_ok(&c, "DROP TABLE IF EXISTS t_deferred; CREATE TABLE t_deferred "
                  "(n int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    op = ask(&c, &insert);
    assert_string_equal(op->sqlstate, "23505");
    assert_false(op->maybe_done);
    op_free(&op->op);
    ask_ok(&c, &one);
    client_free(&c);
}

/* --- prepared statements -------------------------------------------------- */

static const struct pg_statement prepared_count = {
    "prepared_count",
    "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'echo%'", 0
};

static void ask_echo(struct client *c, int n)
{
    struct pg_op *ops[20];
    char storage[24];

    for (int i = 0; i < n; i++) {
        struct slice param = pg_int_param(storage, i);

        ops[i] = pg_query(c->pg, &echo, &param, 1);
    }
    wait_all(c, ops, n);
    for (int i = 0; i < n; i++) {
        assert_string_equal(ops[i]->op.err.text, "");
        assert_int_equal(pg_int(ops[i], 0, 0), i);
    }
    free_all(ops, n);
}

static void test_pg__prepares_once(void **state)
{
    static const struct pg_statement uses = {
        "uses",
        "SELECT generic_plans + custom_plans FROM "
        "pg_prepared_statements WHERE name LIKE 'echo%'",
        0
    };
    struct client c = connect_to(pg_server_url());

    (void)state;
    ask_echo(&c, 5);
    ask_echo(&c, 5);
    assert_int_equal(ask_int(&c, &prepared_count), 1);
    /* the first, and those asked for when it was known to be there */
    assert_int_equal(ask_int(&c, &uses), 1 + 5);
    client_free(&c);
}

static void test_pg__prepares_not(void **state)
{
    struct client c =
        client_new(&(struct pg_options){ .url = pg_server_url() });

    (void)state;
    ask_echo(&c, 5);
    assert_int_equal(ask_int(&c, &prepared_count), 0);
    client_free(&c);
}

/* A statement that could not be prepared is tried anew, not believed in. */
static void test_pg__prepare_fails(void **state)
{
    static const struct pg_statement st = { "later",
                                            "SELECT count(*) FROM t_later", 0 };
    struct client c = connect_to(pg_server_url());
    struct pg_op *ops[3];

    (void)state;
    script_ok(&c, "DROP TABLE IF EXISTS t_later");
    for (int i = 0; i < 3; i++)
        ops[i] = pg_query(c.pg, i == 1 ? &one : &st, NULL, 0);
    wait_all(&c, ops, 3);
    assert_string_equal(ops[0]->sqlstate, "42P01");
    assert_string_equal(ops[1]->op.err.text, "");
    assert_string_equal(ops[2]->sqlstate, "42P01");
    free_all(ops, 3);
    script_ok(&c, "CREATE TABLE t_later (n int)");
    ask_ok(&c, &st);
    ask_ok(&c, &st);
    client_free(&c);
}

static int warnings;

static void count_warnings(enum log_level level, const char *area,
                           const char *message, const char *fields, void *arg)
{
    (void)area;
    (void)fields;
    (void)arg;
    if (level == LOG_WARN && strstr(message, "prepared"))
        warnings++;
}

/* As a pooler in transaction mode does: another session, without a word. */
static void test_pg__prepared_get_lost(void **state)
{
    static const struct pg_statement forget = { "forget", "DEALLOCATE ALL", 0 };
    struct client c = connect_to(pg_server_url());

    (void)state;
    warnings = 0;
    log_set_sink(count_warnings, NULL);
    for (int i = 0; i < 5; i++) {
        struct pg_op *op = pg_query(c.pg, &forget, NULL, 0);

        ask_echo(&c, 7);
        op_free(&op->op);
        ask_echo(&c, 2);
    }
    log_set_sink(NULL, NULL);
    assert_int_equal(warnings, 1);
    assert_int_equal(ask_int(&c, &prepared_count), 0);
    client_free(&c);
}

/* As a pooler does that gives us the session of another that was like us. */
static void test_pg__prepared_name_taken(void **state)
{
    static const struct pg_statement name = {
        "name",
        "SELECT name FROM pg_prepared_statements WHERE name LIKE 'echo%'", 0
    };
    struct client c = connect_to(pg_server_url());
    struct pg_op *op;
    char sql[200];

    (void)state;
    ask_echo(&c, 1);
    op = ask(&c, &name);
    snprintf(sql, sizeof(sql), "PREPARE \"%s\" AS SELECT 99",
             pg_value(op, 0, 0).p);
    op_free(&op->op);
    client_free(&c);
    c = connect_to(pg_server_url());
    script_ok(&c, sql);
    ask_echo(&c, 3);
    ask_echo(&c, 3);
    assert_int_equal(ask_int(&c, &prepared_count), 2);
    client_free(&c);
}

static void test_pg__table_changes(void **state)
{
    static const struct pg_statement st = { "star", "SELECT * FROM t_star", 0 };
    struct client c = connect_to(pg_server_url());

    (void)state;
    script_ok(&c, "DROP TABLE IF EXISTS t_star; CREATE TABLE t_star (a int);"
                  "INSERT INTO t_star VALUES (7)");
    assert_int_equal(ask_int(&c, &st), 7);
    script_ok(&c, "ALTER TABLE t_star ALTER a TYPE bigint, ADD b int");
    assert_int_equal(ask_int(&c, &st), 7);
    assert_int_equal(ask_int(&c, &st), 7);
    client_free(&c);
}

/* --- scripts -------------------------------------------------------------- */

static const struct pg_statement script_rows = {
    "script_rows", "SELECT count(*) FROM t_script", 0
};

static void test_pg__script_is_atomic(void **state)
{
    struct client c = connect_to(pg_server_url());
    struct pg_op *op;

    (void)state;
    script_ok(&c, "DROP TABLE IF EXISTS t_script;\nCREATE TABLE t_script (n "
                  "int);\nINSERT INTO t_script VALUES (1)");
    op = pg_script(c.pg, slice_of("INSERT INTO t_script VALUES (2);\n"
                                  "-- a comment: \xC3\xA4\xC3\xB6\xC3\xBC\n"
                                  "INSERT INTO t_scrpt VALUES (3)"));
    wait_all(&c, &op, 1);
    assert_string_equal(op->op.err.text,
                        "script: line 3: relation \"t_scrpt\" does not exist");
    assert_string_equal(op->sqlstate, "42P01");
    assert_false(op->maybe_done);
    op_free(&op->op);
    assert_int_equal(ask_int(&c, &script_rows), 1);
    client_free(&c);
}

static void test_pg__script_keeps_order(void **state)
{
    struct client c = connect_to(pg_server_url());
    struct pg_op *ops[5];

    (void)state;
    script_ok(&c,
              "DROP TABLE IF EXISTS t_script; CREATE TABLE t_script (n int)");
    ops[0] = pg_query(c.pg, &script_rows, NULL, 0);
    ops[1] = pg_script(c.pg, slice_of("INSERT INTO t_script VALUES (1);"
                                      "SELECT count(*) + 40 FROM t_script"));
    ops[2] = pg_query(c.pg, &script_rows, NULL, 0);
    ops[3] = pg_script(c.pg, slice_of("INSERT INTO t_script VALUES (2)"));
    ops[4] = pg_query(c.pg, &script_rows, NULL, 0);
    wait_all(&c, ops, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(ops[i]->op.err.text, "");
    assert_int_equal(pg_int(ops[0], 0, 0), 0);
    assert_int_equal(pg_int(ops[1], 0, 0), 41); /* the last result */
    assert_int_equal(pg_int(ops[2], 0, 0), 1);
    assert_int_equal(pg_affected(ops[3]), 1);
    assert_int_equal(pg_int(ops[4], 0, 0), 2);
    free_all(ops, 5);
    client_free(&c);
}

static void test_pg__script_without_time_limit(void **state)
{
    struct client c =
        client_new(&(struct pg_options){ .url = pg_server_url(),
                                         .statement_timeout_ms = 100,
                                         .query_timeout_ms = 600 });
    static const struct pg_statement st = { "slow", "SELECT pg_sleep(20)", 0 };
    struct pg_op *op;

    (void)state;
    script_ok(&c, "SELECT pg_sleep(0.9)");
    op = ask(&c, &st);
    assert_string_equal(op->sqlstate, "57014"); /* the server's limit */
    op_free(&op->op);
    ask_ok(&c, &one);
    client_free(&c);
}

static void test_pg__script_leaves_transaction(void **state)
{
    struct client c = connect_to(pg_server_url());
    struct pg_op *op = pg_script(c.pg, slice_of("BEGIN; SELECT 1"));

    (void)state;
    wait_all(&c, &op, 1);
    assert_has(op->op.err.text, "leaves a transaction open");
    op_free(&op->op);
    ask_ok(&c, &one); /* on a new connection */
    client_free(&c);
}

static void test_pg__copy_is_refused(void **state)
{
    static const struct pg_statement copy = { "copy",
                                              "COPY (SELECT 1) TO STDOUT", 0 };
    struct client c = connect_to(pg_server_url());
    struct pg_op *op = pg_script(c.pg, slice_of("CREATE TEMP TABLE t (n int);"
                                                "COPY t FROM STDIN"));

    (void)state;
    wait_all(&c, &op, 1);
    assert_has(op->op.err.text, "is not possible here");
    op_free(&op->op);
    op = ask(&c, &copy);
    assert_has(op->op.err.text, "is not possible here");
    op_free(&op->op);
    ask_ok(&c, &one);
    client_free(&c);
}

/* --- freeing, limits ------------------------------------------------------ */

static void test_pg__free_while_waiting(void **state)
{
    struct client c = connect_to("postgresql:///x?host=/nonexistent");
    struct pg_op *ops[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        ops[i] = pg_query(c.pg, &one, NULL, 0);
    op_free(&ops[1]->op);
    sleep_ms(&c, 20);
    op_free(&ops[0]->op);
    op_free(&ops[2]->op);
    client_free(&c);
}

static void test_pg__free_while_running(void **state)
{
    static const struct pg_statement slow = { "slow", "SELECT pg_sleep(0.2), 5",
                                              0 };
    struct client c = connect_to(pg_server_url());
    struct pg_op *freed, *other;

    (void)state;
    wait_ups(&c, 1);
    freed = pg_query(c.pg, &slow, NULL, 0);
    other = pg_query(c.pg, &one, NULL, 0);
    sleep_ms(&c, 20);
    assert_int_equal(other->op.state, OP_RUNNING);
    op_free(&freed->op);
    wait_all(&c, &other, 1);
    assert_string_equal(other->op.err.text, "");
    assert_int_equal(pg_int(other, 0, 0), 1);
    op_free(&other->op);
    freed =
        pg_query(c.pg, &slow, NULL, 0); /* and pg_free() with one on its way */
    sleep_ms(&c, 20);
    op_free(&freed->op);
    assert_int_equal(c.downs, 0);
    client_free(&c);
}

static void test_pg__queue_max(void **state)
{
    struct client c = client_new(
        &(struct pg_options){ .url = pg_server_url(), .queue_max = 3 });
    struct pg_op *ops[5];

    (void)state;
    for (int i = 0; i < 5; i++)
        ops[i] = pg_query(c.pg, &one, NULL, 0);
    wait_all(&c, ops, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(ops[i]->op.err.text,
                            i < 3 ? "" : "one: too many queries are waiting");
    free_all(ops, 5);
    ask_ok(&c, &one);
    client_free(&c);
}

static void test_pg__wait_timeout(void **state)
{
    struct client c = client_new(&(struct pg_options){
        .url = "postgresql:///x?host=/nonexistent", .wait_timeout_ms = 250 });
    struct pg_op *ops[2] = { pg_query(c.pg, &one, NULL, 0),
                             pg_script(c.pg, slice_of("SELECT 1")) };

    (void)state;
    wait_all(&c, ops, 2);
    assert_int_equal(ops[0]->op.err.kind, ERR_DATABASE);
    assert_has(ops[0]->op.err.text,
               "one: no connection to PostgreSQL: connection to server on "
               "socket \"/nonexistent");
    assert_false(ops[0]->maybe_done);
    assert_has(ops[1]->op.err.text, "script: no connection to PostgreSQL: ");
    free_all(ops, 2);
    client_free(&c);
}

/* --- losing the connection ------------------------------------------------ */

static void test_pg__query_timeout(void **state)
{
    struct client c =
        client_new(&(struct pg_options){ .url = pg_server_url(),
                                         .statement_timeout_ms = 3000,
                                         .query_timeout_ms = 800 });
    struct pg_op *ops[2];

    (void)state;
    wait_ups(&c, 1);
    ops[0] = pg_query(c.pg, &sleep_long, NULL, 0);
    ops[1] = pg_query(c.pg, &one, NULL, 0);
    wait_all(&c, ops, 2);
    assert_int_equal(ops[0]->op.err.kind, ERR_TIMEOUT);
    assert_string_equal(ops[0]->op.err.text, "sleep: no answer within 800 ms");
    assert_true(ops[0]->maybe_done);
    assert_int_equal(ops[1]->op.err.kind, ERR_DATABASE);
    assert_true(ops[1]->maybe_done);
    free_all(ops, 2);
    ask_ok(&c, &one);
    assert_int_equal(c.ups, 2);
    client_free(&c);
}

/* Behind a script that takes long: nothing is stuck, nothing is closed. */
static void test_pg__timeout_behind_script(void **state)
{
    struct client c = client_new(&(struct pg_options){
        .url = pg_server_url(), .query_timeout_ms = 300 });
    struct pg_op *ops[2];

    (void)state;
    wait_ups(&c, 1);
    ops[0] = pg_script(c.pg, slice_of("SELECT pg_sleep(0.8)"));
    ops[1] = pg_query(c.pg, &one, NULL, 0);
    wait_all(&c, ops, 2);
    assert_string_equal(ops[0]->op.err.text, "");
    assert_int_equal(ops[1]->op.err.kind, ERR_TIMEOUT);
    assert_false(ops[1]->maybe_done);
    free_all(ops, 2);
    assert_int_equal(c.downs, 0);
    client_free(&c);
}

static void test_pg__backend_terminated(void **state)
{
    struct client c = connect_to(pg_server_url());
    struct pg_op *ops[3];
    char sql[80];

    (void)state;
    wait_ups(&c, 1);
    snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%d)",
             (int)ask_int(&c, &backend));
    ops[0] = pg_query(c.pg, &sleep_long, NULL, 0);
    ops[1] = pg_query(c.pg, &one, NULL, 0);
    ops[2] = pg_query(c.pg, &one, NULL, 0);
    sleep_ms(&c, 50);
    op_free(&ops[2]->op);
    assert_true(pg_server_sql(pg_server_url(), sql));
    wait_all(&c, ops, 2);
    assert_string_equal(ops[0]->sqlstate, "57P01");
    assert_false(ops[0]->maybe_done); /* the server says it ended it */
    assert_int_equal(ops[1]->op.err.kind, ERR_DATABASE);
    assert_true(ops[1]->maybe_done);
    assert_string_equal(ops[1]->sqlstate, "");
    assert_has(ops[1]->op.err.text, "the connection to PostgreSQL broke: "
                                    "terminating connection due to");
    assert_has(c.reason, "terminating connection due to");
    free_all(ops, 2);
    ask_echo(&c, 2); /* waits for the new one, and prepares again */
    assert_int_equal(c.ups, 2);
    client_free(&c);
}

/* While nothing is asked. */
static void test_pg__idle_terminated(void **state)
{
    struct client c = connect_to(pg_server_url());
    char sql[80];

    (void)state;
    wait_ups(&c, 1);
    snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%d)",
             (int)ask_int(&c, &backend));
    assert_true(pg_server_sql(pg_server_url(), sql));
    wait_downs(&c, 1);
    assert_false(pg_is_up(c.pg));
    assert_has(c.reason, "terminating connection due to");
    wait_ups(&c, 2);
    assert_true(pg_is_up(c.pg));
    client_free(&c);
}

static void test_pg__server_restarts(void **state)
{
    struct client c = connect_to(own.url);
    struct pg_op *ops[2];

    (void)state;
    wait_ups(&c, 1);
    ops[0] = pg_query(c.pg, &sleep_long, NULL, 0);
    ops[1] = pg_query(c.pg, &one, NULL, 0);
    sleep_ms(&c, 50);
    assert_true(pg_server_do(&own, "stop"));
    wait_all(&c, ops, 2);
    assert_int_equal(ops[0]->op.err.kind, ERR_DATABASE);
    assert_true(ops[1]->maybe_done);
    free_all(ops, 2);
    wait_downs(&c, 2); /* another reason: now there is no server */
    assert_has(c.reason, "Is the server running");
    ops[0] = pg_query(c.pg, &one, NULL, 0);
    assert_true(pg_server_do(&own, "start"));
    wait_all(&c, ops, 1);
    assert_string_equal(ops[0]->op.err.text, "");
    op_free(&ops[0]->op);
    assert_int_equal(c.ups, 2);
    client_free(&c);
}

static void test_pg__server_crashes(void **state)
{
    struct client c = connect_to(own.url);
    struct pg_op *op;

    (void)state;
    wait_ups(&c, 1);
    op = pg_query(c.pg, &sleep_long, NULL, 0);
    sleep_ms(&c, 50);
    assert_true(pg_server_do(&own, "kill"));
    pg_server_unlock(&own);
    assert_true(pg_server_do(&own, "start"));
    wait_all(&c, &op, 1);
    assert_int_equal(op->op.err.kind, ERR_DATABASE);
    assert_has(op->op.err.text, "sleep: ");
    op_free(&op->op);
    wait_ups(&c, 2);
    ask_ok(&c, &one);
    client_free(&c);
}

/* --- connecting ----------------------------------------------------------- */

static const struct {
    const char *url, *says;
} bad_urls[] = {
    { NULL, "is empty" },
    { "", "is empty" },
    { " \n", "is empty" },
    { "hunter2", "does not begin with postgres://" },
    { "mysql://u:hunter2@h/db", "does not begin with postgres://" },
    { "postgres:/u:hunter2@h/db?a=b", "malformed" },
    { "postgres://u:hunter2@[::1/db", "malformed" },
    { "postgres://u:hunter2@[::1]x/db", "malformed: unexpected character" },
    { "postgres://u:hunter2%zz@h/db", "malformed: invalid percent-encoded" },
    { "postgres://u:hunter2%00@h/db", "malformed: forbidden value %00" },
    { "postgres://u:hunter2@h/db?hunter2", "malformed: missing key/value" },
    { "postgres://u:hunter2@h/db?hunter2=1", "invalid URI query parameter" },
    { "postgres://u:x@hunter2@h/db", "has an @ where none belongs" },
    { "postgres://u:x/hunter2@h/db", "has an @ where none belongs" },
    { "postgres://u:hunter2/db", "port is not a number" },
    { "postgres://u:1/hunter2@h/db", "has an @ where none belongs" },
    { "postgres://u:hunter2@h:99999/db", "port is not a number from 1" },
    { "postgres://u:hunter2@h:0/db", "port is not a number from 1" },
    { "postgres://u:hunter2@a:1,b:2,c/db?port=1,2", "3 hosts but 2 ports" },
    { "host=h password=a hunter2", "malformed: missing \"=\" after" },
    { "host=h password='hunter2", "malformed: unterminated quoted string" },
    { "host=h hunter2=x", "malformed: invalid connection option" },
};

static void test_pg__malformed_urls(void **state)
{
    struct loop *loop = loop_new();

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad_urls); i++) {
        struct err err = ERR_INIT;
        struct pg *pg =
            pg_new(loop, &(struct pg_options){ .url = bad_urls[i].url }, &err);

        if (pg)
            fail_msg("%s was accepted", bad_urls[i].url);
        assert_int_equal(err.kind, ERR_USAGE);
        assert_has(err.text, bad_urls[i].says);
        assert_hasnt(err.text, "hunter2");
    }
    loop_free(loop);
}

/* What can go wrong with a good url; %d is the port of our own server. */
static const struct {
    const char *url, *says;
    bool require_ssl;
} unreachable[] = {
    { "postgres://walter:hunter2@127.0.0.1:%d/postgres",
      "password authentication failed for user \"walter\"", false },
    { "postgres://walter:hunter2@localhost:%d/postgres",
      "password authentication failed for user \"walter\"", false },
    { "postgres://walter:" PG_SERVER_PASSWORD "@127.0.0.1:%d/nowhere",
      "database \"nowhere\" does not exist", false },
    { "postgres://walter:" PG_SERVER_PASSWORD "@127.0.0.1:%d/postgres", "SSL",
      true },
    { "postgres://walter:hunter2@127.0.0.1:1/postgres", "Connection refused",
      false },
    { "postgres://walter:hunter2@127.0.0.1:%d,127.0.0.1:1/postgres",
      "password authentication failed", false },
};

static void test_pg__unreachable(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(unreachable); i++) {
        char url[200];
        struct client c;

#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(url, sizeof(url), unreachable[i].url, own.port);
        c = client_new(&(struct pg_options){
            .url = url, .require_ssl = unreachable[i].require_ssl });
        wait_downs(&c, 1);
        assert_has(c.reason, unreachable[i].says);
        assert_hasnt(c.reason, "hunter2");
        assert_hasnt(c.reason, PG_SERVER_PASSWORD);
        assert_hasnt(c.reason, "\n");
        sleep_ms(&c, 300);            /* two more tries */
        assert_int_equal(c.downs, 1); /* the same reason is told once */
        client_free(&c);
    }
}

static const char *const reachable[] = {
    "postgres://walter:" PG_SERVER_PASSWORD "@localhost:%d/postgres",
    "postgresql://walter:" PG_SERVER_PASSWORD "@127.0.0.1:%d/postgres",
    "postgres://walter:" PG_SERVER_PASSWORD
    "@localhost:1,localhost:%d/postgres",
    "postgres://walter:" PG_SERVER_PASSWORD "@/postgres"
    "?host=/nonexistent,localhost&port=%d",
    "host=localhost user=walter password=" PG_SERVER_PASSWORD
    " dbname=postgres port=%d",
    "hostaddr=127.0.0.1 host=nowhere.invalid user=walter dbname=postgres "
    "password=" PG_SERVER_PASSWORD " port=%d",
};

static void test_pg__reachable(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(reachable); i++) {
        char url[200];
        struct client c;

        snprintf(url, sizeof(url), reachable[i], own.port);
        c = connect_to(url);
        wait_ups(&c, 1);
        assert_int_equal(c.downs, 0);
        ask_ok(&c, &one);
        client_free(&c);
    }
}

/* The password is changed while we are refused: then it comes up. */
static void test_pg__password_is_mended(void **state)
{
    char url[200];
    struct client c;

    (void)state;
    snprintf(url, sizeof(url),
             "postgres://walter:hunter2@127.0.0.1:%d/postgres", own.port);
    c = connect_to(url);
    wait_downs(&c, 1);
    assert_true(pg_server_sql(own.url, "ALTER ROLE walter PASSWORD 'hunter2'"));
    wait_ups(&c, 1);
    assert_true(pg_server_sql(own.url,
                              "ALTER ROLE walter PASSWORD '" PG_SERVER_PASSWORD
                              "'"));
    ask_ok(&c, &one);
    client_free(&c);
}

/* Which phase it is in when it is freed is up to chance: none may leak. */
static void test_pg__free_at_any_time(void **state)
{
    static const char *const urls[] = {
        "postgres://u@no-such-host.invalid/x", "postgres://u@localhost:1/x",
        "postgres://walter:hunter2@127.0.0.1:%d/postgres"
    };

    (void)state;
    for (int ms = 0; ms < 12; ms++) {
        char url[200];
        struct client c;

        snprintf(url, sizeof(url), urls[ms % 3], own.port);
        c = connect_to(url);
        if (ms > 2)
            sleep_ms(&c, ms - 3);
        pg_free(c.pg);
        c.pg = NULL;
        sleep_ms(&c, 0);
        client_free(&c);
    }
}

static void test_pg__session(void **state)
{
    static const struct pg_statement settings = {
        "settings",
        "SELECT current_setting('application_name') || ' ' ||"
        " current_setting('client_encoding') || ' ' ||"
        " current_setting('statement_timeout')",
        0
    };
    struct client c =
        client_new(&(struct pg_options){ .url = pg_server_url(),
                                         .application_name = "test_pg",
                                         .statement_timeout_ms = 7000 });
    struct pg_op *op = ask(&c, &settings);

    (void)state;
    assert_true(slice_eq(pg_value(op, 0, 0), "test_pg UTF8 7s"));
    op_free(&op->op);
    client_free(&c);
}

/* --- notify --------------------------------------------------------------- */

static void on_notify(const char *channel, struct slice payload, void *arg)
{
    struct client *c = arg;

    c->notifies++;
    snprintf(c->channel, sizeof(c->channel), "%s", channel);
    snprintf(c->payload, sizeof(c->payload), "%.*s", (int)payload.n, payload.p);
    loop_stop(c->loop);
}

static void test_pg__notify(void **state)
{
    static const struct pg_statement listen = { "listen", "LISTEN t_news", 0 };
    struct client c = connect_to(pg_server_url());

    (void)state;
    pg_on_notify(c.pg, on_notify, &c);
    ask_ok(&c, &listen);
    assert_true(pg_server_sql(pg_server_url(), "NOTIFY t_news, 'chat 12'"));
    loop_run(c.loop);
    assert_int_equal(c.notifies, 1);
    assert_string_equal(c.channel, "t_news");
    assert_string_equal(c.payload, "chat 12");
    client_free(&c);
}

/* --- */

static int group_setup(void **state)
{
    (void)state;
    return pg_server_create(&own) ? 0 : -1;
}

static int group_teardown(void **state)
{
    (void)state;
    pg_server_destroy(&own);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pg__parameters),
        cmocka_unit_test(test_pg__nul_byte),
        cmocka_unit_test(test_pg__many_in_order),
        cmocka_unit_test(test_pg__large),
        cmocka_unit_test(test_pg__error_spoils_no_other),
        cmocka_unit_test(test_pg__deferred_error),
        cmocka_unit_test(test_pg__prepares_once),
        cmocka_unit_test(test_pg__prepares_not),
        cmocka_unit_test(test_pg__prepare_fails),
        cmocka_unit_test(test_pg__prepared_get_lost),
        cmocka_unit_test(test_pg__prepared_name_taken),
        cmocka_unit_test(test_pg__table_changes),
        cmocka_unit_test(test_pg__script_is_atomic),
        cmocka_unit_test(test_pg__script_keeps_order),
        cmocka_unit_test(test_pg__script_without_time_limit),
        cmocka_unit_test(test_pg__script_leaves_transaction),
        cmocka_unit_test(test_pg__copy_is_refused),
        cmocka_unit_test(test_pg__free_while_waiting),
        cmocka_unit_test(test_pg__free_while_running),
        cmocka_unit_test(test_pg__queue_max),
        cmocka_unit_test(test_pg__wait_timeout),
        cmocka_unit_test(test_pg__query_timeout),
        cmocka_unit_test(test_pg__timeout_behind_script),
        cmocka_unit_test(test_pg__backend_terminated),
        cmocka_unit_test(test_pg__idle_terminated),
        cmocka_unit_test(test_pg__server_restarts),
        cmocka_unit_test(test_pg__server_crashes),
        cmocka_unit_test(test_pg__malformed_urls),
        cmocka_unit_test(test_pg__unreachable),
        cmocka_unit_test(test_pg__reachable),
        cmocka_unit_test(test_pg__password_is_mended),
        cmocka_unit_test(test_pg__free_at_any_time),
        cmocka_unit_test(test_pg__session),
        cmocka_unit_test(test_pg__notify),
    };

    pg_server_url();
    log_setup(LOG_WARN, LOG_TEXT);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
