/* filter.c - see filter.h. */
#include "script/filter.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "script/filter_table.h"

#define LEVELS 3

/* --- the nearest ----------------------------------------------------------------- */

int filter_distance(struct slice a, const char *b)
{
    int row[64], m = (int)strlen(b);

    if (a.n >= ARRAY_LEN(row) || (size_t)m >= ARRAY_LEN(row))
        return 100;
    for (int j = 0; j <= m; j++)
        row[j] = j;
    for (int i = 1; i <= (int)a.n; i++) {
        int diagonal = row[0];

        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int up = row[j], best = diagonal + (a.p[i - 1] != b[j - 1]);

            if (up + 1 < best)
                best = up + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
            diagonal = up;
        }
    }
    return row[m];
}

/* The one that comes nearest so far. */
struct nearest {
    struct slice to;
    const char *name;
    int distance;
};

static void consider(struct nearest *best, const char *name)
{
    int d = filter_distance(best->to, name);

    if (best->name && d >= best->distance)
        return;
    best->name = name;
    best->distance = d;
}

/* --- shortcuts ----------------------------------------------------------------------- */

static const struct shortcut {
    const char *name;
    const char *names[FILTER_FIELDS_MAX + 1];
} first_shortcuts[] = {
    { "", { "message", "channel_post" } },
    { "msg", { "message", "channel_post" } },
    { "edit", { "edited_message", "edited_channel_post" } },
}, second_shortcuts[] = {
    { "", { "entities", "caption_entities" } },
    { "media", { "photo", "live_photo", "video" } },
    { "file", { "photo", "live_photo", "animation", "audio", "document",
                "video", "video_note", "voice", "sticker" } },
};

static const struct shortcut *find_shortcut(const struct shortcut *list,
                                            size_t n, struct slice name)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eq(name, list[i].name))
            return &list[i];
    return NULL;
}

/* --- the table ------------------------------------------------------------------------ */

static const struct filter_kind *find_kind(struct slice name)
{
    const struct filter_kind *k = filter_kinds;

    while (k->name && !slice_eq(name, k->name))
        k++;
    return k->name ? k : NULL;
}

static const struct filter_name *find_field(const struct filter_kind *kind,
                                            struct slice name)
{
    const struct filter_name *f = kind->fields;

    while (f->name && !slice_eq(name, f->name))
        f++;
    return f->name ? f : NULL;
}

static const char *find_word(const struct filter_name *field, struct slice word)
{
    const char *const *w = field->words;

    while (w && *w && !slice_eq(word, *w))
        w++;
    return w ? *w : NULL;
}

/* --- reading ---------------------------------------------------------------------------- */

struct reading {
    struct filter *f;
    struct slice parts[LEVELS];
    int n; /* of parts */
    const struct filter_kind
        *kind; /* all that a shortcut means hold the same */
    struct err *err;
};

static bool add_kind(struct reading *r, struct slice name)
{
    enum update_kind k = update_kind_find(name);

    const struct filter_kind *kind = find_kind(name);

    if (!kind || k == UPDATE_KINDS)
        return false;
    r->kind = r->kind ? r->kind : kind;
    r->f->kinds |= (uint64_t)1 << k;
    return true;
}

/* "photo", as others have it, is ":photo" here. */
static bool is_of_messages(struct slice name)
{
    return name.n &&
           (find_field(find_kind(slice_of("message")), name) ||
            find_shortcut(second_shortcuts, ARRAY_LEN(second_shortcuts), name));
}

static bool unknown_kind(struct reading *r)
{
    struct nearest best = { .to = r->parts[0] };

    if (is_of_messages(r->parts[0]))
        return err_set(r->err, ERR_SCRIPT,
                       "unknown kind of update \"%.*s\"; did you mean "
                       "\":%.*s\"?",
                       (int)r->parts[0].n, r->parts[0].p, (int)r->parts[0].n,
                       r->parts[0].p);
    for (const struct filter_kind *k = filter_kinds; k->name; k++)
        consider(&best, k->name);
    for (size_t i = 1; i < ARRAY_LEN(first_shortcuts); i++)
        consider(&best, first_shortcuts[i].name);
    return err_set(r->err, ERR_SCRIPT,
                   "unknown kind of update \"%.*s\"; did you mean \"%s\"?",
                   (int)r->parts[0].n, r->parts[0].p, best.name);
}

static bool read_kind(struct reading *r)
{
    const struct shortcut *s =
        find_shortcut(first_shortcuts, ARRAY_LEN(first_shortcuts), r->parts[0]);

    if (!s)
        return add_kind(r, r->parts[0]) || unknown_kind(r);
    for (const char *const *name = s->names; *name; name++)
        add_kind(r, slice_of(*name));
    return true;
}

/* "…; did you mean "x"?", if anything comes near. */
static bool unknown(struct reading *r, const char *what,
                    const struct nearest *best)
{
    bool near = best->name && best->distance <= 1 + (int)best->to.n / 2;

    return err_set(r->err, ERR_SCRIPT, "%s has no \"%.*s\"%s%s%s", what,
                   (int)best->to.n, best->to.p, near ? "; did you mean \"" : "",
                   near ? best->name : "", near ? "\"?" : "");
}

static bool unknown_field(struct reading *r)
{
    struct nearest best = { .to = r->parts[1] };

    for (const struct filter_name *f = r->kind->fields; f->name; f++)
        consider(&best, f->name);
    if (find_field(r->kind, slice_of("photo")))
        for (size_t i = 1; i < ARRAY_LEN(second_shortcuts); i++)
            consider(&best, second_shortcuts[i].name);
    return unknown(r, r->kind->name, &best);
}

static bool unknown_word(struct reading *r, const struct filter_name *field)
{
    struct nearest best = { .to = r->parts[2] };
    char what[100];

    for (const char *const *w = field->words; w && *w; w++)
        consider(&best, *w);
    snprintf(what, sizeof(what), "%s:%s", r->kind->name, field->name);
    if (!best.name)
        return err_set(r->err, ERR_SCRIPT, "nothing can follow \"%s\"", what);
    return unknown(r, what, &best);
}

/* Can it be this field, with what comes third? */
static bool add_field(struct reading *r, struct slice name,
                      const struct filter_name **field)
{
    const char *word = NULL;

    *field = find_field(r->kind, name);
    if (!*field)
        return false;
    if (r->n == LEVELS) {
        word = find_word(*field, r->parts[2]);
        if (!word)
            return false;
        r->f->third = word;
    }
    r->f->fields[r->f->nfields++] = (*field)->name;
    return true;
}

static bool read_field(struct reading *r)
{
    const struct shortcut *s =
        find_shortcut(second_shortcuts, ARRAY_LEN(second_shortcuts),
                      r->parts[1]);
    const struct filter_name *field = NULL, *any = NULL;

    /* a poll has a field of the name "media" */
    if (!s || find_field(r->kind, r->parts[1]))
        return add_field(r, r->parts[1], &field) ||
               (field ? unknown_word(r, field) : unknown_field(r));
    for (const char *const *name = s->names; *name; name++) {
        add_field(r, slice_of(*name), &field);
        any = any ? any : field;
    }
    if (!any)
        return unknown_field(r);
    return r->f->nfields || unknown_word(r, any);
}

static bool split(struct reading *r, const char *text)
{
    const char *p = text;

    for (;;) {
        size_t n = strcspn(p, ":");

        if (r->n == LEVELS)
            return err_set(r->err, ERR_SCRIPT,
                           "\"%s\" has more than three "
                           "levels",
                           text);
        r->parts[r->n++] = (struct slice){ p, n };
        if (!p[n])
            break;
        p += n + 1;
    }
    if (!*text)
        return err_set(r->err, ERR_SCRIPT, "an empty filter");
    if (r->n > 1 && !r->parts[r->n - 1].n)
        return err_set(r->err, ERR_SCRIPT,
                       "\"%s\": something is missing after the colon", text);
    return true;
}

bool filter_parse(struct filter *f, const char *text, struct err *err)
{
    struct reading r = { .f = f, .err = err };

    *f = (struct filter){ .kinds = 0 };
    return split(&r, text) && read_kind(&r) && (r.n < 2 || read_field(&r));
}

/* --- matching ------------------------------------------------------------------------------- */

/* As JavaScript has it: grammY's filters are JavaScript. */
static bool is_true(struct slice value)
{
    double d;

    switch (json_kind(value)) {
    case JSON_NULL: return false;
    case JSON_BOOL: return json_is_true(value);
    case JSON_NUMBER: return !json_to_double(value, &d) || d != 0;
    case JSON_STRING: return json_raw(value).n > 0;
    default: return true;
    }
}

/* {"type": "url"}, or {"type": {"type": "emoji"}} */
static bool is_of_kind(struct slice object, const char *word)
{
    static const char *const tells[] = { "type", "status", "source", "state" };

    for (size_t i = 0; i < ARRAY_LEN(tells); i++) {
        struct slice kind = json_get(object, tells[i]);

        if (json_kind(kind) == JSON_OBJECT ? is_of_kind(kind, word)
                                           : slice_eq(json_raw(kind), word))
            return true;
    }
    return false;
}

static bool one_takes(const struct filter *f, struct slice value, int64_t me)
{
    int64_t id;

    if (json_kind(value) == JSON_STRING)
        return slice_eq(json_raw(value), f->third);
    if (strcmp(f->third, "me") == 0)
        return json_to_int(json_get(value, "id"), &id) && id == me;
    return is_true(json_get(value, f->third)) || is_of_kind(value, f->third);
}

bool filter_takes(const struct filter *f, struct slice value, int64_t me)
{
    struct json_iter it;

    if (json_kind(value) == JSON_NULL)
        return false;
    if (!f->third)
        return true;
    if (json_kind(value) != JSON_ARRAY)
        return one_takes(f, value, me);
    json_iter_init(&it, value);
    while (json_iter_next(&it))
        if (one_takes(f, it.value, me))
            return true;
    return false;
}

bool filter_matches(const struct filter *f, const struct update *u, int64_t me)
{
    if (!(f->kinds & (uint64_t)1 << u->kind))
        return false;
    for (int i = 0; i < f->nfields; i++)
        if (filter_takes(f, json_get(u->payload, f->fields[i]), me))
            return true;
    return !f->nfields;
}
