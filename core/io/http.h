/*
 * http.h - outgoing HTTP/1.1 on the event loop (libcurl's multi interface).
 *
 * http_start() returns a running op (see op.h). Whoever starts it owns it: set
 * op.done, read status and body there, then op_free(). Connections are kept and
 * used again. HTTP/2 is off: libcurl 7.88 re-sent POSTs over it. Redirects are
 * not followed. An answer of any status is a success of the op; op.err is set
 * only when there is none: ERR_NETWORK or ERR_TIMEOUT; or when a part's file
 * can't be read: ERR_SYSTEM. What has a body, or another method than GET and
 * HEAD, is sent once at most.
 */
#ifndef IO_HTTP_H
#define IO_HTTP_H

#include "base/buf.h"
#include "io/op.h"

struct http; /* the client; opaque */
struct http_op;
struct address_list;

struct http_options {
    int connections_max; /* at once; further requests wait in line. 0: 256 */
    int host_max;        /* of them to one host, by its name. 0: any number */
    int owner_max; /* of them by one owner (see http_request). 0: any number */
    size_t body_max; /* bytes of an answer; larger: ERR_NETWORK. 0: 64 MiB */
    /*
     * For URLs that are not the operator's: only addresses that are public
     * (io/address.h) or in this list are connected to, looked at after the name
     * was resolved; and no proxy, whatever the environment says. Borrowed. NULL:
     * no such limit.
     */
    const struct address_list *guard;
    /* Told of each request once, for counting: op->why and what follows there are
     * set. It is over, or it was freed before. It only records. NULL: nobody. */
    void (*ended)(const struct http_op *op, const char *method, void *arg);
    void *ended_arg;
};

/*
 * A multipart/form-data body. Counted: each request that sends it holds a
 * reference, so that a call can wait in line and be tried again without a copy
 * of what is in it. Nothing is added once a request has it.
 */
struct http_form; /* opaque */

/* One part of it. */
struct http_part {
    const char *name;
    struct slice data;    /* the value, when path is NULL */
    const char *path;     /* a file that is streamed from disk at each try, or
                           * NULL. Not there, or not a plain file: ERR_SYSTEM */
    const char *filename; /* NULL: none (for path: its last component) */
    const char *type;     /* Content-Type, or NULL */
    /* NULL: data is copied. Else it stays where it is, and this is called, with
     * arg, when the form ends. */
    void (*release)(void *arg);
    void *arg;
};

struct http_form *http_form_new(void); /* with one reference: the caller's */
void http_form_add(struct http_form *form, const struct http_part *part);
int64_t
http_form_size(const struct http_form *form); /* bytes of its contents */
struct http_form *http_form_ref(struct http_form *form); /* NULL is allowed */
void http_form_unref(struct http_form *form);            /* NULL is allowed */
/* The text of the part of that name; SLICE_NONE: there is none, or it is a file.
 * Borrowed. */
struct slice http_form_value(const struct http_form *form, const char *name);
/* The Content-Type of a file by its name's ending. Never NULL. */
const char *http_type_by_name(const char *filename);
/* Another text for it (copied), between two tries. No such part: nothing. */
void http_form_set(struct http_form *form, const char *name,
                   struct slice value);

/*
 * Gets an answer's body piece by piece, as it comes. HTTP_WAIT: the piece was
 * not taken; it comes again, and more after it, when http_resume() is called.
 * Till then the connection is not read. HTTP_STOP: the op fails, ERR_CANCELLED; the
 * sink may set its why before.
 * Called in the middle of things: it only records, writes and queues.
 */
enum http_sink_result { HTTP_TAKEN, HTTP_WAIT, HTTP_STOP };
typedef enum http_sink_result (*http_sink_fn)(struct slice piece, void *arg);

/* What must move in a request's stall_ms. */
#define HTTP_STALL_BYTES (16 << 10)

struct http_request {
    const char *method; /* NULL: GET, or POST when there is a body or form */
    const char *url;    /* "https://api.telegram.org/…"; copied */
    const char *target; /* path and query to ask for instead of the url's own:
                         * cheaper than a new url each time. NULL: the url's */
    struct buf *body;   /* taken (left empty), or NULL */
    const char *type;   /* its Content-Type; NULL: application/json */
    const char *const *headers; /* "Name: value" …, NULL; NULL: none. copied */
    struct http_form *form;     /* instead of body; takes a reference */
    bool bare; /* the form's only part is the body, as it is; type: its type */
    bool wants_date;    /* see http_op.date */
    int64_t timeout_ms; /* for all of it, waiting in line too; 0: 60 s */
    int connect_ms;     /* to resolve the name and connect; 0: 10 s */
    const void *owner;  /* see owner_max; only compared. NULL: nobody's */
    /* ERR_TIMEOUT, too, when HTTP_STALL_BYTES did not move in so long. Not while
     * a sink waits, nor between a body's end and the answer. 0: no such limit */
    int stall_ms;
    http_sink_fn
        sink; /* for the body of a 2xx; others come in op.body. Or NULL */
    void *sink_arg;
    size_t body_max;    /* as the client's, when smaller. 0: the client's */
    bool wants_headers; /* see http_op.headers */
    bool unpacks; /* accept gzip and the like; limits are of what comes out */
};

/* Why there is no answer. */
enum http_why {
    HTTP_ANSWERED,
    HTTP_LOST,      /* the connection broke, or what came is not HTTP */
    HTTP_TIMED_OUT, /* or stalled */
    HTTP_BAD_URL,
    HTTP_NO_NAME, /* it resolves to nothing */
    HTTP_NO_CONNECTION,
    HTTP_NOT_ALLOWED, /* the guard refused the address */
    HTTP_NO_TLS,      /* no certificate that can be trusted, or no TLS at all */
    HTTP_TOO_LARGE,   /* the answer, or its headers */
    HTTP_NO_FILE,     /* a part's file can't be read */
    HTTP_NOT_TAKEN,   /* by the sink */
    HTTP_FREED,       /* before it was over; only ended() sees it */
    HTTP_WHYS
};

struct http_op {
    struct op op;
    int status;         /* valid when DONE and !op.err.kind */
    struct buf body;    /* the answer's */
    int64_t date;       /* the server's clock, if it was wanted: seconds since
                      * 1970; 0: it did not say */
    struct buf headers; /* if they were wanted: "Name: value\r\n" … */
    char *redirect;     /* the same: the URL that Location means; NULL: none */
    /* May the whole request have arrived when it failed? If not, repeating is
     * safe. */
    bool maybe_sent;
    enum http_why why;
    /* Only with ended: bytes of bodies, as they went over the network, and the time
     * from http_start() on. */
    int64_t sent, got, took_us;
};

struct http *http_new(struct loop *loop, const struct http_options *options);
void http_free(struct http *http);         /* after all its ops */
int http_running(const struct http *http); /* requests on connections */
int http_waiting(const struct http *http); /* and those in line for one */

/*
 * For tests of bots: from now on every request goes to url instead, and says in the
 * header HTTP_MEANT where it was meant to go, and in HTTP_NUMBER which one it is.
 * Nothing is guarded any more. NULL ends it. The client has a host_max.
 */
#define HTTP_MEANT "X-Moonpost-Url"
#define HTTP_NUMBER "X-Moonpost-Number"
void http_divert(struct http *http, const char *url);
/* How long that request may still take; -1: it is over. http may be NULL. */
int64_t http_left_ms(const struct http *http, int64_t number);
/* It ends as if the connection had broken, nobody could be connected to, or nobody had
 * answered in time. Not inside of a sink. */
enum http_break { HTTP_BREAK_LOST, HTTP_BREAK_REFUSED, HTTP_BREAK_TIMEOUT };
void http_break(struct http *http, int64_t number, enum http_break how);

/* Never fails and never completes here: errors arrive in op.err. */
struct http_op *http_start(struct http *http, const struct http_request *req);

/* After HTTP_WAIT. The sink is called in here. */
void http_resume(struct http_op *op);

/* The request's body out of a DONE op, for another try. What is in body is
 * freed. */
void http_take_body_back(struct http_op *op, struct buf *body);

/* What a header says a time is, in any of HTTP's forms: seconds since 1970; -1: it
 * is none. */
int64_t http_date(const char *text);

#endif
