/* host_jobs.h - the host's part in jobs and counters: what scripts reach them by. */
#ifndef BOT_HOST_JOBS_H
#define BOT_HOST_JOBS_H

#include "bot/host_int.h"

void host_open_jobs(struct host *host);
void host_use_jobs(struct host *host); /* the generation that is in use now */
void host_stop_jobs(struct host *host);
/* Nothing is in hand, and all counts are written. */
bool host_jobs_are_written(const struct host *host);
/* idle: called after host_stop_jobs() when that may have become true. */
void host_jobs_on_idle(struct host *host, void (*idle)(void *arg));
void host_close_jobs(struct host *host); /* before the lanes */

#endif
