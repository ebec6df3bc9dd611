/*
 * host_metrics.h - GET /metrics: the host's numbers (base/metrics.h).
 *
 * What other modules count by themselves is read when somebody asks. For
 * bot/host*.c only.
 */
#ifndef BOT_HOST_METRICS_H
#define BOT_HOST_METRICS_H

#include "bot/host_http.h"
#include "bot/intake.h"
#include "script/task.h"

struct host;
struct host_metrics;

/* When all of the host is made. With METRICS_PORT: listens there. ERR_SYSTEM: it is
 * taken, or not ours to take. */
bool host_metrics_open(struct host *host, struct err *err) MUST_CHECK;
void host_metrics_free(struct host *host); /* half made ones too */

/* Also there: on the webhook's port, which all the world sees. Only if METRICS_TOKEN
 * is set. */
void host_metrics_serve(struct host *host, struct host_http *http);

/* An update is over. */
void host_metrics_done(struct host *host, const struct incoming *in,
                       enum task_result result);
/* An update was set aside, not after a run: "crash", "unreadable". */
void host_metrics_dead(const char *reason);
void host_metrics_reloaded(bool ok);
/* How an update of the webhook was answered; with a call in the answer. */
void host_metrics_webhook(enum intake_answer how);
void host_metrics_webhook_call(void);

#endif
