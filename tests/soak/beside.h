/*
 * soak/beside: an ordinary client beside the attackers: it sends to an echo and to a group that it
 * is in, and takes the time until the answer is there.
 *
 * The attackers want the machine's cores too: what the client itself waited for one is not counted.
 */
#ifndef SOAK_BESIDE_H
#define SOAK_BESIDE_H

#include <stdbool.h>

struct times {
    unsigned count;
    double p50, p99, most; /* milliseconds */
};

struct beside {
    struct times echo, group;
    bool well;        /* every message was answered, by what was sent, in order */
    const char *what; /* went wrong; a literal */
};

/* Dials and begins, in a thread of its own. False: it could not. */
bool beside_begin(void);
/* What was seen since the last call. */
struct beside beside_take(void);
void beside_end(void);

#endif
