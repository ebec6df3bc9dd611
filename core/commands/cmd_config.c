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

#define ARGUMENTS_MANY INT_MAX

struct subcommand {
    const char *name;
    config_command_fn run;
    int min, max;  /* arguments */
    bool has_chat; /* the first is one */
    bool has_all, has_dry_run;
    const char *arguments;
    const char *summary; /* one line */
    const char *help;    /* lines about the arguments, and what it does */
};

static const struct subcommand subcommands[] = {
    {
        .name = "get",
        .run = config_get,
        .min = 1,
        .max = 2,
        .has_chat = true,
        .arguments = "CHAT [PATH]",
        .summary = "show a chat's settings, as the bot sees them",
        .help = "  PATH       only this section or setting: antiflood.max\n"
                "\n"
                "* is set in this chat, the others are defaults;\n"
                "? no setting has this name;\n"
                "! what is stored does not fit its setting.\n",
    },
    {
        .name = "set",
        .run = config_set,
        .min = 3,
        .max = 3,
        .has_chat = true,
        .arguments = "CHAT PATH VALUE",
        .summary = "set a setting",
        .help = "  PATH       a setting: antiflood.max\n"
                "  VALUE      as in a chat: 7, on, some text (quoted for\n"
                "             the shell); lists as JSON: '[\"a\", \"b\"]'\n"
                "\n"
                "It is checked as the bot checks it, and running bots use\n"
                "it at once.\n",
    },
    {
        .name = "unset",
        .run = config_unset,
        .min = 1,
        .max = 2,
        .has_chat = true,
        .has_all = true,
        .arguments = "CHAT PATH | moonpost config unset CHAT --all",
        .summary = "set something back to its default",
        .help = "  PATH       a setting, a section, or a stored key that no\n"
                "             setting has\n"
                "  --all      everything in this chat\n",
    },
    {
        .name = "history",
        .run = config_history,
        .min = 1,
        .max = 1,
        .has_chat = true,
        .arguments = "CHAT",
        .summary = "show its revisions: when, who, what changed",
        .help = "\n"
                "The newest comes first; * is the present one.\n"
                "CONFIG_HISTORY says how many are kept. With --json a line\n"
                "for each.\n",
    },
    {
        .name = "undo",
        .run = config_undo,
        .min = 1,
        .max = 2,
        .has_chat = true,
        .arguments = "CHAT [REVISION]",
        .summary = "make an earlier revision the present one again",
        .help = "  REVISION   one of `moonpost config history` (default: the\n"
                "             last that was something else than now)\n"
                "\n"
                "It becomes a new revision, so this can be undone too.\n",
    },
    {
        .name = "export",
        .run = config_export,
        .max = ARGUMENTS_MANY,
        .has_all = true,
        .arguments = "CHAT… | moonpost config export --all",
        .summary = "write rows as JSON lines",
        .help =
            "  --all      all chats that have a row, in order of their ids\n"
            "\n"
            "A line is {\"chat_id\":…,\"version\":…,\"revision\":…,\n"
            "\"config\":{what is set}}.\n",
    },
    {
        .name = "import",
        .run = config_import,
        .has_dry_run = true,
        .arguments = "< FILE",
        .summary = "read such lines, replacing what these chats have",
        .help = "  --dry-run  only check, and say how many would change\n"
                "\n"
                "First all lines are checked; if one is wrong, nothing is\n"
                "written. What is equal to what is stored is not written.\n"
                "Of a chat that is there twice the last line counts.\n"
                "History keeps what was there.\n",
    },
    {
        .name = "stats",
        .run = config_stats,
        .arguments = "",
        .summary = "count rows, versions, sizes, history",
        .help = "Reads the whole table twice: seconds for millions of rows.\n",
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
    fprintf(out,
            "  --dir DIR  the bot's folder, for its defaults/ and migrations/ "
            "(default: .)\n"
            "  --json     for programs\n"
            "  --         what follows is no option\n\n"
            "DATABASE_URL says where the database is; `moonpost run --help` "
            "has all\nsettings from the environment.\n");
}

static void print_overview(FILE *out)
{
    fprintf(
        out,
        "Usage: moonpost config SUBCOMMAND … [--dir DIR] [--json]\n\n"
        "Look at chats' settings and change them, beside a running bot.\n\n");
    for (size_t i = 0; i < ARRAY_LEN(subcommands); i++)
        fprintf(out, "  %-10s %s\n", subcommands[i].name,
                subcommands[i].summary);
    fprintf(out, "\n`moonpost config SUBCOMMAND --help` tells more.\n\n");
    print_common(out);
}

static void print_help(int argc, char **argv)
{
    const struct subcommand *s = argc > 1 ? find(argv[1]) : NULL;

    if (!s) {
        print_overview(stdout);
        return;
    }
    printf("Usage: moonpost config %s%s%s\n\n%c%s.\n\n", s->name,
           *s->arguments ? " " : "", s->arguments, s->summary[0] - 'a' + 'A',
           s->summary + 1);
    if (strstr(s->arguments, "CHAT"))
        printf("  CHAT       a chat's id: 123456, -1001234567890\n");
    printf("%s\n", s->help);
    print_common(stdout);
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
                        const struct subcommand *s, struct config_call *c,
                        struct err *err)
{
    const char *arg = in->argv[*i];

    if (strcmp(arg, "--json") == 0) {
        c->json = true;
    } else if (strcmp(arg, "--dir") == 0) {
        if (++*i == in->argc)
            return err_set(err, ERR_USAGE, "--dir needs a folder");
        c->dir = in->argv[*i];
    } else if (s->has_all && strcmp(arg, "--all") == 0) {
        c->all = true;
    } else if (s->has_dry_run && strcmp(arg, "--dry-run") == 0) {
        c->dry_run = true;
    } else {
        return err_set(err, ERR_USAGE,
                       "there is no option \"%s\" (for a text that begins so, "
                       "write -- before it)",
                       arg);
    }
    return true;
}

static bool check_count(const struct subcommand *s, const struct config_call *c,
                        struct err *err)
{
    if (c->nargs > s->max)
        return err_set(err, ERR_USAGE, "unexpected argument \"%s\"%s",
                       c->args[s->max],
                       s->run == config_set ? "; a text with spaces needs "
                                              "quotes"
                                            : "");
    if (s->has_all && c->all && c->nargs > (s->has_chat ? 1 : 0))
        return err_set(err, ERR_USAGE, "either \"%s\" or --all",
                       c->args[c->nargs - 1]);
    if (c->nargs < s->min)
        return err_set(err, ERR_USAGE, "it needs %s", s->arguments);
    if (s->has_all && !c->all && c->nargs <= (s->has_chat ? 1 : 0))
        return err_set(err, ERR_USAGE, "it needs %s, or --all",
                       s->has_chat ? "a PATH" : "CHATs");
    return true;
}

static bool check_numbers(const struct subcommand *s, struct config_call *c,
                          struct err *err)
{
    int64_t chat;

    if (s->has_chat && !config_parse_chat(c->args[0], &c->chat, err))
        return false;
    for (int i = 0; s->run == config_export && i < c->nargs; i++)
        if (!config_parse_chat(c->args[i], &chat, err))
            return false;
    if (s->run == config_undo && c->nargs > 1 &&
        strspn(c->args[1], "0123456789") != strlen(c->args[1]))
        return err_set(err, ERR_USAGE,
                       "\"%s\" is not a revision: a number like those of "
                       "moonpost config history",
                       c->args[1]);
    return true;
}

/* c->args points into argv. */
static bool read_arguments(const struct invocation *in,
                           const struct subcommand *s, struct config_call *c,
                           struct err *err)
{
    bool only_arguments = false;

    c->args = in->argv + 2; /* they move up over the options */
    for (int i = 2; i < in->argc; i++) {
        char *arg = in->argv[i];

        if (!only_arguments && strcmp(arg, "--") == 0)
            only_arguments = true;
        else if (only_arguments || arg[0] != '-' || !arg[1] || is_number(arg))
            c->args[c->nargs++] = arg;
        else if (!read_option(in, &i, s, c, err))
            return false;
    }
    return check_count(s, c, err) && check_numbers(s, c, err);
}

/* --- running ------------------------------------------------------------------------ */

static bool check_tables(struct config_call *c, struct err *err)
{
    struct pg_op *op = config_ready_start(c->tool.pg);
    bool ok = tool_wait(&c->tool, &op->op, err);

    if (ok && !config_ready(op))
        ok = err_set(err, ERR_USAGE,
                     "the database's tables are not there, or older than this "
                     "program; run `moonpost migrate` first");
    op_free(&op->op);
    return ok;
}

static bool run_subcommand(const struct subcommand *s, struct config_call *c,
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
    ok = check_tables(c, err) && s->run(c, err);
    tool_close(&c->tool);
    return output_end(err) && ok;
}

static int wrong_usage(const struct subcommand *s, const struct err *err)
{
    fprintf(stderr, "moonpost config %s: %s; see moonpost config %s --help\n",
            s->name, err->text, s->name);
    return EXIT_USAGE;
}

static int config(struct invocation *in)
{
    const struct subcommand *s = in->argc > 1 ? find(in->argv[1]) : NULL;
    struct config_call c = {
        .dir = ".",
        .document_max = (size_t)in->settings.config_max_kb << 10,
    };
    struct err err = ERR_INIT;

    if (!s && in->argc > 1)
        fprintf(stderr,
                "moonpost config: there is no \"%s\"; see moonpost config "
                "--help\n",
                in->argv[1]);
    else if (!s)
        print_overview(stderr);
    if (!s)
        return EXIT_USAGE;
    if (!read_arguments(in, s, &c, &err))
        return wrong_usage(s, &err);
    if (run_subcommand(s, &c, &in->settings, &err))
        return EXIT_OK;
    return err.text[0] ? command_failed(&err) : EXIT_FAILED;
}

const struct command cmd_config = {
    .name = "config",
    .summary = "look at chats' settings and change them",
    .help = print_help,
    .run = config,
};
