/*
 * dead.c - see dead.h.
 *
 *     dead_add ─► queue ── end of turn ─► batch: written ─► trimmed ─► freed
 *                   ▲                        └─ no database ─► queue, after a pause
 */
#include "bot/dead.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/json.h"
#include "base/log.h"
#include "bot/dead_statements.h"

#define QUEUE_BYTES_MAX (4u << 20)
#define BATCH_MAX 200
#define BATCH_BYTES_MAX (1u << 20)
#define ERROR_MAX 8192
#define UNREADABLE_MAX                                                         \
    65536 /* of a readable one all is kept: it may run again */
#define WINDOW_MS 60000
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 30000

/* One that waits; as JSON already, but for what its end says about time. */
struct entry {
    int64_t id, died_at, came_at; /* of the loop's clock */
    char *json;                   /* an object's members, without times */
    size_t n;
    TAILQ_ENTRY(entry) link;
};

TAILQ_HEAD(entries, entry);

struct dead {
    struct loop *loop;
    struct pg *pg;
    int max;
    int64_t bot_id; /* 0: not known yet */
    struct loop_turn_hook *hook;
    struct entries queue, sent;
    int waiting; /* in both */
    size_t bytes;
    int most; /* entries in a batch; 1 to find the one that is bad */
    struct pg_op *writing; /* the batch, then its trimming; or NULL */
    struct op *retry;      /* a pause; or NULL */
    int backoff_ms;
    int64_t window_ms;  /* when this minute began */
    int taken, dropped; /* in it */
    void (*idle)(void *arg);
    void *arg;
};

static const char *reason_name(enum dead_reason reason)
{
    static const char *const names[DEAD_REASONS] = { "error", "deadline",
                                                     "crash", "unreadable" };

    return names[reason];
}

/* --- taking ----------------------------------------------------------------------- */

/* A string of JSON that PostgreSQL takes: no NUL, and at most max bytes. */
static void add_text(struct buf *out, struct slice text, size_t max)
{
    struct buf shown = BUF_INIT, clean = BUF_INIT;

    buf_add(&shown, text.p, text.n < max ? text.n : max);
    if (text.n > max)
        buf_adds(&shown, "…");
    for (size_t i = 0; i < shown.len; i++)
        if (!shown.data[i])
            shown.data[i] = ' ';
    log_redact(&clean, buf_slice(&shown));
    json_add_text(out, buf_slice(&clean));
    buf_release(&shown);
    buf_release(&clean);
}

/* Who sets one aside may know no more of it than its number. */
static int64_t chat_of(const struct dead_update *u)
{
    struct update read;
    struct err err = ERR_INIT;

    if (u->chat_id || u->reason == DEAD_UNREADABLE ||
        !update_read(u->text, &read, &err))
        return u->chat_id;
    return update_chat(&read);
}

static void add_json(struct buf *out, const struct dead_update *u)
{
    int64_t chat = chat_of(u);
    bool readable = u->reason != DEAD_UNREADABLE;

    buf_addf(out, "\"id\":%lld,\"reason\":\"%s\",\"tries\":%d,\"error\":",
             (long long)u->id, reason_name(u->reason), u->tries);
    add_text(out, u->error, ERROR_MAX);
    buf_adds(out, ",\"text\":");
    if (readable)
        json_add_text(out, u->text);
    else
        add_text(out, u->text, UNREADABLE_MAX);
    if (u->handler) {
        buf_adds(out, ",\"handler\":");
        add_text(out, slice_of(u->handler), ERROR_MAX);
    }
    if (chat)
        buf_addf(out, ",\"chat\":%lld", (long long)chat);
}

static void end_window(struct dead *d)
{
    if (d->dropped)
        log_error("dead",
                  "%d updates more have failed and are not set aside: there "
                  "are too many of them, or PostgreSQL is away",
                  d->dropped);
    d->taken = d->dropped = 0;
    d->window_ms = loop_now_ms();
}

/* The first one that is dropped is told at once, how many at the minute's end. */
static bool has_room(struct dead *d, size_t bytes)
{
    if (loop_now_ms() - d->window_ms >= WINDOW_MS)
        end_window(d);
    if (d->taken < d->max && d->waiting < d->max &&
        d->bytes + bytes <= QUEUE_BYTES_MAX)
        return true;
    if (d->dropped++ == 0)
        log_error("dead", "too many updates fail to set them all aside; some "
                          "are only in this log");
    return false;
}

void dead_add(struct dead *d, const struct dead_update *u)
{
    struct buf json = BUF_INIT;
    struct entry *e;

    if (!has_room(d, u->text.n + u->error.n))
        return;
    add_json(&json, u);
    e = xalloc(sizeof(*e));
    e->id = u->id;
    e->died_at = loop_now_ms();
    e->came_at = e->died_at - u->age_ms;
    e->n = json.len;
    e->json = buf_detach(&json);
    TAILQ_INSERT_TAIL(&d->queue, e, link);
    d->waiting++;
    d->taken++;
    d->bytes += e->n;
    loop_turn_wanted(d->loop);
}

void dead_add_ended(struct dead *d, const struct incoming *in,
                    enum task_result result)
{
    if (result != TASK_FAILED && result != TASK_OVERRAN)
        return;
    dead_add(d,
             &(struct dead_update){
                 .id = in->u.id,
                 .chat_id = update_chat(&in->u),
                 .reason = result == TASK_OVERRAN ? DEAD_DEADLINE : DEAD_ERROR,
                 .error = slice_of(in->error ? in->error : ""),
                 .handler = in->handler,
                 .text = buf_slice(&in->text),
                 .tries = in->tries + 1,
                 .age_ms = in->pushed_ms ? loop_now_ms() - in->pushed_ms : 0,
             });
}

/* --- writing ---------------------------------------------------------------------- */

static void let_go(struct dead *d, struct entries *list, struct entry *e)
{
    TAILQ_REMOVE(list, e, link);
    d->waiting--;
    d->bytes -= e->n;
    free(e->json);
    free(e);
}

static void forget_sent(struct dead *d)
{
    struct entry *e;

    while ((e = TAILQ_FIRST(&d->sent)))
        let_go(d, &d->sent, e);
}

static void on_retry(struct op *op)
{
    struct dead *d = op->arg;

    op_free(op);
    d->retry = NULL;
    loop_turn_wanted(d->loop);
}

static void try_later(struct dead *d)
{
    int ms = d->backoff_ms ? d->backoff_ms * 2 : RETRY_MIN_MS;

    d->backoff_ms = ms < RETRY_MAX_MS ? ms : RETRY_MAX_MS;
    d->retry = timer_start(d->loop, d->backoff_ms);
    d->retry->done = on_retry;
    d->retry->arg = d;
}

static void put_back(struct dead *d)
{
    struct entry *e;

    while ((e = TAILQ_LAST(&d->sent, entries))) {
        TAILQ_REMOVE(&d->sent, e, link);
        TAILQ_INSERT_HEAD(&d->queue, e, link);
    }
}

/* One that the server does not take must not hold up the others: alone, it goes. */
static void on_failed(struct dead *d, const struct pg_op *query)
{
    const struct entry *first = TAILQ_FIRST(&d->sent);

    if (pg_may_pass(query->sqlstate)) {
        put_back(d);
        try_later(d);
    } else if (TAILQ_NEXT(first, link)) {
        put_back(d);
        d->most = 1;
        loop_turn_wanted(d->loop);
    } else {
        log_error("dead", "update %lld can't be set aside: %s",
                  (long long)first->id, query->op.err.text);
        forget_sent(d);
        loop_turn_wanted(d->loop);
    }
}

static void settle(struct dead *d)
{
    if (!TAILQ_EMPTY(&d->queue)) {
        loop_turn_wanted(d->loop);
    } else {
        d->most = BATCH_MAX;
        if (d->idle)
            d->idle(d->arg);
    }
}

static void on_trimmed(struct op *op)
{
    struct dead *d = op->arg;

    if (op->err.kind) /* the next one does it too */
        log_debug("dead", "%s", op->err.text);
    op_free(op);
    d->writing = NULL;
    settle(d);
}

static void on_written(struct op *op)
{
    struct dead *d = op->arg;
    struct pg_op *query = d->writing;
    char storage[2][24];
    bool ok = !op->err.kind;

    if (!ok)
        on_failed(d, query);
    op_free(op);
    d->writing = NULL;
    if (!ok) {
        if (TAILQ_EMPTY(&d->queue))
            settle(d);
        return;
    }
    d->backoff_ms = 0;
    forget_sent(d);
    d->writing = pg_query(d->pg, &dead_trim_statement,
                          (struct slice[]){ pg_int_param(storage[0], d->bot_id),
                                            pg_int_param(storage[1], d->max) },
                          2);
    d->writing->op.done = on_trimmed;
    d->writing->op.arg = d;
}

/* Move the first ones to sent, as an array. */
static void take_batch(struct dead *d, struct buf *json)
{
    int64_t now = loop_now_ms();
    struct entry *e;

    buf_addc(json, '[');
    for (int n = 0; n < d->most && (e = TAILQ_FIRST(&d->queue)); n++) {
        if (n && json->len + e->n > BATCH_BYTES_MAX)
            break;
        buf_addf(json, "%s{\"came_ms\":%lld,\"died_ms\":%lld,", n ? "," : "",
                 (long long)(now - e->came_at), (long long)(now - e->died_at));
        buf_add(json, e->json, e->n);
        buf_addc(json, '}');
        TAILQ_REMOVE(&d->queue, e, link);
        TAILQ_INSERT_TAIL(&d->sent, e, link);
    }
    buf_addc(json, ']');
}

static void write_some(void *arg)
{
    struct dead *d = arg;
    struct buf json = BUF_INIT;
    char storage[24];

    if (!d->bot_id || d->writing || d->retry || TAILQ_EMPTY(&d->queue))
        return;
    take_batch(d, &json);
    d->writing = pg_query(d->pg, &dead_write_statement,
                          (struct slice[]){ pg_int_param(storage, d->bot_id),
                                            buf_slice(&json) },
                          2);
    d->writing->op.done = on_written;
    d->writing->op.arg = d;
    buf_release(&json);
}

/* --- the rest --------------------------------------------------------------------- */

struct dead *dead_new(struct loop *loop, struct pg *pg, int max)
{
    struct dead *d = xalloc(sizeof(*d));

    d->loop = loop;
    d->pg = pg;
    d->max = max;
    d->most = BATCH_MAX;
    d->window_ms = loop_now_ms();
    TAILQ_INIT(&d->queue);
    TAILQ_INIT(&d->sent);
    d->hook = loop_at_end_of_turn(loop, write_some, d);
    return d;
}

void dead_free(struct dead *d)
{
    struct entry *e;

    if (!d)
        return;
    end_window(d);
    if (d->waiting)
        log_error("dead",
                  "%d failed updates were not set aside: PostgreSQL did not "
                  "take them in time",
                  d->waiting);
    op_free(d->retry);
    if (d->writing)
        op_free(&d->writing->op);
    forget_sent(d);
    while ((e = TAILQ_FIRST(&d->queue)))
        let_go(d, &d->queue, e);
    loop_end_of_turn_cancel(d->hook);
    free(d);
}

void dead_use(struct dead *d, int64_t bot_id)
{
    d->bot_id = bot_id;
    loop_turn_wanted(d->loop);
}

bool dead_is_idle(const struct dead *d)
{
    return !d->waiting && !d->writing;
}

void dead_on_idle(struct dead *d, void (*fn)(void *arg), void *arg)
{
    d->idle = fn;
    d->arg = arg;
}
