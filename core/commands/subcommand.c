/* subcommand.c - see subcommand.h. */
#include "subcommand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct subcommand *find(const struct subcommand_list *list,
                                     const char *name)
{
    const struct subcommand *s;

    for (size_t i = 0; (s = list->at(i)); i++)
        if (strcmp(s->name, name) == 0)
            return s;
    return NULL;
}

static void print_options(FILE *out, const struct subcommand_list *list)
{
    fprintf(out,
            "%s\nDATABASE_URL says where the database is; `moonpost run "
            "--help` has all\nsettings from the environment.\n",
            list->options);
}

static void print_overview(FILE *out, const struct subcommand_list *list)
{
    const struct subcommand *s;

    fprintf(out, "Usage: moonpost %s SUBCOMMAND … %s\n\n%s\n", list->command,
            list->usage, list->about);
    for (size_t i = 0; (s = list->at(i)); i++)
        fprintf(out, "  %-10s %s\n", s->name, s->summary);
    fprintf(out, "\n`moonpost %s SUBCOMMAND --help` tells more.\n\n",
            list->command);
    print_options(out, list);
}

const struct subcommand *subcommand_find(const struct subcommand_list *list,
                                         const struct invocation *in)
{
    const struct subcommand *s;

    if (in->argc < 2) {
        print_overview(stderr, list);
        return NULL;
    }
    s = find(list, in->argv[1]);
    if (!s)
        fprintf(stderr,
                "moonpost %s: there is no \"%s\"; see moonpost %s --help\n",
                list->command, in->argv[1], list->command);
    return s;
}

void subcommand_help(const struct subcommand_list *list, int argc, char **argv)
{
    const struct subcommand *s = argc > 1 ? find(list, argv[1]) : NULL;

    if (!s) {
        print_overview(stdout, list);
        return;
    }
    printf("Usage: moonpost %s %s%s%s\n\n%c%s.\n\n%s\n", list->command, s->name,
           *s->arguments ? " " : "", s->arguments, s->summary[0] - 'a' + 'A',
           s->summary + 1, s->help);
    print_options(stdout, list);
}

int subcommand_misused(const struct subcommand_list *list,
                       const struct subcommand *s, const struct err *err)
{
    fprintf(stderr, "moonpost %s %s: %s; see moonpost %s %s --help\n",
            list->command, s->name, err->text, list->command, s->name);
    return EXIT_USAGE;
}

int subcommand_status(bool ok, const struct err *err)
{
    if (ok)
        return EXIT_OK;
    return err->text[0] ? command_failed(err) : EXIT_FAILED;
}

bool subcommand_check_tables(struct tool *tool, struct pg_op *ready,
                             struct err *err)
{
    bool ok = tool_wait(tool, &ready->op, err);

    if (ok && !slice_eq(pg_value(ready, 0, 0), "t"))
        ok = err_set(err, ERR_DATABASE,
                     "the database's tables are not there, or older than this "
                     "program; run `moonpost migrate` first");
    op_free(&ready->op);
    return ok;
}

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

bool subcommand_read_id(const char *text, const char *what, int64_t *id,
                        struct err *err)
{
    return read_number(text, what, 1, INT64_MAX, id, err);
}

bool subcommand_read_bot(const char *text, int64_t *bot, struct err *err)
{
    return read_number(text, "a bot's id: what its token begins with", 1,
                       INT64_MAX, bot, err);
}

bool subcommand_read_chat(const char *text, int64_t *chat, struct err *err)
{
    /* INT64_MIN stands for any chat elsewhere */
    return read_number(text,
                       "a chat's id: a number like 123456 or -1001234567890",
                       INT64_MIN + 1, INT64_MAX, chat, err);
}

bool subcommand_read_limit(const char *text, int *limit, struct err *err)
{
    int64_t n;

    if (!read_number(text, "a number of lines", 1, 1000000, &n, err))
        return false;
    *limit = (int)n;
    return true;
}
