/*
 * test_view.c - configs as scripts have them: other chats', lazy sections,
 * derived values, lists held in locals. What ctx.config is at all:
 * test_script_config.c.
 */
#include "script_test.h"

#include "script/derived.h"
#include "script/watchdog.h"

static void declare(void)
{
    file("defaults/init.lua",
         "return { max = option.integer{ default = 5, min = 1, max = 100 },\n"
         "  words = option.list{ of = option.string{ max = 5 }, max = 3,\n"
         "    default = { 'a' } },\n"
         "  rows = { { 1 }, { 2 } }, tags = option.map{ default = {} },\n"
         "  log = option.chat{ label = 'Log' } }");
    file("defaults/welcome.lua", "return { text = 'Hi', on = false }");
    file("defaults/filters.lua",
         "return option.section{ lazy = true, settings = {\n"
         "  words = { 'spam' }, level = 1 },\n"
         "  derive = function(s)\n"
         "    if s.level == 7 then error('boom') end\n"
         "    if s.level == 9 then error({ 'boom' }) end\n"
         "    if s.level == 8 then return nil end\n"
         "    made = (made or 0) + 1\n"
         "    return { n = made, list = table.concat(s.words, '|'), level = "
         "s.level }\n"
         "  end }");
    file("defaults/notes.lua",
         "return option.section{ lazy = true, settings = { text = '' } }");
}

/* A command /a with this body, c being its config. */
static void body(const char *text)
{
    struct buf all = BUF_INIT;

    buf_addf(&all,
             "local bot, cjson = require('bot'), require('cjson')\n"
             "local function raises(f, ...) local ok, e = pcall(f, ...) "
             "assert(not ok) return tostring(e) end\n"
             "bot.command('a', function(ctx)\nlocal c = ctx.config\n%s\nend)\n",
             text);
    script(all.data);
    buf_release(&all);
}

static void store_chat(const char *chat, const char *config)
{
    char sql[1000];

    snprintf(sql, sizeof(sql),
             "INSERT INTO chat_configs (chat_id, config, version) VALUES (%s, "
             "'%s', 0) ON CONFLICT (chat_id) DO UPDATE SET config = "
             "EXCLUDED.config, revision = chat_configs.revision + 1",
             chat, config);
    script_ok(&t.db, sql);
}

static void store_row(const char *config)
{
    store_chat(CHAT_ID, config);
}

static void expect_sql(const char *sql, const char *wanted)
{
    PGresult *res = PQexec(t.peek, sql);

    if (PQresultStatus(res) != PGRES_TUPLES_OK)
        fail_msg("%s", PQerrorMessage(t.peek));
    assert_string_equal(PQntuples(res) ? PQgetvalue(res, 0, 0) : "(none)",
                        wanted);
    PQclear(res);
}

static void expect_row(const char *wanted)
{
    expect_sql("SELECT config FROM chat_configs WHERE chat_id = " CHAT_ID,
               wanted);
}

static void expect_other(const char *wanted)
{
    expect_sql("SELECT config FROM chat_configs WHERE chat_id = -200", wanted);
}

static int setup(void **state)
{
    script_setup(state);
    declare();
    return 0;
}

/* --- memory ---------------------------------------------------------------------- */

/* From a script's print() on: somebody else writes, and the n-th block is refused
 * to the scripts, once and after the collection. */
static struct {
    lua_Alloc plain;
    int left; /* 0: none is refused */
    bool armed, refused;
    size_t size;
} scarce;

static void *scarce_alloc(void *ud, void *p, size_t old, size_t size)
{
    bool grows = size > (p ? old : 0) && scarce.armed && watchdog_running();

    if (grows && scarce.refused && scarce.size == size) {
        scarce.armed = false; /* the second time */
        return NULL;
    }
    if (grows && !scarce.refused && --scarce.left == 0) {
        scarce.refused = true;
        scarce.size = size;
        return NULL;
    }
    return scarce.plain(ud, p, old, size);
}

static void on_print(enum log_level level, const char *area,
                     const char *message, const char *fields, void *arg)
{
    on_log_line(level, area, message, fields, arg);
    if (strcmp(message, "now") != 0)
        return;
    PQclear(PQexec(t.peek, "UPDATE chat_configs SET config = '{\"words\": "
                           "[\"b\"]}', revision = revision + 1"));
    scarce.armed = true;
}

/* A commit in which memory runs out does not keep the next one waiting. */
static void test_view__no_memory_in_a_commit(void **state)
{
    bool all = false;
    void *ud;

    (void)state;
    make_vm(16 << 20, 2000, 5000);
    body("local w = c.words w[2] = 'x'\n"
         "pcall(function() c.max = c.max % 50 + 1 print('now')\n"
         "  ctx:reply('x') end)\n"
         "c.max = c.max % 50 + 1 ctx:reply('y')");
    log_set_sink(on_print, NULL);
    scarce.plain = lua_getallocf(t.vm->L, &ud);
    lua_setallocf(t.vm->L, scarce_alloc, ud);
    for (int n = 1; !all; n++) {
        store_row("{\"words\": [\"a\"]}");
        scarce.left = n;
        scarce.armed = scarce.refused = false;
        if (say("/a") == TASK_OVERRAN)
            fail_msg("without block %d it waits for itself", n);
        all = !scarce.refused;
    }
    lua_setallocf(t.vm->L, scarce.plain, ud);
}

/* --- other chats ---------------------------------------------------------------- */

static void test_view__other_chats(void **state)
{
    (void)state;
    store_chat("-200", "{\"max\": 7}");
    body("local o = bot.config(-200)\n"
         "assert(o.max == 7 and c.max == 5 and o ~= c)\n"
         "assert(bot.config(-200) == o and bot.config(ctx.chat_id) == c)\n"
         "o.welcome.text = 'there' c.welcome.text = 'here'\n"
         "o.words[2] = 'x'\n"
         "ctx:reply('committed')\n"
         "o.max = nil bot.config(42).max = 3");
    t.peeking = true;
    say_ok("/a");
    assert_has(t.calls.data, "[{\"welcome\": {\"text\": \"here\"}}] send");
    expect_row("{\"welcome\": {\"text\": \"here\"}}");
    expect_other("{\"words\": [\"a\", \"x\"], \"welcome\": {\"text\": "
                 "\"there\"}}");
    expect_sql("SELECT config FROM chat_configs WHERE chat_id = 42",
               "{\"max\": 3}");
    expect_sql("SELECT string_agg(DISTINCT changed_by, ' ') FROM "
               "chat_configs",
               "user:7 update:10");
}

static void test_view__own_chat_first_by_its_id(void **state)
{
    (void)state;
    script("local bot = require('bot')\n"
           "bot.command('a', function(ctx)\n"
           "  local c = bot.config(ctx.chat_id) c.max = 9\n"
           "  assert(c == ctx.config and ctx:is_set('max'))\n"
           "end)");
    say_ok("/a");
    expect_row("{\"max\": 9}");
}

static void test_view__bad_ids(void **state)
{
    struct err err = ERR_INIT;

    (void)state;
    body("for _, id in ipairs{ 0, 1.5, '12', 'x', true, {} } do\n"
         "  local e = raises(bot.config, id)\n"
         "  assert(e:find('a chat\\'s id is a whole number', 1, true), e)\n"
         "end\n"
         "assert(raises(bot.config):find('got nil'))\n"
         "assert(raises(function() bot.config(-200).max = 0 "
         "end):find('a.lua:10: config.max: must be'))");
    say_ok("/a");
    file("scripts/a.lua", "require('bot').config(5)");
    assert_false(load(&err));
    assert_has(err.text, "only be called in a handler");
}

/* One of two commits fails: the other stands, and the error says which. */
static void test_view__one_of_two_fails(void **state)
{
    (void)state;
    PQclear(PQexec(t.peek, "ALTER TABLE chat_configs ADD CONSTRAINT no CHECK "
                           "(NOT (chat_id = -200 AND config ? 'max'))"));
    body("local o = bot.config(-200)\n"
         "c.max = 8 o.max = 9 o.words = {}\n"
         "local ok, e = pcall(ctx.reply, ctx, 'saved')\n"
         "assert(not ok and e.kind == 'database')\n"
         "assert(tostring(e):find('the config of chat -200: ', 1, true), "
         "tostring(e))\n"
         "assert(o.max == 5 and #o.words == 1 and c.max == 8)\n"
         "o.welcome.on = true\n"
         "ctx:reply('failed')");
    say_ok("/a");
    PQclear(PQexec(t.peek, "ALTER TABLE chat_configs DROP CONSTRAINT no"));
    expect_replies("failed\n");
    expect_row("{\"max\": 8}");
    expect_other("{\"welcome\": {\"on\": true}}");
}

/* Where a handler can't wait nothing is sent, and nothing is lost. */
static void test_view__committed_where_it_can_wait(void **state)
{
    (void)state;
    body("c.max = 8\n"
         "local e = raises(tostring, setmetatable({}, { __tostring = "
         "function() ctx:reply('no') end }))\n"
         "assert(e:find('can\\'t wait here'), e)\n"
         "ctx:reply('yes')");
    t.peeking = true;
    say_ok("/a");
    expect_calls("[{\"max\": 8}] sendMessage {\"chat_id\":-100123,\"text\":"
                 "\"yes\"}\n");
    expect_sql("SELECT revision FROM chat_configs WHERE chat_id = " CHAT_ID,
               "1");
}

/* The row that is inserted then goes on counting where the other one ended. */
static void test_view__deleted_meanwhile(void **state)
{
    (void)state;
    store_row("{\"welcome\": {\"text\": \"x\"}}");
    t.sql_on_write = "DELETE FROM chat_configs";
    body("assert(c.welcome.text == 'x') bot.api.write{} c.max = 9\n"
         "ctx:reply('saved')\n"
         "ctx:reply(c.max .. ' ' .. tostring(c.welcome.text == 'x'))");
    say_ok("/a");
    expect_replies("saved\n9 false\n");
    expect_row("{\"max\": 9}");
}

static void test_view__a_failed_handler_keeps_nothing(void **state)
{
    (void)state;
    script("local bot = require('bot')\n"
           "bot.command('a', function(ctx)\n"
           "  bot.config(-200).max = 7 error('x') end)\n"
           "bot.catch(function(e, ctx) ctx:reply(bot.config(-200).max) end)");
    say_ok("/a");
    expect_replies("5\n");
    expect_other("(none)");
}

static void test_view__after_its_task(void **state)
{
    (void)state;
    store_row("{\"welcome\": {\"on\": true}}");
    body("if not kept then kept, other = c, bot.config(-200)\n"
         "  assert(c.welcome.on) kept_pairs = pairs(c)\n"
         "  derived = ctx.derived return end\n"
         "assert(kept.welcome.text == 'Hi' and kept.max == 5)\n"
         "assert(raises(function() kept.max = 1 end):find('is done'))\n"
         "assert(raises(function() return other.words end):find('is done'))\n"
         "assert(raises(function() return derived.filters end):find('is "
         "done'))\n"
         "assert(kept_pairs(kept) == nil)\n"
         "ctx:reply('ok')");
    say_ok("/a");
    say_ok("/a");
    expect_replies("ok\n");
}

static void test_view__sections_of_others(void **state)
{
    (void)state;
    store_chat("-200", "{\"welcome\": {\"text\": \"x\", \"on\": true}}");
    body("local o = bot.config(-200)\n"
         "c.welcome = o.welcome c.words = o.words\n"
         "assert(c.welcome.text == 'x' and c.welcome ~= o.welcome)\n"
         "assert(raises(function() c.welcome = c.words end):find('plain "
         "table'))\n"
         "assert(raises(function() c.words = c.welcome end):find('must be a "
         "list'))");
    say_ok("/a");
    expect_row("{\"words\": [\"a\"], \"welcome\": {\"on\": true, \"text\": "
               "\"x\"}}");
}

static void test_view__null_is_nil(void **state)
{
    (void)state;
    body("assert(c.log == nil)\n"
         "for k in pairs(c) do assert(k ~= 'log') end\n"
         "c.log = -1001 assert(c.log == -1001)\n"
         "ctx:reply(cjson.encode(c.log))\n"
         "c.log = nil assert(c.log == nil)\n"
         "c.log = cjson.null assert(c.log == nil and ctx:is_set('log'))");
    say_ok("/a");
    expect_row("{\"log\": null}");
    say_ok("/a");
}

/* --- lazy sections ---------------------------------------------------------------- */

static int64_t statements(void)
{
    return config_store_stats(t.services.store).statements;
}

static void test_view__lazy_when_read(void **state)
{
    int64_t before;

    (void)state;
    store_row("{\"max\": 7, \"filters\": {\"words\": [\"x\", \"y\"]}}");
    body("ctx:reply(c.max)");
    before = statements();
    say_ok("/a");
    assert_true(config_cached(t.services.store, -100123)->omitted != 0);
    assert_int_equal(statements(), before + 1);
    body("assert(c.filters.words[2] == 'y' and c.filters.level == 1)\n"
         "assert(c.filters == ctx.config.filters and c.notes.text == '')\n"
         "ctx:reply(#c.filters.words)");
    before = statements();
    say_ok("/a");
    say_ok("/a");
    expect_replies("7\n2\n2\n");
    assert_true(statements() <= before + 2); /* once for both */
}

/* A row that has nothing in them needs no fetch. */
static void test_view__lazy_but_not_there(void **state)
{
    int64_t before;

    (void)state;
    store_row("{\"max\": 7}");
    body("assert(c.filters.words[1] == 'spam')\n"
         "assert(bot.config(-200).filters.level == 1)\n"
         "local e = cjson.encode(c) assert(e:find('spam'))");
    before = statements();
    say_ok("/a");
    assert_int_equal(statements(), before + 2);
}

static void test_view__lazy_assigned(void **state)
{
    (void)state;
    store_row("{\"filters\": {\"words\": [\"x\"], \"level\": 3}, \"notes\": "
              "{\"text\": \"n\"}}");
    body("c.filters = { level = 4 }\n"
         "assert(c.filters.words[1] == 'spam' and c.filters.level == 4)\n"
         "assert(ctx:is_set('notes.text') and ctx:is_set('filters.level'))\n"
         "assert(not ctx:is_set('filters.words'))");
    say_ok("/a");
    expect_row("{\"notes\": {\"text\": \"n\"}, \"filters\": {\"level\": 4}}");
    config_forget_all(t.services.store);
    body("c.filters = nil table.insert(c.words, 'z')");
    say_ok("/a");
    expect_row("{\"notes\": {\"text\": \"n\"}, \"words\": [\"a\", \"z\"]}");
    config_forget_all(t.services.store);
    body("c.max = 9"); /* what is not loaded is not touched */
    say_ok("/a");
    expect_row("{\"max\": 9, \"notes\": {\"text\": \"n\"}, \"words\": [\"a\", "
               "\"z\"]}");
}

static void test_view__lazy_pairs_and_json(void **state)
{
    (void)state;
    store_row("{\"filters\": {\"level\": 3}, \"notes\": {\"text\": \"n\"}}");
    body("local e = raises(cjson.encode, c)\n"
         "assert(e:find('config.filters is loaded when it is first read', 1, "
         "true), e)\n"
         "assert(e:find('local x = ctx.config.filters', 1, true), e)\n"
         "e = raises(tostring, setmetatable({}, { __tostring = function() "
         "return c.notes.text end }))\n"
         "assert(e:find('config.notes is loaded'), e)\n"
         "local n = 0\n"
         "for k, v in pairs(c) do n = n + 1\n"
         "  if k == 'notes' then assert(v.text == 'n') end end\n"
         "assert(n == 7, n)\n"
         "ctx:reply(cjson.decode(cjson.encode(c)).filters.level)");
    say_ok("/a");
    expect_replies("3\n");
}

/* Somebody writes between the first read and the lazy section's. */
static void test_view__lazy_of_a_newer_revision(void **state)
{
    (void)state;
    store_row("{\"max\": 7, \"rows\": [[7]], \"filters\": {\"level\": 3}}");
    t.sql_on_write =
        "UPDATE chat_configs SET config = '{\"max\": 8, \"rows\": [[8]], "
        "\"welcome\": {\"text\": \"new\"}, \"filters\": {\"level\": 4}}'";
    body("local words, rows, row, w = c.words, c.rows, c.rows[1], c.welcome\n"
         "assert(w.text == 'Hi' and row[1] == 7)\n"
         "bot.api.write{}\n"
         "c.welcome.on = true words[2] = 'mine'\n"
         "assert(c.filters.level == 4)\n"
         "assert(c.max == 8 and c.welcome.on and w.text == 'new')\n"
         "assert(words == c.words and words[2] == 'mine')\n"
         "assert(rows == c.rows and rows[1][1] == 8)\n"
         "assert(raises(function() row[1] = 9 end):find('no part of "
         "config.rows'))");
    say_ok("/a");
    expect_row("{\"max\": 8, \"rows\": [[8]], \"words\": [\"a\", \"mine\"], "
               "\"filters\": {\"level\": 4}, \"welcome\": {\"on\": true, "
               "\"text\": \"new\"}}");
}

static void test_view__lazy_without_a_database(void **state)
{
    (void)state;
    store_row("{\"max\": 7, \"filters\": {\"level\": 3}}");
    body("ctx:reply(c.max) ctx:reply(c.filters.level)");
    t.sql_on_write = "ALTER TABLE chat_configs RENAME TO gone";
    body("bot.api.write{}\n"
         "local e = select(2, pcall(function() return c.filters.level end))\n"
         "assert(e.kind == 'database', tostring(e))\n"
         "ctx:reply(c.max)");
    say_ok("/a");
    PQclear(PQexec(t.peek, "ALTER TABLE gone RENAME TO chat_configs"));
    body("ctx:reply(c.filters.level)");
    say_ok("/a");
    assert_has(t.calls.data, "\"text\":\"7\"");
    assert_has(t.calls.data, "\"text\":\"3\"");
}

/* --- ended while it waits -------------------------------------------------------------- */

/* Run /a until it waits for the database, which is kept busy; then end it. */
static void kill_waiting(void)
{
    PQclear(PQexec(t.peek, "BEGIN; LOCK TABLE chat_configs"));
    push(message_of("/a"));
    sleep_ms(&t.db, 20);
    assert_int_equal(t.vm->ntasks, 1);
    tasks_kill_all(t.vm);
    assert_int_equal(t.result, TASK_KILLED);
    PQclear(PQexec(t.peek, "ROLLBACK"));
    sleep_ms(&t.db, 20);
}

static void test_view__killed_while_it_waits(void **state)
{
    (void)state;
    store_row("{\"filters\": {\"level\": 3}}");
    body("return c.max");
    kill_waiting(); /* the config */
    say_ok("/a");
    body("return c.filters");
    kill_waiting();
    body("return ctx.derived.filters");
    kill_waiting();
    body("return bot.config(-200)");
    kill_waiting();
    say_ok("/a");
    body("local o = bot.config(-200) o.max, c.max = 3, 4 ctx:reply('x')");
    kill_waiting(); /* two commits */
    expect_calls("");
    body("ctx:reply(c.max .. bot.config(-200).max .. c.filters.level)");
    say_ok("/a");
}

/* --- lists that are held ----------------------------------------------------------- */

/* A commit meets another's write: lists in locals are those of the config still. */
static void test_view__lists_across_a_conflict(void **state)
{
    (void)state;
    store_row("{\"words\": [\"x\"], \"rows\": [[1], [2]]}");
    t.sql_on_write =
        "UPDATE chat_configs SET config = config || '{\"words\": [\"y\"]}'";
    body("local words, row = c.words, c.rows[2]\n"
         "bot.api.write{}\n"
         "c.max = 9 ctx:reply('1')\n" /* conflicts */
         "assert(words[1] == 'y' and c.words == words)\n"
         "table.insert(words, 'z')\n"
         "assert(raises(function() row[1] = 5 end):find('take it from there "
         "again'))\n"
         "assert(row[1] == 2 and #row == 1)\n"
         "c.rows[2][1] = 5");
    say_ok("/a");
    expect_row("{\"max\": 9, \"rows\": [[1], [5]], \"words\": [\"y\", "
               "\"z\"]}");
}

/* The same, while another fiber goes on adding: what does not fit with both is not
 * stored, and that is said. */
static void test_view__lists_that_do_not_fit(void **state)
{
    (void)state;
    store_row("{\"words\": [\"a\"]}");
    t.sql_on_write =
        "UPDATE chat_configs SET config = '{\"words\": [\"a\", \"y\"]}', "
        "revision = revision + 1";
    body("local words = c.words\n"
         "bot.api.write{}\n"
         "require('parallel')(\n"
         "  function() table.insert(words, 'p') ctx:reply('1') end,\n"
         "  function() table.insert(words, 'q') c.max = 9 end)\n"
         "local said = raises(ctx.reply, ctx, '2')\n"
         "assert(said:find('got 4 elements %(with what'), "
         "said)\n"
         "assert(table.concat(words, ' ') == 'a y p' and c.max == 5)\n"
         "table.remove(words) table.insert(words, 'r')");
    say_ok("/a");
    expect_row("{\"words\": [\"a\", \"y\", \"r\"]}");
}

/* A table that is moved within its list is not a copy after it. */
static void test_view__moved_rows(void **state)
{
    (void)state;
    body("local row = c.rows[1]\n"
         "table.insert(c.rows, 1, { 0 })\n"
         "row[1] = 10\n"
         "table.sort(c.rows, function(a, b) return a[1] > b[1] end)\n"
         "assert(c.rows[1] == row)\n"
         "row[2] = 'x'\n"
         "assert(table.remove(c.rows, 2)[1] == 2)");
    say_ok("/a");
    expect_row("{\"rows\": [[10, \"x\"], [0]]}");
}

static void test_view__elements_are_checked(void **state)
{
    (void)state;
    body("local e = raises(function() c.words[1] = 5 end)\n"
         "assert(e:find('^scripts/a.lua:5: config.words'), e)\n"
         "e = raises(function() table.insert(c.words, 'too long') end)\n"
         "assert(e:find('^scripts/a.lua:7: config.words'), e)\n"
         "e = raises(function() c.words[2] = 'fine' c.words[3] = {} end)\n"
         "assert(e:find('config.words'), e)\n"
         "assert(raises(function() c.tags['a\\0'] = 1 end):find('NUL'))\n"
         "assert(raises(function() c.tags['\\xff'] = 1 end):find('UTF'))");
    say_ok("/a");
    expect_row("{\"words\": [\"a\", \"fine\"]}");
}

/* How many there may be is known when it is committed. */
static void test_view__a_list_too_long(void **state)
{
    (void)state;
    body("for i = 1, 5 do table.insert(c.words, 'x') end\n"
         "c.max = 8\n"
         "local ok, e = pcall(ctx.reply, ctx, 'saved')\n"
         "assert(not ok and e.kind == 'config', tostring(e))\n"
         "assert(tostring(e):find('config.words: '), tostring(e))\n"
         "assert(#c.words == 1 and c.max == 5)\n"
         "ctx:reply('no')");
    say_ok("/a");
    expect_replies("no\n");
    expect_row("(none)");
}

/* --- derived ----------------------------------------------------------------------- */

static void test_view__derived(void **state)
{
    (void)state;
    store_row("{\"filters\": {\"words\": [\"x\", \"y\"], \"other\": 1}}");
    body("local d = ctx.derived\n"
         "ctx:reply(d.filters.list .. d.filters.n)\n"
         "assert(d == ctx.derived and d.filters == d.filters)");
    say_ok("/a");
    say_ok("/a"); /* kept with the cached config */
    expect_replies("x|y1\nx|y1\n");
    body("c.filters.words[3] = 'z'\n"
         "local n = ctx.derived.filters.n\n"
         "assert(ctx.derived.filters.list == 'x|y|z')\n"
         "assert(ctx.derived.filters.n > n)\n" /* not kept */
         "ctx:reply('-')\n"
         "n = ctx.derived.filters\n"
         "assert(n.list == 'x|y|z' and n == ctx.derived.filters)\n"
         "c.max = 9 assert(n == ctx.derived.filters)");
    say_ok("/a");
}

/* Chats that have set nothing there share one value; nil is a value too. */
static void test_view__derived_of_the_defaults(void **state)
{
    (void)state;
    store_chat("-200", "{\"max\": 7}");
    body("ctx:reply(ctx.derived.filters.list .. ctx.derived.filters.n)\n"
         "c.filters.level = 8 assert(ctx.derived.filters == nil)\n"
         "ctx:reply('-') assert(ctx.derived.filters == nil)\n"
         "assert(ctx.derived.filters == nil)\n"
         "c.filters.level = nil\n");
    say_ok("/a");
    say_ok("/a");
    expect_replies("spam1\n-\nspam1\n-\n");
    body("ctx:reply(ctx.derived.filters.n)"); /* another generation */
    say_ok("/a");
    expect_replies("1\n");
}

static void test_view__derived_goes_with_its_config(void **state)
{
    int used;

    (void)state;
    store_row("{\"filters\": {\"level\": 2}}");
    body("ctx:reply(ctx.derived.filters.n)");
    say_ok("/a");
    used = count_registry();
    config_forget(t.services.store, -100123);
    assert_int_equal(count_registry(), used - 1);
    say_ok("/a");
    expect_replies("1\n2\n");
    assert_non_null(config_cached(t.services.store, -100123)->attached);
    load_ok(); /* the generation is gone, the config is cached still */
    say_ok("/a");
    expect_replies("1\n");
}

/* The chats that were used last keep theirs. */
static void test_view__derived_of_many_chats(void **state)
{
    const struct config *config;

    (void)state;
    script_ok(&t.db, "INSERT INTO chat_configs (chat_id, config, version) "
                     "SELECT i, '{\"filters\": {\"level\": 2}}', 0 FROM "
                     "generate_series(1, 1010) i");
    script("require('bot').on('message', function(ctx) assert(ctx.derived"
           ".filters.level == 2) end)");
    for (int i = 1; i <= DERIVED_CHATS_MAX + 10; i++) {
        char update[300];

        snprintf(update, sizeof(update),
                 "{\"update_id\":%d,\"message\":{\"message_id\":5,\"chat\":{"
                 "\"id\":%d,\"type\":\"private\"},\"date\":1,\"text\":\"x\"}}",
                 i,
                 i > DERIVED_CHATS_MAX ? i
                 : i == 1000           ? 1
                                       : i);
        assert_int_equal(run_update(update), TASK_OK);
    }
    assert_int_equal(t.gen->shared->nderived, DERIVED_CHATS_MAX);
    config = config_cached(t.services.store, 1); /* it was used again */
    assert_non_null(config->attached);
    run_update(
        "{\"update_id\":1,\"message\":{\"message_id\":5,\"chat\":{\"id\":"
        "2,\"type\":\"private\"},\"date\":1,\"text\":\"x\"}}");
    assert_int_equal(t.gen->shared->nderived, DERIVED_CHATS_MAX);
}

static void test_view__derived_errors(void **state)
{
    (void)state;
    store_row("{\"filters\": {\"level\": 7}}");
    body("local function read() return ctx.derived.filters end\n"
         "local e = raises(read)\n"
         "assert(e:find('^scripts/a.lua:5: ctx.derived.filters: "
         "defaults/filters.lua:4: boom'), e)\n"
         "c.filters.level = 9 e = raises(read)\n"
         "assert(e:find('filters: raised a table, not a text: { \"boom\" }$'), "
         "e)\n"
         "c.filters.level = 7\n"
         "e = raises(function() return ctx.derived.notes end)\n"
         "assert(e:find('no \"notes\"; a derive function have the sections "
         "filters', 1, true), e)\n"
         "assert(raises(function() return ctx.derived[1] end):find('no "
         "\"1\"'))\n"
         "assert(raises(function() ctx.derived.filters = 1 end):find('can\\'t "
         "be assigned'))\n"
         "assert(raises(function() ctx.derived = 1 end):find('can\\'t be "
         "replaced'))\n"
         "assert(raises(pairs, ctx.derived):find('by their names'))");
    say_ok("/a");
}

static void test_view__derived_can_not_wait(void **state)
{
    (void)state;
    file("defaults/slow.lua",
         "return option.section{ settings = { n = 1 }, derive = function()\n"
         "  sleep(1) end }");
    script("local bot, time = require('bot'), require('time')\n"
           "bot.command('a', function(ctx)\n"
           "  local ok, e = pcall(function() return ctx.derived.slow end)\n"
           "  assert(not ok and tostring(e):find('slow'), e) end)\n");
    say_ok("/a");
}

/* --- against a plain model ----------------------------------------------------------- */

/* Random writes, in place and whole, resets, commits, failures and others' writes
 * to a view and to plain tables: after each of them both read the same. */
static const char model[] =
    "local time = require('time')\n"
    "local def = { max = 5, words = { 'a' }, text = 'Hi', level = 1 }\n"
    "local get = { max = function(c) return c.max end,\n"
    "  words = function(c) return c.words end,\n"
    "  text = function(c) return c.welcome.text end,\n"
    "  level = function(c) return c.filters.level end }\n"
    "local set = { max = function(c, v) c.max = v end,\n"
    "  words = function(c, v) c.words = v end,\n"
    "  text = function(c, v) c.welcome.text = v end,\n"
    "  level = function(c, v) c.filters.level = v end }\n"
    "local function copy(v) if type(v) ~= 'table' then return v end\n"
    "  local t = {} for i = 1, #v do t[i] = v[i] end return t end\n"
    "local function show(v) return type(v) ~= 'table' and v or "
    "table.concat(v, ',') end\n"
    "local seed = SEED\n"
    "local function random(n) seed = (seed * 1103515245 + 12345) % 2147483648\n"
    "  return seed // 65536 % n + 1 end\n"
    "local keys = { 'max', 'words', 'text', 'level' }\n"
    "local stored = {}\n" /* by chat: what is committed */
    "bot.command('m', function(ctx)\n"
    "  local now, cs, held = {}, {}, {}\n"
    "  for i, id in ipairs{ ctx.chat_id, -200 } do\n"
    "    stored[i] = stored[i] or {}\n"
    "    now[i] = {} for k, v in pairs(stored[i]) do now[i][k] = copy(v) end\n"
    "    cs[i] = bot.config(id) held[i] = random(2) == 1 and cs[i].words\n"
    "  end\n"
    "  local function value(k)\n"
    "    if k == 'text' then return 't' .. random(9) end\n"
    "    if k == 'words' then local t = {} for i = 1, random(4) - 1 do\n"
    "      t[i] = 'w' .. random(9) end return t end\n"
    "    return random(90) end\n"
    "  for step = 1, 60 do\n"
    "    local i, k, what = random(2), keys[random(4)], random(13)\n"
    "    local c, m = cs[i], now[i]\n"
    "    if what <= 5 and k == 'words' then held[i] = nil end\n"
    "    if what <= 4 then local v = value(k) set[k](c, v) m[k] = copy(v)\n"
    "    elseif what == 5 then set[k](c, nil) m[k] = nil\n"
    "    elseif what <= 8 then\n"
    "      local w = held[i] and held[i] == c.words and held[i] or c.words\n"
    "      local p = m.words or copy(def.words) m.words = p\n"
    "      if #w < 3 then local at = random(#w + 1)\n"
    "        table.insert(w, at, 'i') table.insert(p, at, 'i')\n"
    "      elseif random(2) == 1 then local at = random(#w)\n"
    "        assert(table.remove(w, at) == table.remove(p, at))\n"
    "      else w[1] = w[1] table.sort(w) table.sort(p) end\n"
    "    elseif what == 9 then pcall(set[k], c, false)\n" /* refused */
    "    elseif what <= 11 or what == 13 then\n" /* 13: somebody else writes */
    "      if what == 13 then bot.api.write{} else ctx:reply('c') end\n"
    "      for j = 1, 2 do stored[j] = {}\n"
    "        for kk, v in pairs(now[j]) do stored[j][kk] = copy(v) end end\n"
    "    else\n" /* too large: all of it fails, or was none */
    "      set.text(c, ('x'):rep(5000))\n"
    "      local other = now[3 - i]\n"
    "      assert(not pcall(ctx.reply, ctx, 'f'))\n"
    "      stored[3 - i] = {} for kk, v in pairs(other) do\n"
    "        stored[3 - i][kk] = copy(v) end\n"
    "      now[i] = {} for kk, v in pairs(stored[i]) do now[i][kk] = copy(v) "
    "end\n"
    "    end\n"
    "    for j = 1, 2 do for _, kk in ipairs(keys) do\n"
    "      local a, b = get[kk](cs[j]), now[j][kk]\n"
    "      if b == nil then b = def[kk] end\n"
    "      assert(show(a) == show(b), 'step ' .. step .. ' ' .. what .. ' ' .. "
    "kk .. ': ' .. show(a) .. ' ~= ' .. show(b))\n"
    "      assert(not held[j] or held[j] == cs[j].words)\n"
    "    end end\n"
    "  end\n"
    "  ctx:reply('end')\n"
    "  for j = 1, 2 do stored[j] = {}\n"
    "    for kk, v in pairs(now[j]) do stored[j][kk] = copy(v) end end\n"
    "end)\n";

static void test_view__against_a_model(void **state)
{
    (void)state;
    t.sql_on_write = "UPDATE chat_configs SET config = jsonb_set(config, "
                     "'{other}', to_jsonb(revision))";
    for (int seed = 1; seed <= 12; seed++) {
        struct buf text = BUF_INIT;
        const char *at = strstr(model, "SEED");

        script_ok(&t.db, "DELETE FROM chat_configs");
        config_forget_all(t.services.store);
        buf_adds(&text, "local bot = require('bot')\n");
        buf_add(&text, model, (size_t)(at - model));
        buf_addf(&text, "%d%s", seed, at + 4);
        script(text.data);
        buf_release(&text);
        for (int task = 0; task < 4; task++) {
            if (task % 2)
                config_forget_all(t.services.store); /* evicted */
            say_ok("/m");
        }
        buf_reset(&t.calls);
    }
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_view");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_view");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, script_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_view__no_memory_in_a_commit),
        TEST(test_view__other_chats),
        TEST(test_view__own_chat_first_by_its_id),
        TEST(test_view__bad_ids),
        TEST(test_view__one_of_two_fails),
        TEST(test_view__committed_where_it_can_wait),
        TEST(test_view__deleted_meanwhile),
        TEST(test_view__a_failed_handler_keeps_nothing),
        TEST(test_view__after_its_task),
        TEST(test_view__sections_of_others),
        TEST(test_view__null_is_nil),
        TEST(test_view__lazy_when_read),
        TEST(test_view__lazy_but_not_there),
        TEST(test_view__lazy_assigned),
        TEST(test_view__lazy_pairs_and_json),
        TEST(test_view__lazy_of_a_newer_revision),
        TEST(test_view__lazy_without_a_database),
        TEST(test_view__killed_while_it_waits),
        TEST(test_view__lists_across_a_conflict),
        TEST(test_view__lists_that_do_not_fit),
        TEST(test_view__moved_rows),
        TEST(test_view__elements_are_checked),
        TEST(test_view__a_list_too_long),
        TEST(test_view__derived),
        TEST(test_view__derived_of_the_defaults),
        TEST(test_view__derived_goes_with_its_config),
        TEST(test_view__derived_of_many_chats),
        TEST(test_view__derived_errors),
        TEST(test_view__derived_can_not_wait),
        TEST(test_view__against_a_model),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
