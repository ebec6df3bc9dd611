/*
 * api.h - the Bot API server's state, shared by its methods (methods.c) and by
 * what bin/bench asks of it (botapi.c).
 */
#ifndef BENCH_API_H
#define BENCH_API_H

#include "fields.h"
#include "load.h"

#include <time.h>

#define SECOND 1000000000LL
#define BATCH_MAX 100       /* updates in an answer, as Telegram's server */
#define SETTLE (SECOND / 5) /* after the last reply: late duplicates, CPU */

struct delayed {
    struct conn *conn; /* NULL: it has gone */
    struct load_chat *chat;
    int64_t due;
};

struct options {
    int port, updates, chats, delay_ms, rate, batch;
    unsigned seed;
    int64_t first_id;
    bool sql;
};

struct api {
    struct server server;
    struct options o;
    struct load load;
    uint32_t confirmed; /* updates before this one are gone */
    int64_t released;   /* when; 0: not yet */

    struct conn *poller; /* waits in getUpdates */
    int64_t poll_due;
    int poll_limit;
    unsigned polls, conflicts, calls;
    double first_poll_ms; /* when the bot first asked, Unix time; 0: never */

    struct conn *reporter; /* waits in /bench/report */
    int64_t report_due;

    struct delayed *delayed; /* a ring: the delay is the same for all */
    size_t delayed_first, delayed_count, delayed_cap;

    clockid_t clock; /* the bot's CPU time */
    bool measuring;
    int64_t cpu_start, cpu;
    int64_t settled; /* when cpu is read: SETTLE after the last reply */

    struct buf commands; /* setMyCommands */
    struct buf out, chat_id, text;
};

/* A call of a Bot API method; c is answered now or later. */
void api_call(struct api *a, struct conn *c, struct slice method,
              const struct request *r);

/* c is gone. */
void api_forget(struct api *a, struct conn *c);

/* Give the answers whose time has come. Returns when to be called again. */
int64_t api_tick(struct api *a, int64_t now);

bool slice_is_ci(struct slice s, const char *text); /* ASCII, any case */

#endif
