/* test_migrate.c - schema migrations of a folder, on a real database. */
#include "pg_client.h"

#include "base/embedded.h"
#include "bot/migrate.h"

#define SCHEMA "test_migrate"
#define LOCK "(hashtextextended('moonpost migrate " SCHEMA "', 0))"
#define LOCK_55 "(hashtextextended('a test of migrations', 0))"
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

extern const struct embedded core_schema[];

static struct client db;
static char folder[40];
static int core_files;

static void add(const char *name, const char *text, size_t n)
{
    char path[200];
    FILE *f;

    snprintf(path, sizeof(path), "%s/migrations/schema/%s", folder, name);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, n, f), n);
    fclose(f);
}

static void file(const char *name, const char *text)
{
    add(name, text, strlen(text));
}

static void remove_file(const char *name)
{
    char path[200];

    snprintf(path, sizeof(path), "%s/migrations/schema/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

static struct client connection(void)
{
    struct client c = connect_to(pg_server_url());

    script_ok(&c, "SET search_path = " SCHEMA);
    return c;
}

static int setup(void **state)
{
    char path[100];

    (void)state;
    strcpy(folder, "/tmp/moonpost-test.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/migrations", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/migrations/schema", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    for (core_files = 0; core_schema[core_files].name;)
        core_files++;
    db = connection();
    script_ok(&db, "SET client_min_messages = warning;"
                   "DROP SCHEMA IF EXISTS " SCHEMA " CASCADE;"
                   "CREATE SCHEMA " SCHEMA);
    return 0;
}

static int teardown(void **state)
{
    char command[100];

    (void)state;
    script_ok(&db, "DROP SCHEMA " SCHEMA " CASCADE");
    client_free(&db);
    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    assert_int_equal(system(command), 0);
    return 0;
}

static struct migrate_op *finish(struct client *c, struct op *op)
{
    pending = 1;
    op->done = on_done;
    loop_run(c->loop);
    return (struct migrate_op *)op;
}

/* How many files ran; none may fail. */
static int migrate(void)
{
    struct migrate_op *op =
        finish(&db, migrate_start(db.loop, db.pg, folder, false));
    int n = op->applied;

    assert_string_equal(op->op.err.text, "");
    op_free(&op->op);
    return n;
}

static void fails(enum err_kind kind, const char *part)
{
    struct migrate_op *op =
        finish(&db, migrate_start(db.loop, db.pg, folder, false));

    assert_has(op->op.err.text, part);
    assert_int_equal(op->op.err.kind, kind);
    assert_false(op->try_again);
    op_free(&op->op);
}

static int64_t number(const char *sql)
{
    struct pg_op *op = pg_script(db.pg, slice_of(sql));
    int64_t n;

    wait_all(&db, &op, 1);
    assert_string_equal(op->op.err.text, "");
    n = pg_int(op, 0, 0);
    op_free(&op->op);
    return n;
}

static int64_t applied_rows(void)
{
    return number("SELECT count(*) FROM schema_migrations WHERE owner = 'bot'");
}

/* --- order, and once -------------------------------------------------------------- */

static void test_migrate__in_order_and_once(void **state)
{
    (void)state;
    file("0002_second.sql", "INSERT INTO steps VALUES (2);");
    file("0001_first.sql", "CREATE TABLE steps (n INT);"
                           "INSERT INTO steps VALUES (1);");
    file("0010_not.sql.old", "nonsense");
    file(".0003_hidden.sql", "nonsense");
    file("README.md", "nonsense");
    assert_int_equal(migrate(), core_files + 2);
    assert_int_equal(migrate(), 0);
    file("0003_third.sql", "INSERT INTO steps SELECT max(n) + 1 FROM steps");
    assert_int_equal(migrate(), 1);
    assert_int_equal(migrate(), 0);
    assert_true(number("SELECT count(*) * 10 + max(n) FROM steps") == 33);
    assert_true(applied_rows() == 3);
    assert_true(number("SELECT count(*) FROM chat_configs") == 0);
}

static void test_migrate__a_folder_without_migrations(void **state)
{
    char path[100];

    (void)state;
    snprintf(path, sizeof(path), "%s/migrations/schema", folder);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(migrate(), core_files);
}

static void expect_dry_run(int applied)
{
    struct migrate_op *op =
        finish(&db, migrate_start(db.loop, db.pg, folder, true));

    assert_string_equal(op->op.err.text, "");
    assert_int_equal(op->applied, applied);
    op_free(&op->op);
}

static void expect_tables(bool any)
{
    assert_int_equal(number("SELECT count(*) FROM pg_class WHERE "
                            "relnamespace = '" SCHEMA "'::regnamespace") > 0,
                     any);
}

static void test_migrate__a_dry_run_changes_nothing(void **state)
{
    (void)state;
    file("0001_first.sql", "CREATE TABLE steps (n INT)");
    expect_dry_run(core_files + 1);
    expect_tables(false);
    migrate();
    expect_dry_run(0);
}

static void spin(struct client *c)
{
    struct op *timer = timer_start(c->loop, 5);

    pending = 1;
    timer->done = on_done;
    loop_run(c->loop);
    op_free(timer);
}

/* Another one has looked and is about to run the file when this one does. */
static void test_migrate__two_at_once(void **state)
{
    struct client other = connection(), third = connection();
    struct op *op;
    struct migrate_op *late;

    (void)state;
    assert_int_equal(migrate(), core_files);
    file("0001_first.sql", "CREATE TABLE steps (n INT)");
    script_ok(&third, "SELECT pg_advisory_lock_shared" LOCK);
    op = migrate_start(other.loop, other.pg, folder, false);
    while (number("SELECT count(*) FROM pg_locks WHERE NOT granted AND "
                  "locktype = 'advisory'") == 0)
        spin(&other);
    /* what the faster one does under the lock */
    script_ok(&db,
              "CREATE TABLE steps (n INT);"
              "INSERT INTO schema_migrations VALUES "
              "('bot', '0001_first.sql', md5('CREATE TABLE steps (n INT)'))");
    script_ok(&third, "SELECT pg_advisory_unlock_shared" LOCK);
    late = finish(&other, op);
    assert_string_equal(late->op.err.text, "");
    assert_int_equal(late->applied, 0);
    op_free(&late->op);
    client_free(&other);
    client_free(&third);
}

/* --- what is refused ------------------------------------------------------------------ */

static void test_migrate__a_changed_file(void **state)
{
    (void)state;
    file("0001_first.sql", "CREATE TABLE steps (n INT)");
    migrate();
    file("0001_first.sql", "CREATE TABLE steps (n BIGINT)");
    file("0002_second.sql", "CREATE TABLE more (n INT)");
    fails(ERR_SCRIPT, "0001_first.sql: it was changed after it was applied");
    assert_true(applied_rows() == 1);
}

static void test_migrate__a_renamed_file(void **state)
{
    (void)state;
    file("0001_first.sql", "CREATE TABLE IF NOT EXISTS steps (n INT);"
                           "INSERT INTO steps VALUES (1)");
    migrate();
    remove_file("0001_first.sql");
    file("0001_better.sql", "CREATE TABLE IF NOT EXISTS steps (n INT);"
                            "INSERT INTO steps VALUES (1)");
    fails(ERR_SCRIPT, "0001_better.sql: it was applied under the name "
                      "0001_first.sql");
    assert_true(number("SELECT count(*) FROM steps") == 1);
}

static void test_migrate__a_failing_file_leaves_nothing(void **state)
{
    (void)state;
    file("0001_first.sql", "CREATE TABLE steps (n INT)");
    file("0002_second.sql", "INSERT INTO steps VALUES (1);\n"
                            "CREATE TABLE half (n INT);\n"
                            "SELECT nonsense");
    file("0003_third.sql", "INSERT INTO steps VALUES (3)");
    fails(ERR_DATABASE, "0002_second.sql");
    assert_true(number("SELECT count(*) FROM steps") == 0);
    assert_true(number("SELECT count(to_regclass('half'))") == 0);
    assert_true(applied_rows() == 1);
    file("0002_second.sql", "INSERT INTO steps VALUES (2)");
    assert_int_equal(migrate(), 2); /* mended, it goes on from there */
}

static void says(const char *sql, const char *expected)
{
    struct migrate_op *op;

    file("0001_x.sql", sql);
    op = finish(&db, migrate_start(db.loop, db.pg, folder, false));
    assert_true(op->op.err.kind != ERR_NONE);
    assert_string_equal(op->message, expected);
    assert_false(op->try_again);
    op_free(&op->op);
    script_ok(&db, "SET search_path = " SCHEMA); /* the connection may be new */
    assert_true(applied_rows() == 0);
    assert_true(number("SELECT count(to_regclass('half'))") == 0);
}

#define FILE_1 "migrations/schema/0001_x.sql"
#define HALF "CREATE TABLE half (n INT);\n"

/* File, line, what is wrong, the line and a caret, a hint. */
static void test_migrate__what_is_said(void **state)
{
    (void)state;
    says(HALF "\n\tSELEC 1;\n", FILE_1
         ":3: syntax error at or near \"SELEC\"\n  3 | \tSELEC 1;\n    | \t^");
    says(HALF "-- Grüße;\nINSERT INTO nowhere VALUES ('ü'); SELECT 1",
         FILE_1 ":3: relation \"nowhere\" does not exist\n"
                "  3 | INSERT INTO nowhere VALUES ('ü'); SELECT 1\n"
                "    |             ^");
    says(HALF "SELECT half.n FROM half WHERE nn = 1;", FILE_1
         ":2: column \"nn\" does not exist\n"
         "  2 | SELECT half.n FROM half WHERE nn = 1;\n"
         "    |                               ^\n"
         "  hint: Perhaps you meant to reference the column \"half.n\".");
    says("CREATE TABLE (\n\n", FILE_1 ":1: syntax error at or near \"(\"\n"
                                      "  1 | CREATE TABLE (\n"
                                      "    |              ^");
    says("CREATE TABLE half (\n\n", FILE_1 ":1: syntax error at end of input\n"
                                           "  1 | CREATE TABLE half (\n"
                                           "    |                    ^");
    /* the server does not say where: the statement is counted */
    says(HALF ";;\n/* one; two */ SELECT ';', $$ ; $$;\n  " HALF,
         FILE_1 ":4: relation \"half\" already exists\n"
                "  4 |   CREATE TABLE half (n INT);\n"
                "    |                ^\n  hint: if it is what this file would "
                "make: IF NOT EXISTS");
    says(HALF "ALTER TABLE\n  half, halfs DROP x;",
         FILE_1 ":3: syntax error at or near \",\"\n"
                "  3 |   half, halfs DROP x;\n"
                "    |       ^");
    says(HALF "ALTER TABLE\n  halfs DROP n, DROP half;",
         FILE_1 ":3: relation \"halfs\" does not exist\n"
                "  3 |   halfs DROP n, DROP half;\n"
                "    |   ^");
    says(HALF "\n\nCREATE INDEX CONCURRENTLY ON half (n);", FILE_1
         ":4: CREATE INDEX CONCURRENTLY cannot run inside a transaction block\n"
         "  4 | CREATE INDEX CONCURRENTLY ON half (n);\n"
         "    | ^\n"
         "  hint: each file is one transaction; leave CONCURRENTLY out, or run "
         "this by hand, and write IF NOT EXISTS here");
    says(HALF "DO $$\nBEGIN\n  RAISE EXCEPTION 'not today';\nEND $$;", FILE_1
         ":2: not today (PL/pgSQL function inline_code_block line 3 at RAISE)\n"
         "  2 | DO $$\n"
         "    | ^");
    says(HALF "COPY half FROM STDIN;",
         FILE_1 ":2: COPY from or to the client is not possible here\n"
                "  2 | COPY half FROM STDIN;\n"
                "    | ^");
    /* at the very end: the last one */
    says(HALF
         "CREATE TABLE other (n INT UNIQUE DEFERRABLE INITIALLY DEFERRED);\n"
         "INSERT INTO other VALUES (1), (1);\nSELECT 1;\n",
         FILE_1 ":4: duplicate key value violates unique constraint "
                "\"other_n_key\" (Key (n)=(1) already exists.)\n"
                "  4 | SELECT 1;\n"
                "    | ^");
}

#define OUT                                                                    \
    ": each file is one transaction, which begins and ends with it; leave "    \
    "BEGIN, COMMIT and ROLLBACK out\n"

/* What comes before a COMMIT would stay, and the file count as applied. */
static void test_migrate__what_is_not_sent(void **state)
{
    (void)state;
    assert_int_equal(migrate(), core_files);
    says(HALF "Commit;\nINSERT INTO nowhere VALUES (1)",
         FILE_1 ":2: COMMIT" OUT "  2 | Commit;\n    | ^");
    says("BEGIN;\n" HALF "END", FILE_1 ":1: BEGIN" OUT "  1 | BEGIN;\n    | ^");
    says(HALF "start transaction",
         FILE_1 ":2: START" OUT "  2 | start transaction\n    | ^");
    file("0001_x.sql",
         "CREATE FUNCTION f() RETURNS INT LANGUAGE SQL\n"
         "BEGIN ATOMIC\n  SELECT 1;\n  SELECT 2;\nEND;\n"
         "CREATE FUNCTION g() RETURNS INT LANGUAGE plpgsql AS $$\n"
         "BEGIN\n  RETURN f();\nEND; $$;\n"
         "PREPARE p AS SELECT 1; DEALLOCATE p");
    assert_int_equal(migrate(), 1);
    assert_int_equal(number("SELECT g()"), 2);
}

/* Its own violation is not taken for another program's being faster. */
static void test_migrate__a_file_that_violates_a_key(void **state)
{
    (void)state;
    file("0001_first.sql", "CREATE TABLE steps (n INT PRIMARY KEY);"
                           "INSERT INTO steps VALUES (1), (1)");
    fails(ERR_DATABASE, "0001_first.sql");
    assert_true(applied_rows() == 0);
}

static void test_migrate__names_and_gaps(void **state)
{
    static const char *const bad[] = { "1_first.sql",     "first.sql",
                                       "00001_first.sql", "+001_first.sql",
                                       " 001_first.sql",  "0001first.sql" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        file(bad[i], "SELECT 1");
        fails(ERR_SCRIPT, bad[i]);
        remove_file(bad[i]);
    }
    file("0002_second.sql", "SELECT 1");
    fails(ERR_SCRIPT, "0002_second.sql: number 1 is expected");
    file("0001_first.sql", "SELECT 1");
    file("0002_double.sql", "SELECT 1");
    fails(ERR_SCRIPT, "number 3 is expected");
    expect_tables(false); /* nothing at all ran */
}

/* --- contents ------------------------------------------------------------------------- */

static void test_migrate__quotes(void **state)
{
    static const char text[] =
        "CREATE TABLE quoted (t TEXT); -- it's\n"
        "/* \"' $$ */\n"
        "INSERT INTO quoted VALUES ('it''s; \\'), ($x$a';b\\$x$);\n"
        "CREATE FUNCTION f() RETURNS INT LANGUAGE plpgsql AS $$\n"
        "BEGIN\n"
        "  RETURN (SELECT sum(length(t)) FROM quoted); -- ';\n"
        "END $$;\n"
        "-- no line break at the end";

    (void)state;
    file("0001_it's \\.sql", text);
    assert_int_equal(migrate(), core_files + 1);
    assert_true(number("SELECT f()") == 12);
    assert_int_equal(migrate(), 0);
}

static void test_migrate__backslashes_in_an_old_database(void **state)
{
    (void)state;
    file("0001_a\\'b.sql", "CREATE TABLE steps (n INT)");
    script_ok(&db, "SET standard_conforming_strings = off;"
                   "SET escape_string_warning = off");
    assert_int_equal(migrate(), core_files + 1);
    assert_int_equal(migrate(), 0);
    assert_true(applied_rows() == 1);
}

static void test_migrate__a_byte_order_mark(void **state)
{
    (void)state;
    file("0001_windows.sql", "\xEF\xBB\xBF"
                             "CREATE TABLE steps (n INT);\r\n");
    assert_int_equal(migrate(), core_files + 1);
    file("0001_windows.sql", "CREATE TABLE steps (n INT);\r\n");
    assert_int_equal(migrate(), 0); /* the mark is no change */
}

static void test_migrate__not_a_text(void **state)
{
    (void)state;
    add("0001_utf16.sql", "S\0E\0L\0", 6);
    fails(ERR_SCRIPT, "migrations/schema/0001_utf16.sql: not a text");
    remove_file("0001_utf16.sql");
    file("0001_latin1.sql", "-- Gr\xFC\xDF"
                            "e\nSELECT 1;");
    fails(ERR_SCRIPT, "migrations/schema/0001_latin1.sql: not a text");
}

/* An editor makes it before there is anything to run. */
static void test_migrate__an_empty_file(void **state)
{
    static const char said[] = "migrations/schema/0001_x.sql: there is no SQL "
                               "in it; one that is to do "
                               "nothing can say SELECT 1;";

    (void)state;
    assert_int_equal(migrate(), core_files);
    says("", said);
    says(" ;\n-- to come: a table\n", said);
    file("0001_x.sql", "SELECT 1;");
    assert_int_equal(migrate(), 1);
    script_ok(&db, "UPDATE schema_migrations SET checksum = md5('') WHERE "
                   "owner = 'bot'");
    file("0001_x.sql", "");
    assert_int_equal(migrate(), 0); /* one that ran by an earlier version */
}

/* --- the database is away --------------------------------------------------------------- */

static void test_migrate__a_lost_connection_can_be_tried_again(void **state)
{
    struct migrate_op *op;

    (void)state;
    file("0001_first.sql", "SELECT pg_terminate_backend(pg_backend_pid())");
    op = finish(&db, migrate_start(db.loop, db.pg, folder, false));
    assert_true(op->op.err.kind != ERR_NONE);
    assert_true(op->try_again);
    op_free(&op->op);
}

/* Not for good, though it is the server that says no. */
static void
test_migrate__a_lock_that_is_not_got_can_be_tried_again(void **state)
{
    struct client other = connection(), third = connection();
    struct pg_op *lock;
    struct migrate_op *op;

    (void)state;
    file("0001_first.sql", "CREATE TABLE steps (n INT)");
    migrate();
    file("0002_more.sql", "SET LOCAL lock_timeout = '10ms';\n"
                          "ALTER TABLE steps ADD COLUMN m INT");
    script_ok(&third, "SELECT pg_advisory_lock" LOCK_55);
    lock = pg_script(
        other.pg,
        slice_of("LOCK TABLE steps; SELECT pg_advisory_xact_lock" LOCK_55));
    while (number("SELECT count(*) FROM pg_locks WHERE NOT granted AND "
                  "locktype = 'advisory'") == 0)
        spin(&other);
    op = finish(&db, migrate_start(db.loop, db.pg, folder, false));
    assert_has(op->message, "0002_more.sql:2: canceling statement due to lock");
    assert_true(op->try_again);
    op_free(&op->op);
    script_ok(&third, "SELECT pg_advisory_unlock" LOCK_55);
    wait_all(&other, &lock, 1);
    op_free(&lock->op);
    assert_int_equal(migrate(), 1);
    client_free(&other);
    client_free(&third);
}

static void test_migrate__freed_while_it_runs(void **state)
{
    struct op *op = migrate_start(db.loop, db.pg, folder, false);

    (void)state;
    op_free(op);
    assert_int_equal(migrate(), core_files);
}

/* --- a schema of its own -------------------------------------------------------- */

static void test_migrate__makes_the_schema(void **state)
{
    struct client own = client_new(&(struct pg_options){
        .url = pg_server_url(), .schema = SCHEMA "_own" });
    struct migrate_op *op;

    (void)state;
    script_ok(&db, "DROP SCHEMA IF EXISTS " SCHEMA "_own CASCADE");
    file("0001_first.sql", "CREATE TABLE steps (n INT)");
    assert_int_equal(migrate(), core_files + 1); /* somebody else's */
    op = finish(&own, migrate_start(own.loop, own.pg, folder, false));
    assert_string_equal(op->op.err.text, "");
    assert_int_equal(op->applied, core_files + 1);
    op_free(&op->op);
    assert_int_equal(number("SELECT count(*) FROM pg_class WHERE "
                            "relname = 'steps' AND relnamespace::regnamespace"
                            "::text LIKE '" SCHEMA "%'"),
                     2);
    script_ok(&db, "DROP SCHEMA " SCHEMA "_own CASCADE");
    client_free(&own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_migrate__in_order_and_once),
        TEST(test_migrate__a_folder_without_migrations),
        TEST(test_migrate__a_dry_run_changes_nothing),
        TEST(test_migrate__two_at_once),
        TEST(test_migrate__a_changed_file),
        TEST(test_migrate__a_renamed_file),
        TEST(test_migrate__a_failing_file_leaves_nothing),
        TEST(test_migrate__what_is_said),
        TEST(test_migrate__what_is_not_sent),
        TEST(test_migrate__a_file_that_violates_a_key),
        TEST(test_migrate__names_and_gaps),
        TEST(test_migrate__quotes),
        TEST(test_migrate__backslashes_in_an_old_database),
        TEST(test_migrate__a_byte_order_mark),
        TEST(test_migrate__not_a_text),
        TEST(test_migrate__an_empty_file),
        TEST(test_migrate__a_lost_connection_can_be_tried_again),
        TEST(test_migrate__a_lock_that_is_not_got_can_be_tried_again),
        TEST(test_migrate__freed_while_it_runs),
        TEST(test_migrate__makes_the_schema),
    };

    log_setup(LOG_ERROR, LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
