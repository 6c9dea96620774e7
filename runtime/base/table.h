/*
 * base/table: uthash, set up so that it allocates from base/mem and survives a failed allocation
 * (HASH_ADD then leaves the element out, its handle's tbl NULL).
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include "base/mem.h"

#define uthash_malloc(size)       mem_alloc(size)
#define uthash_free(memory, size) mem_free(memory)
#define HASH_NONFATAL_OOM         1
#include <uthash.h>

#endif
