/*
 * mod_bot_command.c - bot.command and bot.commands.
 *
 * What Telegram shows of a command is checked here: what it would refuse is an
 * error at the script's line, not a warning in the log later.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "script/register.h"

#define WHAT "bot.command"

/* --- checking ------------------------------------------------------------------- */

static void check_name(lua_State *L, const char *name)
{
    size_t n = strlen(name);
    bool ok = n >= 1 && n <= COMMAND_LEN_MAX;

    for (size_t i = 0; i < n; i++)
        ok = ok && (islower((unsigned char)name[i]) ||
                    isdigit((unsigned char)name[i]) || name[i] == '_');
    if (!ok)
        luaL_error(L,
                   WHAT ": \"%s\" can't be a command: 1 to 32 of a-z, "
                        "0-9 and _, without the slash",
                   name);
}

/* The text at index, as Telegram takes it. */
static const char *check_description(lua_State *L, int index, const char *what)
{
    const char *text = lua_tostring(L, index);
    lua_Integer n = 0;

    if (lua_type(L, index) != LUA_TSTRING)
        luaL_error(L, "%s: a text is expected, got %s", what,
                   luaL_typename(L, index));
    for (const char *p = text; *p; p++)
        n += (*p & 0xC0) != 0x80;
    if (n < 1 || n > COMMAND_DESCRIPTION_MAX)
        luaL_error(L, "%s: 1 to %d characters are allowed, got %d", what,
                   COMMAND_DESCRIPTION_MAX, (int)n);
    return text;
}

/* --- scopes ---------------------------------------------------------------------- */

static void bad_scope(lua_State *L, const char *got)
{
    luaL_error(L,
               WHAT ": scope: \"all\", \"private\", \"groups\", \"admins\", a "
                    "chat's id, { chat = id, admins = true }, { chat = id, "
                    "user = id }, or a list of these is expected, got %s",
               got);
}

static bool is_chat_id(lua_State *L, int index, int64_t *id)
{
    int is_integer = 0;

    *id = lua_tointegerx(L, index, &is_integer);
    return is_integer && *id != 0;
}

static struct command_scope scope_of_name(lua_State *L, int index)
{
    static const char *const names[] = { "all", "private", "groups", "admins" };
    struct command_scope scope = { .type = SCOPE_DEFAULT };
    const char *name = lua_tostring(L, index);

    for (int i = 0; i < (int)ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0) {
            scope.type = (enum command_scope_type)i;
            return scope;
        }
    bad_scope(L, lua_pushfstring(L, "\"%s\"", name));
    return scope;
}

/* { chat = id, admins = true } */
static struct command_scope scope_of_table(lua_State *L, int index)
{
    static const char *const known[] = { "admins", "chat", "user", NULL };
    struct command_scope scope = { .type = SCOPE_CHAT };

    register_check_keys(L, index, WHAT ": scope", known);
    lua_getfield(L, index, "chat");
    lua_getfield(L, index, "user");
    lua_getfield(L, index, "admins");
    if (!is_chat_id(L, -3, &scope.chat_id))
        bad_scope(L, "a table without a chat's id");
    if (is_chat_id(L, -2, &scope.user_id))
        scope.type = SCOPE_CHAT_MEMBER;
    else if (lua_toboolean(L, -1))
        scope.type = SCOPE_CHAT_ADMINS;
    lua_pop(L, 3);
    return scope;
}

static void add_scope(lua_State *L, struct command *c, int index)
{
    struct command_scope scope = { .type = SCOPE_CHAT };

    if (is_chat_id(L, index, &scope.chat_id)) /* also "-100123" */
        ;
    else if (lua_type(L, index) == LUA_TSTRING)
        scope = scope_of_name(L, index);
    else if (lua_istable(L, index))
        scope = scope_of_table(L, index);
    else
        bad_scope(L, luaL_typename(L, index));
    command_add_scope(c, scope);
}

static void add_scopes(lua_State *L, struct command *c, int index)
{
    lua_Integer n =
        lua_istable(L, index) ? (lua_Integer)lua_rawlen(L, index) : 0;

    if (n == 0)
        add_scope(L, c, index);
    for (lua_Integer i = 1; i <= n; i++) {
        lua_rawgeti(L, index, i);
        add_scope(L, c, lua_gettop(L));
        lua_pop(L, 1);
    }
}

/* Where the conditions of its group let it be used, there it is shown. */
static void add_scopes_of_group(struct command *c, const struct handlers *hs,
                                int number)
{
    const struct group *g = handlers_group(hs, number), *chats = NULL;
    unsigned types = ~0u;
    bool admins = false;

    for (; g; g = handlers_group(hs, g->parent)) {
        types &= g->chat_types ? g->chat_types : ~0u;
        admins = admins || g->admin == ADMIN_YES || g->rights;
        chats = chats || !g->chats.n ? chats : g;
    }
    for (int i = 0; chats && i < chats->chats.n; i++)
        command_add_scope(c,
                          (struct command_scope){
                              .type = admins ? SCOPE_CHAT_ADMINS : SCOPE_CHAT,
                              .chat_id = chats->chats.ids[i] });
    if (chats || (types == ~0u && !admins))
        return;
    if (types & CHAT_PRIVATE)
        command_add_scope(c, (struct command_scope){ .type = SCOPE_PRIVATE });
    if (types & (CHAT_GROUP | CHAT_SUPERGROUP))
        command_add_scope(c,
                          (struct command_scope){
                              .type = admins ? SCOPE_ADMINS : SCOPE_GROUPS });
}

/* --- options ---------------------------------------------------------------------- */

static void add_name(lua_State *L, int index, void *arg)
{
    struct command *c = arg;
    const char *name = lua_tostring(L, index);

    check_name(L, name);
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->names[i], name) == 0)
            luaL_error(L, WHAT ": /%s is named twice", name);
    command_add_name(c, name);
}

/* { de = "Regeln", … } */
static void add_languages(lua_State *L, struct command *c, int index)
{
    if (!lua_istable(L, index))
        luaL_error(L, WHAT ": languages: a table is expected, got %s",
                   luaL_typename(L, index));
    lua_pushnil(L);
    while (lua_next(L, index)) {
        int top = lua_gettop(L);
        const char *code =
            lua_type(L, top - 1) == LUA_TSTRING ? lua_tostring(L, top - 1) : "";

        if (strlen(code) != 2 || !islower((unsigned char)code[0]) ||
            !islower((unsigned char)code[1]))
            luaL_error(L,
                       WHAT ": languages: \"%s\" is no language's code of two "
                            "letters, as \"de\"",
                       code);
        command_add_text(
            c, code,
            check_description(L, top,
                              lua_pushfstring(L, WHAT ": languages.%s", code)));
        lua_settop(L, top - 1);
    }
}

static void read_options(lua_State *L, struct command *c, int index)
{
    static const char *const known[] = { "aliases",   "description", "hidden",
                                         "languages", "scope",       NULL };
    int top = lua_gettop(L);

    register_check_keys(L, index, WHAT, known);
    if (lua_getfield(L, index, "description") != LUA_TNIL)
        c->description =
            xstrdup(check_description(L, -1, WHAT ": description"));
    if (lua_getfield(L, index, "languages") != LUA_TNIL)
        add_languages(L, c, lua_gettop(L));
    if (c->ntexts && !c->description)
        luaL_error(L, WHAT ": languages need a description for all others");
    if (lua_getfield(L, index, "scope") != LUA_TNIL)
        add_scopes(L, c, lua_gettop(L));
    if (lua_getfield(L, index, "aliases") != LUA_TNIL)
        register_each(L, lua_gettop(L), WHAT ": aliases", add_name, c);
    lua_getfield(L, index, "hidden");
    c->hidden = lua_toboolean(L, -1);
    lua_settop(L, top);
}

/* bot.command(name or names, [description or options,] function) */
int register_command(lua_State *L)
{
    struct generation *gen = register_check(L, WHAT);
    int function = lua_isfunction(L, 2) ? 2 : 3;
    struct handler *h;
    struct buf what = BUF_INIT;

    luaL_checktype(L, function, LUA_TFUNCTION);
    h = register_begin(L, HANDLER_COMMAND);
    h->kinds = (uint64_t)1 << UPDATE_MESSAGE | (uint64_t)1
                                                   << UPDATE_CHANNEL_POST;
    h->command = xalloc(sizeof(*h->command));
    register_each(L, 1, WHAT, add_name, h->command);
    if (function == 3 && lua_istable(L, 2))
        read_options(L, h->command, 2);
    else if (function == 3)
        h->command->description =
            xstrdup(check_description(L, 2, WHAT ": description"));
    if (!h->command->nscopes)
        add_scopes_of_group(h->command, &gen->handlers, h->group);
    buf_addf(&what, "/%s", h->command->names[0]);
    h->what = buf_detach(&what);
    register_end(L, gen, h, function);
    return 0;
}

/* --- bot.commands --------------------------------------------------------------------- */

static void push_languages(lua_State *L, const struct command *c)
{
    lua_createtable(L, 0, c->ntexts);
    for (int i = 0; i < c->ntexts; i++) {
        lua_pushstring(L, c->texts[i].text);
        lua_setfield(L, -2, c->texts[i].language);
    }
}

/* Push what is known of its name number i. */
static void push_command(lua_State *L, const struct command *c, int i)
{
    lua_createtable(L, 0, 4);
    lua_pushstring(L, c->names[i]);
    lua_setfield(L, -2, "command");
    if (i > 0) {
        lua_pushstring(L, c->names[0]);
        lua_setfield(L, -2, "alias_of");
        return;
    }
    lua_pushstring(L, c->description); /* or nil */
    lua_setfield(L, -2, "description");
    if (c->ntexts) {
        push_languages(L, c);
        lua_setfield(L, -2, "languages");
    }
    if (c->hidden) {
        lua_pushboolean(L, true);
        lua_setfield(L, -2, "hidden");
    }
}

/* bot.commands() -> { { command = "start", description = "…" }, … }, in their order */
int bot_commands(lua_State *L)
{
    const struct handlers *hs = &generation_of(L)->handlers;
    lua_Integer n = 0;

    lua_newtable(L);
    for (int i = 0; i < hs->n; i++) {
        const struct command *c = hs->list[i].command;

        for (int j = 0; c && j < c->n; j++) {
            push_command(L, c, j);
            lua_rawseti(L, -2, ++n);
        }
    }
    return 1;
}
