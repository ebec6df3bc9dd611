/*
 * broadcast_desk.h - making broadcasts, looking at them and changing them: for
 * scripts through the host, and for `moonpost broadcast`. Sending them is
 * broadcasts.h.
 */
#ifndef BOT_BROADCAST_DESK_H
#define BOT_BROADCAST_DESK_H

#include "io/loop.h"
#include "io/pg.h"
#include "telegram/broadcast.h"

/* All give a broadcast_op (telegram/broadcast.h). */
struct op *broadcast_make_start(struct loop *loop, struct pg *pg, int64_t bot,
                                const struct broadcast_order *order);
struct op *broadcast_find_start(struct loop *loop, struct pg *pg, int64_t id,
                                int limit);
/* reason: of a pause; or NULL. */
struct op *broadcast_change_start(struct loop *loop, struct pg *pg, int64_t id,
                                  enum broadcast_change change,
                                  const char *reason);

/* A broadcast's most frequent errors: rows of state, error, how many, one chat. */
struct pg_op *broadcast_errors_start(struct pg *pg, int64_t id);
/* The next of its chats after one, in this state ("": any): at most 1,000 rows of
 * chat, state, error. */
struct pg_op *broadcast_chats_start(struct pg *pg, int64_t id, int64_t after,
                                    const char *state);

/* How many chats an order is for: an op of pg.h with one row, the number and some
 * of the chats as "{1,2}", or NULL. */
struct pg_op *broadcast_count_start(struct pg *pg, int64_t bot,
                                    const struct broadcast_order *order);

#endif
