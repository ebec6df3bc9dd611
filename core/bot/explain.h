/*
 * explain.h - what the server does for each statement that the program can send:
 * run once on the real tables, and taken back.
 */
#ifndef BOT_EXPLAIN_H
#define BOT_EXPLAIN_H

#include "bot/tool.h"
#include "config/explain.h"

struct explained {
    const char *name;
    struct slice plan; /* as the server gave it: JSON; SLICE_NONE: has none */
    double ms;         /* of planning and execution */
    int64_t rows;
    int64_t buffers;   /* pages of 8 KiB that were looked at */
    const char *reads; /* "chat_configs_pkey; all of config_failures"; or "" */
    /* A large table is read whole, which this is for; or NULL. */
    const struct config_index *unused;
    bool unused_exists;
};

/* plan and reads live as long as the call. */
typedef void (*explained_fn)(const struct explained *explained, void *arg);

/* false: one could not be run, or has no such table: *err names it. */
bool explain_all(struct tool *tool, explained_fn fn, void *arg,
                 struct err *err) MUST_CHECK;

#endif
