/*
 * Tests of plugin/file, and of plugin/copies where there is no room: what is said of files that
 * can't be read, or not be copied.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "plugin_fixture.h"
#include "suite.h"

/* ---- What is said -------------------------------------------------------- */

START_TEST(a_fault_is_one_line_that_can_be_printed)
{
    struct plugin_fault fault = {.hint = "of before"};

    ck_assert(!fault_set(&fault, "a\nb\r%s", "\x1b[31m\x7f\t"));
    ck_assert_str_eq(fault.message, "a?b??[31m??");
    ck_assert_str_eq(fault.hint, "");
    ck_assert(!fault_hint(&fault, "%d\n", 7));
    ck_assert_str_eq(fault.hint, "7?");
}
END_TEST

START_TEST(a_long_fault_is_cut_between_characters)
{
    struct plugin_fault fault;
    char text[1001] = "";

    for (unsigned i = 0; i < 500; i++)
        memcpy(text + 2 * i, "\xc3\xa4", 3);
    for (unsigned skip = 0; skip < 4; skip++) {
        fault_set(&fault, "%.*s%s", (int)skip, "xyz", text);
        fault_hint(&fault, "%.*s%s", (int)skip, "xyz", text);
        ck_assert_uint_ge(strlen(fault.message), sizeof(fault.message) - 4);
        ck_assert(utf8_valid(fault.message, strlen(fault.message)));
        ck_assert(utf8_valid(fault.hint, strlen(fault.hint)));
    }
}
END_TEST

/* ---- Files --------------------------------------------------------------- */

START_TEST(a_file_that_is_not_there)
{
    struct plugin_cache *cache = open_cache();
    char hint[4096 + 64], cwd[4096];

    snprintf(hint, sizeof(hint), "it was looked for at %s", in_scratch("gone.so"));
    check_refused(cache, in_scratch("gone.so"), "no such file", hint);
    snprintf(hint, sizeof(hint), "it was looked for at %s/so/gone.so", getcwd(cwd, sizeof(cwd)));
    check_refused(cache, "so/gone.so", "no such file", hint);
    plugin_cache_close(cache);
}
END_TEST

START_TEST(what_is_no_regular_file)
{
    struct plugin_cache *cache = open_cache();

    mkdir(in_scratch("directory.so"), 0755);
    check_refused(cache, in_scratch("directory.so"), "it is a directory", "");
    mkfifo(in_scratch("fifo.so"), 0600);
    check_refused(cache, in_scratch("fifo.so"), "it is not a regular file", "");
    check_refused(cache, "/dev/null", "it is not a regular file", "");
    plugin_cache_close(cache);
}
END_TEST

START_TEST(what_is_no_shared_object)
{
    struct plugin_cache *cache = open_cache();
    const char *file = in_scratch("text.so");

    write_file(file, SLICE(""));
    check_refused(cache, file, "it is empty",
                  "build it again: its build was interrupted, or a copy of it was");
    write_file(file, SLICE("int main(void) { return 0; }\n"));
    check_refused(cache, file, "it is not an ELF shared object", "cc -shared -fPIC makes one");
    plugin_cache_close(cache);
}
END_TEST

START_TEST(a_file_that_is_cut_off)
{
    struct plugin_cache *cache = open_cache();
    struct text bytes = read_file(built_plugin("good"));
    char message[128];

    write_file(in_scratch("cut.so"), (struct slice){bytes.data, bytes.size / 2});
    snprintf(message, sizeof(message), "it is cut off: %zu bytes of at least %zu", bytes.size / 2,
             bytes.size);
    check_refused(cache, in_scratch("cut.so"), message,
                  "build it again: its build was interrupted, or a copy of it was");
    text_free(&bytes);
    plugin_cache_close(cache);
}
END_TEST

START_TEST(a_file_that_is_too_big)
{
    struct plugin_cache *cache = open_cache();

    copy_file(in_scratch("big.so"), built_plugin("good"));
    ck_assert_int_eq(truncate(in_scratch("big.so"), (256l << 20) + 1), 0);
    check_refused(cache, in_scratch("big.so"),
                  "it is too big: 268435457 bytes, at most 268435456 are loaded", "");
    plugin_cache_close(cache);
}
END_TEST

/* A file of the kernel's, which claims to be empty and is not. */
START_TEST(a_file_that_grows_while_it_is_read)
{
    struct plugin_cache *cache = open_cache();

    check_refused(cache, "/proc/self/status", "it changed while it was read",
                  "build it under another name, then rename it");
    plugin_cache_close(cache);
}
END_TEST

START_TEST(a_file_that_others_can_write)
{
    struct plugin_cache *cache = open_cache();
    const char *file = in_scratch("open.so");

    copy_file(file, built_plugin("good"));
    chmod(file, 0666);
    check_refused(cache, file, "it is world-writable (mode 0666)",
                  "whoever can write it can run code in the server: chmod o-w");
    chmod(file, 0664);
    end_generation(cache, open_good(cache, file));
    plugin_cache_close(cache);
}
END_TEST

START_TEST(a_file_of_another_user)
{
    struct plugin_cache *cache = open_cache();
    const char *file = in_scratch("foreign.so");

    copy_file(file, built_plugin("good"));
    if (chown(file, 12345, (gid_t)-1) == 0)
        check_refused(cache, file,
                      "it belongs to user 12345, neither to root nor to the server's user 0",
                      "whoever can write it can run code in the server: chown it");
    plugin_cache_close(cache);
}
END_TEST

START_TEST(a_file_that_cannot_be_read)
{
    struct plugin_cache *cache = open_cache();
    const char *file = in_scratch("secret.so");

    copy_file(file, built_plugin("good"));
    chmod(file, 0);
    chmod(in_scratch(""), 0755);
    if (geteuid() == 0) /* whom no mode keeps out */
        ck_assert_int_eq(seteuid(12345), 0);

    struct plugin_fault fault = {0};
    ck_assert_ptr_null(generation_open(cache, file, NULL, &fault));
    ck_assert_str_eq(fault.message, "cannot read it: Permission denied");
    ck_assert_int_eq(seteuid(getuid()), 0);
    plugin_cache_close(cache);
}
END_TEST

/* ---- Copies that can't be made ------------------------------------------- */

START_TEST(a_cache_that_is_gone)
{
    struct plugin_cache *cache = open_cache();
    struct plugin_fault fault = {0};
    char message[4096 + 128], *path = strdup(copies_path()), *lock = strdup(in_scratch("lock"));

    snprintf(message, sizeof(message),
             "cannot write its private copy in %s: No such file or directory", path);
    ck_assert_int_eq(rename(only_entry_of(path), lock), 0);
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_ptr_null(generation_open(cache, built_plugin("good"), NULL, &fault));
    ck_assert_str_eq(fault.message, message);
    ck_assert_str_eq(fault.hint,
                     "somebody removed it: make it again (mkdir -p -m 700), or restart");

    ck_assert_int_eq(mkdir(path, 0700), 0);
    end_generation(cache, open_good(cache, built_plugin("good")));
    plugin_cache_close(cache);
    ck_assert(!is_there(path));
    free(path);
    free(lock);
}
END_TEST

START_TEST(a_copy_that_cannot_be_written_whole)
{
    struct plugin_cache *cache = open_cache();
    struct rlimit limit = {4096, 4096};
    char message[4096 + 128];

    snprintf(message, sizeof(message), "cannot write its private copy in %s: File too large",
             copies_path());
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    check_refused(cache, built_plugin("good"), message, "");
    plugin_cache_close(cache);
}
END_TEST

START_TEST(a_disk_that_is_full)
{
    char message[4096 + 128];

    if (!mount_scratch("cache", "size=8k", 0))
        return;

    struct plugin_cache *cache = open_cache();
    snprintf(message, sizeof(message),
             "cannot write its private copy in %s: No space left on device", copies_path());
    check_refused(cache, built_plugin("good"), message,
                  "make room there, or set `cache DIR` in routing.conf and restart");
    plugin_cache_close(cache);
}
END_TEST

START_TEST(a_cache_that_allows_no_execution_any_more)
{
    struct plugin_fault fault = {0};

    if (!mount_scratch("cache", "size=1m", 0))
        return;

    struct plugin_cache *cache = open_cache();
    ck_assert(remount_noexec("cache"));
    ck_assert_ptr_null(generation_open(cache, built_plugin("good"), NULL, &fault));
    ck_assert_ptr_nonnull(
        strstr(fault.message, " does not allow execution (failed to map segment"));
    ck_assert_ptr_nonnull(strstr(fault.message, copies_path()));
    ck_assert_ptr_null(strstr(fault.message, "good"));
    ck_assert_str_eq(fault.hint, "is it mounted noexec? set `cache DIR` in routing.conf to a "
                                 "directory that allows execution");
    plugin_cache_close(cache);
}
END_TEST

START_TEST(no_memory)
{
    struct plugin_cache *cache = open_cache();
    struct generation *generation = NULL;
    struct plugin_fault fault = {0};
    unsigned nth = 0;
    long live = mem_live();

    while (generation == NULL) {
        mem_fail_at(++nth);
        generation = generation_open(cache, built_plugin("good"), NULL, &fault);
        mem_fail_at(0);
        if (generation == NULL) {
            ck_assert_msg(strncmp(fault.message, "no memory", 9) == 0, "%s", fault.message);
            ck_assert_int_eq(mem_live(), live);
            ck_assert_uint_eq(copies_left(), 0);
            ck_assert_uint_eq(generation_count(cache), 0);
        }
    }
    ck_assert_uint_gt(nth, 5);
    end_generation(cache, generation);
    plugin_cache_close(cache);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, fixture_set_up, fixture_tear_down);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return tcase;
}

static void add_files(Suite *suite)
{
    TCase *tcase = add_case(suite, "faults");

    tcase_add_test(tcase, a_fault_is_one_line_that_can_be_printed);
    tcase_add_test(tcase, a_long_fault_is_cut_between_characters);

    tcase = add_case(suite, "files");

    tcase_add_test(tcase, a_file_that_is_not_there);
    tcase_add_test(tcase, what_is_no_regular_file);
    tcase_add_test(tcase, what_is_no_shared_object);
    tcase_add_test(tcase, a_file_that_is_cut_off);
    tcase_add_test(tcase, a_file_that_is_too_big);
    tcase_add_test(tcase, a_file_that_grows_while_it_is_read);
    tcase_add_test(tcase, a_file_that_others_can_write);
    tcase_add_test(tcase, a_file_of_another_user);
    tcase_add_test(tcase, a_file_that_cannot_be_read);

    tcase = add_case(suite, "scarcity");
    tcase_add_test(tcase, a_cache_that_is_gone);
    tcase_add_test(tcase, a_copy_that_cannot_be_written_whole);
    tcase_add_test(tcase, a_disk_that_is_full);
    tcase_add_test(tcase, a_cache_that_allows_no_execution_any_more);
    tcase_add_test(tcase, no_memory);
}

int main(void)
{
    Suite *suite = suite_create("plugin: files");

    add_files(suite);
    return suite_run(suite);
}
