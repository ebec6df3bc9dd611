/* test_dead.c - updates that are set aside, in a real database. */
#include "store_test.h"

#include "bot/dead.h"

#define SCHEMA "test_dead"
#define WITH_CHAT "{\"update_id\":6,\"message\":{\"chat\":{\"id\":-9}}}"
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static struct dead *dead;
static struct buf log_text;

static void on_line(enum log_level level, const char *area, const char *message,
                    const char *fields, void *arg)
{
    (void)level, (void)fields, (void)arg;
    buf_addf(&log_text, "%s: %s\n", area, message);
}

static int setup(void **state)
{
    (void)state;
    make_tables(SCHEMA);
    run_schema_file("0003_inbox.sql");
    buf_init(&log_text);
    log_set_sink(on_line, NULL);
    dead = dead_new(db.loop, db.pg, 10);
    dead_use(dead, 42);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    dead_free(dead);
    log_set_sink(NULL, NULL);
    buf_release(&log_text);
    drop_tables(SCHEMA);
    return 0;
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void wait_idle(void)
{
    dead_on_idle(dead, stop_loop, db.loop);
    if (!dead_is_idle(dead))
        loop_run(db.loop);
    assert_true(dead_is_idle(dead));
}

/* As if the program were started again: its bounds are of a process. */
static void start_again(int max)
{
    dead_free(dead);
    dead = dead_new(db.loop, db.pg, max);
    dead_use(dead, 42);
}

static void add(int64_t id, const char *error)
{
    dead_add(dead, &(struct dead_update){ .id = id,
                                          .chat_id = 7,
                                          .reason = DEAD_ERROR,
                                          .error = slice_of(error),
                                          .handler = "/x",
                                          .text = slice_of("{\"a\":1}"),
                                          .tries = 1 });
}

static void expect_rows(const char *expression, const char *expected)
{
    struct buf text = BUF_INIT;
    struct pg_op *query;

    buf_addf(&text,
             "SELECT coalesce(string_agg((%s)::text, E'\\n' ORDER BY "
             "update_id), '') FROM dead_updates",
             expression);
    query = pg_script(db.pg, buf_slice(&text));
    query->op.done = on_done;
    pending = 1;
    loop_run(db.loop);
    assert_string_equal(query->op.err.text, "");
    buf_reset(&text);
    buf_add_slice(&text, pg_value(query, 0, 0));
    assert_string_equal(text.data, expected);
    op_free(&query->op);
    buf_release(&text);
}

static void test_dead__all_of_it_is_kept(void **state)
{
    (void)state;
    dead_add(dead, &(struct dead_update){
                       .id = 5,
                       .chat_id = -100123,
                       .reason = DEAD_DEADLINE,
                       .error = slice_of("too long\n  scripts/a.lua:1"),
                       .handler = "/slow",
                       .text = slice_of("{\"update_id\":5,\"t\":\"\\u0000é\"}"),
                       .tries = 2,
                       .age_ms = 5000 });
    dead_add(dead, &(struct dead_update){ .id = 6,
                                          .reason = DEAD_CRASH,
                                          .error = slice_of("x"),
                                          .text = slice_of(WITH_CHAT),
                                          .tries = 3 });
    wait_idle();
    expect_rows("bot_id || ' ' || update_id || ' ' || coalesce(chat_id, 0) || "
                "' ' || reason || ' ' || error || ' ' || coalesce(handler, "
                "'none') || ' ' || tries || ' ' || update || ' ' || "
                "round(extract(epoch FROM died_at - received_at))",
                "42 5 -100123 deadline too long\n  scripts/a.lua:1 /slow 2 "
                "{\"update_id\":5,\"t\":\"\\u0000é\"} 5\n"
                "42 6 -9 crash x none 3 " WITH_CHAT " 0");
    assert_string_equal(log_text.data, "");
}

static void test_dead__what_is_no_text_is_kept_as_one(void **state)
{
    static const char text[] = "{\"update_id\":\0 \xff\xfe";
    struct buf large = BUF_INIT;

    (void)state;
    log_hide("TheTokenOfTheBot");
    dead_add(dead, &(struct dead_update){
                       .id = 1,
                       .reason = DEAD_UNREADABLE,
                       .error = slice_of("bad \xc3 of TheTokenOfTheBot"),
                       .text = { text, sizeof(text) - 1 } });
    for (int i = 0; i < 100000; i++)
        buf_addc(&large, 'x');
    dead_add(dead, &(struct dead_update){ .id = 2,
                                          .reason = DEAD_UNREADABLE,
                                          .error = buf_slice(&large),
                                          .text = buf_slice(&large) });
    wait_idle();
    expect_rows(
        "reason || ' ' || left(error, 20) || ' ' || left(update, 20) || "
        "' ' || octet_length(error) || ' ' || octet_length(update)",
        "unreadable bad � of *** {\"update_id\":  �� 14 21\n"
        "unreadable xxxxxxxxxxxxxxxxxxxx xxxxxxxxxxxxxxxxxxxx 8195 "
        "65539");
    buf_release(&large);
    log_unhide_all();
}

static void test_dead__of_one_update_the_last_death_counts(void **state)
{
    (void)state;
    add(1, "first");
    add(1, "second");
    wait_idle();
    expect_rows("error", "second");
    add(1, "third");
    wait_idle();
    expect_rows("error", "third");
}

static void test_dead__nothing_is_written_before_it_knows_the_bot(void **state)
{
    (void)state;
    dead_free(dead);
    dead = dead_new(db.loop, db.pg, 10);
    add(1, "x");
    expect_rows("error", "");
    assert_false(dead_is_idle(dead));
    dead_use(dead, 43);
    wait_idle();
    expect_rows("bot_id", "43");
}

static void test_dead__many_equal_errors_push_out_no_others(void **state)
{
    (void)state;
    sql("INSERT INTO dead_updates (bot_id, update_id, reason, error, update) "
        "VALUES (1, 1, 'error', 'of another bot', '')");
    for (int i = 1; i <= 3; i++)
        add(i, i % 2 ? "rare\n  trace 1" : "rare\n  trace 2");
    wait_idle();
    start_again(10);
    for (int i = 4; i <= 13; i++)
        add(i, "often");
    wait_idle();
    expect_rows("update_id", "1\n1\n2\n3\n7\n8\n9\n10\n11\n12\n13");
    start_again(2);
    add(14, "new");
    wait_idle();
    expect_rows("update_id", "1\n13\n14");
}

static void test_dead__there_are_bounds(void **state)
{
    (void)state;
    for (int i = 1; i <= 15; i++)
        add(i, "x");
    wait_idle();
    expect_rows("update_id", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10");
    add(16, "x"); /* in the same minute */
    assert_true(dead_is_idle(dead));
    dead_free(dead);
    dead = NULL;
    assert_string_equal(log_text.data,
                        "dead: too many updates fail to set them all aside; "
                        "some are only in this log\n"
                        "dead: 6 updates more have failed and are not set "
                        "aside: there are too many of them, or PostgreSQL is "
                        "away\n");
}

static void test_dead__one_that_is_not_taken_holds_up_no_others(void **state)
{
    (void)state;
    sql("ALTER TABLE dead_updates ADD CONSTRAINT no_three CHECK (update_id <> "
        "3)");
    for (int i = 1; i <= 5; i++)
        add(i, "x");
    wait_idle();
    expect_rows("update_id", "1\n2\n4\n5");
    assert_non_null(strstr(log_text.data, "dead: update 3 can't be set aside: "
                                          "dead_write: "));
    add(6, "x");
    wait_idle();
    expect_rows("update_id", "1\n2\n4\n5\n6");
}

/* A lock stands for all that goes away by itself: a time-out is the answer. */
static void test_dead__what_passes_is_waited_for(void **state)
{
    PGconn *other = PQconnectdb(pg_server_url());
    struct pg *own = db.pg;
    struct err err = ERR_INIT;

    (void)state;
    dead_free(dead);
    dead = NULL;
    db.pg = pg_new(db.loop,
                   &(struct pg_options){ .url = pg_server_url(),
                                         .application_name = "test_dead",
                                         .statement_timeout_ms = 100 },
                   &err);
    sql("SET search_path = " SCHEMA);
    PQclear(PQexec(other, "BEGIN; LOCK TABLE " SCHEMA ".dead_updates"));
    assert_int_equal(PQtransactionStatus(other), PQTRANS_INTRANS);
    dead = dead_new(db.loop, db.pg, 10);
    dead_use(dead, 42);
    add(1, "x");
    add(2, "x");
    sleep_ms(&db, 500); /* it has failed by then, if the machine is fast */
    assert_false(dead_is_idle(dead));
    PQfinish(other); /* rolls it back */
    wait_idle();
    expect_rows("update_id", "1\n2");
    dead_free(dead);
    dead = NULL;
    pg_free(db.pg);
    db.pg = own;
    assert_string_equal(log_text.data, "");
}

static void test_dead__what_is_left_at_the_end_is_told(void **state)
{
    (void)state;
    add(1, "x");
    add(2, "x");
    dead_free(dead);
    dead = NULL;
    assert_non_null(
        strstr(log_text.data, "2 failed updates were not set aside"));
}

static void test_dead__which_ends_are_deaths(void **state)
{
    static const enum task_result results[] = { TASK_OK, TASK_FAILED,
                                                TASK_NO_DATABASE, TASK_OVERRAN,
                                                TASK_KILLED };

    (void)state;
    for (int i = 0; i < (int)ARRAY_LEN(results); i++) {
        struct incoming in = { .error = "why", .handler = "/x" };
        struct err err = ERR_INIT;

        buf_init(&in.text);
        buf_addf(&in.text,
                 "{\"update_id\":%d,\"message\":{\"chat\":{\"id\":-5}}}", i);
        assert_true(update_read(buf_slice(&in.text), &in.u, &err));
        dead_add_ended(dead, &in, results[i]);
        buf_release(&in.text);
    }
    wait_idle();
    expect_rows("update_id || ' ' || reason || ' ' || error || ' ' || handler "
                "|| ' ' || chat_id",
                "1 error why /x -5\n3 deadline why /x -5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_dead__all_of_it_is_kept),
        TEST(test_dead__what_is_no_text_is_kept_as_one),
        TEST(test_dead__of_one_update_the_last_death_counts),
        TEST(test_dead__nothing_is_written_before_it_knows_the_bot),
        TEST(test_dead__many_equal_errors_push_out_no_others),
        TEST(test_dead__there_are_bounds),
        TEST(test_dead__one_that_is_not_taken_holds_up_no_others),
        TEST(test_dead__what_passes_is_waited_for),
        TEST(test_dead__what_is_left_at_the_end_is_told),
        TEST(test_dead__which_ends_are_deaths),
    };

    log_setup(LOG_INFO, LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
