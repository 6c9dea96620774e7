/*
 * server/later: what a connection has asked for and comes back to it: timers and jobs.
 *
 * Both hold names, not addresses: an event that finds its handler when it arrives. A timer dies
 * with its connection. A job keeps its generation, and the connection's memory, until it returns;
 * what it returns is delivered if the connection is still there.
 */
#ifndef SERVER_LATER_H
#define SERVER_LATER_H

#include "layer/layer.h"
#include "server/conn.h"

/* Takes over the event. */
void alarm_add(struct conn *conn, uint64_t id, uint32_t ms, struct layer_event *event);
void alarm_remove(struct conn *conn, uint64_t id); /* 0, or no such: nothing */
void alarm_remove_all(struct conn *conn);

/* `argument`: msgpack of the template's value, copied. */
void later_defer(struct conn *conn, sluice_job *job, struct generation *generation,
                 struct slice argument);

#endif
