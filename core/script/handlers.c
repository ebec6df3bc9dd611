/* handlers.c - see handlers.h: what is registered, and its indexes. */
#include "script/handlers.h"

#include <stdlib.h>
#include <string.h>

#include "base/metrics.h"
#include "script/handlers_int.h"

static uint64_t bit(enum update_kind kind)
{
    return (uint64_t)1 << kind;
}

#define ALL_KINDS (((uint64_t)1 << (UPDATE_KINDS + 1)) - 1)

/* --- a handler ----------------------------------------------------------------- */

void handler_release(struct handler *h)
{
    free(h->what);
    free(h->source);
    command_free(h->command);
    free(h->filters);
    for (int i = 0; i < h->ntriggers; i++) {
        free(h->triggers[i].text);
        free(h->triggers[i].hint);
    }
    free(h->triggers);
}

void handler_add_trigger(struct handler *h, const char *text, bool plain)
{
    struct trigger *t;

    h->triggers = xrealloc(h->triggers,
                           (size_t)(h->ntriggers + 1) * sizeof(*h->triggers));
    t = &h->triggers[h->ntriggers++];
    *t = (struct trigger){ .text = xstrdup(text), .plain = plain };
    if (plain)
        return;
    t->hint = xalloc(sizeof(*t->hint));
    pattern_hint_of(t->hint, text);
}

void handler_add_filter(struct handler *h, const struct filter *f)
{
    h->filters =
        xrealloc(h->filters, (size_t)(h->nfilters + 1) * sizeof(*h->filters));
    h->filters[h->nfilters++] = *f;
    h->kinds |= f->kinds;
}

bool is_plain_text(const char *pattern)
{
    return !strpbrk(pattern, "^$*+?.([%-");
}

/* --- indexes -------------------------------------------------------------------- */

static void append(struct numbers *numbers, int number)
{
    if (numbers->n && numbers->list[numbers->n - 1] == number)
        return; /* two of one handler's filters */
    numbers->list = xrealloc(numbers->list,
                             (size_t)(numbers->n + 1) * sizeof(*numbers->list));
    numbers->list[numbers->n++] = number;
}

static struct entry *entry_of(struct entry **entries, const char *text)
{
    struct entry *e;

    HASH_FIND_STR(*entries, text, e);
    if (e)
        return e;
    e = xalloc(sizeof(*e));
    e->text = xstrdup(text);
    HASH_ADD_KEYPTR(hh, *entries, e->text, strlen(e->text), e);
    return e;
}

static void free_entries(struct entry **entries)
{
    struct entry *e, *next;

    HASH_ITER (hh, *entries, e, next) {
        HASH_DEL(*entries, e);
        free(e->text);
        free(e->numbers.list);
        free(e);
    }
}

static struct entry *field_entry(struct handlers *hs, const char *name)
{
    unsigned n = HASH_COUNT(hs->fields);
    struct entry *e = entry_of(&hs->fields, name);

    if (HASH_COUNT(hs->fields) == n)
        return e;
    e->number = hs->nfields++;
    hs->field = xrealloc(hs->field, (size_t)hs->nfields * sizeof(*hs->field));
    hs->field[e->number] = e;
    return e;
}

static void index_by_kind(struct handlers *hs, uint64_t kinds, int number)
{
    for (int kind = 0; kind <= UPDATE_KINDS; kind++)
        if (kinds & bit((enum update_kind)kind))
            append(&hs->by_kind[kind], number);
}

static void index_filters(struct handlers *hs, const struct handler *h,
                          int number)
{
    for (int i = 0; i < h->nfilters; i++) {
        struct filter *f = &h->filters[i];

        for (int j = 0; j < f->nfields; j++) {
            struct entry *e = field_entry(hs, f->fields[j]);

            f->slots[j] = e->number;
            append(&e->numbers, number);
        }
        if (!f->nfields)
            index_by_kind(hs, f->kinds & h->kinds, number);
    }
}

static void index_triggers(struct handlers *hs, const struct handler *h,
                           int number)
{
    bool others = !h->ntriggers;

    for (int i = 0; i < h->ntriggers; i++) {
        const struct trigger *t = &h->triggers[i];
        size_t n = strlen(t->text);

        if (!t->plain) {
            others = true;
            continue;
        }
        append(&entry_of(&hs->texts[h->type], t->text)->numbers, number);
        if (n > hs->text_max[h->type])
            hs->text_max[h->type] = n;
    }
    if (others)
        index_by_kind(hs, h->kinds, number);
}

static void index_handler(struct handlers *hs, const struct handler *h,
                          int number)
{
    if (h->type == HANDLER_COMMAND)
        for (int i = 0; i < h->command->n; i++)
            append(&entry_of(&hs->commands, h->command->names[i])->numbers,
                   number);
    else if (h->type == HANDLER_ON)
        index_filters(hs, h, number);
    else if (h->type >= HANDLER_HEARS)
        index_triggers(hs, h, number);
    else
        index_by_kind(hs, h->kinds, number);
    hs->wanted |= h->kinds;
    if (h->type != HANDLER_COMMAND)
        hs->wanted_more |= h->kinds;
}

/* --- adding ------------------------------------------------------------------------ */

/* In another file? With conditions of its own each of them may have it. */
static bool are_rivals(const struct handler *a, const struct handler *b)
{
    size_t file = strcspn(a->source, ":");

    return strncmp(a->source, b->source, file + 1) != 0 &&
           (a->group == b->group || !a->group || !b->group);
}

static bool check_names(const struct handlers *hs, const struct handler *h,
                        struct err *err)
{
    for (int i = 0; i < h->command->n; i++) {
        const char *name = h->command->names[i];
        struct entry *e;

        HASH_FIND_STR(hs->commands, name, e);
        for (int j = 0; e && j < e->numbers.n; j++) {
            const struct handler *other = &hs->list[e->numbers.list[j]];

            if (are_rivals(h, other))
                return err_set(err, ERR_SCRIPT,
                               "the command /%s is already taken by %s", name,
                               other->source);
        }
    }
    return true;
}

/* Would h ever get a command that this one, which comes first, takes, too? */
static bool covers(const struct handler *first, const struct handler *h)
{
    return !first->wants_next && (!first->group || first->group == h->group);
}

static void add_covered(const struct handlers *hs, int number, const char *name,
                        struct buf *out)
{
    const struct handler *h = &hs->list[number];
    struct entry *e;

    HASH_FIND_STR(hs->commands, name, e);
    for (int i = 0; e && i < e->numbers.n && e->numbers.list[i] < number; i++) {
        const struct handler *first = &hs->list[e->numbers.list[i]];
        const char *line = strrchr(first->source, ':');

        if (!covers(first, h))
            continue;
        buf_addf(out,
                 "/%s of %s comes after that of line %s, and runs only if that "
                 "one calls next()\n",
                 name, h->source, line ? line + 1 : "?");
        return;
    }
}

void handlers_add_covered(const struct handlers *hs, struct buf *out)
{
    for (int i = 0; i < hs->n; i++)
        for (int j = 0; hs->list[i].command && j < hs->list[i].command->n; j++)
            add_covered(hs, i, hs->list[i].command->names[j], out);
}

static bool check(const struct handlers *hs, const struct handler *h,
                  struct err *err)
{
    if (hs->n == HANDLERS_MAX)
        return err_set(err, ERR_SCRIPT, "more than %d handlers", HANDLERS_MAX);
    if (!h->kinds)
        return err_set(err, ERR_SCRIPT,
                       "no update can be for this: those that its group, at "
                       "%s, takes are of other kinds",
                       handlers_group(hs, h->group)->source);
    return h->type != HANDLER_COMMAND || check_names(hs, h, err);
}

static struct metric handler_seconds = {
    .name = "moonpost_handler_seconds",
    .help = "Time of a handler's runs, waiting included; by the handler that "
            "was entered last.",
    .type = METRIC_HISTOGRAM,
    .labels = { "handler" },
};

int handlers_add(struct handlers *hs, struct handler *h, struct err *err)
{
    int number = hs->n;

    if (h->group)
        h->kinds &= handlers_group(hs, h->group)->kinds;
    if (!check(hs, h, err)) {
        handler_release(h);
        return -1;
    }
    h->seconds = metric_of(&handler_seconds, h->what ? h->what : "");
    hs->list = xrealloc(hs->list, (size_t)(number + 1) * sizeof(*hs->list));
    hs->list[hs->n++] = *h;
    index_handler(hs, h, number);
    return number;
}

/* --- groups ------------------------------------------------------------------------- */

const struct group *handlers_group(const struct handlers *hs, int number)
{
    return number ? &hs->groups[number - 1] : NULL;
}

/* What its parent says holds for it, too. */
static void inherit(const struct handlers *hs, struct group *g)
{
    const struct group *parent = handlers_group(hs, g->parent);

    g->kinds = parent ? parent->kinds : ALL_KINDS;
    if (g->non) {
        uint64_t kinds = 0;

        for (int i = 0; i < g->non; i++)
            kinds |= g->on[i].kinds;
        g->kinds &= kinds;
    }
    g->asks = g->admin != ADMIN_ANY || g->rights || g->has_when ||
              (parent && parent->asks);
}

int handlers_add_group(struct handlers *hs, struct group *g, struct err *err)
{
    inherit(hs, g);
    if (!g->kinds || hs->ngroups == GROUPS_MAX) {
        if (g->kinds)
            err_set(err, ERR_SCRIPT, "more than %d groups", GROUPS_MAX);
        else
            err_set(err, ERR_SCRIPT,
                    "no update can be for this: those that the group around "
                    "it, at %s, takes are of other kinds",
                    handlers_group(hs, g->parent)->source);
        group_release(g);
        return 0;
    }
    for (int i = 0; i < g->non; i++)
        for (int j = 0; j < g->on[i].nfields; j++)
            g->on[i].slots[j] = field_entry(hs, g->on[i].fields[j])->number;
    hs->groups =
        xrealloc(hs->groups, (size_t)(hs->ngroups + 1) * sizeof(*hs->groups));
    hs->groups[hs->ngroups++] = *g;
    return hs->ngroups;
}

/* --- all of it ------------------------------------------------------------------------ */

void handlers_release(struct handlers *hs)
{
    for (int i = 0; i < hs->n; i++)
        handler_release(&hs->list[i]);
    for (int i = 0; i < hs->ngroups; i++)
        group_release(&hs->groups[i]);
    for (int kind = 0; kind <= UPDATE_KINDS; kind++)
        free(hs->by_kind[kind].list);
    for (int type = 0; type < HANDLER_TYPES; type++)
        free_entries(&hs->texts[type]);
    free_entries(&hs->commands);
    free_entries(&hs->fields);
    free(hs->field);
    free(hs->list);
    free(hs->groups);
    *hs = (struct handlers){ 0 };
}

bool handlers_want(const struct handlers *hs, enum update_kind kind)
{
    return hs->wanted_more & bit(kind);
}

bool handlers_gets_kind(const struct handlers *hs, enum update_kind kind)
{
    return hs->wanted & bit(kind) ||
           (hs->n > 0 &&
            (kind == UPDATE_MESSAGE || kind == UPDATE_CALLBACK_QUERY));
}

void handlers_add_allowed(const struct handlers *hs, struct buf *out)
{
    bool first = true;

    buf_addc(out, '[');
    for (int kind = 0; kind < UPDATE_KINDS; kind++) {
        if (!handlers_gets_kind(hs, (enum update_kind)kind))
            continue;
        buf_addf(out, "%s\"%s\"", first ? "" : ",",
                 update_kind_name((enum update_kind)kind));
        first = false;
    }
    buf_addc(out, ']');
}
