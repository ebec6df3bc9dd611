/* test_script_register.c - what else handlers are registered by. */
#include "script_test.h"

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

static void test_register__payments(void **state)
{
    (void)state;
    script("local bot = require 'bot'\n"
           "local function says(what) return function(ctx) "
           "ctx.api.say{ text = what .. (ctx.match and ctx.match[1] or '') } "
           "end end\n"
           "bot.pre_checkout('^order:(%d+)$', says 'pay ')\n"
           "bot.shipping('^order:(%d+)$', says 'ship ')\n"
           "bot.shipping(says 'ship anything')\n");
    run_update("{\"update_id\":1,\"pre_checkout_query\":{\"id\":\"5\",\"from\":"
               "{\"id\":7},\"invoice_payload\":\"order:3\"}}");
    run_update("{\"update_id\":1,\"shipping_query\":{\"id\":\"5\",\"from\":"
               "{\"id\":7},\"invoice_payload\":\"order:4\"}}");
    run_update("{\"update_id\":1,\"shipping_query\":{\"id\":\"5\",\"from\":"
               "{\"id\":7},\"invoice_payload\":\"x\"}}");
    run_update("{\"update_id\":1,\"pre_checkout_query\":{\"id\":\"5\",\"from\":"
               "{\"id\":7},\"invoice_payload\":\"x\"}}");
    expect_replies("pay 3\nship 4\nship anything\n");
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
    return script_group_setup("test_register");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_register");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(test_register__inline),
        SCRIPT_TEST(test_register__payments),
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
