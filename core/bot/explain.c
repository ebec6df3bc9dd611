/* explain.c - see explain.h; the SQL is in config/statements_explain.c. */
#include "bot/explain.h"

#include <string.h>

#include "base/json.h"
#include "bot/analyze_statements.h"
#include "bot/asks_statements.h"
#include "bot/bot_statements.h"
#include "bot/broadcast_statements.h"
#include "bot/commands_statements.h"
#include "bot/dead_statements.h"
#include "bot/doctor_statements.h"
#include "bot/jobs_statements.h"
#include "bot/migrate.h"
#include "bot/moves_statements.h"
#include "bot/stores_statements.h"

#define INDEXES_MAX 16

struct explaining {
    struct tool *tool;
    explained_fn fn;
    void *arg;
    bool is_large[INDEXES_MAX], exists[INDEXES_MAX]; /* as config_indexes */
};

/* --- reading a plan -------------------------------------------------------------- */

/* Once for each; the nodes of a plan may name it often. */
static void add_read(struct buf *reads, const char *how, struct slice what)
{
    struct buf text = BUF_INIT;

    buf_adds(&text, how);
    buf_add_slice(&text, what);
    if (!reads->len || !strstr(reads->data, text.data))
        buf_addf(reads, "%s%s", reads->len ? "; " : "", text.data);
    buf_release(&text);
}

/* Does a node of the plan, or below it, read this table from end to end? */
static bool reads_whole(struct slice node, const char *table)
{
    struct slice type = json_raw(json_get(node, "Node Type"));
    struct json_iter it;

    if (slice_eq(type, "Seq Scan") &&
        slice_eq(json_raw(json_get(node, "Relation Name")), table))
        return true;
    json_iter_init(&it, json_get(node, "Plans"));
    while (json_iter_next(&it))
        if (reads_whole(it.value, table))
            return true;
    return false;
}

static void list_reads(struct slice node, struct buf *reads)
{
    struct slice type = json_raw(json_get(node, "Node Type")),
                 index = json_raw(json_get(node, "Index Name")),
                 table = json_raw(json_get(node, "Relation Name"));
    struct json_iter it;

    if (index.p)
        add_read(reads, "", index);
    else if (slice_eq(type, "Seq Scan"))
        add_read(reads, "all of ", table);
    json_iter_init(&it, json_get(node, "Plans"));
    while (json_iter_next(&it))
        list_reads(it.value, reads);
}

static void find_unused(const struct explaining *x, struct slice node,
                        const struct config_explained *e, struct explained *out)
{
    for (size_t i = 0; i < ARRAY_LEN(e->indexes) && e->indexes[i]; i++) {
        const struct config_index *index = e->indexes[i];
        size_t n = (size_t)(index - config_indexes);

        if (!x->is_large[n] || !reads_whole(node, index->table))
            continue;
        out->unused = index;
        out->unused_exists = x->exists[n];
        return;
    }
}

static double get_ms(struct slice plan, const char *key)
{
    double ms = 0;

    return json_to_double(json_get(plan, key), &ms) ? ms : 0;
}

static int64_t get_int(struct slice node, const char *key)
{
    int64_t n = 0;
    double d = 0;

    if (json_to_int(json_get(node, key), &n))
        return n;
    return json_to_double(json_get(node, key), &d) ? (int64_t)d : 0;
}

/* [{"Plan": {…}, "Planning Time": 0.1, …}] */
static void tell(const struct explaining *x, const struct config_explained *e,
                 struct slice plan)
{
    struct explained out = { .name = e->statement->name, .plan = plan };
    struct buf reads = BUF_INIT;
    struct json_iter it;
    struct slice node;

    buf_adds(&reads, "");
    json_iter_init(&it, plan);
    if (json_iter_next(&it)) {
        node = json_get(it.value, "Plan");
        out.ms = get_ms(it.value, "Planning Time") +
                 get_ms(it.value, "Execution Time");
        out.rows = get_int(node, "Actual Rows");
        out.buffers = get_int(node, "Shared Hit Blocks") +
                      get_int(node, "Shared Read Blocks");
        list_reads(node, &reads);
        find_unused(x, node, e, &out);
    }
    out.reads = reads.data;
    x->fn(&out, x->arg);
    buf_release(&reads);
}

/* What went wrong, without pg.h's words for where in a script. */
static const char *reason(const struct err *err)
{
    static const char ours[] = "script: line 1: ";
    size_t n = sizeof(ours) - 1;

    return strncmp(err->text, ours, n) == 0 ? err->text + n : err->text;
}

/* --- asking ------------------------------------------------------------------------ */

static bool run(struct explaining *x, struct buf *script, struct pg_op **query,
                struct err *err)
{
    *query = pg_script(x->tool->pg, buf_slice(script));
    buf_release(script);
    return tool_wait(x->tool, &(*query)->op, err);
}

static bool explain_one(struct explaining *x, const struct config_explained *e,
                        struct err *err)
{
    struct buf script = BUF_INIT;
    struct err why = ERR_INIT;
    struct pg_op *query;
    bool ok;

    if (!e->arguments) {
        x->fn(&(struct explained){ .name = e->statement->name, .reads = "" },
              x->arg);
        return true;
    }
    config_explain_script(e, &script);
    ok = run(x, &script, &query, &why);
    if (!ok)
        err_set(err, why.kind, "%s: %s", e->statement->name, reason(&why));
    else if (json_check(pg_value(query, 0, 0), JSON_DEPTH_MAX, err))
        tell(x, e, pg_value(query, 0, 0));
    else
        ok = false;
    op_free(&query->op);
    return ok;
}

static bool look_at_indexes(struct explaining *x, struct err *err)
{
    struct buf script = BUF_INIT;
    struct err why = ERR_INIT;
    struct pg_op *query;
    bool ok, no_table;

    config_explain_indexes_script(&script);
    ok = run(x, &script, &query, &why);
    for (int i = 0; ok && i < pg_rows(query) && i < INDEXES_MAX; i++) {
        x->is_large[i] = slice_eq(pg_value(query, i, 1), "t");
        x->exists[i] = slice_eq(pg_value(query, i, 2), "t");
    }
    no_table = strcmp(query->sqlstate, "42P01") == 0;
    op_free(&query->op);
    return ok ||
           err_set(err, why.kind, "%s%s", reason(&why),
                   no_table ? "; `moonpost migrate` makes the tables" : "");
}

bool explain_all(struct tool *tool, explained_fn fn, void *arg, struct err *err)
{
    static const struct config_explained own = {
        &migrate_seen_statement,
        "'moonpost', '0001_chat_configs.sql', 'SELECT 1'",
        { NULL },
    };
    static const struct config_explained *const lists[] = {
        analyze_explained, asks_explained,      config_explained,
        bot_explained,     broadcast_explained, commands_explained,
        dead_explained,    doctor_explained,    jobs_explained,
        moves_explained,   stores_explained,
    };
    struct explaining x = { .tool = tool, .fn = fn, .arg = arg };

    if (!look_at_indexes(&x, err))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (const struct config_explained *e = lists[i]; e->statement; e++)
            if (!explain_one(&x, e, err))
                return false;
    return explain_one(&x, &own, err);
}
