/* command_lists.c - see command_lists.h. */
#include "bot/command_lists.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"

static void free_list(struct command_list *one)
{
    free(one->scope);
    free(one->commands);
}

void command_lists_release(struct command_lists *lists)
{
    for (int i = 0; i < lists->n; i++)
        free_list(&lists->list[i]);
    free(lists->list);
    *lists = (struct command_lists){ .n = 0 };
}

struct command_list *command_lists_find(const struct command_lists *lists,
                                        const char *scope, const char *language)
{
    for (int i = 0; i < lists->n; i++)
        if (strcmp(lists->list[i].scope, scope) == 0 &&
            strcmp(lists->list[i].language, language) == 0)
            return &lists->list[i];
    return NULL;
}

void command_lists_put(struct command_lists *lists, struct slice scope,
                       struct slice language, struct slice commands)
{
    struct command_list made = { .scope = slice_dup(scope) }, *one;

    if (language.n < sizeof(made.language))
        memcpy(made.language, language.p, language.n);
    one = command_lists_find(lists, made.scope, made.language);
    if (one) {
        free(made.scope);
        free(one->commands);
    } else {
        lists->list = xrealloc(lists->list,
                               (size_t)(lists->n + 1) * sizeof(*lists->list));
        one = &lists->list[lists->n++];
        *one = made;
    }
    one->commands = slice_dup(commands);
}

void command_lists_remove(struct command_lists *lists, struct command_list *one)
{
    free_list(one);
    *one = lists->list[--lists->n];
}

/* --- making them ------------------------------------------------------------------- */

static bool is_shown(const struct command *c)
{
    return c && c->description && !c->hidden;
}

static bool is_in(const struct command *c, struct command_scope list)
{
    for (int i = 0; i < c->nscopes; i++)
        if (command_scope_within(list, c->scopes[i]))
            return true;
    return c->nscopes == 0;
}

/* Is an earlier one of this name in the list already? */
static bool is_in_before(const struct handlers *hs, int number,
                         struct command_scope scope)
{
    const char *name = hs->list[number].command->names[0];

    for (int i = 0; i < number; i++) {
        const struct command *c = hs->list[i].command;

        if (is_shown(c) && strcmp(c->names[0], name) == 0 && is_in(c, scope))
            return true;
    }
    return false;
}

static void add_command(struct buf *out, const struct command *c,
                        const char *language)
{
    buf_addf(out,
             "%s{\"command\":\"%s\",\"description\":", out->len > 1 ? "," : "",
             c->names[0]);
    json_add_text(out, slice_of(command_text_in(c, language)));
    buf_addc(out, '}');
}

static void make_list(struct command_lists *lists, const struct handlers *hs,
                      struct command_scope scope, const char *language)
{
    struct buf json = BUF_INIT, commands = BUF_INIT;
    int n = 0;

    command_scope_add_json(&json, scope);
    buf_addc(&commands, '[');
    for (int i = 0; i < hs->n; i++) {
        const struct command *c = hs->list[i].command;

        if (!is_shown(c) || !is_in(c, scope) || is_in_before(hs, i, scope))
            continue;
        if (n++ == COMMAND_LIST_MAX) {
            lists->too_long = true;
            break;
        }
        add_command(&commands, c, language);
    }
    buf_addc(&commands, ']');
    if (n)
        command_lists_put(lists, buf_slice(&json), slice_of(language),
                          buf_slice(&commands));
    buf_release(&commands);
    buf_release(&json);
}

/* The list for all languages, and those that any of its commands speaks. */
static void make_lists_of(struct command_lists *lists,
                          const struct handlers *hs, struct command_scope scope)
{
    make_list(lists, hs, scope, "");
    for (int i = 0; i < hs->n; i++) {
        const struct command *c = hs->list[i].command;

        if (!is_shown(c) || !is_in(c, scope))
            continue;
        for (int j = 0; j < c->ntexts; j++)
            make_list(lists, hs, scope, c->texts[j].language);
    }
}

void command_lists_make(struct command_lists *lists, const struct handlers *hs)
{
    struct command all = { .nscopes = 0 };

    command_add_scope(&all, (struct command_scope){ .type = SCOPE_DEFAULT });
    for (int i = 0; i < hs->n; i++) {
        const struct command *c = hs->list[i].command;

        for (int j = 0; is_shown(c) && j < c->nscopes; j++)
            command_add_scope(&all, c->scopes[j]);
    }
    for (int i = 0; i < all.nscopes; i++)
        make_lists_of(lists, hs, all.scopes[i]);
    free(all.scopes);
}
