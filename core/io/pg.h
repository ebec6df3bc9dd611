/*
 * pg.h - PostgreSQL on the event loop: one connection, non-blocking, pipelined.
 *
 * pg_query() sends at once, behind what is already on its way; answers come in
 * the order of the questions. Each statement is prepared on the connection when
 * first used (a protocol-level statement, so not through a pooler in
 * transaction mode: see pg_options.prepare). Each query is its own
 * transaction: one that fails spoils no other.
 *
 * The connection is made in the background and made again when it breaks, with
 * backoff (100 ms doubling to 10 s, with jitter). Queries asked for meanwhile
 * wait for it, up to their deadline. A query that was on its way when the
 * connection broke fails with maybe_done set: it may have been carried out.
 * A query that gets no answer in time takes the connection with it: it is
 * closed, and what else was on its way fails the same.
 * Behind a pooler (the server's process has another number than it says, or
 * prepared statements keep getting lost) there are no prepared statements, and
 * a query is sent when the one before it is over.
 * When the server refuses a write because it is read-only (SQLSTATE 25006), the
 * connection is made anew as soon as nothing is on its way: after a failover
 * another server may have its name. If that goes on, seldom (1 s doubling to
 * 60 s); in between, reading works.
 *
 * Errors of an op: ERR_DATABASE, or ERR_TIMEOUT; the text is one line without the
 * values of parameters. It begins with the statement's name, unless there was no
 * connection to send it on.
 */
#ifndef IO_PG_H
#define IO_PG_H

#include "base/buf.h"
#include "io/op.h"

struct pg;

struct pg_options {
    const char *url; /* postgres://… or a keyword=value string; copied */
    const char *application_name;
    const char *schema; /* a session's search_path, nothing else in it; NULL: as
                         * it is. Where a pooler is in between it is not set,
                         * and there is no connection unless it is so. Copied;
                         * it need not exist yet */
    int statement_timeout_ms; /* the server's, unless a pooler is in between; 0:
                               * 7/8 of the next one, so that the server says
                               * no, and the connection stays */
    int query_timeout_ms;     /* from pg_query() to the answer, waiting for a
                               * connection included; 0: 15 000 */
    int wait_timeout_ms;      /* of that: for a connection at most; 0: 5 000 */
    bool prepare;             /* named prepared statements; not where a pooler
                               * is in between */
    bool require_ssl;         /* unless the url has an sslmode of its own */
    size_t queue_max;         /* queries waiting or on their way; more fail at
                               * once; 0: 10 000 */
};

/* A statement; static storage. Its address is its identity. */
struct pg_statement {
    const char *name; /* unique; prepared statements' names begin with it */
    const char *sql;  /* $1 … $n */
    int nparams;
};

/* Text format; data == NULL (SLICE_NONE) is NULL. */
#define PG_PARAMS_MAX 16

struct pg_op {
    struct op op;
    /* private and read through the functions below */
    void *result;
    struct pg_answer *answer; /* of pg_ask(): pg_text.h */
    void *failure;            /* the same */
    bool maybe_done;  /* valid on error: it was sent, and no answer came */
    char sqlstate[6]; /* "" when the error did not come from the server */
};

/* ERR_USAGE when url is empty or malformed (what could be the password is not
 * in the message). The first try to connect is made once the loop runs. */
struct pg *pg_new(struct loop *loop, const struct pg_options *options,
                  struct err *err) MUST_CHECK;
void pg_free(struct pg *pg); /* after all its ops; closes the connection */
const char *pg_schema(const struct pg *pg); /* as in its options */

/*
 * Called when the connection is there, when it broke, and when it cannot be
 * made for another reason than said before: up, or down with the reason, one
 * line, passwords removed. fn may start queries but not free pg.
 */
typedef void (*pg_state_fn)(bool up, const char *reason, void *arg);
void pg_on_state(struct pg *pg, pg_state_fn fn, void *arg);
bool pg_is_up(const struct pg *pg);
/* How often it came up. Another number than before: the server may have crashed,
 * and lost commits that did not wait for the disk. */
unsigned pg_connections(const struct pg *pg);
/* Queries that are not over. Goes through them: for looking now and then. */
struct pg_pending {
    size_t waiting, sent;
};
struct pg_pending pg_pending(const struct pg *pg);

/* The server's process that serves this connection; 0: none, or a pooler is in
 * between. */
int pg_backend(const struct pg *pg);

/*
 * What others send with NOTIFY to the channels this connection listens to
 * (query LISTEN at each change to up: it does not outlive the connection). Not
 * through a pooler in transaction mode. fn may start queries but not free pg.
 */
typedef void (*pg_notify_fn)(const char *channel, struct slice payload,
                             void *arg);
void pg_on_notify(struct pg *pg, pg_notify_fn fn, void *arg);

/* params are copied, without NUL bytes. n must be statement->nparams. */
struct pg_op *pg_query(struct pg *pg, const struct pg_statement *statement,
                       const struct slice *params, int n);
/*
 * SQL without parameters, possibly several statements, as one transaction
 * (simple query protocol; the last result is kept): for schema migrations. It
 * runs alone: behind all queries asked for before it, ahead of those after.
 * Once the connection is there, neither time-out applies to it.
 */
struct pg_op *pg_script(struct pg *pg, struct slice sql);
/* Of a failed one: how many of its statements went well; and where in sql the
 * server points, in characters from 1, or 0. See also pg_error_field(). */
int pg_script_done(const struct pg_op *op);
int pg_script_position(const struct pg_op *op);

/* Of a finished query without error. Values are borrowed from the op. */
int pg_rows(const struct pg_op *op);
int64_t pg_affected(const struct pg_op *op);
bool pg_is_null(const struct pg_op *op, int row, int column);
struct slice pg_value(const struct pg_op *op, int row, int column);
int64_t pg_int(const struct pg_op *op, int row,
               int column); /* 0 if no integer */

/*
 * May the same statement go well later, after an error with this sqlstate ("":
 * there was no answer)? The connection, a deadlock, resources, a time-out, a
 * shutdown, a standby.
 */
bool pg_may_pass(const char *sqlstate);

/* A parameter from an integer; storage must outlive the pg_query() call. */
struct slice pg_int_param(char storage[24], int64_t n);

#endif
