/*
 * host_webhook.h - updates that Telegram sends, in the order of the host's life.
 *
 *     open ─ the port answers, 503 to updates ─► begin ─ updates are taken ─► stop
 *
 * A request is answered when its update is done or saved: 200; when it can't be
 * taken now: 503, and Telegram sends it again. For bot/host*.c only.
 */
#ifndef BOT_HOST_WEBHOOK_H
#define BOT_HOST_WEBHOOK_H

#include "bot/host_int.h"

/*
 * With WEBHOOK_URL: listen on PORT, at once, so that whoever started us sees that we
 * live. Needs the tg and the sender; before scripts are loaded. Without: nothing.
 * ERR_USAGE: a setting is wrong; ERR_SYSTEM: the port is taken.
 */
bool host_webhook_open(struct host *host, struct err *err) MUST_CHECK;
/* The intake is open: take updates, and tell Telegram to send them. Again: nothing. */
void host_webhook_begin(struct host *host);
/* The kinds of updates that are wanted have changed. */
void host_webhook_allow(struct host *host, const char *allowed_updates);
/* No more updates; those in hand are answered when the intake says so. */
void host_webhook_stop(struct host *host);
/* Why no updates may be coming; NULL: they are, or there is no webhook. */
const char *host_webhook_trouble(const struct host *host);
void host_webhook_free(struct host *host); /* also half made */

#endif
