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
    struct flow *flows;
};

struct limits *limits_new(void)
{
    return xalloc(sizeof(struct limits));
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

void limits_turn(struct limits *limits, bool on)
{
    limits->on = on;
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
    struct flow *all, *chat;
    int wait;

    if (!limits->on || !sends(method))
        return 0;
    all = flow_of(limits, bot, 0);
    chat = flow_of(limits, bot, id ? id : 1);
    if ((wait = wait_for(&all->second, 30, 30)) ||
        (wait = wait_for(&chat->second, LIMIT_CHAT_BURST, 1)) ||
        (id < 0 && (wait = wait_for(&chat->minute, 20, 20.0 / 60))))
        return wait;
    all->second.level++;
    chat->second.level++;
    chat->minute.level++;
    return 0;
}

const char *limits_text(int seconds)
{
    static char text[64];

    snprintf(text, sizeof(text), "Too Many Requests: retry after %d", seconds);
    return text;
}
