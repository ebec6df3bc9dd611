/*
 * simulator.c - see simulator.h: start and end, and which part answers a
 * request.
 */
#include "simulator/simulator.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/embedded.h"
#include "simulator/call.h"
#include "simulator/simulator_int.h"
#include "simulator/updates.h"

#define BODY_MAX                                                               \
    (64u << 20) /* Telegram's local server takes 2000 MB, this 64 */

extern const struct embedded simulator_page[];

/* --- the page and downloads ------------------------------------------------------ */

static void reply_text(struct httpd_request *req, int status, const char *text)
{
    static const char *const headers[] = { "Content-Type", "text/plain", NULL };

    httpd_reply(req, status, headers, slice_of(text));
}

static const char *type_of(const char *name)
{
    const char *dot = strrchr(name, '.');

    if (dot && strcmp(dot, ".css") == 0)
        return "text/css; charset=utf-8";
    if (dot && strcmp(dot, ".js") == 0)
        return "text/javascript; charset=utf-8";
    return "text/html; charset=utf-8";
}

static void page_request(struct httpd_request *req, const char *name)
{
    struct slice file;

    if (!name[0])
        name = "index.html";
    file = embedded_find(simulator_page, name);
    if (!file.p)
        reply_text(req, 404, "Not Found\n");
    else
        httpd_reply(req, 200,
                    (const char *const[]){
                        "Content-Type", type_of(name), "Cache-Control",
                        "no-cache", "X-Content-Type-Options", "nosniff", NULL },
                    file);
}

/* /file/bot<token>/<path> */
static void file_request(struct simulator *sim, struct httpd_request *req,
                         const char *rest)
{
    const char *slash = strchr(rest, '/');
    const struct file *file = slash ? files_at(sim->files, slash + 1) : NULL;

    if (!file)
        httpd_reply(req, 404,
                    (const char *const[]){ "Content-Type", "application/json",
                                           NULL },
                    slice_of("{\"ok\":false,\"error_code\":404,"
                             "\"description\":\"Not Found\"}"));
    else if (file->data->len > SENDING_BYTES)
        sending_start(&sim->sendings, sim->loop, req, file->data);
    else
        httpd_reply(req, 200,
                    (const char *const[]){
                        "Content-Type", "application/octet-stream",
                        "Content-Disposition", "attachment",
                        "X-Content-Type-Options", "nosniff", NULL },
                    text_slice(file->data));
}

static const char *after(const char *path, const char *prefix)
{
    size_t n = strlen(prefix);

    return strncmp(path, prefix, n) == 0 ? path + n : NULL;
}

static void on_request(struct httpd_request *req, void *arg)
{
    struct simulator *sim = arg;
    const char *path = httpd_path(req), *rest;

    if ((rest = after(path, "/bot")))
        call_request(sim, req, rest);
    else if ((rest = after(path, "/file/bot")))
        file_request(sim, req, rest);
    else if ((rest = after(path, "/sim/")))
        person_request(sim, req, rest);
    else
        page_request(req, path[0] ? path + 1 : "");
}

/* --- start and end -------------------------------------------------------------------- */

struct bot *simulator_bot(struct simulator *sim, int64_t id)
{
    struct bot *bot = world_bot(sim->world, id);

    if (bot || !(bot = world_add_bot(sim->world, id)))
        return bot;
    bot->updates = updates_new(sim, bot);
    feed_signal(sim->feed, "state");
    return bot;
}

static void make_world(struct simulator *sim)
{
    sim->world = world_new();
    sim->faults = faults_new();
    sim->limits = limits_new();
    sim->files = files_new();
    sim->queries = queries_new();
}

static void drop_world(struct simulator *sim)
{
    struct call *c;

    for (struct bot *bot = sim->world->bots; bot; bot = bot->next) {
        updates_free(bot->updates);
        bot->updates = NULL;
    }
    while ((c = TAILQ_FIRST(&sim->calls))) /* those that a fault delays */
        call_drop(c);
    world_free(sim->world);
    faults_free(sim->faults);
    limits_free(sim->limits);
    files_free(sim->files);
    queries_free(sim->queries);
}

void simulator_answer_with(struct simulator *sim, simulator_answer_fn fn,
                           void *arg)
{
    sim->answer = fn;
    sim->answer_arg = arg;
}

void simulator_reset(struct simulator *sim)
{
    drop_world(sim);
    make_world(sim);
    feed_clear(sim->feed);
    feed_signal(sim->feed, "reset");
}

static void on_event(void *arg)
{
    waits_wake(arg);
}

struct simulator *simulator_start(struct loop *loop,
                                  const struct simulator_options *options,
                                  struct err *err)
{
    struct httpd_options o = {
        .address = options->address ? options->address : "127.0.0.1",
        .port = options->port,
        .body_max = BODY_MAX,
        .connections_max = 4096,
        .idle_seconds = 300,
    };
    struct simulator *sim = xalloc(sizeof(*sim));

    TAILQ_INIT(&sim->calls);
    TAILQ_INIT(&sim->waits);
    TAILQ_INIT(&sim->sendings);
    sim->httpd = httpd_start(loop, &o, on_request, sim, err);
    if (!sim->httpd) {
        free(sim);
        return NULL;
    }
    sim->loop = loop;
    sim->http = http_new(loop, &(struct http_options){ 0 });
    sim->spec = spec_new();
    sim->first_update_id =
        options->first_update_id ? options->first_update_id : 1000001;
    sim->started_ms = now_ms();
    sim->feed = feed_new();
    feed_on_event(sim->feed, on_event, sim);
    make_world(sim);
    call_index_methods(sim);
    return sim;
}

int simulator_port(const struct simulator *sim)
{
    return httpd_port(sim->httpd);
}

void simulator_say(struct simulator *sim, const char *level, const char *area,
                   const char *text)
{
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:I}", "level", level, "area", area, "text",
                  text, "time_ms", (json_int_t)now_ms());
    struct buf out = BUF_INIT;

    if (!json) /* bytes that are not UTF-8: not for a page */
        return;
    json_add(&out, json);
    json_decref(json);
    feed_event(sim->feed, feed_next_seq(sim->feed), "host", buf_slice(&out));
    buf_release(&out);
}

struct simulator_rest simulator_rest(const struct simulator *sim,
                                     int64_t bot_id)
{
    const struct bot *bot = world_bot(sim->world, bot_id);
    struct simulator_rest rest = { 0 };
    const struct call *c;

    TAILQ_FOREACH (c, &sim->calls, link)
        rest.calls++;
    if (bot)
        rest.polls = updates_polled(bot->updates);
    return rest;
}

void simulator_free(struct simulator *sim)
{
    if (!sim)
        return;
    feed_on_event(sim->feed, NULL, NULL);
    waits_drop(sim);
    sendings_drop(&sim->sendings);
    drop_world(sim);
    feed_free(sim->feed);
    httpd_free(sim->httpd);
    http_free(sim->http);
    call_release_methods(sim);
    spec_free(sim->spec);
    json_decref(sim->told);
    free(sim);
}
