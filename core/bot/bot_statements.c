/* bot_statements.c - see bot_statements.h. */
#include "bot/bot_statements.h"

const struct pg_statement instance_beat_statement = {
    "instance_beat",
    "SELECT leads, clean, holder, holder_name, others "
    "FROM moonpost_beat($1, $2, $3, $4, $5, $6, $7, $8)",
    8,
};

const struct pg_statement instance_release_statement = {
    "instance_release",
    "WITH leaving AS (UPDATE instances SET stopping = true "
    "WHERE bot_id = $1 AND id = $2) "
    "UPDATE pollers SET instance = NULL WHERE bot_id = $1 AND instance = $2",
    2,
};

const struct pg_statement instance_leave_statement = {
    "instance_leave",
    "WITH left_over AS (UPDATE inbox SET owner = NULL, taken = false "
    "WHERE bot_id = $1 AND owner = $2), "
    "lease AS (UPDATE pollers SET instance = NULL "
    "WHERE bot_id = $1 AND instance = $2) "
    "DELETE FROM instances WHERE bot_id = $1 AND id = $2",
    2,
};

const struct pg_statement inbox_save_statement = {
    "inbox_save",
    "INSERT INTO inbox (bot_id, update_id, lane, owner, taken, tries, update) "
    "SELECT $1, u.id, u.lane, CASE WHEN u.mine THEN $2::bigint END, u.mine, "
    "$7::int, t.text::text "
    "FROM unnest($3::bigint[], $4::bigint[], $5::boolean[]) "
    "WITH ORDINALITY AS u (id, lane, mine, n) "
    "JOIN json_array_elements($6::json) WITH ORDINALITY AS t (text, n) "
    "USING (n) ON CONFLICT (bot_id, update_id) DO UPDATE "
    "SET owner = EXCLUDED.owner, taken = EXCLUDED.taken",
    7,
};

const struct pg_statement inbox_put_statement = {
    "inbox_put",
    "SELECT id, mine, known FROM moonpost_inbox_put($1, $2, $3, $4, $5, $6)",
    6,
};

const struct pg_statement inbox_untake_statement = {
    "inbox_untake",
    "UPDATE inbox SET taken = false "
    "WHERE bot_id = $1 AND owner = $2 AND update_id = ANY ($3)",
    3,
};

const struct pg_statement inbox_adopt_statement = {
    "inbox_adopt",
    "SELECT moonpost_inbox_adopt($1, $2, $3)",
    3,
};

const struct pg_statement inbox_take_statement = {
    "inbox_take",
    "SELECT id, in_lane, times, text "
    "FROM moonpost_inbox_take($1, $2, $3, $4)",
    4,
};

const struct pg_statement inbox_lanes_statement = {
    "inbox_lanes",
    "SELECT lane, min(update_id) FROM inbox WHERE bot_id = $1 "
    "AND NOT (owner IS NOT DISTINCT FROM $2 AND taken) GROUP BY lane",
    2,
};

/* Before it runs, so that it is known if the program dies of it. */
const struct pg_statement inbox_begin_statement = {
    "inbox_begin",
    "UPDATE inbox SET tries = tries + 1 WHERE bot_id = $1 AND update_id = $2",
    2,
};

const struct pg_statement inbox_done_statement = {
    "inbox_done",
    "SELECT moonpost_inbox_done($1, $2)",
    2,
};

const struct pg_statement inbox_seen_statement = {
    "inbox_seen",
    "SELECT ids FROM updates_seen WHERE bot_id = $1",
    1,
};

const struct pg_statement inbox_depth_statement = {
    "inbox_depth",
    "SELECT count(*) FROM inbox WHERE bot_id = $1",
    1,
};

/* --- for moonpost explain --------------------------------------------------------- */

#define BOT "coalesce((SELECT max(bot_id) FROM inbox), 1)::text"

/* What changes something is of no bot, so that none waits for it. */
const struct config_explained bot_explained[] = {
    { &instance_beat_statement,
      "'0', '0', 'explain', 'poll', NULL, 'f', '5000', '0'",
      { NULL } },
    { &instance_release_statement, "'0', '0'", { NULL } },
    { &instance_leave_statement, "'0', '0'", { NULL } },
    { &inbox_save_statement,
      "'0', '0', '{1}', '{1}', '{t}', '[{\"update_id\": 1}]', '0'",
      { NULL } },
    { &inbox_put_statement,
      "'0', '0', '5000', '{1}', '{1}', '[{\"update_id\": 1}]'",
      { NULL } },
    { &inbox_untake_statement, "'0', '0', '{1}'", { NULL } },
    { &inbox_adopt_statement, "'0', '0', '5000'", { NULL } },
    { &inbox_take_statement, "'0', '0', '5000', '100'", { NULL } },
    { &inbox_lanes_statement, BOT ", '0'", { NULL } },
    { &inbox_begin_statement, "'0', '1'", { NULL } },
    { &inbox_done_statement, "'0', '{1}'", { NULL } },
    { &inbox_seen_statement, BOT, { NULL } },
    { &inbox_depth_statement, BOT, { NULL } },
    { NULL, NULL, { NULL } },
};
