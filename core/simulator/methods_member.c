/* methods_member.c - the members of a chat: who they are, and what an
 * administrator does with them. */
#include <string.h>

#include "simulator/acts.h"
#include "simulator/call.h"

static bool get_member(struct call *c)
{
    const struct chat *chat = call_chat_inside(c, "chat_id");
    const struct user *user = chat ? call_user(c) : NULL;

    if (!user)
        return false;
    if (chat->type == CHAT_PRIVATE && !chat_has(chat, user->id))
        return call_fail(c, 400, "Bad Request: member not found");
    return call_ok(c, chat_member_json(chat, user));
}

static bool get_admins(struct call *c)
{
    const struct chat *chat = call_chat_inside(c, "chat_id");
    bool bots = json_bool(c->params, "return_bots");
    json_t *list;

    if (!chat)
        return false;
    if (chat->type == CHAT_PRIVATE)
        return call_fail(c, 400,
                         "Bad Request: there are no administrators in "
                         "the private chat");
    list = json_array();
    for (const struct member *m = chat->members; m; m = m->hh.next) {
        const struct user *user = world_user(c->sim->world, m->id);

        /* other bots are left out, unless asked for */
        if (chat_is_admin(chat, m->id) &&
            (!user->is_bot || bots || user->id == c->bot->id))
            json_array_append(list, m->json);
    }
    return call_ok(c, list);
}

static bool get_count(struct call *c)
{
    const struct chat *chat = call_chat_inside(c, "chat_id");

    return chat && call_ok(c, json_integer(chat_member_count(chat)));
}

/* Whom an administrator acts upon. NULL: said why. */
static struct user *target(struct call *c, const char *right, const char *what,
                           struct chat **chat)
{
    struct user *user;

    if (!(*chat = call_chat_admin(c, right, what)) || !(user = call_user(c)))
        return NULL;
    if (strcmp(member_status(chat_member(*chat, user->id)), "creator") == 0) {
        call_fail(c, 400, "Bad Request: can't remove chat owner");
        return NULL;
    }
    return user;
}

/* Administrators can be restricted or banned only by who made them so: not by
 * the bot. */
static bool is_no_admin(struct call *c, const struct chat *chat,
                        const struct user *user)
{
    if (!chat_is_admin(chat, user->id))
        return true;
    return call_fail(c, 400,
                     "Bad Request: user is an administrator of the "
                     "chat");
}

static bool ban(struct call *c)
{
    struct chat *chat;
    struct user *user = target(c, "can_restrict_members",
                               "restrict/unrestrict chat member", &chat);
    json_t *json;

    if (!user || !is_no_admin(c, chat, user))
        return false;
    if (user->id == c->bot->id)
        return call_fail(c, 400, "Bad Request: can't restrict self");
    json = member_make(chat, user, "kicked");
    json_set_from(json, c->params, "until_date");
    act_set_member(c->sim, chat, user, json, c->bot->user, 0);
    return call_true(c);
}

static bool unban(struct call *c)
{
    struct chat *chat;
    struct user *user = target(c, "can_restrict_members",
                               "restrict/unrestrict chat member", &chat);
    bool banned;

    if (!user)
        return false;
    banned = strcmp(member_status(chat_member(chat, user->id)), "kicked") == 0;
    /* without only_if_banned a member is removed, and may come back */
    if (banned ||
        (!json_bool(c->params, "only_if_banned") && chat_has(chat, user->id)))
        act_set_member(c->sim, chat, user, member_make(chat, user, "left"),
                       c->bot->user, 0);
    return call_true(c);
}

static bool has_all(const json_t *permissions, const json_t *of)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)of, name, value)
    {
        if (strncmp(name, "can_send_", 9) == 0 && !json_bool(permissions, name))
            return false;
    }
    return true;
}

static bool restrict_member(struct call *c)
{
    const json_t *permissions = json_object_get(c->params, "permissions");
    struct chat *chat;
    struct user *user = target(c, "can_restrict_members",
                               "restrict/unrestrict chat member", &chat);
    json_t *json, *value;
    const char *name;

    if (!user || !is_no_admin(c, chat, user))
        return false;
    if (chat->type != CHAT_SUPERGROUP)
        return call_fail(c, 400,
                         "Bad Request: method is available only for "
                         "supergroups");
    json = member_make(chat, user, "restricted");
    if (has_all(permissions, json)) { /* nothing is restricted any more */
        json_decref(json);
        json = member_make(chat, user, "member");
    } else {
        json_set_bool(json, "is_member", chat_has(chat, user->id));
        json_object_foreach((json_t *)permissions, name, value)
        {
            if (json_object_get(json, name))
                json_object_set(json, name, value);
        }
        json_set_from(json, c->params, "until_date");
    }
    act_set_member(c->sim, chat, user, json, c->bot->user, 0);
    return call_true(c);
}

static bool promote(struct call *c)
{
    struct chat *chat;
    struct user *user =
        target(c, "can_promote_members", "promote a chat member", &chat);
    bool any = false;
    json_t *json, *value;
    const char *name;

    if (!user)
        return false;
    if (!chat_has(chat, user->id))
        return call_fail(c, 400, "Bad Request: USER_NOT_PARTICIPANT");
    json = member_make(chat, user, "administrator");
    json_object_foreach(json, name, value)
    {
        if (!json_is_boolean(value) || strcmp(name, "can_be_edited") == 0)
            continue;
        json_set_bool(json, name, json_bool(c->params, name));
        any = any || json_bool(c->params, name);
    }
    if (any) {
        json_set_bool(json, "can_manage_chat", true);
    } else {
        json_decref(json);
        json = member_make(chat, user, "member");
    }
    act_set_member(c->sim, chat, user, json, c->bot->user, 0);
    return call_true(c);
}

static bool set_custom_title(struct call *c)
{
    struct chat *chat;
    struct user *user =
        target(c, "can_promote_members", "change custom title", &chat);
    struct member *member;

    if (!user)
        return false;
    member = chat_member(chat, user->id);
    if (!chat_is_admin(chat, user->id))
        return call_fail(c, 400, "Bad Request: user is not an administrator");
    json_set_from(member->json, c->params, "custom_title");
    feed_signal(c->sim->feed, "state");
    return call_true(c);
}

const struct method methods_member[] = {
    { "getChatMember", get_member },
    { "getChatAdministrators", get_admins },
    { "getChatMemberCount", get_count },
    { "banChatMember", ban },
    { "unbanChatMember", unban },
    { "restrictChatMember", restrict_member },
    { "promoteChatMember", promote },
    { "setChatAdministratorCustomTitle", set_custom_title },
    { NULL, NULL },
};
