/*
 * store_test.h - for tests of the store of configs: the host's tables in a schema
 * of the test's own, a store on them, and words for fetching and committing.
 */
#ifndef TESTS_STORE_TEST_H
#define TESTS_STORE_TEST_H

#include "pg_client.h"

#include "base/json.h"
#include "config/store.h"

static struct client db;
static struct config_store *store;

static inline void sql(const char *text)
{
    script_ok(&db, text);
}

/* Of the host's: "0001_chat_configs.sql". */
static inline void run_schema_file(const char *name)
{
    struct buf path = BUF_INIT, text = BUF_INIT;
    struct err err = ERR_INIT;
    int root = (int)(strlen(__FILE__) - strlen("tests/unit/store_test.h"));

    buf_addf(&path, "%.*score/bot/schema/%s", root, __FILE__, name);
    assert_true(buf_add_file(&text, path.data, &err));
    buf_release(&path);
    sql(text.data);
    buf_release(&text);
}

/* Connect, and make the tables in a schema of this name: other tests use the
 * same database. */
static inline void make_tables(const char *schema)
{
    struct buf text = BUF_INIT;

    db = connect_to(pg_server_url());
    buf_addf(&text,
             "DROP SCHEMA IF EXISTS %s CASCADE; CREATE SCHEMA %s; "
             "SET search_path = %s",
             schema, schema, schema);
    sql(text.data);
    buf_release(&text);
    run_schema_file("0001_chat_configs.sql");
    run_schema_file("0002_config_history.sql");
    run_schema_file("0005_channels.sql");
}

static inline void drop_tables(const char *schema)
{
    char text[100];

    snprintf(text, sizeof(text), "DROP SCHEMA %s CASCADE", schema);
    sql(text);
    client_free(&db);
}

static inline struct config_store *store_of(struct client *c)
{
    return config_store_new(c->loop, c->pg,
                            &(struct config_store_options){
                                .cache_bytes = 1 << 20,
                                .document_max = 2000,
                                .history = 5,
                            });
}

static inline void wait_configs(struct config_op **ops, int n)
{
    pending = n;
    for (int i = 0; i < n; i++)
        ops[i]->op.done = on_done;
    loop_run(db.loop);
}

/* The config, borrowed from the cache. */
static inline struct config *fetch(int64_t chat)
{
    struct config_op *op = config_fetch(store, chat, 0);
    struct config *config;

    wait_configs(&op, 1);
    assert_string_equal(op->op.err.text, "");
    assert_non_null(op->config);
    assert_true(op->config->chat_id == chat);
    config = op->config;
    op_free(&op->op);
    assert_ptr_equal(config_cached(store, chat), config);
    return config;
}

static inline void expect_text(const struct config *c, const char *text)
{
    if (!slice_eq(c->text, text))
        fail_msg("%.*s, not %s", (int)c->text.n, c->text.p, text);
}

static inline void set(struct config_patch *patch, const char *path,
                       const char *value)
{
    config_patch_set(patch, path, value ? slice_of(value) : SLICE_NONE);
}

/* Start to set one key in base. */
static inline struct config_op *
commit_start(struct config *base, const char *path, const char *value)
{
    struct config_patch patch = { 0 };
    struct config_op *op;

    set(&patch, path, value);
    op = config_commit(store, base, &patch, "user:42");
    config_patch_release(&patch);
    return op;
}

/* Set one key in base, wait; the op. */
static inline struct config_op *commit(struct config *base, const char *path,
                                       const char *value)
{
    struct config_op *op = commit_start(base, path, value);

    assert_int_equal(op->op.state == OP_DONE, false);
    wait_configs(&op, 1);
    return op;
}

#endif
