/*
 * broadcast_statements.c - see broadcast_statements.h.
 *
 * Who sends a broadcast holds a lease on its row: sender, and sender_at, renewed
 * every second or two. Whoever finds one that is old takes it; chats that the last
 * sender left as sending are in doubt then. A claim is conditional on the lease, so
 * a sender that was only slow claims nothing more. All that touch both tables lock
 * the broadcast first.
 */
#include "bot/broadcast_statements.h"

#define LEASE "interval '5 s'"

/* --- making ------------------------------------------------------------------- */

/* A chat that is asked for by its old id, or by both, once. */
#define WANTED                                                                 \
    "SELECT DISTINCT coalesce(moved.new_id, asked.chat_id) AS chat_id "        \
    "FROM moonpost_broadcast_chats($1::bigint, $2::text, $3::text) "           \
    "AS asked (chat_id) LEFT JOIN moved_chats AS moved "                       \
    "ON moved.old_id = asked.chat_id"

const struct pg_statement broadcast_count_statement = {
    "broadcast_count",
    "SELECT count(*), (array_agg(chat_id))[1:5]::text "
    "FROM (" WANTED ") AS wanted",
    3,
};

/* An update may make several, and be run again after a crash. */
#define KEY                                                                    \
    "$8::text || ':' || md5($2::text || $3::text || $4::text || $5::text)"

const struct pg_statement broadcast_make_statement = {
    "broadcast_make",
    "WITH wanted AS MATERIALIZED (" WANTED "), "
    "made AS (INSERT INTO broadcasts (bot_id, method, parameters, recipients, "
    "made_by, key, state, ended_at) "
    "SELECT $1::bigint, $4::text, $5::text, $6::text, $7::text, " KEY ", "
    "CASE WHEN n > 0 THEN 'running' ELSE 'done' END, "
    "CASE WHEN n = 0 THEN now() END "
    "FROM (SELECT count(*) AS n FROM wanted) AS counted "
    "ON CONFLICT (bot_id, key) DO NOTHING RETURNING id), "
    "chats_of_it AS (INSERT INTO broadcast_chats (broadcast_id, chat_id) "
    "SELECT made.id, wanted.chat_id FROM made, wanted) "
    "SELECT id, true FROM made UNION ALL SELECT id, false FROM broadcasts "
    "WHERE bot_id = $1::bigint AND key = " KEY " "
    "AND NOT EXISTS (SELECT FROM made)",
    8,
};

/* --- looking and changing -------------------------------------------------------- */

#define AS_UTC(column)                                                         \
    "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
#define COUNT(state) "count(*) FILTER (WHERE state = '" state "')"

const struct pg_statement broadcast_find_statement = {
    "broadcast_find",
    "SELECT id, state, method, parameters, recipients, made_by, "
    "reason, " AS_UTC("made_at") ", " AS_UTC("started_at") ", " AS_UTC(
        "ended_at") ", "
                    "waiting, sending, sent, blocked, failed, moved, in_doubt, "
                    "(extract(epoch FROM coalesce(ended_at, now()) - "
                    "started_at) * "
                    "1000)::bigint, (state = 'running' "
                    "AND sender_at > now() - interval '10 s')::int FROM "
                    "(SELECT * FROM broadcasts "
                    "WHERE $1::bigint IN (0, id) ORDER BY id DESC LIMIT "
                    "$2::int) AS b "
                    "CROSS JOIN LATERAL (SELECT " COUNT(
                        "waiting") " AS "
                                   "waiting,"
                                   " " COUNT(
                                       "s"
                                       "e"
                                       "n"
                                       "d"
                                       "i"
                                       "n"
                                       "g") " AS sending, " COUNT("sent") " AS "
                                                                          "sent"
                                                                          ","
                                                                          " " COUNT(
                                                                              "blocke"
                                                                              "d") " A"
                                                                                   "S "
                                                                                   "bl"
                                                                                   "oc"
                                                                                   "ke"
                                                                                   "d,"
                                                                                   " " COUNT("failed") " AS failed, " COUNT(
                                                                                       "moved") " AS moved, " COUNT("in_doubt") " AS in_doubt "
                                                                                                                                "FROM broadcast_chats WHERE broadcast_id = b.id) AS counts "
                                                                                                                                "ORDER BY id DESC",
    2,
};

const struct pg_statement broadcast_errors_statement = {
    "broadcast_errors",
    "SELECT state, error, count(*), min(chat_id) FROM broadcast_chats "
    "WHERE broadcast_id = $1::bigint AND error IS NOT NULL "
    "GROUP BY state, error ORDER BY 3 DESC, 2 LIMIT 10",
    1,
};

const struct pg_statement broadcast_chats_statement = {
    "broadcast_chats",
    "SELECT chat_id, state, error FROM broadcast_chats "
    "WHERE broadcast_id = $1::bigint AND chat_id > $2::bigint "
    "AND $3::text IN ('', state) ORDER BY chat_id LIMIT 1000",
    3,
};

const struct pg_statement broadcast_change_statement = {
    "broadcast_change",
    "UPDATE broadcasts SET state = $3::text, reason = $4::text, "
    "ended_at = CASE WHEN $3::text = 'cancelled' THEN now() END "
    "WHERE id = $1::bigint AND state = ANY($2::text[]) RETURNING 1",
    4,
};

const struct pg_statement broadcast_retry_statement = {
    "broadcast_retry",
    "WITH again AS (UPDATE broadcasts SET reason = NULL, ended_at = NULL, "
    "state = CASE state WHEN 'done' THEN 'running' ELSE state END "
    "WHERE id = $1::bigint AND state <> 'cancelled' "
    "AND EXISTS (SELECT FROM broadcast_chats WHERE broadcast_id = $1::bigint "
    "AND state IN ('failed', 'in_doubt')) RETURNING id), "
    "waiting AS (UPDATE broadcast_chats AS c SET state = 'waiting', "
    "error = NULL, at = now() FROM again WHERE c.broadcast_id = again.id "
    "AND c.state IN ('failed', 'in_doubt')) "
    "SELECT id FROM again",
    1,
};

/* --- sending -------------------------------------------------------------------- */

const struct pg_statement broadcast_look_statement = {
    "broadcast_look",
    "WITH taken AS (UPDATE broadcasts SET sender = $2::text, "
    "sender_at = now(), started_at = coalesce(started_at, now()) "
    "WHERE id IN (SELECT id FROM broadcasts WHERE bot_id = $1::bigint "
    "AND state = 'running' AND (sender IS NULL OR sender = $2::text "
    "OR sender_at < now() - " LEASE ") "
    "ORDER BY coalesce(sender = $2::text, false) DESC, id LIMIT $4::int "
    "FOR UPDATE SKIP LOCKED) RETURNING id, method, recipients, "
    "CASE WHEN id <> ALL($3::bigint[]) THEN parameters END AS parameters), "
    "doubt AS (UPDATE broadcast_chats AS c SET state = 'in_doubt', "
    "error = 'the process ended while it was sent', at = now() FROM taken "
    "WHERE taken.parameters IS NOT NULL AND c.broadcast_id = taken.id "
    "AND c.state = 'sending' RETURNING c.broadcast_id) "
    "SELECT running, id, method, parameters, recipients, "
    "(SELECT count(*) FROM doubt WHERE broadcast_id = id), "
    "CASE WHEN parameters IS NOT NULL THEN (SELECT count(*) "
    "FROM broadcast_chats WHERE broadcast_id = id) END, "
    "CASE WHEN parameters IS NOT NULL THEN (SELECT count(*) "
    "FROM broadcast_chats WHERE broadcast_id = id AND state = 'waiting') END "
    "FROM (SELECT count(*) AS running FROM broadcasts "
    "WHERE bot_id = $1::bigint AND state = 'running') AS counted "
    "LEFT JOIN taken ON true ORDER BY id",
    4,
};

/*
 * Results count also after the lease was lost: they are what happened. A chat that
 * is sending, and that the sender does not have, is one whose claim got no answer:
 * nothing was sent. The new id of a chat that moved waits, or, when the message went
 * there already, needs no other. The planner thinks a LIMIT that is a parameter to be
 * a tenth of a table: so there is another, the most that BROADCAST_WINDOW can be.
 */
const struct pg_statement broadcast_step_statement = {
    "broadcast_step",
    "WITH lease AS (UPDATE broadcasts SET sender_at = now() "
    "WHERE id = $1::bigint AND sender = $2::text AND state = 'running' "
    "RETURNING id), "
    "result AS (SELECT r.* FROM jsonb_to_recordset($3::jsonb) AS r "
    "(chat_id bigint, state text, error text, message_id bigint, "
    "moved_to bigint), (SELECT count(*) FROM lease) AS first), "
    "applied AS (UPDATE broadcast_chats AS c SET state = r.state, "
    "error = r.error, message_id = r.message_id, at = now() FROM result AS r "
    "WHERE c.broadcast_id = $1::bigint AND c.chat_id = r.chat_id "
    "AND c.state IN ('sending', 'in_doubt')), "
    "moved AS (INSERT INTO broadcast_chats AS c (broadcast_id, chat_id, state) "
    "SELECT DISTINCT ON (moved_to) $1::bigint, moved_to, "
    "CASE state WHEN 'moved' THEN 'waiting' ELSE 'moved' END FROM result "
    "WHERE moved_to IS NOT NULL "
    "AND moved_to NOT IN (SELECT chat_id FROM result) "
    "ON CONFLICT (broadcast_id, chat_id) "
    "DO UPDATE SET state = EXCLUDED.state, at = now() "
    "WHERE c.state = 'waiting'), "
    "gone AS (INSERT INTO chats AS c (bot_id, chat_id, gone, gone_at) "
    "SELECT b.bot_id, r.chat_id, coalesce(r.error, 'moved to ' || r.moved_to), "
    "now() FROM result AS r, "
    "broadcasts AS b WHERE b.id = $1::bigint "
    "AND (r.state = 'blocked' OR r.moved_to IS NOT NULL) ORDER BY r.chat_id "
    "ON CONFLICT (bot_id, chat_id) DO UPDATE SET gone = EXCLUDED.gone, "
    "gone_at = EXCLUDED.gone_at), "
    "next AS (SELECT chat_id FROM (SELECT c.chat_id FROM broadcast_chats AS c "
    "WHERE c.broadcast_id = $1::bigint AND c.state IN ('waiting', 'sending') "
    "AND c.chat_id > $6::bigint AND c.chat_id <> ALL($4::bigint[]) "
    "AND c.chat_id NOT IN (SELECT moved_to FROM result "
    "WHERE moved_to IS NOT NULL) AND EXISTS (SELECT FROM lease) "
    "ORDER BY c.chat_id LIMIT 30) AS few ORDER BY chat_id LIMIT $5::int), "
    "claimed AS (UPDATE broadcast_chats AS c SET state = 'sending', "
    "at = now() FROM next WHERE c.broadcast_id = $1::bigint "
    "AND c.chat_id = next.chat_id RETURNING c.chat_id) "
    "SELECT own, chat_id FROM (SELECT count(*) AS own FROM lease) AS held "
    "LEFT JOIN claimed ON true ORDER BY chat_id",
    6,
};

const struct pg_statement broadcast_finish_statement = {
    "broadcast_finish",
    "UPDATE broadcasts SET state = 'done', ended_at = now(), sender = NULL "
    "WHERE id = $1::bigint AND sender = $2::text AND state = 'running' "
    "AND NOT EXISTS (SELECT FROM broadcast_chats "
    "WHERE broadcast_id = $1::bigint AND state IN ('waiting', 'sending')) "
    "RETURNING 1",
    2,
};

const struct pg_statement broadcast_release_statement = {
    "broadcast_release",
    "UPDATE broadcasts SET sender = NULL "
    "WHERE id = ANY($2::bigint[]) AND sender = $1::text",
    2,
};

const struct pg_statement broadcast_prune_statement = {
    "broadcast_prune",
    "WITH old AS (SELECT id FROM broadcasts "
    "WHERE ended_at < now() - $1::int * interval '1 day' "
    "AND state IN ('done', 'cancelled')), "
    "rows AS (DELETE FROM broadcast_chats AS c USING (SELECT x.broadcast_id, "
    "x.chat_id FROM old, broadcast_chats AS x WHERE x.broadcast_id = old.id "
    "LIMIT $2::int) AS few WHERE c.broadcast_id = few.broadcast_id "
    "AND c.chat_id = few.chat_id) "
    "DELETE FROM broadcasts AS b USING old WHERE b.id = old.id "
    "AND NOT EXISTS (SELECT FROM broadcast_chats WHERE broadcast_id = old.id)",
    2,
};

/* --- chats ---------------------------------------------------------------------- */

/* An empty why: the chat is there. In the order of chats, so that two processes do
 * not wait for each other. */
const struct pg_statement chats_write_statement = {
    "chats_write",
    "INSERT INTO chats AS c (bot_id, chat_id, kind, seen, gone, gone_at) "
    "SELECT $1::bigint, chat_id, kind, (now() AT TIME ZONE 'UTC')::date, "
    "nullif(why, ''), CASE WHEN why <> '' THEN now() END "
    "FROM unnest($2::bigint[], $3::text[], $4::text[]) AS "
    "heard (chat_id, kind, why) ORDER BY chat_id "
    "ON CONFLICT (bot_id, chat_id) DO UPDATE SET kind = EXCLUDED.kind, "
    "seen = EXCLUDED.seen, gone = EXCLUDED.gone, gone_at = EXCLUDED.gone_at "
    "WHERE c.seen IS DISTINCT FROM EXCLUDED.seen "
    "OR c.kind <> EXCLUDED.kind OR c.gone IS DISTINCT FROM EXCLUDED.gone",
    4,
};

/* --- for `moonpost explain` -------------------------------------------------------- */

#define NEWEST "coalesce((SELECT max(id) FROM broadcasts), 0)::text"
#define SENDER                                                                 \
    "coalesce((SELECT sender FROM broadcasts ORDER BY id DESC LIMIT 1), '')"
#define BOT "coalesce((SELECT max(bot_id) FROM chats), 1)::text"

const struct config_explained broadcast_explained[] = {
    { &broadcast_count_statement, BOT ", 'all', ''", { NULL } },
    { &broadcast_make_statement,
      BOT ", 'list', '{1,2,3}', 'sendMessage', '{}', '3 chats', 'explain', "
          "'explain'",
      { NULL } },
    { &broadcast_find_statement, NEWEST ", '1'", { NULL } },
    { &broadcast_errors_statement, NEWEST, { NULL } },
    { &broadcast_chats_statement, NEWEST ", '0', 'sent'", { NULL } },
    { &broadcast_change_statement,
      NEWEST ", '{running}', 'paused', NULL",
      { NULL } },
    { &broadcast_retry_statement, NEWEST, { NULL } },
    { &broadcast_look_statement, BOT ", 'explain', '{}', '8'", { NULL } },
    { &broadcast_step_statement,
      NEWEST ", " SENDER
             ", '[{\"chat_id\": 1, \"state\": \"sent\"}]', '{1}', '1', '0'",
      { NULL } },
    { &broadcast_finish_statement, NEWEST ", " SENDER, { NULL } },
    { &broadcast_release_statement, "'explain', '{1}'", { NULL } },
    { &broadcast_prune_statement, "'30', '5000'", { NULL } },
    { &chats_write_statement,
      BOT ", '{1,2,3}', '{private,private,private}', '{\"\",\"\",\"\"}'",
      { NULL } },
    { NULL, NULL, { NULL } },
};
