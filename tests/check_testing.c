/*
 * Tests of sluice/testing.h: what the author of a consumer may rely on: connections, and what is
 * said on them. They see nothing of the runtime but that header, and are linked with the library as
 * it is installed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tested.h"

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

int main(void)
{
    Suite *suite = suite_create("testing");
    TCase *both = testing_case(suite, "on the loop, and on the pool");
    TCase *alone = testing_case(suite, "alone");

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
    tcase_add_test(alone, path_is_encoded_as_browsers_do);
    tcase_add_test(alone, limits_hold);
    tcase_add_test(alone, compressed_messages_are_read);
    return suite_run(suite);
}
