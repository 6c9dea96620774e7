/*
 * loop/slots: the memory of libevent, whose small blocks are set apart from everybody else's.
 *
 * A slot has no head of its own: whether an address is one is told by the list of pages, and there
 * are few. Slots are not used again one by one, since libevent gives back none before it gives back
 * all: a page is freed when all of its slots are.
 */
#include "loop/slots.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"

enum {
    SLOT_SIZE = 16,
    PAGE_SIZE = 4096 - 16, /* with what malloc adds, a page */
};

struct slot {
    _Alignas(16) char bytes[SLOT_SIZE];
};

struct slot_page {
    LIST_ENTRY(slot_page) link;
    unsigned given; /* slots that were ever given out... */
    unsigned live;  /* ...and of these, not given back */
    struct slot slots[];
};

enum { SLOTS = (PAGE_SIZE - sizeof(struct slot_page)) / sizeof(struct slot) };

/* Taken when a loop meets a descriptor number for the first time, when a table of libevent's grows,
 * and that is all. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, slot_page) pages; /* the first is the one that slots are given out from */

/* The page is whole: a slot of it is there. NULL: no memory. */
static struct slot_page *page_with_room(void)
{
    struct slot_page *page = LIST_FIRST(&pages);

    if (page != NULL && page->given < SLOTS)
        return page;
    page = mem_alloc(PAGE_SIZE);
    if (page == NULL)
        return NULL;
    page->given = page->live = 0;
    LIST_INSERT_HEAD(&pages, page, link);
    return page;
}

static void *slot_take(void)
{
    void *slot = NULL;

    pthread_mutex_lock(&lock);
    struct slot_page *page = page_with_room();
    if (page != NULL) {
        slot = &page->slots[page->given++];
        page->live++;
    }
    pthread_mutex_unlock(&lock);
    return slot;
}

/* Locked. NULL: it is no slot. */
static struct slot_page *page_of(const void *memory)
{
    uintptr_t address = (uintptr_t)memory;
    struct slot_page *page;

    LIST_FOREACH (page, &pages, link) {
        if (address - (uintptr_t)page->slots < SLOTS * sizeof(struct slot))
            return page;
    }
    return NULL;
}

static bool is_slot(const void *memory)
{
    pthread_mutex_lock(&lock);
    bool found = page_of(memory) != NULL;
    pthread_mutex_unlock(&lock);
    return found;
}

/* False: it is no slot. */
static bool slot_give_back(const void *memory)
{
    pthread_mutex_lock(&lock);
    struct slot_page *page = page_of(memory);
    bool found = page != NULL, empty = found && --page->live == 0;
    if (empty)
        LIST_REMOVE(page, link);
    pthread_mutex_unlock(&lock);
    if (empty)
        mem_free(page);
    return found;
}

void *slots_alloc(size_t size)
{
    if (size > SLOT_SIZE)
        return size < SIZE_MAX / 2 ? mem_alloc(size) : NULL;
    return mem_part_fails() ? NULL : slot_take();
}

/* What moves is a slot, or becomes one: 16 bytes are all that it had, or that it needs. */
void *slots_realloc(void *memory, size_t size)
{
    if (memory == NULL)
        return slots_alloc(size);
    bool slot = is_slot(memory);
    if (slot && size <= SLOT_SIZE)
        return memory;
    if (!slot && size > SLOT_SIZE)
        return size < SIZE_MAX / 2 ? mem_realloc(memory, size) : NULL;
    void *moved = slots_alloc(size);
    if (moved == NULL)
        return NULL;
    memcpy(moved, memory, SLOT_SIZE);
    slots_free(memory);
    return moved;
}

void slots_free(void *memory)
{
    if (memory != NULL && !slot_give_back(memory))
        mem_free(memory);
}
