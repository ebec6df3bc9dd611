/*
 * intake.h - updates in hand: from the poll or the webhook to the lanes, and
 * acknowledging.
 *
 *     CLOSED ─ intake_begin() ─► LOADING ─ the inbox is read ─► OPEN
 *        ▲                                                        │
 *        └────────── intake_close(): another one leads ───────────┘
 *
 * An update is in hand from its arrival until its task is done. It is acknowledged
 * (by the next poll's offset, or the webhook's 200) when it is done or stands in
 * the inbox (inbox.h). Polling: when the next poll is due, and some are not done
 * yet, these are saved, and then it begins behind them. Due: all are done; or
 * patience_ms after the answer, BUSY_PATIENCE_MS when more are waiting. If they
 * can't be saved, it begins at the first that is not done, and what comes again
 * is known by its update_id (seen.h). At the cap of updates or bytes in hand,
 * polling waits, and what is pushed is refused.
 */
#ifndef BOT_INTAKE_H
#define BOT_INTAKE_H

#include "bot/inbox.h"
#include "bot/lanes.h"
#include "telegram/poll.h"

struct intake;

struct intake_options {
    int updates_max;
    size_t bytes_max;
    int patience_ms; /* before an unfinished update is saved */
    int poll_timeout_s;
    bool polls;
    bool shares; /* webhook: other instances get updates at the same time */
    struct inbox *inbox; /* NULL: none; then nothing is saved */
    void (*refused)(const char *why, void *arg); /* the token is wrong */
    void (*conflict)(void *arg); /* somebody else polls; or NULL */
    /* An update is to be set aside: it can't be read ("unreadable"), or
     * processes died of it ("crash"). Its text is borrowed. */
    void (*dead)(int64_t update_id, struct slice text, const char *reason,
                 const char *why, int tries, void *arg);
    void (*arrived)(const struct update *u, void *arg); /* a new one, or NULL */
    void (*opened)(void *arg); /* updates are taken from now on */
    void *arg;
};

struct intake *intake_new(struct loop *loop, struct tg *tg, struct lanes *lanes,
                          const struct intake_options *options);
void intake_free(struct intake *intake);

void intake_allow(struct intake *intake, const char *allowed_updates);

/* Load the inbox, then take updates. clean: see instance.h; else a process may have
 * died of one that comes now, and the first ones are looked at with care. */
void intake_begin(struct intake *intake, bool clean);
/* Take no more, go on with what is in hand; until the next intake_begin(). */
void intake_close(struct intake *intake);
/* A sign that the inbox may have something for us: look. */
void intake_look(struct intake *intake, bool others);

/* For the webhook: what became of an update. */
enum intake_answer {
    INTAKE_DONE,
    INTAKE_SAVED,
    INTAKE_FULL, /* not taken: too many, or stopping */
    INTAKE_BAD,  /* not an update; it is in the log */
};
typedef void (*intake_answer_fn)(enum intake_answer answer, void *arg);
/* update: copied. fn is called once, from the loop, never in this call. fn NULL is
 * allowed. */
void intake_push(struct intake *intake, struct slice update,
                 intake_answer_fn fn, void *arg);

/* To be called when a lane is done with an update. */
void intake_done(struct intake *intake, int64_t update_id);

/* Its lane is done with it, but something of it is still to be said: it stays in hand
 * until intake_done(); its text is not needed any more. */
void intake_detach(struct intake *intake, int64_t update_id);

/* Poll again as if the patience with what is not done were over. For tests of bots,
 * which know when nothing more comes by waiting. */
void intake_hurry(struct intake *intake);

int intake_in_hand(const struct intake *intake);
int intake_saved(const struct intake *intake); /* of these: in the inbox, too */
bool intake_is_open(const struct intake *intake);
/* Why no updates come; NULL: they do, or another instance polls. */
const char *intake_trouble(const struct intake *intake);

/* --- the end --------------------------------------------------------------------- */

/* Take no more; lanes_stop() goes before it. */
void intake_stop(struct intake *intake);
/* Save what is not done: what runs as ours, the rest for anybody. done is called
 * from the loop; ok: there is nothing that is not in the inbox. */
void intake_hand_over(struct intake *intake, void (*done)(bool ok, void *arg),
                      void *arg);
/* After intake_stop(): tell Telegram what it need not keep. NULL: nothing. */
struct tg_op *intake_acknowledge(struct intake *intake);

#endif
