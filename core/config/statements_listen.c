/* statements_listen.c - the SQL of keeping a cache current. See listen.h. */
#include "config/statements.h"

/*
 * The channel of the schema where the configs are, as moonpost_channel() in
 * bot/schema/0005_channels.sql names it, which may not be there yet.
 */
#define CHANNEL                                                                \
    "(SELECT CASE WHEN name = 'public' THEN 'moonpost_config' "                \
    "WHEN octet_length(name) > 40 THEN 'moonpost_config_' || md5(name) "       \
    "ELSE 'moonpost_config_' || name END FROM (SELECT coalesce(("              \
    "SELECT nspname FROM pg_class JOIN pg_namespace AS n "                     \
    "ON n.oid = relnamespace WHERE pg_class.oid = "                            \
    "to_regclass('chat_configs')), current_schema(), 'public')::text "         \
    "AS name) AS here)"

/* LISTEN itself takes no expression. */
const struct pg_statement config_listen_statement = {
    "config_listen",
    "DO $$ BEGIN EXECUTE format('LISTEN %I', " CHANNEL "); END $$",
    0,
};

const struct pg_statement config_notify_statement = {
    "config_notify",
    "SELECT pg_notify(" CHANNEL ", $1)",
    1,
};

/*
 * First the oldest transaction that may still be running ("since", the next
 * time) and which server this is, by its start, then the chats whose rows were written by transactions from $1 on, and
 * those deleted (revision 0). $1 = NULL: none. Rows from another cluster's past
 * or future (a restored dump) are above xmax, or below $1.
 */
const struct pg_statement config_changes_statement = {
    "config_changes",
    "SELECT pg_snapshot_xmin(pg_current_snapshot()), "
    "(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint, NULL "
    "UNION ALL SELECT NULL, chat_id, revision FROM chat_configs "
    "WHERE changed_xid >= $1::xid8 "
    "AND changed_xid < pg_snapshot_xmax(pg_current_snapshot()) "
    "UNION ALL SELECT NULL, chat_id, 0 FROM config_history "
    "WHERE deleted_xid >= $1::xid8 "
    "AND deleted_xid < pg_snapshot_xmax(pg_current_snapshot()) "
    "LIMIT 10001",
    1,
};
