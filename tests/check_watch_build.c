/*
 * tests/check_watch_build: sources that change are built first: `sluice run --watch`.
 *
 * The compiler of these tests is cp: a source holds the name of the plugin that is "built" of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client.h"
#include "harness.h"
#include "watched.h"

/* A Makefile in `directory` that makes so/version.so of version.c; what it is built of must exist,
 * and `before` are commands that come first. */
static void put_makefile(const char *directory, const char *before)
{
    char name[100], text[1000];

    put_plugin_as("reload_old", "plugins/reload_old");
    put_plugin_as("reload_new", "plugins/reload_new");
    snprintf(name, sizeof name, "%s/Makefile", directory);
    snprintf(text, sizeof text,
             "%s/version.so: version.c\n%s"
             "\t@cp %s/`cat version.c`.so $@.new && mv $@.new $@\n",
             in_dir("so"), before, in_dir("so/plugins"));
    put_file(name, text);
}

static void serve_made(const char *directory, const char *before, const char *conf)
{
    put_directory(directory);
    put_directory("so/plugins");
    put_makefile(directory, before);
    put_plugin_as("reload_old", "version");
    server_option("--watch");
    serve(conf);
}

START_TEST(makefile_among_the_consumers_is_used)
{
    serve_made("so", "", CONF);
    put_file("so/version.c", "reload_new");
    wait_lines(1, " version.c changed: make -s", "");
    wait_lines(1, " version.so changed: ", " in ");
    expect_version("new");
    fence();
    ck_assert_uint_eq(log_count(" version.so"), 1);
    ck_assert_uint_eq(log_count("make -s"), 1);
}
END_TEST

START_TEST(makefile_beside_routing_conf_is_used)
{
    serve_made(".", "", CONF);
    put_file("version.c", "reload_new");
    wait_lines(1, " version.c changed: make -s", "");
    wait_lines(1, " version.so changed: ", " in ");
    expect_version("new");
    put_file("so/version.h", "what it may include"); /* among the consumers, who have no own one */
    wait_lines(1, " version.h changed: make -s", "");
    wait_lines(1, " built: nothing new to load", "");
}
END_TEST

START_TEST(makefile_that_comes_is_used)
{
    put_plugin_as("reload_old", "version");
    server_option("--watch");
    serve(CONF);
    put_file("so/version.c", "nothing builds it");
    fence();
    ck_assert_uint_eq(log_count("version.c"), 0);
    put_directory("so/plugins");
    put_makefile("so", "");
    fence();
    put_file("so/version.c", "reload_new");
    wait_lines(1, " version.so changed: ", " in ");
    expect_version("new");
}
END_TEST

START_TEST(compilers_errors_are_shown)
{
    serve_made("so", "\t@grep -q reload version.c || { echo version.c:1: error: no; exit 3; }\n",
               CONF);
    put_file("so/version.c", "nonsense");
    wait_lines(1, " make -s: failed with status 2, still serving ", "");
    ck_assert_uint_eq(log_count("version.c:1: error: no"), 1);
    expect_version("old");
    put_file("so/version.c", "reload_new");
    wait_lines(1, " version.so changed: ", " in ");
    expect_version("new");
    ck_assert_uint_eq(log_count("version.so changed"), 1);
}
END_TEST

/* What editors do to a source. */
START_TEST(source_is_saved_by_an_editor)
{
    serve_made("so", "", CONF);
    put_file("so/version.c", "reload_old");
    wait_lines(1, " version.so changed: ", "");
    put_file("so/.version.c.swp", "");
    put_file("so/#version.c#", "");
    ck_assert_int_eq(rename(in_dir("so/version.c"), in_dir("so/version.c~")), 0);
    put_file("so/version.c", "reload_new");
    ck_assert_int_eq(unlink(in_dir("so/.version.c.swp")), 0);
    wait_lines(2, " version.so changed: ", "");
    expect_version("new");
    put_file("so/version.tmp", "reload_old");
    ck_assert_int_eq(rename(in_dir("so/version.tmp"), in_dir("so/version.c")), 0);
    wait_lines(3, " version.so changed: ", "");
    expect_version("old");
    put_file("so/notes.txt", "no source");
    fence();
    ck_assert_uint_eq(log_count(" version.c changed: make -s"), 3);
    ck_assert_uint_eq(log_count(": make -s"), 3);
}
END_TEST

#define SCRIPT_CONF "watch src lib build=\"sh ./build\"\n" CONF

/* A build that is a script, in src; the directive says so. */
static void serve_script(const char *script)
{
    put_directory("src");
    put_directory("lib");
    put_file("src/build", script);
    put_file("src/a.c", "");
    put_plugin_as("reload_old", "version");
    put_plugin_as("reload_new", "new");
    server_option("--watch");
    serve(SCRIPT_CONF);
}

START_TEST(directive_says_what_is_built)
{
    serve_script("echo building in `basename $PWD`; cp ../so/new.so ../so/version.so");
    put_file("lib/a.hpp", "a");
    wait_lines(1, " a.hpp changed: sh ./build", "");
    wait_lines(1, " version.so changed: ", " in ");
    expect_version("new");
    wait_lines(1, "building in src", "");
    ck_assert_int_eq(unlink(in_dir("lib/a.hpp")), 0);
    wait_lines(2, " a.hpp changed: sh ./build", "");
}
END_TEST

START_TEST(directive_is_followed)
{
    serve_script("echo one");
    serve_conf("watch src build=\"echo two\"\n" CONF);
    wait_lines(1, " routing.conf changed: ", " in ");
    put_file("lib/a.c", "not looked at any more");
    put_file("src/a.c", "a");
    wait_lines(1, " a.c changed: echo two", "");
    serve_conf("watch nowhere build=\"echo three\"\n" CONF);
    wait_lines(2, " routing.conf changed: ", " in ");
    put_directory("nowhere"); /* it may come later */
    put_file("nowhere/a.c", "a");
    wait_lines(1, " a.c changed: echo three", "");
    ck_assert_uint_eq(log_count("./build"), 0);
}
END_TEST

START_TEST(build_that_cannot_be_run)
{
    serve_script("");
    serve_conf("watch nowhere src build=\"echo two\"\n" CONF);
    wait_lines(1, " routing.conf changed: ", " in ");
    put_file("src/a.c", "a");
    wait_lines(1, " echo two: can't be run in nowhere: No such file", "");
    expect_version("old");
}
END_TEST

/* It waits until something is written to src/gate. */
#define SLOW "echo begun; read gate <gate; echo ended $gate; cp ../so/new.so ../so/version.so"

static void serve_slow(void)
{
    put_directory("src");
    ck_assert_int_eq(mkfifo(in_dir("src/gate"), 0600), 0);
    serve_script(SLOW);
}

static void let_through(const char *word)
{
    put_file("src/gate", word); /* waits until it is read */
}

START_TEST(change_during_a_build_begins_another)
{
    serve_slow();
    put_file("src/a.c", "one");
    lines_wait("log", 1, (const char *const[]){"begun\n", NULL});
    put_file("src/a.c", "two");
    let_through("first\n");
    lines_wait("log", 1, (const char *const[]){"ended first\n", NULL});
    wait_lines(2, " a.c changed: sh ./build", "");
    let_through("second\n");
    lines_wait("log", 1, (const char *const[]){"ended second\n", NULL});
    wait_lines(1, " version.so changed: ", " in ");
    fence();
    ck_assert_uint_eq(log_count(": sh ./build"), 2);
    ck_assert_uint_eq(log_count(" version.so changed"), 1);
}
END_TEST

START_TEST(object_is_not_loaded_while_a_build_runs)
{
    serve_slow();
    put_file("src/a.c", "one");
    lines_wait("log", 1, (const char *const[]){"begun\n", NULL});
    put_plugin_as("reload_new", "version");
    ck_assert_int_eq(utimensat(AT_FDCWD, in_dir("routing.conf"), NULL, 0), 0);
    server_reload(); /* but whoever asks for it has it */
    expect_version("new");
    ck_assert_uint_eq(log_count(" version.so"), 0);
    let_through("it\n");
    wait_lines(1, " routing.conf, version.so changed: ", " in ");
}
END_TEST

START_TEST(what_a_failed_build_made_waits_for_a_good_one)
{
    serve_script("cp ../so/new.so ../so/version.so; grep good a.c");
    put_file("src/a.c", "bad");
    wait_lines(1, " sh ./build: failed with status 1", "");
    expect_version("old");
    put_file("src/build", "exit 0"); /* no source, by its name */
    put_file("src/a.c", "good");
    wait_lines(2, " a.c changed: sh ./build", "");
    wait_lines(1, " what was built before: ", " in ");
    expect_version("new");
}
END_TEST

START_TEST(build_that_writes_its_sources_as_they_were_runs_once)
{
    serve_script("cp a.c t; mv t a.c; echo '#define A' >a.h; cp ../so/new.so ../so/version.so");
    put_file("src/a.h", "#define A\n");
    wait_lines(1, " version.so changed: ", " in ");
    put_file("src/b.c", "");
    wait_lines(1, " b.c changed: sh ./build", "");
    wait_lines(1, " version.so changed: it is the same", "");
    fence();
    ck_assert_uint_eq(log_count(": sh ./build"), 2);
}
END_TEST

START_TEST(build_that_makes_other_sources_each_time_is_not_run_for_ever)
{
    serve_script("echo >>a.c");
    put_file("src/b.c", "");
    wait_lines(1, " a.c changed: in each of 6 builds, so it begins no other", "");
    fence();
    ck_assert_uint_eq(log_count(": sh ./build"), 6);
    put_file("src/b.c", "b"); /* the next change begins anew */
    wait_lines(2, " a.c changed: in each of 6 builds", "");
}
END_TEST

/* What a build has started ends with it. */
START_TEST(stop_ends_a_build)
{
    char text[20] = "";
    FILE *file;

    serve_script("trap : TERM; sh -c 'echo $$ >pid; echo begun; exec sleep 1000'; sleep 1000");
    put_file("src/a.c", "a");
    lines_wait("log", 1, (const char *const[]){"begun\n", NULL});
    file = fopen(in_dir("src/pid"), "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
    fclose(file);
    ck_assert_int_eq(kill(atoi(text), 0), 0);
    server_stop();
    AWAIT(kill(atoi(text), 0) < 0 && errno == ESRCH);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watch, builds");
    TCase *tcase = harness_case(suite, "makefiles");

    unsetenv("MAKEFLAGS"); /* of the make that runs the tests */
    unsetenv("MAKELEVEL");
    unsetenv("MFLAGS");
    tcase_add_test(tcase, makefile_among_the_consumers_is_used);
    tcase_add_test(tcase, makefile_beside_routing_conf_is_used);
    tcase_add_test(tcase, makefile_that_comes_is_used);
    tcase_add_test(tcase, compilers_errors_are_shown);
    tcase_add_test(tcase, source_is_saved_by_an_editor);

    tcase = harness_case(suite, "watch lines");
    tcase_add_test(tcase, directive_says_what_is_built);
    tcase_add_test(tcase, directive_is_followed);
    tcase_add_test(tcase, build_that_cannot_be_run);

    tcase = harness_case(suite, "builds");
    tcase_add_test(tcase, change_during_a_build_begins_another);
    tcase_add_test(tcase, object_is_not_loaded_while_a_build_runs);
    tcase_add_test(tcase, what_a_failed_build_made_waits_for_a_good_one);
    tcase_add_test(tcase, build_that_writes_its_sources_as_they_were_runs_once);
    tcase_add_test(tcase, build_that_makes_other_sources_each_time_is_not_run_for_ever);
    tcase_add_test(tcase, stop_ends_a_build);
    return harness_run(suite);
}
