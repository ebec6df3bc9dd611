/* webhook.c - see webhook.h. */
#include "telegram/webhook.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/json.h"
#include "base/log.h"
#include "io/loop.h"

#define BACKOFF_MIN_MS 500
#define BACKOFF_MAX_MS 30000
#define CHECK_MS 60000
#define SECRET_MAX 256

struct tg_webhook {
    struct loop *loop;
    struct tg *tg;
    struct tg_webhook_options options;
    char *url, *path, *secret, *allowed;
    struct tg_op *call;
    struct op *pause;
    int backoff_ms;
    bool wanted;   /* tg_webhook_register() was called */
    bool told;     /* setWebhook has worked, as things are wanted now */
    bool was_told; /* the last one that was logged */
    struct err trouble;
    int64_t error_date; /* of the last failed delivery that was logged */
};

static void set(struct tg_webhook *w);
static void look(struct tg_webhook *w);

/* --- what the operator said --------------------------------------------------- */

/* "https://host:port/path" → "/path" */
static bool read_url(const char *url, char **path, struct err *err)
{
    const char *host = NULL, *slash;

    if (strncmp(url, "https://", 8) == 0)
        host = url + 8;
    else if (strncmp(url, "http://", 7) == 0)
        host = url + 7;
    if (!host || !isalnum((unsigned char)*host) || strpbrk(url, "?# \t\r\n@"))
        return err_set(err, ERR_USAGE,
                       "WEBHOOK_URL: must look like https://host/path, without "
                       "a query");
    slash = strchr(host, '/');
    *path = xstrdup(slash ? slash : "/");
    return true;
}

static bool check_secret(const char *secret, struct err *err)
{
    const char *p = secret;

    while (isalnum((unsigned char)*p) || *p == '_' || *p == '-')
        p++;
    return (!*p && p > secret && p - secret <= SECRET_MAX) ||
           err_set(err, ERR_USAGE,
                   "WEBHOOK_SECRET: must be 1 to %d letters, digits, _ and -",
                   SECRET_MAX);
}

static char *make_secret(const char *token)
{
    static const unsigned char word[] = "moonpost webhook";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    struct buf text = BUF_INIT;

    if (!HMAC(EVP_sha256(), token, (int)strlen(token), word, sizeof(word) - 1,
              digest, &n))
        abort();
    for (unsigned int i = 0; i < n; i++)
        buf_addf(&text, "%02x", digest[i]);
    return buf_detach(&text);
}

bool tg_webhook_knows(const struct tg_webhook *w, const char *secret)
{
    size_t n = strlen(w->secret);

    return secret && strlen(secret) == n &&
           CRYPTO_memcmp(secret, w->secret, n) == 0;
}

const char *tg_webhook_path(const struct tg_webhook *w)
{
    return w->path;
}

/* --- calls ---------------------------------------------------------------------- */

static void start(struct tg_webhook *w, const char *method, struct buf *body,
                  op_done_fn done)
{
    w->call =
        tg_start(w->tg, &(struct tg_call){ .method = method, .body = body });
    w->call->op.done = done;
    w->call->op.arg = w;
}

static void wait(struct tg_webhook *w, int ms, op_done_fn then)
{
    op_free(w->pause);
    w->pause = timer_start(w->loop, ms);
    w->pause->done = then;
    w->pause->arg = w;
}

static void end_call(struct tg_webhook *w)
{
    if (w->call)
        op_free(&w->call->op);
    w->call = NULL;
}

static void on_pause_over(struct op *op)
{
    struct tg_webhook *w = op->arg;

    op_free(op);
    w->pause = NULL;
    if (w->told)
        look(w);
    else
        set(w);
}

/* Try again later, or give up where that can't help. */
static void on_failure(struct tg_webhook *w)
{
    const struct tg_op *call = w->call;
    int ms = w->backoff_ms ? w->backoff_ms * 2 : BACKOFF_MIN_MS;
    bool news = strcmp(w->trouble.text, call->op.err.text) != 0;

    if (call->op.err.kind == ERR_TELEGRAM &&
        (call->error_code == 401 || call->error_code == 404)) {
        end_call(w);
        w->options.refused(
            "the Bot API server does not know this BOT_TOKEN "
            "(401 Unauthorized); ask @BotFather for the right one",
            w->options.arg);
        return;
    }
    if (ms > BACKOFF_MAX_MS)
        ms = BACKOFF_MAX_MS;
    w->backoff_ms = ms;
    if (ms < call->retry_after * 1000)
        ms = call->retry_after * 1000;
    err_clear(&w->trouble);
    err_set(&w->trouble, call->op.err.kind, "%s", call->op.err.text);
    if (news)
        log_warn("webhook",
                 "Telegram can't be told to send updates to WEBHOOK_URL: %s; "
                 "trying again in %.1f s",
                 call->op.err.text, ms / 1000.0);
    end_call(w);
    wait(w, ms, on_pause_over);
}

static void on_set(struct op *op)
{
    struct tg_webhook *w = op->arg;

    if (op->err.kind) {
        on_failure(w);
        return;
    }
    end_call(w);
    if (!w->was_told)
        log_info("webhook", "Telegram sends updates to %s", w->url);
    w->told = w->was_told = true;
    w->backoff_ms = 0;
    err_clear(&w->trouble);
    wait(w, w->options.check_ms, on_pause_over);
}

static void set(struct tg_webhook *w)
{
    struct buf body = BUF_INIT;

    w->told = false;
    buf_adds(&body, "{\"url\":");
    json_add_text(&body, slice_of(w->url));
    buf_addf(&body, ",\"secret_token\":\"%s\",\"max_connections\":%d",
             w->secret, w->options.max_connections);
    if (w->allowed)
        buf_addf(&body, ",\"allowed_updates\":%s", w->allowed);
    buf_addc(&body, '}');
    start(w, "setWebhook", &body, on_set);
    buf_release(&body);
}

/* Deliveries that failed since we last looked are worth a line: the reason is
 * often between Telegram and us, where our log sees nothing. */
static void report_failures(struct tg_webhook *w, struct slice info)
{
    struct buf why = BUF_INIT;
    int64_t date;

    if (!json_to_int(json_get(info, "last_error_date"), &date) ||
        date <= w->error_date)
        return;
    w->error_date = date;
    json_to_text(json_get(info, "last_error_message"), &why);
    log_warn("webhook", "Telegram could not deliver an update: %s", why.data);
    buf_release(&why);
}

static void on_info(struct op *op)
{
    struct tg_webhook *w = op->arg;
    struct slice info = w->call->result;
    struct buf url = BUF_INIT;

    if (w->call->error_code == 401 || w->call->error_code == 404) {
        on_failure(w);
        return;
    }
    if (op->err.kind) { /* what was said before still holds, for all we know */
        end_call(w);
        wait(w, w->options.check_ms, on_pause_over);
        return;
    }
    if (!json_to_text(json_get(info, "url"), &url) ||
        strcmp(url.data, w->url) != 0) {
        log_warn("webhook",
                 "another program with this token has %s%s; taking the updates "
                 "back",
                 url.len ? "sent them to " : "removed the webhook", url.data);
        end_call(w);
        set(w);
    } else {
        report_failures(w, info);
        end_call(w);
        wait(w, w->options.check_ms, on_pause_over);
    }
    buf_release(&url);
}

static void look(struct tg_webhook *w)
{
    start(w, "getWebhookInfo", NULL, on_info);
}

/* --- the interface ------------------------------------------------------------------ */

struct tg_webhook *tg_webhook_new(struct loop *loop, struct tg *tg,
                                  const struct tg_webhook_options *options,
                                  struct err *err)
{
    struct tg_webhook *w;
    char *path;

    if (options->secret && !check_secret(options->secret, err))
        return NULL;
    if (!read_url(options->url, &path, err))
        return NULL;
    w = xalloc(sizeof(*w));
    w->loop = loop;
    w->tg = tg;
    w->options = *options;
    if (!w->options.check_ms)
        w->options.check_ms = CHECK_MS;
    w->url = xstrdup(options->url);
    w->path = path;
    w->secret = options->secret ? xstrdup(options->secret)
                                : make_secret(options->token);
    log_hide(w->secret);
    return w;
}

void tg_webhook_stop(struct tg_webhook *w)
{
    w->wanted = false;
    end_call(w);
    op_free(w->pause);
    w->pause = NULL;
}

void tg_webhook_free(struct tg_webhook *w)
{
    if (!w)
        return;
    tg_webhook_stop(w);
    free(w->url);
    free(w->path);
    free(w->secret);
    free(w->allowed);
    free(w);
}

void tg_webhook_register(struct tg_webhook *w)
{
    if (w->wanted)
        return;
    w->wanted = true;
    set(w);
}

void tg_webhook_allow(struct tg_webhook *w, const char *allowed_updates)
{
    if (w->allowed && strcmp(w->allowed, allowed_updates) == 0)
        return;
    free(w->allowed);
    w->allowed = xstrdup(allowed_updates);
    if (!w->wanted)
        return;
    end_call(w); /* if it was a setWebhook, it may come first or not at all */
    op_free(w->pause);
    w->pause = NULL;
    set(w);
}

const char *tg_webhook_trouble(const struct tg_webhook *w)
{
    if (w->told || (w->was_told && !w->trouble.kind))
        return NULL;
    return w->trouble.kind ? w->trouble.text : "not registered yet";
}
