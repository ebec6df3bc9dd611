/* test_script_groups.c - bot.group, and what else handlers are registered by. */
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
          "hears, inline, on, reaction, use" },
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

/* --- inline, chosen, games, reactions -------------------------------------------------- */

static void test_register__inline(void **state)
{
    static const char update[] =
        "{\"update_id\":1,\"inline_query\":{\"id\":\"5\",\"from\":{\"id\":7},"
        "\"query\":\"%s\",\"offset\":\"\"}}";
    static const char *const queries[] = { "", "cat", "7 cats", "dog" };
    char text[300];

    (void)state;
    script("local bot = require 'bot'\n"
           "local function says(what) return function(ctx) "
           "ctx.api.say{ text = what .. (ctx.match and ctx.match[1] or '') } "
           "end end\n"
           "bot.inline('', says 'empty')\n"
           "bot.inline('cat', says 'plain')\n"
           "bot.inline('^(%d+) cats$', says 'cats ')\n"
           "bot.inline(says 'any')\n"
           "bot.chosen('^r(%d)', says 'chosen ')\n"
           "bot.chosen(says 'chosen another')\n");
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        snprintf(text, sizeof(text), update, queries[i]);
        assert_int_equal(run_update(text), TASK_OK);
    }
    assert_int_equal(
        run_update("{\"update_id\":1,\"chosen_inline_result\":{\"result_id\":"
                   "\"r5\",\"from\":{\"id\":7},\"query\":\"\"}}"),
        TASK_OK);
    assert_int_equal(
        run_update("{\"update_id\":1,\"chosen_inline_result\":{\"result_id\":"
                   "\"x\",\"from\":{\"id\":7},\"query\":\"\"}}"),
        TASK_OK);
    expect_replies("empty\nplain\ncats 7\nany\nchosen 5\nchosen another\n");
}

static void test_register__games(void **state)
{
    (void)state;
    script("local bot = require 'bot'\n"
           "bot.callback('chess', function(ctx) ctx:answer('data') end)\n"
           "bot.callback('chess', { game = true }, function(ctx) "
           "ctx:answer('game') end)\n"
           "bot.callback(function(ctx) ctx:answer('other data') end)\n");
    press("chess");
    press("x");
    run_update("{\"update_id\":11,\"callback_query\":{\"id\":\"77\",\"from\":{"
               "\"id\":7},\"game_short_name\":\"chess\"}}");
    run_update("{\"update_id\":11,\"callback_query\":{\"id\":\"77\",\"from\":{"
               "\"id\":7},\"game_short_name\":\"go\"}}");
    expect_replies("data\nother data\ngame\n");
}

static void react(const char *before, const char *after)
{
    char text[600];

    snprintf(text, sizeof(text),
             "{\"update_id\":1,\"message_reaction\":{\"chat\":{\"id\":-5,"
             "\"type\":\"group\"},\"message_id\":3,\"user\":{\"id\":7},"
             "\"date\":1,\"old_reaction\":[%s],\"new_reaction\":[%s]}}",
             before, after);
    assert_int_equal(run_update(text), TASK_OK);
}

#define UP "{\"type\":\"emoji\",\"emoji\":\"\\ud83d\\udc4d\"}"
#define DOWN "{\"type\":\"emoji\",\"emoji\":\"\xf0\x9f\x91\x8e\"}"
#define STAR "{\"type\":\"paid\"}"
#define OWN "{\"type\":\"custom_emoji\",\"custom_emoji_id\":\"123\"}"

static void test_register__reactions(void **state)
{
    (void)state;
    script("local bot = require 'bot'\n"
           "bot.reaction('\xf0\x9f\x91\x8d', function(ctx) ctx:reply('up') "
           "end)\n"
           "bot.reaction({ 'paid', '123' }, function(ctx) ctx:reply('star or "
           "own') end)\n"
           "bot.reaction(function(ctx) ctx:reply('any') end)\n");
    react("", UP);
    react(DOWN, DOWN "," UP);
    react(UP, UP);
    react(UP, "");
    react("", DOWN);
    react(UP, UP "," STAR);
    react(STAR, OWN);
    react(STAR, STAR);
    expect_replies("up\nup\nany\nstar or own\nstar or own\n");
}

/* --- commands ------------------------------------------------------------------------------ */

static void test_register__arguments(void **state)
{
    static const struct {
        const char *text, *args;
    } cases[] = {
        { "/a one  two", "one|two" },
        { "/a \\\"John Doe\\\" 3d", "John Doe|3d" },
        { "/a 'John Doe' \\\"\\\"", "John Doe|" },
        { "/a \\u201cJohn Doe\\u201d \\u00abx y\\u00bb", "John Doe|x y" },
        { "/a O'Brien's \\\"open end", "O'Brien's|\"open|end" },
        { "/a \\\"say \\\\\\\"hi\\\\\\\" now\\\"", "say \"hi\" now" },
        { "/a a\\\"b c\\\"d", "a\"b|c\"d" },
        { "/a \\\"x\\\"y z", "\"x\"y|z" },
        { "/a", "" },
    };

    (void)state;
    script("local bot = require 'bot'\n"
           "bot.command('a', function(ctx) ctx:reply(table.concat(ctx.args, "
           "'|')) end)\n");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char wanted[100];

        snprintf(wanted, sizeof(wanted), "%s\n", cases[i].args);
        say_ok(cases[i].text);
        expect_replies(wanted);
    }
}

static void test_register__payload(void **state)
{
    (void)state;
    script("local bot = require 'bot'\n"
           "bot.command({ 'start', 'started' }, function(ctx) "
           "ctx:reply(tostring(ctx.payload)) end)\n");
    say_ok("/start ref_17");
    say_ok("/start@test_bot ref_17");
    say_ok("/start");
    say_ok("/started x");
    expect_replies("ref_17\nref_17\nnil\nnil\n");
}

/* A list of texts, filters or names is one handler: it runs once. */
static void test_register__lists_are_one_handler(void **state)
{
    (void)state;
    script("local bot = require 'bot'\n"
           "local function f(ctx, next) ctx:reply(ctx.match and "
           "ctx.match[1] or 'f') next() end\n"
           "bot.on({ ':text', 'message', '::bot_command' }, f)\n"
           "bot.hears({ 'x', 'x', '(%a)', '.' }, f)\n");
    say_ok("x");
    say_ok("y");
    say_ok("1");
    expect_replies("f\nf\nf\ny\nf\n1\n");
    assert_int_equal(t.gen->handlers.n, 2);
}

static void test_register__commands(void **state)
{
    (void)state;
    script("local bot = require 'bot'\n"
           "bot.command('rules', { description = 'Rules', aliases = { "
           "'regeln' }, languages = { de = 'Regeln' }, hidden = true }, "
           "function(ctx)\n"
           "  for _, c in ipairs(bot.commands()) do\n"
           "    ctx:reply(c.command .. ' ' .. tostring(c.description) .. ' ' "
           ".. tostring(c.alias_of) .. ' ' .. tostring(c.hidden) .. ' ' .. "
           "tostring(c.languages and c.languages.de))\n"
           "  end\n"
           "end)\n");
    say_ok("/regeln");
    expect_replies("rules Rules nil true Regeln\nregeln nil rules nil nil\n");
}

static void test_register__has(void **state)
{
    (void)state;
    script("local bot = require 'bot'\n"
           "bot.on('message', function(ctx)\n"
           "  ctx:reply(tostring(ctx:has(':text')) .. ' ' .. "
           "tostring(ctx:has{ ':photo', 'poll' }))\n"
           "  ctx:reply(select(2, pcall(ctx.has, ctx, ':foto')))\n"
           "end)\n");
    say_ok("x");
    expect_replies("true false\nctx:has(\":foto\"): message has no \"foto\"; "
                   "did you mean \"photo\"?\n");
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
        SCRIPT_TEST(test_group__mistakes),
        SCRIPT_TEST(test_group__one_command_in_two_files),
        SCRIPT_TEST(test_register__inline),
        SCRIPT_TEST(test_register__games),
        SCRIPT_TEST(test_register__reactions),
        SCRIPT_TEST(test_register__arguments),
        SCRIPT_TEST(test_register__payload),
        SCRIPT_TEST(test_register__lists_are_one_handler),
        SCRIPT_TEST(test_register__commands),
        SCRIPT_TEST(test_register__has),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
