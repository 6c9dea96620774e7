/*
 * Tests of what the server bounds: sizes, times, and what waits for a client.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client.h"
#include "harness.h"

/* ---- Sizes ----------------------------------------------------------------------------------- */

START_TEST(larger_messages_are_1009)
{
    char bytes[2000] = {0};
    struct client client;

    serve("ws /echo/ function_of_api.so {\n limits message=1000\n}\n");
    client = client_open("/echo/");
    client_binary(&client, bytes, 1000);
    client_expect(&client, BINARY, bytes, 1000);
    client_frame(&client, BINARY, bytes, 600);
    client_frame(&client, 0x80 | CONTINUATION, bytes, 400);
    client_expect(&client, BINARY, bytes, 1000);
    client_binary(&client, bytes, 1001);
    client_expect_fault(&client, 1009);

    client = client_open("/echo/"); /* as soon as it is announced */
    client_send(&client, "\x82\xfe\x03\xe9\0\0\0\0", 8);
    client_expect_fault(&client, 1009);

    client = client_open("/echo/");
    client_frame(&client, BINARY, bytes, 600);
    client_frame(&client, CONTINUATION, bytes, 401);
    client_expect_fault(&client, 1009);
}
END_TEST

START_TEST(more_fragments_are_1008)
{
    struct client client;

    serve("ws /echo/ function_of_api.so {\n limits fragments=3\n}\n");
    client = client_open("/echo/");
    client_frame(&client, TEXT, "a", 1);
    client_frame(&client, CONTINUATION, "b", 1);
    client_frame(&client, 0x80 | CONTINUATION, "c", 1);
    client_expect_text(&client, "abc");
    client_frame(&client, TEXT, "", 0);
    client_frame(&client, CONTINUATION, "", 0);
    client_frame(&client, CONTINUATION, "", 0);
    client_frame(&client, CONTINUATION, "", 0);
    client_expect_fault(&client, 1008);
}
END_TEST

/* ---- Times ----------------------------------------------------------------------------------- */

START_TEST(unanswered_handshake_is_503)
{
    serve("limits answer=50ms\nws /never/ never_answers.so\n");
    ck_assert_uint_eq(ask_to_open("/never/", ""), 503);
    log_wait(" answer.late ", "mount=/never/", "consumer=never_answers");
    trace_wait("disconnect 1006", 1);
}
END_TEST

START_TEST(unfinished_message_is_1008)
{
    struct client frame, message, ordinary;

    serve("limits unfinished=50ms\nws /echo/ function_of_api.so\n");
    ordinary = client_open("/echo/");
    frame = client_open("/echo/");
    client_send(&frame, "\x82\x85\0\0\0\0hel", 9);
    message = client_open("/echo/");
    client_frame(&message, TEXT, "begun", 5);
    client_expect_fault(&frame, 1008);
    client_expect_fault(&message, 1008);
    client_text(&ordinary, "still here");
    client_expect_text(&ordinary, "still here");
    client_leave(&ordinary);
}
END_TEST

/* Pings are no messages. */
START_TEST(idle_connection_is_closed)
{
    struct client client;

    serve("ws /echo/ function_of_api.so {\n limits idle=50ms ping=off\n}\n");
    client = client_open("/echo/");
    client_expect_code(&client, 1000);
}
END_TEST

START_TEST(silent_peer_is_pinged_and_then_left)
{
    struct client client;

    serve("limits ping=50ms pong=50ms\nws /echo/ lifecycle.so\n");
    client = client_open("/echo/");
    client_expect(&client, PING, "", 0);
    client_expect_fault(&client, 1011);
    trace_wait("disconnect 1006", 1);
}
END_TEST

START_TEST(peer_that_answers_pings_stays)
{
    struct client client;

    serve("limits ping=10ms pong=20s\nws /echo/ lifecycle.so\n");
    client = client_open("/echo/");
    for (int i = 0; i < 4; i++) {
        client_expect(&client, PING, "", 0);
        client_frame(&client, 0x80 | PONG, "", 0);
    }
    client_text(&client, "still here");

    struct received frame = client_receive(&client);

    while (frame.opcode == PING) {
        client_frame(&client, 0x80 | PONG, "", 0);
        frame = client_receive(&client);
    }
    ck_assert_uint_eq(frame.opcode, TEXT);
    client_close(&client, 1000, "");
    client_drain(&client);
    client_hang_up(&client);
    trace_wait("disconnect 1000", 1);
}
END_TEST

/* ---- What waits for a client ----------------------------------------------------------------- */

/* What came before the close is whole frames, each of `size` bytes. */
static void expect_slow(struct client *client, size_t size)
{
    for (;;) {
        struct received frame = client_receive(client);

        if (frame.opcode == CLOSE) {
            ck_assert_uint_eq(frame.payload[0] * 256u + frame.payload[1], 1013);
            break;
        }
        ck_assert_uint_eq(frame.opcode, BINARY);
        ck_assert_uint_eq(frame.size, size);
    }
    client_close(client, 1013, "");
    client_expect_end(client);
    client_hang_up(client);
}

START_TEST(slow_reader_is_1013)
{
    struct client slow, ordinary;

    serve_with("loops 1\n", "limits backlog=64k\nws /flood/ flood.so\n");
    ordinary = client_open("/flood/");
    slow = client_dial_narrow();
    client_shake(&slow, "/flood/", "");
    ck_assert_uint_eq(client_answer(&slow).status, 101);
    client_text(&slow, "20000 1000");
    log_wait(" conn.slow ", "mount=/flood/");
    client_text(&ordinary, "still here");
    client_expect_text(&ordinary, "still here");
    expect_slow(&slow, 1000);
    trace_wait("disconnect 1013", 1);
    client_text(&ordinary, "still here");
    client_expect_text(&ordinary, "still here");
    client_leave(&ordinary);
}
END_TEST

/* Large messages go another way out, past the copying. */
START_TEST(slow_reader_of_large_messages_is_1013)
{
    struct client slow;

    serve("limits backlog=100k\nws /flood/ flood.so\n");
    slow = client_dial_narrow();
    client_shake(&slow, "/flood/", "");
    ck_assert_uint_eq(client_answer(&slow).status, 101);
    client_text(&slow, "200 90000");
    expect_slow(&slow, 90000);
    trace_wait("disconnect 1013", 1);
    server_stop();
    log_wait(" limit.hit ", "limit=\"limits backlog\"", "count=1");
}
END_TEST

START_TEST(one_message_beyond_the_backlog_is_sent)
{
    enum { SIZE = 8 * 1024 * 1024 };
    struct client client;

    serve("limits backlog=64k\nws /flood/ flood.so\n");
    client = client_dial_narrow();
    client_shake(&client, "/flood/", "");
    ck_assert_uint_eq(client_answer(&client).status, 101);
    client_text(&client, "1 8388608");

    struct received frame = client_receive(&client);

    ck_assert_uint_eq(frame.opcode, BINARY);
    ck_assert_uint_eq(frame.size, SIZE);
    client_leave(&client);
}
END_TEST

START_TEST(reader_who_never_reads_is_cut)
{
    struct client slow;

    serve("limits backlog=64k closing=50ms\nws /flood/ flood.so\n");
    slow = client_dial_narrow();
    client_shake(&slow, "/flood/", "");
    client_text(&slow, "20000 1000");
    trace_wait("disconnect 1006", 1);
    client_drain(&slow);
    client_hang_up(&slow);
}
END_TEST

/* It sends without end and takes nothing back; the server holds no more than the backlog. */
START_TEST(echo_to_a_peer_that_never_reads)
{
    enum { SIZE = 8000 };
    char bytes[SIZE] = {0};
    uint8_t frame[SIZE + 14];
    size_t size = frame_bytes(frame, 0x80 | BINARY, bytes, SIZE), at = 0;
    struct client client;

    serve("limits backlog=64k closing=50ms\nws /flood/ flood.so\n");
    client = client_dial_narrow();
    client_shake(&client, "/flood/", "");
    while (trace_count("disconnect 1006") == 0) {
        struct pollfd wait = {.fd = client.fd, .events = POLLOUT};

        if (poll(&wait, 1, 10) != 1 || (wait.revents & (POLLERR | POLLHUP)) != 0)
            continue;
        ssize_t sent = send(client.fd, frame + at, size - at, MSG_NOSIGNAL);

        if (sent > 0)
            at = (at + (size_t)sent) % size;
    }
    ck_assert_uint_ge(log_count(" conn.slow "), 1);
    client_hang_up(&client);
}
END_TEST

/* ---- What is counted ------------------------------------------------------------------------- */

static void fail_with(const char *path, void (*act)(struct client *), unsigned code)
{
    struct client client = client_open(path);

    act(&client);
    client_expect_fault(&client, code);
}

static void send_much(struct client *client)
{
    static const char bytes[2000];

    client_binary(client, bytes, sizeof bytes);
}

static void send_fragments(struct client *client)
{
    client_frame(client, TEXT, "a", 1);
    for (int i = 0; i < 5; i++)
        client_frame(client, CONTINUATION, "", 0);
}

static void send_half(struct client *client)
{
    client_frame(client, TEXT, "half", 4);
}

static void send_nothing(struct client *client)
{
    client_expect(client, PING, "", 0);
}

/* Each by its setting's name, when the table goes or the server does. */
START_TEST(each_limit_is_counted)
{
    static const char *const of_mounts[] = {"message", "fragments", "unfinished", "pong",
                                            "idle",    "answer",    "closing"};
    static const char *const of_server[] = {"request-line", "headers", "body", "handshake"};
    char long_line[4000] = "GET /", long_head[4000] = "GET / HTTP/1.1\r\nHost: x\r\nX: ";
    struct client client;

    serve_with("loops 2\nserver handshake=300ms headers=1k request-line=64 body=10\n",
               "limits message=1000 fragments=3 unfinished=50ms\nws /echo/ function_of_api.so\n"
               "ws /ping/ function_of_api.so {\n limits ping=50ms pong=50ms\n}\n"
               "ws /idle/ function_of_api.so {\n limits idle=50ms closing=50ms\n}\n"
               "ws /never/ never_answers.so {\n limits answer=50ms\n}\n");
    fail_with("/echo/", send_much, 1009);
    fail_with("/echo/", send_fragments, 1008);
    fail_with("/echo/", send_half, 1008);
    fail_with("/ping/", send_nothing, 1011);
    client = client_open("/idle/"); /* whose close nobody answers */
    ck_assert_uint_eq(client_receive(&client).opcode, CLOSE);
    client_drain(&client);
    client_hang_up(&client);
    ck_assert_uint_eq(ask_to_open("/never/", ""), 503);
    memset(long_line + strlen(long_line), 'x', 3000);
    ck_assert_uint_eq(ask(long_line), 414);
    memset(long_head + strlen(long_head), 'x', 3000);
    ck_assert_uint_eq(ask(long_head), 431);
    ck_assert_uint_eq(ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n"), 413);
    ck_assert_uint_eq(ask("GET / HTTP/1.1\r\n"), 408);
    server_stop();
    for (size_t i = 0; i < sizeof of_mounts / sizeof *of_mounts; i++) {
        char limit[64];

        snprintf(limit, sizeof limit, "limit=\"limits %s\"", of_mounts[i]);
        ck_assert_msg(log_count(" limit.hit ", "mount=/", limit, "count=1") == 1, "%s", limit);
    }
    for (size_t i = 0; i < sizeof of_server / sizeof *of_server; i++) {
        char limit[64];

        snprintf(limit, sizeof limit, "limit=\"server %s\"", of_server[i]);
        ck_assert_msg(log_count(" limit.hit ", limit, "count=1") == 1, "%s", limit);
    }
    ck_assert_uint_eq(log_count(" limit.hit "), 11);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, limits");
    TCase *tcase = harness_case(suite, "sizes");

    tcase_add_test(tcase, larger_messages_are_1009);
    tcase_add_test(tcase, more_fragments_are_1008);

    tcase = harness_case(suite, "times");
    tcase_add_test(tcase, unanswered_handshake_is_503);
    tcase_add_test(tcase, unfinished_message_is_1008);
    tcase_add_test(tcase, idle_connection_is_closed);
    tcase_add_test(tcase, silent_peer_is_pinged_and_then_left);
    tcase_add_test(tcase, peer_that_answers_pings_stays);

    tcase = harness_case(suite, "backlog");
    tcase_add_test(tcase, slow_reader_is_1013);
    tcase_add_test(tcase, slow_reader_of_large_messages_is_1013);
    tcase_add_test(tcase, one_message_beyond_the_backlog_is_sent);
    tcase_add_test(tcase, reader_who_never_reads_is_cut);
    tcase_add_test(tcase, echo_to_a_peer_that_never_reads);

    tcase = harness_case(suite, "counts");
    tcase_add_test(tcase, each_limit_is_counted);
    return harness_run(suite);
}
