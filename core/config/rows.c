/* rows.c - see rows.h. */
#include "config/rows.h"

#include <stdlib.h>

#include "config/admin_int.h"
#include "config/store_int.h"

/* --- reading ---------------------------------------------------------------------- */

struct pg_op *config_ready_start(struct pg *pg)
{
    return pg_query(pg, &config_ready_statement, NULL, 0);
}

struct pg_op *config_row_start(struct pg *pg, int64_t chat_id)
{
    char chat[24];
    struct slice param = pg_int_param(chat, chat_id);

    return pg_query(pg, &config_row_statement, &param, 1);
}

struct pg_op *config_rows_start(struct pg *pg, int64_t from, int n)
{
    char chat[24], count[24];
    struct slice params[2] = { pg_int_param(chat, from),
                               pg_int_param(count, n) };

    return pg_query(pg, &config_rows_statement, params, 2);
}

struct config_row config_row_read(const struct pg_op *op, int i)
{
    struct config_row row = {
        .chat_id = pg_int(op, i, 0),
        .version = (int)pg_int(op, i, 2),
        .revision = pg_int(op, i, 3),
        .changed_at = pg_value(op, i, 4),
        .changed_by = pg_value(op, i, 5),
    };

    if (!pg_is_null(op, i, 1))
        row.config = pg_value(op, i, 1);
    return row;
}

/* --- documents --------------------------------------------------------------------- */

bool config_make_current(const struct config_store *store, int64_t chat_id,
                         struct slice text, int *version, struct buf *out,
                         struct err *err)
{
    struct err why = ERR_INIT;

    if (!text.p)
        text = slice_of("{}");
    if (!config_check_stored(store, chat_id, text, err))
        return false;
    if (*version >= store->rules.version) {
        buf_add_slice(out, text);
        return true;
    }
    if (!config_upgrade_text(store, chat_id, text, *version, out, &why))
        return err_set(err, ERR_SCRIPT,
                       "can't be upgraded from version %d to %d: %s", *version,
                       store->rules.version, why.text);
    *version = store->rules.version;
    return true;
}

/* --- importing --------------------------------------------------------------------- */

void config_import_add(struct buf *out, int64_t chat_id, struct slice config,
                       int version, struct slice was, int was_version)
{
    buf_addf(out,
             "{\"chat_id\":%lld,\"version\":%d,\"config\":", (long long)chat_id,
             version);
    buf_add_slice(out, config);
    if (was.p) {
        buf_addf(out, ",\"was_version\":%d,\"was\":", was_version);
        buf_add_slice(out, was);
    }
    buf_addc(out, '}');
}

struct pg_op *config_import_start(struct config_store *store,
                                  struct slice batch, const char *who)
{
    char history[24];
    struct slice params[3] = { batch, slice_of(who),
                               pg_int_param(history, store->history) };

    return pg_query(store->pg, &config_import_statement, params, 3);
}

struct pg_op *config_import_count_start(struct config_store *store,
                                        struct slice batch)
{
    return pg_query(store->pg, &config_import_count_statement, &batch, 1);
}

int64_t config_import_changed(const struct pg_op *op)
{
    return pg_rows(op) ? pg_int(op, 0, 0) : pg_affected(op);
}

/* --- statistics -------------------------------------------------------------------- */

void config_statistics_start(struct pg *pg,
                             struct pg_op *ops[CONFIG_STATISTICS_OPS])
{
    static const struct pg_statement *const statements[] = {
        &config_versions_statement,
        &config_sizes_statement,
        &config_largest_statement,
        &config_tables_statement,
    };

    for (size_t i = 0; i < CONFIG_STATISTICS_OPS; i++)
        ops[i] = pg_query(pg, statements[i], NULL, 0);
}

void config_statistics_read(struct pg_op *const ops[CONFIG_STATISTICS_OPS],
                            struct config_statistics *out)
{
    const struct pg_op *versions = ops[0], *sizes = ops[1], *largest = ops[2],
                       *tables = ops[3];

    *out = (struct config_statistics){
        .rows = pg_int(sizes, 0, 0),
        .bytes = pg_int(sizes, 0, 1),
        .empty = pg_int(sizes, 0, 2),
        .unreadable = pg_int(sizes, 0, 3),
        .failures = pg_int(tables, 0, 0),
        .history = pg_int(tables, 0, 1),
        .history_is_estimate = slice_eq(pg_value(tables, 0, 2), "t"),
        .table_bytes = pg_int(tables, 0, 3),
        .history_bytes = pg_int(tables, 0, 4),
        .nversions = (size_t)pg_rows(versions),
        .nlargest = (size_t)pg_rows(largest),
    };
    out->versions = xalloc((out->nversions + 1) * sizeof(*out->versions));
    for (size_t i = 0; i < out->nversions; i++) {
        out->versions[i].version = (int)pg_int(versions, (int)i, 0);
        out->versions[i].rows = pg_int(versions, (int)i, 1);
    }
    for (size_t i = 0; i < out->nlargest; i++) {
        out->largest[i].chat_id = pg_int(largest, (int)i, 0);
        out->largest[i].bytes = pg_int(largest, (int)i, 1);
    }
}

void config_statistics_release(struct config_statistics *s)
{
    free(s->versions);
    *s = (struct config_statistics){ 0 };
}
