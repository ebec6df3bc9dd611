/* analyze_statements.c - see analyze_statements.h. */
#include "bot/analyze_statements.h"

#define EXPRESSIONS                                                            \
    "(SELECT count(*) FROM pg_index AS i WHERE i.indrelid = c.oid "            \
    "AND i.indexprs IS NOT NULL)"

const struct pg_statement analyze_sizes_statement = {
    "analyze_sizes",
    "SELECT coalesce(jsonb_object_agg(c.oid, jsonb_build_array("
    "pg_relation_size(c.oid), c.relfilenode, " EXPRESSIONS ")), '{}') "
    "FROM pg_class AS c WHERE c.relnamespace = current_schema()::regnamespace "
    "AND c.relkind IN ('r', 'm')",
    0,
};

/*
 * Not by pg_stat_user_tables: what it counts comes late. A table grows when its rows
 * are changed, since those of before stay there for a while; what is written anew, and
 * an index on an expression, has no statistics. Below 64 KiB, the planner does well
 * without. Configs are rewritten in place where there is room from the last time.
 */
const struct pg_statement analyze_changed_statement = {
    "analyze_changed",
    "SELECT c.oid::regclass FROM (SELECT c.*, pg_relation_size(c.oid) AS size, "
    "$1::jsonb -> c.oid::text AS before FROM pg_class AS c "
    "WHERE c.relnamespace = current_schema()::regnamespace "
    "AND c.relkind IN ('r', 'm') AND pg_has_role(c.relowner, 'USAGE')) AS c "
    "WHERE size > 65536 AND (before IS NULL "
    "OR size - (before->>0)::bigint > greatest(65536, size / 10) "
    "OR c.relfilenode <> (before->>1)::oid "
    "OR " EXPRESSIONS " > (before->>2)::bigint "
    "OR c.relname IN ('chat_configs', 'config_history') "
    "AND $2::bigint > 50 + greatest(c.reltuples, 0) / 10) "
    "ORDER BY size DESC LIMIT 20",
    2,
};

const struct config_explained analyze_explained[] = {
    { &analyze_sizes_statement, "", { NULL } },
    { &analyze_changed_statement, "'{}', 0", { NULL } },
    { NULL, NULL, { NULL } },
};
