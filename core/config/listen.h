/*
 * listen.h - keeps a store's cache current with what others write.
 *
 *     CONNECTING ─ LISTEN, catch up, test ─► LISTENING ─ connection lost ─┐
 *          ▲  └─ the test message does not come ─► POLLING                │
 *          └──────────────────────────────────────────────────────────────┘
 *
 * A connection of its own LISTENs to the channel moonpost_config (and a schema's
 * name, where it is not public: bots can share a database). After each
 * (re)connect it reads what changed since the last moment of which it knew
 * everything, then sends itself a message through the store's connection. If
 * that does not come (a pooler in transaction mode swallows it), it says so
 * once, closes its connection, and from then on looks up changed rows every
 * poll_ms, on the store's connection. While the listening connection is down,
 * it looks them up too.
 *
 * "Since" is a transaction snapshot (pg_snapshot_xmin), not a time: exact, also for
 * transactions that take long.
 */
#ifndef CONFIG_LISTEN_H
#define CONFIG_LISTEN_H

#include "config/store.h"

struct config_listener;

struct config_listener_options {
    struct pg_options connection; /* its own; the url is copied */
    struct pg *lent;              /* instead: it stays the caller's; or NULL */
    int poll_ms;
    int test_ms; /* for its own message to come; 0: 5 000. Three may get lost */
};

enum config_listener_state {
    LISTENER_CONNECTING,
    LISTENER_LISTENING,
    LISTENER_POLLING
};

/* ERR_USAGE: the url. */
struct config_listener *
config_listener_new(struct loop *loop, struct config_store *store,
                    struct pg *pg, const struct config_listener_options *o,
                    struct err *err) MUST_CHECK;
/* Before the store, and its pg. NULL is allowed. */
void config_listener_free(struct config_listener *listener);
enum config_listener_state
config_listener_state(const struct config_listener *listener);

#endif
