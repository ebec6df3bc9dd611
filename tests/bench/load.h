/*
 * load.h - the scripted load: which updates there are, and whether each was
 * answered right, once, and in order.
 *
 * Chat number i is a supergroup (two of three) or a private chat. Three of four
 * have a row in chat_configs with a limit of their own; the others must get
 * LOAD_DEFAULT. The chats' updates are shuffled over the whole load; within a
 * chat they are numbered 1, 2, 3, …: odd ones say "/limit" and are answered
 * "Limit: X", even ones say "/limit n2" and are answered "Limit: X n2". So the
 * order of a chat's answers can be seen from outside: between two marked ones
 * there must be exactly one without a mark.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdio.h>

#include "base/buf.h"

#define LOAD_DEFAULT 5 /* antiflood.max of a chat without a row */

struct load_update {
    uint32_t chat, number; /* number: 1 … within the chat */
    uint32_t text, len;    /* of its JSON, in load.text */
    int64_t handed;        /* when first handed out, ns; 0: not yet */
    int64_t answered;      /* when its sendMessage arrived; 0: not yet */
};

struct load_chat {
    uint32_t first, count; /* its updates: load.order[first …], in order */
    uint32_t low;          /* all numbers up to this one are answered */
    uint32_t plain, high;  /* highest answered: unmarked, of all */
    uint32_t unanswered;   /* sendMessage calls that have no answer yet */
    int64_t message_id;    /* of its last message */
};

struct load {
    uint32_t updates, chats;
    int64_t first_id; /* update_id of update 0 */
    struct load_update *update;
    struct load_chat *chat;
    uint32_t *order;
    struct buf text;

    /* counts of what has happened */
    uint32_t handed, redelivered;
    uint32_t replies, right, wrong, duplicates, out_of_order, overlapped;
    uint32_t strange; /* to a chat that is not of this load */
    int64_t first_handed, last_reply;
    struct buf examples; /* JSON strings with commas: the first mistakes */
    unsigned example_count;
};

/* Updates and chats at least 1, chats at most 1,000,000. */
void load_init(struct load *l, uint32_t updates, uint32_t chats, unsigned seed,
               int64_t first_id);
void load_release(struct load *l);

int64_t load_chat_id(uint32_t chat);
int load_chat_limit(uint32_t chat);

/* The table chat_configs of these chats, as input for psql. */
void load_print_sql(uint32_t chats, FILE *f);

/* The update is handed out now; appends its JSON. */
void load_hand_out(struct load *l, uint32_t update, int64_t now,
                   struct buf *out);

/* A sendMessage has arrived. Returns its chat, to be given to load_replied()
 * when the call is answered, or NULL if it is none of ours. */
struct load_chat *load_reply(struct load *l, const char *chat_id,
                             const char *text, int64_t now);

/* Every update has an answer of some kind. */
bool load_done(const struct load *l);

/* Append the counts as members of a JSON object, without its braces. */
void load_report(const struct load *l, struct buf *out);

#endif
