/*
 * handlers_find.c - which handler an update is for; see handlers.h.
 *
 * One look at an update finds the lowest number in lists that are each in order.
 * What is looked at in the update is looked at once, and only if a list needs it:
 * its fields in one pass, its text unescaped, each group's conditions.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "script/handlers_int.h"

enum answer { UNKNOWN, YES, NO };

struct look {
    const struct handlers *hs;
    const struct update *u;
    int from, best;       /* best: the lowest number so far, or INT_MAX */
    struct slice *fields; /* by their numbers; SLICE_NONE: not there */
    uint8_t *groups;      /* enum answer */
    enum handler_type subject_type;
    struct slice subject; /* unescaped, once has_text */
    bool has_text;
    struct buf unescaped;
};

static uint64_t bit(enum update_kind kind)
{
    return (uint64_t)1 << kind;
}

/* --- what the update has --------------------------------------------------------- */

struct slice handlers_subject(const struct update *u, enum handler_type *type)
{
    *type = HANDLER_HEARS;
    switch (u->kind) {
    case UPDATE_MESSAGE:
    case UPDATE_CHANNEL_POST: return u->text;
    case UPDATE_CALLBACK_QUERY:
        *type = u->data.p ? HANDLER_CALLBACK : HANDLER_GAME;
        return u->data.p ? u->data
                         : json_raw(json_get(u->payload, "game_short_name"));
    case UPDATE_INLINE_QUERY:
        *type = HANDLER_INLINE;
        return json_raw(json_get(u->payload, "query"));
    case UPDATE_CHOSEN_INLINE_RESULT:
        *type = HANDLER_CHOSEN;
        return json_raw(json_get(u->payload, "result_id"));
    case UPDATE_SHIPPING_QUERY:
    case UPDATE_PRE_CHECKOUT_QUERY:
        *type = HANDLER_INVOICE;
        return json_raw(json_get(u->payload, "invoice_payload"));
    default: return SLICE_NONE;
    }
}

/* All fields that any filter asks for, in one pass. */
static void find_fields(struct look *look)
{
    struct json_iter it;
    struct entry *e;

    json_iter_init(&it, look->u->payload);
    while (json_iter_next(&it)) {
        HASH_FIND(hh, look->hs->fields, it.key.p, it.key.n, e);
        if (e)
            look->fields[e->number] = it.value;
    }
}

static struct slice text_of(struct look *look)
{
    struct slice raw = look->subject;

    if (look->has_text)
        return raw;
    look->has_text = true;
    if (raw.n && memchr(raw.p, '\\', raw.n)) {
        json_add_unescaped(&look->unescaped, raw);
        look->subject = buf_slice(&look->unescaped);
    }
    return look->subject;
}

/* --- does a handler want it? ------------------------------------------------------- */

static bool takes_filter(const struct look *look, const struct filter *f)
{
    if (!(f->kinds & bit(look->u->kind)))
        return false;
    for (int i = 0; i < f->nfields; i++)
        if (filter_takes(f, look->fields[f->slots[i]], look->hs->me))
            return true;
    return !f->nfields;
}

static bool takes_one_filter(const struct look *look, const struct filter *list,
                             int n)
{
    for (int i = 0; i < n; i++)
        if (takes_filter(look, &list[i]))
            return true;
    return n == 0;
}

static bool is_in_group(struct look *look, int number)
{
    const struct group *g = handlers_group(look->hs, number);
    uint8_t *answer;

    if (!g)
        return true;
    answer = &look->groups[number - 1];
    if (*answer == UNKNOWN)
        *answer = is_in_group(look, g->parent) && group_takes(g, look->u) &&
                          takes_one_filter(look, g->on, g->non)
                      ? YES
                      : NO;
    return *answer == YES;
}

/* Could any of its patterns match? Which does, only Lua knows. */
static bool may_match(struct look *look, const struct handler *h)
{
    if (!look->subject.p || h->type != look->subject_type)
        return false;
    for (int i = 0; i < h->ntriggers; i++)
        if (!h->triggers[i].plain &&
            pattern_hint_allows(h->triggers[i].hint, text_of(look)))
            return true;
    return h->ntriggers == 0;
}

static bool has_reaction(struct slice list, struct slice wanted)
{
    struct json_iter it;

    json_iter_init(&it, list);
    while (json_iter_next(&it)) {
        static const char *const names[] = { "emoji", "custom_emoji_id" };
        struct buf name = BUF_INIT;
        bool eq = slice_eq(wanted, "paid") &&
                  slice_eq(json_raw(json_get(it.value, "type")), "paid");

        for (size_t i = 0; !eq && i < ARRAY_LEN(names); i++) {
            buf_reset(&name);
            eq = json_to_text(json_get(it.value, names[i]), &name) &&
                 name.len == wanted.n &&
                 memcmp(name.data, wanted.p, wanted.n) == 0;
        }
        buf_release(&name);
        if (eq)
            return true;
    }
    return false;
}

/* Is one of them new? Without any named: is there a new one at all? */
static bool adds_reaction(const struct handler *h, struct slice payload)
{
    struct slice old = json_get(payload, "old_reaction"),
                 now = json_get(payload, "new_reaction");
    struct json_iter it;

    for (int i = 0; i < h->ntriggers; i++) {
        struct slice wanted = slice_of(h->triggers[i].text);

        if (has_reaction(now, wanted) && !has_reaction(old, wanted))
            return true;
    }
    json_iter_init(&it, now);
    while (!h->ntriggers && json_iter_next(&it)) {
        struct buf name = BUF_INIT;
        bool is_new;

        if (!json_to_text(json_get(it.value, "emoji"), &name) &&
            !json_to_text(json_get(it.value, "custom_emoji_id"), &name))
            buf_adds(&name, "paid");
        is_new = !has_reaction(old, buf_slice(&name));
        buf_release(&name);
        if (is_new)
            return true;
    }
    return false;
}

/* Besides what the list that it was found in says. */
static bool wants(struct look *look, const struct handler *h)
{
    switch (h->type) {
    case HANDLER_ON:
        if (!takes_one_filter(look, h->filters, h->nfilters))
            return false;
        break;
    case HANDLER_REACTION:
        if (!adds_reaction(h, look->u->payload))
            return false;
        break;
    default: break;
    }
    return (h->kinds & bit(look->u->kind)) && is_in_group(look, h->group);
}

/* --- the lists ------------------------------------------------------------------------ */

/* The place of the first number that is from or more. */
static int first_from(const struct numbers *numbers, int from)
{
    int low = 0, high = numbers->n;

    if (from == 0)
        return 0;
    while (low < high) {
        int middle = low + (high - low) / 2;

        if (numbers->list[middle] < from)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* patterns: it is the list of those that may have some. */
static void try(struct look *look, const struct numbers *numbers, bool patterns)
{
    for (int i = first_from(numbers, look->from); i < numbers->n; i++) {
        int number = numbers->list[i];
        const struct handler *h = &look->hs->list[number];

        if (number >= look->best)
            return;
        if (patterns && h->type >= HANDLER_HEARS && !may_match(look, h))
            continue;
        if (wants(look, h)) {
            look->best = number;
            return;
        }
    }
}

static void try_command(struct look *look, const char *username)
{
    const struct update *u = look->u;
    char name[COMMAND_LEN_MAX + 1];
    struct entry *e;

    if (!u->command.n || u->command.n > COMMAND_LEN_MAX)
        return;
    if (u->command_bot.n &&
        (strlen(username) != u->command_bot.n ||
         strncasecmp(username, u->command_bot.p, u->command_bot.n) != 0))
        return;
    for (size_t i = 0; i < u->command.n; i++)
        name[i] = (char)tolower((unsigned char)u->command.p[i]);
    HASH_FIND(hh, look->hs->commands, name, u->command.n, e);
    if (e)
        try(look, &e->numbers, false);
}

static void try_plain_text(struct look *look)
{
    struct entry *texts = look->hs->texts[look->subject_type], *e;
    size_t max = look->hs->text_max[look->subject_type];
    struct slice text;

    /* an escape is at most six bytes for one */
    if (!texts || !look->subject.p || look->subject.n > 6 * max)
        return;
    text = text_of(look);
    if (text.n > max)
        return;
    HASH_FIND(hh, texts, text.p ? text.p : "", text.n, e);
    if (e)
        try(look, &e->numbers, false);
}

static void try_fields(struct look *look)
{
    const struct handlers *hs = look->hs;

    for (int i = 0; i < hs->nfields; i++)
        if (look->fields[i].p && hs->field[i]->numbers.n)
            try(look, &hs->field[i]->numbers, false);
}

int handlers_next(const struct handlers *hs, const struct update *u, int from,
                  const char *username)
{
    struct slice fields[hs->nfields + 1];
    uint8_t groups[hs->ngroups + 1];
    struct look look = { .hs = hs,
                         .u = u,
                         .from = from,
                         .best = INT_MAX,
                         .fields = fields,
                         .groups = groups,
                         .unescaped = BUF_INIT };

    if (from >= hs->n || !(hs->wanted & bit(u->kind)))
        return -1;
    memset(fields, 0, sizeof(fields));
    memset(groups, UNKNOWN, sizeof(groups));
    look.subject = handlers_subject(u, &look.subject_type);
    if (hs->nfields)
        find_fields(&look);
    try_command(&look, username);
    try_plain_text(&look);
    try_fields(&look);
    try(&look, &hs->by_kind[u->kind], true);
    buf_release(&look.unescaped);
    return look.best < INT_MAX ? look.best : -1;
}
