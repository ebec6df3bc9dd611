/* upgrades.c - see upgrades.h. */
#include "bot/upgrades.h"

#include <stdlib.h>

#include "base/log.h"
#include "config/bulk.h"

/* Others first: a bot that starts has updates waiting. Not all instances of a
 * bot at once: they would take the same rows. */
#define DELAY_MIN_MS 5000
#define DELAY_MAX_MS 10000
#define RETRY_MS 30000
/* A batch is upgraded in one go: about 2 ms of computing, and handlers wait. */
#define BATCH_MAX 40
#define BATCHES_PER_S 10
#define FAILURES_TOLD 10 /* lines in the log, a run */

struct upgrades {
    struct loop *loop;
    struct config_store *store;
    struct upgrades_options options;
    struct op *timer;
    struct config_bulk_op *bulk;
    int failures; /* of this run */
    int64_t began_ms;
};

static void begin(struct upgrades *u);

static void stop(struct upgrades *u)
{
    op_free(u->timer);
    u->timer = NULL;
    if (u->bulk)
        op_free(&u->bulk->op);
    u->bulk = NULL;
}

static void on_timer(struct op *op)
{
    struct upgrades *u = op->arg;

    u->timer = NULL;
    op_free(op);
    begin(u);
}

static void begin_in(struct upgrades *u, int64_t ms)
{
    u->timer = timer_in_background(timer_start(u->loop, ms));
    u->timer->done = on_timer;
    u->timer->arg = u;
}

static void on_failed(int64_t chat_id, int version, const char *error,
                      void *arg)
{
    struct upgrades *u = arg;

    if (u->failures++ < FAILURES_TOLD)
        log_error("upgrade",
                  "the config of chat %lld can't be upgraded from version %d "
                  "and stays as it is: %s",
                  (long long)chat_id, version, error);
}

static void on_misfit(int64_t chat_id, const char *error, void *arg)
{
    (void)arg;
    log_debug("upgrade",
              "the upgraded config of chat %lld has a value that "
              "does not fit and is not used: %s",
              (long long)chat_id, error);
}

static void tell(const struct upgrades *u)
{
    const struct config_bulk_counts *c = &u->bulk->counts;
    struct buf more = BUF_INIT;

    if (c->upgraded == 0 && c->failed == 0)
        return;
    if (c->misfits)
        buf_addf(&more, "; %lld with values that don't fit, kept",
                 (long long)c->misfits);
    if (c->failed)
        buf_addf(&more,
                 "; %lld can't be upgraded: the table config_failures says "
                 "why",
                 (long long)c->failed);
    log_event(c->failed ? LOG_WARN : LOG_INFO, "upgrade", "",
              "%lld chats' configs upgraded in the background in %lld s%s",
              (long long)c->upgraded,
              (long long)(loop_now_ms() - u->began_ms + 500) / 1000, more.data);
    buf_release(&more);
}

static void on_done(struct op *op)
{
    struct upgrades *u = op->arg;
    bool again = op->err.kind && u->bulk->try_again;

    tell(u);
    if (op->err.kind)
        log_warn("upgrade", "upgrading configs in the background stopped%s: %s",
                 again ? ", and goes on later" : "", op->err.text);
    u->bulk = NULL;
    op_free(op);
    if (again)
        begin_in(u, RETRY_MS);
}

static int batch_rows(int per_s)
{
    int rows = (per_s + BATCHES_PER_S - 1) / BATCHES_PER_S;

    return rows < BATCH_MAX ? rows : BATCH_MAX;
}

static void begin(struct upgrades *u)
{
    int rows = batch_rows(u->options.per_s);
    int pause = rows * 1000 / u->options.per_s;

    u->failures = 0;
    u->began_ms = loop_now_ms();
    u->bulk = config_bulk_start(u->store, &(struct config_bulk_options){
                                              .batch = rows,
                                              .pause_ms = pause ? pause : 1,
                                              .who = "background",
                                              .on_failed = on_failed,
                                              .on_misfit = on_misfit,
                                              .arg = u,
                                          });
    u->bulk->op.done = on_done;
    u->bulk->op.arg = u;
}

struct upgrades *upgrades_new(struct loop *loop, struct config_store *store,
                              const struct upgrades_options *o)
{
    struct upgrades *u = xalloc(sizeof(*u));

    u->loop = loop;
    u->store = store;
    u->options = *o;
    return u;
}

void upgrades_kick(struct upgrades *u)
{
    int64_t ms = u->options.delay_ms;

    stop(u);
    if (u->options.per_s == 0)
        return;
    if (ms < 0)
        ms = DELAY_MIN_MS + random() % (DELAY_MAX_MS - DELAY_MIN_MS);
    begin_in(u, ms);
}

void upgrades_free(struct upgrades *u)
{
    if (!u)
        return;
    stop(u);
    free(u);
}
