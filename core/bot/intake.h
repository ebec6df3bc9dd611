/*
 * intake.h - updates in hand: from the poll to the lanes, and acknowledging.
 *
 * An update is in hand from its arrival until its task is done. The next poll
 * asks from the first one that is not done, so nothing that a crash would take
 * has been acknowledged; what Telegram then sends again is recognised by its
 * update_id. At the cap of updates or bytes in hand, polling waits.
 */
#ifndef BOT_INTAKE_H
#define BOT_INTAKE_H

#include "bot/lanes.h"
#include "telegram/poll.h"

struct intake;

struct intake_options {
    int updates_max;
    size_t bytes_max;
    int patience_ms; /* before polling again with updates unfinished */
    int poll_timeout_s;
    void (*refused)(const char *why, void *arg); /* the token is wrong */
    void *arg;
};

struct intake *intake_new(struct loop *loop, struct tg *tg, struct lanes *lanes,
                          const struct intake_options *options);
void intake_free(struct intake *intake);

void intake_allow(struct intake *intake, const char *allowed_updates);
void intake_start(struct intake *intake);
/* Poll no more. */
void intake_stop(struct intake *intake);
/* After intake_stop(): tell Telegram what is done. NULL: nothing is to be told. */
struct tg_op *intake_acknowledge(struct intake *intake);

/* To be called when a lane is done with an update. */
void intake_done(struct intake *intake, int64_t update_id);

int intake_in_hand(const struct intake *intake);

#endif
