/*
 * tests/check_watch: what an author saves is loaded: `sluice run --watch`.
 *
 * That something is not done is seen by what comes after it: routing.conf is touched, and when the
 * server has taken that in, it has seen all that was before.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client.h"
#include "harness.h"
#include "watched.h"

static void serve_watched(const char *conf)
{
    server_option("--watch");
    serve(conf);
}

static void serve_old(void)
{
    put_plugin_as("reload_old", "version");
    serve_watched(CONF);
}

static void must_rename(const char *from, const char *to)
{
    ck_assert_msg(rename(in_dir(from), in_dir(to)) == 0, "%s: %s", from, strerror(errno));
}

static void pause_a_moment(void)
{
    poll(NULL, 0, 300);
}

/* ---- How files are replaced ----------------------------------------------------------------- */

static void copied(void)
{
    put_plugin_as("reload_new", "version");
}

static void renamed(void)
{
    put_plugin_as("reload_new", "other");
    must_rename("so/other.so", "so/version.so");
}

static void removed_and_made(void)
{
    ck_assert_int_eq(unlink(in_dir("so/version.so")), 0);
    put_plugin_as("reload_new", "version");
}

static void removed_for_a_while(void)
{
    ck_assert_int_eq(unlink(in_dir("so/version.so")), 0);
    pause_a_moment();
    put_plugin_as("reload_new", "version");
}

static void empty_for_a_while(void)
{
    put_file("so/version.so", "");
    pause_a_moment();
    put_plugin_as("reload_new", "version");
}

/* A linker that writes, thinks, and writes the rest. */
static void in_two_pieces(void)
{
    char data[65536];

    put_plugin_as("reload_new", "other");
    int from = open(in_dir("so/other.so"), O_RDONLY | O_CLOEXEC);
    int to = open(in_dir("so/version.so"), O_WRONLY | O_TRUNC | O_CLOEXEC);
    ssize_t size = read(from, data, 5000);
    ck_assert_int_eq(write(to, data, (size_t)size), size);
    pause_a_moment();
    while ((size = read(from, data, sizeof data)) > 0)
        ck_assert_int_eq(write(to, data, (size_t)size), size);
    close(from);
    close(to);
}

/* As vim does where it keeps a backup. */
static void with_a_backup(void)
{
    must_rename("so/version.so", "so/version.so~");
    put_plugin_as("reload_new", "version");
    ck_assert_int_eq(unlink(in_dir("so/version.so~")), 0);
}

static void linked(void)
{
    put_plugin_as("reload_new", "other");
    ck_assert_int_eq(unlink(in_dir("so/version.so")), 0);
    ck_assert_int_eq(link(in_dir("so/other.so"), in_dir("so/version.so")), 0);
}

static void linked_by_name(void)
{
    put_directory("v2");
    put_plugin_as("reload_new", "other");
    must_rename("so/other.so", "v2/version.so");
    ck_assert_int_eq(symlink("../v2/version.so", in_dir("so/version.new")), 0);
    must_rename("so/version.new", "so/version.so");
}

static void directory_made_anew(void)
{
    must_rename("so", "so.old");
    put_directory("so");
    put_plugin_as("reload_new", "version");
}

static void directory_gone_for_a_while(void)
{
    must_rename("so", "so.old");
    pause_a_moment();
    put_directory("so");
    pause_a_moment();
    put_plugin_as("reload_new", "version");
}

static void (*const habits[])(void) = {copied,
                                       renamed,
                                       removed_and_made,
                                       removed_for_a_while,
                                       empty_for_a_while,
                                       in_two_pieces,
                                       with_a_backup,
                                       linked,
                                       linked_by_name,
                                       directory_made_anew,
                                       directory_gone_for_a_while};

START_TEST(object_is_loaded_once_however_it_is_replaced)
{
    serve_old();
    habits[_i]();
    wait_lines(1, " version.so changed: ", " in ");
    expect_version("new");
    fence();
    ck_assert_uint_eq(log_count(" version.so"), 1);
    ck_assert_uint_eq(log_count("refused: "), 0);
}
END_TEST

/* "so" leads to a release, and then to the next one. */
START_TEST(directory_behind_a_symbolic_link_is_swapped)
{
    put_directory("so");
    put_plugin_as("reload_new", "version");
    must_rename("so", "v2");
    put_directory("v1");
    ck_assert_int_eq(symlink("v1", in_dir("so")), 0);
    serve_old();
    ck_assert_int_eq(symlink("v2", in_dir("so.new")), 0);
    must_rename("so.new", "so");
    wait_lines(1, " version.so changed: ", " in ");
    expect_version("new");
}
END_TEST

/* What it leads to may be replaced where it is. */
START_TEST(file_behind_a_symbolic_link_is_replaced)
{
    put_directory("so");
    put_directory("v1");
    put_plugin_as("reload_old", "version");
    must_rename("so/version.so", "v1/version.so");
    ck_assert_int_eq(symlink("../v1/version.so", in_dir("so/version.so")), 0);
    serve_watched(CONF);
    put_plugin_as("reload_new", "version"); /* cp follows the link */
    wait_lines(1, " version.so changed: ", " in ");
    expect_version("new");
    put_plugin_as("reload_old", "other");
    must_rename("so/other.so", "v1/version.so");
    wait_lines(2, " version.so changed: ", " in ");
    expect_version("old");
}
END_TEST

START_TEST(what_is_not_served_is_not_looked_at)
{
    serve_old();
    put_file("so/.version.so.swp", "an editor's");
    put_file("so/version.so~", "an editor's");
    put_file("so/4913", "");
    put_file(".routing.conf.swp", "an editor's");
    put_plugin_as("reload_new", "other");
    put_directory("so/version.so.d");
    fence();
    ck_assert_uint_eq(log_count("changed: "), 1);
    ck_assert_uint_eq(trace_count("old load"), 1);
}
END_TEST

START_TEST(same_bytes_are_no_new_code)
{
    serve_old();
    put_plugin_as("reload_old", "version");
    wait_lines(1, " version.so changed: it is the same as before", "");
    ck_assert_uint_eq(trace_count("old load"), 1);
}
END_TEST

START_TEST(object_that_does_not_load_is_refused_until_it_does)
{
    serve_old();
    put_file("so/version.so", "this is no object");
    wait_lines(1, " version.so changed: refused: 1 error, still serving ", "");
    ck_assert_uint_eq(log_count("error: cannot load \"version.so\": "), 1);
    expect_version("old");
    put_plugin_as("reload_new", "version");
    wait_lines(1, " version.so changed: ", " in ");
    expect_version("new");
}
END_TEST

/* What is refused for its mode is loaded when that has been mended. */
START_TEST(mode_is_looked_at_too)
{
    serve_old();
    put_plugin_as("reload_new", "other");
    ck_assert_int_eq(chmod(in_dir("so/other.so"), 0666), 0);
    must_rename("so/other.so", "so/version.so");
    wait_lines(1, " version.so changed: refused: 1 error", "");
    ck_assert_int_eq(chmod(in_dir("so/version.so"), 0644), 0);
    wait_lines(1, " version.so changed: ", " in ");
    expect_version("new");
}
END_TEST

START_TEST(patience_ends_with_who_leaves_a_file_open)
{
    serve_old();
    int fd = open(in_dir("so/version.so"), O_WRONLY | O_APPEND | O_CLOEXEC);
    put_plugin_as("reload_new", "version");
    ck_assert_int_eq(write(fd, "", 1), 1); /* and what is behind an object does no harm */
    wait_lines(1, " version.so changed: ", " in ");
    expect_version("new");
    close(fd);
}
END_TEST

/* More than the kernel keeps: what is lost is found by looking. */
START_TEST(more_happens_than_the_kernel_keeps)
{
    enum { MANY = 10000 }; /* times two; fs.inotify.max_queued_events is 16384 */

    serve_old();
    server_signal(SIGSTOP);
    for (int i = 0; i < MANY; i++) {
        utimensat(AT_FDCWD, in_dir("routing.conf"), NULL, 0);
        utimensat(AT_FDCWD, in_dir("so/version.so"), NULL, 0);
    }
    put_plugin_as("reload_new", "other");
    must_rename("so/other.so", "so/version.so");
    server_signal(SIGCONT);
    wait_lines(1, " routing.conf, version.so changed: ", " in ");
    expect_version("new");
}
END_TEST

/* From here on the system call fails so, in this process and those it starts. */
static bool fails(unsigned call, unsigned error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), /* the number of the call */
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof *filter, .filter = filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

START_TEST(system_without_inotify_is_asked_each_second)
{
    static const struct {
        unsigned call, error;
        const char *hint;
    } limits[] = {
        {SYS_inotify_init1, EMFILE, "fs.inotify.max_user_instances"},
        {SYS_inotify_add_watch, ENOSPC, "fs.inotify.max_user_watches"},
    };

    if (!fails(limits[_i].call, limits[_i].error))
        return; /* this kernel has no filters */
    serve_old();
    ck_assert_uint_eq(log_count(" warn watch.polls ", limits[_i].hint), 1);
    put_plugin_as("reload_new", "version");
    wait_lines(1, " version.so changed: ", " in ");
    expect_version("new");
    put_file("so/version.so", "this is no object");
    wait_lines(1, " version.so changed: refused", "");
}
END_TEST

/* ---- routing.conf --------------------------------------------------------------------------- */

START_TEST(routing_is_followed)
{
    serve_old();
    put_plugin("good");
    put_plugin_as("reload_new", "next");
    serve_conf("ws /version/ next.so\nws /good/ good.so\n");
    wait_lines(1, " routing.conf, next.so, good.so changed: ", " in ");
    expect_version("new");
    put_plugin_as("reload_old", "next");
    wait_lines(1, " next.so changed: ", " in ");
    expect_version("old");
    put_plugin_as("reload_new", "version"); /* which nobody serves any more */
    fence();
    ck_assert_uint_eq(log_count(" version.so"), 0);
}
END_TEST

START_TEST(routing_is_saved_by_an_editor)
{
    serve_old();
    must_rename("routing.conf", "routing.conf~");
    pause_a_moment();
    serve_conf("ws /version/ version.so\nws /more/ version.so\n");
    wait_lines(1, " routing.conf changed: ", " in ");
    serve_conf("ws /version/ version.so\n");
    must_rename("routing.conf", "new.conf");
    serve_conf("ws /nowhere/ version.so\n");
    must_rename("new.conf", "routing.conf");
    fence();
    fence(); /* the first may have met what stood there for a moment */
    expect_version("old");
    ck_assert_uint_eq(log_count("refused: "), 0);
}
END_TEST

START_TEST(mistake_is_told_and_nothing_changes)
{
    serve_old();
    serve_conf("ws /version/ version.so {\n limits mesage=4k\n}\n");
    wait_lines(1, " routing.conf changed: refused: 1 error, still serving ", "");
    ck_assert_uint_eq(log_count("routing.conf:6:9: error: unknown limit \"mesage\""), 1);
    expect_version("old");
    serve_conf("ws /version/ version.so {\n limits message=4k\n}\n");
    wait_lines(1, " routing.conf changed: ", " in ");
}
END_TEST

START_TEST(consumer_that_is_missing_is_awaited)
{
    serve_old();
    serve_conf("ws /version/ version.so\nws /late/ late.so\n");
    wait_lines(1, " routing.conf changed: refused: 1 error", "");
    put_plugin_as("reload_new", "late");
    wait_lines(1, " late.so changed: ", " in ");
    struct client client = client_open("/late/");
    client_leave(&client);
}
END_TEST

START_TEST(files_of_values_are_read_again)
{
    put_file("prefix.txt", "one");
    put_plugin_as("reload_old", "version");
    serve_watched("ws /version/ version.so {\n set prefix @prefix.txt\n}\n");
    put_file("prefix.txt", "two");
    wait_lines(1, " prefix.txt changed: ", " in ");
    ck_assert_int_eq(unlink(in_dir("prefix.txt")), 0);
    wait_lines(1, " prefix.txt changed: refused: 1 error", "");
    put_file("prefix.txt", "three");
    wait_lines(2, " prefix.txt changed: ", " in ");
}
END_TEST

START_TEST(lines_are_json_where_the_log_is)
{
    put_plugin_as("reload_old", "version");
    put_directory("src");
    server_option("--log-format=json");
    serve_watched("watch src build=\"echo 'it was built'\"\n" CONF);
    put_file("src/a.c", "a");
    wait_lines(1, "\"event\":\"watch\",\"what\":\"a.c changed\"", "");
    wait_lines(1, "\"event\":\"build.said\",\"text\":\"it was built\"}", "");
    put_plugin_as("reload_new", "version");
    wait_lines(1, "\"what\":\"version.so changed\",\"became\":\"done in ", "");
    put_file("so/version.so", "this is no object");
    wait_lines(1, "\"level\":\"error\"", "\"became\":\"refused: 1 error, still serving ");
    server_stop();
    for (const char *at = log_text(); *at != '\0'; at = strchr(at, '\n') + 1)
        must(*at == '{', "no object: %.100s", at);
}
END_TEST

START_TEST(supervised_server_watches_too)
{
    server_supervise();
    serve_old();
    put_plugin_as("reload_new", "version");
    wait_lines(1, " version.so changed: ", " in ");
    expect_version("new");
}
END_TEST

/* The line counts those who are in the new code, and those alone. */
START_TEST(moved_connections_are_counted)
{
    struct client one, two, other;

    put_plugin_as("reload_old", "version");
    put_plugin("good");
    serve_watched(CONF "ws /good/ good.so\n");
    one = client_open("/version/");
    two = client_open("/version/");
    other = client_open("/good/");
    put_plugin_as("reload_new", "version");
    wait_lines(1, " version.so changed: 2 connections moved in ", " ms");
    client_text(&one, "which");
    client_expect_text(&one, "new");
    client_leave(&one);
    client_leave(&two);
    client_leave(&other);
}
END_TEST

START_TEST(without_the_option_nothing_is_watched)
{
    put_plugin_as("reload_old", "version");
    serve("watch nowhere build=false\n" CONF);
    put_plugin_as("reload_new", "version");
    expect_version("old");
    server_reload();
    expect_version("new");
    ck_assert_uint_eq(log_count("nowhere"), 0);
    ck_assert_uint_eq(log_count("changed: "), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watch");
    TCase *tcase = harness_case(suite, "objects");

    tcase_add_loop_test(tcase, object_is_loaded_once_however_it_is_replaced, 0,
                        sizeof habits / sizeof *habits);
    tcase_add_test(tcase, directory_behind_a_symbolic_link_is_swapped);
    tcase_add_test(tcase, file_behind_a_symbolic_link_is_replaced);
    tcase_add_test(tcase, what_is_not_served_is_not_looked_at);
    tcase_add_test(tcase, same_bytes_are_no_new_code);
    tcase_add_test(tcase, object_that_does_not_load_is_refused_until_it_does);
    tcase_add_test(tcase, mode_is_looked_at_too);
    tcase_add_test(tcase, patience_ends_with_who_leaves_a_file_open);

    tcase = harness_case(suite, "the system");
    tcase_add_test(tcase, more_happens_than_the_kernel_keeps);
    tcase_add_loop_test(tcase, system_without_inotify_is_asked_each_second, 0, 2);

    tcase = harness_case(suite, "routing.conf");
    tcase_add_test(tcase, routing_is_followed);
    tcase_add_test(tcase, routing_is_saved_by_an_editor);
    tcase_add_test(tcase, mistake_is_told_and_nothing_changes);
    tcase_add_test(tcase, consumer_that_is_missing_is_awaited);
    tcase_add_test(tcase, files_of_values_are_read_again);
    tcase_add_test(tcase, without_the_option_nothing_is_watched);

    tcase = harness_case(suite, "what is told");
    tcase_add_test(tcase, lines_are_json_where_the_log_is);
    tcase_add_test(tcase, supervised_server_watches_too);
    tcase_add_test(tcase, moved_connections_are_counted);
    return harness_run(suite);
}
