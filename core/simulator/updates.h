/*
 * updates.h - one bot's updates: queued, then fetched by getUpdates or delivered
 * to a webhook, by Telegram's rules.
 */
#ifndef SIMULATOR_UPDATES_H
#define SIMULATOR_UPDATES_H

#include "simulator/simulator_int.h"

struct call;

struct updates *updates_new(struct simulator *sim, struct bot *bot);
void updates_free(struct updates *updates);

/*
 * Queue {"update_id": …, kind: object}; object is JSON. Returns its id, 0 when
 * the bot does not want updates of that kind (allowed_updates).
 */
int64_t updates_push(struct updates *updates, const char *kind,
                     struct slice object);
/* An Update without update_id; always queued. 0: nothing in it. */
int64_t updates_push_update(struct updates *updates, const json_t *update);
/* Text that need not be JSON; '@' becomes the id. Always queued. */
int64_t updates_push_raw(struct updates *updates, struct slice text);

/* Does a poller or a webhook take them? */
bool updates_connected(const struct updates *updates);
const char *updates_webhook_url(const struct updates *updates); /* or "" */
bool updates_polled(const struct updates *updates); /* one waits here now */
void updates_drop_pending(struct updates *updates);

/* The methods' part; each says the answer or keeps the call (getUpdates). */
bool updates_poll(struct updates *updates, struct call *c);
bool updates_set_webhook(struct updates *updates, struct call *c);
bool updates_delete_webhook(struct updates *updates, struct call *c);
bool updates_webhook_info(struct updates *updates, struct call *c);

#endif
