/* dead_statements.c - see dead_statements.h. */
#include "bot/dead_statements.h"

#define AS_UTC(column)                                                         \
    "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

/* --- setting aside ---------------------------------------------------------------- */

/* One that was given back and dies again takes the place of its old self. */
const struct pg_statement dead_write_statement = {
    "dead_write",
    "INSERT INTO dead_updates AS d (bot_id, update_id, chat_id, reason, "
    "error, handler, tries, received_at, died_at, update) "
    "SELECT DISTINCT ON (u.id) $1::bigint, u.id, u.chat, u.reason, u.error, "
    "u.handler, u.tries, "
    "clock_timestamp() - make_interval(secs => u.came_ms / 1000.0), "
    "clock_timestamp() - make_interval(secs => u.died_ms / 1000.0), u.text "
    "FROM ROWS FROM (json_to_recordset($2::json) AS (id bigint, chat bigint, "
    "reason text, error text, handler text, tries int, came_ms bigint, "
    "died_ms bigint, text text)) WITH ORDINALITY AS u (id, chat, reason, "
    "error, handler, tries, came_ms, died_ms, text, n) "
    "ORDER BY u.id, u.n DESC "
    "ON CONFLICT (bot_id, update_id) DO UPDATE SET chat_id = EXCLUDED.chat_id, "
    "reason = EXCLUDED.reason, error = EXCLUDED.error, "
    "handler = EXCLUDED.handler, tries = EXCLUDED.tries, "
    "died_at = EXCLUDED.died_at, update = EXCLUDED.update",
    2,
};

/* n: of equal errors the newest is 1. Who has the highest goes first. */
const struct pg_statement dead_trim_statement = {
    "dead_trim",
    "DELETE FROM dead_updates AS d USING ("
    "SELECT update_id FROM (SELECT update_id, died_at, row_number() OVER ("
    "PARTITION BY reason, handler, split_part(error, E'\\n', 1) "
    "ORDER BY died_at DESC, update_id DESC) AS n "
    "FROM dead_updates WHERE bot_id = $1::bigint "
    "AND (SELECT count(*) FROM dead_updates WHERE bot_id = $1::bigint) > "
    "$2::int) AS numbered ORDER BY n, died_at DESC, update_id DESC "
    "OFFSET $2::int) AS old "
    "WHERE d.bot_id = $1::bigint AND d.update_id = old.update_id",
    2,
};

/* --- looking ---------------------------------------------------------------------- */

const struct pg_statement inbox_ready_statement = {
    "inbox_ready",
    "SELECT to_regclass('inbox') IS NOT NULL "
    "AND to_regclass('dead_updates') IS NOT NULL",
    0,
};

/* $1, $2: 0 is any. Which chat a waiting one is of, its lane says. */
#define OF_BOT "$1::bigint IN (0, bot_id) "
#define DEAD_OF OF_BOT "AND $2::bigint IN (0, chat_id) "
#define WAITING_OF OF_BOT "AND $2::bigint IN (0, lane) "

const struct pg_statement inbox_count_statement = {
    "inbox_count",
    "SELECT (SELECT count(*) FROM inbox WHERE " WAITING_OF "), "
    "(SELECT count(DISTINCT (bot_id, lane)) FROM inbox WHERE " WAITING_OF "), "
    "(SELECT count(*) FROM dead_updates WHERE " DEAD_OF ")",
    2,
};

/* The first object in an update is what its kind names. */
#define KIND                                                                   \
    "coalesce((regexp_match(left(update, 300), "                               \
    "'\"([a-z_]+)\"\\s*:\\s*\\{'))[1], '')"
#define SELECT_WAITING(update)                                                 \
    "SELECT bot_id, update_id, lane, " KIND                                    \
    ", " AS_UTC("received_at") ", tries, owner IS NOT NULL, taken, o.name, "   \
                               "extract(epoch FROM now() - "                   \
                               "o.seen_at)::bigint, " update                   \
                               " FROM inbox LEFT JOIN (SELECT id, name, "      \
                               "seen_at FROM instances) AS o "                 \
                               "ON o.id = owner "

const struct pg_statement inbox_waiting_statement = {
    "inbox_waiting",
    SELECT_WAITING("''") "WHERE " WAITING_OF
                         "ORDER BY bot_id, update_id LIMIT $3::int",
    3,
};

const struct pg_statement inbox_one_waiting_statement = {
    "inbox_one_waiting",
    SELECT_WAITING("update") "WHERE " OF_BOT "AND update_id = $2::bigint",
    2,
};

#define SELECT_DEAD(update)                                                    \
    "SELECT bot_id, update_id, coalesce(chat_id, 0), " KIND                    \
    ", " AS_UTC("received_at") ", tries, " AS_UTC(                             \
        "died_at") ", reason, handler, error, " update " FROM dead_updates "

const struct pg_statement inbox_dead_statement = {
    "inbox_dead",
    SELECT_DEAD("''") "WHERE " DEAD_OF
                      "ORDER BY died_at DESC, update_id DESC LIMIT $3::int",
    3,
};

const struct pg_statement inbox_errors_statement = {
    "inbox_errors",
    "SELECT count(*), reason, handler, split_part(error, E'\\n', 1) AS "
    "line, " AS_UTC("min(died_at)") ", " AS_UTC(
        "max(died_at)") ", "
                        "array_to_string((array_agg(update_id ORDER BY died_at "
                        "DESC, "
                        "update_id DESC))[1:5], ', ') "
                        "FROM dead_updates WHERE " DEAD_OF
                        "GROUP BY reason, handler, line ORDER BY max(died_at) "
                        "DESC LIMIT $3::int",
    3,
};

/* From bot $3, update $4 on (not with it), in their order. */
const struct pg_statement inbox_find_statement = {
    "inbox_find",
    SELECT_DEAD("update") "WHERE " DEAD_OF
                          "AND (bot_id, update_id) > ($3::bigint, $4::bigint) "
                          "AND ($5::bigint[] IS NULL OR update_id = ANY "
                          "($5::bigint[])) "
                          "ORDER BY bot_id, update_id LIMIT $6::int",
    6,
};

/* --- changing --------------------------------------------------------------------- */

#define GIVEN                                                                  \
    "json_to_recordset($1::json) AS given (bot bigint, id bigint, lane "       \
    "bigint) "

/* Nobody owns it: a running bot sees that within a second or two. */
const struct pg_statement inbox_retry_statement = {
    "inbox_retry",
    "WITH back AS (DELETE FROM dead_updates AS d USING " GIVEN
    "WHERE d.bot_id = given.bot AND d.update_id = given.id "
    "RETURNING d.bot_id, d.update_id, given.lane, d.received_at, d.update), "
    "put AS (INSERT INTO inbox (bot_id, update_id, lane, received_at, update) "
    "SELECT bot_id, update_id, lane, coalesce(received_at, now()), update "
    "FROM back ON CONFLICT DO NOTHING) "
    "SELECT bot_id, update_id FROM back ORDER BY 1, 2",
    1,
};

const struct pg_statement inbox_drop_statement = {
    "inbox_drop",
    "WITH gone AS (DELETE FROM dead_updates AS d USING " GIVEN
    "WHERE d.bot_id = given.bot AND d.update_id = given.id "
    "RETURNING d.bot_id, d.update_id) "
    "SELECT bot_id, update_id FROM gone ORDER BY 1, 2",
    1,
};

/* --- for moonpost explain --------------------------------------------------------- */

#define BOT "coalesce((SELECT max(bot_id) FROM dead_updates), 1)::text"
#define ROWS                                                                   \
    "coalesce((SELECT json_agg(json_build_object('bot', bot_id, 'id', "        \
    "update_id, 'lane', 1))::text FROM (SELECT * FROM dead_updates "           \
    "LIMIT 100) AS few), '[]')"

const struct config_explained dead_explained[] = {
    { &dead_write_statement,
      BOT ", '[{\"id\": 1, \"reason\": \"error\", \"error\": \"explained\", "
          "\"tries\": 1, \"came_ms\": 0, \"died_ms\": 0, \"text\": \"{}\"}]'",
      { NULL } },
    { &dead_trim_statement, BOT ", '1000'", { NULL } },
    { &inbox_ready_statement, "", { NULL } },
    { &inbox_count_statement, "'0', '0'", { NULL } },
    { &inbox_waiting_statement, "'0', '0', '20'", { NULL } },
    { &inbox_one_waiting_statement, "'0', '1'", { NULL } },
    { &inbox_dead_statement, "'0', '0', '20'", { NULL } },
    { &inbox_errors_statement, "'0', '0', '20'", { NULL } },
    { &inbox_find_statement, "'0', '0', '0', '0', NULL, '100'", { NULL } },
    { &inbox_retry_statement, ROWS, { NULL } },
    { &inbox_drop_statement, ROWS, { NULL } },
    { NULL, NULL, { NULL } },
};
