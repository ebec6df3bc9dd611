/*
 * counter_desk.h - what the module counter asks of the host: the counts, and for
 * durable ones the database (bot/counter_writes.h).
 */
#ifndef SCRIPT_COUNTER_DESK_H
#define SCRIPT_COUNTER_DESK_H

#include "io/op.h"
#include "script/counters.h"

/* Of top: what is in the database. */
struct counter_op {
    struct op op;
    struct count_top *list; /* greatest first */
    int n;
};

struct counter_desk {
    struct counters *all;
    /* Then counters_knows(). */
    struct op *(*load)(void *arg, struct counter *c,
                       const struct count_key *key);
    /* Forget it, here and in the database. */
    struct op *(*reset)(void *arg, struct counter *c,
                        const struct count_key *key);
    /* A counter_op; chat, user: of this one, 0: any. What was added is written
     * before. */
    struct op *(*top)(void *arg, struct counter *c, int64_t chat, int64_t user,
                      int n);
    int64_t (*home)(void *arg, int64_t chat); /* its id now */
    void *arg;
};

#endif
