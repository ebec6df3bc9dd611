/* sink.c - see sink.h. */
#include "script/sink.h"

#include <stdlib.h>

#include "script/task.h"

#define CHUNK_BYTES ((size_t)64 << 10) /* what a function gets at once */

struct sink_wait {
    struct op op;
    struct sink *sink; /* NULL: it is gone */
};

static void wait_stop(struct op *op)
{
    (void)op;
}

static void wait_free(struct op *op)
{
    struct sink_wait *w = (struct sink_wait *)op;

    if (w->sink)
        w->sink->wait = NULL;
    free(w);
}

static const struct op_class wait_class = { "sink", wait_stop, wait_free };

static void wake(struct sink *s)
{
    if (s->wait && s->wait->op.state == OP_RUNNING)
        op_complete(&s->wait->op);
}

void sink_woken(struct sink *s)
{
    if (s->wait)
        s->wait->sink = NULL;
    s->wait = NULL;
}

int sink_wait(lua_State *L, struct sink *s, lua_KFunction k)
{
    struct sink_wait *w = xalloc(sizeof(*w));

    op_init(&w->op, &wait_class, s->services->loop);
    w->sink = s;
    s->wait = w;
    if (s->ended || s->full)
        wake(s);
    task_stop_clock(task_current(L));
    return task_wait(L, &w->op, k);
}

void sink_init(struct sink *s, const struct services *services)
{
    *s = (struct sink){ .services = services,
                        .file = DATA_FILE_INIT,
                        .bytes = BUF_INIT };
}

void sink_release(struct sink *s)
{
    sink_woken(s);
    data_file_abort(&s->file);
    buf_release(&s->bytes);
}

bool sink_begin_file(struct sink *s)
{
    struct buf folder = BUF_INIT;
    bool ok;

    if (s->file.path)
        return true;
    data_folder_add(&s->services->files, s->services->dir, &folder);
    ok = data_file_begin(&s->file, folder.data, s->name, &s->err);
    buf_release(&folder);
    return ok;
}

enum http_sink_result sink_take(struct sink *s, struct slice piece)
{
    if (s->kind == SINK_FILE) {
        if (!sink_begin_file(s) || !data_file_write(&s->file, piece, &s->err))
            return HTTP_STOP;
    } else if (s->kind == SINK_FUNCTION && s->bytes.len &&
               s->bytes.len + piece.n > CHUNK_BYTES) {
        s->full = true;
        wake(s);
        return HTTP_WAIT;
    } else {
        buf_add_slice(&s->bytes, piece);
    }
    s->got += (int64_t)piece.n;
    return HTTP_TAKEN;
}

void sink_end(struct sink *s)
{
    s->ended = true;
    wake(s);
}

void sink_push(lua_State *L, struct sink *s)
{
    lua_pushlstring(L, s->bytes.data, s->bytes.len);
    buf_reset(&s->bytes);
}
