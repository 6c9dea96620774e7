/*
 * conf/memory: what one config owns, freed at once.
 *
 * Strings and structs of a config are cut from blocks that are never given back one by one, so
 * nobody has to know who frees what: config_unref frees all of it.
 */
#ifndef CONF_MEMORY_H
#define CONF_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct config_memory;

/* NULL without memory, all of them. What is given is zeroed and aligned for anything. */
struct config_memory *config_memory_new(void);
void *config_memory_get(struct config_memory *memory, size_t size);
char *config_memory_copy(struct config_memory *memory, struct slice text); /* with a zero byte */
void config_memory_free(struct config_memory *memory);

/* Room for one more behind `count` items of `size` bytes: the array, moved where need be. */
void *config_memory_grow(struct config_memory *memory, void *array, unsigned count, size_t size);

/* `release(what)` is called when the memory is freed; at once where false is given. */
bool config_memory_own(struct config_memory *memory, void *what, void (*release)(void *what));

#endif
