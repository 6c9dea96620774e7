/*
 * plugin/elf: is this a whole shared object for this machine, and which symbols does it declare.
 *
 * The loader believes what it maps: a file that was cut off kills the process with SIGBUS inside
 * dlopen. So the bytes are looked at first, and nothing in them is believed: each offset is
 * checked against the file's end where it is used.
 */
#ifndef PLUGIN_ELF_H
#define PLUGIN_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "plugin/fault.h"

/* A file's bytes, borrowed, and where in them the tables are that the loader uses. */
struct elf {
    struct slice file;
    uint64_t segments; /* program headers: where they begin, and how many */
    unsigned segment_count;
    uint64_t symbols; /* the dynamic symbols, likewise */
    size_t symbol_count;
    struct slice strings; /* their names; its last byte is zero */
    bool origin;          /* looks for libraries beside itself, with $ORIGIN */
};

/* A data object that the file defines for others to find. */
struct elf_symbol {
    const char *name;
    uint64_t address; /* as the file counts: add where it is loaded */
    uint64_t size;
};

bool elf_parse(struct elf *elf, struct slice file, struct plugin_fault *fault);

/* The symbol at `index`, below symbol_count. False: it is not defined here, is local, or has no
 * name that can be read. `*data`: it is plain data, no function and nothing thread-local. */
bool elf_symbol(const struct elf *elf, size_t index, struct elf_symbol *symbol, bool *data);
bool elf_find(const struct elf *elf, const char *name, struct elf_symbol *symbol, bool *data);

/* Does all of this lie in one segment that is mapped so that it can be read, or executed? */
enum elf_use { ELF_READ, ELF_EXECUTE };
bool elf_maps(const struct elf *elf, uint64_t address, uint64_t size, enum elf_use use);

/* What will be at this address, as it stands in the file: before any relocation. NULL where the
 * file has no bytes for it. */
const char *elf_at(const struct elf *elf, uint64_t address, uint64_t size);

#endif
