/* commands_statements.c - see commands_statements.h. */
#include "bot/commands_statements.h"

const struct pg_statement commands_sent_statement = {
    "commands_sent",
    "SELECT scope, language, commands FROM bot_commands "
    "WHERE bot_id = $1::bigint ORDER BY scope, language",
    1,
};

const struct pg_statement commands_keep_statement = {
    "commands_keep",
    "INSERT INTO bot_commands (bot_id, scope, language, commands) "
    "VALUES ($1::bigint, $2, $3, $4) ON CONFLICT (bot_id, scope, language) "
    "DO UPDATE SET commands = EXCLUDED.commands, sent_at = now()",
    4,
};

const struct pg_statement commands_drop_statement = {
    "commands_drop",
    "DELETE FROM bot_commands WHERE bot_id = $1::bigint AND scope = $2 AND "
    "language = $3",
    3,
};

const struct config_explained commands_explained[] = {
    { &commands_sent_statement, "'1'", { NULL } },
    { &commands_keep_statement,
      "'1', '{\"type\":\"default\"}', 'de', '[]'",
      { NULL } },
    { &commands_drop_statement,
      "'1', '{\"type\":\"default\"}', 'de'",
      { NULL } },
    { NULL, NULL, { NULL } },
};
