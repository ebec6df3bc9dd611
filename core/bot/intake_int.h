/*
 * intake_int.h - what the files of intake share.
 *
 *     intake.c        what is in hand; the interface
 *     intake_poll.c   when to poll, and from which update on
 *     intake_push.c   what the webhook gives
 *     intake_inbox.c  saving, loading, suspects
 */
#ifndef BOT_INTAKE_INT_H
#define BOT_INTAKE_INT_H

#include "bot/intake.h"

#include <uthash.h>

#include "bot/parked.h"
#include "bot/seen.h"

#define UPDATE_DEPTH_MAX 128
#define UPDATE_ID_MAX (INT64_C(1) << 53)

/* An update that came and is not done yet, in order of arrival. */
struct held {
    int64_t id;
    struct incoming *in; /* its lane's, or parked */
    size_t bytes;
    int64_t since_ms;
    bool saved;              /* it stands in the inbox */
    bool saving;             /* it is on its way there */
    bool left;               /* there for anybody */
    bool done;               /* while saving */
    bool doubtful;           /* saved perhaps: the answer was lost */
    intake_answer_fn answer; /* NULL: nobody waits */
    void *answer_arg;
    TAILQ_ENTRY(held) link;
    UT_hash_handle hh;
};

TAILQ_HEAD(held_list, held);

/* Pushed, and not put in the inbox yet. */
struct pushed {
    struct incoming *in;
    intake_answer_fn answer;
    void *answer_arg;
    enum intake_answer how; /* when it is only to be told */
    bool over;
    TAILQ_ENTRY(pushed) link;
};

TAILQ_HEAD(pushed_list, pushed);

enum intake_state { INTAKE_CLOSED, INTAKE_LOADING, INTAKE_OPEN };

struct intake {
    struct loop *loop;
    struct lanes *lanes;
    struct inbox *inbox;
    struct intake_options options;
    struct poll *poll;
    struct seen *seen;
    struct parked *parked;
    enum intake_state state;
    bool stopped;

    /* in hand */
    struct held_list order;
    struct held *by_id;
    size_t bytes;
    int unsaved; /* of these */

    /* saving */
    struct pg_op *save;
    void (*handed_over)(bool ok, void *arg);
    void *handed_over_arg;
    struct op *told; /* hand_over: there is nothing to save */

    /* loading */
    struct pg_op *seen_op, *take_op, *lanes_op;
    TAILQ_HEAD(, beginning) beginning; /* suspects */
    struct op *load_pause;
    int64_t looked_ms;
    bool others; /* share the webhook with us */
    bool told_trouble;
    bool careful;

    /* polling */
    int64_t last_id; /* of the last that came; 0: none yet */
    int64_t polled_offset, polled_at;
    int64_t expected; /* the number of an update that has none */
    struct op *patience;
    bool impatient; /* patience is over */
    int rush;       /* unsaved when a short patience began; 0: it did not */
    bool full_answer;
    bool taking;      /* going through an answer */
    bool cannot_save; /* the last try failed */
    bool told_unsaved;
    bool look_first; /* before the next poll: its updates may be behind rows */
    struct pg_op *careful_op;
    int64_t careful_last;

    /* pushing */
    struct pushed_list pushed; /* to be put, or told */
    struct pushed_list putting;
    struct pg_op *put;
    int64_t *doubtful; /* put perhaps: the answer was lost */
    size_t ndoubtful;
    struct pg_op *untake;
    struct loop_turn_hook *hook;
};

/* intake.c */
struct held *intake_find(struct intake *in, int64_t id);
/* Hold an update (taken) and give it to its lane. */
struct held *intake_hold(struct intake *in, struct incoming *incoming,
                         bool saved);
bool intake_is_full(const struct intake *in);
/* Read a text (copied). NULL: why, in *err. */
struct incoming *intake_read(struct slice text, bool valid, struct err *err);
void intake_answer_held(struct held *h, enum intake_answer how);
void intake_remove(struct intake *in, struct held *h);

/* intake_poll.c */
void intake_poll_init(struct intake *in, struct tg *tg);
void intake_poll_if_due(struct intake *in);
void intake_wait(struct intake *in, int64_t ms); /* then look what is due */

/* intake_push.c */
void intake_push_release(struct intake *in);
void intake_push_flush(void *arg);
/* Load what was put and is not in memory here, since the answer was lost. */
void intake_push_recover(struct intake *in);
void intake_wait_push(struct intake *in, int64_t ms);

/* intake_inbox.c */
void intake_load(struct intake *in);
void intake_load_release(struct intake *in);
/* Save what is unfinished and is not saved. False: nothing is to be saved. */
bool intake_save(struct intake *in);
/* Save the texts for a run with care, then acknowledge them. */
void intake_save_careful(struct intake *in, struct incoming **list, size_t n);
void intake_look_soon(struct intake *in);
void intake_begin_suspect(struct incoming *incoming, void *arg);

#endif
