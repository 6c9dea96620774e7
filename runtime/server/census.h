/*
 * server/census: what each loop has, counted by the loop itself.
 *
 * Each loop is sent a message, looks at what is its own, and sends the message back; so nothing
 * that lives on a loop is read by another thread. A loop that a callback holds does not keep the
 * others' answers: those who have not answered in time are named, and answer the next census once
 * they can.
 */
#ifndef SERVER_CENSUS_H
#define SERVER_CENSUS_H

#include <stdbool.h>

#include "loop/timer.h"
#include "server/traffic.h"

struct server;

/* Of one loop. */
struct census_row {
    bool answered; /* else all that follows is 0 */
    unsigned connections, groups, memberships, channels;
    size_t waiting;         /* bytes of events that have come and were not handed out */
    struct traffic total;   /* since the start */
    struct traffic traffic; /* in a second */
};

struct census;

/* `told` is called on the main thread, whose loop and timers these are. NULL without memory. */
struct census *census_new(struct server *server, struct loop *home, struct timers *timers,
                          void (*told)(void *context), void *context);
/* Nobody is told any more. What a loop still holds of it goes with the message. NULL: nothing. */
void census_free(struct census *census);

/* Main thread. Asks every loop; told follows, once. Not while one is under way. */
void census_take(struct census *census);
bool census_under_way(const struct census *census);

/* What came of the last one, by the loop's index. */
const struct census_row *census_row(const struct census *census, unsigned loop);

#endif
