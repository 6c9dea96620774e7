/*
 * loop/slots: the memory of libevent, whose small blocks are set apart from everybody else's.
 *
 * For each descriptor number that it ever waited at, libevent keeps 16 bytes until its base is
 * freed. Taken from where connections take theirs, each would lie between two of them, and after
 * ten thousand connections have gone hold on to a page that is otherwise empty. Here they share
 * pages.
 */
#ifndef LOOP_SLOTS_H
#define LOOP_SLOTS_H

#include <stddef.h>

/* As malloc, realloc and free, for event_set_mem_functions. Any thread. */
void *slots_alloc(size_t size);
void *slots_realloc(void *memory, size_t size);
void slots_free(void *memory);

#endif
