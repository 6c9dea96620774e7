/*
 * Tests of plugin/probe: what is found out in a process of its own, and what is done without one.
 */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "plugin/probe.h"
#include "plugin_fixture.h"
#include "suite.h"

enum { PATIENCE_MS = 60000 };

/* The program that was built, which knows `probe FILE`. */
static const char *program(void)
{
    static char path[4096];
    const char *given = getenv("SLUICE"), *build = getenv("abs_top_builddir");

    snprintf(path, sizeof path, "%s/sluice", build != NULL ? build : ".");
    return given != NULL ? given : path;
}

static struct plugin_cache *open_probing(const char *by)
{
    struct plugin_cache *cache = open_cache();

    plugin_cache_probe_by(cache, by, PATIENCE_MS);
    return cache;
}

START_TEST(what_is_well_passes)
{
    struct plugin_cache *cache = open_probing(program());

    end_generation(cache, open_good(cache, built_plugin("good")));
    end_generation(cache, open_good(cache, built_plugin("check_closes")));
    ck_assert_str_eq(trace_left(), "");
    plugin_cache_close(cache);
}
END_TEST

static const struct {
    const char *plugin, *message, *hint;
} bad[] = {
    {"constructor_exits", "loading it ends the process with status 0",
     "look at what runs before it is used: its constructors, and those of the libraries it links "
     "to"},
    {"check_false", "its check() returned false", "what it printed or logged may say why"},
    {"check_exits", "its check() ends the process with status 0",
     "what it printed or logged may say why"},
};

START_TEST(what_is_not_is_refused)
{
    struct plugin_cache *cache = open_probing(program());

    check_refused(cache, built_plugin(bad[_i].plugin), bad[_i].message, bad[_i].hint);
    plugin_cache_close(cache);
}
END_TEST

START_TEST(deadline_is_each_steps_own)
{
    struct probe probe = {.program = program(), .deadline_ms = 100};
    struct plugin_fault fault;

    ck_assert_int_eq(probe_try(&probe, built_plugin("constructor_hangs"), &fault), PROBE_REFUSED);
    ck_assert_str_eq(fault.message, "loading it does not end within 100 ms");
}
END_TEST

static void *give_up(void *context)
{
    usleep(20000);
    plugin_cache_give_up(context);
    return NULL;
}

START_TEST(given_up_from_another_thread)
{
    struct plugin_cache *cache = open_probing(program());
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, give_up, cache), 0);
    check_refused(cache, built_plugin("constructor_hangs"), "the server stops", "");
    pthread_join(thread, NULL);
    plugin_cache_close(cache);
}
END_TEST

/* A check that its author wants is not left out; constructors are tried here then. */
START_TEST(without_a_process)
{
    struct plugin_cache *cache = open_probing(in_scratch("nowhere"));

    log_threshold = LOG_ERROR;
    end_generation(cache, open_good(cache, built_plugin("good")));
    check_refused(cache, built_plugin("check_closes"), "there is no process to call its check() in",
                  "");
    plugin_cache_close(cache);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin, probe");
    TCase *tcase = tcase_create("probe");

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, fixture_set_up, fixture_tear_down);
    tcase_add_test(tcase, what_is_well_passes);
    tcase_add_loop_test(tcase, what_is_not_is_refused, 0, sizeof bad / sizeof *bad);
    tcase_add_test(tcase, deadline_is_each_steps_own);
    tcase_add_test(tcase, given_up_from_another_thread);
    tcase_add_test(tcase, without_a_process);
    return suite_run(suite);
}
