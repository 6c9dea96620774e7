/*
 * plugin/record: are these bytes a record that SLUICE_CONSUMER or SLUICE_HANDLER made, for an ABI
 * that this runtime speaks.
 */
#include "plugin/record.h"

#include <string.h>

/* What all versions of a consumer's record begin with. */
struct head {
    uint32_t abi;
    uint32_t size;
};

_Static_assert(offsetof(struct sluice_consumer, size) == offsetof(struct head, size),
               "abi and size come first, for ever");

static unsigned major_of(uint32_t abi)
{
    return abi >> 16;
}

static unsigned minor_of(uint32_t abi)
{
    return abi & 0xffff;
}

static bool check_abi(uint32_t abi, struct plugin_fault *fault)
{
    if (major_of(abi) == SLUICE_ABI_MAJOR && minor_of(abi) <= SLUICE_ABI_MINOR)
        return true;
    fault_set(fault, "built for sluice ABI %u.%u, this is %u.%u", major_of(abi), minor_of(abi),
              SLUICE_ABI_MAJOR, SLUICE_ABI_MINOR);
    return fault_hint(fault, "rebuild it against the installed sluice/sluice.h");
}

static bool is_no_record(struct plugin_fault *fault)
{
    fault_set(fault, "its sluice_consumer is not a consumer's record");
    return fault_hint(fault, "SLUICE_CONSUMER(...) declares it; nothing else may have that name");
}

/* Sizes are whole words, as sizeof gives them, so no field is cut in two. This also tells a
 * handler's record: where its size would be, it has a bool. */
static bool is_head(const struct head *head, const struct elf_symbol *symbol)
{
    return head->size >= sizeof(*head) && head->size <= symbol->size &&
           head->size % _Alignof(struct sluice_consumer) == 0;
}

/* A record may be longer than ours where the rest says nothing. */
static bool rest_is_zero(const char *bytes, size_t size)
{
    for (size_t i = sizeof(struct sluice_consumer); i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

bool record_check(const struct elf *elf, struct elf_symbol *symbol, struct plugin_fault *fault)
{
    struct head head;
    bool data;

    if (!elf_find(elf, "sluice_consumer", symbol, &data)) {
        fault_set(fault, "it declares no consumer");
        return fault_hint(fault, "declare it with SLUICE_CONSUMER(...), once");
    }

    const char *bytes = elf_at(elf, symbol->address, symbol->size);
    if (!data || symbol->size < sizeof(head) || bytes == NULL ||
        symbol->address % _Alignof(struct sluice_consumer) != 0)
        return is_no_record(fault);
    memcpy(&head, bytes, sizeof(head));
    if (!is_head(&head, symbol))
        return is_no_record(fault);
    if (!check_abi(head.abi, fault))
        return false;
    if (!rest_is_zero(bytes, head.size)) {
        fault_set(fault, "its record has %u bytes, in ABI %u.%u it has %zu", head.size,
                  SLUICE_ABI_MAJOR, SLUICE_ABI_MINOR, sizeof(struct sluice_consumer));
        return fault_hint(fault, "rebuild it against the installed sluice/sluice.h");
    }
    return true;
}

/* Any other byte in a bool would be neither true nor false. */
static bool is_bool(const bool *value)
{
    unsigned char byte;

    memcpy(&byte, value, sizeof(byte));
    return byte <= 1;
}

bool record_copy(const struct object *object, const struct elf *elf,
                 const struct elf_symbol *symbol, struct sluice_consumer *record,
                 struct plugin_fault *fault)
{
    const struct sluice_consumer *found = object_find(object, symbol);
    struct head head;

    if (found == NULL || object_at(object, elf, symbol->address, symbol->size) == NULL)
        return is_no_record(fault);
    memcpy(&head, found, sizeof(head));
    /* Once more: a constructor has had its chance to write there. */
    if (!is_head(&head, symbol))
        return is_no_record(fault);
    *record = (struct sluice_consumer){0};
    memcpy(record, found, head.size < sizeof(*record) ? head.size : sizeof(*record));
    return is_bool(&record->blocking) || is_no_record(fault);
}

static const struct sluice_handler *is_no_handler(const char *name, const char *why,
                                                  struct plugin_fault *fault)
{
    fault_set(fault, "its %s%s is not a handler's record: %s", HANDLER_PREFIX, name, why);
    fault_hint(fault, "declare it with SLUICE_HANDLER(%s, ws, event) { ... }", name);
    return NULL;
}

static bool bears_name(const struct object *object, const struct elf *elf, const char *bears,
                       const char *name)
{
    size_t size = strlen(name) + 1;
    const void *found = object_at(object, elf, object_address(object, bears), size);

    return found != NULL && memcmp(found, name, size) == 0;
}

const struct sluice_handler *record_handler(const struct object *object, const struct elf *elf,
                                            const struct elf_symbol *symbol, bool data,
                                            struct plugin_fault *fault)
{
    const char *name = symbol->name + strlen(HANDLER_PREFIX);
    const struct sluice_handler *record = data ? object_find(object, symbol) : NULL;
    uint32_t abi;

    if (record == NULL || symbol->size < sizeof(*record) ||
        symbol->address % _Alignof(struct sluice_handler) != 0 ||
        object_at(object, elf, symbol->address, sizeof(*record)) == NULL)
        return is_no_handler(name, "it is something else", fault);
    memcpy(&abi, record, sizeof(abi));
    if (!check_abi(abi, fault))
        return NULL;
    if (!bears_name(object, elf, record->name, name))
        return is_no_handler(name, "it bears another name", fault);
    if (record->run == NULL ||
        !elf_maps(elf, object_address(object, (const void *)(uintptr_t)record->run), 1,
                  ELF_EXECUTE))
        return is_no_handler(name, "it has no function of its own", fault);
    if (!is_bool(&record->broadcast))
        return is_no_handler(name, "broadcast is neither true nor false", fault);
    return record;
}
