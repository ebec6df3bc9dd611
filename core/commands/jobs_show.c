/* jobs_show.c - moonpost jobs list, show, run, drop. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/duration.h"
#include "base/json.h"
#include "config_show.h"
#include "jobs_command.h"
#include "output.h"

#define LINES_MAX 50
#define JSON_LINES_MAX 10000
#define ERROR_SHOWN 100

/* --- writing ---------------------------------------------------------------------- */

static void add_time(struct buf *out, int64_t ms)
{
    time_t at = (time_t)(ms / 1000);
    struct tm tm;
    char text[40];

    gmtime_r(&at, &tm);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
    buf_adds(out, text);
}

/* "in 1h5m", "due for 3s" */
static void add_wait(struct buf *out, int64_t ms)
{
    int64_t span = ms < 0 ? -ms : ms;

    if (span >= 60000)
        span -= span % 60000; /* minutes are enough */
    else
        span -= span % 1000;
    if (span >= 24 * 3600 * 1000)
        span -= span % 3600000;
    buf_adds(out, ms < 0 ? "due for " : "in ");
    duration_add(out, span);
}

static void add_first_line(struct buf *out, struct slice text, size_t max)
{
    const char *end = memchr(text.p, '\n', text.n);

    if (end)
        text.n = (size_t)(end - text.p);
    show_cut(out, text, max);
}

static void add_line(struct buf *out, const struct job_info *job)
{
    buf_addf(out, "%" PRId64 "  ", job->id);
    buf_add_slice(out, job->name);
    if (job->key.p) {
        buf_adds(out, " (");
        buf_add_slice(out, job->key);
        buf_addc(out, ')');
    }
    if (job->chat_id)
        buf_addf(out, " of chat %" PRId64, job->chat_id);
    if (job->schedule.p) {
        buf_adds(out, ", every ");
        buf_add_slice(out, job->schedule);
    }
    buf_adds(out, ": ");
    if (slice_eq(job->state, "failed"))
        buf_adds(out, "failed");
    else if (slice_eq(job->state, "running"))
        buf_adds(out, "runs now");
    else if (job->run_ms)
        add_wait(out, job->wait_ms);
    else
        buf_adds(out, "has no time yet");
    if (job->error.p) {
        buf_adds(out, "; ");
        add_first_line(out, job->error, ERROR_SHOWN);
    }
    buf_addc(out, '\n');
}

static void add_json_text(struct buf *out, const char *key, struct slice text)
{
    buf_addf(out, ",\"%s\":", key);
    if (text.p)
        json_add_text(out, text);
    else
        buf_adds(out, "null");
}

static void add_json_number(struct buf *out, const char *key, int64_t n,
                            bool is_null)
{
    if (is_null)
        buf_addf(out, ",\"%s\":null", key);
    else
        buf_addf(out, ",\"%s\":%" PRId64, key, n);
}

static void add_json(struct buf *out, const struct job_info *job)
{
    buf_addf(out, "{\"id\":%" PRId64 ",\"bot_id\":%" PRId64, job->id,
             job->bot_id);
    add_json_text(out, "name", job->name);
    add_json_text(out, "state", job->state);
    add_json_number(out, "chat_id", job->chat_id, !job->chat_id);
    add_json_text(out, "key", job->key);
    buf_adds(out, ",\"data\":");
    if (job->data.p)
        buf_add_slice(out, job->data);
    else
        buf_adds(out, "null");
    add_json_text(out, "every", job->schedule);
    add_json_text(out, "timezone", job->zone);
    add_json_number(out, "due_ms", job->due_ms, !job->due_ms);
    add_json_number(out, "run_ms", job->run_ms, !job->run_ms);
    add_json_number(out, "made_ms", job->made_ms, !job->made_ms);
    add_json_number(out, "tries", job->tries, false);
    add_json_number(out, "crashes", job->crashes, false);
    add_json_text(out, "error", job->error);
    add_json_text(out, "made_by", job->made_by);
    buf_adds(out, "}\n");
}

static void add_row(struct buf *out, const char *what, struct slice text)
{
    if (!text.p)
        return;
    buf_addf(out, "%-10s ", what);
    buf_add_slice(out, text);
    buf_addc(out, '\n');
}

static void add_row_time(struct buf *out, const char *what, int64_t ms)
{
    if (!ms)
        return;
    buf_addf(out, "%-10s ", what);
    add_time(out, ms);
    buf_addc(out, '\n');
}

static void add_all(struct buf *out, const struct job_info *job)
{
    add_line(out, job);
    add_row_time(out, "due", job->due_ms);
    if (job->run_ms != job->due_ms)
        add_row_time(out, "runs", job->run_ms);
    add_row(out, "timezone", job->zone);
    add_row_time(out, job->schedule.p ? "last run" : "failed", job->last_ms);
    add_row_time(out, "made", job->made_ms);
    add_row(out, "by", job->made_by);
    buf_addf(out, "%-10s %" PRId64 " failed, %" PRId64 " ended the program\n",
             "tries", job->tries, job->crashes);
    add_row(out, "data", job->data);
    add_row(out, "error", job->error);
}

/* --- asking -------------------------------------------------------------------------- */

static bool ask(struct jobs_call *c, const struct job_filter *filter,
                void (*print)(struct jobs_call *c, const struct job_op *op,
                              struct buf *out),
                struct err *err)
{
    struct op *op = job_list_start(c->tool.loop, c->tool.pg, filter);
    struct buf out = BUF_INIT;
    bool ok = tool_wait(&c->tool, op, err);

    if (ok)
        print(c, (struct job_op *)op, &out);
    output_add(&out);
    buf_release(&out);
    op_free(op);
    return ok;
}

static void print_list(struct jobs_call *c, const struct job_op *op,
                       struct buf *out)
{
    if (op->n == 0 && !c->json)
        buf_adds(out, c->failed ? "Nothing was set aside.\n"
                                : "There are no jobs.\n");
    for (int i = 0; i < op->n; i++)
        (c->json ? add_json : add_line)(out, &op->list[i]);
}

bool jobs_list(struct jobs_call *c, struct err *err)
{
    struct job_filter filter = c->filter;

    if (!filter.limit)
        filter.limit = c->json ? JSON_LINES_MAX : LINES_MAX;
    if (c->failed)
        filter.state = "failed";
    return ask(c, &filter, print_list, err);
}

static void print_one(struct jobs_call *c, const struct job_op *op,
                      struct buf *out)
{
    if (op->n)
        (c->json ? add_json : add_all)(out, &op->list[0]);
    else
        c->n = 0;
}

bool jobs_show(struct jobs_call *c, struct err *err)
{
    struct job_filter filter = c->filter;

    filter.id = c->ids[0];
    filter.limit = 1;
    if (!ask(c, &filter, print_one, err))
        return false;
    return c->n || err_set(err, ERR_CONFIG, "there is no job %lld",
                           (long long)c->ids[0]);
}

/* --- changing -------------------------------------------------------------------------- */

static bool is_among(const struct pg_op *op, int64_t id)
{
    for (int i = 0; i < pg_rows(op); i++)
        if (pg_int(op, i, 0) == id)
            return true;
    return false;
}

/* query: rows of the ids that were changed. */
static bool change(struct jobs_call *c,
                   struct pg_op *(*start)(struct pg *pg, int64_t bot,
                                          const char *ids),
                   const char *done, const char *why, struct err *err)
{
    struct buf ids = BUF_INIT, out = BUF_INIT;
    struct pg_op *query;
    bool ok;

    for (int i = 0; i < c->n; i++)
        buf_addf(&ids, "%c%lld", i ? ',' : '{', (long long)c->ids[i]);
    buf_addc(&ids, '}');
    query = start(c->tool.pg, c->filter.bot, ids.data);
    ok = tool_wait(&c->tool, &query->op, err);
    for (int i = 0; i < c->n && !err->kind; i++) {
        if (is_among(query, c->ids[i])) {
            buf_addf(&out,
                     c->json ? "{\"id\":%lld,\"result\":\"%s\"}\n"
                             : "%lld %s\n",
                     (long long)c->ids[i], done);
            continue;
        }
        fprintf(stderr, "moonpost: job %lld %s\n", (long long)c->ids[i], why);
        ok = false;
    }
    output_add(&out);
    op_free(&query->op);
    buf_release(&ids);
    buf_release(&out);
    return ok || err_set(err, ERR_CONFIG, "%s", "");
}

bool jobs_run(struct jobs_call *c, struct err *err)
{
    return change(c, job_run_now_start, "runs", "is not there, or runs already",
                  err);
}

bool jobs_drop(struct jobs_call *c, struct err *err)
{
    return change(c, job_drop_start, "dropped",
                  "is not there, or is of bot.every", err);
}
