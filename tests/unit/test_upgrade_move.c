/* test_upgrade_move.c - move(from, to) in migrations/config/. */
#include "script_test.h"

#include "config/diff.h"
#include "script/upgrade.h"

static int setup(void **state)
{
    script_setup(state);
    file("defaults/init.lua", "return { max = 5, words = {}, on = true }");
    file("defaults/flood.lua", "return { limit = 5, deep = { n = 1, m = 2 } }");
    file("scripts/a.lua", "");
    return 0;
}

static void step(int number, const char *body)
{
    struct buf text = BUF_INIT;
    char name[60];

    snprintf(name, sizeof(name), "migrations/config/%04d_step.lua", number);
    buf_addf(&text, "return function(config, move)\n%s\nend\n", body);
    file(name, text.data);
    buf_release(&text);
}

static bool upgrade(const char *document, struct buf *out, struct err *err)
{
    bool ok = upgrade_config(-1, slice_of(document), 0, out, err, t.gen);

    assert_int_equal(lua_gettop(t.vm->L), 0);
    return ok;
}

static void expect(const char *document, const char *wanted)
{
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;

    if (!upgrade(document, &out, &err))
        fail_msg("%s", err.text);
    /* Lua's order of new members is another in each run */
    if (!json_same(buf_slice(&out), slice_of(wanted)))
        fail_msg("%s, not %s", out.data, wanted);
    buf_release(&out);
}

static void expect_error(const char *wanted)
{
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;

    assert_false(upgrade("{\"old\": 1}", &out, &err));
    assert_string_equal(err.text, wanted);
    assert_string_equal(out.data, "");
    buf_release(&out);
}

static void load_step(const char *body)
{
    step(1, body);
    load_ok();
}

/* What was chosen stays chosen, also where it is the default of the new name. */
static void test_move__a_value(void **state)
{
    (void)state;
    load_step("move('old', 'flood.limit')");
    expect("{\"old\": 7}", "{\"flood\":{\"limit\":7}}");
    expect("{\"old\": 5}", "{\"flood\":{\"limit\":5}}");
    expect("{\"old\": 5, \"on\": false}",
           "{\"on\":false,\"flood\":{\"limit\":5}}");
    expect("{}", "{}");
    expect("{\"on\": false}", "{\"on\": false}");
    /* as an assignment would, it replaces */
    expect("{\"old\": 5, \"flood\": {\"limit\": 9}}",
           "{\"flood\":{\"limit\":5}}");
}

static void test_move__a_default_is_not_chosen(void **state)
{
    (void)state;
    load_step("move('max', 'flood.limit')");
    expect("{}", "{}");
    expect("{\"max\": 5}", "{\"flood\":{\"limit\":5}}");
    expect("{\"flood\": {\"limit\": 9}}", "{\"flood\": {\"limit\": 9}}");
}

static void test_move__a_section(void **state)
{
    (void)state;
    load_step("move('antiflood', 'flood')");
    expect("{\"antiflood\": {\"limit\": 5, \"deep\": {\"n\": 1}, \"x\": 0}}",
           "{\"flood\":{\"x\":0,\"deep\":{\"n\":1},\"limit\":5}}");
    expect("{\"antiflood\": {}}", "{}");
    expect("{\"flood\": {\"limit\": 5}}", "{\"flood\": {\"limit\": 5}}");
    load_step("move('flood.deep', 'deeper')");
    expect("{\"flood\": {\"deep\": {\"n\": 1}}}", "{\"deeper\":{\"n\":1}}");
    expect("{}", "{}");
}

static void test_move__lists(void **state)
{
    (void)state;
    load_step("move('list', 'words')");
    expect("{\"list\": [\"a\"]}", "{\"words\":[\"a\"]}");
    expect("{\"list\": []}", "{\"words\":[]}");
    expect("{}", "{}");
}

/* A map has keys of any kind, and is one value. */
static void test_move__maps(void **state)
{
    (void)state;
    file("defaults/texts.lua",
         "return { notes = option.map{ default = {} }, sub = { a = 1 } }");
    load_step("move('memos', 'texts.notes')");
    expect("{\"memos\": {\"a.b\": 1, \"\": 2, \"\\\"\": 3}}",
           "{\"texts\":{\"notes\":{\"a.b\":1,\"\":2,\"\\\"\":3}}}");
    expect("{\"memos\": {}}", "{\"texts\":{\"notes\":{}}}");
    expect("{\"memos\": {\"n\": {\"m.m\": {}}}, "
           "\"texts\": {\"notes\": {\"x\": 1}}}",
           "{\"texts\":{\"notes\":{\"n\":{\"m.m\":{}}}}}");
    load_step("move('old', 'new')"); /* both are gone from the settings */
    expect("{\"old\": {\"a.b\": {\"c.d\": 1}}}",
           "{\"new\":{\"a.b\":{\"c.d\":1}}}");
    load_step("move('old', 'texts')"); /* what no setting has goes along */
    expect("{\"old\": {\"a.b\": 1}}", "{\"texts\":{\"a.b\":1}}");
    load_step("move('flood', 'flood.limit')"); /* a value that got a section */
    expect("{\"flood\": 7}", "{\"flood\":{\"limit\":7}}");
}

/* As if the chat had been at the version in between for a while. */
static void test_move__what_a_step_before_assigned(void **state)
{
    (void)state;
    step(2, "move('old', 'flood.limit')");
    load_step("config.old = 7");
    expect("{}", "{\"flood\":{\"limit\":7}}");
    step(2, "move('old', 'flood')");
    load_step("config.old = { limit = 5, deep = { n = 2 } }");
    expect("{\"on\": false}",
           "{\"on\":false,\"flood\":{\"deep\":{\"n\":2},\"limit\":5}}");
    step(2, "move('words', 'list'); move('max', 'flood.limit')");
    load_step("config.words[1] = 'a'; config.max = 6");
    expect("{}", "{\"list\":[\"a\"],\"flood\":{\"limit\":6}}");
    load_step("config.max = 5"); /* as the default is */
    expect("{}", "{}");
}

static void test_move__several_steps(void **state)
{
    (void)state;
    step(2, "move('older', 'flood.limit')");
    step(3, "if config.flood.limit > 50 then config.flood.limit = 50 end");
    load_step("move('oldest', 'older')");
    expect("{\"oldest\": 5}", "{\"flood\":{\"limit\":5}}");
    expect("{\"older\": 5}", "{\"flood\":{\"limit\":5}}");
    expect("{\"older\": 99}", "{\"flood\":{\"limit\":50}}");
    expect("{}", "{}");
    step(3, "config.flood.limit = nil");
    load_ok();
    expect("{\"older\": 5}", "{}"); /* taken away again */
}

static void test_move__mistakes(void **state)
{
    (void)state;
    load_step("move('old')");
    expect_error("migrations/config/0001_step.lua:2: bad argument #2 to 'move' "
                 "(string expected, got no value)");
    load_step("move('old', 'a..b')");
    expect_error("migrations/config/0001_step.lua:2: move: \"a..b\" is not the "
                 "path of a setting");
    load_step("move('old', '')");
    expect_error(
        "migrations/config/0001_step.lua:2: move: \"\" is not the path "
        "of a setting");
    load_step("move('flood', 'flood.deep')");
    expect_error("migrations/config/0001_step.lua:2: move: the section "
                 "\"flood\" can't go into itself");
    load_step("move('', 'old')");
    expect_error(
        "migrations/config/0001_step.lua:2: move: \"\" is not the path "
        "of a setting");
}

/* Kept by a script, and called when there is nothing to move in. */
static void test_move__later(void **state)
{
    struct buf out = BUF_INIT;
    struct err err = ERR_INIT;

    (void)state;
    load_step("kept = kept or move; if config.stop then error('stop') end "
              "if kept ~= move then error('another') end");
    assert_false(upgrade("{\"stop\": 1}", &out, &err));
    expect("{}", "{}");
    lua_rawgeti(t.vm->L, LUA_REGISTRYINDEX, t.gen->globals_ref);
    lua_getfield(t.vm->L, -1, "kept");
    lua_pushliteral(t.vm->L, "a");
    lua_pushliteral(t.vm->L, "b");
    assert_int_equal(lua_pcall(t.vm->L, 2, 0, 0), LUA_ERRRUN);
    assert_string_equal(lua_tostring(t.vm->L, -1),
                        "move: only while an upgrade runs");
    lua_settop(t.vm->L, 0);
    buf_release(&out);
}

static int group_setup(void **state)
{
    (void)state;
    return script_group_setup("test_upgrade_move");
}

static int group_teardown(void **state)
{
    (void)state;
    return script_group_teardown("test_upgrade_move");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, script_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_move__a_value),
        TEST(test_move__a_default_is_not_chosen),
        TEST(test_move__a_section),
        TEST(test_move__lists),
        TEST(test_move__maps),
        TEST(test_move__what_a_step_before_assigned),
        TEST(test_move__several_steps),
        TEST(test_move__mistakes),
        TEST(test_move__later),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
