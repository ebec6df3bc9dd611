/* intake.c - see intake.h. */
#include "bot/intake.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/json.h"
#include "base/log.h"

#define UPDATE_DEPTH_MAX 128
/* The Bot API server delays who polls the same offset again sooner. */
#define SAME_OFFSET_MS 3000
#define ID_MAX (INT64_C(1) << 53)
/* A server that does not wait for updates is not asked more often than this. */
#define NOTHING_NEW_MS 250
#define SHOWN_MAX 200 /* bytes of an unreadable update in the log */

/* An update that came and is not acknowledged yet, in order of arrival. */
struct held {
    int64_t id;
    bool done;
    size_t bytes;
    TAILQ_ENTRY(held) link;
    UT_hash_handle hh;
};

struct intake {
    struct loop *loop;
    struct poll *poll;
    struct lanes *lanes;
    struct intake_options options;
    TAILQ_HEAD(, held) order;
    struct held *by_id;
    int unfinished;
    size_t bytes;
    int64_t last_id; /* of the last that came; 0: none yet */
    int64_t polled_offset, polled_at;
    int64_t expected; /* the number of an update that has none */
    struct op *patience;
    bool impatient; /* patience is over: poll with updates unfinished */
    bool taking;    /* going through a poll's answer */
    bool stopped;
};

static void poll_if_due(struct intake *in);

/* --- what is in hand ------------------------------------------------------------ */

static struct held *find(struct intake *in, int64_t id)
{
    struct held *h;

    HASH_FIND(hh, in->by_id, &id, sizeof(id), h);
    return h;
}

static void hold(struct intake *in, int64_t id, size_t bytes)
{
    struct held *h = xalloc(sizeof(*h));

    h->id = id;
    h->bytes = bytes;
    TAILQ_INSERT_TAIL(&in->order, h, link);
    HASH_ADD(hh, in->by_id, id, sizeof(h->id), h);
    in->unfinished++;
    in->bytes += bytes;
    in->last_id = id;
}

static void let_go(struct intake *in, struct held *h)
{
    TAILQ_REMOVE(&in->order, h, link);
    HASH_DEL(in->by_id, h);
    free(h);
}

/* The first that is not done: what is before it is acknowledged with it. */
static int64_t next_offset(const struct intake *in)
{
    const struct held *h;

    TAILQ_FOREACH (h, &in->order, link) {
        if (!h->done)
            return h->id;
    }
    return in->last_id ? in->last_id + 1 : 0;
}

/* Forget what is done, but for what a poll on its way may bring once more: it
 * was asked for before that was done. */
static void forget_done(struct intake *in)
{
    bool polling = poll_is_running(in->poll);
    struct held *h;

    if (in->taking) /* the rest of the answer may have it */
        return;
    while ((h = TAILQ_FIRST(&in->order)) && h->done &&
           !(polling && h->id >= in->polled_offset))
        let_go(in, h);
}

void intake_done(struct intake *in, int64_t update_id)
{
    struct held *h = find(in, update_id);

    if (!h || h->done)
        return;
    h->done = true;
    in->unfinished--;
    in->bytes -= h->bytes;
    forget_done(in);
    poll_if_due(in);
}

int intake_in_hand(const struct intake *in)
{
    return in->unfinished;
}

/* --- polling ---------------------------------------------------------------------- */

static void on_patience_over(struct op *op)
{
    struct intake *in = op->arg;

    op_free(op);
    in->patience = NULL;
    in->impatient = true;
    poll_if_due(in);
}

static void wait(struct intake *in, int64_t ms)
{
    op_free(in->patience);
    in->patience = timer_start(in->loop, ms);
    in->patience->done = on_patience_over;
    in->patience->arg = in;
}

static bool is_full(const struct intake *in)
{
    return in->unfinished >= in->options.updates_max ||
           in->bytes >= in->options.bytes_max;
}

static void poll_if_due(struct intake *in)
{
    int64_t offset, since;

    if (in->stopped || in->taking || poll_is_running(in->poll) || is_full(in))
        return;
    if (in->unfinished && !in->impatient)
        return;
    offset = next_offset(in);
    since = loop_now_ms() - in->polled_at;
    if (in->unfinished && offset == in->polled_offset &&
        since < SAME_OFFSET_MS) {
        if (!in->patience)
            wait(in, SAME_OFFSET_MS - since);
        return;
    }
    op_free(in->patience);
    in->patience = NULL;
    in->impatient = false;
    in->polled_offset = offset;
    in->polled_at = loop_now_ms();
    /* What is held from the offset on comes again, and takes up room too. */
    poll_next(in->poll, offset,
              (int)HASH_COUNT(in->by_id) + in->options.updates_max -
                  in->unfinished);
}

/* An update that can't be read is logged and counts as done. */
static void set_aside(struct slice text, const struct err *why)
{
    size_t n = text.n < SHOWN_MAX ? text.n : SHOWN_MAX;

    log_error("update", "an update can't be read and is skipped: %s: %.*s%s",
              why->text, (int)n, text.p, n < text.n ? "…" : "");
}

/* The number after "update_id": in a text that is not valid; 0: none. */
static int64_t guess_id(struct slice text)
{
    static const char key[] = "\"update_id\"";
    const char *p = memmem(text.p, text.n, key, sizeof(key) - 1);
    int64_t id = 0;

    /* Not the first thing in it, and no end to be seen: who knows whose it is. */
    if (!p || (p > text.p + 1 && json_outline(text).n != text.n))
        return 0;
    p += sizeof(key) - 1;
    while (p < text.p + text.n && (*p == ' ' || *p == ':'))
        p++;
    while (p < text.p + text.n && *p >= '0' && *p <= '9' && id <= ID_MAX)
        id = id * 10 + (*p++ - '0');
    return id <= ID_MAX ? id : 0;
}

/* Without a number that can be its own, it has the one that comes next. */
static void take_broken(struct intake *in, struct slice text,
                        const struct err *why)
{
    int64_t id = guess_id(text);

    if (id < in->expected)
        id = in->expected;
    in->expected = id + 1;
    if (find(in, id))
        return;
    set_aside(text, why);
    hold(in, id, 0);
    intake_done(in, id);
}

static bool has_number(const struct update *u, struct err *err)
{
    return (u->id > 0 && u->id <= ID_MAX) ||
           err_set(err, ERR_JSON, "its update_id is out of range");
}

/* Is it a new one? */
static bool take(struct intake *in, struct slice text, bool valid)
{
    struct incoming *incoming = xalloc(sizeof(*incoming));
    struct err err = ERR_INIT;

    buf_init(&incoming->text);
    buf_add_slice(&incoming->text, text);
    text = buf_slice(&incoming->text);
    if ((!valid && !json_check(text, UPDATE_DEPTH_MAX, &err)) ||
        !update_read(text, &incoming->u, &err) ||
        !has_number(&incoming->u, &err)) {
        take_broken(in, text, &err);
        incoming_free(incoming);
        return false;
    }
    in->expected = incoming->u.id + 1;
    if (find(in, incoming->u.id)) { /* came again, unacknowledged */
        incoming_free(incoming);
        return false;
    }
    if (incoming->u.kind == UPDATE_KINDS)
        log_debug("update", "update %lld is of an unknown kind: %.*s",
                  (long long)incoming->u.id, (int)incoming->u.kind_name.n,
                  incoming->u.kind_name.p ? incoming->u.kind_name.p : "");
    hold(in, incoming->u.id, text.n);
    lanes_push(in->lanes, incoming);
    return true;
}

static void on_updates(const struct slice *updates, size_t n, bool valid,
                       void *arg)
{
    struct intake *in = arg;
    int64_t since = loop_now_ms() - in->polled_at;
    bool fresh = false;

    if (in->stopped) /* not acknowledged: they come again */
        return;
    in->taking = true;
    in->expected = in->polled_offset ? in->polled_offset : in->last_id + 1;
    for (size_t i = 0; i < n; i++)
        fresh = take(in, updates[i], valid) || fresh;
    in->taking = false;
    forget_done(in);
    if (in->unfinished) {
        wait(in, in->options.patience_ms);
    } else if (!fresh && since < NOTHING_NEW_MS) {
        wait(in, NOTHING_NEW_MS - since);
        return;
    }
    poll_if_due(in);
}

static void on_refused(const char *why, void *arg)
{
    struct intake *in = arg;

    in->options.refused(why, in->options.arg);
}

struct intake *intake_new(struct loop *loop, struct tg *tg, struct lanes *lanes,
                          const struct intake_options *options)
{
    struct intake *in = xalloc(sizeof(*in));

    TAILQ_INIT(&in->order);
    in->loop = loop;
    in->lanes = lanes;
    in->options = *options;
    in->poll =
        poll_new(loop, tg,
                 &(struct poll_options){
                     .timeout_s = options->poll_timeout_s,
                     .limit = 100,
                 },
                 &(struct poll_callbacks){
                     .updates = on_updates, .refused = on_refused, .arg = in });
    return in;
}

void intake_free(struct intake *in)
{
    struct held *h;

    if (!in)
        return;
    while ((h = TAILQ_FIRST(&in->order)))
        let_go(in, h);
    op_free(in->patience);
    poll_free(in->poll);
    free(in);
}

void intake_allow(struct intake *in, const char *allowed_updates)
{
    poll_allow(in->poll, allowed_updates);
}

void intake_start(struct intake *in)
{
    poll_if_due(in);
}

void intake_stop(struct intake *in)
{
    in->stopped = true;
    op_free(in->patience);
    in->patience = NULL;
}

struct tg_op *intake_acknowledge(struct intake *in)
{
    return in->last_id ? poll_acknowledge(in->poll, next_offset(in)) : NULL;
}
