/*
 * Tests of the server as WebSocket clients see it: messages, control frames, the closing handshake,
 * and what breaks RFC 6455.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "client.h"
#include "harness.h"

#define ECHO "ws /echo/ function_of_api.so\n"

/* ---- Messages -------------------------------------------------------------------------------- */

START_TEST(messages_of_all_sizes_come_back)
{
    static const size_t sizes[] = {0, 1, 125, 126, 127, 65535, 65536, 65537, 600000, 1 << 20};
    char *bytes = malloc(1 << 20);
    struct client client;

    for (size_t i = 0; i < 1 << 20; i++)
        bytes[i] = (char)('a' + i % 23);
    serve(ECHO);
    client = client_open("/echo/");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        client_frame(&client, 0x80 | TEXT, bytes, sizes[i]);
        client_expect(&client, TEXT, bytes, sizes[i]);
        client_binary(&client, bytes, sizes[i]);
        client_expect(&client, BINARY, bytes, sizes[i]);
    }
    client_leave(&client);
    free(bytes);
}
END_TEST

START_TEST(many_messages_in_one_piece)
{
    enum { MANY = 3000 };
    uint8_t *bytes = malloc(MANY * 32);
    size_t size = 0;
    char text[32];
    struct client client;

    serve(ECHO);
    client = client_open("/echo/");
    for (int i = 0; i < MANY; i++) {
        int length = sprintf(text, "message %d", i);

        size += frame_bytes(bytes + size, 0x80 | TEXT, text, (size_t)length);
    }
    client_send(&client, bytes, size);
    for (int i = 0; i < MANY; i++) {
        sprintf(text, "message %d", i);
        client_expect_text(&client, text);
    }
    client_leave(&client);
    free(bytes);
}
END_TEST

/* In a turn 256 frames are taken of a connection: what ends just there ends nothing. */
START_TEST(messages_that_fill_a_turn)
{
    uint8_t bytes[260 * 8];
    struct client client;

    serve(ECHO);
    client = client_open("/echo/");
    for (int many = 252; many <= 260; many++) {
        size_t size = 0;

        for (int i = 0; i < many; i++)
            size += frame_bytes(bytes + size, 0x80 | TEXT, "x", 1);
        client_send(&client, bytes, size);
        for (int i = 0; i < many; i++)
            client_expect_text(&client, "x");
    }
    client_leave(&client);
}
END_TEST

START_TEST(messages_byte_by_byte)
{
    uint8_t bytes[700];
    char text[300];
    size_t size;
    struct client client;

    serve(ECHO);
    client = client_open("/echo/");
    memset(text, 'x', sizeof text);
    size = frame_bytes(bytes, TEXT, text, 200);
    size += frame_bytes(bytes + size, 0x80 | PING, "ping", 4);
    size += frame_bytes(bytes + size, 0x80 | CONTINUATION, text, 100);
    for (size_t i = 0; i < size; i++)
        client_send(&client, bytes + i, 1);
    client_expect(&client, PONG, "ping", 4);
    client_expect(&client, TEXT, text, 300);
    client_leave(&client);
}
END_TEST

START_TEST(message_in_fragments)
{
    struct client client;

    serve(ECHO);
    client = client_open("/echo/");
    client_frame(&client, TEXT, "one", 3);
    client_ping(&client, "between");
    client_frame(&client, CONTINUATION, "", 0);
    client_frame(&client, 0x80 | PONG, "not asked for", 13);
    client_frame(&client, CONTINUATION, " two", 4);
    client_frame(&client, 0x80 | CONTINUATION, "", 0);
    client_expect(&client, PONG, "between", 7);
    client_expect_text(&client, "one two");
    client_frame(&client, BINARY, "", 0);
    client_frame(&client, 0x80 | CONTINUATION, "\0\xff", 2);
    client_expect(&client, BINARY, "\0\xff", 2);
    client_leave(&client);
}
END_TEST

/* Cut into frames at every byte: a character in two frames is one character still. */
START_TEST(text_is_checked_across_fragments)
{
    static const char text[] = "a\xc3\xa4\xe8\xbf\x90\xf0\x9f\x98\x80z";
    struct client client;

    serve(ECHO);
    client = client_open("/echo/");
    for (size_t cut = 0; cut < sizeof text; cut++) {
        client_frame(&client, TEXT, text, cut);
        client_frame(&client, 0x80 | CONTINUATION, text + cut, sizeof text - 1 - cut);
        client_expect_text(&client, text);
    }
    client_leave(&client);
}
END_TEST

START_TEST(pings_are_answered)
{
    char payload[126];
    struct client client;

    memset(payload, 'p', 125);
    payload[125] = '\0';
    serve(ECHO);
    client = client_open("/echo/");
    client_ping(&client, "");
    client_expect(&client, PONG, "", 0);
    client_ping(&client, payload);
    client_expect(&client, PONG, payload, 125);
    client_leave(&client);
}
END_TEST

/* ---- The handshake --------------------------------------------------------------------------- */

START_TEST(subprotocol_is_the_first_of_the_mounts_own)
{
    struct client client;

    serve("ws /echo/ function_of_api.so {\n subprotocols chat.v2 chat.v1\n}\n");
    client = client_dial();
    client_shake(&client, "/echo/", "Sec-WebSocket-Protocol: other, chat.v1, chat.v2\r\n");

    struct answer answer = client_answer(&client);

    ck_assert_uint_eq(answer.status, 101);
    ck_assert_str_eq(answer_field(&answer, "Sec-WebSocket-Protocol"), "chat.v2");
    client_leave(&client);
    client = client_dial();
    client_shake(&client, "/echo/", "Sec-WebSocket-Protocol: other\r\n");
    answer = client_answer(&client);
    ck_assert_uint_eq(answer.status, 101);
    ck_assert_str_eq(answer_field(&answer, "Sec-WebSocket-Protocol"), "");
    client_leave(&client);
}
END_TEST

START_TEST(extensions_are_declined)
{
    struct client client;

    serve(ECHO);
    client = client_dial();
    client_shake(&client, "/echo/", "Sec-WebSocket-Extensions: permessage-deflate\r\n");

    struct answer answer = client_answer(&client);

    ck_assert_uint_eq(answer.status, 101);
    ck_assert_str_eq(answer_field(&answer, "Sec-WebSocket-Extensions"), "");
    client_leave(&client);
}
END_TEST

/* More than is kept before the answer: the rest waits on the way, and none is lost. */
START_TEST(messages_before_the_answer_are_kept)
{
    enum { MANY = 60, SIZE = 4000 };
    char text[SIZE + 1];
    uint8_t frame[SIZE + 14];
    struct client client;

    serve("ws /later/ answers_later.so\n");
    client = client_dial();
    client_shake(&client, "/later/", "");
    for (int i = 0; i < MANY; i++) {
        memset(text, 'a' + i % 26, SIZE);
        client_send(&client, frame, frame_bytes(frame, 0x80 | TEXT, text, SIZE));
    }
    ck_assert_uint_eq(client_answer(&client).status, 101);
    client_expect_text(&client, "later");
    for (int i = 0; i < MANY; i++) {
        memset(text, 'a' + i % 26, SIZE);
        client_expect(&client, TEXT, text, SIZE);
    }
    client_leave(&client);
}
END_TEST

/* ---- Closing --------------------------------------------------------------------------------- */

START_TEST(peers_code_is_answered_and_the_server_ends_the_line)
{
    static const unsigned codes[] = {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011,
                                     1012, 1013, 1014, 3000, 3999, 4000, 4999, 1005};

    serve(ECHO);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        struct client client = client_open("/echo/");

        client_close(&client, codes[i], codes[i] == 1005 ? "" : "a reason");
        client_expect_fault(&client, codes[i]);
    }
}
END_TEST

START_TEST(messages_before_a_close_are_answered)
{
    struct client client;

    serve(ECHO);
    client = client_open("/echo/");
    for (int i = 0; i < 500; i++)
        client_text(&client, "last words");
    client_close(&client, 1000, "");
    client_text(&client, "after the end");
    for (int i = 0; i < 500; i++)
        client_expect_text(&client, "last words");
    client_expect_fault(&client, 1000);
}
END_TEST

/* A peer that is slow to end its side, or sends on: nobody waits for it, and it loses nothing. */
START_TEST(line_that_both_closed_ends_in_order)
{
    struct client client;
    char byte;

    serve("limits closing=10m\nws /life/ lifecycle.so\n");
    client = client_open("/life/");
    client_close(&client, 1000, "");
    trace_wait("disconnect 1000", 1);
    client_expect(&client, CLOSE, "\x03\xe8", 2);
    ck_assert_int_eq(recv(client.fd, &byte, 1, 0), 0);
    for (int i = 0; i < 10; i++) /* what was reset fails by the second */
        ck_assert_int_eq(send(client.fd, "late", 4, MSG_NOSIGNAL), 4);
    client_hang_up(&client);
    server_stop();
    ck_assert_uint_eq(trace_count("disconnect 1000"), 1);
    ck_assert_uint_eq(trace_count("receive"), 0);
}
END_TEST

START_TEST(codes_that_may_not_be_sent_are_1002)
{
    static const unsigned codes[] = {0, 1, 999, 1004, 1006, 1015, 1016, 2000, 2999, 5000, 65535};
    struct client client;

    serve(ECHO);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        client = client_open("/echo/");
        client_close(&client, codes[i], "");
        client_expect_fault(&client, 1002);
    }
    client = client_open("/echo/");
    client_frame(&client, 0x80 | CLOSE, "\x03\xed", 2); /* 1005, in so many bytes */
    client_expect_fault(&client, 1002);
    client = client_open("/echo/");
    client_frame(&client, 0x80 | CLOSE, "\x03", 1);
    client_expect_fault(&client, 1002);
    client = client_open("/echo/");
    client_close(&client, 1000, "\xc3");
    client_expect_fault(&client, 1007);
}
END_TEST

START_TEST(peer_that_does_not_answer_a_close_is_left)
{
    struct client client;

    serve("limits closing=50ms\nws /close/ send_after_close.so\n");
    client = client_open("/close/");
    client_text(&client, "close");
    client_expect_text(&client, "last");
    client_expect_fault(&client, 4001);
    trace_wait("disconnect 1006", 1);
}
END_TEST

/* ---- What breaks the protocol ---------------------------------------------------------------- */

/* The bytes of a frame as they are, and the code that they are closed with. */
static const struct {
    const char *what, *bytes;
    size_t size;
    unsigned code;
} faults[] = {
#define FAULT(code, what, bytes)                                                                   \
    {                                                                                              \
        what, bytes, sizeof bytes - 1, code                                                        \
    }
    FAULT(1002, "not masked", "\x81\x05hello"),
    FAULT(1002, "not masked, empty", "\x81\x00"),
    FAULT(1002, "not masked ping", "\x89\x00"),
    FAULT(1002, "reserved bit 1", "\xc1\x80\0\0\0\0"),
    FAULT(1002, "reserved bit 2", "\xa1\x80\0\0\0\0"),
    FAULT(1002, "reserved bit 3", "\x91\x80\0\0\0\0"),
    FAULT(1002, "reserved bit of a ping", "\xc9\x80\0\0\0\0"),
    FAULT(1002, "opcode 3", "\x83\x80\0\0\0\0"),
    FAULT(1002, "opcode 7", "\x87\x80\0\0\0\0"),
    FAULT(1002, "opcode 11", "\x8b\x80\0\0\0\0"),
    FAULT(1002, "opcode 15", "\x8f\x80\0\0\0\0"),
    FAULT(1002, "ping in fragments", "\x09\x80\0\0\0\0"),
    FAULT(1002, "close in fragments", "\x08\x80\0\0\0\0"),
    FAULT(1002, "ping of 126 bytes", "\x89\xfe\x00\x7e\0\0\0\0"),
    FAULT(1002, "continuation of nothing", "\x80\x80\0\0\0\0"),
    FAULT(1002, "text in the middle of text", "\x01\x81\0\0\0\0a\x81\x81\0\0\0\0b"),
    FAULT(1002, "length in 2 bytes for 1", "\x81\xfe\x00\x05\0\0\0\0hello"),
    FAULT(1002, "length in 8 bytes for 2", "\x82\xff\0\0\0\0\0\0\x01\0\0\0\0\0"),
    FAULT(1002, "length beyond 63 bits", "\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0"),
    FAULT(1009, "length of 63 bits", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0"),
    FAULT(1007, "a byte that is never UTF-8", "\x81\x81\0\0\0\0\xff"),
    FAULT(1007, "a surrogate", "\x81\x83\0\0\0\0\xed\xa0\x80"),
    FAULT(1007, "an overlong slash", "\x81\x82\0\0\0\0\xc0\xaf"),
    FAULT(1007, "beyond U+10FFFF", "\x81\x84\0\0\0\0\xf4\x90\x80\x80"),
    FAULT(1007, "half a character", "\x81\x81\0\0\0\0\xc3"),
    FAULT(1007, "half a character in a fragment", "\x01\x81\0\0\0\0\xc3\x80\x80\0\0\0\0"),
    FAULT(1007, "wrong in a first fragment", "\x01\x82\0\0\0\0\xc3\x28"),
};

START_TEST(broken_rules_close)
{
    serve("ws /echo/ lifecycle.so\n");
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct client client = client_open("/echo/");

        client_send(&client, faults[i].bytes, faults[i].size);

        struct received frame = client_receive(&client);

        ck_assert_msg(frame.opcode == CLOSE && frame.size >= 2, "%s", faults[i].what);
        ck_assert_msg(frame.payload[0] * 256u + frame.payload[1] == faults[i].code,
                      "%s: closed with %u", faults[i].what,
                      frame.payload[0] * 256u + frame.payload[1]);
        client_expect_end(&client);
        client_hang_up(&client);
    }
    /* None of it came to the consumer, for whom the line broke. */
    trace_wait("disconnect 1006", sizeof faults / sizeof *faults);
    ck_assert_uint_eq(trace_count("receive"), 0);
}
END_TEST

/* What stands behind the fault is not listened to, and what stands before it is. */
START_TEST(nothing_is_heard_after_a_fault)
{
    uint8_t bytes[128];
    size_t size;
    struct client client;

    serve("ws /echo/ lifecycle.so\n");
    client = client_open("/echo/");
    size = frame_bytes(bytes, 0x80 | TEXT, "before", 6);
    size += frame_bytes(bytes + size, 0x80 | 3, "", 0);
    size += frame_bytes(bytes + size, 0x80 | TEXT, "behind", 6);
    size += frame_bytes(bytes + size, 0x80 | CLOSE, "\x0f\xa0", 2);
    client_send(&client, bytes, size);
    client_expect_text(&client, "before");
    client_expect_fault(&client, 1002);
    trace_wait("disconnect 1006", 1);
    ck_assert_uint_eq(trace_count("receive"), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, WebSocket");
    TCase *tcase = harness_case(suite, "messages");

    tcase_add_test(tcase, messages_of_all_sizes_come_back);
    tcase_add_test(tcase, many_messages_in_one_piece);
    tcase_add_test(tcase, messages_that_fill_a_turn);
    tcase_add_test(tcase, messages_byte_by_byte);
    tcase_add_test(tcase, message_in_fragments);
    tcase_add_test(tcase, text_is_checked_across_fragments);
    tcase_add_test(tcase, pings_are_answered);

    tcase = harness_case(suite, "handshake");
    tcase_add_test(tcase, subprotocol_is_the_first_of_the_mounts_own);
    tcase_add_test(tcase, extensions_are_declined);
    tcase_add_test(tcase, messages_before_the_answer_are_kept);

    tcase = harness_case(suite, "closing");
    tcase_add_test(tcase, peers_code_is_answered_and_the_server_ends_the_line);
    tcase_add_test(tcase, messages_before_a_close_are_answered);
    tcase_add_test(tcase, line_that_both_closed_ends_in_order);
    tcase_add_test(tcase, codes_that_may_not_be_sent_are_1002);
    tcase_add_test(tcase, peer_that_does_not_answer_a_close_is_left);

    tcase = harness_case(suite, "faults");
    tcase_add_test(tcase, broken_rules_close);
    tcase_add_test(tcase, nothing_is_heard_after_a_fault);
    return harness_run(suite);
}
