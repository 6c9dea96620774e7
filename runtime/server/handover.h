/*
 * server/handover: what a consumer holds for all its connections goes from its old code to the new.
 */
#ifndef SERVER_HANDOVER_H
#define SERVER_HANDOVER_H

#include <stdatomic.h>

#include "server/mount.h"

/* Of whoever hands over: filled in before, and there until it is done. */
struct handover {
    const struct routing *now; /* NULL: this is the start */
    struct routing *next;
    struct diag *diag;
    bool done; /* afterwards: else diag says why */
    /* What is called right now, for other threads: "chat.so", "load"; NULL: nothing. */
    _Atomic(const char *) consumer, callback;
};

/* Calls load(saved) of each generation of `next` that is new; `saved` is what save() gives of the
 * generation of the same file that `now` serves. False with an error in diag at the place of the
 * one that said no; those that were loaded are unloaded when they are reaped. No callback of `now`
 * runs meanwhile. The thread that loads. */
bool handover_run(struct handover *handover);

#endif
