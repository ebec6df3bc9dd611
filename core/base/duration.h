/*
 * duration.h - spans of time as people write them: "90s", "10m", "1h30m", "2d",
 * "1w".
 *
 * Whole numbers, each with its unit: w, d, h, m, s or ms, every unit at most once
 * and the larger ones first; spaces may stand between. Digits alone are seconds.
 */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include "base/buf.h"

#define DURATION_MAX_MS ((int64_t)36500 * 24 * 3600 * 1000) /* 100 years */

/* Read one into *ms: 0 to DURATION_MAX_MS. ERR_USAGE says what was expected; *ms
 * stays. */
bool duration_parse(struct slice text, int64_t *ms, struct err *err) MUST_CHECK;

/* The same of a number of seconds, with a fraction; rounded to milliseconds. */
bool duration_of_seconds(double seconds, int64_t *ms,
                         struct err *err) MUST_CHECK;

/* Append it as duration_parse() reads it: "1h30m", "0s". ms: not negative. */
void duration_add(struct buf *out, int64_t ms);

#endif
