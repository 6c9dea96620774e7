/*
 * plugin/generation: what a generation is made of. For this room only.
 */
#ifndef PLUGIN_GENERATION_H
#define PLUGIN_GENERATION_H

#include <stdatomic.h>
#include <sys/queue.h>

#include "plugin/consumer.h"
#include "plugin/object.h"

struct copies;
struct handler_entry;
struct snapshot;

/* Made by the thread that loads, and freed by it. In between any thread that holds a reference
 * reads it; nothing but the two fields that say so is written any more. */
struct generation {
    atomic_uint references;
    enum { LOAD_NOT_CALLED, LOAD_YES, LOAD_NO } load; /* of the thread that loads alone */
    uint64_t number;
    unsigned sequence; /* of its consumer: those before it, and itself */
    char *name;        /* "chat.so" */
    char *path;        /* of the private copy */
    unsigned char digest[DIGEST_SIZE];
    struct object object;
    struct sluice_consumer record;
    struct handler_entry *handlers; /* a table by name */
    struct plugin_cache *cache;
    STAILQ_ENTRY(generation) link; /* in the cache's idle or stuck list, once nobody refers to it */
};

/* Finds and checks all handlers that the mapped object declares. What is wrong with one of them
 * refuses the whole. Frees nothing: handlers_free, in any case. */
bool handlers_collect(struct generation *generation, const struct elf *elf,
                      struct plugin_fault *fault);
void handlers_free(struct generation *generation);

/* For plugin/snapshot: where the cache's own copies are; and where to read the file from. */
const struct copies *cache_copies(const struct plugin_cache *cache);
const char *snapshot_instead(const struct snapshot *snapshot, const char *file);

#endif
