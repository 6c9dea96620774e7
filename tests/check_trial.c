/*
 * Tests of trial, history and plugin/snapshot: new code that crashes within its probation is taken
 * back, and refused when it comes again; what served goes on.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "harness.h"

#define BOTH "ws /a/ a.so\nws /b/ b.so\n"

/* What answers at this path: "old", "new", or itself ("?") where it is the one that crashes. */
static void expect_version(const char *path, const char *version)
{
    struct client client = client_open(path);

    client_text(&client, "?");
    client_expect_text(&client, version);
    client_leave(&client);
}

static void crash(const char *path)
{
    struct client client = client_open(path);

    client_text(&client, "write");
    client_drain(&client);
    client_hang_up(&client);
}

/* Two consumers that do well, and a supervisor. */
static void serve_both(const char *first)
{
    put_plugin_as("version_old", "a");
    put_plugin_as("version_old", "b");
    server_supervise();
    serve_with(first, BOTH);
}

static void change_conf(const char *first, const char *conf)
{
    char text[512];

    snprintf(text, sizeof text, "listen 127.0.0.1:0\n%scache cache\nconsumers so\n%s", first, conf);
    put_file("routing.conf", text);
}

#define TAKEN_BACK " reload.taken_back "

/* Waits for the nth server; the one before it has crashed. */
static void goes_on(unsigned nth)
{
    ck_assert_int_ne(server_child(nth), server_child(nth - 1));
}

START_TEST(code_that_crashes_is_taken_back)
{
    serve_both("loops 2\n");
    put_plugin_as("crashes", "a");
    server_reload();
    expect_version("/a/", "?");
    crash("/a/");
    goes_on(2);
    expect_version("/a/", "old");
    log_wait(TAKEN_BACK "why=SIGSEGV consumer=a.so generation=", " mount=/a/ callback=receive\n");
    ck_assert_uint_eq(log_count(" server.restarting in_ms=0\n"), 1);

    server_reload_refused();
    log_wait("routing.conf:5:8: error: cannot load \"a.so\": these bytes crashed within their "
             "probation at ");
    expect_version("/a/", "old");

    put_plugin_as("version_new", "a");
    server_reload();
    expect_version("/a/", "new");
    expect_version("/b/", "old");
}
END_TEST

/* What else was new is not to blame: it comes with the next reload. */
START_TEST(only_what_crashed_is_refused)
{
    serve_both("loops 2\n");
    put_plugin_as("crashes", "a");
    put_plugin_as("version_new", "b");
    server_reload();
    crash("/a/");
    goes_on(2);
    expect_version("/b/", "old");
    put_plugin_as("version_old", "a");
    server_reload();
    expect_version("/b/", "new");
}
END_TEST

/* Where nobody knows who did it, it is all that was new, together. */
START_TEST(what_was_new_together_is_refused_together)
{
    serve_both("loops 2\n");
    put_plugin_as("version_new", "a");
    put_plugin_as("version_new", "b");
    server_reload();
    ck_assert_int_eq(kill(server_child(1), SIGKILL), 0);
    goes_on(2);
    log_wait(TAKEN_BACK "why=SIGKILL\n");
    expect_version("/a/", "old");
    server_reload_refused();
    log_wait("error: cannot load \"a.so\": these bytes crashed");
}
END_TEST

START_TEST(routing_conf_is_taken_back)
{
    serve_both("loops 2\n");
    change_conf("loops 2\n", "ws /else/ a.so\n" BOTH);
    server_reload();
    expect_version("/else/", "old");
    ck_assert_int_eq(kill(server_child(1), SIGKILL), 0);
    goes_on(2);
    log_wait(TAKEN_BACK);
    ck_assert_uint_eq(ask_to_open("/else/", ""), 404);
    server_reload_refused();
    log_wait("routing.conf: error: with this text the server crashed within its probation at ");
    change_conf("loops 2\n", "# mended\nws /else/ a.so\n" BOTH);
    server_reload();
    expect_version("/else/", "old");
}
END_TEST

/* Files may have changed since: what served is what goes on, with the paths of the real file. */
START_TEST(what_served_goes_on_and_not_what_is_there)
{
    put_directory("pages");
    put_file("pages/page", "page");
    put_plugin_as("version_old", "a");
    server_supervise();
    serve("ws /a/ a.so\nhttp /pages/ dir=pages\n");
    change_conf("loops 2\n", "ws /a/ a.so\nhttp /pages/ dir=pages\n# probation is over\n");
    server_reload();
    put_plugin_as("version_new", "a");
    put_file("routing.conf", "nonsense\n");
    ck_assert_int_eq(kill(server_child(1), SIGKILL), 0);
    goes_on(2);
    expect_version("/a/", "old");
    ck_assert_uint_eq(ask_for("/pages/page"), 200);
    server_reload_refused();
    log_wait("routing.conf:1:1: error: ");
}
END_TEST

START_TEST(after_its_probation_it_is_kept)
{
    serve_both("loops 2\nreload probation=off\n");
    put_plugin_as("crashes", "a");
    server_reload();
    crash("/a/");
    goes_on(2);
    expect_version("/a/", "?");
    server_reload();
    ck_assert_uint_eq(log_count(TAKEN_BACK), 0);
}
END_TEST

/* There is nothing to go back to: until it is mended and reloaded, it has to do. */
START_TEST(the_first_is_served_again)
{
    put_plugin_as("crashes", "a");
    server_supervise();
    serve("ws /a/ a.so\n");
    crash("/a/");
    goes_on(2);
    expect_version("/a/", "?");
    put_plugin_as("version_new", "a");
    server_reload();
    expect_version("/a/", "new");
    ck_assert_uint_eq(log_count(TAKEN_BACK), 0);
}
END_TEST

/* One reload after the other, each of them good so far; the first of them was not. */
START_TEST(goes_back_further_where_that_does_not_do)
{
    serve_both("loops 2\n");
    put_plugin_as("crashes", "a");
    server_reload();
    put_plugin_as("version_new", "b");
    server_reload();
    crash("/a/");
    goes_on(2);
    expect_version("/a/", "?");
    expect_version("/b/", "old");
    crash("/a/");
    goes_on(3);
    expect_version("/a/", "old");
    ck_assert_uint_eq(log_count(TAKEN_BACK), 2);
}
END_TEST

START_TEST(a_crash_in_load_is_taken_back)
{
    serve_both("loops 2\n");
    put_plugin_as("load_crashes", "a");
    server_signal(SIGHUP);
    goes_on(2);
    log_wait(TAKEN_BACK "why=SIGABRT consumer=a.so ", " callback=load\n");
    expect_version("/a/", "old");
    server_reload_refused();
    log_wait("error: cannot load \"a.so\": these bytes crashed");
}
END_TEST

/* A reload that is refused is no state to go back from; one that changes nothing neither. */
START_TEST(only_what_serves_is_tried)
{
    serve_both("loops 2\n");
    server_reload();
    put_plugin_as("load_false", "a");
    server_reload_refused();
    ck_assert_int_eq(kill(server_child(1), SIGKILL), 0);
    goes_on(2);
    ck_assert_uint_eq(log_count(TAKEN_BACK), 0);
}
END_TEST

/* Somebody has cleaned up the cache: what is there has to do, and nothing is lost by that alone. */
START_TEST(without_its_snapshot_it_reads_what_is_there)
{
    char command[256];

    serve_both("loops 2\n");
    snprintf(command, sizeof command, "rm -r %s", in_dir("cache"));
    ck_assert_int_eq(system(command), 0);
    change_conf("loops 2\n", "ws /else/ a.so\n" BOTH);
    server_reload();
    log_wait(" snapshot.failed ");
    ck_assert_int_eq(kill(server_child(1), SIGKILL), 0);
    log_wait(" snapshot.lost ");
    goes_on(2);
    expect_version("/else/", "old");
}
END_TEST

/* What was kept needs a directory that is gone: then what is there is tried, as often. */
START_TEST(what_can_not_be_started_any_more_is_left)
{
    put_directory("pages");
    put_plugin_as("version_old", "a");
    server_supervise();
    serve("ws /a/ a.so\nhttp /pages/ dir=pages\n");
    ck_assert_int_eq(rmdir(in_dir("pages")), 0);
    change_conf("loops 2\n", "ws /a/ a.so\n");
    ck_assert_int_eq(kill(server_child(1), SIGKILL), 0);
    log_wait("error: cannot open directory \"pages\"");
    goes_on(2);
    expect_version("/a/", "old");
    ck_assert_uint_eq(log_count(TAKEN_BACK), 0);
}
END_TEST

static unsigned snapshots(void)
{
    char command[256];
    unsigned count = 0;
    FILE *found;

    snprintf(command, sizeof command, "ls -d %s/sluice/*/list 2>/dev/null | wc -l",
             in_dir("cache"));
    found = popen(command, "r");
    ck_assert_ptr_nonnull(found);
    ck_assert_int_eq(fscanf(found, "%u", &count), 1);
    pclose(found);
    return count;
}

START_TEST(nothing_is_left)
{
    unsigned descriptors;

    serve_both("loops 2\nreload probation=off\n");
    AWAIT(server_files("/lock") == 1); /* the supervisor has all that it was told of */
    descriptors = server_descriptors();
    for (unsigned i = 0; i < 10; i++) {
        put_plugin_as(i % 2 == 0 ? "version_new" : "version_old", "a");
        server_reload();
    }
    AWAIT(snapshots() == 1 && server_descriptors() == descriptors);
    ck_assert_int_eq(kill(server_child(1), SIGKILL), 0);
    goes_on(2);
    expect_version("/a/", "old");
    server_stop();
    ck_assert_uint_eq(snapshots(), 0);
    ck_assert_uint_eq(cache_files(), 0);
}
END_TEST

START_TEST(a_row_of_reloads_is_bounded)
{
    serve_both("loops 2\n");
    for (unsigned i = 0; i < 20; i++) {
        put_plugin_as(i % 2 == 0 ? "version_new" : "version_old", "a");
        server_reload();
    }
    AWAIT(snapshots() == 8);
    server_signal(SIGKILL); /* the supervisor: its server removes what is left */
    server_wait_killed(SIGKILL);
    AWAIT(snapshots() == 0 && cache_files() == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trial");
    TCase *back = harness_case(suite, "back");
    TCase *tries = harness_case(suite, "tries");
    const struct rlimit no_core = {0, 0};
    const char *sanitize = getenv("SANITIZE");

    setrlimit(RLIMIT_CORE, &no_core);
    if (sanitize == NULL || *sanitize == '\0') { /* those end the process in their own way */
        tcase_add_test(back, code_that_crashes_is_taken_back);
        tcase_add_test(back, only_what_crashed_is_refused);
        tcase_add_test(back, a_crash_in_load_is_taken_back);
        tcase_add_test(back, after_its_probation_it_is_kept);
        tcase_add_test(back, the_first_is_served_again);
        tcase_add_test(back, goes_back_further_where_that_does_not_do);
    }
    tcase_add_test(back, what_was_new_together_is_refused_together);
    tcase_add_test(back, routing_conf_is_taken_back);
    tcase_add_test(tries, what_served_goes_on_and_not_what_is_there);
    tcase_add_test(tries, only_what_serves_is_tried);
    tcase_add_test(tries, without_its_snapshot_it_reads_what_is_there);
    tcase_add_test(tries, what_can_not_be_started_any_more_is_left);
    tcase_add_test(tries, nothing_is_left);
    tcase_add_test(tries, a_row_of_reloads_is_bounded);
    return harness_run(suite);
}
