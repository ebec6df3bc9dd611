/* asks_statements.c - see asks_statements.h; functions are in schema/0009. */
#include "bot/asks_statements.h"

const struct pg_statement asks_write_statement = {
    "asks_write",
    "INSERT INTO asks (bot_id, chat_id, user_id, topic, instance, ended, "
    "until) SELECT $1::bigint, c, u, t, $2::bigint, e, "
    "to_timestamp(m / 1000.0) FROM json_to_recordset($3::json) "
    "AS (c bigint, u bigint, t bigint, e text, m bigint) "
    "ON CONFLICT (bot_id, chat_id, user_id, topic) DO UPDATE SET "
    "instance = EXCLUDED.instance, ended = EXCLUDED.ended, "
    "until = EXCLUDED.until, asked_at = EXCLUDED.asked_at",
    3,
};

const struct pg_statement asks_over_statement = {
    "asks_over",
    "DELETE FROM asks AS a USING json_to_recordset($3::json) "
    "AS o (c bigint, u bigint, t bigint) WHERE a.bot_id = $1::bigint "
    "AND a.instance = $2::bigint AND a.chat_id = o.c AND a.user_id = o.u "
    "AND a.topic = o.t",
    3,
};

const struct pg_statement asks_lost_statement = {
    "asks_lost",
    "SELECT chat, in_topic, text, valid FROM moonpost_asks_lost($1::bigint, "
    "$2::bigint, $3::int, to_timestamp($4::bigint / 1000.0), $5::int)",
    5,
};

const struct config_explained asks_explained[] = {
    { &asks_write_statement,
      "'0', '0', '[{\"c\": 1, \"u\": 1, \"t\": 0, \"e\": null, \"m\": 1}]'",
      { NULL } },
    { &asks_over_statement,
      "'0', '0', '[{\"c\": 1, \"u\": 1, \"t\": 0}]'",
      { NULL } },
    { &asks_lost_statement, "'0', '0', '5000', '0', '10'", { NULL } },
    { NULL, NULL, { NULL } },
};
