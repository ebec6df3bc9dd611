/*
 * download.c - see download.h.
 *
 * Stack of a call: file_id, where to (name, function or nil), the download. The
 * last is closed with the call, however that ends. What comes is not told to
 * the task piece by piece: it waits on a `struct wake`, made anew for each wait.
 */
#include "script/download.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "io/loop.h"
#include "script/call.h"
#include "script/data_file.h"
#include "script/json_lua.h"
#include "script/raise.h"
#include "script/task.h"
#include "telegram/file.h"

#define DOWNLOAD_MT "moonpost.download"
#define CHUNK_BYTES ((size_t)64 << 10) /* what a function gets at once */
#define STRING_BYTES ((size_t)4 << 20) /* without a sink */
#define MAX_MB 20                      /* the public server gives no more */
#define LOCAL_MAX_MB 2000
#define TRIES 3
#define PAUSE_MS 500 /* before the second try; doubled after that */

enum { ARG_ID = 1, ARG_TO, DOWNLOAD };
enum kind { TO_FILE, TO_FUNCTION, TO_STRING };

struct download {
    const struct services *services;
    enum kind kind;
    struct op *transfer; /* runs, or NULL */
    struct op *pause;    /* before another try, or NULL */
    struct wake *wake;   /* the task waits, or NULL */
    struct data_file file;
    struct buf bytes; /* for the function or the string */
    char *path;       /* getFile's file_path */
    int64_t got;
    int tries;
    bool full;  /* bytes is; the transfer waits */
    bool given; /* a piece, to the function */
    bool ended;
    struct err err;
};

/* --- waiting -------------------------------------------------------------------- */

struct wake {
    struct op op;
    struct download *d; /* NULL: it is gone */
};

static void wake_stop(struct op *op)
{
    (void)op;
}

static void wake_free(struct op *op)
{
    struct wake *wake = (struct wake *)op;

    if (wake->d)
        wake->d->wake = NULL;
    free(wake);
}

static const struct op_class wake_class = { "download", wake_stop, wake_free };

static void wake_task(struct download *d)
{
    if (d->wake && d->wake->op.state == OP_RUNNING)
        op_complete(&d->wake->op);
}

/* The two don't know each other any more. */
static void forget_wake(struct download *d)
{
    if (d->wake)
        d->wake->d = NULL;
    d->wake = NULL;
}

static struct op *wake_start(struct download *d)
{
    struct wake *wake = xalloc(sizeof(*wake));

    op_init(&wake->op, &wake_class, d->services->loop);
    wake->d = d;
    d->wake = wake;
    if (d->ended || d->full)
        wake_task(d);
    return &wake->op;
}

/* --- the transfer ----------------------------------------------------------------- */

static int64_t max_mb(const struct download *d)
{
    const struct file_rules *rules = &d->services->files;

    if (rules->download_max_mb)
        return rules->download_max_mb;
    return rules->local ? LOCAL_MAX_MB : MAX_MB;
}

static bool check_size(struct download *d, int64_t size)
{
    if (size > max_mb(d) << 20)
        return err_set(&d->err, ERR_USAGE,
                       "the file is larger than DOWNLOAD_MAX_MB=%lld",
                       (long long)max_mb(d));
    if (d->kind == TO_STRING && size > (int64_t)STRING_BYTES)
        return err_set(&d->err, ERR_USAGE,
                       "the file is larger than %d MiB: give the name of a "
                       "file or a function as the second argument",
                       (int)(STRING_BYTES >> 20));
    return true;
}

static enum http_sink_result on_piece(struct slice piece, void *arg)
{
    struct download *d = arg;

    if (!check_size(d, d->got + (int64_t)piece.n))
        return HTTP_STOP;
    if (d->kind == TO_FILE) {
        if (!data_file_write(&d->file, piece, &d->err))
            return HTTP_STOP;
    } else if (d->kind == TO_FUNCTION && d->bytes.len &&
               d->bytes.len + piece.n > CHUNK_BYTES) {
        d->full = true;
        wake_task(d);
        return HTTP_WAIT;
    } else {
        buf_add_slice(&d->bytes, piece);
    }
    d->got += (int64_t)piece.n;
    return HTTP_TAKEN;
}

static void end(struct download *d)
{
    d->ended = true;
    wake_task(d);
}

static void on_transferred(struct op *op);

static void start_transfer(struct download *d)
{
    d->tries++;
    d->transfer = file_start(d->services->tg,
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
    if (d->err.kind || d->tries == TRIES || d->given || d->full ||
        (err->kind != ERR_NETWORK && err->kind != ERR_TIMEOUT))
        return false;
    buf_reset(&d->bytes);
    d->got = 0;
    return d->kind != TO_FILE || data_file_rewind(&d->file, &d->err);
}

static void on_transferred(struct op *op)
{
    struct download *d = op->arg;

    d->transfer = NULL;
    if (op->err.kind && can_try_again(d, &op->err)) {
        d->pause = timer_start(d->services->loop, PAUSE_MS << (d->tries - 1));
        d->pause->done = on_pause_over;
        d->pause->arg = d;
    } else {
        if (op->err.kind)
            err_set(&d->err, op->err.kind, "%s", op->err.text);
        end(d);
    }
    op_free(op);
}

/* A file on this computer. */
static bool begin_local(struct download *d)
{
    struct stat st;

    if (!d->services->files.local)
        return err_set(&d->err, ERR_USAGE,
                       "the Bot API server gave a path on its own disk: it "
                       "runs with --local, so TELEGRAM_API_LOCAL=on must say "
                       "that it runs here");
    if (stat(d->path, &st) == 0 && S_ISREG(st.st_mode)) {
        if (!check_size(d, st.st_size))
            return false;
        if (d->kind == TO_FILE && data_file_link(&d->file, d->path)) {
            d->got = st.st_size;
            end(d);
        }
    }
    return true;
}

static void begin(struct download *d)
{
    if (d->path[0] == '/' && !begin_local(d))
        end(d);
    else if (!d->ended)
        start_transfer(d);
}

/* --- the download's object ------------------------------------------------------------- */

static int download_release(lua_State *L)
{
    struct download *d = lua_touserdata(L, 1);

    op_free(d->transfer);
    op_free(d->pause);
    d->transfer = d->pause = NULL;
    forget_wake(d);
    data_file_abort(&d->file);
    buf_release(&d->bytes);
    free(d->path);
    d->path = NULL;
    return 0;
}

static struct download *push_download(lua_State *L)
{
    struct download *d = lua_newuserdatauv(L, sizeof(*d), 0);

    *d = (struct download){ .services = vm_of(L)->services,
                            .file = DATA_FILE_INIT,
                            .bytes = BUF_INIT };
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

static int wait_more(lua_State *L, struct download *d)
{
    task_stop_clock(task_current(L));
    return task_wait(L, wake_start(d), on_woken);
}

/* --- into a file */

static bool begin_file(struct download *d, const char *name)
{
    struct buf folder = BUF_INIT;
    bool ok;

    data_folder_add(&d->services->files, d->services->dir, &folder);
    ok = data_file_begin(&d->file, folder.data, name, &d->err);
    buf_release(&folder);
    return ok;
}

/* Stack: as everywhere; the result is pushed. */
static int finish(lua_State *L, struct download *d)
{
    switch (d->kind) {
    case TO_FILE:
        if (!data_file_finish(&d->file, &d->err))
            return raise_err(L, &d->err);
        lua_pushfstring(L, "data/%s", lua_tostring(L, ARG_TO));
        break;
    case TO_FUNCTION: lua_pushinteger(L, d->got); break;
    case TO_STRING: lua_pushlstring(L, d->bytes.data, d->bytes.len); break;
    }
    return 1;
}

/* The function has its piece. */
static int on_given(lua_State *L, int status, lua_KContext k)
{
    (void)status;
    (void)k;
    lua_settop(L, DOWNLOAD);
    return wait_more(L, lua_touserdata(L, DOWNLOAD));
}

static int give(lua_State *L, struct download *d)
{
    lua_pushvalue(L, ARG_TO);
    lua_pushlstring(L, d->bytes.data, d->bytes.len);
    buf_reset(&d->bytes);
    d->given = true;
    if (d->full && d->transfer) { /* the next one comes meanwhile */
        d->full = false;
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
    forget_wake(d);
    if (d->err.kind)
        return raise_err(L, &d->err);
    if (d->kind == TO_FUNCTION && d->bytes.len)
        return give(L, d);
    if (d->ended)
        return finish(L, d);
    return wait_more(L, d);
}

static void read_file(struct download *d, struct slice file)
{
    struct slice path = json_get(file, "file_path");
    struct buf text = BUF_INIT;
    int64_t size;

    if (!path.p || !json_to_text(path, &text) || !text.len ||
        strlen(text.data) != text.len)
        err_set(&d->err, ERR_TELEGRAM, "getFile: the answer has no file_path");
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
    if (d->err.kind ||
        (d->kind == TO_FILE && !begin_file(d, lua_tostring(L, ARG_TO))))
        return raise_err(L, &d->err);
    begin(d);
    return wait_more(L, d);
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

static enum kind check_sink(lua_State *L)
{
    struct err err = ERR_INIT;

    if (lua_isfunction(L, ARG_TO))
        return TO_FUNCTION;
    if (lua_isnoneornil(L, ARG_TO))
        return TO_STRING;
    if (!data_name_check(luaL_checkstring(L, ARG_TO), &err))
        luaL_error(L, "download: %s", err.text);
    return TO_FILE;
}

int download(lua_State *L)
{
    struct slice id;
    struct buf *body;
    enum kind kind;

    task_current(L);
    id.p = luaL_checklstring(L, ARG_ID, &id.n);
    kind = check_sink(L);
    lua_settop(L, ARG_TO);
    push_download(L)->kind = kind;
    body = json_push_buf(L);
    buf_adds(body, "{\"file_id\":");
    json_add_text(body, id);
    buf_addc(body, '}');
    return task_commit(L, ask_for_file);
}
