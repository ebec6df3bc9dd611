/*
 * httpd_int.h - parts of the HTTP server (httpd.h), for io/httpd*.c: connections
 * (httpd_connection.c) and answers (httpd_answer.c).
 *
 *                  ┌──────────────── answered ──────────────────┐
 *     accepted ─► IDLE ─ first byte ─► READING ─ all of it ─► HANDLING
 *                  │                     │ refused              │ the last answer
 *                  │                     ▼                      ▼
 *                closed ◄── LINGERING ◄── it is sent ─── CLOSING
 */
#ifndef IO_HTTPD_INT_H
#define IO_HTTPD_INT_H

#include <stdint.h>
#include <sys/queue.h>
#include <time.h>

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#include "io/httpd.h"
#include "io/httpd_read.h"

enum connection_state { IDLE, READING, HANDLING, CLOSING, LINGERING };

struct httpd_request {
    struct httpd *httpd;
    struct connection *con; /* NULL: the client has left */
    struct httpd_reader reader;
    bool checked;
    httpd_gone_fn gone;
    void *gone_arg;
    bool streaming, chunked;
    TAILQ_ENTRY(httpd_request) link;
};

struct connection {
    struct httpd *httpd;
    struct bufferevent *bev;
    enum connection_state state;
    struct httpd_request *req; /* READING, HANDLING */
    int64_t since;             /* when the state, or the last progress, began */
    size_t unsent;             /* at the last sweep */
    bool last;                 /* nothing comes after this request */
    bool ended;                /* the client sends no more */
    bool feeding, dead;        /* freed when feed() is left */
    bool ready;                /* stands in httpd.ready */
    bool full;                 /* reading is off: see httpd_connection.c */
    TAILQ_ENTRY(connection) link, ready_link;
};

struct httpd {
    struct event_base *base;
    struct evconnlistener *listener;
    bool deaf; /* out of descriptors: accepting is switched off for a moment */
    struct httpd_options options;
    int port;
    httpd_handler_fn handler;
    void *arg;
    struct event *sweep;
    TAILQ_HEAD(connection_list, connection) connections; /* oldest first */
    /* Their next request may be there already. (bufferevent_trigger() would do,
     * but what it defers keeps a bufferevent alive past its base's end.) */
    struct connection_list ready;
    struct event *resume;
    int nconnections;
    TAILQ_HEAD(, httpd_request) requests;
    time_t date;
    char date_text[64];
};

/* --- httpd_connection.c ------------------------------------------------------ */

/* Take this socket; it closes itself. */
void connection_open(struct httpd *httpd, evutil_socket_t fd);
void connection_close(struct connection *c);
/* As soon as all is sent. */
void connection_begin_closing(struct connection *c);
void connection_enter(struct connection *c, enum connection_state state);
/* Send now what the socket takes, and the rest when it takes more. */
void connection_put(struct connection *c, struct slice head, struct slice body);
size_t connection_unsent(const struct connection *c); /* bytes */
/* Go on with all in httpd->ready. */
void connections_resume(struct httpd *httpd);

/* --- httpd_answer.c ---------------------------------------------------------- */

struct httpd_request *httpd_request_new(struct connection *c);
void httpd_request_free(struct httpd_request *r);
/* Answer what is not (yet) a whole request, and end the connection. */
void httpd_refuse(struct connection *c, int status, const char *const *headers);

#endif
