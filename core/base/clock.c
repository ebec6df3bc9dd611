/* clock.c - see clock.h. */
#include "base/clock.h"

#include <time.h>

static int64_t ahead_ms, wall_ms;

static int64_t read_ns(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec + ahead_ms * 1000000;
}

int64_t clock_wall_us(void)
{
    return read_ns(CLOCK_REALTIME) / 1000 + wall_ms * 1000;
}

int64_t clock_steady_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

void clock_advance(int64_t ms)
{
    ahead_ms += ms;
}

void clock_shift_wall(int64_t ms)
{
    wall_ms += ms;
}

int64_t clock_ahead_ms(void)
{
    return ahead_ms;
}
