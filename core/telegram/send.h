/*
 * send.h - calls of the Bot API that wait their turn and are tried again.
 *
 * send_start() is tg_start() (telegram/api.h) within Telegram's flood limits:
 * the op that it returns is a tg_op like any other, and holds what the last try
 * brought. Waiting for the limits, trying again and going after a chat that has
 * moved are not to be seen in it. What waits for what is in telegram/pace.h,
 * what counts and what may be repeated in telegram/methods.h.
 *
 * A call's time (timeout_ms, or the tg's) counts from send_start() on:
 *   - ERR_TIMEOUT, "not sent": it still waited for the flood limits. At once, if
 *     they are known to last longer than its time, or if queue_max calls wait.
 *   - else the last try's error. op.maybe_sent: it may have arrived all the same;
 *     op.err.text says so, too.
 *
 * Tried again, until the time is up: what could not be sent (no connection, DNS,
 * 502, 503, 504) for any method; what may have arrived (500, a connection that
 * broke, an answer that is none) for methods that are safe to repeat; 429 after
 * its retry_after, for which later calls wait, too.
 */
#ifndef TELEGRAM_SEND_H
#define TELEGRAM_SEND_H

#include "telegram/api.h"

/* Who goes first where there is a limit. The first ones are served first; each
 * leaves a part of the bot's burst to those before it. */
enum send_priority {
    SEND_REPLY, /* somebody waits for it */
    SEND_OTHER, /* messages to elsewhere, timers, errands of the host */
    SEND_BROADCAST,
    SEND_PRIORITIES,
};

/* Each at least 1. In a bot's own server's case, very high ones are no limits. */
struct sender_options {
    int bot_per_s;     /* messages a second, to all chats */
    int chat_per_s;    /* to one chat */
    int chat_burst;    /* to a chat that had none for a while, at once */
    int group_per_min; /* to one group, supergroup or channel */
    int queue_max;     /* calls that wait; more fail. A tenth is for replies */
};

/* Counted from the start on, but for those that say now. */
struct sender_stats {
    int64_t calls;
    int64_t waited;    /* calls that did not go at once */
    int64_t waited_us; /* how long, together; of those that are over */
    int64_t timed_out; /* while they waited */
    int64_t refused;   /* queue_max */
    int64_t floods;    /* answers 429 */
    int64_t retries;   /* tries after the first, those after 429 included */
    int64_t redirects; /* to chats that have moved */
    int waiting_now;   /* for the limits, or to be tried again */
    int waiting_now_of[SEND_PRIORITIES];
    int chats_now; /* whose pace is remembered */
};

struct sender;

struct sender *sender_new(struct loop *loop, struct tg *tg,
                          const struct sender_options *options);
void sender_free(struct sender *s); /* after all its ops; NULL is allowed */

/* call as for tg_start(). method: 64 bytes at most. */
struct tg_op *send_start(struct sender *s, const struct tg_call *call,
                         enum send_priority priority);

/* Was there a try? false: it has only waited so far, and is sent nowhere. */
bool send_has_left(const struct tg_op *call);

/*
 * May this call go at once by another way, as the answer to a webhook's request?
 * true: it is counted as sent. false: use send_start(). Nothing is taken. A chat
 * that has moved: false.
 */
bool send_elsewhere(struct sender *s, const struct tg_call *call);

void sender_get_stats(const struct sender *s, struct sender_stats *stats);

/*
 * A group has become a supergroup, of another id: calls to the old go to the new
 * one from now on. Some thousands are remembered, the oldest are forgotten.
 */
void sender_moved(struct sender *s, int64_t from, int64_t to);

/* fn hears of it when a 400 said so (and the call went there), once for a chat;
 * not of what sender_moved() was told. On an empty stack. */
typedef void (*sender_moved_fn)(int64_t from, int64_t to, void *arg);
void sender_on_moved(struct sender *s, sender_moved_fn fn, void *arg);

#endif
