/*
 * webhook.h - delivers one bot's updates to its URL as Telegram does.
 *
 * Updates are pulled from the owner, in order, up to max_connections at once;
 * those of one queue (the messages of one chat; otherwise, of one kind and
 * person) go one after the other. An answer that is not 2xx, or none within
 * 60 s, is tried again after 1 s, then 2, 4 … 60 s. The answer to an update may
 * itself be a call (JSON or form with `method`): it is carried out through
 * the owner.
 */
#ifndef SIMULATOR_WEBHOOK_H
#define SIMULATOR_WEBHOOK_H

#include <jansson.h>

#include "io/http.h"
#include "io/loop.h"

struct webhook;

struct webhook_owner {
    /* The first waiting update with update_id > after, borrowed until the next
     * turn of the loop; NULL: none. The owner keeps it until done(). */
    const json_t *(*next)(int64_t after, void *arg);
    /* It was answered with 2xx: drop it. */
    void (*done)(int64_t update_id, void *arg);
    /* Carry out a call that came as an answer. params are borrowed; the result is
     * nobody's. Not called for an answer without `method`. */
    void (*call)(const char *method, const json_t *params, void *arg);
    void *arg;
};

struct webhook_options {
    const char *url;          /* http or https; copied */
    const char *secret_token; /* NULL: none; copied */
    int max_connections;      /* 0: 40 */
    int64_t timeout_ms;       /* of one delivery; 0: 60 000 */
    int64_t retry_first_ms;   /* 0: 1000; doubles to 60 times that */
};

/* Starts to deliver in the next turn of the loop. owner is copied. */
struct webhook *webhook_new(struct loop *loop, struct http *http,
                            const struct webhook_options *options,
                            const struct webhook_owner *owner);
/* Stops at once; deliveries on their way are cut off. Not inside done(); from
 * call() it is allowed: a bot may answer with deleteWebhook. */
void webhook_free(struct webhook *webhook);
/* There may be new updates: to be called after one was queued. */
void webhook_wake(struct webhook *webhook);

const char *webhook_url(const struct webhook *webhook);
/* Adds url, has_custom_certificate, max_connections, and after a failure
 * last_error_date and last_error_message, to a WebhookInfo.
 * pending_update_count and allowed_updates are the owner's. */
void webhook_info(const struct webhook *webhook, json_t *info);

#endif
