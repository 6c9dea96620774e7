/*
 * plugin/record: are these bytes a record that SLUICE_CONSUMER or SLUICE_HANDLER made, for an ABI
 * that this runtime speaks.
 *
 * The ABI's number stands in the file as it will in memory, so a consumer built for another ABI is
 * refused before any of its code has run.
 */
#ifndef PLUGIN_RECORD_H
#define PLUGIN_RECORD_H

#include <sluice/sluice.h>

#include "plugin/elf.h"
#include "plugin/object.h"

#define HANDLER_PREFIX "sluice_handler_"

/* Before mapping: finds the consumer's record. */
bool record_check(const struct elf *elf, struct elf_symbol *symbol, struct plugin_fault *fault);

/* Once mapped: copies it, with zeros for what an older one does not have. */
bool record_copy(const struct object *object, const struct elf *elf,
                 const struct elf_symbol *symbol, struct sluice_consumer *record,
                 struct plugin_fault *fault);

/* A handler's record, once mapped: NULL with `fault`. The symbol's name begins with
 * HANDLER_PREFIX; the record must bear the rest of it, and a function of this object. `data` is
 * elf_symbol's. */
const struct sluice_handler *record_handler(const struct object *object, const struct elf *elf,
                                            const struct elf_symbol *symbol, bool data,
                                            struct plugin_fault *fault);

#endif
