/* test_intake_inbox.c - what is in hand for long is saved in a real PostgreSQL. */
#include "intake_test.h"
#include "pg_proxy.h"
#include "pg_server.h"

#define SCHEMA "test_intake_inbox"
#define ME 11
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static PGconn *conn; /* the test's own */
static struct pg_proxy proxy;
static struct pg *pg;
static struct inbox *inbox;
static struct buf answers; /* of the webhook */

static void must(const char *statement)
{
    PGresult *res = PQexec(conn, statement);

    if (PQresultStatus(res) != PGRES_COMMAND_OK &&
        PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(conn));
    PQclear(res);
}

static int group_setup(void **state)
{
    struct buf text = BUF_INIT;
    struct err err = ERR_INIT;
    int root =
        (int)(strlen(__FILE__) - strlen("tests/unit/test_intake_inbox.c"));

    (void)state;
    conn = PQconnectdb(pg_server_url());
    buf_addf(&text, "%.*score/bot/schema/0003_inbox.sql", root, __FILE__);
    char *path = buf_detach(&text);
    buf_adds(&text,
             "SET client_min_messages = error; "
             "DROP SCHEMA IF EXISTS " SCHEMA " CASCADE; CREATE SCHEMA " SCHEMA
             "; SET search_path = " SCHEMA "; ");
    assert_true(buf_add_file(&text, path, &err));
    must(text.data);
    free(path);
    buf_release(&text);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    must("DROP SCHEMA " SCHEMA " CASCADE");
    PQfinish(conn);
    return 0;
}

static int setup(void **state)
{
    struct err err = ERR_INIT;
    char url[200];

    bot_setup(state);
    must("ROLLBACK");
    assert_true(pg_sessions_end(conn, SCHEMA));
    must("DELETE FROM inbox; DELETE FROM instances; "
         "DELETE FROM updates_seen; "
         "INSERT INTO instances (id, bot_id, name, mode, seen_at) VALUES "
         "(11, 1, 'me', 'poll', now() + interval '1 h')");
    buf_init(&answers);
    buf_adds(&answers, "");
    pg_proxy_start(&proxy, bot.loop, pg_server_url());
    snprintf(url, sizeof(url),
             "postgresql://moonpost@127.0.0.1:%d/%s?sslmode=disable",
             proxy.port, PQdb(conn));
    pg = pg_new(bot.loop,
                &(struct pg_options){ .url = url,
                                      .schema = SCHEMA,
                                      .application_name = SCHEMA,
                                      .prepare = true },
                &err);
    assert_non_null(pg);
    inbox = inbox_new(bot.loop, pg, 1, ME);
    return 0;
}

static int teardown(void **state)
{
    tasks_kill_all(bot.vm);
    intake_free(bot.intake);
    bot.intake = NULL;
    inbox_free(inbox);
    pg_free(pg);
    pg_proxy_stop(&proxy);
    buf_release(&answers);
    return bot_teardown(state);
}

/* --- words ---------------------------------------------------------------------------- */

static void on_opened(void *arg)
{
    (void)arg;
    buf_adds(&bot.events, "open\n");
    loop_stop(bot.loop);
}

static void on_dead(int64_t update_id, struct slice text, const char *reason,
                    const char *why, int tries, void *arg)
{
    (void)text, (void)why, (void)arg;
    buf_addf(&bot.events, "dead %lld %s %d\n", (long long)update_id, reason,
             tries);
}

static void begin(bool polls, bool shares, int patience_ms, bool clean)
{
    bot.intake = intake_new(bot.loop, bot.tg, bot.lanes,
                            &(struct intake_options){
                                .updates_max = 10,
                                .bytes_max = 1 << 20,
                                .patience_ms = patience_ms,
                                .poll_timeout_s = 50,
                                .polls = polls,
                                .shares = shares,
                                .inbox = inbox,
                                .dead = on_dead,
                                .opened = on_opened,
                            });
    intake_begin(bot.intake, clean);
    loop_run(bot.loop);
}

static void run_ms(int ms)
{
    struct op *timer = timer_start(bot.loop, ms);

    timer->done = bot_stop_loop;
    loop_run(bot.loop);
    op_free(timer);
}

/* "id:owner:taken:tries …", within some time. */
static void expect_rows(const char *expected)
{
    PGresult *res = NULL;
    bool same = false;

    for (int i = 0; i < 200 && !same; i++) {
        PQclear(res);
        res =
            PQexec(conn, "SELECT coalesce(string_agg(concat_ws(':', update_id, "
                         "coalesce(owner, 0), taken, tries), ' ' ORDER BY "
                         "update_id), '') FROM inbox");
        same = strcmp(PQgetvalue(res, 0, 0), expected) == 0;
        if (!same)
            run_ms(20);
    }
    if (!same)
        fail_msg("%s instead of %s\n%s", PQgetvalue(res, 0, 0), expected,
                 bot.log.data);
    PQclear(res);
}

static void wait_log(const char *text)
{
    for (int i = 0; i < 500 && !(bot.log.len && strstr(bot.log.data, text));
         i++)
        run_ms(20);
    if (!bot.log.len || !strstr(bot.log.data, text))
        fail_msg("\"%s\" is not in %s", text, bot.log.data);
}

static void end_connections(void)
{
    must("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
         "application_name = '" SCHEMA "'");
}

/* --- polling --------------------------------------------------------------------------- */

static void test_intake__saved_when_patience_is_over(void **state)
{
    (void)state;
    begin(true, false, 50, true);
    give_two(expect_poll(1, 0, 10), 500, "/call a", 501, "/now b");
    bot_wait_calls(2);
    expect_poll(3, 502, 9); /* behind both: one is done, one is saved */
    expect_rows("500:11:t:0");
    assert_int_equal(intake_in_hand(bot.intake), 1);
    assert_int_equal(intake_saved(bot.intake), 1);
    bot_release("a");
    bot_wait_ended(2);
    expect_rows("");
    bot_expect("open\nbegan a\nran b\ndone 501 ok\nended a\ndone 500 ok\n");
}

static void test_intake__done_at_once_is_not_saved(void **state)
{
    (void)state;
    begin(true, false, 60000, true);
    give_two(expect_poll(1, 0, 10), 500, "/now a", 501, "/now b");
    expect_poll(2, 502, 10);
    must("BEGIN; LOCK TABLE inbox"); /* it needs nothing of it */
    give_two(1, 502, "/now c", 503, "/now d");
    expect_poll(3, 504, 10);
    must("COMMIT");
}

/* The offset waits for the commit; what was done meanwhile has no row left. */
static void test_intake__done_while_it_is_saved(void **state)
{
    (void)state;
    begin(true, false, 1, true);
    expect_poll(1, 0, 10);
    must("BEGIN; LOCK TABLE inbox IN EXCLUSIVE MODE");
    give_two(0, 500, "/call a", 501, "/call b");
    bot_wait_calls(3);
    run_ms(200);
    expect_no_more_calls(3);
    bot_release("a");
    bot_wait_ended(1);
    run_ms(50);
    expect_no_more_calls(3);
    assert_int_equal(intake_in_hand(bot.intake), 2);
    must("COMMIT");
    expect_poll(4, 502, 9);
    expect_rows("501:11:t:0");
    give(3, 500, 7, "/call a"); /* it is known */
    run_ms(50);
    assert_int_equal(bot.ended, 1);
    bot_release("b");
    bot_wait_ended(2);
    expect_rows("");
}

/* Without PostgreSQL Telegram keeps what is not done. */
static void test_intake__postgresql_is_away(void **state)
{
    (void)state;
    begin(true, false, 1, true);
    expect_poll(1, 0, 10);
    proxy.refuse = true;
    end_connections();
    run_ms(100);
    give_two(0, 500, "/now a", 501, "/call b");
    bot_wait_calls(2);
    expect_poll(3, 501, 10);
    wait_log("can't be saved and stay with Telegram");
    give_two(2, 501, "/call b", 502, "/now c");
    proxy.refuse = false;
    wait_log("are saved again");
    expect_poll(4, 503, 9);
    expect_rows("501:11:t:0");
    bot_release("b");
    bot_wait_ended(3);
    expect_rows("");
}

/* It is in the inbox, but nobody knows. */
static void test_intake__the_answer_to_saving_is_lost(void **state)
{
    (void)state;
    begin(true, false, 1, true);
    proxy.mark = "inbox_save";
    proxy.how = CUT_ANSWER;
    proxy.cuts = 1;
    proxy.refuse_after = true;
    give(expect_poll(1, 0, 10), 500, 7, "/call a");
    bot_wait_calls(2);
    expect_poll(3, 500, 10);
    assert_int_equal(proxy.made, 1);
    expect_rows("500:11:t:0");
    bot_release("a");
    bot_wait_ended(1);
    proxy.refuse = false;
    expect_rows("");
}

static void on_handed_over(bool ok, void *arg)
{
    (void)arg;
    buf_addf(&bot.events, "handed over %d\n", ok);
    loop_stop(bot.loop);
}

static void hand_over(void)
{
    lanes_stop(bot.lanes);
    intake_stop(bot.intake);
    intake_hand_over(bot.intake, on_handed_over, NULL);
    loop_run(bot.loop);
}

/* What runs stays ours; what waits for its turn is anybody's. */
static void test_intake__handed_over(void **state)
{
    struct tg_op *op;

    (void)state;
    begin(true, false, 60000, true);
    give_two(expect_poll(1, 0, 10), 500, "/call a", 1500, "/call b");
    bot_wait_calls(2);
    hand_over();
    bot_expect("open\nbegan a\nhanded over 1\n");
    expect_rows("500:11:t:0 1500:0:f:0");
    op = intake_acknowledge(bot.intake);
    op->op.done = bot_stop_loop;
    expect_poll(3, 1501, 1);
    bot_answer(2, "[]");
    loop_run(bot.loop);
    op_free(&op->op);
    bot_release("a");
    bot_wait_ended(1);
    expect_rows("1500:0:f:0");
}

/* Also what was saved as ours before, and was waiting then. */
static void test_intake__handed_over_what_was_saved_before(void **state)
{
    (void)state;
    begin(true, false, 1, true);
    give_two(expect_poll(1, 0, 10), 500, "/call a", 1500, "/call b");
    expect_poll(3, 1501, 8);
    expect_rows("500:11:t:0 1500:11:t:0");
    hand_over();
    expect_rows("500:11:t:0 1500:0:f:0");
}

static void test_intake__handed_over_while_it_is_saved(void **state)
{
    (void)state;
    begin(true, false, 1, true);
    expect_poll(1, 0, 10);
    must("BEGIN; LOCK TABLE inbox IN EXCLUSIVE MODE");
    give_two(0, 500, "/call a", 1500, "/call b");
    bot_wait_calls(2);
    run_ms(100);
    lanes_stop(bot.lanes);
    intake_stop(bot.intake);
    intake_hand_over(bot.intake, on_handed_over, NULL);
    run_ms(100);
    bot_expect("open\nbegan a\n");
    must("COMMIT");
    loop_run(bot.loop);
    bot_expect("handed over 1\n");
    expect_rows("500:11:t:0 1500:0:f:0");
}

/* --- loading ---------------------------------------------------------------------------- */

static void add_row(int id, int chat, int tries, const char *owner,
                    const char *command)
{
    struct buf text = BUF_INIT, statement = BUF_INIT;

    bot_add_update(&text, id, chat, command);
    buf_addf(&statement,
             "INSERT INTO inbox (bot_id, update_id, lane, owner, taken, tries, "
             "update) VALUES (1, %d, %d, %s, %s IS NOT NULL, %d, '%s')",
             id, chat, owner, owner, tries, text.data);
    must(statement.data);
    buf_release(&text);
    buf_release(&statement);
}

/* The inbox runs first; polling begins behind it, and what it has is known. */
static void test_intake__what_waits_runs_first(void **state)
{
    (void)state;
    must("INSERT INTO updates_seen VALUES (1, current_date, '{[490,495)}')");
    add_row(500, 7, 0, "NULL", "/now a");
    add_row(499, 8, 0, "99", "/now b"); /* its owner is dead: a suspect */
    add_row(501, 7, 3, "NULL", "/now c");
    add_row(502, 9, 0, "NULL", "/now d");
    must("UPDATE inbox SET update = '{\"no\": \"update\"}' WHERE update_id = "
         "502");
    begin(true, false, 1, true);
    bot_wait_ended(2);
    bot_expect("dead 501 crash 3\ndead 502 unreadable 0\nopen\nran a\n"
               "done 500 ok\nran b\ndone 499 ok\n");
    expect_rows("");
    give_two(expect_poll(1, 0, 8), 493, "/now old", 503, "/now e");
    expect_poll(2, 504, 10);
    bot_expect("ran e\ndone 503 ok\n");
}

/* Nobody who died of it has come to acknowledge it: Telegram gives it again. */
static void test_intake__what_was_set_aside_comes_again(void **state)
{
    (void)state;
    add_row(501, 7, 3, "NULL", "/now c");
    begin(true, false, 1, true);
    give_two(expect_poll(1, 0, 10), 501, "/now c", 502, "/now d");
    expect_poll(2, 503, 10);
    bot_wait_ended(1);
    bot_expect("dead 501 crash 3\nopen\nran d\ndone 502 ok\n");
    expect_rows("");
}

/* A living one has what is before it. */
static void test_intake__a_lane_of_another_waits(void **state)
{
    (void)state;
    must("INSERT INTO instances (id, bot_id, name, mode, seen_at) VALUES "
         "(22, 1, 'other', 'poll', now() + interval '1 h'); "
         "UPDATE instances SET stopping = true WHERE id = 22");
    add_row(500, 7, 0, "22", "/now a");
    add_row(501, 7, 0, "NULL", "/now b");
    begin(true, false, 1, true);
    give(expect_poll(1, 0, 10), 502, 7, "/now c");
    run_ms(300);
    bot_expect("open\n");
    must("DELETE FROM inbox WHERE update_id = 500"); /* it is done */
    bot_wait_ended(2);
    bot_expect("ran b\ndone 501 ok\nran c\ndone 502 ok\n");
    expect_rows("");
}

/* After a crash, what comes first is noted before it runs. */
static void test_intake__with_care(void **state)
{
    int i = 1;

    (void)state;
    begin(true, false, 1, false);
    give_two(expect_poll(1, 0, 10), 500, "/call a", 501, "/call b");
    bot_wait_calls(4); /* two messages and the next poll, in any order */
    while (strcmp(bot.calls[i].method, "getUpdates") != 0)
        assert_true(++i < 4);
    assert_non_null(strstr(bot.calls[i].body, "\"offset\":502,"));
    expect_rows("500:11:t:2 501:11:t:2");
    bot_release("a");
    bot_release("b");
    bot_wait_ended(2);
    expect_rows("");
}

/* Then alone: a third death would be its own. */
static void test_intake__with_more_care(void **state)
{
    (void)state;
    add_row(500, 7, 2, "NULL", "/call a");
    add_row(501, 8, 2, "NULL", "/call b");
    begin(true, false, 1, true);
    bot_wait_calls(2); /* a poll, and the first's message */
    expect_rows("500:11:t:3 501:11:t:2");
    expect_no_more_calls(2);
    bot_release("a");
    bot_wait_calls(3);
    expect_rows("501:11:t:3");
    bot_release("b");
    bot_wait_ended(2);
    expect_rows("");
}

/* --- the webhook ------------------------------------------------------------------------- */

static void on_answer(enum intake_answer answer, void *arg)
{
    static const char *const names[] = { "done", "saved", "full", "bad" };

    (void)arg;
    buf_addf(&answers, "%s ", names[answer]);
    loop_stop(bot.loop);
}

static void push(int64_t id, int64_t chat, const char *text)
{
    struct buf update = BUF_INIT;

    bot_add_update(&update, id, chat, text);
    intake_push(bot.intake, buf_slice(&update), on_answer, NULL);
    buf_release(&update);
}

static void expect_answers(const char *expected)
{
    for (int i = 0; i < 100 && answers.len < strlen(expected); i++)
        run_ms(20);
    assert_string_equal(answers.data, expected);
    buf_reset(&answers);
    buf_adds(&answers, "");
}

static void test_intake__pushed_beside_others(void **state)
{
    (void)state;
    begin(false, true, 50, true);
    push(500, 7, "/call a");
    push(501, 8, "/now b");
    push(500, 7, "/call a"); /* twice in one turn */
    expect_answers("done done saved ");
    expect_rows("500:11:t:0");
    push(501, 8, "/now b");
    push(500, 7, "/call a");
    expect_answers("done done ");
    bot_release("a");
    bot_wait_ended(2);
    expect_rows("");
}

/* The row is there, Telegram sends it again: it runs once, and does run. */
static void test_intake__the_answer_to_putting_is_lost(void **state)
{
    (void)state;
    begin(false, true, 50, true);
    proxy.mark = "inbox_put";
    proxy.how = CUT_ANSWER;
    proxy.cuts = 1;
    push(500, 7, "/now a");
    expect_answers("full ");
    assert_int_equal(proxy.made, 1);
    while (!inbox_is_up(inbox))
        run_ms(20);
    push(500, 7, "/now a");
    expect_answers("done ");
    for (int i = 0; i < 100 && bot.ended < 1; i++) {
        intake_look(bot.intake, false); /* as after each sign of life */
        run_ms(20);
    }
    bot_expect("open\nran a\ndone 500 ok\n");
    expect_rows("");
}

static void test_intake__pushed_while_stopping(void **state)
{
    (void)state;
    begin(false, true, 50, true);
    must("BEGIN; LOCK TABLE inbox");
    push(500, 7, "/call a");
    run_ms(50);
    push(501, 8, "/call b"); /* waits for the put before it */
    run_ms(50);
    lanes_stop(bot.lanes);
    intake_stop(bot.intake);
    push(502, 8, "/call b");
    run_ms(50);
    must("COMMIT");
    expect_answers("saved full full ");
    expect_rows("500:11:t:0"); /* goes with what is ours when we leave */
}

static void test_intake__pushed_to_one_that_is_alone(void **state)
{
    (void)state;
    begin(false, false, 50, true);
    push(500, 7, "/call a");
    push(501, 8, "/now b");
    expect_answers("done saved ");
    expect_rows("500:11:t:0");
    bot_release("a");
    bot_wait_ended(2);
    expect_rows("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_intake__saved_when_patience_is_over),
        TEST(test_intake__done_at_once_is_not_saved),
        TEST(test_intake__done_while_it_is_saved),
        TEST(test_intake__postgresql_is_away),
        TEST(test_intake__the_answer_to_saving_is_lost),
        TEST(test_intake__handed_over),
        TEST(test_intake__handed_over_what_was_saved_before),
        TEST(test_intake__handed_over_while_it_is_saved),
        TEST(test_intake__what_waits_runs_first),
        TEST(test_intake__what_was_set_aside_comes_again),
        TEST(test_intake__a_lane_of_another_waits),
        TEST(test_intake__with_care),
        TEST(test_intake__with_more_care),
        TEST(test_intake__pushed_beside_others),
        TEST(test_intake__the_answer_to_putting_is_lost),
        TEST(test_intake__pushed_while_stopping),
        TEST(test_intake__pushed_to_one_that_is_alone),
    };

    log_setup(LOG_INFO, LOG_TEXT);
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
