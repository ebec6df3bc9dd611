/*
 * command.h - the subcommands of `moonpost`: one file each, one table.
 */
#ifndef COMMAND_H
#define COMMAND_H

#include "base/settings.h"

/* Exit statuses. */
enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct invocation {
    int argc;
    char **argv; /* [0]: the subcommand's name */
    struct settings settings;
};

struct command {
    const char *name;
    const char *summary; /* one line */
    const char *usage;   /* what follows "moonpost "; then the options' lines */
    bool shows_settings; /* --help says where they come from */
    /* Instead of summary and usage: print help, also about argv[1]; or NULL. */
    void (*help)(int argc, char **argv);
    int (*run)(struct invocation *in);
};

extern const struct command cmd_broadcast, cmd_check, cmd_config, cmd_dev,
    cmd_doctor, cmd_explain, cmd_inbox, cmd_jobs, cmd_migrate, cmd_new,
    cmd_repl, cmd_replay, cmd_run, cmd_simulate, cmd_test, cmd_types,
    cmd_version;

/* What a subcommand takes; fields that it does not take are NULL or 0. */
struct arguments {
    const char *dir; /* "." unless given */
    bool has_port;
    int port;
    bool dry_run;
    bool print;
    const char *record; /* a file, or NULL */
    bool anonymous;
};

enum takes {
    TAKES_DIR = 1,
    TAKES_PORT = 2,
    TAKES_DRY_RUN = 4,
    TAKES_PRINT = 8,
    TAKES_RECORD = 16
};

/* Read the arguments; what is wrong is said on standard error: then return
 * EXIT_USAGE. */
bool arguments_read(const struct invocation *in, int takes,
                    struct arguments *out) MUST_CHECK;

/* Say why on standard error, and return EXIT_FAILED. */
int command_failed(const struct err *err);

#endif
