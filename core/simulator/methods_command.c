/* methods_command.c - the list of commands, by scope and language. */
#include <stdio.h>
#include <string.h>

#include "simulator/call.h"

static bool is_known_scope(const char *type)
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

    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (strcmp(type, types[i]) == 0)
            return true;
    return false;
}

/* "chat:-2001:0/en": what a list is kept under. false: said why. */
static bool scope_key(struct call *c, char *key, size_t size)
{
    const json_t *scope = json_object_get(c->params, "scope");
    const char *type = json_str(scope, "type");
    const char *language = json_str(c->params, "language_code");
    const char *name = json_str(scope, "chat_id");
    const struct chat *named = name && name[0] == '@'
                                   ? world_chat_named(c->sim->world, name + 1)
                                   : NULL;

    if (language && strlen(language) != 2 && language[0])
        return call_fail(c, 400,
                         "Bad Request: invalid language code specified");
    if (!type)
        type = "default";
    if (!is_known_scope(type))
        return call_fail(c, 400,
                         "Bad Request: can't parse BotCommandScope: "
                         "unknown scope type");
    snprintf(key, size, "%s:%lld:%lld/%s", type,
             (long long)(named ? named->key.id : json_int(scope, "chat_id", 0)),
             (long long)json_int(scope, "user_id", 0),
             language ? language : "");
    return true;
}

static bool command_is_good(const char *command)
{
    size_t n = strlen(command);

    return n >= 1 && n <= 32 &&
           strspn(command, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static bool commands_are_good(struct call *c, const json_t *commands)
{
    const json_t *one;
    size_t i;

    if (json_array_size(commands) > 100)
        return call_fail(c, 400, "Bad Request: BOT_COMMANDS_TOO_MUCH");
    json_array_foreach(commands, i, one)
    {
        const char *name = json_str(one, "command");
        const char *text = json_str(one, "description");

        if (!name || !command_is_good(name[0] == '/' ? name + 1 : name))
            return call_fail(c, 400, "Bad Request: BOT_COMMAND_INVALID");
        if (!text || !text[0] || strlen(text) > 256 * 4)
            return call_fail(c, 400,
                             "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID");
    }
    return true;
}

/* A list with what it is for, as GET /sim/state shows it. */
static json_t *make_list(const struct call *c, json_t *commands)
{
    json_t *list = json_pack("{s:O}", "commands", commands);

    json_set_from(list, c->params, "scope");
    json_set_from(list, c->params, "language_code");
    return list;
}

static bool set_commands(struct call *c)
{
    json_t *commands = json_object_get(c->params, "commands"), *one;
    char key[128];
    size_t i;

    if (!scope_key(c, key, sizeof(key)) || !commands_are_good(c, commands))
        return false;
    json_array_foreach(commands, i, one)
    {
        const char *name = json_str(one, "command");

        if (name[0] == '/')
            json_object_set_new(one, "command", json_string(name + 1));
    }
    json_object_set_new(c->bot->commands, key, make_list(c, commands));
    feed_signal(c->sim->feed, "state");
    return call_true(c);
}

static bool get_commands(struct call *c)
{
    json_t *commands;
    char key[128];

    if (!scope_key(c, key, sizeof(key)))
        return false;
    commands =
        json_object_get(json_object_get(c->bot->commands, key), "commands");
    return call_ok(c, commands ? json_incref(commands) : json_array());
}

static bool delete_commands(struct call *c)
{
    char key[128];

    if (!scope_key(c, key, sizeof(key)))
        return false;
    json_object_del(c->bot->commands, key);
    feed_signal(c->sim->feed, "state");
    return call_true(c);
}

const struct method methods_command[] = {
    { "setMyCommands", set_commands },
    { "getMyCommands", get_commands },
    { "deleteMyCommands", delete_commands },
    { NULL, NULL },
};
