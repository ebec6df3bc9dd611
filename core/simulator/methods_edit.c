/* methods_edit.c - changing and deleting messages. */
#include <string.h>

#include "simulator/outgoing.h"

#define DELETE_MS (48LL * 3600 * 1000)

/* What a bot may edit: its own messages, and in a channel others' too, with the
 * right. */
static bool may_edit(const struct call *c, const struct chat *chat,
                     const struct message *message)
{
    if (chat->type == CHAT_CHANNEL)
        return chat_may(chat, c->bot->id, "can_edit_messages") ||
               chat_may(chat, c->bot->id, "can_post_messages");
    return message->from == c->bot->id;
}

/* Of an editEphemeralMessage…, or another edit. */
static struct message *find(struct call *c, struct chat **chat)
{
    struct message *message;

    if (!json_object_get(c->params, "ephemeral_message_id"))
        return call_message(c, chat, "message to edit not found");
    if (!(*chat = call_chat_inside(c, "chat_id")))
        return NULL;
    message =
        message_find_ephemeral(*chat,
                               json_int(c->params, "ephemeral_message_id", 0),
                               json_int(c->params, "receiver_user_id", 0));
    if (!message)
        call_fail(c, 400, "Bad Request: message to edit not found");
    return message;
}

/* The message to change. *json is its object, owned. NULL: said why. */
static struct message *begin(struct call *c, struct chat **chat, json_t **json)
{
    struct message *message;

    if (!markup_check(c, json_object_get(c->params, "reply_markup")))
        return NULL;
    message = find(c, chat);
    if (!message)
        return NULL;
    if (!may_edit(c, *chat, message)) {
        call_fail(c, 400, "Bad Request: message can't be edited");
        return NULL;
    }
    *json = message_json(message);
    return message;
}

/* Edits without reply_markup take the keyboard away, as at Telegram. */
static void change_markup(struct call *c, json_t *json)
{
    json_t *markup = json_object_get(c->params, "reply_markup");

    if (json_array_size(json_object_get(markup, "inline_keyboard")))
        json_object_set(json, "reply_markup", markup);
    else
        json_object_del(json, "reply_markup");
}

/* Does the new form say anything else? edit_date does not count. */
static bool same(const struct message *message, const json_t *json)
{
    json_t *before = message_json(message);
    bool equal;

    json_object_del(before, "edit_date");
    equal = json_equal(before, json);
    json_decref(before);
    return equal;
}

static bool finish(struct call *c, struct chat *chat, struct message *message,
                   json_t *json)
{
    json_object_del(json, "edit_date");
    if (same(message, json)) {
        json_decref(json);
        return call_fail(c, 400,
                         "Bad Request: message is not modified: specified new "
                         "message content and reply markup are exactly the "
                         "same as a current content and reply markup of the "
                         "message");
    }
    json_set_int(json, "edit_date", now_ms() / 1000);
    message_change(c->sim->feed, chat, message, json);
    json_decref(json);
    return message->receiver ? call_true(c)
                             : call_ok_text(c, text_slice(message->text));
}

/* An inline message is in no chat that the simulator shows: nothing is changed. */
static bool is_inline(const struct call *c)
{
    return json_str(c->params, "inline_message_id") != NULL;
}

static bool edit_text(struct call *c)
{
    struct message *message;
    struct chat *chat;
    json_t *json, *content;

    if (is_inline(c))
        return call_true(c);
    content = json_object();
    if (!content_add_text(c, content) || !(message = begin(c, &chat, &json))) {
        json_decref(content);
        return false;
    }
    if (!json_object_get(json, "text")) {
        json_decref(content);
        json_decref(json);
        return call_fail(
            c, 400, "Bad Request: there is no text in the message to edit");
    }
    json_object_del(json, "entities");
    json_object_del(json, "link_preview_options");
    json_object_update(json, content);
    json_decref(content);
    change_markup(c, json);
    return finish(c, chat, message, json);
}

static bool has_caption(const json_t *json)
{
    static const char *const media[] = { "photo", "video",     "document",
                                         "audio", "animation", "voice" };

    for (size_t i = 0; i < ARRAY_LEN(media); i++)
        if (json_object_get(json, media[i]))
            return true;
    return false;
}

static bool edit_caption(struct call *c)
{
    struct message *message;
    struct chat *chat;
    json_t *json, *content;

    if (is_inline(c))
        return call_true(c);
    content = json_object();
    if (!content_add_caption(c, content, c->params) ||
        !(message = begin(c, &chat, &json))) {
        json_decref(content);
        return false;
    }
    if (!has_caption(json)) {
        json_decref(content);
        json_decref(json);
        return call_fail(c, 400,
                         "Bad Request: there is no caption in the message to "
                         "edit");
    }
    json_object_del(json, "caption");
    json_object_del(json, "caption_entities");
    json_object_update(json, content);
    json_decref(content);
    change_markup(c, json);
    return finish(c, chat, message, json);
}

static bool edit_markup(struct call *c)
{
    struct message *message;
    struct chat *chat;
    json_t *json;

    if (is_inline(c))
        return call_true(c);
    if (!(message = begin(c, &chat, &json)))
        return false;
    change_markup(c, json);
    return finish(c, chat, message, json);
}

static bool edit_media(struct call *c)
{
    static const char *const old[] = {
        "photo", "video",   "document",         "audio", "animation",
        "voice", "caption", "caption_entities", "text",  "entities",
    };
    struct message *message;
    struct chat *chat;
    json_t *json, *content;

    if (is_inline(c))
        return call_true(c);
    content = content_of_media(c, json_object_get(c->params, "media"));
    if (!content)
        return false;
    if (!(message = begin(c, &chat, &json))) {
        json_decref(content);
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(old); i++)
        json_object_del(json, old[i]);
    json_object_update(json, content);
    json_decref(content);
    change_markup(c, json);
    return finish(c, chat, message, json);
}

static bool stop_poll(struct call *c)
{
    struct message *message;
    struct chat *chat;
    json_t *json, *poll;

    if (!(message = begin(c, &chat, &json)))
        return false;
    poll = json_object_get(json, "poll");
    if (!poll || json_bool(poll, "is_closed")) {
        bool closed = poll != NULL;

        json_decref(json);
        return call_fail(c, 400,
                         closed ? "Bad Request: poll has already been "
                                  "closed"
                                : "Bad Request: message with poll to stop "
                                  "not found");
    }
    json_set_bool(poll, "is_closed", true);
    json_incref(poll);
    change_markup(c, json);
    message_change(c->sim->feed, chat, message, json);
    json_decref(json);
    return call_ok(c, poll);
}

/* --- deleting --------------------------------------------------------------------------- */

static bool may_delete(const struct call *c, const struct chat *chat,
                       const struct message *message)
{
    json_t *json = message_json(message);
    bool old = now_ms() - json_int(json, "date", 0) * 1000 > DELETE_MS;

    json_decref(json);
    if (chat->type == CHAT_PRIVATE)
        return !old;
    if (chat_may(chat, c->bot->id, "can_delete_messages"))
        return true;
    return message->from == c->bot->id && !old;
}

static bool delete_one(struct call *c)
{
    struct chat *chat;
    struct message *message =
        call_message(c, &chat, "message to delete not found");

    if (!message)
        return false;
    if (!may_delete(c, chat, message))
        return call_fail(c, 400,
                         "Bad Request: message can't be deleted for "
                         "everyone");
    message_delete(c->sim->feed, chat, message);
    return call_true(c);
}

static bool delete_ephemeral(struct call *c)
{
    struct chat *chat;
    struct message *message = find(c, &chat);

    if (!message)
        return false;
    if (!may_edit(c, chat, message))
        return call_fail(c, 400, "Bad Request: message can't be deleted");
    message_delete(c->sim->feed, chat, message);
    return call_true(c);
}

static bool delete_many(struct call *c)
{
    const json_t *ids = json_object_get(c->params, "message_ids"), *id;
    struct chat *chat = call_chat_inside(c, "chat_id");
    struct message *message;
    size_t i;

    if (!chat)
        return false;
    if (json_array_size(ids) < 1 || json_array_size(ids) > 100)
        return call_fail(c, 400,
                         "Bad Request: message identifiers are not "
                         "specified");
    json_array_foreach(ids, i, id)
    {
        message = message_find(chat, json_integer_value(id));
        if (message && !message->receiver && may_delete(c, chat, message))
            message_delete(c->sim->feed, chat, message);
    }
    return call_true(c);
}

const struct method methods_edit[] = {
    { "editMessageText", edit_text },
    { "editMessageCaption", edit_caption },
    { "editMessageReplyMarkup", edit_markup },
    { "editMessageMedia", edit_media },
    { "stopPoll", stop_poll },
    { "deleteMessage", delete_one },
    { "editEphemeralMessageText", edit_text },
    { "editEphemeralMessageCaption", edit_caption },
    { "editEphemeralMessageReplyMarkup", edit_markup },
    { "editEphemeralMessageMedia", edit_media },
    { "deleteEphemeralMessage", delete_ephemeral },
    { "deleteMessages", delete_many },
    { NULL, NULL },
};
