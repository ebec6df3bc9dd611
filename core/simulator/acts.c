/* acts.c - see acts.h. */
#include "simulator/acts.h"

#include <string.h>

#include "simulator/updates.h"

static int64_t tell(struct simulator *sim, const struct chat *chat,
                    const char *kind, struct slice object, int64_t want,
                    int64_t except, bool admins)
{
    int64_t answer = 0;

    for (struct bot *bot = sim->world->bots; bot; bot = bot->next) {
        int64_t id;

        if (bot->id == except || !chat_has(chat, bot->id) || chat->blocked ||
            (admins && chat->type != CHAT_PRIVATE &&
             !chat_is_admin(chat, bot->id)))
            continue;
        id = updates_push(bot->updates, kind, object);
        if (bot->id == want || (!answer && !want))
            answer = id;
    }
    return answer;
}

int64_t act_tell(struct simulator *sim, const struct chat *chat,
                 const char *kind, struct slice object, int64_t want,
                 int64_t except)
{
    return tell(sim, chat, kind, object, want, except, false);
}

int64_t act_tell_admins(struct simulator *sim, const struct chat *chat,
                        const char *kind, struct slice object, int64_t want,
                        int64_t except)
{
    return tell(sim, chat, kind, object, want, except, true);
}

int64_t act_tell_message(struct simulator *sim, const struct chat *chat,
                         const struct message *message, bool edited,
                         int64_t want, int64_t except)
{
    const char *kind = edited ? "edited_message" : "message";

    if (chat->type == CHAT_CHANNEL)
        kind = edited ? "edited_channel_post" : "channel_post";
    return act_tell(sim, chat, kind, text_slice(message->text), want, except);
}

json_t *act_new_message(struct chat *chat, const struct user *from,
                        int64_t thread)
{
    json_t *json = json_object();

    json_set_int(json, "message_id", message_next_id(chat));
    if (chat->type == CHAT_CHANNEL)
        json_object_set(json, "sender_chat", chat->brief);
    else
        json_object_set(json, "from", from->json);
    json_object_set(json, "chat", chat->brief);
    json_set_int(json, "date", now_ms() / 1000);
    if (thread) {
        json_set_int(json, "message_thread_id", thread);
        json_set_bool(json, "is_topic_message", true);
    }
    return json;
}

int64_t act_service(struct simulator *sim, struct chat *chat,
                    const struct user *from, const char *key, json_t *value,
                    int64_t want, int64_t except)
{
    json_t *json = act_new_message(chat, from, 0);
    struct message *message;

    json_object_set_new(json, key, value);
    message = message_add(sim->feed, chat, json, NULL);
    json_decref(json);
    return act_tell_message(sim, chat, message, false, want, except);
}

/* --- members ------------------------------------------------------------------- */

static int64_t tell_member(struct simulator *sim, const struct chat *chat,
                           const struct user *user, json_t *before,
                           const struct user *by, int64_t want)
{
    json_t *now = chat_member_json(chat, user);
    json_t *json =
        json_pack("{s:O, s:O, s:I, s:O, s:O}", "chat", chat->brief, "from",
                  by->json, "date", (json_int_t)(now_ms() / 1000),
                  "old_chat_member", before, "new_chat_member", now);
    struct bot *bot = user->is_bot ? world_bot(sim->world, user->id) : NULL;
    struct buf text = BUF_INIT;
    int64_t id;

    json_add(&text, json);
    if (bot)
        id = updates_push(bot->updates, "my_chat_member", buf_slice(&text));
    else
        id = act_tell_admins(sim, chat, "chat_member", buf_slice(&text), want,
                             0);
    if (bot) /* other bots hear of it as of anyone */
        act_tell_admins(sim, chat, "chat_member", buf_slice(&text), 0, bot->id);
    json_decref(json);
    json_decref(now);
    buf_release(&text);
    return id;
}

/* The service message about who came or went; channels have none. */
static int64_t tell_coming(struct simulator *sim, struct chat *chat,
                           const struct user *user, const struct user *by,
                           bool came, int64_t want)
{
    if (chat->type == CHAT_CHANNEL)
        return 0;
    if (came)
        return act_service(sim, chat, by, "new_chat_members",
                           json_pack("[O]", user->json), want, 0);
    return act_service(sim, chat, by, "left_chat_member",
                       json_incref(user->json), want, 0);
}

int64_t act_set_member(struct simulator *sim, struct chat *chat,
                       const struct user *user, json_t *json,
                       const struct user *by, int64_t want)
{
    json_t *before = chat_member_json(chat, user);
    bool was = chat_has(chat, user->id), is;
    int64_t id = 0, other;

    chat_set_member(chat, user, json);
    is = chat_has(chat, user->id);
    if (was != is)
        id = tell_coming(sim, chat, user, by, is, want);
    if (!json_equal(before, json)) {
        other = tell_member(sim, chat, user, before, by, want);
        id = user->is_bot || !id ? other : id;
    }
    json_decref(before);
    feed_signal(sim->feed, "state");
    return id;
}

int64_t act_block(struct simulator *sim, struct chat *chat, bool blocked)
{
    struct bot *bot = world_bot(sim->world, chat->key.bot);
    const struct user *person = world_user(sim->world, chat->key.id);
    json_t *before =
        member_make(chat, bot->user, chat->blocked ? "kicked" : "member");
    json_t *now = member_make(chat, bot->user, blocked ? "kicked" : "member");
    json_t *json =
        json_pack("{s:O, s:O, s:I, s:o, s:o}", "chat", chat->brief, "from",
                  person->json, "date", (json_int_t)(now_ms() / 1000),
                  "old_chat_member", before, "new_chat_member", now);
    struct buf text = BUF_INIT;
    int64_t id = 0;

    json_add(&text, json);
    if (blocked != chat->blocked)
        id = updates_push(bot->updates, "my_chat_member", buf_slice(&text));
    chat->blocked = blocked;
    json_decref(json);
    buf_release(&text);
    feed_signal(sim->feed, "state");
    return id;
}

/* --- group to supergroup --------------------------------------------------------- */

static void move_members(struct chat *from, struct chat *to)
{
    for (struct member *m = from->members; m; m = m->hh.next) {
        struct user user = { .id = m->id };

        chat_set_member(to, &user, json_incref(m->json));
    }
}

struct chat *act_migrate(struct simulator *sim, struct chat *group)
{
    const char *title = json_str(group->brief, "title");
    struct chat *chat = world_add_chat(sim->world, CHAT_SUPERGROUP,
                                       -1000000000000 + group->key.id, title);
    const struct user *owner = world_user(sim->world, OWNER_ID);
    const struct member *m;

    if (!chat)
        chat = world_add_chat(sim->world, CHAT_SUPERGROUP, 0, title);
    for (m = group->members; m; m = m->hh.next)
        if (strcmp(member_status(m), "creator") == 0)
            owner = world_user(sim->world, m->id);
    move_members(group, chat);
    act_service(sim, group, owner, "migrate_to_chat_id",
                json_integer(chat->key.id), 0, 0);
    group->migrated_to = chat->key.id;
    act_service(sim, chat, owner, "migrate_from_chat_id",
                json_integer(group->key.id), 0, 0);
    feed_signal(sim->feed, "state");
    return chat;
}
