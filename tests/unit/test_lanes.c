/* test_lanes.c - the updates of a chat in order, chats side by side. */
#include "bot_test.h"

#define TEST(f) cmocka_unit_test_setup_teardown(f, bot_setup, bot_teardown)

static void test_lanes__one_chat_keeps_its_order(void **state)
{
    (void)state;
    bot_push(1, 7, "/call a");
    bot_push(2, 7, "/now b");
    bot_wait_calls(1);
    bot_push(3, 7, "/call c");
    bot_barrier();
    bot_expect("began a\n"); /* the others wait for its answer */
    assert_int_equal(lanes_running(bot.lanes), 1);
    bot_release("a");
    bot_wait_calls(2);
    bot_expect("ended a\ndone 1 ok\nran b\ndone 2 ok\nbegan c\n");
    bot_release("c");
    bot_wait_ended(3);
    bot_expect("ended c\ndone 3 ok\n");
    assert_int_equal(lanes_running(bot.lanes), 0);
}

static void test_lanes__chats_run_side_by_side(void **state)
{
    (void)state;
    bot_push(1, 7, "/call a");
    bot_push(2, 8, "/call b");
    bot_push(3, -9, "/call c");
    bot_push(4, 8, "/now d");
    bot_wait_calls(3);
    assert_int_equal(lanes_running(bot.lanes), 3);
    bot_expect("began a\nbegan b\nbegan c\n");
    bot_release("c"); /* the last one is not held up by the first */
    bot_wait_ended(1);
    bot_release("b");
    bot_wait_ended(3);
    bot_expect("ended c\ndone 3 ok\nended b\ndone 2 ok\nran d\ndone 4 ok\n");
    bot_release("a");
    bot_wait_ended(4);
    bot_expect("ended a\ndone 1 ok\n");
}

static void test_lanes__nothing_starts_within_a_push(void **state)
{
    (void)state;
    bot_push(1, 7, "/now a");
    bot_expect("");
    bot_wait_ended(1);
    bot_expect("ran a\ndone 1 ok\n");
}

/* Else a backlog of one chat would be as deep on the C stack. */
static void test_lanes__the_next_one_does_not_start_within_an_end(void **state)
{
    enum { N = 300 };
    struct buf expected = BUF_INIT;
    char text[20];

    (void)state;
    for (int i = 1; i <= N; i++) {
        snprintf(text, sizeof(text), i % 50 ? "/now %d" : "/fail %d", i);
        bot_push(i, 7, text);
        buf_addf(&expected,
                 i % 50 ? "ran %d\ndone %d ok\n"
                        : "failing %d\ndone %d failed\n",
                 i, i);
    }
    bot_wait_ended(N);
    bot_expect(expected.data);
    assert_true(bot.highest - bot.lowest < 2000);
    buf_release(&expected);
}

static void test_lanes__a_failed_one_does_not_stop_its_chat(void **state)
{
    (void)state;
    bot_push(1, 7, "/fail a");
    bot_push(2, 7, "/now b");
    bot_wait_ended(2);
    bot_expect("failing a\ndone 1 failed\nran b\ndone 2 ok\n");
    assert_non_null(strstr(bot.log.data, "on purpose"));
}

/* Before what is queued, and without a task. */
static void test_lanes__what_no_handler_wants_is_done_at_once(void **state)
{
    (void)state;
    bot_push(1, 7, "/call a");
    bot_push(2, 7, "just talk");
    bot_push(3, 7, "/unknown");
    bot_push(4, 7, "/now@other_bot x");
    bot_expect("done 2 ok\ndone 3 ok\ndone 4 ok\n");
    assert_int_equal(lanes_running(bot.lanes), 0);
    bot_wait_calls(1);
    bot_release("a");
    bot_wait_ended(4);
    bot_expect("began a\nended a\ndone 1 ok\n");
}

static void test_lanes__stop_leaves_the_rest(void **state)
{
    (void)state;
    bot_push(1, 7, "/call a");
    bot_push(2, 7, "/now b");
    bot_wait_calls(1);
    bot_push(3, 8, "/now c"); /* ready, not started */
    lanes_stop(bot.lanes);
    bot_release("a");
    bot_wait_ended(1);
    bot_push(4, 9, "/now d");
    bot_barrier();
    bot_expect("began a\nended a\ndone 1 ok\n");
    assert_int_equal(lanes_running(bot.lanes), 0);
}

static void test_lanes__killed_tasks_start_no_others(void **state)
{
    (void)state;
    bot_push(1, 7, "/call a");
    bot_push(2, 7, "/now b");
    bot_push(3, 8, "/call c");
    bot_wait_calls(2);
    lanes_stop(bot.lanes);
    tasks_kill_all(bot.vm);
    bot_barrier();
    bot_expect("began a\nbegan c\ndone 1 killed\ndone 3 killed\n");
    assert_int_equal(lanes_running(bot.lanes), 0);
}

static void test_lanes__a_new_generation_is_for_new_tasks(void **state)
{
    static const char changed[] =
        "local bot, log = require 'bot', require 'log'\n"
        "bot.command('now', 'n', function(ctx)\n"
        "  log.info('anew ' .. ctx.args[1])\n"
        "end)\n";

    (void)state;
    bot_push(1, 7, "/call a");
    bot_push(2, 7, "/now b");
    bot_push(3, 7, "/call gone"); /* no handler is left for it */
    bot_wait_calls(1);
    generation_unref(bot.gen);
    bot.gen = bot_generation(changed, 2);
    lanes_set_generation(bot.lanes, bot.gen); /* the task holds the old one */
    bot_release("a");
    bot_wait_ended(3);
    bot_expect("began a\nended a\ndone 1 ok\nanew b\ndone 2 ok\ndone 3 ok\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lanes__one_chat_keeps_its_order),
        TEST(test_lanes__chats_run_side_by_side),
        TEST(test_lanes__nothing_starts_within_a_push),
        TEST(test_lanes__the_next_one_does_not_start_within_an_end),
        TEST(test_lanes__a_failed_one_does_not_stop_its_chat),
        TEST(test_lanes__what_no_handler_wants_is_done_at_once),
        TEST(test_lanes__stop_leaves_the_rest),
        TEST(test_lanes__killed_tasks_start_no_others),
        TEST(test_lanes__a_new_generation_is_for_new_tasks),
    };

    log_setup(LOG_INFO, LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
