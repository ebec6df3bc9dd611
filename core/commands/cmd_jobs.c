/*
 * cmd_jobs.c - moonpost jobs: what runs at a time, and what of it has failed. Here
 * are the arguments; jobs_show.c has the subcommands.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "bot/jobs_statements.h"
#include "jobs_command.h"
#include "output.h"
#include "subcommand.h"

struct row {
    struct subcommand sub; /* first, so that it can be cast */
    jobs_command_fn run;
    int min, max; /* IDs */
    bool has_filter;
};

static const struct row rows[] = {
    {
        .sub = {
            .name = "list",
            .arguments = "",
            .summary = "show what waits, what runs, and what has failed",
            .help =
                "  --failed     only what was set aside\n"
                "  --name NAME  only of this name\n"
                "  --chat ID    only of this chat\n"
                "  --limit N    at most so many (default: 50; with --json\n"
                "               10000)\n"
                "\n"
                "The next one comes first. A job is set aside when it has failed\n"
                "as often as its tries say, or ended the program three times.\n",
        },
        .run = jobs_list,
        .has_filter = true,
    },
    {
        .sub = {
            .name = "show",
            .arguments = "ID",
            .summary = "show a job, its data and its last error",
            .help = "  ID         a job's number\n",
        },
        .run = jobs_show,
        .min = 1,
        .max = 1,
    },
    {
        .sub = {
            .name = "run",
            .arguments = "ID…",
            .summary = "run jobs now, also those that were set aside",
            .help =
                "  ID         a job's number\n"
                "\n"
                "A running bot takes them within 10 seconds, else the next one\n"
                "that starts. One of bot.every keeps its times.\n",
        },
        .run = jobs_run,
        .min = 1,
        .max = INT_MAX,
    },
    {
        .sub = {
            .name = "drop",
            .arguments = "ID…",
            .summary = "delete jobs",
            .help =
                "  ID         a job's number\n"
                "\n"
                "One that runs goes on to its end, and is not tried again. Those\n"
                "of bot.every are the scripts' to delete.\n",
        },
        .run = jobs_drop,
        .min = 1,
        .max = INT_MAX,
    },
};

static const struct subcommand *at(size_t i)
{
    return i < ARRAY_LEN(rows) ? &rows[i].sub : NULL;
}

static const struct subcommand_list list = {
    .command = "jobs",
    .usage = "[--json]",
    .about = "Look at what the scripts have run at a time, beside a running "
             "bot.\n",
    .options = "  --bot ID   of this bot (default: BOT_TOKEN's, or all)\n"
               "  --json     for programs\n",
    .at = at,
};

static void print_help(int argc, char **argv)
{
    subcommand_help(&list, argc, argv);
}

/* --- arguments ---------------------------------------------------------------------- */

/* An option with the value after it. */
static bool read_value(const char *option, const char *value,
                       struct jobs_call *c, struct err *err)
{
    if (strcmp(option, "--name") == 0) {
        c->filter.name = value;
        return true;
    }
    if (strcmp(option, "--bot") == 0)
        return subcommand_read_bot(value, &c->filter.bot, err);
    if (strcmp(option, "--chat") == 0)
        return subcommand_read_chat(value, &c->filter.chat_id, err);
    return subcommand_read_limit(value, &c->filter.limit, err);
}

/* One that begins with "-". i: where it is, moved over its value. */
static bool read_option(const struct invocation *in, int *i,
                        const struct row *row, struct jobs_call *c,
                        struct err *err)
{
    const char *arg = in->argv[*i];

    if (strcmp(arg, "--json") == 0) {
        c->json = true;
        return true;
    }
    if (row->has_filter && strcmp(arg, "--failed") == 0) {
        c->failed = true;
        return true;
    }
    if (strcmp(arg, "--bot") != 0 &&
        !(row->has_filter &&
          (strcmp(arg, "--name") == 0 || strcmp(arg, "--chat") == 0 ||
           strcmp(arg, "--limit") == 0)))
        return err_set(err, ERR_USAGE, "there is no option \"%s\"", arg);
    if (++*i == in->argc)
        return err_set(err, ERR_USAGE, "%s needs a value", arg);
    return read_value(arg, in->argv[*i], c, err);
}

static bool read_arguments(const struct invocation *in, const struct row *row,
                           struct jobs_call *c, struct err *err)
{
    const char *token = in->settings.bot_token;

    c->filter.name = c->filter.state = "";
    c->filter.chat_id = JOB_CHAT_ANY;
    if (token)
        c->filter.bot = strtoll(token, NULL, 10);
    for (int i = 2; i < in->argc; i++) {
        if (in->argv[i][0] == '-') {
            if (!read_option(in, &i, row, c, err))
                return false;
        } else if (!subcommand_read_id(in->argv[i], "a job's number",
                                       &c->ids[c->n++], err)) {
            return false;
        }
    }
    if (c->n > row->max)
        return err_set(err, ERR_USAGE, "unexpected argument \"%lld\"",
                       (long long)c->ids[row->max]);
    if (c->n < row->min)
        return err_set(err, ERR_USAGE, "it needs an ID");
    return true;
}

/* --- running ------------------------------------------------------------------------ */

static bool run_subcommand(const struct row *row, struct jobs_call *c,
                           const struct settings *settings, struct err *err)
{
    bool ok;

    if (!tool_open(&c->tool,
                   &(struct tool_options){ .settings = settings,
                                           .application_name =
                                               "moonpost jobs" },
                   err))
        return false;
    ok = subcommand_check_tables(&c->tool,
                                 pg_query(c->tool.pg, &jobs_ready_statement,
                                          NULL, 0),
                                 err) &&
         row->run(c, err);
    tool_close(&c->tool);
    return output_end(err) && ok;
}

static int jobs(struct invocation *in)
{
    const struct subcommand *s = subcommand_find(&list, in);
    const struct row *row = (const struct row *)s;
    struct jobs_call c = { 0 };
    struct err err = ERR_INIT;
    int status;
    bool ok;

    if (!s)
        return EXIT_USAGE;
    c.ids = xalloc(sizeof(*c.ids) * (size_t)in->argc);
    if (!read_arguments(in, row, &c, &err)) {
        status = subcommand_misused(&list, s, &err);
    } else {
        ok = run_subcommand(row, &c, &in->settings, &err);
        status = subcommand_status(ok, &err);
    }
    free(c.ids);
    return status;
}

const struct command cmd_jobs = {
    .name = "jobs",
    .summary = "look at what runs at a time, run it now, delete it",
    .help = print_help,
    .run = jobs,
};
