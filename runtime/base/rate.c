/*
 * base/rate: so many in so much time: a token bucket.
 *
 * A token is cut into `ms` parts, so that `count` parts come back with each millisecond: nothing is
 * divided, and nothing is rounded, however seldom or often the bucket is asked.
 */
#include "base/rate.h"

static uint64_t product(uint64_t a, uint64_t b)
{
    uint64_t result;

    return __builtin_mul_overflow(a, b, &result) ? UINT64_MAX : result;
}

/* What has come back by now. */
static void refill(struct bucket *bucket, const struct rate *rate, uint64_t now)
{
    uint64_t back;

    if (now <= bucket->at)
        return;
    back = product(now - bucket->at, rate->count);
    bucket->spent = back < bucket->spent ? bucket->spent - back : 0;
    bucket->at = now;
}

bool bucket_take(struct bucket *bucket, const struct rate *rate, uint64_t tokens, uint64_t now)
{
    uint64_t size = product(rate->count, rate->ms), cost = product(tokens, rate->ms);

    if (rate->count == 0)
        return true;
    refill(bucket, rate, now);
    if (bucket->spent > 0 && (cost > size || bucket->spent > size - cost))
        return false;
    bucket->spent += cost;
    return true;
}
