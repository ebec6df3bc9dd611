/*
 * floor.c - what an update costs at least with libcurl: polls, finds each
 * update's chat with memmem(), sends a message there over up to 64 connections.
 * No JSON, no Lua, no database, no order; so its texts are wrong.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define IN_FLIGHT 64
#define CHAT "\"chat\":{\"id\":"
#define UPDATE "{\"update_id\":"

struct call {
    CURL *easy;
    struct buf answer;
    char body[128];
    struct call *next_idle;
};

struct bot {
    CURLM *multi;
    struct curl_slist *headers;
    CURLU *send_url, *poll_url;
    struct call poll, send[IN_FLIGHT], *idle;
    struct buf batch; /* the updates in hand; read up to pos */
    const char *pos;
    long long offset;
    bool polling;
};

static size_t on_data(char *data, size_t size, size_t n, void *arg)
{
    buf_add(arg, data, size * n);
    return size * n;
}

static void call_init(struct call *c, struct bot *bot, CURLU *url)
{
    buf_init(&c->answer);
    c->easy = curl_easy_init();
    curl_easy_setopt(c->easy, CURLOPT_CURLU, url);
    curl_easy_setopt(c->easy, CURLOPT_HTTPHEADER, bot->headers);
    curl_easy_setopt(c->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c->easy, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(c->easy, CURLOPT_WRITEDATA, &c->answer);
    curl_easy_setopt(c->easy, CURLOPT_PRIVATE, c);
    curl_easy_setopt(c->easy, CURLOPT_POSTFIELDS, c->body);
}

static void call_start(struct call *c, struct bot *bot)
{
    buf_reset(&c->answer);
    curl_easy_setopt(c->easy, CURLOPT_POSTFIELDSIZE, (long)strlen(c->body));
    curl_multi_add_handle(bot->multi, c->easy);
}

static CURLU *url_of(const char *api, const char *token, const char *method)
{
    struct buf text = BUF_INIT;
    CURLU *url = curl_url();

    buf_addf(&text, "%s/bot%s/%s", api, token, method);
    if (curl_url_set(url, CURLUPART_URL, text.data, 0)) {
        fprintf(stderr, "floor: bad TELEGRAM_API_URL\n");
        exit(1);
    }
    buf_release(&text);
    return url;
}

static void poll_start(struct bot *bot)
{
    snprintf(bot->poll.body, sizeof(bot->poll.body),
             "{\"timeout\":30,\"limit\":100,\"offset\":%lld}", bot->offset);
    bot->polling = true;
    call_start(&bot->poll, bot);
}

/* The next update of the batch; false: that was the last. */
static bool next_chat(struct bot *bot, long long *chat)
{
    const char *end = bot->batch.data + bot->batch.len, *p;

    p = memmem(bot->pos, (size_t)(end - bot->pos), UPDATE, strlen(UPDATE));
    if (!p)
        return false;
    bot->offset = atoll(p + strlen(UPDATE)) + 1;
    p = memmem(p, (size_t)(end - p), CHAT, strlen(CHAT));
    if (!p)
        return false;
    *chat = atoll(p + strlen(CHAT));
    bot->pos = p;
    return true;
}

static void send_more(struct bot *bot)
{
    long long chat;

    while (bot->idle && next_chat(bot, &chat)) {
        struct call *c = bot->idle;

        bot->idle = c->next_idle;
        snprintf(c->body, sizeof(c->body),
                 "{\"chat_id\":%lld,\"text\":\"Limit: 0\"}", chat);
        call_start(c, bot);
    }
    if (bot->idle && !bot->polling)
        poll_start(bot);
}

static void on_done(struct bot *bot, struct call *c, CURLcode code)
{
    curl_multi_remove_handle(bot->multi, c->easy);
    if (code != CURLE_OK) {
        fprintf(stderr, "floor: %s\n", curl_easy_strerror(code));
        exit(1);
    }
    if (c != &bot->poll) {
        c->next_idle = bot->idle;
        bot->idle = c;
        return;
    }
    bot->polling = false;
    buf_move(&bot->batch, &c->answer);
    bot->pos = bot->batch.data;
}

static void run(struct bot *bot)
{
    int running, left;
    CURLMsg *m;
    char *c;

    poll_start(bot);
    for (;;) {
        curl_multi_perform(bot->multi, &running);
        while ((m = curl_multi_info_read(bot->multi, &left))) {
            curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
            on_done(bot, (struct call *)(void *)c, m->data.result);
        }
        send_more(bot);
        curl_multi_poll(bot->multi, NULL, 0, 1000, NULL);
    }
}

int main(void)
{
    const char *api = getenv("TELEGRAM_API_URL"), *token = getenv("BOT_TOKEN");
    struct bot bot = { .multi = curl_multi_init() };

    if (!api || !token) {
        fprintf(stderr, "floor: needs TELEGRAM_API_URL and BOT_TOKEN\n");
        return 2;
    }
    bot.headers =
        curl_slist_append(bot.headers, "Content-Type: application/json");
    bot.headers = curl_slist_append(bot.headers, "Expect:");
    bot.poll_url = url_of(api, token, "getUpdates");
    bot.send_url = url_of(api, token, "sendMessage");
    buf_init(&bot.batch);
    bot.pos = bot.batch.data;
    call_init(&bot.poll, &bot, bot.poll_url);
    for (int i = 0; i < IN_FLIGHT; i++) {
        call_init(&bot.send[i], &bot, bot.send_url);
        bot.send[i].next_idle = bot.idle;
        bot.idle = &bot.send[i];
    }
    run(&bot);
}
