/*
 * send_int.h - parts of the sender (send.h): what is to be done after a try
 * (send_judge.c), which methods have to wait (send_holds.c). For
 * telegram/send*.c.
 */
#ifndef TELEGRAM_SEND_INT_H
#define TELEGRAM_SEND_INT_H

#include "telegram/api.h"

#define SEND_METHOD_MAX 64 /* bytes of a method's name */

enum send_next {
    SEND_END,      /* it is what the call brings */
    SEND_AGAIN,    /* trouble: try again a little later */
    SEND_FLOOD,    /* 429: try again when it says */
    SEND_REDIRECT, /* the chat has another id */
};

/* maybe_sent: may this try have been carried out although it brought an error? */
enum send_next send_judge(const struct tg_op *tried, bool repeatable,
                          bool *maybe_sent);

/* How long to wait after that many tries. Random in part, so that calls that
 * failed together don't come back together. */
int64_t send_backoff_ns(int tries);
/* How long to wait by a 429: a little longer than it says. */
int64_t send_flood_ns(const struct tg_op *tried);

/*
 * Methods that got a 429 and are no messages: calls of them wait, for that chat.
 * The first to end gives way when there are too many. Zeroed memory is none.
 */
#define SEND_HOLDS 32

struct send_holds {
    struct send_hold {
        char method[SEND_METHOD_MAX + 1];
        int64_t chat_id, until;
    } all[SEND_HOLDS];
    int n;
};

void send_hold(struct send_holds *holds, const char *method, int64_t chat_id,
               int64_t until);
int64_t send_held_until(struct send_holds *holds, const char *method,
                        int64_t chat_id, int64_t now); /* 0: it isn't */

#endif
