/*
 * broadcast.h - what a broadcast is: one method of the Bot API, called for many
 * chats. What bot/, script/ and commands/ share; it knows no SQL and no Lua.
 *
 *     RUNNING ⇄ PAUSED ─► CANCELLED     a chat: waiting ─► sending ─► sent, blocked,
 *        └─► DONE                               failed, moved, in doubt
 *
 * In doubt is a chat whose call left, or was about to, and whose answer nobody
 * has: the process ended just then, or the connection broke. It is not called
 * again unless somebody says so (BROADCAST_RETRY).
 */
#ifndef TELEGRAM_BROADCAST_H
#define TELEGRAM_BROADCAST_H

#include "io/op.h"
#include "telegram/api.h"

/* --- making one, looking at it, changing it ----------------------------------- */

struct broadcast_order {
    const char *method;
    struct slice parameters; /* a JSON object, without chat_id */
    const char *who;         /* "all", "private", "groups", "list", "sql" */
    struct slice what;       /* list: "{1,2}"; sql: a SELECT of ids; else "" */
    const char *recipients;  /* the same for people: "all", "3 chats" */
    const char *made_by;     /* "user:42 update:1001", "cli:alice" */
    struct slice key;        /* the same order with the same key makes no second
                              * one; or SLICE_NONE */
};

/* Slices point into the op that it came with. */
struct broadcast {
    int64_t id;
    struct slice state; /* "running", "paused", "cancelled", "done" */
    struct slice method, parameters, recipients, made_by;
    struct slice reason; /* why it paused by itself; SLICE_NONE */
    struct slice made_at, started_at, ended_at; /* "2026-01-02T12:34:56Z", or
                                                 * SLICE_NONE */
    int64_t waiting, sending, sent, blocked, failed, moved, in_doubt;
    int64_t total; /* all of them but the moved: those have new ids */
    int64_t ms;    /* from started_at to ended_at, or to now */
    bool active;   /* a running bot has it in hand */
};

struct broadcast_op {
    struct op op;
    struct broadcast *list; /* newest first */
    int n;
    bool changed; /* of make and change: something was */
    /* private */
    struct op *first, *then; /* queries */
};

enum broadcast_change {
    BROADCAST_PAUSE,  /* running → paused */
    BROADCAST_RESUME, /* paused → running */
    BROADCAST_CANCEL, /* running, paused → cancelled */
    BROADCAST_RETRY,  /* failed and in doubt wait again; done → running */
};

/*
 * Where broadcasts are made; the host gives one to scripts. All ops are
 * broadcast_ops: ERR_DATABASE, ERR_TIMEOUT. Of one broadcast the list has it as
 * it is afterwards, or nothing (n is 0) if there is no such.
 */
struct broadcast_desk {
    struct op *(*make)(void *arg, const struct broadcast_order *order);
    struct op *(*find)(void *arg, int64_t id, int limit); /* id 0: newest */
    struct op *(*change)(void *arg, int64_t id, enum broadcast_change change);
    void *arg;
};

/* --- messages ------------------------------------------------------------------- */

/*
 * What is wrong with a method and its parameters (valid JSON) for a broadcast:
 * ERR_USAGE. Telegram's own rules are left to Telegram.
 */
bool broadcast_check(const char *method, struct slice parameters,
                     struct err *err) MUST_CHECK;
/* Append the body of the call for one chat. */
void broadcast_add_body(struct buf *out, int64_t chat_id,
                        struct slice parameters);

/* --- answers -------------------------------------------------------------------- */

enum broadcast_outcome {
    BROADCAST_SENT,
    BROADCAST_BLOCKED,  /* nothing can be sent to this chat any more */
    BROADCAST_FAILED,   /* Telegram said no */
    BROADCAST_MOVED,    /* not sent: the chat has another id now */
    BROADCAST_IN_DOUBT, /* it may have arrived */
    BROADCAST_NOT_SENT, /* certainly not: later */
    BROADCAST_REFUSED,  /* the token or the method is wrong: for every chat */
};

struct broadcast_answer {
    enum broadcast_outcome outcome;
    int64_t message_id; /* or 0 */
    int64_t moved_to;   /* the chat's new id; of SENT: it went there; or 0 */
};

/* What a finished call for chat_id says. */
struct broadcast_answer broadcast_read(const struct tg_op *op, int64_t chat_id);
/* "sent", "in_doubt", …: as the database has it; NOT_SENT and REFUSED: "waiting" */
const char *broadcast_outcome_state(enum broadcast_outcome outcome);

/* Does this description ("Forbidden: bot was blocked by the user", raw) say that the
 * chat is out of reach for good? */
bool broadcast_is_gone(int error_code, struct slice description);

#endif
