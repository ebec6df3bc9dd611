/*
 * statements_admin.c - the SQL of looking at configs and of changing them from
 * outside a bot. See admin_int.h.
 */
#include "config/admin_int.h"

/* What config_row_read() reads. */
#define AS_UTC " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')"
#define SELECT_ROWS                                                            \
    "SELECT chat_id, config, version, revision, to_char(updated_at" AS_UTC     \
    ", changed_by, true FROM chat_configs "
#define SELECT_HISTORY                                                         \
    "SELECT chat_id, config, version, revision, to_char(changed_at" AS_UTC     \
    ", changed_by, false FROM config_history "

/* Have the host's own tables all that is used here? */
const struct pg_statement config_ready_statement = {
    "config_ready",
    "SELECT to_regclass('config_history') IS NOT NULL "
    "AND to_regclass('config_failures') IS NOT NULL "
    "AND EXISTS (SELECT FROM pg_attribute "
    "WHERE attrelid = to_regclass('chat_configs') AND attname = 'changed_xid')",
    0,
};

const struct pg_statement config_row_statement = {
    "config_row",
    SELECT_ROWS "WHERE chat_id = $1::bigint",
    1,
};

const struct pg_statement config_rows_statement = {
    "config_rows",
    SELECT_ROWS "WHERE chat_id >= $1::bigint ORDER BY chat_id LIMIT $2::int",
    2,
};

/* The present row first, then what it replaced, newest first. */
const struct pg_statement config_history_statement = {
    "config_history",
    SELECT_ROWS "WHERE chat_id = $1::bigint UNION ALL " SELECT_HISTORY
                "WHERE chat_id = $1::bigint ORDER BY 7 DESC, 4 DESC",
    1,
};

/*
 * Lines of an import that are not what is stored: neither as they were written
 * (was, of an older version) nor as they would be (config). Of a chat that is
 * there twice, the last one.
 */
#define IMPORT_CHANGED                                                         \
    "WITH line AS (SELECT DISTINCT ON (chat_id) chat_id, config, version, "    \
    "coalesce(was, config) AS was, coalesce(was_version, version) "            \
    "AS was_version FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS "         \
    "(chat_id bigint, config jsonb, version int, was jsonb, "                  \
    "was_version int)) WITH ORDINALITY AS given "                              \
    "(chat_id, config, version, was, was_version, n) "                         \
    "ORDER BY chat_id, n DESC), "                                              \
    "changed AS (SELECT line.chat_id, line.config, line.version, "             \
    "stored.revision FROM line "                                               \
    "LEFT JOIN chat_configs AS stored USING (chat_id) "                        \
    "WHERE stored.chat_id IS NULL OR (stored.config, stored.version) "         \
    "IS DISTINCT FROM (line.config, line.version) AND "                        \
    "(stored.config, stored.version) "                                         \
    "IS DISTINCT FROM (line.was, line.was_version))"

const struct pg_statement config_import_count_statement = {
    "config_import_count",
    IMPORT_CHANGED " SELECT count(*) FROM changed",
    1,
};

/* In the order of chats, so that two of them do not wait for each other. The
 * trigger moonpost_config_count gives new rows their revision. */
const struct pg_statement config_import_statement = {
    "config_import",
    IMPORT_CHANGED
    ", pruned AS (DELETE FROM config_history AS h USING changed "
    "WHERE h.chat_id = changed.chat_id "
    "AND h.revision <= changed.revision - $3::int) "
    "INSERT INTO chat_configs AS c (chat_id, config, version, changed_by) "
    "SELECT chat_id, config, version, $2::text FROM changed ORDER BY chat_id "
    "ON CONFLICT (chat_id) DO UPDATE SET config = EXCLUDED.config, "
    "version = EXCLUDED.version, revision = c.revision + 1, "
    "updated_at = now(), changed_by = EXCLUDED.changed_by, "
    "changed_xid = pg_current_xact_id()",
    3,
};

const struct pg_statement config_versions_statement = {
    "config_versions",
    "SELECT version, count(*) FROM chat_configs GROUP BY 1 ORDER BY 1 DESC",
    0,
};

const struct pg_statement config_sizes_statement = {
    "config_sizes",
    "SELECT count(*), sum(octet_length(config::text)), "
    "count(*) FILTER (WHERE coalesce(config, '{}') = '{}'), "
    "count(*) FILTER (WHERE jsonb_typeof(config) <> 'object') "
    "FROM chat_configs",
    0,
};

const struct pg_statement config_largest_statement = {
    "config_largest",
    "SELECT chat_id, octet_length(config::text) FROM chat_configs "
    "WHERE config IS NOT NULL ORDER BY 2 DESC, 1 LIMIT 5",
    0,
};

/* History can be many times the rows: beyond 100,000, what the server reckons. */
const struct pg_statement config_tables_statement = {
    "config_tables",
    "SELECT (SELECT count(*) FROM config_failures), "
    "CASE WHEN reltuples >= 100000 THEN reltuples::bigint "
    "ELSE (SELECT count(*) FROM config_history) END, reltuples >= 100000, "
    "pg_total_relation_size('chat_configs'), "
    "pg_total_relation_size('config_history') "
    "FROM pg_class WHERE oid = 'config_history'::regclass",
    0,
};
