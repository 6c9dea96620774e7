/*
 * server/chunk: what an outbox is made of: frames of its own, or a part of a batch.
 *
 * A block comes from a pool of the loop's own, so that steady traffic allocates nothing; what fits
 * in no block is allocated; a part of a batch is only pointed at. What is of no frame is allocated
 * too, as long as it is: with a block for each, a crowd that shakes hands would leave its blocks
 * lying between connections that stay.
 */
#ifndef SERVER_CHUNK_H
#define SERVER_CHUNK_H

#include "server/batch.h"

enum chunk_kind {
    CHUNK_FRAMES,  /* whole frames, its own */
    CHUNK_BATCH,   /* whole frames of a batch */
    CHUNK_BEGUN,   /* bytes that are of no frame, or the rest of one: first in the list, and never
                      dropped */
    CHUNK_CONTROL, /* pings and pongs: behind what has begun, before all else */
};

/* Of one outbox, its loop's thread only. */
struct chunk {
    struct chunk *next;
    size_t size;
    size_t room;         /* bytes behind the head; 0 for a batch's */
    struct batch *batch; /* NULL: the bytes are the chunk's own */
    size_t offset;       /* within the batch: it may have moved since */
    enum chunk_kind kind;
    uint8_t bytes[];
};

/* Free blocks, kept for the next turn. Of one loop; its thread only. All zero is empty. */
struct chunk_pool {
    struct chunk *free;
    unsigned count;
    unsigned least; /* there were, since the last trim */
};

/* With room for `size` bytes of its own, which are still to be put there. NULL without memory. */
struct chunk *chunk_new(struct chunk_pool *pool, size_t size, enum chunk_kind kind);
/* Whole frames of a batch: a copy of them where they are few, or would keep alive many more bytes
 * than they are. NULL without memory. */
struct chunk *chunk_of_batch(struct chunk_pool *pool, struct batch *batch, size_t offset,
                             size_t size);
void chunk_free(struct chunk *chunk, struct chunk_pool *pool);

static inline const uint8_t *chunk_data(const struct chunk *chunk)
{
    return chunk->batch != NULL ? (const uint8_t *)chunk->batch->bytes.data + chunk->offset
                                : chunk->bytes;
}

/* Frees the blocks that nobody needed since the last call. To be called now and then. */
void chunk_pool_trim(struct chunk_pool *pool);
void chunk_pool_free(struct chunk_pool *pool);

#endif
