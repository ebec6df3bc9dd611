/*
 * api.h - calls of the Bot API: any method by its name.
 *
 * A call is an op (io/op.h). ok: true is its success, and result is the text
 * of the result's value. ok: false is ERR_TELEGRAM, with error_code,
 * description and parameters as in https://core.telegram.org/bots/api#responseparameters.
 * No usable answer is ERR_NETWORK or ERR_TIMEOUT. Error texts never hold the
 * token.
 */
#ifndef TELEGRAM_API_H
#define TELEGRAM_API_H

#include "base/buf.h"
#include "io/http.h"
#include "io/op.h"

struct tg; /* one bot's access to a Bot API server; opaque */

struct tg_options {
    const char *url;   /* of the server, "https://api.telegram.org" */
    const char *token; /* "<bot id>:<secret>" */
    int timeout_ms;    /* for a call that sets none */
    /* For a file on its way, up or down, of which nearly nothing moves: see
     * stall_ms in io/http.h. 0: 30 s */
    int file_timeout_ms;
};

/* ERR_USAGE: the token or the URL does not look like one. Hides the token in logs. */
struct tg *tg_new(struct loop *loop, struct http *http,
                  const struct tg_options *options, struct err *err) MUST_CHECK;
void tg_free(struct tg *tg);            /* after all its calls */
int64_t tg_bot_id(const struct tg *tg); /* the number in the token */
struct slice tg_token(const struct tg *tg);
const char *tg_url(const struct tg *tg);
int tg_timeout_ms(const struct tg *tg); /* for a call that sets none */
int tg_file_timeout_ms(const struct tg *tg);
/* For file.c: what a file's request needs, before its path. Holds the token. */
void tg_add_file_target(const struct tg *tg, struct buf *out);
const char *tg_origin(const struct tg *tg);
struct http *tg_http(const struct tg *tg);
struct loop *tg_loop(const struct tg *tg);

struct tg_op {
    struct op op;
    struct slice result; /* one valid JSON value; borrowed from the op */
    /* With ERR_TELEGRAM: */
    int error_code;
    struct slice description;   /* raw JSON string, between its quotes */
    struct slice parameters;    /* a JSON object, or SLICE_NONE */
    int retry_after;            /* seconds, or 0 */
    int64_t migrate_to_chat_id; /* or 0 */
    /* Not ERR_TELEGRAM: may it have arrived all the same? */
    bool maybe_sent;
    /* private */
    struct http_op *http;
    /* getUpdates: result may hold elements that are not valid JSON */
    bool lenient, valid;
    struct metric_series *counted; /* with the code 200 */
};

struct tg_call {
    const char *method;     /* "sendMessage"; letters, digits, _ */
    struct buf *body;       /* a JSON object, taken; or NULL: none */
    struct http_form *form; /* instead: multipart; a reference is taken */
    int timeout_ms;         /* 0: the tg's */
    bool lenient;           /* see tg_op.valid */
};

struct tg_op *tg_start(struct tg *tg, const struct tg_call *call);

#endif
