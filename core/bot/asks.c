/* asks.c - see asks.h. */
#include "bot/asks.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "bot/asks_statements.h"
#include "bot/instance.h"
#include "script/says.h"

#define WRITE_MAX 1000 /* in one statement */
#define OVER_MS 200    /* answers are often followed by the next question */
#define RETRY_MS 1000  /* after a failed write */
#define LOST_MAX 50    /* at once */
#define TELL_WINDOW 4  /* calls at once: replies go before */
#define LOOKS_SOON 15  /* after the start, every */
#define LOOK_SOON_MS                                                           \
    1000             /* …; a killed process is not known to be dead at once */
#define LOOK_MS 5000 /* later */

/* What is not written yet. */
struct change {
    struct ask_key key;
    char *ended;
    int64_t until_ms; /* 0: it is over */
    bool sent;        /* on its way */
    UT_hash_handle hh;
};

/* A chat that is to be told. */
struct telling {
    struct ask_rows *rows;
    struct ask_key key;
    char *text;
    struct tg_op *call;
    bool at_end; /* its row is still there */
    TAILQ_ENTRY(telling) link;
};

TAILQ_HEAD(telling_list, telling);

struct ask_rows {
    struct loop *loop;
    struct pg *pg;
    struct sender *sender;
    char bot[24], instance[24], ttl[24];
    struct slice bot_param, instance_param, ttl_param;
    struct change *changes; /* by key, the one noted first in front */
    int max;
    struct pg_op *write, *over; /* over is asked behind write */
    struct op *pause;
    bool due; /* those that are over, too */
    bool told_trouble, told_lost;
    struct loop_turn_hook *hook;
    struct pg_op *lost;
    int looks;
    bool more; /* than were told of */
    int64_t looked_ms;
    struct telling_list waiting, calling;
    int ncalling;
    bool stopping;
    void (*say_usual)(int64_t chat_id, struct buf *out, void *arg);
    void *say_usual_arg;
    void (*idle)(void *arg);
    void *idle_arg;
};

static void say_idle(struct ask_rows *rows)
{
    if (rows->idle && ask_rows_idle(rows))
        rows->idle(rows->idle_arg);
}

/* --- writing ------------------------------------------------------------------------ */

static void flush(void *arg);

static void on_pause(struct op *op)
{
    struct ask_rows *rows = op->arg;

    op_free(op);
    rows->pause = NULL;
    rows->due = true;
    flush(rows);
}

static void flush_in(struct ask_rows *rows, int64_t ms)
{
    if (rows->pause)
        return;
    rows->pause = timer_start(rows->loop, ms);
    rows->pause->done = on_pause;
    rows->pause->arg = rows;
}

static void change_free(struct ask_rows *rows, struct change *c)
{
    HASH_DEL(rows->changes, c);
    free(c->ended);
    free(c);
}

static void written(struct ask_rows *rows, bool ok)
{
    struct change *c, *next;

    HASH_ITER (hh, rows->changes, c, next) {
        if (c->sent && ok)
            change_free(rows, c);
        else
            c->sent = false;
    }
}

static struct op *failed_op(const struct ask_rows *rows)
{
    if (rows->write && rows->write->op.err.kind)
        return &rows->write->op;
    return rows->over && rows->over->op.err.kind ? &rows->over->op : NULL;
}

static void on_written(struct op *op)
{
    struct ask_rows *rows = op->arg;
    struct op *failed = failed_op(rows);

    if (failed && !rows->told_trouble)
        log_warn("asks", "where questions wait can't be noted for now: %s",
                 failed->err.text);
    rows->told_trouble = failed != NULL;
    rows->told_lost = rows->told_lost && failed;
    written(rows, !failed);
    if (rows->write)
        op_free(&rows->write->op);
    if (rows->over)
        op_free(&rows->over->op);
    rows->write = rows->over = NULL;
    if (failed)
        flush_in(rows, RETRY_MS);
    else
        flush(rows);
    say_idle(rows);
}

static void add_change(struct buf *out, const struct change *c)
{
    struct err err = ERR_INIT;

    buf_addf(out, "%s{\"c\":%lld,\"u\":%lld,\"t\":%lld", out->len ? "," : "[",
             (long long)c->key.chat_id, (long long)c->key.user_id,
             (long long)c->key.topic);
    if (c->until_ms) {
        buf_addf(out, ",\"m\":%lld,\"e\":", (long long)c->until_ms);
        if (!c->ended)
            buf_adds(out, "null");
        else if (!json_add_string(out, slice_of(c->ended), &err))
            buf_adds(out, "null"); /* it is no text */
    }
    buf_addc(out, '}');
}

static struct pg_op *send(struct ask_rows *rows,
                          const struct pg_statement *statement,
                          struct buf *list)
{
    struct pg_op *op = NULL;

    if (list->len) {
        buf_addc(list, ']');
        op = pg_query(rows->pg, statement,
                      (struct slice[]){ rows->bot_param, rows->instance_param,
                                        buf_slice(list) },
                      3);
    }
    buf_release(list);
    return op;
}

static void flush(void *arg)
{
    struct ask_rows *rows = arg;
    struct buf asked = BUF_INIT, over = BUF_INIT;
    struct pg_op *last;
    struct change *c, *next;
    int n = 0;

    if (!rows->changes || rows->write || rows->over ||
        (rows->told_trouble && rows->pause))
        return;
    HASH_ITER (hh, rows->changes, c, next) {
        if (n == WRITE_MAX)
            break;
        if (!c->until_ms && !rows->due && !rows->stopping)
            continue;
        add_change(c->until_ms ? &asked : &over, c);
        c->sent = true;
        n++;
    }
    rows->due = false;
    rows->write = send(rows, &asks_write_statement, &asked);
    rows->over = send(rows, &asks_over_statement, &over);
    last = rows->over ? rows->over : rows->write;
    if (!last)
        return;
    last->op.done = on_written;
    last->op.arg = rows;
}

/* The last state of a key is all that counts; of too many keys the oldest are not
 * noted at all. Those that are on their way may be among them: they get there. */
static struct change *change_new(struct ask_rows *rows,
                                 const struct ask_key *key)
{
    struct change *c = xalloc(sizeof(*c));

    if (ask_rows_unwritten(rows) >= rows->max) {
        if (!rows->told_lost)
            log_warn("asks", "more changes than ASKS_MAX can't be noted for "
                             "now: the oldest are lost");
        rows->told_lost = true;
        change_free(rows, rows->changes);
    }
    c->key = *key;
    HASH_ADD(hh, rows->changes, key, sizeof(c->key), c);
    return c;
}

void ask_rows_note(const struct ask_key *key, const char *ended,
                   int64_t until_ms, void *arg)
{
    struct ask_rows *rows = arg;
    struct change *c;

    HASH_FIND(hh, rows->changes, key, sizeof(*key), c);
    if (!c)
        c = change_new(rows, key);
    free(c->ended);
    c->ended = ended && until_ms ? xstrdup(ended) : NULL;
    c->until_ms = until_ms;
    c->sent = false;
    if (until_ms || rows->stopping)
        loop_turn_wanted(rows->loop);
    else
        flush_in(rows, OVER_MS);
}

int ask_rows_unwritten(const struct ask_rows *rows)
{
    return (int)HASH_COUNT(rows->changes);
}

/* --- telling ---------------------------------------------------------------------------- */

static void tell_next(struct ask_rows *rows);
static void look(struct ask_rows *rows);

static void telling_free(struct telling_list *list, struct telling *t)
{
    TAILQ_REMOVE(list, t, link);
    if (t->call)
        op_free(&t->call->op);
    free(t->text);
    free(t);
}

static void on_told(struct op *op)
{
    struct telling *t = op->arg;
    struct ask_rows *rows = t->rows;

    if (op->err.kind)
        log_debug("asks",
                  "chat %lld can't be told that its conversation has "
                  "ended: %s",
                  (long long)t->key.chat_id, op->err.text);
    if (t->at_end && (!op->err.kind || op->err.kind == ERR_TELEGRAM))
        ask_rows_note(&t->key, NULL, 0, rows);
    telling_free(&rows->calling, t);
    rows->ncalling--;
    tell_next(rows);
    say_idle(rows);
}

static void call(struct ask_rows *rows, struct telling *t)
{
    struct buf body = BUF_INIT;

    buf_addf(&body, "{\"chat_id\":%lld", (long long)t->key.chat_id);
    if (t->key.topic)
        buf_addf(&body, ",\"message_thread_id\":%lld", (long long)t->key.topic);
    buf_adds(&body, ",\"text\":");
    json_add_text(&body, slice_of(t->text));
    buf_addc(&body, '}');
    t->call =
        send_start(rows->sender,
                   &(struct tg_call){ .method = "sendMessage", .body = &body },
                   SEND_OTHER);
    t->call->op.done = on_told;
    t->call->op.arg = t;
    buf_release(&body);
}

static void tell_next(struct ask_rows *rows)
{
    struct telling *t;

    while (rows->ncalling < TELL_WINDOW && (t = TAILQ_FIRST(&rows->waiting))) {
        TAILQ_REMOVE(&rows->waiting, t, link);
        TAILQ_INSERT_TAIL(&rows->calling, t, link);
        rows->ncalling++;
        call(rows, t);
    }
    if (!rows->ncalling && rows->more)
        look(rows);
}

static char *usual(const struct ask_rows *rows, int64_t chat_id)
{
    struct buf text = BUF_INIT;

    if (rows->say_usual)
        rows->say_usual(chat_id, &text, rows->say_usual_arg);
    else
        says_add(NULL, "moonpost.ask_restarted", NULL, SLICE_NONE, &text);
    return buf_detach(&text);
}

static void tell(struct ask_rows *rows, const struct ask_key *key,
                 struct slice text, bool at_end)
{
    struct telling *t = xalloc(sizeof(*t));

    t->rows = rows;
    t->key = *key;
    t->text = text.p ? slice_dup(text) : usual(rows, key->chat_id);
    t->at_end = at_end;
    TAILQ_INSERT_TAIL(&rows->waiting, t, link);
}

/* --- those of processes that are gone ------------------------------------------------------- */

static void on_lost(struct op *op)
{
    struct ask_rows *rows = op->arg;
    struct pg_op *answer = (struct pg_op *)op;
    int n = op->err.kind ? 0 : pg_rows(answer);

    rows->lost = NULL;
    if (op->err.kind)
        log_debug("asks", "%s; looking again", op->err.text);
    for (int i = 0; i < n; i++) {
        struct ask_key key = { .chat_id = pg_int(answer, i, 0),
                               .topic = pg_int(answer, i, 1) };

        if (slice_eq(pg_value(answer, i, 3), "t"))
            tell(rows, &key, pg_value(answer, i, 2), false);
    }
    if (n)
        log_info("asks",
                 "%d conversations ended with the process they were "
                 "in; these chats are told",
                 n);
    op_free(op);
    rows->more = n == LOST_MAX;
    tell_next(rows);
    say_idle(rows);
}

static void look(struct ask_rows *rows)
{
    char now[24], most[24];

    if (rows->lost || rows->stopping || !pg_is_up(rows->pg))
        return;
    rows->looked_ms = loop_now_ms();
    rows->more = false;
    rows->lost =
        pg_query(rows->pg, &asks_lost_statement,
                 (struct slice[]){ rows->bot_param, rows->instance_param,
                                   rows->ttl_param,
                                   pg_int_param(now, clock_wall_us() / 1000),
                                   pg_int_param(most, LOST_MAX) },
                 5);
    rows->lost->op.done = on_lost;
    rows->lost->op.arg = rows;
}

void ask_rows_look(struct ask_rows *rows)
{
    int64_t pause = rows->looks < LOOKS_SOON ? LOOK_SOON_MS : LOOK_MS;

    if (rows->ncalling || TAILQ_FIRST(&rows->waiting) ||
        (rows->looks && loop_now_ms() - rows->looked_ms < pause))
        return;
    rows->looks++;
    look(rows);
}

/* --- life ------------------------------------------------------------------------------------ */

struct ask_rows *ask_rows_new(struct loop *loop, struct pg *pg,
                              struct sender *sender, int64_t bot,
                              int64_t instance, int max)
{
    struct ask_rows *rows = xalloc(sizeof(*rows));

    rows->loop = loop;
    rows->pg = pg;
    rows->sender = sender;
    rows->max = max > WRITE_MAX ? max : WRITE_MAX;
    rows->bot_param = pg_int_param(rows->bot, bot);
    rows->instance_param = pg_int_param(rows->instance, instance);
    rows->ttl_param = pg_int_param(rows->ttl, INSTANCE_TTL_MS);
    TAILQ_INIT(&rows->waiting);
    TAILQ_INIT(&rows->calling);
    rows->hook = loop_at_end_of_turn(loop, flush, rows);
    return rows;
}

void ask_rows_say_usual(struct ask_rows *rows,
                        void (*say)(int64_t chat_id, struct buf *out,
                                    void *arg),
                        void *arg)
{
    rows->say_usual = say;
    rows->say_usual_arg = arg;
}

void ask_rows_free(struct ask_rows *rows)
{
    struct pg_op *ops[3];
    struct change *c, *next;
    struct telling *t;

    if (!rows)
        return;
    ops[0] = rows->write;
    ops[1] = rows->over;
    ops[2] = rows->lost;
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        if (ops[i])
            op_free(&ops[i]->op);
    op_free(rows->pause);
    HASH_ITER (hh, rows->changes, c, next)
        change_free(rows, c);
    while ((t = TAILQ_FIRST(&rows->waiting)))
        telling_free(&rows->waiting, t);
    while ((t = TAILQ_FIRST(&rows->calling)))
        telling_free(&rows->calling, t);
    loop_end_of_turn_cancel(rows->hook);
    free(rows);
}

/* --- the end ----------------------------------------------------------------------------------- */

struct farewell {
    struct ask_rows *rows;
    int n;
};

static void say_farewell(const struct ask_key *key, const char *ended,
                         void *arg)
{
    struct farewell *f = arg;

    if (f->n++ < ASKS_TOLD_AT_END)
        tell(f->rows, key, ended ? slice_of(ended) : SLICE_NONE, true);
}

void ask_rows_stop(struct ask_rows *rows, struct asks *asks,
                   void (*idle)(void *arg), void *arg)
{
    struct farewell f = { rows, 0 };

    rows->stopping = true;
    rows->idle = idle;
    rows->idle_arg = arg;
    asks_stop(asks);
    asks_each(asks, say_farewell, &f);
    if (f.n)
        log_info("asks", "%d conversations end with this process", f.n);
    if (rows->changes)
        loop_turn_wanted(rows->loop);
    tell_next(rows);
}

bool ask_rows_idle(const struct ask_rows *rows)
{
    return !rows->ncalling && !TAILQ_FIRST(&rows->waiting) &&
           (!rows->changes || !pg_is_up(rows->pg));
}
