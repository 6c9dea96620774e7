/*
 * layer/local: the channel layer of one process: from mailbox to mailbox.
 *
 * Nothing is stored: an event for a channel that is not open is refused, whatever its name, for
 * nobody could come and read it later.
 */
#ifndef LAYER_LOCAL_H
#define LAYER_LOCAL_H

#include "layer/layer.h"

/* Bytes of events that may wait for one loop, their heads counted. A loop that has more waiting
 * does not get the next event; that is counted. One of any size is taken where none waits. */
#define LAYER_LOCAL_WAITING_MAX (64u << 20)

/* The loops among which events travel: an array that outlives the layer, each at the place that is
 * its index. The layer is freed after them, for what waits in their mailboxes belongs to it. NULL
 * without memory. */
struct layer *layer_local_new(struct loop *const *loops, unsigned loop_count,
                              layer_deliver *deliver, void *context);

#endif
