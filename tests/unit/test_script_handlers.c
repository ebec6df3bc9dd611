/* test_script_handlers.c - which handlers run, what ctx has, what is sent. */
#include "script_test.h"

/* --- order and next() --------------------------------------------------------------- */

static void test_handlers__files_in_order_of_names(void **state)
{
    (void)state;
    file("scripts/b.lua", "require('bot').on('message', function(ctx) "
                          "ctx:reply('b') end)");
    file("scripts/a.lua", "local bot = require('bot')\n"
                          "bot.on('message', function(ctx, next)\n"
                          "  ctx:reply('a') next() ctx:reply('a again')\n"
                          "end)");
    file("scripts/c.lua", "require('bot').on('message', function(ctx) "
                          "ctx:reply('c') end)");
    load_ok();
    say_ok("x");
    expect_replies("a\nb\na again\n"); /* c: b did not call next */
}

static void test_handlers__use_sees_everything(void **state)
{
    (void)state;
    script(
        "local bot = require('bot')\n"
        "bot.use(function(ctx, next) ctx.seen = (ctx.seen or '') .. '1' "
        "next() ctx:reply('after ' .. ctx.seen) end)\n"
        "bot.use(function(ctx, next) ctx.seen = ctx.seen .. '2' next() end)\n"
        "bot.command('a', function(ctx) ctx:reply('a ' .. ctx.seen) end)\n");
    say_ok("/a");
    expect_replies("a 12\nafter 12\n");
    say_ok("x");
    expect_replies("after 12\n");
    assert_int_equal(
        run_update(
            "{\"update_id\":1,\"from_the_future\":{\"chat\":{\"id\":1}}}"),
        TASK_OK);
    expect_replies("after 12\n");
}

static void test_handlers__next_twice_and_nothing_after(void **state)
{
    (void)state;
    script(
        "local bot = require('bot')\n"
        "bot.use(function(ctx, next) next() next() end)\n"
        "bot.on('message', function(ctx, next) ctx:reply('m') next() end)\n");
    say_ok("x");
    expect_replies("m\nm\n");
}

/* --- what matches ---------------------------------------------------------------------- */

static void test_handlers__commands(void **state)
{
    (void)state;
    script("local bot = require('bot')\n"
           "bot.command({ 'a', 'alias' }, 'does a', function(ctx)\n"
           "  ctx:reply(ctx.command .. '|' .. ctx.match .. '|' .. "
           "table.concat(ctx.args, ','))\n"
           "end)\n");
    say_ok("/a");
    say_ok("/A  x\\ny  \\\"z\\\" ");
    say_ok("/alias@test_bot \\u00e4");
    say_ok("/a@TEST_BOT 1");
    expect_replies("a||\nA|x\ny  \"z\"|x,y,z\nalias|\xc3\xa4|\xc3\xa4\n"
                   "a|1|1\n");
    say_ok("/a@other_bot");
    say_ok("/b");
    say_ok("a");
    say_ok("/ab");
    run_update("{\"update_id\":1,\"edited_message\":{\"chat\":{\"id\":1},"
               "\"text\":\"/a\"}}");
    expect_calls("");
}

static void test_handlers__hears(void **state)
{
    (void)state;
    script("local bot = require('bot')\n"
           "bot.hears('hello', function(ctx) ctx:reply('plain ' .. #ctx.args) "
           "end)\n"
           "bot.hears('^(%d+)%+(%d+)$', function(ctx) "
           "ctx:reply(ctx.match[1] + ctx.match[2]) end)\n"
           "bot.hears({ 'a.c', 'x' }, function(ctx) ctx:reply('list ' .. "
           "tostring(ctx.match and ctx.match[1])) end)\n");
    say_ok("hello");
    say_ok("hello you");
    say_ok("12+30");
    say_ok("zabcz");
    say_ok("x");
    say_ok("xx");
    say_ok("hello\\u0000");
    expect_replies("plain 0\n42\nlist abc\nlist nil\n");
}

static void test_handlers__callback(void **state)
{
    (void)state;
    script("local bot = require('bot')\n"
           "bot.callback('^page:(%d+)$', function(ctx) ctx:answer('p' .. "
           "ctx.match[1]) end)\n"
           "bot.callback('yes', function(ctx) ctx:answer(ctx.data) end)\n"
           "bot.on('callback_query', function(ctx) ctx:answer() end)\n");
    press("page:12");
    press("yes");
    press("yes!");
    expect_calls("answerCallbackQuery {\"callback_query_id\":\"77\",\"text\":"
                 "\"p12\"}\n"
                 "answerCallbackQuery {\"callback_query_id\":\"77\",\"text\":"
                 "\"yes\"}\n"
                 "answerCallbackQuery {\"callback_query_id\":\"77\"}\n");
}

static const struct {
    const char *filter, *update;
    bool runs;
} filters[] = {
    { "message", "\"message\":{\"chat\":{\"id\":1}}", true },
    { "message", "\"edited_message\":{\"chat\":{\"id\":1}}", false },
    { ":text", "\"message\":{\"chat\":{\"id\":1},\"text\":\"\"}", true },
    { ":text", "\"channel_post\":{\"chat\":{\"id\":1},\"text\":\"x\"}", true },
    { "msg:text", "\"message\":{\"chat\":{\"id\":1}}", false },
    { "edit:text",
      "\"edited_channel_post\":{\"chat\":{\"id\":1},\"text\":\"\"}", true },
    { "message:photo", "\"message\":{\"chat\":{\"id\":1},\"photo\":[]}", true },
    { "message:photo", "\"message\":{\"chat\":{\"id\":1},\"video\":{}}",
      false },
    { "message:media", "\"message\":{\"chat\":{\"id\":1},\"video\":{}}", true },
    { "message:media", "\"message\":{\"chat\":{\"id\":1},\"text\":\"\"}",
      false },
    { "message:new_chat_members",
      "\"message\":{\"chat\":{\"id\":1},\"new_chat_members\":[{}]}", true },
    { "message:entities:url",
      "\"message\":{\"chat\":{\"id\":1},\"entities\":[{\"type\":\"url\"}]}",
      true },
    { "message:entities:url",
      "\"message\":{\"chat\":{\"id\":1},\"entities\":[{\"type\":\"bold\"}]}",
      false },
    { "::url",
      "\"message\":{\"chat\":{\"id\":1},\"caption_entities\":[{\"type\":"
      "\"url\"}]}",
      true },
    { "message:entities:url",
      "\"message\":{\"chat\":{\"id\":1},\"entities\":7}", false },
    { "callback_query:data",
      "\"callback_query\":{\"id\":\"1\",\"from\":{\"id\":1},\"data\":\"x\"}",
      true },
    { "callback_query:data",
      "\"callback_query\":{\"id\":\"1\",\"from\":{\"id\":1}}", false },
    { "chat_member", "\"chat_member\":{\"chat\":{\"id\":1}}", true },
    { "poll", "\"poll\":{\"id\":\"1\"}", true },
};

static void test_handlers__filters(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
        char text[400], update[400];

        snprintf(text, sizeof(text),
                 "require('bot').on('%s', function(ctx) "
                 "ctx.api.note{ text = 'ran' } end)",
                 filters[i].filter);
        snprintf(update, sizeof(update), "{\"update_id\":1,%s}",
                 filters[i].update);
        script(text);
        assert_int_equal(run_update(update), TASK_OK);
        if ((t.calls.len > 0) != filters[i].runs)
            fail_msg("%s and %s", filters[i].filter, update);
        buf_reset(&t.calls);
    }
}

static void test_handlers__allowed_updates(void **state)
{
    struct buf out = BUF_INIT;

    (void)state;
    script("local bot = require('bot')\nbot.command('a', function() end)\n"
           "bot.callback('x', function() end)\n"
           "bot.on('chat_member', function() end)\n"
           "bot.reaction('x', function() end)\n"
           "bot.group{ on = 'edit:photo' }.use(function() end)");
    handlers_add_allowed(&t.gen->handlers, &out);
    assert_string_equal(out.data,
                        "[\"message\",\"edited_message\",\"channel_post\","
                        "\"edited_channel_post\",\"message_reaction\","
                        "\"callback_query\",\"chat_member\"]");
    buf_release(&out);
}

/* --- ctx ----------------------------------------------------------------------------------- */

static void test_ctx__fields(void **state)
{
    (void)state;
    script(
        "local bot, cjson = require('bot'), require('cjson')\n"
        "bot.on('message', function(ctx)\n"
        "  assert(math.type(ctx.chat_id) == 'integer')\n"
        "  assert(ctx.chat == ctx.chat and ctx.chat.title == 'G')\n"
        "  assert(ctx.update.message.text == ctx.text)\n"
        "  assert(ctx.message.message_id == 5 and ctx.nothing == nil)\n"
        "  ctx.mine = { 1 }\n"
        "  assert(ctx.mine[1] == 1 and ctx[1] == nil)\n"
        "  assert(ctx.callback_query == nil and ctx.data == nil)\n"
        "  ctx:reply(cjson.encode{ ctx.update_id, ctx.kind, ctx.chat_id, "
        "ctx.from.first_name, ctx.text, ctx.command == nil, #ctx.args })\n"
        "end)\n"
        "bot.on('callback_query', function(ctx)\n"
        "  ctx:answer(cjson.encode{ ctx.kind, ctx.callback_query.id, ctx.data,"
        " ctx.callback_data, ctx.text == nil, ctx.message.text, "
        "ctx.from.id })\n"
        "end)\n");
    say_ok("a\\n\\ud83d\\ude00");
    expect_replies("[10,\"message\"," CHAT_ID
                   ",\"Alice\",\"a\\n\xf0\x9f\x98\x80\",true,0]\n");
    assert_int_equal(press("d"), TASK_OK);
    expect_replies("[\"callback_query\",\"77\",\"d\",\"d\",true,\"Pick\",7]\n");
}

static void test_ctx__of_no_chat(void **state)
{
    (void)state;
    script(
        "local bot = require('bot')\n"
        "bot.on('poll', function(ctx)\n"
        "  assert(ctx.chat == nil and ctx.chat_id == nil and ctx.from == nil)\n"
        "  local ok, e = pcall(ctx.reply, ctx, 'x')\n"
        "  assert(tostring(e):find('no chat to send to'), tostring(e))\n"
        "  ok, e = pcall(function() return ctx.config end)\n"
        "  assert(tostring(e):find('no config'), tostring(e))\n"
        "  ok, e = pcall(ctx.answer, ctx)\n"
        "  assert(tostring(e):find('this is a poll'), tostring(e))\n"
        "  ok, e = pcall(ctx.edit, ctx, 'x')\n"
        "  assert(tostring(e):find('not about a message'), tostring(e))\n"
        "end)");
    assert_int_equal(run_update("{\"update_id\":1,\"poll\":{\"id\":\"1\"}}"),
                     TASK_OK);
    expect_calls("");
}

static void test_ctx__after_its_end(void **state)
{
    (void)state;
    script("local bot = require('bot')\n"
           "bot.command('keep', function(ctx) kept, text = ctx, ctx.text "
           "kept_config = ctx.config end)\n"
           "bot.command('use', function(ctx)\n"
           "  local ok, e = pcall(kept.reply, kept, 'x')\n"
           "  ctx:reply(tostring(ok) .. ' ' .. e)\n"
           "  ok, e = pcall(function() return kept.chat end)\n"
           "  ctx:reply(tostring(ok) .. ' ' .. e)\n"
           "  ctx:reply(kept.text)\n" /* was read while it lived */
           "  ok, e = pcall(function() kept_config.x = 1 end)\n"
           "  ctx:reply(tostring(ok) .. ' ' .. e)\n"
           "  ok, e = pcall(ctx.reply, 'x')\n"
           "  ctx:reply(tostring(ok) .. ' ' .. e)\n"
           "end)");
    say_ok("/keep");
    say_ok("/use");
    expect_replies(
        "false this ctx belongs to an update that is done\n"
        "false scripts/a.lua:6: this ctx belongs to an update that is done\n"
        "/keep\n"
        "false scripts/a.lua:9: this config belongs to an update that is done; "
        "use ctx.config of the present one\n"
        "false ctx expected; call methods with a colon: ctx:reply(\xe2\x80\xa6)"
        "\n");
    file("scripts/a.lua", "");
    load_ok();
}

/* --- what is sent ------------------------------------------------------------------------------ */

static void test_ctx__reply(void **state)
{
    (void)state;
    script("local bot = require('bot')\n"
           "bot.command('a', function(ctx)\n"
           "  ctx:reply('\xc3\xa4 \"q\" \\n')\n"
           "  ctx:reply(5)\n"
           "  ctx:reply('x', {})\n"
           "  ctx:reply('x', nil)\n"
           "  ctx:reply('x', { parse_mode = 'HTML' })\n"
           "  ctx:reply{ text = 'y' }\n"
           "  ctx:reply('x', { reply_markup = { inline_keyboard = { { { text = "
           "'t' } } } } })\n"
           "  ctx:reply('x', { message_effect_id = 10 / 2 })\n"
           "end)");
    say_ok("/a");
    expect_calls(
        "sendMessage {\"chat_id\":-100123,\"text\":\"\xc3\xa4 \\\"q\\\" "
        "\\n\"}\n"
        "sendMessage {\"chat_id\":-100123,\"text\":\"5\"}\n"
        "sendMessage {\"chat_id\":-100123,\"text\":\"x\"}\n"
        "sendMessage {\"chat_id\":-100123,\"text\":\"x\"}\n"
        "sendMessage "
        "{\"chat_id\":-100123,\"text\":\"x\",\"parse_mode\":\"HTML\"}"
        "\n"
        "sendMessage {\"chat_id\":-100123,\"text\":\"y\"}\n"
        "sendMessage {\"chat_id\":-100123,\"text\":\"x\",\"reply_markup\":{"
        "\"inline_keyboard\":[[{\"text\":\"t\"}]]}}\n"
        "sendMessage "
        "{\"chat_id\":-100123,\"text\":\"x\",\"message_effect_id\":5}"
        "\n");
}

static void test_ctx__reply_goes_to_the_topic(void **state)
{
    (void)state;
    script("require('bot').on('message', function(ctx) ctx:reply('x') end)");
    run_update(
        "{\"update_id\":1,\"message\":{\"message_id\":2,\"chat\":{\"id\":3}"
        ",\"message_thread_id\":4,\"is_topic_message\":true}}");
    run_update(
        "{\"update_id\":1,\"message\":{\"message_id\":2,\"chat\":{\"id\":3}"
        ",\"message_thread_id\":4}}");
    expect_calls("sendMessage {\"chat_id\":3,\"message_thread_id\":4,\"text\":"
                 "\"x\"}\n"
                 "sendMessage {\"chat_id\":3,\"text\":\"x\"}\n");
}

static void test_ctx__answer(void **state)
{
    (void)state;
    script("local bot = require('bot')\n"
           "bot.on('callback_query', function(ctx)\n"
           "  ctx:answer('toast', { show_alert = true })\n"
           "end)\n"
           "bot.on('inline_query', function(ctx)\n"
           "  ctx:answer({}, { cache_time = 1 })\n"
           "  ctx:answer{ { type = 'article', id = '1' } }\n"
           "end)");
    press("x");
    expect_calls("answerCallbackQuery {\"callback_query_id\":\"77\",\"text\":"
                 "\"toast\",\"show_alert\":true}\n");
    run_update(
        "{\"update_id\":1,\"inline_query\":{\"id\":\"9\",\"from\":{\"id\":"
        "1},\"query\":\"q\"}}");
    assert_has(t.calls.data,
               "answerInlineQuery {\"inline_query_id\":\"9\",\"results\":[],"
               "\"cache_time\":1}\n");
    assert_has(t.calls.data, "\"results\":[{");
}

static void test_ctx__bad_arguments(void **state)
{
    (void)state;
    script("local bot = require('bot')\n"
           "bot.command('a', function(ctx)\n"
           "  local function try(...)\n"
           "    local ok, e = pcall(ctx.reply, ctx, ...)\n"
           "    assert(not ok)\n"
           "    list[#list + 1] = tostring(e)\n"
           "  end\n"
           "  list = {}\n"
           "  try() try(true) try('x', 'y') try('x', { 1, 2 })\n"
           "  try('x', { a = print }) try('\\xff') try('x', { a = 0/0 })\n"
           "  ctx:reply(table.concat(list, '\\n'))\n"
           "end)");
    say_ok("/a");
    expect_replies("scripts/a.lua:4: ctx:reply: a text is expected, got nil\n"
                   "scripts/a.lua:4: ctx:reply: a text is expected, got a "
                   "boolean\n"
                   "scripts/a.lua:4: ctx:reply: options must be a table, got "
                   "a string\n"
                   "options must have names: { parse_mode = \"HTML\" }\n"
                   "options: cannot serialise function at .a\n"
                   "text: bad UTF-8 at byte 1\n"
                   "options: cannot serialise number: NaN or infinity at .a\n");
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_handlers");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_handlers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(test_handlers__files_in_order_of_names),
        SCRIPT_TEST(test_handlers__use_sees_everything),
        SCRIPT_TEST(test_handlers__next_twice_and_nothing_after),
        SCRIPT_TEST(test_handlers__commands),
        SCRIPT_TEST(test_handlers__hears),
        SCRIPT_TEST(test_handlers__callback),
        SCRIPT_TEST(test_handlers__filters),
        SCRIPT_TEST(test_handlers__allowed_updates),
        SCRIPT_TEST(test_ctx__fields),
        SCRIPT_TEST(test_ctx__of_no_chat),
        SCRIPT_TEST(test_ctx__after_its_end),
        SCRIPT_TEST(test_ctx__reply),
        SCRIPT_TEST(test_ctx__reply_goes_to_the_topic),
        SCRIPT_TEST(test_ctx__answer),
        SCRIPT_TEST(test_ctx__bad_arguments),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
