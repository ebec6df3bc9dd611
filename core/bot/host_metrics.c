/* host_metrics.c - see host_metrics.h. */
#include "bot/host_metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/metrics.h"
#include "bot/host_int.h"
#include "bot/script_db.h"
#include "script/ask.h"
#include "telegram/send.h"

enum { RESULTS = TASK_KILLED + 1, UNWANTED = RESULTS };

struct host_metrics {
    struct host_http *http; /* METRICS_PORT's, or NULL */
    /* Made when the first such update is over. */
    struct metric_series *done[UPDATE_KINDS + 1][RESULTS + 1];
};

/* --- counted here ---------------------------------------------------------------- */

static struct metric updates_done = {
    .name = "moonpost_updates_total",
    .help = "Updates that are over, by kind and result; unwanted: no handler "
            "is for them, killed: left to the next process.",
    .type = METRIC_COUNTER,
    .labels = { "kind", "result" },
    .series_max = 200,
};
static struct metric updates_dead = {
    .name = "moonpost_updates_set_aside_total",
    .help = "Updates set aside without a run: processes died of them, or they "
            "can't be read.",
    .type = METRIC_COUNTER,
    .labels = { "reason" },
};
static struct metric reloads = {
    .name = "moonpost_reloads_total",
    .help = "Times the scripts were loaded again after a change.",
    .type = METRIC_COUNTER,
    .labels = { "result" },
};

static struct metric_series *find_done(enum update_kind kind, int result)
{
    static const char *const results[] = {
        [TASK_OK] = "ok",           [TASK_FAILED] = "failed",
        [TASK_OVERRAN] = "overran", [TASK_NO_DATABASE] = "no_database",
        [TASK_KILLED] = "killed",   [UNWANTED] = "unwanted",
    };
    const char *name = kind < UPDATE_KINDS ? update_kind_name(kind) : "unknown";

    return metric_of(&updates_done, name, results[result]);
}

void host_metrics_done(struct host *host, const struct incoming *in,
                       enum task_result result)
{
    int column = in->pushed_ms ? (int)result : UNWANTED; /* see lanes_push() */
    struct metric_series **done;

    if (!host->metrics)
        return;
    done = &host->metrics->done[in->u.kind][column];
    if (!*done)
        *done = find_done(in->u.kind, column);
    metric_add(*done, 1);
}

void host_metrics_dead(const char *reason)
{
    metric_add(metric_of(&updates_dead, reason), 1);
}

void host_metrics_reloaded(bool ok)
{
    metric_add(metric_of(&reloads, ok ? "ok" : "failed"), 1);
}

static struct metric webhook_updates = {
    .name = "moonpost_webhook_updates_total",
    .help = "Updates that Telegram sent, by what it was answered; full: 503, "
            "it sends them again.",
    .type = METRIC_COUNTER,
    .labels = { "answer" },
};
static struct metric webhook_calls = {
    .name = "moonpost_webhook_calls_total",
    .help = "Calls of the Bot API that went out as the answer to an update.",
    .type = METRIC_COUNTER,
};

void host_metrics_webhook(enum intake_answer how)
{
    static const char *const names[] = {
        [INTAKE_DONE] = "done",
        [INTAKE_SAVED] = "saved",
        [INTAKE_FULL] = "full",
        [INTAKE_BAD] = "bad",
    };

    metric_add(metric_of(&webhook_updates, names[how]), 1);
}

void host_metrics_webhook_call(void)
{
    metric_add(metric_plain(&webhook_calls), 1);
}

/* --- read when asked for --------------------------------------------------------- */

static double in_hand(void *arg)
{
    return intake_in_hand(((struct host *)arg)->intake);
}

static double in_inbox(void *arg)
{
    return intake_saved(((struct host *)arg)->intake);
}

static double undone_rows(void *arg)
{
    return (double)inbox_undone(((struct host *)arg)->inbox);
}

static double tasks(void *arg)
{
    return lanes_running(((struct host *)arg)->lanes);
}

static double asks(void *arg)
{
    return asks_count(((struct host *)arg)->asks);
}

static double leading(void *arg)
{
    return instance_state(((struct host *)arg)->instance) == INSTANCE_LEADING;
}

static double others(void *arg)
{
    return instance_others(((struct host *)arg)->instance);
}

static double database_up(void *arg)
{
    return pg_is_up(((struct host *)arg)->pg);
}

static double database_connections(void *arg)
{
    return pg_connections(((struct host *)arg)->pg);
}

static double queries_waiting(void *arg)
{
    return (double)pg_pending(((struct host *)arg)->pg).waiting;
}

static double queries_sent(void *arg)
{
    return (double)pg_pending(((struct host *)arg)->pg).sent;
}

static double script_queries_waiting(void *arg)
{
    return script_db_stats(((struct host *)arg)->script_db).waiting;
}

static double script_connections_busy(void *arg)
{
    return script_db_stats(((struct host *)arg)->script_db).busy;
}

static double lua_memory(void *arg)
{
    return (double)((struct host *)arg)->vm->memory;
}

static double lua_memory_max(void *arg)
{
    return (double)((struct host *)arg)->vm->limits.memory_max;
}

static double generation(void *arg)
{
    return ((struct host *)arg)->generations;
}

#define READ_CACHE(field)                                                      \
    static double cache_##field(void *arg)                                     \
    {                                                                          \
        return (double)config_store_stats(((struct host *)arg)->store).field;  \
    }
READ_CACHE(entries)
READ_CACHE(bytes)
READ_CACHE(hits)
READ_CACHE(misses)
READ_CACHE(evictions)
READ_CACHE(invalidations)
READ_CACHE(statements)

static struct sender_stats send_stats(void *arg)
{
    struct sender_stats stats;

    sender_get_stats(((struct host *)arg)->sender, &stats);
    return stats;
}

#define READ_SEND(name, value)                                                 \
    static double send_##name(void *arg)                                       \
    {                                                                          \
        return (double)send_stats(arg).value;                                  \
    }
READ_SEND(waited, waited)
READ_SEND(waited_s, waited_us / 1e6)
READ_SEND(timed_out, timed_out)
READ_SEND(refused, refused)
READ_SEND(floods, floods)
READ_SEND(retries, retries)
READ_SEND(redirects, redirects)
READ_SEND(replies, waiting_now_of[SEND_REPLY])
READ_SEND(others, waiting_now_of[SEND_OTHER])
READ_SEND(broadcasts, waiting_now_of[SEND_BROADCAST])

static double resident(void *arg)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    (void)arg;
    if (!f)
        return 0;
    if (fscanf(f, "%*s %ld", &pages) != 1)
        pages = 0;
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static double cpu_seconds(void *arg)
{
    struct rusage u;

    (void)arg;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double started_at(void *arg)
{
    static double at;

    (void)arg;
    if (at == 0)
        at = (double)time(NULL);
    return at;
}

/* In the order of the page. */
static struct read {
    struct metric metric;
    const char *value; /* of its label */
    metric_read_fn fn;
} reads[] = {
#define COUNTER(name_, help_, fn_)                                             \
    {                                                                          \
        { .name = (name_), .help = (help_), .type = METRIC_COUNTER }, NULL,    \
            fn_                                                                \
    }
#define GAUGE(name_, help_, fn_)                                               \
    {                                                                          \
        { .name = (name_), .help = (help_), .type = METRIC_GAUGE }, NULL, fn_  \
    }
    GAUGE("moonpost_updates_in_hand", "Updates that came and are not over.",
          in_hand),
    GAUGE("moonpost_tasks", "Runs of handlers, waiting ones included.", tasks),
    GAUGE("moonpost_asks", "Questions that wait to be answered.", asks),
    GAUGE("moonpost_inbox_updates",
          "Updates in hand that stand in the inbox, too.", in_inbox),
    GAUGE("moonpost_inbox_undone", "Rows of the inbox that are to be deleted.",
          undone_rows),
    GAUGE("moonpost_leading",
          "1: this process gets the bot's updates; 0: it stands by.", leading),
    GAUGE("moonpost_instances_others", "Other living processes of this bot.",
          others),
    COUNTER("moonpost_pace_waits_total",
            "Calls that did not go at once, for the flood limits.",
            send_waited),
    COUNTER("moonpost_pace_wait_seconds_total", "How long they waited.",
            send_waited_s),
    COUNTER("moonpost_pace_timeouts_total",
            "Calls whose time was over while they waited.", send_timed_out),
    COUNTER("moonpost_pace_refused_total",
            "Calls that found PACE_QUEUE_MAX others waiting.", send_refused),
    COUNTER("moonpost_api_floods_total", "Answers 429 of the Bot API.",
            send_floods),
    COUNTER("moonpost_api_retries_total", "Calls tried again.", send_retries),
    COUNTER("moonpost_api_redirects_total",
            "Calls sent to the new id of a chat that moved.", send_redirects),
    COUNTER("moonpost_config_cache_hits_total",
            "Configs that were in the cache.", cache_hits),
    COUNTER("moonpost_config_cache_misses_total", "Configs that were not.",
            cache_misses),
    COUNTER("moonpost_config_cache_evictions_total",
            "Configs that had to go for others.", cache_evictions),
    COUNTER("moonpost_config_cache_invalidations_total",
            "Configs dropped because somebody wrote them.",
            cache_invalidations),
    COUNTER("moonpost_config_statements_total", "Statements about configs.",
            cache_statements),
    GAUGE("moonpost_config_cache_entries", "Configs in the cache.",
          cache_entries),
    GAUGE("moonpost_config_cache_bytes", "Their memory.", cache_bytes),
    GAUGE("moonpost_database_up", "1: connected to PostgreSQL.", database_up),
    COUNTER("moonpost_database_connections_total",
            "Times the connection came up.", database_connections),
    GAUGE("moonpost_database_queries_waiting", "Queries that are not sent yet.",
          queries_waiting),
    GAUGE("moonpost_database_queries_sent", "Queries that are on their way.",
          queries_sent),
    GAUGE("moonpost_script_queries_waiting",
          "Statements of scripts that wait for a connection.",
          script_queries_waiting),
    GAUGE("moonpost_script_connections_busy",
          "Connections of scripts with a statement or a transaction.",
          script_connections_busy),
    GAUGE("moonpost_lua_memory_bytes", "Memory of the scripts.", lua_memory),
    GAUGE("moonpost_lua_memory_max_bytes", "What they may have.",
          lua_memory_max),
    GAUGE("moonpost_generation", "How often the scripts were loaded.",
          generation),
    GAUGE("process_resident_memory_bytes", "Resident memory size in bytes.",
          resident),
    COUNTER("process_cpu_seconds_total",
            "Total user and system CPU time spent in seconds.", cpu_seconds),
    GAUGE("process_start_time_seconds",
          "Start time of the process since unix epoch in seconds.", started_at),
};

static struct metric waiting_calls = {
    .name = "moonpost_pace_waiting",
    .help = "Calls that wait for the flood limits or to be tried again.",
    .type = METRIC_GAUGE,
    .labels = { "priority" },
};
static struct metric build_info = {
    .name = "moonpost_build_info",
    .help = "1; the label says which version this is.",
    .type = METRIC_GAUGE,
    .labels = { "version" },
};

static double one(void *arg)
{
    (void)arg;
    return 1;
}

static void register_all(struct host *host)
{
    started_at(NULL);
    metric_of(&updates_done, "message", "ok"); /* with 0, from the start */
    metric_of(&updates_dead, "crash");
    metric_of(&updates_dead, "unreadable");
    metric_of(&reloads, "ok");
    metric_of(&reloads, "failed");
    for (size_t i = 0; i < ARRAY_LEN(reads); i++)
        metric_read_from(metric_plain(&reads[i].metric), reads[i].fn, host);
    metric_read_from(metric_of(&waiting_calls, "reply"), send_replies, host);
    metric_read_from(metric_of(&waiting_calls, "other"), send_others, host);
    metric_read_from(metric_of(&waiting_calls, "broadcast"), send_broadcasts,
                     host);
    metric_read_from(metric_of(&build_info, MOONPOST_VERSION), one, NULL);
}

/* --- the page -------------------------------------------------------------------- */

/* In the same time for any wrong one of its length. */
static bool same_secret(const char *a, const char *b)
{
    size_t n = strlen(a);
    unsigned char differs = 0;

    if (strlen(b) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        differs |= (unsigned char)(a[i] ^ b[i]);
    return !differs;
}

static int check(const struct httpd_request *req, void *arg)
{
    const struct host *host = arg;
    const char *token = host->settings->metrics_token;
    const char *given = httpd_header(req, "Authorization");

    if (!token)
        return 0;
    return given && strncasecmp(given, "Bearer ", 7) == 0 &&
                   same_secret(token, given + 7)
               ? 0
               : 401;
}

static void on_request(struct httpd_request *req, void *arg)
{
    static const char *const headers[] = { "Content-Type", METRICS_CONTENT_TYPE,
                                           "Cache-Control", "no-store", NULL };
    struct buf out = BUF_INIT;

    (void)arg;
    metrics_render(&out);
    httpd_reply(req, 200, headers, buf_slice(&out));
    buf_release(&out);
}

static void serve(struct host *host, struct host_http *http)
{
    host_http_add(http, &(struct host_http_route){ .path = "/metrics",
                                                   .check = check,
                                                   .handler = on_request,
                                                   .arg = host });
}

void host_metrics_serve(struct host *host, struct host_http *http)
{
    if (host->settings->metrics_token)
        serve(host, http);
}

/* --- beginning and end ----------------------------------------------------------- */

static bool listen_alone(struct host *host, struct err *err)
{
    const struct settings *s = host->settings;
    struct err why = ERR_INIT;
    struct host_http *http;

    if (!s->metrics_port)
        return true;
    http = host_http_open(host->loop, s->metrics_address, s->metrics_port,
                          s->request_timeout_s, &why);
    if (!http)
        return err_set(err, why.kind, "METRICS_PORT: %s", why.text);
    host->metrics->http = http;
    serve(host, http);
    host_health_serve(host, http);
    log_info("metrics", "http://%s:%d/metrics", s->metrics_address,
             host_http_port(http));
    return true;
}

bool host_metrics_open(struct host *host, struct err *err)
{
    host->metrics = xalloc(sizeof(*host->metrics));
    log_hide(host->settings->metrics_token);
    register_all(host);
    return listen_alone(host, err);
}

void host_metrics_free(struct host *host)
{
    if (!host->metrics)
        return;
    metric_forget_reads(host);
    host_http_free(host->metrics->http);
    free(host->metrics);
    host->metrics = NULL;
}
