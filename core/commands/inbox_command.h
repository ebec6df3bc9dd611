/*
 * inbox_command.h - the subcommands of `moonpost inbox`. For cmd_inbox.c, which
 * reads the arguments and opens the database, and inbox_*.c.
 */
#ifndef INBOX_COMMAND_H
#define INBOX_COMMAND_H

#include "bot/tool.h"
#include "command.h"
#include "io/pg.h"

struct inbox_call {
    bool json, all;
    int64_t bot, chat; /* 0: any */
    int limit;         /* 0: not given */
    int64_t *ids;      /* n of them */
    int n;
    struct tool tool;
};

/*
 * Called with the database open and its tables there. What is written to standard
 * output is the answer. false: *err is said ("": all is said), and the command
 * has failed.
 */
typedef bool (*inbox_command_fn)(struct inbox_call *c, struct err *err);

/* inbox_list.c */
bool inbox_list(struct inbox_call *c, struct err *err);
bool inbox_show(struct inbox_call *c, struct err *err);
/* inbox_change.c */
bool inbox_retry(struct inbox_call *c, struct err *err);
bool inbox_drop(struct inbox_call *c, struct err *err);

/* A row of one of the statements in bot/dead_statements.h; borrowed from it. */
struct inbox_waiting {
    int64_t bot, id, lane, seen_s; /* seen_s -1: its owner is gone */
    int tries;
    bool has_owner, taken;
    struct slice kind, received, owner, update;
};
struct inbox_dead {
    int64_t bot, id, chat;
    int tries;
    struct slice kind, received, died, reason, handler, error, update;
};
/* inbox_show.c */
struct inbox_waiting inbox_waiting_read(const struct pg_op *op, int row);
struct inbox_dead inbox_dead_read(const struct pg_op *op, int row);

/* Append "2026-01-02 06:09:56 UTC", or "at an unknown time". */
void inbox_add_time(struct buf *out, struct slice time);
/* Append "error in /x: its first line", for one line of a terminal. */
void inbox_add_reason(struct buf *out, const struct inbox_dead *d, size_t max);
/* Append an object in one line. */
void inbox_add_waiting_json(struct buf *out, const struct inbox_waiting *w);
void inbox_add_dead_json(struct buf *out, const struct inbox_dead *d);
/* Append lines about it, and the update. */
void inbox_add_waiting(struct buf *out, const struct inbox_waiting *w);
void inbox_add_dead(struct buf *out, const struct inbox_dead *d);
/* " of chat 7", " of person 7", "" */
void inbox_add_lane(struct buf *out, int64_t lane);
/* "is with host:12", … */
void inbox_add_owner(struct buf *out, const struct inbox_waiting *w);

#endif
