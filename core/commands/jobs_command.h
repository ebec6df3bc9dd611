/*
 * jobs_command.h - the subcommands of `moonpost jobs`. For cmd_jobs.c, which reads
 * the arguments and opens the database, and jobs_show.c.
 */
#ifndef JOBS_COMMAND_H
#define JOBS_COMMAND_H

#include "bot/job_desk.h"
#include "bot/tool.h"
#include "command.h"

struct jobs_call {
    bool json, failed;
    struct job_filter filter;
    int64_t *ids; /* n of them */
    int n;
    struct tool tool;
};

/* As inbox_command_fn. */
typedef bool (*jobs_command_fn)(struct jobs_call *c, struct err *err);

bool jobs_list(struct jobs_call *c, struct err *err);
bool jobs_show(struct jobs_call *c, struct err *err);
bool jobs_run(struct jobs_call *c, struct err *err);
bool jobs_drop(struct jobs_call *c, struct err *err);

#endif
