/* cmd_migrate.c - moonpost migrate: bring the database's tables up to date. */
#include <stdio.h>

#include "base/log.h"
#include "bot/migrate.h"
#include "running.h"

struct migration_run {
    struct loop *loop;
    struct pg *pg;
    const char *dir;
    bool dry_run;
    int applied;
    struct err err;
};

static void on_migrated(struct op *op)
{
    struct migration_run *run = op->arg;

    run->err = op->err;
    run->applied = ((struct migrate_op *)op)->applied;
    op_free(op);
    loop_stop(run->loop);
}

static void on_database(bool up, const char *reason, void *arg)
{
    (void)arg;
    if (!up)
        log_warn("database", "waiting for PostgreSQL: %s", reason);
}

static bool open_and_run(const struct settings *s, struct migration_run *run)
{
    struct err why = ERR_INIT;
    struct op *op;

    if (!s->database_url)
        return err_set(&run->err, ERR_USAGE,
                       "DATABASE_URL is not set: where is PostgreSQL? "
                       "(postgres://user:password@host/database)");
    if (!check_bot_folder(run->dir, &run->err))
        return false;
    run->pg = pg_new(run->loop,
                     &(struct pg_options){
                         .url = s->database_url,
                         .application_name = "moonpost migrate",
                         .query_timeout_ms = s->database_timeout_ms,
                         .wait_timeout_ms = s->database_timeout_ms,
                         .require_ssl = s->on_heroku,
                     },
                     &why);
    if (!run->pg)
        return err_set(&run->err, why.kind, "DATABASE_URL: %s", why.text);
    pg_on_state(run->pg, on_database, NULL);
    op = migrate_start(run->loop, run->pg, run->dir, run->dry_run);
    op->done = on_migrated;
    op->arg = run;
    loop_run(run->loop);
    pg_free(run->pg);
    return !run->err.kind;
}

static int migrate(struct invocation *in)
{
    struct arguments args;
    struct migration_run run = { .err = ERR_INIT };
    bool ok;

    if (!arguments_read(in, TAKES_DIR | TAKES_DRY_RUN, &args))
        return EXIT_USAGE;
    run.dir = args.dir;
    run.dry_run = args.dry_run;
    run.loop = loop_new();
    ok = open_and_run(&in->settings, &run);
    loop_free(run.loop);
    if (!ok)
        return command_failed(&run.err);
    if (run.applied == 0)
        printf("The database is up to date.\n");
    else
        printf("%d schema migrations %s.\n", run.applied,
               run.dry_run ? "would be applied" : "applied");
    return EXIT_OK;
}

const struct command cmd_migrate = {
    .name = "migrate",
    .summary = "bring the database's tables up to date",
    .usage = "migrate [DIR] [--dry-run]\n\n"
             "  DIR        the bot's folder; its migrations/schema/*.sql are "
             "applied after the host's own tables (default: .)\n"
             "  --dry-run  say what would be applied, and change nothing",
    .shows_settings = true,
    .run = migrate,
};
