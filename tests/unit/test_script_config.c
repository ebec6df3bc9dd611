/* test_script_config.c - ctx.config: reading, assigning, committing. */
#include "script_test.h"

static void declare(void)
{
    file("defaults/init.lua",
         "return { max = option.integer{ default = 5, min = 1, max = 100 },\n"
         "  on = true, ratio = 0.5, words = { 'a', 'b' }, tags = option.map{ "
         "default = {} },\n"
         "  lang = option.choice{ 'en', 'de', default = 'en' },\n"
         "  name = option.string{ default = 'x', min = 1, max = 5 } }");
    file("defaults/welcome.lua",
         "return { text = 'Hi', on = false, deep = { n = 1, list = { } } }");
}

/* A command /a with this body, c being its config. */
static void body(const char *text)
{
    struct buf all = BUF_INIT;

    buf_addf(&all,
             "local bot, cjson = require('bot'), require('cjson')\n"
             "local function raises(f) local ok, e = pcall(f) assert(not ok) "
             "return tostring(e) end\n"
             "bot.command('a', function(ctx)\nlocal c = ctx.config\n%s\nend)\n",
             text);
    script(all.data);
    buf_release(&all);
}

static void store_row(const char *config)
{
    char sql[1000];

    snprintf(sql, sizeof(sql),
             "INSERT INTO chat_configs VALUES (" CHAT_ID
             ", '%s', 0) ON CONFLICT "
             "(chat_id) DO UPDATE SET config = EXCLUDED.config, revision = "
             "chat_configs.revision + 1",
             config);
    script_ok(&t.db, sql);
}

static void expect_row(const char *wanted)
{
    buf_reset(&t.calls);
    note_row();
    expect_calls(wanted);
}

static int setup(void **state)
{
    script_setup(state);
    declare();
    return 0;
}

/* --- reading ---------------------------------------------------------------------- */

static void test_config__defaults(void **state)
{
    (void)state;
    body("assert(c.max == 5 and math.type(c.max) == 'integer')\n"
         "assert(c.on == true and c.ratio == 0.5 and c.lang == 'en')\n"
         "assert(#c.words == 2 and c.words[2] == 'b' and c.words[3] == nil)\n"
         "assert(c.welcome.text == 'Hi' and c.welcome.deep.n == 1)\n"
         "assert(#c.welcome.deep.list == 0 and next(c.tags) == nil)\n"
         "assert(c.nothing == nil and c.welcome.nothing == nil)\n"
         "assert(c == ctx.config and c.welcome == c.welcome)\n"
         "ctx:reply('ok')");
    say_ok("/a");
    expect_replies("ok\n");
    expect_row("[] "); /* reading makes no row */
}

static size_t count(const char *needle)
{
    size_t n = 0;

    for (const char *p = t.log.data; (p = strstr(p, needle)); p++)
        n++;
    return n;
}

/* A slip of the pen: nil, and told once. */
static void test_config__what_does_not_exist(void **state)
{
    (void)state;
    body("assert(c.mxa == nil and c.mxa == nil)\n" /* line 5 */
         "assert(c.welcome.txt == nil and c.welcome.deep.qqqqq == nil)\n"
         "local plain = c.plain\n"
         "assert(plain.lmit == nil and plain.limit and plain.none == nil)\n"
         "plain.limit = 4\n"
         "assert(plain.size2 == nil and plain.limit == 4)\n"
         "assert(plain[1] == nil and c[true] == nil)\n"
         "assert(c.bare.on ~= nil and c.bare.onn == nil)\n"
         "c.bare.on = false\n"
         "assert(c.bare.onne == nil and c.bare.onn == nil)");
    file("defaults/plain.lua", "return { limit = 3, size = 1, none = "
                               "option.user{} }");
    file("defaults/bare.lua", "return { on = true }");
    load_ok();
    use_rules();
    say_ok("/a");
    say_ok("/a");
    assert_has(t.log.data,
               "warn script: scripts/a.lua:5: config has no setting \"mxa\"; "
               "did you mean max? (reading it gives nil)");
    assert_has(t.log.data, "scripts/a.lua:6: config.welcome has no setting "
                           "\"txt\"; did you mean text?");
    assert_has(t.log.data,
               "scripts/a.lua:6: config.welcome.deep has no setting "
               "\"qqqqq\" (reading it gives nil)");
    assert_has(t.log.data, "scripts/a.lua:8: config.plain has no setting "
                           "\"lmit\"; did you mean limit?");
    assert_has(t.log.data, "scripts/a.lua:10: config.plain has no setting "
                           "\"size2\"; did you mean size?");
    assert_has(t.log.data, "scripts/a.lua:12: config.bare has no setting "
                           "\"onn\"; did you mean on?");
    assert_has(t.log.data, "scripts/a.lua:14: config.bare has no setting "
                           "\"onne\"");
    assert_int_equal(count("has no setting"), 7);
}

/* Users may be who names them: there is an end to it. */
static void test_config__many_that_do_not_exist(void **state)
{
    (void)state;
    body("for i = 1, 1000 do\n"
         "  assert(c['x' .. i] == nil and c.welcome[('y'):rep(i)] == nil)\n"
         "end\n"
         "assert(c['\\n'] == nil)");
    say_ok("/a");
    assert_int_equal(count("has no setting"), 100);
}

static void test_config__overrides(void **state)
{
    (void)state;
    store_row(
        "{\"max\": 7, \"welcome\": {\"deep\": {\"n\": 9007199254740993}}, "
        "\"words\": [], \"on\": \"wrong\", \"ratio\": 2, \"other\": 1}");
    body("ctx:reply(cjson.encode{ c.max, c.welcome.deep.n, c.welcome.text, "
         "#c.words, c.on, c.ratio, c.other == nil })");
    say_ok("/a");
    expect_replies("[7,9007199254740993,\"Hi\",0,true,2,true]\n");
}

static void test_config__iterating(void **state)
{
    (void)state;
    store_row("{\"tags\": {\"b\": 2, \"a\": [1, {\"x\": 1}]}}");
    body("local keys = {}\n"
         "for k in pairs(c) do keys[#keys + 1] = k end table.sort(keys)\n"
         "ctx:reply(table.concat(keys, ' '))\n"
         "keys = {}\n"
         "for k in pairs(c.welcome) do keys[#keys + 1] = k end "
         "table.sort(keys)\n"
         "ctx:reply(table.concat(keys, ' '))\n"
         "keys = {}\n"
         "for i, w in ipairs(c.words) do keys[i] = w end\n"
         "ctx:reply(table.concat(keys, ' ') .. ' ' .. table.concat(c.words, "
         "','))\n"
         "ctx:reply(cjson.encode(c.tags.a) .. c.tags.b .. "
         "table.unpack(c.words))\n"
         "ctx:reply(cjson.encode(c.welcome):gsub('\"', '') and "
         "#cjson.encode(c))");
    say_ok("/a");
    expect_replies("lang max name on ratio tags welcome words\ndeep on text\n"
                   "a b a,b\n[1,{\"x\":1}]2a\n163\n");
}

static void test_config__proxies_are_closed(void **state)
{
    (void)state;
    body("for _, p in ipairs{ c, c.welcome, c.words } do\n"
         "  assert(getmetatable(p) == false)\n"
         "  assert(raises(function() setmetatable(p, {}) "
         "end):find('protected'))\n"
         "  assert(rawget(p, 'max') == nil and rawlen(p) == 0)\n"
         "end\n"
         "rawset(c.welcome, 'text', 'mine')\n"
         "assert(raises(function() ctx.config = {} end):find(\"can't be "
         "replaced\"))\n");
    say_ok("/a");
    expect_row("[] ");
}

/* --- assigning ------------------------------------------------------------------------ */

static void test_config__assigning(void **state)
{
    (void)state;
    body("c.max = 7 c.on = false c.ratio = 3 c.lang = 'de'\n"
         "c.welcome.text = '\xc3\xa4' c.welcome.deep.n = 1.0\n"
         "c.words = { 'x' } c.tags = { a = { 1, 2 } }\n"
         "assert(c.max == 7 and c.words[1] == 'x' and c.tags.a[2] == 2)\n"
         "assert(c.welcome.deep.n == 1 and c.ratio == 3)");
    say_ok("/a");
    expect_row(
        "[{\"on\": false, \"max\": 7, \"lang\": \"de\", \"tags\": {\"a\": "
        "[1, 2]}, \"ratio\": 3, \"words\": [\"x\"], \"welcome\": {\"deep\": "
        "{\"n\": 1}, \"text\": \"\xc3\xa4\"}}] ");
}

static void test_config__nil_goes_back_to_the_default(void **state)
{
    (void)state;
    store_row(
        "{\"max\": 7, \"welcome\": {\"text\": \"x\", \"deep\": {\"n\": 2}}, "
        "\"words\": []}");
    body("c.max = nil c.words = nil c.welcome.deep.n = nil\n"
         "assert(c.max == 5 and #c.words == 2 and c.welcome.deep.n == 1)");
    say_ok("/a");
    expect_row("[{\"welcome\": {\"text\": \"x\"}}] ");
    body("c.welcome = nil assert(c.welcome.text == 'Hi')");
    say_ok("/a");
    expect_row("[{}] ");
}

static void test_config__the_default_can_be_chosen(void **state)
{
    (void)state;
    body("c.max = 5");
    say_ok("/a");
    expect_row("[{\"max\": 5}] ");
}

static const struct {
    const char *code, *err;
} refused[] = {
    { "c.max = 0", "config.max: must be a whole number from 1 to 100, got 0" },
    { "c.max = 'abc'",
      "config.max: must be a whole number from 1 to 100, got \\\"abc\\\"" },
    { "c.max = 5.5",
      "config.max: must be a whole number from 1 to 100, got 5.5" },
    { "c.on = 1", "config.on: must be true or false, got 1" },
    { "c.lang = 'fr'", "config.lang: must be one of en, de, got \\\"fr\\\"" },
    { "c.name = ''", "config.name: must be text of 1 to 5 characters, got "
                     "\\\"\\\"" },
    { "c.name = 'a\\0'",
      "config.name: text in a config can't hold a NUL byte" },
    { "c.welcome.text = {}", "config.welcome.text: must be text, got {}" },
    { "c.welcome.text = print",
      "config.welcome.text: cannot serialise function" },
    { "c.name = '\\xff'",
      "config.name: cannot serialise string: bad UTF-8 at byte 1" },
    { "c.words = { a = 1 }",
      "config.words: must be a list, got {\\\"a\\\":1}" },
    { "c.tags = { 1 }", "config.tags: must be a table, got [1]" },
    { "c.wurst = 1",
      "config has no setting \\\"wurst\\\"; it has lang, max, name, "
      "on, ratio, tags, welcome, words" },
    { "c.welcome.x = 1",
      "config.welcome has no setting \\\"x\\\"; it has deep, on, text" },
    { "c[1] = 1",
      "config has no setting \\\"1\\\"; it has lang, max, name, on, "
      "ratio, tags, welcome, words" },
    { "c.welcome = 5",
      "config.welcome is a section: it must be a table, got number" },
    { "c.welcome = { text = 'new', on = 5 }",
      "config.welcome.on: must be true or false, got 5" },
    { "c.welcome = { on = true, deep = { n = 'x' } }",
      "config.welcome.deep.n: must be a whole number, got \\\"x\\\"" },
    { "c.welcome = { on = true, deep = { m = 1 } }",
      "config.welcome.deep has no setting \\\"m\\\"; it has list, n" },
    { "c.words[4] = 'x'",
      "config.words is a list of 2: only [1] to [3] can be assigned" },
    { "c.words[0] = 'x'",
      "config.words is a list of 2: only [1] to [3] can be assigned" },
    { "c.words['1'] = 'x'",
      "config.words is a list of 2: only [1] to [3] can be assigned" },
    { "c.words.x = 'x'",
      "config.words is a list of 2: only [1] to [3] can be assigned" },
    { "c.words[1] = nil", "config.words[1] = nil would leave a gap: "
                          "table.remove() takes one out of a list" },
    { "c.words[1] = 'a\\0'",
      "config.words: text in a config can't hold a NUL byte" },
    { "c.words[1] = print", "config.words: cannot serialise function" },
    { "c.tags[1] = 'x'", "config.tags: keys must be strings" },
};

static void test_config__refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        char text[600];

        snprintf(text, sizeof(text),
                 "local e = raises(function() %s end)\n"
                 "local wanted = \"scripts/a.lua:5: %s\"\n"
                 "assert(e == wanted, e)\n"
                 "assert(c.max == 5 and c.welcome.on == false and "
                 "c.welcome.text == 'Hi' and #c.words == 2)",
                 refused[i].code, refused[i].err);
        body(text);
        say_ok("/a");
        expect_row("[] ");
    }
}

/* --- lists and maps in place --------------------------------------------------------------- */

static void test_config__lists_in_place(void **state)
{
    (void)state;
    body("c.words[3] = 'c' table.insert(c.words, 'd') "
         "table.insert(c.words, 1, '0')\n"
         "assert(#c.words == 5 and c.words[1] == '0' and c.words[5] == 'd')\n"
         "assert(table.remove(c.words, 2) == 'a')\n"
         "c.words[#c.words] = nil\n"
         "table.sort(c.words, function(a, b) return a > b end)\n"
         "c.welcome.deep.list[1] = { 1 }\n");
    say_ok("/a");
    expect_row("[{\"words\": [\"c\", \"b\", \"0\"], \"welcome\": {\"deep\": "
               "{\"list\": [[1]]}}}] ");
}

static void test_config__maps_in_place(void **state)
{
    (void)state;
    store_row("{\"tags\": {\"a\": {\"x\": 1}, \"b\": 2}}");
    body("c.tags.b = nil c.tags.c = { list = { 1 } } c.tags.a.y = 2\n"
         "c.tags.c.list[2] = { z = 1 } c.tags.c.list[2].z = 3\n"
         "assert(c.tags.a.y == 2 and c.tags.c.list[2].z == 3)");
    say_ok("/a");
    expect_row(
        "[{\"tags\": {\"a\": {\"x\": 1, \"y\": 2}, \"c\": {\"list\": [1, "
        "{\"z\": 3}]}}}] ");
    body("for k in pairs(c.tags) do c.tags[k] = nil end");
    say_ok("/a");
    expect_row("[{\"tags\": {}}] ");
}

/* What is assigned last counts, also over what was changed in place before. */
static void test_config__a_list_that_is_replaced(void **state)
{
    (void)state;
    body("local old = c.words\n"
         "c.words[1] = 'changed'\n"
         "c.words = { 'new' }\n"
         "old[1] = 'gone'\n"
         "assert(c.words[1] == 'new')");
    say_ok("/a");
    expect_row("[{\"words\": [\"new\"]}] ");
    body("local w = c.words\n"
         "w[2] = 'x' c.words = w w[3] = 'y'\n"
         "assert(#c.words == 3)");
    say_ok("/a");
    expect_row("[{\"words\": [\"new\", \"x\", \"y\"]}] ");
    body("c.words[1] = 'changed' c.words = nil");
    say_ok("/a");
    expect_row("[{}] ");
}

static void test_config__tables_are_copied(void **state)
{
    (void)state;
    body("local mine = { 'x' } c.words = mine mine[2] = 'y'\n"
         "assert(#c.words == 1)\n"
         "c.welcome.deep.list = c.words c.words[1] = 'z'\n"
         "assert(c.welcome.deep.list[1] == 'x')\n"
         "c.welcome = c.welcome");
    say_ok("/a");
    expect_row(
        "[{\"words\": [\"z\"], \"welcome\": {\"deep\": {\"list\": [\"x\"]}}}"
        "] ");
}

static void test_config__a_section_as_a_whole(void **state)
{
    (void)state;
    store_row("{\"welcome\": {\"on\": true, \"deep\": {\"n\": 5}}}");
    body("c.welcome = { text = 'x', deep = { list = { 1 } } }\n"
         "assert(c.welcome.on == false and c.welcome.deep.n == 1)");
    say_ok("/a");
    expect_row(
        "[{\"welcome\": {\"deep\": {\"list\": [1]}, \"text\": \"x\"}}] ");
}

/* --- committing ---------------------------------------------------------------------------------- */

static void test_config__committed_before_the_call(void **state)
{
    (void)state;
    t.peeking = true;
    body("ctx:reply('0')\n"
         "c.max = 7 ctx:reply('1')\n"
         "c.words[1] = 'x' bot.api.note{}\n"
         "c.on = false");
    say_ok("/a");
    expect_calls(
        "[] sendMessage {\"chat_id\":-100123,\"text\":\"0\"}\n"
        "[{\"max\": 7}] sendMessage {\"chat_id\":-100123,\"text\":\"1\"}"
        "\n"
        "[{\"max\": 7, \"words\": [\"x\", \"b\"]}] note {}\n");
    expect_row("[{\"on\": false, \"max\": 7, \"words\": [\"x\", \"b\"]}] ");
}

static void test_config__a_file_waits_for_the_commit_too(void **state)
{
    (void)state;
    t.peeking = true;
    body("c.max = 7\n"
         "local p = { chat_id = 1, photo = bot.file{ data = 'PNG', name = "
         "'a.png' } }\n"
         "bot.api.sendPhoto(p)");
    say_ok("/a");
    assert_has(t.calls.data, "[{\"max\": 7}] sendPhoto (multipart)");
    assert_has(t.calls.data, "filename=\"a.png\"");
}

static void break_table(void)
{
    PQclear(PQexec(t.peek, "ALTER TABLE chat_configs ADD CONSTRAINT no CHECK "
                           "(NOT config ? 'max')"));
}

static void mend_table(void)
{
    PQclear(PQexec(t.peek, "ALTER TABLE chat_configs DROP CONSTRAINT no"));
}

static void test_config__a_commit_that_fails(void **state)
{
    (void)state;
    store_row("{\"ratio\": 9}");
    body("c.max = 7 c.words[1] = 'x'\n"
         "local ok, e = pcall(ctx.reply, ctx, 'saved')\n"
         "assert(not ok and e.kind == 'database', tostring(e))\n"
         "assert(tostring(e):find('config_update'), tostring(e))\n"
         "assert(not tostring(e):find('ratio'), tostring(e))\n"
         "assert(c.max == 5 and c.words[1] == 'a' and c.ratio == 9)\n"
         "ctx:reply('failed')");
    break_table();
    say_ok("/a");
    mend_table();
    expect_replies("failed\n"); /* the other was not sent */
    expect_row("[{\"ratio\": 9}] ");
}

static void test_config__a_commit_that_fails_at_the_end(void **state)
{
    (void)state;
    body("c.max = 7");
    break_table();
    assert_int_equal(say("/a"), TASK_NO_DATABASE);
    mend_table();
    expect_log("handler failed: ");
    body("ctx:reply(c.max)");
    say_ok("/a");
    expect_replies("5\n");
}

/* A handler that fails has changed nothing. */
static void test_config__an_error_keeps_nothing(void **state)
{
    (void)state;
    body("c.max = 7 error('x')");
    assert_int_equal(say("/a"), TASK_FAILED);
    expect_row("[] ");
    script("local bot = require('bot')\n"
           "bot.command('a', function(ctx) ctx.config.max = 7 error('x') end)\n"
           "bot.catch(function(e, ctx) ctx:reply(ctx.config.max) end)");
    say_ok("/a");
    expect_replies("5\n");
    expect_row("[] ");
}

/* Somebody else writes while the handler runs: both keys are kept. */
static void test_config__another_writer(void **state)
{
    (void)state;
    store_row("{\"max\": 7}");
    body("c.max = 8\n"
         "bot.api.write{}\n"
         "c.lang = 'de'\n"
         "ctx:reply(c.ratio .. c.max)\n"
         "ctx:reply(c.ratio .. c.max .. c.lang)");
    t.sql_on_write = "UPDATE chat_configs SET config = config || "
                     "'{\"ratio\": 2.5}', revision = revision + 1";
    say_ok("/a");
    expect_replies("0.58\n2.58de\n");
    expect_row("[{\"max\": 8, \"lang\": \"de\", \"ratio\": 2.5}] ");
}

static void test_config__too_large(void **state)
{
    (void)state;
    body("c.welcome.text = ('x'):rep(5000)\n"
         "local ok, e = pcall(ctx.reply, ctx, 'saved')\n"
         "assert(e.kind == 'config' and tostring(e):find('CONFIG_MAX_KB'))\n"
         "assert(c.welcome.text == 'Hi')\n"
         "ctx:reply('too large')");
    say_ok("/a");
    expect_replies("too large\n");
}

static void test_config__unreadable(void **state)
{
    (void)state;
    store_row("[1]");
    body("ctx:reply('x')");
    assert_int_equal(say("/a"), TASK_FAILED);
    expect_log("scripts/a.lua:4: the stored config of chat " CHAT_ID
               " is not a JSON object");
    expect_row("[[1]] ");
}

static void test_config__no_database(void **state)
{
    (void)state;
    body("ctx:reply('x')");
    PQclear(PQexec(t.peek, "ALTER TABLE chat_configs RENAME TO gone"));
    assert_int_equal(say("/a"), TASK_NO_DATABASE);
    PQclear(PQexec(t.peek, "ALTER TABLE gone RENAME TO chat_configs"));
    expect_calls("");
    say_ok("/a");
    expect_replies("x\n");
}

static void test_config__cached_between_updates(void **state)
{
    int64_t before;

    (void)state;
    body("c.max = c.max + 1 ctx:reply(c.max)");
    say_ok("/a");
    before = config_store_stats(t.services.store).statements;
    say_ok("/a");
    say_ok("/a");
    expect_replies("6\n7\n8\n");
    /* only the commits */
    assert_int_equal(config_store_stats(t.services.store).statements,
                     before + 2);
}

/* Without a chat the config is the person's. */
static void test_config__of_a_person(void **state)
{
    (void)state;
    script("require('bot').on('inline_query', function(ctx) ctx.config.max = 9 "
           "ctx:answer({}) end)");
    assert_int_equal(run_update(
                         "{\"update_id\":1,\"inline_query\":{\"id\":\"1\","
                         "\"from\":{\"id\":77},\"query\":\"\"}}"),
                     TASK_OK);
    assert_int_equal(config_cached(t.services.store, 77)->revision, 1);
}

static void test_config__is_set(void **state)
{
    (void)state;
    store_row("{\"max\": 5, \"welcome\": {\"text\": \"Hi\"}}");
    body("local function set(p) return ctx:is_set(p) and 1 or 0 end\n"
         "ctx:reply(set('max') .. set('on') .. set('welcome.text') .. "
         "set('welcome.on') .. set('words'))\n"
         "c.max = nil c.on = true c.words[1] = 'x'\n"
         "ctx:reply(set('max') .. set('on') .. set('words'))\n"
         "assert(raises(function() ctx:is_set('welcome') end):find('no "
         "setting'))");
    say_ok("/a");
    expect_replies("10100\n011\n");
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_script_config");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_script_config");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, script_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_config__defaults),
        TEST(test_config__what_does_not_exist),
        TEST(test_config__many_that_do_not_exist),
        TEST(test_config__overrides),
        TEST(test_config__iterating),
        TEST(test_config__proxies_are_closed),
        TEST(test_config__assigning),
        TEST(test_config__nil_goes_back_to_the_default),
        TEST(test_config__the_default_can_be_chosen),
        TEST(test_config__refused),
        TEST(test_config__lists_in_place),
        TEST(test_config__maps_in_place),
        TEST(test_config__a_list_that_is_replaced),
        TEST(test_config__tables_are_copied),
        TEST(test_config__a_section_as_a_whole),
        TEST(test_config__committed_before_the_call),
        TEST(test_config__a_file_waits_for_the_commit_too),
        TEST(test_config__a_commit_that_fails),
        TEST(test_config__a_commit_that_fails_at_the_end),
        TEST(test_config__an_error_keeps_nothing),
        TEST(test_config__another_writer),
        TEST(test_config__too_large),
        TEST(test_config__unreadable),
        TEST(test_config__no_database),
        TEST(test_config__cached_between_updates),
        TEST(test_config__of_a_person),
        TEST(test_config__is_set),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
