/*
 * send_int.h - what is to be done after a try: see send.h. For telegram/send*.c.
 */
#ifndef TELEGRAM_SEND_INT_H
#define TELEGRAM_SEND_INT_H

#include "telegram/api.h"

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

#endif
