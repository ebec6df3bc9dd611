/*
 * sites.h - the sites that a bot asks by `http`, while it is tested: a server of our
 * own, to which the bot's client is diverted (io/http.h). Who runs the spec says what
 * comes back, at once or later by the loop's clock.
 */
#ifndef TESTING_SITES_H
#define TESTING_SITES_H

#include "io/http.h"
#include "io/httpd.h"
#include "io/loop.h"

struct sites;

/* What comes back. All but the first are failures without an answer, as the bot's
 * client tells them: the connection broke; it could not connect; it waited for as
 * long as it may. */
enum site_end { SITE_REPLIES, SITE_DROPS, SITE_REFUSES, SITE_TIMES_OUT };

struct site_answer {
    enum site_end end;
    int status;
    const char *const *headers; /* name, value, …, NULL */
    struct slice body;
    int64_t slow_ms; /* later, by the loop's timers; what the client may wait is
                      * less: it times out, then */
};

/* fn answers each request by sites_answer(), within the call; HTTP_MEANT says what
 * was asked for. Without one: 404. */
struct sites *sites_new(struct loop *loop, struct err *err) MUST_CHECK;
void sites_free(struct sites *sites); /* NULL is allowed */
void sites_on_request(struct sites *sites, httpd_handler_fn fn, void *arg);
/* Copies what it keeps. */
void sites_answer(struct sites *sites, struct httpd_request *req,
                  const struct site_answer *answer);

/* What it asks of others comes here. Before the client ends: sites_forget(). */
void sites_divert(struct sites *sites, struct http *http);
void sites_forget(struct sites *sites);
/* Requests that wait for time to go on. */
int sites_held(const struct sites *sites);

#endif
