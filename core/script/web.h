/*
 * web.h - what require "http" sends with: a client of its own, so that slow
 * sites hold up no call of the Bot API. What it does is counted, for /metrics.
 */
#ifndef SCRIPT_WEB_H
#define SCRIPT_WEB_H

#include "io/http.h"

struct web_options {
    int connections;           /* at once; 0: 64 */
    int host_connections;      /* of them to one host; 0: 8 */
    int task_connections;      /* of them by one task; 0: 16 */
    int timeout_ms;            /* for one request, unless it says; 0: 30 s */
    int max_mb;                /* of an answer, at most; 0: 20 */
    int send_max_mb;           /* of what is sent, at most; 0: 50 */
    const char *allow_private; /* see address_list_new() */
};

struct web {
    struct http *http;
    struct address_list *allowed;
    int64_t timeout_ms;
    int64_t bytes_max, send_max;
};

/* ERR_USAGE: allow_private can't be read. */
struct web *web_new(struct loop *loop, const struct web_options *options,
                    struct err *err) MUST_CHECK;
void web_free(struct web *web); /* after the vm; NULL is allowed */

/* A word for it, as scripts and /metrics get it: "timeout", "address". */
const char *web_reason(enum http_why why);
/* A script tries once more. */
void web_count_retry(void);

#endif
