/* config_export.c - moonpost config export: rows as JSON lines. */
#include <stdint.h>
#include <stdio.h>

#include "config/rows.h"
#include "config_command.h"
#include "output.h"

/* What a batch should be, so that memory stays flat whatever the rows are. */
#define BATCH_BYTES (1 << 20)
#define BATCH_ROWS 2000

static void add_line(struct buf *out, const struct config_row *row)
{
    buf_addf(out, "{\"chat_id\":%lld,\"version\":%d,\"revision\":%lld,",
             (long long)row->chat_id, row->version, (long long)row->revision);
    buf_adds(out, "\"config\":");
    buf_add_slice(out, row->config.p ? row->config : slice_of("null"));
    buf_adds(out, "}\n");
}

/* How many rows come next, when `rows` took so many bytes. */
static int next_batch(int rows, size_t bytes)
{
    size_t n = (size_t)rows * BATCH_BYTES / (bytes + 1);

    return n < 1 ? 1 : n > BATCH_ROWS ? BATCH_ROWS : (int)n;
}

/* Add a batch that was read; the chat to go on from, or false: that was the last. */
static bool add_batch(const struct pg_op *query, int asked, struct buf *out,
                      int64_t *from)
{
    int rows = pg_rows(query);

    for (int i = 0; i < rows; i++) {
        struct config_row row = config_row_read(query, i);

        add_line(out, &row);
        *from = row.chat_id;
    }
    if (rows < asked || *from == INT64_MAX)
        return false;
    ++*from;
    return true;
}

static bool export_all(struct config_call *c, struct err *err)
{
    struct buf out = BUF_INIT;
    int64_t from = INT64_MIN;
    int n = 100;
    bool ok, more = true;

    do {
        struct pg_op *query = config_rows_start(c->tool.pg, from, n);

        ok = tool_wait(&c->tool, &query->op, err);
        if (ok) {
            more = add_batch(query, n, &out, &from);
            n = next_batch(n, out.len);
            output_add(&out);
            buf_reset(&out);
        }
        op_free(&query->op);
    } while (ok && more && !ferror(stdout));
    buf_release(&out);
    return ok;
}

static bool export_chat(struct config_call *c, int64_t chat, struct err *err)
{
    struct pg_op *query = config_row_start(c->tool.pg, chat);
    struct buf out = BUF_INIT;
    bool ok = tool_wait(&c->tool, &query->op, err);

    if (ok && pg_rows(query)) {
        struct config_row row = config_row_read(query, 0);

        add_line(&out, &row);
        output_add(&out);
    } else if (ok) {
        fprintf(stderr, "moonpost: chat %lld has no row: nothing is set\n",
                (long long)chat);
    }
    buf_release(&out);
    op_free(&query->op);
    return ok;
}

bool config_export(struct config_call *c, struct err *err)
{
    int64_t chat;

    if (c->all)
        return export_all(c, err);
    for (int i = 0; i < c->nargs; i++)
        if (!config_parse_chat(c->args[i], &chat, err) ||
            !export_chat(c, chat, err))
            return false;
    return true;
}
