/* person.c - see person.h: from the request to its function, arguments, answers
 * and waiting. */
#include "simulator/person.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const json_headers[] = { "Content-Type", "application/json",
                                            "Cache-Control", "no-store", NULL };

/* --- answers ------------------------------------------------------------------ */

void sim_ok_text(struct sim_request *r, struct slice json)
{
    httpd_reply(r->req, 200, json_headers, json);
}

void sim_ok(struct sim_request *r, json_t *answer)
{
    struct buf out = BUF_INIT;

    json_add(&out, answer);
    json_decref(answer);
    sim_ok_text(r, buf_slice(&out));
    buf_release(&out);
}

void sim_fail(struct sim_request *r, int status, const char *fmt, ...)
{
    struct buf text = BUF_INIT, out = BUF_INIT;
    json_t *answer;
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    answer = json_pack("{s:s}", "error", text.data);
    if (!answer) /* what was given is not UTF-8 */
        answer = json_pack("{s:s}", "error", "something is wrong");
    json_add(&out, answer);
    json_decref(answer);
    httpd_reply(r->req, status, json_headers, buf_slice(&out));
    buf_release(&text);
    buf_release(&out);
}

void sim_ok_update(struct sim_request *r, int64_t id,
                   const struct message *message)
{
    struct buf out = BUF_INIT;

    buf_addc(&out, '{');
    if (message) {
        buf_adds(&out, "\"message\":");
        message_add_view(&out, message);
        buf_addc(&out, ',');
    }
    buf_adds(&out, "\"update_id\":");
    if (id)
        buf_add_int(&out, id);
    else
        buf_adds(&out, "null");
    buf_addc(&out, '}');
    sim_ok_text(r, buf_slice(&out));
    buf_release(&out);
}

/* --- arguments ---------------------------------------------------------------- */

int64_t arg_int(const struct sim_request *r, const char *name,
                int64_t otherwise)
{
    const json_t *value = json_object_get(r->args, name);
    const char *text = json_string_value(value);
    char *end;
    int64_t n;

    if (json_is_integer(value))
        return json_integer_value(value);
    if (!text)
        return otherwise;
    n = strtoll(text, &end, 10);
    return *text && !*end ? n : otherwise;
}

bool arg_bool(const struct sim_request *r, const char *name)
{
    const json_t *value = json_object_get(r->args, name);
    const char *text = json_string_value(value);

    return json_is_true(value) ||
           (text && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0));
}

const char *arg_str(const struct sim_request *r, const char *name)
{
    return json_str(r->args, name);
}

struct user *arg_person(struct sim_request *r, const char *name)
{
    int64_t id = arg_int(r, name, 0);
    struct user *user = world_user(r->sim->world, id);

    if (!id)
        sim_fail(r, 400, "\"%s\" is missing: the id of a person, as 1001",
                 name);
    else if (!user)
        sim_fail(r, 404,
                 "nobody has the id %lld: POST /sim/person makes people",
                 (long long)id);
    else if (user->is_bot && strcmp(name, "as") == 0)
        sim_fail(r, 400, "%lld is a bot: \"as\" is the id of a person",
                 (long long)id);
    else
        return user;
    return NULL;
}

struct bot *arg_bot(struct sim_request *r)
{
    int64_t id = arg_int(r, "bot", 0);
    struct bot *bot = id ? world_bot(r->sim->world, id) : r->sim->world->bots;

    if (!bot && id)
        sim_fail(r, 404,
                 "there is no bot %lld: a bot comes into being with the first "
                 "call that uses its token",
                 (long long)id);
    else if (!bot)
        sim_fail(r, 404,
                 "there is no bot yet: one comes into being with the "
                 "first call that uses its token");
    return bot;
}

struct chat *arg_chat(struct sim_request *r)
{
    int64_t id = arg_int(r, "chat", 0);
    struct chat *chat;
    struct bot *bot = NULL;

    if (!id) {
        sim_fail(r, 400, "\"chat\" is missing: a chat's id, as %d", GROUP_ID);
        return NULL;
    }
    if (id > 0 && !(bot = arg_bot(r)))
        return NULL;
    chat = world_chat(r->sim->world, id, bot ? bot->id : 0);
    if (!chat && bot) {
        struct user *person = world_user(r->sim->world, id);

        if (person && !person->is_bot)
            return world_private(r->sim->world, person, bot);
    }
    if (!chat)
        sim_fail(r, 404, "there is no chat %lld", (long long)id);
    else if (chat->migrated_to)
        sim_fail(r, 400, "this group became the supergroup %lld",
                 (long long)chat->migrated_to);
    else
        return chat;
    return NULL;
}

struct message *arg_message(struct sim_request *r, const struct chat *chat)
{
    int64_t id = arg_int(r, "message_id", 0);
    struct message *message = message_find(chat, id);

    if (!message)
        sim_fail(r, 404, "there is no message %lld in this chat",
                 (long long)id);
    return message;
}

/* --- waiting ------------------------------------------------------------------- */

static void wait_free(struct wait *wait)
{
    TAILQ_REMOVE(&wait->sim->waits, wait, link);
    op_free(wait->timer);
    free(wait);
}

static bool try_answer(struct wait *wait, bool last)
{
    struct buf out = BUF_INIT;
    bool ready = wait->ready(wait, &out, last);

    if (ready) {
        httpd_reply(wait->req, 200, json_headers, buf_slice(&out));
        wait_free(wait);
    }
    buf_release(&out);
    return ready;
}

static void on_wait_timeout(struct op *op)
{
    try_answer(op->arg, true);
}

static void on_wait_gone(struct httpd_request *req, void *arg)
{
    (void)req;
    try_answer(arg, true);
}

void sim_wait(struct sim_request *r, const struct wait *wait, int64_t ms)
{
    struct wait *w = xalloc(sizeof(*w));

    *w = *wait;
    w->sim = r->sim;
    w->req = r->req;
    TAILQ_INSERT_TAIL(&r->sim->waits, w, link);
    if (try_answer(w, ms <= 0))
        return;
    w->timer = timer_start(r->sim->loop, ms < 600000 ? ms : 600000);
    w->timer->done = on_wait_timeout;
    w->timer->arg = w;
    httpd_on_gone(w->req, on_wait_gone, w);
}

void waits_wake(struct simulator *sim)
{
    struct wait *wait, *next;

    for (wait = TAILQ_FIRST(&sim->waits); wait; wait = next) {
        next = TAILQ_NEXT(wait, link);
        try_answer(wait, false);
    }
}

void waits_drop(struct simulator *sim)
{
    struct wait *wait;

    while ((wait = TAILQ_FIRST(&sim->waits))) {
        httpd_drop(wait->req);
        wait_free(wait);
    }
}

/* --- from the request to its function -------------------------------------------- */

static const struct sim_route *const tables[] = {
    person_chat_routes,  person_world_routes, person_manage_routes,
    person_watch_routes, person_test_routes,
};

static const struct sim_route *find_route(const char *method, const char *path,
                                          bool *known)
{
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        for (const struct sim_route *route = tables[i]; route->fn; route++) {
            if (strcmp(route->path, path) != 0)
                continue;
            *known = true;
            if (strcmp(route->method, method) == 0)
                return route;
        }
    }
    return NULL;
}

bool sim_query_ready(const struct wait *wait, struct buf *out, bool last,
                     const char *id, const char *answer)
{
    const struct query *query = queries_find(wait->sim->queries, wait->text);

    if (!last && query && !query->answered)
        return false;
    buf_addf(out, "{\"%s\":\"%s\",\"%s\":", id, wait->text, answer);
    if (query && query->answered)
        json_add(out, query->answer);
    else
        buf_adds(out, "null");
    buf_addc(out, '}');
    return true;
}

/* Is a Host header's name (without the port) one of this machine's own? */
static bool is_loopback_name(const char *host)
{
    static const char *const names[] = { "127.0.0.1", "localhost", "[::1]" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t n = strlen(names[i]);

        if (strncasecmp(host, names[i], n) == 0 &&
            (host[n] == '\0' || host[n] == ':'))
            return true;
    }
    return false;
}

/*
 * Web pages of elsewhere have no business here: browsers say where a request
 * comes from, and to which name they sent it. A name of elsewhere that leads to
 * this machine (DNS rebinding) has the right Origin, but not the right Host.
 */
static bool is_foreign(const struct httpd_request *req)
{
    const char *origin = httpd_header(req, "Origin");
    const char *host = httpd_header(req, "Host");
    const char *at = origin ? strstr(origin, "://") : NULL;

    if (!host || !is_loopback_name(host))
        return true;
    return origin && (!at || strcmp(at + 3, host) != 0);
}

/* JSON is what it is, whatever curl -d calls it. */
static const char *content_type(const struct httpd_request *req)
{
    struct slice body = httpd_body(req);
    size_t i = 0;

    while (i < body.n && strchr(" \t\r\n", body.p[i]))
        i++;
    return i < body.n && body.p[i] == '{' ? "application/json"
                                          : httpd_header(req, "Content-Type");
}

void person_request(struct simulator *sim, struct httpd_request *req,
                    const char *path)
{
    struct sim_request r = { .sim = sim, .req = req };
    bool known = false;
    const struct sim_route *route = find_route(httpd_method(req), path, &known);
    struct err err = ERR_INIT;

    if (!route)
        sim_fail(&r, known ? 405 : 404,
                 known ? "%s /sim/%s is not possible"
                       : "there is no %s /sim/%s",
                 httpd_method(req), path);
    else if (is_foreign(req))
        sim_fail(&r, 403, "requests from other web sites are refused");
    else if (!params_read(&r.args, &r.parts, httpd_query(req),
                          content_type(req), httpd_body(req), &err))
        sim_fail(&r, 400, "%s", err.text);
    else
        route->fn(&r);
    /* the request may be gone by now, and parts point into it: only free */
    json_decref(r.args);
    multipart_release(&r.parts);
}
