/*
 * base/mem: the allocation functions of the runtime, which tests can make fail.
 *
 * They are libc's, with a count of what lives. The count is kept in parts, a few threads to each,
 * so that loops don't fight over one cache line at every message.
 */
#include "base/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PARTS 16 /* a power of two */

/* Relaxed throughout: only the sum is read, and only by tests that have joined their threads. */
static struct {
    _Alignas(64) atomic_long live;
} parts[PARTS];

static atomic_uint threads;              /* seen so far */
static _Thread_local unsigned part;      /* of this thread, counted from 1; 0: none yet */
static _Thread_local unsigned long fuse; /* allocations until one fails; 0: none does */

static void count(long change)
{
    if (part == 0)
        part = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % PARTS;
    atomic_fetch_add_explicit(&parts[part - 1].live, change, memory_order_relaxed);
}

static bool must_fail(void)
{
    return fuse > 0 && --fuse == 0;
}

void *mem_alloc(size_t size)
{
    void *memory = must_fail() ? NULL : malloc(size);

    if (memory != NULL)
        count(+1);
    return memory;
}

void *mem_zalloc(size_t size)
{
    void *memory = must_fail() ? NULL : calloc(1, size);

    if (memory != NULL)
        count(+1);
    return memory;
}

void *mem_realloc(void *memory, size_t size)
{
    /* libc's realloc frees where size is 0, and then NULL would not mean failure. */
    void *moved = must_fail() ? NULL : realloc(memory, size > 0 ? size : 1);

    if (memory == NULL && moved != NULL)
        count(+1);
    return moved;
}

void mem_free(void *memory)
{
    if (memory != NULL)
        count(-1);
    free(memory);
}

char *mem_strdup(const char *text)
{
    return mem_strndup(text, strlen(text));
}

char *mem_strndup(const char *text, size_t size)
{
    char *copy = mem_alloc(size + 1);

    if (copy == NULL)
        return NULL;
    if (size > 0)
        memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

void mem_fail_at(unsigned long nth)
{
    fuse = nth;
}

long mem_live(void)
{
    long sum = 0;

    for (unsigned i = 0; i < PARTS; i++)
        sum += atomic_load_explicit(&parts[i].live, memory_order_relaxed);
    return sum;
}
