/* config_diff.c - see config_diff.h. */
#include "config_diff.h"

#include "config_show.h"

struct shown {
    struct buf *out;
    const char *prefix;
    size_t max;
};

#define CONTEXT 12 /* bytes before the first that differs */

/*
 * Where to begin when both values are longer than what is shown of them: two
 * long texts mostly differ in one place.
 */
static size_t where_to_begin(const struct shown *s, struct slice a,
                             struct slice b)
{
    size_t i = 0, n = a.n < b.n ? a.n : b.n;

    if (!a.p || !b.p || !s->max || n <= s->max)
        return 0;
    while (i < n && a.p[i] == b.p[i])
        i++;
    if (i < CONTEXT || i + CONTEXT < s->max)
        return 0;
    i = i > n - CONTEXT ? n - CONTEXT : i - CONTEXT;
    while (i > 0 && ((unsigned char)a.p[i] & 0xC0) == 0x80)
        i--;
    return i;
}

static void show_side(const struct shown *s, struct slice value, size_t begin)
{
    if (!value.p) {
        buf_adds(s->out, "default");
        return;
    }
    if (begin)
        buf_adds(s->out, "…");
    value.p += begin;
    value.n -= begin;
    show_cut(s->out, value, s->max);
}

static void show_difference(const char *path, struct slice before,
                            struct slice after, void *arg)
{
    const struct shown *s = arg;
    size_t begin = where_to_begin(s, before, after);

    buf_adds(s->out, s->prefix);
    if (*path)
        show_cut(s->out, slice_of(path), s->max);
    else
        buf_adds(s->out, "all of it");
    buf_adds(s->out, ": ");
    show_side(s, before, begin);
    buf_adds(s->out, " → ");
    show_side(s, after, begin);
    buf_addc(s->out, '\n');
}

void config_diff_show(struct buf *out, struct slice before, struct slice after,
                      const char *prefix, size_t max)
{
    struct shown shown = { out, prefix, max };

    config_diff(before, after, show_difference, &shown);
}
