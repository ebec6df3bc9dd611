/* test_inbox.c - updates in PostgreSQL, and who runs them: schema/0003_inbox.sql. */
#include "store_test.h"

#include "bot/inbox.h"

#define SCHEMA "test_inbox"
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define A 11 /* instances */
#define B 22

static struct inbox *a, *b;
static struct buf text;

static int group_setup(void **state)
{
    (void)state;
    make_tables(SCHEMA);
    run_schema_file("0003_inbox.sql");
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    drop_tables(SCHEMA);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    sql("DELETE FROM inbox; DELETE FROM instances; DELETE FROM updates_seen");
    a = inbox_new(db.loop, db.pg, 42, A);
    b = inbox_new(db.loop, db.pg, 42, B);
    buf_init(&text);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    inbox_free(a);
    inbox_free(b);
    buf_release(&text);
    return 0;
}

/* --- words -------------------------------------------------------------------------- */

static void alive(int instance)
{
    char statement[200];

    snprintf(statement, sizeof(statement),
             "INSERT INTO instances (id, bot_id, name, mode, seen_at) VALUES "
             "(%d, 42, 'x', 'poll', clock_timestamp()) ON CONFLICT (id) DO "
             "UPDATE SET seen_at = EXCLUDED.seen_at, stopping = false",
             instance);
    sql(statement);
}

static void die(int instance)
{
    char statement[100];

    snprintf(statement, sizeof(statement),
             "UPDATE instances SET seen_at = now() - interval '1 h' WHERE "
             "id = %d",
             instance);
    sql(statement);
}

/* "id:lane:owner:taken:tries …" in order of id. */
static void expect_rows(const char *expected)
{
    struct pg_op *op =
        pg_script(db.pg, slice_of("SELECT coalesce(string_agg(concat_ws(':', "
                                  "update_id, lane, coalesce(owner, 0), taken, "
                                  "tries), ' ' ORDER BY update_id), '') FROM "
                                  "inbox WHERE bot_id = 42"));
    struct slice value;

    wait_all(&db, &op, 1);
    assert_string_equal(op->op.err.text, "");
    value = pg_value(op, 0, 0);
    if (!slice_eq(value, expected))
        fail_msg("%.*s instead of %s", (int)value.n, value.p, expected);
    op_free(&op->op);
}

#define ROWS_MAX 300

/* From "id:lane id:lane …": the updates, whose texts are valid while text is. */
static size_t read_list(const char *list, struct inbox_update *out)
{
    size_t n = 0;
    char *end;

    for (; *list; list = *end ? end + 1 : end) {
        assert_true(n < ROWS_MAX);
        out[n] = (struct inbox_update){ .mine = true };
        out[n].id = strtoll(list, &end, 10);
        out[n].lane = strtoll(end + 1, &end, 10);
        out[n++].text = slice_of("{\"t\": \"\\u0000 \\ud83d x\"}");
    }
    return n;
}

static void finish(struct pg_op *op)
{
    wait_all(&db, &op, 1);
    assert_string_equal(op->op.err.text, "");
}

static void save(struct inbox *inbox, const char *list, bool mine, int tries)
{
    struct inbox_update updates[ROWS_MAX];
    size_t n = read_list(list, updates);
    struct pg_op *op;

    for (size_t i = 0; i < n; i++)
        updates[i].mine = mine;
    op = inbox_save(inbox, updates, n, tries);
    finish(op);
    op_free(&op->op);
}

static const char *what(const struct pg_op *op, int n)
{
    static const char *const names[] = { "run", "left", "known" };
    int64_t id;

    buf_reset(&text);
    buf_adds(&text, "");
    for (int i = 0; i < n; i++) {
        enum inbox_put how = inbox_put_result(op, i, &id);

        buf_addf(&text, "%s%lld %s", i ? ", " : "", (long long)id, names[how]);
    }
    return text.data;
}

/* "id run, id left, id known" in the order of the list. */
static void put(struct inbox *inbox, const char *list, const char *expected)
{
    struct inbox_update updates[ROWS_MAX];
    size_t n = read_list(list, updates);
    struct pg_op *op = inbox_put(inbox, updates, n);

    finish(op);
    assert_int_equal(pg_rows(op), n);
    assert_string_equal(what(op, (int)n), expected);
    op_free(&op->op);
}

static const char *taken(const struct pg_op *op)
{
    struct inbox_taken t;

    buf_reset(&text);
    buf_adds(&text, "");
    for (int i = 0; i < pg_rows(op); i++) {
        inbox_taken(op, i, &t);
        buf_addf(&text, "%s%lld:%lld:%d", i ? " " : "", (long long)t.id,
                 (long long)t.lane, t.tries);
    }
    return text.data;
}

/* "id:lane:tries …" */
static void take(struct inbox *inbox, const char *expected)
{
    struct pg_op *op = inbox_take(inbox);

    finish(op);
    assert_string_equal(taken(op), expected);
    op_free(&op->op);
}

static void expect_lanes(struct inbox *inbox, const char *expected)
{
    struct pg_op *op = inbox_lanes(inbox);
    int64_t n = 0;

    finish(op);
    buf_reset(&text);
    buf_adds(&text, "");
    for (int i = 0; i < pg_rows(op); i++) {
        n += pg_int(op, i, 0);
        buf_addf(&text, "%s%lld", i ? " " : "", (long long)pg_int(op, i, 0));
    }
    assert_string_equal(text.data, expected);
    op_free(&op->op);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void done(struct inbox *inbox, int64_t id)
{
    inbox_done(inbox, id);
    inbox_on_idle(inbox, stop_loop, db.loop);
    while (inbox_undone(inbox))
        loop_run(db.loop);
    inbox_on_idle(inbox, NULL, NULL);
}

/* --- saving ---------------------------------------------------------------------------- */

static void test_inbox__save_and_done(void **state)
{
    struct inbox_update u = { .id = 5, .lane = -7, .mine = true };
    struct pg_op *op;
    struct inbox_taken t;

    (void)state;
    alive(A);
    save(a, "1:7 2:7 3:8", true, 0);
    expect_rows("1:7:11:t:0 2:7:11:t:0 3:8:11:t:0");
    done(a, 2);
    expect_rows("1:7:11:t:0 3:8:11:t:0");
    save(a, "1:7", false, 0); /* anybody's now */
    expect_rows("1:7:0:f:0 3:8:11:t:0");
    u.text = slice_of("{\"a\" : 1.50, \"b\":\"\\\"\\u00e9 \xc3\xa9\"}");
    u.mine = false;
    op = inbox_save(a, &u, 1, 0);
    finish(op);
    op_free(&op->op);
    op = inbox_take(a);
    finish(op);
    assert_int_equal(pg_rows(op), 2);
    inbox_taken(op, 1, &t);
    assert_true(t.id == 5 && t.lane == -7);
    if (!slice_eq(t.text, u.text.p))
        fail_msg("%.*s, not %s", (int)t.text.n, t.text.p, u.text.p);
    op_free(&op->op);
}

static void test_inbox__seen(void **state)
{
    struct pg_op *op;

    (void)state;
    for (int64_t id = 1; id <= 5; id++)
        if (id != 4)
            inbox_done(a, id);
    done(a, 9);
    op = inbox_seen(a);
    finish(op);
    assert_int_equal(pg_rows(op), 1);
    assert_true(slice_eq(pg_value(op, 0, 0), "{[1,4),[5,6),[9,10)}"));
    op_free(&op->op);
    sql("UPDATE updates_seen SET day = day - 1");
    done(a, 20);
    op = inbox_seen(a);
    finish(op);
    assert_int_equal(pg_rows(op), 2); /* of a day before, too */
    op_free(&op->op);
    sql("UPDATE updates_seen SET day = day - 1");
    done(a, 21);
    op = inbox_seen(a);
    finish(op);
    assert_int_equal(pg_rows(op), 2); /* but not for ever */
    op_free(&op->op);
}

/* --- beside others ----------------------------------------------------------------------- */

static void test_inbox__put(void **state)
{
    (void)state;
    alive(A);
    alive(B);
    put(a, "1:7 2:8 3:7", "1 run, 2 run, 3 run");
    put(b, "4:7 5:9 1:7", "4 left, 5 run, 1 known");
    expect_rows("1:7:11:t:0 2:8:11:t:0 3:7:11:t:0 4:7:11:f:0 5:9:22:t:0");
    put(a, "6:7", "6 left"); /* behind 4, which is not in memory yet */
    take(b, "");
    take(a, "4:7:0 6:7:0");
    put(a, "7:7", "7 run");
    done(a, 1);
    done(b, 5);
    put(b, "1:7 5:9", "1 known, 5 known");
}

/* The rows of the answer are those of the question, in its order. */
static void test_inbox__put_answers_in_order(void **state)
{
    struct buf list = BUF_INIT, expected = BUF_INIT;

    (void)state;
    alive(A);
    for (int i = 0; i < 100; i++)
        buf_addf(&list, "%s%d:%d", i ? " " : "", 2 * i + 2, i % 9 + 1);
    save(a, list.data, true, 0);
    buf_reset(&list);
    for (int i = 200; i > 0; i--) {
        buf_addf(&list, "%d:%d ", i, i % 9 + 1);
        buf_addf(&expected, "%s%d %s", i < 200 ? ", " : "", i,
                 i % 2 ? "run" : "known");
    }
    list.data[--list.len] = '\0';
    put(a, list.data, expected.data);
    buf_release(&list);
    buf_release(&expected);
}

static void test_inbox__put_beside_the_dead_and_the_stopping(void **state)
{
    (void)state;
    alive(A);
    alive(B);
    put(a, "1:7 2:8", "1 run, 2 run");
    die(A);
    put(b, "3:7", "3 left"); /* behind what the dead one had */
    expect_rows("1:7:11:t:0 2:8:11:t:0 3:7:22:f:0");
    alive(A);
    sql("UPDATE instances SET stopping = true WHERE id = 11");
    put(b, "4:8", "4 left"); /* it ends what it has, and begins nothing */
    take(b, "");
    expect_lanes(b, "7 8");
    done(a, 1);
    take(b, "3:7:0");
    done(a, 2);
    take(b, "4:8:0");
    expect_lanes(b, "");
}

static void must(PGconn *conn, const char *statement)
{
    PGresult *res = PQexec(conn, statement);

    if (PQresultStatus(res) != PGRES_COMMAND_OK &&
        PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(conn));
    PQclear(res);
}

/* The first has the lanes until it is committed; the second sees its rows then. */
static void test_inbox__two_put_at_once(void **state)
{
    PGconn *first = PQconnectdb(pg_server_url());
    struct inbox_update list[ROWS_MAX];
    size_t n = read_list("5:7 6:8 7:7 8:9", list);
    struct pg_op *op;
    bool waits;

    (void)state;
    alive(A);
    alive(B);
    must(first, "SET search_path = " SCHEMA "; BEGIN");
    must(first, "SELECT * FROM moonpost_inbox_put(42, 11, 4000, '{1,2}', "
                "'{8,7}', '[1,2]')");
    op = inbox_put(b, list, n);
    sleep_ms(&db, 200);
    waits = op->op.state != OP_DONE;
    must(first, "COMMIT");
    if (waits)
        finish(op);
    PQfinish(first);
    assert_true(waits);
    assert_string_equal(what(op, (int)n), "5 left, 6 left, 7 left, 8 run");
    op_free(&op->op);
    expect_rows("1:8:11:t:0 2:7:11:t:0 5:7:11:f:0 6:8:11:f:0 7:7:11:f:0 "
                "8:9:22:t:0");
}

/* --- adopting ------------------------------------------------------------------------------ */

static void test_inbox__adopt(void **state)
{
    (void)state;
    alive(A);
    alive(B);
    put(a, "1:7 2:8", "1 run, 2 run");
    put(b, "3:7 4:9", "3 left, 4 run");
    take(b, ""); /* it lives */
    die(A);
    /* 1 and 2 were in its memory: suspects. 3 was not. */
    take(b, "1:7:1 2:8:1 3:7:0");
    expect_rows("1:7:22:t:1 2:8:22:t:1 3:7:22:t:0 4:9:22:t:0");
}

/* Who was cut off can't tell who lives; its next sign of life comes first. */
static void test_inbox__nothing_is_adopted_by_one_that_was_cut_off(void **state)
{
    (void)state;
    alive(A);
    alive(B);
    put(a, "1:7", "1 run");
    die(A);
    die(B);
    take(b, "");
    alive(B);
    take(b, "1:7:1");
}

static void test_inbox__of_nobody(void **state)
{
    (void)state;
    alive(A);
    alive(B);
    save(a, "1:7 2:7 3:8", false, 0);
    take(b, "1:7:0 2:7:0 3:8:0");
    take(a, "");
    expect_lanes(a, "7 8");
    expect_lanes(b, "");
}

/* A lane has one owner: what nobody has goes to who has the rest of it. */
static void test_inbox__of_nobody_in_anothers_lane(void **state)
{
    (void)state;
    alive(A);
    alive(B);
    save(a, "2:7", true, 0);
    save(a, "1:7 3:7 4:8", false, 0);
    take(b, "4:8:0");
    expect_rows("1:7:11:f:0 2:7:11:t:0 3:7:11:f:0 4:8:22:t:0");
    take(a, "1:7:0 3:7:0");
}

static void test_inbox__tries(void **state)
{
    struct pg_op *op;

    (void)state;
    alive(A);
    alive(B);
    save(a, "1:7", true, 0);
    save(a, "2:8", false, 1); /* with care */
    for (int i = 0; i < 2; i++) {
        op = inbox_begin(a, 1);
        finish(op);
        op_free(&op->op);
    }
    save(a, "1:7", false, 0); /* keeps its count */
    take(b, "1:7:2 2:8:1");
}

/* A hundred at a time, oldest first. */
static void test_inbox__take_in_parts(void **state)
{
    struct buf list = BUF_INIT;
    struct pg_op *op;
    struct inbox_taken t;

    (void)state;
    alive(A);
    for (int i = 250; i > 0; i--)
        buf_addf(&list, "%s%d:%d", i < 250 ? " " : "", i, i % 120 + 1);
    save(a, list.data, false, 0);
    for (int i = 0; i < 250; i += pg_rows(op), op_free(&op->op)) {
        op = inbox_take(a);
        finish(op);
        assert_int_equal(pg_rows(op), i < 200 ? 100 : 50);
        for (int k = 0; k < pg_rows(op); k++) {
            inbox_taken(op, k, &t);
            assert_int_equal(t.id, i + k + 1);
        }
    }
    take(a, "");
    buf_release(&list);
}

/* Another bot's rows are none of ours. */
static void test_inbox__another_bot(void **state)
{
    struct inbox *other = inbox_new(db.loop, db.pg, 43, B);

    (void)state;
    alive(A);
    save(a, "1:7 2:8", false, 0);
    take(other, "");
    put(other, "1:7", "1 run");
    expect_lanes(other, "");
    expect_rows("1:7:0:f:0 2:8:0:f:0");
    done(other, 2);
    expect_rows("1:7:0:f:0 2:8:0:f:0");
    inbox_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_inbox__save_and_done),
        TEST(test_inbox__seen),
        TEST(test_inbox__put),
        TEST(test_inbox__put_answers_in_order),
        TEST(test_inbox__put_beside_the_dead_and_the_stopping),
        TEST(test_inbox__two_put_at_once),
        TEST(test_inbox__adopt),
        TEST(test_inbox__nothing_is_adopted_by_one_that_was_cut_off),
        TEST(test_inbox__of_nobody),
        TEST(test_inbox__of_nobody_in_anothers_lane),
        TEST(test_inbox__tries),
        TEST(test_inbox__take_in_parts),
        TEST(test_inbox__another_bot),
    };

    log_setup(LOG_WARN, LOG_TEXT);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
