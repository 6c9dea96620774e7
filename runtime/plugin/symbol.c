/*
 * plugin/symbol: which function stands at an address, static ones included.
 *
 * .symtab has every function, and is what `strip` removes; .dynsym has those that others may call.
 * A file that lies is possible, though not likely in a private copy: each offset is checked against
 * the file's end.
 */
#include "plugin/symbol.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- What is mapped ------------------------------------------------------------------------- */

/* /proc/self/maps, read in pieces: no line of it is longer than this. */
struct maps {
    int fd;
    size_t size, at;
    char data[PATH_MAX + 256];
};

/* One line: "55d0c000-55d0d000 r-xp 00001000 08:01 1234   /path/of the file". */
struct mapping {
    uint64_t from, to, offset, inode;
    const char *path; /* in the line; "" where it is no file */
};

/* The next line, its end made a zero byte; NULL at the end. */
static char *maps_line(struct maps *maps)
{
    for (;;) {
        char *line = maps->data + maps->at;
        char *end = memchr(line, '\n', maps->size - maps->at);

        if (end != NULL) {
            *end = '\0';
            maps->at = (size_t)(end + 1 - maps->data);
            return line;
        }
        maps->size -= maps->at;
        memmove(maps->data, line, maps->size);
        maps->at = 0;
        ssize_t got = read(maps->fd, maps->data + maps->size, sizeof maps->data - maps->size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return NULL;
        maps->size += (size_t)got;
    }
}

static uint64_t take_number(const char **text, unsigned base)
{
    static const char digits[] = "0123456789abcdef";
    uint64_t number = 0;

    for (; **text != '\0'; ++*text) {
        const char *digit = memchr(digits, **text, base);

        if (digit == NULL)
            break;
        number = number * base + (uint64_t)(digit - digits);
    }
    if (**text != '\0')
        ++*text; /* what stands between */
    return number;
}

static void skip_word(const char **text)
{
    *text += strcspn(*text, " ");
    *text += strspn(*text, " ");
}

static struct mapping mapping_of(const char *line)
{
    struct mapping mapping;

    mapping.from = take_number(&line, 16);
    mapping.to = take_number(&line, 16);
    skip_word(&line); /* what may be done there */
    mapping.offset = take_number(&line, 16);
    skip_word(&line); /* the device */
    mapping.inode = take_number(&line, 10);
    mapping.path = line + strspn(line, " ");
    return mapping;
}

static bool find_mapping(struct maps *maps, uintptr_t address, struct mapping *mapping)
{
    char *line;

    while ((line = maps_line(maps)) != NULL) {
        *mapping = mapping_of(line);
        if (address >= mapping->from && address < mapping->to)
            return mapping->path[0] != '\0';
    }
    return false;
}

/* ---- What the file says --------------------------------------------------------------------- */

struct file {
    const char *data;
    size_t size;
};

/* A part of the file, as a table of whatever `size` is the size of; NULL: not all of it is there.
 * The tables of a file that is mapped for running are aligned, or the linker is no linker. */
static const void *part(const struct file *file, uint64_t at, uint64_t count, size_t size)
{
    if (at > file->size || count > (file->size - at) / size || at % _Alignof(ElfW(Addr)) != 0)
        return NULL;
    return file->data + at;
}

/* Where in the file's own counting stands what is at this offset; 0: it does not say. */
static uint64_t address_of(const struct file *file, const ElfW(Ehdr) * header, uint64_t offset)
{
    const ElfW(Phdr) *segment = part(file, header->e_phoff, header->e_phnum, sizeof *segment);

    for (unsigned i = 0; segment != NULL && i < header->e_phnum; i++, segment++) {
        if (segment->p_type == PT_LOAD && offset >= segment->p_offset &&
            offset - segment->p_offset < segment->p_filesz)
            return segment->p_vaddr + (offset - segment->p_offset);
    }
    return 0;
}

static void copy_name(char name[SYMBOL_NAME_SIZE], const char *from, size_t most)
{
    size_t size = strnlen(from, most < SYMBOL_NAME_SIZE ? most : SYMBOL_NAME_SIZE - 1);

    memcpy(name, from, size);
    name[size] = '\0';
}

/* What stands behind a dot, as in "receive.cold" and "receive.part.0", is the compiler's. */
static void cut_at_dot(char *name)
{
    while (*name != '\0' && *name != '.')
        name++;
    *name = '\0';
}

static bool find_in_table(const struct file *file, const ElfW(Shdr) * table,
                          const ElfW(Shdr) * strings, struct symbol *symbol)
{
    size_t count = table->sh_size / sizeof(ElfW(Sym));
    const ElfW(Sym) *entry = part(file, table->sh_offset, count, sizeof *entry);

    if (entry == NULL || strings->sh_offset > file->size ||
        strings->sh_size > file->size - strings->sh_offset)
        return false;
    for (size_t i = 0; i < count; i++, entry++) {
        if (ELF64_ST_TYPE(entry->st_info) != STT_FUNC || symbol->address < entry->st_value ||
            symbol->address - entry->st_value >= entry->st_size ||
            entry->st_name >= strings->sh_size)
            continue;
        copy_name(symbol->function, file->data + strings->sh_offset + entry->st_name,
                  strings->sh_size - entry->st_name);
        cut_at_dot(symbol->function);
        return true;
    }
    return false;
}

static bool find_function(const struct file *file, const ElfW(Ehdr) * header, uint32_t type,
                          struct symbol *symbol)
{
    const ElfW(Shdr) *sections = part(file, header->e_shoff, header->e_shnum, sizeof *sections);

    for (unsigned i = 0; sections != NULL && i < header->e_shnum; i++) {
        const ElfW(Shdr) *table = &sections[i];

        if (table->sh_type == type && table->sh_link < header->e_shnum &&
            find_in_table(file, table, &sections[table->sh_link], symbol))
            return true;
    }
    return false;
}

static void ask_file(const struct file *file, uint64_t offset, struct symbol *symbol)
{
    const ElfW(Ehdr) *header = part(file, 0, 1, sizeof *header);

    if (header == NULL || memcmp(header->e_ident, ELFMAG, SELFMAG) != 0)
        return;
    symbol->address = address_of(file, header, offset);
    if (!find_function(file, header, SHT_SYMTAB, symbol))
        find_function(file, header, SHT_DYNSYM, symbol);
}

/* ---- Both ----------------------------------------------------------------------------------- */

/* The file that was mapped: another one may have its name by now, as of a program that was built
 * anew while it ran. */
static int open_mapped(const struct mapping *mapping, struct stat *stat)
{
    const char *const names[] = {mapping->path, "/proc/self/exe"};

    for (unsigned i = 0; i < 2; i++) {
        int fd = open(names[i], O_RDONLY | O_CLOEXEC);

        if (fd >= 0 && fstat(fd, stat) == 0 && stat->st_ino == mapping->inode)
            return fd;
        if (fd >= 0)
            close(fd);
    }
    return -1;
}

static void ask_mapping(const struct mapping *mapping, uintptr_t address, struct symbol *symbol)
{
    const char *slash = strrchr(mapping->path, '/');
    struct stat stat;
    int fd = open_mapped(mapping, &stat);

    copy_name(symbol->object, slash != NULL ? slash + 1 : mapping->path, SIZE_MAX);
    symbol->address = address - mapping->from + mapping->offset;
    if (fd < 0)
        return;
    struct file file = {.size = (size_t)stat.st_size};
    void *data = mmap(NULL, file.size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (data == MAP_FAILED)
        return;
    file.data = data;
    ask_file(&file, address - mapping->from + mapping->offset, symbol);
    munmap(data, file.size);
}

bool symbol_find(uintptr_t address, struct symbol *symbol)
{
    struct maps maps = {.fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};
    struct mapping mapping;

    memset(symbol, 0, sizeof *symbol);
    if (maps.fd < 0)
        return false;
    bool found = find_mapping(&maps, address, &mapping);
    close(maps.fd);
    if (found)
        ask_mapping(&mapping, address, symbol);
    return found;
}
