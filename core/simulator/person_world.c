/* person_world.c - who is where: joining, leaving, members, new chats and
 * people; inline queries. */
#include <stdlib.h>
#include <string.h>

#include "simulator/entities.h"
#include "simulator/person.h"
#include "simulator/updates.h"

/* --- members ------------------------------------------------------------------------ */

/* A chat where people come and go; NULL: answered. */
static struct chat *shared_chat(struct sim_request *r)
{
    struct chat *chat = arg_chat(r);

    if (!chat || chat->type != CHAT_PRIVATE)
        return chat;
    sim_fail(r, 400, "nobody joins or leaves a private chat");
    return NULL;
}

/* Who does it: `by`, or the one it is about. */
static const struct user *doer(struct sim_request *r, const struct user *self)
{
    return arg_int(r, "by", 0) ? arg_person(r, "by") : self;
}

static void join_or_leave(struct sim_request *r, bool join)
{
    const struct user *user = arg_person(r, "as"), *by;
    struct chat *chat = user ? shared_chat(r) : NULL;
    const char *status;

    if (!chat || !(by = doer(r, user)))
        return;
    status = member_status(chat_member(chat, user->id));
    if (join && strcmp(status, "kicked") == 0 && by == user) {
        sim_fail(r, 400, "%s is banned from this chat",
                 json_str(user->json, "first_name"));
        return;
    }
    if (join == chat_has(chat, user->id)) {
        sim_fail(r, 400, "%s is %s this chat",
                 json_str(user->json, "first_name"),
                 join ? "already in" : "not in");
        return;
    }
    sim_ok_update(r,
                  act_set_member(r->sim, chat, user,
                                 member_make(chat, user,
                                             join ? "member" : "left"),
                                 by, arg_int(r, "bot", 0)),
                  NULL);
}

static void join(struct sim_request *r)
{
    join_or_leave(r, true);
}

static void leave(struct sim_request *r)
{
    join_or_leave(r, false);
}

static bool is_status(const char *status)
{
    static const char *const all[] = { "member", "administrator", "restricted",
                                       "left",   "kicked",        "creator" };

    for (size_t i = 0; status && i < ARRAY_LEN(all); i++)
        if (strcmp(status, all[i]) == 0)
            return true;
    return false;
}

/* In a private chat: the person blocks or unblocks the bot. */
static void set_blocked(struct sim_request *r, const char *status)
{
    struct chat *chat;
    int64_t user = arg_int(r, "user", 0);

    if (user)
        json_set_int(r->args, "bot", user);
    if ((chat = arg_chat(r)))
        sim_ok_update(r, act_block(r->sim, chat, strcmp(status, "kicked") == 0),
                      NULL);
}

static void set_member(struct sim_request *r)
{
    const char *status = arg_str(r, "status"), *name;
    const struct user *user, *by;
    struct chat *chat;
    json_t *json, *value;

    if (!is_status(status)) {
        sim_fail(r, 400,
                 "\"status\" must be member, administrator, restricted, "
                 "left or kicked");
        return;
    }
    if (arg_int(r, "chat", 0) > 0) {
        set_blocked(r, status);
        return;
    }
    if (!json_object_get(r->args, "by"))
        json_set_int(r->args, "by", OWNER_ID);
    if (!(user = arg_person(r, "user")) || !(chat = shared_chat(r)) ||
        !(by = arg_person(r, "by")))
        return;
    json = member_make(chat, user, status);
    json_object_foreach(r->args, name, value)
    {
        /* rights may be given along with it */
        if (json_is_boolean(value) && json_object_get(json, name))
            json_object_set(json, name, value);
    }
    if (arg_bool(r, "quiet")) { /* it was always so */
        chat_set_member(chat, user, json);
        sim_ok(r, json_object());
        return;
    }
    sim_ok_update(r,
                  act_set_member(r->sim, chat, user, json, by,
                                 arg_int(r, "bot", 0)),
                  NULL);
}

/* --- new chats and people -------------------------------------------------------------- */

static void add_members(struct sim_request *r, struct chat *chat)
{
    const json_t *ids = json_object_get(r->args, "members"), *id;
    bool owned = false;
    size_t i;

    json_array_foreach(ids, i, id)
    {
        const struct user *user =
            world_user(r->sim->world, json_integer_value(id));
        const char *status = "member";

        if (!user)
            continue;
        if (!owned && !user->is_bot) {
            status = "creator"; /* the first person named owns it */
            owned = true;
        } else if (user->is_bot && chat->type == CHAT_CHANNEL) {
            status = "administrator"; /* bots cannot be less there */
        }
        chat_set_member(chat, user, member_make(chat, user, status));
    }
}

/* Everybody, when no members were named. */
static void name_everybody(struct sim_request *r)
{
    json_t *ids = json_array();

    json_array_append_new(ids, json_integer(OWNER_ID));
    for (struct user *u = r->sim->world->users; u; u = u->hh.next)
        if (u->id != OWNER_ID)
            json_array_append_new(ids, json_integer(u->id));
    json_object_set_new(r->args, "members", ids);
}

/* They take the numbers of messages, as at Telegram. */
static void add_topics(const struct sim_request *r, struct chat *chat)
{
    const json_t *names = json_object_get(r->args, "topics"), *name;
    size_t i;

    if (!json_bool(chat->brief, "is_forum"))
        return;
    chat->next_id += chat->next_id == 1; /* that is General's */
    json_array_foreach(names, i, name)
    {
        if (json_is_string(name))
            chat_add_topic(chat, message_next_id(chat), json_string_value(name),
                           0);
    }
}

static void make_chat(struct sim_request *r)
{
    const char *title = arg_str(r, "title"), *username;
    enum chat_type type;
    struct chat *chat;

    if (!chat_type_parse(arg_str(r, "type"), &type) || type == CHAT_PRIVATE) {
        sim_fail(r, 400, "\"type\" must be group, supergroup or channel");
        return;
    }
    if (!title || !title[0]) {
        sim_fail(r, 400, "\"title\" is missing");
        return;
    }
    chat = world_add_chat(r->sim->world, type, arg_int(r, "id", 0), title);
    if (!chat) {
        sim_fail(r, 400,
                 "\"id\" is taken or does not fit the type: groups have ids "
                 "like -2001, supergroups and channels like -1001000000002002");
        return;
    }
    if ((username = arg_str(r, "username")) && type != CHAT_GROUP)
        json_set_str(chat->brief, "username", username);
    if (arg_bool(r, "is_forum") && type == CHAT_SUPERGROUP)
        json_set_bool(chat->brief, "is_forum", true);
    if (!json_is_array(json_object_get(r->args, "members")))
        name_everybody(r);
    add_members(r, chat);
    add_topics(r, chat);
    feed_signal(r->sim->feed, "state");
    sim_ok(r, json_pack("{s:o}", "chat", chat_full_info(chat)));
}

static void make_person(struct sim_request *r)
{
    const char *name = arg_str(r, "first_name");
    struct user *user;

    if (!name || !name[0]) {
        sim_fail(r, 400, "\"first_name\" is missing");
        return;
    }
    user = world_add_person(r->sim->world, arg_int(r, "id", 0), name);
    if (!user) {
        sim_fail(r, 400, "\"id\" is taken or not a positive number");
        return;
    }
    json_set_from(user->json, r->args, "last_name");
    json_set_from(user->json, r->args, "username");
    json_set_from(user->json, r->args, "language_code");
    feed_signal(r->sim->feed, "state");
    sim_ok(r, json_pack("{s:O}", "user", user->json));
}

static void migrate(struct sim_request *r)
{
    struct chat *chat = arg_chat(r);

    if (!chat)
        return;
    if (chat->type != CHAT_GROUP) {
        sim_fail(r, 400, "only a group becomes a supergroup");
        return;
    }
    sim_ok(r, json_pack("{s:o}", "chat",
                        chat_full_info(act_migrate(r->sim, chat))));
}

/* --- inline queries ----------------------------------------------------------------- */

static bool inline_ready(struct wait *wait, struct buf *out, bool last)
{
    return sim_query_ready(wait, out, last, "inline_query_id", "results");
}

static void ask_inline(struct sim_request *r)
{
    const char *text = arg_str(r, "query");
    const struct user *user = arg_person(r, "as");
    struct bot *bot = user ? arg_bot(r) : NULL;
    struct wait wait = { .ready = inline_ready };
    struct buf out = BUF_INIT;
    struct query *query;
    json_t *json;

    if (!bot)
        return;
    query = queries_add(r->sim->queries, true, bot->id, user->id);
    query->text = json_string(text ? text : "");
    json = json_pack("{s:s, s:O, s:O, s:s}", "id", query->id, "from",
                     user->json, "query", query->text, "offset", "");
    json_add(&out, json);
    json_decref(json);
    updates_push(bot->updates, "inline_query", buf_slice(&out));
    buf_release(&out);
    strncpy(wait.text, query->id, sizeof(wait.text) - 1);
    sim_wait(r, &wait, arg_int(r, "wait_ms", 3000));
}

static const json_t *find_result(const struct query *query, const char *id)
{
    const json_t *one;
    size_t i;

    json_array_foreach(query->answer, i, one)
    {
        if (id && strcmp(json_str(one, "id"), id) == 0)
            return one;
    }
    return NULL;
}

/* What a result says when it is sent: its message_text, or what we can show of
 * it. false: answered. */
static bool add_result(struct sim_request *r, json_t *message,
                       const json_t *result)
{
    const json_t *content = json_object_get(result, "input_message_content");
    bool rich = json_str(content, "message_text") != NULL;
    const char *text =
        rich ? json_str(content, "message_text") : json_str(result, "caption");
    struct entities_input in = { 0 };
    struct buf plain = BUF_INIT;
    struct err err = ERR_INIT;
    json_t *entities;

    if (!text)
        text = json_str(result, "title");
    in.text = slice_of(text && text[0] ? text : json_str(result, "type"));
    in.parse_mode = json_str(rich ? content : result, "parse_mode");
    in.given = json_object_get(content, "entities");
    if (!entities_apply(&in, &plain, &entities, &err)) {
        sim_fail(r, 400, "%s", err.text);
        buf_release(&plain);
        return false;
    }
    json_object_set_new(message, "text", json_stringn(plain.data, plain.len));
    if (json_array_size(entities))
        json_object_set(message, "entities", entities);
    json_decref(entities);
    json_set_from(message, result, "reply_markup");
    buf_release(&plain);
    return true;
}

static int64_t push_chosen(const struct bot *bot, const struct query *query,
                           const struct user *user, const char *result_id)
{
    json_t *json = json_pack("{s:s, s:O, s:O}", "result_id", result_id, "from",
                             user->json, "query", query->text);
    struct buf out = BUF_INIT;
    int64_t id;

    json_add(&out, json);
    id = updates_push(bot->updates, "chosen_inline_result", buf_slice(&out));
    json_decref(json);
    buf_release(&out);
    return id;
}

static void pick(struct sim_request *r)
{
    const char *query_id = arg_str(r, "inline_query_id");
    const struct user *user = arg_person(r, "as");
    struct chat *chat = user ? arg_chat(r) : NULL;
    const struct query *query =
        query_id ? queries_find(r->sim->queries, query_id) : NULL;
    const json_t *result;
    struct message *message;
    struct bot *bot;
    json_t *content, *json;
    int64_t id;

    if (!chat)
        return;
    if (!query || !query->inline_query || !query->answered ||
        !(result = find_result(query, arg_str(r, "result_id")))) {
        sim_fail(r, 404, "there is no such result of an inline query");
        return;
    }
    if (!chat_has(chat, user->id)) {
        sim_fail(r, 400, "who sends must be in the chat");
        return;
    }
    bot = world_bot(r->sim->world, query->bot);
    content = json_pack("{s:O}", "via_bot", bot->user->json);
    if (add_result(r, content, result)) {
        json = act_new_message(chat, user, 0);
        json_object_update(json, content);
        message = message_add(r->sim->feed, chat, json, NULL);
        message->from = user->id;
        json_decref(json);
        act_tell_message(r->sim, chat, message, false, 0, 0);
        id = push_chosen(bot, query, user, arg_str(r, "result_id"));
        sim_ok_update(r, id, message);
    }
    json_decref(content);
}

const struct sim_route person_world_routes[] = {
    { "POST", "join", join },
    { "POST", "leave", leave },
    { "POST", "member", set_member },
    { "POST", "chat", make_chat },
    { "POST", "person", make_person },
    { "POST", "migrate", migrate },
    { "POST", "inline", ask_inline },
    { "POST", "pick", pick },
    { NULL, NULL, NULL },
};
