/* analyze.c - see analyze.h. */
#include "bot/analyze.h"

#include <string.h>

#include "bot/analyze_statements.h"
#include "io/pg.h"

/* It is only a help: whoever has a lock on the table goes first. */
#define LIMITS                                                                 \
    "SET LOCAL lock_timeout = '2s'; SET LOCAL statement_timeout = '60s'; "

bool analyze_remember(struct tool *tool, struct buf *sizes, struct err *err)
{
    struct pg_op *query = pg_query(tool->pg, &analyze_sizes_statement, NULL, 0);
    bool ok = tool_wait(tool, &query->op, err);

    if (ok)
        buf_add_slice(sizes, pg_value(query, 0, 0));
    op_free(&query->op);
    return ok;
}

static void add_failure(struct buf *failed, struct slice table,
                        const struct err *err)
{
    static const char ours[] = "script: "; /* pg.h's name for a script */
    size_t n = sizeof(ours) - 1;

    buf_adds(failed, "  ");
    buf_add_slice(failed, table);
    buf_addf(failed, ": %s\n",
             strncmp(err->text, ours, n) ? err->text : err->text + n);
}

static void analyze(struct tool *tool, struct slice table, struct buf *done,
                    struct buf *failed)
{
    struct buf sql = BUF_INIT;
    struct err err = ERR_INIT;
    struct pg_op *query;

    buf_adds(&sql, LIMITS "ANALYZE ");
    buf_add_slice(&sql, table);
    query = pg_script(tool->pg, buf_slice(&sql));
    buf_release(&sql);
    if (tool_wait(tool, &query->op, &err)) {
        buf_adds(done, done->len ? ", " : "");
        buf_add_slice(done, table);
    } else {
        add_failure(failed, table, &err);
    }
    op_free(&query->op);
}

void analyze_changed(struct tool *tool, const struct buf *sizes,
                     int64_t upgraded, struct buf *done, struct buf *failed)
{
    char number[24];
    struct slice params[] = { buf_slice(sizes),
                              pg_int_param(number, upgraded) };
    struct err err = ERR_INIT;
    struct pg_op *query;

    if (!sizes->len) /* nothing is known of before */
        return;
    query = pg_query(tool->pg, &analyze_changed_statement, params, 2);
    if (!tool_wait(tool, &query->op, &err))
        add_failure(failed, slice_of("which tables"), &err);
    for (int i = 0; i < pg_rows(query); i++)
        analyze(tool, pg_value(query, i, 0), done, failed);
    op_free(&query->op);
}
