/*
 * Tests of plugin/elf: what is no whole shared object for this machine, and that nothing in a file
 * is believed. Files are given in memory of exactly their size, so that the address sanitizer sees
 * a byte read behind them.
 */
#include <check.h>
#include <elf.h>
#include <link.h>
#include <string.h>

#include "base/mem.h"
#include "plugin/elf.h"
#include "plugin_fixture.h"
#include "suite.h"

static struct text good;

static void set_up(void)
{
    fixture_set_up();
    good = read_file(built_plugin("good"));
    good.data = mem_realloc(good.data, good.size);
}

static void tear_down(void)
{
    text_free(&good);
    fixture_tear_down();
}

/* Looks at every symbol, as loading does. */
static unsigned count_data(const struct elf *elf)
{
    struct elf_symbol symbol;
    unsigned count = 0;
    bool data;

    for (size_t i = 0; i < elf->symbol_count; i++)
        if (elf_symbol(elf, i, &symbol, &data) && data && strlen(symbol.name) > 0 &&
            elf_at(elf, symbol.address, symbol.size) != NULL)
            count++;
    return count;
}

static bool parse(struct slice bytes, struct plugin_fault *fault)
{
    struct elf elf;
    bool whole = elf_parse(&elf, bytes, fault);

    if (whole)
        count_data(&elf);
    return whole;
}

/* The first bytes of it alone. */
static bool parse_cut(size_t size)
{
    struct plugin_fault fault;
    char *bytes = mem_alloc(size);

    memcpy(bytes, good.data, size);

    bool whole = parse((struct slice){bytes, size}, &fault);
    mem_free(bytes);
    return whole;
}

/* The next length to cut at: each one near both ends, where the tables are; some between. */
static size_t next_cut(size_t size, size_t end)
{
    return size < 4096 || size + 4096 > end ? size + 1 : size + 61;
}

static void check_message(const char *message)
{
    struct plugin_fault fault = {0};

    ck_assert(!parse((struct slice){good.data, good.size}, &fault));
    ck_assert_str_eq(fault.message, message);
}

static ElfW(Ehdr) * header(void)
{
    return (ElfW(Ehdr) *)(void *)good.data;
}

START_TEST(a_whole_file_and_its_symbols)
{
    struct plugin_fault fault;
    struct elf_symbol symbol;
    struct elf elf;
    bool data;

    ck_assert(elf_parse(&elf, (struct slice){good.data, good.size}, &fault));
    ck_assert(elf_find(&elf, "sluice_consumer", &symbol, &data));
    ck_assert(data);
    ck_assert_uint_ge(symbol.size, sizeof(struct sluice_consumer));
    ck_assert(elf_maps(&elf, symbol.address, symbol.size, ELF_READ));
    ck_assert(!elf_maps(&elf, symbol.address, symbol.size, ELF_EXECUTE));
    ck_assert_ptr_nonnull(elf_at(&elf, symbol.address, symbol.size));
    ck_assert(elf_find(&elf, "sluice_handler_good_all", &symbol, &data));
    ck_assert(!elf_find(&elf, "sluice_send", &symbol, &data)); /* used, and not defined */
    ck_assert(!elf_find(&elf, "sluice_consume", &symbol, &data));
    ck_assert(!elf_find(&elf, "on_receive", &symbol, &data));
    ck_assert(!elf_symbol(&elf, elf.symbol_count * 1000000, &symbol, &data));
    ck_assert(!elf.origin);
}
END_TEST

START_TEST(addresses_that_are_not_mapped)
{
    struct plugin_fault fault;
    struct elf elf;

    ck_assert(elf_parse(&elf, (struct slice){good.data, good.size}, &fault));
    ck_assert(elf_maps(&elf, 0, 64, ELF_READ));
    ck_assert(!elf_maps(&elf, 0, 1ull << 40, ELF_READ));
    ck_assert(!elf_maps(&elf, 0, UINT64_MAX, ELF_READ));
    ck_assert(!elf_maps(&elf, UINT64_MAX, 1, ELF_READ));
    ck_assert(!elf_maps(&elf, UINT64_MAX, UINT64_MAX, ELF_READ));
    ck_assert(!elf_maps(&elf, 1ull << 40, 1, ELF_READ));
    ck_assert_ptr_null(elf_at(&elf, 0, good.size + 1));
    ck_assert_ptr_null(elf_at(&elf, UINT64_MAX, UINT64_MAX));
    ck_assert_ptr_null(elf_at(&elf, 1ull << 40, 0));
}
END_TEST

START_TEST(libraries_beside_itself)
{
    struct text bytes = read_file(built_plugin("origin"));
    struct plugin_fault fault;
    struct elf_symbol symbol;
    struct elf elf;
    bool data;

    ck_assert(elf_parse(&elf, (struct slice){bytes.data, bytes.size}, &fault));
    ck_assert(elf.origin);
    ck_assert(elf_find(&elf, "sluice_handler_origin_ping", &symbol, &data)); /* in DT_HASH */
    text_free(&bytes);
}
END_TEST

START_TEST(cut_off_anywhere)
{
    for (size_t size = 0; size < good.size; size = next_cut(size, good.size))
        ck_assert_msg(!parse_cut(size), "%zu bytes", size);
    ck_assert(parse_cut(good.size));
}
END_TEST

/* Without section headers, which the loader does not use, the end of the file is not where a cut
 * shows: then the segments show it, as far as they reach. */
START_TEST(cut_off_without_section_headers)
{
    size_t least = good.size;

    header()->e_shoff = 0;
    header()->e_shnum = 0;
    while (parse_cut(least))
        least--;
    ck_assert_uint_lt(least, good.size - 1);
    for (size_t size = 0; size <= least; size = next_cut(size, least))
        ck_assert_msg(!parse_cut(size), "%zu bytes", size);
}
END_TEST

/* What a linker that was interrupted leaves: the size is right, the end is zeros. */
START_TEST(zeros_from_anywhere)
{
    struct plugin_fault fault;
    size_t size = good.size;

    for (size_t end = size; end > 0; end -= end < 64 ? end : 64) {
        memset(good.data + end, 0, size - end);
        parse((struct slice){good.data, size}, &fault);
    }
    memset(good.data, 0, size);
    check_message("it is not an ELF shared object");
}
END_TEST

static const unsigned char masks[] = {0x01, 0x80, 0xff};

START_TEST(any_byte_may_be_another)
{
    struct plugin_fault fault;

    for (size_t i = 0; i < good.size; i++) {
        good.data[i] = (char)(good.data[i] ^ masks[_i]);
        parse((struct slice){good.data, good.size}, &fault);
        good.data[i] = (char)(good.data[i] ^ masks[_i]);
    }
    ck_assert(parse((struct slice){good.data, good.size}, &fault));
}
END_TEST

START_TEST(any_word_may_be_huge)
{
    static const uint64_t words[] = {0, UINT64_MAX, INT64_MAX, UINT32_MAX, 1ull << 31};
    struct plugin_fault fault;
    uint64_t before;

    for (size_t i = 0; i + sizeof(before) <= good.size; i += sizeof(before)) {
        memcpy(&before, good.data + i, sizeof(before));
        memcpy(good.data + i, &words[_i], sizeof(before));
        parse((struct slice){good.data, good.size}, &fault);
        memcpy(good.data + i, &before, sizeof(before));
    }
}
END_TEST

START_TEST(other_machines_are_named)
{
    unsigned ours = header()->e_machine;
    struct plugin_fault fault = {0};

    if (ours != EM_X86_64)
        return;
    header()->e_machine = EM_AARCH64;
    check_message("built for AArch64 (64-bit), this is x86-64 (64-bit)");
    header()->e_machine = 9999;
    check_message("built for another machine (64-bit), this is x86-64 (64-bit)");
    header()->e_machine = EM_386;
    header()->e_ident[EI_CLASS] = ELFCLASS32;
    check_message("built for i386 (32-bit), this is x86-64 (64-bit)");
    header()->e_machine = EM_PPC64 << 8;
    header()->e_ident[EI_CLASS] = ELFCLASS64;
    header()->e_ident[EI_DATA] = ELFDATA2MSB;
    ck_assert(!parse((struct slice){good.data, good.size}, &fault));
    ck_assert_str_eq(fault.message,
                     "built for PowerPC (64-bit, big-endian), this is x86-64 (64-bit)");
    ck_assert_str_eq(fault.hint, "rebuild it for this machine");
}
END_TEST

START_TEST(other_kinds_are_named)
{
    header()->e_type = ET_REL;
    check_message("it is an object file, not a shared object");
    header()->e_type = ET_EXEC;
    check_message("it is a program, not a shared object");
    header()->e_type = ET_CORE;
    check_message("it is a core dump, not a shared object");
    header()->e_type = 77;
    check_message("its ELF header is damaged");
}
END_TEST

START_TEST(a_program_that_can_be_moved_is_a_program)
{
    struct text program = read_file("/proc/self/exe");
    struct plugin_fault fault = {0};

    ck_assert(!parse((struct slice){program.data, program.size}, &fault));
    ck_assert_str_eq(fault.message, "it is a program, not a shared object");
    text_free(&program);
}
END_TEST

static ElfW(Phdr) * segment_of(unsigned type)
{
    ElfW(Phdr) *segment = (ElfW(Phdr) *)(void *)(good.data + header()->e_phoff);

    while (segment->p_type != type)
        segment++;
    return segment;
}

START_TEST(what_is_damaged_is_named)
{
    segment_of(PT_DYNAMIC)->p_type = PT_NULL;
    check_message("its dynamic section is damaged");
}
END_TEST

START_TEST(a_segment_behind_the_end)
{
    segment_of(PT_LOAD)->p_filesz = segment_of(PT_LOAD)->p_memsz = 1 << 30;

    struct plugin_fault fault = {0};
    ck_assert(!parse((struct slice){good.data, good.size}, &fault));
    ck_assert_ptr_nonnull(strstr(fault.message, "it is cut off: "));
    ck_assert_ptr_nonnull(strstr(fault.message, " bytes of at least 1073741824"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin: ELF");
    TCase *tcase = tcase_create("elf");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_whole_file_and_its_symbols);
    tcase_add_test(tcase, addresses_that_are_not_mapped);
    tcase_add_test(tcase, libraries_beside_itself);
    tcase_add_test(tcase, cut_off_anywhere);
    tcase_add_test(tcase, cut_off_without_section_headers);
    tcase_add_test(tcase, zeros_from_anywhere);
    tcase_add_loop_test(tcase, any_byte_may_be_another, 0, 3);
    tcase_add_loop_test(tcase, any_word_may_be_huge, 0, 5);
    tcase_add_test(tcase, other_machines_are_named);
    tcase_add_test(tcase, other_kinds_are_named);
    tcase_add_test(tcase, a_program_that_can_be_moved_is_a_program);
    tcase_add_test(tcase, what_is_damaged_is_named);
    tcase_add_test(tcase, a_segment_behind_the_end);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
