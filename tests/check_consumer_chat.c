/*
 * Tests of consumers/chat.c: what it promises, tried by clients that need no server. An example to
 * begin with: nothing here knows more than the two public headers.
 *
 * A test opens a routing table, lets clients connect, and looks at what they are sent. Each call
 * returns when all that it set off has happened, so nothing here waits. With an installed sluice
 * it is built by
 *
 *     cc $(pkg-config --cflags --libs sluice-testing check) -o chat_test check_consumer_chat.c
 */
#include <check.h>
#include <sluice/testing.h>
#include <stdlib.h>
#include <string.h>

static sluice_test *test;

/* The table is text as it stands in routing.conf; its paths begin where the test is run. */
static void open_chat(void)
{
    test = sluice_test_open("consumers consumers\n"
                            "ws /ws/chat/             chat.so\n"
                            "ws /ws/chat/<str:room>/  chat.so {\n"
                            "    set prefix room:\n"
                            "}\n");
    ck_assert_ptr_nonnull(test); /* else what is wrong was printed */
}

static void close_chat(void)
{
    sluice_test_close(test);
}

static sluice_client *enter(const char *path)
{
    sluice_client *client = sluice_test_connect(test, path);

    ck_assert_int_eq(sluice_test_status(client), 101);
    return client;
}

static void expect(sluice_client *client, const char *text)
{
    const char *next = sluice_test_next(client); /* NULL where nothing was sent */

    ck_assert_pstr_eq(next, text);
}

START_TEST(everybody_in_a_room_hears)
{
    sluice_client *alice = enter("/ws/chat/red/"), *bob = enter("/ws/chat/red/");

    sluice_test_send(alice, "{\"message\": \"hi\"}");
    expect(alice, "{\"message\":\"room:hi\"}");
    expect(bob, "{\"message\":\"room:hi\"}");
    expect(bob, NULL);
}
END_TEST

START_TEST(rooms_are_apart)
{
    sluice_client *red = enter("/ws/chat/red/"), *blue = enter("/ws/chat/blue/");
    sluice_client *hall = enter("/ws/chat/"), *ops = enter("/ws/chat/运维/");

    sluice_test_send(red, "{\"message\": \"red\"}");
    sluice_test_send(hall, "{\"message\": \"hall\"}");
    sluice_test_send(ops, "{\"message\": \"运维\"}");
    expect(red, "{\"message\":\"room:red\"}");
    expect(hall, "{\"message\":\"hall\"}");
    expect(ops, "{\"message\":\"room:运维\"}");
    expect(red, NULL);
    expect(blue, NULL);
    expect(hall, NULL);
}
END_TEST

/* A group's name can't hold what the room's does, and is not that of another room either. */
START_TEST(names_of_rooms_are_never_the_same_group)
{
    sluice_client *blank = enter("/ws/chat/a%20b/"), *digits = enter("/ws/chat/hex.612062/");

    sluice_test_send(blank, "{\"message\": \"blank\"}");
    expect(blank, "{\"message\":\"room:blank\"}");
    expect(digits, NULL);
}
END_TEST

START_TEST(who_has_left_hears_nothing)
{
    sluice_client *alice = enter("/ws/chat/red/"), *bob = enter("/ws/chat/red/");
    sluice_client *carol = enter("/ws/chat/red/");

    sluice_test_leave(bob, 1000);
    sluice_test_leave(carol, 1006); /* her line is cut */
    sluice_test_send(alice, "{\"message\": \"hi\"}");
    expect(alice, "{\"message\":\"room:hi\"}");
    expect(bob, NULL);
    expect(carol, NULL);
}
END_TEST

static const struct {
    const char *text;
    int code;
} wrong[] = {
    {"{\"massage\": \"hi\"}", 1003},
    {"{\"message\": 1}", 1003},
    {"[\"message\"]", 1003},
    {"null", 1003},
    {"hi", 1007},
};

START_TEST(what_is_no_message_closes)
{
    sluice_client *alice = enter("/ws/chat/red/"), *bob = enter("/ws/chat/red/");

    sluice_test_send(alice, wrong[_i].text);
    ck_assert_int_eq(sluice_test_code(alice), wrong[_i].code);
    expect(bob, NULL);
    ck_assert_int_eq(sluice_test_code(bob), 0);
}
END_TEST

START_TEST(binary_closes)
{
    sluice_client *alice = enter("/ws/chat/red/");

    sluice_test_send_bytes(alice, "\x00\x01", 2);
    ck_assert_int_eq(sluice_test_code(alice), 1003);
}
END_TEST

START_TEST(rooms_that_cannot_be_are_refused)
{
    char path[200] = "/ws/chat/";

    memset(path + strlen(path), 'x', 120);
    strcat(path, "/");
    ck_assert_int_eq(sluice_test_status(sluice_test_connect(test, path)), 400);
    ck_assert_int_eq(sluice_test_status(sluice_test_connect(test, "/ws/chat/a%00b/")), 400);
}
END_TEST

/* From a Django process, say; nobody has looked at what it holds. */
START_TEST(events_from_elsewhere_are_heard)
{
    sluice_client *alice = enter("/ws/chat/red/");

    sluice_test_group_send(test, "chat.red", "{\"type\": \"chat.message\", \"message\": \"hi\"}");
    expect(alice, "{\"message\":\"room:hi\"}");
    sluice_test_group_send(test, "chat.red", "{\"type\": \"chat.message\"}");
    expect(alice, NULL);
}
END_TEST

/* Two hours in no time: pings are answered, and nobody is disconnected for having been silent. */
START_TEST(silence_is_no_reason_to_go)
{
    sluice_client *alice = enter("/ws/chat/red/");

    sluice_test_advance(test, 2 * 60 * 60 * 1000);
    ck_assert_int_eq(sluice_test_code(alice), 0);
}
END_TEST

START_TEST(reload_leaves_them_where_they_are)
{
    sluice_client *alice = enter("/ws/chat/red/"), *bob = enter("/ws/chat/red/");

    ck_assert(sluice_test_reload(test));
    sluice_test_send(alice, "{\"message\": \"still here\"}");
    expect(bob, "{\"message\":\"room:still here\"}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chat");
    TCase *tcase = tcase_create("chat");
    SRunner *runner = srunner_create(suite);

    tcase_add_checked_fixture(tcase, open_chat, close_chat);
    tcase_add_test(tcase, everybody_in_a_room_hears);
    tcase_add_test(tcase, rooms_are_apart);
    tcase_add_test(tcase, names_of_rooms_are_never_the_same_group);
    tcase_add_test(tcase, who_has_left_hears_nothing);
    tcase_add_loop_test(tcase, what_is_no_message_closes, 0, sizeof wrong / sizeof *wrong);
    tcase_add_test(tcase, binary_closes);
    tcase_add_test(tcase, rooms_that_cannot_be_are_refused);
    tcase_add_test(tcase, events_from_elsewhere_are_heard);
    tcase_add_test(tcase, silence_is_no_reason_to_go);
    tcase_add_test(tcase, reload_leaves_them_where_they_are);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_NORMAL);

    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
