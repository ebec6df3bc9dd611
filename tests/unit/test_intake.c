/* test_intake.c - from getUpdates to the lanes and back to the offset. */
#include "intake_test.h"

#define HOUR_MS 3600000
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, bot_teardown)

static char refused[300];

static void on_refused(const char *why, void *arg)
{
    (void)arg;
    snprintf(refused, sizeof(refused), "%s", why);
    loop_stop(bot.loop);
}

static void on_opened(void *arg)
{
    (void)arg;
}

static void on_dead(int64_t update_id, struct slice text, const char *reason,
                    const char *why, int tries, void *arg)
{
    (void)arg;
    assert_string_equal(reason, "unreadable");
    assert_int_equal(tries, 1);
    log_error("update", "update %lld is set aside: %s: %.*s",
              (long long)update_id, why, (int)(text.n < 200 ? text.n : 200),
              text.p);
}

static void start(int updates_max, size_t bytes_max, int patience_ms)
{
    bot.intake = intake_new(bot.loop, bot.tg, bot.lanes,
                            &(struct intake_options){
                                .updates_max = updates_max,
                                .bytes_max = bytes_max,
                                .patience_ms = patience_ms,
                                .poll_timeout_s = 50,
                                .polls = true,
                                .refused = on_refused,
                                .dead = on_dead,
                                .opened = on_opened,
                            });
    intake_begin(bot.intake, true);
}

static int setup(void **state)
{
    refused[0] = '\0';
    return bot_setup(state);
}

/* --- offsets --------------------------------------------------------------------- */

static void
test_intake__done_at_once_is_acknowledged_by_the_next_poll(void **state)
{
    (void)state;
    start(10, 1 << 20, HOUR_MS);
    give_two(expect_poll(1, 0, 10), 500, "/now a", 501, "/now b");
    expect_poll(2, 502, 10);
    bot_expect("ran a\ndone 500 ok\nran b\ndone 501 ok\n");
    assert_int_equal(intake_in_hand(bot.intake), 0);
}

static void test_intake__the_offset_is_the_first_unfinished(void **state)
{
    (void)state;
    start(10, 1 << 20, 1);
    give_two(expect_poll(1, 0, 10), 500, "/now a", 501, "/call b");
    bot_wait_calls(2); /* b's message: then, with patience over, the poll */
    expect_poll(3, 501, 10); /* b comes again: room for it too */
    assert_int_equal(intake_in_hand(bot.intake), 1);
    bot_release("b");
    bot_wait_ended(2);
    give_two(2, 501, "/call b", 502, "/now c");
    expect_poll(4, 503, 10);
    bot_expect("ran a\ndone 500 ok\nbegan b\nended b\ndone 501 ok\nran c\n"
               "done 502 ok\n");
}

/* It was asked for before that was done. */
static void
test_intake__what_a_running_poll_brings_again_does_not_run_again(void **state)
{
    int i;

    (void)state;
    start(10, 1 << 20, 1);
    give_two(expect_poll(1, 0, 10), 500, "/call a", 501, "/call b");
    bot_wait_calls(3);
    i = expect_poll(4, 500, 10);
    bot_release("a");
    bot_release("b");
    bot_wait_ended(2);
    give_two(i, 500, "/call a", 501, "/call b");
    expect_poll(5, 502, 10);
    bot_expect("began a\nbegan b\nended a\ndone 500 ok\nended b\n"
               "done 501 ok\n");
}

/* Also when something that nobody wants stands before it in the answer. */
static void test_intake__an_unwanted_one_before_a_known_one(void **state)
{
    int i;

    (void)state;
    start(10, 1 << 20, 1);
    give(expect_poll(1, 0, 10), 500, 7, "/call a");
    bot_wait_calls(2);
    i = expect_poll(3, 500, 10);
    bot_release("a");
    bot_wait_ended(1);
    give_two(i, 501, "talk", 500, "/call a");
    expect_poll(4, 502, 10);
    bot_expect("began a\nended a\ndone 500 ok\ndone 501 ok\n");
}

static void
test_intake__one_that_comes_again_unfinished_does_not_run_twice(void **state)
{
    int i;

    (void)state;
    start(10, 1 << 20, 1);
    give(expect_poll(1, 0, 10), 500, 7, "/call a");
    bot_wait_calls(2);
    i = expect_poll(3, 500, 10);
    give_two(i, 500, "/call a", 501, "/now b");
    bot_wait_ended(1);
    assert_int_equal(intake_in_hand(bot.intake), 1);
    bot_release("a");
    bot_wait_ended(2);
    expect_poll(4, 502, 10);
    bot_expect("began a\nran b\ndone 501 ok\nended a\ndone 500 ok\n");
}

/* After a week without updates Telegram begins anywhere. */
static void test_intake__ids_that_jump_down(void **state)
{
    (void)state;
    start(10, 1 << 20, HOUR_MS);
    give(expect_poll(1, 0, 10), 9000000, 7, "/now a");
    give(expect_poll(2, 9000001, 10), 12, 7, "/now b");
    give(expect_poll(3, 13, 10), 13, 7, "/now c");
    expect_poll(4, 14, 10);
    bot_expect(
        "ran a\ndone 9000000 ok\nran b\ndone 12 ok\nran c\ndone 13 ok\n");
}

static void test_intake__a_hundred_that_nobody_wants(void **state)
{
    struct buf list = BUF_INIT;

    (void)state;
    start(1000, 1 << 20, HOUR_MS);
    expect_poll(1, 0, 100);
    for (int i = 0; i < 100; i++) {
        buf_addc(&list, i ? ',' : '[');
        bot_add_update(&list, 700 + i, 7, "talk");
    }
    buf_addc(&list, ']');
    bot_answer(0, list.data);
    expect_poll(2, 800, 100);
    assert_int_equal(bot.ended, 100);
    assert_int_equal(intake_in_hand(bot.intake), 0);
    buf_release(&list);
}

/* --- when to poll ------------------------------------------------------------------ */

static void test_intake__the_cap_on_updates_holds_polling(void **state)
{
    (void)state;
    start(2, 1 << 20, 0);
    give_two(expect_poll(1, 0, 2), 500, "/call a", 501, "/call b");
    bot_wait_calls(3);
    expect_no_more_calls(3);
    assert_int_equal(intake_in_hand(bot.intake), 2);
    bot_release("b");
    bot_wait_ended(1);
    expect_poll(4, 500, 3); /* two come again: room for one */
}

static void test_intake__the_cap_on_bytes_holds_polling(void **state)
{
    (void)state;
    start(100, 350, 0); /* bytes: one update has less, two have more */
    give_two(expect_poll(1, 0, 100), 500, "/call a", 501, "/call b");
    bot_wait_calls(3);
    expect_no_more_calls(3);
    bot_release("a");
    bot_wait_ended(1);
    expect_poll(4, 501, 100);
}

static void test_intake__patience(void **state)
{
    (void)state;
    start(10, 1 << 20, HOUR_MS);
    give_two(expect_poll(1, 0, 10), 500, "/call a", 501, "/call b");
    bot_wait_calls(3);
    expect_no_more_calls(3);
    bot_release("a");
    bot_wait_ended(1);
    expect_no_more_calls(3);
    bot_release("b"); /* nothing is unfinished: patience need not be over */
    bot_wait_ended(2);
    expect_poll(4, 502, 10);
}

/* The Bot API server punishes the same offset sooner than after 3 s. */
static void test_intake__the_same_offset_pauses(void **state)
{
    int64_t began;

    (void)state;
    start(10, 1 << 20, 0);
    give(expect_poll(1, 0, 10), 500, 7, "/call a");
    bot_wait_calls(2);
    expect_poll(3, 500, 10);
    began = loop_now_ms();
    give(2, 500, 7, "/call a");
    expect_no_more_calls(3);
    expect_poll(4, 500, 10);
    assert_true(loop_now_ms() - began > 2000);
}

/* A server that does not wait: it is not asked as fast as it answers. */
static void test_intake__empty_answers_that_come_at_once(void **state)
{
    (void)state;
    start(10, 1 << 20, 0);
    bot_answer(expect_poll(1, 0, 10), "[]");
    expect_no_more_calls(1);
    give(expect_poll(2, 0, 10), 500, 7, "/now a");
    expect_poll(3, 501, 10);
    bot_expect("ran a\ndone 500 ok\n");
}

/* --- bad ones ------------------------------------------------------------------------ */

static void test_intake__broken_updates(void **state)
{
    struct buf list = BUF_INIT;

    (void)state;
    start(10, 1 << 20, HOUR_MS);
    buf_adds(&list, "[{\"update_id\":500,\"message\":{\"text\":\"\\x\"}},");
    bot_add_update(&list, 501, 7, "/now a");
    buf_adds(&list, ",{\"update_id\":502,\"message\":nonsense}]");
    bot_answer(expect_poll(1, 0, 10), list.data);
    expect_poll(2, 503, 10);
    bot_expect("ran a\ndone 501 ok\n");
    assert_int_equal(intake_in_hand(bot.intake), 0);
    assert_non_null(strstr(bot.log.data, "{\"update_id\":500,"));
    assert_non_null(strstr(bot.log.data, "{\"update_id\":502,"));
    buf_release(&list);
}

/* It counts as the one before the next. */
static void test_intake__an_update_without_an_id(void **state)
{
    struct buf list = BUF_INIT;

    (void)state;
    start(10, 1 << 20, HOUR_MS);
    buf_addc(&list, '[');
    bot_add_update(&list, 500, 7, "/call a");
    buf_adds(&list, ",{\"no\":\"id\"},");
    bot_add_update(&list, 502, 8, "/now b");
    buf_addc(&list, ']');
    bot_answer(expect_poll(1, 0, 10), list.data);
    bot_wait_calls(2);
    bot_release("a");
    bot_wait_ended(2);
    expect_poll(3, 503, 10);
    buf_release(&list);
}

/* The answer has nothing else: the next poll must get past it. */
static void test_intake__only_an_update_without_an_id(void **state)
{
    (void)state;
    start(10, 1 << 20, HOUR_MS);
    give(expect_poll(1, 0, 10), 500, 7, "/now a");
    bot_answer(expect_poll(2, 501, 10), "[{\"no\":\"id\"}]");
    expect_poll(3, 502, 10);
}

static void test_intake__ids_that_no_server_gives(void **state)
{
    (void)state;
    start(10, 1 << 20, HOUR_MS);
    give(expect_poll(1, 0, 10), 500, 7, "/now a");
    give_two(expect_poll(2, 501, 10), INT64_MAX, "/now b", -5, "/now c");
    bot_wait_calls(3);
    bot_expect("ran a\ndone 500 ok\n");
    assert_non_null(strstr(bot.log.data, "update_id"));
}

static void test_intake__a_refused_token_is_told(void **state)
{
    (void)state;
    start(10, 1 << 20, HOUR_MS);
    expect_poll(1, 0, 10);
    httpd_reply(bot.calls[0].req, 401, NULL,
                slice_of("{\"ok\":false,\"error_code\":401,"
                         "\"description\":\"Unauthorized\"}"));
    bot.calls[0].req = NULL;
    loop_run(bot.loop);
    assert_non_null(strstr(refused, "BOT_TOKEN"));
}

/* --- the end ---------------------------------------------------------------------------- */

static struct tg_op *acknowledge(void)
{
    struct tg_op *op;

    intake_stop(bot.intake);
    op = intake_acknowledge(bot.intake);
    if (op)
        op->op.done = bot_stop_loop;
    return op;
}

static void expect_acknowledged(struct tg_op *op, int call, int64_t offset)
{
    assert_non_null(op);
    expect_poll(call, offset, 1);
    assert_non_null(strstr(bot.calls[call - 1].body, "\"timeout\":0"));
    bot_answer(call - 1, "[]");
    loop_run(bot.loop);
    assert_string_equal(op->op.err.text, "");
    op_free(&op->op);
}

static void test_intake__nothing_came_nothing_is_told(void **state)
{
    (void)state;
    start(10, 1 << 20, HOUR_MS);
    expect_poll(1, 0, 10);
    assert_null(acknowledge());
}

static void test_intake__the_end_tells_what_is_done(void **state)
{
    (void)state;
    start(10, 1 << 20, HOUR_MS);
    give_two(expect_poll(1, 0, 10), 500, "/now a", 501, "/now b");
    expect_poll(2, 502, 10);
    expect_acknowledged(acknowledge(), 3, 502);
}

/* Done, but kept in mind for the poll that runs. */
static void test_intake__the_end_tells_what_was_done_during_a_poll(void **state)
{
    (void)state;
    start(10, 1 << 20, 1);
    give(expect_poll(1, 0, 10), 500, 7, "/call a");
    bot_wait_calls(2);
    expect_poll(3, 500, 10);
    bot_release("a");
    bot_wait_ended(1);
    expect_acknowledged(acknowledge(), 4, 501);
}

static void test_intake__the_end_does_not_tell_what_is_not_done(void **state)
{
    (void)state;
    start(10, 1 << 20, HOUR_MS);
    give_two(expect_poll(1, 0, 10), 500, "/call a", 501, "/now b");
    bot_wait_ended(1);
    bot_wait_calls(2);
    expect_acknowledged(acknowledge(), 3,
                        500); /* b comes again: at least once */
}

/* An answer that comes after the stop is neither run nor acknowledged. */
static void test_intake__after_the_stop(void **state)
{
    int i;

    (void)state;
    start(10, 1 << 20, HOUR_MS);
    give(expect_poll(1, 0, 10), 500, 7, "/now a");
    i = expect_poll(2, 501, 10);
    lanes_stop(bot.lanes);
    intake_stop(bot.intake);
    give_two(i, 501, "talk", 502, "/now c");
    expect_no_more_calls(2);
    expect_acknowledged(acknowledge(), 3, 501);
    bot_expect("ran a\ndone 500 ok\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_intake__done_at_once_is_acknowledged_by_the_next_poll),
        TEST(test_intake__the_offset_is_the_first_unfinished),
        TEST(test_intake__what_a_running_poll_brings_again_does_not_run_again),
        TEST(test_intake__an_unwanted_one_before_a_known_one),
        TEST(test_intake__one_that_comes_again_unfinished_does_not_run_twice),
        TEST(test_intake__ids_that_jump_down),
        TEST(test_intake__a_hundred_that_nobody_wants),
        TEST(test_intake__the_cap_on_updates_holds_polling),
        TEST(test_intake__the_cap_on_bytes_holds_polling),
        TEST(test_intake__patience),
        TEST(test_intake__the_same_offset_pauses),
        TEST(test_intake__empty_answers_that_come_at_once),
        TEST(test_intake__broken_updates),
        TEST(test_intake__an_update_without_an_id),
        TEST(test_intake__only_an_update_without_an_id),
        TEST(test_intake__ids_that_no_server_gives),
        TEST(test_intake__a_refused_token_is_told),
        TEST(test_intake__nothing_came_nothing_is_told),
        TEST(test_intake__the_end_tells_what_is_done),
        TEST(test_intake__the_end_tells_what_was_done_during_a_poll),
        TEST(test_intake__the_end_does_not_tell_what_is_not_done),
        TEST(test_intake__after_the_stop),
    };

    log_setup(LOG_INFO, LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
