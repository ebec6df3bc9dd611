/*
 * statements_explain.c - the list of all statements, and the SQL of explaining one.
 * See explain.h.
 */
#include "config/explain.h"

#include "config/admin_int.h"
#include "config/bulk_int.h"
#include "config/statements.h"

/* --- sample values ------------------------------------------------------------ */

/* Of a row; without any rows, of a chat that could be. */
#define OF_ROW(what, none)                                                     \
    "coalesce((SELECT " what "::text FROM chat_configs WHERE chat_id = "       \
    "(SELECT max(chat_id) FROM chat_configs)), '" none "')"
#define CHAT OF_ROW("chat_id", "1")
#define DOCUMENT OF_ROW("coalesce(config, '{}')", "{}")
#define REVISION OF_ROW("revision", "1")
#define VERSION OF_ROW("version", "0")
/* Telegram's ids have 52 bits; a table that others made may hold any. */
#define NEW_CHAT                                                               \
    "(coalesce((SELECT max(chat_id) FROM chat_configs "                        \
    "WHERE chat_id < 1::bigint << 62), 0) + 1)::text"

/* An array of some rows' values. */
#define OF_ROWS(what, none)                                                    \
    "coalesce((SELECT array_agg(" what " ORDER BY chat_id)::text FROM "        \
    "(SELECT * FROM chat_configs ORDER BY chat_id LIMIT 100) AS few), "        \
    "'" none "')"
#define CHATS OF_ROWS("chat_id", "{1}")
#define REVISIONS OF_ROWS("revision", "{1}")
#define DOCUMENTS                                                              \
    "coalesce((SELECT string_agg(coalesce(config, '{}')::text, E'\\x1f' "      \
    "ORDER BY chat_id) FROM "                                                  \
    "(SELECT * FROM chat_configs ORDER BY chat_id LIMIT 100) AS few), '{}')"
#define LINES                                                                  \
    "coalesce((SELECT jsonb_agg(jsonb_build_object('chat_id', chat_id, "       \
    "'config', coalesce(config, '{}') || '{\"explained\": 1}', "               \
    "'version', version))::text FROM "                                         \
    "(SELECT * FROM chat_configs ORDER BY chat_id LIMIT 100) AS few), '[]')"
#define NEXT_VERSION                                                           \
    "(coalesce((SELECT max(version) FROM chat_configs), 0) + 1)::text"

/* --- indexes -------------------------------------------------------------------- */

enum { BY_CHAT, BY_VERSION, BY_XID, HISTORY_BY_CHAT, HISTORY_BY_XID };

const struct config_index config_indexes[] = {
    [BY_CHAT] = { "chat_configs", "chat_id",
                  "ALTER TABLE chat_configs ADD PRIMARY KEY (chat_id)" },
    [BY_VERSION] = { "chat_configs", "version",
                     "CREATE INDEX CONCURRENTLY chat_configs_version "
                     "ON chat_configs (version, chat_id)" },
    [BY_XID] = { "chat_configs", "changed_xid",
                 "CREATE INDEX CONCURRENTLY chat_configs_changed_xid "
                 "ON chat_configs (changed_xid)" },
    [HISTORY_BY_CHAT] = { "config_history", "chat_id",
                          "ALTER TABLE config_history "
                          "ADD PRIMARY KEY (chat_id, revision)" },
    [HISTORY_BY_XID] = { "config_history", "deleted_xid",
                         "CREATE INDEX CONCURRENTLY "
                         "config_history_deleted_xid ON config_history "
                         "(deleted_xid) WHERE deleted_xid IS NOT NULL" },
    { NULL, NULL, NULL },
};

#define INDEX(which) &config_indexes[which]

/* --- the list --------------------------------------------------------------------- */

const struct config_explained config_explained[] = {
    /* statements.c */
    { &config_fetch_statement, CHATS, { INDEX(BY_CHAT) } },
    { &config_fetch_part_statement,
      CHATS ", '{flood}', " VERSION,
      { INDEX(BY_CHAT) } },
    { &config_insert_statement,
      NEW_CHAT ", '{\"explained\": 1}', '0', 'explain'",
      { NULL } },
    { &config_update_statement,
      CHAT ", " DOCUMENT ", " REVISION ", " VERSION ", 'explain', '20'",
      { INDEX(BY_CHAT), INDEX(HISTORY_BY_CHAT) } },
    { &config_find_statement,
      CHAT ", '0', 'explain', " DOCUMENT,
      { INDEX(BY_CHAT), INDEX(HISTORY_BY_CHAT) } },
    /* statements_listen.c */
    { &config_listen_statement, NULL, { NULL } },
    { &config_notify_statement, "'explain'", { NULL } },
    { &config_changes_statement,
      "pg_snapshot_xmin(pg_current_snapshot())::text",
      { INDEX(BY_XID), INDEX(HISTORY_BY_XID) } },
    /* statements_admin.c */
    { &config_ready_statement, "", { NULL } },
    { &config_row_statement, CHAT, { INDEX(BY_CHAT) } },
    { &config_rows_statement, CHAT ", '100'", { INDEX(BY_CHAT) } },
    { &config_history_statement,
      CHAT,
      { INDEX(BY_CHAT), INDEX(HISTORY_BY_CHAT) } },
    /* for a thousand rows at once, reading all of a table can be cheapest */
    { &config_import_count_statement, LINES, { NULL } },
    { &config_import_statement, LINES ", 'explain', '20'", { NULL } },
    { &config_versions_statement, "", { NULL } },
    { &config_sizes_statement, "", { NULL } },
    { &config_largest_statement, "", { NULL } },
    { &config_tables_statement, "", { NULL } },
    /* statements_bulk.c */
    { &config_bulk_begin_statement, NEXT_VERSION ", 't'", { NULL } },
    { &config_bulk_read_statement,
      "'-1', '0', " NEXT_VERSION ", '500', now()::text, '1048576', '1048576'",
      { INDEX(BY_VERSION) } },
    { &config_bulk_write_statement,
      CHATS ", " REVISIONS ", " DOCUMENTS ", " NEXT_VERSION
            ", 'explain', '20', '100'",
      { INDEX(BY_CHAT), INDEX(HISTORY_BY_CHAT) } },
    { &config_bulk_failures_statement,
      "'[{\"chat_id\": 1, \"version\": 0, \"error\": \"explained\"}]'",
      { NULL } },
    { &config_bulk_end_statement, "", { NULL } },
    { &config_bulk_dry_begin_statement, NEXT_VERSION ", 't'", { NULL } },
    { &config_bulk_dry_read_statement,
      CHAT ", " NEXT_VERSION ", '500', '1048576', '1048576'",
      { INDEX(BY_CHAT) } },
    { NULL, NULL, { NULL } },
};

/* --- explaining one ----------------------------------------------------------------- */

/* What a connection that broke has left, where it is a pooler's. */
static const char forget[] =
    "DO $$ BEGIN IF EXISTS (SELECT FROM pg_prepared_statements "
    "WHERE name = 'moonpost_explain') THEN DEALLOCATE moonpost_explain; "
    "END IF; END $$; ";

/* The variable outlives what the inner block does. */
static const char explain[] =
    "BEGIN EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
    "EXECUTE moonpost_explain' || coalesce('(' || (SELECT string_agg("
    "quote_nullable(param), ', ' ORDER BY n) FROM unnest(params) "
    "WITH ORDINALITY AS given (param, n)) || ')', '') INTO answer; "
    "RAISE EXCEPTION USING ERRCODE = 'MP000'; "
    "EXCEPTION WHEN SQLSTATE 'MP000' THEN NULL; END; "
    "PERFORM set_config('moonpost.explained', answer::text, true); "
    "END $moonpost$; "
    "DEALLOCATE moonpost_explain; "
    "SELECT current_setting('moonpost.explained')";

/* The plan is the one that a prepared statement has once it is used often. What
 * triggers do is in the figures, and not in the plan. */
void config_explain_script(const struct config_explained *explained,
                           struct buf *out)
{
    buf_adds(out, forget);
    buf_addf(out,
             "SET LOCAL plan_cache_mode = force_generic_plan; "
             "PREPARE moonpost_explain AS %s; "
             "DO $moonpost$ DECLARE params text[] := ARRAY[%s]::text[]; "
             "answer json; BEGIN ",
             explained->statement->sql, explained->arguments);
    buf_adds(out, explain);
}

void config_explain_indexes_script(struct buf *out)
{
    for (const struct config_index *i = config_indexes; i->table; i++)
        buf_addf(out,
                 "%s(SELECT %d, (SELECT count(*) FROM (SELECT FROM %s "
                 "LIMIT %d) AS rows) = %d, EXISTS (SELECT FROM pg_index AS i "
                 "JOIN pg_attribute AS a ON a.attrelid = i.indrelid "
                 "AND a.attnum = i.indkey[0] "
                 "WHERE i.indrelid = '%s'::regclass AND i.indisvalid "
                 "AND a.attname = '%s'))",
                 i == config_indexes ? "" : " UNION ALL ",
                 (int)(i - config_indexes), i->table, CONFIG_EXPLAIN_ROWS,
                 CONFIG_EXPLAIN_ROWS, i->table, i->column);
    buf_adds(out, " ORDER BY 1");
}
