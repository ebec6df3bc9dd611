/*
 * seen.h - which update_ids have come already, in little memory.
 *
 * Telegram numbers a bot's updates one after another, so that what was seen is
 * a few intervals (https://core.telegram.org/bots/api#update). Kept for at least
 * 24 hours, at most 48. At SEEN_INTERVALS_MAX in one of these halves the lowest
 * ones are forgotten: 64 KiB each.
 */
#ifndef BOT_SEEN_H
#define BOT_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define SEEN_INTERVALS_MAX 4096
#define SEEN_HALF_MS (24 * 3600 * INT64_C(1000))

struct seen;

struct seen *seen_new(int64_t now_ms);
void seen_free(struct seen *seen); /* NULL is allowed */
/* False if it was there already. */
bool seen_add(struct seen *seen, int64_t id, int64_t now_ms);
bool seen_has(const struct seen *seen, int64_t id);
/* first to last, both included. */
void seen_add_range(struct seen *seen, int64_t first, int64_t last,
                    int64_t now_ms);
/* As PostgreSQL prints an int8multirange: "{[1,5),[7,9)}". False: it is none. */
bool seen_add_multirange(struct seen *seen, struct slice text, int64_t now_ms);
size_t seen_intervals(const struct seen *seen);

#endif
