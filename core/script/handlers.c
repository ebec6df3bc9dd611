/* handlers.c - see handlers.h. */
#include "script/handlers.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/metrics.h"

#define HANDLERS_MAX 10000
#define COMMAND_LEN_MAX 32 /* https://core.telegram.org/bots/api#botcommand */

/* The handlers of one command, ascending. */
struct command_entry {
    char *name; /* the handler's */
    int *numbers, n;
    UT_hash_handle hh;
};

static void handler_release(struct handler *h)
{
    free(h->what);
    free(h->source);
    free(h->command);
    free(h->description);
    free(h->field);
    free(h->entity);
    free(h->pattern);
}

void handlers_release(struct handlers *hs)
{
    struct command_entry *e, *next;

    HASH_ITER (hh, hs->commands, e, next) {
        HASH_DEL(hs->commands, e);
        free(e->numbers);
        free(e);
    }
    for (int i = 0; i < hs->n; i++)
        handler_release(&hs->list[i]);
    for (int kind = 0; kind <= UPDATE_KINDS; kind++)
        free(hs->by_kind[kind]);
    free(hs->list);
    *hs = (struct handlers){ 0 };
}

static void append(int **list, int *n, int number)
{
    *list = xrealloc(*list, (size_t)(*n + 1) * sizeof(**list));
    (*list)[(*n)++] = number;
}

static size_t file_length(const char *source)
{
    return strcspn(source, ":");
}

static bool add_command(struct handlers *hs, const struct handler *h,
                        int number, struct err *err)
{
    struct command_entry *e;
    size_t file = file_length(h->source);

    HASH_FIND_STR(hs->commands, h->command, e);
    if (e && (strncmp(hs->list[e->numbers[0]].source, h->source, file + 1))) {
        err_set(err, ERR_SCRIPT, "the command /%s is already taken by %s",
                h->command, hs->list[e->numbers[0]].source);
        return false;
    }
    if (!e) {
        e = xalloc(sizeof(*e));
        e->name = h->command;
        HASH_ADD_KEYPTR(hh, hs->commands, e->name, strlen(e->name), e);
    }
    append(&e->numbers, &e->n, number);
    return true;
}

static struct metric handler_seconds = {
    .name = "moonpost_handler_seconds",
    .help = "Time of a handler's runs, waiting included; by the handler that "
            "was entered last.",
    .type = METRIC_HISTOGRAM,
    .labels = { "handler" },
};

int handlers_add(struct handlers *hs, const struct handler *h, struct err *err)
{
    struct handler taken = *h;
    int number = hs->n;

    if (number == HANDLERS_MAX) {
        err_set(err, ERR_SCRIPT, "more than %d handlers", HANDLERS_MAX);
        handler_release(&taken);
        return -1;
    }
    if (h->type == HANDLER_COMMAND && !add_command(hs, h, number, err)) {
        handler_release(&taken);
        return -1;
    }
    taken.seconds = metric_of(&handler_seconds, h->what ? h->what : "");
    hs->list = xrealloc(hs->list, (size_t)(number + 1) * sizeof(*hs->list));
    hs->list[hs->n++] = taken;
    hs->has_use = hs->has_use || h->type == HANDLER_USE;
    if (h->type == HANDLER_COMMAND)
        return number;
    for (int kind = 0; kind <= UPDATE_KINDS; kind++)
        if (h->kinds & (uint64_t)1 << kind)
            append(&hs->by_kind[kind], &hs->by_kind_n[kind], number);
    return number;
}

/* --- matching ------------------------------------------------------------------ */

static bool has_entity(struct slice list, const char *type)
{
    struct json_iter it;

    json_iter_init(&it, list);
    while (json_iter_next(&it))
        if (slice_eq(json_raw(json_get(it.value, "type")), type))
            return true;
    return false;
}

static const char *const media[] = { "photo",      "video",   "document",
                                     "audio",      "voice",   "animation",
                                     "video_note", "sticker", NULL };

static bool has_field(const struct handler *h, struct slice payload)
{
    struct slice value;

    if (strcmp(h->field, "media") == 0 || strcmp(h->field, "file") == 0) {
        for (const char *const *m = media; *m; m++)
            if (json_get(payload, *m).p)
                return true;
        return false;
    }
    if (!*h->field) /* "::url": in the text or the caption */
        return has_entity(json_get(payload, "entities"), h->entity) ||
               has_entity(json_get(payload, "caption_entities"), h->entity);
    value = json_get(payload, h->field);
    return value.p && (!h->entity || has_entity(value, h->entity) ||
                       json_get(value, h->entity).p);
}

static bool may_want(const struct handler *h, const struct update *u)
{
    switch (h->type) {
    case HANDLER_ON: return !h->field || has_field(h, u->payload);
    case HANDLER_HEARS: return u->text.p != NULL;
    case HANDLER_CALLBACK: return u->data.p != NULL;
    default: return true;
    }
}

static const struct command_entry *find_command(const struct handlers *hs,
                                                const struct update *u,
                                                const char *username)
{
    char name[COMMAND_LEN_MAX + 1];
    struct command_entry *e;

    if (!u->command.n || u->command.n > COMMAND_LEN_MAX)
        return NULL;
    if (u->command_bot.n &&
        (strlen(username) != u->command_bot.n ||
         strncasecmp(username, u->command_bot.p, u->command_bot.n) != 0))
        return NULL;
    for (size_t i = 0; i < u->command.n; i++)
        name[i] = (char)tolower((unsigned char)u->command.p[i]);
    name[u->command.n] = '\0';
    HASH_FIND(hh, hs->commands, name, u->command.n, e);
    return e;
}

/* The place of the first number that is from or more. */
static int first_from(const int *numbers, int n, int from)
{
    int i = 0;

    while (i < n && numbers[i] < from)
        i++;
    return i;
}

int handlers_next(const struct handlers *hs, const struct update *u, int from,
                  const char *username)
{
    const struct command_entry *c = find_command(hs, u, username);
    const int *others = hs->by_kind[u->kind];
    int n = hs->by_kind_n[u->kind];
    int i = first_from(others, n, from);
    int j = c ? first_from(c->numbers, c->n, from) : 0;

    while (i < n && !may_want(&hs->list[others[i]], u))
        i++;
    if (c && j < c->n && (i == n || c->numbers[j] < others[i]))
        return c->numbers[j];
    return i < n ? others[i] : -1;
}

/* --- filters ---------------------------------------------------------------------- */

bool is_plain_text(const char *pattern)
{
    return !strpbrk(pattern, "^$*+?.([%-");
}

static uint64_t bit(enum update_kind kind)
{
    return (uint64_t)1 << kind;
}

static int distance(const char *a, size_t n, const char *b)
{
    int row[64], m = (int)strlen(b);

    if (n >= ARRAY_LEN(row) || (size_t)m >= ARRAY_LEN(row))
        return 100;
    for (int j = 0; j <= m; j++)
        row[j] = j;
    for (int i = 1; i <= (int)n; i++) {
        int diagonal = row[0];

        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int up = row[j], best = diagonal + (a[i - 1] != b[j - 1]);

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

static bool unknown_kind(struct slice kind, struct err *err)
{
    int best = 0, best_distance = 100;

    for (int k = 0; k < UPDATE_KINDS; k++) {
        int d = distance(kind.p, kind.n, update_kind_name((enum update_kind)k));

        if (d < best_distance) {
            best = k;
            best_distance = d;
        }
    }
    return err_set(err, ERR_SCRIPT,
                   "unknown kind of update \"%.*s\"; did you mean \"%s\"?",
                   (int)kind.n, kind.p,
                   update_kind_name((enum update_kind)best));
}

static bool parse_kind(struct handler *h, struct slice kind, struct err *err)
{
    enum update_kind k = update_kind_find(kind);

    if (kind.n == 0 || slice_eq(kind, "msg"))
        h->kinds = bit(UPDATE_MESSAGE) | bit(UPDATE_CHANNEL_POST);
    else if (slice_eq(kind, "edit"))
        h->kinds = bit(UPDATE_EDITED_MESSAGE) | bit(UPDATE_EDITED_CHANNEL_POST);
    else if (k != UPDATE_KINDS)
        h->kinds = bit(k);
    else
        return unknown_kind(kind, err);
    return true;
}

bool handler_parse_filter(struct handler *h, const char *filter,
                          struct err *err)
{
    size_t n = strcspn(filter, ":");
    const char *rest = filter + n;

    if (!*filter)
        return err_set(err, ERR_SCRIPT, "an empty filter");
    if (!parse_kind(h, (struct slice){ filter, n }, err))
        return false;
    if (!*rest)
        return true;
    n = strcspn(++rest, ":");
    h->field = slice_dup((struct slice){ rest, n });
    rest += n;
    if (*rest)
        h->entity = xstrdup(rest + 1);
    if (h->entity ? !*h->entity : !*h->field)
        return err_set(err, ERR_SCRIPT,
                       "\"%s\": something is missing after the colon", filter);
    return true;
}

bool handlers_gets_kind(const struct handlers *hs, enum update_kind kind)
{
    if (hs->by_kind_n[kind] > 0)
        return true;
    if (kind == UPDATE_CHANNEL_POST)
        return hs->commands != NULL;
    return hs->n > 0 &&
           (kind == UPDATE_MESSAGE || kind == UPDATE_CALLBACK_QUERY);
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
