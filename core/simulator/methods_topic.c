/* methods_topic.c - topics of forum supergroups. */
#include <string.h>

#include "simulator/acts.h"
#include "simulator/call.h"

static struct chat *forum(struct call *c)
{
    struct chat *chat = call_chat_inside(c, "chat_id");

    if (!chat)
        return NULL;
    if (!json_bool(chat->brief, "is_forum")) {
        call_fail(c, 400, "Bad Request: the chat is not a forum");
        return NULL;
    }
    if (!chat_may(chat, c->bot->id, "can_manage_topics")) {
        call_fail(c, 400, "Bad Request: not enough rights to manage topics");
        return NULL;
    }
    return chat;
}

static struct topic *topic_of(struct call *c, struct chat **chat)
{
    struct topic *topic;

    if (!(*chat = forum(c)))
        return NULL;
    topic = chat_topic(*chat, json_int(c->params, "message_thread_id", 0));
    if (!topic)
        call_fail(c, 400, "Bad Request: TOPIC_ID_INVALID");
    return topic;
}

/* A service message in a topic; the bot does not hear of its own. */
static void say(struct call *c, struct chat *chat, int64_t thread,
                const char *key, json_t *value)
{
    json_t *json = act_new_message(chat, c->bot->user, thread);
    struct message *message;

    json_object_set_new(json, key, value);
    message = message_add(c->sim->feed, chat, json, NULL);
    json_decref(json);
    act_tell_message(c->sim, chat, message, false, 0, c->bot->id);
    feed_signal(c->sim->feed, "state");
}

static bool create(struct call *c)
{
    const char *name = json_str(c->params, "name");
    struct chat *chat = forum(c);
    struct topic *topic;

    if (!chat)
        return false;
    if (!name || !name[0])
        return call_fail(c, 400, "Bad Request: TOPIC_NAME_EMPTY");
    /* a topic's id is that of its first message, which say() makes now */
    topic = chat_add_topic(chat, chat->next_id, name,
                           json_int(c->params, "icon_color", 0));
    json_set_from(topic->json, c->params, "icon_custom_emoji_id");
    say(c, chat, topic->id, "forum_topic_created",
        json_pack("{s:s, s:O}", "name", name, "icon_color",
                  json_object_get(topic->json, "icon_color")));
    return call_ok(c, json_incref(topic->json));
}

static bool edit(struct call *c)
{
    struct chat *chat;
    struct topic *topic = topic_of(c, &chat);
    json_t *what;

    if (!topic)
        return false;
    what = json_object();
    json_set_from(what, c->params, "name");
    json_set_from(what, c->params, "icon_custom_emoji_id");
    json_object_update(topic->json, what);
    say(c, chat, topic->id, "forum_topic_edited", what);
    return call_true(c);
}

static bool set_closed(struct call *c, bool closed)
{
    struct chat *chat;
    struct topic *topic = topic_of(c, &chat);

    if (!topic)
        return false;
    if (topic->closed == closed)
        return call_fail(c, 400, "Bad Request: TOPIC_NOT_MODIFIED");
    topic->closed = closed;
    say(c, chat, topic->id,
        closed ? "forum_topic_closed" : "forum_topic_reopened", json_object());
    return call_true(c);
}

static bool close_topic(struct call *c)
{
    return set_closed(c, true);
}

static bool reopen(struct call *c)
{
    return set_closed(c, false);
}

static bool delete_topic(struct call *c)
{
    struct chat *chat;
    struct topic *topic = topic_of(c, &chat);
    int64_t id;

    if (!topic)
        return false;
    id = topic->id;
    for (size_t i = 0; i < chat->n; i++) {
        struct message *message = chat->messages[chat->first + i];

        if (message->text && message->thread == id)
            message_delete(c->sim->feed, chat, message);
    }
    chat_remove_topic(chat, id);
    feed_signal(c->sim->feed, "state");
    return call_true(c);
}

const struct method methods_topic[] = {
    { "createForumTopic", create },       { "editForumTopic", edit },
    { "closeForumTopic", close_topic },   { "reopenForumTopic", reopen },
    { "deleteForumTopic", delete_topic }, { NULL, NULL },
};
