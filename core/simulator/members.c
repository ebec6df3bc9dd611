/* members.c - who is in a chat and what they may do: see world.h. */
#include "simulator/world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct right {
    const char *name;
    bool group, supergroup, channel; /* where administrators have it */
};

static const struct right admin_rights[] = {
    { "can_be_edited", false, false, false },
    { "is_anonymous", false, false, false },
    { "can_manage_chat", true, true, true },
    { "can_delete_messages", true, true, true },
    { "can_manage_video_chats", true, true, true },
    { "can_restrict_members", true, true, true },
    { "can_promote_members", false, false, false },
    { "can_change_info", true, true, true },
    { "can_invite_users", true, true, true },
    { "can_post_stories", false, true, true },
    { "can_edit_stories", false, true, true },
    { "can_delete_stories", false, true, true },
    { "can_send_welcome_messages", true, true, false },
    { "can_post_messages", false, false, true },
    { "can_edit_messages", false, false, true },
    { "can_pin_messages", true, true, false },
    { "can_manage_topics", false, true, false },
    { "can_manage_tags", false, true, false },
    { "can_manage_direct_messages", false, false, true },
};

static const char *const permissions[] = {
    "can_send_messages",       "can_send_audios",
    "can_send_documents",      "can_send_photos",
    "can_send_videos",         "can_send_video_notes",
    "can_send_voice_notes",    "can_send_polls",
    "can_send_other_messages", "can_add_web_page_previews",
    "can_react_to_messages",   "can_edit_tag",
    "can_change_info",         "can_invite_users",
    "can_pin_messages",        "can_manage_topics",
};

struct member *chat_member(const struct chat *chat, int64_t id)
{
    struct member *member;

    HASH_FIND(hh, chat->members, &id, sizeof(id), member);
    return member;
}

const char *member_status(const struct member *member)
{
    return member ? json_str(member->json, "status") : "left";
}

bool chat_has(const struct chat *chat, int64_t id)
{
    const struct member *member;
    const char *status;

    if (chat->type == CHAT_PRIVATE)
        return id == chat->key.id || id == chat->key.bot;
    member = chat_member(chat, id);
    status = member_status(member);
    if (strcmp(status, "restricted") == 0)
        return json_bool(member->json, "is_member");
    return strcmp(status, "left") != 0 && strcmp(status, "kicked") != 0;
}

bool chat_is_admin(const struct chat *chat, int64_t id)
{
    const char *status = member_status(chat_member(chat, id));

    return strcmp(status, "administrator") == 0 ||
           strcmp(status, "creator") == 0;
}

bool chat_may(const struct chat *chat, int64_t id, const char *right)
{
    const struct member *member = chat_member(chat, id);

    return strcmp(member_status(member), "creator") == 0 ||
           (chat_is_admin(chat, id) && json_bool(member->json, right));
}

static bool has_by_default(const struct right *right, enum chat_type type)
{
    return type == CHAT_GROUP     ? right->group
           : type == CHAT_CHANNEL ? right->channel
                                  : right->supergroup;
}

/* Rights that are not known in this type of chat are left out, as Telegram
 * does. */
static bool is_known(const struct right *right, enum chat_type type)
{
    return right < &admin_rights[13] || has_by_default(right, type);
}

static void add_admin_rights(json_t *json, enum chat_type type)
{
    for (size_t i = 0; i < ARRAY_LEN(admin_rights); i++)
        if (is_known(&admin_rights[i], type))
            json_set_bool(json, admin_rights[i].name,
                          has_by_default(&admin_rights[i], type));
    json_set_bool(json, "can_be_edited", true);
}

json_t *member_make(const struct chat *chat, const struct user *user,
                    const char *status)
{
    json_t *json = json_object();

    json_object_set(json, "user", user->json);
    json_set_str(json, "status", status);
    if (strcmp(status, "creator") == 0) {
        json_set_bool(json, "is_anonymous", false);
    } else if (strcmp(status, "administrator") == 0) {
        add_admin_rights(json, chat->type);
    } else if (strcmp(status, "restricted") == 0) {
        json_set_bool(json, "is_member", true);
        for (size_t i = 0; i < ARRAY_LEN(permissions); i++)
            json_set_bool(json, permissions[i], false);
        json_set_int(json, "until_date", 0);
    } else if (strcmp(status, "kicked") == 0) {
        json_set_int(json, "until_date", 0);
    }
    return json;
}

json_t *chat_member_json(const struct chat *chat, const struct user *user)
{
    const struct member *member = chat_member(chat, user->id);

    if (member)
        return json_incref(member->json);
    return member_make(chat, user,
                       chat->type == CHAT_PRIVATE ? "member" : "left");
}

void chat_set_member(struct chat *chat, const struct user *user, json_t *json)
{
    struct member *member = chat_member(chat, user->id);

    assert(json);
    if (!member) {
        member = xalloc(sizeof(*member));
        member->id = user->id;
        HASH_ADD(hh, chat->members, id, sizeof(member->id), member);
    }
    json_decref(member->json);
    member->json = json;
}

int64_t chat_member_count(const struct chat *chat)
{
    int64_t n = 0;

    if (chat->type == CHAT_PRIVATE)
        return 2;
    for (const struct member *m = chat->members; m; m = m->hh.next)
        n += chat_has(chat, m->id);
    return n;
}
