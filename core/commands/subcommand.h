/*
 * subcommand.h - for commands that have subcommands (moonpost config, inbox):
 * finding them, their help, and arguments that several take. Each keeps a table of its own; its rows begin
 * with a struct subcommand.
 */
#ifndef SUBCOMMAND_H
#define SUBCOMMAND_H

#include "bot/tool.h"
#include "command.h"
#include "io/pg.h"

struct subcommand {
    const char *name;
    const char *arguments; /* "CHAT [PATH]" */
    const char *summary;   /* one line, small at its beginning */
    const char *help;      /* lines about the arguments, and what it does */
};

struct subcommand_list {
    const char *command;                      /* "config" */
    const char *usage;                        /* options of all: "[--json]" */
    const char *about;                        /* lines */
    const char *options;                      /* lines about those of all */
    const struct subcommand *(*at)(size_t i); /* NULL after the last */
};

/* That which argv[1] names. NULL: there is none, and that is said on standard
 * error; then return EXIT_USAGE. */
const struct subcommand *subcommand_find(const struct subcommand_list *list,
                                         const struct invocation *in);
/* For struct command's help. */
void subcommand_help(const struct subcommand_list *list, int argc, char **argv);
/* Say what is wrong with its arguments, and return EXIT_USAGE. */
int subcommand_misused(const struct subcommand_list *list,
                       const struct subcommand *s, const struct err *err);
/* The exit status of one that ran; what is wrong is said, but "". */
int subcommand_status(bool ok, const struct err *err);

/* ready: the question whether the tables that it needs are there, with true or
 * false for an answer; it is freed. */
bool subcommand_check_tables(struct tool *tool, struct pg_op *ready,
                             struct err *err) MUST_CHECK;

/* Arguments that are numbers. ERR_USAGE says what the text is not; an id is more than
 * 0, what: "a job's number". */
bool subcommand_read_id(const char *text, const char *what, int64_t *id,
                        struct err *err) MUST_CHECK;
bool subcommand_read_bot(const char *text, int64_t *bot,
                         struct err *err) MUST_CHECK;
bool subcommand_read_chat(const char *text, int64_t *chat,
                          struct err *err) MUST_CHECK;
bool subcommand_read_limit(const char *text, int *limit,
                           struct err *err) MUST_CHECK;

#endif
