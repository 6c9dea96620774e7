/*
 * plugin/object: a private copy mapped into this process, and taken out again.
 */
#ifndef PLUGIN_OBJECT_H
#define PLUGIN_OBJECT_H

#include "plugin/elf.h"
#include "plugin/fault.h"

/* Owned by a generation. */
struct object {
    void *handle;   /* the loader's */
    uintptr_t base; /* to be added to the addresses that the file counts with */
};

/* Maps the copy at `path`, and runs its constructors. `elf` holds its bytes; `name` is what its
 * author calls it, and takes the path's place in messages. */
bool object_map(struct object *object, const char *path, const char *name, const struct elf *elf,
                struct plugin_fault *fault);

/* Runs its destructors. False: the loader kept it, as it may (see object_mapped). */
bool object_unmap(struct object *object, const char *path);

/* Is what was loaded from this path still there? Objects stay that were linked with -z nodelete or
 * define a C++ unique symbol; that a library which stays is bound to, as libstdc++ is to the first
 * C++ consumer; and, until the thread ends, those with a thread_local that has a destructor. */
bool object_mapped(const char *path);

/* What dlsym finds, which is the symbol of this object and no other's; else NULL. */
const void *object_find(const struct object *object, const struct elf_symbol *symbol);

/* The mapped bytes at this address; NULL where not all of them are this object's to read. */
const void *object_at(const struct object *object, const struct elf *elf, uint64_t address,
                      uint64_t size);

/* The address, as the file counts, of something in memory. */
uint64_t object_address(const struct object *object, const void *memory);

#endif
