/*
 * Tests of sluice/testing.h: what the author of a consumer may rely on. They see nothing of the
 * runtime but that header, and are linked with the library as it is installed.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sluice/testing.h>

#include "suite.h"

static sluice_test *test;

/* The tables of most tests: the same consumer, at home on the loop, and on the pool. */
static const char *const tables[] = {
    "consumers tests/plugins\nws /ws/ tested.so\n",
    "consumers tests/plugins\nws /ws/ tested_blocking.so\n",
};
enum { TABLES = sizeof tables / sizeof *tables };

static void open_test(const char *routing)
{
    test = sluice_test_open(routing);
    ck_assert_ptr_nonnull(test);
}

static void close_test(void)
{
    sluice_test_close(test);
    test = NULL;
}

static sluice_client *enter(const char *path)
{
    sluice_client *client = sluice_test_connect(test, path);

    ck_assert_int_eq(sluice_test_status(client), 101);
    return client;
}

static void expect_silence(sluice_client *client)
{
    ck_assert_ptr_null(sluice_test_next_message(client));
}

static void expect(sluice_client *client, const char *text)
{
    const char *next = sluice_test_next(client);

    ck_assert_pstr_eq(next, text);
}

/* ---- Connecting ------------------------------------------------------------------------------ */

START_TEST(connecting_is_answered)
{
    open_test(tables[_i]);
    ck_assert_int_eq(sluice_test_status(enter("/ws/")), 101);
    ck_assert_int_eq(sluice_test_status(sluice_test_connect(test, "/ws/?how=close")), 403);
    ck_assert_int_eq(sluice_test_status(sluice_test_connect(test, "/ws/?how=deny")), 418);
    ck_assert_int_eq(sluice_test_status(sluice_test_connect(test, "/elsewhere/")), 404);
    ck_assert_int_eq(sluice_test_status(sluice_test_connect(test, "no path")), 400);
    ck_assert_int_eq(sluice_test_status(sluice_test_connect(test, "")), 400);
}
END_TEST

START_TEST(refused_client_has_a_status_and_no_more)
{
    open_test(tables[_i]);

    sluice_client *client = sluice_test_connect(test, "/ws/?how=deny");

    ck_assert_int_eq(sluice_test_code(client), 0);
    ck_assert_ptr_null(sluice_test_subprotocol(client));
    expect_silence(client);
    sluice_test_send(client, "count");
    sluice_test_send_bytes(client, "count", 5);
    sluice_test_leave(client, 1000);
    sluice_test_leave(client, 1006);
    ck_assert_int_eq(sluice_test_code(client), 0);
    expect_silence(client);
}
END_TEST

START_TEST(answer_may_come_later)
{
    open_test(tables[_i]);

    sluice_client *client = sluice_test_connect(test, "/ws/?how=later");

    sluice_test_send(client, "early");
    ck_assert_int_eq(sluice_test_status(client), 0);
    sluice_test_advance(test, 499);
    ck_assert_int_eq(sluice_test_status(client), 0);
    sluice_test_advance(test, 1);
    ck_assert_int_eq(sluice_test_status(client), 101);
    expect(client, "early");
}
END_TEST

START_TEST(answer_that_never_comes_is_503)
{
    open_test(tables[_i]);
    sluice_test_advance(test, 300); /* between two looks at timeouts */

    sluice_client *client = sluice_test_connect(test, "/ws/?how=never");

    sluice_test_advance(test, 9999);
    ck_assert_int_eq(sluice_test_status(client), 0);
    sluice_test_advance(test, 1);
    ck_assert_int_eq(sluice_test_status(client), 503);
}
END_TEST

START_TEST(client_that_leaves_unanswered_is_cut)
{
    open_test(tables[_i]);

    sluice_client *other = enter("/ws/");
    sluice_client *client = sluice_test_connect(test, "/ws/?how=never");

    sluice_test_leave(client, 1000);
    ck_assert_int_eq(sluice_test_status(client), 0);
    ck_assert_int_eq(sluice_test_code(client), 1006);
    expect(other, "gone 1006 -");
}
END_TEST

START_TEST(subprotocol_is_told)
{
    const struct sluice_test_request request = {.subprotocols = "other, chat"};

    open_test(tables[_i]);

    sluice_client *client = sluice_test_connect_as(test, "/ws/?how=chat", &request);

    ck_assert_int_eq(sluice_test_status(client), 101);
    ck_assert_str_eq(sluice_test_subprotocol(client), "chat");
    ck_assert_ptr_null(sluice_test_subprotocol(enter("/ws/")));
    ck_assert_int_eq(sluice_test_status(sluice_test_connect(test, "/ws/?how=chat")), 500);
}
END_TEST

START_TEST(request_is_a_plain_browsers)
{
    open_test(tables[_i]);

    sluice_client *client = sluice_test_connect_as(test, "/ws/", NULL);
    const char *expected = "{\"user\":null,\"session\":null,\"peer\":\"127.0.0.1:49152\","
                           "\"host\":\"localhost\",\"origin\":\"http://localhost\"}";

    sluice_test_send(client, "who");
    expect(client, expected);
    sluice_test_send(client, "scope");
    expect(client, "{\"user\":null,\"server\":null}");
}
END_TEST

START_TEST(request_says_who_it_is)
{
    const char *const headers[] = {"host: chat.example.org", "Origin:", "X-Other: 1", NULL};
    const struct sluice_test_request request = {
        .headers = headers, .user = "{\"id\":7}", .session = "{\"cart\":[1,2]}"};

    open_test(tables[_i]);

    sluice_client *client = sluice_test_connect_as(test, "/ws/", &request);

    sluice_test_send(client, "who");
    expect(client, "{\"user\":\"{\\\"id\\\":7}\",\"session\":\"{\\\"cart\\\":[1,2]}\","
                   "\"peer\":\"127.0.0.1:49152\",\"host\":\"chat.example.org\",\"origin\":null}");
    sluice_test_send(client, "scope");
    expect(client, "{\"user\":\"{\\\"id\\\":7}\",\"server\":null}");
}
END_TEST

START_TEST(stranger_is_refused)
{
    const char *const headers[] = {"Origin: https://evil.example", NULL};
    const struct sluice_test_request request = {.headers = headers};

    open_test(tables[_i]);
    ck_assert_int_eq(sluice_test_status(sluice_test_connect_as(test, "/ws/", &request)), 403);
}
END_TEST

START_TEST(path_is_encoded_as_browsers_do)
{
    open_test("consumers tests/plugins\nws /ws/<str:room>/ scope.so\n");
    enter("/ws/运维/?q=a b");
    enter("/ws/%E8%BF%90/");
}
END_TEST

START_TEST(limits_hold)
{
    open_test(
        "server per-address=2\nconsumers tests/plugins\nlimits message=10\nws /ws/ tested.so\n");

    sluice_client *client = enter("/ws/");

    enter("/ws/");
    ck_assert_int_eq(sluice_test_status(sluice_test_connect(test, "/ws/")), 429);
    sluice_test_send(client, "0123456789");
    expect(client, "0123456789");
    sluice_test_send(client, "0123456789a");
    ck_assert_int_eq(sluice_test_code(client), 1009);
    enter("/ws/");
}
END_TEST

/* ---- Messages -------------------------------------------------------------------------------- */

START_TEST(messages_come_back)
{
    open_test(tables[_i]);

    sluice_client *client = enter("/ws/");

    sluice_test_send(client, "one");
    sluice_test_send(client, "");
    sluice_test_send_bytes(client, "t\0o", 3);
    sluice_test_send_bytes(client, NULL, 0);
    expect(client, "one");
    expect(client, "");

    const sluice_message *message = sluice_test_next_message(client);

    ck_assert(message->binary);
    ck_assert_uint_eq(message->size, 3);
    ck_assert_mem_eq(message->data, "t\0o", 4);
    message = sluice_test_next_message(client);
    ck_assert(message->binary);
    ck_assert_uint_eq(message->size, 0);
    expect_silence(client);
    expect(client, NULL);
}
END_TEST

/* Larger than what a line holds at once, both ways. */
START_TEST(large_message_passes)
{
    size_t size = 900000;
    char *large = malloc(size + 1);

    memset(large, 'x', size);
    large[size] = '\0';
    open_test(tables[_i]);

    sluice_client *client = enter("/ws/");

    sluice_test_send(client, large);
    expect(client, large);
    free(large);
}
END_TEST

START_TEST(all_that_was_sent_is_there)
{
    open_test(tables[_i]);

    sluice_client *client = enter("/ws/");

    sluice_test_send(client, "many");
    for (int i = 0; i < 1000; i++) {
        char number[16];

        snprintf(number, sizeof number, "%d", i);
        expect(client, number);
    }
    expect_silence(client);
}
END_TEST

START_TEST(compressed_messages_are_read)
{
    char text[5000];

    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    open_test("consumers tests/plugins\nws /ws/ tested.so {\n"
#ifdef HAVE_DEFLATE
              "compress on min=1\n"
#endif
              "}\n");

    sluice_client *client = enter("/ws/");

    for (int i = 0; i < 3; i++) {
        sluice_test_send(client, text);
        expect(client, text);
        sluice_test_send(client, "short");
        expect(client, "short");
    }
}
END_TEST

START_TEST(text_that_is_not_utf8_closes)
{
    open_test(tables[_i]);

    sluice_client *client = enter("/ws/");

    sluice_test_send(client, "\xff");
    ck_assert_int_eq(sluice_test_code(client), 1007);
}
END_TEST

/* ---- Leaving --------------------------------------------------------------------------------- */

START_TEST(client_leaves_with_a_code)
{
    static const struct {
        int code, told;
    } cases[] = {{1000, 1000}, {1001, 1001}, {4999, 4999}, {1005, 1005}};

    open_test(tables[_i]);

    sluice_client *other = enter("/ws/");

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sluice_client *client = enter("/ws/");
        char text[32];

        ck_assert_int_eq(sluice_test_code(client), 0);
        sluice_test_leave(client, cases[i].code);
        ck_assert_int_eq(sluice_test_code(client), cases[i].code);
        snprintf(text, sizeof text, "gone %d -", cases[i].told);
        expect(other, text);
        sluice_test_leave(client, 1000);
        sluice_test_send(client, "count");
        expect_silence(client);
        ck_assert_int_eq(sluice_test_code(client), cases[i].code);
    }
}
END_TEST

START_TEST(line_is_cut)
{
    open_test(tables[_i]);

    sluice_client *other = enter("/ws/"), *client = enter("/ws/");

    sluice_test_leave(client, 1006);
    ck_assert_int_eq(sluice_test_code(client), 1006);
    expect(other, "gone 1006 -");
    expect_silence(other);
}
END_TEST

START_TEST(code_that_may_not_be_sent_is_a_fault)
{
    open_test(tables[_i]);

    sluice_client *other = enter("/ws/"), *client = enter("/ws/");

    sluice_test_leave(client, 999);
    ck_assert_int_eq(sluice_test_code(client), 1002);
    expect(other, "gone 1006 -");
}
END_TEST

START_TEST(consumer_closes)
{
    open_test(tables[_i]);

    sluice_client *other = enter("/ws/"), *client = enter("/ws/");

    sluice_test_send(client, "last words");
    sluice_test_send(client, "close");
    ck_assert_int_eq(sluice_test_code(client), 4001);
    expect(client, "last words");
    expect_silence(client);
    expect(other, "gone 4001 -");
    sluice_test_send(client, "count");
    sluice_test_leave(client, 1000);
    ck_assert_int_eq(sluice_test_code(client), 4001);
}
END_TEST

START_TEST(end_is_a_servers_stop)
{
    open_test(tables[_i]);
    enter("/ws/");
    sluice_test_connect(test, "/ws/?how=never");
    sluice_test_connect(test, "/ws/?how=deny");
    sluice_test_leave(enter("/ws/"), 1006);
    close_test();
    sluice_test_close(NULL);
}
END_TEST

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

static void forget_test(void)
{
    if (test != NULL)
        close_test();
}

static void add(TCase *tcase, const TTest *function)
{
    tcase_add_loop_test(tcase, function, 0, TABLES);
}

int main(void)
{
    Suite *suite = suite_create("testing");
    TCase *both = tcase_create("on the loop, and on the pool"), *alone = tcase_create("alone");
    TCase *ends = tcase_create("ends");

    tcase_set_timeout(both, 60);
    tcase_set_timeout(alone, 60);
    tcase_set_timeout(ends, 60);
    tcase_add_checked_fixture(both, NULL, forget_test);
    tcase_add_checked_fixture(alone, NULL, forget_test);
    add(both, connecting_is_answered);
    add(both, refused_client_has_a_status_and_no_more);
    add(both, answer_may_come_later);
    add(both, answer_that_never_comes_is_503);
    add(both, client_that_leaves_unanswered_is_cut);
    add(both, subprotocol_is_told);
    add(both, request_is_a_plain_browsers);
    add(both, request_says_who_it_is);
    add(both, stranger_is_refused);
    add(both, messages_come_back);
    add(both, large_message_passes);
    add(both, all_that_was_sent_is_there);
    add(both, text_that_is_not_utf8_closes);
    add(both, client_leaves_with_a_code);
    add(both, line_is_cut);
    add(both, code_that_may_not_be_sent_is_a_fault);
    add(both, consumer_closes);
    add(both, end_is_a_servers_stop);
    add(both, group_hears);
    add(both, event_comes_from_elsewhere);
    add(both, job_is_waited_for);
    add(both, time_passes_when_told);
    add(both, many_clients);
    add(both, tests_one_after_the_other);
    add(both, tests_side_by_side);
    tcase_add_test(alone, path_is_encoded_as_browsers_do);
    tcase_add_test(alone, limits_hold);
    tcase_add_test(alone, compressed_messages_are_read);
    tcase_add_test(alone, time_passes_in_order);
    tcase_add_test(alone, timeouts_pass_too);
    tcase_add_test(alone, pool_of_many_threads);
    tcase_add_test(alone, rates_count_in_that_time);
    tcase_add_test(alone, mistakes_are_printed_as_the_server_does);
    tcase_add_loop_test_raise_signal(ends, misuse_ends_the_test, SIGABRT, 0, MISUSES);
    tcase_add_test_raise_signal(ends, callback_that_hangs_ends_the_test, SIGABRT);
    tcase_add_test_raise_signal(ends, events_without_end_end_the_test, SIGABRT);
    suite_add_tcase(suite, both);
    suite_add_tcase(suite, alone);
    suite_add_tcase(suite, ends);
    return suite_run(suite);
}
