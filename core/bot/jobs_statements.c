/* jobs_statements.c - see jobs_statements.h. */
#include "bot/jobs_statements.h"

/* --- running ---------------------------------------------------------------------- */

const struct pg_statement jobs_declare_statement = {
    "jobs_declare",
    "SELECT job_id, job_name, now_ms, minute, problem, is_every, again "
    "FROM moonpost_jobs_declare($1::bigint, $2::bigint, $3::text[], "
    "$4::text[], $5::text[], $6::int)",
    6,
};

const struct pg_statement jobs_take_statement = {
    "jobs_take",
    "SELECT job_id, job_name, is_every, chat, job_data, failed, died, due_ms, "
    "late_ms, now_ms, due_minute, now_minute, wait_ms, others, unknown, again "
    "FROM moonpost_jobs_take($1::bigint, $2::bigint, $3::int, $4::bigint, "
    "$5::text[], $6::bigint[], $7::int)",
    7,
};

const struct pg_statement jobs_next_statement = {
    "jobs_next",
    "SELECT moonpost_job_next($1::bigint, $2::bigint, $3::bigint, $4::bigint, "
    "$5::bigint, $6::bool, $7::bigint, $8::bool, $9::bigint, $10::bigint, "
    "$11::text)",
    11,
};

const struct pg_statement jobs_done_statement = {
    "jobs_done",
    "DELETE FROM jobs WHERE id = ANY($2::bigint[]) AND owner = $1::bigint",
    2,
};

const struct pg_statement jobs_release_statement = {
    "jobs_release",
    "UPDATE jobs AS j SET owner = NULL, taken_at = NULL, "
    "key = moonpost_job_key(j) "
    "WHERE id = ANY($2::bigint[]) AND owner = $1::bigint",
    2,
};

const struct pg_statement jobs_failed_statement = {
    "jobs_failed",
    "UPDATE jobs AS j SET owner = NULL, taken_at = NULL, "
    "key = moonpost_job_key(j), error = $4::text, "
    "tries = tries + $6::bool::int, "
    "state = CASE WHEN $5::bigint IS NULL THEN 'failed' ELSE state END, "
    "failed_at = CASE WHEN $5::bigint IS NULL "
    "THEN moonpost_now($3::bigint) END, "
    "run_at = coalesce(moonpost_now($3::bigint + $5::bigint), run_at) "
    "WHERE id = $1::bigint AND owner = $2::bigint",
    6,
};

const struct pg_statement jobs_count_statement = {
    "jobs_count",
    "SELECT (SELECT count(*) FROM (SELECT FROM jobs WHERE "
    "bot_id = $1::bigint AND state = 'waiting' AND owner IS NULL "
    "LIMIT 10000) AS w), "
    "(SELECT count(*) FROM (SELECT FROM jobs WHERE "
    "bot_id = $1::bigint AND state = 'failed' LIMIT 10000) AS f)",
    1,
};

/* --- making, looking, changing -------------------------------------------------------- */

const struct pg_statement jobs_add_statement = {
    "jobs_add",
    "SELECT job, is_new, wait_ms, now_ms, minute FROM "
    "moonpost_job_add($1::bigint, $2::text, "
    "$3::bigint, $4::text, $5::json, $6::bigint, $7::bigint, $8::text, "
    "$9::text, $10::bool, $11::bigint, $12::text, $13::text)",
    13,
};

#define WANTED                                                                 \
    "$1::bigint IN (0, bot_id) AND $2::bigint IN (0, id) "                     \
    "AND $3::text IN ('', name) "                                              \
    "AND ($4::bigint IS NULL OR coalesce(chat_id, 0) = $4::bigint) "           \
    "AND ($5::text IS NULL OR key = $5::text) "

const struct pg_statement jobs_cancel_statement = {
    "jobs_cancel",
    "WITH gone AS (DELETE FROM jobs WHERE " WANTED
    "AND NOT every AND state = 'waiting' RETURNING 1) "
    "SELECT count(*) FROM gone",
    5,
};

const struct pg_statement jobs_list_statement = {
    "jobs_list",
    "SELECT id, bot_id, name, CASE WHEN state = 'failed' THEN 'failed' "
    "WHEN owner IS NOT NULL THEN 'running' ELSE 'waiting' END, "
    "chat_id, key, data::text, schedule, zone, error, made_by, tries, "
    "crashes, moonpost_ms(due_at), moonpost_ms(run_at), moonpost_ms(made_at), "
    "moonpost_ms(coalesce(ran_at, failed_at)), "
    "moonpost_ms(run_at) - moonpost_ms(moonpost_now($7::bigint)) "
    "FROM jobs WHERE " WANTED "AND CASE $6::text WHEN '' THEN true "
    "WHEN 'running' THEN owner IS NOT NULL "
    "WHEN 'waiting' THEN state = 'waiting' AND owner IS NULL "
    "ELSE state = $6::text END AND id > $9::bigint "
    "ORDER BY CASE WHEN $9::bigint > 0 THEN id END, "
    "state = 'failed', run_at, id LIMIT $8::int",
    9,
};

const struct pg_statement jobs_ready_statement = {
    "jobs_ready",
    "SELECT to_regclass('jobs') IS NOT NULL",
    0,
};

const struct pg_statement jobs_run_statement = {
    "jobs_run",
    "UPDATE jobs SET run_at = moonpost_now($2::bigint), tries = 0, "
    "crashes = 0, state = 'waiting', failed_at = NULL, "
    "due_at = coalesce(due_at, moonpost_now($2::bigint)), "
    "key = CASE WHEN state = 'waiting' THEN key END "
    "WHERE id = ANY($1::bigint[]) AND $3::bigint IN (0, bot_id) "
    "AND owner IS NULL RETURNING id",
    3,
};

const struct pg_statement jobs_drop_statement = {
    "jobs_drop",
    "DELETE FROM jobs WHERE id = ANY($1::bigint[]) "
    "AND $2::bigint IN (0, bot_id) AND NOT every RETURNING id",
    2,
};

/* --- counters ---------------------------------------------------------------------------- */

const struct pg_statement counters_load_statement = {
    "counters_load",
    "SELECT a.i - 1, c.slot, c.n FROM unnest($3::bigint[], $4::bigint[], "
    "$5::text[]) WITH ORDINALITY AS a (chat_id, user_id, key, i) "
    "JOIN counters AS c ON c.bot_id = $1::bigint AND c.name = $2::text "
    "AND c.chat_id = a.chat_id AND c.user_id = a.user_id AND c.key = a.key",
    5,
};

/* In an order of the rows' own, so that two processes can't lock each other out. */
const struct pg_statement counters_add_statement = {
    "counters_add",
    "WITH given AS (SELECT g.i, r.* FROM json_array_elements($2::json) "
    "WITH ORDINALITY AS g (row, i) CROSS JOIN json_to_record(g.row) AS r "
    "(name text, chat bigint, \"user\" bigint, key text, slot bigint, "
    "n bigint, ms bigint)), "
    "added AS (INSERT INTO counters AS c (bot_id, name, chat_id, user_id, key, "
    "slot, n, expires_at) SELECT $1::bigint, name, chat, \"user\", key, slot, "
    "n, moonpost_now($3::bigint + ms) FROM given "
    "ORDER BY name, chat, \"user\", key, slot "
    "ON CONFLICT (bot_id, name, chat_id, user_id, key, slot) "
    "DO UPDATE SET n = c.n + EXCLUDED.n, "
    "expires_at = greatest(c.expires_at, EXCLUDED.expires_at) RETURNING c.*) "
    "SELECT g.i - 1, a.n FROM given AS g JOIN added AS a ON a.name = g.name "
    "AND a.chat_id = g.chat AND a.user_id = g.\"user\" AND a.key = g.key "
    "AND a.slot = g.slot",
    3,
};

const struct pg_statement counters_reset_statement = {
    "counters_reset",
    "DELETE FROM counters WHERE bot_id = $1::bigint AND name = $2::text "
    "AND chat_id = $3::bigint AND user_id = $4::bigint AND key = $5::text",
    5,
};

const struct pg_statement counters_top_statement = {
    "counters_top",
    "SELECT chat_id, user_id, key, sum(n)::bigint FROM counters "
    "WHERE bot_id = $1::bigint AND name = $2::text "
    "AND ($3::bigint IS NULL OR chat_id = $3::bigint) "
    "AND ($4::bigint IS NULL OR user_id = $4::bigint) AND slot >= $5::bigint "
    "GROUP BY chat_id, user_id, key HAVING sum(n) > 0 "
    "ORDER BY 4 DESC, chat_id, user_id, key LIMIT $6::int",
    6,
};

const struct pg_statement counters_prune_statement = {
    "counters_prune",
    "DELETE FROM counters WHERE (bot_id, name, chat_id, user_id, key, slot) IN "
    "(SELECT bot_id, name, chat_id, user_id, key, slot FROM counters "
    "WHERE bot_id = $1::bigint AND expires_at < "
    "moonpost_now($2::bigint) LIMIT $3::int)",
    3,
};

/* --- for moonpost explain --------------------------------------------------------------- */

#define BOT "coalesce((SELECT max(bot_id) FROM jobs), 1)::text"
#define IDS                                                                    \
    "coalesce((SELECT array_agg(id)::text FROM (SELECT id FROM jobs "          \
    "WHERE owner IS NOT NULL LIMIT 100) AS few), '{0}')"
#define OWNER                                                                  \
    "coalesce((SELECT owner FROM jobs WHERE owner IS NOT NULL LIMIT 1), "      \
    "1)::text"
#define COUNTER "coalesce((SELECT name FROM counters LIMIT 1), 'explained')"
#define COUNTERS_BOT "coalesce((SELECT bot_id FROM counters LIMIT 1), 1)::text"

const struct pg_statement counters_record_statement = {
    "counters_record",
    "SELECT coalesce(json_agg(json_build_array(user_id, key, slot, n, "
    "floor(extract(epoch FROM expires_at) * 1000)::bigint)), '[]') FROM "
    "(SELECT * FROM counters WHERE bot_id = $1::bigint AND name = $2::text "
    "AND chat_id = $3::bigint LIMIT 1000) AS few",
    3,
};

const struct config_explained jobs_explained[] = {
    { &counters_record_statement, COUNTERS_BOT ", " COUNTER ", '1'", { NULL } },
    { &jobs_declare_statement,
      BOT ", '0', '{explained}', '{1h}', '{NULL}', '30'",
      { NULL } },
    { &jobs_take_statement,
      BOT ", '1', '4000', '0', '{explained}', '{}', '10'",
      { NULL } },
    { &jobs_next_statement,
      "coalesce((SELECT max(id) FROM jobs WHERE every), 1)::text, '0', '0', "
      "'0', '0', 'f', '3600000', 't', '0', '0', NULL",
      { NULL } },
    { &jobs_done_statement, OWNER ", " IDS, { NULL } },
    { &jobs_release_statement, OWNER ", " IDS, { NULL } },
    { &jobs_failed_statement,
      "coalesce((SELECT max(id) FROM jobs), 1)::text, " OWNER
      ", '0', 'explained', '1000', 't'",
      { NULL } },
    { &jobs_count_statement, BOT, { NULL } },
    { &jobs_add_statement,
      BOT ", 'explained', '1', 'explained', '{}', '1000', NULL, NULL, NULL, "
          "'t', '0', 'explained', NULL",
      { NULL } },
    { &jobs_cancel_statement, BOT ", '0', 'explained', '1', NULL", { NULL } },
    { &jobs_list_statement,
      BOT ", '0', '', NULL, NULL, '', '0', '100', '0'",
      { NULL } },
    { &jobs_ready_statement, "", { NULL } },
    { &jobs_run_statement, IDS ", '0', '0'", { NULL } },
    { &jobs_drop_statement, IDS ", '0'", { NULL } },
    { &counters_load_statement,
      COUNTERS_BOT ", " COUNTER ", '{1}', '{1}', '{a}'",
      { NULL } },
    { &counters_add_statement,
      COUNTERS_BOT ", '[{\"name\":\"explained\",\"chat\":1,\"user\":1,"
                   "\"key\":\"\",\"slot\":0,\"n\":1,\"ms\":1000}]', '0'",
      { NULL } },
    { &counters_reset_statement,
      COUNTERS_BOT ", " COUNTER ", '1', '1', ''",
      { NULL } },
    { &counters_top_statement,
      COUNTERS_BOT ", " COUNTER ", '1', NULL, '0', '10'",
      { NULL } },
    { &counters_prune_statement, COUNTERS_BOT ", '0', '1000'", { NULL } },
    { NULL, NULL, { NULL } },
};
