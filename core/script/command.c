/* command.c - see command.h. */
#include "script/command.h"

#include <stdlib.h>
#include <string.h>

void command_free(struct command *c)
{
    if (!c)
        return;
    for (int i = 0; i < c->n; i++)
        free(c->names[i]);
    for (int i = 0; i < c->ntexts; i++)
        free(c->texts[i].text);
    free(c->names);
    free(c->texts);
    free(c->scopes);
    free(c->description);
    free(c);
}

void command_add_name(struct command *c, const char *name)
{
    c->names = xrealloc(c->names, (size_t)(c->n + 1) * sizeof(*c->names));
    c->names[c->n++] = xstrdup(name);
}

static bool scope_eq(struct command_scope a, struct command_scope b)
{
    return a.type == b.type && a.chat_id == b.chat_id && a.user_id == b.user_id;
}

void command_add_scope(struct command *c, struct command_scope scope)
{
    for (int i = 0; i < c->nscopes; i++)
        if (scope_eq(c->scopes[i], scope))
            return;
    c->scopes =
        xrealloc(c->scopes, (size_t)(c->nscopes + 1) * sizeof(*c->scopes));
    c->scopes[c->nscopes++] = scope;
}

void command_add_text(struct command *c, const char *language, const char *text)
{
    struct command_text *t = NULL;

    for (int i = 0; i < c->ntexts; i++)
        if (strcmp(c->texts[i].language, language) == 0)
            t = &c->texts[i];
    if (!t) {
        c->texts =
            xrealloc(c->texts, (size_t)(c->ntexts + 1) * sizeof(*c->texts));
        t = &c->texts[c->ntexts++];
        *t = (struct command_text){ .text = NULL };
        memcpy(t->language, language, strnlen(language, 3));
    }
    free(t->text);
    t->text = xstrdup(text);
}

const char *command_text_in(const struct command *c, const char *language)
{
    for (int i = 0; i < c->ntexts; i++)
        if (strcmp(c->texts[i].language, language) == 0)
            return c->texts[i].text;
    return c->description;
}

/* --- scopes ----------------------------------------------------------------------- */

/* Of one chat: is it one of private chats, or of groups? Ids of people are above
 * 0. */
static bool chat_within(struct command_scope list, struct command_scope of)
{
    bool private = list.chat_id > 0;

    switch (of.type) {
    case SCOPE_DEFAULT: return true;
    case SCOPE_PRIVATE: return private;
    case SCOPE_GROUPS: return !private;
    case SCOPE_ADMINS: return list.type == SCOPE_CHAT_ADMINS;
    case SCOPE_CHAT: return list.chat_id == of.chat_id;
    case SCOPE_CHAT_ADMINS: /* a member may be one: who knows? */
    case SCOPE_CHAT_MEMBER: return scope_eq(list, of);
    }
    return false;
}

bool command_scope_within(struct command_scope list, struct command_scope of)
{
    if (list.type >= SCOPE_CHAT)
        return chat_within(list, of);
    return of.type == SCOPE_DEFAULT || of.type == list.type ||
           (list.type == SCOPE_ADMINS && of.type == SCOPE_GROUPS);
}

void command_scope_add_json(struct buf *out, struct command_scope scope)
{
    static const char *const types[] = {
        "default",
        "all_private_chats",
        "all_group_chats",
        "all_chat_administrators",
        "chat",
        "chat_administrators",
        "chat_member",
    };

    buf_addf(out, "{\"type\":\"%s\"", types[scope.type]);
    if (scope.chat_id)
        buf_addf(out, ",\"chat_id\":%lld", (long long)scope.chat_id);
    if (scope.user_id)
        buf_addf(out, ",\"user_id\":%lld", (long long)scope.user_id);
    buf_addc(out, '}');
}
