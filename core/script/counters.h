/*
 * counters.h - counts that expire, in memory: what the module counter is made of.
 *
 * A counter has a name and perhaps a window; it counts for each key (a chat, a
 * person, both, a text). The window is cut in COUNTER_PARTS parts: what was added is
 * forgotten when it is between one window and 1/COUNTER_PARTS more old, never
 * sooner. At most `max` counts are kept, of all counters together; the one that was
 * not used for longest goes first.
 *
 * Those of a durable counter are also in the database: what was added since is
 * taken (counters_take()), written, and told (counters_told()). Such a count is not
 * forgotten before it is written, unless all that are kept are unwritten: then what
 * was added to the one not used for longest is lost. Knows no SQL and no Lua.
 */
#ifndef SCRIPT_COUNTERS_H
#define SCRIPT_COUNTERS_H

#include "base/buf.h"

#define COUNTER_PARTS 10
#define COUNTER_KEY_MAX 100 /* bytes */
#define COUNTER_NAME_MAX 60

struct counters;
struct counter; /* lives as long as counters */

struct count_key {
    int64_t chat, user; /* 0: not counted by it */
    struct slice key;   /* "": the same */
};

struct counters *counters_new(int max);
void counters_free(struct counters *all); /* NULL is allowed */

/* The counter with this name, window and kind. window_ms 0: nothing expires. */
struct counter *counters_find(struct counters *all, const char *name,
                              int64_t window_ms, bool durable);
const char *counter_name(const struct counter *c);
int64_t counter_window_ms(const struct counter *c);

/* now_ms: since 1970. add: n may be negative; the count never is. */
int64_t counters_add(struct counter *c, const struct count_key *key,
                     int64_t now_ms, int64_t n);
int64_t counters_get(struct counter *c, const struct count_key *key,
                     int64_t now_ms);
void counters_reset(struct counter *c, const struct count_key *key);

struct count_top {
    int64_t chat, user, n;
    struct slice key; /* valid until anything is added */
};
/* The greatest, at most max, greatest first; chat, user: of this one, 0: any.
 * Goes through all that are kept. */
int counters_top(const struct counter *c, int64_t chat, int64_t user,
                 int64_t now_ms, struct count_top *out, int max);

int counters_kept(const struct counters *all); /* in memory */

/* --- durable ones ------------------------------------------------------------------ */

/* Is it known what the database has? Else it is to be looked up, and kept by
 * counters_load(), once for each part; then counters_loaded(). */
bool counters_knows(struct counter *c, const struct count_key *key);
/* slot: when that part began, in ms since 1970; 0: there is no window. */
void counters_load(struct counter *c, const struct count_key *key, int64_t slot,
                   int64_t n);
void counters_loaded(struct counter *c, const struct count_key *key);

/* What was added to a part of a count. */
struct count_change {
    const char *name;
    struct count_key key; /* valid until it is told */
    int64_t slot, n;
    int64_t total;    /* of that part here */
    int64_t keep_ms;  /* from now on; 0: for ever */
    struct count *of; /* private, and the next */
    int64_t part;
    unsigned epoch;
};

/* Take at most max changes; each must be told. */
int counters_take(struct counters *all, int64_t now_ms,
                  struct count_change *out, int max);
/* It is written, and the part is n now; or it is not: then it is taken again. */
void counters_told(struct counters *all, const struct count_change *change,
                   bool written, int64_t n);
/* How many counts have something to be taken or told. */
int counters_unwritten(const struct counters *all);
/* How many counts were forgotten before they were written. */
int64_t counters_lost(const struct counters *all);

#endif
