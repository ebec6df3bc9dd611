/* merge.c - see merge.h. */
#include "config/merge.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "config/diff.h"

/* An element of a list, or a member of an object. */
struct item {
    struct slice key; /* raw; SLICE_NONE in a list */
    struct slice value;
    uint64_t hash;       /* of what it is known by: the value, or the key */
    struct item *same;   /* the other side's, or NULL */
    struct slice before; /* of what changed: its value before, or SLICE_NONE */
};

struct items {
    struct item *list; /* in the order of the text */
    size_t n;
};

/* --- hashes: what means the same has the same -------------------------------------- */

#define HASH_SEED 0xcbf29ce484222325u

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t n)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < n; i++)
        hash = (hash ^ p[i]) * 0x100000001b3u; /* FNV-1a */
    return hash;
}

static uint64_t hash_text(struct slice raw)
{
    struct buf text = BUF_INIT;
    uint64_t hash;

    json_add_unescaped(&text, raw);
    hash = hash_bytes(HASH_SEED, text.data, text.len);
    buf_release(&text);
    return hash;
}

static uint64_t hash_number(struct slice value)
{
    double d = 0;

    json_to_double(value, &d);
    if (d == 0)
        d = 0; /* -0.0 is the same number */
    return hash_bytes(HASH_SEED, &d, sizeof(d));
}

static uint64_t hash_value(struct slice value)
{
    enum json_kind kind = json_kind(value);
    uint64_t hash = HASH_SEED + (uint64_t)kind;
    struct json_iter it;

    if (kind == JSON_STRING)
        return hash_text(json_raw(value));
    if (kind == JSON_NUMBER)
        return hash_number(value);
    if (kind == JSON_BOOL)
        return hash + json_is_true(value) * 16u;
    json_iter_init(&it, value);
    while (json_iter_next(&it)) {
        uint64_t part = hash_value(it.value);

        if (kind == JSON_OBJECT) /* in any order */
            hash += part ^ hash_text(it.key);
        else
            hash = hash_bytes(hash, &part, sizeof(part));
    }
    return hash;
}

/* --- items ----------------------------------------------------------------------------- */

static struct items items_of(struct slice value)
{
    struct items items = { NULL, 0 };
    struct json_iter it;
    size_t room = 0;

    json_iter_init(&it, value);
    while (json_iter_next(&it)) {
        if (items.n == room) {
            room = room ? room * 2 : 16;
            items.list = xrealloc(items.list, room * sizeof(*items.list));
        }
        items.list[items.n++] = (struct item){
            .key = it.key,
            .value = it.value,
            .hash = it.key.p ? hash_text(it.key) : hash_value(it.value),
        };
    }
    return items;
}

static bool is_same(const struct item *a, const struct item *b)
{
    struct buf x = BUF_INIT, y = BUF_INIT;
    bool same;

    if (a->hash != b->hash || !a->key.p != !b->key.p)
        return false;
    if (!a->key.p)
        return json_same(a->value, b->value);
    json_add_unescaped(&x, a->key);
    json_add_unescaped(&y, b->key);
    same = x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
    buf_release(&x);
    buf_release(&y);
    return same;
}

struct place {
    struct item *item;
    size_t taken; /* of the places from here on: so many have found theirs */
};

static int by_hash(const void *a, const void *b)
{
    const struct item *x = ((const struct place *)a)->item,
                      *y = ((const struct place *)b)->item;

    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x < y ? -1 : x > y; /* and the first of the same first */
}

static size_t first_place(const struct place *places, size_t n, uint64_t hash)
{
    size_t low = 0;

    while (low < n) {
        size_t middle = low + (n - low) / 2;

        if (places[middle].item->hash < hash)
            low = middle + 1;
        else
            n = middle;
    }
    return low;
}

static void find_same(struct item *item, struct place *places, size_t n)
{
    size_t first = first_place(places, n, item->hash), at;

    if (first == n)
        return;
    for (at = first + places[first].taken; at < n; at++) {
        struct item *other = places[at].item;

        if (other->hash != item->hash)
            return;
        if (!other->same && is_same(item, other)) {
            item->same = other;
            other->same = item;
            if (at == first + places[first].taken)
                places[first].taken++;
            return;
        }
    }
}

/* Find for each of a its like in b that is nobody else's yet. What was found before
 * is forgotten. */
static void pair(struct items *a, struct items *b)
{
    struct place *places = xalloc((b->n + 1) * sizeof(*places));

    for (size_t i = 0; i < a->n; i++)
        a->list[i].same = NULL;
    for (size_t i = 0; i < b->n; i++) {
        b->list[i].same = NULL;
        places[i].item = &b->list[i];
    }
    qsort(places, b->n, sizeof(*places), by_hash);
    for (size_t i = 0; i < a->n; i++)
        find_same(&a->list[i], places, b->n);
    free(places);
}

/* --- merging ----------------------------------------------------------------------------- */

/* Those that have no like, in their order. */
static struct items alone(const struct items *items)
{
    struct items out = { xalloc((items->n + 1) * sizeof(struct item)), 0 };

    for (size_t i = 0; i < items->n; i++)
        if (!items->list[i].same)
            out.list[out.n++] = items->list[i];
    return out;
}

static void add_item(struct buf *out, const struct item *item,
                     struct slice value)
{
    char last = out->data[out->len - 1];

    if (last != '[' && last != '{')
        buf_addc(out, ',');
    if (item->key.p)
        buf_addf(out, "\"%.*s\":", (int)item->key.n, item->key.p);
    buf_add_slice(out, value);
}

static void merge_lists(struct items *before, struct items *mine,
                        struct items *theirs, struct buf *out)
{
    struct items removed, added;

    pair(before, mine);
    removed = alone(before);
    added = alone(mine);
    pair(&removed, theirs);
    for (size_t i = 0; i < theirs->n; i++)
        if (!theirs->list[i].same)
            add_item(out, &theirs->list[i], theirs->list[i].value);
    for (size_t i = 0; i < added.n; i++)
        add_item(out, &added.list[i], added.list[i].value);
    free(removed.list);
    free(added.list);
}

/* Of what mine has, what it did not have before or has with another value. */
static struct items changed_in(const struct items *mine)
{
    struct items out = { xalloc((mine->n + 1) * sizeof(struct item)), 0 };

    for (size_t i = 0; i < mine->n; i++) {
        struct item item = mine->list[i];

        if (item.same && json_same(item.value, item.same->value))
            continue;
        item.before = item.same ? item.same->value : SLICE_NONE;
        out.list[out.n++] = item;
    }
    return out;
}

static void merge_objects(struct items *before, struct items *mine,
                          struct items *theirs, struct buf *out)
{
    struct items removed, changed, kept;

    pair(mine, before);
    removed = alone(before);
    changed = changed_in(mine);
    pair(&removed, theirs);
    kept = alone(theirs);
    pair(&changed, &kept);
    for (size_t i = 0; i < kept.n; i++) {
        const struct item *item = &kept.list[i], *here = item->same;

        add_item(out, item, here ? SLICE_NONE : item->value);
        if (here)
            config_merge(here->before, here->value, item->value, out);
    }
    for (size_t i = 0; i < changed.n; i++)
        if (!changed.list[i].same)
            add_item(out, &changed.list[i], changed.list[i].value);
    free(removed.list);
    free(changed.list);
    free(kept.list);
}

void config_merge(struct slice before, struct slice mine, struct slice theirs,
                  struct buf *out)
{
    enum json_kind kind = json_kind(mine);
    struct items b, m, t;

    if ((kind != JSON_ARRAY && kind != JSON_OBJECT) || !before.p ||
        json_kind(before) != kind || json_kind(theirs) != kind) {
        buf_add_slice(out, mine);
        return;
    }
    b = items_of(before);
    m = items_of(mine);
    t = items_of(theirs);
    buf_addc(out, kind == JSON_ARRAY ? '[' : '{');
    (kind == JSON_ARRAY ? merge_lists : merge_objects)(&b, &m, &t, out);
    buf_addc(out, kind == JSON_ARRAY ? ']' : '}');
    free(b.list);
    free(m.list);
    free(t.list);
}
