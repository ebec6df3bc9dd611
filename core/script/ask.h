/*
 * ask.h - tasks that wait for an update: ctx:ask() and ctx:wait().
 *
 *     open ── asks_close() or its task waits ──► waiting ── answered, or ended ──► done
 *
 * An ask says for whose update a task waits: a person's, or anybody's, in a chat
 * and topic. What lanes start is looked at first (asks_find()): an update that
 * answers goes to the task instead of the handlers. There is one ask for a person
 * in a chat and topic; a second ends the first.
 *
 * Questions themselves (buttons, checking, asking again) are lua/moonpost.ask.lua.
 * Who is told that a conversation was ended by the program's end is kept by whoever
 * hears `note`: bot/asks.h.
 */
#ifndef SCRIPT_ASK_H
#define SCRIPT_ASK_H

#include <lua.h>

#include "io/loop.h"
#include "telegram/update.h"

#define ASK_TIMEOUT_MAX_MS ((int64_t)30 * 24 * 3600 * 1000)

struct ask;
struct asks;
struct generation;
struct incoming;
struct task;

struct ask_key {
    int64_t chat_id;
    int64_t user_id; /* 0: anybody */
    int64_t topic;   /* 0: none */
};

struct asks_options {
    int max; /* open and waiting at once */
    /* This one is asked, or (until_ms 0) is not any more. ended: what is to be said
     * if the program ends meanwhile, NULL: the usual. until_ms: of clock_wall_us(),
     * in ms. Or NULL. */
    void (*note)(const struct ask_key *key, const char *ended, int64_t until_ms,
                 void *arg);
    /* A button of a question was pressed that this person can't answer: foreign, it
     * is somebody else's, or it is over. Or NULL. */
    void (*stray)(const struct update *u, bool foreign, void *arg);
    void *arg;
};

struct asks *asks_new(struct loop *loop, const struct asks_options *options);
void asks_free(struct asks *asks); /* when no task is left; NULL is allowed */
int asks_count(const struct asks *asks); /* open and waiting; NULL: 0 */

/* From now on what is over is not noted: the program ends. */
void asks_stop(struct asks *asks);
/* Call fn for each that waits or is open. */
void asks_each(struct asks *asks,
               void (*fn)(const struct ask_key *key, const char *ended,
                          void *arg),
               void *arg);
/* End all of a chat's: it has another id now. */
void asks_chat_moved(struct asks *asks, int64_t chat_id);
/* End all: another process gets the updates from now on. */
void asks_end_all(struct asks *asks);

/* --- for lanes ------------------------------------------------------------------- */

/* Wakes tasks for other reasons than an update: an incoming (taken) for the lane
 * in->lane, which is to come back by ask_of_waker(). */
void asks_on_wake(struct asks *asks,
                  void (*push)(struct incoming *in, void *arg), void *arg);

enum ask_found {
    ASK_NONE,
    ASK_ANSWERED, /* it is an answer: to ask_give() */
    ASK_TOLD,     /* a press of a button that nobody waits for: it is over */
};
/* May this update be for an ask that is there now? Cheap. asks may be NULL. */
bool asks_may_take(const struct asks *asks, const struct update *u);
enum ask_found asks_find(struct asks *asks, const struct update *u,
                         const char *bot_username, struct ask **found);
/* What an incoming is of that wakes: NULL: it wakes nobody any more. */
bool ask_is_waker(const struct incoming *in);
struct ask *ask_of_waker(struct incoming *in);

struct task *ask_task(const struct ask *ask);
/* Does its task wait already, or is it still asking (as bot.concurrent() may)? */
bool ask_is_waited_for(const struct ask *ask);
/* The task goes on: with an update (taken by it), or, NULL, without. */
void ask_give(struct ask *ask, struct incoming *in);

/* --- for tasks and modules --------------------------------------------------------- */

void ask_free(struct ask *ask); /* one that is open; NULL is allowed */

int ctx_ask(lua_State *L);  /* ctx:ask(question [, options])         [waits] */
int ctx_wait(lua_State *L); /* ctx:wait(filter [, options])          [waits] */

/* What lua/moonpost.ask.lua gets.                                 [-0, +1, m] */
void mod_ask_push(lua_State *L, struct generation *gen);

#endif
