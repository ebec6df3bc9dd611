/* moves_statements.c - see moves_statements.h; the work is in schema/0006. */
#include "bot/moves_statements.h"

const struct pg_statement moves_move_statement = {
    "moves_move",
    "SELECT outcome, with_config, moved, stayed, why "
    "FROM moonpost_move_chat($1::bigint, $2::bigint, $3::bool)",
    3,
};

const struct pg_statement moves_known_statement = {
    "moves_known",
    "SELECT old_id, new_id, EXISTS (SELECT FROM chat_configs "
    "WHERE chat_id = old_id) FROM (SELECT * FROM moved_chats "
    "ORDER BY moved_at DESC LIMIT $1::int) AS lately ORDER BY moved_at",
    1,
};

const struct config_explained moves_explained[] = {
    { &moves_move_statement, "'1', '1', 'f'", { NULL } },
    { &moves_known_statement, "'1000'", { NULL } },
    { NULL, NULL, { NULL } },
};
