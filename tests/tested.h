/*
 * tested: what the tests of sluice/testing.h have in common: a table of the plugin "tested", and
 * words for what they do with it.
 */
#ifndef TESTS_TESTED_H
#define TESTS_TESTED_H

#include <sluice/testing.h>

#include "suite.h"

static sluice_test *test;

/* The tables of most tests: the same consumer, at home on the loop, and on the pool. */
static const char *const tables[] = {
    "consumers tests/plugins\nws /ws/ tested.so\n",
    "consumers tests/plugins\nws /ws/ tested_blocking.so\n",
};
enum { TABLES = sizeof tables / sizeof *tables };

static inline void open_test(const char *routing)
{
    test = sluice_test_open(routing);
    ck_assert_ptr_nonnull(test);
}

static inline void close_test(void)
{
    sluice_test_close(test);
    test = NULL;
}

static inline sluice_client *enter(const char *path)
{
    sluice_client *client = sluice_test_connect(test, path);

    ck_assert_int_eq(sluice_test_status(client), 101);
    return client;
}

static inline void expect_silence(sluice_client *client)
{
    ck_assert_ptr_null(sluice_test_next_message(client));
}

static inline void expect(sluice_client *client, const char *text)
{
    const char *next = sluice_test_next(client);

    ck_assert_pstr_eq(next, text);
}

/* A case whose tests leave nothing open. */
static inline void forget_test(void)
{
    if (test != NULL)
        close_test();
}

static inline TCase *testing_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, NULL, forget_test);
    suite_add_tcase(suite, tcase);
    return tcase;
}

/* With each table. */
static inline void add(TCase *tcase, const TTest *function)
{
    tcase_add_loop_test(tcase, function, 0, TABLES);
}

#endif
