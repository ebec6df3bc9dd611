/* statements.c - the SQL of config/, in one place. See store_int.h. */
#include "config/store_int.h"

const struct pg_statement config_fetch_statement = {
    "config_fetch",
    "SELECT chat_id, config, version, revision FROM chat_configs "
    "WHERE chat_id = ANY ($1::bigint[]) ORDER BY chat_id",
    1,
};

static const struct pg_statement insert_statement = {
    "config_insert",
    "INSERT INTO chat_configs (chat_id, config, version) "
    "VALUES ($1::bigint, $2::jsonb, $3::int) "
    "ON CONFLICT (chat_id) DO NOTHING RETURNING revision",
    3,
};

static const struct pg_statement update_statement = {
    "config_update",
    "UPDATE chat_configs SET config = $2::jsonb, version = $4::int, "
    "revision = revision + 1, updated_at = now() "
    "WHERE chat_id = $1::bigint AND revision = $3::bigint RETURNING revision",
    4,
};

struct pg_op *config_send_fetch(struct config_store *store, struct slice chats)
{
    store->statements++;
    return pg_query(store->pg, &config_fetch_statement, &chats, 1);
}

struct pg_op *config_send_insert(struct config_store *store,
                                 const struct config *base, struct slice text)
{
    char chat[24], version[24];
    struct slice params[3] = {
        pg_int_param(chat, base->chat_id),
        text,
        pg_int_param(version, base->version),
    };

    store->statements++;
    return pg_query(store->pg, &insert_statement, params, 3);
}

struct pg_op *config_send_update(struct config_store *store,
                                 const struct config *base, struct slice text)
{
    char chat[24], revision[24], version[24];
    struct slice params[4] = {
        pg_int_param(chat, base->chat_id),
        text,
        pg_int_param(revision, base->revision),
        pg_int_param(version, base->version),
    };

    store->statements++;
    return pg_query(store->pg, &update_statement, params, 4);
}
