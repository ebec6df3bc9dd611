/*
 * bot_test.h - for tests of bot/: scripts in a folder of their own, a real Lua
 * state, and a Bot API server in the same loop that answers when it is told to.
 *
 * Everything that happens is a line of bot.events, in its order: what scripts
 * log ("ran 7"), how updates come out ("done 7 ok"). Requests are kept until
 * the test answers them, so that nothing depends on time.
 */
#ifndef BOT_TEST_H
#define BOT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/log.h"
#include "bot/intake.h"
#include "bot/lanes.h"
#include "io/httpd.h"
#include "script/ask.h"
#include "script/generation.h"
#include "script/vm.h"
#include "telegram/send.h"

#define CALLS_MAX 300

struct held_call {
    struct httpd_request *req; /* NULL: answered */
    char method[40];           /* "getUpdates" */
    char body[400];
};

struct bot {
    struct loop *loop;
    struct http *http;
    struct httpd *httpd;
    struct tg *tg;
    struct services services;
    struct asks *asks;
    struct vm *vm;
    struct generation *gen;
    struct lanes *lanes;
    struct intake *intake; /* NULL in test_lanes */
    struct buf events, log;
    struct buf notes; /* of questions */
    char folder[40];
    char url[60];
    struct held_call calls[CALLS_MAX]; /* all that came, in order */
    int ncalls;
    int barriers; /* getMe: answered at once */
    bool hold_me; /* not even that */
    int ended;    /* updates that came out */
    int wait_calls, wait_ended;
    const char *lowest, *highest; /* of the C stack, when scripts logged */
};

static struct bot bot;

/* --- the scripts -------------------------------------------------------------- */

/* /now ends at once, /call ends when its call is answered, /fail raises. */
static const char bot_script[] =
    "local bot, log = require 'bot', require 'log'\n"
    "bot.command('now', 'n', function(ctx)\n"
    "  log.info('ran ' .. ctx.args[1])\n"
    "end)\n"
    "bot.command('call', 'c', function(ctx)\n"
    "  log.info('began ' .. ctx.args[1])\n"
    "  ctx.api.sendMessage{ chat_id = ctx.chat.id, text = ctx.args[1] }\n"
    "  log.info('ended ' .. ctx.args[1])\n"
    "end)\n"
    "bot.command('fail', 'f', function(ctx)\n"
    "  log.info('failing ' .. ctx.args[1])\n"
    "  error('on purpose')\n"
    "end)\n";

static inline void bot_write(const char *path, const char *text)
{
    char whole[100];
    FILE *f;

    snprintf(whole, sizeof(whole), "%s/%s", bot.folder, path);
    f = fopen(whole, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static inline struct generation *bot_generation(const char *script, int number)
{
    struct err err = ERR_INIT;
    struct generation *gen;

    bot_write("scripts/main.lua", script);
    gen = generation_new(bot.vm->L, bot.folder, number);
    if (!generation_load(gen, &err))
        fail_msg("%s", err.text);
    return gen;
}

static inline void bot_on_line(enum log_level level, const char *area,
                               const char *message, const char *fields,
                               void *arg)
{
    const char *here = __builtin_frame_address(0);

    (void)level, (void)fields, (void)arg;
    buf_addf(&bot.log, "%s: %s\n", area, message);
    if (strcmp(area, "bot") != 0)
        return;
    buf_addf(&bot.events, "%s\n", message);
    if (!bot.lowest || here < bot.lowest)
        bot.lowest = here;
    if (here > bot.highest)
        bot.highest = here;
}

/* --- the Bot API -------------------------------------------------------------- */

static inline void bot_on_request(struct httpd_request *req, void *arg)
{
    struct held_call *c = &bot.calls[bot.ncalls];
    const char *method = strrchr(httpd_path(req), '/') + 1;

    (void)arg;
    if (strcmp(method, "getMe") == 0 && !bot.hold_me) {
        bot.barriers++;
        httpd_reply(req, 200, NULL,
                    slice_of("{\"ok\":true,\"result\":{\"id\":1}}"));
        return;
    }
    assert_true(bot.ncalls < CALLS_MAX);
    c->req = req;
    snprintf(c->method, sizeof(c->method), "%s", method);
    snprintf(c->body, sizeof(c->body), "%.*s", (int)httpd_body(req).n,
             httpd_body(req).p);
    if (++bot.ncalls == bot.wait_calls)
        loop_stop(bot.loop);
}

/* Run until n requests have come in all. */
static inline void bot_wait_calls(int n)
{
    bot.wait_calls = n;
    if (bot.ncalls < n)
        loop_run(bot.loop);
    bot.wait_calls = -1;
    assert_int_equal(bot.ncalls, n);
}

/* Run until n updates have come out in all. */
static inline void bot_wait_ended(int n)
{
    bot.wait_ended = n;
    if (bot.ended < n)
        loop_run(bot.loop);
    bot.wait_ended = -1;
    assert_int_equal(bot.ended, n);
}

static inline void bot_stop_loop(struct op *op)
{
    loop_stop(op->loop);
}

/* Two requests there and back: whatever was asked for before has arrived. */
static inline void bot_barrier(void)
{
    for (int i = 0; i < 2; i++) {
        struct tg_op *op =
            tg_start(bot.tg, &(struct tg_call){ .method = "getMe" });

        op->op.done = bot_stop_loop;
        loop_run(bot.loop);
        assert_string_equal(op->op.err.text, "");
        op_free(&op->op);
    }
}

/* Answer request number i; text is the result. */
static inline void bot_answer(int i, const char *result)
{
    struct buf text = BUF_INIT;

    assert_true(i < bot.ncalls && bot.calls[i].req);
    buf_addf(&text, "{\"ok\":true,\"result\":%s}", result);
    httpd_reply(bot.calls[i].req, 200, NULL, buf_slice(&text));
    bot.calls[i].req = NULL;
    buf_release(&text);
}

/* The call that sent this text: its number. */
static inline int bot_call_with(const char *text)
{
    char wanted[60];

    snprintf(wanted, sizeof(wanted), "\"text\":\"%s\"", text);
    for (int i = 0; i < bot.ncalls; i++)
        if (bot.calls[i].req && strstr(bot.calls[i].body, wanted))
            return i;
    fail_msg("no call with %s waits", text);
    return -1;
}

static inline void bot_release(const char *text)
{
    bot_answer(bot_call_with(text), "{\"message_id\":1}");
}

/* --- updates --------------------------------------------------------------------- */

/* An update with a command, or another text: appended. */
static inline void bot_add_update(struct buf *out, int64_t id, int64_t chat,
                                  const char *text)
{
    int command = (int)strcspn(text, " ");

    buf_addf(out,
             "{\"update_id\":%lld,\"message\":{\"message_id\":1,\"date\":1,"
             "\"chat\":{\"id\":%lld,\"type\":\"private\"},"
             "\"from\":{\"id\":%lld,\"is_bot\":false,\"first_name\":\"A\"},"
             "\"text\":\"%s\"",
             (long long)id, (long long)chat, (long long)chat, text);
    if (text[0] == '/')
        buf_addf(out,
                 ",\"entities\":[{\"type\":\"bot_command\",\"offset\":0,"
                 "\"length\":%d}]",
                 command);
    buf_adds(out, "}}");
}

static inline void bot_push_json(const char *update)
{
    struct incoming *in = xalloc(sizeof(*in));
    struct err err = ERR_INIT;

    buf_init(&in->text);
    buf_adds(&in->text, update);
    assert_true(update_read(buf_slice(&in->text), &in->u, &err));
    lanes_push(bot.lanes, in);
}

static inline void bot_push(int64_t id, int64_t chat, const char *text)
{
    struct buf update = BUF_INIT;

    bot_add_update(&update, id, chat, text);
    bot_push_json(update.data);
    buf_release(&update);
}

static inline void bot_on_done(struct incoming *in, enum task_result result,
                               void *arg)
{
    static const char *const names[] = { "ok", "failed", "no database",
                                         "overran", "killed" };

    (void)arg;
    buf_addf(&bot.events, "done %lld %s\n", (long long)in->u.id, names[result]);
    if (bot.intake && result != TASK_KILLED)
        intake_done(bot.intake, in->u.id);
    if (++bot.ended == bot.wait_ended)
        loop_stop(bot.loop);
}

/* What has happened since the last look. */
static inline void bot_expect(const char *events)
{
    assert_string_equal(bot.events.data, events);
    buf_reset(&bot.events);
    bot.events.data[0] = '\0';
}

/* --- questions ---------------------------------------------------------------------- */

#define BOT_ASKS_MAX 20000

static inline void bot_on_note(const struct ask_key *key, const char *ended,
                               int64_t until_ms, void *arg)
{
    (void)arg;
    buf_addf(&bot.notes, "%s %lld/%lld/%lld %s\n", until_ms ? "asked" : "over",
             (long long)key->chat_id, (long long)key->user_id,
             (long long)key->topic, ended ? ended : "-");
}

static inline void bot_on_stray(const struct update *u, bool foreign, void *arg)
{
    (void)arg;
    buf_addf(&bot.events, "stray %lld %s\n", (long long)u->id,
             foreign ? "foreign" : "over");
}

/* --- setting up -------------------------------------------------------------------- */

static inline int bot_setup(void **state)
{
    struct httpd_options o = { .address = "127.0.0.1", .body_max = 1 << 20 };
    struct vm_limits limits = { .memory_max = 64 << 20,
                                .cpu_ms = 1000,
                                .task_ms = 600000,
                                .cpu_total_ms = 60000,
                                .pattern_steps = 5000000,
                                .log_lines_per_s = 1000000 };
    static const struct sender_options no_limits = { 1000000, 1000000, 1000000,
                                                     1000000, 1000000 };
    struct err err = ERR_INIT;
    char scripts[60];

    (void)state;
    memset(&bot, 0, sizeof(bot));
    buf_init(&bot.events);
    buf_init(&bot.log);
    buf_init(&bot.notes);
    bot.wait_calls = bot.wait_ended = -1;
    log_set_sink(bot_on_line, NULL);
    bot.loop = loop_new();
    bot.http =
        http_new(bot.loop, &(struct http_options){ .connections_max = 40 });
    bot.httpd = httpd_start(bot.loop, &o, bot_on_request, NULL, &err);
    assert_non_null(bot.httpd);
    snprintf(bot.url, sizeof(bot.url), "http://127.0.0.1:%d",
             httpd_port(bot.httpd));
    bot.tg = tg_new(bot.loop, bot.http,
                    &(struct tg_options){ .url = bot.url,
                                          .token = "1:aaaaaaaaaaaa",
                                          .timeout_ms = 60000 },
                    &err);
    assert_non_null(bot.tg);
    strcpy(bot.folder, "/tmp/moonpost-test.XXXXXX");
    assert_non_null(mkdtemp(bot.folder));
    snprintf(scripts, sizeof(scripts), "%s/scripts", bot.folder);
    assert_int_equal(mkdir(scripts, 0700), 0);
    bot.asks = asks_new(bot.loop, &(struct asks_options){
                                      .max = BOT_ASKS_MAX,
                                      .note = bot_on_note,
                                      .stray = bot_on_stray,
                                  });
    bot.services =
        (struct services){ .asks = bot.asks,
                           .loop = bot.loop,
                           .tg = bot.tg,
                           .sender = sender_new(bot.loop, bot.tg, &no_limits),
                           .bot_username = "test_bot",
                           .dir = bot.folder };
    bot.vm = vm_new(&bot.services, &limits);
    bot.gen = bot_generation(bot_script, 1);
    bot.lanes = lanes_new(bot.loop, bot.vm, bot_on_done, NULL);
    lanes_set_generation(bot.lanes, bot.gen);
    return 0;
}

static inline void bot_remove_folder(void)
{
    char path[100];

    snprintf(path, sizeof(path), "%s/scripts/main.lua", bot.folder);
    unlink(path);
    snprintf(path, sizeof(path), "%s/scripts", bot.folder);
    rmdir(path);
    rmdir(bot.folder);
}

/* In the host's order. */
static inline int bot_teardown(void **state)
{
    (void)state;
    tasks_kill_all(bot.vm);
    intake_free(bot.intake);
    lanes_free(bot.lanes);
    generation_unref(bot.gen);
    vm_free(bot.vm);
    asks_free(bot.asks);
    sender_free(bot.services.sender);
    assert_int_equal(loop_live_ops(bot.loop), 0);
    tg_free(bot.tg);
    http_free(bot.http);
    httpd_free(bot.httpd);
    loop_free(bot.loop);
    log_set_sink(NULL, NULL);
    log_unhide_all();
    buf_release(&bot.events);
    buf_release(&bot.log);
    buf_release(&bot.notes);
    bot_remove_folder();
    return 0;
}

#endif
