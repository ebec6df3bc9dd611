/*
 * limits.h - Telegram's flood limits, off until POST /sim/limits: in one chat a
 * message a second with short bursts, in a group 20 a minute, in all 30 a second;
 * or other numbers of that kind.
 */
#ifndef SIMULATOR_LIMITS_H
#define SIMULATOR_LIMITS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct limit_rates {
    int bot_per_s, chat_per_s, chat_burst, group_per_min;
};

extern const struct limit_rates limits_telegram; /* what Telegram says, about */

struct limits;

struct limits *limits_new(void);
void limits_free(struct limits *limits);
/* Also counts from 0. rates: copied. */
void limits_turn(struct limits *limits, bool on,
                 const struct limit_rates *rates);
bool limits_are_on(const struct limits *limits);
/* A call of that method with these parameters: 0, or the seconds to wait. Only
 * calls that send a message count. */
int limits_check(struct limits *limits, int64_t bot, const char *method,
                 const json_t *params);
/* {on, bot_per_s, …, passed, refused}: messages since limits_turn(). New
 * reference. */
json_t *limits_json(const struct limits *limits);
/* "Too Many Requests: retry after N"; valid until the next call. */
const char *limits_text(int seconds);

#endif
