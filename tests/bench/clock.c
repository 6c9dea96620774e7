/*
 * tests/bench/clock: a clock that goes on a microsecond whenever it is looked at, for a server that
 * is counted (LD_PRELOAD). Under callgrind everything takes some fifty times as long, so what a
 * server shares out by the clock would be cut into pieces that it never is cut into, and into
 * smaller ones the busier the machine. It takes about as many instructions as the clock that it
 * stands for.
 */
#include <stdatomic.h>
#include <stdint.h>
#include <time.h>

enum { STEP = 1000, SECOND = 1000000000, BEGIN = 1000 };

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *now);

int clock_gettime(clockid_t clock, struct timespec *now)
{
    static atomic_uint_fast64_t looks;
    uint64_t since = STEP * atomic_fetch_add_explicit(&looks, 1, memory_order_relaxed);

    (void)clock;
    now->tv_sec = (time_t)(BEGIN + since / SECOND);
    now->tv_nsec = (long)(since % SECOND);
    return 0;
}
