/* test_bulk.c - bringing rows to the current version in batches. */
#include "store_test.h"

#include "pg_proxy.h"

#include "config/bulk.h"
#include "config/schema.h"

#define SCHEMA "test_bulk"

static char url[400];
static struct bulk_rules {
    const char *sql_before[3]; /* run when chat 5 is upgraded, in turn */
    int n;
} hook;

/* --- an upgrade function, and what is heard ------------------------------------- */

/* Another connection than the store's, in the middle of an upgrade. */
static void run_hook(void)
{
    const char *text = hook.n < 3 ? hook.sql_before[hook.n] : NULL;

    hook.n++;
    if (text)
        assert_true(pg_server_sql(url, text));
}

/* To version 2: "was" says from which; "bad", "nul" and "grow" are trouble. */
static bool upgrade(int64_t chat_id, struct slice text, int version,
                    struct buf *out, struct err *err, void *arg)
{
    struct slice path = slice_of("was");
    struct buf value = BUF_INIT;

    (void)arg;
    if (chat_id == 5)
        run_hook();
    if (json_get(text, "bad").p)
        return err_set(err, ERR_SCRIPT, "0001_x.lua:3: \"bad\"\xff it is");
    if (json_get(text, "nul").p)
        buf_adds(&value, "\"a\\u0000b\"");
    else if (json_get(text, "grow").p)
        buf_addf(&value, "\"%03000d\"", 7);
    else
        buf_add_int(&value, version);
    json_add_changed(out, text, &path, 1, buf_slice(&value));
    buf_release(&value);
    return true;
}

static struct heard {
    int batches, nfailed, nmisfits, nupgraded;
    int64_t failed_chat;
    int failed_version;
    char error[500], misfit[500], before[200], after[200];
} heard;

static void on_batch(const struct config_bulk_counts *counts, void *arg)
{
    (void)arg;
    assert_true(counts->total >= 0);
    heard.batches++;
}

static void on_failed(int64_t chat_id, int version, const char *error,
                      void *arg)
{
    (void)arg;
    heard.nfailed++;
    heard.failed_chat = chat_id;
    heard.failed_version = version;
    snprintf(heard.error, sizeof(heard.error), "%s", error);
}

static void on_misfit(int64_t chat_id, const char *error, void *arg)
{
    (void)arg;
    heard.nmisfits++;
    snprintf(heard.misfit, sizeof(heard.misfit), "%lld %s", (long long)chat_id,
             error);
}

static void on_upgraded(int64_t chat_id, struct slice before,
                        struct slice after, void *arg)
{
    (void)chat_id, (void)arg;
    heard.nupgraded++;
    snprintf(heard.before, sizeof(heard.before), "%.*s", (int)before.n,
             before.p);
    snprintf(heard.after, sizeof(heard.after), "%.*s", (int)after.n, after.p);
}

static const struct config_bulk_options usual = {
    .batch = 4,
    .who = "migrate",
    .on_batch = on_batch,
    .on_failed = on_failed,
    .on_misfit = on_misfit,
    .on_upgraded = on_upgraded,
};

/* --- running one ------------------------------------------------------------------ */

static struct config_bulk_counts run_with(const struct config_bulk_options *o,
                                          const char *error)
{
    struct config_bulk_op *op = config_bulk_start(store, o);
    struct config_bulk_counts counts;

    memset(&heard, 0, sizeof(heard));
    pending = 1;
    op->op.done = on_done;
    loop_run(db.loop);
    if (error)
        assert_has(op->op.err.text, error);
    else
        assert_string_equal(op->op.err.text, "");
    counts = op->counts;
    op_free(&op->op);
    return counts;
}

static struct config_bulk_counts run(void)
{
    return run_with(&usual, NULL);
}

static void expect_counts(struct config_bulk_counts c, int upgraded, int others,
                          int failed, int conflicts, int passes)
{
    assert_int_equal(c.upgraded, upgraded);
    assert_int_equal(c.others, others);
    assert_int_equal(c.failed, failed);
    assert_int_equal(c.conflicts, conflicts);
    assert_int_equal(c.passes, passes);
    assert_int_equal(c.total, upgraded + others + failed);
}

/* What a query of one value says. */
static void expect(const char *query, const char *wanted)
{
    struct pg_op *op = pg_script(db.pg, slice_of(query));
    struct slice value;

    wait_all(&db, &op, 1);
    assert_string_equal(op->op.err.text, "");
    value = pg_value(op, 0, 0);
    if (!slice_eq(value, wanted))
        fail_msg("%s: %.*s, not %s", query, (int)value.n, value.p, wanted);
    op_free(&op->op);
}

static void insert(int chat, const char *config, int version)
{
    struct buf text = BUF_INIT;

    buf_addf(&text,
             "INSERT INTO chat_configs (chat_id, config, version) "
             "VALUES (%d, %s, %d)",
             chat, config, version);
    sql(text.data);
    buf_release(&text);
}

/* Chats 1 to n with {"n": chat}, at version 0. */
static void insert_many(int n)
{
    struct buf text = BUF_INIT;

    buf_addf(&text,
             "INSERT INTO chat_configs (chat_id, config, version) SELECT n, "
             "jsonb_build_object('n', n), 0 FROM generate_series(1, %d) AS n",
             n);
    sql(text.data);
    buf_release(&text);
}

static const char done[] =
    "SELECT count(*) FROM chat_configs WHERE version = 2 AND revision = 2 "
    "AND changed_by = 'migrate' AND config = jsonb_build_object('n', chat_id, "
    "'was', 0)";

static void use_version(int version)
{
    config_store_use(store, &(struct config_rules){ .version = version,
                                                    .upgrade = upgrade });
}

static int group_setup(void **state)
{
    const char *base = pg_server_url();
    char create[200];

    (void)state;
    snprintf(create, sizeof(create),
             "DROP SCHEMA IF EXISTS " SCHEMA " CASCADE; CREATE SCHEMA " SCHEMA);
    assert_true(pg_server_sql(base, create));
    /* in the url, so that it holds after a connection was lost too */
    snprintf(url, sizeof(url),
             "%s%coptions=-csearch_path%%3D" SCHEMA
             "%%20-cclient_min_messages%%3Dwarning",
             base, strchr(base, '?') ? '&' : '?');
    db = connect_to(url);
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
    sql("DROP SCHEMA " SCHEMA " CASCADE; CREATE SCHEMA " SCHEMA
        "; SET search_path = " SCHEMA);
    run_schema_file("0001_chat_configs.sql");
    run_schema_file("0002_config_history.sql");
    memset(&hook, 0, sizeof(hook));
    memset(&heard, 0, sizeof(heard));
    store = store_of(&db);
    use_version(2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    config_store_free(store);
    assert_int_equal(loop_live_ops(db.loop), 0);
    return 0;
}

/* --- what it does ------------------------------------------------------------------- */

static void test_bulk__all_rows(void **state)
{
    (void)state;
    insert_many(25);
    sql("DELETE FROM chat_configs WHERE chat_id = 7; "
        "TRUNCATE config_history");
    insert(7, "'{\"n\": 7}'", 1);
    insert(-1001, "'{\"newer\": 1}'", 3);
    insert(-1002, "'{\"n\": 0}'", 2);
    expect_counts(run(), 25, 0, 0, 0, 1);
    assert_true(heard.batches >= 7);
    expect(
        "SELECT string_agg(config::text || version || revision, ';' ORDER BY "
        "chat_id) FROM chat_configs WHERE chat_id IN (-1001, -1002, 7)",
        "{\"n\": 0}21;{\"newer\": 1}31;{\"n\": 7, \"was\": 1}22");
    expect("SELECT count(*) FROM config_history WHERE revision = 1 "
           "AND config = jsonb_build_object('n', chat_id)",
           "25");
    expect_counts(run(), 0, 0, 0, 0, 1);
    assert_int_equal(heard.batches, 0);
}

static void test_bulk__with_pauses(void **state)
{
    struct config_bulk_options o = usual;

    (void)state;
    o.pause_ms = 1;
    insert_many(11);
    expect_counts(run_with(&o, NULL), 11, 0, 0, 0, 1);
    expect(done, "11");
}

/* Nothing is counted for whoever does not ask. */
static void test_bulk__nobody_listens(void **state)
{
    struct config_bulk_options o = { .batch = 3, .who = "migrate" };

    (void)state;
    insert_many(10);
    insert(50, "'{\"bad\": 1}'", 0);
    assert_int_equal(run_with(&o, NULL).total, -1);
    expect(done, "10");
}

static void test_bulk__nothing_to_upgrade_to(void **state)
{
    (void)state;
    use_version(0);
    insert_many(3);
    expect_counts(run(), 0, 0, 0, 0, 0);
    expect("SELECT sum(revision) FROM chat_configs", "3");
}

static void test_bulk__null_is_empty(void **state)
{
    (void)state;
    sql("ALTER TABLE chat_configs ALTER COLUMN config DROP NOT NULL");
    insert(1, "NULL", 0);
    expect_counts(run(), 1, 0, 0, 0, 1);
    expect("SELECT config FROM chat_configs", "{\"was\": 0}");
    expect("SELECT config IS NULL FROM config_history", "t");
}

/* Each batch is small when the documents are large. */
static void test_bulk__large_documents(void **state)
{
    struct config_bulk_options o = usual;

    (void)state;
    o.batch = 1000;
    sql("ALTER TABLE chat_configs ALTER COLUMN config SET STORAGE EXTERNAL;"
        "INSERT INTO chat_configs (chat_id, config, version) SELECT n, "
        "jsonb_build_object('t', repeat('x', 1800)), 0 "
        "FROM generate_series(1, 900) AS n");
    expect_counts(run_with(&o, NULL), 900, 0, 0, 0, 1);
    assert_int_equal(heard.batches, 4); /* told twice for each; of 1 MiB */
}

static void test_bulk__history_is_kept_so_far(void **state)
{
    (void)state;
    insert_many(3);
    for (int i = 0; i < 8; i++)
        sql("UPDATE chat_configs SET config = config WHERE chat_id = 2");
    expect("SELECT min(revision) || ' ' || max(revision) FROM config_history",
           "1 8");
    expect_counts(run(), 3, 0, 0, 0, 1);
    expect("SELECT string_agg(revision::text, ' ' ORDER BY revision) "
           "FROM config_history WHERE chat_id = 2",
           "5 6 7 8 9");
    expect("SELECT count(*) FROM config_history WHERE chat_id <> 2", "2");
}

static void test_bulk__forgets_what_is_cached(void **state)
{
    struct config *c;

    (void)state;
    insert(1, "'{\"bad\": 1}'", 0);
    c = fetch(1);
    assert_true(c->read_only);
    sql("UPDATE chat_configs SET config = '{}'");
    expect_counts(run(), 1, 0, 0, 0, 1);
    assert_null(config_cached(store, 1));
    expect_text(fetch(1), "{\"was\": 0}");
}

static void test_bulk__misfits(void **state)
{
    struct err err = ERR_INIT;
    struct setting *root = schema_new();

    (void)state;
    assert_non_null(schema_add(root, "was", SETTING_STRING, "\"\"", &err));
    assert_non_null(schema_add(root, "n", SETTING_INTEGER, "0", &err));
    config_store_use(store, &(struct config_rules){ .version = 2,
                                                    .upgrade = upgrade,
                                                    .schema = root });
    insert_many(6);
    assert_int_equal(run().misfits, 6);
    assert_int_equal(heard.nmisfits, 6);
    assert_has(heard.misfit, "6 was: ");
    expect(done, "6"); /* and is kept */
    use_version(2);
    schema_free(root);
}

/* --- rows that fail ------------------------------------------------------------------- */

static void expect_failure(const char *config, const char *error)
{
    struct buf query = BUF_INIT;

    sql("DELETE FROM chat_configs; TRUNCATE config_history");
    insert_many(9);
    sql("DELETE FROM chat_configs WHERE chat_id = 6; "
        "TRUNCATE config_history");
    insert(6, config, 1);
    expect_counts(run(), 8, 0, 1, 0, 1);
    assert_int_equal(heard.nfailed, 1);
    assert_true(heard.failed_chat == 6 && heard.failed_version == 1);
    assert_has(heard.error, error);
    expect(done, "8");
    buf_addf(&query,
             "SELECT config = %s AND version = 1 AND revision = 1 "
             "FROM chat_configs WHERE chat_id = 6",
             config);
    expect(query.data, "t");
    expect("SELECT chat_id || ' ' || version || ' ' || length(error) / 1000 "
           "FROM config_failures",
           "6 1 0");
    buf_release(&query);
}

static void test_bulk__rows_that_fail(void **state)
{
    char deep[400], large[200];

    (void)state;
    expect_failure("'{\"bad\": true}'::jsonb", "0001_x.lua:3: \"bad\"");
    expect("SELECT error FROM config_failures",
           "0001_x.lua:3: \"bad\"\xEF\xBF\xBD it is");
    expect_failure("'[1, 2]'::jsonb", "an array, not an object");
    expect_failure("'\"text\"'::jsonb", "a string, not an object");
    expect_failure("'5'::jsonb",
                   "an UPDATE, or `moonpost config unset CHAT --all`");
    expect_failure("'null'::jsonb", "null, not an object");
    snprintf(deep, sizeof(deep),
             "('{\"a\":' || repeat('[', 70) || repeat(']', 70) || '}')::jsonb");
    expect_failure(deep, "deep");
    snprintf(large, sizeof(large), "jsonb_build_object('t', repeat('x', %d))",
             2000 * CONFIG_READ_FACTOR);
    expect_failure(large, "more than 16 times CONFIG_MAX_KB");
    expect_failure("'{\"grow\": true}'::jsonb", "CONFIG_MAX_KB");
}

/* What the server refuses is one row's fault, not its batch's. */
static void test_bulk__rows_that_the_server_refuses(void **state)
{
    (void)state;
    expect_failure("'{\"nul\": true}'::jsonb", "PostgreSQL refuses");
    sql("ALTER TABLE chat_configs ADD CHECK "
        "(version < 2 OR NOT config ? 'forbidden')");
    expect_failure("'{\"forbidden\": 1}'::jsonb", "check constraint");
}

static void test_bulk__a_failure_is_over(void **state)
{
    (void)state;
    for (int i = 1; i <= 9; i++)
        insert(i, i % 2 ? "'{\"bad\": 1}'" : "'{}'", 0);
    assert_int_equal(run().failed, 5);
    assert_int_equal(run().failed, 5); /* again */
    expect("SELECT count(*) FROM config_failures", "5");
    sql("DELETE FROM chat_configs WHERE chat_id = 1;"
        "UPDATE chat_configs SET config = '{}' WHERE chat_id IN (3, 5)");
    use_version(1);
    run(); /* an older program: two are mended, and one is gone */
    expect("SELECT string_agg(chat_id::text, ' ' ORDER BY chat_id) "
           "FROM config_failures",
           "7 9");
    use_version(2);
    sql("UPDATE chat_configs SET config = '{}'");
    expect_counts(run(), 4, 0, 0, 0, 1);
    expect("SELECT count(*) FROM config_failures", "0");
}

/* --- others -------------------------------------------------------------------------- */

static void test_bulk__somebody_else_writes(void **state)
{
    (void)state;
    hook.sql_before[0] = "UPDATE chat_configs SET config = config || "
                         "'{\"theirs\": 1}' WHERE chat_id IN (5, 6)";
    hook.sql_before[1] = "UPDATE chat_configs SET config = config || "
                         "'{\"again\": 1}' WHERE chat_id = 6";
    insert_many(9);
    insert(20, "'{\"bad\": 1}'", 0);
    expect_counts(run(), 9, 0, 1, 3, 3);
    assert_int_equal(heard.nfailed, 1);
    expect("SELECT string_agg(config::text || revision, ';' ORDER BY chat_id) "
           "FROM chat_configs WHERE chat_id IN (4, 5, 6)",
           "{\"n\": 4, \"was\": 0}2;{\"n\": 5, \"was\": 0, \"theirs\": 1}3;"
           "{\"n\": 6, \"was\": 0, \"again\": 1, \"theirs\": 1}4");
}

static void test_bulk__somebody_else_upgrades_or_deletes(void **state)
{
    (void)state;
    hook.sql_before[0] =
        "UPDATE chat_configs SET config = '{\"new\": 1}', version = 2 "
        "WHERE chat_id = 6; DELETE FROM chat_configs WHERE chat_id = 7";
    insert_many(9);
    assert_int_equal(run().others, 1);
    expect("SELECT config FROM chat_configs WHERE chat_id = 6", "{\"new\": 1}");
    expect("SELECT count(*) || ' ' || min(version) FROM chat_configs", "8 2");
}

/* A newer program beside: what it has written is not stamped down. */
static void test_bulk__somebody_else_is_newer(void **state)
{
    (void)state;
    hook.sql_before[0] = "UPDATE chat_configs SET config = '{\"new\": 1}', "
                         "version = 3 WHERE chat_id IN (2, 5, 6, 8)";
    insert_many(9);
    assert_int_equal(run().others, 4 - 1); /* chat 2 was written before */
    expect("SELECT string_agg(version || config::text, ';' ORDER BY chat_id) "
           "FROM chat_configs WHERE chat_id IN (2, 5, 6, 8)",
           "3{\"new\": 1};3{\"new\": 1};3{\"new\": 1};3{\"new\": 1}");
}

static void test_bulk__two_at_once(void **state)
{
    struct err err = ERR_INIT;
    struct client other = {
        .loop = db.loop,
        .pg = pg_new(db.loop, &(struct pg_options){ .url = url }, &err),
    };
    struct config_store *theirs = store_of(&other);
    struct config_bulk_op *a, *b;

    (void)state;
    insert_many(300);
    config_store_use(theirs, &(struct config_rules){ .version = 2,
                                                     .upgrade = upgrade });
    a = config_bulk_start(store, &usual);
    b = config_bulk_start(theirs, &usual);
    pending = 2;
    a->op.done = b->op.done = on_done;
    loop_run(db.loop);
    assert_string_equal(a->op.err.text, "");
    assert_string_equal(b->op.err.text, "");
    assert_int_equal(a->counts.upgraded + b->counts.upgraded, 300);
    expect(done, "300");
    expect("SELECT count(*) FROM config_history", "300");
    op_free(&a->op);
    op_free(&b->op);
    config_store_free(theirs);
    pg_free(other.pg);
}

/* --- trouble ---------------------------------------------------------------------------- */

static void test_bulk__the_connection_breaks(void **state)
{
    (void)state;
    hook.sql_before[0] = "SELECT pg_terminate_backend(pid) FROM "
                         "pg_stat_activity WHERE application_name = 'test_pg'";
    insert_many(30);
    insert(31, "'{\"bad\": 1}'", 0);
    expect_counts(run(), 30, 0, 1, 0, 2); /* a look whether they are there */
    expect(done, "30");
    expect("SELECT count(*) FROM config_history", "30");
}

/* The same through a proxy that cuts the connection at the write of chat 5. */
static struct config_bulk_counts run_cut(enum pg_cut how, int cuts)
{
    struct err err = ERR_INIT;
    struct config_store *direct = store;
    struct client other = { .loop = db.loop };
    struct pg_proxy proxy;
    struct config_bulk_counts counts;
    PGconn *conn;
    char through[300];

    pg_proxy_start(&proxy, db.loop, url);
    proxy.mark = "\"n\":5,";
    proxy.how = how;
    proxy.cuts = cuts;
    conn = PQconnectdb(url);
    snprintf(through, sizeof(through),
             "host=127.0.0.1 port=%d user='%s' dbname='%s' sslmode=disable "
             "options='-csearch_path=" SCHEMA "'",
             proxy.port, PQuser(conn), PQdb(conn));
    PQfinish(conn);
    other.pg =
        pg_new(db.loop, &(struct pg_options){ .url = through, .prepare = true },
               &err);
    store = store_of(&other);
    use_version(2);
    counts = run();
    assert_int_equal(proxy.made, cuts);
    config_store_free(store);
    pg_free(other.pg);
    pg_proxy_stop(&proxy);
    store = direct;
    return counts;
}

/* Written or not, it is written once, and counted as ours. */
static void test_bulk__no_answer(void **state)
{
    static const enum pg_cut hows[] = { CUT_BEFORE, CUT_SENT, CUT_ANSWER };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hows); i++) {
        sql("DELETE FROM chat_configs; TRUNCATE config_history");
        insert_many(30);
        expect_counts(run_cut(hows[i], 2), 30, 0, 0, 0, 2);
        expect(done, "30");
        expect("SELECT count(*) FROM config_history", "30");
    }
}

/* The first writes are answered with this; a sequence remembers how many. */
static void refuse(const char *sqlstate, int times)
{
    struct buf text = BUF_INIT;

    buf_addf(&text,
             "CREATE SEQUENCE refused; CREATE FUNCTION refuse() RETURNS "
             "trigger LANGUAGE plpgsql AS $$ BEGIN "
             "IF nextval('refused') <= %d THEN RAISE EXCEPTION 'not now' "
             "USING ERRCODE = '%s'; END IF; RETURN NULL; END $$; "
             "CREATE TRIGGER refuse AFTER UPDATE ON chat_configs "
             "FOR EACH STATEMENT EXECUTE FUNCTION refuse()",
             times, sqlstate);
    sql(text.data);
    buf_release(&text);
}

static void test_bulk__errors_that_pass(void **state)
{
    static const char *const states[] = { "40P01", "40001", "57014",
                                          "53100", "25006", "55P03" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(states); i++) {
        sql("DELETE FROM chat_configs; TRUNCATE config_history; DROP SEQUENCE "
            "IF EXISTS refused; "
            "DROP FUNCTION IF EXISTS refuse CASCADE");
        insert_many(10);
        refuse(states[i], 1);
        /* it connects anew where the server is read-only */
        expect_counts(run(), 10, 0, 0, 0, strcmp(states[i], "25006") ? 1 : 2);
        expect(done, "10");
    }
}

static void test_bulk__errors_that_do_not(void **state)
{
    struct config_bulk_counts c;

    (void)state;
    insert_many(20);
    refuse("42501", 1000000);
    c = run_with(&usual, "not now");
    assert_int_equal(c.upgraded, 0);
    expect("SELECT sum(revision) FROM chat_configs", "20");
    expect("SELECT count(*) FROM config_failures", "0");
    sql("DROP TRIGGER refuse ON chat_configs");
    expect_counts(run(), 20, 0, 0, 0, 1);
    expect(done, "20");
}

/* At any moment; what was not done goes on in another run. */
static void test_bulk__ended_early(void **state)
{
    (void)state;
    insert_many(400);
    for (int ms = 0; ms < 20; ms++) {
        struct config_bulk_op *op = config_bulk_start(store, &usual);

        if (ms)
            sleep_ms(&db, ms);
        op_free(&op->op);
    }
    run();
    expect(done, "400");
    expect("SELECT count(*) FROM config_history", "400");
}

/* --- dry runs ----------------------------------------------------------------------------- */

static struct config_bulk_counts run_dry(void)
{
    struct config_bulk_options o = usual;

    o.dry_run = true;
    return run_with(&o, NULL);
}

static void test_bulk__dry_run(void **state)
{
    static const char all[] = "SELECT md5(string_agg(c::text || xmin || ctid, "
                              "';' ORDER BY chat_id)) FROM chat_configs AS c";
    struct pg_op *op;
    char *before;

    (void)state;
    insert_many(9);
    insert(20, "'{\"bad\": 1}'", 1);
    insert(21, "'{\"new\": 1}'", 2);
    op = pg_script(db.pg, slice_of(all));
    wait_all(&db, &op, 1);
    before = slice_dup(pg_value(op, 0, 0));
    op_free(&op->op);
    expect_counts(run_dry(), 9, 0, 1, 0, 1);
    assert_int_equal(heard.nupgraded, 9);
    assert_int_equal(heard.nfailed, 1);
    assert_string_equal(heard.before, "{\"n\": 9}");
    assert_string_equal(heard.after, "{\"n\":9,\"was\":0}");
    expect(all, before);
    expect("SELECT (SELECT count(*) FROM config_failures) + "
           "(SELECT count(*) FROM config_history)",
           "0");
    free(before);
}

/* Before the schema migrations: a table as Python has made it, or none. */
static void test_bulk__dry_run_without_tables(void **state)
{
    (void)state;
    sql("DROP TABLE chat_configs, config_history, config_failures");
    expect_counts(run_dry(), 0, 0, 0, 0, 0);
    sql("CREATE TABLE chat_configs (chat_id BIGINT PRIMARY KEY, config JSONB);"
        "INSERT INTO chat_configs SELECT n, CASE WHEN n = 3 THEN NULL "
        "WHEN n = 4 THEN '[]' ELSE '{\"a\": 1}' END::jsonb "
        "FROM generate_series(1, 10) AS n");
    expect_counts(run_dry(), 9, 0, 1, 0, 1);
    assert_has(heard.error, "an array");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bulk__all_rows),
        TEST(test_bulk__with_pauses),
        TEST(test_bulk__nobody_listens),
        TEST(test_bulk__nothing_to_upgrade_to),
        TEST(test_bulk__null_is_empty),
        TEST(test_bulk__large_documents),
        TEST(test_bulk__history_is_kept_so_far),
        TEST(test_bulk__forgets_what_is_cached),
        TEST(test_bulk__misfits),
        TEST(test_bulk__rows_that_fail),
        TEST(test_bulk__rows_that_the_server_refuses),
        TEST(test_bulk__a_failure_is_over),
        TEST(test_bulk__somebody_else_writes),
        TEST(test_bulk__somebody_else_upgrades_or_deletes),
        TEST(test_bulk__somebody_else_is_newer),
        TEST(test_bulk__two_at_once),
        TEST(test_bulk__the_connection_breaks),
        TEST(test_bulk__no_answer),
        TEST(test_bulk__errors_that_pass),
        TEST(test_bulk__errors_that_do_not),
        TEST(test_bulk__ended_early),
        TEST(test_bulk__dry_run),
        TEST(test_bulk__dry_run_without_tables),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
