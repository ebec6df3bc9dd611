/* test_store_values.c - ctx.store: values by key, counting, expiry, limits. */
#include "script_body.h"

#include "base/clock.h"
#include "bot/stores.h"

#define SCHEMA "test_store_values"

static struct stores *stores;

static void open_stores(int keys_max)
{
    stores = stores_new(t.db.loop, t.db.pg,
                        &(struct stores_options){ .configs = t.services.store,
                                                  .value_max = 1000,
                                                  .keys_max = keys_max });
    t.services.stores = stores_desk(stores);
}

static int setup(void **state)
{
    script_setup(state);
    script_ok(&t.db, "DELETE FROM store");
    open_stores(10);
    return 0;
}

static int teardown(void **state)
{
    stores_free(stores);
    t.services.stores = NULL;
    return script_teardown(state);
}

static void body(const char *text)
{
    script_body("", "local s = ctx.store", text);
}

static void run(const char *text)
{
    body(text);
    say_ok("/a");
}

static void expect_rows(const char *wanted)
{
    expect_query("SELECT coalesce(string_agg(chat_id || ' ' || key || '=' || "
                 "value, '; ' ORDER BY chat_id, key), '') FROM store",
                 wanted);
}

static void test_store__fields(void **state)
{
    (void)state;
    run("eq(s.notes, nil)\n"
        "s.notes = { 'a', { b = 1 } } s.n = 9007199254740993 s.x = 1.5 s.t = "
        "false s['a\"b\\\\,{}'] = 'q' s[7] = 'seven' s.e = {} s.l = "
        "cjson.empty_array\n"
        "local notes = s.notes eq(notes[1], 'a') eq(notes[2].b, 1)\n"
        "notes[1] = 'changed' eq(s.notes[1], 'a')\n"
        "eq(s.n, 9007199254740993) eq(s.x, 1.5) eq(s.t, false)\n"
        "eq(s['a\"b\\\\,{}'], 'q') eq(s[7], 'seven') eq(s['7'], 'seven')\n"
        "eq(cjson.encode(s.e), '{}') eq(cjson.encode(s.l), '[]')\n"
        "s.n = nil eq(s.n, nil)\n"
        "local all = s:all() eq(all.x, 1.5) eq(all.t, false) eq(all['7'], "
        "'seven') eq(all.n, nil)\n"
        "eq(s:clear(), 7) eq(next(s:all()), nil) eq(s:clear(), 0)\n"
        "fails('\"get\" is a method', function() s.get = 1 end)\n"
        "s:set('get', 5) eq(s:get('get'), 5)\n"
        "fails('pairs(ctx.store:all())', pairs, s)\n"
        "eq(tostring(s), 'store of -100123')\n");
    expect_rows("-100123 get=5");
}

static void test_store__methods(void **state)
{
    (void)state;
    run("eq(s:get('k'), nil) eq(s:get('k', 'none'), 'none')\n"
        "eq(s:set('k', 1), true) eq(s:get('k', 'none'), 1)\n"
        "eq(s:set('k', 2, { only_new = true }), false) eq(s.k, 1)\n"
        "eq(s:set('new', 2, { only_new = true }), true) eq(s.new, 2)\n"
        "eq(s:take('k'), 1) eq(s:take('k'), nil)\n"
        "eq(s:delete('new'), true) eq(s:delete('new'), false)\n"
        "eq(s:incr('c'), 1) eq(s:incr('c', 5), 6) eq(s:incr('c', -10), -4)\n"
        "eq(s:incr('f', 0.5), 0.5) eq(s:incr('f', 0.25), 0.75)\n"
        "eq(s:incr('big', math.maxinteger), math.maxinteger)\n"
        "s.text = 'x' fails('store: text is no number', s.incr, s, 'text')\n"
        "fails('finite', s.incr, s, 'c', 1/0)\n"
        "s:set('c', nil) eq(s.c, nil)\n"
        "fails('no option tll; ttl and only_new are', s.set, s, 'k', 1, { tll "
        "= 1 })\n"
        "fails('ttl: ', s.set, s, 'k', 1, { ttl = 'soon' })\n"
        "fails('ttl: it must be more than 0', s.set, s, 'k', 1, { ttl = 0 })\n"
        "fails('call its methods with a colon', s.get, 'k')\n"
        "fails('a key is a text or a whole number, not a table', s.get, s, "
        "{})\n"
        "fails('a key is a text or a whole number, not a nil', s.get, s)\n"
        "fails('1 to 256 bytes', s.get, s, '')\n"
        "fails('1 to 256 bytes', s.get, s, ('x'):rep(257))\n"
        "fails('1 to 256 bytes', s.get, s, 'a\\0b')\n"
        "fails('a key: ', s.get, s, '\\xff')\n"
        "s[('x'):rep(256)] = 1\n");
}

/* Whose it is. */
static void test_store__whose(void **state)
{
    (void)state;
    run("s.k = 'chat' ctx.user_store.k = 'user' bot.store(8).k = 'other'\n"
        "eq(bot.store(7).k, 'user') eq(bot.store(-100123).k, 'chat')\n"
        "fails('bot.store(id)', bot.store, 'x') fails('bot.store(id)', "
        "bot.store, 0)\n"
        "s.notes_of = 1\n");
    expect_rows("-100123 k=\"chat\"; -100123 notes_of=1; 7 k=\"user\"; 8 "
                "k=\"other\"");
    run_update("{\"update_id\":12,\"message\":{\"message_id\":5,\"from\":{"
               "\"id\":8,\"first_name\":\"Bob\"},\"chat\":{\"id\":8,\"type\":"
               "\"private\"},\"date\":1,\"text\":\"/a\"}}");
    expect_rows("-100123 k=\"chat\"; -100123 notes_of=1; 7 k=\"user\"; 8 "
                "k=\"other\"; 8 notes_of=1");
}

static void test_store__limits(void **state)
{
    (void)state;
    run("for i = 1, 10 do s['k' .. i] = i end\n"
        "fails('store: k11 can\\'t be added: this chat has 10 keys "
        "(STORE_KEYS)', s.set, s, 'k11', 1)\n"
        "fails('k11', s.incr, s, 'k11')\n"
        "s.k1 = 'again' eq(s:incr('k2'), 3) bot.store(7).k1 = 1\n"
        "s.k3 = nil s.k11 = 1\n"
        "s.k1 = ('x'):rep(998)\n"
        "fails('store: k1: the value has 1001 bytes as JSON, and may have 1000 "
        "(STORE_VALUE_KB)', function() s.k1 = ('x'):rep(999) end)\n"
        "eq(#s.k1, 998)\n"
        "fails('cannot serialise function', function() s.k1 = print end)\n"
        "local ok, e = pcall(function() s.k1 = '\\0' end)\n"
        "eq(ok, false) eq(e.kind, 'database')\n");
}

static void test_store__expiry(void **state)
{
    (void)state;
    body("local step = ctx.args[1]\n"
         "if step == 'set' then\n"
         "  s:set('short', 1, { ttl = '10m' }) s:set('long', 2, { ttl = 3600 "
         "}) s.never = 3\n"
         "  eq(s:incr('flood', 1, { ttl = '10m' }), 1)\n"
         "elseif step == 'soon' then\n"
         "  eq(s.short, 1) eq(s:incr('flood', 1, { ttl = '10m' }), 2)\n"
         "else\n"
         "  eq(s.short, nil) eq(s:take('short'), nil) eq(s.long, 2)\n"
         "  eq(s:all().short, nil) eq(s.never, 3)\n"
         "  eq(s:incr('flood', 1, { ttl = '10m' }), 1)\n"
         /* one that has expired takes no room, and can be new again */
         "  eq(s:set('lock', 1, { ttl = 1, only_new = true }), true)\n"
         "  s:set('short', 5) eq(s.short, 5)\n"
         "end");
    say_ok("/a set");
    clock_advance(599000);
    say_ok("/a soon");
    clock_advance(2000);
    say_ok("/a late");
    clock_advance(-601000);
}

static bool passed;

static void on_ms(struct op *op)
{
    op_free(op);
    passed = true;
    loop_stop(t.db.loop);
}

/* The last task's end stops the loop, too. */
static void run_for(int ms)
{
    passed = false;
    timer_start(t.db.loop, ms)->done = on_ms;
    while (!passed)
        loop_run(t.db.loop);
}

/* Only what has expired is deleted, also if it is more than one statement's. */
static void test_store__sweep(void **state)
{
    PGresult *res;

    (void)state;
    script_ok(&t.db, "INSERT INTO store SELECT n, 'k', '1', now() - interval "
                     "'1 second' FROM generate_series(1, 2500) AS n; INSERT "
                     "INTO store VALUES (1, 'a', '1', now() + interval '1 "
                     "hour'), (1, 'b', '1', NULL)");
    stores_start(stores);
    for (int i = 0; i < 1000; i++) {
        res = PQexec(t.peek, "SELECT count(*) FROM store");
        if (atoi(PQgetvalue(res, 0, 0)) == 2)
            break;
        PQclear(res);
        run_for(10);
    }
    PQclear(res);
    expect_rows("1 a=1; 1 b=1");
}

/* Many at once: none is lost, and each gets its own. */
static void test_store__many(void **state)
{
    static char update[300];

    (void)state;
    body("local u = ctx.user_store eq(u.mine, nil) u.mine = ctx.from.id\n"
         "s:incr('sum') eq(u.mine, ctx.from.id)");
    for (int i = 1; i <= 600; i++) {
        snprintf(update, sizeof(update),
                 "{\"update_id\":%d,\"message\":{\"message_id\":5,\"from\":{"
                 "\"id\":%d,\"first_name\":\"x\"},\"chat\":{\"id\":" CHAT_ID
                 ",\"type\":\"supergroup\"},\"date\":1,\"text\":\"/a\"}}",
                 i, i);
        push(update);
    }
    wait_tasks();
    assert_string_equal(t.log.data, "");
    run("eq(s.sum, 600)");
}

/* A group that has moved. */
static void test_store__moved(void **state)
{
    (void)state;
    config_moved(t.services.store, -100123, -100999);
    run("s.k = 1 eq(s.k, 1) eq(bot.store(-100999).k, 1)");
    expect_rows("-100999 k=1");
}

/* A task that ends while it waits leaves nothing. */
static void test_store__killed(void **state)
{
    (void)state;
    body("s.k = 1 local x = s.k s:incr('k') s:all() s:clear()");
    for (int ms = 1; ms < 10; ms++) {
        push(message_of("/a"));
        push(message_of("/a"));
        run_for(ms);
        tasks_kill_all(t.vm);
        run_for(ms % 3);
    }
    assert_string_equal(t.log.data, "");
}

static int group_setup(void **state)
{
    struct buf sql = BUF_INIT;

    (void)state;
    script_group_setup(SCHEMA);
    add_schema_file("0008_store.sql", &sql);
    script_ok(&t.db, sql.data);
    buf_release(&sql);
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown(SCHEMA);
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_store__fields), STORE_TEST(test_store__methods),
        STORE_TEST(test_store__whose),  STORE_TEST(test_store__limits),
        STORE_TEST(test_store__expiry), STORE_TEST(test_store__sweep),
        STORE_TEST(test_store__many),   STORE_TEST(test_store__moved),
        STORE_TEST(test_store__killed),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
