/*
 * supervise/history: what a supervisor's servers have served, as snapshots: the last good, what is
 * on probation, and what was bad.
 *
 * A state begins as a candidate: a server is about to serve it. Once it does, it is on probation,
 * and when that is over it is good, and all older ones go. When a server crashes that was about to
 * serve the newest state, or has it on probation, that state is taken back: it is bad, and the one
 * before it is the newest again. The first of all can't be: there is nothing before it, so it is
 * served again.
 */
#ifndef SUPERVISE_HISTORY_H
#define SUPERVISE_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/consumer.h"

enum {
    HISTORY_MAX = 8, /* states in a row of which none has passed its probation yet */
    HISTORY_BAD = 8, /* that are remembered */
};

struct state {
    char *path;         /* of the snapshot */
    int lock;           /* that keeps it */
    bool candidate;     /* not served yet */
    uint32_t probation; /* ms */
    uint64_t until;     /* it is on probation until then */
};

struct bad {
    struct state state;
    uint64_t when; /* clock_wall */
    bool blamed;   /* the bytes are known that crashed: */
    unsigned char digest[DIGEST_SIZE];
};

/* Of the supervisor. All zero is an empty one. */
struct history {
    struct state states[HISTORY_MAX]; /* the oldest first */
    unsigned count;
    struct bad bad[HISTORY_BAD];
    unsigned bad_count;
};

/* A server is about to serve this. Takes over the path (mem_free'd) and the lock. */
void history_try(struct history *history, char *path, int lock, uint32_t probation);
void history_drop(struct history *history);   /* it will not */
void history_serve(struct history *history);  /* it does, or what is newest is served again */
void history_settle(struct history *history); /* what has passed its probation has */
/* When there is something to settle; 0: never. */
uint64_t history_next(const struct history *history);

/* A server crashed, in code of these bytes if that is known, else NULL. What was taken back; NULL:
 * nothing was. */
const struct bad *history_crash(struct history *history, const unsigned char *digest);

/* What to start from; NULL: from what is there, since nothing has served yet. */
const char *history_newest(const struct history *history);

void history_free(struct history *history); /* the snapshots too */

#endif
