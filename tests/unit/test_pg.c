/* test_pg.c - queries on a real PostgreSQL. */
#include "pg_client.h"

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

/* What is no whole number, or too large for one, is 0. */
static void test_pg__integers(void **state)
{
    static const struct {
        const char *text;
        int64_t n;
    } cases[] = {
        { "0", 0 },
        { "7", 7 },
        { "-12", -12 },
        { "123456789012345678", 123456789012345678 },
        { "-123456789012345678", -123456789012345678 },
        { "1234567890123456789", 1234567890123456789 },
        { "9223372036854775807", INT64_MAX },
        { "9223372036854775808", 0 },
        { "", 0 },
        { "-", 0 },
        { "1x", 0 },
        { "1.5", 0 },
        { "--1", 0 },
    };
    static const struct pg_statement st = { "text", "SELECT $1::text", 1 };
    struct client c = connect_to(pg_server_url());

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice param = slice_of(cases[i].text);
        struct pg_op *op = pg_query(c.pg, &st, &param, 1);

        wait_all(&c, &op, 1);
        assert_true(pg_int(op, 0, 0) == cases[i].n);
        op_free(&op->op);
    }
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
    static const struct pg_statement there = {
        "there",
        "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'later%'",
        0
    };
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
    assert_int_equal(ask_int(&c, &there), 1);
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
    if (level == LOG_INFO && strstr(message, "keep getting lost"))
        warnings++;
}

/* As a pooler in transaction mode does: another session, without a word. */
static void test_pg__prepared_get_lost(void **state)
{
    static const struct pg_statement forget = { "forget", "DEALLOCATE ALL", 0 };
    struct client c = connect_to(pg_server_url());

    (void)state;
    warnings = 0;
    log_setup(LOG_INFO, LOG_TEXT);
    log_set_sink(count_warnings, NULL);
    for (int i = 0; i < 5; i++) {
        struct pg_op *op = pg_query(c.pg, &forget, NULL, 0);

        ask_echo(&c, 7);
        op_free(&op->op);
        ask_echo(&c, 2);
    }
    log_set_sink(NULL, NULL);
    log_setup(LOG_WARN, LOG_TEXT);
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
                                         .statement_timeout_ms = 800,
                                         .query_timeout_ms = 2000 });
    static const struct pg_statement st = { "slow", "SELECT pg_sleep(20)", 0 };
    struct pg_op *op;

    (void)state;
    script_ok(&c, "SELECT pg_sleep(2.5)");
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
    struct client c = client_new(&(struct pg_options){
        .url = "postgresql:///x?host=/nonexistent", .wait_timeout_ms = 250 });
    struct pg_op *ops[3];

    (void)state;
    for (int i = 0; i < 3; i++)
        ops[i] = pg_query(c.pg, &one, NULL, 0);
    op_free(&ops[1]->op);
    sleep_ms(&c, 20);
    op_free(&ops[0]->op);
    wait_all(&c, &ops[2], 1); /* the lists hold only this one */
    assert_has(ops[2]->op.err.text, "no connection");
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
               "no connection to PostgreSQL: connection to server on "
               "socket \"/nonexistent");
    assert_false(ops[0]->maybe_done);
    assert_int_equal(strncmp(ops[1]->op.err.text, "no connection", 13), 0);
    free_all(ops, 2);
    client_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pg__parameters),
        cmocka_unit_test(test_pg__integers),
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
    };

    pg_server_url();
    log_setup(LOG_WARN, LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
