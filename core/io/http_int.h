/*
 * http_int.h - the HTTP client's inside: http.c has the requests, http_line.c those
 * that wait, http_form.c multipart bodies, http_handle.c curl's easy handles,
 * http_socket.c curl's sockets on the loop. For io/ only.
 */
#ifndef IO_HTTP_INT_H
#define IO_HTTP_INT_H

#include <curl/curl.h>

#include "io/http.h"
#include "io/loop_int.h"

struct sock;        /* http_socket.c */
struct http_reader; /* http_form.c */

/* An easy handle, in use by one op or in the pool. */
struct handle {
    CURL *easy;
    struct http_op *user;
    bool plain_json; /* set up as POST of JSON, ready for the next one */
    char *url;
    CURLU *parsed;           /* the same, or NULL */
    struct curl_slist *list; /* headers of this request only */
    curl_mime *mime;
    struct http_reader *reader; /* of a bare form's part; or NULL */
    struct handle *next;
};

struct http {
    struct loop *loop;
    CURLM *multi;
    struct event *timer;
    struct sock **socks; /* by file descriptor */
    size_t nsocks;
    struct handle *pool;
    struct curl_slist *json_headers;
    TAILQ_HEAD(, http_pending) waiting;
    TAILQ_HEAD(, http_pending) running; /* only with host_max or owner_max */
    int active, connections_max, host_max, owner_max;
    size_t body_max;
    const struct address_list *guard; /* or NULL */
    char *divert;                     /* see http_divert(); or NULL */
    int64_t diverted;                 /* requests so far */
    void (*ended)(const struct http_op *op, const char *method, void *arg);
    void *ended_arg;
};

/* What is behind the public http_op. */
struct http_pending {
    struct http_op pub;
    struct http *http;
    struct handle *handle; /* while active */
    char *method, *url, *target, *type;
    char *host; /* with host_max or a guard; NULL: the URL has none */
    size_t body_max;
    struct buf request_body;
    struct curl_slist *headers;
    struct http_form *form;
    bool bare;
    const void *owner;  /* only compared */
    int connect_ms;     /* 0: the default */
    int64_t started_us; /* only with ended */
    int64_t form_left;  /* bytes that curl has not read in this try */
    bool form_read;     /* there were none left once */
    int64_t deadline;
    int64_t number; /* see http_divert() */
    char *meant;    /* the same: the URL that it was; or NULL */
    char errbuf[CURL_ERROR_SIZE];
    TAILQ_ENTRY(http_pending) link; /* while waiting in line, or running */
    struct event *patience;         /* the same: till the deadline */
    bool in_line;
    bool tried; /* curl has begun to send it */
    bool wants_date, wants_headers, unpacks;
    struct buf
        refused; /* an address that the guard did not let it connect to */
    /* Answers that are taken in pieces: */
    http_sink_fn sink;
    void *sink_arg;
    bool paused;     /* the sink waits */
    bool has_waited; /* it did, since the last look at what moves */
    int stall_ms;
    struct event *look; /* every stall_ms, while active; or NULL */
    int64_t moved;      /* bytes in both directions, at the last look */
};

/* http_socket.c: let curl's multi handle run on the loop. */
void http_sockets_init(struct http *http);
void http_sockets_release(struct http *http); /* after curl_multi_cleanup() */
/* CURLOPT_SOCKOPTFUNCTION and CURLOPT_CLOSESOCKETFUNCTION; arg: the http */
int http_curl_opened(void *arg, curl_socket_t fd, curlsocktype purpose);
int http_curl_closes(void *arg, curl_socket_t fd);

/* http_handle.c: taken from the pool, set up for a request, given back. */
struct handle *http_handle_take(struct http *http);
/* false: the request's err is set. */
bool http_handle_set_up(struct http *http, struct handle *h,
                        struct http_pending *p);
void http_handle_give_back(struct http *http, struct handle *h);
void http_handle_free(struct handle *h);

/* http_form.c: what curl needs for one try of p, or NULL and p's err. */
curl_mime *http_form_mime(const struct http_form *form, CURL *easy,
                          struct http_pending *p);

/* The same, of the only part of a bare one. */
struct http_reader *http_form_reader(const struct http_form *form,
                                     struct http_pending *p);
void http_reader_set(struct http_reader *r, CURL *easy);
void http_reader_free(struct http_reader *r); /* NULL is allowed */

/* http.c: may the server have all of the body? With less it can do nothing. */
bool http_is_whole(const struct http_pending *p);

/* http.c: begin to send; it has left the line. */
void http_activate(struct http *http, struct http_pending *p);
/* http.c: say that it is over, or gone. Once. */
void http_tell_ended(struct http_pending *p, enum http_why why);

/* http_line.c: it stands at the end of the line and can't go yet: so it waits, but no
 * longer than its deadline. */
void http_wait_in_line(struct http_pending *p);
void http_leave_line(struct http_pending *p); /* if it is in it */
/* The same: those go that may. */
void http_start_waiting(struct http *http);

/* http.c: complete the ops that curl has finished. */
void http_collect_finished(struct http *http);

#endif
