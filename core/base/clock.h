/*
 * clock.h - what time it is, for everything that decides by it.
 *
 * Tests of a bot move both clocks on (`moonpost test`): what asks here sees it.
 * What only measures or writes a log may ask the system itself.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

int64_t clock_wall_us(void);   /* since 1970-01-01 UTC */
int64_t clock_steady_ns(void); /* of a clock that never jumps back */

/* Both are ahead by so much more from now on. Timers that wait have to be told:
 * loop_advance(). */
void clock_advance(int64_t ms);
int64_t clock_ahead_ms(void); /* 0 outside of tests */
/* Another day, for what happened then: the wall clock alone says so much more. */
void clock_shift_wall(int64_t ms);

#endif
