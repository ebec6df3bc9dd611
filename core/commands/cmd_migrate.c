/*
 * cmd_migrate.c - moonpost migrate: the database's tables, then every chat's
 * config, brought up to date.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bot/analyze.h"
#include "bot/migrate.h"
#include "bot/tool.h"
#include "config/bulk.h"
#include "config_diff.h"
#include "config_show.h"
#include "progress.h"
#include "running.h"

#define BATCH 500 /* rows; measured: docs/benchmarks.md */
#define FAILURES_SHOWN 20
#define MISFITS_SHOWN 10
#define DIFFS_SHOWN 5
#define VALUE_SHOWN 200 /* bytes */

struct migrate_options {
    const char *dir;
    bool dry_run, only_schema, allow_failures;
};

struct migrate_run {
    const struct migrate_options *o;
    struct tool tool;
    int applied;               /* schema migrations */
    struct buf schema_failure; /* what is said of one of them */
    struct buf sizes;          /* of the tables before: analyze.h */
    struct config_bulk_counts counts;
    int64_t ms; /* that the rows took */
    struct progress progress;
    struct buf failures, misfits, diffs; /* the first of each, as lines */
    int nfailures, nmisfits, ndiffs;
};

/* --- what is heard of the rows ---------------------------------------------------- */

static void on_batch(const struct config_bulk_counts *counts, void *arg)
{
    struct migrate_run *run = arg;

    progress_show(&run->progress,
                  counts->upgraded + counts->others + counts->failed,
                  counts->total);
}

static void on_failed(int64_t chat_id, int version, const char *error,
                      void *arg)
{
    struct migrate_run *run = arg;

    if (run->nfailures++ < FAILURES_SHOWN)
        buf_addf(&run->failures, "  chat %lld (version %d): %s\n",
                 (long long)chat_id, version, error);
}

static void on_misfit(int64_t chat_id, const char *error, void *arg)
{
    struct migrate_run *run = arg;

    if (run->nmisfits++ < MISFITS_SHOWN)
        buf_addf(&run->misfits, "  chat %lld: %s\n", (long long)chat_id, error);
}

static void add_side(struct buf *out, char mark, const char *path,
                     struct slice value)
{
    if (!value.p)
        return;
    buf_addf(out, "  %c ", mark);
    show_cut(out, slice_of(path), VALUE_SHOWN);
    buf_adds(out, ": ");
    show_cut(out, value, VALUE_SHOWN);
    buf_addc(out, '\n');
}

static void on_difference(const char *path, struct slice before,
                          struct slice after, void *arg)
{
    struct buf *out = arg;

    add_side(out, '-', path, before);
    add_side(out, '+', path, after);
}

static void on_upgraded(int64_t chat_id, struct slice before,
                        struct slice after, void *arg)
{
    struct migrate_run *run = arg;
    struct buf lines = BUF_INIT;

    if (run->ndiffs == DIFFS_SHOWN)
        return;
    if (config_diff(before, after, on_difference, &lines) > 0) {
        run->ndiffs++;
        buf_addf(&run->diffs, "chat %lld\n", (long long)chat_id);
        buf_add_slice(&run->diffs, buf_slice(&lines));
    }
    buf_release(&lines);
}

/* --- the two parts ------------------------------------------------------------------- */

static bool migrate_schema(struct migrate_run *run, struct err *err)
{
    struct op *op = migrate_start(run->tool.loop, run->tool.pg, run->o->dir,
                                  run->o->dry_run);
    bool ok = tool_wait(&run->tool, op, err);

    run->applied = ((struct migrate_op *)op)->applied;
    if (!ok &&
        ((struct migrate_op *)op)->message) /* it may be longer than err */
        buf_adds(&run->schema_failure, ((struct migrate_op *)op)->message);
    op_free(op);
    return ok;
}

static bool migrate_rows(struct migrate_run *run, struct err *err)
{
    struct config_bulk_options options = {
        .batch = BATCH,
        .dry_run = run->o->dry_run,
        .who = "migrate",
        .on_batch = on_batch,
        .on_failed = on_failed,
        .on_misfit = on_misfit,
        .on_upgraded = on_upgraded,
        .arg = run,
    };
    struct config_bulk_op *op;
    bool ok;

    progress_begin(&run->progress,
                   run->o->dry_run ? "chats looked at" : "chats upgraded");
    op = config_bulk_start(run->tool.store, &options);
    ok = tool_wait(&run->tool, &op->op, err);
    run->ms = progress_elapsed_ms(&run->progress);
    progress_end(&run->progress);
    run->counts = op->counts;
    op_free(&op->op);
    return ok;
}

static bool remember_sizes(struct migrate_run *run, struct err *err)
{
    return run->o->dry_run || analyze_remember(&run->tool, &run->sizes, err);
}

/* That it can't be done is no failure of the migration. */
static void refresh_statistics(struct migrate_run *run)
{
    struct buf done = BUF_INIT, failed = BUF_INIT;

    analyze_changed(&run->tool, &run->sizes, run->counts.upgraded, &done,
                    &failed);
    if (done.len)
        printf("Fresh statistics (ANALYZE) of %s.\n", done.data);
    if (failed.len)
        fprintf(stderr, "No fresh statistics (ANALYZE) of:\n%s", failed.data);
    buf_release(&done);
    buf_release(&failed);
}

/* --- what is said at the end ------------------------------------------------------------ */

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

static void add_count(struct buf *out, int64_t n, const char *what)
{
    if (n == 0)
        return;
    buf_adds(out, "; ");
    show_number(out, n);
    buf_addf(out, " %s", what);
}

/* "1,000,000 chats upgraded to version 2 in 12.3 s (81,300/s); 2 failed" */
static void add_summary(const struct migrate_run *run, struct buf *out)
{
    const struct config_bulk_counts *c = &run->counts;
    bool dry_run = run->o->dry_run;

    show_number(out, c->upgraded);
    buf_addf(out, " chat%s %s to version %d", plural(c->upgraded),
             dry_run ? "would be upgraded" : "upgraded",
             run->tool.config_version);
    if (!dry_run && c->upgraded) {
        buf_adds(out, " in ");
        show_duration(out, run->ms);
        if (run->ms > 0) {
            buf_adds(out, " (");
            show_number(out, (int64_t)((double)c->upgraded * 1000 /
                                       (double)run->ms));
            buf_adds(out, "/s)");
        }
    }
    add_count(out, c->others, "upgraded by others meanwhile");
    add_count(out, c->conflicts, "written by others meanwhile, tried again");
    add_count(out, c->misfits, "with values that don't fit, kept");
    add_count(out, c->failed, dry_run ? "would fail" : "failed");
}

static bool had_rows(const struct config_bulk_counts *c)
{
    return c->upgraded || c->others || c->failed || c->conflicts;
}

static void say_result(const struct migrate_run *run)
{
    struct buf line = BUF_INIT;

    if (run->applied)
        printf("%d schema migration%s %s.\n", run->applied,
               plural(run->applied),
               run->o->dry_run ? "would be applied" : "applied");
    if (run->diffs.len)
        printf("%s", run->diffs.data);
    if (had_rows(&run->counts)) {
        add_summary(run, &line);
        printf("%s.\n", line.data);
    } else if (!run->applied) {
        printf("The database is up to date.\n");
    }
    buf_release(&line);
}

static void say_rows(const struct buf *lines, int n, int shown,
                     const char *what, const char *where)
{
    if (!n)
        return;
    fprintf(stderr, "%s\n%s", what, lines->data);
    if (n > shown)
        fprintf(stderr, "  … and %d more%s\n", n - shown, where);
}

static void say_troubles(const struct migrate_run *run)
{
    say_rows(&run->misfits, run->nmisfits, MISFITS_SHOWN,
             "Upgraded, with values that don't fit their settings: they are "
             "kept; one of a wrong type is read as the default:",
             "");
    say_rows(&run->failures, run->nfailures, FAILURES_SHOWN,
             run->o->dry_run
                 ? "These configs can't be upgraded; they would stay as they "
                   "are:"
                 : "These configs can't be upgraded; they stay as they are "
                   "(table config_failures):",
             run->o->dry_run ? "" : ": SELECT * FROM config_failures");
}

/* It ended early: what is done is done. */
static int say_failure(const struct migrate_run *run, const struct err *err)
{
    struct buf line = BUF_INIT;
    int status = EXIT_FAILED;

    if (run->schema_failure.len) {
        log_redact(&line, buf_slice(&run->schema_failure));
        fprintf(stderr, "moonpost: %s\n", line.data);
        buf_reset(&line);
    } else {
        status = command_failed(err);
    }
    if (run->counts.upgraded && !run->o->dry_run) {
        show_number(&line, run->counts.upgraded);
        if (run->counts.total > 0) {
            buf_adds(&line, " of ");
            show_number(&line, run->counts.total);
        }
        fprintf(stderr,
                "%s chats are upgraded; another `moonpost migrate` goes on "
                "there.\n",
                line.data);
    }
    buf_release(&line);
    return status;
}

/* --- the command --------------------------------------------------------------------------- */

/* Takes the options that only this command has out of in. */
static void read_own_options(struct invocation *in, struct migrate_options *o)
{
    int n = 0;

    for (int i = 0; i < in->argc; i++) {
        if (strcmp(in->argv[i], "--only-schema") == 0)
            o->only_schema = true;
        else if (strcmp(in->argv[i], "--allow-failures") == 0)
            o->allow_failures = true;
        else
            in->argv[n++] = in->argv[i];
    }
    in->argc = n;
}

static int run_with_tool(struct migrate_run *run)
{
    struct err err = ERR_INIT;

    if (!remember_sizes(run, &err) || !migrate_schema(run, &err) ||
        (!run->o->only_schema && !migrate_rows(run, &err))) {
        say_troubles(run);
        return say_failure(run, &err);
    }
    say_troubles(run);
    say_result(run);
    if (!run->o->dry_run)
        refresh_statistics(run);
    return run->counts.failed && !run->o->allow_failures ? EXIT_FAILED
                                                         : EXIT_OK;
}

static int migrate(struct invocation *in)
{
    struct migrate_options o = { 0 };
    struct migrate_run run = { .o = &o };
    struct arguments args;
    struct err err = ERR_INIT;
    int status;

    read_own_options(in, &o);
    if (!arguments_read(in, TAKES_DIR | TAKES_DRY_RUN, &args))
        return EXIT_USAGE;
    o.dir = args.dir;
    o.dry_run = args.dry_run;
    buf_init(&run.schema_failure);
    buf_init(&run.sizes);
    buf_init(&run.failures);
    buf_init(&run.misfits);
    buf_init(&run.diffs);
    if (!check_bot_folder(o.dir, &err) ||
        !tool_open(&run.tool,
                   &(struct tool_options){
                       .settings = &in->settings,
                       .dir = o.dir,
                       .application_name = "moonpost migrate",
                       .with_scripts =
                           true, /* what won't run changes nothing */
                   },
                   &err))
        return command_failed(&err);
    status = run_with_tool(&run);
    tool_close(&run.tool);
    buf_release(&run.schema_failure);
    buf_release(&run.sizes);
    buf_release(&run.failures);
    buf_release(&run.misfits);
    buf_release(&run.diffs);
    return status;
}

const struct command cmd_migrate = {
    .name = "migrate",
    .summary = "bring the database up to date: its tables, every chat's config",
    .usage =
        "migrate [DIR] [--dry-run] [--only-schema] [--allow-failures]\n\n"
        "  DIR               the bot's folder (default: .): after the host's "
        "own tables its\n"
        "                    migrations/schema/*.sql are applied, then its\n"
        "                    migrations/config/*.lua to every chat's config\n"
        "  --dry-run         say what would be done, with some of the "
        "changes, and write nothing\n"
        "  --only-schema     the tables only\n"
        "  --allow-failures  exit with 0 although some configs can't be "
        "upgraded\n\n"
        "Safe beside running bots; one that was ended goes on where it was.",
    .shows_settings = true,
    .run = migrate,
};
