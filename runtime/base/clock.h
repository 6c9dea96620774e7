/*
 * base/clock: the one clock of the runtime, which tests can set.
 *
 * Timeouts, timers and expiry count in milliseconds of clock_now, which never goes back. A test
 * freezes it and moves it by hand, so that nothing in the suite waits for time to pass.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

/* Milliseconds since some moment in the past; monotonic. Any thread. */
uint64_t clock_now(void);

/* Milliseconds since 1970, for log lines and HTTP dates. Any thread. */
uint64_t clock_wall(void);

/* Milliseconds of the real clock at the kernel's tick (1 to 10 ms), whatever tests have set: for
 * the watchdog, which asks after each callback and must cost nothing. */
uint64_t clock_coarse(void);

/* Microseconds of the real clock, whatever tests have set: for who may hold a loop so long and no
 * longer. Any thread. */
uint64_t clock_fine(void);

/* Tests: stop clock_now at `now`, move it on, let it run again. */
void clock_freeze(uint64_t now);
void clock_advance(uint64_t ms);
void clock_thaw(void);

#endif
