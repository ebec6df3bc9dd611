/* commands_statements.h - the SQL of what Telegram was told of commands. */
#ifndef BOT_COMMANDS_STATEMENTS_H
#define BOT_COMMANDS_STATEMENTS_H

#include "config/explain.h"

/* bot → scope, language, commands */
extern const struct pg_statement commands_sent_statement;
/* bot, scope, language, commands: it was sent */
extern const struct pg_statement commands_keep_statement;
/* bot, scope, language: it was deleted */
extern const struct pg_statement commands_drop_statement;

/* For `moonpost explain`. */
extern const struct config_explained commands_explained[];

#endif
