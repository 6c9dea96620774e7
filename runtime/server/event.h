/*
 * server/event: is this an event that may be sent?
 *
 * A map with a "type" that is text, not one of the runtime's own ("sluice.", "layer."), and without
 * the key that Redis keeps for itself. What is refused is counted and told here, with the mount of
 * the consumer that sent it.
 */
#ifndef SERVER_EVENT_H
#define SERVER_EVENT_H

#include "layer/layer.h"
#include "server/mount.h"

/* `body`: msgpack, copied. `except`: the channel that does not get it, or NULL. `mount` may be NULL
 * where no consumer is known. NULL where it may not be sent, or without memory. Any thread. */
struct layer_event *event_compose(enum layer_target target, struct slice name, struct slice body,
                                  const char *except, struct mount *mount);

/* Something that was to be sent is dropped: counted, and told with these words. */
void event_refuse(struct mount *mount, enum drop drop, struct slice what, const char *why);

#endif
