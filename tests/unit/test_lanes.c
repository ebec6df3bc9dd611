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

/* What no update has caused: a function of its own, in the lane that it names. */
static int push_job(lua_State *L, struct task *t)
{
    lua_getglobal(L, "assert"); /* raises its second argument, if … */
    lua_pushboolean(L, t->in->u.user_id == 0);
    lua_pushliteral(L, "job failed");
    return 2;
}

static const struct origin job = { .name = "bot.every", .push = push_job };

static void push_origin(int64_t id, int64_t lane, int64_t user)
{
    struct incoming *in = xalloc(sizeof(*in));

    buf_init(&in->text);
    in->u = (struct update){ .id = id, .kind = UPDATE_KINDS, .user_id = user };
    in->lane = lane;
    in->origin = &job;
    lanes_push(bot.lanes, in);
}

static void test_lanes__a_job_waits_in_its_lane(void **state)
{
    (void)state;
    bot_push(1, 7, "/call a");
    push_origin(2, 7, 0);
    push_origin(3, 8, 1);
    bot_wait_ended(1);
    bot_expect("began a\ndone 3 failed\n");
    assert_non_null(strstr(bot.log.data, "job failed"));
    bot_wait_calls(1);
    bot_release("a");
    bot_wait_ended(3);
    bot_expect("ended a\ndone 1 ok\ndone 2 ok\n");
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

/* --- which lane --------------------------------------------------------------------- */

static const char kinds_script[] =
    "local bot, log = require 'bot', require 'log'\n"
    "bot.on({ 'inline_query', 'chosen_inline_result', 'shipping_query',\n"
    "    'pre_checkout_query', 'poll' }, function(ctx)\n"
    "  log.info(ctx.kind .. ' ' .. ctx.update.update_id)\n"
    "end)\n"
    "bot.on({ 'message', 'edited_message', 'callback_query', "
    "'my_chat_member',\n"
    "    'message_reaction', 'chat_join_request' }, function(ctx)\n"
    "  log.info('began ' .. ctx.update.update_id)\n"
    "  ctx.api.sendMessage{ chat_id = 1, text = ctx.update.update_id .. '' }\n"
    "end)\n";

static void use_script(const char *script)
{
    generation_unref(bot.gen);
    bot.gen = bot_generation(script, 2);
    lanes_set_generation(bot.lanes, bot.gen);
}

static void push_json(int id, const char *kind, const char *payload)
{
    struct incoming *in = xalloc(sizeof(*in));
    struct err err = ERR_INIT;

    buf_init(&in->text);
    buf_addf(&in->text, "{\"update_id\":%d,\"%s\":%s}", id, kind, payload);
    assert_true(update_read(buf_slice(&in->text), &in->u, &err));
    lanes_push(bot.lanes, in);
}

#define FROM_7 "\"from\":{\"id\":7}"
#define CHAT_7 "\"chat\":{\"id\":7}"

/* A person's private chat has the number of the person. */
static void test_lanes__queries_wait_behind_no_chat(void **state)
{
    (void)state;
    use_script(kinds_script);
    push_json(1, "message", "{" CHAT_7 "," FROM_7 "}");
    bot_wait_calls(1);
    push_json(2, "inline_query", "{\"id\":\"1\"," FROM_7 "}");
    push_json(3, "chosen_inline_result", "{" FROM_7 "}");
    push_json(4, "shipping_query", "{\"id\":\"1\"," FROM_7 "}");
    push_json(5, "pre_checkout_query", "{\"id\":\"1\"," FROM_7 "}");
    bot_wait_ended(4);
    bot_expect("began 1\ninline_query 2\ndone 2 ok\nchosen_inline_result 3\n"
               "done 3 ok\nshipping_query 4\ndone 4 ok\n"
               "pre_checkout_query 5\ndone 5 ok\n");
    assert_int_equal(lanes_running(bot.lanes), 1);
}

/* All that a chat sends, of whatever kind, is one lane. */
static void test_lanes__what_a_chat_sends_is_in_order(void **state)
{
    static const char *const kinds[] = {
        "message",        "edited_message",   "my_chat_member",
        "callback_query", "message_reaction", "chat_join_request",
        "message"
    };
    struct buf expected = BUF_INIT;
    char id[20];

    (void)state;
    use_script(kinds_script);
    for (int i = 0; i < (int)ARRAY_LEN(kinds); i++)
        push_json(i + 1, kinds[i],
                  strcmp(kinds[i], "callback_query") == 0
                      ? "{\"id\":\"1\",\"from\":{\"id\":8},\"message\":{" CHAT_7
                        "}}"
                      : "{" CHAT_7 ",\"from\":{\"id\":8}}");
    for (int i = 1; i <= (int)ARRAY_LEN(kinds); i++) {
        bot_wait_calls(i);
        bot_barrier();
        assert_int_equal(lanes_running(bot.lanes), 1);
        snprintf(id, sizeof(id), "%d", i);
        bot_release(id);
        bot_wait_ended(i);
        buf_addf(&expected, "began %d\ndone %d ok\n", i, i);
    }
    bot_expect(expected.data);
    buf_release(&expected);
}

static void test_lanes__queries_start_first(void **state)
{
    (void)state;
    use_script(kinds_script);
    for (int i = 1; i <= 3; i++)
        push_json(i, "poll", "{\"id\":\"1\"}"); /* nobody's */
    push_json(4, "message", "{\"chat\":{\"id\":-9}}");
    push_json(5, "inline_query", "{\"id\":\"1\",\"from\":{\"id\":8}}");
    push_json(6, "pre_checkout_query", "{\"id\":\"1\"," FROM_7 "}");
    bot_wait_ended(5);
    bot_expect("inline_query 5\ndone 5 ok\npre_checkout_query 6\ndone 6 ok\n"
               "poll 1\ndone 1 ok\npoll 2\ndone 2 ok\npoll 3\ndone 3 ok\n"
               "began 4\n");
}

/* --- holding a lane ------------------------------------------------------------------- */

static void test_lanes__a_held_lane_starts_nothing(void **state)
{
    (void)state;
    bot_push(1, 7, "/now a"); /* ready */
    lanes_hold(bot.lanes, 7);
    lanes_hold(bot.lanes, 7);
    bot_push(2, 7, "/now b");
    bot_push(3, 8, "/now c");
    bot_push(4, 7, "just talk"); /* nobody wants it: it is not over, either */
    bot_barrier();
    bot_expect("ran c\ndone 3 ok\n");
    lanes_release(bot.lanes, 7);
    bot_barrier();
    bot_expect("");
    lanes_release(bot.lanes, 7);
    bot_wait_ended(4);
    bot_expect("ran a\ndone 1 ok\nran b\ndone 2 ok\ndone 4 ok\n");
}

static void test_lanes__what_runs_in_a_held_lane_goes_on(void **state)
{
    (void)state;
    bot_push(1, 7, "/call a");
    bot_push(2, 7, "/now b");
    bot_wait_calls(1);
    lanes_hold(bot.lanes, 7);
    bot_release("a");
    bot_wait_ended(1);
    bot_barrier();
    bot_expect("began a\nended a\ndone 1 ok\n");
    lanes_release(bot.lanes, 7);
    bot_wait_ended(2);
    bot_expect("ran b\ndone 2 ok\n");
    lanes_hold(bot.lanes, 7); /* with nothing in it */
    lanes_release(bot.lanes, 7);
    lanes_hold(bot.lanes, 5); /* and one that stays, till the end */
    bot_push(3, 5, "/now c");
}

/* --- bot.concurrent --------------------------------------------------------------------- */

/* No messages: those to one chat leave one after another (see telegram/pace.h). */
static const char concurrent_script[] =
    "local bot, log = require 'bot', require 'log'\n"
    "local function call(ctx)\n"
    "  log.info('began ' .. ctx.args[1])\n"
    "  ctx.api.getChat{ chat_id = ctx.chat.id, text = ctx.args[1] }\n"
    "  log.info('ended ' .. ctx.args[1])\n"
    "end\n"
    "bot.command('call', 'c', call)\n"
    "bot.command('long', 'l', bot.concurrent(call))\n"
    "bot.command('boom', 'b', bot.concurrent(function(ctx)\n"
    "  call(ctx)\n"
    "  error('on purpose')\n"
    "end))\n"
    "bot.command('next', 'n', bot.concurrent(function(ctx, next)\n"
    "  log.info('first ' .. ctx.args[1])\n"
    "  next()\n"
    "  log.info('last ' .. ctx.args[1])\n"
    "end))\n"
    "bot.command('next', call)\n"
    "bot.command('results', 'r', function(ctx)\n"
    "  log.info(table.concat({ bot.concurrent(function(a, b)\n"
    "    call(ctx)\n"
    "    return b, a\n"
    "  end)('x', 'y') }, ' '))\n"
    "end)\n";

static void test_lanes__concurrent_handlers_leave_their_lane(void **state)
{
    (void)state;
    use_script(concurrent_script);
    bot_push(1, 7, "/long a");
    bot_push(2, 7, "/call b");
    bot_push(3, 7, "/call c");
    bot_wait_calls(2);
    bot_barrier();
    bot_expect("began a\nbegan b\n"); /* the others keep their order */
    assert_int_equal(lanes_running(bot.lanes), 2);
    bot_release("b");
    bot_wait_calls(3);
    bot_push(4, 7, "/long d");
    bot_release("c");
    bot_wait_calls(4);
    bot_expect("ended b\ndone 2 ok\nbegan c\nended c\ndone 3 ok\nbegan d\n");
    bot_release("a"); /* only now it is done */
    bot_wait_ended(3);
    bot_expect("ended a\ndone 1 ok\n");
    bot_release("d");
    bot_wait_ended(4);
    assert_int_equal(lanes_running(bot.lanes), 0);
}

static void test_lanes__concurrent_tasks_end_as_others_do(void **state)
{
    (void)state;
    use_script(concurrent_script);
    bot_push(1, 7, "/boom a");
    bot_push(2, 7, "/next b");
    bot_push(3, 7, "/results c");
    bot_push(4, 7, "/long d");
    bot_wait_calls(4); /* all at once: each leaves before its call */
    bot_expect("began a\nfirst b\nbegan b\nbegan c\nbegan d\n");
    bot_release("a");
    bot_wait_ended(1);
    bot_release("b");
    bot_wait_ended(2);
    bot_release("c");
    bot_wait_ended(3);
    bot_expect("ended a\ndone 1 failed\nended b\nlast b\ndone 2 ok\n"
               "ended c\ny x\ndone 3 ok\n");
    assert_non_null(strstr(bot.log.data, "on purpose"));
    tasks_kill_all(bot.vm);
    bot_expect("done 4 killed\n");
    assert_int_equal(lanes_running(bot.lanes), 0);
}

static void test_lanes__concurrent_is_no_handler_when_loading(void **state)
{
    static const char *const bad[] = {
        "require('bot').concurrent(function() end)()",
        "require('bot').concurrent('x')",
        "require('bot').concurrent()",
    };
    static const char *const why[] = {
        "only be called in a handler",
        "function expected, got string",
        "function expected, got no value",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = ERR_INIT;
        struct generation *gen = generation_new(bot.vm->L, bot.folder, 2);

        bot_write("scripts/main.lua", bad[i]);
        assert_false(generation_load(gen, &err));
        if (!strstr(err.text, why[i]))
            fail_msg("%s: %s", bad[i], err.text);
        generation_unref(gen);
    }
}

/* --- what an error leaves ------------------------------------------------------------------ */

static char died[400];

static void keep_error(struct incoming *in, enum task_result result, void *arg)
{
    snprintf(died, sizeof(died), "%s|%s", in->handler ? in->handler : "",
             in->error ? in->error : "");
    bot_on_done(in, result, arg);
}

static void test_lanes__errors_come_with_the_update(void **state)
{
    (void)state;
    lanes_free(bot.lanes);
    bot.lanes = lanes_new(bot.loop, bot.vm, keep_error, NULL);
    lanes_set_generation(bot.lanes, bot.gen);
    bot_push(1, 7, "/fail a");
    bot_wait_ended(1);
    assert_string_equal(died, "/fail|scripts/main.lua:12: on purpose\n"
                              "  global 'error'\n"
                              "  scripts/main.lua:12: in the function at line "
                              "10");
    bot_push(2, 7, "/now a");
    bot_wait_ended(2);
    assert_string_equal(died, "|");
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
        TEST(test_lanes__a_job_waits_in_its_lane),
        TEST(test_lanes__stop_leaves_the_rest),
        TEST(test_lanes__killed_tasks_start_no_others),
        TEST(test_lanes__a_new_generation_is_for_new_tasks),
        TEST(test_lanes__queries_wait_behind_no_chat),
        TEST(test_lanes__what_a_chat_sends_is_in_order),
        TEST(test_lanes__queries_start_first),
        TEST(test_lanes__a_held_lane_starts_nothing),
        TEST(test_lanes__what_runs_in_a_held_lane_goes_on),
        TEST(test_lanes__concurrent_handlers_leave_their_lane),
        TEST(test_lanes__concurrent_tasks_end_as_others_do),
        TEST(test_lanes__concurrent_is_no_handler_when_loading),
        TEST(test_lanes__errors_come_with_the_update),
    };

    log_setup(LOG_INFO, LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
