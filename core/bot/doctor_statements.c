/* doctor_statements.c - see doctor_statements.h. */
#include "bot/doctor_statements.h"

const struct pg_statement doctor_server_statement = {
    "doctor_server",
    "SELECT current_setting('server_version'), "
    "current_setting('server_version_num'), current_user, "
    "current_database(), current_schema(), pg_backend_pid(), "
    "(extract(epoch FROM clock_timestamp()) * 1000)::bigint, "
    "current_setting('transaction_read_only') = 'on', "
    "current_setting('max_connections')::int - "
    "current_setting('superuser_reserved_connections')::int, "
    "(SELECT count(*) FROM pg_stat_activity "
    "WHERE backend_type = 'client backend'), "
    "r.rolconnlimit, "
    "(SELECT count(*) FROM pg_stat_activity WHERE usesysid = r.oid "
    "AND backend_type = 'client backend'), "
    "d.datconnlimit, "
    "(SELECT count(*) FROM pg_stat_activity WHERE datid = d.oid "
    "AND backend_type = 'client backend') "
    "FROM pg_roles AS r, pg_database AS d "
    "WHERE r.rolname = current_user AND d.datname = current_database()",
    0,
};

const struct pg_statement doctor_missing_statement = {
    "doctor_missing",
    "SELECT name FROM unnest($1::text[]) AS name "
    "WHERE to_regclass(name) IS NULL ORDER BY name",
    1,
};

const struct pg_statement doctor_newest_statement = {
    "doctor_newest",
    "SELECT max(name) FROM schema_migrations WHERE owner = 'moonpost'",
    0,
};

const struct pg_statement doctor_invalid_statement = {
    "doctor_invalid",
    "SELECT i.indexrelid::regclass FROM pg_index AS i "
    "JOIN pg_class AS t ON t.oid = i.indrelid "
    "WHERE NOT (i.indisvalid AND i.indisready) "
    "AND t.relnamespace = current_schema()::regnamespace",
    0,
};

const struct pg_statement doctor_versions_statement = {
    "doctor_versions",
    "SELECT (SELECT count(*) FROM (SELECT FROM chat_configs "
    "WHERE version < $1::int LIMIT 100001) AS below), "
    "(SELECT count(*) FROM (SELECT FROM chat_configs "
    "WHERE version > $1::int LIMIT 100001) AS above)",
    1,
};

const struct pg_statement doctor_notify_statement = {
    "doctor_notify",
    "SELECT pg_notify($1, $2)",
    2,
};

const struct config_explained doctor_explained[] = {
    { &doctor_server_statement, "", { NULL } },
    { &doctor_missing_statement, "'{chat_configs}'", { NULL } },
    { &doctor_newest_statement, "", { NULL } },
    { &doctor_invalid_statement, "", { NULL } },
    { &doctor_versions_statement, "'1'", { NULL } },
    { &doctor_notify_statement, "'moonpost_doctor', ''", { NULL } },
    { NULL, NULL, { NULL } },
};
