/*
 * script_db_int.h - what the files of script_db share.
 *
 *     script_db.c       ops, sessions and their answers; the desk
 *     script_db_line.c  who waits for a connection, and which one is free
 */
#ifndef BOT_SCRIPT_DB_INT_H
#define BOT_SCRIPT_DB_INT_H

#include "bot/script_db.h"

struct db_link {
    struct script_db *db;
    struct pg *pg;
    struct pg_op *query; /* on its way; or NULL */
    struct db_op *op;    /* who waits for it; NULL: nobody any more */
    struct db_session *session;
    bool begins; /* the query is a BEGIN */
};

struct db_session {
    struct script_db *db;
    const void *owner;
    struct db_link *link; /* NULL: it has ended */
    unsigned connection;
    struct op *idle; /* the timer */
    bool was_idle;   /* it was rolled back for that */
    struct db_first_error error;
    TAILQ_ENTRY(db_session) entry;
};

/* What an op in line waits to do: copies. */
struct db_line {
    struct db_op *op;
    int64_t since_ms;
    struct pg_question question;
    const void *owner; /* of a begin; else NULL */
    TAILQ_ENTRY(db_line) entry;
    struct slice params[];
};

struct script_db {
    struct loop *loop;
    struct script_db_options options;
    struct db_desk desk;
    struct db_link links[SCRIPT_DB_CONNECTIONS_MAX];
    int n; /* links that have a connection */
    TAILQ_HEAD(, db_line) line;
    int waiting;
    struct op *deadline; /* of the first in line */
    TAILQ_HEAD(, db_session) sessions;
};

/* script_db.c */
struct db_op *script_db_op(struct script_db *db);
/* Complete it with that error. */
struct db_op *script_db_failed(struct db_op *op, enum err_kind kind,
                               const char *why);
/* On a link that has no query. op may be NULL: nobody waits for the answer. */
void script_db_ask(struct db_link *link, struct db_op *op,
                   const struct pg_question *question);

/* script_db_line.c */
/* Ask it when its turn comes; owner: of a begin, else NULL. */
struct db_op *script_db_stand_in_line(struct script_db *db,
                                      const struct pg_question *question,
                                      const void *owner);
void script_db_leave_line(struct db_op *op); /* if it stands there */
/* A link may be free: give each to who is first. */
void script_db_serve(struct script_db *db);

#endif
