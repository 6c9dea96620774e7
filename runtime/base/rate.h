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
    uint64_t spent; /* of the tokens, in parts of 1/ms each; more than there are: owed */
    uint64_t at;    /* when that was so, by clock_now */
};

/* Takes `tokens`; false, and none is taken, where there are not as many left. More than the bucket
 * holds are had when it is full, so that one large thing is late and not impossible: they are owed
 * then, and nothing is had before what is owed has come back. */
bool bucket_take(struct bucket *bucket, const struct rate *rate, uint64_t tokens, uint64_t now);

#endif
