/*
 * send_int.h - parts of the sender (send.h), for telegram/send*.c: calls that
 * wait (send_line.c), tries and what they bring (send_try.c), what is to be done
 * after a try (send_judge.c), which methods have to wait (send_holds.c).
 *
 *     send_start() ─► IN_LINE ─► TRYING ─► done
 *           └────────────▲──┐ │ ▲
 *                        └──┼─┘ │  429, trouble: a message goes back in line,
 *                           ▼   │  what is no message waits by itself
 *                         PAUSED
 *
 * In `wakes` is each call that waits: one in line with the end of its time, one
 * that is paused with the end of its pause.
 */
#ifndef TELEGRAM_SEND_INT_H
#define TELEGRAM_SEND_INT_H

#include "base/heap.h"
#include "base/metrics.h"
#include "telegram/pace.h"
#include "telegram/send.h"

#define MS INT64_C(1000000) /* of loop_now_ns() */
#define SEND_METHOD_MAX 64  /* bytes of a method's name */
#define SEND_IN_DOUBT " (it may have been sent)"

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

/* --- senders and calls -------------------------------------------------------- */

struct sender {
    struct loop *loop;
    struct tg *tg;
    struct pace *pace;
    int queue_max;
    struct heap wakes;
    struct op *timer;
    int64_t timer_at;
    struct send_holds holds;
    struct moved_chats *moved;
    bool any_moved;
    sender_moved_fn on_moved;
    void *on_moved_arg;
    struct sender_stats stats;
    int paused[SEND_PRIORITIES];
    int64_t tell_again; /* of a 429 */
    struct metric_series *seconds;
};

enum call_state { IN_LINE, PAUSED, TRYING, ENDED };

struct send_op {
    struct tg_op pub;
    struct sender *s;
    struct pace_item item; /* of a message; chat_id and priority of all */
    struct heap_node wake;
    enum call_state state;
    struct tg_op *tried; /* runs, or is what the call brought */
    struct buf body;     /* between tries */
    struct http_form *form;
    int64_t tried_at;        /* the last time; of loop_now_ns(), too */
    int64_t asked, deadline; /* of loop_now_ns() */
    int timeout_ms;
    int tries;
    bool is_message, repeatable, maybe_sent, redirected, waited;
    char method[SEND_METHOD_MAX + 1];
};

/* --- send_line.c -------------------------------------------------------------- */

/* Try it now, or let it wait, or end it if that is in vain. */
void send_ask(struct send_op *op, int64_t now);
/* It is already in pace's line: pace_back(). */
void send_wait_in_line(struct send_op *op);
void send_pause_until(struct send_op *op, int64_t until);
void send_stop_waiting(struct send_op *op, int64_t now);
/* Let go whoever can, end whoever's time is up. */
void send_wake_up(struct sender *s);
/* See to it that send_wake_up() comes when the next of them is due. */
void send_set_timer(struct sender *s, int64_t now);

/* --- send_try.c --------------------------------------------------------------- */

void send_try(struct send_op *op, int64_t now);
/* The chat has got this id. */
void send_set_chat(struct send_op *op, int64_t chat_id);

#endif
