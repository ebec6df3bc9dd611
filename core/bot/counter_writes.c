/* counter_writes.c - see counter_writes.h. */
#include "bot/counter_writes.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "bot/jobs_statements.h"

#define BATCH 500
#define PRUNE_MS 600000
#define PRUNE_ROWS 5000

struct counter_writes {
    struct loop *loop;
    struct pg *pg;
    struct counters *all;
    char bot[24];
    struct slice bot_param;
    struct op *timer;
    struct pg_op *writing, *prune;
    struct count_change *changes; /* on their way */
    int nchanges;
    int64_t pruned_ms;
    int64_t lost; /* told of */
    bool stopped, told_trouble, told_lost;
    struct loop_turn_hook *hook;
    void (*idle)(void *arg);
    void *arg;
};

/* --- writing ---------------------------------------------------------------------- */

static void on_timer(struct op *op)
{
    struct counter_writes *w = op->arg;

    op_free(op);
    w->timer = NULL;
    counter_writes_flush(w);
}

static void flush_later(struct counter_writes *w)
{
    if (w->timer || w->writing)
        return;
    w->timer = timer_in_background(timer_start(w->loop, COUNTER_WRITE_MS));
    w->timer->done = on_timer;
    w->timer->arg = w;
}

void counter_writes_kick(struct counter_writes *w)
{
    int n = counters_unwritten(w->all);

    if (n >= BATCH || (n && w->stopped))
        counter_writes_flush(w);
    else if (n)
        flush_later(w);
}

/* Once for each time that the database is away. */
static void tell_lost(struct counter_writes *w)
{
    if (w->told_lost || counters_lost(w->all) == w->lost)
        return;
    w->told_lost = true;
    log_warn("counter",
             "more counts than COUNTERS_MAX can't be written for now: "
             "those not used for longest are lost");
}

static void tell_how_many_lost(struct counter_writes *w)
{
    if (w->told_lost)
        log_warn("counter", "%lld counts were lost before they were written",
                 (long long)(counters_lost(w->all) - w->lost));
    w->told_lost = false;
    w->lost = counters_lost(w->all);
}

static void on_turn(void *arg)
{
    tell_lost(arg);
    counter_writes_kick(arg);
}

static void on_written(struct op *op)
{
    struct counter_writes *w = op->arg;
    const struct pg_op *query = w->writing;
    bool ok = op->err.kind == ERR_NONE;
    int64_t *now = xalloc((size_t)BATCH * sizeof(*now));
    /* Nobody knows whether it was carried out: then it is not done twice. */
    bool perhaps = !ok && query->maybe_done;

    for (int i = 0; ok && i < pg_rows(query); i++) {
        int64_t at = pg_int(query, i, 0);

        if (at >= 0 && at < w->nchanges)
            now[at] = pg_int(query, i, 1);
    }
    for (int i = 0; i < w->nchanges; i++)
        counters_told(w->all, &w->changes[i], ok || perhaps,
                      ok ? now[i] : w->changes[i].total);
    if (!ok && !w->told_trouble && pg_is_up(w->pg))
        log_warn("counter", "%s; trying again", op->err.text);
    w->told_trouble = !ok;
    if (ok)
        tell_how_many_lost(w);
    w->writing = NULL;
    op_free(op);
    free(now);
    if (!ok || counters_unwritten(w->all))
        flush_later(w);
    if (w->stopped && counter_writes_are_idle(w) && w->idle)
        w->idle(w->arg);
}

static void add_change(struct buf *out, const struct count_change *c)
{
    buf_adds(out, out->len ? ",{\"name\":" : "[{\"name\":");
    json_add_text(out, slice_of(c->name));
    buf_addf(out,
             ",\"chat\":%lld,\"user\":%lld,\"key\":", (long long)c->key.chat,
             (long long)c->key.user);
    json_add_text(out, c->key.key);
    buf_addf(out, ",\"slot\":%lld,\"n\":%lld", (long long)c->slot,
             (long long)c->n);
    if (c->keep_ms)
        buf_addf(out, ",\"ms\":%lld", (long long)c->keep_ms);
    buf_addc(out, '}');
}

void counter_writes_flush(struct counter_writes *w)
{
    struct buf rows = BUF_INIT;
    char ahead[24];

    if (w->writing)
        return;
    w->nchanges =
        counters_take(w->all, clock_wall_us() / 1000, w->changes, BATCH);
    if (!w->nchanges)
        return;
    for (int i = 0; i < w->nchanges; i++)
        add_change(&rows, &w->changes[i]);
    buf_addc(&rows, ']');
    w->writing =
        pg_query(w->pg, &counters_add_statement,
                 (struct slice[]){ w->bot_param, buf_slice(&rows),
                                   pg_int_param(ahead, clock_ahead_ms()) },
                 3);
    w->writing->op.done = on_written;
    w->writing->op.arg = w;
    buf_release(&rows);
}

/* --- old ones ------------------------------------------------------------------------ */

static void on_pruned(struct op *op)
{
    struct counter_writes *w = op->arg;

    if (op->err.kind)
        log_debug("counter", "%s", op->err.text);
    w->prune = NULL;
    op_free(op);
}

/* Now and then, where durable ones are in use. */
static void prune(struct counter_writes *w)
{
    char ahead[24], rows[24];
    int64_t now = loop_now_ms();

    if (w->prune || (w->pruned_ms && now - w->pruned_ms < PRUNE_MS))
        return;
    w->pruned_ms = now;
    w->prune = pg_query(w->pg, &counters_prune_statement,
                        (struct slice[]){ w->bot_param,
                                          pg_int_param(ahead, clock_ahead_ms()),
                                          pg_int_param(rows, PRUNE_ROWS) },
                        3);
    w->prune->op.done = on_pruned;
    w->prune->op.arg = w;
}

/* --- what scripts wait for ------------------------------------------------------------- */

struct asked {
    struct counter_op pub;
    struct counter_writes *w;
    struct counter *c;
    struct count_key key; /* its text is text */
    char *text;
    struct pg_op *query;
};

static void asked_stop(struct op *op)
{
    (void)op; /* the query goes with it in free */
}

static void asked_free(struct op *op)
{
    struct asked *a = (struct asked *)op;

    if (a->query)
        op_free(&a->query->op);
    free(a->pub.list);
    free(a->text);
    free(a);
}

static const struct op_class asked_class = { "counter", asked_stop,
                                             asked_free };

static struct asked *asked_new(struct counter_writes *w, struct counter *c,
                               const struct count_key *key)
{
    struct asked *a = xalloc(sizeof(*a));

    op_init(&a->pub.op, &asked_class, w->loop);
    a->w = w;
    a->c = c;
    a->key = *key;
    a->text = slice_dup(key->key);
    a->key.key.p = a->text;
    return a;
}

static struct op *begin(struct asked *a, struct pg_op *query, op_done_fn done)
{
    a->query = query;
    query->op.done = done;
    query->op.arg = a;
    return &a->pub.op;
}

static void on_loaded(struct op *op)
{
    struct asked *a = op->arg;

    if (op->err.kind) {
        a->pub.op.err = op->err;
    } else {
        for (int i = 0; i < pg_rows(a->query); i++)
            counters_load(a->c, &a->key, pg_int(a->query, i, 1),
                          pg_int(a->query, i, 2));
        counters_loaded(a->c, &a->key);
    }
    op_complete_here(&a->pub.op);
}

/* An array of one text. */
static void add_array(struct buf *out, const char *text)
{
    buf_adds(out, "{\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_addc(out, '\\');
        buf_addc(out, *text);
    }
    buf_adds(out, "\"}");
}

struct op *counter_load_start(struct counter_writes *w, struct counter *c,
                              const struct count_key *key)
{
    struct asked *a = asked_new(w, c, key);
    struct buf keys = BUF_INIT;
    char chats[32], users[32];
    struct op *op;

    snprintf(chats, sizeof(chats), "{%lld}", (long long)key->chat);
    snprintf(users, sizeof(users), "{%lld}", (long long)key->user);
    add_array(&keys, a->text);
    op =
        begin(a,
              pg_query(w->pg, &counters_load_statement,
                       (struct slice[]){
                           w->bot_param, slice_of(counter_name(c)),
                           slice_of(chats), slice_of(users), buf_slice(&keys) },
                       5),
              on_loaded);
    buf_release(&keys);
    prune(w);
    return op;
}

static void on_reset(struct op *op)
{
    struct asked *a = op->arg;

    a->pub.op.err = op->err;
    if (!op->err.kind) /* what was added while it was on its way stays */
        counters_loaded(a->c, &a->key);
    op_complete_here(&a->pub.op);
}

struct op *counter_reset_start(struct counter_writes *w, struct counter *c,
                               const struct count_key *key)
{
    struct asked *a = asked_new(w, c, key);
    char chat[24], user[24];

    counters_reset(c, &a->key);
    return begin(a,
                 pg_query(w->pg, &counters_reset_statement,
                          (struct slice[]){ w->bot_param,
                                            slice_of(counter_name(c)),
                                            pg_int_param(chat, key->chat),
                                            pg_int_param(user, key->user),
                                            slice_of(a->text) },
                          5),
                 on_reset);
}

static void on_top(struct op *op)
{
    struct asked *a = op->arg;
    struct counter_op *pub = &a->pub;

    if (op->err.kind) {
        pub->op.err = op->err;
    } else {
        pub->n = pg_rows(a->query);
        pub->list = xalloc((size_t)(pub->n + 1) * sizeof(*pub->list));
        for (int i = 0; i < pub->n; i++)
            pub->list[i] = (struct count_top){
                .chat = pg_int(a->query, i, 0),
                .user = pg_int(a->query, i, 1),
                .key = pg_value(a->query, i, 2),
                .n = pg_int(a->query, i, 3),
            };
    }
    op_complete_here(&pub->op);
}

static struct slice id_or_null(char text[24], int64_t id)
{
    return id ? pg_int_param(text, id) : SLICE_NONE;
}

struct op *counter_top_start(struct counter_writes *w, struct counter *c,
                             int64_t chat, int64_t user, int n)
{
    struct asked *a = asked_new(w, c, &(struct count_key){ .key = { "", 0 } });
    char chats[24], users[24], since[24], limit[24];
    int64_t window = counter_window_ms(c);

    counter_writes_flush(w); /* on the same connection, before it */
    return begin(a,
                 pg_query(w->pg, &counters_top_statement,
                          (struct slice[]){
                              w->bot_param, slice_of(counter_name(c)),
                              id_or_null(chats, chat), id_or_null(users, user),
                              pg_int_param(since, window
                                                      ? clock_wall_us() / 1000 -
                                                            window * 11 / 10
                                                      : 0),
                              pg_int_param(limit, n) },
                          6),
                 on_top);
}

/* --- life ---------------------------------------------------------------------------------- */

struct counter_writes *counter_writes_new(struct loop *loop, struct pg *pg,
                                          struct counters *all, int64_t bot,
                                          void (*idle)(void *arg), void *arg)
{
    struct counter_writes *w = xalloc(sizeof(*w));

    w->loop = loop;
    w->pg = pg;
    w->all = all;
    w->bot_param = pg_int_param(w->bot, bot);
    w->changes = xalloc(BATCH * sizeof(*w->changes));
    w->idle = idle;
    w->arg = arg;
    w->hook = loop_at_end_of_turn(loop, on_turn, w);
    return w;
}

bool counter_writes_are_idle(const struct counter_writes *w)
{
    return !w->writing && counters_unwritten(w->all) == 0;
}

void counter_writes_stop(struct counter_writes *w)
{
    w->stopped = true;
    counter_writes_flush(w);
}

void counter_writes_free(struct counter_writes *w)
{
    if (!w)
        return;
    if (w->writing)
        op_free(&w->writing->op);
    if (w->prune)
        op_free(&w->prune->op);
    op_free(w->timer);
    loop_end_of_turn_cancel(w->hook);
    free(w->changes);
    free(w);
}
