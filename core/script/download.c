/*
 * download.c - see download.h.
 *
 * Stack of a call: file_id, where to (name, function or nil), the download. The
 * last is closed with the call, however that ends. What comes goes into its sink
 * (sink.h).
 */
#include "script/download.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "io/loop.h"
#include "script/call.h"
#include "script/json_lua.h"
#include "script/raise.h"
#include "script/sink.h"
#include "script/task.h"
#include "telegram/file.h"

#define DOWNLOAD_MT "moonpost.download"
#define STRING_BYTES ((size_t)4 << 20) /* without a sink */
#define MAX_MB 20                      /* the public server gives no more */
#define LOCAL_MAX_MB 2000
#define TRIES 3
#define PAUSE_MS 500 /* before the second try; doubled after that */

enum { ARG_ID = 1, ARG_TO, DOWNLOAD };

struct download {
    struct sink sink;
    struct op *transfer; /* runs, or NULL */
    struct op *pause;    /* before another try, or NULL */
    char *path;          /* getFile's file_path */
    int tries;
    bool given; /* a piece, to the function */
};

/* --- the transfer ----------------------------------------------------------------- */

static int64_t max_mb(const struct download *d)
{
    const struct file_rules *rules = &d->sink.services->files;

    if (rules->download_max_mb)
        return rules->download_max_mb;
    return rules->local ? LOCAL_MAX_MB : MAX_MB;
}

static bool check_size(struct download *d, int64_t size)
{
    if (size > max_mb(d) << 20)
        return err_set(&d->sink.err, ERR_USAGE,
                       "the file is larger than DOWNLOAD_MAX_MB=%lld",
                       (long long)max_mb(d));
    if (d->sink.kind == SINK_STRING && size > (int64_t)STRING_BYTES)
        return err_set(&d->sink.err, ERR_USAGE,
                       "the file is larger than %d MiB: give the name of a "
                       "file or a function as the second argument",
                       (int)(STRING_BYTES >> 20));
    return true;
}

static enum http_sink_result on_piece(struct slice piece, void *arg)
{
    struct download *d = arg;

    if (!check_size(d, d->sink.got + (int64_t)piece.n))
        return HTTP_STOP;
    return sink_take(&d->sink, piece);
}

static void on_transferred(struct op *op);

static void start_transfer(struct download *d)
{
    d->tries++;
    d->transfer = file_start(d->sink.services->tg,
                             &(struct file_request){
                                 .path = d->path, .sink = on_piece, .arg = d });
    d->transfer->done = on_transferred;
    d->transfer->arg = d;
}

static void on_pause_over(struct op *op)
{
    struct download *d = op->arg;

    op_free(op);
    d->pause = NULL;
    start_transfer(d);
}

static bool can_try_again(struct download *d, const struct err *err)
{
    if (d->sink.err.kind || d->tries == TRIES || d->given || d->sink.full ||
        (err->kind != ERR_NETWORK && err->kind != ERR_TIMEOUT))
        return false;
    buf_reset(&d->sink.bytes);
    d->sink.got = 0;
    return d->sink.kind != SINK_FILE ||
           data_file_rewind(&d->sink.file, &d->sink.err);
}

static void on_transferred(struct op *op)
{
    struct download *d = op->arg;

    d->transfer = NULL;
    if (op->err.kind && can_try_again(d, &op->err)) {
        d->pause =
            timer_start(d->sink.services->loop, PAUSE_MS << (d->tries - 1));
        d->pause->done = on_pause_over;
        d->pause->arg = d;
    } else {
        if (op->err.kind)
            err_set(&d->sink.err, op->err.kind, "%s", op->err.text);
        sink_end(&d->sink);
    }
    op_free(op);
}

/* A file on this computer. */
static bool begin_local(struct download *d)
{
    struct stat st;

    if (!d->sink.services->files.local)
        return err_set(&d->sink.err, ERR_USAGE,
                       "the Bot API server gave a path on its own disk: it "
                       "runs with --local, so TELEGRAM_API_LOCAL=on must say "
                       "that it runs here");
    if (stat(d->path, &st) == 0 && S_ISREG(st.st_mode)) {
        if (!check_size(d, st.st_size))
            return false;
        if (d->sink.kind == SINK_FILE &&
            data_file_link(&d->sink.file, d->path)) {
            d->sink.got = st.st_size;
            sink_end(&d->sink);
        }
    }
    return true;
}

static void begin(struct download *d)
{
    if (d->path[0] == '/' && !begin_local(d))
        sink_end(&d->sink);
    else if (!d->sink.ended)
        start_transfer(d);
}

/* --- the download's object ------------------------------------------------------------- */

static int download_release(lua_State *L)
{
    struct download *d = lua_touserdata(L, 1);

    op_free(d->transfer);
    op_free(d->pause);
    d->transfer = d->pause = NULL;
    sink_release(&d->sink);
    free(d->path);
    d->path = NULL;
    return 0;
}

static struct download *push_download(lua_State *L)
{
    struct download *d = lua_newuserdatauv(L, sizeof(*d), 0);

    *d = (struct download){ 0 };
    sink_init(&d->sink, vm_of(L)->services);
    luaL_setmetatable(L, DOWNLOAD_MT);
    lua_toclose(L, -1);
    return d;
}

void download_open(lua_State *L)
{
    luaL_newmetatable(L, DOWNLOAD_MT);
    lua_pushcfunction(L, download_release);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, download_release);
    lua_setfield(L, -2, "__close");
    lua_pop(L, 1);
}

/* --- what scripts call ------------------------------------------------------------------ */

static int on_woken(lua_State *L, int status, lua_KContext k);

/* Stack: as everywhere; the result is pushed. */
static int finish(lua_State *L, struct download *d)
{
    switch (d->sink.kind) {
    case SINK_FILE:
        if (!data_file_finish(&d->sink.file, &d->sink.err))
            return raise_err(L, &d->sink.err);
        lua_pushfstring(L, "data/%s", lua_tostring(L, ARG_TO));
        break;
    case SINK_FUNCTION: lua_pushinteger(L, d->sink.got); break;
    case SINK_STRING:
        lua_pushlstring(L, d->sink.bytes.data, d->sink.bytes.len);
        break;
    }
    return 1;
}

/* The function has its piece. */
static int on_given(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    lua_settop(L, DOWNLOAD);
    return sink_wait(L, &((struct download *)lua_touserdata(L, DOWNLOAD))->sink,
                     on_woken);
}

static int give(lua_State *L, struct download *d)
{
    lua_pushvalue(L, ARG_TO);
    sink_push(L, &d->sink);
    d->given = true;
    if (d->sink.full && d->transfer) { /* the next one comes meanwhile */
        d->sink.full = false;
        file_resume(d->transfer);
    }
    lua_callk(L, 1, 0, 0, on_given);
    return on_given(L, LUA_OK, 0);
}

static int on_woken(lua_State *L, int status, lua_KContext k)
{
    struct download *d = lua_touserdata(L, DOWNLOAD);

    (void)status;
    (void)k;
    sink_woken(&d->sink);
    if (d->sink.err.kind)
        return raise_err(L, &d->sink.err);
    if (d->sink.kind == SINK_FUNCTION && d->sink.bytes.len)
        return give(L, d);
    if (d->sink.ended)
        return finish(L, d);
    return sink_wait(L, &d->sink, on_woken);
}

static void read_file(struct download *d, struct slice file)
{
    struct slice path = json_get(file, "file_path");
    struct buf text = BUF_INIT;
    int64_t size;

    if (!path.p || !json_to_text(path, &text) || !text.len ||
        strlen(text.data) != text.len)
        err_set(&d->sink.err, ERR_TELEGRAM,
                "getFile: the answer has no file_path");
    else if (!json_to_int(json_get(file, "file_size"), &size) ||
             check_size(d, size))
        d->path = buf_detach(&text);
    buf_release(&text);
}

static int got_file(lua_State *L, int status, lua_KContext k)
{
    struct download *d = lua_touserdata(L, DOWNLOAD);
    const struct tg_op *op = (struct tg_op *)task_finished(L);

    (void)status;
    (void)k;
    lua_settop(L, DOWNLOAD);
    if (op->op.err.kind)
        return raise_tg(L, op, "getFile");
    read_file(d, op->result);
    if (d->sink.err.kind ||
        (d->sink.kind == SINK_FILE && !sink_begin_file(&d->sink)))
        return raise_err(L, &d->sink.err);
    begin(d);
    return sink_wait(L, &d->sink, on_woken);
}

/* Stack top: the parameters' owner. */
static int ask_for_file(lua_State *L, int status, lua_KContext k)
{
    struct buf *body = lua_touserdata(L, -1);

    (void)status;
    (void)k;
    return task_wait(L,
                     &call_start(L, &(struct tg_call){ .method = "getFile",
                                                       .body = body })
                          ->op,
                     got_file);
}

static enum sink_kind check_sink(lua_State *L)
{
    struct err err = ERR_INIT;

    if (lua_isfunction(L, ARG_TO))
        return SINK_FUNCTION;
    if (lua_isnoneornil(L, ARG_TO))
        return SINK_STRING;
    if (!data_name_check(luaL_checkstring(L, ARG_TO), &err))
        luaL_error(L, "download: %s", err.text);
    return SINK_FILE;
}

int download(lua_State *L)
{
    struct slice id;
    struct buf *body;
    enum sink_kind kind;
    struct download *d;

    task_current(L);
    id.p = luaL_checklstring(L, ARG_ID, &id.n);
    kind = check_sink(L);
    lua_settop(L, ARG_TO);
    d = push_download(L);
    d->sink.kind = kind;
    d->sink.name = kind == SINK_FILE ? lua_tostring(L, ARG_TO) : NULL;
    body = json_push_buf(L);
    buf_adds(body, "{\"file_id\":");
    json_add_text(body, id);
    buf_addc(body, '}');
    return task_commit(L, ask_for_file);
}
