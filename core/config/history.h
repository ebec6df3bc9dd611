/*
 * history.h - the revisions of a chat's config, and going back to one.
 *
 * Every write keeps what it replaced (bot/schema/0002_config_history.sql), up to
 * store options' history revisions of a chat.
 */
#ifndef CONFIG_HISTORY_H
#define CONFIG_HISTORY_H

#include "config/rows.h"

/* The present row, if there is one, then the revisions that are kept, newest
 * first: config_row_read(). */
struct pg_op *config_history_start(struct pg *pg, int64_t chat_id);
/* Is row i the present one? Only the first can be. */
bool config_history_is_present(const struct pg_op *op, int i);

/*
 * Make a document (an object, of this version) the chat's whole config, as a new
 * revision. revision: the present row's, 0 if there is none; whatever it holds is
 * not read, unless somebody else writes meanwhile. Errors as config_commit().
 */
struct config_op *config_replace(struct config_store *store, int64_t chat_id,
                                 int64_t revision, int version,
                                 struct slice document, const char *who);

#endif
