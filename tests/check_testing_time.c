/*
 * Tests of sluice/testing.h: groups, jobs and time, several clients and several tests; and what
 * becomes of mistakes.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tested.h"

/* ---- Groups, jobs, time ---------------------------------------------------------------------- */

START_TEST(group_hears)
{
    open_test(tables[_i]);

    sluice_client *alice = enter("/ws/"), *bob = enter("/ws/");

    sluice_test_send(alice, "all hello");
    expect(bob, "hello");
    expect(alice, "hello");
    sluice_test_leave(bob, 1006);
    expect(alice, "gone 1006 -");
    sluice_test_send(alice, "all again");
    expect(alice, "again");
    expect_silence(bob);
}
END_TEST

START_TEST(event_comes_from_elsewhere)
{
    open_test(tables[_i]);

    sluice_client *client = enter("/ws/");

    sluice_test_group_send(test, "tested", "{\"type\":\"tested.say\",\"text\":\"news\"}");
    expect(client, "news");
    sluice_test_group_send(test, "nobody", "{\"type\":\"tested.say\",\"text\":\"news\"}");
    sluice_test_group_send(test, "tested", "{\"type\":\"unknown\"}");
    sluice_test_group_send(test, "tested", "{\"type\":\"sluice.mine\"}");
    sluice_test_group_send(test, "tested", "{}");
    sluice_test_group_send(test, "tested", "not JSON");
    sluice_test_group_send(test, "no name", "{\"type\":\"tested.say\",\"text\":\"news\"}");
    expect_silence(client);
}
END_TEST

START_TEST(job_is_waited_for)
{
    open_test(tables[_i]);

    sluice_client *client = enter("/ws/");

    sluice_test_send(client, "job");
    expect(client, "144");
}
END_TEST

START_TEST(time_passes_when_told)
{
    open_test(tables[_i]);

    sluice_client *client = enter("/ws/");

    sluice_test_send(client, "after 2500");
    sluice_test_send(client, "after 700");
    sluice_test_send(client, "after 0");
    expect(client, "after 0");
    sluice_test_advance(test, 0);
    sluice_test_advance(test, 699);
    expect_silence(client);
    sluice_test_advance(test, 1);
    expect(client, "after 700");
    sluice_test_advance(test, 3600000);
    expect(client, "after 2500");
    ck_assert_int_eq(sluice_test_code(client), 0); /* pings were answered */
}
END_TEST

/* One jump would run them all at its end, and "0" of the first chain too late. */
START_TEST(time_passes_in_order)
{
    open_test("consumers tests/plugins\nws /ws/ timers.so\n");

    sluice_client *chain = enter("/ws/"), *order = enter("/ws/");

    sluice_test_send(order, "order");
    sluice_test_send(chain, "chain");
    expect(order, "first");
    expect(chain, "5");
    sluice_test_advance(test, 1000);
    for (int i = 4; i >= 0; i--) {
        char number[16];

        snprintf(number, sizeof number, "%d", i);
        expect(chain, number);
    }
    expect(order, "second");
    expect(order, "third");
    expect_silence(order);
}
END_TEST

START_TEST(timeouts_pass_too)
{
    open_test("consumers tests/plugins\nlimits idle=90s\nws /ws/ tested.so\n");

    sluice_client *client = enter("/ws/");

    sluice_test_advance(test, 89999);
    ck_assert_int_eq(sluice_test_code(client), 0);
    sluice_test_advance(test, 1);
    ck_assert_int_eq(sluice_test_code(client), 1000);
}
END_TEST

START_TEST(rates_count_in_that_time)
{
    open_test("consumers tests/plugins\nlimits rate=2/s\nws /ws/ tested.so\n");

    sluice_client *client = enter("/ws/");

    for (int i = 0; i < 10; i++) {
        sluice_test_send(client, "one");
        sluice_test_send(client, "two");
        sluice_test_advance(test, 1000);
    }
    ck_assert_int_eq(sluice_test_code(client), 0);
    for (int i = 0; i < 10; i++)
        sluice_test_send(client, "more");
    ck_assert_int_eq(sluice_test_code(client), 1008);
}
END_TEST

/* ---- Several --------------------------------------------------------------------------------- */

START_TEST(many_clients)
{
    enum { MANY = 300 };
    sluice_client *clients[MANY];

    open_test(tables[_i]);
    for (int i = 0; i < MANY; i++)
        clients[i] = enter("/ws/");
    sluice_test_send(clients[0], "all to each of you");
    for (int i = 0; i < MANY; i++)
        expect(clients[i], "to each of you");
}
END_TEST

/* Callbacks of several clients at once, in no order; all of them are waited for. */
START_TEST(pool_of_many_threads)
{
    enum { MANY = 40 };
    sluice_client *clients[MANY];

    open_test("pool threads=4\nconsumers tests/plugins\nws /ws/ tested_blocking.so\n");
    for (int i = 0; i < MANY; i++)
        clients[i] = enter("/ws/");
    for (int i = 0; i < 10; i++)
        sluice_test_send(clients[i], "all hello");
    for (int i = 0; i < MANY; i++) {
        for (int j = 0; j < 10; j++)
            expect(clients[i], "hello");
        expect_silence(clients[i]);
    }
}
END_TEST

START_TEST(tests_one_after_the_other)
{
    for (int i = 0; i < 3; i++) {
        open_test(tables[_i]);

        sluice_client *client = enter("/ws/");

        sluice_test_send(client, "count");
        expect(client, "1");
        close_test();
    }
}
END_TEST

/* Each has its groups and its time. */
START_TEST(tests_side_by_side)
{
    open_test(tables[_i]);

    sluice_test *second = sluice_test_open(tables[_i]);

    ck_assert_ptr_nonnull(second);

    sluice_client *here = enter("/ws/"), *there = sluice_test_connect(second, "/ws/");

    sluice_test_send(here, "all here");
    sluice_test_send(there, "all there");
    expect(here, "here");
    expect(there, "there");
    sluice_test_send(here, "after 100");
    sluice_test_send(there, "after 100");
    sluice_test_advance(second, 100);
    expect_silence(here);
    expect(there, "after 100");
    sluice_test_close(second);
    sluice_test_advance(test, 100);
    expect(here, "after 100");
    expect_silence(here);
}
END_TEST

/* ---- What is wrong --------------------------------------------------------------------------- */

/* What was printed to stderr since; cut. */
static const char *printed(FILE *file)
{
    static char text[4096];

    fflush(stderr);
    rewind(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    return text;
}

START_TEST(mistakes_are_printed_as_the_server_does)
{
    static const struct {
        const char *routing, *text;
    } cases[] = {
        {"ws /ws/ missing.so\n", "routing:1:9: error: cannot load \"missing.so\": no such file\n"},
        {"limits mesage=4k\nws / tested.so\n", "      = did you mean \"message\"?\n"},
        {"consumers tests/plugins\nws / load_false.so\n", "its load() returned false\n"},
        {"consumers tests/plugins\nws / tested_check.so\n", "check()"},
        {"foo\nws /ws/ missing.so\n", "sluice: 2 errors\n"},
        {NULL, "sluice_test_open: the routing is NULL\n"},
    };
    FILE *file = tmpfile();

    ck_assert_ptr_nonnull(file);
    dup2(fileno(file), STDERR_FILENO);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_int_eq(ftruncate(fileno(file), 0), 0);
        rewind(file);
        ck_assert_ptr_null(sluice_test_open(cases[i].routing));
        ck_assert_msg(strstr(printed(file), cases[i].text) != NULL, "%s", printed(file));
    }
    fclose(file);
    open_test(tables[0]);
    enter("/ws/");
}
END_TEST

/* Each ends the process, with a message. */
static void misuse_next(void)
{
    sluice_client *client = enter("/ws/");

    sluice_test_send_bytes(client, "x", 1);
    sluice_test_next(client);
}

static void misuse_json(void)
{
    sluice_test_connect_as(test, "/ws/", &(struct sluice_test_request){.user = "{'id': 7}"});
}

static void misuse_code(void)
{
    sluice_test_leave(enter("/ws/"), 70000);
}

static void misuse_text(void)
{
    sluice_test_send(enter("/ws/"), NULL);
}

static void misuse_client(void)
{
    sluice_test_next(NULL);
}

static void misuse_test(void)
{
    sluice_test_connect(NULL, "/ws/");
}

static void misuse_path(void)
{
    sluice_test_connect(test, NULL);
}

static void (*const misuses[])(void) = {
    misuse_next, misuse_json, misuse_code, misuse_text, misuse_client, misuse_test, misuse_path,
};
enum { MISUSES = sizeof misuses / sizeof *misuses };

START_TEST(misuse_ends_the_test)
{
    open_test(tables[0]);
    misuses[_i]();
}
END_TEST

START_TEST(callback_that_hangs_ends_the_test)
{
    setenv("SLUICE_TEST_PATIENCE", "1", 1);
    open_test("consumers tests/plugins\nws /ws/ tested_hangs.so\n");
    sluice_test_send(enter("/ws/"), "hang");
}
END_TEST

START_TEST(events_without_end_end_the_test)
{
    setenv("SLUICE_TEST_PATIENCE", "1", 1);
    open_test(tables[0]);
    sluice_test_send(enter("/ws/"), "for ever");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("testing time");
    TCase *both = testing_case(suite, "on the loop, and on the pool");
    TCase *alone = testing_case(suite, "alone");
    TCase *ends = testing_case(suite, "ends");

    add(both, group_hears);
    add(both, event_comes_from_elsewhere);
    add(both, job_is_waited_for);
    add(both, time_passes_when_told);
    add(both, many_clients);
    add(both, tests_one_after_the_other);
    add(both, tests_side_by_side);
    tcase_add_test(alone, time_passes_in_order);
    tcase_add_test(alone, timeouts_pass_too);
    tcase_add_test(alone, pool_of_many_threads);
    tcase_add_test(alone, rates_count_in_that_time);
    tcase_add_test(alone, mistakes_are_printed_as_the_server_does);
    tcase_add_loop_test_raise_signal(ends, misuse_ends_the_test, SIGABRT, 0, MISUSES);
    tcase_add_test_raise_signal(ends, callback_that_hangs_ends_the_test, SIGABRT);
    tcase_add_test_raise_signal(ends, events_without_end_end_the_test, SIGABRT);
    return suite_run(suite);
}
