/* person_chat.c - what a person does in a chat: send, edit, press, react. */
#include <string.h>

#include "simulator/entities.h"
#include "simulator/person.h"
#include "simulator/updates.h"

static bool may(const struct chat *chat, const struct user *user,
                const char *permission)
{
    const struct member *member = chat_member(chat, user->id);

    if (chat->type == CHAT_PRIVATE || chat_is_admin(chat, user->id))
        return true;
    if (strcmp(member_status(member), "restricted") == 0 &&
        !json_bool(member->json, permission))
        return false;
    return json_bool(json_object_get(chat->full, "permissions"), permission);
}

/* May this person write here? false: answered. */
static bool may_write(struct sim_request *r, const struct chat *chat,
                      const struct user *user, const char *permission)
{
    const char *name = json_str(user->json, "first_name");

    if (!chat_has(chat, user->id))
        sim_fail(r, 400, "%s is not in this chat", name);
    else if (chat->blocked)
        sim_fail(r, 400,
                 "%s has blocked this bot: POST /sim/member with status "
                 "\"member\" ends that",
                 name);
    else if (chat->type == CHAT_CHANNEL
                 ? !chat_may(chat, user->id, "can_post_messages")
                 : !may(chat, user, permission))
        sim_fail(r, 400, "%s may not send this here", name);
    else
        return true;
    return false;
}

/* Person and chat of a request. false: answered. */
static bool who_and_where(struct sim_request *r, struct user **user,
                          struct chat **chat)
{
    return (*user = arg_person(r, "as")) && (*chat = arg_chat(r));
}

static int64_t bot_wanted(const struct sim_request *r, const struct chat *chat)
{
    return chat->key.bot ? chat->key.bot : arg_int(r, "bot", 0);
}

/* --- sending --------------------------------------------------------------------- */

static bool add_text(struct sim_request *r, json_t *message, const char *key,
                     const char *entities_key, bool required)
{
    struct slice text = json_str_slice(r->args, key);
    struct entities_input in = { .text = text.p ? text : slice_of(""),
                                 .keep_empty = !required };
    struct buf plain = BUF_INIT;
    struct err err = ERR_INIT;
    json_t *entities;
    bool ok = entities_apply(&in, &plain, &entities, &err);

    if (!ok) {
        sim_fail(r, 400, "%s", err.text);
    } else {
        json_object_del(message, key);
        json_object_del(message, entities_key);
        if (plain.len)
            json_object_set_new(message, key,
                                json_stringn(plain.data, plain.len));
        if (json_array_size(entities))
            json_object_set(message, entities_key, entities);
        json_decref(entities);
    }
    buf_release(&plain);
    return ok;
}

static const struct {
    const char *name, *folder, *permission;
} media[] = {
    { "photo", "photos", "can_send_photos" },
    { "document", "documents", "can_send_documents" },
    { "video", "videos", "can_send_videos" },
    { "audio", "music", "can_send_audios" },
    { "voice", "voice", "can_send_voice_notes" },
    { "animation", "animations", "can_send_other_messages" },
    { "sticker", "stickers", "can_send_other_messages" },
};

/* Which of the media is sent; -1: none. */
static int media_sent(const struct sim_request *r,
                      const struct multipart_part **part)
{
    for (size_t i = 0; i < ARRAY_LEN(media); i++) {
        *part = multipart_find(&r->parts, media[i].name);
        if (*part && (*part)->filename)
            return (int)i;
    }
    return -1;
}

static void add_media(struct sim_request *r, json_t *message, int kind,
                      const struct multipart_part *part)
{
    const struct file *file = files_add(r->sim->files, media[kind].folder,
                                        part->filename, part->type, part->data);
    json_t *object = file_media(file, media[kind].name, NULL);

    if (strcmp(media[kind].name, "animation") == 0)
        json_object_set_new(message, "document",
                            file_media(file, "document", NULL));
    json_object_set_new(message, media[kind].name, object);
}

/* A location, a contact, a poll, where it was forwarded from: what a Message has,
 * under its names, taken as it is. */
static bool add_fields(const struct sim_request *r, json_t *message)
{
    json_t *fields = json_object_get(r->args, "message"), *parsed = NULL;
    bool any;

    if (json_is_string(fields)) /* of a form */
        fields = parsed = json_loads(json_string_value(fields), 0, NULL);
    any = json_is_object(fields) && json_object_size(fields) > 0;
    if (any)
        json_object_update(message, fields);
    json_decref(parsed);
    return any;
}

/* false: answered. */
static bool add_content(struct sim_request *r, json_t *message)
{
    const struct multipart_part *part;
    bool has_fields = add_fields(r, message);
    int kind = media_sent(r, &part);

    if (kind < 0 && has_fields && !arg_str(r, "text"))
        return true;
    if (kind < 0)
        return add_text(r, message, "text", "entities", true);
    add_media(r, message, kind, part);
    return add_text(r, message, "caption", "caption_entities", false);
}

static bool add_reply(struct sim_request *r, const struct chat *chat,
                      json_t *message)
{
    int64_t id = arg_int(r, "reply_to", 0);
    const struct message *to = message_find(chat, id);
    json_t *json;

    if (!id)
        return true;
    if (!to) {
        sim_fail(r, 404, "there is no message %lld to reply to", (long long)id);
        return false;
    }
    json = message_json(to);
    json_object_del(json, "reply_to_message");
    json_object_set_new(message, "reply_to_message", json);
    return true;
}

/* The thread that is meant: given, or that of the message replied to. */
static bool thread_of(struct sim_request *r, const struct chat *chat,
                      int64_t *thread)
{
    const struct message *to = message_find(chat, arg_int(r, "reply_to", 0));

    *thread = arg_int(r, "thread", to ? to->thread : 0);
    if (*thread == 1 && json_bool(chat->brief, "is_forum"))
        *thread = 0;
    if (!*thread || chat_topic(chat, *thread))
        return true;
    sim_fail(r, 404, "there is no thread %lld in this chat",
             (long long)*thread);
    return false;
}

static void send_message(struct sim_request *r)
{
    const struct multipart_part *part;
    int kind = media_sent(r, &part);
    struct message *message;
    struct user *user;
    struct chat *chat;
    int64_t thread;
    json_t *json, *head;

    if (!who_and_where(r, &user, &chat) ||
        !may_write(r, chat, user,
                   kind < 0 ? "can_send_messages" : media[kind].permission) ||
        !thread_of(r, chat, &thread))
        return;
    json = json_object();
    if (add_reply(r, chat, json) && add_content(r, json)) {
        head = act_new_message(chat, user, thread); /* takes the next id */
        json_object_update(head, json);
        message = message_add(r->sim->feed, chat, head, NULL);
        message->from = user->id;
        json_decref(head);
        sim_ok_update(r,
                      act_tell_message(r->sim, chat, message, false,
                                       bot_wanted(r, chat), 0),
                      message);
    }
    json_decref(json);
}

static void edit_message(struct sim_request *r)
{
    struct message *message;
    struct user *user;
    struct chat *chat;
    json_t *json;
    bool caption;

    if (!who_and_where(r, &user, &chat) || !(message = arg_message(r, chat)))
        return;
    if (message->from != user->id) {
        sim_fail(r, 400, "only who sent a message can edit it");
        return;
    }
    json = message_json(message);
    caption = !json_object_get(json, "text");
    if (caption && !arg_str(r, "caption"))
        json_object_set(r->args, "caption", json_object_get(r->args, "text"));
    if (caption ? add_text(r, json, "caption", "caption_entities", false)
                : add_text(r, json, "text", "entities", true)) {
        json_set_int(json, "edit_date", now_ms() / 1000);
        message_change(r->sim->feed, chat, message, json);
        sim_ok_update(r,
                      act_tell_message(r->sim, chat, message, true,
                                       bot_wanted(r, chat), 0),
                      message);
    }
    json_decref(json);
}

/* --- buttons --------------------------------------------------------------------- */

static bool has_button(const json_t *message, const char *data)
{
    json_t *rows = json_object_get(json_object_get(message, "reply_markup"),
                                   "inline_keyboard");
    json_t *row, *button;
    size_t i, j;

    json_array_foreach(rows, i, row)
    {
        json_array_foreach(row, j, button)
        {
            const char *has = json_str(button, "callback_data");

            if (has && strcmp(has, data) == 0)
                return true;
        }
    }
    return false;
}

static bool callback_ready(struct wait *wait, struct buf *out, bool last)
{
    return sim_query_ready(wait, out, last, "callback_query_id", "answer");
}

/* The bot that a message's buttons belong to. */
static struct bot *bot_of(struct simulator *sim, const struct message *message,
                          const json_t *json)
{
    int64_t via = json_int(json_object_get(json, "via_bot"), "id", 0);

    return world_bot(sim->world, via ? via : message->from);
}

static void push_callback(const struct bot *bot, const struct query *query,
                          const struct user *user, json_t *message,
                          const char *data)
{
    json_t *json;
    struct buf out = BUF_INIT;

    message_as_bots_see(message);
    json = json_pack("{s:s, s:O, s:O, s:s, s:s}", "id", query->id, "from",
                     user->json, "message", message, "chat_instance",
                     "-5217345621904712345", "data", data);
    json_add(&out, json);
    updates_push(bot->updates, "callback_query", buf_slice(&out));
    json_decref(json);
    buf_release(&out);
}

static void press(struct sim_request *r)
{
    const char *data = arg_str(r, "data");
    struct wait wait = { .ready = callback_ready };
    const struct message *message;
    const struct query *query;
    struct user *user;
    struct chat *chat;
    struct bot *bot;
    json_t *json;

    if (!who_and_where(r, &user, &chat) || !(message = arg_message(r, chat)))
        return;
    json = message_json(message);
    bot = bot_of(r->sim, message, json);
    if (!chat_has(chat, user->id) ||
        (message->receiver && message->receiver != user->id)) {
        sim_fail(r, 400, "who presses must be in the chat");
    } else if (!data || !bot || !has_button(json, data)) {
        sim_fail(r, 400, "no button of this message has that \"data\"");
    } else {
        query = queries_add(r->sim->queries, false, bot->id, user->id);
        strncpy(wait.text, query->id, sizeof(wait.text) - 1);
        push_callback(bot, query, user, json, data);
        sim_wait(r, &wait, arg_int(r, "wait_ms", 0));
    }
    json_decref(json);
}

/* --- reactions --------------------------------------------------------------------- */

static json_t *reaction_types(const struct sim_request *r)
{
    const json_t *given = json_object_get(r->args, "reaction"), *one;
    json_t *types = json_array();
    size_t i;

    if (json_is_string(given) && json_string_length(given))
        json_array_append_new(types, json_pack("{s:s, s:O}", "type", "emoji",
                                               "emoji", given));
    json_array_foreach(given, i, one)
    {
        if (json_is_string(one))
            json_array_append_new(types, json_pack("{s:s, s:O}", "type",
                                                   "emoji", "emoji", one));
    }
    return types;
}

static void react(struct sim_request *r)
{
    struct message *message;
    struct user *user;
    struct chat *chat;
    json_t *before, *now, *json;
    struct buf out = BUF_INIT;
    char key[24];

    if (!who_and_where(r, &user, &chat) || !(message = arg_message(r, chat)))
        return;
    snprintf(key, sizeof(key), "%lld", (long long)user->id);
    before = json_object_get(message->reactions, key);
    before = before ? json_incref(before) : json_array();
    now = reaction_types(r);
    json = json_pack("{s:O, s:I, s:O, s:I, s:o, s:O}", "chat", chat->brief,
                     "message_id", (json_int_t)message->id, "user", user->json,
                     "date", (json_int_t)(now_ms() / 1000), "old_reaction",
                     before, "new_reaction", now);
    json_add(&out, json);
    message_react(r->sim->feed, chat, message, user->id, now);
    sim_ok_update(r,
                  act_tell_admins(r->sim, chat, "message_reaction",
                                  buf_slice(&out), bot_wanted(r, chat), 0),
                  NULL);
    json_decref(now);
    json_decref(json);
    buf_release(&out);
}

const struct sim_route person_chat_routes[] = {
    { "POST", "send", send_message },
    { "POST", "edit", edit_message },
    { "POST", "press", press },
    { "POST", "react", react },
    { NULL, NULL, NULL },
};
