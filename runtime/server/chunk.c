/*
 * server/chunk: what an outbox is made of: frames of its own, or a part of a batch.
 */
#include "server/chunk.h"

#include <string.h>

#include "base/mem.h"

enum {
    BLOCK_SIZE = 4096, /* bytes of a pooled chunk, its head included */
    BLOCK_ROOM = BLOCK_SIZE - sizeof(struct chunk),
    POOL_MAX = 1024,    /* blocks a loop keeps: 4 MiB */
    BATCH_COPIED = 256, /* bytes of a batch up to which a copy is smaller than what refers to it */
    BATCH_PART = 4,     /* what is less than one in so many bytes of a batch does not keep it */
};

/* ---- Beginning and end ---------------------------------------------------------------------- */

static struct chunk *block_take(struct chunk_pool *pool)
{
    struct chunk *chunk = pool->free;

    if (chunk != NULL) {
        pool->free = chunk->next;
        pool->count--;
        if (pool->count < pool->least)
            pool->least = pool->count;
        return chunk;
    }
    chunk = mem_alloc(BLOCK_SIZE);
    if (chunk != NULL)
        chunk->room = BLOCK_ROOM;
    return chunk;
}

struct chunk *chunk_new(struct chunk_pool *pool, size_t size, enum chunk_kind kind)
{
    struct chunk *chunk;

    if (size <= BLOCK_ROOM && kind != CHUNK_BEGUN) {
        chunk = block_take(pool);
    } else {
        chunk = mem_alloc(sizeof *chunk + size);
        if (chunk != NULL)
            chunk->room = size;
    }
    if (chunk == NULL)
        return NULL;
    chunk->next = NULL;
    chunk->size = 0;
    chunk->batch = NULL;
    chunk->kind = kind;
    return chunk;
}

struct chunk *chunk_of_batch(struct chunk_pool *pool, struct batch *batch, size_t offset,
                             size_t size)
{
    struct chunk *chunk;

    if (size <= BATCH_COPIED || size < batch->bytes.room / BATCH_PART) {
        chunk = chunk_new(pool, size, CHUNK_FRAMES);
        if (chunk != NULL)
            memcpy(chunk->bytes, batch->bytes.data + offset, size);
    } else {
        chunk = mem_alloc(sizeof *chunk);
        if (chunk != NULL)
            *chunk =
                (struct chunk){.batch = batch_ref(batch), .offset = offset, .kind = CHUNK_BATCH};
        batch->held = true;
    }
    if (chunk != NULL)
        chunk->size = size;
    return chunk;
}

void chunk_free(struct chunk *chunk, struct chunk_pool *pool)
{
    batch_unref(chunk->batch);
    if (chunk->room == BLOCK_ROOM && pool->count < POOL_MAX) {
        chunk->next = pool->free;
        pool->free = chunk;
        pool->count++;
        return;
    }
    mem_free(chunk);
}

static void pool_shrink(struct chunk_pool *pool, unsigned count)
{
    while (pool->count > count) {
        struct chunk *chunk = pool->free;

        pool->free = chunk->next;
        pool->count--;
        mem_free(chunk);
    }
}

void chunk_pool_trim(struct chunk_pool *pool)
{
    pool_shrink(pool, pool->count - pool->least);
    pool->least = pool->count;
}

void chunk_pool_free(struct chunk_pool *pool)
{
    pool_shrink(pool, 0);
    pool->least = 0;
}
