/* test_script_calls.c - the Bot API from scripts: bodies, results, errors, files,
 * administrators. */
#include "script_test.h"

/* A command /a with this body. */
static void body(const char *text)
{
    struct buf all = BUF_INIT;

    buf_addf(&all,
             "local bot, time = require('bot'), require('time')\n"
             "local cjson, log = require('cjson'), require('log')\n"
             "local function raises(f, ...) local ok, e = pcall(f, ...) "
             "assert(not ok) return tostring(e) end\n"
             "bot.command('a', function(ctx)\n%s\nend)\n",
             text);
    script(all.data);
    buf_release(&all);
}

/* --- calls ------------------------------------------------------------------------ */

static void test_api__any_method(void **state)
{
    (void)state;
    body(
        "local me = ctx.api.getMe()\n"
        "assert(me.message_id == 99)\n"
        "assert(ctx.api == bot.api and ctx.api.x == bot.api.x)\n"
        "bot.api.methodOfTheFuture{ a = { 1, { b = cjson.null } }, n = 2.0, "
        "s = '\\u{e4}' }\n"
        "bot.api.sendMessage{ chat_id = ctx.chat_id, text = 'x' }\n"
        "assert(raises(function() ctx.api.x = 1 end):find('read%-only'))\n"
        "assert(raises(function() return ctx.api['a/b'] end):find(\"can't be a "
        "method\"))\n"
        "assert(raises(bot.api.x, 5):find('table expected'))\n"
        "assert(raises(bot.api.x, { 1 }):find('must have names'))\n"
        "assert(raises(bot.api.x, { f = print }):find('x: cannot serialise'))\n"
        "assert(getmetatable(ctx.api) == false)");
    answer("getMe", 200, "{\"ok\":true,\"result\":{\"message_id\":99}}");
    say_ok("/a");
    assert_has(t.calls.data, "getMe {}\n");
    assert_has(t.calls.data, "\"a\":[1,{\"b\":null}]");
    assert_has(t.calls.data, "\"n\":2");
    assert_has(t.calls.data, "\"s\":\"\xc3\xa4\"");
}

static void test_api__results(void **state)
{
    (void)state;
    body("local r = bot.api.a{}\n"
         "assert(getmetatable(r) == false or getmetatable(r) == nil)\n"
         "assert(r.id == 9007199254740993 and #r.list == 2 and r.none == nil)\n"
         "r = bot.api.b{} local n = 0\n"
         "for k, v in pairs(r) do n = n + 1 assert(r[k] == v) end assert(n == "
         "2)\n"
         "r = bot.api.b{} assert(next(r) ~= nil)\n"
         "r = bot.api.b{} assert(rawlen(r) == 0 and rawget(r, 'x') == 1)\n"
         "r = bot.api.b{} rawset(r, 'z', 3) assert(r.x == 1 and r.z == 3)\n"
         "r = bot.api.b{} r.y = nil assert(cjson.encode(r) == '{\"x\":1}')\n"
         "r = bot.api.b{} setmetatable(r, { __index = function() return 0 end "
         "})\n"
         "assert(r.x == 1 and r.q == 0)\n"
         "assert(bot.api.c{} == true and bot.api.d{} == 5)\n"
         "r = bot.api.e{} assert(#r == 2 and r[2].x == 1)\n"
         "assert(cjson.encode(bot.api.f{}) == '{}')\n"
         "ctx:reply('x', bot.api.g{})\n"
         "ctx:reply('ok')");
    answer("a", 200,
           "{\"ok\":true,\"result\":{\"id\":9007199254740993,\"list\":"
           "[1,2]}}");
    for (int i = 0; i < 6; i++)
        answer("b", 200, "{\"ok\":true,\"result\":{\"x\":1,\"y\":2}}");
    answer("c", 200, "{\"ok\":true,\"result\":true}");
    answer("d", 200, "{\"ok\":true,\"result\":5}");
    answer("e", 200, "{\"ok\":true,\"result\":[1,{\"x\":1}]}");
    answer("f", 200, "{\"ok\":true,\"result\":{}}");
    answer("g", 200, "{\"ok\":true,\"result\":{\"parse_mode\":\"HTML\"}}");
    say_ok("/a");
    assert_has(t.calls.data, "\"text\":\"x\",\"parse_mode\":\"HTML\"}");
    expect_replies("x\nok\n");
}

static void test_api__errors_are_objects(void **state)
{
    (void)state;
    body(
        "local ok, e = pcall(ctx.reply, ctx, 'x')\n"
        "assert(not ok and e.kind == 'telegram' and e.error_code == 403)\n"
        "assert(e.method == 'sendMessage' and e.parameters.retry_after == 3)\n"
        "assert(e.description == 'Forbidden: \\u{fc}')\n"
        "assert(not e.maybe_sent)\n"
        "assert(tostring(e) == 'scripts/a.lua:5: sendMessage: 403 Forbidden: "
        "\\u{fc}', tostring(e))\n"
        "ok, e = pcall(function() bot.api.x{} end)\n"
        "assert(tostring(e) == 'scripts/a.lua:11: x: 400 no', tostring(e))\n"
        "ok, e = pcall(function() bot.api.dropped{} end)\n"
        "assert(e.kind == 'network' and e.maybe_sent and e.error_code == nil)\n"
        "assert(tostring(e):find('it may have been sent'), tostring(e))\n"
        "ok, e = pcall(function() bot.api.gateway{} end)\n"
        "assert(e.kind == 'network' and e.error_code == 500)\n"
        "assert(getmetatable(e) == false)\n"
        "ctx:reply('ok')");
    answer("sendMessage", 403,
           "{\"ok\":false,\"error_code\":403,\"description\":\"Forbidden: "
           "\\u00fc\",\"parameters\":{\"retry_after\":3}}");
    answer("x", 400,
           "{\"ok\":false,\"error_code\":400,\"description\":\"no\"}");
    answer("dropped", 0, "drop");
    answer("gateway", 500, "<html>");
    say_ok("/a");
    assert_has(t.calls.data, "\"text\":\"ok\"");
}

static void test_api__a_misspelt_method(void **state)
{
    static const char none[] = "{\"ok\":false,\"error_code\":404,"
                               "\"description\":\"Not Found: method not "
                               "found\"}";

    (void)state;
    body("local function try(name)\n"
         "  local ok, e = pcall(function() ctx.api[name]{} end)\n"
         "  assert(not ok and e.description == 'Not Found: method not found')\n"
         "  ctx:reply((tostring(e):gsub('^[^ ]* ', '')))\n"
         "end\n"
         "try 'sendMesage'\ntry 'brandNewThing'\ntry 'getMe'");
    answer("sendMesage", 404, none);
    answer("brandNewThing", 404, none);
    answer("getMe", 404, none);
    say_ok("/a");
    assert_has(t.calls.data, "404 Not Found: method not found: no such method "
                             "\\\"sendMesage\\\"; did you mean sendMessage?\"");
    assert_has(t.calls.data,
               "brandNewThing: 404 Not Found: method not found\"");
    assert_has(t.calls.data, "getMe: 404 Not Found: method not found\"");
}

static void test_api__files(void **state)
{
    (void)state;
    file("pic.png", "PNG data");
    mkdir("/tmp/moonpost-nowhere", 0755);
    body(
        "bot.api.sendPhoto{ chat_id = 1, photo = bot.file('pic.png') }\n"
        "bot.api.sendMediaGroup{ chat_id = 1, media = {\n"
        "  { type = 'photo', media = bot.file{ data = 'one', name = 'a.png' } "
        "},\n"
        "  { type = 'photo', media = bot.file{ data = 'two', type = "
        "'image/png' } "
        "} } }\n"
        "for _, p in ipairs{ '/etc/passwd', '../x', 'scripts/../../x', 'none', "
        "'scripts', '' } do\n"
        "  assert(raises(bot.file, p):find('bot.file'), p)\n"
        "end\n"
        "assert(raises(bot.file, { name = 'x' }):find('is expected'))\n"
        "assert(raises(bot.file, 5))\n"
        /* only the first argument says which file */
        "bot.api.sendDocument{ document = bot.file('pic.png', '/etc/passwd') "
        "}\n"
        "assert(raises(cjson.encode, bot.file('pic.png')))");
    say_ok("/a");
    rmdir("/tmp/moonpost-nowhere");
    assert_has(t.calls.data, "sendPhoto (multipart) ");
    assert_has(t.calls.data, "name=\"photo\"\r\n\r\nattach://file0\r\n");
    assert_has(t.calls.data, "name=\"file0\"; filename=\"pic.png\"");
    assert_has(t.calls.data, "PNG data");
    assert_has(t.calls.data, "name=\"media\"\r\n\r\n[{");
    assert_has(t.calls.data, "\"media\":\"attach://file1\"");
    assert_has(t.calls.data, "filename=\"a.png\"");
    assert_has(t.calls.data, "Content-Type: image/png");
    assert_hasnt(t.calls.data, "root:");
}

/* --- administrators ------------------------------------------------------------------ */

#define MEMBER(status)                                                         \
    "{\"ok\":true,\"result\":{\"status\":\"" status "\",\"user\":{\"id\":7}}}"

static void test_admin__asked_once(void **state)
{
    (void)state;
    body("ctx:require_admin() ctx:reply('yes') ctx:reply(tostring("
         "ctx:is_admin()))");
    answer("getChatMember", 200, MEMBER("administrator"));
    say_ok("/a");
    say_ok("/a");
    assert_has(t.calls.data,
               "getChatMember {\"chat_id\":-100123,\"user_id\":7}\n");
    assert_null(
        strstr(strstr(t.calls.data, "getChatMember") + 1, "getChatMember"));
    expect_replies("yes\ntrue\nyes\ntrue\n");
}

static void test_admin__not_one(void **state)
{
    static const char *const answers[] = {
        MEMBER("member"),
        MEMBER("restricted"),
        "{\"ok\":false,\"error_code\":400,\"description\":\"Bad Request: user "
        "not "
        "found\"}",
        "{\"ok\":true,\"result\":{\"status\":7}}",
        "{\"ok\":true,\"result\":null}",
    };

    (void)state;
    body("ctx.config.max = 7 ctx:require_admin() ctx:reply('yes')");
    file("defaults/init.lua", "return { max = 1 }");
    load_ok();
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        admins_forget(t.services.admins, -100123, 7);
        answer("getChatMember", i == 2 ? 400 : 200, answers[i]);
        say_ok("/a"); /* no error: it has been told */
        assert_has(t.calls.data,
                   "sendMessage {\"chat_id\":-100123,\"reply_parameters\":{"
                   "\"allow_sending_without_reply\":true,\"message_id\":5},"
                   "\"text\":\"Only administrators can do this.\"}\n");
        buf_reset(&t.calls);
    }
    note_row();
    expect_calls("[] "); /* what it had assigned is not kept */
}

static void test_admin__trouble(void **state)
{
    (void)state;
    body("ctx:require_admin() ctx:reply('yes')");
    answer("getChatMember", 403,
           "{\"ok\":false,\"error_code\":403,\"description\":\"Forbidden\"}");
    assert_int_equal(say("/a"), TASK_FAILED);
    expect_log("scripts/a.lua:5: getChatMember: 403 Forbidden");
    answer("getChatMember", 200, MEMBER("creator"));
    say_ok("/a"); /* asked again */
    expect_replies("yes\n");
}

static void test_admin__without_asking(void **state)
{
    static const char *const sure[] = {
        "\"message\":{\"from\":{\"id\":7},\"chat\":{\"id\":7,\"type\":"
        "\"private\"}"
        "}",
        "\"channel_post\":{\"chat\":{\"id\":-5,\"type\":\"channel\"}}",
        /* an anonymous administrator */
        "\"message\":{\"from\":{\"id\":1087968824},\"sender_chat\":{\"id\":-5},"
        "\"chat\":{\"id\":-5,\"type\":\"supergroup\"}}",
    };
    static const char *const asked[] = {
        "\"message\":{\"from\":{\"id\":7},\"chat\":{\"id\":-5,\"type\":"
        "\"group\"}}",
        /* posted as a channel that is not this chat */
        "\"message\":{\"from\":{\"id\":136817688},\"sender_chat\":{\"id\":-6},"
        "\"chat\":{\"id\":-5,\"type\":\"supergroup\"}}",
        /* a button under the bot's message on behalf of the chat */
        "\"callback_query\":{\"id\":\"1\",\"from\":{\"id\":8},\"message\":{"
        "\"sender_chat\":{\"id\":-5},\"chat\":{\"id\":-5,\"type\":"
        "\"supergroup\"}}"
        "}",
        /* without a message to reply to */
        "\"message_reaction\":{\"chat\":{\"id\":-5,\"type\":\"supergroup\"},"
        "\"user\":{\"id\":9}}",
    };
    char update[400];

    (void)state;
    script("local bot = require('bot')\n"
           "bot.use(function(ctx) ctx:require_admin() bot.api.yes{} end)");
    for (size_t i = 0; i < ARRAY_LEN(sure); i++) {
        snprintf(update, sizeof(update), "{\"update_id\":1,%s}", sure[i]);
        assert_int_equal(run_update(update), TASK_OK);
        expect_calls("yes {}\n");
    }
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        snprintf(update, sizeof(update), "{\"update_id\":1,%s}", asked[i]);
        answer("getChatMember", 200, MEMBER("left"));
        assert_int_equal(run_update(update), TASK_OK);
        assert_has(t.calls.data, "getChatMember ");
        assert_has(t.calls.data, "Only administrators can do this.\"}\n");
        assert_hasnt(t.calls.data, "yes");
        assert_hasnt(t.calls.data, "\"message_id\":}");
        buf_reset(&t.calls);
    }
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_script_calls");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_script_calls");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(test_api__any_method),
        SCRIPT_TEST(test_api__results),
        SCRIPT_TEST(test_api__errors_are_objects),
        SCRIPT_TEST(test_api__a_misspelt_method),
        SCRIPT_TEST(test_api__files),
        SCRIPT_TEST(test_admin__asked_once),
        SCRIPT_TEST(test_admin__not_one),
        SCRIPT_TEST(test_admin__trouble),
        SCRIPT_TEST(test_admin__without_asking),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
