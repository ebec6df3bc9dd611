/* methods_answer.c - answers to queries, reactions, chat actions. */
#include <string.h>

#include "simulator/acts.h"
#include "simulator/call.h"

/* The query of this bot that is not too old to be answered; NULL: said why. */
static struct query *query_of(struct call *c, const char *param,
                              bool inline_query)
{
    struct query *query =
        queries_find(c->sim->queries, json_str(c->params, param));

    if (query && query->inline_query == inline_query &&
        query->bot == c->bot->id && !query->answered &&
        now_ms() - query->time_ms < QUERY_OLD_MS)
        return query;
    call_fail(c, 400,
              "Bad Request: query is too old and response timeout expired or "
              "query ID is invalid");
    return NULL;
}

static bool answer_callback(struct call *c)
{
    struct query *query = query_of(c, "callback_query_id", false);
    const char *text = json_str(c->params, "text");
    const char *url = json_str(c->params, "url");
    struct buf out = BUF_INIT;
    json_t *event;

    if (!query)
        return false;
    if (text && strlen(text) > 200 * 4)
        return call_fail(c, 400, "Bad Request: MESSAGE_TOO_LONG");
    query->answered = true;
    query->answer =
        json_pack("{s:s?, s:b, s:s?}", "text", text, "show_alert",
                  (int)json_bool(c->params, "show_alert"), "url", url);
    event = json_pack("{s:I, s:s, s:I}", "bot", (json_int_t)c->bot->id,
                      "callback_query_id", query->id, "as",
                      (json_int_t)query->user);
    json_object_update(event, query->answer);
    json_add(&out, event);
    json_decref(event);
    feed_event(c->sim->feed, feed_next_seq(c->sim->feed), "answer",
               buf_slice(&out));
    buf_release(&out);
    return call_true(c);
}

static bool answer_inline(struct call *c)
{
    struct query *query = query_of(c, "inline_query_id", true);
    json_t *results = json_object_get(c->params, "results"), *one;
    size_t i;

    if (!query)
        return false;
    if (json_array_size(results) > 50)
        return call_fail(c, 400, "Bad Request: RESULTS_TOO_MUCH");
    json_array_foreach(results, i, one)
    {
        size_t n = json_string_length(json_object_get(one, "id"));

        if (n < 1 || n > 64)
            return call_fail(c, 400, "Bad Request: RESULT_ID_INVALID");
    }
    query->answered = true;
    query->answer = json_incref(results);
    waits_wake(c->sim);
    return call_true(c);
}

static bool react(struct call *c)
{
    json_t *reactions = json_object_get(c->params, "reaction"), *one;
    struct message *message;
    struct chat *chat;
    size_t i;

    message = call_message(c, &chat, "message to react not found");
    if (!message)
        return false;
    json_array_foreach(reactions, i, one)
    {
        if (strcmp(json_str(one, "type") ? json_str(one, "type") : "",
                   "emoji") == 0 &&
            !json_str(one, "emoji"))
            return call_fail(c, 400, "Bad Request: REACTION_INVALID");
    }
    if (json_array_size(reactions) > 1)
        return call_fail(c, 400, "Bad Request: REACTIONS_TOO_MANY");
    message_react(c->sim->feed, chat, message, c->bot->id, reactions);
    return call_true(c);
}

static bool chat_action(struct call *c)
{
    static const char *const actions[] = {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    };
    const char *action = json_str(c->params, "action");
    const struct chat *chat = call_chat_inside(c, "chat_id");
    struct buf out = BUF_INIT;

    if (!chat)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (!action || strcmp(action, actions[i]) != 0)
            continue;
        buf_addf(&out, "{\"bot\":%lld,\"chat\":%lld,\"action\":\"%s\"}",
                 (long long)c->bot->id, (long long)chat->key.id, action);
        feed_event(c->sim->feed, feed_next_seq(c->sim->feed), "action",
                   buf_slice(&out));
        buf_release(&out);
        return call_true(c);
    }
    return call_fail(c, 400, "Bad Request: wrong parameter action in request");
}

const struct method methods_answer[] = {
    { "answerCallbackQuery", answer_callback },
    { "answerInlineQuery", answer_inline },
    { "setMessageReaction", react },
    { "sendChatAction", chat_action },
    { NULL, NULL },
};
