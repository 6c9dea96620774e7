/*
 * Tests of history: what is good, what is on probation and what is taken back, by a clock that the
 * test sets.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "suite.h"
#include "supervise/history.h"

enum { PROBATION = 1000 };

static char top[64];
static struct history history;

static void setup(void)
{
    strcpy(top, "/tmp/check-history-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(top));
    clock_freeze(1000000);
    history = (struct history){.count = 0};
}

static void teardown(void)
{
    history_free(&history);
    ck_assert_int_eq(rmdir(top), 0); /* what it kept is gone */
    clock_thaw();
}

static char *path_of(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", top, name);
    return mem_strdup(path);
}

/* A snapshot is a directory with files in it, as far as this room cares. */
static void try(const char *name)
{
    char *path = path_of(name), lock[160];
    int fd;

    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(lock, sizeof lock, "%s/lock", path);
    fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    history_try(&history, path, fd, PROBATION);
}

static void serve(const char *name)
{
    try(name);
    history_serve(&history);
}

static bool is_there(const char *name)
{
    char *path = path_of(name);
    bool there = access(path, F_OK) == 0;

    mem_free(path);
    return there;
}

static void expect_newest(const char *name)
{
    const char *newest = history_newest(&history);

    ck_assert_ptr_nonnull(newest);
    ck_assert_str_eq(strrchr(newest, '/') + 1, name);
}

static void expect_bad(const struct bad *bad, const char *name)
{
    ck_assert_ptr_nonnull(bad);
    ck_assert_str_eq(strrchr(bad->state.path, '/') + 1, name);
    ck_assert(is_there(name));
}

START_TEST(an_empty_one_starts_from_what_is_there)
{
    ck_assert_ptr_null(history_newest(&history));
    ck_assert_ptr_null(history_crash(&history, NULL));
    ck_assert_uint_eq(history_next(&history), 0);
}
END_TEST

START_TEST(the_first_is_served_again)
{
    serve("a");
    ck_assert_ptr_null(history_crash(&history, NULL));
    expect_newest("a");
}
END_TEST

START_TEST(what_passes_its_probation_is_the_last_good)
{
    serve("a");
    serve("b");
    ck_assert_uint_eq(history_next(&history), clock_now() + PROBATION);
    clock_advance(PROBATION - 1);
    history_settle(&history);
    ck_assert(is_there("a"));
    clock_advance(1);
    history_settle(&history);
    ck_assert(!is_there("a"));
    ck_assert_uint_eq(history_next(&history), 0);
    ck_assert_ptr_null(history_crash(&history, NULL));
    expect_newest("b");
}
END_TEST

START_TEST(what_does_not_is_bad)
{
    unsigned char digest[DIGEST_SIZE] = {1, 2, 3};
    const struct bad *bad;

    serve("a");
    serve("b");
    clock_advance(PROBATION - 1);
    bad = history_crash(&history, digest);
    expect_bad(bad, "b");
    ck_assert(bad->blamed);
    ck_assert_mem_eq(bad->digest, digest, DIGEST_SIZE);
    expect_newest("a");
}
END_TEST

START_TEST(a_candidate_is_bad_however_long_it_takes)
{
    serve("a");
    try("b");
    clock_advance(100 * PROBATION);
    expect_bad(history_crash(&history, NULL), "b");
    expect_newest("a");
}
END_TEST

START_TEST(a_candidate_that_is_dropped_is_nothing)
{
    serve("a");
    try("b");
    history_drop(&history);
    ck_assert(!is_there("b"));
    history_drop(&history); /* what serves is none */
    expect_newest("a");
}
END_TEST

START_TEST(goes_back_one_by_one)
{
    serve("a");
    serve("b");
    serve("c");
    expect_bad(history_crash(&history, NULL), "c");
    expect_newest("b");
    clock_advance(PROBATION - 1);
    history_serve(&history); /* again: its probation begins anew */
    clock_advance(PROBATION - 1);
    expect_bad(history_crash(&history, NULL), "b");
    expect_newest("a");
    ck_assert_uint_eq(history.bad_count, 2);
}
END_TEST

START_TEST(what_is_good_is_not_tried_again)
{
    serve("a");
    serve("b");
    clock_advance(PROBATION);
    history_serve(&history);
    ck_assert_ptr_null(history_crash(&history, NULL));
    expect_newest("b");
}
END_TEST

START_TEST(as_many_as_are_remembered)
{
    char name[8];

    for (unsigned i = 0; i < HISTORY_MAX + 2; i++) {
        snprintf(name, sizeof name, "%u", i);
        serve(name);
    }
    ck_assert_uint_eq(history.count, HISTORY_MAX);
    ck_assert(is_there("0")); /* the last good */
    ck_assert(!is_there("1") && !is_there("2") && is_there("3"));
    for (unsigned i = 1; i < HISTORY_MAX; i++)
        ck_assert_ptr_nonnull(history_crash(&history, NULL));
    expect_newest("0");
}
END_TEST

START_TEST(as_many_bad_ones)
{
    char name[8];

    serve("good");
    for (unsigned i = 0; i < HISTORY_BAD + 1; i++) {
        snprintf(name, sizeof name, "%u", i);
        serve(name);
        expect_bad(history_crash(&history, NULL), name);
    }
    ck_assert_uint_eq(history.bad_count, HISTORY_BAD);
    ck_assert(!is_there("0") && is_there("1"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("history");
    TCase *tcase = tcase_create("history");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_empty_one_starts_from_what_is_there);
    tcase_add_test(tcase, the_first_is_served_again);
    tcase_add_test(tcase, what_passes_its_probation_is_the_last_good);
    tcase_add_test(tcase, what_does_not_is_bad);
    tcase_add_test(tcase, a_candidate_is_bad_however_long_it_takes);
    tcase_add_test(tcase, a_candidate_that_is_dropped_is_nothing);
    tcase_add_test(tcase, goes_back_one_by_one);
    tcase_add_test(tcase, what_is_good_is_not_tried_again);
    tcase_add_test(tcase, as_many_as_are_remembered);
    tcase_add_test(tcase, as_many_bad_ones);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
