/*
 * host.h - a bot that runs: everything long-lived, its start and its end.
 *
 *     STARTING ─ database, schema, getMe ─► RUNNING ─ SIGTERM ─► STOPPING ─► STOPPED
 *
 * host_new() loads the bot's folder; host_start() begins; when the host has
 * stopped, by itself or by host_stop(), the loop is stopped and
 * host_exit_status() says how it went.
 */
#ifndef BOT_HOST_H
#define BOT_HOST_H

#include "base/settings.h"
#include "io/loop.h"

struct host;
struct pg;

struct host_options {
    const struct settings *settings; /* borrowed */
    const char *dir;                 /* the bot's folder */
    const char *api_url;             /* instead of the settings' */
    const char *token;               /* the same */
    const char *record;              /* a file, or NULL: recorder.h */
    bool record_anonymous;
    void (*on_ready)(const char *username, void *arg); /* polling begins */
    void *arg;
    /* Connections that are lent, with the schema of the settings; NULL: it makes
     * its own. For tests of bots, where one host follows the other. */
    struct pg *pg, *listen_pg;
};

/* ERR_USAGE, ERR_SCRIPT, ERR_SYSTEM: what to mend. */
struct host *host_new(struct loop *loop, const struct host_options *options,
                      struct err *err) MUST_CHECK;
void host_start(struct host *host);
/*
 * Stop polling, let running handlers finish (STOP_TIMEOUT_S), tell Telegram what
 * is done, stop the loop. Again while it stops: nothing. hurry: don't wait for
 * the handlers.
 */
void host_stop(struct host *host, bool hurry);
int host_exit_status(const struct host *host); /* 0 or 1 */
void host_free(struct host *host);             /* NULL is allowed */

#endif
