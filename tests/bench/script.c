/*
 * script.c - what an update costs with everything but the host around it: the
 * layers up to script/, with Lua handlers and the chats' configs, as bot/ uses
 * them, but without lanes: replies may come out of order.
 *
 *     bench_script DIR      the bot's folder
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "script/generation.h"
#include "script/task.h"
#include "telegram/poll.h"

#define BATCH_MAX 100
#define CACHE_BYTES (8u << 20)

struct bot {
    struct services services;
    struct http *http;
    struct pg *pg;
    struct vm *vm;
    struct generation *gen;
    struct poll *poll;
    int64_t offset;
    int in_hand;
    bool in_batch; /* its updates are still being taken in */
    bool stopping;
};

static void fail(const char *what, const struct err *err)
{
    fprintf(stderr, "script: %s: %s\n", what, err->text);
    exit(1);
}

static void poll_more(struct bot *bot)
{
    if (bot->in_hand <= BATCH_MAX / 4 && !poll_is_running(bot->poll) &&
        !bot->stopping)
        poll_next(bot->poll, bot->offset, BATCH_MAX);
}

static void on_end(struct task *t, enum task_result result, void *arg)
{
    struct bot *bot = arg;

    (void)t;
    (void)result;
    bot->in_hand--;
    if (!bot->in_batch)
        poll_more(bot);
}

static void on_update(struct bot *bot, struct slice text)
{
    struct incoming *in = xalloc(sizeof(*in));
    struct err err = ERR_INIT;

    buf_init(&in->text);
    buf_add_slice(&in->text, text);
    if (!update_read(buf_slice(&in->text), &in->u, &err))
        fail("an update", &err);
    bot->offset = in->u.id + 1;
    bot->in_hand++;
    task_run(task_new(bot->vm, bot->gen, in, on_end, bot));
}

static void on_updates(const struct slice *updates, size_t n, bool valid,
                       void *arg)
{
    struct bot *bot = arg;

    (void)valid;
    bot->in_batch = true;
    for (size_t i = 0; i < n; i++)
        on_update(bot, updates[i]);
    bot->in_batch = false;
    poll_more(bot);
}

static void on_refused(const char *why, void *arg)
{
    (void)arg;
    fprintf(stderr, "script: %s\n", why);
    exit(1);
}

static void on_term(int number, void *arg)
{
    struct bot *bot = arg;

    (void)number;
    bot->stopping = true;
    loop_stop(bot->services.loop);
}

static const char *env(const char *name)
{
    const char *value = getenv(name);

    if (!value) {
        fprintf(stderr, "script: %s is not set\n", name);
        exit(2);
    }
    return value;
}

static void connect_all(struct bot *bot)
{
    struct http_options http = { .connections_max = 64 };
    struct tg_options tg = { .url = env("TELEGRAM_API_URL"),
                             .token = env("BOT_TOKEN"),
                             .timeout_ms = 30000 };
    struct pg_options pg = { .url = env("DATABASE_URL"), .prepare = true };
    struct config_store_options store = { CACHE_BYTES, 1u << 20, 1 };
    static const struct sender_options no_limits = { 1000000, 1000000, 1000000,
                                                     1000000, 1000000 };
    struct services *s = &bot->services;
    struct err err = ERR_INIT;

    s->loop = loop_new();
    bot->http = http_new(s->loop, &http);
    s->tg = tg_new(s->loop, bot->http, &tg, &err);
    bot->pg = pg_new(s->loop, &pg, &err);
    if (!s->tg || !bot->pg)
        fail("settings", &err);
    s->sender = sender_new(s->loop, s->tg, &no_limits);
    s->store = config_store_new(s->loop, bot->pg, &store);
    s->bot_username = "bench_bot";
}

static void load(struct bot *bot)
{
    struct vm_limits limits = { .memory_max = 64u << 20,
                                .cpu_ms = 1000,
                                .task_ms = 60000 };
    struct err err = ERR_INIT;

    bot->vm = vm_new(&bot->services, &limits);
    bot->gen = generation_new(bot->vm->L, bot->services.dir, 1);
    if (!generation_load(bot->gen, &err))
        fail(bot->services.dir, &err);
}

int main(int argc, char **argv)
{
    struct bot bot = { .in_hand = 0 };
    struct poll_options options = { .timeout_s = 30, .limit = BATCH_MAX };
    struct poll_callbacks callbacks = { .updates = on_updates,
                                        .refused = on_refused,
                                        .arg = &bot };

    if (argc != 2) {
        fprintf(stderr, "usage: bench_script DIR\n");
        return 2;
    }
    bot.services.dir = argv[1];
    connect_all(&bot);
    load(&bot);
    bot.poll =
        poll_new(bot.services.loop, bot.services.tg, &options, &callbacks);
    loop_on_signal(bot.services.loop, SIGTERM, on_term, &bot);
    poll_next(bot.poll, 0, BATCH_MAX);
    loop_run(bot.services.loop);
    poll_free(bot.poll);
    generation_unref(bot.gen);
    vm_free(bot.vm);
    config_store_free(bot.services.store);
    pg_free(bot.pg);
    sender_free(bot.services.sender);
    tg_free(bot.services.tg);
    http_free(bot.http);
    loop_free(bot.services.loop);
    return 0;
}
