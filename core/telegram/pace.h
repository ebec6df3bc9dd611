/*
 * pace.h - who may send a message when: Telegram's flood limits.
 *
 * https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this:
 * about 30 messages a second in all; one a second in a chat, with short bursts;
 * 20 a minute in a group. This is the reckoning only: no I/O, no timers, and the
 * time is an argument (nanoseconds of a clock that never jumps).
 *
 * A message is an item. pace_ask() lets it go at once or puts it in line; then
 * pace_next() is asked, at pace_due(), which of those in line go. What has gone
 * is in flight until pace_done(), or pace_back() puts it in line again.
 *
 *   - Of what is in line, the first priority goes first, and within one
 *     priority the chats take turns: one with a long line holds up no other.
 *   - A chat's messages of a priority go in the order in which they were asked
 *     for: the next not before the answer to the one before, or ORDER_NS. Those
 *     that are not `ordered` are not waited for.
 *   - In bursts the bot's bucket keeps something back for the priorities before.
 *   - A group, a supergroup or a channel (their ids look alike; to be too slow is
 *     no error) has the limit of a chat, one by the minute that holds for any 60
 *     seconds, and after a burst keeps the distance that the minute allows, so
 *     that nothing waits for the end of one.
 *   - Chat 0 is no chat: the bot's limit only.
 *
 * What is remembered of a chat is forgotten when it means nothing any more.
 */
#ifndef TELEGRAM_PACE_H
#define TELEGRAM_PACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define PACE_PRIORITIES 3
#define PACE_ORDER_NS (10 * INT64_C(1000000000))
#define PACE_NEVER INT64_MAX

struct pace_limits {
    int bot_per_s, chat_per_s, chat_burst, group_per_min; /* 1 to 1,000,000 */
};

struct pace;

enum pace_state { PACE_NONE, PACE_IN_LINE, PACE_IN_FLIGHT };

struct pace_item {
    int64_t chat_id;
    int priority; /* 0 first */
    bool ordered;
    /* private; zeroed memory is an item */
    enum pace_state state;
    struct pace_chat *chat;
    int64_t went;
    TAILQ_ENTRY(pace_item) link;
};

struct pace *pace_new(const struct pace_limits *limits);
void pace_free(struct pace *p); /* after all its items are PACE_NONE */

/* true: it goes now, and is in flight. false: it is in line. */
bool pace_ask(struct pace *p, struct pace_item *item, int64_t now);
/* The next that goes; it is in flight then. NULL: none can. */
struct pace_item *pace_next(struct pace *p, int64_t now);
/* When pace_next() should be asked: now or before, later, or PACE_NEVER. */
int64_t pace_due(const struct pace *p);
/* Of one in flight: its answer is there. Of one in line: it gives up. */
void pace_done(struct pace *p, struct pace_item *item, int64_t now);
/* One in flight did not get through: first in its chat's line again; the chat
 * waits until then. */
void pace_back(struct pace *p, struct pace_item *item, int64_t until);
/*
 * Telegram answered 429 to one in flight: its chat waits until then and has no
 * burst left. When this happens to different chats that are to wait until the
 * same moment, it is the bot's own limit, and all wait.
 */
void pace_flood(struct pace *p, struct pace_item *item, int64_t now,
                int64_t until);
/* Nothing of that chat can go before; for now or earlier: 0. Limits that only
 * depend on what is sent meanwhile are not in it. */
int64_t pace_held_until(const struct pace *p, int64_t chat_id, int64_t now);

int pace_waiting(const struct pace *p, int priority);
int pace_chats(const struct pace *p); /* that are remembered */

#endif
