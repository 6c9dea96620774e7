/*
 * server/fanout: events that have come to a loop go to the connections they are addressed to.
 *
 * They wait in one queue, in the order in which they came, and are handed out at the turn's end.
 * Events in a row for the same group are taken together: each is decoded once; each member is
 * visited once, for all of them; a broadcast handler runs once for each event, mount and
 * generation, and what it sends is one batch of frames that goes to every member in one write. A
 * large group is served in slices, with the rest of the loop's work between them.
 */
#ifndef SERVER_FANOUT_H
#define SERVER_FANOUT_H

#include <sluice/sluice.h>

#include "layer/layer.h"
#include "server/worker.h"

struct fanout *fanout_new(void);
void fanout_free(struct fanout *fanout);

/* The layer's delivery: on the loop's thread. `context` is the server. */
layer_deliver fanout_deliver;

/* Runs a broadcast handler for one connection alone. */
void fanout_broadcast(struct conn *conn, const struct sluice_handler *handler,
                      struct json_object *content);

/* Bytes of events that wait. */
size_t fanout_waiting(const struct fanout *fanout);

/* Hands out what waits, a slice of it at most. True: there is more. */
bool fanout_turn(struct worker *worker);

#endif
