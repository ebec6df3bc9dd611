/*
 * statements.c - the SQL of reading and writing configs. See store_int.h;
 * statements_*.c have that of bulk upgrades, of listening and of history.
 */
#include "config/statements.h"

#include "config/store_int.h"

/* Without lazy sections: what nearly every bot sends. */
const struct pg_statement config_fetch_statement = {
    "config_fetch",
    "SELECT chat_id, config, version, revision, NULL FROM chat_configs "
    "WHERE chat_id = ANY ($1::bigint[]) ORDER BY chat_id",
    1,
};

/* A row to be upgraded is needed whole. The last column: which lazy sections it
 * has that are left out. */
const struct pg_statement config_fetch_part_statement = {
    "config_fetch_part",
    "SELECT chat_id, "
    "CASE WHEN part THEN config - $2::text[] ELSE config END, "
    "version, revision, "
    "CASE WHEN part THEN ARRAY (SELECT name FROM unnest($2::text[]) AS name "
    "WHERE config ? name) END "
    "FROM (SELECT *, version >= $3::int AND jsonb_typeof(config) = 'object' "
    "AS part FROM chat_configs WHERE chat_id = ANY ($1::bigint[])) AS rows "
    "ORDER BY chat_id",
    3,
};

/* The trigger moonpost_config_count gives it a revision. */
const struct pg_statement config_insert_statement = {
    "config_insert",
    "INSERT INTO chat_configs (chat_id, config, version, changed_by) "
    "VALUES ($1::bigint, $2::jsonb, $3::int, $4::text) "
    "ON CONFLICT (chat_id) DO NOTHING RETURNING revision",
    4,
};

/* The trigger of chat_configs puts what is replaced into the history. */
const struct pg_statement config_update_statement = {
    "config_update",
    "WITH pruned AS (DELETE FROM config_history WHERE chat_id = $1::bigint "
    "AND revision <= $3::bigint - $6::int) "
    "UPDATE chat_configs SET config = $2::jsonb, version = $4::int, "
    "revision = revision + 1, updated_at = now(), changed_by = $5::text, "
    "changed_xid = pg_current_xact_id() "
    "WHERE chat_id = $1::bigint AND revision = $3::bigint RETURNING revision",
    6,
};

const struct pg_statement config_find_statement = {
    "config_find",
    "SELECT revision, true FROM chat_configs WHERE chat_id = $1::bigint "
    "AND revision > $2::bigint AND changed_by = $3::text "
    "AND config = $4::jsonb "
    "UNION ALL SELECT revision, false FROM config_history "
    "WHERE chat_id = $1::bigint AND revision > $2::bigint "
    "AND changed_by = $3::text AND config = $4::jsonb ORDER BY 1 LIMIT 1",
    4,
};

/* The names of the lazy sections that are not in the set. */
static void add_left_out(const struct config_store *store, uint32_t sections,
                         struct buf *out)
{
    const struct setting *root = store->rules.schema;

    buf_addc(out, '{');
    for (size_t i = 0; root && i < root->nchildren; i++) {
        const struct setting *s = root->children[i];

        if (s->lazy & ~sections)
            buf_addf(out, "%s%s", out->len > 1 ? "," : "", s->name);
    }
    buf_addc(out, '}');
}

struct pg_op *config_send_fetch(struct config_store *store, struct slice chats,
                                uint32_t sections)
{
    struct buf left_out = BUF_INIT;
    struct slice params[3] = { chats };
    struct pg_op *query;
    char version[24];

    store->statements++;
    if (!(store->lazy_all & ~sections))
        return pg_query(store->pg, &config_fetch_statement, params, 1);
    add_left_out(store, sections, &left_out);
    params[1] = buf_slice(&left_out);
    params[2] = pg_int_param(version, store->rules.version);
    query = pg_query(store->pg, &config_fetch_part_statement, params, 3);
    buf_release(&left_out);
    return query;
}

struct pg_op *config_send_insert(struct config_store *store,
                                 const struct config *base, struct slice text,
                                 const char *who)
{
    char chat[24], version[24];
    struct slice params[4] = {
        pg_int_param(chat, base->chat_id),
        text,
        pg_int_param(version, base->version),
        slice_of(who),
    };

    store->statements++;
    return pg_query(store->pg, &config_insert_statement, params, 4);
}

struct pg_op *config_send_update(struct config_store *store,
                                 const struct config *base, struct slice text,
                                 const char *who)
{
    char chat[24], revision[24], version[24], history[24];
    struct slice params[6] = {
        pg_int_param(chat, base->chat_id),
        text,
        pg_int_param(revision, base->revision),
        pg_int_param(version, base->version),
        slice_of(who),
        pg_int_param(history, store->history),
    };

    store->statements++;
    return pg_query(store->pg, &config_update_statement, params, 6);
}

struct pg_op *config_send_find(struct config_store *store,
                               const struct config *base, struct slice text,
                               const char *who)
{
    char chat[24], revision[24];
    struct slice params[4] = {
        pg_int_param(chat, base->chat_id),
        pg_int_param(revision, base->revision),
        slice_of(who),
        text,
    };

    store->statements++;
    return pg_query(store->pg, &config_find_statement, params, 4);
}
