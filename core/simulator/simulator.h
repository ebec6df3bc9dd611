/*
 * simulator.h - a Telegram that runs here: the Bot API on one side, a chat page
 * and /sim/ on the other. See docs/simulator.md.
 */
#ifndef SIMULATOR_SIMULATOR_H
#define SIMULATOR_SIMULATOR_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/loop.h"

struct simulator;

struct simulator_options {
    const char *address;     /* NULL: "127.0.0.1" */
    int port;                /* 0: any free one */
    int64_t first_update_id; /* of each bot; 0: 1 000 001 */
};

/* ERR_SYSTEM when the port is taken, naming address and port. */
struct simulator *simulator_start(struct loop *loop,
                                  const struct simulator_options *options,
                                  struct err *err) MUST_CHECK;
int simulator_port(const struct simulator *sim);
/* A line of the host for the page: level "info", "warn" or "error". */
void simulator_say(struct simulator *sim, const char *level, const char *area,
                   const char *text);
/* For `moonpost test`: what is going on between it and a bot. */
struct simulator_rest {
    int polls; /* getUpdates that wait: nothing is unconfirmed then */
    int calls; /* not answered yet, these included */
};
struct simulator_rest simulator_rest(const struct simulator *sim,
                                     int64_t bot_id);
/*
 * For `moonpost replay`: who is asked first about every call but getUpdates. params:
 * a JSON object. true: it has appended the whole answer, {"ok": …}, and the call
 * does nothing here.
 */
typedef bool (*simulator_answer_fn)(const char *method, struct slice params,
                                    struct buf *answer, int *status, void *arg);
void simulator_answer_with(struct simulator *sim, simulator_answer_fn fn,
                           void *arg);
/* People, chats, bots and what happened: as at the start. */
void simulator_reset(struct simulator *sim);
void simulator_free(struct simulator *sim); /* NULL is allowed */

#endif
