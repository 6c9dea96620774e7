/*
 * server/pause: nothing of any consumer runs but jobs: for as long as a reload takes to hand over.
 *
 * First the pool: none of its callbacks begins any more, and those under way end; all are served
 * by the loops meanwhile. Then each loop stands still between two of its callbacks. A loop that is
 * held up must not hold up the others: they are asked to stand only when all have shown that they
 * are there, for a moment that is short, and let go again where one stays away after all; the
 * next try may take twice as long.
 */
#ifndef SERVER_PAUSE_H
#define SERVER_PAUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/dispatch.h"

struct pause;

/* Who did not come to an end in time. */
struct pause_late {
    struct call_name call; /* "" where a loop is held up by something else */
    int loop;              /* -1: it runs on the pool */
};

/* Of a server and the main thread, whose loop is `loop`. NULL without memory. All of this is the
 * main thread's. */
struct pause *pause_new(struct server *server, struct loop *loop);
/* The workers' loops have ended, or have never begun. */
void pause_free(struct pause *pause);

/* Begins. `told` is called on the main thread's loop: with NULL when all stand still, until
 * pause_end; or after `ms` with who was late, and all go on. */
void pause_begin(struct pause *pause, uint32_t ms,
                 void (*told)(void *context, const struct pause_late *late), void *context);
/* All go on. Before `told`: it will not be called. Not paused: nothing. */
void pause_end(struct pause *pause);

/* In words: "receive of /ws/chat/ (event chat.message)". */
void pause_describe(const struct pause_late *late, struct text *out);

#endif
