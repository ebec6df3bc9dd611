/*
 * store_desk.h - small values under keys, of a chat or a person: what ctx.store is
 * given by the host (bot/stores.h).
 *
 * Values are JSON. One that has expired is not there any more. Nothing is kept in
 * memory: what was read is what is stored.
 */
#ifndef SCRIPT_STORE_DESK_H
#define SCRIPT_STORE_DESK_H

#include "io/op.h"
#include "io/pg.h"

enum store_outcome {
    STORE_DONE,
    STORE_NOT, /* no such key; or, where only a new one was wanted, it is there */
    STORE_FULL,     /* the chat has as many keys as it may */
    STORE_NO_NUMBER /* what is stored can't be counted on */
};

struct store_op {
    struct op op;
    enum store_outcome outcome;
    struct slice value;  /* JSON; of a get, a take, an add that is done */
    int64_t n;           /* of a clear: how many there were; of all: rows */
    struct pg_op *query; /* of all: rows of key, value */
    /* private */
    struct stores *stores;
    void (*read)(struct store_op *op);
    struct store_batch *batch; /* a get on its way */
    char *text;                /* a get: its key, then the value */
    int64_t chat_id;
    TAILQ_ENTRY(store_op) link;
};

/* Keys and values are copied. ttl_ms 0: it does not expire. */
struct store_desk {
    struct store_op *(*get)(void *arg, int64_t id, struct slice key);
    struct store_op *(*all)(void *arg, int64_t id);
    struct store_op *(*set)(void *arg, int64_t id, struct slice key,
                            struct slice json, int64_t ttl_ms, bool only_new);
    /* number: added to what is stored, or to 0; then ttl_ms holds. */
    struct store_op *(*add)(void *arg, int64_t id, struct slice key,
                            struct slice number, int64_t ttl_ms);
    struct store_op *(*take)(void *arg, int64_t id, struct slice key);
    struct store_op *(*clear)(void *arg, int64_t id);
    void *arg;
    size_t value_max; /* bytes of JSON */
    int keys_max;     /* of a chat */
};

#endif
