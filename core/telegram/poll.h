/*
 * poll.h - getUpdates, one call after another.
 *
 * The owner says when to poll next and from which update on: an offset
 * acknowledges everything below it (https://core.telegram.org/bots/api#getupdates).
 * Trouble is retried here, with backoff and jitter, from 0.5 s to 30 s; the
 * first failure and every change of reason is logged, and the recovery.
 */
#ifndef TELEGRAM_POLL_H
#define TELEGRAM_POLL_H

#include "telegram/api.h"

struct poll;

struct poll_callbacks {
    /* An answer: n updates, each the text of one element of the result. valid:
     * all of it is valid JSON; otherwise check each. Borrowed. n may be 0. */
    void (*updates)(const struct slice *updates, size_t n, bool valid,
                    void *arg);
    /* The token is wrong: polling has ended. */
    void (*refused)(const char *why, void *arg);
    void *arg;
    /* Somebody else gets the updates (409); it is tried again all the same,
     * unless this stops it. Or NULL. */
    void (*conflict)(void *arg);
};

struct poll_options {
    int timeout_s;
    int limit; /* of updates in one answer, 1 to 100 */
};

struct poll *poll_new(struct loop *loop, struct tg *tg,
                      const struct poll_options *options,
                      const struct poll_callbacks *callbacks);
void poll_free(struct poll *poll);

/* The kinds wanted, as a JSON array; from the next call on. */
void poll_allow(struct poll *poll, const char *allowed_updates);

/* Ask for updates from offset on (0: all that wait). One at a time. */
void poll_next(struct poll *poll, int64_t offset, int limit);
bool poll_is_running(const struct poll *poll);
/* Why the last try brought nothing; NULL: it went well, or is the first. */
const char *poll_trouble(const struct poll *poll);
/* End the call that runs, if any; its answer is not acknowledged. */
void poll_stop(struct poll *poll);

/*
 * Acknowledge everything below offset and fetch nothing: at the end. The op
 * is a tg_op; a poll that runs is ended first.
 */
struct tg_op *poll_acknowledge(struct poll *poll, int64_t offset);

#endif
