/*
 * Tests of very many connections that say nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "client.h"
#include "harness.h"

enum { MANY = 10000 };

/* Descriptors for all of them; the server raises its own limit, which it inherits from here. */
static bool raise_file_limit(void)
{
    struct rlimit files;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur = files.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
    return files.rlim_max > MANY + 200;
}

START_TEST(ten_thousand_are_held_and_answered)
{
    struct client *clients = calloc(MANY, sizeof *clients);

    if (!raise_file_limit()) {
        printf("skipped: the hard limit of open files is too low\n");
        return;
    }
    serve("ws /echo/ function_of_api.so\n");
    for (int i = 0; i < MANY; i++)
        clients[i] = client_open("/echo/");
    ck_assert_uint_ge(server_descriptors(), MANY);
    for (int i = 0; i < MANY; i++)
        client_text(&clients[i], "are you there");
    for (int i = 0; i < MANY; i++)
        client_expect_text(&clients[i], "are you there");
    for (int i = 0; i < MANY; i++)
        client_hang_up(&clients[i]);
    AWAIT(server_descriptors() < 200);
    ck_assert_uint_eq(ask_to_open("/echo/", ""), 101);
    free(clients);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, idle connections");

    tcase_add_test(harness_case(suite, "idle"), ten_thousand_are_held_and_answered);
    return harness_run(suite);
}
