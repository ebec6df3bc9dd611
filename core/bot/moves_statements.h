/* moves_statements.h - the SQL of chats that move; what each is for stands with it. */
#ifndef BOT_MOVES_STATEMENTS_H
#define BOT_MOVES_STATEMENTS_H

#include "config/explain.h"

/* old id, new id, although versions differ → outcome, with a config, rows moved,
 * rows that stayed, why: of moonpost_move_chat() */
extern const struct pg_statement moves_move_statement;
/* how many → those that moved lately: old id, new id, has something come since?; the
 * last one last */
extern const struct pg_statement moves_known_statement;

/* For `moonpost explain`. */
extern const struct config_explained moves_explained[];

#endif
