/*
 * base/mem: the allocation functions of the runtime, which tests can make fail.
 *
 * They are libc's, with a count of what lives. The count is kept in parts, a few threads to each,
 * so that loops don't fight over one cache line at every message.
 *
 * A crowd of connections that has left, or a flood that is over, is to leave nothing behind. libc
 * by itself gives back little: it learns from every large block that is freed to keep larger ones,
 * and elsewhere than at the end of a heap it gives back nothing. So what it keeps at the ends is
 * fixed, and when much was freed, whole free pages are given back wherever they are.
 *
 * Meanwhile the end of a heap keeps what a few connections' large messages need, again and again:
 * where it does not, an echo of 1 MiB gives 256 pages back and takes 256 faults, half its price.
 */
#include "base/mem.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define PARTS 16 /* a power of two */

enum {
    MAPPED_FROM = 4 << 20, /* bytes of a block that is mapped for itself: more than a message has */
    KEPT_AT_END = 8 << 20, /* bytes at the end of each heap, until there is rest */
    CLOSES_HEAP = 256 << 10, /* bytes of a block whose free() looks at the end of its heap */
    TRIM_WORTH = 1 << 20,    /* bytes that must have been freed since the last time */
    LOOKS = 10,              /* calls of mem_trim in which nothing of it was asked for again */
};

static atomic_uint rests; /* how often mem_trim found that much was freed */

/* Relaxed throughout: only the sums are read, and exactly only by tests that have joined their
 * threads. */
static struct {
    _Alignas(64) atomic_long live;
    atomic_long bytes;
} parts[PARTS];

static atomic_uint threads;              /* seen so far */
static _Thread_local unsigned part;      /* of this thread, counted from 1; 0: none yet */
static _Thread_local unsigned long fuse; /* allocations until one fails; 0: none does */

static void count(long blocks, long bytes)
{
    if (part == 0)
        part = 1 + atomic_fetch_add_explicit(&threads, 1, memory_order_relaxed) % PARTS;
    if (blocks != 0)
        atomic_fetch_add_explicit(&parts[part - 1].live, blocks, memory_order_relaxed);
    atomic_fetch_add_explicit(&parts[part - 1].bytes, bytes, memory_order_relaxed);
}

static long size_of(void *memory)
{
    return (long)malloc_usable_size(memory);
}

static bool must_fail(void)
{
    return fuse > 0 && --fuse == 0;
}

void *mem_alloc(size_t size)
{
    void *memory = must_fail() ? NULL : malloc(size);

    if (memory != NULL)
        count(+1, size_of(memory));
    return memory;
}

void *mem_zalloc(size_t size)
{
    void *memory = must_fail() ? NULL : calloc(1, size);

    if (memory != NULL)
        count(+1, size_of(memory));
    return memory;
}

void *mem_realloc(void *memory, size_t size)
{
    /* libc's realloc frees where size is 0, and then NULL would not mean failure. */
    long before = size_of(memory);
    void *moved = must_fail() ? NULL : realloc(memory, size > 0 ? size : 1);

    if (moved != NULL)
        count(memory == NULL ? +1 : 0, size_of(moved) - before);
    return moved;
}

void mem_free(void *memory)
{
    if (memory != NULL)
        count(-1, -size_of(memory));
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

/* ---- Giving back ---------------------------------------------------------------------------- */

void mem_setup(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, MAPPED_FROM); /* set at all, they stay: see above */
    mallopt(M_TRIM_THRESHOLD, KEPT_AT_END);
#endif
}

/* Not while traffic comes and goes: its pages would be taken back at once, at the price of a fault
 * each. So it is the most of the last second that counts. */
void mem_trim(void)
{
    static long most, recent; /* bytes: since the last time, and in these looks */
    static unsigned looks;
    long bytes = mem_bytes();

    if (bytes > recent)
        recent = bytes;
    if (++looks < LOOKS)
        return;
    if (recent + TRIM_WORTH < most) {
#ifdef __GLIBC__
        malloc_trim(0);
#endif
        atomic_fetch_add_explicit(&rests, 1, memory_order_relaxed);
        most = recent;
    } else if (recent > most) {
        most = recent;
    }
    looks = 0;
    recent = 0;
}

/* malloc_trim leaves the end of each heap alone but for the first one's. Only free() gives it back,
 * and only to the thread whose heap it is; other threads may find the threshold low meanwhile, and
 * give back theirs. */
void mem_trim_own(void)
{
#ifdef __GLIBC__
    static _Thread_local unsigned seen;
    unsigned now = atomic_load_explicit(&rests, memory_order_relaxed);

    if (now == seen)
        return;
    seen = now;

    void *volatile block = malloc(CLOSES_HEAP); /* volatile: or there would be no call at all */

    mallopt(M_TRIM_THRESHOLD, 0);
    free(block);
    mallopt(M_TRIM_THRESHOLD, KEPT_AT_END);
#endif
}

/* ---- Tests ---------------------------------------------------------------------------------- */

bool mem_part_fails(void)
{
    return must_fail();
}

unsigned long mem_fail_at(unsigned long nth)
{
    unsigned long left = fuse;

    fuse = nth;
    return left;
}

long mem_live(void)
{
    long sum = 0;

    for (unsigned i = 0; i < PARTS; i++)
        sum += atomic_load_explicit(&parts[i].live, memory_order_relaxed);
    return sum;
}

long mem_bytes(void)
{
    long sum = 0;

    for (unsigned i = 0; i < PARTS; i++)
        sum += atomic_load_explicit(&parts[i].bytes, memory_order_relaxed);
    return sum;
}
