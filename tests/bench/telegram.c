/*
 * telegram.c - what io/ and telegram/ cost of an update: polls with them, reads
 * what each update is about, sends a message there, as many at once as the host.
 * No Lua, no config, no order; so its texts are wrong. Compare with floor.c.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "io/loop.h"
#include "telegram/poll.h"
#include "telegram/update.h"

#define BATCH_MAX 100

struct bot {
    struct loop *loop;
    struct http *http;
    struct tg *tg;
    struct poll *poll;
    int64_t offset;
    int in_hand; /* answers to the last batch that are still to be sent */
    bool stopping;
};

static void poll_more(struct bot *bot)
{
    if (bot->stopping)
        loop_stop(bot->loop);
    else
        poll_next(bot->poll, bot->offset, BATCH_MAX);
}

static void on_sent(struct op *op)
{
    struct bot *bot = op->arg;

    if (op->err.kind)
        fprintf(stderr, "telegram: %s\n", op->err.text);
    op_free(op);
    bot->in_hand--;
    if (bot->in_hand == BATCH_MAX / 4 && !poll_is_running(bot->poll))
        poll_more(bot); /* so that the next batch is there in time */
}

static void on_update(struct bot *bot, struct slice text)
{
    struct update u;
    struct err err = ERR_INIT;
    struct buf body = BUF_INIT;
    struct tg_op *op;

    if (!update_read(text, &u, &err)) {
        fprintf(stderr, "telegram: %s\n", err.text);
        return;
    }
    bot->offset = u.id + 1;
    buf_addf(&body, "{\"chat_id\":%" PRId64 ",\"text\":\"Limit: 0\"}",
             u.chat_id);
    op = tg_start(bot->tg,
                  &(struct tg_call){ .method = "sendMessage", .body = &body });
    op->op.done = on_sent;
    op->op.arg = bot;
    bot->in_hand++;
}

static void on_updates(const struct slice *updates, size_t n, bool valid,
                       void *arg)
{
    struct bot *bot = arg;

    (void)valid;
    for (size_t i = 0; i < n; i++)
        on_update(bot, updates[i]);
    if (bot->in_hand <= BATCH_MAX / 4)
        poll_more(bot);
}

static void on_refused(const char *why, void *arg)
{
    (void)arg;
    fprintf(stderr, "telegram: %s\n", why);
    exit(1);
}

static void on_term(int number, void *arg)
{
    struct bot *bot = arg;

    (void)number;
    bot->stopping = true;
    loop_stop(bot->loop);
}

int main(void)
{
    struct tg_options options = { .url = getenv("TELEGRAM_API_URL"),
                                  .token = getenv("BOT_TOKEN"),
                                  .timeout_ms = 30000 };
    struct http_options http_options = { .connections_max = 64 };
    struct poll_options poll_options = { .timeout_s = 30, .limit = BATCH_MAX };
    struct bot bot = { .loop = loop_new() };
    struct poll_callbacks callbacks = { .updates = on_updates,
                                        .refused = on_refused,
                                        .arg = &bot };
    struct err err = ERR_INIT;

    bot.http = http_new(bot.loop, &http_options);
    bot.tg = options.url && options.token
                 ? tg_new(bot.loop, bot.http, &options, &err)
                 : NULL;
    if (!bot.tg) {
        fprintf(stderr, "telegram: needs TELEGRAM_API_URL and BOT_TOKEN %s\n",
                err.text);
        return 2;
    }
    bot.poll = poll_new(bot.loop, bot.tg, &poll_options, &callbacks);
    loop_on_signal(bot.loop, SIGTERM, on_term, &bot);
    poll_more(&bot);
    loop_run(bot.loop);
    poll_free(bot.poll);
    tg_free(bot.tg);
    http_free(bot.http);
    loop_free(bot.loop);
    return 0;
}
