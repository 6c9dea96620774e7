/*
 * base/rate: so many in so much time: a token bucket.
 *
 * A bucket holds `count` tokens at most and is full at first; they come back evenly, `count` of
 * them in `ms`. What finds no tokens left is over the rate.
 */
#ifndef BASE_RATE_H
#define BASE_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate {
    uint64_t count; /* 0: no limit */
    uint32_t ms;
};

/* All zero is full. Of whoever is limited; its thread only. */
struct bucket {
    uint64_t spent; /* tokens that are missing, in units of 1/ms of a token's worth: see rate.c */
    uint64_t at;    /* when that was so, by clock_now */
};

/* Takes `tokens`; false, and none is taken, where there are not as many left. More than the bucket
 * holds are had when it is full, so that one large thing is late and not impossible. */
bool bucket_take(struct bucket *bucket, const struct rate *rate, uint64_t tokens, uint64_t now);

#endif
