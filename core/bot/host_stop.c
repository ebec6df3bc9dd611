/*
 * host_stop.c - the end, so that the next process can go on at once:
 *
 *     take no more ─► save what is not done ─► acknowledge ─► release the lease ─►
 *     the handlers end, or their time is over ─► rows of done ones go ─► leave
 *
 * If the database is away, nothing can be saved: then the handlers end first,
 * and what is not done stays with Telegram.
 */
#include <stdlib.h>

#include "base/log.h"
#include "bot/host_asks.h"
#include "bot/host_broadcasts.h"
#include "bot/host_int.h"
#include "bot/host_jobs.h"
#include "bot/host_schema.h"
#include "bot/host_webhook.h"

/* For the last writes, when all else is over. */
#define WRITE_MS 2000

static void write_rest(struct host *host);

static void stopped(struct host *host)
{
    if (host->exit_status == 0)
        log_info("host", "stopped");
    op_free(host->step);
    op_free(host->stop_timer);
    host->step = host->stop_timer = NULL;
    host->state = HOST_STOPPED;
    loop_stop(host->loop);
}

static void step(struct host *host, struct op *op, op_done_fn done)
{
    op_free(host->step);
    host->step = op;
    op->done = done;
    op->arg = host;
}

/* --- the last part ------------------------------------------------------------------ */

static void on_left(struct op *op)
{
    stopped(op->arg);
}

static void leave(struct host *host)
{
    host->stop_phase = STOP_LEAVING;
    if (!pg_is_up(host->pg)) {
        stopped(host);
        return;
    }
    step(host, &instance_leave(host->instance)->op, on_left);
}

static void on_last_acknowledged(struct op *op)
{
    struct host *host = op->arg;

    if (op->err.kind)
        log_debug("poll",
                  "the last updates could not be acknowledged and will "
                  "come again: %s",
                  op->err.text);
    leave(host);
}

static void acknowledge_last(struct host *host)
{
    struct tg_op *op = NULL;

    if (!host->handed_over)
        op = intake_acknowledge(host->intake);
    if (op)
        step(host, &op->op, on_last_acknowledged);
    else
        leave(host);
}

static bool is_written(const struct host *host)
{
    return !pg_is_up(host->pg) ||
           (inbox_undone(host->inbox) == 0 && dead_is_idle(host->dead) &&
            host_jobs_are_written(host));
}

static void on_write_time(struct op *op)
{
    acknowledge_last(op->arg);
}

static void on_idle(void *arg)
{
    struct host *host = arg;

    if (host->stop_phase == STOP_WRITING && is_written(host))
        acknowledge_last(host);
}

static void write_rest(struct host *host)
{
    host->stop_phase = STOP_WRITING;
    inbox_on_idle(host->inbox, on_idle, host);
    dead_on_idle(host->dead, on_idle, host);
    host_jobs_on_idle(host, on_idle);
    if (is_written(host))
        acknowledge_last(host);
    else
        step(host, timer_start(host->loop, WRITE_MS), on_write_time);
}

/* --- the first part ----------------------------------------------------------------- */

void host_stop_when_idle(struct host *host)
{
    if (host->state == HOST_STOPPING && host->stop_phase == STOP_DRAINING &&
        lanes_running(host->lanes) == 0 && host_broadcasts_idle(host) &&
        host_asks_idle(host))
        write_rest(host);
}

static void drain(struct host *host)
{
    host->stop_phase = STOP_DRAINING;
    if (lanes_running(host->lanes))
        log_info("host", "stopping; %d handlers are still running",
                 lanes_running(host->lanes));
    host_stop_when_idle(host);
}

static void on_released(struct op *op)
{
    struct host *host = op->arg;

    op_free(op);
    host->step = NULL;
    drain(host);
}

static void release(struct host *host)
{
    if (!pg_is_up(host->pg)) {
        op_free(host->step);
        host->step = NULL;
        drain(host);
        return;
    }
    step(host, &instance_release(host->instance)->op, on_released);
}

static void on_acknowledged(struct op *op)
{
    struct host *host = op->arg;

    if (op->err.kind)
        log_debug("poll", "%s: the last updates will come again", op->err.text);
    release(host);
}

static void on_handed_over(bool ok, void *arg)
{
    struct host *host = arg;
    struct tg_op *op;

    if (host->stop_phase != STOP_HANDING_OVER)
        return;
    host->handed_over = ok;
    if (!ok) {
        drain(host);
        return;
    }
    op = intake_acknowledge(host->intake);
    if (op)
        step(host, &op->op, on_acknowledged);
    else
        release(host);
}

static void kill_tasks(struct host *host)
{
    tasks_kill_all(host->vm);
    write_rest(host);
}

static void on_stop_timeout(struct op *op)
{
    struct host *host = op->arg;

    op_free(op);
    host->stop_timer = NULL;
    if (host->stop_phase > STOP_DRAINING)
        return;
    if (lanes_running(host->lanes))
        log_warn("host",
                 "%d handlers did not finish in time; their updates will "
                 "be handled by the next process",
                 lanes_running(host->lanes));
    kill_tasks(host);
}

void host_stop(struct host *host, bool hurry)
{
    bool was_running = host->state == HOST_RUNNING;

    if (host->state == HOST_STOPPING && hurry &&
        host->stop_phase <= STOP_DRAINING)
        kill_tasks(host);
    if (host->state != HOST_STARTING && host->state != HOST_RUNNING)
        return;
    host->state = HOST_STOPPING;
    host->stop_phase = STOP_HANDING_OVER;
    upgrades_free(host->upgrades);
    host->upgrades = NULL;
    op_free(host->step);
    host->step = NULL;
    host_schema_stop(host);
    host_webhook_stop(host);
    lanes_stop(host->lanes);
    host_stop_jobs(host);
    intake_stop(host->intake);
    host_stop_broadcasts(host, host_stop_when_idle);
    host_stop_asks(host, host_stop_when_idle);
    if (!was_running) {
        stopped(host);
        return;
    }
    host->stop_timer =
        timer_start(host->loop, (int64_t)host->settings->stop_timeout_s * 1000);
    host->stop_timer->done = on_stop_timeout;
    host->stop_timer->arg = host;
    intake_hand_over(host->intake, on_handed_over, host);
    if (hurry)
        kill_tasks(host);
}

void host_fail(struct host *host, const char *why)
{
    log_error("host", "%s", why);
    host->exit_status = 1;
    host_webhook_stop(host);
    lanes_stop(host->lanes);
    intake_stop(host->intake);
    if (host->state == HOST_RUNNING) { /* others may go on at once */
        host->state = HOST_STOPPING;
        tasks_kill_all(host->vm);
        leave(host);
    } else {
        stopped(host);
    }
}
