/* config_show.c - see config_show.h. */
#include "config_show.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/json.h"

size_t show_columns(void)
{
    struct winsize size;

    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) ||
        size.ws_col < 20)
        return 0;
    return size.ws_col;
}

/* C0, DEL, and C1 as UTF-8: a terminal obeys them. How many bytes; 0: none. */
static size_t control_length(struct slice text)
{
    unsigned char c = (unsigned char)*text.p;

    if (c < 0x20 || c == 0x7f)
        return 1;
    return c == 0xC2 && text.n > 1 && (unsigned char)text.p[1] < 0xA0 ? 2 : 0;
}

void show_cut(struct buf *out, struct slice text, size_t max)
{
    size_t chars = 0, n;

    while (text.n > 0) {
        bool is_first = ((unsigned char)*text.p & 0xC0) != 0x80;

        if (is_first && max && chars++ == max) {
            buf_adds(out, "…");
            return;
        }
        n = control_length(text);
        if (n)
            buf_addc(out, '?');
        else
            buf_addc(out, *text.p);
        text.p += n ? n : 1;
        text.n -= n ? n : 1;
    }
}

struct slice show_stored(const struct setting *s, struct slice document)
{
    if (!s->parent)
        return document;
    return json_get(show_stored(s->parent, document), s->name);
}

/* A key as JSON has it needs no quoting in a path that is given to us. */
static bool is_path(const char *path)
{
    const char *p;
    int keys = 1;

    for (p = path; *p; p++) {
        if (*p == '"' || *p == '\\' || (unsigned char)*p < 0x20 ||
            (*p == '.' && (p == path || p[1] == '.' || !p[1])))
            return false;
        keys += *p == '.';
    }
    return keys <= SETTING_DEPTH_MAX + 1;
}

struct slice show_stored_path(const char *path, struct slice document)
{
    struct buf key = BUF_INIT;

    if (!is_path(path))
        return SLICE_NONE;
    while (*path) {
        size_t n = strcspn(path, ".");

        buf_reset(&key);
        buf_add(&key, path, n);
        document = json_get(document, key.data);
        path += n + (path[n] == '.');
    }
    buf_release(&key);
    return document;
}

/* The deepest section on the way to where path leads. */
static const struct setting *nearest_section(const struct setting *root,
                                             const char *path, size_t *n)
{
    *n = 0;
    for (;;) {
        size_t len = strcspn(path + *n, ".");
        const struct setting *s =
            setting_child(root, (struct slice){ path + *n, len });

        if (!s || s->type != SETTING_SECTION || !path[*n + len])
            return root;
        root = s;
        *n += len + 1;
    }
}

bool show_no_setting(const struct setting *root, const char *path,
                     struct err *err)
{
    size_t n;
    const struct setting *section = nearest_section(root, path, &n);
    struct buf names = BUF_INIT;

    for (size_t i = 0; i < section->nchildren; i++)
        buf_addf(&names, "%s%s", i ? ", " : "", section->children[i]->name);
    err_set(err, ERR_CONFIG, "there is no setting \"%s\"; %.*s%s %s", path,
            n ? (int)n - 1 : 0, path, n ? " has" : "there are",
            names.len ? names.data : "none");
    buf_release(&names);
    return false;
}

bool show_way_out(const struct err *why, int64_t chat, struct err *err)
{
    return err_set(err, why->kind,
                   "%s; `moonpost config undo %lld` brings back what was there "
                   "before, `moonpost config unset %lld --all` the defaults",
                   why->text, (long long)chat, (long long)chat);
}

void show_value(struct buf *out, const struct setting *s, struct slice value,
                size_t max)
{
    show_cut(out, value, max);
    if (s && s->unit)
        buf_addf(out, " %s", s->unit);
}

void show_change(struct buf *out, const struct config_row *row)
{
    if (row->changed_at.n > 19)
        buf_addf(out, "%.10s %.8s UTC", row->changed_at.p,
                 row->changed_at.p + 11);
    else
        buf_adds(out, "at an unknown time");
    if (row->changed_by.n) {
        buf_adds(out, " by ");
        show_cut(out, row->changed_by, 80);
    }
}

static void add_json_text(struct buf *out, const char *name, struct slice text)
{
    buf_addf(out, ",\"%s\":", name);
    if (text.n)
        json_add_text(out, text);
    else
        buf_adds(out, "null");
}

void show_json_row(struct buf *out, const struct config_row *row)
{
    buf_addf(out, ",\"version\":%d,\"revision\":%lld", row->version,
             (long long)row->revision);
    add_json_text(out, "changed_at", row->changed_at);
    add_json_text(out, "changed_by", row->changed_by);
}

void show_json_merged(struct buf *out, const struct setting *s,
                      struct slice overrides)
{
    bool set;

    if (s->type != SETTING_SECTION) {
        buf_add_slice(out, setting_value(s, overrides, &set));
        return;
    }
    buf_addc(out, '{');
    for (size_t i = 0; i < s->nchildren; i++) {
        buf_addf(out, "%s\"%s\":", i ? "," : "", s->children[i]->name);
        show_json_merged(out, s->children[i], overrides);
    }
    buf_addc(out, '}');
}
