/* statements_bulk.c - the SQL of bulk upgrades. See bulk_int.h. */
#include "config/bulk_int.h"

/* As the table has them (large ones are compressed there), a batch's documents are
 * at most this much and one more. */
#define BATCH_BYTES (1 << 20)

/* The time, in a form that every session reads the same; how many rows. */
const struct pg_statement config_bulk_begin_statement = {
    "config_bulk_begin",
    "SELECT to_json(now()) #>> '{}', CASE WHEN $2::bool THEN "
    "(SELECT count(*) FROM chat_configs WHERE version < $1::int) ELSE -1 END",
    2,
};

/*
 * A page of rows, then of these as many as are not too much together, then
 * their text, once. In a later pass, rows that have failed are not met again.
 */
const struct pg_statement config_bulk_read_statement = {
    "config_bulk_read",
    "SELECT chat_id, CASE WHEN octet_length(text) <= $6::int THEN text END, "
    "version, revision, octet_length(text) "
    "FROM (SELECT chat_id, config::text AS text, version, revision "
    "FROM (SELECT *, sum(size) OVER (ORDER BY version, chat_id) - size AS "
    "before "
    "FROM (SELECT chat_id, config, version, revision, "
    "coalesce(pg_column_size(config), 0) AS size FROM chat_configs AS c "
    "WHERE (version, chat_id) > ($1::int, $2::bigint) AND version < $3::int "
    "AND NOT EXISTS (SELECT FROM config_failures AS f "
    "WHERE f.chat_id = c.chat_id AND f.failed_at >= $5::timestamptz) "
    "ORDER BY version, chat_id LIMIT $4::int) AS page) AS sized "
    "WHERE before < $7::int OFFSET 0) AS rows ORDER BY version, chat_id",
    7,
};

/*
 * One statement for a batch: its triggers run once, and once for all its rows.
 * Pruned are the revisions that are one too many after this one. Its commit does
 * not wait for the disk: should the server crash just then, these rows are of
 * the old version again, and upgraded again; whoever builds on one waits for both.
 */
const struct pg_statement config_bulk_write_statement = {
    "config_bulk_write",
    "WITH batch AS (SELECT chat_id, revision, text::jsonb AS config "
    "FROM unnest($1::bigint[], $2::bigint[], "
    "string_to_array($3::text, E'\\x1f')) AS row (chat_id, revision, text)), "
    "pruned AS (DELETE FROM config_history AS h USING batch AS b "
    "WHERE b.revision > $6::int AND h.chat_id = b.chat_id "
    "AND h.revision <= b.revision - $6::int), "
    "written AS (UPDATE chat_configs AS c SET config = b.config, "
    "version = $4::int, revision = c.revision + 1, updated_at = now(), "
    "changed_by = $5::text, changed_xid = pg_current_xact_id() "
    "FROM batch AS b WHERE c.chat_id = b.chat_id AND c.revision = b.revision "
    "RETURNING 1) "
    "SELECT n, CASE WHEN n < $7::int THEN (SELECT count(*) FROM batch AS b "
    "JOIN chat_configs AS c USING (chat_id) "
    "WHERE c.revision > b.revision AND c.version >= $4::int) ELSE 0 END, "
    "set_config('synchronous_commit', 'off', true) "
    "FROM (SELECT count(*) AS n FROM written) AS count",
    7,
};

const struct pg_statement config_bulk_failures_statement = {
    "config_bulk_failures",
    "INSERT INTO config_failures (chat_id, version, error) "
    "SELECT chat_id, version, error FROM jsonb_to_recordset($1::jsonb) "
    "AS f (chat_id bigint, version int, error text) "
    "ON CONFLICT (chat_id) DO UPDATE SET version = EXCLUDED.version, "
    "error = EXCLUDED.error, failed_at = now()",
    1,
};

/*
 * What has got further since, or is gone, is no failure any more. Locking a row is
 * written to the server's log, so this commit waits for the disk, and for all
 * before it: what is told as done is there for good.
 */
const struct pg_statement config_bulk_end_statement = {
    "config_bulk_end",
    "WITH over AS (DELETE FROM config_failures AS f WHERE NOT EXISTS (SELECT "
    "FROM chat_configs AS c WHERE c.chat_id = f.chat_id "
    "AND c.version <= f.version)), "
    "locked AS (SELECT FROM chat_configs ORDER BY chat_id LIMIT 1 FOR UPDATE "
    "SKIP LOCKED) "
    "SELECT count(*) FROM locked",
    0,
};

/*
 * A dry run comes before the schema migrations: there may be a table that another
 * program made, without the column version, and no index on it.
 */
const struct pg_statement config_bulk_dry_begin_statement = {
    "config_bulk_dry_begin",
    "SELECT '', CASE WHEN $2::bool THEN (SELECT count(*) FROM chat_configs AS "
    "c "
    "WHERE coalesce((to_jsonb(c) ->> 'version')::int, 0) < $1::int) ELSE -1 "
    "END",
    2,
};

/* Through all rows; without the text of those that are current. */
const struct pg_statement config_bulk_dry_read_statement = {
    "config_bulk_dry_read",
    "SELECT chat_id, CASE WHEN version < $2::int "
    "AND octet_length(text) <= $4::int THEN text END, version, 0, "
    "octet_length(text) FROM (SELECT chat_id, config::text AS text, version "
    "FROM (SELECT *, sum(size) OVER (ORDER BY chat_id) - size AS before "
    "FROM (SELECT chat_id, config, "
    "coalesce((to_jsonb(c) ->> 'version')::int, 0) AS version, "
    "coalesce(pg_column_size(config), 0) AS size "
    "FROM chat_configs AS c WHERE chat_id > $1::bigint "
    "ORDER BY chat_id LIMIT $3::int) AS page) AS sized "
    "WHERE before < $5::int OFFSET 0) AS rows ORDER BY chat_id",
    5,
};

static struct pg_op *send(struct bulk *b, const struct pg_statement *statement,
                          const struct slice *params)
{
    b->store->statements++;
    return pg_query(b->store->pg, statement, params, statement->nparams);
}

struct pg_op *bulk_send_begin(struct bulk *b)
{
    char version[24];
    struct slice params[2] = {
        pg_int_param(version, b->store->rules.version),
        slice_of(b->o.on_batch ? "t" : "f"),
    };

    return send(b,
                b->o.dry_run ? &config_bulk_dry_begin_statement
                             : &config_bulk_begin_statement,
                params);
}

static int64_t text_max(const struct bulk *b)
{
    size_t max = b->store->document_max * CONFIG_READ_FACTOR;

    return max < INT32_MAX ? (int64_t)max : INT32_MAX;
}

static struct pg_op *send_dry_read(struct bulk *b)
{
    char chat[24], version[24], batch[24], max[24], bytes[24];
    struct slice params[5] = {
        pg_int_param(chat, b->at_chat),
        pg_int_param(version, b->store->rules.version),
        pg_int_param(batch, b->o.batch),
        pg_int_param(max, text_max(b)),
        pg_int_param(bytes, BATCH_BYTES),
    };

    return send(b, &config_bulk_dry_read_statement, params);
}

struct pg_op *bulk_send_read(struct bulk *b)
{
    char at[24], chat[24], version[24], batch[24], max[24], bytes[24];
    struct slice params[7] = {
        pg_int_param(at, b->at_version),
        pg_int_param(chat, b->at_chat),
        pg_int_param(version, b->store->rules.version),
        pg_int_param(batch, b->o.batch),
        slice_of(b->pub.counts.passes > 1 ? b->since : "infinity"),
        pg_int_param(max, text_max(b)),
        pg_int_param(bytes, BATCH_BYTES),
    };

    return b->o.dry_run ? send_dry_read(b)
                        : send(b, &config_bulk_read_statement, params);
}

struct pg_op *bulk_send_write(struct bulk *b, const struct bulk_post *p)
{
    struct buf chats = BUF_INIT, revisions = BUF_INIT;
    char version[24], history[24], n[24];
    struct slice params[7];
    struct pg_op *query;

    for (int i = 0; i < p->nrows; i++) {
        buf_addc(&chats, i ? ',' : '{');
        buf_add_int(&chats, p->rows[i].chat_id);
        buf_addc(&revisions, i ? ',' : '{');
        buf_add_int(&revisions, p->rows[i].revision);
    }
    buf_addc(&chats, '}');
    buf_addc(&revisions, '}');
    params[0] = buf_slice(&chats);
    params[1] = buf_slice(&revisions);
    params[2] = buf_slice(&p->texts);
    params[3] = pg_int_param(version, b->store->rules.version);
    params[4] = slice_of(b->who);
    params[5] = pg_int_param(history, b->store->history);
    params[6] = pg_int_param(n, p->nrows);
    query = send(b, &config_bulk_write_statement, params);
    buf_release(&chats);
    buf_release(&revisions);
    return query;
}

struct pg_op *bulk_send_failures(struct bulk *b, struct slice json)
{
    return send(b, &config_bulk_failures_statement, &json);
}

struct pg_op *bulk_send_end(struct bulk *b)
{
    return send(b, &config_bulk_end_statement, NULL);
}
