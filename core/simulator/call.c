/* call.c - see call.h. What calls have in common with chats is in call_chat.c. */
#include "simulator/call.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "simulator/outgoing.h"
#include "simulator/updates.h"

struct method_entry {
    const struct spec_method *key;
    method_fn fn;
    UT_hash_handle hh;
};

int64_t now_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* --- what a method says ------------------------------------------------------ */

bool call_ok_text(struct call *c, struct slice result)
{
    c->status = 200;
    buf_reset(&c->response);
    buf_reserve(&c->response, result.n + 64);
    buf_adds(&c->response, "{\"ok\":true,\"result\":");
    buf_add_slice(&c->response, result);
    buf_addc(&c->response, '}');
    return true;
}

bool call_ok(struct call *c, json_t *result)
{
    struct buf text = BUF_INIT;

    json_add(&text, result);
    json_decref(result);
    call_ok_text(c, buf_slice(&text));
    buf_release(&text);
    return true;
}

bool call_true(struct call *c)
{
    return call_ok_text(c, slice_of("true"));
}

bool call_true_note(struct call *c, const char *note)
{
    call_true(c);
    c->response.len--;
    buf_addf(&c->response, ",\"description\":\"%s\"}", note);
    return true;
}

bool call_fail_with(struct call *c, int status, json_t *parameters,
                    const char *description)
{
    json_t *answer = json_object(), *text = json_string(description);

    json_set_bool(answer, "ok", false);
    json_set_int(answer, "error_code", status);
    json_object_set_new(answer, "description",
                        text ? text : json_string("Bad Request"));
    if (parameters)
        json_object_set_new(answer, "parameters", parameters);
    c->status = status;
    buf_reset(&c->response);
    json_add(&c->response, answer);
    json_decref(answer);
    return false;
}

bool call_fail(struct call *c, int status, const char *fmt, ...)
{
    struct buf text = BUF_INIT;
    va_list ap;

    va_start(ap, fmt);
    buf_addv(&text, fmt, ap);
    va_end(ap);
    call_fail_with(c, status, NULL, text.data);
    buf_release(&text);
    return false;
}

bool call_fail_err(struct call *c, const struct err *err)
{
    return call_fail(c, 400, "%s", err->text);
}

/* --- the answer --------------------------------------------------------------- */

static void call_free(struct call *c)
{
    TAILQ_REMOVE(&c->sim->calls, c, link);
    op_free(c->timer);
    multipart_release(&c->parts);
    json_decref(c->params);
    buf_release(&c->response);
    free(c);
}

static void add_params(struct buf *out, const struct call *c)
{
    json_t *shown = json_copy(c->params), *value;
    const char *key;

    json_object_foreach(c->params, key, value)
    {
        const char *text = json_string_value(value);
        const struct multipart_part *part =
            c->parts.n && text ? params_upload(&c->parts, text) : NULL;

        if (part)
            json_object_set_new(shown, key,
                                json_pack("{s:s?, s:I}", "file_name",
                                          part->filename, "size",
                                          (json_int_t)part->data.n));
    }
    json_add(out, shown);
    json_decref(shown);
}

static void record(struct call *c)
{
    struct buf params = BUF_INIT;
    struct feed_call entry = { .bot = c->bot->id,
                               .method = c->name,
                               .response = buf_slice(&c->response),
                               .status = c->status,
                               .us = now_us() - c->started_us };

    if (c->params)
        add_params(&params, c);
    else
        buf_adds(&params, "{}");
    entry.params = buf_slice(&params);
    feed_call(c->sim->feed, &entry);
    buf_release(&params);
}

static void send_now(struct call *c)
{
    static const char *const headers[] = { "Content-Type", "application/json",
                                           NULL };

    record(c);
    if (c->req)
        httpd_reply(c->req, c->status, headers, buf_slice(&c->response));
    call_free(c);
}

static void on_delay(struct op *op)
{
    send_now(op->arg);
}

void call_answer(struct call *c)
{
    op_free(c->timer);
    c->timer = NULL;
    c->forget = NULL;
    if (c->fault.kind == FAULT_DROP_AFTER) {
        record(c);
        call_drop(c);
    } else if (c->fault.kind == FAULT_DELAY) {
        c->timer = timer_start(c->sim->loop, c->fault.ms);
        c->timer->done = on_delay;
        c->timer->arg = c;
    } else {
        send_now(c);
    }
}

void call_drop(struct call *c)
{
    if (c->forget)
        c->forget(c);
    if (c->req)
        httpd_drop(c->req);
    call_free(c);
}

/* --- from the request to the method ------------------------------------------ */

static const struct method *const tables[] = {
    methods_bot,    methods_webhook, methods_send,   methods_media,
    methods_edit,   methods_chat,    methods_member, methods_topic,
    methods_answer, methods_command,
};

void call_index_methods(struct simulator *sim)
{
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        for (const struct method *m = tables[i]; m->name; m++) {
            struct method_entry *entry = xalloc(sizeof(*entry));

            entry->key = spec_method(sim->spec, m->name);
            entry->fn = m->fn;
            if (!entry->key)
                abort(); /* a name in our tables that the Bot API has not */
            HASH_ADD_PTR(sim->methods, key, entry);
        }
    }
}

void call_release_methods(struct simulator *sim)
{
    struct method_entry *entry, *next;

    HASH_ITER (hh, sim->methods, entry, next) {
        HASH_DEL(sim->methods, entry);
        free(entry);
    }
}

/* What a method without behaviour of its own answers: the declared type. A
 * message comes into the chat too, so that it can be edited and deleted. */
static bool plausible(struct call *c)
{
    static const struct send_kind kind = { "can_send_other_messages",
                                           "such messages" };
    json_t *known = json_pack("{s:O}", "User", c->bot->user->json);
    struct chat *chat = NULL;
    json_t *result;

    if (json_object_get(c->params, "chat_id") &&
        !(chat = call_chat_inside(c, "chat_id"))) {
        json_decref(known);
        return false;
    }
    if (chat)
        json_object_set(known, "Chat", chat->brief);
    result = spec_result(c->sim->spec, c->method, c->params, known);
    json_decref(known);
    if (!chat || strncmp(c->name, "send", 4) != 0 ||
        !json_object_get(result, "message_id"))
        return call_ok(c, result);
    content_strip(result);
    return outgoing_send(c, &kind, result);
}

#define TOLD_MAX 1000 /* parameters: names come from a bot */

/* Telegram says nothing of a misspelt parameter, and the bot's author wonders. */
static void tell_unknown(const char *name, void *arg)
{
    struct call *c = arg;
    struct buf key = BUF_INIT;

    if (!c->sim->told)
        c->sim->told = json_object();
    buf_addf(&key, "%s %s", c->name, name);
    if (!json_object_get(c->sim->told, key.data) &&
        json_object_size(c->sim->told) < TOLD_MAX) {
        json_object_set_new(c->sim->told, key.data, json_true());
        log_warn("simulator",
                 "%s has no parameter \"%s\"; Telegram takes no notice of it",
                 c->name, name);
    }
    buf_release(&key);
}

static bool carry_out(struct call *c)
{
    struct method_entry *entry;
    struct err err = ERR_INIT;
    int wait;

    spec_remove_unknown(c->method, c->params, tell_unknown, c);
    if (!spec_check(c->sim->spec, c->method, c->params, &err))
        return call_fail_err(c, &err);
    if ((wait = limits_check(c->sim->limits, c->bot->id, c->name, c->params)))
        return call_fail_with(c, 429, json_pack("{s:i}", "retry_after", wait),
                              limits_text(wait));
    HASH_FIND_PTR(c->sim->methods, &c->method, entry);
    return entry ? entry->fn(c) : plausible(c);
}

static const char *error_name(int status)
{
    switch (status) {
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 409: return "Conflict";
    case 429: return "Too Many Requests";
    case 502: return "Bad Gateway";
    default: return status < 500 ? "Bad Request" : "Internal Server Error";
    }
}

static void answer_fault(struct call *c)
{
    const struct fault *f = &c->fault;
    json_t *parameters = NULL;
    struct buf text = BUF_INIT;

    if (f->retry_after)
        parameters = json_pack("{s:i}", "retry_after", f->retry_after);
    if (f->description[0])
        buf_adds(&text, f->description);
    else if (f->status == 429)
        buf_addf(&text, "Too Many Requests: retry after %d", f->retry_after);
    else
        buf_adds(&text, error_name(f->status));
    call_fail_with(c, f->status, parameters, text.data);
    buf_release(&text);
    call_answer(c);
}

/* By somebody else: see simulator_answer_with(). */
static bool answered_elsewhere(struct call *c)
{
    struct simulator *sim = c->sim;
    char *params;
    bool answered;

    if (!sim->answer || strcmp(c->name, "getUpdates") == 0)
        return false;
    params = json_dumps(c->params, JSON_COMPACT);
    c->status = 200;
    answered = sim->answer(c->name, slice_of(params), &c->response, &c->status,
                           sim->answer_arg);
    free(params);
    if (!answered)
        c->status = 0;
    return answered;
}

static void run(struct call *c)
{
    if (answered_elsewhere(c)) {
        call_answer(c);
        return;
    }
    c->fault = faults_match(c->sim->faults, c->name);
    switch (c->fault.kind) {
    case FAULT_ERROR: answer_fault(c); return;
    case FAULT_DROP:
        record(c);
        call_drop(c);
        return;
    case FAULT_GARBAGE:
        c->status = 200;
        buf_adds(&c->response, "\"<html>not what you asked for\"");
        record(c);
        httpd_reply(c->req, 200, NULL,
                    slice_of("<html>not what you asked for"));
        c->req = NULL;
        call_drop(c);
        return;
    default: break;
    }
    carry_out(c);
    if (c->status)
        call_answer(c);
}

static struct call *call_new(struct simulator *sim, struct bot *bot,
                             struct httpd_request *req)
{
    struct call *c = xalloc(sizeof(*c));

    c->sim = sim;
    c->bot = bot;
    c->req = req;
    c->started_us = now_us();
    buf_init(&c->response);
    TAILQ_INSERT_TAIL(&sim->calls, c, link);
    return c;
}

void call_internal(struct simulator *sim, struct bot *bot, const char *method,
                   const json_t *params)
{
    struct call *c = call_new(sim, bot, NULL);

    c->method = spec_method(sim->spec, method);
    c->name = c->method ? spec_method_name(c->method) : "unknown";
    c->params = json_deep_copy(params);
    json_object_del(c->params, "method");
    if (c->method && strcmp(c->name, "getUpdates") != 0)
        carry_out(c);
    else
        call_fail(c, 404, "Not Found: method not found");
    call_answer(c);
}

static void refuse(struct httpd_request *req, int status, const char *text)
{
    static const char *const headers[] = { "Content-Type", "application/json",
                                           NULL };
    struct buf out = BUF_INIT;

    buf_addf(&out, "{\"ok\":false,\"error_code\":%d,\"description\":\"%s\"}",
             status, text);
    httpd_reply(req, status, headers, buf_slice(&out));
    buf_release(&out);
}

/* "<id>:<text>": the id, or 0 and *status says why not. */
static int64_t parse_token(const char *token, size_t n, int *status)
{
    const char *colon = memchr(token, ':', n);
    int64_t id = 0;

    *status = 404;
    if (!colon || colon == token || colon - token > 15 ||
        colon + 1 == token + n)
        return 0;
    for (const char *p = token; p < colon; p++) {
        if (*p < '0' || *p > '9')
            return 0;
        id = id * 10 + (*p - '0');
    }
    *status = 401;
    if (slice_eq((struct slice){ colon + 1, (size_t)(token + n - colon - 1) },
                 "invalid"))
        return 0;
    return id;
}

static void start_call(struct simulator *sim, struct httpd_request *req,
                       struct bot *bot, const char *name)
{
    const struct spec_method *method = spec_method(sim->spec, name);
    struct err err = ERR_INIT;
    struct call *c;

    if (!method) {
        refuse(req, 404, "Not Found: method not found");
        return;
    }
    c = call_new(sim, bot, req);
    c->method = method;
    c->name = spec_method_name(method);
    if (params_read(&c->params, &c->parts, httpd_query(req),
                    httpd_header(req, "Content-Type"), httpd_body(req), &err)) {
        run(c);
    } else {
        call_fail_err(c, &err);
        call_answer(c);
    }
}

void call_request(struct simulator *sim, struct httpd_request *req,
                  const char *rest)
{
    struct buf path = BUF_INIT;
    struct bot *bot = NULL;
    const char *slash;
    int64_t id = 0;
    int status = 404;

    params_url_decode(&path, slice_of(rest));
    slash = strchr(path.data, '/');
    if (slash)
        id = parse_token(path.data, (size_t)(slash - path.data), &status);
    if (id && !(bot = simulator_bot(sim, id)))
        status = 401;
    if (bot)
        start_call(sim, req, bot, slash + 1);
    else
        refuse(req, status, status == 401 ? "Unauthorized" : "Not Found");
    buf_release(&path);
}
