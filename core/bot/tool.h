/*
 * tool.h - what a command needs that works on a bot's database without running
 * the bot: the folder's settings and upgrade functions, a connection, a store.
 *
 * Commands are straight-line code: tool_wait() runs the loop until an operation
 * has finished.
 */
#ifndef BOT_TOOL_H
#define BOT_TOOL_H

#include "base/settings.h"
#include "config/schema.h"
#include "config/store.h"
#include "io/loop.h"

struct vm;
struct generation;
struct services;

struct tool {
    struct loop *loop;
    struct pg *pg;              /* NULL when opened without a database */
    struct config_store *store; /* the same, or without a folder */
    const struct setting *schema;
    int config_version;
    /* private */
    struct vm *vm;
    struct generation *gen;
    struct services *services;
};

struct tool_options {
    const struct settings *settings;
    const char *dir;              /* the bot's folder; NULL: it is not needed */
    const char *application_name; /* NULL: no database is needed */
    bool
        with_scripts; /* scripts/ must load too; else only what makes configs */
};

/* ERR_USAGE, ERR_SCRIPT: what to mend; nothing is left open. */
bool tool_open(struct tool *tool, const struct tool_options *o,
               struct err *err) MUST_CHECK;
void tool_close(struct tool *tool); /* after all its ops */

/* Run the loop until op has finished; false: *err is its error. The op stays the
 * caller's. SIGINT and SIGTERM end the wait with ERR_SYSTEM "interrupted". */
bool tool_wait(struct tool *tool, struct op *op, struct err *err) MUST_CHECK;

/* Who a command's writes are by: "cli:alice". Borrowed, static. */
const char *tool_who(void);

#endif
