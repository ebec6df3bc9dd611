/*
 * cmd_config.c - moonpost config: look at chats' settings and change them, beside
 * a running bot. Here are the arguments; config_*.c have the subcommands.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/rows.h"
#include "config_command.h"
#include "output.h"
#include "running.h"
#include "subcommand.h"

#define ARGUMENTS_MANY INT_MAX
#define CHAT_HELP "  CHAT       a chat's id: 123456, -1001234567890\n"

struct row {
    struct subcommand sub; /* first, so that it can be cast */
    config_command_fn run;
    int min, max;  /* arguments */
    bool has_chat; /* the first is one */
    bool has_all, has_dry_run, has_keep;
};

static const struct row rows[] = {
    {
        .sub = {
            .name = "get",
            .arguments = "CHAT [PATH]",
            .summary = "show a chat's settings, as the bot sees them",
            .help = CHAT_HELP
                "  PATH       only this section or setting: antiflood.max\n"
                "\n"
                "* is set in this chat, the others are defaults;\n"
                "? no setting has this name;\n"
                "! what is stored does not fit its setting.\n",
        },
        .run = config_get,
        .min = 1,
        .max = 2,
        .has_chat = true,
    },
    {
        .sub = {
            .name = "set",
            .arguments = "CHAT PATH VALUE",
            .summary = "set a setting",
            .help = CHAT_HELP
                "  PATH       a setting: antiflood.max\n"
                "  VALUE      as in a chat: 7, on, some text (quoted for\n"
                "             the shell); lists as JSON: '[\"a\", \"b\"]'\n"
                "\n"
                "It is checked as the bot checks it, and running bots use\n"
                "it at once.\n",
        },
        .run = config_set,
        .min = 3,
        .max = 3,
        .has_chat = true,
    },
    {
        .sub = {
            .name = "unset",
            .arguments = "CHAT PATH | moonpost config unset CHAT --all",
            .summary = "set something back to its default",
            .help = CHAT_HELP
                "  PATH       a setting, a section, or a stored key that no\n"
                "             setting has\n"
                "  --all      everything in this chat\n",
        },
        .run = config_unset,
        .min = 1,
        .max = 2,
        .has_chat = true,
        .has_all = true,
    },
    {
        .sub = {
            .name = "history",
            .arguments = "CHAT",
            .summary = "show its revisions: when, who, what changed",
            .help = CHAT_HELP
                "\n"
                "The newest comes first; * is the present one.\n"
                "CONFIG_HISTORY says how many are kept. With --json a line\n"
                "for each.\n",
        },
        .run = config_history,
        .min = 1,
        .max = 1,
        .has_chat = true,
    },
    {
        .sub = {
            .name = "undo",
            .arguments = "CHAT [REVISION]",
            .summary = "make an earlier revision the present one again",
            .help = CHAT_HELP
                "  REVISION   one of `moonpost config history` (default: the\n"
                "             last that was something else than now)\n"
                "\n"
                "It becomes a new revision, so this can be undone too.\n",
        },
        .run = config_undo,
        .min = 1,
        .max = 2,
        .has_chat = true,
    },
    {
        .sub = {
            .name = "export",
            .arguments = "CHAT… | moonpost config export --all",
            .summary = "write rows as JSON lines",
            .help = CHAT_HELP
                "  --all      all chats that have a row, in order of their ids\n"
                "\n"
                "A line is {\"chat_id\":…,\"version\":…,\"revision\":…,\n"
                "\"config\":{what is set}}.\n",
        },
        .run = config_export,
        .max = ARGUMENTS_MANY,
        .has_all = true,
    },
    {
        .sub = {
            .name = "import",
            .arguments = "< FILE",
            .summary = "read such lines, replacing what these chats have",
            .help =
                "  --dry-run  only check, and say how many would change\n"
                "  --keep     values that do not fit their settings, too: as\n"
                "             they were exported\n"
                "\n"
                "First all lines are checked; if one is wrong, nothing is\n"
                "written. What is equal to what is stored is not written.\n"
                "Of a chat that is there twice the last line counts.\n"
                "History keeps what was there.\n",
        },
        .run = config_import,
        .has_dry_run = true,
        .has_keep = true,
    },
    {
        .sub = {
            .name = "stats",
            .arguments = "",
            .summary = "count rows, versions, sizes, history",
            .help = "Reads the whole table twice: seconds for millions of rows.\n",
        },
        .run = config_stats,
    },
};

static const struct subcommand *at(size_t i)
{
    return i < ARRAY_LEN(rows) ? &rows[i].sub : NULL;
}

static const struct subcommand_list list = {
    .command = "config",
    .usage = "[--dir DIR] [--json]",
    .about = "Look at chats' settings and change them, beside a running bot.\n",
    .options =
        "  --dir DIR  the bot's folder, for its defaults/ and migrations/ "
        "(default: .)\n"
        "  --json     for programs\n"
        "  --         what follows is no option\n",
    .at = at,
};

static void print_help(int argc, char **argv)
{
    subcommand_help(&list, argc, argv);
}

/* --- arguments ---------------------------------------------------------------------- */

bool config_parse_chat(const char *text, int64_t *chat, struct err *err)
{
    char *end;

    errno = 0;
    *chat = strtoll(text, &end, 10);
    if (end == text || *end || errno || !*chat)
        return err_set(err, ERR_USAGE,
                       "\"%s\" is not a chat's id: a number like 123456 or "
                       "-1001234567890",
                       text);
    return true;
}

static bool is_number(const char *arg)
{
    return arg[0] == '-' && arg[1] >= '0' && arg[1] <= '9';
}

/* One that begins with "-". i: where it is, moved over its value. */
static bool read_option(const struct invocation *in, int *i,
                        const struct row *row, struct config_call *c,
                        struct err *err)
{
    const char *arg = in->argv[*i];

    if (strcmp(arg, "--json") == 0) {
        c->json = true;
    } else if (strcmp(arg, "--dir") == 0) {
        if (++*i == in->argc)
            return err_set(err, ERR_USAGE, "--dir needs a folder");
        c->dir = in->argv[*i];
    } else if (row->has_all && strcmp(arg, "--all") == 0) {
        c->all = true;
    } else if (row->has_dry_run && strcmp(arg, "--dry-run") == 0) {
        c->dry_run = true;
    } else if (row->has_keep && strcmp(arg, "--keep") == 0) {
        c->keep = true;
    } else {
        return err_set(err, ERR_USAGE,
                       "there is no option \"%s\" (for a text that begins so, "
                       "write -- before it)",
                       arg);
    }
    return true;
}

static bool check_count(const struct row *row, const struct config_call *c,
                        struct err *err)
{
    if (c->nargs > row->max)
        return err_set(err, ERR_USAGE, "unexpected argument \"%s\"%s",
                       c->args[row->max],
                       row->run == config_set ? "; a text with spaces needs "
                                                "quotes"
                                              : "");
    if (row->has_all && c->all && c->nargs > (row->has_chat ? 1 : 0))
        return err_set(err, ERR_USAGE, "either \"%s\" or --all",
                       c->args[c->nargs - 1]);
    if (c->nargs < row->min)
        return err_set(err, ERR_USAGE, "it needs %s", row->sub.arguments);
    if (row->has_all && !c->all && c->nargs <= (row->has_chat ? 1 : 0))
        return err_set(err, ERR_USAGE, "it needs %s, or --all",
                       row->has_chat ? "a PATH" : "CHATs");
    return true;
}

static bool check_numbers(const struct row *row, struct config_call *c,
                          struct err *err)
{
    int64_t chat;

    if (row->has_chat && !config_parse_chat(c->args[0], &c->chat, err))
        return false;
    for (int i = 0; row->run == config_export && i < c->nargs; i++)
        if (!config_parse_chat(c->args[i], &chat, err))
            return false;
    if (row->run == config_undo && c->nargs > 1 &&
        strspn(c->args[1], "0123456789") != strlen(c->args[1]))
        return err_set(err, ERR_USAGE,
                       "\"%s\" is not a revision: a number like those of "
                       "moonpost config history",
                       c->args[1]);
    return true;
}

/* c->args points into argv. */
static bool read_arguments(const struct invocation *in, const struct row *row,
                           struct config_call *c, struct err *err)
{
    bool only_arguments = false;

    c->args = in->argv + 2; /* they move up over the options */
    for (int i = 2; i < in->argc; i++) {
        char *arg = in->argv[i];

        if (!only_arguments && strcmp(arg, "--") == 0)
            only_arguments = true;
        else if (only_arguments || arg[0] != '-' || !arg[1] || is_number(arg))
            c->args[c->nargs++] = arg;
        else if (!read_option(in, &i, row, c, err))
            return false;
    }
    return check_count(row, c, err) && check_numbers(row, c, err);
}

/* --- running ------------------------------------------------------------------------ */

static bool run_subcommand(const struct row *row, struct config_call *c,
                           const struct settings *settings, struct err *err)
{
    bool ok;

    if (!check_bot_folder(c->dir, err) ||
        !tool_open(&c->tool,
                   &(struct tool_options){ .settings = settings,
                                           .dir = c->dir,
                                           .application_name =
                                               "moonpost config" },
                   err))
        return false;
    ok = subcommand_check_tables(&c->tool, config_ready_start(c->tool.pg),
                                 err) &&
         row->run(c, err);
    tool_close(&c->tool);
    return output_end(err) && ok;
}

static int config(struct invocation *in)
{
    const struct subcommand *s = subcommand_find(&list, in);
    const struct row *row = (const struct row *)s;
    struct config_call c = {
        .dir = ".",
        .document_max = (size_t)in->settings.config_max_kb << 10,
    };
    struct err err = ERR_INIT;
    bool ok;

    if (!s)
        return EXIT_USAGE;
    if (!read_arguments(in, row, &c, &err))
        return subcommand_misused(&list, s, &err);
    ok = run_subcommand(row, &c, &in->settings, &err);
    return subcommand_status(ok, &err);
}

const struct command cmd_config = {
    .name = "config",
    .summary = "look at chats' settings and change them",
    .help = print_help,
    .run = config,
};
