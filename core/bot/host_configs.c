/*
 * host_configs.c - the host's store of configs: opened, kept current by a
 * listener, and told of in the log.
 */
#include "base/log.h"
#include "bot/host_int.h"

void host_open_store(struct host *host)
{
    const struct settings *s = host->settings;

    host->store =
        config_store_new(host->loop, host->pg,
                         &(struct config_store_options){
                             .cache_bytes = (size_t)s->config_cache_mb << 20,
                             .document_max = (size_t)s->config_max_kb << 10,
                             .history = s->config_history,
                         });
}

/* --- statistics ------------------------------------------------------------------- */

static const char *listener_word(const struct host *host)
{
    static const char *const words[] = { "connecting", "listening", "polling" };

    return host->listener ? words[config_listener_state(host->listener)]
                          : "not yet";
}

void host_log_stats(struct host *host)
{
    struct config_stats c = config_store_stats(host->store);
    int64_t asked = c.hits + c.misses;

    log_info("stats",
             "config cache: %zu chats, %zu of %zu KiB, %lld hits, %lld misses "
             "(%.1f %% hits), %lld evicted, %lld invalidated, %lld statements, "
             "changes: %s; Lua: %zu KiB, at most %zu",
             c.entries, c.bytes >> 10, c.budget >> 10, (long long)c.hits,
             (long long)c.misses,
             asked ? 100.0 * (double)c.hits / (double)asked : 0.0,
             (long long)c.evictions, (long long)c.invalidations,
             (long long)c.statements, listener_word(host),
             host->vm->memory >> 10, host->vm->memory_peak >> 10);
}

static void log_later(struct host *host);

static void on_stats(struct op *op)
{
    struct host *host = op->arg;

    op_free(op);
    host->stats = NULL;
    host_log_stats(host);
    log_later(host);
}

static void log_later(struct host *host)
{
    if (host->settings->stats_s == 0)
        return;
    host->stats =
        timer_start(host->loop, (int64_t)host->settings->stats_s * 1000);
    host->stats->done = on_stats;
    host->stats->arg = host;
}

/* --- what others write ---------------------------------------------------------------- */

bool host_follow_configs(struct host *host, struct err *err)
{
    const struct settings *s = host->settings;
    const char *url =
        s->database_listen_url ? s->database_listen_url : s->database_url;
    struct err why = ERR_INIT;

    host->listener =
        config_listener_new(host->loop, host->store, host->pg,
                            &(struct config_listener_options){
                                .connection = {
                                    .url = url,
                                    .schema = s->database_schema,
                                    .application_name = "moonpost listen",
                                    .query_timeout_ms = s->database_timeout_ms,
                                    .wait_timeout_ms =
                                        s->database_timeout_ms / 2,
                                    .prepare = s->database_prepare,
                                    .require_ssl = s->on_heroku,
                                },
                                .lent = host->options.listen_pg,
                                .poll_ms = s->config_poll_s * 1000,
                            },
                            &why);
    if (!host->listener)
        return err_set(err, why.kind, "DATABASE_LISTEN_URL: %s", why.text);
    host->upgrades = upgrades_new(host->loop, host->store,
                                  &(struct upgrades_options){
                                      .per_s = s->config_upgrade_per_s,
                                      .delay_ms = -1,
                                  });
    upgrades_kick(host->upgrades);
    log_later(host);
    return true;
}

void host_close_store(struct host *host)
{
    op_free(host->stats);
    upgrades_free(host->upgrades);
    config_listener_free(host->listener);
    config_store_free(host->store);
    host->store = NULL;
    host->listener = NULL;
    host->upgrades = NULL;
    host->stats = NULL;
}
