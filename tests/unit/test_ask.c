/* test_ask.c - ctx:ask() and ctx:wait(): who waits for what, in which order. */
#include "bot_test.h"

#define TEST(f) cmocka_unit_test_setup_teardown(f, bot_setup, bot_teardown)

static const char script[] =
    "local bot, log = require 'bot', require 'log'\n"
    "local last\n"
    "local function say(...)\n"
    "  local parts = table.pack(...)\n"
    "  for i = 1, parts.n do parts[i] = tostring(parts[i]) end\n"
    "  log.info(table.concat(parts, ' '))\n"
    "end\n"
    "local function ask(name, options)\n"
    "  bot.command(name, 'a', function(ctx)\n"
    "    say(name, 'began')\n"
    "    local answer, its = ctx:ask(name, options)\n"
    "    if not answer then return say(name, 'nil', its) end\n"
    "    say(name, answer, its.update_id, ctx.update_id, its.text)\n"
    "    if ctx.args[1] == 'slow' then\n"
    "      ctx.api.sendMessage{ chat_id = 1, text = 'slow' }\n"
    "      say(name, 'ended')\n"
    "    end\n"
    "  end)\n"
    "end\n"
    "ask('name')\n"
    "ask('soon', { timeout = 0.05 })\n"
    "ask('number', { kind = 'integer', min = 1, max = 9, tries = 3 })\n"
    "ask('range', { kind = 'integer', max = 9, retry = 'Von 1 bis 9.' })\n"
    "ask('short', { max = 3, retry = 'Kurz, bitte.' })\n"
    "ask('ends', { commands = 'end' })\n"
    "ask('takes', { commands = 'take', cancel = 'stop', ended = 'Bye.' })\n"
    "ask('anyone', { from = 'anyone' })\n"
    "ask('even', { check = function(text)\n"
    "  if #text % 2 == 1 then return nil, 'odd' end\n"
    "  return text:upper()\n"
    "end })\n"
    "ask('pick', { choices = { 'red', { 'green', 2 }, 'blue' } })\n"
    "ask('there', { ['in'] = 'private' })\n"
    "bot.command('now', 'n', function(ctx) say('now', ctx.args[1]) end)\n"
    "bot.command('wait', 'w', function(ctx)\n"
    "  local its, why = ctx:wait('edited_message')\n"
    "  say('wait', its and its.edited_message.text, why)\n"
    "end)\n"
    "bot.on('edited_message', function(ctx) say('edited', ctx.text) end)\n"
    "bot.command('many', 'm', function(ctx)\n"
    "  local first\n"
    "  for i = 1, 33 do\n"
    "    local its = ctx:wait('message:text')\n"
    "    first = first or its\n"
    "    if i < 33 then say(first.text, its.text) end\n"
    "  end\n"
    "  say(ctx.args[1], pcall(function() return first.chat end))\n"
    "end)\n"
    "bot.command('beside', 'b', bot.concurrent(function(ctx)\n"
    "  say('beside', (ctx:ask('beside')))\n"
    "  ctx.api.sendMessage{ chat_id = 1, text = 'slow' }\n"
    "  say('beside ended')\n"
    "end))\n"
    "bot.command('two', 't', function(ctx)\n"
    "  local a, first = ctx:ask('two')\n"
    "  local b = ctx:ask('three')\n"
    "  say('two', a, b, first.text, ctx.args[1], ctx.text)\n"
    "end)\n";

static void use(void)
{
    generation_unref(bot.gen);
    bot.gen = bot_generation(script, 2);
    lanes_set_generation(bot.lanes, bot.gen);
}

/* A question of this text has been sent: answer the call. */
static void asked(int ncalls, const char *text)
{
    bot_wait_calls(ncalls);
    bot_answer(bot_call_with(text), "{\"message_id\":50,\"chat\":{\"id\":7}}");
}

/* Run until n updates are done, and the loop has nothing to do at once. */
static void ended(int n)
{
    bot_wait_ended(n);
    bot_barrier();
}

static void expect_notes(const char *notes)
{
    assert_string_equal(bot.notes.data, notes);
    buf_reset(&bot.notes);
    bot.notes.data[0] = '\0';
}

/* In the group -9, by a person. */
static void push_group(int64_t id, int64_t user, int64_t topic,
                       const char *text)
{
    struct buf update = BUF_INIT;

    buf_addf(&update,
             "{\"update_id\":%lld,\"message\":{\"message_id\":%lld,\"date\":1,"
             "\"chat\":{\"id\":-9,\"type\":\"supergroup\"},\"from\":{\"id\":"
             "%lld,\"is_bot\":false,\"first_name\":\"A\"},\"text\":\"%s\"",
             (long long)id, (long long)id, (long long)user, text);
    if (topic)
        buf_addf(&update,
                 ",\"is_topic_message\":true,\"message_thread_id\":%lld",
                 (long long)topic);
    if (text[0] == '/')
        buf_addf(&update,
                 ",\"entities\":[{\"type\":\"bot_command\",\"offset\":0,"
                 "\"length\":%d}]",
                 (int)strcspn(text, " "));
    buf_adds(&update, "}}");
    bot_push_json(update.data);
    buf_release(&update);
}

static void push_press(int64_t id, int64_t chat, int64_t user, const char *data)
{
    struct buf update = BUF_INIT;

    buf_addf(&update,
             "{\"update_id\":%lld,\"callback_query\":{\"id\":\"1\",\"from\":{"
             "\"id\":%lld},\"message\":{\"message_id\":50,\"chat\":{\"id\":"
             "%lld}},\"data\":\"%s\"}}",
             (long long)id, (long long)user, (long long)chat, data);
    bot_push_json(update.data);
    buf_release(&update);
}

static void test_ask__the_next_message_is_the_answer(void **state)
{
    (void)state;
    use();
    bot_push(1, 7, "/name");
    asked(1, "name");
    ended(1); /* done as soon as it waits */
    bot_expect("name began\ndone 1 ok\n");
    assert_int_equal(lanes_running(bot.lanes), 0);
    assert_int_equal(asks_count(bot.asks), 1);
    expect_notes("asked 7/7/0 -\n");
    bot_push(2, 8, "somebody else");
    bot_push(3, 7, "Ann");
    bot_push(4, 7, "too late");
    ended(4);
    bot_expect("done 2 ok\nname Ann 3 1 Ann\ndone 3 ok\ndone 4 ok\n");
    assert_int_equal(asks_count(bot.asks), 0);
    expect_notes("over 7/7/0 -\n");
}

/* It may come while the question is still being sent. */
static void test_ask__an_early_answer_waits(void **state)
{
    (void)state;
    use();
    bot_push(1, 7, "/name");
    bot_wait_calls(1);
    bot_push(2, 7, "Ann");
    bot_barrier();
    bot_expect("name began\n");
    asked(1, "name");
    ended(2);
    bot_expect("done 1 ok\nname Ann 2 1 Ann\ndone 2 ok\n");
}

static void test_ask__the_lane_goes_on_and_is_kept_again(void **state)
{
    (void)state;
    use();
    bot_push(1, 7, "/name slow");
    asked(1, "name");
    bot_push(2, 7, "/now a");
    ended(2);
    bot_expect("name began\ndone 1 ok\nnow a\ndone 2 ok\n");
    bot_push(3, 7, "Ann");
    bot_push(4, 7, "/now b"); /* behind the answer's work */
    bot_wait_calls(2);
    bot_barrier();
    bot_expect("name Ann 3 1 Ann\n");
    assert_true(lanes_is_running(bot.lanes, 7));
    bot_release("slow");
    ended(4);
    bot_expect("name ended\ndone 3 ok\nnow b\ndone 4 ok\n");
}

static void test_ask__a_person_in_a_group_and_a_topic(void **state)
{
    (void)state;
    use();
    push_group(1, 5, 3, "/name");
    asked(1, "name");
    ended(1);
    expect_notes("asked -9/5/3 -\n");
    push_group(2, 6, 3, "other person");
    push_group(3, 5, 0, "other topic");
    push_group(4, 5, 3, "Ann");
    ended(4);
    bot_expect("name began\ndone 1 ok\ndone 2 ok\ndone 3 ok\n"
               "name Ann 4 1 Ann\ndone 4 ok\n");
}

static void test_ask__anyone_and_in_private(void **state)
{
    (void)state;
    use();
    push_group(1, 5, 0, "/anyone");
    asked(1, "anyone");
    push_group(2, 6, 0, "me");
    ended(2);
    bot_expect("anyone began\ndone 1 ok\nanyone me 2 1 me\ndone 2 ok\n");
    push_group(3, 7, 0, "/there");
    asked(2, "there");
    ended(3);
    push_group(4, 7, 0, "not here");
    bot_push(5, 7, "here");
    ended(5);
    bot_expect("there began\ndone 3 ok\ndone 4 ok\nthere here 5 3 here\n"
               "done 5 ok\n");
}

static void test_ask__commands_meanwhile(void **state)
{
    (void)state;
    use();
    bot_push(1, 7, "/ends");
    asked(1, "ends");
    bot_push(2, 7, "/now a");
    ended(2);
    bot_expect("ends began\ndone 1 ok\nnow a\ndone 2 ok\nends nil command\n");
    bot_push(3, 7, "/takes");
    asked(2, "takes");
    bot_push(4, 7, "/now b");
    ended(4);
    bot_expect("takes began\ndone 3 ok\ntakes /now b 4 3 /now b\ndone 4 ok\n");
    expect_notes("asked 7/7/0 -\nover 7/7/0 -\nasked 7/7/0 Bye.\n"
                 "over 7/7/0 Bye.\n");
    bot_push(5, 7, "/name");
    asked(3, "name");
    bot_push(6, 7, "/cancel");
    ended(6);
    bot_expect("name began\ndone 5 ok\nname nil cancelled\ndone 6 ok\n");
    bot_push(7, 7, "/takes");
    asked(4, "takes");
    bot_push(8, 7, "STOP");
    ended(8);
    bot_expect("takes began\ndone 7 ok\ntakes nil cancelled\ndone 8 ok\n");
}

static void test_ask__a_second_one_ends_the_first(void **state)
{
    (void)state;
    use();
    bot_push(1, 7, "/name");
    asked(1, "name");
    bot_push(2, 7, "/even");
    asked(2, "even");
    ended(2);
    bot_expect("name began\ndone 1 ok\neven began\ndone 2 ok\n"
               "name nil replaced\n");
    bot_push(3, 7, "ab");
    ended(3);
    bot_expect("even AB 3 2 ab\ndone 3 ok\n");
    assert_int_equal(asks_count(bot.asks), 0);
}

static void wait_no_ask(void)
{
    while (asks_count(bot.asks))
        bot_barrier();
    bot_barrier();
}

static void test_ask__time_is_over(void **state)
{
    (void)state;
    use();
    bot_push(1, 7, "/name");
    bot_push(2, 8, "/soon");
    asked(2, "soon");
    bot_release("name");
    ended(2);
    buf_reset(&bot.events);
    while (asks_count(bot.asks) > 1)
        bot_barrier();
    bot_barrier();
    bot_expect("soon nil timeout\n"); /* the other one has an hour */
    bot_push(3, 8, "late");
    ended(3);
    bot_expect("done 3 ok\n");
    bot_push(4, 7, "Ann");
    wait_no_ask();
    bot_expect("name Ann 4 1 Ann\ndone 4 ok\n");
}

static void test_ask__what_does_not_fit_is_asked_again(void **state)
{
    (void)state;
    use();
    bot_push(1, 7, "/even");
    asked(1, "even");
    bot_push(2, 7, "abc");
    asked(2, "odd");
    ended(2);
    bot_push(3, 7, "abcd");
    ended(3);
    bot_expect("even began\ndone 1 ok\ndone 2 ok\neven ABCD 3 1 abcd\n"
               "done 3 ok\n");
    bot_push(4, 7, "/number");
    asked(3, "number");
    bot_push(5, 7, "x");
    asked(4, "Please answer with a whole number.");
    bot_push(6, 7, "10");
    asked(5, "It must be at most 9.");
    bot_push(7, 7, "0");
    ended(7);
    bot_expect("number began\ndone 4 ok\ndone 5 ok\ndone 6 ok\n"
               "number nil tries\ndone 7 ok\n");
}

/* What is said instead of the host's own words, which have one language. */
static void test_ask__retry_is_said_to_all_that_does_not_fit(void **state)
{
    (void)state;
    use();
    bot_push(1, 7, "/range");
    asked(1, "range");
    bot_push(2, 7, "10");
    asked(2, "Von 1 bis 9.");
    bot_push(3, 7, "x");
    asked(3, "Von 1 bis 9.");
    bot_push(4, 7, "9");
    ended(4);
    bot_push(5, 7, "/short");
    asked(4, "short");
    bot_push(6, 7, "longer");
    asked(5, "Kurz, bitte.");
    bot_push(7, 7, "abc");
    ended(7);
}

/* The data of the n-th button of the last question. */
static const char *button(int n)
{
    static char data[80];
    const char *p = bot.calls[bot.ncalls - 1].body;

    for (int i = 0; i <= n; i++) {
        p = strstr(p, "\"callback_data\":\"");
        assert_non_null(p);
        p += strlen("\"callback_data\":\"");
    }
    snprintf(data, sizeof(data), "%.*s", (int)strcspn(p, "\""), p);
    assert_true(strlen(data) <= 64);
    return data;
}

static void test_ask__choices(void **state)
{
    char green[80];

    (void)state;
    use();
    bot_push(1, 7, "/pick");
    bot_wait_calls(1);
    snprintf(green, sizeof(green), "%s", button(1));
    asked(1, "pick");
    push_press(2, 7, 8, green); /* somebody else */
    push_press(3, 7, 7, "ask~00000000~7~1");
    ended(3);
    bot_expect("pick began\ndone 1 ok\nstray 2 foreign\ndone 2 ok\n"
               "stray 3 over\ndone 3 ok\n");
    push_press(4, 7, 7, green);
    bot_wait_calls(2);
    assert_string_equal(bot.calls[1].method, "answerCallbackQuery");
    bot_answer(1, "true");
    bot_wait_calls(3);
    assert_string_equal(bot.calls[2].method, "editMessageReplyMarkup");
    bot_answer(2, "true");
    ended(4);
    bot_expect("pick 2 4 1 nil\ndone 4 ok\n");
    push_press(5, 7, 7, green);
    ended(5);
    bot_expect("stray 5 over\ndone 5 ok\n");
}

static void test_ask__a_choice_may_be_typed(void **state)
{
    char data[80];

    (void)state;
    use();
    bot_push(1, 7, "/pick");
    bot_wait_calls(1);
    snprintf(data, sizeof(data), "%s", button(0));
    asked(1, "pick");
    bot_push(2, 7, "black");
    asked(2, "Please choose one of the buttons.");
    ended(2);
    push_press(3, 7, 7, data); /* the first question's buttons still work */
    bot_wait_calls(3);
    bot_answer(2, "true");
    bot_wait_calls(4);
    bot_answer(3, "true");
    ended(3);
    bot_expect("pick began\ndone 1 ok\ndone 2 ok\npick red 3 1 nil\n"
               "done 3 ok\n");
    bot_push(4, 7, "/pick");
    asked(5, "pick");
    bot_push(5, 7, "GREEN");
    bot_wait_calls(6);
    bot_answer(5, "true");
    ended(5);
    bot_expect("pick began\ndone 4 ok\npick 2 5 4 GREEN\ndone 5 ok\n");
}

static void test_ask__wait_takes_what_its_filter_does(void **state)
{
    (void)state;
    use();
    bot_push(1, 7, "/wait");
    ended(1);
    bot_push(2, 7, "text");
    bot_push_json("{\"update_id\":3,\"edited_message\":{\"message_id\":1,"
                  "\"chat\":{\"id\":7},\"from\":{\"id\":7},\"text\":\"e\"}}");
    bot_push_json("{\"update_id\":4,\"edited_message\":{\"message_id\":1,"
                  "\"chat\":{\"id\":7},\"from\":{\"id\":7},\"text\":\"f\"}}");
    ended(4);
    bot_expect("done 1 ok\ndone 2 ok\nwait e nil\ndone 3 ok\nedited f\n"
               "done 4 ok\n");
}

static void test_ask__two_questions(void **state)
{
    (void)state;
    use();
    bot_push(1, 7, "/two x");
    asked(1, "two");
    bot_push(2, 7, "A");
    asked(2, "three");
    bot_push(3, 7, "B");
    ended(3);
    bot_expect("done 1 ok\ndone 2 ok\ntwo A B A x /two x\ndone 3 ok\n");
    expect_notes("asked 7/7/0 -\nover 7/7/0 -\nasked 7/7/0 -\nover 7/7/0 -\n");
}

static void test_ask__the_last_answers_are_kept(void **state)
{
    struct buf events = BUF_INIT;
    char text[20];

    (void)state;
    use();
    bot_push(1, 7, "/many x");
    buf_adds(&events, "done 1 ok\n");
    for (int i = 2; i <= 34; i++) {
        snprintf(text, sizeof(text), "m%d", i);
        ended(i - 1);
        bot_push(i, 7, text);
        if (i < 34)
            buf_addf(&events, "m2 m%d\n", i);
        else
            buf_adds(&events, "x false scripts/main.lua:47: this ctx belongs "
                              "to an update that is done\n");
        buf_addf(&events, "done %d ok\n", i);
    }
    ended(34);
    bot_expect(events.data);
    buf_release(&events);
}

static void test_ask__beside_its_lane(void **state)
{
    (void)state;
    use();
    bot_push(1, 7, "/beside");
    asked(1, "beside");
    ended(1);
    bot_push(2, 7, "A");
    bot_push(3, 7, "/now a"); /* does not wait for it */
    bot_wait_calls(2);
    ended(2);
    bot_expect("done 1 ok\nnow a\ndone 3 ok\nbeside A\n");
    assert_int_equal(lanes_running(bot.lanes), 1);
    bot_release("slow");
    ended(3);
    bot_expect("beside ended\ndone 2 ok\n");
}

/* What comes while such a one is still asking is not lost. */
static void test_ask__beside_an_early_answer(void **state)
{
    (void)state;
    use();
    bot_push(1, 7, "/beside");
    bot_wait_calls(1);
    bot_push(2, 7, "A");
    bot_barrier();
    bot_expect("");
    asked(1, "beside");
    bot_wait_calls(2);
    bot_expect("done 1 ok\nbeside A\n");
    bot_release("slow");
    ended(2);
    bot_expect("beside ended\ndone 2 ok\n");
}

static void test_ask__a_reload_does_not_end_it(void **state)
{
    (void)state;
    use();
    bot_push(1, 7, "/name");
    asked(1, "name");
    ended(1);
    generation_unref(bot.gen);
    bot.gen = bot_generation(bot_script, 3);
    lanes_set_generation(bot.lanes, bot.gen);
    bot_push(2, 7, "Ann");
    ended(2);
    bot_expect("name began\ndone 1 ok\nname Ann 2 1 Ann\ndone 2 ok\n");
}

static void test_ask__moved_and_ended(void **state)
{
    (void)state;
    use();
    bot_push(1, 7, "/name");
    push_group(2, 5, 0, "/name");
    bot_wait_calls(2);
    bot_release("name");
    bot_release("name");
    ended(2);
    buf_reset(&bot.events);
    asks_chat_moved(bot.asks, -9);
    asked(3, "This was interrupted. Please start again.");
    bot_barrier();
    bot_expect("name nil moved\n");
    asks_end_all(bot.asks);
    asked(4, "This was interrupted. Please start again.");
    wait_no_ask();
    bot_expect("name nil ended\n");
}

/* Killed while it waits, and while it is being woken. */
static void test_ask__killed(void **state)
{
    (void)state;
    use();
    bot_push(1, 7, "/name");
    bot_push(2, 8, "/name");
    bot_wait_calls(2);
    bot_release("name");
    bot_release("name");
    ended(2);
    buf_reset(&bot.events);
    asks_stop(bot.asks);
    buf_reset(&bot.notes);
    asks_chat_moved(bot.asks, 8);
    tasks_kill_all(bot.vm);
    assert_int_equal(asks_count(bot.asks), 0);
    bot_barrier();
    bot_expect("");
    assert_int_equal(bot.notes.len, 0); /* so the next process tells them */
    bot_push(3, 7, "Ann");
    ended(3);
    bot_expect("done 3 ok\n");
}

/* --- mistakes ------------------------------------------------------------------------- */

static const struct {
    const char *call, *error;
} mistakes[] = {
    { "ctx:ask('?', { timout = 1 })",
      "ctx:ask: there is no option \"timout\"" },
    { "ctx:ask('x', { kind = 'int' })",
      "ctx:ask: there is no kind \"int\"; there are animation, any, audio" },
    { "ctx:ask('?', { timeout = '10 minuts' })", "ctx:ask: timeout: " },
    { "ctx:ask('?', { timeout = '31d' })",
      "ctx:ask: timeout: must be more than 0 and at most 30 days" },
    { "ctx:ask('?', { choices = {} })", "ctx:ask: choices must be a list" },
    { "ctx:ask('?', { choices = { {} } })",
      "ctx:ask: a choice must be a text" },
    { "ctx:ask('?', { kind = 'message:fotos' })",
      "ctx:ask: message has no \"fotos\"; did you mean" },
    { "ctx:ask('?', { commands = 'eat' })",
      "ctx:ask: commands must be one of pass, end, take" },
    { "ctx:ask('?', { tries = 0 })", "ctx:ask: tries must be" },
    { "ctx:ask('?', 5)", "ctx:ask: options must be a table" },
    { "ctx:ask(true)", "ctx:ask: the question must be a text" },
    { "ctx:ask('?', { ['in'] = 'here' })",
      "ctx:ask: in must be \"chat\" or \"private\"" },
    { "ctx:wait('poll')", "ctx:wait: this bot gets no such updates" },
    { "ctx:wait('massage')",
      "ctx:wait: unknown kind of update \"massage\"; did you mean" },
    { "tostring(setmetatable({}, { __tostring = function() "
      "return ctx:wait('message') end }))",
      "can't wait here" },
};

static void test_ask__mistakes_are_told_at_their_line(void **state)
{
    struct buf text = BUF_INIT;
    char wanted[300];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mistakes); i++) {
        buf_reset(&text);
        buf_addf(&text,
                 "local bot = require 'bot'\n"
                 "bot.command('x', 'x', function(ctx)\n"
                 "  local a = %s\n"
                 "  return a\n"
                 "end)\n",
                 mistakes[i].call);
        generation_unref(bot.gen);
        bot.gen = bot_generation(text.data, 2);
        lanes_set_generation(bot.lanes, bot.gen);
        buf_reset(&bot.log);
        bot_push((int)i + 1, 7, "/x");
        bot_wait_ended((int)i + 1);
        snprintf(wanted, sizeof(wanted), "%s%s",
                 strstr(mistakes[i].error, "can't") ? ""
                                                    : "scripts/main.lua:3: ",
                 mistakes[i].error);
        if (!strstr(bot.log.data, wanted))
            fail_msg("%s: %s", wanted, bot.log.data);
    }
    buf_release(&text);
    assert_int_equal(asks_count(bot.asks), 0);
}

/* --- many ------------------------------------------------------------------------------- */

enum { MANY = 5000, BYTES_MAX = 2600 };

/* Without a question, so that nothing but waiting is measured. */
static void test_ask__many_take_little(void **state)
{
    size_t before;
    char text[60];

    (void)state;
    generation_unref(bot.gen);
    bot.gen = bot_generation("local bot = require 'bot'\n"
                             "bot.command('x', 'x', function(ctx)\n"
                             "  ctx:wait('message')\n"
                             "end)\n",
                             2);
    lanes_set_generation(bot.lanes, bot.gen);
    bot_push(1, 1, "/x");
    ended(1);
    lua_gc(bot.vm->L, LUA_GCCOLLECT);
    before = bot.vm->memory;
    for (int i = 2; i <= MANY; i++) {
        bot_push(i, i, "/x");
        if (i % 500 == 0)
            ended(i);
    }
    lua_gc(bot.vm->L, LUA_GCCOLLECT);
    snprintf(text, sizeof(text), "%zu bytes of Lua for one that waits\n",
             (bot.vm->memory - before) / (MANY - 1));
    print_message("%s", text);
    assert_true((bot.vm->memory - before) / (MANY - 1) < BYTES_MAX);
    assert_int_equal(asks_count(bot.asks), MANY);
    for (int i = 1; i <= MANY; i++) {
        bot_push(MANY + i, i, "yes");
        if (i % 500 == 0)
            ended(MANY + i);
    }
    assert_int_equal(asks_count(bot.asks), 0);
}

static void test_ask__no_more_than_the_limit(void **state)
{
    (void)state;
    asks_free(bot.asks);
    lanes_free(bot.lanes);
    bot.asks = bot.services.asks =
        asks_new(bot.loop,
                 &(struct asks_options){ .max = 1, .note = bot_on_note });
    bot.lanes = lanes_new(bot.loop, bot.vm, bot_on_done, NULL);
    use();
    bot_push(1, 7, "/name");
    asked(1, "name");
    bot_push(2, 8, "/name");
    ended(2);
    bot_expect("name began\nname began\ndone 2 failed\ndone 1 ok\n");
    assert_non_null(strstr(bot.log.data, "scripts/main.lua:11: ctx:ask: 1 "
                                         "questions wait to be answered "
                                         "already (ASKS_MAX)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ask__the_next_message_is_the_answer),
        TEST(test_ask__an_early_answer_waits),
        TEST(test_ask__the_lane_goes_on_and_is_kept_again),
        TEST(test_ask__a_person_in_a_group_and_a_topic),
        TEST(test_ask__anyone_and_in_private),
        TEST(test_ask__commands_meanwhile),
        TEST(test_ask__a_second_one_ends_the_first),
        TEST(test_ask__time_is_over),
        TEST(test_ask__what_does_not_fit_is_asked_again),
        TEST(test_ask__retry_is_said_to_all_that_does_not_fit),
        TEST(test_ask__choices),
        TEST(test_ask__a_choice_may_be_typed),
        TEST(test_ask__wait_takes_what_its_filter_does),
        TEST(test_ask__two_questions),
        TEST(test_ask__the_last_answers_are_kept),
        TEST(test_ask__beside_its_lane),
        TEST(test_ask__beside_an_early_answer),
        TEST(test_ask__a_reload_does_not_end_it),
        TEST(test_ask__moved_and_ended),
        TEST(test_ask__killed),
        TEST(test_ask__mistakes_are_told_at_their_line),
        TEST(test_ask__many_take_little),
        TEST(test_ask__no_more_than_the_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
