/* test_script_groups.c - bot.group: which conditions hold, and what can't be one. */
#include "script_test.h"

/* A message from user 7: in a chat of this type and id, with more fields. */
static void message_in(const char *type, int64_t id, const char *more)
{
    char update[1000];

    snprintf(update, sizeof(update),
             "{\"update_id\":10,\"message\":{\"message_id\":5,\"from\":{\"id\":"
             "7},\"chat\":{\"id\":%lld,\"type\":\"%s\"}%s}}",
             (long long)id, type, more);
    if (run_update(update) != TASK_OK)
        fail_msg("%s: %s", update, t.log.data);
}

/* --- conditions ------------------------------------------------------------------- */

static void test_group__chat_type(void **state)
{
    (void)state;
    script("local bot = require 'bot'\n"
           "local groups = bot.group{ chat_type = { 'group', 'supergroup' } }\n"
           "groups.command('a', function(ctx) ctx:reply('group') end)\n"
           "bot.group{ chat_type = 'private' }.command('a', function(ctx) "
           "ctx:reply('private') end)\n");
    message_in("private", 7, ",\"text\":\"/a\"");
    message_in("group", -5, ",\"text\":\"/a\"");
    message_in("supergroup", -6, ",\"text\":\"/a\"");
    message_in("channel", -7, ",\"text\":\"/a\"");
    expect_replies("private\ngroup\ngroup\n");
}

static void test_group__ids_and_topics(void **state)
{
    (void)state;
    script("local bot = require 'bot'\n"
           "local function says(text) return function(ctx, next) "
           "ctx:reply(text) next() end end\n"
           "bot.group{ chat = { -5, -6 } }.hears('x', says 'chat')\n"
           "bot.group{ user = 7 }.hears('x', says 'user')\n"
           "bot.group{ user = 8 }.hears('x', says 'other')\n"
           "bot.group{ topic = 3 }.hears('x', says 'topic 3')\n"
           "bot.group{ topic = true }.hears('x', says 'in a topic')\n"
           "bot.group{ topic = false }.hears('x', says 'in none')\n");
    message_in("supergroup", -5, ",\"text\":\"x\"");
    expect_replies("chat\nuser\nin none\n");
    message_in("supergroup", -9,
               ",\"text\":\"x\",\"is_topic_message\":true,"
               "\"message_thread_id\":3");
    expect_replies("user\ntopic 3\nin a topic\n");
    message_in("supergroup", -9,
               ",\"text\":\"x\",\"is_topic_message\":true,"
               "\"message_thread_id\":4");
    expect_replies("user\nin a topic\n");
}

static void test_group__on_and_nesting(void **state)
{
    (void)state;
    script("local bot = require 'bot'\n"
           "local photos = bot.group{ on = ':photo' }\n"
           "photos.on('::url', function(ctx) ctx:reply('photo with link') "
           "end)\n"
           "local mine = photos.group{ chat_type = 'private' }\n"
           "mine.use(function(ctx, next) ctx:reply('mine') next() end)\n"
           "photos.use(function(ctx) ctx:reply('photo') end)\n"
           "bot.on('message', function(ctx) ctx:reply('message') end)\n");
    message_in("private", 7, ",\"photo\":[]");
    message_in("group", -7, ",\"photo\":[]");
    message_in("private", 7, ",\"text\":\"x\"");
    message_in("private", 7,
               ",\"photo\":[],\"caption_entities\":[{\"type\":\"url\"}]");
    expect_replies("mine\nphoto\nphoto\nmessage\nphoto with link\n");
}

static void test_group__when(void **state)
{
    (void)state;
    script("local bot, time = require 'bot', require 'time'\n"
           "local asked = 0\n"
           "local on = bot.group{ when = function(ctx)\n"
           "  asked = asked + 1\n"
           "  time.sleep(0)\n"
           "  return ctx.text:find('yes')\n"
           "end }\n"
           "on.command('never', function() error('never') end)\n"
           "on.hears('%a', function(ctx, next) ctx:reply('first') next() "
           "end)\n"
           "on.hears('^y', function(ctx, next) ctx:reply(ctx.match[1]) next() "
           "end)\n"
           "bot.on('message', function(ctx) ctx:reply('asked ' .. asked) "
           "end)\n");
    message_in("private", 7, ",\"text\":\"yes\"");
    message_in("private", 7, ",\"text\":\"no\"");
    message_in("private", 7, ",\"text\":\"1\"");
    expect_replies("first\ny\nasked 1\nasked 2\nasked 2\n");
}

static void test_group__when_raises(void **state)
{
    (void)state;
    script("local bot = require 'bot'\n"
           "bot.group{ when = function(ctx) return ctx.nothing.x end }"
           ".use(function() end)\n");
    assert_int_equal(say("x"), TASK_FAILED);
    expect_log("scripts/a.lua:2: attempt to index a nil value (field "
               "'nothing')");
}

static void test_group__admin(void **state)
{
    (void)state;
    script("local bot = require 'bot'\n"
           "local admins = bot.group{ admin = true }\n"
           "admins.command('a', function(ctx) ctx:reply('admin') end)\n"
           "admins.command('b', function(ctx) ctx:reply('admin') end)\n"
           "bot.command('a', function(ctx) ctx:reply('anybody') end)\n");
    answer("getChatMember", 200,
           "{\"ok\":true,\"result\":{\"status\":\"administrator\"}}");
    say_ok("hello"); /* nobody is asked about this */
    expect_calls("");
    say_ok("/a");
    expect_replies("admin\n");
    admins_forget(t.services.admins, -100123, 7);
    answer("getChatMember", 200,
           "{\"ok\":true,\"result\":{\"status\":\"member\"}}");
    say_ok("/a");
    expect_replies("anybody\n");
    message_in("private", 7, ",\"text\":\"/b\"");
    expect_replies("admin\n");
}

static void test_group__admin_false(void **state)
{
    (void)state;
    script("local bot = require 'bot'\n"
           "bot.group{ admin = false }.on('::url', function(ctx) "
           "ctx:reply('no links') end)\n");
    answer("getChatMember", 200,
           "{\"ok\":true,\"result\":{\"status\":\"member\"}}");
    message_in("supergroup", -100123,
               ",\"text\":\"x\",\"entities\":[{\"type\":\"url\"}]");
    expect_replies("no links\n");
    admins_forget(t.services.admins, -100123, 7);
    answer("getChatMember", 200,
           "{\"ok\":true,\"result\":{\"status\":\"creator\"}}");
    message_in("supergroup", -100123,
               ",\"text\":\"x\",\"entities\":[{\"type\":\"url\"}]");
    expect_replies("");
}

static void test_group__rights(void **state)
{
    static const char *const members[] = {
        "{\"ok\":true,\"result\":{\"status\":\"administrator\","
        "\"can_delete_messages\":true,\"can_pin_messages\":false}}",
        "{\"ok\":true,\"result\":{\"status\":\"administrator\","
        "\"can_delete_messages\":true,\"can_pin_messages\":true}}",
        "{\"ok\":true,\"result\":{\"status\":\"creator\"}}",
        "{\"ok\":true,\"result\":{\"status\":\"member\"}}",
    };

    (void)state;
    script("local bot = require 'bot'\n"
           "bot.group{ rights = { 'can_delete_messages', 'can_pin_messages' } "
           "}.command('a', function(ctx) ctx:reply('may') end)\n"
           "bot.command('a', function(ctx) ctx:reply('may not') end)\n");
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        admins_forget(t.services.admins, -100123, 7);
        answer("getChatMember", 200, members[i]);
        say_ok("/a");
    }
    expect_replies("may not\nmay\nmay\nmay not\n");
    message_in("private", 7, ",\"text\":\"/a\""); /* nobody else is there */
    assert_null(strstr(t.calls.data, "getChatMember"));
    expect_replies("may\n");
}

/* What is from nobody, or of no chat, is from no administrator. */
static void test_group__of_nobody(void **state)
{
    static const char *const updates[] = {
        "{\"update_id\":1,\"message_reaction_count\":{\"chat\":{\"id\":-5,"
        "\"type\":\"group\"},\"message_id\":3}}",
        "{\"update_id\":1,\"poll\":{\"id\":\"5\"}}",
        "{\"update_id\":1,\"inline_query\":{\"id\":\"5\",\"from\":{\"id\":7},"
        "\"query\":\"\"}}",
    };

    (void)state;
    script("local bot = require 'bot'\n"
           "local function says(text) return function(ctx, next) "
           "ctx.api.say{ text = text } next() end end\n"
           "bot.group{ admin = true }.use(says 'admin')\n"
           "bot.group{ rights = 'can_pin_messages' }.use(says 'rights')\n"
           "bot.group{ admin = false }.use(says 'none')\n");
    for (size_t i = 0; i < ARRAY_LEN(updates); i++)
        assert_int_equal(run_update(updates[i]), TASK_OK);
    expect_replies("none\nnone\nnone\n");
}

/* --- errors at the script's line ------------------------------------------------------- */

static void test_group__mistakes(void **state)
{
    static const struct {
        const char *line, *error;
    } cases[] = {
        { "bot.group{}", "bot.group: without conditions it is the same as "
                         "bot" },
        { "bot.group{ chat_typ = 'private' }",
          "bot.group: there is no \"chat_typ\"; did you mean \"chat_type\"?" },
        { "bot.group{ chat_type = 'secret' }",
          "bot.group: chat_type: \"private\", \"group\", \"supergroup\" or "
          "\"channel\" is expected, got \"secret\"" },
        { "bot.group{ chat = '@name' }",
          "bot.group: chat: an id or a list of ids is expected, got string" },
        { "bot.group{ chat = {} }", "bot.group: chat: the list is empty" },
        { "bot.group{ on = ':foto' }",
          "bot.group: on = \":foto\": message has no \"foto\"; did you mean "
          "\"photo\"?" },
        { "bot.group{ rights = 'can_delete_message' }",
          "bot.group: rights: there is no \"can_delete_message\"; did you "
          "mean \"can_delete_messages\"?" },
        { "bot.group{ when = true }",
          "bot.group: when: a function is expected, got boolean" },
        { "bot.group{ on = ':photo' }.callback('x', function() end)",
          "no update can be for this: those that its group, at "
          "scripts/a.lua:2, takes are of other kinds" },
        { "bot.group{ on = ':photo' }.group{ on = 'poll' }",
          "bot.group: no update can be for this: those that the group around "
          "it, at scripts/a.lua:2, takes are of other kinds" },
        { "bot.group{ user = 7 }.catch(print)",
          "a group has no catch; it has callback, chosen, command, group, "
          "hears, inline, on, pre_checkout, reaction, shipping, use" },
        { "bot.comand('a', print)",
          "there is no bot.comand; did you mean bot.command?" },
        { "bot.inlineQuery(print)", "there is no bot.inlineQuery; did you mean "
                                    "bot.inline?" },
        { "bot.xyzzy()", "there is no bot.xyzzy" },
        { "bot:command('a', print)",
          "bot.command is called with a dot, not with a colon" },
        { "bot.command('a', { desciption = 'x' }, print)",
          "bot.command: there is no \"desciption\"; did you mean "
          "\"description\"?" },
        { "bot.command('a', '', print)",
          "bot.command: description: 1 to 256 characters are allowed, got 0" },
        { "bot.command('a', { description = 'x', scope = 'group' }, print)",
          "bot.command: scope: \"all\", \"private\", \"groups\", \"admins\", a "
          "chat's id, { chat = id, admins = true }, { chat = id, user = id }, "
          "or a list of these is expected, got \"group\"" },
        { "bot.command('a', { description = 'x', languages = { german = 'y' } "
          "}, print)",
          "bot.command: languages: \"german\" is no language's code of two "
          "letters, as \"de\"" },
        { "bot.command('a', { languages = { de = 'y' } }, print)",
          "bot.command: languages need a description for all others" },
        { "bot.command('a', { aliases = 'a' }, print)",
          "bot.command: /a is named twice" },
        { "bot.hears('(a', print)", "\"(a\": unfinished capture" },
        { "bot.hears('a\\0b', print)",
          "a text or pattern can't hold a NUL byte; %z is one" },
        { "bot.callback('x', { gme = true }, print)",
          "bot.callback: there is no \"gme\"; did you mean \"game\"?" },
        { "bot.callback('', print)",
          "an empty text or pattern would match everything" },
        { "bot.on({}, print)",
          "bot.on: a text or a list of texts is expected, got table" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf text = BUF_INIT;
        struct err err = ERR_INIT;
        char wanted[600];

        buf_addf(&text, "local bot = require 'bot'\n%s\n", cases[i].line);
        file("scripts/a.lua", text.data);
        buf_release(&text);
        snprintf(wanted, sizeof(wanted), "scripts/a.lua:2: %s", cases[i].error);
        if (load(&err))
            fail_msg("%s loads", cases[i].line);
        err.text[strcspn(err.text, "\n")] = '\0'; /* the excerpt */
        assert_string_equal(err.text, wanted);
    }
}

static void test_group__one_command_in_two_files(void **state)
{
    (void)state;
    file("scripts/a.lua", "local bot = require 'bot'\n"
                          "bot.group{ chat_type = 'private' }.command('a', "
                          "function(ctx) ctx:reply('private') end)\n");
    file("scripts/b.lua", "local bot = require 'bot'\n"
                          "bot.group{ chat_type = 'supergroup' }.command('a', "
                          "function(ctx) ctx:reply('group') end)\n");
    load_ok();
    say_ok("/a");
    expect_replies("group\n");
    file("scripts/c.lua", "local bot = require 'bot'\n\n"
                          "bot.command({ 'b', 'a' }, function() end)\n");
    load_fails("scripts/c.lua:3: the command /a is already taken by "
               "scripts/a.lua:2");
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_groups");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_groups");
}

/* Two branches ask at once: the second answer is none to the next question. */
static void test_group__asked_in_parallel(void **state)
{
    (void)state;
    script("local bot = require 'bot'\n"
           "bot.group{ when = function() return true end }.use(\n"
           "  function(ctx, next) require 'parallel' (next, next) end)\n"
           "bot.group{ rights = 'can_pin_messages' }.command('a',\n"
           "  function(ctx) ctx:reply('may') end)\n");
    for (int i = 0; i < 2; i++)
        answer("getChatMember", 200,
               "{\"ok\":true,\"result\":{\"status\":\"administrator\","
               "\"user\":{\"id\":7},\"can_delete_messages\":true}}");
    message_in("supergroup", -6, ",\"text\":\"/a\"");
    expect_replies("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(test_group__chat_type),
        SCRIPT_TEST(test_group__ids_and_topics),
        SCRIPT_TEST(test_group__on_and_nesting),
        SCRIPT_TEST(test_group__when),
        SCRIPT_TEST(test_group__when_raises),
        SCRIPT_TEST(test_group__admin),
        SCRIPT_TEST(test_group__admin_false),
        SCRIPT_TEST(test_group__rights),
        SCRIPT_TEST(test_group__of_nobody),
        SCRIPT_TEST(test_group__asked_in_parallel),
        SCRIPT_TEST(test_group__mistakes),
        SCRIPT_TEST(test_group__one_command_in_two_files),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
