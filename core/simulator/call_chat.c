/* call_chat.c - the chat, the user or the message that a call is about. */
#include <stdlib.h>
#include <string.h>

#include "simulator/call.h"
#include "simulator/messages.h"

/* "123", "-100…" → an id; false: it is a name. */
static bool parse_id(const char *text, int64_t *id)
{
    char *end;

    *id = strtoll(text, &end, 10);
    return text[0] != '\0' && *end == '\0';
}

static struct chat *moved(struct call *c, const struct chat *chat)
{
    call_fail_with(c, 400,
                   json_pack("{s:I}", "migrate_to_chat_id",
                             (json_int_t)chat->migrated_to),
                   "Bad Request: group chat was upgraded to a supergroup chat");
    return NULL;
}

struct chat *call_chat(struct call *c, const char *param)
{
    const json_t *value = json_object_get(c->params, param);
    const char *text = json_string_value(value);
    struct chat *chat = NULL;
    int64_t id = json_integer_value(value);

    if (!value) {
        call_fail(c, 400, "Bad Request: %s is empty",
                  strcmp(param, "chat_id") == 0 ? "chat_id" : param);
        return NULL;
    }
    if (text && !parse_id(text, &id)) {
        if (text[0] == '@')
            chat = world_chat_named(c->sim->world, text + 1);
    } else {
        chat = world_chat(c->sim->world, id, c->bot->id);
    }
    if (chat && chat->migrated_to)
        return moved(c, chat);
    if (!chat) {
        const struct user *person = world_user(c->sim->world, id);

        if (id > 0 && person && !person->is_bot)
            call_fail(c, 403,
                      "Forbidden: bot can't initiate conversation with a user");
        else
            call_fail(c, 400, "Bad Request: chat not found");
    }
    return chat;
}

struct chat *call_chat_inside(struct call *c, const char *param)
{
    struct chat *chat = call_chat(c, param);
    const char *status;

    if (!chat)
        return NULL;
    if (chat->type == CHAT_PRIVATE) {
        if (!chat->blocked)
            return chat;
        call_fail(c, 403, "Forbidden: bot was blocked by the user");
        return NULL;
    }
    if (chat_has(chat, c->bot->id))
        return chat;
    status = member_status(chat_member(chat, c->bot->id));
    if (strcmp(status, "kicked") == 0)
        call_fail(c, 403, "Forbidden: bot was kicked from the %s chat",
                  chat_type_name(chat->type));
    else
        call_fail(c, 403, "Forbidden: bot is not a member of the %s chat",
                  chat_type_name(chat->type));
    return NULL;
}

struct chat *call_chat_admin(struct call *c, const char *right,
                             const char *what)
{
    struct chat *chat = call_chat_inside(c, "chat_id");

    if (!chat)
        return NULL;
    if (chat->type == CHAT_PRIVATE) {
        call_fail(c, 400,
                  "Bad Request: method is available only for supergroups and "
                  "channel chats");
        return NULL;
    }
    if (right ? chat_may(chat, c->bot->id, right)
              : chat_is_admin(chat, c->bot->id))
        return chat;
    call_fail(c, 400, "Bad Request: not enough rights to %s", what);
    return NULL;
}

struct message *call_message(struct call *c, struct chat **chat,
                             const char *not_found)
{
    struct message *message;

    if (!(*chat = call_chat_inside(c, "chat_id")))
        return NULL;
    message = message_find(*chat, json_int(c->params, "message_id", 0));
    if (message && message->receiver)
        message = NULL; /* it has no message_id, for bots */
    if (!message)
        call_fail(c, 400, "Bad Request: %s", not_found);
    return message;
}

struct user *call_user(struct call *c)
{
    int64_t id = json_int(c->params, "user_id", 0);
    struct user *user = world_user(c->sim->world, id);

    if (!user)
        call_fail(c, 400, "Bad Request: %s",
                  id <= 0 ? "invalid user_id specified" : "user not found");
    return user;
}
