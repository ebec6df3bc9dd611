/*
 * lines.h - a server of lines of text on a Unix socket, for the owner's own
 * programs on the same machine: the socket has mode 0600.
 */
#ifndef IO_LINES_H
#define IO_LINES_H

#include "base/buf.h"
#include "base/err.h"

#define LINES_MAX ((size_t)1 << 20) /* bytes in a line; longer ends it */
#define LINES_CLIENTS_MAX 8
#define LINES_UNREAD_MAX ((size_t)8 << 20) /* beyond this it is not sent */

struct loop;
struct lines;
struct line_client;

struct lines_options {
    const char *path; /* at most 107 bytes: unix(7) */
    /* From the loop. The client may be closed in it. */
    void (*line)(struct line_client *client, struct slice line, void *arg);
    /* It is gone when this returns. */
    void (*gone)(struct line_client *client, void *arg);
    void *arg;
};

/* A socket that nobody listens at any more is replaced; one that somebody does is
 * ERR_USAGE. ERR_SYSTEM. */
struct lines *lines_new(struct loop *loop, const struct lines_options *options,
                        struct err *err) MUST_CHECK;
void lines_free(struct lines *lines); /* NULL is allowed; removes the socket */

/* text must have no line break in it. */
void lines_send(struct line_client *client, struct slice text);
void lines_close(struct line_client *client);

/* What its owner keeps with it; NULL at first. */
void lines_set_data(struct line_client *client, void *data);
void *lines_data(const struct line_client *client);

#endif
