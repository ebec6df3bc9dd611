/* patch.c - see patch.h. */
#include "config/patch.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "config/diff.h"
#include "config/merge.h"

struct config_change {
    char *path;
    char *value; /* JSON; NULL: reset */
};

static void change_release(struct config_change *c)
{
    free(c->path);
    free(c->value);
}

void config_patch_release(struct config_patch *patch)
{
    for (size_t i = 0; i < patch->n; i++)
        change_release(&patch->changes[i]);
    free(patch->changes);
    *patch = (struct config_patch){ 0 };
}

/* Is a the same path as b, or below it? */
static bool is_within(const char *a, const char *b)
{
    size_t n = strlen(b);

    if (n == 0) /* the whole document */
        return true;
    return strncmp(a, b, n) == 0 && (a[n] == '\0' || a[n] == '.');
}

/* What a new change makes meaningless goes. */
static void drop_within(struct config_patch *patch, const char *path)
{
    size_t kept = 0;

    for (size_t i = 0; i < patch->n; i++) {
        if (is_within(patch->changes[i].path, path))
            change_release(&patch->changes[i]);
        else
            patch->changes[kept++] = patch->changes[i];
    }
    patch->n = kept;
}

static bool has_change(const struct config_patch *patch,
                       const struct config_change *c)
{
    for (size_t i = 0; i < patch->n; i++) {
        const struct config_change *other = &patch->changes[i];

        if (strcmp(other->path, c->path) == 0)
            return other->value && c->value
                       ? strcmp(other->value, c->value) == 0
                       : !other->value && !c->value;
    }
    return false;
}

void config_patch_drop(struct config_patch *patch,
                       const struct config_patch *what)
{
    size_t kept = 0;

    for (size_t i = 0; i < patch->n; i++) {
        if (has_change(what, &patch->changes[i]))
            change_release(&patch->changes[i]);
        else
            patch->changes[kept++] = patch->changes[i];
    }
    patch->n = kept;
}

void config_patch_set(struct config_patch *patch, const char *path,
                      struct slice value)
{
    drop_within(patch, path);
    patch->changes =
        xrealloc(patch->changes, (patch->n + 1) * sizeof(*patch->changes));
    patch->changes[patch->n++] = (struct config_change){
        .path = xstrdup(path),
        .value = value.p ? slice_dup(value) : NULL,
    };
}

static size_t split_path(const char *path, struct slice *keys)
{
    size_t n = 0;

    for (;;) {
        size_t len = strcspn(path, ".");

        if (n < SETTING_DEPTH_MAX + 1)
            keys[n++] = (struct slice){ path, len };
        if (!path[len])
            return n;
        path += len + 1;
    }
}

void config_patch_apply(const struct config_patch *patch, struct slice document,
                        struct buf *out)
{
    struct slice keys[SETTING_DEPTH_MAX + 1];
    struct buf now = BUF_INIT, next = BUF_INIT;

    buf_add_slice(&now, document);
    for (size_t i = 0; i < patch->n; i++) {
        const struct config_change *c = &patch->changes[i];

        buf_reset(&next);
        if (*c->path)
            json_add_changed(&next, buf_slice(&now), keys,
                             split_path(c->path, keys),
                             c->value ? slice_of(c->value) : SLICE_NONE);
        else /* the document that the changes after it begin with */
            buf_adds(&next, c->value ? c->value : "{}");
        buf_move(&now, &next);
    }
    buf_add_slice(out, buf_slice(&now));
    buf_release(&now);
}

static bool rebase(struct config_change *c, const struct setting *s,
                   struct slice before, struct slice now, struct err *err)
{
    struct buf out = BUF_INIT;
    struct err why = ERR_INIT;
    bool set, fits;

    before = setting_value(s, before, &set);
    now = setting_value(s, now, &set);
    if (json_same(before, now))
        return true;
    config_merge(before, slice_of(c->value), now, &out);
    fits = setting_check(s, buf_slice(&out), &why);
    if (fits) {
        free(c->value);
        c->value = slice_dup(buf_slice(&out));
    }
    buf_release(&out);
    return fits || err_set(err, ERR_CONFIG,
                           "%s (with what somebody else has written meanwhile)",
                           why.text);
}

static bool is_in(const struct setting *s, uint32_t sections)
{
    for (; s; s = s->parent)
        if (s->lazy & sections)
            return true;
    return false;
}

bool config_patch_rebase(struct config_patch *patch,
                         const struct setting *schema, uint32_t omitted,
                         struct slice before, struct slice now, struct err *err)
{
    bool ok = true;

    for (size_t i = 0; i < patch->n; i++) {
        struct config_change *c = &patch->changes[i];
        const struct setting *s = schema ? schema_find(schema, c->path) : NULL;

        if (s && c->value && !is_in(s, omitted) &&
            (s->type == SETTING_LIST || s->type == SETTING_MAP))
            ok = rebase(c, s, before, now, err) && ok;
    }
    return ok;
}

bool config_patch_has(const struct config_patch *patch, const char *path,
                      bool *is_reset)
{
    for (size_t i = 0; i < patch->n; i++) {
        if (strcmp(patch->changes[i].path, path) == 0) {
            *is_reset = !patch->changes[i].value;
            return true;
        }
    }
    return false;
}

void config_patch_copy(struct config_patch *to, const struct config_patch *from)
{
    *to = (struct config_patch){ 0 };
    for (size_t i = 0; i < from->n; i++)
        config_patch_set(to, from->changes[i].path,
                         from->changes[i].value
                             ? slice_of(from->changes[i].value)
                             : SLICE_NONE);
}
