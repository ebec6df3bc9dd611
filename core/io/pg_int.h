/*
 * pg_int.h - what the files of pg share.
 *
 *     pg.c          queries: waiting, being over; the interface
 *     pg_send.c     sending them, prepared or not
 *     pg_deadline.c those that wait too long
 *     pg_answer.c   results: reading, errors, repeating
 *     pg_text.c     statements made at run time, and their answers
 *     pg_connect.c  the connection: making it, losing it, making it again
 *     pg_lookup.c   the addresses of its hosts
 *     pg_url.c      what the url says, and what libpq is given
 *     pg_fault.c    what goes wrong in tests of bots: pg_fault.h
 */
#ifndef IO_PG_INT_H
#define IO_PG_INT_H

#include "io/pg_text.h"

#include <event2/event.h>
#include <libpq-fe.h>

#include "io/loop.h"

struct evdns_base;
struct text; /* pg_text.c */

/*
 *      ┌─────────── any failure, or too late ──────────┐
 *      ▼                                               │
 *     DOWN ─ time ► RESOLVING ► CONNECTING ► GREETING ► UP
 */
enum pg_phase {
    PG_DOWN,       /* a try begins when the timer fires */
    PG_RESOLVING,  /* asking for the addresses of host names */
    PG_CONNECTING, /* PQconnectPoll() */
    PG_GREETING,   /* the session's settings are on their way */
    PG_UP,
};

enum query_place { QUERY_WAITING, QUERY_SENT, QUERY_OVER };

struct query {
    struct pg_op pub; /* first */
    struct pg *pg;
    const struct pg_statement *statement; /* NULL: a script */
    char *script;
    int64_t started_ms;
    uint64_t number; /* in the order of asking */
    enum query_place place;
    bool detached;     /* op_free()d on its way: its answer is dropped */
    bool unprepared;   /* second try, without a prepared statement */
    bool prepares;     /* its first result is that of PQsendPrepare() */
    bool answered;     /* its own result has come; the commit has not */
    int results;       /* of a script: how many came without error */
    bool again;        /* failed before it had any effect: to be repeated */
    unsigned serial;   /* of the preparation it uses; 0: none */
    struct text *text; /* its statement's, of pg_ask(); or NULL */
    unsigned session;  /* the one connection it may go on; 0: any */
    bool control;      /* see struct pg_question */
    bool prelude;      /* its first result is that of setting the time-out */
    bool by_row;       /* libpq gives its rows one by one */
    TAILQ_ENTRY(query) link; /* of waiting or sent */
    TAILQ_ENTRY(query) age;  /* of by_age, until it is over */
    const char *params[];    /* and their bytes */
};

TAILQ_HEAD(query_list, query);
TAILQ_HEAD(text_list, text);

/* A statement that is prepared, or is being prepared, on the connection. */
struct prepared {
    const struct pg_statement *statement;
    unsigned serial;
    bool ready;    /* the server has said so */
    char name[64]; /* not used twice on a connection */
};

/* A server to try: one of the url's hosts. */
struct pg_host {
    char *name, *port; /* port may be "" */
    bool look_up;      /* a name: libpq would block to resolve it */
};

struct pg_url {
    PQconninfoOption *options; /* as PQconninfoParse() read them */
    struct pg_host *hosts;     /* none when there is nothing to look up */
    int nhosts;
    bool require_ssl;
    char *application_name;
};

/* An address of a host, for libpq's parallel lists. */
struct pg_address {
    const struct pg_host *host;
    char text[64]; /* "" for what needs no look-up */
};

#define PG_ADDRESSES_MAX 32
struct pg_lookup; /* pg_lookup.c */

struct pg {
    struct loop *loop;
    struct pg_options options; /* the numbers, with defaults filled in */
    char *schema;
    pg_state_fn on_state;
    void *on_state_arg;
    pg_notify_fn on_notify;
    void *on_notify_arg;

    /* queries */
    struct query_list waiting, sent, by_age;
    size_t count; /* of by_age */
    size_t live;  /* not freed by their owners, or detached */
    uint64_t number;
    struct event *pump;     /* there is something to send */
    struct event *deadline; /* pending when by_age is not empty */
    struct text_list texts; /* used last first */
    size_t ntexts, texts_bytes;
    bool told_pooled;
    struct prepared *prepared;
    size_t nprepared;
    unsigned serial;
    bool pooled; /* this connection: a session is ours for a transaction */
    bool prepared_forgotten; /* any, on this connection */
    int prepared_lost;       /* of these: not by an error of their own */

    /* connection */
    enum pg_phase phase;
    PGconn *conn;
    struct event *readable, *writable;
    struct event *timer; /* DOWN: the next try; on the way up: too late */
    struct pg_url url;
    struct pg_address addresses[PG_ADDRESSES_MAX];
    int naddresses;
    int first_address; /* moves on when a try got no answer */
    int looking_up;    /* index of the host */
    struct evdns_base *dns;
    struct pg_lookup *lookup;
    int tries;              /* that failed in a row */
    unsigned connections;   /* that came up */
    bool renew;             /* once nothing is on its way */
    int64_t renewed_ms;     /* when that was last asked for; 0: never */
    int64_t renew_pause_ms; /* before it is again */
    int64_t up_ms, down_ms; /* when it last became so */
    struct op *held;        /* pg_fault.c: answers are not read until then */
    bool let_through;       /* they are now, this once */
    TAILQ_ENTRY(pg) all;    /* of pg_fault.c */
    char fatal[300];        /* the server's last word, as it came */
    char reason[700];       /* of being down, as told */
};

/* pg.c */
/* Take it off the lists. It is completed unless its owner has left. */
void pg_query_over(struct pg *pg, struct query *q);
/* Back to the waiting ones, at its place by number, to be sent unprepared. */
void pg_query_repeat(struct pg *pg, struct query *q);
const char *pg_query_name(const struct query *q);
/* The connection is gone: what was on its way fails; the others wait. */
void pg_sent_lost(struct pg *pg);

/* What pg_text.c has prepared for pg_ask(): answer is taken, text has a reference
 * more. */
struct pg_op *pg_ask_text(struct pg *pg, const struct pg_question *question,
                          struct text *text, struct pg_answer *answer);
/* A text that is not listed (taken), without parameters and for nobody. */
void pg_ask_detached(struct pg *pg, struct text *text);

/* pg_send.c */
/* Send what can be sent; may lose the connection. */
void pg_pump(struct pg *pg);
struct prepared *pg_find_prepared(struct pg *pg,
                                  const struct pg_statement *statement);
/* The statement must be prepared anew before its next use. True if it was
 * that preparation. */
bool pg_forget_prepared(struct pg *pg, const struct pg_statement *statement,
                        unsigned serial);

/* pg_text.c */
const struct pg_statement *pg_text_ref(struct text *text);
void pg_text_unref(struct text *text);          /* NULL is allowed */
bool pg_text_is_known(const struct text *text); /* asked for before */
void pg_texts_free(struct pg *pg);
/* Keep a result's rows. False: too many were dropped, close the connection. */
bool pg_take_rows(struct query *q, PGresult *res) MUST_CHECK;
void pg_answer_free(struct pg_answer *answer); /* NULL is allowed */

/* pg_deadline.c */
void pg_deadlines_init(struct pg *pg);
void pg_deadlines_changed(struct pg *pg); /* or the connection's state */
/* Milliseconds until the first; -1: there is none. */
int64_t pg_deadline_left(const struct pg *pg);

/* pg_answer.c */
/* A pooler is in between: no prepared statements, and nothing is sent ahead. */
void pg_behind_pooler(struct pg *pg, const char *sign);
/* Of pg_ask(): the rows one by one, once it is this query's turn in libpq. */
void pg_want_rows(struct pg *pg, struct query *q);
void pg_read_answers(struct pg *pg); /* may lose the connection */

/* pg_connect.c */
void pg_connect_init(struct pg *pg);
void pg_connect_release(struct pg *pg);
void pg_looked_up(struct pg *pg); /* there are addresses: connect */
/* Close the connection and begin anew; reason is cleaned here. */
void pg_lost(struct pg *pg, const char *reason);
/* Don't wait with the next try. */
void pg_connect_now(struct pg *pg);
/* The server is read-only: is there another one by now? */
void pg_read_only(struct pg *pg);
/* Nothing is on its way: begin anew if that is to be. True: the connection is
 * lost. */
bool pg_renewed(struct pg *pg);
/* Send what libpq holds back. False: the connection is lost. */
bool pg_flush(struct pg *pg);

/* pg_lookup.c */
/* A new one for each try: resolv.conf may have changed. False: it can't be. */
bool pg_open_dns(struct pg *pg);
/* Go on at looking_up; it ends with pg_looked_up() or pg_lost(). */
void pg_look_up(struct pg *pg);
/* with_dns: nothing is looked up any more. */
void pg_cancel_look_up(struct pg *pg, bool with_dns);

/* pg_fault.c */
void pg_fault_join(struct pg *pg); /* from its beginning to its end */
void pg_fault_leave(struct pg *pg);
bool pg_fault_refuses(void); /* a try to connect */
bool pg_fault_hurries(void); /* to connect again */
/* There is something to be read: is it to be left for later? */
bool pg_fault_holds(struct pg *pg);
void pg_fault_let_go(struct pg *pg); /* the connection is gone */
/* Is it to fail? Then with what is added to sql. */
bool pg_fault_takes(const struct query *q, struct buf *sql);

/* pg_url.c */
bool pg_url_init(struct pg_url *url, const struct pg_options *options,
                 struct err *err);
void pg_url_release(struct pg_url *url);
PGconn *pg_url_connect(const struct pg_url *url,
                       const struct pg_address *addresses, int n, int first);
/* Put text into out as one line, without the password of conn (may be NULL). */
void pg_clean(char *out, size_t size, const char *text, PGconn *conn);

#endif
