/* test_broadcast.c - sending broadcasts: each chat once, through everything. */
#define SCHEMA "test_broadcast"
#include "broadcast_test.h"

/* --- sending --------------------------------------------------------------------------------------- */

static void test_all__each_chat_once(void **state)
{
    (void)state;
    sql("INSERT INTO chats (bot_id, chat_id, kind) SELECT 1, n, 'private' "
        "FROM generate_series(1, 30) AS n");
    sql("INSERT INTO chats (bot_id, chat_id, gone) VALUES (1, 77, 'blocked'), "
        "(2, 78, NULL)");
    sql("INSERT INTO chat_configs (chat_id) VALUES (30), (31), (77)");
    make("all", "");
    wait_state("done");
    assert_int_equal(api.n, 31);
    for (int chat = 1; chat <= 31; chat++)
        assert_int_equal(calls_to(chat), 1);
    assert_int_equal(chats_in("sent"), 31);
    assert_int_equal(number("SELECT message_id FROM broadcast_chats "
                            "WHERE chat_id = 4"),
                     9);
    assert_has(api.last, "sendMessage {\"chat_id\":31,\"text\":\"hi\"}");
    assert_int_equal(number("SELECT (sender IS NULL)::int FROM broadcasts"), 1);
}

static void test_none__is_done_at_once(void **state)
{
    (void)state;
    make("all", "");
    wait_state("done");
    assert_int_equal(api.n, 0);
}

static void test_crash__one_in_doubt(void **state)
{
    int64_t id;

    (void)state;
    api.hold_from = 7;
    id = make("sql", "SELECT n FROM generate_series(1, 20) AS n");
    wait_calls(8);
    kill_process();
    assert_int_equal(chats_in("sending"), 1);
    assert_int_equal(chats_in("sent"), 7);
    api.hold_from = -1;
    sending = process(1);
    wait_state("done");
    assert_int_equal(chats_in("in_doubt"), 1);
    assert_int_equal(chats_in("sent"), 19);
    for (int chat = 1; chat <= 20; chat++)
        assert_int_equal(calls_to(chat), 1);
    assert_true(change(id, BROADCAST_RETRY));
    broadcasts_kick(sending);
    wait_state("done");
    assert_int_equal(chats_in("sent"), 20);
    assert_int_equal(calls_to(8), 2);
    assert_false(change(id, BROADCAST_RETRY));
}

static void test_window__so_many_at_once(void **state)
{
    (void)state;
    broadcasts_free(sending);
    sending = process(5);
    api.hold_from = 0;
    make("sql", "SELECT n FROM generate_series(1, 40) AS n");
    wait_calls(5);
    sleep_ms(&db, 50);
    assert_int_equal(api.n, 5);
    assert_int_equal(chats_in("sending"), 5);
    api.hold_from = -1;
    for (int i = 0; i < 5; i++)
        answer(&api.calls[i]);
    wait_state("done");
    for (int chat = 1; chat <= 40; chat++)
        assert_int_equal(calls_to(chat), 1);
}

static void test_claim_without_answer__is_sent(void **state)
{
    int64_t id;

    (void)state;
    kill_process();
    id = make("list", "{1,2,3}");
    sending = process(1);
    api.hold_from = 0;
    wait_calls(1);
    /* as if a claim had been carried out, and its answer lost */
    number("WITH u AS (UPDATE broadcast_chats SET state = 'sending' "
           "WHERE chat_id = 3 RETURNING 1) SELECT count(*) FROM u");
    api.hold_from = -1;
    answer(&api.calls[0]);
    wait_state("done");
    assert_int_equal(calls_to(3), 1);
    assert_int_equal(chats_in("sent"), 3);
    (void)id;
}

static void test_pause_resume_cancel(void **state)
{
    int64_t id;

    (void)state;
    api.hold_from = 5;
    id = make("sql", "SELECT n FROM generate_series(1, 20) AS n");
    wait_calls(6);
    assert_true(change(id, BROADCAST_PAUSE));
    assert_false(change(id, BROADCAST_PAUSE));
    answer(&api.calls[5]);
    wait_number("SELECT count(*) FROM broadcast_chats WHERE state = 'sent'", 6);
    sleep_ms(&db, 50);
    assert_int_equal(api.n, 6);
    assert_int_equal(broadcasts_running(sending), 0);
    api.hold_from = 10;
    assert_true(change(id, BROADCAST_RESUME));
    broadcasts_kick(sending);
    wait_calls(11);
    assert_true(change(id, BROADCAST_CANCEL));
    answer(&api.calls[10]);
    wait_number("SELECT count(*) FROM broadcast_chats WHERE state = 'sent'",
                11);
    sleep_ms(&db, 50);
    assert_int_equal(api.n, 11);
    assert_false(change(id, BROADCAST_RESUME));
    assert_false(change(id, BROADCAST_RETRY));
    assert_int_equal(chats_in("waiting"), 9);
}

static void test_blocked__are_left_out_next_time(void **state)
{
    (void)state;
    sql("INSERT INTO chats (bot_id, chat_id) VALUES (1, 1), (1, 400), "
        "(1, 403), (1, 404)");
    make("all", "");
    wait_state("done");
    assert_int_equal(chats_in("sent"), 1);
    assert_int_equal(chats_in("failed"), 1);
    assert_int_equal(chats_in("blocked"), 2);
    assert_int_equal(gones, 2);
    assert_int_equal(number("SELECT count(*) FROM chats WHERE gone LIKE '403 "
                            "Forbidden: bot was blocked by the user%'"),
                     1);
    make("all", "");
    wait_state("done");
    assert_int_equal(calls_to(403), 1);
    assert_int_equal(calls_to(404), 1);
    assert_int_equal(calls_to(400), 2);
}

static void test_moved__once_under_its_new_id(void **state)
{
    (void)state;
    make("list", "{-500,5}");
    wait_state("done");
    assert_int_equal(calls_to(-1000500), 1);
    assert_int_equal(calls_to(5), 1);
    assert_int_equal(number("SELECT count(*) FROM chats WHERE chat_id = -500 "
                            "AND gone IS NOT NULL"),
                     1);
}

static void test_moved_before__by_both_ids_once(void **state)
{
    (void)state;
    sql("INSERT INTO moved_chats (old_id, new_id) VALUES (-600, -1000600), "
        "(-700, -1000700)");
    make("list", "{-600,-1000600,-700}");
    wait_state("done");
    sql("TRUNCATE moved_chats");
    assert_int_equal(api.n, 2);
    assert_int_equal(calls_to(-1000600), 1);
    assert_int_equal(calls_to(-1000700), 1);
}

/* A chat that can't be sent to for now holds up no other for long. */
static void test_flood__the_others_go_on(void **state)
{
    (void)state;
    make("sql", "SELECT n FROM generate_series(426, 435) AS n");
    wait_number("SELECT count(*) FROM broadcast_chats WHERE state = 'sent'", 9);
    assert_int_equal(chats_in("failed") + chats_in("in_doubt"), 0);
    assert_int_equal(number("SELECT count(*) FROM broadcasts WHERE state = "
                            "'running'"),
                     1);
}

static void test_mistake__pauses_after_ten(void **state)
{
    int64_t id;

    (void)state;
    id = make("sql", "SELECT n FROM generate_series(9000, 9050) AS n");
    wait_state("paused");
    assert_int_equal(api.n, 10);
    assert_int_equal(chats_in("failed"), 10);
    assert_int_equal(number("SELECT count(*) FROM broadcasts WHERE reason "
                            "LIKE '%can''t parse entities%'"),
                     1);
    assert_true(change(id, BROADCAST_RETRY));
    assert_int_equal(chats_in("failed"), 0);
    wait_state("paused");
}

static void test_wrong_token__pauses_and_misses_nobody(void **state)
{
    (void)state;
    make("list", "{401,402}");
    wait_state("paused");
    wait_number("SELECT count(*) FROM broadcast_chats WHERE state = 'waiting'",
                2);
    assert_int_equal(api.n, 1);
}

/* --- several processes ------------------------------------------------------------------------------- */

static void test_two_processes__each_chat_once(void **state)
{
    struct broadcasts *other = process(1);

    (void)state;
    for (int i = 0; i < 4; i++) {
        char what[80];

        snprintf(what, sizeof(what),
                 "SELECT n FROM generate_series(%d, %d) AS n", i * 20 + 1,
                 i * 20 + 20);
        make("sql", what);
        broadcasts_kick(other);
    }
    wait_number("SELECT count(*) FROM broadcasts WHERE state = 'done'", 4);
    for (int chat = 1; chat <= 80; chat++)
        assert_int_equal(calls_to(chat), 1);
    broadcasts_free(other);
}

static void
test_lost_lease__its_result_counts_and_it_claims_no_more(void **state)
{
    (void)state;
    api.hold_from = 3;
    make("sql", "SELECT n FROM generate_series(1, 10) AS n");
    wait_calls(4);
    number("WITH u AS (UPDATE broadcasts SET sender = 'other', sender_at = "
           "now() + interval '1 h' RETURNING 1) SELECT count(*) FROM u");
    number("WITH u AS (UPDATE broadcast_chats SET state = 'in_doubt' "
           "WHERE state = 'sending' RETURNING 1) SELECT count(*) FROM u");
    answer(&api.calls[3]);
    wait_number("SELECT count(*) FROM broadcast_chats WHERE state = 'sent'", 4);
    sleep_ms(&db, 50);
    assert_int_equal(api.n, 4);
    assert_int_equal(broadcasts_running(sending), 0);
}

static void test_other_bot__is_left_alone(void **state)
{
    (void)state;
    make("list", "{1}");
    wait_state("done");
    sql("UPDATE broadcasts SET bot_id = 2, state = 'running'");
    sql("UPDATE broadcast_chats SET state = 'waiting'");
    broadcasts_kick(sending);
    sleep_ms(&db, 50);
    assert_int_equal(api.n, 1);
}

/* --- stopping, trouble --------------------------------------------------------------------------------- */

static void test_stop__waits_for_what_is_on_its_way(void **state)
{
    (void)state;
    api.hold_from = 2;
    make("sql", "SELECT n FROM generate_series(1, 10) AS n");
    wait_calls(3);
    broadcasts_stop(sending);
    assert_false(broadcasts_idle(sending));
    assert_int_equal(idles, 0);
    answer(&api.calls[2]);
    loop_run(db.loop); /* until on_idle() */
    assert_int_equal(idles, 1);
    assert_true(broadcasts_idle(sending));
    assert_int_equal(chats_in("sent"), 3);
    assert_int_equal(chats_in("sending"), 0);
    assert_int_equal(number("SELECT (sender IS NULL)::int FROM broadcasts"), 1);
    api.hold_from = -1;
    broadcasts_free(sending);
    sending = process(1);
    wait_state("done");
    for (int chat = 1; chat <= 10; chat++)
        assert_int_equal(calls_to(chat), 1);
}

static void test_stop__gives_back_what_waits_for_the_limits(void **state)
{
    struct sender *slow =
        sender_new(db.loop, api.tg,
                   &(struct sender_options){ 1, 1, 1, 20, 1000 });
    struct sender *fast = api.sender;

    (void)state;
    broadcasts_free(sending);
    api.sender = slow;
    sending = process(8);
    make("sql", "SELECT n FROM generate_series(1, 20) AS n");
    wait_calls(1);
    broadcasts_stop(sending);
    if (idles == 0)
        loop_run(db.loop); /* until on_idle() */
    assert_true(api.n < 8);
    assert_int_equal(chats_in("sent"), api.n);
    assert_int_equal(chats_in("waiting"), 20 - api.n);
    broadcasts_free(sending);
    sending = NULL;
    api.sender = fast;
    sender_free(slow);
}

static void test_stop__with_nothing_to_do(void **state)
{
    (void)state;
    number("SELECT 1");
    broadcasts_stop(sending);
    assert_int_equal(idles, 1);
}

static void test_database_breaks__each_chat_once(void **state)
{
    char *url = url_with_schema();
    struct client other = connect_to(url);
    struct pg_op *op;

    (void)state;
    free(url);
    make("sql", "SELECT n FROM generate_series(1, 60) AS n");
    for (int i = 1; i <= 5; i++) {
        wait_calls(i * 10);
        op = pg_script(other.pg,
                       slice_of("SELECT pg_terminate_backend(pid) FROM "
                                "pg_stat_activity WHERE application_name = "
                                "'" SCHEMA "'"));
        wait_all(&other, &op, 1);
        op_free(&op->op);
    }
    client_free(&other);
    for (int i = 0; i < 2000 && api.n < 60; i++)
        sleep_ms(&db, 10);
    wait_state("done");
    for (int chat = 1; chat <= 60; chat++)
        assert_int_equal(calls_to(chat), 1);
    assert_int_equal(chats_in("sent"), 60);
}

int main(void)
{
#define SENDING(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SENDING(test_all__each_chat_once),
        SENDING(test_none__is_done_at_once),
        SENDING(test_crash__one_in_doubt),
        SENDING(test_window__so_many_at_once),
        SENDING(test_claim_without_answer__is_sent),
        SENDING(test_pause_resume_cancel),
        SENDING(test_blocked__are_left_out_next_time),
        SENDING(test_moved__once_under_its_new_id),
        SENDING(test_moved_before__by_both_ids_once),
        SENDING(test_flood__the_others_go_on),
        SENDING(test_mistake__pauses_after_ten),
        SENDING(test_wrong_token__pauses_and_misses_nobody),
        SENDING(test_two_processes__each_chat_once),
        SENDING(test_lost_lease__its_result_counts_and_it_claims_no_more),
        SENDING(test_other_bot__is_left_alone),
        SENDING(test_stop__waits_for_what_is_on_its_way),
        SENDING(test_stop__gives_back_what_waits_for_the_limits),
        SENDING(test_stop__with_nothing_to_do),
        SENDING(test_database_breaks__each_chat_once),
    };

    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
