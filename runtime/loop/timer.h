/*
 * loop/timer: moments at which a loop calls a function, thousands of them at the price of one
 * libevent timer.
 *
 * A binary heap by time on base/clock, so that tests move time by hand. Embedded in what it is
 * for; of one loop, and touched by its thread only.
 */
#ifndef LOOP_TIMER_H
#define LOOP_TIMER_H

#include "loop/loop.h"

struct timer {
    uint64_t at;    /* clock_now at which it is due */
    uint64_t order; /* of two that are due at once the one set first goes first */
    size_t place;   /* in the heap, from 1; 0: not set */
    void (*run)(struct loop *loop, struct timer *timer);
};

struct timers;

/* One a loop. NULL without memory. */
struct timers *timers_new(struct loop *loop);
void timers_free(struct timers *timers); /* before the loop or after; those set are forgotten */

/* Sets, or sets anew. False: no memory; it is then as it was. When due it is unset, then run. */
bool timer_set(struct timers *timers, struct timer *timer, uint64_t at);
void timer_unset(struct timers *timers, struct timer *timer); /* not set: nothing */

/* The moment of the first that is set; UINT64_MAX: none is. */
uint64_t timers_next(const struct timers *timers);

/* Tests: run what is due now, instead of waiting for libevent. */
void timers_run(struct timers *timers);

#endif
