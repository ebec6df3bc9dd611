/* config_stats.c - moonpost config stats: how many, how large, how old. */
#include <stdio.h>

#include "config/rows.h"
#include "config_command.h"
#include "output.h"
#include "progress.h"

static void add_line(struct buf *out, const char *name, int64_t n)
{
    buf_addf(out, "%-22s", name);
    show_number(out, n);
}

static void add_bytes(struct buf *out, int64_t n)
{
    static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB" };
    double d = (double)n;
    size_t u = 0;

    while (d >= 10000 && u + 1 < ARRAY_LEN(units)) {
        d /= 1024;
        u++;
    }
    buf_addf(out, "%.0f %s", d, units[u]);
}

static void show_versions(const struct config_statistics *s, int current,
                          struct buf *out)
{
    char name[40];

    for (size_t i = 0; i < s->nversions; i++) {
        const struct config_version_count *v = &s->versions[i];

        snprintf(name, sizeof(name), "  of version %d", v->version);
        add_line(out, name, v->rows);
        if (v->version < current)
            buf_adds(out, "   older than this folder's; `moonpost migrate` "
                          "upgrades them");
        else if (v->version > current)
            buf_adds(out, "   newer than this folder's; used as they are");
        buf_addc(out, '\n');
    }
}

static void show_sizes(const struct config_statistics *s, struct buf *out)
{
    buf_addf(out, "%-22s", "settings stored");
    add_bytes(out, s->bytes);
    if (s->rows)
        buf_addf(out, ", %lld bytes a chat on average",
                 (long long)(s->bytes / s->rows));
    for (size_t i = 0; i < s->nlargest; i++) {
        buf_addf(out, "\n%-22s", i ? "" : "the largest");
        show_number(out, s->largest[i].bytes);
        buf_addf(out, " bytes, chat %lld", (long long)s->largest[i].chat_id);
    }
    buf_addf(out, "\n%-22s", "tables on disk");
    add_bytes(out, s->table_bytes);
    buf_adds(out, ", their history ");
    add_bytes(out, s->history_bytes);
    buf_addc(out, '\n');
}

static void show(const struct config_statistics *s, int current,
                 struct buf *out)
{
    add_line(out, "chats with a row", s->rows);
    buf_addc(out, '\n');
    show_versions(s, current, out);
    if (s->empty) {
        add_line(out, "  with nothing set", s->empty);
        buf_addc(out, '\n');
    }
    if (s->unreadable) {
        add_line(out, "  that can't be read", s->unreadable);
        buf_adds(out, "   not a JSON object; `moonpost config undo CHAT` "
                      "brings back what was there\n");
    }
    if (s->failures) {
        add_line(out, "failed to upgrade", s->failures);
        buf_adds(out, "   see the table config_failures\n");
    }
    buf_addf(out, "%-22s%s", "revisions in history",
             s->history_is_estimate ? "about " : "");
    show_number(out, s->history);
    buf_addc(out, '\n');
    if (s->rows)
        show_sizes(s, out);
}

static void show_json(const struct config_statistics *s, int current,
                      struct buf *out)
{
    buf_addf(out, "{\"rows\":%lld,\"version\":%d,\"versions\":{",
             (long long)s->rows, current);
    for (size_t i = 0; i < s->nversions; i++)
        buf_addf(out, "%s\"%d\":%lld", i ? "," : "", s->versions[i].version,
                 (long long)s->versions[i].rows);
    buf_addf(out,
             "},\"empty\":%lld,\"unreadable\":%lld,\"failures\":%lld,"
             "\"history\":%lld,\"history_is_estimate\":%s,\"bytes\":%lld,"
             "\"table_bytes\":%lld,\"history_bytes\":%lld,\"largest\":[",
             (long long)s->empty, (long long)s->unreadable,
             (long long)s->failures, (long long)s->history,
             s->history_is_estimate ? "true" : "false", (long long)s->bytes,
             (long long)s->table_bytes, (long long)s->history_bytes);
    for (size_t i = 0; i < s->nlargest; i++)
        buf_addf(out, "%s{\"chat_id\":%lld,\"bytes\":%lld}", i ? "," : "",
                 (long long)s->largest[i].chat_id,
                 (long long)s->largest[i].bytes);
    buf_adds(out, "]}\n");
}

bool config_stats(struct config_call *c, struct err *err)
{
    struct pg_op *ops[CONFIG_STATISTICS_OPS];
    struct config_statistics stats;
    struct buf out = BUF_INIT;
    bool ok = true;

    config_statistics_start(c->tool.pg, ops);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        ok = ok && tool_wait(&c->tool, &ops[i]->op, err);
    if (ok) {
        config_statistics_read(ops, &stats);
        if (c->json)
            show_json(&stats, c->tool.config_version, &out);
        else
            show(&stats, c->tool.config_version, &out);
        output_add(&out);
        config_statistics_release(&stats);
    }
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        op_free(&ops[i]->op);
    buf_release(&out);
    return ok;
}
