/*
 * base/mem: the allocation functions of the runtime, which tests can make fail.
 *
 * Everything the runtime allocates, libevent included, comes from here, so that a test can let
 * the nth allocation fail and see that one connection closes and the server lives.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

/* As malloc, calloc(1, size), realloc and free: NULL where there is no memory. Any thread. */
void *mem_alloc(size_t size) __attribute__((malloc, warn_unused_result));
void *mem_zalloc(size_t size) __attribute__((malloc, warn_unused_result));
void *mem_realloc(void *memory, size_t size) __attribute__((warn_unused_result));
void mem_free(void *memory);

/* A copy with a zero byte behind it. */
char *mem_strdup(const char *text) __attribute__((malloc, warn_unused_result));
char *mem_strndup(const char *text, size_t size) __attribute__((malloc, warn_unused_result));

/* Once, before any other thread: how libc keeps what is freed. */
void mem_setup(void);
/* Gives back to the system what was freed, where it is much and has not been asked for again. To be
 * called ten times a second, by one thread. */
void mem_trim(void);
/* And this thread's own part, where mem_trim has found something since. To be called by each thread
 * that allocates, now and then. */
void mem_trim_own(void);

/* For who gives out parts of what it has allocated: true where a test wants this one to fail. */
bool mem_part_fails(void);

/* Tests: the nth allocation of this thread from now on fails (1 is the next one), the others
 * succeed; 0: none does. Gives what was left of the count before: 0 where one has failed. */
unsigned long mem_fail_at(unsigned long nth);

/* Allocations not yet freed, and their bytes, of all threads. */
long mem_live(void);
long mem_bytes(void);

#endif
