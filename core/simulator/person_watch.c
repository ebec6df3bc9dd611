/* person_watch.c - reading: the state, messages, updates, calls, files, events. */
#include <stdlib.h>
#include <string.h>

#include "simulator/person.h"
#include "simulator/updates.h"

/* --- the state ---------------------------------------------------------------------- */

static json_t *people(const struct world *world)
{
    json_t *list = json_array();

    for (const struct user *u = world->users; u; u = u->hh.next)
        if (!u->is_bot)
            json_array_append(list, u->json);
    return list;
}

static json_t *bots(const struct world *world)
{
    json_t *list = json_array(), *json, *commands, *one;
    const char *key;

    for (const struct bot *b = world->bots; b; b = b->next) {
        json = json_copy(b->user->json);
        commands = json_array();
        json_object_foreach(b->commands, key, one)
        {
            json_array_append(commands, one);
        }
        json_object_set_new(json, "commands", commands);
        json_set_str(json, "webhook", updates_webhook_url(b->updates));
        json_set_bool(json, "connected", updates_connected(b->updates));
        json_array_append_new(list, json);
    }
    return list;
}

static json_t *chat_state(const struct chat *chat)
{
    json_t *json = chat_full_info(chat), *members = json_array(),
           *topics = json_array();

    for (const struct member *m = chat->members; m; m = m->hh.next)
        json_array_append(members, m->json);
    for (const struct topic *t = chat->topics; t; t = t->next)
        json_array_append(topics, t->json);
    json_object_set_new(json, "members", members);
    json_object_set_new(json, "topics", topics);
    return json;
}

static json_t *chats(const struct world *world)
{
    json_t *list = json_array();

    for (const struct chat *c = world->chats; c; c = c->hh.next)
        if (c->type != CHAT_PRIVATE && !c->migrated_to)
            json_array_append_new(list, chat_state(c));
    return list;
}

static void state(struct sim_request *r)
{
    const struct simulator *sim = r->sim;

    sim_ok(r, json_pack("{s:o, s:o, s:o, s:o, s:b, s:I, s:I}", "people",
                        people(sim->world), "bots", bots(sim->world), "chats",
                        chats(sim->world), "faults", faults_list(sim->faults),
                        "limits", (int)limits_are_on(sim->limits), "started_ms",
                        (json_int_t)sim->started_ms, "seq",
                        (json_int_t)feed_seq(sim->feed)));
}

/* --- lists that can be waited for ------------------------------------------------------ */

static bool messages_ready(struct wait *wait, struct buf *out, bool last)
{
    const struct chat *chat =
        world_chat(wait->sim->world, wait->chat.id, wait->chat.bot);

    if (!chat) { /* the world was reset */
        buf_addf(out, "{\"messages\":[],\"seq\":%lld}",
                 (long long)feed_seq(wait->sim->feed));
        return true;
    }
    if (!last && chat->last_seq <= wait->after)
        return false;
    return messages_list(wait->sim->feed, chat, wait->after, out) > 0 || last;
}

static void list_messages(struct sim_request *r)
{
    const struct chat *chat = arg_chat(r);
    struct wait wait = { .ready = messages_ready,
                         .after = arg_int(r, "after", 0) };

    if (!chat)
        return;
    wait.chat = chat->key;
    sim_wait(r, &wait, arg_int(r, "wait_ms", 0));
}

static void end_list(const struct wait *wait, struct buf *out)
{
    buf_addf(out, ",\"seq\":%lld}", (long long)feed_seq(wait->sim->feed));
}

static bool updates_ready(struct wait *wait, struct buf *out, bool last)
{
    size_t n;

    buf_adds(out, "{\"updates\":");
    n = feed_list_updates(wait->sim->feed, wait->after, wait->bot, out);
    end_list(wait, out);
    return n > 0 || last;
}

static bool calls_ready(struct wait *wait, struct buf *out, bool last)
{
    size_t n;

    buf_adds(out, "{\"calls\":");
    n = feed_list_calls(wait->sim->feed, wait->after, wait->bot,
                        wait->text[0] ? wait->text : NULL, out);
    end_list(wait, out);
    return n > 0 || last;
}

static void list_entries(struct sim_request *r, wait_ready_fn ready)
{
    const char *method = arg_str(r, "method");
    struct wait wait = { .ready = ready,
                         .after = arg_int(r, "after", 0),
                         .bot = arg_int(r, "bot", 0) };

    if (method)
        strncpy(wait.text, method, sizeof(wait.text) - 1);
    sim_wait(r, &wait, arg_int(r, "wait_ms", 0));
}

static void list_updates(struct sim_request *r)
{
    list_entries(r, updates_ready);
}

static void list_calls(struct sim_request *r)
{
    list_entries(r, calls_ready);
}

/* --- files and events --------------------------------------------------------------------- */

static void get_file(struct sim_request *r)
{
    const char *id = arg_str(r, "file_id");
    const struct file *file = id ? files_find(r->sim->files, id) : NULL;
    const char *type;

    if (!file) {
        sim_fail(r, 404, "there is no such file");
        return;
    }
    type = file->type ? file->type : "application/octet-stream";
    if (strpbrk(type, "\r\n"))
        type = "application/octet-stream";
    httpd_reply(r->req, 200,
                (const char *const[]){
                    "Content-Type", type, "Content-Disposition", "attachment",
                    "X-Content-Type-Options", "nosniff",
                    "Content-Security-Policy", "sandbox", NULL },
                text_slice(file->data));
}

static void events(struct sim_request *r)
{
    const char *last = httpd_header(r->req, "Last-Event-ID");

    feed_stream(r->sim->feed, r->req,
                last ? atoll(last) : arg_int(r, "after", -1));
}

const struct sim_route person_watch_routes[] = {
    { "GET", "state", state },
    { "GET", "messages", list_messages },
    { "GET", "updates", list_updates },
    { "GET", "calls", list_calls },
    { "GET", "file", get_file },
    { "GET", "events", events },
    { NULL, NULL, NULL },
};
