/*
 * host_reload.c - generations: loading the bot's folder, again at each save.
 */
#include <malloc.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "bot/host_commands.h"
#include "bot/host_int.h"
#include "bot/host_jobs.h"
#include "bot/host_metrics.h"
#include "bot/host_schema.h"
#include "bot/host_webhook.h"
#include "script/upgrade.h"

static void warn_of_commands(const struct generation *gen)
{
    struct buf text = BUF_INIT;
    char *save = NULL;

    handlers_add_covered(&gen->handlers, &text);
    for (char *line = strtok_r(text.data, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save))
        log_warn("script", "%s", line);
    buf_release(&text);
}

static void use_generation(struct host *host, struct generation *gen)
{
    struct generation *old = host->gen;

    host->gen = gen;
    host->generations++;
    warn_of_commands(gen);
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
    static const char *const folders[] = { "scripts", "defaults", "locales",
                                           "migrations" };
    struct buf path = BUF_INIT;

    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        buf_reset(&path);
        buf_addf(&path, "%s/%s", host->dir, folders[i]);
        watch_add(host->watch, path.data);
    }
    buf_release(&path);
}

/* --- memory ---------------------------------------------------------------------- */

#define COLLECT_MS 2     /* between two steps */
#define COLLECT_CYCLES 2 /* what the first finalizes, the second frees */

static void collect_later(struct host *host);

/* What the generation before has left goes in small steps: all at once would hold
 * up every chat for as long as all that scripts have takes to be looked at. */
static void collect(struct op *op)
{
    struct host *host = op->arg;

    op_free(op);
    host->collecting = NULL;
    if (lua_gc(host->vm->L, LUA_GCSTEP, 0) && --host->cycles_left == 0)
        malloc_trim(0);
    collect_later(host);
}

static void collect_later(struct host *host)
{
    if (host->cycles_left <= 0 || host->collecting)
        return;
    host->collecting = timer_in_background(timer_start(host->loop, COLLECT_MS));
    host->collecting->done = collect;
    host->collecting->arg = host;
}

/* --- reloading --------------------------------------------------------------------- */

/* It did not load, and is as it was before: nothing to load, but to be said. */
static void say_as_before(struct host *host)
{
    if (host->refused)
        log_info("reload", "the files are as they were loaded before");
    host->refused = false;
}

static void begin_to_use(struct host *host, struct generation *gen)
{
    use_generation(host, gen);
    host->cycles_left = COLLECT_CYCLES;
    collect_later(host);
    if (host->upgrades)
        upgrades_kick(host->upgrades);
    if (host->state == HOST_STARTING) /* its end tells Telegram */
        return;
    host_sync_commands(host, false);
    host_sync_allowed(host);
}

/* What was loaded may be half of what somebody saves. Asked in this order: what
 * is not empty any more has been told of. */
static bool is_half_saved(struct host *host)
{
    bool emptied = folder_was_emptied(&host->gen->sources, host->dir);
    bool busy = watch_is_busy(host->watch);

    return watch_doubts(host->watch, emptied && !busy) || busy;
}

void host_use_loaded(struct host *host, struct generation *gen,
                     const char *changes, int64_t started_ns)
{
    host_metrics_reloaded(true);
    host->refused = false;
    begin_to_use(host, gen);
    log_info("reload", "reloaded in %.1f ms: %s, %d files, %d handlers",
             (double)(clock_steady_ns() - started_ns) / 1e6, changes,
             gen->files, gen->handlers.n);
}

void host_refuse_loaded(struct host *host, const char *why)
{
    host_metrics_reloaded(false);
    host->refused = true;
    log_error("reload",
              "%s\nnot reloaded: the scripts loaded before stay in use", why);
}

/* Its end will be told of. Half of it may be valid SQL, and is not to be run. */
static bool sql_is_being_written(const struct host *host)
{
    return host->watch && watch_is_writing(host->watch, ".sql");
}

static void use_loaded(struct host *host, struct generation *gen,
                       const char *changes, bool sql, int64_t start)
{
    if (sql && sql_is_being_written(host)) {
        generation_unref(gen);
        log_info("reload",
                 "waiting with what was saved: a program has a file of "
                 "migrations/schema open, and may still write it");
    } else if (sql) {
        host_schema_begin(host, gen, changes, start);
    } else {
        host_use_loaded(host, gen, changes, start);
    }
}

static void load_again(struct host *host, const char *changes, bool sql)
{
    struct err err = ERR_INIT;
    int64_t start = clock_steady_ns();
    struct generation *gen = load(host, &err);

    if (host->watch && is_half_saved(host))
        generation_unref(gen);
    else if (gen)
        use_loaded(host, gen, changes, sql, start);
    else
        host_refuse_loaded(host, err.text);
}

void host_reload(void *arg)
{
    struct host *host = arg;
    struct buf changes = BUF_INIT;
    bool sql = false;

    if (host->state != HOST_STARTING && host->state != HOST_RUNNING)
        return;
    if (host->watch)
        add_folders(host);
    if (host_schema_is_busy(host))
        return;
    if (folder_changes(&host->gen->sources, host->dir, &changes, &sql) == 0)
        say_as_before(host);
    else
        load_again(host, changes.data, sql);
    buf_release(&changes);
}

void host_renew(void *arg)
{
    struct host *host = arg;
    struct buf changes = BUF_INIT;
    bool sql = false;

    if (host->state != HOST_RUNNING || host_schema_is_busy(host))
        return;
    folder_changes(&host->gen->sources, host->dir, &changes, &sql);
    load_again(host, "begun anew", sql);
    buf_release(&changes);
}

void host_watch(struct host *host)
{
    struct err err = ERR_INIT;

    if (!host->settings->reload || host->watch)
        return;
    host->watch = watch_new(host->loop, host_reload, host, &err);
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
