/*
 * server/outbox: frames waiting to be written to one socket, in order.
 *
 * What is sent in a turn of the loop is collected in blocks and leaves in one system call at the
 * turn's end. A group's frames are one batch that all its members share: an outbox holds a
 * reference to it, and only where a socket did not take it at once. Small parts it copies.
 */
#ifndef SERVER_OUTBOX_H
#define SERVER_OUTBOX_H

#include "server/chunk.h"

#define OUTBOX_DIRECT    16384         /* bytes from which a payload is written from where it is */
#define OUTBOX_PONGS_MAX 64            /* that wait */
#define OUTBOX_TURN_MOST (1024 * 1024) /* bytes of what waits that are written at once */

/* Of one connection; its loop's thread only. All zero is empty. */
struct outbox {
    struct chunk *first, *last;
    size_t size;    /* bytes that wait */
    size_t written; /* bytes of the first chunk that are out */
    unsigned pongs; /* that wait, at most: those that left since are still counted */
};

enum outbox_result {
    OUTBOX_EMPTY,   /* all is written */
    OUTBOX_WAITING, /* the socket takes no more for now, or it was enough for a turn */
    OUTBOX_BROKEN,  /* the line is cut */
};

/* Append; false without memory, and then nothing was appended. */
bool outbox_frame(struct outbox *outbox, struct chunk_pool *pool, enum frame_opcode opcode,
                  uint8_t rsv, struct slice payload);
/* Bytes that are of no frame. */
bool outbox_bytes(struct outbox *outbox, struct chunk_pool *pool, struct slice bytes);
/* Whole frames of a batch. What it keeps alive is at most four times what they are. */
bool outbox_batch(struct outbox *outbox, struct chunk_pool *pool, struct batch *batch,
                  size_t offset, size_t size);
/* A ping or pong: behind the frame that has begun to leave and the control frames that wait, before
 * all other frames. A ping that waits does for the next one too. Where OUTBOX_PONGS_MAX pongs wait,
 * the newest of them goes, which `*skipped` tells. False without memory. */
bool outbox_control(struct outbox *outbox, struct chunk_pool *pool, enum frame_opcode opcode,
                    struct slice payload, bool *skipped);
/* A control frame would overtake others, or another one would have to go for it: so let the socket
 * first take what it can. */
bool outbox_passes(const struct outbox *outbox);

/* Bytes that wait, but for control frames that overtook others. */
size_t outbox_data(const struct outbox *outbox);

/* Writes what waits, as much as is fair to the other connections: a peer may read as quickly as we
 * write. */
enum outbox_result outbox_write(struct outbox *outbox, struct chunk_pool *pool, int fd);

/* Writes a large frame from where it is, behind what waits; what the socket did not take is copied.
 * `*memory` is false where there was none for that. */
enum outbox_result outbox_write_frame(struct outbox *outbox, struct chunk_pool *pool, int fd,
                                      enum frame_opcode opcode, uint8_t rsv, struct slice payload,
                                      bool *memory);
/* Writes what waits, then whole frames of a batch. `*taken` bytes of those, whole frames, are out,
 * or their last frame has begun and its rest waits. What is behind is the caller's to append. */
enum outbox_result outbox_write_batch(struct outbox *outbox, struct chunk_pool *pool, int fd,
                                      struct batch *batch, size_t offset, size_t size,
                                      size_t *taken, bool *memory);

/* Drops every frame of which nothing is written yet: what is left ends with a whole frame. Bytes
 * that are of no frame stay, written or not. Gives the bytes dropped. */
size_t outbox_drop_unstarted(struct outbox *outbox, struct chunk_pool *pool);
void outbox_free(struct outbox *outbox, struct chunk_pool *pool);

#endif
