/*
 * repl.h - a prompt in the running bot: Lua typed into `moonpost repl` runs as a
 * task of the present generation.
 *
 * Over a Unix socket (io/lines.h), one JSON object a line. A client sends
 *
 *     {"run": "1 + 1"}             Lua, as at lua's own prompt
 *     {"update": { … }}            the handlers, as if this update had come
 *
 * and gets any number of {"text": …}, {"error": …}, or {"more": …} (the input is
 * not complete), then {"done": true}. What a client asks for runs one after another.
 */
#ifndef BOT_REPL_H
#define BOT_REPL_H

#include "bot/lanes.h"

struct repl;

struct repl_options {
    struct loop *loop;
    struct vm *vm;
    struct lanes *lanes;
    const char *path; /* of the socket */
};

/* ERR_USAGE, ERR_SYSTEM: see lines_new(). */
struct repl *repl_new(const struct repl_options *options,
                      struct err *err) MUST_CHECK;
/* Before the lanes and the vm. NULL is allowed. */
void repl_free(struct repl *repl);

#endif
