/*
 * host_start.c - from nothing to polling:
 *     schema ─► getMe ─► the lease ─► deleteWebhook, setMyCommands (errands) ─► poll
 * Each step is tried again until it works, or fails for good.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "bot/host_asks.h"
#include "bot/host_broadcasts.h"
#include "bot/host_data.h"
#include "bot/host_int.h"
#include "bot/jobs.h"
#include "bot/host_webhook.h"
#include "bot/recorder.h"
#include "bot/migrate.h"

#define BACKOFF_MIN_MS 250
#define BACKOFF_MAX_MS 10000

static void apply_schema(struct host *host);
static void ask_who(struct host *host);

static void step(struct host *host, struct op *op, op_done_fn done)
{
    host->step = op;
    op->done = done;
    op->arg = host;
}

static void step_over(struct host *host, struct op *op)
{
    host->step = NULL;
    op_free(op);
}

static void on_retry_schema(struct op *op)
{
    struct host *host = op->arg;

    step_over(host, op);
    apply_schema(host);
}

static void on_retry_who(struct op *op)
{
    struct host *host = op->arg;

    step_over(host, op);
    ask_who(host);
}

static void again(struct host *host, op_done_fn retry, int at_least_ms)
{
    int ms = host->backoff_ms ? host->backoff_ms * 2 : BACKOFF_MIN_MS;

    if (ms > BACKOFF_MAX_MS)
        ms = BACKOFF_MAX_MS;
    host->backoff_ms = ms;
    step(host, timer_start(host->loop, ms > at_least_ms ? ms : at_least_ms),
         retry);
}

static void say_ready(struct host *host)
{
    log_info("host", "@%s is running: %d files, %d handlers", host->username,
             host->gen->files, host->gen->handlers.n);
    host_open_repl(host);
    if (host->options.on_ready && !host->ready)
        host->options.on_ready(host->username, host->options.arg);
    host->ready = true;
}

/* Updates are taken from now on. */
void host_opened(void *arg)
{
    struct host *host = arg;

    host_webhook_begin(host);
    jobs_start(host->jobs);
    say_ready(host);
}

static void lead(struct host *host, bool clean)
{
    struct buf body = BUF_INIT;

    if (!host->webhook) {
        buf_adds(&body, "{\"drop_pending_updates\":false}");
        host_errand(host, "deleteWebhook", &body);
        buf_release(&body);
    }
    host_sync_commands(host, true);
    host_sync_allowed(host);
    intake_begin(host->intake, clean);
}

void host_conflict(void *arg)
{
    instance_conflict(((struct host *)arg)->instance);
}

void host_led(enum instance_state state, bool clean, void *arg)
{
    struct host *host = arg;

    if (host->state != HOST_RUNNING)
        return;
    if (state == INSTANCE_LEADING) {
        lead(host, clean);
    } else if (host->ready) {
        if (*instance_leader(host->instance))
            log_warn("instance", "%s polls for this bot now; standing by",
                     instance_leader(host->instance));
        intake_close(host->intake);
        jobs_pause(host->jobs);
        host_asks_lost(host);
    } else {
        log_info("instance",
                 "%s polls for this bot; standing by, to go on when it ends",
                 instance_leader(host->instance));
    }
}

void host_beat(void *arg)
{
    struct host *host = arg;

    intake_look(host->intake, instance_others(host->instance) > 0);
    host_look_at_asks(host);
}

/* All is there. Who polls with this token is agreed on first. */
static void join(struct host *host)
{
    host->state = HOST_RUNNING;
    host->backoff_ms = 0;
    dead_use(host->dead, tg_bot_id(host->tg));
    moves_learn(host->moves);
    host_start_broadcasts(host);
    host_start_data(host);
    instance_join(host->instance);
}

static void on_who(struct op *op)
{
    struct host *host = op->arg;
    struct tg_op *call = (struct tg_op *)op;
    struct buf name = BUF_INIT;
    int wait_ms = call->retry_after * 1000;

    if (op->err.kind == ERR_TELEGRAM &&
        (call->error_code == 401 || call->error_code == 404)) {
        step_over(host, op);
        host_fail(host, "the Bot API server does not know this BOT_TOKEN (401 "
                        "Unauthorized); ask @BotFather for the right one");
        return;
    }
    if (op->err.kind) {
        if (host->backoff_ms == 0)
            log_warn("telegram", "waiting for the Bot API at %s: %s",
                     tg_url(host->tg), op->err.text);
        step_over(host, op);
        again(host, on_retry_who, wait_ms);
        return;
    }
    buf_reset(&host->me);
    buf_add_slice(&host->me, call->result);
    host->services.me = buf_slice(&host->me);
    if (json_to_text(json_get(call->result, "username"), &name)) {
        free(host->username);
        host->username = buf_detach(&name);
        host->services.bot_username = host->username;
        if (host->recorder)
            recorder_begin(host->recorder, tg_bot_id(host->tg), host->username);
    }
    step_over(host, op);
    join(host);
}

static void ask_who(struct host *host)
{
    step(host, &tg_start(host->tg, &(struct tg_call){ .method = "getMe" })->op,
         on_who);
}

static void on_schema(struct op *op)
{
    struct host *host = op->arg;
    struct migrate_op *migrate = (struct migrate_op *)op;
    struct err err = ERR_INIT;

    host->step = NULL;
    if (!op->err.kind && host_follow_configs(host, &err)) {
        host->backoff_ms = 0;
        ask_who(host);
    } else if (!op->err.kind) {
        host_fail(host, err.text);
    } else if (migrate->try_again) {
        if (pg_is_up(host->pg) && host->backoff_ms == 0) /* else it is said */
            log_warn("database", "%s\nnot started yet: this is tried again",
                     migrate->message);
        again(host, on_retry_schema, 0);
    } else {
        host_fail(host, migrate->message);
    }
    op_free(op);
}

static void apply_schema(struct host *host)
{
    step(host, migrate_start(host->loop, host->pg, host->dir, false),
         on_schema);
}

void host_begin(struct host *host)
{
    host_watch(
        host); /* what is saved while the database is waited for counts */
    apply_schema(host);
}
