/* messages.c - see messages.h. */
#include "simulator/messages.h"

#include <stdlib.h>
#include <string.h>

static void message_free(struct message *message)
{
    text_unref(message->text);
    text_unref(message->keyboard);
    json_decref(message->reactions);
    free(message);
}

void messages_release(struct chat *chat)
{
    for (size_t i = 0; i < chat->n; i++)
        message_free(chat->messages[chat->first + i]);
    free(chat->messages);
    chat->messages = NULL;
    chat->first = chat->n = chat->cap = 0;
}

int64_t message_next_id(struct chat *chat)
{
    return chat->next_id++;
}

struct message *message_find(const struct chat *chat, int64_t id)
{
    struct message **low = chat->messages + chat->first;
    size_t n = chat->n;

    while (n > 0) { /* they are in the order of their ids */
        struct message **middle = low + n / 2;

        if ((*middle)->id == id)
            return (*middle)->text ? *middle : NULL;
        if ((*middle)->id < id) {
            low = middle + 1;
            n -= n / 2 + 1;
        } else {
            n /= 2;
        }
    }
    return NULL;
}

json_t *message_json(const struct message *message)
{
    return json_from(text_slice(message->text));
}

void message_as_bots_see(json_t *json)
{
    if (json_object_get(json, "receiver_user"))
        json_set_int(json, "message_id", 0);
}

struct message *message_find_ephemeral(const struct chat *chat, int64_t id,
                                       int64_t receiver)
{
    struct message *message = message_find(chat, id);

    return message && receiver && message->receiver == receiver ? message
                                                                : NULL;
}

/* Room for one more at the end; the oldest goes when there are too many. */
static void make_room(struct chat *chat)
{
    if (chat->n == MESSAGES_KEPT) {
        message_free(chat->messages[chat->first++]);
        chat->n--;
    }
    if (chat->first + chat->n < chat->cap)
        return;
    if (chat->first > chat->cap / 2) {
        memmove(chat->messages, chat->messages + chat->first,
                chat->n * sizeof(chat->messages[0]));
        chat->first = 0;
        return;
    }
    chat->cap = chat->cap ? chat->cap * 2 : 8;
    chat->messages =
        xrealloc(chat->messages, chat->cap * sizeof(chat->messages[0]));
}

/* {"emoji": [user id]} of all who reacted, as a JSON array; "" for none. */
static void add_reactions(struct buf *out, const json_t *by_user)
{
    json_t *users = json_object(), *who, *reaction, *list;
    const char *user, *emoji, *sep = "";
    size_t i;

    json_object_foreach((json_t *)by_user, user, who)
    {
        json_array_foreach(who, i, reaction)
        {
            emoji = json_str(reaction, "emoji");
            if (!emoji)
                emoji = "\xe2\xad\x90"; /* a custom or paid one: a star */
            if (!(list = json_object_get(users, emoji))) {
                list = json_array();
                json_object_set_new(users, emoji, list);
            }
            json_array_append_new(list, json_integer(atoll(user)));
        }
    }
    buf_addc(out, '[');
    json_object_foreach(users, emoji, list)
    {
        json_t *one = json_pack("{s:s, s:O}", "emoji", emoji, "users", list);

        buf_adds(out, sep);
        json_add(out, one);
        json_decref(one);
        sep = ",";
    }
    buf_addc(out, ']');
    json_decref(users);
}

void message_add_view(struct buf *out, const struct message *m)
{
    if (!m->text) {
        buf_addf(out, "{\"message_id\":%lld,\"deleted\":true,\"seq\":%lld}",
                 (long long)m->id, (long long)m->seq);
        return;
    }
    buf_add(out, m->text->data, m->text->len - 1); /* without its } */
    if (m->keyboard) {
        buf_adds(out, ",\"reply_markup\":");
        buf_add_slice(out, text_slice(m->keyboard));
    }
    if (m->reactions && json_object_size(m->reactions)) {
        buf_adds(out, ",\"reactions\":");
        add_reactions(out, m->reactions);
    }
    buf_addf(out, ",\"seq\":%lld}", (long long)m->seq);
}

/* {"bot":…,"chat":…, without its end */
static void begin_event(struct buf *out, const struct chat *chat)
{
    if (chat->key.bot)
        buf_addf(out, "{\"bot\":%lld", (long long)chat->key.bot);
    else
        buf_adds(out, "{\"bot\":null");
    buf_addf(out, ",\"chat\":%lld", (long long)chat->key.id);
}

static void touch(struct feed *feed, struct chat *chat, struct message *m)
{
    m->seq = feed_next_seq(feed);
    chat->last_seq = m->seq;
}

static void tell(struct feed *feed, struct chat *chat, struct message *m)
{
    struct buf out = BUF_INIT;

    touch(feed, chat, m);
    buf_reserve(&out, m->text->len + 128);
    begin_event(&out, chat);
    buf_adds(&out, ",\"message\":");
    message_add_view(&out, m);
    buf_addc(&out, '}');
    feed_event(feed, m->seq, "message", buf_slice(&out));
    buf_release(&out);
}

struct message *message_add(struct feed *feed, struct chat *chat,
                            const json_t *json, const json_t *keyboard)
{
    struct message *m = xalloc(sizeof(*m));

    m->id = json_int(json, "message_id", 0);
    m->from = json_int(json_object_get(json, "from"), "id", 0);
    m->thread = json_int(json, "message_thread_id", 0);
    m->receiver = json_int(json_object_get(json, "receiver_user"), "id", 0);
    m->text = json_to_text_ref(json);
    if (keyboard)
        m->keyboard = json_to_text_ref(keyboard);
    make_room(chat);
    chat->messages[chat->first + chat->n++] = m;
    tell(feed, chat, m);
    return m;
}

void message_change(struct feed *feed, struct chat *chat, struct message *m,
                    const json_t *json)
{
    text_unref(m->text);
    m->text = json_to_text_ref(json);
    if (json_object_get(json, "reply_markup")) {
        text_unref(m->keyboard);
        m->keyboard = NULL;
    }
    tell(feed, chat, m);
}

static void unpin(struct chat *chat, int64_t id)
{
    json_t *pinned;
    size_t i;

    json_array_foreach(chat->pinned, i, pinned)
    {
        if (json_integer_value(pinned) == id) {
            json_array_remove(chat->pinned, i);
            return;
        }
    }
}

void message_delete(struct feed *feed, struct chat *chat, struct message *m)
{
    struct buf out = BUF_INIT;

    touch(feed, chat, m);
    text_unref(m->text);
    text_unref(m->keyboard);
    m->text = m->keyboard = NULL;
    unpin(chat, m->id);
    begin_event(&out, chat);
    buf_addf(&out, ",\"message_ids\":[%lld]}", (long long)m->id);
    feed_event(feed, m->seq, "deleted", buf_slice(&out));
    buf_release(&out);
}

void message_react(struct feed *feed, struct chat *chat, struct message *m,
                   int64_t user, json_t *reactions)
{
    struct buf out = BUF_INIT;
    char key[24];

    snprintf(key, sizeof(key), "%lld", (long long)user);
    if (!m->reactions)
        m->reactions = json_object();
    if (json_array_size(reactions))
        json_object_set(m->reactions, key, reactions);
    else
        json_object_del(m->reactions, key);
    touch(feed, chat, m);
    begin_event(&out, chat);
    buf_addf(&out, ",\"message_id\":%lld,\"reactions\":", (long long)m->id);
    add_reactions(&out, m->reactions);
    buf_addc(&out, '}');
    feed_event(feed, m->seq, "reaction", buf_slice(&out));
    buf_release(&out);
}

size_t messages_list(const struct feed *feed, const struct chat *chat,
                     int64_t after, struct buf *out)
{
    size_t found = 0;

    buf_adds(out, "{\"messages\":[");
    for (size_t i = 0; chat->last_seq > after && i < chat->n; i++) {
        const struct message *m = chat->messages[chat->first + i];

        if (m->seq <= after)
            continue;
        if (found++)
            buf_addc(out, ',');
        message_add_view(out, m);
    }
    buf_addf(out, "],\"seq\":%lld}", (long long)feed_seq(feed));
    return found;
}
