/*
 * plugin/elf: is this a whole shared object for this machine, and which symbols does it declare.
 *
 * Symbols are found the way the loader finds them, through the program headers and the dynamic
 * section: section headers may be stripped, and may say something else.
 */
#include "plugin/elf.h"

#include <elf.h>
#include <link.h>
#include <string.h>

/* The header of the program this is linked into, put there by the linker: what "this machine" is,
 * without a list of machines to keep. */
extern const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

#define REBUILD "build it again: its build was interrupted, or a copy of it was"

/* Copied out, since nothing says that the file's tables are aligned. */
static bool take(struct slice file, uint64_t at, void *out, size_t size)
{
    if (at > file.size || size > file.size - at)
        return false;
    memcpy(out, file.data + at, size);
    return true;
}

static bool is_damaged(struct plugin_fault *fault, const char *part)
{
    fault_set(fault, "its %s is damaged", part);
    return fault_hint(fault, REBUILD);
}

static bool is_cut_off(struct plugin_fault *fault, struct slice file, uint64_t needed)
{
    fault_set(fault, "it is cut off: %zu bytes of at least %llu", file.size,
              (unsigned long long)needed);
    return fault_hint(fault, REBUILD);
}

static bool check_magic(struct slice file, struct plugin_fault *fault)
{
    if (file.size == 0) {
        fault_set(fault, "it is empty");
        return fault_hint(fault, REBUILD);
    }
    if (file.size < SELFMAG || memcmp(file.data, ELFMAG, SELFMAG) != 0) {
        fault_set(fault, "it is not an ELF shared object");
        return fault_hint(fault, "cc -shared -fPIC makes one");
    }
    if (file.size < sizeof(ElfW(Ehdr)))
        return is_cut_off(fault, file, sizeof(ElfW(Ehdr)));
    return true;
}

static const char *machine_name(unsigned machine)
{
    switch (machine) {
    case EM_386:
        return "i386";
    case EM_X86_64:
        return "x86-64";
    case EM_ARM:
        return "ARM";
    case EM_AARCH64:
        return "AArch64";
    case EM_PPC64:
        return "PowerPC";
    case EM_RISCV:
        return "RISC-V";
    case EM_S390:
        return "S/390";
    case EM_MIPS:
        return "MIPS";
    default:
        return "another machine";
    }
}

struct target {
    unsigned machine, bits;
    bool big;
};

/* Class, byte order and machine stand at the same place in all headers. */
static struct target target_of(const void *header)
{
    const unsigned char *bytes = header;
    bool big = bytes[EI_DATA] == ELFDATA2MSB;
    const unsigned char *machine = bytes + offsetof(ElfW(Ehdr), e_machine);

    return (struct target){
        .machine = big ? machine[0] * 256u + machine[1] : machine[1] * 256u + machine[0],
        .bits = bytes[EI_CLASS] == ELFCLASS64 ? 64 : 32,
        .big = big,
    };
}

static bool check_target(struct slice file, struct plugin_fault *fault)
{
    struct target theirs = target_of(file.data), ours = target_of(&__ehdr_start);

    if (theirs.machine == ours.machine && theirs.bits == ours.bits && theirs.big == ours.big)
        return true;
    fault_set(fault, "built for %s (%u-bit%s), this is %s (%u-bit%s)", machine_name(theirs.machine),
              theirs.bits, theirs.big ? ", big-endian" : "", machine_name(ours.machine), ours.bits,
              ours.big ? ", big-endian" : "");
    return fault_hint(fault, "rebuild it for this machine");
}

static bool check_type(unsigned type, struct plugin_fault *fault)
{
    switch (type) {
    case ET_DYN:
        return true;
    case ET_REL:
        fault_set(fault, "it is an object file, not a shared object");
        return fault_hint(fault, "link it: cc -shared -o NAME.so FILE.o");
    case ET_EXEC:
        fault_set(fault, "it is a program, not a shared object");
        return fault_hint(fault, "build it with cc -shared -fPIC");
    case ET_CORE:
        return fault_set(fault, "it is a core dump, not a shared object");
    default:
        return is_damaged(fault, "ELF header");
    }
}

/* Section headers are the last thing in most files, so this is where a cut shows. */
static bool check_sections(const ElfW(Ehdr) * header, struct slice file, struct plugin_fault *fault)
{
    uint64_t size = (uint64_t)header->e_shnum * header->e_shentsize, end;

    if (header->e_shoff == 0)
        return true;
    if (__builtin_add_overflow(header->e_shoff, size, &end))
        return is_damaged(fault, "ELF header");
    return end <= file.size || is_cut_off(fault, file, end);
}

static bool segment_at(const struct elf *elf, unsigned index, ElfW(Phdr) * segment)
{
    return index < elf->segment_count &&
           take(elf->file, elf->segments + index * sizeof(*segment), segment, sizeof(*segment));
}

static bool check_segments(const struct elf *elf, struct plugin_fault *fault)
{
    ElfW(Phdr) segment;
    uint64_t end;

    for (unsigned i = 0; segment_at(elf, i, &segment); i++) {
        if (__builtin_add_overflow(segment.p_offset, segment.p_filesz, &end) ||
            segment.p_vaddr + segment.p_memsz < segment.p_vaddr ||
            (segment.p_type == PT_LOAD && segment.p_memsz < segment.p_filesz))
            return is_damaged(fault, "program header");
        if (end > elf->file.size)
            return is_cut_off(fault, elf->file, end);
    }
    return true;
}

static bool read_header(struct elf *elf, struct plugin_fault *fault)
{
    ElfW(Ehdr) header = {.e_type = ET_NONE};
    uint64_t end;

    take(elf->file, 0, &header, sizeof(header));
    if (!check_type(header.e_type, fault))
        return false;
    if (header.e_version != EV_CURRENT || header.e_phentsize != sizeof(ElfW(Phdr)) ||
        __builtin_add_overflow(header.e_phoff, header.e_phnum * sizeof(ElfW(Phdr)), &end))
        return is_damaged(fault, "ELF header");
    if (end > elf->file.size)
        return is_cut_off(fault, elf->file, end);
    elf->segments = header.e_phoff;
    elf->segment_count = header.e_phnum;
    return check_sections(&header, elf->file, fault);
}

/* The bytes from an address to the end of what the file has for its segment. */
static struct slice file_from(const struct elf *elf, uint64_t address)
{
    ElfW(Phdr) segment;

    for (unsigned i = 0; segment_at(elf, i, &segment); i++)
        if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
            address - segment.p_vaddr < segment.p_filesz) {
            uint64_t skip = address - segment.p_vaddr;

            return (struct slice){elf->file.data + segment.p_offset + skip,
                                  segment.p_filesz - skip};
        }
    return (struct slice){NULL, 0};
}

/* What of the dynamic section matters here; addresses. */
struct dynamic {
    uint64_t symbols, strings, strings_size, hash, gnu_hash;
    uint64_t library_paths[2]; /* RPATH and RUNPATH: offsets in the strings; 0: none */
    bool program;
};

static void note_entry(struct dynamic *dynamic, const ElfW(Dyn) * entry)
{
    switch (entry->d_tag) {
    case DT_SYMTAB:
        dynamic->symbols = entry->d_un.d_ptr;
        break;
    case DT_STRTAB:
        dynamic->strings = entry->d_un.d_ptr;
        break;
    case DT_STRSZ:
        dynamic->strings_size = entry->d_un.d_val;
        break;
    case DT_HASH:
        dynamic->hash = entry->d_un.d_ptr;
        break;
    case DT_GNU_HASH:
        dynamic->gnu_hash = entry->d_un.d_ptr;
        break;
    case DT_RPATH:
        dynamic->library_paths[0] = entry->d_un.d_val;
        break;
    case DT_RUNPATH:
        dynamic->library_paths[1] = entry->d_un.d_val;
        break;
    case DT_FLAGS_1:
        dynamic->program = (entry->d_un.d_val & DF_1_PIE) != 0;
        break;
    default:
        break;
    }
}

static bool read_dynamic(const struct elf *elf, struct dynamic *dynamic)
{
    ElfW(Phdr) segment = {.p_type = PT_NULL};
    ElfW(Dyn) entry;

    *dynamic = (struct dynamic){0};
    for (unsigned i = 0; segment.p_type != PT_DYNAMIC; i++)
        if (!segment_at(elf, i, &segment))
            return false;

    struct slice section = file_from(elf, segment.p_vaddr);
    for (uint64_t at = 0; take(section, at, &entry, sizeof(entry)); at += sizeof(entry)) {
        if (entry.d_tag == DT_NULL)
            return true;
        note_entry(dynamic, &entry);
    }
    return false;
}

/* The GNU hash table does not say how many symbols there are: they are those of the chain that
 * begins last, up to its end, which a bit marks. */
static bool count_gnu(struct slice table, size_t *count)
{
    struct {
        uint32_t buckets, first, bloom_words, bloom_shift;
    } head;
    uint32_t last = 0, bucket, hash = 0;

    if (!take(table, 0, &head, sizeof(head)))
        return false;

    uint64_t buckets = sizeof(head) + (uint64_t)head.bloom_words * sizeof(ElfW(Addr));
    uint64_t chains = buckets + (uint64_t)head.buckets * sizeof(bucket);
    for (uint32_t i = 0; i < head.buckets; i++) {
        if (!take(table, buckets + (uint64_t)i * sizeof(bucket), &bucket, sizeof(bucket)))
            return false;
        if (bucket > last)
            last = bucket;
    }
    *count = head.first;
    if (last < head.first)
        return true; /* no bucket is in use: nothing is defined here */
    for (; (hash & 1) == 0; last++)
        if (!take(table, chains + (uint64_t)(last - head.first) * sizeof(hash), &hash,
                  sizeof(hash)))
            return false;
    *count = last;
    return true;
}

static bool count_symbols(const struct elf *elf, const struct dynamic *dynamic, size_t *count)
{
    uint32_t head[2]; /* of the older table: how many buckets, how many symbols */

    if (dynamic->gnu_hash != 0)
        return count_gnu(file_from(elf, dynamic->gnu_hash), count);
    if (!take(file_from(elf, dynamic->hash), 0, head, sizeof(head)))
        return false;
    *count = head[1];
    return true;
}

static bool read_symbols(struct elf *elf, const struct dynamic *dynamic)
{
    struct slice symbols = file_from(elf, dynamic->symbols);
    struct slice strings = file_from(elf, dynamic->strings);

    if (symbols.data == NULL || dynamic->strings_size == 0 || dynamic->strings_size > strings.size)
        return false;
    elf->strings = (struct slice){strings.data, dynamic->strings_size};
    elf->symbols = (uint64_t)(symbols.data - elf->file.data);
    return strings.data[dynamic->strings_size - 1] == '\0' &&
           count_symbols(elf, dynamic, &elf->symbol_count) &&
           elf->symbol_count <= symbols.size / sizeof(ElfW(Sym));
}

static bool uses_origin(const struct elf *elf, const struct dynamic *dynamic)
{
    for (unsigned i = 0; i < 2; i++) {
        uint64_t path = dynamic->library_paths[i];

        if (path != 0 && path < elf->strings.size &&
            (strstr(elf->strings.data + path, "$ORIGIN") != NULL ||
             strstr(elf->strings.data + path, "${ORIGIN}") != NULL))
            return true;
    }
    return false;
}

bool elf_parse(struct elf *elf, struct slice file, struct plugin_fault *fault)
{
    struct dynamic dynamic;

    *elf = (struct elf){.file = file};
    if (!check_magic(file, fault) || !check_target(file, fault) || !read_header(elf, fault) ||
        !check_segments(elf, fault))
        return false;
    if (!read_dynamic(elf, &dynamic))
        return is_damaged(fault, "dynamic section");
    if (dynamic.program)
        return check_type(ET_EXEC, fault);
    if (!read_symbols(elf, &dynamic))
        return is_damaged(fault, "symbol table");
    elf->origin = uses_origin(elf, &dynamic);
    return true;
}

bool elf_symbol(const struct elf *elf, size_t index, struct elf_symbol *symbol, bool *data)
{
    ElfW(Sym) entry;

    if (!take(elf->file, elf->symbols + index * sizeof(entry), &entry, sizeof(entry)))
        return false;
    if (entry.st_shndx == SHN_UNDEF || entry.st_name >= elf->strings.size ||
        ELF64_ST_BIND(entry.st_info) == STB_LOCAL)
        return false;
    *symbol = (struct elf_symbol){
        .name = elf->strings.data + entry.st_name,
        .address = entry.st_value,
        .size = entry.st_size,
    };
    *data = ELF64_ST_TYPE(entry.st_info) == STT_OBJECT && entry.st_shndx != SHN_ABS;
    return true;
}

bool elf_find(const struct elf *elf, const char *name, struct elf_symbol *symbol, bool *data)
{
    for (size_t i = 0; i < elf->symbol_count; i++)
        if (elf_symbol(elf, i, symbol, data) && strcmp(symbol->name, name) == 0)
            return true;
    return false;
}

bool elf_maps(const struct elf *elf, uint64_t address, uint64_t size, enum elf_use use)
{
    ElfW(Word) needed = use == ELF_EXECUTE ? PF_X : PF_R;
    ElfW(Phdr) segment;

    for (unsigned i = 0; segment_at(elf, i, &segment); i++)
        if (segment.p_type == PT_LOAD && (segment.p_flags & needed) != 0 &&
            address >= segment.p_vaddr && address - segment.p_vaddr <= segment.p_memsz &&
            size <= segment.p_memsz - (address - segment.p_vaddr))
            return true;
    return false;
}

const char *elf_at(const struct elf *elf, uint64_t address, uint64_t size)
{
    struct slice bytes = file_from(elf, address);

    return size <= bytes.size ? bytes.data : NULL;
}
