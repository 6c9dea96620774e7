/*
 * plugin/object: a private copy mapped into this process, and taken out again.
 *
 * RTLD_NOW: what a consumer needs and the runtime has not is known now, not in the middle of a
 * callback. RTLD_LOCAL: consumers can't see each other.
 */
#include "plugin/object.h"

#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <string.h>

/* If `text` begins with `prefix`, what stands behind it; else NULL. */
static const char *after(const char *text, const char *prefix)
{
    size_t size = strlen(prefix);

    return strncmp(text, prefix, size) == 0 ? text + size : NULL;
}

static bool explain_undefined(const char *symbol, struct plugin_fault *fault)
{
    fault_set(fault, "undefined symbol: %s", symbol);
    if (after(symbol, "sluice_") != NULL)
        return fault_hint(fault, "is it misspelt, or built for a newer sluice/sluice.h?");
    return fault_hint(fault, "link it with the library that defines %s", symbol);
}

static bool explain_noexec(const char *path, const char *error, struct plugin_fault *fault)
{
    fault_set(fault, "%.*s does not allow execution (%s)", (int)(strrchr(path, '/') - path), path,
              error);
    return fault_hint(fault, "is it mounted noexec? set `cache DIR` in routing.conf to a directory "
                             "that allows execution");
}

static bool explain_library(const char *error, const struct elf *elf, struct plugin_fault *fault)
{
    fault_set(fault, "it needs %s", error);
    if (elf->origin)
        return fault_hint(fault, "it is loaded from a private copy elsewhere, so $ORIGIN does not "
                                 "find its libraries: link with -Wl,-rpath,/an/absolute/path");
    return fault_hint(fault, "install it, or link with -Wl,-rpath,/its/directory");
}

/* The loader names the private copy; an author knows the file by another name. */
static bool explain_other(const char *error, const char *path, const char *name,
                          struct plugin_fault *fault)
{
    const char *copy = strstr(error, path);

    if (copy == NULL)
        return fault_set(fault, "%s", error);
    return fault_set(fault, "%.*s%s%s", (int)(copy - error), error, name, copy + strlen(path));
}

static bool explain(const char *error, const char *path, const char *name, const struct elf *elf,
                    struct plugin_fault *fault)
{
    const char *own = after(error, path), *symbol;

    if (own != NULL && after(own, ": ") != NULL)
        error = after(own, ": ");
    symbol = after(error, "undefined symbol: ");
    if (symbol != NULL)
        return explain_undefined(symbol, fault);
    if (strstr(error, "failed to map segment") != NULL)
        return explain_noexec(path, error, fault);
    if (own == NULL && strstr(error, "cannot open shared object file") != NULL)
        return explain_library(error, elf, fault);
    return explain_other(error, path, name, fault);
}

bool object_map(struct object *object, const char *path, const char *name, const struct elf *elf,
                struct plugin_fault *fault)
{
    struct link_map *map;

    object->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (object->handle == NULL) {
        const char *error = dlerror();

        return explain(error != NULL ? error : "no reason given", path, name, elf, fault);
    }
    if (dlinfo(object->handle, RTLD_DI_LINKMAP, &map) != 0) {
        object_unmap(object, path);
        return fault_set(fault, "the loader does not say where it is");
    }
    object->base = map->l_addr;
    return true;
}

bool object_unmap(struct object *object, const char *path)
{
    dlclose(object->handle);
    object->handle = NULL;
    return !object_mapped(path);
}

bool object_mapped(const char *path)
{
    void *handle = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);

    if (handle == NULL)
        return false;
    /* If what held it has let go meanwhile, this is what takes it out. */
    dlclose(handle);
    handle = dlopen(path, RTLD_LAZY | RTLD_NOLOAD);
    if (handle != NULL)
        dlclose(handle);
    return handle != NULL;
}

const void *object_find(const struct object *object, const struct elf_symbol *symbol)
{
    const void *found = dlsym(object->handle, symbol->name);

    /* dlsym also looks in the libraries that the object needs. */
    return (uintptr_t)found == object->base + symbol->address ? found : NULL;
}

const void *object_at(const struct object *object, const struct elf *elf, uint64_t address,
                      uint64_t size)
{
    if (!elf_maps(elf, address, size, ELF_READ))
        return NULL;
    return (const void *)(object->base + (uintptr_t)address);
}

uint64_t object_address(const struct object *object, const void *memory)
{
    return (uintptr_t)memory - object->base;
}
