/* test_pg_text.c - statements made at run time, on a real PostgreSQL. */
#include "pg_client.h"

#include "io/pg_text.h"

static struct pg_op *ask_text(struct client *c, const char *sql,
                              unsigned session)
{
    return pg_ask(c->pg, &(struct pg_question){ .sql = slice_of(sql),
                                                .session = session,
                                                .rows_max = 10,
                                                .bytes_max = 1000 });
}

static void test_pg_text__rows(void **state)
{
    struct client c = connect_to(pg_server_url());
    struct slice params[] = { slice_of("x"), SLICE_NONE };
    const struct pg_answer *answer;
    struct pg_op *op;
    size_t at = 0;

    (void)state;
    for (int round = 0; round < 3; round++) { /* known, then prepared */
        op = pg_ask(c.pg, &(struct pg_question){
                              .sql = slice_of("SELECT $1::text AS a, $2::int "
                                              "AS b, n FROM generate_series(1, "
                                              "2) AS n"),
                              .params = params,
                              .nparams = 2 });
        wait_all(&c, &op, 1);
        assert_string_equal(op->op.err.text, "");
        answer = pg_answer(op);
        assert_int_equal(answer->ncolumns, 3);
        assert_int_equal(answer->nrows, 2);
        assert_int_equal(answer->affected, 2);
        assert_string_equal(answer->tag, "SELECT 2");
        assert_string_equal(answer->columns[1].name, "b");
        assert_int_equal(answer->columns[2].type, 23);
        at = 0;
        for (int row = 1; row <= 2; row++) {
            assert_true(slice_eq(pg_answer_next(answer, &at), "x"));
            assert_null(pg_answer_next(answer, &at).p);
            assert_true(
                slice_eq(pg_answer_next(answer, &at), row == 1 ? "1" : "2"));
        }
        op_free(&op->op);
    }
    client_free(&c);
}

static void test_pg_text__limits(void **state)
{
    static const struct {
        const char *sql, *error;
        bool maybe_done;
    } cases[] = {
        { "SELECT generate_series(1, 10)", "", false },
        { "SELECT generate_series(1, 11)", "the result has more than 10 rows",
          false },
        { "SELECT repeat('x', 995)", "", false },
        { "SELECT repeat('x', 996)", "the result has more than 0 KiB", false },
        { "SELECT repeat('x', 100), generate_series(1, 100000)",
          "the result has more than", false },
        { "CREATE TEMP TABLE few AS SELECT generate_series(1, 11) AS n", "",
          false },
        { "UPDATE few SET n = n RETURNING n",
          "the result has more than 10 rows", true },
    };
    struct client c = connect_to(pg_server_url());

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pg_op *op = ask_text(&c, cases[i].sql, 0);

        wait_all(&c, &op, 1);
        assert_memory_equal(op->op.err.text, cases[i].error,
                            strlen(cases[i].error) + !*cases[i].error);
        assert_string_equal(op->sqlstate, *cases[i].error ? PG_TOO_LARGE : "");
        assert_true(op->maybe_done == cases[i].maybe_done);
        op_free(&op->op);
    }
    client_free(&c);
}

static void test_pg_text__errors(void **state)
{
    struct client c = connect_to(pg_server_url());
    struct pg_op *op;

    (void)state;
    for (int i = 0; i < 3; i++) {
        op = ask_text(&c, "SELECT 1 FRM x", 0);
        wait_all(&c, &op, 1);
        assert_string_equal(op->op.err.text, "syntax error at or near \"x\"");
        assert_string_equal(op->sqlstate, "42601");
        assert_string_equal(pg_error_field(op, PG_ERROR_POSITION), "14");
        assert_null(pg_error_field(op, PG_ERROR_DETAIL));
        op_free(&op->op);
    }
    op = ask_text(&c, "SELECT 1; SELECT 2", 0);
    wait_all(&c, &op, 1);
    assert_string_equal(op->sqlstate, "42601");
    op_free(&op->op);
    client_free(&c);
}

static void end_backend(struct client *c)
{
    PGconn *conn = PQconnectdb(pg_server_url());
    char sql[100];

    snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%d)",
             pg_backend(c->pg));
    PQclear(PQexec(conn, sql));
    PQfinish(conn);
}

/* What belongs to a connection is not sent on the next one; other questions are. */
static void test_pg_text__session(void **state)
{
    struct client c = connect_to(pg_server_url());
    struct pg_op *ops[3];
    unsigned session;

    (void)state;
    wait_ups(&c, 1);
    session = pg_connections(c.pg);
    ops[0] = ask_text(&c, "SELECT pg_sleep(10)", session);
    ops[1] = ask_text(&c, "SELECT 1", session); /* waits for it */
    ops[2] = ask_text(&c, "SELECT 2", 0);
    end_backend(&c);
    wait_all(&c, ops, 3);
    assert_int_equal(ops[0]->op.err.kind, ERR_DATABASE);
    assert_has(ops[1]->op.err.text, "the connection to PostgreSQL broke");
    assert_false(ops[1]->maybe_done);
    assert_string_equal(ops[2]->op.err.text, "");
    free_all(ops, 3);
    ops[0] = ask_text(&c, "SELECT 1", session);
    wait_all(&c, ops, 1);
    assert_has(ops[0]->op.err.text, "the connection to PostgreSQL broke");
    op_free(&ops[0]->op);
    ops[0] = ask_text(&c, "SELECT 1", pg_connections(c.pg));
    wait_all(&c, ops, 1);
    assert_string_equal(ops[0]->op.err.text, "");
    op_free(&ops[0]->op);
    client_free(&c);
}

/* Freed at any moment; what is behind it goes on. */
static void test_pg_text__freed(void **state)
{
    struct client c = connect_to(pg_server_url());

    (void)state;
    for (int i = 0; i < 20; i++) {
        struct pg_op *ops[] = { ask_text(&c, "SELECT generate_series(1, 9)", 0),
                                ask_text(&c, "SELECT 1 FRM", 0),
                                ask_text(&c, "SELECT 3", 0) };

        if (i % 2)
            wait_all(&c, ops, 1);
        op_free(&ops[0]->op);
        op_free(&ops[1]->op);
        wait_all(&c, ops + 2, 1);
        assert_string_equal(ops[2]->op.err.text, "");
        op_free(&ops[2]->op);
    }
    client_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pg_text__rows),
        cmocka_unit_test(test_pg_text__limits),
        cmocka_unit_test(test_pg_text__errors),
        cmocka_unit_test(test_pg_text__session),
        cmocka_unit_test(test_pg_text__freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
