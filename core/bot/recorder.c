/* recorder.c - see recorder.h. */
#include "bot/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/json_scan.h"
#include "base/log.h"
#include "bot/anonymous.h"
#include "config/store.h"
#include "io/http.h"
#include "script/task.h"
#include "telegram/api.h"

#define CHATS_MAX 100000 /* whose revision is remembered */

/* What a chat's settings were when they were last written. */
struct written {
    int64_t chat, revision;
    UT_hash_handle hh;
};

struct asked {
    const struct op *op;
    const struct op_class *class;
    int64_t number;
    bool request; /* of http */
    UT_hash_handle hh;
};

struct recorder {
    FILE *file; /* NULL: it has stopped */
    char *path;
    size_t size;
    struct anonymous *anonymous; /* or NULL */
    struct recording recording;
    struct written *configs;
    struct asked *asked; /* not answered yet */
    int64_t calls;       /* and requests */
    bool request;        /* the last of them */
    struct buf line;
};

/* --- writing ------------------------------------------------------------------------ */

static void stop(struct recorder *r, const char *why)
{
    log_warn("record", "%s: %s; nothing more is recorded", r->path, why);
    fclose(r->file);
    r->file = NULL;
}

/* The line in r->line, after its last brace; flushed, since a crash is what one
 * wants to look at. */
static void write_line(struct recorder *r)
{
    struct buf out = BUF_INIT;

    if (!r->file)
        return;
    if (r->anonymous)
        anonymous_add(r->anonymous, buf_slice(&r->line), &out);
    else
        log_redact(&out, buf_slice(&r->line));
    buf_addc(&out, '\n');
    r->size += out.len;
    if (r->size > RECORD_MAX)
        stop(r, "it has 1 GiB");
    else if (fwrite(out.data, 1, out.len, r->file) != out.len ||
             fflush(r->file) != 0)
        stop(r, strerror(errno));
    buf_release(&out);
}

static struct buf *begin_line(struct recorder *r)
{
    buf_reset(&r->line);
    return &r->line;
}

/* --- what happens --------------------------------------------------------------------- */

static bool is_news(struct recorder *r, const struct config *config)
{
    struct written *w;

    HASH_FIND(hh, r->configs, &config->chat_id, sizeof(config->chat_id), w);
    if (w && w->revision == config->revision)
        return false;
    if (!w) {
        if (HASH_COUNT(r->configs) == CHATS_MAX)
            return true;
        w = xalloc(sizeof(*w));
        w->chat = config->chat_id;
        HASH_ADD(hh, r->configs, chat, sizeof(w->chat), w);
    }
    w->revision = config->revision;
    return true;
}

static void on_config(void *arg, const struct config *config)
{
    struct recorder *r = arg;
    struct buf *line;

    if (!is_news(r, config))
        return;
    line = begin_line(r);
    buf_adds(line, "{\"config\":");
    buf_add_slice(line, config->text);
    buf_addf(line, ",\"chat\":%lld,\"version\":%d,\"revision\":%lld}",
             (long long)config->chat_id, config->version,
             (long long)config->revision);
    write_line(r);
}

static struct buf *begin_call(struct recorder *r, const struct task *task,
                              bool request, const char *method)
{
    struct buf *line = begin_line(r);
    bool caused = task && task->in && !task->in->origin;

    r->calls++;
    r->request = request;
    buf_addf(line, "{\"%s\":%lld,\"update\":%lld,\"method\":",
             request ? "request" : "call", (long long)r->calls,
             caused ? (long long)task->in->u.id : 0);
    json_add_text(line, slice_of(method));
    return line;
}

static int64_t on_call(void *arg, const struct task *task, const char *method,
                       struct slice parameters)
{
    struct recorder *r = arg;
    struct buf *line = begin_call(r, task, false, method);

    if (parameters.p) {
        buf_adds(line, ",\"parameters\":");
        buf_add_slice(line, parameters);
    }
    buf_addc(line, '}');
    write_line(r);
    return r->calls;
}

static bool is_utf8(struct slice text)
{
    const char *p = text.p, *end = p + text.n;
    size_t n;

    for (; p < end; p += n)
        if (!(n = (unsigned char)*p < 0x80 ? 1 : json_utf8_size(p, end)))
            return false;
    return true;
}

static void add_body(struct buf *line, struct slice body)
{
    if (body.n > RECORD_BODY_MAX || !is_utf8(body)) {
        buf_addf(line, ",\"bytes\":%zu", body.n);
    } else if (body.n) {
        buf_adds(line, ",\"body\":");
        json_add_text(line, body);
    }
}

static int64_t on_request(void *arg, const struct task *task,
                          const struct http_request *request)
{
    struct recorder *r = arg;
    struct buf *line = begin_call(r, task, true, request->method);

    buf_adds(line, ",\"url\":");
    json_add_text(line, slice_of(request->url));
    if (request->form)
        buf_addf(line, ",\"bytes\":%lld",
                 (long long)http_form_size(request->form));
    else if (request->body)
        add_body(line, buf_slice(request->body));
    buf_addc(line, '}');
    write_line(r);
    return r->calls;
}

static void on_sent(void *arg, int64_t number, const struct op *op)
{
    struct recorder *r = arg;
    struct asked *a;

    HASH_FIND_PTR(r->asked, &op, a);
    if (!a) {
        a = xalloc(sizeof(*a));
        a->op = op;
        HASH_ADD_PTR(r->asked, op, a);
    }
    a->class = op->class;
    a->request = r->request;
    a->number = number; /* one that was there was freed before its end */
}

static void add_error(struct buf *line, const struct tg_op *op)
{
    buf_addf(line, ",\"error_code\":%d,\"description\":", op->error_code);
    if (op->description.p)
        buf_addf(line, "\"%.*s\"", (int)op->description.n, op->description.p);
    else
        json_add_text(line, slice_of(op->op.err.text));
    if (op->parameters.p) {
        buf_adds(line, ",\"parameters\":");
        buf_add_slice(line, op->parameters);
    }
}

static void write_answer(struct recorder *r, int64_t number,
                         const struct tg_op *op)
{
    struct buf *line = begin_line(r);

    buf_addf(line, "{\"answer\":%lld", (long long)number);
    if (op->op.err.kind) {
        add_error(line, op);
    } else {
        buf_adds(line, ",\"result\":");
        buf_add_slice(line, op->result);
    }
    buf_addc(line, '}');
    write_line(r);
}

static void write_response(struct recorder *r, int64_t number,
                           const struct http_op *op)
{
    struct buf *line = begin_line(r);

    buf_addf(line, "{\"response\":%lld", (long long)number);
    if (op->op.err.kind) {
        buf_addf(line, ",\"error\":\"%s\",\"maybe_sent\":%s,\"reason\":",
                 err_kind_name(op->op.err.kind),
                 op->maybe_sent ? "true" : "false");
        json_add_text(line, slice_of(op->op.err.text));
    } else {
        buf_addf(line, ",\"status\":%d,\"headers\":", op->status);
        json_add_text(line, buf_slice(&op->headers));
        add_body(line, buf_slice(&op->body));
        if (!op->body.len && op->got) /* it went into a file, or a function */
            buf_addf(line, ",\"bytes\":%lld", (long long)op->got);
    }
    buf_addc(line, '}');
    write_line(r);
}

static void on_finished(void *arg, const struct op *op)
{
    struct recorder *r = arg;
    struct asked *a;

    HASH_FIND_PTR(r->asked, &op, a);
    if (!a)
        return;
    if (op->class == a->class && a->request)
        write_response(r, a->number, (const struct http_op *)op);
    else if (op->class ==
             a->class) /* else a timer, or so, where a call was freed */
        write_answer(r, a->number, (const struct tg_op *)op);
    HASH_DEL(r->asked, a);
    free(a);
}

void recorder_write(struct recorder *r, struct slice line)
{
    buf_add_slice(begin_line(r), line);
    write_line(r);
}

void recorder_begin(struct recorder *r, int64_t bot_id, const char *username)
{
    struct buf *line = begin_line(r);

    if (r->anonymous)
        anonymous_keep(r->anonymous, username);
    buf_addf(line, "{\"moonpost\":\"%s\",\"bot\":{\"id\":%lld,\"username\":",
             MOONPOST_VERSION, (long long)bot_id);
    json_add_text(line, slice_of(username));
    buf_addf(line, "},\"at\":%lld}", (long long)(clock_wall_us() / 1000));
    write_line(r);
}

void recorder_update(struct recorder *r, const struct update *u)
{
    struct buf *line = begin_line(r);

    buf_addf(line, "{\"update\":{\"update_id\":%lld", (long long)u->id);
    if (u->kind_name.p) {
        buf_addf(line, ",\"%.*s\":", (int)u->kind_name.n, u->kind_name.p);
        buf_add_slice(line, u->payload);
    }
    buf_addf(line, "},\"at\":%lld}", (long long)(clock_wall_us() / 1000));
    write_line(r);
}

void recorder_failed(struct recorder *r, int64_t update_id, const char *error)
{
    struct buf *line = begin_line(r);

    buf_addf(line, "{\"failed\":%lld,\"error\":", (long long)update_id);
    json_add_text(line, slice_of(error));
    buf_addc(line, '}');
    write_line(r);
}

/* --- its life -------------------------------------------------------------------------- */

struct recorder *recorder_new(const char *path, bool anonymous, struct err *err)
{
    /* what people write is in it */
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    struct recorder *r;

    if (fd < 0) {
        err_set(err, ERR_SYSTEM, "%s: %s", path, strerror(errno));
        return NULL;
    }
    r = xalloc(sizeof(*r));
    r->file = fdopen(fd, "a");
    r->path = xstrdup(path);
    r->size = (size_t)lseek(fd, 0, SEEK_END);
    r->anonymous = anonymous ? anonymous_new() : NULL;
    buf_init(&r->line);
    r->recording = (struct recording){ .config = on_config,
                                       .call = on_call,
                                       .request = on_request,
                                       .sent = on_sent,
                                       .finished = on_finished,
                                       .arg = r };
    return r;
}

void recorder_free(struct recorder *r)
{
    struct written *w, *next;
    struct asked *a, *after;

    if (!r)
        return;
    HASH_ITER (hh, r->configs, w, next) {
        HASH_DEL(r->configs, w);
        free(w);
    }
    HASH_ITER (hh, r->asked, a, after) {
        HASH_DEL(r->asked, a);
        free(a);
    }
    if (r->file)
        fclose(r->file);
    anonymous_free(r->anonymous);
    buf_release(&r->line);
    free(r->path);
    free(r);
}

const struct recording *recorder_recording(const struct recorder *r)
{
    return &r->recording;
}
