/*
 * cmd_inbox.c - moonpost inbox: updates that wait in the database, and those that
 * were set aside. Here are the arguments; inbox_*.c have the subcommands.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot/dead_statements.h"
#include "inbox_command.h"
#include "output.h"
#include "subcommand.h"

struct row {
    struct subcommand sub; /* first, so that it can be cast */
    inbox_command_fn run;
    int min, max; /* IDs */
    bool has_all, has_limit, has_chat;
};

static const struct row rows[] = {
    {
        .sub = {
            .name = "list",
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
        .run = inbox_list,
        .has_limit = true,
        .has_chat = true,
    },
    {
        .sub = {
            .name = "show",
            .arguments = "ID",
            .summary = "show an update, why it failed, and where",
            .help = "  ID         an update's number\n",
        },
        .run = inbox_show,
        .min = 1,
        .max = 1,
    },
    {
        .sub = {
            .name = "retry",
            .arguments = "ID… | moonpost inbox retry --all",
            .summary = "give updates that were set aside back to the bot",
            .help =
                "  ID         an update's number\n"
                "  --all      all that were set aside\n"
                "  --chat ID  of them, those of this chat\n"
                "\n"
                "A running bot takes them within seconds, else the next one\n"
                "that starts.\n",
        },
        .run = inbox_retry,
        .max = INT_MAX,
        .has_all = true,
        .has_chat = true,
    },
    {
        .sub = {
            .name = "drop",
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
        .run = inbox_drop,
        .max = INT_MAX,
        .has_all = true,
        .has_chat = true,
    },
};

static const struct subcommand *at(size_t i)
{
    return i < ARRAY_LEN(rows) ? &rows[i].sub : NULL;
}

static const struct subcommand_list list = {
    .command = "inbox",
    .usage = "[--json]",
    .about = "Look at updates that wait in the database and those that were "
             "set aside,\nbeside a running bot.\n",
    .options = "  --bot ID   of this bot (default: BOT_TOKEN's, or all)\n"
               "  --json     for programs\n",
    .at = at,
};

static void print_help(int argc, char **argv)
{
    subcommand_help(&list, argc, argv);
}

/* --- arguments ---------------------------------------------------------------------- */

/* One that begins with "-". i: where it is, moved over its value. */
static bool read_option(const struct invocation *in, int *i,
                        const struct row *row, struct inbox_call *c,
                        struct err *err)
{
    const char *arg = in->argv[*i], *value = in->argv[*i + 1];

    if (strcmp(arg, "--json") == 0) {
        c->json = true;
        return true;
    }
    if (row->has_all && strcmp(arg, "--all") == 0) {
        c->all = true;
        return true;
    }
    if (strcmp(arg, "--bot") != 0 &&
        !(row->has_chat && strcmp(arg, "--chat") == 0) &&
        !(row->has_limit && strcmp(arg, "--limit") == 0))
        return err_set(err, ERR_USAGE, "there is no option \"%s\"", arg);
    if (++*i == in->argc)
        return err_set(err, ERR_USAGE, "%s needs a number", arg);
    if (strcmp(arg, "--bot") == 0)
        return subcommand_read_bot(value, &c->bot, err);
    if (strcmp(arg, "--chat") == 0)
        return subcommand_read_chat(value, &c->chat, err);
    return subcommand_read_limit(value, &c->limit, err);
}

static bool check_count(const struct row *row, const struct inbox_call *c,
                        struct err *err)
{
    if (c->n > row->max)
        return err_set(err, ERR_USAGE, "unexpected argument \"%lld\"",
                       (long long)c->ids[row->max]);
    if (c->n && c->all)
        return err_set(err, ERR_USAGE, "either IDs or --all");
    if (c->n < row->min || (row->has_all && !c->n && !c->all))
        return err_set(err, ERR_USAGE, "it needs %s",
                       row->has_all ? "IDs, or --all" : "an ID");
    return true;
}

static bool read_arguments(const struct invocation *in, const struct row *row,
                           struct inbox_call *c, struct err *err)
{
    const char *token = in->settings.bot_token;

    if (token)
        c->bot = strtoll(token, NULL, 10);
    for (int i = 2; i < in->argc; i++) {
        if (in->argv[i][0] == '-') {
            if (!read_option(in, &i, row, c, err))
                return false;
        } else if (!subcommand_read_id(in->argv[i], "an update's number",
                                       &c->ids[c->n++], err)) {
            return false;
        }
    }
    return check_count(row, c, err);
}

/* --- running ------------------------------------------------------------------------ */

static bool run_subcommand(const struct row *row, struct inbox_call *c,
                           const struct settings *settings, struct err *err)
{
    bool ok;

    if (!tool_open(&c->tool,
                   &(struct tool_options){ .settings = settings,
                                           .application_name =
                                               "moonpost inbox" },
                   err))
        return false;
    ok = subcommand_check_tables(&c->tool,
                                 pg_query(c->tool.pg, &inbox_ready_statement,
                                          NULL, 0),
                                 err) &&
         row->run(c, err);
    tool_close(&c->tool);
    return output_end(err) && ok;
}

static int run_with(struct invocation *in, const struct row *row,
                    struct inbox_call *c)
{
    struct err err = ERR_INIT;
    bool ok;

    if (!read_arguments(in, row, c, &err))
        return subcommand_misused(&list, &row->sub, &err);
    ok = run_subcommand(row, c, &in->settings, &err);
    return subcommand_status(ok, &err);
}

static int inbox(struct invocation *in)
{
    const struct subcommand *s = subcommand_find(&list, in);
    struct inbox_call c = { 0 };
    int status;

    if (!s)
        return EXIT_USAGE;
    c.ids = xalloc(sizeof(*c.ids) * (size_t)in->argc);
    status = run_with(in, (const struct row *)s, &c);
    free(c.ids);
    return status;
}

const struct command cmd_inbox = {
    .name = "inbox",
    .summary = "look at updates that wait or failed, and try them again",
    .help = print_help,
    .run = inbox,
};
