/* test_moves.c - what belongs to a chat gets its new id: schema/0006. */
#include "store_test.h"

#define SCHEMA "test_moves"
#define OLD "-500"
#define NEW "-1000000000500"

static int group_setup(void **state)
{
    (void)state;
    make_tables(SCHEMA);
    run_schema_file("0003_inbox.sql");
    run_schema_file("0004_broadcasts.sql");
    run_schema_file("0006_moved_chats.sql");
    return 0;
}

static int group_teardown(void **state)
{
    (void)state;
    drop_tables(SCHEMA);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    sql("DELETE FROM chat_configs; DELETE FROM config_history; "
        "DELETE FROM chats; DELETE FROM moved_chats");
    return 0;
}

static void expect(const char *query, const char *expected)
{
    struct pg_op *op = pg_script(db.pg, slice_of(query));
    struct slice value;

    wait_all(&db, &op, 1);
    assert_string_equal(op->op.err.text, "");
    value = pg_value(op, 0, 0);
    if (!slice_eq(value, expected))
        fail_msg("%.*s instead of %s", (int)value.n, value.p, expected);
    op_free(&op->op);
}

/* outcome, with config?, moved, stayed */
static void move(const char *force, const char *expected)
{
    char query[300];

    snprintf(query, sizeof(query),
             "SELECT concat_ws(' ', outcome, with_config, moved, stayed) FROM "
             "moonpost_move_chat(" OLD ", " NEW ", %s)",
             force);
    expect(query, expected);
}

static void expect_config(const char *expected)
{
    expect("SELECT string_agg(concat_ws(' ', chat_id, version, config), '; ' "
           "ORDER BY chat_id) FROM chat_configs",
           expected);
}

static void expect_history(const char *expected)
{
    expect("SELECT string_agg(revision || ' ' || config, '; ' ORDER BY "
           "revision) FROM config_history WHERE chat_id = " NEW,
           expected);
}

static void test_moves__only_the_old_one_has_settings(void **state)
{
    (void)state;
    sql("INSERT INTO chat_configs VALUES (" OLD ", '{\"a\": 1}', 3); "
        "UPDATE chat_configs SET config = '{\"a\": 2}'");
    move("false", "moved t 0 0");
    expect_config(NEW " 3 {\"a\": 2}");
    expect_history("1 {\"a\": 1}; 2 {\"a\": 2}");
    expect("SELECT revision || ' ' || changed_by FROM chat_configs",
           "3 moved from " OLD);
    move("false", "known f 0 0");
    expect("SELECT revision FROM chat_configs", "3");
}

static void test_moves__both_have_settings(void **state)
{
    (void)state;
    sql("INSERT INTO chat_configs VALUES (" OLD ", "
        "'{\"a\": {\"x\": 1, \"y\": {\"z\": 1}}, \"l\": [1, 2], \"n\": 1}', "
        "0), (" NEW ", '{\"a\": {\"x\": 2, \"y\": {\"w\": 2}}, \"l\": [3], "
        "\"n\": null}', 0)");
    move("false", "moved t 0 0");
    expect_config(NEW " 0 {\"a\": {\"x\": 2, \"y\": {\"w\": 2, \"z\": 1}}, "
                      "\"l\": [3], \"n\": null}");
    expect("SELECT count(*) FROM config_history WHERE chat_id = " NEW, "2");
    expect("SELECT min(revision) || ' ' || max(revision) FROM config_history "
           "WHERE chat_id = " NEW,
           "1 2");
}

/* By somebody who did not know: it is newer than what the new one has. */
static void test_moves__what_the_old_one_gets_later(void **state)
{
    (void)state;
    sql("INSERT INTO chat_configs VALUES (" OLD ", '{\"a\": 1, \"b\": 1}', 0)");
    move("false", "moved t 0 0");
    sql("INSERT INTO chat_configs VALUES (" OLD ", '{\"a\": 7}', 0)");
    move("false", "moved t 0 0");
    expect_config(NEW " 0 {\"a\": 7, \"b\": 1}");
    sql("INSERT INTO chat_configs VALUES (" OLD ", '{\"c\": 8}', 0)");
    move("false", "moved t 0 0");
    expect_config(NEW " 0 {\"a\": 7, \"b\": 1, \"c\": 8}");
}

static void test_moves__versions(void **state)
{
    (void)state;
    sql("INSERT INTO chat_configs VALUES (" OLD ", '{\"a\": 1}', 4), "
        "(" NEW ", '{\"b\": 1}', 3)");
    move("false", "versions f 0 0");
    expect("SELECT count(*) FROM chat_configs", "2");
    expect("SELECT count(*) FROM moved_chats", "0");
    move("true", "moved t 0 0");
    expect_config(NEW " 4 {\"a\": 1}");
    expect("SELECT count(*) FROM config_history WHERE chat_id = " NEW, "2");
}

static void test_moves__tables(void **state)
{
    (void)state;
    sql("CREATE TABLE plain (chat_id BIGINT); "
        "CREATE TABLE notes (chat TEXT, name TEXT, UNIQUE (chat, name)); "
        "COMMENT ON COLUMN notes.chat IS 'moonpost:chat, as text'; "
        "CREATE TABLE parts (of_chat NUMERIC CHECK (of_chat > -1000)) "
        "PARTITION BY RANGE (of_chat); "
        "CREATE TABLE parts_low PARTITION OF parts DEFAULT; "
        "COMMENT ON COLUMN parts.of_chat IS 'whose; moonpost:chat'; "
        "INSERT INTO plain VALUES (" OLD "); "
        "INSERT INTO parts VALUES (" OLD "), (-501); "
        "INSERT INTO notes VALUES ('" OLD "', 'a'), ('" OLD "', 'b'), "
        "('" NEW "', 'b'), ('-501', 'a'); "
        "INSERT INTO chats (bot_id, chat_id) VALUES (1, " OLD "), "
        "(2, " OLD "), (2, " NEW ")");
    sql("COMMENT ON COLUMN notes.chat IS 'moonpost:chat'");
    move("false", "moved f 2 2"); /* a note, a bot's chat */
    expect("SELECT string_agg(chat || name, ' ' ORDER BY chat, name) FROM "
           "notes",
           NEW "a " NEW "b " OLD "b -501a");
    expect("SELECT string_agg(bot_id || ':' || chat_id, ' ' ORDER BY bot_id) "
           "FROM chats",
           "1:" NEW " 2:" NEW);
    expect("SELECT count(*) FROM plain WHERE chat_id = " OLD, "1");
    expect("SELECT count(*) FROM parts WHERE of_chat = " OLD, "1");
    sql("DROP TABLE plain, notes, parts");
}

static void test_moves__all_or_nothing(void **state)
{
    struct pg_op *op;

    (void)state;
    sql("INSERT INTO chat_configs VALUES (" OLD ", '{}', 0); "
        "CREATE TABLE bad (chat_id BIGINT); "
        "COMMENT ON COLUMN bad.chat_id IS 'moonpost:chat'; "
        "CREATE FUNCTION deadlock() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION SQLSTATE '40P01'; END $$; "
        "CREATE TRIGGER deadlock BEFORE UPDATE ON bad FOR EACH ROW EXECUTE "
        "FUNCTION deadlock(); INSERT INTO bad VALUES (" OLD ")");
    op = pg_script(db.pg, slice_of("SELECT * FROM moonpost_move_chat(" OLD
                                   ", " NEW ", false)"));
    wait_all(&db, &op, 1);
    assert_string_equal(op->sqlstate, "40P01");
    op_free(&op->op);
    expect_config(OLD " 0 {}");
    sql("DROP TABLE bad");
    move("false", "moved t 0 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_moves__only_the_old_one_has_settings,
                               setup),
        cmocka_unit_test_setup(test_moves__both_have_settings, setup),
        cmocka_unit_test_setup(test_moves__what_the_old_one_gets_later, setup),
        cmocka_unit_test_setup(test_moves__versions, setup),
        cmocka_unit_test_setup(test_moves__tables, setup),
        cmocka_unit_test_setup(test_moves__all_or_nothing, setup),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
