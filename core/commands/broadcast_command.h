/*
 * broadcast_command.h - what the parts of `moonpost broadcast` share:
 * cmd_broadcast.c has the arguments, broadcast_make.c makes one, broadcast_show.c
 * shows them.
 */
#ifndef BROADCAST_COMMAND_H
#define BROADCAST_COMMAND_H

#include "bot/tool.h"
#include "telegram/broadcast.h"

struct broadcast_call {
    const char *file; /* or */
    int64_t id;
    const char *to, *method, *state; /* NULL: not given */
    bool dry_run, json, yes;
    int64_t bot;
    struct tool tool;
};

/* FILE: */
bool broadcast_make(struct broadcast_call *c, struct err *err) MUST_CHECK;
/* list, show ID, chats ID: */
bool broadcast_list(struct broadcast_call *c, struct err *err) MUST_CHECK;
bool broadcast_show(struct broadcast_call *c, struct err *err) MUST_CHECK;
bool broadcast_chats(struct broadcast_call *c, struct err *err) MUST_CHECK;

/* Wait for an op of broadcast_desk.h; *op is freed, and NULL, if it failed. */
bool broadcast_wait(struct broadcast_call *c, struct op **op,
                    struct err *err) MUST_CHECK;
/* A line about one, or an object with --json. */
void broadcast_print(const struct broadcast_call *c, const struct broadcast *b);

#endif
