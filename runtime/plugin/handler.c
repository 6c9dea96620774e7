/*
 * plugin/handler: from an event's type to the handler a consumer declared.
 *
 * The table is complete once the object is loaded and does not change after that, so all threads
 * read it without a lock.
 */
#include "plugin/handler.h"

#include <string.h>

#include "base/log.h"
#include "base/table.h"
#include "plugin/generation.h"
#include "plugin/record.h"

/* Owned by a generation; the key is the record's own name. */
struct handler_entry {
    const struct sluice_handler *record;
    UT_hash_handle hh;
};

/* Letters of ASCII, in any locale. */
static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* The handler's name for a type; false: the type can't be one's. */
static bool name_of(char name[HANDLER_NAME_MAX], struct slice type)
{
    if (type.size == 0 || type.size > HANDLER_NAME_MAX)
        return false;
    for (size_t i = 0; i < type.size; i++) {
        name[i] = type.data[i];
        if (name[i] == '.')
            name[i] = '_';
        if (!is_name_byte(name[i]))
            return false;
    }
    return name[0] != '_';
}

enum handler_result handler_find(struct generation *generation, struct slice type,
                                 const struct sluice_handler **handler)
{
    char name[HANDLER_NAME_MAX];
    struct handler_entry *entry;

    if (!name_of(name, type))
        return HANDLER_BAD_TYPE;
    HASH_FIND(hh, generation->handlers, name, type.size, entry);
    if (entry == NULL)
        return HANDLER_NONE;
    *handler = entry->record;
    return HANDLER_FOUND;
}

static bool begins(struct slice type, const char *word)
{
    size_t size = strlen(word);

    return type.size > size && memcmp(type.data, word, size) == 0 &&
           (type.data[size] == '.' || type.data[size] == '_');
}

bool handler_type_reserved(struct slice type)
{
    return begins(type, "sluice") || begins(type, "layer");
}

static bool add(struct generation *generation, const struct sluice_handler *record,
                struct plugin_fault *fault)
{
    struct handler_entry *entry = mem_zalloc(sizeof(*entry));

    if (entry != NULL) {
        entry->record = record;
        HASH_ADD_KEYPTR(hh, generation->handlers, record->name, strlen(record->name), entry);
        if (entry->hh.tbl != NULL)
            return true;
        mem_free(entry);
    }
    return fault_set(fault, "no memory for its handlers");
}

/* It does no harm, but its author waits for events in vain. */
static void warn_unreachable(const struct generation *generation, const char *name)
{
    log_write(LOG_WARN, "handler.unreachable", LOG_STR("consumer", generation->name),
              LOG_STR("handler", name),
              LOG_STR("reason", name[0] == '_' ? "no type may begin with an underscore"
                                               : "no type may be that long"));
}

static bool collect(struct generation *generation, const struct elf *elf,
                    const struct elf_symbol *symbol, bool data, struct plugin_fault *fault)
{
    const struct sluice_handler *record =
        record_handler(&generation->object, elf, symbol, data, fault);
    char name[HANDLER_NAME_MAX];

    if (record == NULL)
        return false;
    if (record->broadcast && generation->record.blocking) {
        fault_set(fault, "it is blocking, and declares SLUICE_BROADCAST(%s)", record->name);
        return fault_hint(fault, "make it a SLUICE_HANDLER, or leave .blocking out");
    }
    if (!name_of(name, slice_of(record->name))) {
        warn_unreachable(generation, record->name);
        return true;
    }
    return add(generation, record, fault);
}

bool handlers_collect(struct generation *generation, const struct elf *elf,
                      struct plugin_fault *fault)
{
    struct elf_symbol symbol;
    bool data;

    for (size_t i = 0; i < elf->symbol_count; i++)
        if (elf_symbol(elf, i, &symbol, &data) &&
            strncmp(symbol.name, HANDLER_PREFIX, strlen(HANDLER_PREFIX)) == 0 &&
            !collect(generation, elf, &symbol, data, fault))
            return false;
    return true;
}

void handlers_free(struct generation *generation)
{
    struct handler_entry *entry, *next;

    HASH_ITER (hh, generation->handlers, entry, next) {
        HASH_DEL(generation->handlers, entry);
        mem_free(entry);
    }
}
