/* file.c - see file.h. */
#include "telegram/file.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "io/loop.h"

#define PIECE_BYTES (64 << 10)
#define TIME_MAX_MS (INT64_C(24) * 3600 * 1000)

struct file_op {
    struct op op;
    http_sink_fn sink;
    void *arg;
    struct http_op *http; /* or: */
    char *path;
    int fd;
    struct op *turn;  /* the next piece from disk */
    struct buf piece; /* not taken yet */
};

/* --- over HTTP ---------------------------------------------------------------- */

static void read_refusal(struct file_op *f)
{
    struct slice answer = buf_slice(&f->http->body), text = SLICE_NONE;
    struct buf out = BUF_INIT;
    struct err why = ERR_INIT;

    if (json_check(answer, JSON_DEPTH_MAX, &why))
        text = json_raw(json_get(answer, "description"));
    if (text.p)
        json_add_unescaped(&out, text);
    err_set(&f->op.err, ERR_TELEGRAM, "the Bot API server answered HTTP %d%s%s",
            f->http->status, out.len ? ": " : "", out.data);
    buf_release(&out);
}

static void on_http(struct op *op)
{
    struct file_op *f = op->arg;

    if (op->err.kind)
        f->op.err = op->err;
    else if (f->http->status != 200)
        read_refusal(f);
    op_complete_here(&f->op);
}

/* What is in a path goes as it is, but for what can't be in a URL. */
static void add_path(struct buf *out, const char *path)
{
    for (; *path; path++) {
        if (isalnum((unsigned char)*path) || strchr("/._-~", *path))
            buf_addc(out, *path);
        else
            buf_addf(out, "%%%02X", (unsigned)(unsigned char)*path);
    }
}

static void start_http(struct file_op *f, struct tg *tg,
                       const struct file_request *req)
{
    struct buf target = BUF_INIT;

    tg_add_file_target(tg, &target);
    add_path(&target, req->path);
    f->http =
        http_start(tg_http(tg),
                   &(struct http_request){ .url = tg_origin(tg),
                                           .target = target.data,
                                           .timeout_ms = TIME_MAX_MS,
                                           .stall_ms = tg_file_timeout_ms(tg),
                                           .sink = req->sink,
                                           .sink_arg = req->arg });
    f->http->op.done = on_http;
    f->http->op.arg = f;
    buf_release(&target);
}

/* --- from disk ---------------------------------------------------------------- */

static bool next_piece(struct file_op *f)
{
    ssize_t n;

    if (f->piece.len)
        return true;
    buf_reserve(&f->piece, PIECE_BYTES);
    n = read(f->fd, f->piece.data, PIECE_BYTES);
    if (n < 0)
        return err_set(&f->op.err, ERR_SYSTEM, "%s: %s", f->path,
                       strerror(errno));
    f->piece.len = (size_t)n;
    return n > 0;
}

static void on_turn(struct op *op);

static void next_turn(struct file_op *f)
{
    f->turn = timer_start(f->op.loop, 0);
    f->turn->done = on_turn;
    f->turn->arg = f;
}

static void on_turn(struct op *op)
{
    struct file_op *f = op->arg;

    op_free(op);
    f->turn = NULL;
    if (f->op.err.kind || !next_piece(f)) {
        op_complete(&f->op);
        return;
    }
    switch (f->sink(buf_slice(&f->piece), f->arg)) {
    case HTTP_TAKEN:
        buf_reset(&f->piece);
        next_turn(f);
        break;
    case HTTP_WAIT: break;
    case HTTP_STOP:
        err_set(&f->op.err, ERR_CANCELLED, "the file was not taken");
        op_complete(&f->op);
    }
}

static void start_disk(struct file_op *f)
{
    struct stat st;

    f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (f->fd < 0 || fstat(f->fd, &st) < 0)
        err_set(&f->op.err, ERR_SYSTEM, "%s: %s", f->path, strerror(errno));
    else if (!S_ISREG(st.st_mode))
        err_set(&f->op.err, ERR_SYSTEM, "%s: not a file", f->path);
    next_turn(f);
}

/* --- both --------------------------------------------------------------------- */

static void file_op_stop(struct op *op)
{
    (void)op; /* what it is made of goes with it in free */
}

static void file_op_free(struct op *op)
{
    struct file_op *f = (struct file_op *)op;

    if (f->http)
        op_free(&f->http->op);
    op_free(f->turn);
    if (f->fd >= 0)
        close(f->fd);
    buf_release(&f->piece);
    free(f->path);
    free(f);
}

static const struct op_class file_class = { "file", file_op_stop,
                                            file_op_free };

struct op *file_start(struct tg *tg, const struct file_request *req)
{
    struct file_op *f = xalloc(sizeof(*f));

    op_init(&f->op, &file_class, tg_loop(tg));
    buf_init(&f->piece);
    f->fd = -1;
    f->sink = req->sink;
    f->arg = req->arg;
    f->path = xstrdup(req->path);
    if (req->path[0] == '/')
        start_disk(f);
    else
        start_http(f, tg, req);
    return &f->op;
}

void file_resume(struct op *op)
{
    struct file_op *f = (struct file_op *)op;

    if (f->http)
        http_resume(f->http);
    else if (op->state == OP_RUNNING && !f->turn)
        next_turn(f);
}
