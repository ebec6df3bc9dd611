/* config_set.c - moonpost config set, unset: change a chat's settings. */
#include <stdio.h>

#include "base/json.h"
#include "config/history.h"
#include "config_command.h"
#include "config_diff.h"
#include "config_show.h"
#include "output.h"

#define ALL_SECTIONS UINT32_MAX

static bool fetch(struct config_call *c, struct config **config,
                  struct err *err)
{
    struct config_op *op = config_fetch(c->tool.store, c->chat, ALL_SECTIONS);
    struct err why = ERR_INIT;
    bool ok = tool_wait(&c->tool, &op->op, &why);

    if (ok)
        *config = config_ref(op->config);
    else if (why.kind == ERR_CONFIG)
        show_way_out(&why, c->chat, err);
    else
        *err = why;
    op_free(&op->op);
    return ok;
}

/* Write one change; *config becomes what is stored then. */
static bool commit(struct config_call *c, struct config **config,
                   const char *path, struct slice value, struct err *err)
{
    struct config_patch patch = { 0 };
    struct config_op *op;
    bool ok;

    config_patch_set(&patch, path, value);
    op = config_commit(c->tool.store, *config, &patch, tool_who());
    ok = tool_wait(&c->tool, &op->op, err);
    if (ok) {
        config_unref(*config);
        *config = config_ref(op->config);
    }
    op_free(&op->op);
    config_patch_release(&patch);
    return ok;
}

/* {"chat_id":5,"revision":3,"version":1,"changed":true,"path":…,"value":…} */
static void add_json(struct buf *out, const struct config *config, bool changed)
{
    buf_addf(out,
             "{\"chat_id\":%lld,\"revision\":%lld,\"version\":%d,"
             "\"changed\":%s",
             (long long)config->chat_id, (long long)config->revision,
             config->version, changed ? "true" : "false");
}

static void add_revision(struct buf *out, const struct config *config,
                         bool changed)
{
    if (config->revision)
        buf_addf(out, "; %srevision %lld\n", changed ? "" : "still ",
                 (long long)config->revision);
    else
        buf_adds(out, "; nothing is set\n");
}

/* --- set ---------------------------------------------------------------------------- */

static void say_set(const struct config_call *c, const struct setting *s,
                    struct slice was, bool was_set, const struct config *now,
                    bool changed)
{
    struct buf out = BUF_INIT;
    bool set;
    struct slice value = setting_value(s, now->text, &set);

    if (c->json) {
        add_json(&out, now, changed);
        buf_addf(&out, ",\"path\":\"%s\",\"value\":", c->args[1]);
        buf_add_slice(&out, value);
        buf_adds(&out, "}\n");
    } else {
        buf_addf(&out, "chat %lld: %s = ", (long long)c->chat, c->args[1]);
        show_value(&out, s, value, 0);
        if (changed) {
            buf_adds(&out, was_set ? " (was " : " (was the default, ");
            show_cut(&out, was, 60);
            buf_addc(&out, ')');
        }
        add_revision(&out, now, changed);
    }
    output_add(&out);
    buf_release(&out);
}

bool config_set(struct config_call *c, struct err *err)
{
    const char *path = c->args[1];
    const struct setting *s = schema_find(c->tool.schema, path);
    struct config *config = NULL, *before;
    struct buf json = BUF_INIT;
    bool was_set, ok;
    struct slice was;

    if (!s)
        return show_no_setting(c->tool.schema, path, err);
    if (s->type == SETTING_SECTION)
        return err_set(err, ERR_CONFIG,
                       "\"%s\" is a section: set the settings in it", path);
    ok = setting_parse(s, slice_of(c->args[2]), &json, err) &&
         setting_check(s, buf_slice(&json), err) && fetch(c, &config, err);
    if (ok) {
        bool changed;

        before = config_ref(config);
        was = setting_value(s, before->text, &was_set);
        changed = !was_set || !json_same(was, buf_slice(&json));
        ok = !changed || commit(c, &config, path, buf_slice(&json), err);
        if (ok)
            say_set(c, s, was, was_set, config, changed);
        config_unref(before);
    }
    config_unref(config);
    buf_release(&json);
    return ok;
}

/* --- unset -------------------------------------------------------------------------- */

static void say_unset(const struct config_call *c, const struct config *now,
                      const char *path, bool changed)
{
    const struct setting *s = schema_find(c->tool.schema, path);
    struct buf out = BUF_INIT;

    if (c->json) {
        add_json(&out, now, changed);
        buf_addf(&out, ",\"path\":\"%s\"}\n", path);
    } else if (!*path) {
        buf_addf(&out, "chat %lld: all is at its default%s", (long long)c->chat,
                 changed ? " now" : "");
        add_revision(&out, now, changed);
    } else {
        buf_addf(&out, "chat %lld: %s ", (long long)c->chat, path);
        if (!changed)
            buf_adds(&out, "was not set");
        else if (!s)
            buf_adds(&out, "is gone");
        else if (s->type == SETTING_SECTION)
            buf_adds(&out, "is at its defaults");
        else
            buf_adds(&out, "= ");
        if (s && s->type != SETTING_SECTION && changed) {
            show_value(&out, s, slice_of(s->def), 0);
            buf_adds(&out, " (the default)");
        }
        add_revision(&out, now, changed);
    }
    output_add(&out);
    buf_release(&out);
}

static bool unset_path(struct config_call *c, struct err *err)
{
    const char *path = c->args[1];
    struct config *config = NULL;
    bool stored, ok;

    if (!*path) /* the whole document: --all says that */
        return show_no_setting(c->tool.schema, path, err);
    ok = fetch(c, &config, err);
    if (!ok)
        return false;
    stored = show_stored_path(path, config->text).p;
    if (!stored && !schema_find(c->tool.schema, path))
        ok = show_no_setting(c->tool.schema, path, err);
    else if (stored)
        ok = commit(c, &config, path, SLICE_NONE, err);
    if (ok)
        say_unset(c, config, path, stored);
    config_unref(config);
    return ok;
}

/* Whatever the row holds: this is a way out for one that can't be read. */
static bool unset_all(struct config_call *c, struct err *err)
{
    struct pg_op *query = config_row_start(c->tool.pg, c->chat);
    struct config now = { .chat_id = c->chat,
                          .version = c->tool.config_version };
    struct config_op *op = NULL;
    bool changed = false, ok = tool_wait(&c->tool, &query->op, err);

    if (ok && pg_rows(query)) {
        struct config_row row = config_row_read(query, 0);

        now.revision = row.revision;
        if (row.version > now.version)
            now.version = row.version;
        changed = !slice_eq(row.config, "{}");
    }
    op_free(&query->op);
    if (changed) {
        op = config_replace(c->tool.store, c->chat, now.revision, now.version,
                            slice_of("{}"), tool_who());
        ok = tool_wait(&c->tool, &op->op, err);
    }
    if (ok)
        say_unset(c, changed ? op->config : &now, "", changed);
    op_free(changed ? &op->op : NULL);
    return ok;
}

bool config_unset(struct config_call *c, struct err *err)
{
    return c->all ? unset_all(c, err) : unset_path(c, err);
}
