/* recorder_rows.c - see recorder_rows.h. */
#include "bot/recorder_rows.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/json.h"
#include "base/log.h"
#include "bot/jobs_statements.h"
#include "bot/stores_statements.h"

#define TOUCHED_MAX 100000 /* what is more is not read */

/* A store, or counters of one name, of a chat. */
struct touched {
    struct recorder_rows *rows;
    char *what;         /* "5" or "5 name" */
    struct buf line;    /* as far as it is known: up to the list */
    struct pg_op *read; /* NULL: it is over */
    UT_hash_handle hh;
};

struct recorder_rows {
    struct recorder *recorder;
    struct pg *pg;
    int64_t bot_id;
    struct touched *touched;
};

static void on_read(struct op *op)
{
    struct touched *t = op->arg;

    if (op->err.kind) {
        log_warn("record", "%s of the database is not recorded: %s", t->what,
                 op->err.text);
    } else {
        buf_add_slice(&t->line, pg_value(t->read, 0, 0));
        buf_addc(&t->line, '}');
        recorder_write(t->rows->recorder, buf_slice(&t->line));
    }
    buf_release(&t->line);
    op_free(op);
    t->read = NULL;
}

/* NULL: it was touched before, or too many were. Takes what. */
static struct touched *touch(struct recorder_rows *rows, char *what)
{
    struct touched *t;

    HASH_FIND_STR(rows->touched, what, t);
    if (t || HASH_COUNT(rows->touched) >= TOUCHED_MAX) {
        free(what);
        return NULL;
    }
    t = xalloc(sizeof(*t));
    t->rows = rows;
    t->what = what;
    buf_init(&t->line);
    HASH_ADD_KEYPTR(hh, rows->touched, t->what, strlen(t->what), t);
    return t;
}

static void begin(struct touched *t, struct pg_op *read)
{
    t->read = read;
    read->op.done = on_read;
    read->op.arg = t;
}

void recorder_rows_store(int64_t chat, void *arg)
{
    struct recorder_rows *rows = arg;
    struct buf what = BUF_INIT;
    struct touched *t;
    char id[24];
    struct slice param = pg_int_param(id, chat);

    buf_addf(&what, "%lld", (long long)chat);
    if (!(t = touch(rows, buf_detach(&what))))
        return;
    buf_addf(&t->line,
             "{\"rows\":\"store\",\"chat\":%lld,\"list\":", (long long)chat);
    begin(t, pg_query(rows->pg, &store_record_statement, &param, 1));
}

void recorder_rows_counters(struct recorder_rows *rows, const char *name,
                            int64_t chat)
{
    struct buf what = BUF_INIT;
    struct touched *t;
    char bot[24], id[24];

    buf_addf(&what, "%lld %s", (long long)chat, name);
    if (!(t = touch(rows, buf_detach(&what))))
        return;
    buf_adds(&t->line, "{\"rows\":\"counters\",\"name\":");
    json_add_text(&t->line, slice_of(name));
    buf_addf(&t->line, ",\"chat\":%lld,\"list\":", (long long)chat);
    begin(t,
          pg_query(rows->pg, &counters_record_statement,
                   (struct slice[]){ pg_int_param(bot, rows->bot_id),
                                     slice_of(name), pg_int_param(id, chat) },
                   3));
}

struct recorder_rows *recorder_rows_new(struct recorder *recorder,
                                        struct pg *pg, int64_t bot_id)
{
    struct recorder_rows *rows = xalloc(sizeof(*rows));

    *rows = (struct recorder_rows){ .recorder = recorder,
                                    .pg = pg,
                                    .bot_id = bot_id };
    return rows;
}

void recorder_rows_free(struct recorder_rows *rows)
{
    struct touched *t, *next;

    if (!rows)
        return;
    HASH_ITER (hh, rows->touched, t, next) {
        HASH_DEL(rows->touched, t);
        if (t->read)
            op_free(&t->read->op);
        buf_release(&t->line);
        free(t->what);
        free(t);
    }
    free(rows);
}
