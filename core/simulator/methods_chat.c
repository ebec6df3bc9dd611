/* methods_chat.c - chats: what they are, their title, pins, leaving. */
#include <stdio.h>
#include <string.h>

#include "simulator/acts.h"
#include "simulator/call.h"

static bool get_chat(struct call *c)
{
    const struct chat *chat = call_chat_inside(c, "chat_id");

    return chat && call_ok(c, chat_full_info(chat));
}

static bool set_title(struct call *c)
{
    const char *title = json_str(c->params, "title");
    struct chat *chat =
        call_chat_admin(c, "can_change_info", "change chat title");

    if (!chat)
        return false;
    if (!title || !title[0])
        return call_fail(c, 400,
                         "Bad Request: new chat title must be non-empty");
    if (strcmp(title, json_str(chat->brief, "title")) == 0)
        return call_true(c);
    json_set_str(chat->brief, "title", title);
    act_service(c->sim, chat, c->bot->user, "new_chat_title",
                json_string(title), 0, 0);
    feed_signal(c->sim->feed, "state");
    return call_true(c);
}

static bool set_description(struct call *c)
{
    const char *text = json_str(c->params, "description");
    const char *old;
    struct chat *chat =
        call_chat_admin(c, "can_change_info", "set chat description");

    if (!chat)
        return false;
    old = json_str(chat->full, "description");
    if (strcmp(old ? old : "", text ? text : "") == 0)
        return call_fail(c, 400,
                         "Bad Request: chat description is not modified");
    if (text && text[0])
        json_set_str(chat->full, "description", text);
    else
        json_object_del(chat->full, "description");
    feed_signal(c->sim->feed, "state");
    return call_true(c);
}

static bool set_permissions(struct call *c)
{
    json_t *given = json_object_get(c->params, "permissions"), *now, *value;
    struct chat *chat =
        call_chat_admin(c, "can_restrict_members", "change chat permissions");
    const char *name;

    if (!chat)
        return false;
    now = json_object_get(chat->full, "permissions");
    if (!now)
        return call_fail(c, 400,
                         "Bad Request: method is available only for "
                         "groups and supergroups");
    json_object_foreach(now, name, value)
    {
        json_set_bool(now, name, json_bool(given, name));
    }
    feed_signal(c->sim->feed, "state");
    return call_true(c);
}

static bool leave_chat(struct call *c)
{
    struct chat *chat = call_chat_inside(c, "chat_id");

    if (!chat)
        return false;
    if (chat->type == CHAT_PRIVATE)
        return call_fail(c, 400, "Bad Request: can't leave a private chat");
    act_set_member(c->sim, chat, c->bot->user,
                   member_make(chat, c->bot->user, "left"), c->bot->user, 0);
    return call_true(c);
}

/* --- pins ---------------------------------------------------------------------------- */

/* The chat when the bot may pin there; NULL: said why. */
static struct chat *pin_chat(struct call *c)
{
    struct chat *chat = call_chat_inside(c, "chat_id");

    if (!chat || chat->type == CHAT_PRIVATE ||
        chat_may(chat, c->bot->id,
                 chat->type == CHAT_CHANNEL ? "can_edit_messages"
                                            : "can_pin_messages"))
        return chat;
    call_fail(c, 400,
              "Bad Request: not enough rights to manage pinned messages "
              "in the chat");
    return NULL;
}

static bool take_pin(struct chat *chat, int64_t id)
{
    json_t *pinned;
    size_t i;

    json_array_foreach(chat->pinned, i, pinned)
    {
        if (json_integer_value(pinned) == id) {
            json_array_remove(chat->pinned, i);
            return true;
        }
    }
    return false;
}

static bool pin(struct call *c)
{
    int64_t id = json_int(c->params, "message_id", 0);
    struct chat *chat = pin_chat(c);
    const struct message *message;
    json_t *json;

    if (!chat)
        return false;
    if (!(message = message_find(chat, id)))
        return call_fail(c, 400, "Bad Request: message to pin not found");
    take_pin(chat, id);
    json_array_append_new(chat->pinned, json_integer(id));
    json = message_json(message);
    json_object_del(json, "reply_to_message");
    act_service(c->sim, chat, c->bot->user, "pinned_message", json, 0, 0);
    feed_signal(c->sim->feed, "state");
    return call_true(c);
}

static bool unpin(struct call *c)
{
    struct chat *chat = pin_chat(c);
    int64_t id = json_int(c->params, "message_id", 0);
    size_t n;

    if (!chat)
        return false;
    n = json_array_size(chat->pinned);
    if (!id && n)
        id = json_integer_value(json_array_get(chat->pinned, n - 1));
    if (!take_pin(chat, id))
        return call_fail(c, 400, "Bad Request: message to unpin not found");
    feed_signal(c->sim->feed, "state");
    return call_true(c);
}

static bool unpin_all(struct call *c)
{
    struct chat *chat = pin_chat(c);

    if (!chat)
        return false;
    json_array_clear(chat->pinned);
    feed_signal(c->sim->feed, "state");
    return call_true(c);
}

/* --- invite links ----------------------------------------------------------------------- */

static bool export_link(struct call *c)
{
    static long long count;
    struct chat *chat =
        call_chat_admin(c, "can_invite_users", "manage chat invite link");
    char link[64];

    if (!chat)
        return false;
    snprintf(link, sizeof(link), "https://t.me/+moonpost%lld", ++count);
    json_set_str(chat->full, "invite_link", link);
    return call_ok(c, json_string(link));
}

static bool create_link(struct call *c)
{
    static long long count;
    struct chat *chat =
        call_chat_admin(c, "can_invite_users", "manage chat invite link");
    char link[64];
    json_t *json;

    if (!chat)
        return false;
    snprintf(link, sizeof(link), "https://t.me/+moon%lldlink", ++count);
    json = json_pack("{s:s, s:O, s:b, s:b, s:b}", "invite_link", link,
                     "creator", c->bot->user->json, "creates_join_request",
                     (int)json_bool(c->params, "creates_join_request"),
                     "is_primary", 0, "is_revoked", 0);
    json_set_from(json, c->params, "name");
    json_set_from(json, c->params, "expire_date");
    json_set_from(json, c->params, "member_limit");
    return call_ok(c, json);
}

const struct method methods_chat[] = {
    { "getChat", get_chat },
    { "setChatTitle", set_title },
    { "setChatDescription", set_description },
    { "setChatPermissions", set_permissions },
    { "leaveChat", leave_chat },
    { "pinChatMessage", pin },
    { "unpinChatMessage", unpin },
    { "unpinAllChatMessages", unpin_all },
    { "exportChatInviteLink", export_link },
    { "createChatInviteLink", create_link },
    { NULL, NULL },
};
