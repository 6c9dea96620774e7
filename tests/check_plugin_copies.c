/*
 * Tests of plugin/copies: where the directory of private copies is, who may use it, and what is
 * made of those that dead processes left.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plugin_fixture.h"
#include "suite.h"

static void make_directory(const char *name, mode_t mode)
{
    ck_assert_int_eq(mkdir(in_scratch(name), 0700), 0);
    ck_assert_int_eq(chmod(in_scratch(name), mode), 0);
}

static void check_no_cache(const char *message, const char *hint)
{
    struct plugin_fault fault = {0};

    ck_assert_ptr_null(plugin_cache_open(in_scratch("cache"), &fault));
    ck_assert_str_eq(fault.message, message);
    ck_assert_str_eq(fault.hint, hint);
}

#define SET_CACHE "set `cache DIR` in routing.conf to a directory that allows execution"

/* ---- A directory of our own ---------------------------------------------- */

START_TEST(it_bears_the_process_id_and_is_private)
{
    struct plugin_cache *cache = open_cache();
    const char *name = strrchr(copies_path(), '/') + 1;
    struct stat stat_;
    char *rest;

    ck_assert_int_eq(strtol(name, &rest, 10), getpid());
    ck_assert_int_eq(*rest, '-');
    ck_assert_uint_eq(strspn(rest + 1, "0123456789abcdef"), 8);
    ck_assert_int_eq(stat(copies_path(), &stat_), 0);
    ck_assert_uint_eq(stat_.st_mode & 07777, 0700);
    ck_assert_int_eq(stat(in_scratch("cache/sluice"), &stat_), 0);
    ck_assert_uint_eq(stat_.st_mode & 07777, 0700);
    plugin_cache_close(cache);
    ck_assert_uint_eq(entries_in(in_scratch("cache/sluice")), 0);
}
END_TEST

START_TEST(two_live_beside_each_other)
{
    struct plugin_cache *one = open_cache();
    struct plugin_cache *two = open_cache();

    ck_assert_uint_eq(entries_in(in_scratch("cache/sluice")), 2);
    plugin_cache_close(one);
    ck_assert_uint_eq(entries_in(in_scratch("cache/sluice")), 1);
    plugin_cache_close(two);
}
END_TEST

START_TEST(a_relative_directory_is_found_from_elsewhere)
{
    struct plugin_fault fault;
    char built[4096];

    ck_assert_ptr_nonnull(realpath(built_plugin("good"), built));
    ck_assert_int_eq(chdir(in_scratch("")), 0);
    struct plugin_cache *cache = plugin_cache_open("cache", &fault);
    ck_assert_ptr_nonnull(cache);
    ck_assert_int_eq(chdir("/"), 0);
    end_generation(cache, open_good(cache, built));
    plugin_cache_close(cache);
}
END_TEST

/* The first that can be used of these; `expected` is where the process's directory must be. */
static void check_place(const char *expected)
{
    struct plugin_fault fault = {0};
    struct plugin_cache *cache = plugin_cache_open(NULL, &fault);

    ck_assert_msg(cache != NULL, "%s", fault.message);
    ck_assert_msg(entries_in(in_scratch(expected)) == 1, "not in %s", expected);
    plugin_cache_close(cache);
    ck_assert_uint_eq(entries_in(in_scratch(expected)), 0);
}

START_TEST(the_environment_names_a_place)
{
    char two[4096], user[64];

    snprintf(two, sizeof(two), "%s:/nowhere", in_scratch("systemd"));
    snprintf(user, sizeof(user), "tmp/sluice-%lu", (unsigned long)geteuid());
    make_directory("home", 0700);
    make_directory("tmp", 01777);
    setenv("CACHE_DIRECTORY", two, 1);
    setenv("XDG_CACHE_HOME", in_scratch("xdg"), 1);
    setenv("HOME", in_scratch("home"), 1);
    setenv("TMPDIR", in_scratch("tmp"), 1);

    check_place("systemd/sluice");
    unsetenv("CACHE_DIRECTORY");
    check_place("xdg/sluice");
    setenv("XDG_CACHE_HOME", "relative", 1);
    check_place("home/.cache/sluice");
    setenv("HOME", "/nonexistent/home", 1);
    check_place(user);
    unsetenv("HOME");
    check_place(user);
}
END_TEST

START_TEST(a_place_that_cannot_be_used_is_passed_over)
{
    make_directory("xdg", 0777); /* anybody may rename what is in it */
    setenv("XDG_CACHE_HOME", in_scratch("xdg"), 1);
    setenv("HOME", in_scratch(""), 1);
    unsetenv("CACHE_DIRECTORY");
    check_place(".cache/sluice");
}
END_TEST

/* ---- Directories that are not ours alone --------------------------------- */

START_TEST(a_directory_that_others_can_write)
{
    char message[8192], hint[8192];

    make_directory("cache", 0755);
    make_directory("cache/sluice", 0770);
    snprintf(message, sizeof(message), "others can write to %s (mode 0770)",
             in_scratch("cache/sluice"));
    snprintf(hint, sizeof(hint), "chmod 700 %s", in_scratch("cache/sluice"));
    check_no_cache(message, hint);
}
END_TEST

START_TEST(a_directory_in_one_that_others_can_write)
{
    char message[8192];

    make_directory("cache", 0777);
    snprintf(message, sizeof(message), "%s is world-writable without the sticky bit",
             in_scratch("cache"));
    check_no_cache(message, SET_CACHE);
}
END_TEST

START_TEST(a_directory_of_another_user)
{
    char message[8192];

    make_directory("cache", 0755);
    make_directory("cache/sluice", 0700);
    if (chown(in_scratch("cache/sluice"), 12345, (gid_t)-1) != 0)
        return; /* not for us to do */
    snprintf(message, sizeof(message), "%s belongs to user 12345, not to the server's user 0",
             in_scratch("cache/sluice"));
    check_no_cache(message, SET_CACHE);
}
END_TEST

START_TEST(a_link_to_somewhere_else)
{
    char message[8192];

    make_directory("cache", 0700);
    make_directory("elsewhere", 0700);
    ck_assert_int_eq(symlink(in_scratch("elsewhere"), in_scratch("cache/sluice")), 0);
    snprintf(message, sizeof(message), "cannot use %s: Not a directory",
             in_scratch("cache/sluice"));
    check_no_cache(message, "");
    ck_assert_uint_eq(entries_in(in_scratch("elsewhere")), 0);
}
END_TEST

START_TEST(a_file_in_its_place)
{
    char message[8192];

    write_file(in_scratch("cache"), SLICE("a file"));
    snprintf(message, sizeof(message), "cannot make the directory %s/sluice: Not a directory",
             in_scratch("cache"));
    check_no_cache(message, SET_CACHE);
}
END_TEST

START_TEST(a_directory_whose_parent_is_missing)
{
    struct plugin_fault fault = {0};
    char message[8192];

    snprintf(message, sizeof(message), "cannot make the directory %s: No such file or directory",
             in_scratch("no/cache"));
    ck_assert_ptr_null(plugin_cache_open(in_scratch("no/cache"), &fault));
    ck_assert_str_eq(fault.message, message);
}
END_TEST

START_TEST(a_directory_mounted_noexec)
{
    char message[8192];

    if (!mount_scratch("cache", "size=1m", 0) || !remount_noexec("cache"))
        return;
    snprintf(message, sizeof(message), "%s is mounted noexec", in_scratch("cache/sluice"));
    check_no_cache(message, SET_CACHE);
}
END_TEST

/* ---- What the dead left -------------------------------------------------- */

START_TEST(a_killed_process_leaves_nothing_for_long)
{
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        generation_ref(open_good(open_cache(), built_plugin("good")));
        raise(SIGKILL);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    ck_assert_uint_eq(entries_in(only_entry_of(in_scratch("cache/sluice"))), 2);

    struct plugin_cache *cache = open_cache();
    ck_assert_int_eq(strtol(strrchr(copies_path(), '/') + 1, NULL, 10), getpid());
    plugin_cache_close(cache);
}
END_TEST

START_TEST(the_living_keep_theirs_under_any_process_id)
{
    make_directory("cache", 0700);
    make_directory("cache/sluice", 0700);
    make_directory("cache/sluice/999999999-01234567", 0700);
    write_file(in_scratch("cache/sluice/999999999-01234567/lock"), SLICE(""));
    write_file(in_scratch("cache/sluice/999999999-01234567/chat.1.so"), SLICE("x"));
    int lock = open(in_scratch("cache/sluice/999999999-01234567/lock"), O_RDWR);
    ck_assert_int_eq(flock(lock, LOCK_EX | LOCK_NB), 0);

    plugin_cache_close(open_cache());
    ck_assert(is_there(in_scratch("cache/sluice/999999999-01234567/chat.1.so")));
    close(lock);
    plugin_cache_close(open_cache());
    ck_assert(!is_there(in_scratch("cache/sluice/999999999-01234567")));
}
END_TEST

START_TEST(what_is_half_removed_goes)
{
    make_directory("cache", 0700);
    make_directory("cache/sluice", 0700);
    make_directory("cache/sluice/1-01234567", 0700);
    write_file(in_scratch("cache/sluice/1-01234567/chat.1.so"), SLICE("x"));
    plugin_cache_close(open_cache());
    ck_assert_uint_eq(entries_in(in_scratch("cache/sluice")), 0);
}
END_TEST

START_TEST(what_is_being_made_stays_for_an_hour)
{
    struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};

    make_directory("cache", 0700);
    make_directory("cache/sluice", 0700);
    make_directory("cache/sluice/.1-01234567", 0700);
    make_directory("cache/sluice/.2-01234567", 0700);
    write_file(in_scratch("cache/sluice/.2-01234567/lock"), SLICE(""));
    ck_assert_int_eq(utimensat(AT_FDCWD, in_scratch("cache/sluice/.2-01234567"), old, 0), 0);
    plugin_cache_close(open_cache());
    ck_assert(is_there(in_scratch("cache/sluice/.1-01234567")));
    ck_assert(!is_there(in_scratch("cache/sluice/.2-01234567")));
}
END_TEST

START_TEST(what_is_not_ours_stays)
{
    static const char *const others[] = {"12-0123456",    "12-012345678", "-01234567",
                                         "12-0123456g",   "a12-01234567", "..12-01234567",
                                         "12-01234567.so"};
    char name[64];

    make_directory("cache", 0700);
    make_directory("cache/sluice", 0700);
    for (unsigned i = 0; i < 7; i++) {
        snprintf(name, sizeof(name), "cache/sluice/%s", others[i]);
        make_directory(name, 0700);
    }
    write_file(in_scratch("cache/sluice/34-01234567"), SLICE("a file of this name"));
    ck_assert_int_eq(symlink(in_scratch("cache"), in_scratch("cache/sluice/35-01234567")), 0);
    plugin_cache_close(open_cache());
    ck_assert_uint_eq(entries_in(in_scratch("cache/sluice")), 9);
}
END_TEST

static void add_places(Suite *suite)
{
    TCase *tcase = tcase_create("places");

    tcase_add_checked_fixture(tcase, fixture_set_up, fixture_tear_down);
    tcase_add_test(tcase, it_bears_the_process_id_and_is_private);
    tcase_add_test(tcase, two_live_beside_each_other);
    tcase_add_test(tcase, a_relative_directory_is_found_from_elsewhere);
    tcase_add_test(tcase, the_environment_names_a_place);
    tcase_add_test(tcase, a_place_that_cannot_be_used_is_passed_over);
    tcase_add_test(tcase, a_directory_that_others_can_write);
    tcase_add_test(tcase, a_directory_in_one_that_others_can_write);
    tcase_add_test(tcase, a_directory_of_another_user);
    tcase_add_test(tcase, a_link_to_somewhere_else);
    tcase_add_test(tcase, a_file_in_its_place);
    tcase_add_test(tcase, a_directory_whose_parent_is_missing);
    tcase_add_test(tcase, a_directory_mounted_noexec);
    suite_add_tcase(suite, tcase);
}

static void add_the_dead(Suite *suite)
{
    TCase *tcase = tcase_create("the dead");

    tcase_add_checked_fixture(tcase, fixture_set_up, fixture_tear_down);
    tcase_add_test(tcase, a_killed_process_leaves_nothing_for_long);
    tcase_add_test(tcase, the_living_keep_theirs_under_any_process_id);
    tcase_add_test(tcase, what_is_half_removed_goes);
    tcase_add_test(tcase, what_is_being_made_stays_for_an_hour);
    tcase_add_test(tcase, what_is_not_ours_stays);
    suite_add_tcase(suite, tcase);
}

int main(void)
{
    Suite *suite = suite_create("plugin: copies");

    add_places(suite);
    add_the_dead(suite);
    return suite_run(suite);
}
