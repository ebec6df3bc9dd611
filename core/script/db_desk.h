/*
 * db_desk.h - the database as scripts reach it by SQL of their own: what the module
 * db is given by the host (bot/script_db.h).
 *
 * Queries go on connections of their own, side by side; who finds none free waits
 * in line. A session is one such connection, in a transaction. Its owner releases
 * it, whatever has become of it.
 */
#ifndef SCRIPT_DB_DESK_H
#define SCRIPT_DB_DESK_H

#include "io/op.h"
#include "io/pg_text.h"

struct db_session;

struct db_op {
    struct op op;
    struct pg_op *query;        /* that has ended, or NULL: it was not sent */
    struct db_session *session; /* of a begin that went well; now the asker's */
    char sqlstate[6];           /* "": the error is not the server's */
    bool maybe_done;            /* on error: it may have been carried out */
    /* private */
    struct script_db *db;
    struct db_link *link;
    struct db_session *in;
    const void *owner; /* of a begin */
    struct db_line *line;
    int64_t asked_us;
};

/* What the first error in a transaction was. "" while there is none. */
struct db_first_error {
    char sqlstate[6];
    char text[400];
};

struct db_desk {
    /* session NULL: on any connection, a transaction of its own. Limits of the
     * answer are added here. */
    struct db_op *(*query)(void *arg, struct db_session *session,
                           const struct pg_question *question);
    /* how: "BEGIN ISOLATION LEVEL …". owner: whose session_of() it is: a
     * coroutine. */
    struct db_op *(*begin)(void *arg, const void *owner, const char *how);
    /* The session ends, however it goes; it is still to be released. */
    struct db_op *(*commit)(void *arg, struct db_session *session);
    /* Rolled back, if it has not ended; nobody waits for it. */
    void (*release)(void *arg, struct db_session *session);
    struct db_session *(*session_of)(void *arg, const void *owner);
    const struct db_first_error *(*first_error)(
        const struct db_session *session);
    void *arg;
};

#endif
