/* api.c - see api.h. */
#include "telegram/api.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/kept.h"
#include "base/log.h"
#include "base/metrics.h"

#define FILE_TIMEOUT_MS 30000

struct tg {
    struct loop *loop;
    struct http *http;
    char *url;       /* without a slash at its end */
    char *prefix;    /* the path before the method: "/bot<token>/" */
    size_t path_len; /* of what is before /bot in it */
    char *origin;    /* url without a path, for curl */
    int64_t bot_id;
    int timeout_ms, file_timeout_ms;
    struct metric_series *counted; /* the last call's: most are the same */
};

static bool parse_token(const char *token, int64_t *id, struct err *err)
{
    char *end;
    long long n;

    errno = 0;
    n = strtoll(token, &end, 10);
    if (!isdigit((unsigned char)token[0]) || *end != ':' || n <= 0 || errno)
        goto bad;
    for (const char *p = end + 1; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_' && *p != '-')
            goto bad;
    if (!end[1])
        goto bad;
    *id = n;
    return true;
bad:
    return err_set(err, ERR_USAGE,
                   "BOT_TOKEN: must look like 123456:ABC-DEF…, as @BotFather "
                   "gives it");
}

/* Is this "host", "host:port" or "[address]:port", n long? */
static bool is_host(const char *host, size_t n)
{
    size_t name = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    char *end;
    long port;

    if (name == 0 || name > n || memchr(host, '@', n))
        return false;
    if (name == n)
        return true;
    if (host[name] != ':' || !isdigit((unsigned char)host[name + 1]))
        return false;
    port = strtol(host + name + 1, &end, 10);
    return end == host + n && port >= 1 && port <= 65535;
}

/* "https://host:port/path" → its path, "" if none. */
static bool parse_url(const char *url, const char **path, struct err *err)
{
    const char *host;

    if (strncmp(url, "http://", 7) == 0)
        host = url + 7;
    else if (strncmp(url, "https://", 8) == 0)
        host = url + 8;
    else
        host = "";
    *path = host + strcspn(host, "/");
    if (!is_host(host, strcspn(host, "/")) || strpbrk(host, "?# \t\r\n"))
        return err_set(err, ERR_USAGE,
                       "TELEGRAM_API_URL: must look like "
                       "https://api.telegram.org or http://host:port");
    return true;
}

struct tg *tg_new(struct loop *loop, struct http *http,
                  const struct tg_options *options, struct err *err)
{
    const char *path = NULL, *secret;
    struct buf prefix = BUF_INIT;
    struct tg *tg;
    int64_t id = 0;
    size_t n;

    if (!parse_token(options->token, &id, err) ||
        !parse_url(options->url, &path, err))
        return NULL;
    secret = strchr(options->token, ':') + 1;
    log_hide(options->token);
    log_hide(secret);
    tg = xalloc(sizeof(*tg));
    tg->loop = loop;
    tg->http = http;
    tg->bot_id = id;
    tg->timeout_ms = options->timeout_ms;
    tg->file_timeout_ms =
        options->file_timeout_ms ? options->file_timeout_ms : FILE_TIMEOUT_MS;
    tg->url = xstrdup(options->url);
    tg->origin = slice_dup(
        (struct slice){ options->url, (size_t)(path - options->url) });
    n = strlen(path);
    while (n > 0 && path[n - 1] == '/')
        n--;
    tg->path_len = n;
    buf_add(&prefix, path, n);
    buf_addf(&prefix, "/bot%s/", options->token);
    tg->prefix = buf_detach(&prefix);
    return tg;
}

void tg_free(struct tg *tg)
{
    if (!tg)
        return;
    free(tg->url);
    free(tg->origin);
    free(tg->prefix);
    free(tg);
}

int64_t tg_bot_id(const struct tg *tg)
{
    return tg->bot_id;
}

/* Between "/bot" and the last slash of the prefix. */
struct slice tg_token(const struct tg *tg)
{
    const char *token = tg->prefix + tg->path_len + 4;

    return (struct slice){ token, strlen(token) - 1 };
}

const char *tg_url(const struct tg *tg)
{
    return tg->url;
}

int tg_timeout_ms(const struct tg *tg)
{
    return tg->timeout_ms;
}

void tg_add_file_target(const struct tg *tg, struct buf *out)
{
    buf_add(out, tg->prefix, tg->path_len);
    buf_adds(out, "/file");
    buf_adds(out, tg->prefix + tg->path_len);
}

int tg_file_timeout_ms(const struct tg *tg)
{
    return tg->file_timeout_ms;
}

const char *tg_origin(const struct tg *tg)
{
    return tg->origin;
}

struct http *tg_http(const struct tg *tg)
{
    return tg->http;
}

struct loop *tg_loop(const struct tg *tg)
{
    return tg->loop;
}

/* --- answers ---------------------------------------------------------------- */

/*
 * The array that getUpdates answered, from its [ to its ], of an answer with
 * something in it that is not JSON. One that was cut has no end: none.
 */
static struct slice broken_array(struct slice answer)
{
    static const char head[] = "{\"ok\":true,\"result\":[";
    size_t n = sizeof(head) - 1;

    if (answer.n < n + 2 || memcmp(answer.p, head, n) != 0 ||
        memcmp(answer.p + answer.n - 2, "]}", 2) != 0)
        return SLICE_NONE;
    return (struct slice){ answer.p + n - 1, answer.n - n };
}

static void read_error(struct tg_op *tg, struct slice answer)
{
    struct buf text = BUF_INIT;
    int64_t n;

    if (json_to_int(json_get(answer, "error_code"), &n))
        tg->error_code = (int)n;
    else
        tg->error_code = tg->http->status;
    tg->description = json_raw(json_get(answer, "description"));
    tg->parameters = json_get(answer, "parameters");
    if (json_to_int(json_get(tg->parameters, "retry_after"), &n))
        tg->retry_after = n > 0 && n < 86400 ? (int)n : 0;
    if (json_to_int(json_get(tg->parameters, "migrate_to_chat_id"), &n))
        tg->migrate_to_chat_id = n;
    if (tg->description.p)
        json_add_unescaped(&text, tg->description);
    err_set(&tg->op.err, ERR_TELEGRAM, "%d %s", tg->error_code, text.data);
    buf_release(&text);
}

/* The members ok and result of a valid answer, in one pass. */
static void read_members(struct slice answer, struct slice *ok,
                         struct slice *result)
{
    struct json_iter it;

    *ok = *result = SLICE_NONE;
    json_iter_init(&it, answer);
    while (json_iter_next(&it)) {
        if (slice_eq(it.key, "ok"))
            *ok = it.value;
        else if (slice_eq(it.key, "result"))
            *result = it.value;
    }
}

static void not_an_answer(struct tg_op *tg, const struct err *why)
{
    tg->result = SLICE_NONE;
    tg->error_code = tg->http->status;
    tg->maybe_sent = true;
    err_set(&tg->op.err, ERR_NETWORK,
            "the Bot API server answered HTTP %d with something that is not "
            "the Bot API's JSON%s%s",
            tg->http->status, why->kind ? ": " : "", why->text);
}

/*
 * What the Bot API answers when all is well: {"ok":true,"result":…} with one
 * valid value and no space around it, which is then the result. Anything else
 * is looked at more closely.
 */
static bool read_good_answer(struct tg_op *tg, struct slice answer)
{
    static const char head[] = "{\"ok\":true,\"result\":";
    const size_t n = sizeof(head) - 1;

    if (answer.n < n + 2 || memcmp(answer.p, head, n) != 0 ||
        answer.p[n] <= ' ' || answer.p[answer.n - 2] <= ' ' ||
        answer.p[answer.n - 1] != '}')
        return false;
    tg->result = (struct slice){ answer.p + n, answer.n - n - 1 };
    tg->valid = json_check(tg->result, JSON_DEPTH_MAX - 1, NULL);
    return tg->valid;
}

static void read_answer(struct tg_op *tg)
{
    struct slice answer = buf_slice(&tg->http->body), ok;
    struct err why = ERR_INIT;

    if (read_good_answer(tg, answer))
        return;
    tg->valid = json_check(answer, JSON_DEPTH_MAX, &why);
    if (tg->valid) {
        read_members(answer, &ok, &tg->result);
        if (ok.p && json_is_true(ok) && tg->result.p)
            return;
        if (ok.p && slice_eq(ok, "false")) {
            read_error(tg, answer);
            return;
        }
    } else if (tg->lenient) {
        tg->result = broken_array(answer);
        if (tg->result.p)
            return;
    }
    not_an_answer(tg, &why);
}

/* --- metrics ----------------------------------------------------------------- */

/* Each HTTP request is a call: one that is tried again counts again. */
static struct metric calls = {
    .name = "moonpost_api_calls_total",
    .help = "Requests to the Bot API by method and HTTP-like code; network: "
            "no usable answer, timeout: none in time.",
    .type = METRIC_COUNTER,
    .labels = { "method", "code" },
    .series_max = 200,
};

static struct metric_series *find_counted(struct tg *tg, const char *method)
{
    if (!tg->counted || strcmp(metric_value(tg->counted, 0), method) != 0)
        tg->counted = metric_of(&calls, method, "200");
    return tg->counted;
}

static void count(const struct tg_op *tg)
{
    const char *method = metric_value(tg->counted, 0);
    char code[16];

    if (!tg->op.err.kind) {
        metric_add(tg->counted, 1);
    } else if (tg->op.err.kind == ERR_TELEGRAM) {
        snprintf(code, sizeof(code), "%d", tg->error_code);
        metric_add(metric_of(&calls, method, code), 1);
    } else {
        metric_add(metric_of(&calls, method,
                             tg->op.err.kind == ERR_TIMEOUT ? "timeout"
                                                            : "network"),
                   1);
    }
}

static void on_http(struct op *op)
{
    struct tg_op *tg = op->arg;

    if (op->err.kind) {
        tg->op.err = op->err;
        tg->maybe_sent = tg->http->maybe_sent;
    } else {
        /* White space around the answer is not part of it. */
        while (
            tg->http->body.len &&
            isspace((unsigned char)tg->http->body.data[tg->http->body.len - 1]))
            tg->http->body.data[--tg->http->body.len] = '\0';
        read_answer(tg);
    }
    count(tg);
    op_complete_here(&tg->op);
}

/* --- calls ------------------------------------------------------------------ */

static void tg_op_stop(struct op *op)
{
    (void)op; /* the http op goes with it in free */
}

static void tg_op_free(struct op *op)
{
    struct tg_op *tg = (struct tg_op *)op;

    op_free(&tg->http->op);
    kept_free(tg, sizeof(*tg));
}

static const struct op_class tg_class = { "Bot API call", tg_op_stop,
                                          tg_op_free };

struct tg_op *tg_start(struct tg *tg, const struct tg_call *call)
{
    struct tg_op *op = op_alloc(sizeof(*op));
    char target[512];
    struct buf long_target = BUF_INIT;
    struct http_request req = {
        .url = tg->origin,
        .target = target,
        .body = call->body,
        .form = call->form,
        .stall_ms = call->form ? tg->file_timeout_ms : 0,
        .timeout_ms = call->timeout_ms ? call->timeout_ms : tg->timeout_ms,
    };

    op_init(&op->op, &tg_class, tg->loop);
    op->lenient = call->lenient;
    op->counted = find_counted(tg, call->method);
    if (strlen(tg->prefix) + strlen(call->method) < sizeof(target)) {
        strcpy(stpcpy(target, tg->prefix), call->method);
    } else {
        buf_addf(&long_target, "%s%s", tg->prefix, call->method);
        req.target = long_target.data;
    }
    op->http = http_start(tg->http, &req);
    op->http->op.done = on_http;
    op->http->op.arg = op;
    buf_release(&long_target);
    return op;
}
