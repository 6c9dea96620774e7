/*
 * server/batch: frames that several connections get, one behind the other, whole and unmasked.
 *
 * Once an outbox refers to a batch, its writer goes on in another one: what a slow reader keeps
 * alive does not grow.
 */
#ifndef SERVER_BATCH_H
#define SERVER_BATCH_H

#include <stdbool.h>

#include "base/text.h"
#include "wire/frame.h"

/* Counted; of one loop, its thread only. */
struct batch {
    unsigned references;
    bool held;          /* an outbox has referred to it: nothing is added any more */
    struct batch *next; /* its writer's own: the one before */
    struct text bytes;
};

struct batch *batch_new(void);
struct batch *batch_ref(struct batch *batch);
void batch_unref(struct batch *batch);

/* Before a writer adds to its batch: begins another one if that is held, and keeps both. */
void batch_go_on(struct batch **batch);
/* The writer is done with all of them. */
void batch_unref_all(struct batch *batch);

bool batch_frame(struct batch *batch, enum frame_opcode opcode, uint8_t rsv, struct slice payload);

/* The size of the frame that begins there, header included. */
size_t batch_frame_size(const struct batch *batch, size_t offset);

#endif
