/*
 * base/clock: the one clock of the runtime, which tests can set.
 *
 * Where it stands still is one atomic number, so that a test's thread may move it while loops ask.
 */
#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

#define RUNNING UINT64_MAX

static _Atomic uint64_t frozen = RUNNING; /* what clock_now says, unless it runs */

static uint64_t milliseconds(clockid_t id)
{
    struct timespec now;

    clock_gettime(id, &now); /* can't fail: Linux has all the clocks asked for here */
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t clock_now(void)
{
    uint64_t now = atomic_load_explicit(&frozen, memory_order_acquire);

    return now == RUNNING ? milliseconds(CLOCK_MONOTONIC) : now;
}

uint64_t clock_wall(void)
{
    return milliseconds(CLOCK_REALTIME);
}

uint64_t clock_coarse(void)
{
    return milliseconds(CLOCK_MONOTONIC_COARSE);
}

uint64_t clock_fine(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void clock_freeze(uint64_t now)
{
    atomic_store(&frozen, now);
}

void clock_advance(uint64_t ms)
{
    if (atomic_load(&frozen) != RUNNING)
        atomic_fetch_add(&frozen, ms);
}

void clock_thaw(void)
{
    atomic_store(&frozen, RUNNING);
}
