/* test_ask_rows.c - bot/asks.h: what is noted while the database is away. */
#include "pg_client.h"

#include "base/clock.h"
#include "base/log.h"
#include "bot/asks.h"

#define SCHEMA "test_ask_rows"
#define MAX 1200
#define MANY 300000

static struct client db;
static PGconn *conn; /* the test's own */
static struct ask_rows *rows;
static int warnings;

static void must(const char *statement)
{
    PGresult *res = PQexec(conn, statement);

    if (PQresultStatus(res) != PGRES_COMMAND_OK)
        fail_msg("%s", PQerrorMessage(conn));
    PQclear(res);
}

static void on_line(enum log_level level, const char *area, const char *message,
                    const char *fields, void *arg)
{
    (void)area, (void)fields, (void)arg;
    warnings += level == LOG_WARN && strstr(message, "ASKS_MAX");
}

static void note(int64_t chat, bool asked)
{
    int64_t until = clock_wall_us() / 1000 + 3600000;

    ask_rows_note(&(struct ask_key){ .chat_id = chat }, NULL, asked ? until : 0,
                  rows);
}

static void run_until_written(void)
{
    int64_t began = loop_now_ms();

    while (ask_rows_unwritten(rows)) {
        struct op *timer = timer_start(db.loop, 20);

        if (loop_now_ms() - began > 30000)
            fail_msg("%d are not written", ask_rows_unwritten(rows));
        timer->done = on_done;
        pending = 1;
        loop_run(db.loop);
        op_free(timer);
    }
}

static void expect_rows(const char *wanted)
{
    PGresult *res =
        PQexec(conn, "SELECT concat_ws(' ', count(*), min(chat_id), "
                     "max(chat_id)) FROM " SCHEMA ".asks");

    if (PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(conn));
    assert_string_equal(PQgetvalue(res, 0, 0), wanted);
    PQclear(res);
}

/* The loop has not run yet: nothing can be written. */
static void test_ask_rows__the_latest_wait(void **state)
{
    (void)state;
    for (int64_t chat = 1; chat <= MAX; chat++)
        note(chat, true);
    assert_int_equal(ask_rows_unwritten(rows), MAX);
    assert_int_equal(warnings, 0);
    for (int64_t chat = MAX + 1; chat <= MANY; chat++) {
        note(chat, true);
        assert_int_equal(ask_rows_unwritten(rows), MAX);
    }
    assert_int_equal(warnings, 1);
    run_until_written();
    expect_rows("1200 298801 300000");
}

/* Of each key the last state. */
static void test_ask_rows__one_change_for_each_key(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++)
        for (int64_t chat = 1; chat <= 10; chat++)
            note(chat, chat > 3 || i % 2 == 0);
    assert_int_equal(ask_rows_unwritten(rows), 10);
    assert_int_equal(warnings, 0);
    run_until_written();
    expect_rows("7 4 10");
}

static int setup(void **state)
{
    (void)state;
    must("SET client_min_messages = error");
    must("DROP SCHEMA IF EXISTS " SCHEMA " CASCADE");
    must("CREATE SCHEMA " SCHEMA);
    must("CREATE TABLE " SCHEMA ".asks (bot_id bigint, chat_id bigint, "
         "user_id bigint, topic bigint, instance bigint, ended text, "
         "until timestamptz, asked_at timestamptz DEFAULT now(), "
         "PRIMARY KEY (bot_id, chat_id, user_id, topic))");
    db = client_new(&(struct pg_options){ .url = pg_server_url(),
                                          .schema = SCHEMA,
                                          .application_name = SCHEMA,
                                          .prepare = true });
    rows = ask_rows_new(db.loop, db.pg, NULL, 42, 1, MAX);
    warnings = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    ask_rows_free(rows);
    client_free(&db);
    must("DROP SCHEMA " SCHEMA " CASCADE");
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ask_rows__the_latest_wait, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_ask_rows__one_change_for_each_key,
                                        setup, teardown),
    };
    int failed;

    conn = PQconnectdb(pg_server_url());
    log_setup(LOG_WARN, LOG_TEXT);
    log_set_sink(on_line, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    PQfinish(conn);
    return failed;
}
