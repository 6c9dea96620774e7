/*
 * layer/layer: where events travel: from any thread to the loops that have somebody to hear them.
 *
 * What all back ends have in common: rules for names, events and their counting, fresh names.
 */
#include "layer/layer.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/random.h"

#define RANDOM_SIZE 16 /* bytes of each half of a fresh name; twice that in hex digits */
#define HEX_SIZE    (2 * RANDOM_SIZE + 1)

struct layer_event *layer_event_new(enum layer_target target, struct slice name, const void *body,
                                    size_t size)
{
    if (name.size > LAYER_NAME_MAX || size > SIZE_MAX - sizeof(struct layer_event))
        return NULL;

    struct layer_event *event = mem_alloc(sizeof *event + size);

    if (event == NULL)
        return NULL;
    memset(event, 0, sizeof *event);
    event->references = 1;
    event->target = target;
    event->name_size = (uint16_t)name.size;
    if (name.size > 0)
        memcpy(event->name, name.data, name.size);
    event->size = size;
    if (size > 0)
        memcpy(event->body, body, size);
    return event;
}

/* Relaxed: who takes a reference has one already, so nobody frees the event meanwhile. */
struct layer_event *layer_event_ref(struct layer_event *event)
{
    __atomic_fetch_add(&event->references, 1, __ATOMIC_RELAXED);
    return event;
}

void layer_event_unref(struct layer_event *event)
{
    if (event != NULL && __atomic_sub_fetch(&event->references, 1, __ATOMIC_ACQ_REL) == 0)
        mem_free(event);
}

static bool random_hex(char out[HEX_SIZE])
{
    uint8_t bytes[RANDOM_SIZE];

    if (!random_bytes(bytes, sizeof bytes))
        return false;
    text_hex(out, bytes, sizeof bytes);
    return true;
}

bool layer_init(struct layer *layer, const struct layer_ops *ops)
{
    char process[HEX_SIZE];

    if (!random_hex(process))
        return false;
    layer->ops = ops;
    snprintf(layer->prefix, sizeof layer->prefix, "specific.%s!", process);
    return true;
}

bool layer_new_channel(struct layer *layer, char channel[LAYER_CHANNEL_SIZE])
{
    char own[HEX_SIZE];

    if (!random_hex(own))
        return false;
    snprintf(channel, LAYER_CHANNEL_SIZE, "%.42s%s", layer->prefix, own);
    return true;
}

static bool name_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '.' || byte == '_' || byte == '-';
}

bool layer_group_valid(struct slice name)
{
    if (name.size == 0 || name.size > LAYER_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (!name_byte(name.data[i]))
            return false;
    return true;
}

/* As a group's, with one "!" allowed that is not the first byte. */
bool layer_channel_valid(struct slice name)
{
    bool local = false; /* the "!" has been seen */

    if (name.size == 0 || name.size > LAYER_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '!' && i > 0 && !local)
            local = true;
        else if (!name_byte(name.data[i]))
            return false;
    }
    return true;
}

bool layer_group_join(struct layer *layer, struct loop *loop, struct slice group)
{
    return layer->ops->group_join(layer, loop, group);
}

void layer_group_leave(struct layer *layer, struct loop *loop, struct slice group)
{
    layer->ops->group_leave(layer, loop, group);
}

bool layer_channel_open(struct layer *layer, struct loop *loop, const char *channel)
{
    return layer->ops->channel_open(layer, loop, channel);
}

void layer_channel_shut(struct layer *layer, const char *channel)
{
    layer->ops->channel_shut(layer, channel);
}

bool layer_send(struct layer *layer, struct layer_event *event)
{
    return layer->ops->send(layer, event);
}

void layer_count(struct layer *layer, struct layer_counts *counts)
{
    layer->ops->count(layer, counts);
}

void layer_free(struct layer *layer)
{
    if (layer != NULL)
        layer->ops->free(layer);
}
