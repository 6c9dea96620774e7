/*
 * Tests of how much a peer may send: messages and bytes in a time, and what the half messages of
 * all connections hold together.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "harness.h"

#define LIFE "ws /life/ lifecycle.so"

/* ---- Messages -------------------------------------------------------------------------------- */

/* Twelve seconds would bring one more. */
START_TEST(messages_beyond_the_rate_are_1008)
{
    struct client client;

    serve(LIFE " {\n limits rate=5/m\n}\n");
    client = client_open("/life/");
    for (int i = 0; i < 20; i++) {
        client_ping(&client, "no message");
        client_expect(&client, PONG, "no message", 10);
    }
    for (int i = 0; i < 4; i++) {
        client_text(&client, "one");
        client_expect_text(&client, "one");
    }
    client_frame(&client, TEXT, "o", 1);
    client_frame(&client, CONTINUATION, "n", 1);
    client_frame(&client, 0x80 | CONTINUATION, "e", 1);
    client_expect_text(&client, "one");
    client_text(&client, "one too many");
    client_expect_fault(&client, 1008);
    trace_wait("disconnect 1006", 1);
    ck_assert_uint_eq(trace_count("receive"), 5);
    log_wait(" conn.failed ", "mount=/life/", "code=1008", "why=\"too many messages\"");
    server_stop();
    log_wait(" limit.hit ", "mount=/life/", "limit=\"limits rate\"", "count=1");
}
END_TEST

/* All in one piece: the consumer sees those that are within the rate, and no other. */
START_TEST(burst_beyond_the_rate)
{
    enum { MANY = 100 };
    uint8_t bytes[MANY * 16];
    size_t size = 0;
    struct client client;

    serve(LIFE " {\n limits rate=5/m\n}\n");
    client = client_open("/life/");
    for (int i = 0; i < MANY; i++)
        size += frame_bytes(bytes + size, 0x80 | TEXT, "message", 7);
    client_send(&client, bytes, size);
    for (int i = 0; i < 5; i++)
        client_expect_text(&client, "message");
    client_expect_fault(&client, 1008);
    ck_assert_uint_eq(trace_count("receive"), 5);
}
END_TEST

START_TEST(messages_within_the_rate)
{
    struct client client;

    serve(LIFE " {\n limits rate=1k/s bytes=1m/s\n}\nws /free/ lifecycle.so\n");
    client = client_open("/life/");
    for (int i = 0; i < 1000; i++)
        client_text(&client, "one");
    for (int i = 0; i < 1000; i++)
        client_expect_text(&client, "one");
    client_leave(&client);
    client = client_open("/free/"); /* each mount has its own */
    for (int i = 0; i < 3000; i++)
        client_text(&client, "one");
    for (int i = 0; i < 3000; i++)
        client_expect_text(&client, "one");
    client_leave(&client);
    ck_assert_uint_eq(log_count(" conn.failed "), 0);
}
END_TEST

/* It comes back as time passes. */
START_TEST(rate_recovers)
{
    struct client client;

    serve(LIFE " {\n limits rate=50/s\n}\n");
    client = client_open("/life/");
    for (int i = 0; i < 100; i++) {
        uint64_t next = now_ms() + 25;

        client_text(&client, "one");
        client_expect_text(&client, "one");
        while (now_ms() < next)
            rest_until(next + PATIENCE_MS, "the next message's time");
    }
    client_leave(&client);
}
END_TEST

/* Who was there before goes on as he began. */
/* It reaches live connections: from then on it counts; and the other way round. */
START_TEST(rate_that_is_reloaded)
{
    struct client before, free;

    serve(LIFE "\n");
    before = client_open("/life/");
    free = client_open("/life/");
    for (int i = 0; i < 10; i++) {
        client_text(&before, "one");
        client_expect_text(&before, "one");
    }
    serve_conf(LIFE " {\n limits rate=2/h\n}\n");
    server_reload();
    for (int i = 0; i < 2; i++) {
        client_text(&before, "two");
        client_expect_text(&before, "two");
        client_text(&free, "two");
        client_expect_text(&free, "two");
    }
    serve_conf(LIFE " {\n limits rate=2/h message=9\n}\n");
    server_reload(); /* the same rate: what was spent is spent */
    client_text(&before, "three");
    client_expect_fault(&before, 1008);
    serve_conf(LIFE "\n");
    server_reload();
    for (int i = 0; i < 10; i++) {
        client_text(&free, "three");
        client_expect_text(&free, "three");
    }
    client_leave(&free);
}
END_TEST

/* ---- Bytes ----------------------------------------------------------------------------------- */

enum { BYTES = 4096, HEADER = 8 };

START_TEST(bytes_beyond_the_rate_are_1008)
{
    static char bytes[BYTES];
    struct client client;

    serve(LIFE " {\n limits bytes=4k/m\n}\n");
    client = client_open("/life/");
    client_binary(&client, bytes, BYTES - HEADER); /* the last that may be, to the byte */
    client_expect(&client, BINARY, bytes, BYTES - HEADER);
    client_binary(&client, bytes, 2000); /* in a minute 70 a second come back */
    client_expect_fault(&client, 1008);
    ck_assert_uint_eq(trace_count("receive"), 1);
    log_wait(" conn.failed ", "code=1008", "why=\"too many bytes\"");

    client = client_open("/life/"); /* of any kind */
    for (int i = 0; i < 60; i++)
        client_ping(&client, "a hundred bytes, and perhaps some more; or not quite as many, who "
                             "knows, as nobody ever counts them");
    client_drain(&client);
    client_hang_up(&client);
    server_stop();
    log_wait(" limit.hit ", "limit=\"limits bytes\"", "count=2");
    ck_assert_uint_eq(trace_count("receive"), 1);
}
END_TEST

/* What is more than all that may come at once is never whole. */
START_TEST(message_longer_than_the_rate)
{
    static char bytes[5 * BYTES];
    struct client client;

    serve(LIFE " {\n limits bytes=4k/m\n}\n");
    client = client_open("/life/");
    client_binary(&client, bytes, sizeof bytes);
    client_expect_fault(&client, 1008);
    ck_assert_uint_eq(trace_count("receive"), 0);
}
END_TEST

START_TEST(bytes_within_the_rate)
{
    enum { LARGE = 1000000 };
    char *bytes = calloc(LARGE, 1);
    struct client client;

    serve(LIFE " {\n limits bytes=1m/s\n}\n");
    client = client_open("/life/");
    client_binary(&client, bytes, LARGE);
    client_expect(&client, BINARY, bytes, LARGE);
    client_leave(&client);
    free(bytes);
}
END_TEST

/* ---- Memory of half messages ----------------------------------------------------------------- */

enum { CLIENTS = 40, WHOLE = 60000, HALF = 40000 };

static struct client clients[CLIENTS];

/* Begins a message. True: it is held; false: it was too much, and the client is closed. */
static bool begin_message(struct client *client)
{
    static uint8_t frame[WHOLE + 14];
    static char bytes[WHOLE];
    struct received answer;

    *client = client_open("/life/");
    frame_bytes(frame, 0x80 | BINARY, bytes, WHOLE);
    client_send(client, frame, HALF);
    client_send(client, frame + HALF, 1);
    for (int i = 0; client_pending(client) == 0; i++) { /* is a close coming? */
        if (i == 20)
            return true;
        rest_until(now_ms() + PATIENCE_MS, "a moment");
    }
    answer = client_receive(client);
    ck_assert_uint_eq(answer.opcode, CLOSE);
    ck_assert_uint_eq(answer.payload[0] * 256u + answer.payload[1], 1013);
    client_expect_end(client);
    client_hang_up(client);
    return false;
}

static void end_message(struct client *client)
{
    static uint8_t frame[WHOLE + 14];
    static char bytes[WHOLE];
    size_t size = frame_bytes(frame, 0x80 | BINARY, bytes, WHOLE);

    client_send(client, frame + HALF + 1, size - HALF - 1);
    client_expect(client, BINARY, bytes, WHOLE);
}

static unsigned begin_all(void)
{
    unsigned held = 0;

    for (int i = 0; i < CLIENTS; i++)
        held += begin_message(&clients[i]);
    return held;
}

/* What was given back is there for others, every byte and no more: as many fit again and again,
 * whether messages are finished, cut, or left. */
START_TEST(half_messages_share_their_memory)
{
    unsigned held;

    serve("server unfinished=1m\n" LIFE "\n");
    held = begin_all();
    ck_assert_uint_ge(held, 1024 * 1024 / (2 * WHOLE));
    ck_assert_uint_le(held, 1024 * 1024 / HALF);
    log_wait(" conn.failed ", "mount=/life/", "code=1013");
    log_wait(" memory.bounded ", "limit=1048576");
    ck_assert_uint_eq(log_count(" memory.bounded "), 1);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < CLIENTS; i++) {
            if (clients[i].fd < 0)
                continue;
            if (round == 0)
                end_message(&clients[i]);
            if (round == 1)
                client_cut(&clients[i]);
            else
                client_hang_up(&clients[i]);
        }
        AWAIT(log_count(" conn.close ") == (unsigned)(CLIENTS * (round + 1)));
        ck_assert_uint_eq(begin_all(), held);
    }
    for (int i = 0; i < CLIENTS; i++)
        if (clients[i].fd >= 0)
            client_hang_up(&clients[i]);
    server_stop();
    log_wait(" limit.hit ", "limit=\"server unfinished\"");
}
END_TEST

START_TEST(memory_limit_that_is_reloaded)
{
    serve("server unfinished=1m\n" LIFE "\n");
    ck_assert_uint_lt(begin_all(), CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        if (clients[i].fd >= 0)
            client_hang_up(&clients[i]);
    AWAIT(log_count(" conn.close ") == CLIENTS);
    serve_conf("server unfinished=64m\n" LIFE "\n");
    server_reload();
    AWAIT(begin_message(&clients[0]) && begin_message(&clients[1])); /* both loops have it */
    for (int i = 2; i < CLIENTS; i++)
        ck_assert(begin_message(&clients[i]));
    for (int i = 0; i < CLIENTS; i++)
        client_hang_up(&clients[i]);
}
END_TEST

/* Heads of requests that are half there are half messages, too. */
START_TEST(half_heads_share_the_same_memory)
{
    enum { SIZE = 200 * 1024 };
    char *half = malloc(SIZE + 1);
    unsigned refused = 0;

    memset(half, 'x', SIZE);
    memcpy(half, "GET / HTTP/1.1\r\nHost: x\r\nX: ", 28);
    half[SIZE] = '\0';
    serve("server unfinished=1m headers=1m handshake=10m\n" LIFE "\n");
    for (int i = 0; i < CLIENTS / 2; i++) {
        clients[i] = client_dial();
        client_say(&clients[i], half);
    }
    log_wait(" http.refused ", "status=503");
    for (int i = 0; i < CLIENTS / 2; i++)
        client_shut(&clients[i]);
    for (int i = 0; i < CLIENTS / 2; i++) {
        if (client_fill(&clients[i], 12) >= 12)
            refused += memcmp(clients[i].data, "HTTP/1.1 503", 12) == 0;
        client_drain(&clients[i]);
        client_hang_up(&clients[i]);
    }
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_eq(ask_to_open("/life/", ""), 101);
    free(half);
}
END_TEST

/* Of what is always half there only that half is kept. */
START_TEST(requests_that_are_never_all_there)
{
    enum { SIZE = 1000, MANY = 3000 };
    char request[SIZE + 1];
    struct client client;

    memset(request, 'x', SIZE);
    memcpy(request, "GET /page HTTP/1.1\r\nHost: x\r\nX: ", 32);
    strcpy(request + SIZE - 4, "\r\n\r\n");
    put_file("page.html", "page");
    serve("server unfinished=1m\nhttp /page file=page.html\n");
    client = client_dial();
    client_send(&client, request, SIZE / 2);
    for (int i = 0; i < MANY; i++) {
        client_send(&client, request + SIZE / 2, SIZE - SIZE / 2);
        client_send(&client, request, SIZE / 2);
        ck_assert_uint_eq(client_answer(&client).status, 200);
    }
    client_hang_up(&client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, how much a peer may send");
    TCase *tcase = harness_case(suite, "messages");

    tcase_add_test(tcase, messages_beyond_the_rate_are_1008);
    tcase_add_test(tcase, burst_beyond_the_rate);
    tcase_add_test(tcase, messages_within_the_rate);
    tcase_add_test(tcase, rate_recovers);
    tcase_add_test(tcase, rate_that_is_reloaded);

    tcase = harness_case(suite, "bytes");
    tcase_add_test(tcase, bytes_beyond_the_rate_are_1008);
    tcase_add_test(tcase, message_longer_than_the_rate);
    tcase_add_test(tcase, bytes_within_the_rate);

    tcase = harness_case(suite, "memory");
    tcase_add_test(tcase, half_messages_share_their_memory);
    tcase_add_test(tcase, memory_limit_that_is_reloaded);
    tcase_add_test(tcase, half_heads_share_the_same_memory);
    tcase_add_test(tcase, requests_that_are_never_all_there);
    return harness_run(suite);
}
