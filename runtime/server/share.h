/*
 * server/share: how much of a turn of its loop somebody has had, and whether it was enough.
 *
 * Work is counted as it is done, which costs nothing. The clock is asked seldom: not before the
 * first piece of work is done, as most have no more of it; soon after that, as each piece may be
 * slow; and then after every so many.
 */
#ifndef SERVER_SHARE_H
#define SERVER_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is a fair share. */
struct share_most {
    size_t work;
    uint64_t micros;
    size_t every; /* pieces of work: the clock is asked no seldomer */
};

/* On the stack of whoever does the work. */
struct share {
    size_t work;    /* done so far */
    size_t look;    /* the work at which the clock is asked... */
    size_t wait;    /* ...and again after so much more */
    uint64_t began; /* when it was asked first, by clock_fine; 0: it was not yet */
};

#define SHARE_NONE_YET ((struct share){.look = 1, .wait = 1})

/* Of share_over. */
bool share_look(struct share *share, const struct share_most *most);

/* Has it had enough? */
static inline bool share_over(struct share *share, const struct share_most *most)
{
    return share->work >= share->look && share_look(share, most);
}

#endif
