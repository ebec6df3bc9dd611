/* test_script_load.c - loading a bot's folder: what is refused, with which text. */
#include "script_test.h"

static const struct {
    const char *name, *text;
    const char *err; /* %s: the folder */
} refused[] = {
    /* Lua's own */
    { "scripts/a.lua", "local x =\n\nend",
      "scripts/a.lua:3: unexpected symbol near 'end'" },
    { "scripts/a.lua", "\n\nlocal t = nil\nt.x = 1",
      "scripts/a.lua:4: attempt to index a nil value (local 't')" },
    { "scripts/a.lua", "error('mine')", "scripts/a.lua:1: mine" },
    { "scripts/a.lua", "error('mine', 0)", "mine" },
    { "scripts/a.lua", "error({})",
      "scripts/a.lua:1: raised a table, not a text: {}" },
    { "scripts/a.lua", "error({ code = 1, why = 'no' })",
      "scripts/a.lua:1: raised a table, not a text: { code = 1, why = \"no\" "
      "}" },
    { "scripts/a.lua",
      "error(setmetatable({}, { __tostring = function() return "
      "'object' end }))",
      "object" },
    { "scripts/a.lua", "\x1bLua",
      "scripts/a.lua: compiled Lua is not loaded, only its text" },
    { "scripts/a.lua", "while true do end",
      "scripts/a.lua:1: it computes for too long" },
    { "scripts/a.lua",
      "while true do pcall(function() while true do end end) end",
      "scripts/a.lua:1: it computes for too long" },
    { "scripts/a.lua",
      "local t = {} for i = 1, 1e9 do t[i] = ('x'):rep(1e5) .. i "
      "end",
      "scripts/a.lua: not enough memory" },
    /* require */
    { "scripts/a.lua", "require('moonpost.ask')",
      "scripts/a.lua:1: require \"moonpost.ask\": a part of the host, not for "
      "scripts" },
    { "scripts/a.lua", "require('../x')",
      "scripts/a.lua:1: require \"../x\": not a module's name" },
    { "scripts/lib/b.lua", "error('within')", "scripts/lib/b.lua:1: within" },
    { "scripts/lib/b.lua", "require('b')",
      "scripts/lib/b.lua:1: require \"b\": it requires itself" },
    /* registering */
    { "scripts/a.lua", "local bot = require('bot')\nbot.command('A', print)",
      "scripts/a.lua:2: bot.command: \"A\" can't be a command: 1 to 32 of a-z, "
      "0-9 and _, without the slash" },
    { "scripts/a.lua", "require('bot').command('/a', print)",
      "scripts/a.lua:1: bot.command: \"/a\" can't be a command: 1 to 32 of "
      "a-z, "
      "0-9 and _, without the slash" },
    { "scripts/a.lua", "require('bot').command('a')",
      "scripts/a.lua:1: bad argument #3 to 'command' (function expected, got "
      "no "
      "value)" },
    { "scripts/a.lua", "require('bot').command(5, print)",
      "scripts/a.lua:1: bot.command: a text or a list of texts is expected, "
      "got "
      "number" },
    { "scripts/a.lua", "require('bot').command({ 'a', 5 }, print)",
      "scripts/a.lua:1: bot.command: [2] is not a text" },
    { "scripts/a.lua", "require('bot').on('mesage:text', print)",
      "scripts/a.lua:1: bot.on(\"mesage:text\"): unknown kind of update "
      "\"mesage\"; did you mean \"message\"?" },
    { "scripts/a.lua", "require('bot').on('callback', print)",
      "scripts/a.lua:1: bot.on(\"callback\"): unknown kind of update "
      "\"callback\"; did you mean \"callback_query\"?" },
    { "scripts/a.lua", "require('bot').on('message:', print)",
      "scripts/a.lua:1: bot.on(\"message:\"): \"message:\": something is "
      "missing "
      "after the colon" },
    { "scripts/a.lua", "require('bot').on('', print)",
      "scripts/a.lua:1: bot.on(\"\"): an empty filter" },
    { "scripts/a.lua", "require('bot').hears('[', print)",
      "scripts/a.lua:1: \"[\": malformed pattern (missing ']')" },
    { "scripts/a.lua", "require('bot').hears('', print)",
      "scripts/a.lua:1: an empty text or pattern would match everything" },
    { "scripts/a.lua",
      "local bot = require('bot')\nbot.catch(print)\nbot.catch(print)",
      "scripts/a.lua:3: bot.catch is already set" },
    { "scripts/a.lua", "require('bot').comand('a', print)",
      "scripts/a.lua:1: there is no bot.comand; did you mean bot.command?" },
    { "scripts/a.lua", "require('bot').api.getMe{}",
      "scripts/a.lua:1: this can only be called in a handler, not while the "
      "scripts are being loaded" },
    { "scripts/a.lua", "require('time').sleep(0)",
      "scripts/a.lua:1: this can only be called in a handler, not while the "
      "scripts are being loaded" },
    /* defaults; test_option.c has all of them */
    { "defaults/x.lua", "return 5",
      "defaults/x.lua: must return a table of settings, returned number" },
    { "defaults/x.lua", "",
      "defaults/x.lua: must return a table of settings, returned nil" },
    /* migrations */
    { "migrations/config/0002_x.lua", "return function() end",
      "migrations/config/0002_x.lua: number 1 is expected here; numbers go up "
      "from "
      "1 without gaps or doubles" },
    { "migrations/config/0001_x.sql", "SELECT 1",
      "migrations/config/0001_x.sql: SQL is for tables, in migrations/schema; "
      "upgrades of settings are Lua" },
    { "migrations/schema/0001_x.lua", "return function() end",
      "migrations/schema/0001_x.lua: upgrades of settings belong into "
      "migrations/config; here is only SQL" },
    { "migrations/config/0000_x.lua", "return function() end",
      "migrations/config/0000_x.lua: number 1 is expected here; numbers go up "
      "from 1 without gaps or doubles" },
    { "migrations/config/1_x.lua", "return function() end",
      "migrations/config/1_x.lua: the name must begin with four digits and _, "
      "like "
      "0001_first.lua" },
    { "migrations/config/0001_x.lua", "return 5",
      "migrations/config/0001_x.lua: must return a function(config), returned "
      "number" },
};

/* It names those that there are. */
static void test_load__an_unknown_module(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    file("scripts/a.lua", "require('nothing')");
    assert_false(load(&err));
    assert_non_null(strstr(err.text, "scripts/a.lua:1: require \"nothing\": no "
                                     "such module; the host has bot, "));
    assert_non_null(
        strstr(err.text,
               " and utf16, and there is no scripts/lib/nothing.lua"));
}

static void test_load__refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        char path[300];

        file("scripts/a.lua", "require('b')");
        file("scripts/lib/b.lua", "return {}");
        file(refused[i].name, refused[i].text);
        load_fails(refused[i].err);
        snprintf(path, sizeof(path), "%s/%s", t.dir, refused[i].name);
        unlink(path);
    }
    file("scripts/a.lua", "");
    load_ok(); /* nothing is left of any of them */
}

/* The line, and what to write instead; of a block that is open, its beginning. */
static void test_load__hints(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    file("scripts/a.lua", "if a != b then end");
    assert_false(load(&err));
    assert_string_equal(err.text, "scripts/a.lua:1: 'then' expected near '!'\n"
                                  "  1 | if a != b then end\n"
                                  "    |      ^\n"
                                  "  hint: Lua writes ~= for !=");
    err.kind = ERR_NONE;
    file("scripts/a.lua", "\nlocal function f()\n  g(\"a\")\n");
    assert_false(load(&err));
    assert_non_null(strstr(err.text, "\n  hint: this 'function' is not closed:"
                                     "\n  2 | local function f()"));
}

static void covered(const char *text, const char *expected)
{
    struct buf out = BUF_INIT, whole = BUF_INIT;

    buf_addf(&whole, "local bot = require 'bot'\n%s", text);
    script(whole.data);
    generation_add_problems(t.gen, &out);
    assert_string_equal(out.data, expected);
    buf_release(&whole);
    buf_release(&out);
}

/* The second of two never runs: it is told, but no error. */
static void test_load__a_command_twice_in_a_file(void **state)
{
    (void)state;
    covered("bot.command('x', function() end)\n"
            "bot.command({ 'y', 'x' }, function() end)\n"
            "bot.command('x', function(ctx, next) end)",
            "/x of scripts/a.lua:3 comes after that of line 2, and runs only "
            "if that one calls next()\n"
            "/x of scripts/a.lua:4 comes after that of line 2, and runs only "
            "if that one calls next()\n");
    covered("bot.command('x', function(ctx, next) next() end)\n"
            "bot.command('x', function() end)",
            "");
    covered("bot.command('x', function(...) end)\n"
            "bot.command('x', function() end)",
            "");
    covered(
        "bot.group({ chat_type = 'private' }).command('x', function() end)\n"
        "bot.command('x', function() end)",
        "");
    covered("bot.command('x', function() end)\n"
            "bot.group({ chat_type = 'private' }).command('x', function() end)",
            "/x of scripts/a.lua:3 comes after that of line 2, and runs only "
            "if that one calls next()\n");
}

static void test_load__no_scripts(void **state)
{
    (void)state;
    load_fails("%s/scripts: No such file or directory (a bot's folder has its "
               "handlers in scripts/)");
}

static void test_load__a_command_of_two_files(void **state)
{
    (void)state;
    file("scripts/a.lua", "\nrequire('bot').command('x', print)");
    file("scripts/b.lua", "require('bot').command({ 'y', 'x' }, print)");
    load_fails("scripts/b.lua:1: the command /x is already taken by "
               "scripts/a.lua:2");
    file("scripts/b.lua", "require('bot').command('y', print)\n"
                          "require('bot').command('y', print)");
    load_ok(); /* within a file: next() */
}

static void test_load__a_section_declared_twice(void **state)
{
    (void)state;
    file("scripts/a.lua", "");
    file("defaults/init.lua", "return { welcome = 1 }");
    file("defaults/welcome.lua", "return { a = 1 }");
    load_fails(
        "defaults/welcome.lua: the setting \"welcome\" is declared twice");
}

static void test_load__gaps_and_doubles(void **state)
{
    (void)state;
    file("scripts/a.lua", "");
    file("migrations/config/0001_a.lua", "return function(c) end");
    file("migrations/config/0003_a.lua", "return function(c) end");
    load_fails(
        "migrations/config/0003_a.lua: number 2 is expected here; numbers "
        "go up from 1 without gaps or doubles");
    file("migrations/config/0001_b.lua", "return function(c) end");
    load_fails(
        "migrations/config/0001_b.lua: number 2 is expected here; numbers "
        "go up from 1 without gaps or doubles");
}

static void test_load__what_is_loaded(void **state)
{
    (void)state;
    file("scripts/.hidden.lua", "error('x')");
    file("scripts/.#lock.lua", "error('x')");
    file("scripts/a.lua~", "error('x')");
    file("scripts/a.txt", "error('x')");
    file("scripts/sub/a.lua", "error('x')");
    file("scripts/lib/unused.lua", "error('x')");
    file("scripts/a.lua", "\xEF\xBB\xBF"
                          "return 1");
    file("scripts/b.lua", "#!/usr/bin/lua\nx = 1");
    file("migrations/config/0001_a.lua", "return function(c) end");
    file("defaults/x.lua", "assert(option) return { a = 1 }");
    load_ok();
    assert_int_equal(t.gen->files, 4);
    assert_int_equal(t.gen->config_version, 1);
    file("scripts/b.lua", "assert(option == nil)");
    load_ok();
}

/* A library is run once, whatever it is called by and by how many. */
static void test_load__libraries(void **state)
{
    (void)state;
    file("scripts/lib/text.lua",
         "n = (n or 0) + 1 return { twice = function(s) return s .. s end }");
    file("scripts/lib/sub/deep.lua", "return 'deep'");
    file("scripts/lib/nothing.lua", "");
    file("scripts/a.lua", "local text = require('text')\n"
                          "assert(text == require('lib.text') and n == 1)\n"
                          "assert(text.twice('a') == 'aa')\n"
                          "assert(require('sub.deep') == 'deep')\n"
                          "assert(require('nothing') == true)\n"
                          "assert(require('bot') == require('bot'))\n"
                          "shared = text");
    file("scripts/b.lua", "assert(require('lib.text') == shared and n == 1)");
    load_ok();
}

/* Each generation has globals and modules of its own. */
static void test_load__generations_are_apart(void **state)
{
    struct generation *old;

    (void)state;
    script(
        "x = (x or 0) + 1\n"
        "require('bot').command('a', function(ctx) ctx:reply(x .. (string.mine "
        "or '')) end)\nstring.mine = 'mine'");
    say_ok("/a");
    expect_replies("1mine\n");
    old = generation_ref(t.gen);
    load_ok();
    say_ok("/a");
    expect_replies("1mine\n");
    assert_int_equal(old->refs, 1);
    generation_unref(old);
}

/* A task goes on with the handlers it began with. */
static void test_load__a_reload_while_a_task_runs(void **state)
{
    (void)state;
    script("local bot, time = require('bot'), require('time')\n"
           "bot.command('a', function(ctx) time.sleep(0.02) ctx:reply('old') "
           "end)");
    push(message_of("/a"));
    sleep_ms(&t.db, 5);
    script("require('bot').command('a', function(ctx) ctx:reply('new') end)");
    push(message_of("/a"));
    wait_tasks();
    expect_replies("new\nold\n");
}

static void test_load__asking(void **state)
{
    (void)state;
    file("defaults/init.lua",
         "return { max = option.integer{ default = 5, min = 1, label = 'Most', "
         "help = 'so many' }, lang = option.choice{ 'en', 'de', default = 'en' "
         "} }");
    script(
        "local bot, cjson = require('bot'), require('cjson')\n"
        "bot.command({ 'b', 'bb' }, 'does b', function(ctx)\n"
        "  local list = bot.commands()\n"
        "  ctx:reply(#list .. list[1].command .. list[1].description .. "
        "list[2].command .. tostring(list[2].description))\n"
        "  list = bot.settings()\n"
        "  ctx:reply(cjson.encode{ list[1].path, list[1].type, "
        "list[1].choices, list[1].default_json })\n"
        "  ctx:reply(cjson.encode{ list[2].path, list[2].type, list[2].label, "
        "list[2].help, list[2].allowed })\n"
        "  ctx:reply(cjson.encode{ bot.parse_setting('max', '7') })\n"
        "  ctx:reply(cjson.encode{ bot.parse_setting('max', '0') })\n"
        "  ctx:reply(cjson.encode{ bot.parse_setting('lang', 'de') })\n"
        "  ctx:reply(cjson.encode{ bot.parse_setting('x', 'de') })\n"
        "  ctx:reply(bot.username)\n"
        "  local ok, e = pcall(bot.on, 'message', print)\n"
        "  ctx:reply(e)\n"
        "end)");
    say_ok("/b");
    expect_replies(
        "2bdoes bbbnil\n"
        "[\"lang\",\"choice\",[\"en\",\"de\"],\"\\\"en\\\"\"]\n"
        "[\"max\",\"integer\",\"Most\",\"so many\",\"a whole number at "
        "least 1\"]\n"
        "[7]\n"
        "[null,\"max: must be a whole number at least 1, got 0\"]\n"
        "[\"de\"]\n"
        "[null,\"there is no setting \\\"x\\\"\"]\n"
        "test_bot\n"
        "bot.on can only be called while the scripts are loaded, not in "
        "a handler\n");
}

/* What there is to know of a setting. */
static void test_load__asking_for_settings(void **state)
{
    (void)state;
    file("defaults/init.lua", "return { max = 5 }");
    file("defaults/x.lua",
         "return option.section{ label = 'X', help = 'Xs', settings = {\n"
         "  chats = option.list{ of = option.chat{}, default = {} },\n"
         "  deep = option.section{ private = true, settings = { n = 1 } },\n"
         "  wait = option.number{ default = 5, unit = 'minutes' } } }");
    script("local bot, cjson = require('bot'), require('cjson')\n"
           "bot.command('b', function(ctx)\n"
           "  for _, s in ipairs(bot.settings()) do\n"
           "    local names = {}\n"
           "    for name, value in pairs(s) do\n"
           "      names[#names + 1] = name .. '=' .. cjson.encode(value)\n"
           "    end\n"
           "    table.sort(names)\n"
           "    ctx:reply(table.concat(names, ' '))\n"
           "  end\n"
           "  ctx:reply(cjson.encode{ bot.parse_setting('x.chats', '5, 6') })\n"
           "  ctx:reply(cjson.encode{ bot.parse_setting('x', '5') })\n"
           "end)");
    say_ok("/b");
    expect_replies(
        "allowed=\"a whole number\" default_json=\"5\" path=\"max\" "
        "private=false type=\"integer\"\n"
        "allowed=\"a list, each a chat's id\" default_json=\"[]\" of=\"chat\" "
        "path=\"x.chats\" private=false section=\"x\" section_help=\"Xs\" "
        "section_label=\"X\" type=\"list\"\n"
        "allowed=\"a whole number\" default_json=\"1\" path=\"x.deep.n\" "
        "private=true section=\"x.deep\" type=\"integer\"\n"
        "allowed=\"a number, in minutes\" default_json=\"5\" path=\"x.wait\" "
        "private=false section=\"x\" section_help=\"Xs\" "
        "section_label=\"X\" type=\"number\" unit=\"minutes\"\n"
        "[[5,6]]\n"
        "[null,\"there is no setting \\\"x\\\"\"]\n");
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_script_load");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_script_load");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCRIPT_TEST(test_load__refused),
        SCRIPT_TEST(test_load__hints),
        SCRIPT_TEST(test_load__a_command_twice_in_a_file),
        SCRIPT_TEST(test_load__an_unknown_module),
        SCRIPT_TEST(test_load__no_scripts),
        SCRIPT_TEST(test_load__a_command_of_two_files),
        SCRIPT_TEST(test_load__a_section_declared_twice),
        SCRIPT_TEST(test_load__gaps_and_doubles),
        SCRIPT_TEST(test_load__what_is_loaded),
        SCRIPT_TEST(test_load__libraries),
        SCRIPT_TEST(test_load__generations_are_apart),
        SCRIPT_TEST(test_load__a_reload_while_a_task_runs),
        SCRIPT_TEST(test_load__asking),
        SCRIPT_TEST(test_load__asking_for_settings),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
