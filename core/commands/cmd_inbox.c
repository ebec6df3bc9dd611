/*
 * cmd_inbox.c - moonpost inbox: updates that wait in the database, and those that
 * were set aside. Here are the arguments; inbox_*.c have the subcommands.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot/dead_statements.h"
#include "inbox_command.h"
#include "output.h"

struct subcommand {
    const char *name;
    inbox_command_fn run;
    int min, max; /* IDs */
    bool has_all, has_limit, has_chat;
    const char *arguments;
    const char *summary; /* one line */
    const char *help;
};

static const struct subcommand subcommands[] = {
    {
        .name = "list",
        .run = inbox_list,
        .has_limit = true,
        .has_chat = true,
        .arguments = "",
        .summary = "show what waits and what was set aside",
        .help =
            "  --limit N  so many lines of each (default: 20; with --json\n"
            "             10000)\n"
            "  --chat ID  only of this chat\n"
            "\n"
            "An update waits here if its handler takes long, or until a\n"
            "process that is free takes it. It is set aside if its handler\n"
            "fails, if it ends the program more than once, or if it can't\n"
            "be read. Equal errors are one line; with --json each update is.\n",
    },
    {
        .name = "show",
        .run = inbox_show,
        .min = 1,
        .max = 1,
        .arguments = "ID",
        .summary = "show an update, why it failed, and where",
        .help = "  ID         an update's number\n",
    },
    {
        .name = "retry",
        .run = inbox_retry,
        .max = INT_MAX,
        .has_all = true,
        .has_chat = true,
        .arguments = "ID… | moonpost inbox retry --all",
        .summary = "give updates that were set aside back to the bot",
        .help = "  ID         an update's number\n"
                "  --all      all that were set aside\n"
                "  --chat ID  of them, those of this chat\n"
                "\n"
                "A running bot takes them within seconds, else the next one\n"
                "that starts.\n",
    },
    {
        .name = "drop",
        .run = inbox_drop,
        .max = INT_MAX,
        .has_all = true,
        .has_chat = true,
        .arguments = "ID… | moonpost inbox drop --all",
        .summary = "delete updates that were set aside",
        .help =
            "  ID         an update's number\n"
            "  --all      all that were set aside\n"
            "  --chat ID  of them, those of this chat\n"
            "\n"
            "It says what it deletes; with --json whole updates, which can\n"
            "be kept in a file.\n",
    },
};

static const struct subcommand *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(subcommands); i++)
        if (strcmp(subcommands[i].name, name) == 0)
            return &subcommands[i];
    return NULL;
}

/* --- help --------------------------------------------------------------------------- */

static void print_common(FILE *out)
{
    fprintf(out, "  --bot ID   of this bot (default: BOT_TOKEN's, or all)\n"
                 "  --json     for programs\n\n"
                 "DATABASE_URL says where the database is; `moonpost run "
                 "--help` has all\nsettings from the environment.\n");
}

static void print_overview(FILE *out)
{
    fprintf(out, "Usage: moonpost inbox SUBCOMMAND … [--json]\n\n"
                 "Look at updates that wait in the database and those that "
                 "were set aside,\nbeside a running bot.\n\n");
    for (size_t i = 0; i < ARRAY_LEN(subcommands); i++)
        fprintf(out, "  %-10s %s\n", subcommands[i].name,
                subcommands[i].summary);
    fprintf(out, "\n`moonpost inbox SUBCOMMAND --help` tells more.\n\n");
    print_common(out);
}

static void print_help(int argc, char **argv)
{
    const struct subcommand *s = argc > 1 ? find(argv[1]) : NULL;

    if (!s) {
        print_overview(stdout);
        return;
    }
    printf("Usage: moonpost inbox %s%s%s\n\n%c%s.\n\n%s", s->name,
           *s->arguments ? " " : "", s->arguments, s->summary[0] - 'a' + 'A',
           s->summary + 1, s->help);
    print_common(stdout);
}

/* --- arguments ---------------------------------------------------------------------- */

static bool read_number(const char *text, const char *what, int64_t min,
                        int64_t max, int64_t *n, struct err *err)
{
    char *end;

    errno = 0;
    *n = strtoll(text, &end, 10);
    if (end == text || *end || errno || *n < min || *n > max || !*n)
        return err_set(err, ERR_USAGE, "\"%s\" is not %s", text, what);
    return true;
}

/* One that begins with "-". i: where it is, moved over its value. */
static bool read_option(const struct invocation *in, int *i,
                        const struct subcommand *s, struct inbox_call *c,
                        struct err *err)
{
    const char *arg = in->argv[*i], *value = in->argv[*i + 1];
    int64_t n;

    if (strcmp(arg, "--json") == 0) {
        c->json = true;
        return true;
    }
    if (s->has_all && strcmp(arg, "--all") == 0) {
        c->all = true;
        return true;
    }
    if (strcmp(arg, "--bot") != 0 &&
        !(s->has_chat && strcmp(arg, "--chat") == 0) &&
        !(s->has_limit && strcmp(arg, "--limit") == 0))
        return err_set(err, ERR_USAGE, "there is no option \"%s\"", arg);
    if (++*i == in->argc)
        return err_set(err, ERR_USAGE, "%s needs a number", arg);
    if (strcmp(arg, "--bot") == 0)
        return read_number(value, "a bot's id: what its token begins with", 1,
                           INT64_MAX, &c->bot, err);
    if (strcmp(arg, "--chat") == 0)
        return read_number(value,
                           "a chat's id: a number like 123456 or "
                           "-1001234567890",
                           INT64_MIN, INT64_MAX, &c->chat, err);
    if (!read_number(value, "a number of lines", 1, 1000000, &n, err))
        return false;
    c->limit = (int)n;
    return true;
}

static bool check_count(const struct subcommand *s, const struct inbox_call *c,
                        struct err *err)
{
    if (c->n > s->max)
        return err_set(err, ERR_USAGE, "unexpected argument \"%lld\"",
                       (long long)c->ids[s->max]);
    if (c->n && c->all)
        return err_set(err, ERR_USAGE, "either IDs or --all");
    if (c->n < s->min || (s->has_all && !c->n && !c->all))
        return err_set(err, ERR_USAGE, "it needs %s",
                       s->has_all ? "IDs, or --all" : "an ID");
    return true;
}

static bool read_arguments(const struct invocation *in,
                           const struct subcommand *s, struct inbox_call *c,
                           struct err *err)
{
    const char *token = in->settings.bot_token;

    if (token)
        c->bot = strtoll(token, NULL, 10);
    for (int i = 2; i < in->argc; i++) {
        if (in->argv[i][0] == '-') {
            if (!read_option(in, &i, s, c, err))
                return false;
        } else if (!read_number(in->argv[i], "an update's number", 1, INT64_MAX,
                                &c->ids[c->n++], err)) {
            return false;
        }
    }
    return check_count(s, c, err);
}

/* --- running ------------------------------------------------------------------------ */

static bool check_tables(struct inbox_call *c, struct err *err)
{
    struct pg_op *op = pg_query(c->tool.pg, &inbox_ready_statement, NULL, 0);
    bool ok = tool_wait(&c->tool, &op->op, err);

    if (ok && !slice_eq(pg_value(op, 0, 0), "t"))
        ok = err_set(err, ERR_DATABASE,
                     "the database's tables are not there, or older than this "
                     "program; run `moonpost migrate` first");
    op_free(&op->op);
    return ok;
}

static bool run_subcommand(const struct subcommand *s, struct inbox_call *c,
                           const struct settings *settings, struct err *err)
{
    bool ok;

    if (!tool_open(&c->tool,
                   &(struct tool_options){ .settings = settings,
                                           .application_name =
                                               "moonpost inbox" },
                   err))
        return false;
    ok = check_tables(c, err) && s->run(c, err);
    tool_close(&c->tool);
    return output_end(err) && ok;
}

static int run_with(struct invocation *in, const struct subcommand *s,
                    struct inbox_call *c)
{
    struct err err = ERR_INIT;

    if (!read_arguments(in, s, c, &err)) {
        fprintf(stderr, "moonpost inbox %s: %s; see moonpost inbox %s --help\n",
                s->name, err.text, s->name);
        return EXIT_USAGE;
    }
    if (run_subcommand(s, c, &in->settings, &err))
        return EXIT_OK;
    return err.text[0] ? command_failed(&err) : EXIT_FAILED;
}

static int inbox(struct invocation *in)
{
    const struct subcommand *s = in->argc > 1 ? find(in->argv[1]) : NULL;
    struct inbox_call c = { 0 };
    int status;

    if (!s && in->argc > 1)
        fprintf(stderr,
                "moonpost inbox: there is no \"%s\"; see moonpost inbox "
                "--help\n",
                in->argv[1]);
    else if (!s)
        print_overview(stderr);
    if (!s)
        return EXIT_USAGE;
    c.ids = xalloc(sizeof(*c.ids) * (size_t)in->argc);
    status = run_with(in, s, &c);
    free(c.ids);
    return status;
}

const struct command cmd_inbox = {
    .name = "inbox",
    .summary = "look at updates that wait or failed, and try them again",
    .help = print_help,
    .run = inbox,
};
