/* poll.c - see poll.h. */
#include "telegram/poll.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "io/loop.h"

#define BACKOFF_MIN_MS 500
#define BACKOFF_MAX_MS 30000
#define GRACE_MS 10000 /* an answer may come this much after the timeout */
#define UPDATES_PER_ANSWER 100

struct poll {
    struct loop *loop;
    struct tg *tg;
    struct poll_options options;
    struct poll_callbacks cb;
    char *allowed;
    struct tg_op *call; /* running */
    struct op *pause;   /* or waiting to try again */
    int64_t offset;
    int limit;
    int backoff_ms;
    struct err trouble; /* what was logged last; kind 0: all is well */
    int trouble_code;
};

static void start_call(struct poll *poll);

static void add_body(struct buf *body, int64_t offset, int limit, int timeout_s,
                     const char *allowed)
{
    buf_addf(body, "{\"offset\":%lld,\"limit\":%d,\"timeout\":%d",
             (long long)offset, limit, timeout_s);
    if (allowed)
        buf_addf(body, ",\"allowed_updates\":%s", allowed);
    buf_addc(body, '}');
}

static void on_pause_over(struct op *op)
{
    struct poll *poll = op->arg;

    op_free(op);
    poll->pause = NULL;
    start_call(poll);
}

static int next_backoff(struct poll *poll, int retry_after_s)
{
    int ms = poll->backoff_ms ? poll->backoff_ms * 2 : BACKOFF_MIN_MS;

    if (ms > BACKOFF_MAX_MS)
        ms = BACKOFF_MAX_MS;
    poll->backoff_ms = ms;
    if (retry_after_s)
        return retry_after_s * 1000;
    return ms * 3 / 4 + (int)(random() % (ms / 2 + 1));
}

/* The same but for numbers: "after 3 ms", "after 5 ms". */
static bool is_same_reason(const struct err *a, const struct err *b)
{
    const char *p = a->text, *q = b->text;

    while (*p && *q) {
        if (isdigit((unsigned char)*p) && isdigit((unsigned char)*q)) {
            p += strspn(p, "0123456789");
            q += strspn(q, "0123456789");
        } else if (*p++ != *q++) {
            return false;
        }
    }
    return a->kind == b->kind && *p == *q;
}

static void explain(struct poll *poll, const struct tg_op *call, int wait_ms)
{
    const char *meaning = "";

    if (is_same_reason(&poll->trouble, &call->op.err) &&
        poll->trouble_code == call->error_code)
        return;
    poll->trouble = call->op.err;
    poll->trouble_code = call->error_code;
    if (call->error_code == 409)
        meaning = " (another program polls with this token, or a webhook is "
                  "set; only one can get the updates)";
    log_warn("poll", "no updates: %s%s; trying again in %.1f s",
             call->op.err.text, meaning, wait_ms / 1000.0);
}

static void on_failure(struct poll *poll, struct tg_op *call)
{
    bool conflict = call->error_code == 409;
    int wait_ms;

    if (call->op.err.kind == ERR_TELEGRAM &&
        (call->error_code == 401 || call->error_code == 404)) {
        op_free(&call->op);
        poll->cb.refused("the Bot API server does not know this BOT_TOKEN "
                         "(401 Unauthorized); ask @BotFather for the right one",
                         poll->cb.arg);
        return;
    }
    wait_ms = next_backoff(poll, call->retry_after);
    explain(poll, call, wait_ms);
    op_free(&call->op);
    poll->pause = timer_start(poll->loop, wait_ms);
    poll->pause->done = on_pause_over;
    poll->pause->arg = poll;
    if (conflict && poll->cb.conflict)
        poll->cb.conflict(poll->cb.arg);
}

/* Where the next update begins for sure, after p. A JSON string can't hold
 * these bytes: its quotes would be escaped. */
static const char *next_update(const char *p, const char *end)
{
    static const char head[] = "{\"update_id\":";
    const char *found = NULL;

    if (p + 1 < end)
        found = memmem(p + 1, (size_t)(end - p - 1), head, sizeof(head) - 1);
    return found ? found : end;
}

static const char *skip_gap(const char *p, const char *end)
{
    while (p < end && strchr(" \t\r\n,", *p))
        p++;
    return p;
}

/*
 * The element that begins at p. One that does not end like a value (a bracket
 * or a quote is missing) ends where the next update begins.
 */
static struct slice element_at(const char *p, const char *end)
{
    const char *next = next_update(p, end);
    struct slice v = json_outline((struct slice){ p, (size_t)(end - p) });
    const char *after = v.p ? v.p + v.n : end + 1;

    if (v.n && after <= next) {
        const char *gap = after + strspn(after, " \t\r\n");

        if (gap >= end || *gap == ',')
            return v;
    }
    while (next > p + 1 && strchr(" \t\r\n,", next[-1]))
        next--;
    return (struct slice){ p, (size_t)(next - p) };
}

/* The elements of an array of which some may be invalid. */
static size_t split(struct slice array, struct slice *out, size_t max)
{
    const char *p = array.p + 1, *end = array.p + array.n - 1;
    size_t n = 0;

    for (p = skip_gap(p, end); n < max && p < end; p = skip_gap(p, end)) {
        out[n] = element_at(p, end);
        p += out[n++].n;
    }
    return n;
}

static void on_answer(struct op *op)
{
    struct poll *poll = op->arg;
    struct tg_op *call = poll->call;
    struct slice updates[UPDATES_PER_ANSWER];
    size_t n = 0;

    poll->call = NULL;
    if (op->err.kind) {
        on_failure(poll, call);
        return;
    }
    if (poll->trouble.kind)
        log_info("poll", "getting updates again");
    err_clear(&poll->trouble);
    poll->backoff_ms = 0;
    if (call->result.n && call->result.p[0] == '[')
        n = split(call->result, updates, ARRAY_LEN(updates));
    poll->cb.updates(updates, n, call->valid, poll->cb.arg);
    op_free(op);
}

static void start_call(struct poll *poll)
{
    struct buf body = BUF_INIT;

    add_body(&body, poll->offset, poll->limit, poll->options.timeout_s,
             poll->allowed);
    poll->call =
        tg_start(poll->tg,
                 &(struct tg_call){
                     .method = "getUpdates",
                     .body = &body,
                     .timeout_ms = poll->options.timeout_s * 1000 + GRACE_MS,
                     .lenient = true,
                 });
    poll->call->op.done = on_answer;
    poll->call->op.arg = poll;
}

struct poll *poll_new(struct loop *loop, struct tg *tg,
                      const struct poll_options *options,
                      const struct poll_callbacks *callbacks)
{
    struct poll *poll = xalloc(sizeof(*poll));

    poll->loop = loop;
    poll->tg = tg;
    poll->options = *options;
    poll->cb = *callbacks;
    return poll;
}

void poll_stop(struct poll *poll)
{
    if (poll->call)
        op_free(&poll->call->op);
    poll->call = NULL;
    op_free(poll->pause);
    poll->pause = NULL;
}

void poll_free(struct poll *poll)
{
    if (!poll)
        return;
    poll_stop(poll);
    free(poll->allowed);
    free(poll);
}

void poll_allow(struct poll *poll, const char *allowed_updates)
{
    free(poll->allowed);
    poll->allowed = allowed_updates ? xstrdup(allowed_updates) : NULL;
}

bool poll_is_running(const struct poll *poll)
{
    return poll->call || poll->pause;
}

const char *poll_trouble(const struct poll *poll)
{
    return poll->trouble.kind ? poll->trouble.text : NULL;
}

void poll_next(struct poll *poll, int64_t offset, int limit)
{
    assert(!poll_is_running(poll));
    poll->offset = offset;
    poll->limit = limit < poll->options.limit ? limit : poll->options.limit;
    start_call(poll);
}

struct tg_op *poll_acknowledge(struct poll *poll, int64_t offset)
{
    struct buf body = BUF_INIT;

    poll_stop(poll);
    add_body(&body, offset, 1, 0, NULL);
    return tg_start(poll->tg, &(struct tg_call){ .method = "getUpdates",
                                                 .body = &body,
                                                 .timeout_ms = 5000,
                                                 .lenient = true });
}
