/* config_diff.c - see config_diff.h. */
#include "config_diff.h"

#include "config_show.h"

struct shown {
    struct buf *out;
    const char *prefix;
    size_t max;
};

static void show_side(const struct shown *s, struct slice value)
{
    if (value.p)
        show_cut(s->out, value, s->max);
    else
        buf_adds(s->out, "default");
}

static void show_difference(const char *path, struct slice before,
                            struct slice after, void *arg)
{
    const struct shown *s = arg;

    buf_adds(s->out, s->prefix);
    if (*path)
        show_cut(s->out, slice_of(path), s->max);
    else
        buf_adds(s->out, "all of it");
    buf_adds(s->out, ": ");
    show_side(s, before);
    buf_adds(s->out, " → ");
    show_side(s, after);
    buf_addc(s->out, '\n');
}

void config_diff_show(struct buf *out, struct slice before, struct slice after,
                      const char *prefix, size_t max)
{
    struct shown shown = { out, prefix, max };

    config_diff(before, after, show_difference, &shown);
}
