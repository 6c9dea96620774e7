/*
 * Tests of what a changed routing.conf means for live connections: which mount they go on in, what
 * of its settings reaches them, and who is closed in the end.
 */
#include <stdio.h>
#include <string.h>

#include "client.h"
#include "harness.h"

#define MOVE "ws /move/<str:room>/ move.so"

static void serve_version(const char *name, const char *conf)
{
    put_plugin_as(name, "move");
    serve(conf);
}

static void reload_conf(const char *conf)
{
    serve_conf(conf);
    server_reload();
}

static void expect(struct client *client, const char *question, const char *answer)
{
    client_text(client, question);
    client_expect_text(client, answer);
}

/* ---- Which mount ------------------------------------------------------------------------------
 */

START_TEST(mount_with_other_options_is_taken)
{
    struct client client, other;

    serve_version("move_1", "reload move=off\n" MOVE " {\n set colour red\n}\n");
    client = client_open("/move/a/");
    other = client_open("/move/b/");
    expect(&client, "count", "1");
    expect(&client, "option colour", "\"red\"");
    reload_conf("ws /more/ good.so\nreload move=off\n" MOVE " {\n set colour blue\n}\n");
    expect(&client, "option colour", "\"blue\""); /* the code is the same: it may */
    expect(&client, "count", "2");
    expect(&other, "option colour", "\"blue\"");
    reload_conf(MOVE " {\n set size 5\n}\nws /more/ good.so\n");
    expect(&client, "option colour", "null");
    expect(&client, "option size", "\"5\"");
    expect(&client, "count", "3");
    ck_assert_uint_eq(log_count(" conn.stays "), 0);
    ck_assert_uint_eq(cache_files(), 2);
    client_leave(&client);
    client_leave(&other);
}
END_TEST

/* The first that takes the path, as for a client that comes now. */
START_TEST(mount_above_takes_over)
{
    struct client client;

    serve_version("move_1", MOVE " {\n set place old\n}\n");
    client = client_open("/move/a/");
    reload_conf("ws /move/a/ move.so {\n set place above\n}\n" MOVE " {\n set place below\n}\n");
    expect(&client, "option place", "\"above\"");
    expect(&client, "param room", "null");
    expect(&client, "room", "a"); /* what it was given is still there */
    reload_conf(MOVE " {\n set place below\n}\n");
    expect(&client, "option place", "\"below\"");
    expect(&client, "param room", "\"a\"");
    client_leave(&client);
}
END_TEST

START_TEST(param_is_renamed)
{
    struct client client;

    serve_version("move_1", MOVE "\n");
    client = client_open("/move/attic/");
    expect(&client, "scope", "{\"args\":[],\"kwargs\":{\"room\":\"attic\"}}");
    put_plugin_as("move_1b", "move");
    reload_conf("ws /move/<slug:name>/ move.so\n");
    expect(&client, "which", "1b");
    expect(&client, "param name", "\"attic\"");
    expect(&client, "param room", "null");
    expect(&client, "room", "attic");
    expect(&client, "scope", "{\"args\":[],\"kwargs\":{\"name\":\"attic\"}}");
    client_leave(&client);
}
END_TEST

/* Upgrade sees the new pattern; and where it says no, the old one is back. */
START_TEST(param_is_renamed_in_upgrade)
{
    struct client moves, stays;

    serve_version("move_1", "ws /move/<str:name>/ move.so\n");
    moves = client_open("/move/attic/");
    stays = client_open("/move/cellar/");
    expect(&stays, "count", "1");
    put_plugin_as("move_refuses", "move");
    reload_conf(MOVE "\n");
    expect(&moves, "which", "refuses");
    expect(&moves, "room", "attic");
    expect(&moves, "param name", "null");
    expect(&stays, "which", "1");
    expect(&stays, "param room", "null");
    expect(&stays, "param name", "\"cellar\"");
    client_leave(&moves);
    client_leave(&stays);
}
END_TEST

/* ---- Draining ---------------------------------------------------------------------------------
 */

static const char *const gone[][2] = {
    {"ws /other/ good.so\n", "why=\"no mount takes its path\""},
    {"ws /move/<int:room>/ move.so\n", "why=\"no mount takes its path\""},
    {"ws /move/<str:room>/ good.so\n", "why=\"its path leads to another consumer\""},
    {"http /move/ dir=so\nws /other/ move.so\n", "why=\"no mount takes its path\""},
};

/* Many, so that a line is not told for each; of one, the handshake is not answered yet. */
START_TEST(who_has_no_mount_is_closed_in_time)
{
    enum { MANY = 50 };
    struct client clients[MANY], early;

    serve_version("move_1", MOVE " {\n reload drain=50ms\n}\n");
    for (int i = 0; i < MANY; i++)
        clients[i] = client_open("/move/a/");
    early = client_dial();
    client_shake(&early, "/move/a/?answer=later", "");
    trace_wait("1 connect", MANY + 1);
    reload_conf(gone[_i][0]);
    for (int i = 0; i < MANY; i++)
        client_expect_code(&clients[i], 1012);
    ck_assert_uint_eq(client_answer(&early).status, 503);
    client_hang_up(&early);
    trace_wait("1 disconnect 0", MANY + 1);
    log_wait(" conn.stays ", gone[_i][1], "closed_within_ms=50");
    ck_assert_uint_eq(log_count(" conn.stays "), 1);
}
END_TEST

START_TEST(who_has_no_mount_is_served_until_then)
{
    struct client client;

    serve_version("move_1", MOVE " {\n reload drain=off\n set colour red\n limits message=4k\n}\n");
    client = client_open("/move/a/");
    expect(&client, "count", "1");
    put_plugin_as("move_2", "move");
    reload_conf("ws /other/ move.so\n");
    expect(&client, "which", "1");
    expect(&client, "option colour", "\"red\"");
    reload_conf("ws /other/ good.so\n");
    expect(&client, "count", "2");
    reload_conf(MOVE "\n"); /* it is back */
    expect(&client, "which", "2");
    expect(&client, "count", "3");
    client_leave(&client);
}
END_TEST

START_TEST(who_can_go_on_again_is_not_closed)
{
    struct client client;

    serve_version("move_1", "reload drain=2s\n" MOVE "\n");
    client = client_open("/move/a/");
    client_text(&client, "after 2500 late");
    reload_conf("ws /other/ good.so\n");
    reload_conf(MOVE "\n");
    client_expect_text(&client, "late in 1");
    client_leave(&client);
}
END_TEST

START_TEST(reloads_do_not_put_it_off)
{
    struct client client;

    serve_version("move_1", "reload drain=200ms\n" MOVE "\n");
    client = client_open("/move/a/");
    AWAIT((reload_conf("ws /other/ good.so\n"), client_pending(&client) > 0));
    client_expect_code(&client, 1012);
}
END_TEST

/* ---- Code that is met -------------------------------------------------------------------------
 */

START_TEST(live_connections_may_be_told_to_stay)
{
    struct client before, after;

    serve_version("move_1", MOVE " {\n reload move=off drain=10ms\n}\n");
    before = client_open("/move/a/");
    put_plugin_as("move_1b", "move");
    server_reload();
    log_wait(" conn.stays ", "why=\"reload move=off\"", "closed_within_ms=0");
    after = client_open("/move/a/");
    expect(&after, "which", "1b");
    client_text(&before, "after 100 still");
    client_expect_text(&before, "still in 1");
    reload_conf(MOVE "\n");
    expect(&before, "which", "1b");
    client_leave(&before);
    client_leave(&after);
}
END_TEST

/* Of three generations, two may have connections. */
START_TEST(oldest_generation_is_closed)
{
    struct client first, second, third;

    serve_version("move_1", "reload move=off keep=2 drain=50ms\n" MOVE "\n");
    first = client_open("/move/a/");
    put_plugin_as("move_1b", "move");
    server_reload();
    second = client_open("/move/a/");
    expect(&first, "which", "1");
    put_plugin_as("move_2", "move");
    server_reload();
    third = client_open("/move/a/");
    client_expect_code(&first, 1012);
    expect(&second, "which", "1b");
    expect(&third, "which", "2");
    trace_wait("1 disconnect 0", 1);
    AWAIT(cache_files() == 2);
    client_leave(&second);
    client_leave(&third);
}
END_TEST

START_TEST(one_generation_alone_may_be_kept)
{
    struct client moves, stays;

    serve_version("move_1", "reload keep=1 drain=50ms\n" MOVE "\n");
    moves = client_open("/move/a/");
    stays = client_open("/move/a/");
    expect(&stays, "count", "1");
    put_plugin_as("move_refuses", "move");
    server_reload();
    client_expect_code(&stays, 1012);
    expect(&moves, "which", "refuses");
    AWAIT(cache_files() == 1);
    client_leave(&moves);
}
END_TEST

/* ---- Limits -----------------------------------------------------------------------------------
 */

START_TEST(message_limit_reaches_live_connections)
{
    struct client larger, smaller, half;
    char text[2000];

    memset(text, 'x', sizeof text);
    serve_version("move_1", MOVE " {\n limits message=1000\n}\n");
    larger = client_open("/move/a/");
    smaller = client_open("/move/a/");
    half = client_open("/move/a/");
    client_frame(&half, 0x01, text, 900);
    reload_conf(MOVE " {\n limits message=2000\n}\n");
    client_frame(&larger, 0x81, text, 2000);
    client_expect_text(&larger, "2000");
    reload_conf(MOVE " {\n limits message=500\n}\n");
    client_frame(&smaller, 0x81, text, 500);
    client_expect_text(&smaller, "500");
    client_frame(&smaller, 0x81, text, 501);
    client_expect_fault(&smaller, 1009);
    client_frame(&half, 0x80, text, 1); /* what it has sent is too much by now */
    client_expect_fault(&half, 1009);
    client_leave(&larger);
}
END_TEST

START_TEST(times_reach_live_connections)
{
    struct client pinged, idle;

    serve_version("move_1", "limits ping=off idle=off\n" MOVE "\n");
    pinged = client_open("/move/a/");
    idle = client_open("/move/a/");
    reload_conf("limits ping=50ms pong=off\n" MOVE "\n");
    client_expect(&pinged, PING, "", 0);
    reload_conf("limits ping=off idle=50ms\n" MOVE "\n");
    client_hang_up(&pinged);
    struct received last = {.opcode = PING};
    while (last.opcode == PING)
        last = client_receive(&idle);
    ck_assert_uint_eq(last.opcode, CLOSE);
    ck_assert_uint_eq(last.payload[0] << 8 | last.payload[1], 1000);
    client_hang_up(&idle);
}
END_TEST

#ifdef HAVE_DEFLATE
#define COMPRESS "compress on\n"
#else
#define COMPRESS ""
#endif

START_TEST(other_settings_hold_from_the_handshake_on)
{
    struct client client;

    serve_version("move_1", "origins *\n" MOVE " {\n subprotocols v1\n}\n");
    client = client_open_with("/move/a/", "Origin: http://other.example\r\n"
                                          "Sec-WebSocket-Protocol: v1\r\n");
    expect(&client, "count", "1");
    reload_conf("origins same\n" COMPRESS MOVE " {\n subprotocols v2\n}\n");
    ck_assert_uint_eq(ask_to_open("/move/a/", "Origin: http://other.example\r\n"), 403);
    expect(&client, "count", "2");
    client_leave(&client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, moved routes");
    TCase *tcase = harness_case(suite, "mounts");

    tcase_add_test(tcase, mount_with_other_options_is_taken);
    tcase_add_test(tcase, mount_above_takes_over);
    tcase_add_test(tcase, param_is_renamed);
    tcase_add_test(tcase, param_is_renamed_in_upgrade);

    tcase = harness_case(suite, "draining");
    tcase_add_loop_test(tcase, who_has_no_mount_is_closed_in_time, 0, sizeof gone / sizeof *gone);
    tcase_add_test(tcase, who_has_no_mount_is_served_until_then);
    tcase_add_test(tcase, who_can_go_on_again_is_not_closed);
    tcase_add_test(tcase, reloads_do_not_put_it_off);

    tcase = harness_case(suite, "code");
    tcase_add_test(tcase, live_connections_may_be_told_to_stay);
    tcase_add_test(tcase, oldest_generation_is_closed);
    tcase_add_test(tcase, one_generation_alone_may_be_kept);

    tcase = harness_case(suite, "limits");
    tcase_add_test(tcase, message_limit_reaches_live_connections);
    tcase_add_test(tcase, times_reach_live_connections);
    tcase_add_test(tcase, other_settings_hold_from_the_handshake_on);
    return harness_run(suite);
}
