/*
 * webhook.h - Telegram sends updates here: saying so, and knowing Telegram.
 *
 * webhook_register() calls setWebhook until it works, again when what is wanted
 * changes, and looks with getWebhookInfo every CHECK_MS whether it still is what
 * was said: another program with this token may have changed it, and what
 * Telegram can't deliver stands there. https://core.telegram.org/bots/api#setwebhook
 *
 * The secret proves that a request comes from Telegram. Without one of the
 * operator's it is made from the token (HMAC-SHA-256 of a fixed word): so all
 * processes of a bot have the same one at once, without a table and before the
 * database is there, a new token brings a new one, and neither gives the other
 * away.
 */
#ifndef TELEGRAM_WEBHOOK_H
#define TELEGRAM_WEBHOOK_H

#include "io/httpd.h"
#include "telegram/api.h"

struct tg_webhook;

struct tg_webhook_options {
    const char *url;    /* https://host/path; http to a server of one's own */
    const char *secret; /* NULL: made from the token */
    const char *token;
    int max_connections; /* 1 to 100 */
    int check_ms;        /* between two looks; 0: a minute */
    /* The Bot API server doesn't know the token: nothing more is tried. */
    void (*refused)(const char *why, void *arg);
    void *arg;
};

/* All strings are copied. ERR_USAGE: WEBHOOK_URL or WEBHOOK_SECRET is wrong. Hides
 * the secret in logs. */
struct tg_webhook *tg_webhook_new(struct loop *loop, struct tg *tg,
                                  const struct tg_webhook_options *options,
                                  struct err *err) MUST_CHECK;
void tg_webhook_free(struct tg_webhook *webhook); /* NULL is allowed */

/* The kinds wanted, as a JSON array. Told to Telegram, if it is registered. */
void tg_webhook_allow(struct tg_webhook *webhook, const char *allowed_updates);
void tg_webhook_register(struct tg_webhook *webhook);
/* Call Telegram no more. It goes on sending updates. */
void tg_webhook_stop(struct tg_webhook *webhook);
/* Why Telegram may not be sending updates; NULL: it is registered. */
const char *tg_webhook_trouble(const struct tg_webhook *webhook);

const char *tg_webhook_path(const struct tg_webhook *webhook); /* "/hook" */
/* Is this the secret? Takes the same time for any wrong one of its length. */
bool tg_webhook_knows(const struct tg_webhook *webhook, const char *secret);

#endif
