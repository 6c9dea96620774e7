/*
 * loop/slots: the memory of libevent, whose small blocks are set apart from everybody else's.
 *
 * Each allocation has a head in front that says whose it is: a page of slots, or nobody's. Slots
 * are not used again one by one, since libevent gives back none before it gives back all: a page is
 * freed when all of its slots are.
 */
#include "loop/slots.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

enum {
    SLOT_SIZE = 16,
    PAGE_SIZE = 4096 - 16, /* with what malloc adds, a page */
};

struct slot_page;

struct head {
    struct slot_page *page; /* NULL: an allocation of its own */
    size_t size;
};

struct slot {
    struct head head;
    char bytes[SLOT_SIZE];
};

struct slot_page {
    unsigned given; /* slots that were ever given out... */
    unsigned live;  /* ...and of these, not given back */
    _Alignas(16) struct slot slots[];
};

enum { SLOTS = (PAGE_SIZE - sizeof(struct slot_page)) / sizeof(struct slot) };

/* Taken when a loop meets a descriptor number for the first time, and that is all. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct slot_page *current; /* that slots are given out from; NULL: none is begun */

static struct head *head_of(void *memory)
{
    return (struct head *)memory - 1;
}

static struct slot *slot_take(void)
{
    struct slot *slot = NULL;

    pthread_mutex_lock(&lock);
    if (current == NULL || current->given == SLOTS) {
        struct slot_page *page = mem_alloc(PAGE_SIZE);

        if (page == NULL)
            goto fail;
        page->given = page->live = 0;
        current = page;
    }
    slot = &current->slots[current->given++];
    slot->head.page = current;
    current->live++;
fail:
    pthread_mutex_unlock(&lock);
    return slot;
}

static void slot_give_back(struct slot_page *page)
{
    pthread_mutex_lock(&lock);
    bool empty = --page->live == 0;
    if (empty && page == current)
        current = NULL;
    pthread_mutex_unlock(&lock);
    if (empty)
        mem_free(page);
}

void *slots_alloc(size_t size)
{
    if (size <= SLOT_SIZE) {
        struct slot *slot = mem_part_fails() ? NULL : slot_take();

        if (slot == NULL)
            return NULL;
        slot->head.size = size;
        return slot->bytes;
    }
    struct head *head = size < SIZE_MAX / 2 ? mem_alloc(sizeof *head + size) : NULL;
    if (head == NULL)
        return NULL;
    *head = (struct head){NULL, size};
    return head + 1;
}

void *slots_realloc(void *memory, size_t size)
{
    if (memory == NULL)
        return slots_alloc(size);
    struct head *head = head_of(memory);
    if (head->page == NULL && size > SLOT_SIZE && size < SIZE_MAX / 2) {
        head = mem_realloc(head, sizeof *head + size);
        if (head == NULL)
            return NULL;
        head->size = size;
        return head + 1;
    }
    void *moved = slots_alloc(size);
    if (moved == NULL)
        return NULL;
    memcpy(moved, memory, size < head->size ? size : head->size);
    slots_free(memory);
    return moved;
}

void slots_free(void *memory)
{
    if (memory == NULL)
        return;
    struct head *head = head_of(memory);
    if (head->page != NULL)
        slot_give_back(head->page);
    else
        mem_free(head);
}
