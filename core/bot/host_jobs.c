/* host_jobs.c - see host_jobs.h. */
#include "bot/host_jobs.h"

#include <stdlib.h>

#include "bot/counter_writes.h"
#include "bot/recorder_rows.h"
#include "bot/job_desk.h"
#include "bot/jobs.h"

struct host_jobs {
    struct job_desk desk;         /* what scripts get */
    struct counter_desk counting; /* the same */
    struct counter_writes *writes;
    void (*idle)(void *arg);
};

/* --- for scripts ------------------------------------------------------------------ */

static struct op *desk_add(void *arg, const struct job_order *order)
{
    struct host *host = arg;
    struct job_order home = *order;

    if (home.chat_id)
        home.chat_id = config_home(host->store, home.chat_id);
    return job_add_start(host->loop, host->pg, host->jobs, tg_bot_id(host->tg),
                         &home);
}

static struct job_filter at_home(const struct host *host,
                                 const struct job_filter *filter)
{
    struct job_filter home = *filter;

    home.bot = tg_bot_id(host->tg);
    if (home.chat_id && home.chat_id != JOB_CHAT_ANY)
        home.chat_id = config_home(host->store, home.chat_id);
    return home;
}

static struct op *desk_cancel(void *arg, const struct job_filter *filter)
{
    struct host *host = arg;
    struct job_filter home = at_home(host, filter);

    return job_cancel_start(host->loop, host->pg, &home);
}

static struct op *desk_list(void *arg, const struct job_filter *filter)
{
    struct host *host = arg;
    struct job_filter home = at_home(host, filter);

    return job_list_start(host->loop, host->pg, &home);
}

static struct op *desk_load(void *arg, struct counter *c,
                            const struct count_key *key)
{
    struct host *host = arg;

    if (host->recorder_rows)
        recorder_rows_counters(host->recorder_rows, counter_name(c), key->chat);
    return counter_load_start(host->host_jobs->writes, c, key);
}

static struct op *desk_reset(void *arg, struct counter *c,
                             const struct count_key *key)
{
    struct host *host = arg;

    return counter_reset_start(host->host_jobs->writes, c, key);
}

static struct op *desk_top(void *arg, struct counter *c, int64_t chat,
                           int64_t user, int n)
{
    struct host *host = arg;

    if (host->recorder_rows)
        recorder_rows_counters(host->recorder_rows, counter_name(c), chat);
    return counter_top_start(host->host_jobs->writes, c, chat, user, n);
}

static int64_t desk_home(void *arg, int64_t chat)
{
    struct host *host = arg;

    return config_home(host->store, chat);
}

/* --- the host's life ---------------------------------------------------------------- */

static void on_idle(void *arg)
{
    struct host *host = arg;

    if (host->host_jobs->idle)
        host->host_jobs->idle(host);
}

void host_open_jobs(struct host *host)
{
    const struct settings *s = host->settings;
    struct host_jobs *hj = xalloc(sizeof(*hj));

    hj->desk = (struct job_desk){ desk_add, desk_cancel, desk_list, host };
    hj->counting = (struct counter_desk){
        .all = counters_new(s->counters_max),
        .load = desk_load,
        .reset = desk_reset,
        .top = desk_top,
        .home = desk_home,
        .arg = host,
    };
    hj->writes = counter_writes_new(host->loop, host->pg, hj->counting.all,
                                    tg_bot_id(host->tg), on_idle, host);
    host->host_jobs = hj;
    host->jobs = jobs_new(host->loop, host->pg,
                          &(struct jobs_options){
                              .bot_id = tg_bot_id(host->tg),
                              .instance = instance_id(host->instance),
                              .running_max = s->jobs_max,
                              .keep_days = s->jobs_keep_days,
                              .lanes = host->lanes,
                              .store = host->store,
                              .idle = on_idle,
                              .arg = host,
                          });
    host->services.jobs = &hj->desk;
    host->services.counters = &hj->counting;
}

void host_use_jobs(struct host *host)
{
    jobs_use(host->jobs, host->gen);
}

void host_stop_jobs(struct host *host)
{
    jobs_stop(host->jobs);
    counter_writes_stop(host->host_jobs->writes);
}

bool host_jobs_are_written(const struct host *host)
{
    return jobs_are_idle(host->jobs) &&
           counter_writes_are_idle(host->host_jobs->writes);
}

void host_jobs_on_idle(struct host *host, void (*idle)(void *arg))
{
    host->host_jobs->idle = idle;
}

void host_close_jobs(struct host *host)
{
    jobs_free(host->jobs);
    if (host->host_jobs) {
        counter_writes_free(host->host_jobs->writes);
        counters_free(host->host_jobs->counting.all);
        free(host->host_jobs);
    }
    host->jobs = NULL;
    host->host_jobs = NULL;
}
