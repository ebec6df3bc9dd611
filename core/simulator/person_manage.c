/* person_manage.c - what a person does to a chat and what is in it: delete, pin,
 * rename. */
#include <string.h>

#include "simulator/person.h"

/* Somebody in a chat; who is not in it is told so. */
static bool who_is_in(struct sim_request *r, struct user **user,
                      struct chat **chat)
{
    if (!(*user = arg_person(r, "as")) || !(*chat = arg_chat(r)))
        return false;
    if (chat_has(*chat, (*user)->id))
        return true;
    sim_fail(r, 400, "%s is not in this chat",
             json_str((*user)->json, "first_name"));
    return false;
}

static bool may_manage(struct sim_request *r, const struct chat *chat,
                       const struct user *user, const char *right)
{
    if (chat->type == CHAT_PRIVATE || chat_may(chat, user->id, right))
        return true;
    sim_fail(r, 400, "%s has no right to do that here (%s)",
             json_str(user->json, "first_name"), right);
    return false;
}

/* No bot hears of it, as at Telegram. */
static void delete_message(struct sim_request *r)
{
    struct message *message;
    struct user *user;
    struct chat *chat;

    if (!who_is_in(r, &user, &chat) || !(message = arg_message(r, chat)))
        return;
    if (message->from != user->id &&
        !may_manage(r, chat, user, "can_delete_messages"))
        return;
    message_delete(r->sim->feed, chat, message);
    sim_ok(r, json_object());
}

static void pin_message(struct sim_request *r)
{
    const struct message *message;
    struct user *user;
    struct chat *chat;
    json_t *json;

    if (!who_is_in(r, &user, &chat) || !(message = arg_message(r, chat)) ||
        !may_manage(r, chat, user,
                    chat->type == CHAT_CHANNEL ? "can_edit_messages"
                                               : "can_pin_messages"))
        return;
    json_array_append_new(chat->pinned, json_integer(message->id));
    json = message_json(message);
    json_object_del(json, "reply_to_message");
    sim_ok_update(r,
                  act_service(r->sim, chat, user, "pinned_message", json,
                              arg_int(r, "bot", 0), 0),
                  NULL);
}

static void set_title(struct sim_request *r)
{
    const char *title = arg_str(r, "title");
    struct user *user;
    struct chat *chat;

    if (!who_is_in(r, &user, &chat))
        return;
    if (chat->type == CHAT_PRIVATE || !title || !title[0]) {
        sim_fail(r, 400, "\"title\" is missing, or it is a private chat");
        return;
    }
    if (!may_manage(r, chat, user, "can_change_info"))
        return;
    json_set_str(chat->brief, "title", title);
    sim_ok_update(r,
                  act_service(r->sim, chat, user, "new_chat_title",
                              json_string(title), arg_int(r, "bot", 0), 0),
                  NULL);
}

const struct sim_route person_manage_routes[] = {
    { "POST", "delete", delete_message },
    { "POST", "pin", pin_message },
    { "POST", "title", set_title },
    { NULL, NULL, NULL },
};
