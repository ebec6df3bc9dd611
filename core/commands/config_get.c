/* config_get.c - moonpost config get: a chat's settings, as the bot sees them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "config_command.h"
#include "config_diff.h"
#include "config_show.h"
#include "output.h"

#define DEFAULT_ROOM 30 /* columns kept free after a value that is set */

/* A chat's row as this program reads it. */
struct view {
    struct config_call *c;
    struct pg_op *query;
    struct config_row row;    /* revision 0: there is none */
    struct buf document;      /* the overrides, upgraded if need be */
    struct err why;           /* they could not be upgraded */
    const struct setting *at; /* what to show: a section, a leaf; or NULL: a key
                               * that no setting has */
    const char *path;
    size_t columns; /* where lines are cut; 0: not */
};

static void view_release(struct view *v)
{
    if (v->query)
        op_free(&v->query->op);
    buf_release(&v->document);
}

/* What can't be upgraded is read as it is: so does the bot. */
static bool view_read(struct view *v, struct err *err)
{
    struct config_call *c = v->c;
    int version;

    v->query = config_row_start(c->tool.pg, c->chat);
    if (!tool_wait(&c->tool, &v->query->op, err))
        return false;
    v->row = (struct config_row){ .chat_id = c->chat,
                                  .version = c->tool.config_version };
    if (pg_rows(v->query))
        v->row = config_row_read(v->query, 0);
    version = v->row.version;
    if (config_make_current(c->tool.store, c->chat, v->row.config, &version,
                            &v->document, &v->why))
        return true;
    if (v->why.kind == ERR_CONFIG)
        return show_way_out(&v->why, c->chat, err);
    fprintf(stderr, "moonpost: the config of chat %lld is read-only: it %s\n",
            (long long)c->chat, v->why.text);
    buf_reset(&v->document);
    buf_add_slice(&v->document,
                  v->row.config.p ? v->row.config : slice_of("{}"));
    return true;
}

/* --- for people --------------------------------------------------------------------- */

/* What is left of the line that began at start, `after` of which is needed. */
static size_t room(const struct view *v, const struct buf *out, size_t start,
                   size_t after)
{
    size_t used = out->len - start + after;

    if (!v->columns)
        return 0;
    return used + 10 < v->columns ? v->columns - used - 1 : 10;
}

static void show_leaf(const struct view *v, const struct setting *s,
                      struct buf *out)
{
    struct slice stored = show_stored(s, buf_slice(&v->document));
    struct err why = ERR_INIT;
    struct slice value;
    size_t start = out->len;
    bool set, fits = !stored.p || setting_check(s, stored, &why);

    value = setting_value(s, buf_slice(&v->document), &set);
    buf_adds(out, !fits ? "! " : set ? "* " : "  ");
    setting_path(s, out);
    buf_adds(out, " = ");
    show_value(out, s, value, room(v, out, start, set ? DEFAULT_ROOM : 0));
    if (!fits) {
        buf_addf(out, "   (%s%s)", set ? "" : "not what is stored: ", why.text);
    } else if (set && !json_same(value, slice_of(s->def))) {
        buf_adds(out, "   (default: ");
        show_cut(out, slice_of(s->def), room(v, out, start, 1));
        buf_addc(out, ')');
    }
    buf_addc(out, '\n');
}

static void show_unknown(const struct view *v, const char *path,
                         struct slice value, struct buf *out)
{
    static const char why[] = "   (no setting has this name)";
    size_t start = out->len;

    buf_adds(out, "? ");
    show_cut(out, slice_of(path), 0);
    buf_adds(out, " = ");
    show_cut(out, value, room(v, out, start, sizeof(why)));
    buf_addf(out, "%s\n", why);
}

/* Stored keys of a section that are no settings: of a setting that is gone, of a
 * newer version, or a slip of somebody with psql. */
static void show_unknowns(const struct view *v, const struct setting *section,
                          struct buf *out)
{
    struct slice stored = show_stored(section, buf_slice(&v->document));
    struct buf path = BUF_INIT;
    struct json_iter it;
    size_t len;

    if (json_kind(stored) != JSON_OBJECT)
        return;
    setting_path(section, &path);
    if (path.len)
        buf_addc(&path, '.');
    len = path.len;
    json_iter_init(&it, stored);
    while (json_iter_next(&it)) {
        if (setting_child(section, it.key))
            continue;
        path.len = len;
        buf_add_slice(&path, it.key);
        show_unknown(v, path.data, it.value, out);
    }
    buf_release(&path);
}

/* Settings first, then sections, as they are written in defaults/. */
static void show_section(const struct view *v, const struct setting *s,
                         struct buf *out)
{
    struct slice stored = show_stored(s, buf_slice(&v->document));

    for (size_t i = 0; i < s->nchildren; i++)
        if (s->children[i]->type != SETTING_SECTION)
            show_leaf(v, s->children[i], out);
    if (stored.p && json_kind(stored) != JSON_OBJECT) {
        buf_adds(out, "! ");
        setting_path(s, out);
        buf_adds(out, " = the defaults   (not what is stored: must be a "
                      "section, got ");
        show_cut(out, stored, 60);
        buf_adds(out, ")\n");
    }
    show_unknowns(v, s, out);
    for (size_t i = 0; i < s->nchildren; i++)
        if (s->children[i]->type == SETTING_SECTION)
            show_section(v, s->children[i], out);
}

static void show_header(const struct view *v, struct buf *out)
{
    const struct config_row *row = &v->row;

    buf_addf(out, "chat %lld: ", (long long)row->chat_id);
    if (!row->revision) {
        buf_adds(out, "nothing is set, these are the defaults\n\n");
        return;
    }
    buf_addf(out, "revision %lld, ", (long long)row->revision);
    show_change(out, row);
    buf_addf(out, ", version %d", row->version);
    if (row->version < v->c->tool.config_version && !v->why.kind)
        buf_addf(out, ", shown as version %d", v->c->tool.config_version);
    else if (row->version > v->c->tool.config_version)
        buf_addf(out, ", newer than %d of this folder",
                 v->c->tool.config_version);
    buf_adds(out, "\n\n");
}

/* Does path lead into the value of a setting, a map's? */
static bool is_within_setting(const struct setting *s, const char *path)
{
    while (s && s->type == SETTING_SECTION) {
        size_t n = strcspn(path, ".");

        s = setting_child(s, (struct slice){ path, n });
        path += n + (path[n] == '.');
    }
    return s != NULL;
}

static void show(const struct view *v, struct buf *out)
{
    struct slice document = buf_slice(&v->document);

    if (!*v->path)
        show_header(v, out);
    if (!v->at && is_within_setting(v->c->tool.schema, v->path)) {
        buf_addf(out, "* %s = ", v->path);
        show_cut(out, show_stored_path(v->path, document), 0);
        buf_addc(out, '\n');
    } else if (!v->at) {
        show_unknown(v, v->path, show_stored_path(v->path, document), out);
    } else if (v->at->type == SETTING_SECTION) {
        show_section(v, v->at, out);
    } else {
        show_leaf(v, v->at, out);
    }
}

/* --- for programs ------------------------------------------------------------------- */

static void show_json(const struct view *v, struct buf *out)
{
    struct slice stored = show_stored_path(v->path, buf_slice(&v->document));

    buf_addf(out, "{\"chat_id\":%lld", (long long)v->row.chat_id);
    show_json_row(out, &v->row);
    if (*v->path)
        buf_addf(out, ",\"path\":\"%s\"", v->path);
    buf_adds(out, ",\"config\":");
    if (v->at)
        show_json_merged(out, v->at, buf_slice(&v->document));
    else
        buf_add_slice(out, stored);
    buf_adds(out, ",\"overrides\":");
    buf_add_slice(out, stored.p ? stored : slice_of("null"));
    buf_adds(out, "}\n");
}

bool config_get(struct config_call *c, struct err *err)
{
    struct view v = { .c = c,
                      .document = BUF_INIT,
                      .path = c->nargs > 1 ? c->args[1] : "",
                      .columns = show_columns() };
    struct buf out = BUF_INIT;
    bool ok = view_read(&v, err);

    if (ok) {
        v.at = schema_find(c->tool.schema, v.path);
        ok = v.at || show_stored_path(v.path, buf_slice(&v.document)).p ||
             show_no_setting(c->tool.schema, v.path, err);
    }
    if (v.at && v.at->type != SETTING_SECTION)
        v.columns = 0; /* who asks for one value wants all of it */
    if (ok && c->json)
        show_json(&v, &out);
    else if (ok)
        show(&v, &out);
    output_add(&out);
    buf_release(&out);
    view_release(&v);
    return ok;
}
