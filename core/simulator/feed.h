/*
 * feed.h - everything that happened, numbered: events for those who listen, and
 * the last updates and calls.
 *
 * One counter (seq) numbers all of it. Events go to the open streams of
 * GET /sim/events and are kept for those who come later; see docs/simulator.md
 * for their kinds. Memory is bounded: FEED_EVENTS events, FEED_ENTRIES updates
 * and as many calls, each at most FEED_TEXT_MAX bytes of what was said.
 */
#ifndef SIMULATOR_FEED_H
#define SIMULATOR_FEED_H

#include "base/buf.h"

#define FEED_EVENTS 3000
#define FEED_ENTRIES 1000
#define FEED_TEXT_MAX 16384

struct feed;
struct httpd_request;

struct feed *feed_new(void);
void feed_free(struct feed *feed); /* ends the streams */
/* Forget the updates and calls; seq goes on. */
void feed_clear(struct feed *feed);

/* fn is called after each event: something may have come that is waited for. */
void feed_on_event(struct feed *feed, void (*fn)(void *arg), void *arg);

int64_t feed_seq(const struct feed *feed); /* of the last event */
/* The number of the next event, for data that holds it; feed_event() follows. */
int64_t feed_next_seq(struct feed *feed);
/* kind is a literal; data a JSON object. */
void feed_event(struct feed *feed, int64_t seq, const char *kind,
                struct slice data);
/* An event without anything to say: "state", "reset". */
void feed_signal(struct feed *feed, const char *kind);

/* One update was queued. Returns its place, for feed_update_done(). */
int64_t feed_update(struct feed *feed, int64_t bot, int64_t update_id,
                    struct slice update);
void feed_update_done(struct feed *feed, int64_t place, int64_t update_id);

struct feed_call {
    int64_t bot;
    const char *method;
    struct slice params, response; /* JSON */
    int status;
    int64_t us; /* how long it took */
};
void feed_call(struct feed *feed, const struct feed_call *call);

/* Append the entries after a seq as a JSON array; returns how many. bot 0: of
 * all. method NULL: all. */
size_t feed_list_updates(const struct feed *feed, int64_t after, int64_t bot,
                         struct buf *out);
size_t feed_list_calls(const struct feed *feed, int64_t after, int64_t bot,
                       const char *method, struct buf *out);

/* Make req a stream of events: those after the seq first; -1: only new ones. */
void feed_stream(struct feed *feed, struct httpd_request *req, int64_t after);

int64_t now_ms(void); /* since 1970 */

#endif
