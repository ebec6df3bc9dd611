/* update.c - see update.h. */
#include "telegram/update.h"

#include <ctype.h>
#include <string.h>

#include "base/json.h"

static const char *const names[UPDATE_KINDS] = {
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "guest_message",
    "message_reaction",
    "message_reaction_count",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "purchased_paid_media",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
    "managed_bot",
    "subscription",
    "stopped_message_generation",
};

const char *update_kind_name(enum update_kind kind)
{
    return kind < UPDATE_KINDS ? names[kind] : "unknown";
}

enum update_kind update_kind_find(struct slice name)
{
    int kind = 0;

    while (kind < UPDATE_KINDS && !slice_eq(name, names[kind]))
        kind++;
    return (enum update_kind)kind;
}

static bool is_message(enum update_kind kind)
{
    return kind == UPDATE_MESSAGE || kind == UPDATE_EDITED_MESSAGE ||
           kind == UPDATE_CHANNEL_POST || kind == UPDATE_EDITED_CHANNEL_POST ||
           kind == UPDATE_BUSINESS_MESSAGE ||
           kind == UPDATE_EDITED_BUSINESS_MESSAGE ||
           kind == UPDATE_GUEST_MESSAGE;
}

static bool is_space_at(const char *p, const char *end, size_t *n)
{
    if (p < end && (*p == ' ' || *p == '\t')) {
        *n = 1;
        return true;
    }
    /* A line break stands escaped in raw text. */
    if (end - p >= 2 && p[0] == '\\' && strchr("ntr", p[1])) {
        *n = 2;
        return true;
    }
    return false;
}

/* The end of p … end without the white space there. */
static const char *trim_end(const char *p, const char *end)
{
    while (end > p) {
        const char *back = end;
        size_t n;

        /* "\\n" is a backslash and an n: count what escapes the letter */
        while (back - 1 > p && back[-2] == '\\')
            back--;
        if (is_space_at(end - 1, end, &n))
            end--;
        else if ((end - back) % 2 && is_space_at(end - 2, end, &n))
            end -= 2;
        else
            break;
    }
    return end;
}

/* A command is "/name" or "/name@bot" at the start, then an end or a space. */
static void read_command(struct update *u)
{
    const char *p = u->text.p, *end, *start;
    size_t n;

    if (u->text.n < 2)
        return;
    end = p + u->text.n;
    if (*p == '\\')
        p++; /* some write a slash as \/ */
    if (end - p < 2 || *p != '/')
        return;
    start = ++p;
    while (p < end && (isalnum((unsigned char)*p) || *p == '_'))
        p++;
    if (p == start)
        return;
    u->command = (struct slice){ start, (size_t)(p - start) };
    if (p < end && *p == '@') {
        start = ++p;
        while (p < end && (isalnum((unsigned char)*p) || *p == '_'))
            p++;
        u->command_bot = (struct slice){ start, (size_t)(p - start) };
    }
    if (p < end && !is_space_at(p, end, &n)) {
        u->command = u->command_bot = SLICE_NONE; /* "/a-b", "/path/x" */
        return;
    }
    while (is_space_at(p, end, &n))
        p += n;
    end = trim_end(p, end);
    u->command_args = (struct slice){ p, (size_t)(end - p) };
}

static void read_message(struct update *u, struct slice message)
{
    struct json_iter it;
    struct slice caption = SLICE_NONE;
    bool in_topic = false;

    u->message = message;
    json_iter_init(&it, message);
    while (json_iter_next(&it)) {
        if (slice_eq(it.key, "chat"))
            u->chat = it.value;
        else if (slice_eq(it.key, "from") && !u->from.p)
            u->from = it.value;
        else if (slice_eq(it.key, "text"))
            u->text = json_raw(it.value);
        else if (slice_eq(it.key, "caption"))
            caption = json_raw(it.value);
        else if (slice_eq(it.key, "is_topic_message"))
            in_topic = json_is_true(it.value);
        else if (slice_eq(it.key, "message_thread_id"))
            u->topic = it.value;
        else if (slice_eq(it.key, "business_connection_id"))
            u->business = it.value;
        else if (slice_eq(it.key, "direct_messages_topic"))
            u->direct = it.value;
        else if (slice_eq(it.key, "migrate_to_chat_id"))
            json_to_int(it.value, &u->moved_to);
        else if (slice_eq(it.key, "migrate_from_chat_id"))
            json_to_int(it.value, &u->moved_from);
    }
    if (!in_topic)
        u->topic = SLICE_NONE; /* then it is a thread of replies */
    if (!u->text.p)
        u->text = caption;
}

static void read_payload(struct update *u)
{
    struct json_iter it;
    struct slice message = SLICE_NONE;

    json_iter_init(&it, u->payload);
    while (json_iter_next(&it)) {
        if (slice_eq(it.key, "chat"))
            u->chat = it.value;
        else if (slice_eq(it.key, "from") || slice_eq(it.key, "user"))
            u->from = it.value;
        else if (slice_eq(it.key, "message"))
            message = it.value;
        else if (slice_eq(it.key, "data"))
            u->data = json_raw(it.value);
    }
    if (u->kind == UPDATE_CALLBACK_QUERY && message.p) {
        read_message(u, message);
        u->text = SLICE_NONE;
    }
}

bool update_read(struct slice text, struct update *u, struct err *err)
{
    struct json_iter it;
    bool has_id = false;

    *u = (struct update){ .kind = UPDATE_KINDS };
    json_iter_init(&it, text);
    while (json_iter_next(&it)) {
        if (slice_eq(it.key, "update_id")) {
            has_id = json_to_int(it.value, &u->id);
        } else if (!u->payload.p && json_kind(it.value) == JSON_OBJECT) {
            u->kind = update_kind_find(it.key);
            u->kind_name = it.key;
            u->payload = it.value;
        }
    }
    if (!has_id)
        return err_set(err, ERR_JSON, "an update without an update_id");
    if (is_message(u->kind))
        read_message(u, u->payload);
    else if (u->payload.p)
        read_payload(u);
    json_to_int(json_get_first(u->chat, "id"), &u->chat_id);
    json_to_int(json_get_first(u->from, "id"), &u->user_id);
    if (u->kind == UPDATE_MESSAGE || u->kind == UPDATE_CHANNEL_POST ||
        u->kind == UPDATE_BUSINESS_MESSAGE)
        read_command(u);
    return true;
}

int64_t update_chat(const struct update *u)
{
    return u->chat_id ? u->chat_id : u->user_id;
}

static bool is_query(enum update_kind kind)
{
    return kind == UPDATE_INLINE_QUERY || kind == UPDATE_CHOSEN_INLINE_RESULT ||
           kind == UPDATE_SHIPPING_QUERY || kind == UPDATE_PRE_CHECKOUT_QUERY;
}

/* Ids that are none of Telegram's (an update may be forged) share lanes, no more. */
int64_t update_lane(const struct update *u)
{
    const int64_t mask = UPDATE_LANE_QUERIES - 1;

    if (is_query(u->kind) && u->user_id)
        return UPDATE_LANE_QUERIES + (u->user_id & mask);
    if (update_chat(u))
        return update_chat(u);
    return UPDATE_LANE_OWN + (u->id & mask);
}

bool update_lane_is_urgent(int64_t lane)
{
    return lane >= UPDATE_LANE_QUERIES && lane < UPDATE_LANE_OWN;
}
