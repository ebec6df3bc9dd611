/* tool.c - see tool.h. */
#include "bot/tool.h"

#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "script/generation.h"
#include "script/limits.h"
#include "script/upgrade.h"
#include "script/vm.h"

static bool interrupted;

static void on_signal(int number, void *arg)
{
    const struct tool *tool = arg;

    (void)number;
    interrupted = true;
    loop_stop(tool->loop);
}

static void on_database(bool up, const char *reason, void *arg)
{
    (void)arg;
    if (!up)
        log_warn("database", "waiting for PostgreSQL: %s", reason);
}

static bool open_database(struct tool *tool, const struct tool_options *o,
                          struct err *err)
{
    const struct settings *s = o->settings;
    struct err why = ERR_INIT;

    if (!s->database_url)
        return err_set(err, ERR_USAGE,
                       "DATABASE_URL is not set: where is PostgreSQL? "
                       "(postgres://user:password@host/database)");
    tool->pg = pg_new(tool->loop,
                      &(struct pg_options){
                          .url = s->database_url,
                          .schema = s->database_schema,
                          .application_name = o->application_name,
                          .query_timeout_ms = s->database_timeout_ms,
                          .wait_timeout_ms = s->database_timeout_ms,
                          .prepare = s->database_prepare,
                          .require_ssl = s->on_heroku,
                      },
                      &why);
    if (!tool->pg)
        return err_set(err, why.kind, "DATABASE_URL: %s", why.text);
    pg_on_state(tool->pg, on_database, NULL);
    if (!tool->gen)
        return true;
    tool->store =
        config_store_new(tool->loop, tool->pg,
                         &(struct config_store_options){
                             .cache_bytes = (size_t)s->config_cache_mb << 20,
                             .document_max = (size_t)s->config_max_kb << 10,
                             .history = s->config_history,
                         });
    config_store_use(tool->store, &(struct config_rules){
                                      .version = tool->gen->config_version,
                                      .upgrade = upgrade_config,
                                      .arg = tool->gen,
                                      .schema = tool->gen->schema,
                                  });
    return true;
}

static bool load_folder(struct tool *tool, const struct tool_options *o,
                        struct err *err)
{
    struct vm_limits limits = limits_of(o->settings);

    tool->services = xalloc(sizeof(*tool->services));
    *tool->services = (struct services){ .bot_username = "", .dir = o->dir };
    tool->vm = vm_new(tool->services, &limits);
    tool->gen = generation_new(tool->vm->L, o->dir, 1);
    tool->gen->settings_only = !o->with_scripts;
    if (!generation_load(tool->gen, err))
        return false;
    tool->schema = tool->gen->schema;
    tool->config_version = tool->gen->config_version;
    return true;
}

bool tool_open(struct tool *tool, const struct tool_options *o, struct err *err)
{
    *tool = (struct tool){ .loop = loop_new() };
    if ((!o->dir || load_folder(tool, o, err)) &&
        (!o->application_name || open_database(tool, o, err))) {
        interrupted = false;
        loop_on_signal(tool->loop, SIGINT, on_signal, tool);
        loop_on_signal(tool->loop, SIGTERM, on_signal, tool);
        return true;
    }
    tool_close(tool);
    return false;
}

void tool_close(struct tool *tool)
{
    config_store_free(tool->store);
    pg_free(tool->pg);
    generation_unref(tool->gen);
    vm_free(tool->vm);
    free(tool->services);
    loop_free(tool->loop);
    *tool = (struct tool){ 0 };
}

static void on_done(struct op *op)
{
    loop_stop(op->arg);
}

bool tool_wait(struct tool *tool, struct op *op, struct err *err)
{
    if (op->state != OP_DONE && !interrupted) {
        op->done = on_done;
        op->arg = tool->loop;
        loop_run(tool->loop);
    }
    if (op->state != OP_DONE)
        return err_set(err, ERR_SYSTEM, "interrupted");
    if (op->err.kind)
        *err = op->err;
    return !op->err.kind;
}

const char *tool_who(void)
{
    static char who[80];
    const struct passwd *user = getpwuid(getuid());

    if (user)
        snprintf(who, sizeof(who), "cli:%s", user->pw_name);
    else
        snprintf(who, sizeof(who), "cli:%u", (unsigned)getuid());
    return who;
}
