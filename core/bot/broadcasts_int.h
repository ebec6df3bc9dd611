/*
 * broadcasts_int.h - the inside of broadcasts.h: broadcasts.c finds what is to be
 * sent, broadcast_run.c sends one.
 */
#ifndef BOT_BROADCASTS_INT_H
#define BOT_BROADCASTS_INT_H

#include <sys/queue.h>

#include "bot/broadcasts.h"
#include "telegram/send.h"

/* A chat that is marked as sending, and its call. */
struct posting {
    struct run *run;
    int64_t chat_id;
    struct tg_op *call;
    TAILQ_ENTRY(posting) link;
};

/* What became of a chat, not noted in the database yet. */
struct noting {
    int64_t chat_id;
    struct broadcast_answer answer;
    char *error; /* NULL: none */
};

/* A broadcast that this process sends. */
struct run {
    struct broadcasts *all;
    int64_t id;
    char *method, *recipients;
    struct buf parameters;
    TAILQ_HEAD(, posting) postings;
    int npostings;
    struct noting
        *notings;        /* those of the step that is on its way come first */
    int nnotings, nsent; /* nsent: of that step */
    int asked;           /* chats wanted of that step */
    struct pg_op *step;  /* step, finish; one at a time */
    struct op *change;   /* it pauses itself */
    struct op *pause;    /* before it goes on */
    int64_t after;       /* claims begin behind this chat */
    bool dry;            /* nothing is left to claim */
    bool ending;         /* claims no more */
    int refused_in_row;
    char refused[200]; /* by what the last of them was refused */
    bool told_database;
    /* for the log */
    int64_t total, done, done_here;
    int64_t sent, blocked, failed, in_doubt; /* here */
    int64_t began_ms, told_ms;
    TAILQ_ENTRY(run) link;
};

struct broadcasts {
    struct loop *loop;
    struct pg *pg;
    struct sender *sender;
    int64_t bot;
    struct broadcasts_options options;
    char id[40]; /* of this process: the lease's holder */
    TAILQ_HEAD(, run) runs;
    int nruns;
    struct op *timer;
    struct pg_op *look, *release, *prune;
    int64_t pruned_ms;
    int running;      /* of the bot, by whomever */
    struct buf ended; /* while stopping: whose leases are to be released */
    bool started, stopping, kicked, told;
};

/* One that look found: begins. The strings are copied. */
struct found {
    int64_t id;
    struct slice method, parameters, recipients;
    int64_t in_doubt, total, waiting;
};
void run_begin(struct broadcasts *b, const struct found *found);
struct run *run_find(struct broadcasts *b, int64_t id);
void run_stop(struct run *run); /* claim no more; it may be gone then */
void run_tell(struct run *run); /* a line in the log, every few seconds */
void run_free(struct run *run);

/* broadcasts.c: a run has come to its end, and is freed. */
void broadcasts_ended(struct run *run);

#endif
