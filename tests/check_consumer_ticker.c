/*
 * Tests of consumers/ticker.c, whose words are meant to be changed: so of its count alone. See
 * check_consumer_chat.c for how such a test is built.
 */
#include <check.h>
#include <sluice/testing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sluice_test *test;

static void open_ticker(void)
{
    test = sluice_test_open("consumers consumers\n"
                            "ws /ws/ticker/  ticker.so\n");
    ck_assert_ptr_nonnull(test);
}

static void close_ticker(void)
{
    sluice_test_close(test);
}

static void expect_tick(sluice_client *client, unsigned number)
{
    const char *next = sluice_test_next(client);
    char end[32];

    snprintf(end, sizeof end, ",\"ticks\":%u}", number);
    ck_assert_ptr_nonnull(next);
    ck_assert_msg(strstr(next, end) != NULL, "%s", next);
}

START_TEST(ticks_each_second)
{
    sluice_client *early = sluice_test_connect(test, "/ws/ticker/");

    expect_tick(early, 1);
    sluice_test_advance(test, 400);

    sluice_client *late = sluice_test_connect(test, "/ws/ticker/");

    expect_tick(late, 1);
    sluice_test_advance(test, 599);
    ck_assert_ptr_null(sluice_test_next(early));
    sluice_test_advance(test, 1);
    expect_tick(early, 2);
    ck_assert_ptr_null(sluice_test_next(late));
    sluice_test_advance(test, 60000);
    for (unsigned number = 3; number <= 62; number++)
        expect_tick(early, number);
    ck_assert_ptr_null(sluice_test_next(early));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ticker");
    TCase *tcase = tcase_create("ticker");
    SRunner *runner = srunner_create(suite);

    tcase_add_checked_fixture(tcase, open_ticker, close_ticker);
    tcase_add_test(tcase, ticks_each_second);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
