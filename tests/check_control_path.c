/*
 * tests/check_control_path: where the control socket goes, and who may have been there before.
 *
 * Run by root, each test is somebody whom nobody else is; else it is its user, in a directory that
 * XDG_RUNTIME_DIR names.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/path.h"
#include "suite.h"

#define NOBODY_ELSE 3000000000u /* users from here on are made up */

static char dir[] = "/tmp/check-control-XXXXXX";
static const struct config usual; /* without a line about it */

/* ---- The stage ------------------------------------------------------------------------------- */

static const char *in_dir(const char *name)
{
    static char paths[4][200];
    static unsigned last;
    char *path = paths[++last % 4];

    snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    return path;
}

static void make_file(const char *name)
{
    int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void become_somebody(void)
{
    uid_t user = NOBODY_ELSE + (uid_t)getpid();

    if (geteuid() == 0) {
        ck_assert_int_eq(chown(dir, user, (gid_t)-1), 0);
        ck_assert_int_eq(setresuid(user, user, user), 0);
    }
    setenv("XDG_RUNTIME_DIR", dir, 1);
}

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(dir));
    become_somebody();
    ck_assert_int_eq(mkdir(in_dir("a"), 0755), 0);
    make_file("a/routing.conf");
}

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *walk)
{
    (void)stat, (void)type, (void)walk;
    return remove(path);
}

static void tear_down(void)
{
    char path[60];

    nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    snprintf(path, sizeof path, "/tmp/sluice-%lu", (unsigned long)geteuid());
    if (geteuid() >= NOBODY_ELSE)
        rmdir(path);
}

/* Where a server of this file has its first socket; "" where it has none. Until the next call. */
static const char *own(const char *file)
{
    static struct control_path paths[CONTROL_NAMES];
    struct text why = {0};
    unsigned count = control_path_own(file, &usual, paths, &why);

    if (count == 0)
        ck_assert_uint_gt(why.size, 0);
    text_free(&why);
    return count > 0 ? paths[0].path : "";
}

static bool is_likely(const char *file, const char *path)
{
    struct control_path paths[CONTROL_PATHS_MAX];
    unsigned count = control_path_likely(file, &usual, paths);

    for (unsigned i = 0; i < count; i++) {
        if (strcmp(paths[i].path, path) == 0)
            return true;
    }
    return false;
}

/* ---- Tests ----------------------------------------------------------------------------------- */

START_TEST(it_is_in_the_users_own_directory)
{
    const char *path = own(in_dir("a/routing.conf"));
    struct stat stat;

    ck_assert_msg(strncmp(path, in_dir("sluice/"), strlen(in_dir("sluice/"))) == 0, "%s", path);
    ck_assert(control_path_is_name(strrchr(path, '/') + 1));
    ck_assert_int_eq(lstat(in_dir("sluice"), &stat), 0);
    ck_assert_uint_eq(stat.st_mode & 07777, 0700);
    ck_assert(is_likely(in_dir("a/routing.conf"), path));
}
END_TEST

START_TEST(any_name_of_the_file_will_do)
{
    char path[CONTROL_PATH_SIZE];

    strcpy(path, own(in_dir("a/routing.conf")));
    ck_assert_int_eq(symlink("a/routing.conf", in_dir("link.conf")), 0);
    ck_assert_int_eq(symlink("a", in_dir("b")), 0);
    ck_assert(is_likely(in_dir("link.conf"), path));
    ck_assert(is_likely(in_dir("b/routing.conf"), path));
    ck_assert(is_likely(in_dir("b/../a/./routing.conf"), path));
    ck_assert_int_eq(chdir(in_dir("b")), 0);
    ck_assert(is_likely("routing.conf", path));
    ck_assert(is_likely("./routing.conf", path));
    ck_assert(is_likely("../a/routing.conf", path));
    ck_assert(!is_likely(in_dir("c/routing.conf"), path));
    ck_assert(!is_likely("other.conf", path));
}
END_TEST

START_TEST(a_link_may_lead_elsewhere_meanwhile)
{
    char path[CONTROL_PATH_SIZE];

    ck_assert_int_eq(mkdir(in_dir("c"), 0755), 0);
    make_file("c/routing.conf");
    ck_assert_int_eq(symlink("a", in_dir("now")), 0);
    strcpy(path, own(in_dir("now/routing.conf")));
    ck_assert_int_eq(unlink(in_dir("now")), 0);
    ck_assert_int_eq(symlink("c", in_dir("now")), 0);
    ck_assert(is_likely(in_dir("now/routing.conf"), path));
    ck_assert_int_eq(unlink(in_dir("c/routing.conf")), 0);
    ck_assert(is_likely(in_dir("now/routing.conf"), path));
    /* A shell that went through the link says so. */
    ck_assert_int_eq(chdir(in_dir("now")), 0);
    setenv("PWD", in_dir("now"), 1);
    ck_assert(is_likely("routing.conf", path));
    setenv("PWD", "/", 1);
    ck_assert(!is_likely("routing.conf", path));
}
END_TEST

/* What is there already is not what it should be: the next place has to do, which is below /tmp. */
static void expect_elsewhere(void)
{
    const char *path = own(in_dir("a/routing.conf"));

    ck_assert_msg(strncmp(path, in_dir(""), strlen(in_dir(""))) != 0, "%s", path);
    ck_assert_str_ne(path, "");
    ck_assert(is_likely(in_dir("a/routing.conf"), path));
}

START_TEST(a_link_is_not_followed)
{
    ck_assert_int_eq(mkdir(in_dir("trap"), 0700), 0);
    ck_assert_int_eq(symlink("trap", in_dir("sluice")), 0);
    expect_elsewhere();
}
END_TEST

START_TEST(others_must_not_write)
{
    ck_assert_int_eq(mkdir(in_dir("sluice"), 0700), 0);
    ck_assert_int_eq(chmod(in_dir("sluice"), 0770), 0);
    expect_elsewhere();
}
END_TEST

START_TEST(a_file_is_no_directory)
{
    make_file("sluice");
    expect_elsewhere();
}
END_TEST

START_TEST(too_deep_a_directory_is_passed_over)
{
    char deep[200];

    snprintf(deep, sizeof deep, "%s/%0100d", dir, 1);
    ck_assert_int_eq(mkdir(deep, 0700), 0);
    setenv("XDG_RUNTIME_DIR", deep, 1);
    expect_elsewhere();
    setenv("XDG_RUNTIME_DIR", "relative", 1);
    expect_elsewhere();
}
END_TEST

/* Somebody has been in /tmp before us. Only a user whom nobody else is can leave that behind. */
START_TEST(a_trap_in_tmp_is_seen)
{
    char path[60];

    if (geteuid() < NOBODY_ELSE)
        return;
    unsetenv("XDG_RUNTIME_DIR");
    snprintf(path, sizeof path, "/tmp/sluice-%lu", (unsigned long)geteuid());
    ck_assert_int_eq(symlink(in_dir("a"), path), 0);
    ck_assert_str_eq(own(in_dir("a/routing.conf")), "");
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_str_ne(own(in_dir("a/routing.conf")), "");
}
END_TEST

START_TEST(a_path_of_its_own)
{
    struct config config = {.control = in_dir("here.sock")};
    struct control_path paths[CONTROL_PATHS_MAX];
    struct text why = {0};

    ck_assert_uint_eq(control_path_own("routing.conf", &config, paths, &why), 1);
    ck_assert_str_eq(paths[0].path, config.control);
    ck_assert_uint_eq(paths[0].owner, geteuid());
    ck_assert_uint_ge(control_path_likely("routing.conf", &config, paths), 1);
    ck_assert_str_eq(paths[0].path, config.control);
    text_free(&why);
}
END_TEST

START_TEST(names_are_known)
{
    ck_assert(control_path_is_name("0123456789abcdef0123456789abcdef.sock"));
    ck_assert(!control_path_is_name("0123456789abcdef0123456789abcdef"));
    ck_assert(!control_path_is_name("0123456789abcdef0123456789abcde.sock"));
    ck_assert(!control_path_is_name("0123456789abcdef0123456789abcdef0.sock"));
    ck_assert(!control_path_is_name("0123456789ABCDEF0123456789abcdef.sock"));
    ck_assert(!control_path_is_name(".."));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control_path");
    TCase *tcase = tcase_create("control_path");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, it_is_in_the_users_own_directory);
    tcase_add_test(tcase, any_name_of_the_file_will_do);
    tcase_add_test(tcase, a_link_may_lead_elsewhere_meanwhile);
    tcase_add_test(tcase, a_link_is_not_followed);
    tcase_add_test(tcase, others_must_not_write);
    tcase_add_test(tcase, a_file_is_no_directory);
    tcase_add_test(tcase, too_deep_a_directory_is_passed_over);
    tcase_add_test(tcase, a_trap_in_tmp_is_seen);
    tcase_add_test(tcase, a_path_of_its_own);
    tcase_add_test(tcase, names_are_known);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
