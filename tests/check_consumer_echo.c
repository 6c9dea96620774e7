/*
 * Tests of consumers/echo.c. See check_consumer_chat.c for how such a test is built.
 */
#include <check.h>
#include <sluice/testing.h>
#include <stdlib.h>

static sluice_test *test;
static sluice_client *client;

static void open_echo(void)
{
    test = sluice_test_open("consumers consumers\n"
                            "ws /ws/echo/  echo.so\n");
    ck_assert_ptr_nonnull(test);
    client = sluice_test_connect(test, "/ws/echo/");
    ck_assert_int_eq(sluice_test_status(client), 101);
}

static void close_echo(void)
{
    sluice_test_close(test);
}

START_TEST(text_comes_back)
{
    sluice_test_send(client, "hello");
    sluice_test_send(client, "");
    ck_assert_str_eq(sluice_test_next(client), "hello");
    ck_assert_str_eq(sluice_test_next(client), "");
    ck_assert_ptr_null(sluice_test_next(client));
}
END_TEST

START_TEST(bytes_come_back)
{
    sluice_test_send_bytes(client, "\x00\xff", 2);

    const sluice_message *message = sluice_test_next_message(client);

    ck_assert_ptr_nonnull(message);
    ck_assert(message->binary);
    ck_assert_uint_eq(message->size, 2);
    ck_assert_mem_eq(message->data, "\x00\xff", 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("echo");
    TCase *tcase = tcase_create("echo");
    SRunner *runner = srunner_create(suite);

    tcase_add_checked_fixture(tcase, open_echo, close_echo);
    tcase_add_test(tcase, text_comes_back);
    tcase_add_test(tcase, bytes_come_back);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
