/*
 * conf/memory: what one config owns, freed at once.
 */
#include "conf/memory.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK_SIZE 4096 /* bytes; what is larger has a block of its own */
#define ALIGNMENT  _Alignof(max_align_t)

struct block {
    struct block *next;
    size_t size, used; /* of data */
    _Alignas(max_align_t) char data[];
};

struct owned {
    struct owned *next;
    void *what;
    void (*release)(void *what);
};

struct config_memory {
    struct block *blocks; /* the one that is filled, then the full ones */
    struct owned *owned;
};

struct config_memory *config_memory_new(void)
{
    return mem_zalloc(sizeof(struct config_memory));
}

static struct block *block_new(size_t size)
{
    struct block *block = mem_zalloc(sizeof *block + size);

    if (block != NULL)
        block->size = size;
    return block;
}

void *config_memory_get(struct config_memory *memory, size_t size)
{
    struct block *block = memory->blocks;

    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (block == NULL || block->size - block->used < size) {
        block = block_new(size > BLOCK_SIZE ? size : BLOCK_SIZE);
        if (block == NULL)
            return NULL;
        block->next = memory->blocks;
        memory->blocks = block;
    }

    void *piece = block->data + block->used;
    block->used += size;
    return piece;
}

char *config_memory_copy(struct config_memory *memory, struct slice text)
{
    char *copy = config_memory_get(memory, text.size + 1);

    if (copy != NULL && text.size > 0)
        memcpy(copy, text.data, text.size);
    return copy;
}

/* Room doubles at the powers of two; what is left behind is as much again at most. */
void *config_memory_grow(struct config_memory *memory, void *array, unsigned count, size_t size)
{
    void *larger;

    if ((count & (count - 1)) != 0)
        return array;
    larger = config_memory_get(memory, (count > 0 ? 2 * (size_t)count : 1) * size);
    if (larger != NULL && count > 0)
        memcpy(larger, array, count * size);
    return larger;
}

bool config_memory_own(struct config_memory *memory, void *what, void (*release)(void *what))
{
    struct owned *owned = config_memory_get(memory, sizeof *owned);

    if (owned == NULL) {
        release(what);
        return false;
    }
    *owned = (struct owned){memory->owned, what, release};
    memory->owned = owned;
    return true;
}

void config_memory_free(struct config_memory *memory)
{
    if (memory == NULL)
        return;
    for (const struct owned *owned = memory->owned; owned != NULL; owned = owned->next)
        owned->release(owned->what);
    while (memory->blocks != NULL) {
        struct block *block = memory->blocks;

        memory->blocks = block->next;
        mem_free(block);
    }
    mem_free(memory);
}
