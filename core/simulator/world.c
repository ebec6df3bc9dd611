/* world.c - people, bots and chats: see world.h. Members are in members.c. */
#include "simulator/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "simulator/messages.h"

/* --- people and bots -------------------------------------------------------- */

struct user *world_user(const struct world *world, int64_t id)
{
    struct user *user;

    HASH_FIND(hh, world->users, &id, sizeof(id), user);
    return user;
}

static struct user *add_user(struct world *world, int64_t id, bool is_bot,
                             const char *first_name)
{
    struct user *user = xalloc(sizeof(*user));

    user->id = id;
    user->is_bot = is_bot;
    user->json = json_pack("{s:I, s:b, s:s}", "id", id, "is_bot", (int)is_bot,
                           "first_name", first_name);
    assert(user->json);
    HASH_ADD(hh, world->users, id, sizeof(user->id), user);
    return user;
}

struct user *world_add_person(struct world *world, int64_t id,
                              const char *first_name)
{
    if (id == 0) {
        while (world_user(world, world->next_person))
            world->next_person++;
        id = world->next_person++;
    }
    if (id < 0 || world_user(world, id))
        return NULL;
    return add_user(world, id, false, first_name);
}

struct bot *world_bot(const struct world *world, int64_t id)
{
    struct bot *bot = world->bots;

    while (bot && bot->id != id)
        bot = bot->next;
    return bot;
}

/* Its name and username, by its id: see docs/simulator.md. */
static struct user *make_bot_user(struct world *world, int64_t id)
{
    char name[64] = "Moonpost", username[64] = "moonpost_bot";
    struct user *user;

    if (id != 1) {
        snprintf(name, sizeof(name), "Moonpost %lld", (long long)id);
        snprintf(username, sizeof(username), "moonpost_%lld_bot",
                 (long long)id);
    }
    user = add_user(world, id, true, name);
    json_set_str(user->json, "username", username);
    return user;
}

static json_t *make_me(const struct user *user)
{
    json_t *me = json_copy(user->json);

    json_set_bool(me, "can_join_groups", true);
    json_set_bool(me, "can_read_all_group_messages", true);
    json_set_bool(me, "supports_inline_queries", true);
    json_set_bool(me, "can_connect_to_business", false);
    json_set_bool(me, "has_main_web_app", false);
    return me;
}

/* A new bot finds itself in the chats that the world starts with. */
static void put_into_chats(struct world *world, struct bot *bot)
{
    static const int64_t ids[] = { GROUP_ID, SUPERGROUP_ID, CHANNEL_ID };

    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct chat *chat = world_chat(world, ids[i], 0);

        if (!chat || chat->migrated_to)
            continue;
        chat_set_member(chat, bot->user,
                        member_make(chat, bot->user,
                                    chat->type == CHAT_CHANNEL ? "administrator"
                                                               : "member"));
    }
    for (int64_t id = FIRST_PERSON; id <= OWNER_ID; id++)
        world_private(world, world_user(world, id), bot);
}

struct bot *world_add_bot(struct world *world, int64_t id)
{
    struct bot *bot = world_bot(world, id), **end = &world->bots;

    if (bot)
        return bot;
    if (world_user(world, id)) /* a person has that id */
        return NULL;
    bot = xalloc(sizeof(*bot));
    bot->id = id;
    bot->user = make_bot_user(world, id);
    bot->me = make_me(bot->user);
    bot->commands = json_object();
    bot->profile = json_object();
    while (*end)
        end = &(*end)->next;
    *end = bot;
    put_into_chats(world, bot);
    return bot;
}

/* --- chats ------------------------------------------------------------------ */

static const char *const type_names[] = { "private", "group", "supergroup",
                                          "channel" };

const char *chat_type_name(enum chat_type type)
{
    return type_names[type];
}

bool chat_type_parse(const char *name, enum chat_type *type)
{
    for (size_t i = 0; name && i < ARRAY_LEN(type_names); i++) {
        if (strcmp(name, type_names[i]) == 0) {
            *type = (enum chat_type)i;
            return true;
        }
    }
    return false;
}

struct chat *world_chat(const struct world *world, int64_t id, int64_t bot)
{
    struct chat_key key = { id, id > 0 ? bot : 0 };
    struct chat *chat;

    HASH_FIND(hh, world->chats, &key, sizeof(key), chat);
    return chat;
}

struct chat *world_chat_named(const struct world *world, const char *username)
{
    for (struct chat *c = world->chats; c; c = c->hh.next) {
        const char *name = json_str(c->brief, "username");

        if (c->type != CHAT_PRIVATE && name && strcasecmp(name, username) == 0)
            return c;
    }
    return NULL;
}

static struct chat *add_chat(struct world *world, enum chat_type type,
                             int64_t id, int64_t bot)
{
    struct chat *chat = xalloc(sizeof(*chat));

    chat->key = (struct chat_key){ id, bot };
    chat->type = type;
    chat->brief = json_object();
    json_set_int(chat->brief, "id", id);
    chat->full = json_object();
    chat->pinned = json_array();
    chat->next_id = 1;
    HASH_ADD(hh, world->chats, key, sizeof(chat->key), chat);
    return chat;
}

struct chat *world_private(struct world *world, struct user *person,
                           struct bot *bot)
{
    struct chat *chat = world_chat(world, person->id, bot->id);

    if (chat)
        return chat;
    chat = add_chat(world, CHAT_PRIVATE, person->id, bot->id);
    json_set_from(chat->brief, person->json, "first_name");
    json_set_from(chat->brief, person->json, "last_name");
    json_set_from(chat->brief, person->json, "username");
    json_set_str(chat->brief, "type", "private");
    return chat;
}

static bool id_fits(enum chat_type type, int64_t id)
{
    if (type == CHAT_GROUP)
        return id < 0 && id > -1000000000000;
    return id <= -1000000000000;
}

static json_t *default_permissions(void)
{
    static const char *const granted[] = {
        "can_send_messages",       "can_send_audios",
        "can_send_documents",      "can_send_photos",
        "can_send_videos",         "can_send_video_notes",
        "can_send_voice_notes",    "can_send_polls",
        "can_send_other_messages", "can_add_web_page_previews",
        "can_react_to_messages",   "can_edit_tag",
        "can_change_info",         "can_invite_users",
        "can_pin_messages",        "can_manage_topics",
    };
    json_t *permissions = json_object();

    for (size_t i = 0; i < ARRAY_LEN(granted); i++)
        json_set_bool(permissions, granted[i],
                      strcmp(granted[i], "can_change_info") != 0 &&
                          strcmp(granted[i], "can_pin_messages") != 0 &&
                          strcmp(granted[i], "can_manage_topics") != 0);
    return permissions;
}

struct chat *world_add_chat(struct world *world, enum chat_type type,
                            int64_t id, const char *title)
{
    struct chat *chat;

    if (id == 0) {
        int64_t base = type == CHAT_GROUP ? 0 : -1001000000000;

        do
            id = base - world->next_chat++;
        while (world_chat(world, id, 0));
    }
    if (!id_fits(type, id) || world_chat(world, id, 0))
        return NULL;
    chat = add_chat(world, type, id, 0);
    json_set_str(chat->brief, "title", title);
    json_set_str(chat->brief, "type", chat_type_name(type));
    if (type != CHAT_CHANNEL)
        json_object_set_new(chat->full, "permissions", default_permissions());
    return chat;
}

json_t *chat_full_info(const struct chat *chat)
{
    json_t *info = json_copy(chat->brief), *gifts;
    size_t n = json_array_size(chat->pinned);
    const struct message *pinned =
        n ? message_find(chat, json_integer_value(
                                   json_array_get(chat->pinned, n - 1)))
          : NULL;

    json_set_int(info, "accent_color_id", llabs(chat->key.id) % 7);
    json_set_int(info, "max_reaction_count", 11);
    gifts = json_pack("{s:b,s:b,s:b,s:b,s:b}", "unlimited_gifts", 0,
                      "limited_gifts", 0, "unique_gifts", 0,
                      "premium_subscription", 0, "gifts_from_channels", 0);
    json_object_set_new(info, "accepted_gift_types", gifts);
    json_object_update(info, chat->full);
    if (pinned)
        json_object_set_new(info, "pinned_message", message_json(pinned));
    return info;
}

/* --- topics ----------------------------------------------------------------- */

struct topic *chat_topic(const struct chat *chat, int64_t id)
{
    struct topic *topic = chat->topics;

    while (topic && topic->id != id)
        topic = topic->next;
    return topic;
}

struct topic *chat_add_topic(struct chat *chat, int64_t id, const char *name,
                             int64_t icon_color)
{
    struct topic *topic = xalloc(sizeof(*topic)), **end = &chat->topics;

    topic->id = id;
    topic->json =
        json_pack("{s:I, s:s, s:I}", "message_thread_id", id, "name", name,
                  "icon_color", icon_color ? icon_color : 7322096);
    while (*end)
        end = &(*end)->next;
    *end = topic;
    return topic;
}

static void topic_free(struct topic *topic)
{
    json_decref(topic->json);
    free(topic);
}

void chat_remove_topic(struct chat *chat, int64_t id)
{
    for (struct topic **at = &chat->topics; *at; at = &(*at)->next) {
        if ((*at)->id == id) {
            struct topic *topic = *at;

            *at = topic->next;
            topic_free(topic);
            return;
        }
    }
}

/* --- the world -------------------------------------------------------------- */

static void start_person(struct world *world, const char *first_name,
                         const char *username, const char *language)
{
    struct user *user = world_add_person(world, 0, first_name);

    json_set_str(user->json, "username", username);
    json_set_str(user->json, "language_code", language);
}

static struct chat *start_chat(struct world *world, enum chat_type type,
                               int64_t id, const char *title)
{
    struct chat *chat = world_add_chat(world, type, id, title);

    for (int64_t who = OWNER_ID; who >= FIRST_PERSON; who--) {
        struct user *user = world_user(world, who);

        chat_set_member(chat, user,
                        member_make(chat, user,
                                    who == OWNER_ID ? "creator" : "member"));
    }
    return chat;
}

struct world *world_new(void)
{
    struct world *world = xalloc(sizeof(*world));
    struct chat *workshop;

    world->next_person = FIRST_PERSON;
    world->next_chat = 3001;
    start_person(world, "Alice", "alice", "en");
    start_person(world, "Bob", "bob", "de");
    start_person(world, "Carol", "carol", "en");
    start_chat(world, CHAT_GROUP, GROUP_ID, "Garden");
    workshop = start_chat(world, CHAT_SUPERGROUP, SUPERGROUP_ID, "Workshop");
    json_set_bool(workshop->brief, "is_forum", true);
    chat_add_topic(workshop, 2, "Tools", 7322096);
    chat_add_topic(workshop, 3, "Wood", 16766590);
    workshop->next_id = 4; /* a topic's id is that of its first message */
    start_chat(world, CHAT_CHANNEL, CHANNEL_ID, "News");
    return world;
}

static void chat_free(struct chat *chat)
{
    struct member *member, *next;

    HASH_ITER (hh, chat->members, member, next) {
        HASH_DEL(chat->members, member);
        json_decref(member->json);
        free(member);
    }
    while (chat->topics)
        chat_remove_topic(chat, chat->topics->id);
    messages_release(chat);
    json_decref(chat->brief);
    json_decref(chat->full);
    json_decref(chat->pinned);
    free(chat);
}

static void bot_free(struct bot *bot)
{
    assert(!bot->updates);
    json_decref(bot->me);
    json_decref(bot->commands);
    json_decref(bot->profile);
    free(bot);
}

void world_free(struct world *world)
{
    struct user *user, *next_user;
    struct chat *chat, *next_chat;
    struct bot *bot;

    if (!world)
        return;
    HASH_ITER (hh, world->chats, chat, next_chat) {
        HASH_DEL(world->chats, chat);
        chat_free(chat);
    }
    HASH_ITER (hh, world->users, user, next_user) {
        HASH_DEL(world->users, user);
        json_decref(user->json);
        free(user);
    }
    while ((bot = world->bots)) {
        world->bots = bot->next;
        bot_free(bot);
    }
    free(world);
}
