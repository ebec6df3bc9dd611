/* ask_int.h - what ask.c and ask_lua.c share. */
#ifndef SCRIPT_ASK_INT_H
#define SCRIPT_ASK_INT_H

#include <stddef.h>
#include <uthash.h>

#include "base/heap.h"
#include "script/ask.h"
#include "script/filter.h"
#include "script/task.h"

/* What a command does that comes meanwhile. */
enum ask_commands {
    ASK_COMMANDS_PASS, /* it is carried out, the question stays */
    ASK_COMMANDS_END,  /* it is carried out, and ends the question */
    ASK_COMMANDS_TAKE, /* it is an answer like another */
};

struct ask {
    struct op op; /* first: what its task waits on */
    struct asks *asks;
    struct task *task;
    struct ask_key key;
    UT_hash_handle hh;
    struct heap_node deadline;
    struct filter *filter; /* NULL: any message */
    char *cancel;          /* NULL: "/cancel"; "": none */
    char *ended;         /* what is said if the program ends; NULL: the usual */
    const char *why;     /* it was ended so; NULL: it was not */
    struct incoming *in; /* came before its task waited */
    struct incoming *waker; /* in its lane */
    char id[12];            /* in its buttons */
    enum ask_commands commands;
    bool waiting; /* its task waits for it */
    bool listed;  /* updates are looked at for it */
};

#define ASK_OF_DEADLINE(node)                                                  \
    ((struct ask *)((char *)(node)-offsetof(struct ask, deadline)))

struct asks {
    struct loop *loop;
    struct asks_options options;
    struct ask *by_key;
    struct heap deadlines;
    struct op *timer;
    int64_t timer_at;
    int64_t bot_id; /* for filters; 0: unknown */
    void (*push)(struct incoming *in, void *arg);
    void *push_arg;
    bool stopped;
};

/* For the task that runs; ends another's one of the same key. */
struct ask *ask_open(struct asks *asks, struct task *t,
                     const struct ask_key *key, int64_t timeout_ms);
/* All of it is set: let it be noted. */
void ask_noted(struct ask *ask, int64_t timeout_ms);
/* Nothing answers it any more. why: static. */
void ask_end(struct ask *ask, const char *why);
void ask_wake(struct ask *ask);

#endif
