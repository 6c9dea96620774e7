/*
 * tests/bench/histogram: how long things took, in buckets that are at most 1.6 % wide, so that a
 * million of them are counted in little memory and any quantile can be had.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

enum { HISTOGRAM_STEPS = 64, HISTOGRAM_BUCKETS = 64 * HISTOGRAM_STEPS };

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS], total;
};

/* Values below 64 have a bucket each; then each power of two has 64. */
static inline unsigned histogram_bucket(uint64_t value)
{
    if (value < HISTOGRAM_STEPS)
        return (unsigned)value;
    unsigned power = 63u - (unsigned)__builtin_clzll(value), shift = power - 6;

    return (shift + 1) * HISTOGRAM_STEPS + (unsigned)(value >> shift) - HISTOGRAM_STEPS;
}

static inline void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->counts[histogram_bucket(value)]++;
    histogram->total++;
}

/* The least value of the bucket that the quantile falls in; 0 where nothing was added. */
static inline double histogram_at(const struct histogram *histogram, double quantile)
{
    uint64_t rank = (uint64_t)(quantile * (double)histogram->total), seen = 0;

    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen > rank) {
            if (i < HISTOGRAM_STEPS)
                return i;
            return (double)((uint64_t)(i % HISTOGRAM_STEPS + HISTOGRAM_STEPS)
                            << (i / HISTOGRAM_STEPS - 1));
        }
    }
    return 0;
}

#endif
