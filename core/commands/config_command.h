/*
 * config_command.h - the subcommands of `moonpost config`. For cmd_config.c, which
 * reads the arguments and opens the database, and config_*.c.
 */
#ifndef CONFIG_COMMAND_H
#define CONFIG_COMMAND_H

#include "bot/tool.h"
#include "command.h"

struct config_call {
    const char *dir;
    bool json, all, dry_run;
    bool keep;   /* import: values that do not fit are kept, too */
    char **args; /* what stands for CHAT, path, …; n of them */
    int nargs;
    int64_t chat; /* args[0], where the subcommand has CHAT */
    size_t document_max;
    struct tool tool;
};

/*
 * Called with the folder loaded, the database open and its tables there. What is
 * written to standard output is the answer. false: *err is said, and the exit
 * status is EXIT_USAGE for ERR_USAGE, else EXIT_FAILED.
 */
typedef bool (*config_command_fn)(struct config_call *c, struct err *err);

/* config_get.c */
bool config_get(struct config_call *c, struct err *err);
/* config_set.c */
bool config_set(struct config_call *c, struct err *err);
bool config_unset(struct config_call *c, struct err *err);
/* config_revisions.c */
bool config_history(struct config_call *c, struct err *err);
bool config_undo(struct config_call *c, struct err *err);
/* config_export.c */
bool config_export(struct config_call *c, struct err *err);
/* config_import.c */
bool config_import(struct config_call *c, struct err *err);
/* config_stats.c */
bool config_stats(struct config_call *c, struct err *err);

/* "-1001234567890"; ERR_USAGE. */
bool config_parse_chat(const char *text, int64_t *chat, struct err *err);

#endif
