/*
 * parked.h - updates that must not go to their lanes yet.
 *
 * A lane is parked while PostgreSQL has updates of it that are not in memory here
 * (another process still runs them, or there was no room): what is behind the first
 * of these waits. Or while a suspect is in it: an update
 * that a process may have died of. Those that were tried least run first. The first
 * time up to PARKED_TOGETHER run side by side; if the process dies again, these are
 * tried a second time, each alone among suspects: then it is known of which it dies.
 */
#ifndef BOT_PARKED_H
#define BOT_PARKED_H

#include "script/task.h"

#define PARKED_TOGETHER 8

struct parked;

struct parked_callbacks {
    void (*run)(struct incoming *in, void *arg); /* taken: to its lane */
    /* The turn of a suspect: note it, then parked_run_suspect(), perhaps later. */
    void (*suspect)(struct incoming *in, void *arg);
    void *arg;
};

struct parked *parked_new(const struct parked_callbacks *callbacks);
void parked_free(
    struct parked *parked); /* and what is parked; NULL is allowed */

/* Take an update if its lane is parked or it is a suspect. False: not taken. */
bool parked_push(struct parked *parked, struct incoming *in);
/* The lanes with updates elsewhere, and the first of these; all others are free. May
 * run some. */
struct parked_lane {
    int64_t lane, update_id;
};
void parked_set_busy(struct parked *parked, const struct parked_lane *lanes,
                     size_t n);
bool parked_has_busy(const struct parked *parked);
/* The suspect whose turn it is goes to its lane; nothing if it is not there. */
void parked_run_suspect(struct parked *parked, int64_t update_id);
/* An update is done: if it was a suspect, the next one follows. */
void parked_done(struct parked *parked, int64_t update_id);
int parked_count(const struct parked *parked);

#endif
