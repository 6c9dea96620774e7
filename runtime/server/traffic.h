/*
 * server/traffic: what goes through a loop, in all and by the second.
 *
 * The loop's own thread counts, in plain integers, and measures when its sweep comes by. So a
 * message pays for an addition, and whoever wants to know asks the loop: see server/census.
 */
#ifndef SERVER_TRAFFIC_H
#define SERVER_TRAFFIC_H

#include <stdint.h>

/* Messages of websockets; bytes of everything that was read or queued. */
struct traffic {
    uint64_t messages_in, messages_out, bytes_in, bytes_out;
};

/* Of a worker. All zero has seen nothing. */
struct traffic_meter {
    struct traffic total;
    struct traffic before; /* the total at the moment... */
    uint64_t since;        /* ...when the second now passing began; 0: never measured */
    struct traffic second; /* what went through in a second, when that was measured last */
};

/* Now and then; what is less than a second after the last time is passed over. */
void traffic_measure(struct traffic_meter *meter, uint64_t now);
void traffic_add(struct traffic *sum, const struct traffic *more);

#endif
