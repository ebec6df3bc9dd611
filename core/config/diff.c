/*
 * diff.c - see diff.h. The members of both objects are sorted and merged: a
 * document can have thousands of them.
 */
#include "config/diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "config/store.h"

struct member {
    struct slice key; /* raw */
    struct slice value;
};

struct members {
    struct member *list;
    size_t n;
};

struct diff {
    struct buf path;
    diff_fn fn;
    void *arg;
    size_t n;
};

static void compare(struct diff *d, struct slice before, struct slice after);

static int compare_texts(struct slice a, struct slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int order = n ? memcmp(a.p, b.p, n) : 0;

    return order ? order : (a.n > b.n) - (a.n < b.n);
}

static int by_key(const void *a, const void *b)
{
    return compare_texts(((const struct member *)a)->key,
                         ((const struct member *)b)->key);
}

static struct members members_of(struct slice object)
{
    struct members m = { NULL, 0 };
    struct json_iter it;
    size_t room = 0;

    json_iter_init(&it, object);
    while (json_iter_next(&it)) {
        if (m.n == room) {
            room = room ? room * 2 : 16;
            m.list = xrealloc(m.list, room * sizeof(*m.list));
        }
        m.list[m.n++] = (struct member){ it.key, it.value };
    }
    if (m.n)
        qsort(m.list, m.n, sizeof(*m.list), by_key);
    return m;
}

static void compare_member(struct diff *d, struct slice key,
                           struct slice before, struct slice after)
{
    size_t len = d->path.len;

    if (len)
        buf_addc(&d->path, '.');
    buf_add_slice(&d->path, key);
    compare(d, before, after);
    d->path.len = len;
    if (len)
        d->path.data[len] = '\0';
}

static void compare_objects(struct diff *d, struct slice before,
                            struct slice after)
{
    struct members a = members_of(before), b = members_of(after);
    size_t i = 0, j = 0;

    while (i < a.n || j < b.n) {
        int order = i == a.n   ? 1
                    : j == b.n ? -1
                               : compare_texts(a.list[i].key, b.list[j].key);

        compare_member(d, order <= 0 ? a.list[i].key : b.list[j].key,
                       order <= 0 ? a.list[i].value : SLICE_NONE,
                       order >= 0 ? b.list[j].value : SLICE_NONE);
        i += order <= 0;
        j += order >= 0;
    }
    free(a.list);
    free(b.list);
}

static bool is_object_or_none(struct slice value)
{
    return !value.p || json_kind(value) == JSON_OBJECT;
}

/* Objects by what is in them, also where there is nothing on the other side. */
static void compare(struct diff *d, struct slice before, struct slice after)
{
    if (is_object_or_none(before) && is_object_or_none(after) &&
        !(json_is_empty(before) && json_is_empty(after))) {
        compare_objects(d, before, after);
    } else if (!before.p || !after.p || !json_same(before, after)) {
        d->n++;
        if (d->fn)
            d->fn(d->path.data, before, after, d->arg);
    }
}

static bool is_document(struct slice text)
{
    struct err ignored = ERR_INIT;

    return !text.p || (json_check(text, CONFIG_DEPTH_MAX, &ignored) &&
                       json_kind(text) == JSON_OBJECT);
}

size_t config_diff(struct slice before, struct slice after, diff_fn fn,
                   void *arg)
{
    struct diff d = { .path = BUF_INIT, .fn = fn, .arg = arg };

    if (is_document(before) && is_document(after)) {
        compare_objects(&d, before, after);
    } else if (compare_texts(before, after) != 0) {
        d.n = 1;
        if (fn)
            fn("", before, after, arg);
    }
    buf_release(&d.path);
    return d.n;
}

/* --- the same? ---------------------------------------------------------------------- */

static bool same_numbers(struct slice a, struct slice b)
{
    int64_t i, j;
    double x, y;

    if (json_to_int(a, &i) && json_to_int(b, &j))
        return i == j;
    return json_to_double(a, &x) && json_to_double(b, &y) && x == y;
}

static bool same_strings(struct slice a, struct slice b)
{
    struct buf x = BUF_INIT, y = BUF_INIT;
    bool same;

    json_to_text(a, &x);
    json_to_text(b, &y);
    same = x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
    buf_release(&x);
    buf_release(&y);
    return same;
}

static bool same_lists(struct slice a, struct slice b)
{
    struct json_iter x, y;

    json_iter_init(&x, a);
    json_iter_init(&y, b);
    while (json_iter_next(&x))
        if (!json_iter_next(&y) || !json_same(x.value, y.value))
            return false;
    return !json_iter_next(&y);
}

bool json_same(struct slice a, struct slice b)
{
    struct diff d = { .path = BUF_INIT };

    if (json_kind(a) != json_kind(b))
        return false;
    switch (json_kind(a)) {
    case JSON_NULL: return true;
    case JSON_BOOL: return json_is_true(a) == json_is_true(b);
    case JSON_NUMBER: return same_numbers(a, b);
    case JSON_STRING: return same_strings(a, b);
    case JSON_ARRAY: return same_lists(a, b);
    case JSON_OBJECT: break;
    }
    compare_objects(&d, a, b);
    buf_release(&d.path);
    return d.n == 0;
}

/* --- as JSON ------------------------------------------------------------------------- */

static void add_difference(const char *path, struct slice before,
                           struct slice after, void *arg)
{
    struct buf *out = arg;

    if (out->data[out->len - 1] != '[')
        buf_addc(out, ',');
    buf_addf(out, "{\"path\":\"%s\"", path); /* escaped as it came */
    if (before.p) {
        buf_adds(out, ",\"before\":");
        buf_add_slice(out, before);
    }
    if (after.p) {
        buf_adds(out, ",\"after\":");
        buf_add_slice(out, after);
    }
    buf_addc(out, '}');
}

void config_diff_json(struct buf *out, struct slice before, struct slice after)
{
    buf_addc(out, '[');
    config_diff(before, after, add_difference, out);
    buf_addc(out, ']');
}
