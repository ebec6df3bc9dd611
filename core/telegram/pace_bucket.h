/*
 * pace_bucket.h - the limits that pace.c keeps: buckets of tokens, and a minute.
 * For telegram/pace*.c.
 *
 * A bucket is one moment (`full`): when it will be full again if nothing more is
 * taken. A take moves it on by the time that one token needs; it may as long as
 * it is not farther away than the whole bucket.
 */
#ifndef TELEGRAM_PACE_BUCKET_H
#define TELEGRAM_PACE_BUCKET_H

#include <stdint.h>

#define SECOND INT64_C(1000000000)

struct bucket_size {
    int64_t token;   /* time for one */
    int64_t reserve; /* of a full bucket, time for all but the first */
};

static inline int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline struct bucket_size bucket_size(int64_t token, int burst)
{
    return (struct bucket_size){ token, token * (burst > 1 ? burst - 1 : 0) };
}

/* When there is a token. */
static inline int64_t bucket_ready(struct bucket_size size, int64_t full)
{
    return full - size.reserve;
}

static inline void bucket_take(struct bucket_size size, int64_t *full,
                               int64_t now)
{
    *full = later(*full, now) + size.token;
}

/* Nothing is in it until then. */
static inline void bucket_empty(struct bucket_size size, int64_t *full,
                                int64_t until)
{
    *full = later(*full, until + size.reserve);
}

/* The minute in a group, in slots: what went in the last MINUTE_SLOTS of them
 * counts, which is 60 s at least. Zeroed memory is a minute of nothing. */
#define MINUTE_SLOTS 21
#define MINUTE_SLOT_NS (3 * SECOND)

struct minute {
    int64_t slot; /* the newest */
    int64_t full; /* a bucket: the distance after a burst */
    int sum;
    int used[MINUTE_SLOTS];
};

void minute_forget(struct minute *m, int64_t now); /* what is over */
/* When one more is not more than per_min. */
int64_t minute_ready(const struct minute *m, int per_min);
void minute_take(struct minute *m, struct bucket_size distance, int64_t now);

#endif
