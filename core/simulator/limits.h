/*
 * limits.h - Telegram's flood limits, off until POST /sim/limits: in one chat a
 * message a second with bursts of LIMIT_CHAT_BURST, in a group 20 a minute, in
 * all 30 a second.
 */
#ifndef SIMULATOR_LIMITS_H
#define SIMULATOR_LIMITS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define LIMIT_CHAT_BURST 5

struct limits;

struct limits *limits_new(void);
void limits_free(struct limits *limits);
void limits_turn(struct limits *limits, bool on);
bool limits_are_on(const struct limits *limits);
/* A call of that method with these parameters: 0, or the seconds to wait. Only
 * calls that send a message count. */
int limits_check(struct limits *limits, int64_t bot, const char *method,
                 const json_t *params);
/* "Too Many Requests: retry after N"; valid until the next call. */
const char *limits_text(int seconds);

#endif
