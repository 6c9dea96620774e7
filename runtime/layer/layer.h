/*
 * layer/layer: where events travel: from any thread to the loops that have somebody to hear them.
 *
 * A layer knows names and loops, not connections. The room above keeps who on a loop is in which
 * group, and tells the layer of the first one to join and the last to leave; the layer carries an
 * event to each loop that has members, once, and hands it over through the `deliver` it was given
 * at start. Several back ends share this interface: layer/local within the process, Redis beside
 * it later. An event is an immutable block of msgpack, the same that goes to Redis.
 */
#ifndef LAYER_LAYER_H
#define LAYER_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "loop/loop.h"

#define LAYER_NAME_MAX     99 /* bytes of a channel's or group's name */
#define LAYER_CHANNEL_SIZE 75 /* of a name that layer_new_channel makes, with its zero byte */

enum layer_target { LAYER_GROUP, LAYER_CHANNEL };

/* An event on its way. One block, counted; immutable once sent, so any thread may read it. */
struct layer_event {
    unsigned references; /* atomic */
    enum layer_target target;
    bool runtime; /* sent by the runtime itself: may have a reserved type */
    uint16_t name_size;
    char name[LAYER_NAME_MAX + 1];   /* the group, or the channel */
    char except[LAYER_CHANNEL_SIZE]; /* channel that does not get it; "": none */
    size_t size;
    uint8_t body[]; /* msgpack of a map */
};

/* One reference, the caller's; NULL without memory or where the name is too long. */
struct layer_event *layer_event_new(enum layer_target target, struct slice name, const void *body,
                                    size_t size);
struct layer_event *layer_event_ref(struct layer_event *event);
void layer_event_unref(struct layer_event *event);

/* Called on the loop's thread for each event that it is to hear; borrowed. Events of one sender
 * come in order. */
typedef void layer_deliver(struct loop *loop, struct layer_event *event, void *context);

/* What a back end counts, for diagnostics. */
struct layer_counts {
    unsigned long groups;   /* with members in this process */
    unsigned long channels; /* open */
    unsigned long dropped;  /* events that a loop did not get: too much waited, or no memory */
};

struct layer;

struct layer_ops {
    bool (*group_join)(struct layer *layer, struct loop *loop, struct slice group);
    void (*group_leave)(struct layer *layer, struct loop *loop, struct slice group);
    bool (*channel_open)(struct layer *layer, struct loop *loop, const char *channel);
    void (*channel_shut)(struct layer *layer, const char *channel);
    bool (*send)(struct layer *layer, struct layer_event *event);
    void (*count)(struct layer *layer, struct layer_counts *counts);
    void (*free)(struct layer *layer);
};

/* The head of each back end's own struct. Owned by the server; any thread may call. */
struct layer {
    const struct layer_ops *ops;
    char prefix[LAYER_CHANNEL_SIZE]; /* "specific.<32 hex>!" of this process */
};

/* For back ends: fills the head. False: the kernel has no randomness to give. */
bool layer_init(struct layer *layer, const struct layer_ops *ops);

/* A loop has its first member of a group, or none any more. Called by the loop's thread. False: no
 * memory; the loop then hears nothing of that group. */
bool layer_group_join(struct layer *layer, struct loop *loop, struct slice group);
void layer_group_leave(struct layer *layer, struct loop *loop, struct slice group);

/* A fresh name, process-specific and unguessable (channel-layer spec, section 1). */
bool layer_new_channel(struct layer *layer, char channel[LAYER_CHANNEL_SIZE]);
/* From now on, events to this channel go to this loop; and no more. */
bool layer_channel_open(struct layer *layer, struct loop *loop, const char *channel);
void layer_channel_shut(struct layer *layer, const char *channel);

/* Sends; takes a reference of its own if it needs one. A group without members takes everything.
 * False: nobody could take it (full, no memory; for a channel also: nobody reads it). Any
 * thread. */
bool layer_send(struct layer *layer, struct layer_event *event);
void layer_count(struct layer *layer, struct layer_counts *counts); /* any thread */
void layer_free(struct layer *layer);

/* The strict rules for names (names.json: strict_channel, strict_group). */
bool layer_channel_valid(struct slice name);
bool layer_group_valid(struct slice name);

#endif
