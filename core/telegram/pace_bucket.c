/* pace_bucket.c - see pace_bucket.h. */
#include "telegram/pace_bucket.h"

void minute_forget(struct minute *m, int64_t now)
{
    int64_t slot = now / MINUTE_SLOT_NS;

    if (slot >= m->slot + MINUTE_SLOTS)
        m->slot = slot - MINUTE_SLOTS;
    while (m->slot < slot) {
        m->slot++;
        m->sum -= m->used[m->slot % MINUTE_SLOTS];
        m->used[m->slot % MINUTE_SLOTS] = 0;
    }
}

int64_t minute_ready(const struct minute *m, int per_min)
{
    int64_t slot = m->slot - MINUTE_SLOTS + 1;

    if (m->sum < per_min)
        return 0;
    while (slot < 0 || !m->used[slot % MINUTE_SLOTS])
        slot++;
    return (slot + MINUTE_SLOTS) * MINUTE_SLOT_NS;
}

void minute_take(struct minute *m, struct bucket_size distance, int64_t now)
{
    minute_forget(m, now);
    m->used[m->slot % MINUTE_SLOTS]++;
    m->sum++;
    bucket_take(distance, &m->full, now);
}
