/*
 * server/outbox: frames waiting to be written to one socket, in order.
 *
 * What is sent in a turn of the loop is collected in blocks and leaves in one system call at the
 * turn's end. A block comes from a pool of the loop's own, so that steady traffic allocates
 * nothing. A group's frames are one batch that all its members share: an outbox holds a reference
 * to it, and only where a socket did not take it at once. Small ones it copies.
 */
#ifndef SERVER_OUTBOX_H
#define SERVER_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "wire/frame.h"

#define OUTBOX_DIRECT 16384 /* bytes from which a payload is written from where it is */

/* Free blocks, kept for the next turn. Of one loop; its thread only. All zero is empty. */
struct outbox_pool {
    struct outbox_chunk *free;
    unsigned count;
};

void outbox_pool_free(struct outbox_pool *pool);

/* Frames that several connections get, one behind the other, whole and unmasked. Counted; of one
 * loop, its thread only. */
struct batch {
    unsigned references;
    struct text bytes;
};

struct batch *batch_new(void);
struct batch *batch_ref(struct batch *batch);
void batch_unref(struct batch *batch);
bool batch_frame(struct batch *batch, enum frame_opcode opcode, uint8_t rsv, struct slice payload);

/* Of one connection; its loop's thread only. All zero is empty. */
struct outbox {
    struct outbox_chunk *first, *last;
    size_t size;    /* bytes that wait */
    size_t written; /* bytes of the first chunk that are out */
};

enum outbox_result {
    OUTBOX_EMPTY,   /* all is written */
    OUTBOX_WAITING, /* the socket takes no more for now */
    OUTBOX_BROKEN,  /* the line is cut */
};

/* Append; false without memory, and then nothing was appended. A frame stays whole in one chunk. */
bool outbox_frame(struct outbox *outbox, struct outbox_pool *pool, enum frame_opcode opcode,
                  uint8_t rsv, struct slice payload);
bool outbox_bytes(struct outbox *outbox, struct outbox_pool *pool, struct slice bytes);
bool outbox_batch(struct outbox *outbox, struct outbox_pool *pool, struct batch *batch,
                  size_t offset, size_t size);

/* Writes what waits. */
enum outbox_result outbox_write(struct outbox *outbox, struct outbox_pool *pool, int fd);

/* Writes a large frame from where it is, behind what waits; what the socket did not take is copied.
 * `*memory` is false where there was none for that. */
enum outbox_result outbox_write_frame(struct outbox *outbox, struct outbox_pool *pool, int fd,
                                      enum frame_opcode opcode, uint8_t rsv, struct slice payload,
                                      bool *memory);
/* The same of whole frames that are part of a batch: what was not taken is a reference to it. */
enum outbox_result outbox_write_batch(struct outbox *outbox, struct outbox_pool *pool, int fd,
                                      struct batch *batch, size_t offset, size_t size,
                                      bool *memory);

/* Drops every frame of which nothing is written yet: what is left ends with a whole frame. Bytes
 * that are of no frame stay, written or not. Gives the bytes dropped. */
size_t outbox_drop_unstarted(struct outbox *outbox, struct outbox_pool *pool);
void outbox_free(struct outbox *outbox, struct outbox_pool *pool);

#endif
