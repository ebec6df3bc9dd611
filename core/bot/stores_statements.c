/* stores_statements.c - see stores_statements.h; the table is in schema/0008. */
#include "bot/stores_statements.h"

#define TIME(ms) "to_timestamp((" ms ")::bigint / 1000.0)"
#define LIVES(now) "(expires_at IS NULL OR expires_at > " TIME(now) ")"

/* A key that is there already needs no room; one that has expired takes none. */
#define ROOM(most)                                                             \
    "WITH room AS (SELECT EXISTS (SELECT FROM store "                          \
    "WHERE chat_id = $1::bigint AND key = $2::text) OR "                       \
    "(SELECT count(*) FROM (SELECT FROM store WHERE chat_id = $1::bigint "     \
    "AND " LIVES("$4") " LIMIT " most "::bigint) AS few) < " most              \
                       "::bigint AS enough), "

const struct pg_statement store_get_statement = {
    "store_get",
    "SELECT w.i, s.value "
    "FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY AS w (chat, k, i) "
    "JOIN store AS s ON s.chat_id = w.chat AND s.key = w.k "
    "WHERE " LIVES("$3"),
    3,
};

const struct pg_statement store_all_statement = {
    "store_all",
    "SELECT key, value FROM store WHERE chat_id = $1::bigint "
    "AND " LIVES("$2"),
    2,
};

const struct pg_statement store_set_statement = {
    "store_set",
    ROOM(
        "$6") "done AS (INSERT INTO store AS s "
              "(chat_id, key, value, expires_at) "
              "SELECT $1::bigint, $2::text, $3::jsonb, " TIME(
                  "$4::bigint + $5::bigint") " FROM room WHERE enough ON "
                                             "CONFLICT (chat_id, key) DO "
                                             "UPDATE "
                                             "SET value = EXCLUDED.value, "
                                             "expires_at = EXCLUDED.expires_at "
                                             "WHERE NOT $7::bool OR "
                                             "s.expires_at <= " TIME(
                                                 "$4") " RETURNING true) "
                                                       "SELECT enough, EXISTS "
                                                       "(SELECT FROM done) "
                                                       "FROM room",
    7,
};

/* The time to live begins when the counting does. */
const struct pg_statement store_add_statement = {
    "store_add",
    ROOM(
        "$6") "done AS (INSERT INTO store AS s "
              "(chat_id, key, value, expires_at) "
              "SELECT $1::bigint, $2::text, to_jsonb($3::numeric), " TIME(
                  "$4::bigint + $5::bigint") " FROM room WHERE enough ON "
                                             "CONFLICT (chat_id, key) DO "
                                             "UPDATE "
                                             "SET value = CASE WHEN "
                                             "s.expires_at <= " TIME(
                                                 "$4") " THEN EXCLUDED.value "
                                                       "ELSE to_jsonb((s.value "
                                                       "#>> '{}')::numeric + "
                                                       "$3::numeric) END, "
                                                       "expires_at = CASE WHEN "
                                                       "s.expires_at <= " TIME(
                                                           "$4") " THEN "
                                                                 "EXCLUDED."
                                                                 "expires_at "
                                                                 "ELSE "
                                                                 "s.expires_at "
                                                                 "END "
                                                                 "WHERE "
                                                                 "s.expires_at "
                                                                 "<= " TIME(
                                                                     "$4") " OR"
                                                                           " js"
                                                                           "onb"
                                                                           "_ty"
                                                                           "peo"
                                                                           "f("
                                                                           "s."
                                                                           "val"
                                                                           "ue)"
                                                                           " = "
                                                                           "'nu"
                                                                           "mbe"
                                                                           "r' "
                                                                           "RET"
                                                                           "URN"
                                                                           "ING"
                                                                           " va"
                                                                           "lue"
                                                                           ") "
                                                                           "SEL"
                                                                           "ECT"
                                                                           " en"
                                                                           "oug"
                                                                           "h, "
                                                                           "(SE"
                                                                           "LEC"
                                                                           "T "
                                                                           "val"
                                                                           "ue "
                                                                           "FRO"
                                                                           "M "
                                                                           "don"
                                                                           "e) "
                                                                           "FRO"
                                                                           "M "
                                                                           "roo"
                                                                           "m",
    6,
};

const struct pg_statement store_take_statement = {
    "store_take",
    "WITH gone AS (DELETE FROM store WHERE chat_id = $1::bigint "
    "AND key = $2::text RETURNING value, expires_at) "
    "SELECT value FROM gone WHERE " LIVES("$3"),
    3,
};

const struct pg_statement store_clear_statement = {
    "store_clear",
    "WITH gone AS (DELETE FROM store WHERE chat_id = $1::bigint "
    "RETURNING expires_at) "
    "SELECT count(*) FROM gone WHERE " LIVES("$2"),
    2,
};

const struct pg_statement store_sweep_statement = {
    "store_sweep",
    "DELETE FROM store WHERE ctid = ANY (ARRAY(SELECT ctid FROM store "
    "WHERE expires_at <= " TIME(
        "$1") " ORDER BY expires_at "
              "LIMIT $2::bigint)) AND expires_at <= " TIME("$1"),
    2,
};

/* --- for moonpost explain --------------------------------------------------------- */

#define CHAT "coalesce((SELECT max(chat_id) FROM store), 1)::text"
#define NOW "(extract(epoch FROM now()) * 1000)::bigint::text"

/* What changes something is of no chat. */
const struct pg_statement store_record_statement = {
    "store_record",
    "SELECT coalesce(json_agg(json_build_array(key, value, "
    "floor(extract(epoch FROM expires_at) * 1000)::bigint)), '[]') FROM "
    "(SELECT key, value, expires_at FROM store WHERE chat_id = $1::bigint "
    "LIMIT 1000) AS few",
    1,
};

const struct config_explained stores_explained[] = {
    { &store_record_statement, "'1'", { NULL } },
    { &store_get_statement,
      "'{' || coalesce((SELECT max(chat_id) FROM store), 1) || '}', "
      "'{a}', " NOW,
      { NULL } },
    { &store_all_statement, CHAT ", " NOW, { NULL } },
    { &store_set_statement,
      "'0', 'a', '1', " NOW ", NULL, '1000', 'f'",
      { NULL } },
    { &store_add_statement, "'0', 'a', '1', " NOW ", NULL, '1000'", { NULL } },
    { &store_take_statement, "'0', 'a', " NOW, { NULL } },
    { &store_clear_statement, "'0', " NOW, { NULL } },
    { &store_sweep_statement, NOW ", '1000'", { NULL } },
    { NULL, NULL, { NULL } },
};
