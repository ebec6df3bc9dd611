/* limits.c - see limits.h. Each limit is a bucket that leaks: a message adds
 * one, and does not fit when the bucket is full. */
#include "simulator/limits.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "simulator/call.h"
#include "simulator/text.h"

struct bucket {
    double level;
    int64_t us; /* when level was right */
};

struct flow {
    struct flow_key {
        int64_t bot, chat; /* chat 0: all of the bot's */
    } key;
    struct bucket second, minute;
    UT_hash_handle hh;
};

struct limits {
    bool on;
    struct limit_rates rates;
    int passed, refused;
    struct flow *flows;
};

const struct limit_rates limits_telegram = { 30, 1, 5, 20 };

struct limits *limits_new(void)
{
    struct limits *limits = xalloc(sizeof(*limits));

    limits->rates = limits_telegram;
    return limits;
}

static void clear(struct limits *limits)
{
    struct flow *flow, *next;

    HASH_ITER (hh, limits->flows, flow, next) {
        HASH_DEL(limits->flows, flow);
        free(flow);
    }
}

void limits_free(struct limits *limits)
{
    if (!limits)
        return;
    clear(limits);
    free(limits);
}

void limits_turn(struct limits *limits, bool on,
                 const struct limit_rates *rates)
{
    limits->on = on;
    limits->rates = *rates;
    limits->passed = limits->refused = 0;
    clear(limits);
}

bool limits_are_on(const struct limits *limits)
{
    return limits->on;
}

static struct flow *flow_of(struct limits *limits, int64_t bot, int64_t chat)
{
    struct flow_key key = { bot, chat };
    struct flow *flow;

    HASH_FIND(hh, limits->flows, &key, sizeof(key), flow);
    if (!flow) {
        flow = xalloc(sizeof(*flow));
        flow->key = key;
        HASH_ADD(hh, limits->flows, key, sizeof(key), flow);
    }
    return flow;
}

/* Seconds until one more fits; 0: it does. */
static int wait_for(struct bucket *b, double size, double per_second)
{
    int64_t now = now_us();

    b->level -= (double)(now - b->us) / 1e6 * per_second;
    if (b->level < 0)
        b->level = 0;
    b->us = now;
    return b->level + 1 <= size ? 0
                                : (int)ceil((b->level + 1 - size) / per_second);
}

static bool sends(const char *method)
{
    return (strncmp(method, "send", 4) == 0 &&
            strcmp(method, "sendChatAction") != 0) ||
           strncmp(method, "forwardMessage", 14) == 0 ||
           strncmp(method, "copyMessage", 11) == 0;
}

int limits_check(struct limits *limits, int64_t bot, const char *method,
                 const json_t *params)
{
    int64_t id = json_int(params, "chat_id", 0);
    const struct limit_rates *r = &limits->rates;
    struct flow *all, *chat;
    int wait;

    if (!limits->on || !sends(method))
        return 0;
    all = flow_of(limits, bot, 0);
    chat = flow_of(limits, bot, id ? id : 1);
    if ((wait = wait_for(&all->second, r->bot_per_s, r->bot_per_s)) ||
        (wait = wait_for(&chat->second, r->chat_burst, r->chat_per_s)) ||
        (id < 0 && (wait = wait_for(&chat->minute, r->group_per_min,
                                    r->group_per_min / 60.0)))) {
        limits->refused++;
        return wait;
    }
    limits->passed++;
    all->second.level++;
    chat->second.level++;
    chat->minute.level++;
    return 0;
}

json_t *limits_json(const struct limits *limits)
{
    const struct limit_rates *r = &limits->rates;

    return json_pack("{s:b, s:i, s:i, s:i, s:i, s:i, s:i}", "on",
                     (int)limits->on, "bot_per_s", r->bot_per_s, "chat_per_s",
                     r->chat_per_s, "chat_burst", r->chat_burst,
                     "group_per_min", r->group_per_min, "passed",
                     limits->passed, "refused", limits->refused);
}

const char *limits_text(int seconds)
{
    static char text[64];

    snprintf(text, sizeof(text), "Too Many Requests: retry after %d", seconds);
    return text;
}
