/* methods_send.c - messages without files: text, forwards, copies and the small
 * kinds. */
#include <stdlib.h>
#include <string.h>

#include "simulator/outgoing.h"

static const struct send_kind text_kind = { "can_send_messages",
                                            "text messages" };
static const struct send_kind poll_kind = { "can_send_polls", "polls" };
static const struct send_kind other_kind = { "can_send_other_messages",
                                             "stickers and games" };

static bool send_text(struct call *c)
{
    json_t *content = json_object();

    if (!content_add_text(c, content)) {
        json_decref(content);
        return false;
    }
    return outgoing_send(c, &text_kind, content);
}

/* An object of the named parameters. */
static json_t *pick(const json_t *params, const char *const *names)
{
    json_t *object = json_object();

    for (; *names; names++)
        json_set_from(object, params, *names);
    return object;
}

static bool send_location(struct call *c)
{
    static const char *const names[] = {
        "latitude",    "longitude", "horizontal_accuracy",
        "live_period", "heading",   "proximity_alert_radius",
        NULL
    };

    return outgoing_send(c, &text_kind,
                         json_pack("{s:o}", "location",
                                   pick(c->params, names)));
}

static bool send_venue(struct call *c)
{
    static const char *const names[] = { "title",
                                         "address",
                                         "foursquare_id",
                                         "foursquare_type",
                                         "google_place_id",
                                         "google_place_type",
                                         NULL };
    static const char *const place[] = { "latitude", "longitude", NULL };
    json_t *venue = json_pack("{s:o}", "location", pick(c->params, place));

    json_object_update_new(venue, pick(c->params, names));
    return outgoing_send(c, &text_kind,
                         json_pack("{s:O, s:o}", "location",
                                   json_object_get(venue, "location"), "venue",
                                   venue));
}

static bool send_contact(struct call *c)
{
    static const char *const names[] = { "phone_number", "first_name",
                                         "last_name", "vcard", NULL };

    return outgoing_send(c, &text_kind,
                         json_pack("{s:o}", "contact", pick(c->params, names)));
}

static bool send_dice(struct call *c)
{
    static const struct {
        const char *emoji;
        int sides;
    } dice[] = { { "🎲", 6 }, { "🎯", 6 }, { "🎳", 6 },
                 { "🏀", 5 }, { "⚽", 5 }, { "🎰", 64 } };
    const char *emoji = json_str(c->params, "emoji");

    for (size_t i = 0; i < ARRAY_LEN(dice); i++)
        if (!emoji || strcmp(emoji, dice[i].emoji) == 0)
            return outgoing_send(c, &other_kind,
                                 json_pack("{s:{s:s, s:i}}", "dice", "emoji",
                                           dice[i].emoji, "value",
                                           1 + rand() % dice[i].sides));
    return call_fail(c, 400, "Bad Request: invalid dice emoji specified");
}

static json_t *poll_options(struct call *c)
{
    const json_t *given = json_object_get(c->params, "options"), *one;
    json_t *options = json_array();
    char id[24];
    size_t i;

    json_array_foreach(given, i, one)
    {
        const char *text = json_is_string(one) ? json_string_value(one)
                                               : json_str(one, "text");

        snprintf(id, sizeof(id), "%zu", i);
        json_array_append_new(options,
                              json_pack("{s:s, s:s, s:i}", "persistent_id", id,
                                        "text", text ? text : "", "voter_count",
                                        0));
    }
    return options;
}

static bool send_poll(struct call *c)
{
    static long long count;
    const char *type = json_str(c->params, "type");
    const json_t *anonymous = json_object_get(c->params, "is_anonymous");
    json_t *options = poll_options(c), *poll;
    char id[32];

    if (json_array_size(options) < 1 || json_array_size(options) > 12) {
        json_decref(options);
        return call_fail(c, 400,
                         "Bad Request: poll must have at least 1 option");
    }
    snprintf(id, sizeof(id), "%lld", 5350000000000000000LL + ++count);
    poll = json_pack("{s:s, s:s, s:o, s:i, s:b, s:b, s:s, s:b, s:b, s:b}", "id",
                     id, "question", json_str(c->params, "question"), "options",
                     options, "total_voter_count", 0, "is_closed",
                     (int)json_bool(c->params, "is_closed"), "is_anonymous",
                     !anonymous || json_is_true(anonymous), "type",
                     type ? type : "regular", "allows_multiple_answers",
                     (int)json_bool(c->params, "allows_multiple_answers"),
                     "allows_revoting", 1, "members_only", 0);
    json_set_from(poll, c->params, "correct_option_ids");
    return outgoing_send(c, &poll_kind, json_pack("{s:o}", "poll", poll));
}

/* --- forwards and copies ------------------------------------------------------------ */

static bool is_service(const json_t *message)
{
    static const char *const kinds[] = {
        "new_chat_members",     "left_chat_member",   "new_chat_title",
        "pinned_message",       "migrate_to_chat_id", "migrate_from_chat_id",
        "forum_topic_created",  "forum_topic_edited", "forum_topic_closed",
        "forum_topic_reopened", "group_chat_created",
    };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (json_object_get(message, kinds[i]))
            return true;
    return false;
}

static json_t *origin_of(const json_t *message)
{
    const json_t *earlier = json_object_get(message, "forward_origin");
    json_t *from = json_object_get(message, "from");

    if (earlier)
        return json_deep_copy(earlier);
    if (from)
        return json_pack("{s:s, s:O, s:O}", "type", "user", "date",
                         json_object_get(message, "date"), "sender_user", from);
    return json_pack("{s:s, s:O, s:O, s:O}", "type", "channel", "date",
                     json_object_get(message, "date"), "chat",
                     json_object_get(message, "chat"), "message_id",
                     json_object_get(message, "message_id"));
}

/* The content of message id in chat, for another message. NULL: said why. */
static json_t *content_again(struct call *c, const struct chat *chat,
                             int64_t id, bool forward)
{
    const struct message *message = message_find(chat, id);
    const char *verb = forward ? "forward" : "copy";
    json_t *json, *origin;

    if (!message) {
        call_fail(c, 400, "Bad Request: message to %s not found", verb);
        return NULL;
    }
    json = message_json(message);
    if (is_service(json) || json_bool(json, "has_protected_content")) {
        json_decref(json);
        call_fail(c, 400, "Bad Request: message can't be %s",
                  forward ? "forwarded" : "copied");
        return NULL;
    }
    origin = origin_of(json);
    content_strip(json);
    if (forward)
        json_object_set(json, "forward_origin", origin);
    json_decref(origin);
    return json;
}

static bool forward_message(struct call *c)
{
    const struct chat *from = call_chat_inside(c, "from_chat_id");

    return from &&
           outgoing_send(c, &text_kind,
                         content_again(c, from,
                                       json_int(c->params, "message_id", 0),
                                       true));
}

static bool copy_message(struct call *c)
{
    const struct chat *from = call_chat_inside(c, "from_chat_id");
    json_t *content, *sent;

    if (!from ||
        !(content = content_again(c, from, json_int(c->params, "message_id", 0),
                                  false)))
        return false;
    if (json_object_get(c->params, "caption") &&
        !json_object_get(content, "text")) {
        json_object_del(content, "caption");
        json_object_del(content, "caption_entities");
        if (!content_add_caption(c, content, c->params)) {
            json_decref(content);
            return false;
        }
    }
    if (!outgoing_send(c, &text_kind, content))
        return false;
    sent = json_loadb(c->response.data, c->response.len, JSON_ALLOW_NUL, NULL);
    call_ok(c, json_pack("{s:I}", "message_id",
                         (json_int_t)json_int(json_object_get(sent, "result"),
                                              "message_id", 0)));
    json_decref(sent);
    return true;
}

/* copyMessages and forwardMessages leave out what is not there. */
static bool send_many(struct call *c, bool forward)
{
    const struct chat *from = call_chat_inside(c, "from_chat_id");
    const json_t *ids = json_object_get(c->params, "message_ids"), *id;
    json_t *answer, *content;
    struct outgoing o;
    size_t i;

    if (!from)
        return false;
    if (!outgoing_begin(c, &text_kind, &o)) {
        outgoing_end(&o);
        return false;
    }
    answer = json_array();
    json_array_foreach(ids, i, id)
    {
        content = content_again(c, from, json_integer_value(id), forward);
        if (!content)
            continue;
        json_array_append_new(
            answer, json_pack("{s:I}", "message_id",
                              (json_int_t)outgoing_add(c, &o, content)->id));
        json_decref(content);
    }
    outgoing_end(&o);
    if (json_array_size(answer))
        return call_ok(c, answer);
    json_decref(answer);
    return call_fail(c, 400, "Bad Request: there are no messages to %s",
                     forward ? "forward" : "copy");
}

static bool copy_messages(struct call *c)
{
    return send_many(c, false);
}

static bool forward_messages(struct call *c)
{
    return send_many(c, true);
}

const struct method methods_send[] = {
    { "sendMessage", send_text },
    { "sendLocation", send_location },
    { "sendVenue", send_venue },
    { "sendContact", send_contact },
    { "sendDice", send_dice },
    { "sendPoll", send_poll },
    { "forwardMessage", forward_message },
    { "forwardMessages", forward_messages },
    { "copyMessage", copy_message },
    { "copyMessages", copy_messages },
    { NULL, NULL },
};
