/*
 * entities_fix.c - makes entities nest as Telegram's clients need it.
 *
 * Links, code and quotes keep their extent; of two that cannot be together the
 * later one goes. Styles become a mask for each UTF-16 unit of the text and
 * are read back from it: so the same style twice is one, none is left in code,
 * and each is cut where another begins or where a link, code or quote begins
 * or ends.
 */
#include "simulator/entities_int.h"

#include <stdlib.h>
#include <string.h>

static enum entity_class class_of(const struct entity *e)
{
    return entity_kinds[e->type].class;
}

static int end_of(const struct entity *e)
{
    return e->offset + e->length;
}

static int compare(const void *a, const void *b)
{
    const struct entity *x = a, *y = b;

    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    if (x->length != y->length)
        return x->length > y->length ? -1 : 1;
    return entity_kinds[x->type].priority - entity_kinds[y->type].priority;
}

static void sort(struct entity_list *list)
{
    if (list->n)
        qsort(list->items, list->n, sizeof(*list->items), compare);
}

static void remove_empty(struct entity_list *list)
{
    for (size_t i = list->n; i-- > 0;)
        if (list->items[i].length <= 0)
            entities_remove(list, i);
}

static bool is_inline(const struct entity *e) /* a link or code */
{
    return class_of(e) == CLASS_LINK || class_of(e) == CLASS_CODE;
}

/* Can b, which begins at or after a, not be there together with a? */
static bool conflict(const struct entity *a, const struct entity *b)
{
    if (end_of(a) <= b->offset)
        return false;
    if (is_inline(a) && is_inline(b))
        return true;
    if (class_of(a) == CLASS_QUOTE && class_of(b) == CLASS_QUOTE)
        return true;
    if (class_of(a) == CLASS_QUOTE) /* what is in a quote must end in it */
        return end_of(b) > end_of(a);
    return true; /* a quote in a link or in code */
}

/* Only links, code and quotes are left, apart from one another or nested. */
static void drop_conflicts(struct entity_list *list)
{
    struct entity quote = { 0 }, link = { 0 }; /* the last kept ones */

    for (size_t i = 0; i < list->n;) {
        struct entity *e = &list->items[i];

        if ((quote.length && conflict(&quote, e)) ||
            (link.length && conflict(&link, e))) {
            entities_remove(list, i);
            continue;
        }
        if (is_inline(e))
            link = *e;
        else
            quote = *e;
        i++;
    }
}

struct canvas {
    unsigned char *mask; /* styles over each unit */
    unsigned char *cut;  /* every style ends before this unit */
    int units;
};

static void split_styles(struct entity_list *list, struct canvas *c)
{
    for (size_t i = list->n; i-- > 0;) {
        struct entity *e = &list->items[i];

        if (class_of(e) != CLASS_STYLE)
            continue;
        for (int at = e->offset; at < end_of(e); at++)
            c->mask[at] |= (unsigned char)(1 << (e->type - ENTITY_BOLD));
        entities_remove(list, i);
    }
}

static void cut_at_borders(const struct entity_list *list, struct canvas *c)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct entity *e = &list->items[i];

        c->cut[e->offset] = c->cut[end_of(e)] = 1;
        if (class_of(e) == CLASS_CODE)
            memset(c->mask + e->offset, 0, (size_t)e->length);
    }
    for (int at = 1; at < c->units; at++)
        if (c->mask[at] & ~c->mask[at - 1])
            c->cut[at] = 1;
}

static void read_styles(struct entity_list *list, const struct canvas *c)
{
    for (int type = ENTITY_BOLD; type <= ENTITY_SPOILER; type++) {
        int bit = 1 << (type - ENTITY_BOLD), begin = -1;

        for (int at = 0; at <= c->units; at++) {
            bool in = at < c->units && (c->mask[at] & bit);

            if (begin >= 0 && (!in || c->cut[at])) {
                entities_add(list, (enum entity_type)type, begin, at - begin);
                begin = -1;
            }
            if (in && begin < 0)
                begin = at;
        }
    }
}

void entities_fix(struct entity_list *list)
{
    struct canvas c = { 0 };

    remove_empty(list);
    if (!list->n)
        return;
    for (size_t i = 0; i < list->n; i++)
        if (end_of(&list->items[i]) > c.units)
            c.units = end_of(&list->items[i]);
    c.mask = xalloc((size_t)c.units + 1);
    c.cut = xalloc((size_t)c.units + 1);
    split_styles(list, &c);
    sort(list);
    drop_conflicts(list);
    cut_at_borders(list, &c);
    read_styles(list, &c);
    sort(list);
    free(c.mask);
    free(c.cut);
}

/* Does a found entity lose against e? */
static bool loses(const struct entity *found, const struct entity *e)
{
    bool apart = end_of(found) <= e->offset || end_of(e) <= found->offset;
    bool inside = e->offset <= found->offset && end_of(found) <= end_of(e);

    if (apart || class_of(e) == CLASS_STYLE)
        return false;
    return class_of(e) != CLASS_QUOTE || !inside;
}

void entities_merge(struct entity_list *list, struct entity_list *found)
{
    size_t given = list->n;

    for (size_t k = 0; k < found->n; k++) {
        bool lost = false;

        for (size_t i = 0; i < given && !lost; i++)
            lost = loses(&found->items[k], &list->items[i]);
        if (!lost)
            entities_add(list, found->items[k].type, found->items[k].offset,
                         found->items[k].length);
    }
    entities_release(found);
    if (list->n > given)
        entities_fix(list);
}

/* Positions in the text before and after bytes were taken out. */
static void remap(struct entity_list *list, const int *to)
{
    for (size_t i = 0; i < list->n; i++) {
        struct entity *e = &list->items[i];
        int end = to[end_of(e)];

        e->offset = to[e->offset];
        e->length = end - e->offset;
    }
}

/* 3 for an invisible U+2028 … U+202E at p, which Telegram takes out, else 0. */
static size_t invisible(const char *p, size_t n)
{
    return n >= 3 && memcmp(p, "\xE2\x80", 2) == 0 &&
                   (unsigned char)p[2] >= 0xA8 && (unsigned char)p[2] <= 0xAE
               ? 3
               : 0;
}

static void strip_control(struct buf *text, struct entity_list *list)
{
    struct buf out = BUF_INIT;
    int *to = xalloc((utf16_length(buf_slice(text)) + 1) * sizeof(*to));
    int from = 0, units = 0;

    for (size_t i = 0; i < text->len;) {
        char c = text->data[i];
        size_t gone = c == '\r' ? 1 : invisible(text->data + i, text->len - i);

        for (int k = 0; k < (gone ? 1 : utf16_units(c)); k++)
            to[from++] = units + k;
        i += gone ? gone : 1;
        if (gone)
            continue;
        units += utf16_units(c);
        buf_addc(&out, (unsigned char)c < ' ' && c != '\n' ? ' ' : c);
    }
    to[from] = units;
    remap(list, to);
    remove_empty(list);
    buf_move(text, &out);
    free(to);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n';
}

/* blank[at]: is the UTF-16 unit white space? */
static char *blanks_of(const struct buf *text, int *units)
{
    char *blank = xalloc(utf16_length(buf_slice(text)) + 1);
    int at = 0;

    for (size_t i = 0; i < text->len; i++)
        for (int k = utf16_units(text->data[i]); k > 0; k--)
            blank[at++] = is_blank(text->data[i]);
    *units = at;
    return blank;
}

/* Entities do not begin with white space and are not made of it; those that
 * carry something unseen may. */
static void shrink(struct entity_list *list, const char *blank, int first,
                   int end)
{
    for (size_t i = 0; i < list->n; i++) {
        struct entity *e = &list->items[i];
        bool hidden =
            e->type == ENTITY_TEXT_LINK || e->type == ENTITY_TEXT_MENTION;

        while (e->length > 0 && (!hidden || e->offset < first) &&
               blank[e->offset]) {
            e->offset++;
            e->length--;
        }
        if (end_of(e) > end)
            e->length = end - e->offset;
        e->offset -= first;
    }
    remove_empty(list);
}

void entities_clean(struct buf *text, struct entity_list *list)
{
    int units, first = 0;
    size_t begin = 0, end;
    char *blank;

    strip_control(text, list);
    blank = blanks_of(text, &units);
    for (end = text->len; end > 0 && is_blank(text->data[end - 1]); end--)
        units--;
    while (begin < end && is_blank(text->data[begin]))
        begin++;
    first = (int)begin; /* blanks are one unit each */
    shrink(list, blank, first, units);
    text->len = end;
    text->data[end] = '\0';
    if (begin) {
        memmove(text->data, text->data + begin, end - begin + 1);
        text->len -= begin;
    }
    free(blank);
    entities_fix(list);
}
