/*
 * host_reload.c - generations: loading the bot's folder, again at each save.
 */
#include <string.h>

#include "base/log.h"
#include "bot/host_commands.h"
#include "bot/host_int.h"
#include "bot/host_jobs.h"
#include "bot/host_metrics.h"
#include "bot/host_webhook.h"
#include "script/upgrade.h"

static void use_generation(struct host *host, struct generation *gen)
{
    struct generation *old = host->gen;

    host->gen = gen;
    host->generations++;
    lanes_set_generation(host->lanes, gen);
    host_use_jobs(host);
    config_store_use(host->store, &(struct config_rules){
                                      .version = gen->config_version,
                                      .upgrade = upgrade_config,
                                      .arg = gen,
                                      .schema = gen->schema,
                                  });
    generation_unref(old); /* the store has let go of its settings */
}

static struct generation *load(struct host *host, struct err *err)
{
    struct generation *gen =
        generation_new(host->vm->L, host->dir, host->generations + 1);

    if (generation_load(gen, err))
        return gen;
    generation_unref(gen);
    return NULL;
}

bool host_load(struct host *host, struct err *err)
{
    struct generation *gen = load(host, err);

    if (gen)
        use_generation(host, gen);
    return gen != NULL;
}

static void add_folders(struct host *host)
{
    static const char *const folders[] = { "scripts", "defaults",
                                           "migrations" };
    struct buf path = BUF_INIT;

    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        buf_reset(&path);
        buf_addf(&path, "%s/%s", host->dir, folders[i]);
        watch_add(host->watch, path.data);
    }
    buf_release(&path);
}

static void reload(void *arg)
{
    struct host *host = arg;
    struct err err = ERR_INIT;
    struct generation *gen;

    if (host->state != HOST_STARTING && host->state != HOST_RUNNING)
        return;
    add_folders(host);
    gen = load(host, &err);
    if (watch_is_busy(host->watch)) { /* it may be half of what was saved */
        generation_unref(gen);
        return;
    }
    host_metrics_reloaded(gen != NULL);
    if (!gen) {
        log_error("reload",
                  "%s\nnot reloaded: the scripts loaded before stay in use",
                  err.text);
        return;
    }
    use_generation(host, gen);
    lua_gc(host->vm->L, LUA_GCCOLLECT);
    log_info("reload", "reloaded: %d files, %d handlers", host->gen->files,
             host->gen->handlers.n);
    if (host->upgrades)
        upgrades_kick(host->upgrades);
    if (host->state == HOST_STARTING) /* its end tells Telegram */
        return;
    host_sync_commands(host, false);
    host_sync_allowed(host);
}

void host_watch(struct host *host)
{
    struct err err = ERR_INIT;

    if (!host->settings->reload || host->watch)
        return;
    host->watch = watch_new(host->loop, reload, host, &err);
    if (!host->watch) {
        log_warn("reload", "%s; saving a file changes nothing until a restart",
                 err.text);
        return;
    }
    watch_add_for_folders(host->watch, host->dir); /* a first defaults/ */
    add_folders(host);
}

/* Only by who gets the updates: the lists are one for all instances. */
void host_sync_commands(struct host *host, bool afresh)
{
    if (instance_state(host->instance) == INSTANCE_LEADING)
        host_commands_want(host->commands, &host->gen->handlers, afresh);
}

void host_sync_allowed(struct host *host)
{
    struct buf allowed = BUF_INIT;

    handlers_add_allowed(&host->gen->handlers, &allowed);
    if (host->settings->chats_seen &&
        !strstr(allowed.data, "\"my_chat_member\"")) {
        allowed.len--; /* who blocks the bot, or lets it in: see chats.h */
        buf_addf(&allowed, "%s\"my_chat_member\"]", allowed.len > 1 ? "," : "");
    }
    intake_allow(host->intake, allowed.data);
    host_webhook_allow(host, allowed.data);
    buf_release(&allowed);
}
