/*
 * base/table: uthash, set up so that it allocates from base/mem, survives a failed allocation
 * (HASH_ADD then leaves the element out, its handle's tbl NULL), and hashes with a key.
 *
 * Names of groups come from clients' paths. With a hash that is known, a client could choose
 * thousands of names that all fall into one place of a table, and each look-up would cost a walk
 * over all of them. So the hash is SipHash-1-3 (Aumasson and Bernstein, 2012), whose key the kernel
 * gave to this process alone.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/mem.h"

/* Any thread. The key is drawn at the first call. */
uint64_t table_hash(const void *data, size_t size);

/* Tests: with a given key, to hold it against the reference. */
uint64_t table_hash_keyed(const uint64_t key[2], const void *data, size_t size);

#define uthash_malloc(size)             mem_alloc(size)
#define uthash_free(memory, size)       mem_free(memory)
#define HASH_NONFATAL_OOM               1
#define HASH_FUNCTION(data, size, hash) ((hash) = (unsigned)table_hash((data), (size)))
#include <uthash.h>

#endif
