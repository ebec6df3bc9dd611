/* outgoing.c - see outgoing.h. What a message is made of is in content.c. */
#include "simulator/outgoing.h"

#include <string.h>

#include "simulator/queries.h"

#define EPHEMERAL_MS 15000 /* so long after a press no right is needed */

/* --- buttons ---------------------------------------------------------------------- */

static bool url_is_good(const char *url)
{
    return strncmp(url, "http://", 7) == 0 ||
           strncmp(url, "https://", 8) == 0 || strncmp(url, "tg://", 5) == 0 ||
           (strchr(url, '.') && !strchr(url, ' '));
}

static bool button_check(struct call *c, const json_t *button)
{
    const json_t *data = json_object_get(button, "callback_data");
    const char *url = json_str(button, "url");
    size_t n = json_string_length(data);

    if (!json_string_length(json_object_get(button, "text")))
        return call_fail(c, 400,
                         "Bad Request: inline keyboard button text is empty");
    if (data && (n < 1 || n > 64))
        return call_fail(c, 400, "Bad Request: BUTTON_DATA_INVALID");
    if (url && !url_is_good(url))
        return call_fail(c, 400,
                         "Bad Request: inline keyboard button URL '%s' is "
                         "invalid: Wrong HTTP URL",
                         url);
    if (json_object_size(button) < 2)
        return call_fail(c, 400,
                         "Bad Request: can't parse inline keyboard button: "
                         "Text buttons are unallowed in the inline keyboard");
    return true;
}

bool markup_check(struct call *c, const json_t *markup)
{
    const json_t *rows = json_object_get(markup, "inline_keyboard"), *row,
                 *button;
    size_t i, j;

    json_array_foreach(rows, i, row)
    {
        json_array_foreach(row, j, button)
        {
            if (!button_check(c, button))
                return false;
        }
    }
    return true;
}

static bool take_markup(struct call *c, struct outgoing *o)
{
    const json_t *markup = json_object_get(c->params, "reply_markup");
    const json_t *rows = json_object_get(markup, "inline_keyboard");

    if (!markup)
        return true;
    if (!rows)
        o->other_keyboard = markup;
    else if (json_array_size(rows))
        o->inline_keyboard = markup;
    return markup_check(c, markup);
}

/* --- where to ----------------------------------------------------------------------- */

static bool may_send(const struct chat *chat, int64_t bot, const char *what)
{
    const struct member *member = chat_member(chat, bot);

    if (chat->type == CHAT_PRIVATE || chat_is_admin(chat, bot))
        return true;
    if (strcmp(member_status(member), "restricted") == 0 &&
        !json_bool(member->json, what))
        return false;
    return json_bool(json_object_get(chat->full, "permissions"), what);
}

static bool check_rights(struct call *c, const struct chat *chat,
                         const struct send_kind *kind)
{
    if (chat->type == CHAT_CHANNEL) {
        if (chat_may(chat, c->bot->id, "can_post_messages"))
            return true;
        return call_fail(c, 400,
                         "Bad Request: need administrator rights in the "
                         "channel chat");
    }
    if (may_send(chat, c->bot->id, kind->permission))
        return true;
    return call_fail(c, 400,
                     "Bad Request: not enough rights to send %s to the chat",
                     kind->plural);
}

static bool take_thread(struct call *c, struct outgoing *o)
{
    const struct topic *topic;

    o->thread = json_int(c->params, "message_thread_id", 0);
    if (o->thread == 1 && json_bool(o->chat->brief, "is_forum"))
        o->thread = 0; /* General */
    if (!o->thread)
        return true;
    topic = chat_topic(o->chat, o->thread);
    if (!topic)
        return call_fail(c, 400, "Bad Request: message thread not found");
    if (topic->closed && !chat_is_admin(o->chat, c->bot->id))
        return call_fail(c, 400, "Bad Request: TOPIC_CLOSED");
    return true;
}

static bool take_reply(struct call *c, struct outgoing *o)
{
    const json_t *reply = json_object_get(c->params, "reply_parameters");
    const struct message *to;

    if (!json_object_get(reply, "message_id"))
        return true;
    to = message_find(o->chat, json_int(reply, "message_id", 0));
    if (!to)
        return json_bool(reply, "allow_sending_without_reply") ||
               call_fail(c, 400,
                         "Bad Request: message to be replied not found");
    if (!o->thread && chat_topic(o->chat, to->thread))
        o->thread = to->thread;
    o->reply = message_json(to);
    json_object_del(o->reply, "reply_to_message");
    if (json_str(reply, "quote"))
        o->quote = json_pack("{s:s, s:I, s:b}", "text",
                             json_str(reply, "quote"), "position",
                             (json_int_t)json_int(reply, "quote_position", 0),
                             "is_manual", 1);
    return true;
}

/* --- ephemeral messages -------------------------------------------------------------- */

/* Has this person just pressed a button of the bot's? */
static bool pressed_just_now(struct call *c, const char *query_id,
                             const struct user *user)
{
    const struct query *query =
        query_id ? queries_find(c->sim->queries, query_id) : NULL;

    return query && !query->inline_query && query->bot == c->bot->id &&
           query->user == user->id && now_ms() - query->time_ms <= EPHEMERAL_MS;
}

static bool take_receiver(struct call *c, struct outgoing *o)
{
    const json_t *given =
        json_object_get(c->params, "ephemeral_message_parameters");
    const struct user *user;

    if (!given)
        return true;
    user = world_user(c->sim->world, json_int(given, "receiver_user_id", 0));
    if (o->chat->type != CHAT_GROUP && o->chat->type != CHAT_SUPERGROUP)
        return call_fail(c, 400,
                         "Bad Request: ephemeral messages can't be sent to "
                         "the chat");
    if (!user || !chat_has(o->chat, user->id))
        return call_fail(c, 400, "Bad Request: receiver user not found");
    if (!chat_is_admin(o->chat, c->bot->id) &&
        !pressed_just_now(c, json_str(given, "callback_query_id"), user))
        return call_fail(c, 400,
                         "Bad Request: not enough rights to send ephemeral "
                         "messages to the chat");
    o->receiver = user;
    return true;
}

bool outgoing_begin(struct call *c, const struct send_kind *kind,
                    struct outgoing *o)
{
    memset(o, 0, sizeof(*o));
    return take_markup(c, o) && (o->chat = call_chat_inside(c, "chat_id")) &&
           check_rights(c, o->chat, kind) && take_thread(c, o) &&
           take_reply(c, o) && take_receiver(c, o);
}

struct message *outgoing_add(struct call *c, const struct outgoing *o,
                             const json_t *content)
{
    json_t *json = act_new_message(o->chat, c->bot->user, o->thread);
    struct message *message;

    if (o->reply)
        json_object_set(json, "reply_to_message", o->reply);
    if (o->quote)
        json_object_set(json, "quote", o->quote);
    json_object_update(json, (json_t *)content);
    if (json_bool(c->params, "protect_content"))
        json_set_bool(json, "has_protected_content", true);
    if (json_str(c->params, "message_effect_id"))
        json_set_str(json, "effect_id",
                     json_str(c->params, "message_effect_id"));
    if (o->inline_keyboard)
        json_object_set(json, "reply_markup", (json_t *)o->inline_keyboard);
    if (o->receiver) {
        json_object_set(json, "receiver_user", o->receiver->json);
        json_object_set(json, "ephemeral_message_id",
                        json_object_get(json, "message_id"));
    }
    message = message_add(c->sim->feed, o->chat, json, o->other_keyboard);
    json_decref(json);
    return message;
}

void outgoing_end(struct outgoing *o)
{
    json_decref(o->reply);
    json_decref(o->quote);
    o->reply = o->quote = NULL;
}

static void answer_message(struct call *c, const struct message *message)
{
    json_t *json;

    if (!message->receiver) {
        call_ok_text(c, text_slice(message->text));
        return;
    }
    json = message_json(message);
    message_as_bots_see(json);
    call_ok(c, json);
}

bool outgoing_send(struct call *c, const struct send_kind *kind,
                   json_t *content)
{
    struct outgoing o;
    bool ok;

    if (!content)
        return false;
    ok = outgoing_begin(c, kind, &o);
    if (ok)
        answer_message(c, outgoing_add(c, &o, content));
    outgoing_end(&o);
    json_decref(content);
    return ok;
}
