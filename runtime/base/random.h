/*
 * base/random: bytes nobody can guess, from the kernel.
 */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

/* False only where the kernel has no randomness to give. Any thread. */
bool random_bytes(void *out, size_t size) __attribute__((warn_unused_result));

#endif
