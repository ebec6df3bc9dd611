/*
 * config_revisions.c - moonpost config history, undo: what a chat's settings
 * were, and going back to that.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "config/history.h"
#include "config_command.h"
#include "config_diff.h"
#include "config_show.h"
#include "output.h"

/* Values in what changed, on no terminal: enough to know which it was. */
#define SHOWN_MAX 100

static size_t value_room(void)
{
    size_t columns = show_columns();

    /* two values, and a path before them */
    return !columns ? SHOWN_MAX : columns > 60 ? (columns - 30) / 2 : 15;
}

/* --- history ------------------------------------------------------------------------ */

/* What revision i replaced; false: it is not kept. A first one replaced nothing. */
static bool replaced(const struct pg_op *history, int i, struct config_row *out)
{
    struct config_row row = config_row_read(history, i);

    *out = (struct config_row){ .version = row.version };
    if (i + 1 < pg_rows(history))
        *out = config_row_read(history, i + 1);
    return out->revision || row.revision == 1;
}

static void show_changes(const struct pg_op *history, int i, struct buf *out)
{
    struct config_row row = config_row_read(history, i), before;
    size_t start;

    if (!replaced(history, i, &before)) {
        buf_adds(out, "    (what it changed is not kept)\n");
        return;
    }
    if (row.version != before.version)
        buf_addf(out, "    version %d → %d\n", before.version, row.version);
    start = out->len;
    config_diff_show(out, before.config, row.config, "    ", value_room());
    if (out->len == start && row.version == before.version)
        buf_adds(out, before.revision ? "    (no change)\n"
                                      : "    (nothing is set)\n");
}

static void show_revision(const struct pg_op *history, int i, struct buf *out)
{
    struct config_row row = config_row_read(history, i);

    buf_addf(out, "%c %lld  ",
             config_history_is_present(history, i) ? '*' : ' ',
             (long long)row.revision);
    show_change(out, &row);
    buf_addc(out, '\n');
    show_changes(history, i, out);
}

static void show_revision_json(const struct pg_op *history, int i,
                               struct buf *out)
{
    struct config_row row = config_row_read(history, i), before;

    buf_addf(out, "{\"chat_id\":%lld", (long long)row.chat_id);
    show_json_row(out, &row);
    buf_addf(out, ",\"current\":%s,\"config\":",
             config_history_is_present(history, i) ? "true" : "false");
    buf_add_slice(out, row.config.p ? row.config : slice_of("null"));
    buf_adds(out, ",\"changes\":");
    if (replaced(history, i, &before))
        config_diff_json(out, before.config, row.config);
    else
        buf_adds(out, "null");
    buf_adds(out, "}\n");
}

bool config_history(struct config_call *c, struct err *err)
{
    struct pg_op *history = config_history_start(c->tool.pg, c->chat);
    struct buf out = BUF_INIT;
    bool ok = tool_wait(&c->tool, &history->op, err);
    int n = ok ? pg_rows(history) : 0;

    if (ok && n == 0)
        fprintf(stderr,
                "moonpost: chat %lld has no history: nothing was ever set\n",
                (long long)c->chat);
    if (n > 0 && !c->json && !config_history_is_present(history, 0))
        buf_adds(&out, "The chat has no row now: all is at its default.\n");
    for (int i = 0; i < n; i++) {
        if (c->json)
            show_revision_json(history, i, &out);
        else
            show_revision(history, i, &out);
        output_add(&out);
        buf_reset(&out);
    }
    buf_release(&out);
    op_free(&history->op);
    return ok;
}

/* --- undo --------------------------------------------------------------------------- */

/* What undo goes from and to. */
struct undo {
    struct config_call *c;
    struct pg_op *history;
    struct config_row present; /* revision 0: there is no row */
    struct config_row target;
    int version; /* of document */
    struct buf document;
    struct buf present_document; /* upgraded too, to compare; or empty */
};

static bool make_target(struct undo *u, struct err *err)
{
    const struct config_call *c = u->c;
    struct err why = ERR_INIT;

    u->version = u->target.version;
    buf_reset(&u->document);
    if (config_make_current(c->tool.store, c->chat, u->target.config,
                            &u->version, &u->document, &why))
        return true;
    return err_set(err, ERR_CONFIG, "revision %lld can't be used: %s%s",
                   (long long)u->target.revision, why.text,
                   c->nargs > 1 ? "" : "; say which: undo CHAT REVISION");
}

/* What the chat has now, as this program reads it: unreadable is nothing. */
static void read_present(struct undo *u)
{
    struct err ignored = ERR_INIT;
    int version = u->present.version;

    if (!config_make_current(u->c->tool.store, u->c->chat, u->present.config,
                             &version, &u->present_document, &ignored)) {
        buf_reset(&u->present_document);
        buf_add_slice(&u->present_document, u->present.config);
    }
}

static bool is_as_now(const struct undo *u)
{
    return u->version >= u->present.version &&
           config_diff(buf_slice(&u->present_document), buf_slice(&u->document),
                       NULL, NULL) == 0;
}

/*
 * The newest one before the present that was something else: an upgrade, or a
 * write of the same, is not what somebody wants to undo.
 */
static bool find_previous(struct undo *u, struct err *err)
{
    for (int i = u->present.revision ? 1 : 0; i < pg_rows(u->history); i++) {
        u->target = config_row_read(u->history, i);
        if (!make_target(u, err))
            return false;
        if (!is_as_now(u))
            return true;
    }
    return err_set(
        err, ERR_CONFIG,
        "chat %lld has no earlier settings to go back to; "
        "`moonpost config unset %lld --all` sets all to the defaults",
        (long long)u->c->chat, (long long)u->c->chat);
}

static bool find_revision(struct undo *u, const char *text, struct err *err)
{
    int n = pg_rows(u->history);
    int64_t wanted = strtoll(text, NULL, 10);

    for (int i = 0; i < n; i++) {
        u->target = config_row_read(u->history, i);
        if (u->target.revision != wanted)
            continue;
        return make_target(u, err);
    }
    if (n == 0)
        return err_set(err, ERR_CONFIG,
                       "chat %lld has no history: nothing was ever set",
                       (long long)u->c->chat);
    return err_set(err, ERR_CONFIG,
                   "chat %lld has no revision %lld; kept are %lld to %lld",
                   (long long)u->c->chat, (long long)wanted,
                   (long long)config_row_read(u->history, n - 1).revision,
                   (long long)config_row_read(u->history, 0).revision);
}

static void say_misfit(const struct err *why, void *arg)
{
    (void)arg;
    fprintf(stderr, "moonpost: does not fit its setting any more: %s\n",
            why->text);
}

/* revision: the present one now. */
static void say_undone_json(const struct undo *u, int64_t revision, int version,
                            struct slice now, struct buf *out)
{
    buf_addf(out,
             "{\"chat_id\":%lld,\"revision\":%lld,\"version\":%d,"
             "\"from\":%lld,\"changes\":",
             (long long)u->c->chat, (long long)revision, version,
             (long long)u->target.revision);
    config_diff_json(out, buf_slice(&u->present_document), now);
    buf_adds(out, "}\n");
}

static void say_undone(const struct undo *u, const struct config *now)
{
    struct buf out = BUF_INIT;

    if (u->c->json) {
        say_undone_json(u, now->revision, now->version, now->text, &out);
    } else {
        buf_addf(&out,
                 "chat %lld: as in revision %lld again, now revision "
                 "%lld\n",
                 (long long)now->chat_id, (long long)u->target.revision,
                 (long long)now->revision);
        config_diff_show(&out, buf_slice(&u->present_document), now->text,
                         "    ", value_room());
    }
    output_add(&out);
    buf_release(&out);
}

/* Of a revision that was named: there is nothing to do. */
static void say_is_as_now(const struct undo *u)
{
    struct buf out = BUF_INIT;

    if (u->c->json)
        say_undone_json(u, u->present.revision, u->present.version,
                        buf_slice(&u->present_document), &out);
    else
        buf_addf(&out,
                 "chat %lld: has the settings of revision %lld; nothing was "
                 "written\n",
                 (long long)u->c->chat, (long long)u->target.revision);
    output_add(&out);
    buf_release(&out);
}

static bool write_target(struct undo *u, struct err *err)
{
    struct config_call *c = u->c;
    struct config_op *op;
    bool ok;

    schema_misfits(c->tool.schema, buf_slice(&u->document), say_misfit, NULL);
    op = config_replace(c->tool.store, c->chat, u->present.revision, u->version,
                        buf_slice(&u->document), tool_who());
    ok = tool_wait(&c->tool, &op->op, err);
    if (ok)
        say_undone(u, op->config);
    op_free(&op->op);
    return ok;
}

bool config_undo(struct config_call *c, struct err *err)
{
    struct undo u = { .c = c,
                      .document = BUF_INIT,
                      .present_document = BUF_INIT,
                      .history = config_history_start(c->tool.pg, c->chat) };
    bool ok = tool_wait(&c->tool, &u.history->op, err);

    if (ok && pg_rows(u.history) && config_history_is_present(u.history, 0))
        u.present = config_row_read(u.history, 0);
    if (ok) {
        read_present(&u);
        ok = c->nargs > 1 ? find_revision(&u, c->args[1], err)
                          : find_previous(&u, err);
    }
    if (ok && is_as_now(&u))
        say_is_as_now(&u);
    else if (ok)
        ok = write_target(&u, err);
    buf_release(&u.document);
    buf_release(&u.present_document);
    op_free(&u.history->op);
    return ok;
}
