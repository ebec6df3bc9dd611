/*
 * cmd_explain.c - moonpost explain: what each statement costs on the real tables.
 */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "bot/explain.h"
#include "running.h"

struct explain_run {
    const char *dir;
    bool verbose, json;
    int told, bad;
    struct buf advice; /* what to do about those that are bad */
};

static bool read_arguments(const struct invocation *in, struct explain_run *run)
{
    for (int i = 1; i < in->argc; i++) {
        const char *arg = in->argv[i];

        if (strcmp(arg, "--verbose") == 0) {
            run->verbose = true;
        } else if (strcmp(arg, "--json") == 0) {
            run->json = true;
        } else if (arg[0] != '-' && !run->dir) {
            run->dir = arg;
        } else {
            fprintf(stderr,
                    "moonpost explain: unexpected argument \"%s\"; see "
                    "moonpost explain --help\n",
                    arg);
            return false;
        }
    }
    run->dir = run->dir ? run->dir : ".";
    return true;
}

static void advise(struct explain_run *run, const struct explained *e)
{
    const struct config_index *index = e->unused;

    run->bad++;
    buf_addf(&run->advice, "%s reads all of %s, which has %d rows or more. ",
             e->name, index->table, CONFIG_EXPLAIN_ROWS);
    if (e->unused_exists)
        buf_addf(&run->advice,
                 "There is an index on %s; the planner may know too little "
                 "of the table:\n    ANALYZE %s;\n",
                 index->column, index->table);
    else
        buf_addf(&run->advice, "The index on %s is missing:\n    %s;\n",
                 index->column, index->make);
}

static void print_json(struct explain_run *run, const struct explained *e)
{
    struct buf out = BUF_INIT;

    buf_addf(&out, "%s{\"name\":\"%s\",\"ok\":%s", run->told++ ? ",\n" : "[\n",
             e->name, e->unused ? "false" : "true");
    if (e->plan.p) {
        buf_addf(&out, ",\"ms\":%.3f,\"rows\":%lld,\"buffers\":%lld,\"reads\":",
                 e->ms, (long long)e->rows, (long long)e->buffers);
        json_add_text(&out, slice_of(e->reads));
        buf_adds(&out, ",\"plan\":");
        buf_add_slice(&out, e->plan);
    }
    buf_addc(&out, '}');
    fwrite(out.data, 1, out.len, stdout);
    buf_release(&out);
}

static void print_line(struct explain_run *run, const struct explained *e)
{
    if (run->told++ == 0)
        printf("  %-22s %9s %7s %8s  %s\n", "statement", "ms", "rows",
               "buffers", "reads");
    if (!e->plan.p)
        printf("  %-22s %9s %7s %8s  %s\n", e->name, "-", "-", "-",
               "(has no plan)");
    else
        printf("%c %-22s %9.3f %7lld %8lld  %s\n", e->unused ? '!' : ' ',
               e->name, e->ms, (long long)e->rows, (long long)e->buffers,
               e->reads);
    if (run->verbose && e->plan.p)
        printf("%.*s\n\n", (int)e->plan.n, e->plan.p);
}

static void on_explained(const struct explained *e, void *arg)
{
    struct explain_run *run = arg;

    if (e->unused)
        advise(run, e);
    if (run->json)
        print_json(run, e);
    else
        print_line(run, e);
}

static bool open_and_run(struct invocation *in, struct explain_run *run,
                         struct err *err)
{
    struct tool_options o = {
        .settings = &in->settings,
        .dir = run->dir,
        .application_name = "moonpost explain",
    };
    struct tool tool;
    bool ok;

    if (!check_bot_folder(run->dir, err) || !tool_open(&tool, &o, err))
        return false;
    ok = explain_all(&tool, on_explained, run, err);
    tool_close(&tool);
    return ok;
}

static int explain(struct invocation *in)
{
    struct explain_run run = { .advice = BUF_INIT };
    struct err err = ERR_INIT;
    bool ok;

    if (!read_arguments(in, &run))
        return EXIT_USAGE;
    ok = open_and_run(in, &run, &err);
    if (run.json && run.told)
        printf("\n]\n");
    fflush(stdout);
    if (run.bad)
        fprintf(stderr, "\n%s", run.advice.data);
    buf_release(&run.advice);
    if (!ok)
        return command_failed(&err);
    return run.bad ? EXIT_FAILED : EXIT_OK;
}

const struct command cmd_explain = {
    .name = "explain",
    .summary = "run each SQL statement on the real tables, and take it back",
    .usage = "explain [DIR] [--verbose] [--json]\n\n"
             "  DIR        the bot's folder (default: .)\n"
             "  --verbose  the whole plans\n"
             "  --json     for programs: a list of objects, with the plans\n\n"
             "Exit status 1 if one that should use an index reads all of a "
             "large table (! before its name).",
    .shows_settings = true,
    .run = explain,
};
