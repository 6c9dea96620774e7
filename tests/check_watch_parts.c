/*
 * tests/check_watch_parts: what --watch is made of, piece by piece: the ways to files, the files,
 * routing.conf as a plan, a build's output as lines of the log.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "suite.h"
#include "watch/build.h"
#include "watch/places.h"
#include "watch/plan.h"
#include "watch/tell.h"

static char top[] = "/tmp/check-watch-XXXXXX";

static void enter(void)
{
    ck_assert_ptr_nonnull(mkdtemp(top));
    ck_assert_int_eq(chdir(top), 0);
}

static void leave(void)
{
    char command[100];

    snprintf(command, sizeof command, "rm -r %s", top);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(system(command), 0);
}

static void put(const char *path, const char *content)
{
    FILE *file = fopen(path, "w");

    ck_assert_msg(file != NULL, "%s: %s", path, strerror(errno));
    fputs(content, file);
    fclose(file);
}

/* ---- Places --------------------------------------------------------------------------------- */

static struct places *watched(const char *path)
{
    struct places *places = places_new();

    ck_assert_ptr_nonnull(places);
    places_begin(places);
    ck_assert(places_file(places, path));
    places_end(places);
    ck_assert(!places_read(places));
    return places;
}

/* Where the name comes from changes nothing: each way leads through "dir". */
START_TEST(all_ways_to_a_file_are_seen)
{
    static const char *const ways[] = {"dir/file", "./dir//./file", "dir/../dir/file", "link/file",
                                       "named"};
    char whole[200];

    ck_assert_int_eq(mkdir("dir", 0755), 0);
    ck_assert_int_eq(symlink("dir", "link"), 0);
    ck_assert_int_eq(symlink("link/file", "named"), 0);
    put("dir/file", "");
    snprintf(whole, sizeof whole, "%s/link/../dir/file", top);
    for (size_t i = 0; i <= sizeof ways / sizeof *ways; i++) {
        struct places *places = watched(i < sizeof ways / sizeof *ways ? ways[i] : whole);

        put("dir/other", "");
        put("other", "");
        ck_assert(!places_read(places));
        put("dir/file", "x");
        ck_assert(places_read(places));
        ck_assert(!places_read(places));
        ck_assert_int_eq(rename("dir", "gone"), 0);
        ck_assert(places_read(places));
        ck_assert_int_eq(rename("gone", "dir"), 0);
        ck_assert(places_read(places));
        places_free(places);
    }
}
END_TEST

START_TEST(who_writes_is_known_until_he_closes)
{
    put("file", "");
    struct places *places = watched("file");
    int fd = open("file", O_WRONLY | O_CLOEXEC);

    ck_assert(!places_busy(places));
    ck_assert_int_eq(write(fd, "x", 1), 1);
    ck_assert(places_read(places));
    ck_assert(places_busy(places));
    places_begin(places); /* looking at the ways again does not forget it */
    ck_assert(places_file(places, "file"));
    places_end(places);
    ck_assert(places_busy(places));
    close(fd);
    ck_assert(places_read(places));
    ck_assert(!places_busy(places));
    fd = open("file", O_WRONLY | O_CLOEXEC);
    ck_assert_int_eq(write(fd, "x", 1), 1);
    ck_assert(places_read(places));
    ck_assert_int_eq(unlink("file"), 0); /* what he goes on writing is not there any more */
    ck_assert(places_read(places));
    ck_assert(!places_busy(places));
    close(fd);
    places_free(places);
}
END_TEST

START_TEST(what_is_not_wanted_any_more_is_let_go)
{
    struct places *places = watched("file");

    places_begin(places);
    ck_assert(places_file(places, "other"));
    places_end(places);
    put("file", "");
    ck_assert(!places_read(places));
    put("other", "");
    ck_assert(places_read(places));
    places_free(places);
}
END_TEST

START_TEST(ways_that_lead_nowhere_end)
{
    char longest[5000];

    ck_assert_int_eq(symlink("round", "a"), 0);
    ck_assert_int_eq(symlink("a", "round"), 0);
    ck_assert_int_eq(symlink("deep/deep/deep/x", "deep"), 0);
    put("file", "");
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    places_free(watched("round/file"));
    places_free(watched("deep"));
    places_free(watched("file/below"));
    places_free(watched("no/such/directory/file"));
    places_free(watched(""));
    places_free(watched("/"));
    places_free(watched(longest));
    longest[300] = '/'; /* a name that is too long */
    places_free(watched(longest + 4500));
    longest[4000] = '\0';
    places_free(watched(longest));
}
END_TEST

/* ---- The plan ------------------------------------------------------------------------------- */

static void put_site(void)
{
    ck_assert_int_eq(mkdir("so", 0755), 0);
    put("so/Makefile", "");
    put("so/a.c", "");
    put("so/b.hpp", "");
    put("so/.hidden.c", "");
    put("so/c.c~", "");
    put("so/#d.c#", "");
    put("so/notes.txt", "");
    put("Makefile", "");
    put("text", "");
    put("routing.conf", "consumers so\nset a @text\nws /a/ a.so\nws /b/ lib/b.so\nws /c/ c.so\n");
}

static unsigned count_changed(const struct file_set *set)
{
    struct text names = {0};
    unsigned more = 0, commas = 0;

    files_names(set, &names, &more);
    ck_assert_uint_eq(more, 0);
    for (size_t i = 0; i < names.size; i++)
        commas += names.data[i] == ',';
    unsigned count = names.size > 0 ? commas + 1 : 0;
    text_free(&names);
    return count;
}

START_TEST(plan_is_what_routing_conf_says)
{
    struct plan plan = {.file = "routing.conf"};

    put_site();
    ck_assert(plan_read(&plan));
    plan_look(&plan);
    ck_assert_uint_eq(count_changed(&plan.conf), 2);
    ck_assert_uint_eq(count_changed(&plan.objects), 0); /* none of the three is there */
    put("so/a.so", "");
    ck_assert(plan_look(&plan));
    ck_assert(!plan_look(&plan));
    ck_assert_uint_eq(count_changed(&plan.objects), 1);
    ck_assert(files_unfinished(&plan.objects, true));
    ck_assert(!files_unfinished(&plan.objects, false));
    files_accept(&plan.objects);
    ck_assert(!files_changed(&plan.objects));

    ck_assert_ptr_nonnull(plan.works);
    ck_assert_ptr_nonnull(plan.works->next); /* one in so, one beside routing.conf for lib */
    ck_assert_ptr_null(plan.works->next->next);
    struct work *so = plan.works->next;
    ck_assert_str_eq(work_command(so), "make -s");
    ck_assert_str_eq(work_directory(so), "so");
    ck_assert(!files_changed(&so->sources));
    put("so/a.c", "a");
    put("so/new.c", "");
    put("so/notes.txt", "more");
    ck_assert_int_eq(unlink("so/b.hpp"), 0);
    ck_assert(plan_look(&plan));
    ck_assert_uint_eq(count_changed(&so->sources), 3);

    put("routing.conf", "ws /a/ a.so\nwatch so build=./b\nwatch so\nwatch so lib\n");
    ck_assert(plan_read(&plan));
    unsigned works = 0;
    for (struct work *work = plan.works; work != NULL; work = work->next)
        works++;
    ck_assert_uint_eq(works, 3); /* the one that was there before, too */
    plan_free(&plan);
}
END_TEST

START_TEST(plan_that_cannot_be_read_stays)
{
    struct plan plan = {.file = "routing.conf"};

    put_site();
    ck_assert(plan_read(&plan));
    ck_assert_int_eq(unlink("routing.conf"), 0);
    ck_assert(plan_read(&plan));
    plan_look(&plan);
    put("so/a.so", "x");
    ck_assert(plan_look(&plan));
    ck_assert_uint_eq(count_changed(&plan.objects), 1);
    plan_free(&plan);
}
END_TEST

START_TEST(without_memory_nothing_leaks)
{
    unsigned long nth = 1, left;

    put_site();
    do {
        long before = mem_live();
        struct plan plan = {.file = "routing.conf"};
        struct places *places;

        mem_fail_at(nth++);
        plan_read(&plan);
        plan_look(&plan);
        places = places_new();
        if (places != NULL)
            plan_watch(&plan, places);
        places_free(places);
        plan_free(&plan);
        left = mem_fail_at(0);
        ck_assert_msg(mem_live() == before, "allocation %lu leaks", nth - 1);
    } while (left == 0);
    ck_assert_uint_gt(nth, 50);
}
END_TEST

START_TEST(pipe_is_not_waited_for)
{
    struct plan plan = {.file = "routing.conf"};

    ck_assert_int_eq(mkfifo("routing.conf", 0600), 0);
    ck_assert(plan_read(&plan));
    ck_assert_ptr_null(plan.works);
    plan_free(&plan);
}
END_TEST

/* ---- What is told --------------------------------------------------------------------------- */

static bool has_colours(const char *terminal, const char *no)
{
    setenv("TERM", terminal, 1);
    setenv("NO_COLOR", no, 1);
    return teller_of(LOG_PLAIN).colours;
}

START_TEST(colours_are_for_terminals)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY), before = dup(STDERR_FILENO);

    put("file", "");
    ck_assert_int_eq(dup2(open("file", O_RDWR), STDERR_FILENO), STDERR_FILENO);
    ck_assert(!has_colours("xterm", ""));
    ck_assert(grantpt(terminal) == 0 && unlockpt(terminal) == 0);
    ck_assert_int_eq(dup2(open(ptsname(terminal), O_RDWR | O_NOCTTY), STDERR_FILENO),
                     STDERR_FILENO);
    ck_assert(has_colours("xterm", ""));
    ck_assert(!teller_of(LOG_JSON).colours);
    ck_assert(!has_colours("xterm", "1"));
    ck_assert(!has_colours("dumb", ""));
    dup2(before, STDERR_FILENO);
}
END_TEST

START_TEST(long_lists_of_names_are_cut)
{
    struct file_set set = {0};
    struct text out = {0};

    put("a\033[2Jb.c", "");
    for (char name[] = "a_rather_long_name_0.c"; name[19] < '5'; name[19]++) {
        put(name, "");
        files_add(&set, name);
    }
    ck_assert(!describe_changed(&set, NULL, &out));
    ck_assert(files_look(&set));
    ck_assert(describe_changed(&set, NULL, &out));
    ck_assert_str_eq(out.data, "a_rather_long_name_0.c, a_rather_long_name_1.c and 3 more changed");
    files_accept(&set);
    text_free(&out);
    files_add(&set, "a\033[2Jb.c");
    files_look(&set);
    ck_assert(describe_changed(&set, NULL, &out));
    ck_assert_str_eq(out.data, "a?[2Jb.c changed");
    text_free(&out);
    files_free(&set);
}
END_TEST

/* ---- A build's output ----------------------------------------------------------------------- */

static void run_build(const char *command, int *status)
{
    struct event_base *base = event_base_new();
    struct build build = {0};

    ck_assert(build_start(&build, base, ".", command, true));
    while (!build_ended(&build, status)) {
        event_base_loop(base, EVLOOP_NONBLOCK);
        poll(NULL, 0, 2);
    }
    event_base_free(base);
}

static const char *said(const char *command)
{
    static char log[20000];
    int fd = open("log", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), status;

    log_set_format(LOG_JSON);
    log_set_output(fd);
    run_build(command, &status);
    log_set_output(STDERR_FILENO);
    ssize_t size = pread(fd, log, sizeof log - 1, 0);
    log[size > 0 ? size : 0] = '\0';
    close(fd);
    return log;
}

START_TEST(output_becomes_lines_of_the_log)
{
    const char *log = said("echo one; echo >&2 '\"two\"'; echo; printf three");

    ck_assert_ptr_nonnull(strstr(log, "\"event\":\"build.said\",\"text\":\"one\"}\n"));
    ck_assert_ptr_nonnull(strstr(log, "\"text\":\"\\\"two\\\"\"}\n"));
    ck_assert_ptr_nonnull(strstr(log, "\"text\":\"three\"}\n"));
}
END_TEST

/* More than a pipe holds, in one line, from somebody who does not wait. */
START_TEST(output_without_end_is_cut_in_lines)
{
    const char *log = said("head -c 10000 /dev/zero | tr '\\0' x");
    unsigned lines = 0;

    for (const char *at = log; (at = strstr(at, "build.said")) != NULL; at++)
        lines++;
    ck_assert_uint_eq(lines, 3);
}
END_TEST

START_TEST(status_of_a_build_is_told)
{
    int status;

    run_build("exit 3", &status);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    run_build("kill -KILL $$", &status);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    signal(SIGPIPE, SIG_IGN); /* as the server does: not so for what it starts */
    run_build("kill -PIPE $$", &status);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGPIPE);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, enter, leave);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("watch, its parts");
    TCase *tcase = add_case(suite, "places");

    tcase_add_test(tcase, all_ways_to_a_file_are_seen);
    tcase_add_test(tcase, who_writes_is_known_until_he_closes);
    tcase_add_test(tcase, what_is_not_wanted_any_more_is_let_go);
    tcase_add_test(tcase, ways_that_lead_nowhere_end);

    tcase = add_case(suite, "plan");
    tcase_add_test(tcase, plan_is_what_routing_conf_says);
    tcase_add_test(tcase, plan_that_cannot_be_read_stays);
    tcase_add_test(tcase, without_memory_nothing_leaks);
    tcase_add_test(tcase, pipe_is_not_waited_for);

    tcase = add_case(suite, "lines");
    tcase_add_test(tcase, colours_are_for_terminals);
    tcase_add_test(tcase, long_lists_of_names_are_cut);

    tcase = add_case(suite, "build");
    tcase_add_test(tcase, output_becomes_lines_of_the_log);
    tcase_add_test(tcase, output_without_end_is_cut_in_lines);
    tcase_add_test(tcase, status_of_a_build_is_told);
    return suite_run(suite);
}
