/*
 * Tests that one loud connection leaves its loop to the others: a quiet client beside it is
 * answered in a time that does not grow with what the loud one has sent.
 *
 * Bounds are wide, for a machine that is busy with something else: without its share a quiet client
 * would wait ten times as long. Nobody is pinged, since there a test may take longer than a ping
 * waits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "harness.h"

enum { ASKED = 21, MEDIAN_MOST = 100 };

static int by_time(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;

    return first < second ? -1 : first > second;
}

/* How long a quiet client waits for its answers, in ms. */
static uint64_t median_wait(struct client *quiet)
{
    uint64_t waits[ASKED];

    for (int i = 0; i < ASKED; i++) {
        uint64_t before = now_ms();

        client_text(quiet, "still here");
        client_expect_text(quiet, "still here");
        waits[i] = now_ms() - before;
    }
    qsort(waits, ASKED, sizeof *waits, by_time);
    return waits[ASKED / 2];
}

/* `count` frames, all in one piece of memory. */
static uint8_t *frames(unsigned count, unsigned first, const char *payload, size_t *size)
{
    size_t length = strlen(payload);
    uint8_t *bytes = malloc((length + 14) * count);

    *size = 0;
    for (unsigned i = 0; i < count; i++)
        *size += frame_bytes(bytes + *size, first, payload, length);
    return bytes;
}

/* A second of work that was sent at once: 256 of these messages would be a quarter of it. */
START_TEST(messages_that_take_long)
{
    struct client loud, quiet;
    size_t size;
    uint8_t *bytes = frames(4000, 0x80 | TEXT, "1000", &size);

    serve_with("loops 1\n", "limits ping=off\nws /toil/ toil.so\n");
    quiet = client_open("/toil/");
    loud = client_open("/toil/");
    client_send(&loud, bytes, size);
    client_text(&loud, "done");
    uint64_t wait = median_wait(&quiet);
    ck_assert_uint_eq(client_pending(&loud), 0); /* or nothing was measured */
    ck_assert_uint_lt(wait, MEDIAN_MOST);
    client_hang_up(&loud); /* who would be at it for long, on a busy machine */
    client_leave(&quiet);
    free(bytes);
}
END_TEST

/* Two seconds of work for the members of a group: between some of them and the next others have
 * their turn. If only deliveries were counted it would be three times in all. */
START_TEST(handlers_that_take_long)
{
    enum { MEMBERS = 200, EVENTS = 10, TURNS_LEAST = 8 };
    struct client members[MEMBERS], quiet;
    unsigned answers = 0;

    serve_with("loops 1\n", "limits ping=off\nws /toil/ toil.so\nws /echo/ function_of_api.so\n");
    quiet = client_open("/echo/");
    for (int i = 0; i < MEMBERS; i++)
        members[i] = client_open("/toil/");
    for (int i = 0; i < EVENTS; i++)
        client_text(&members[0], "all 1000");
    client_text(&members[0], "over");
    for (; client_pending(&members[MEMBERS - 1]) == 0; answers++) {
        client_text(&quiet, "still here");
        client_expect_text(&quiet, "still here");
    }
    ck_assert_uint_ge(answers, TURNS_LEAST);
    for (int i = 0; i < MEMBERS; i++)
        client_expect_text(&members[i], "over");
    for (int i = 0; i < MEMBERS; i++)
        client_hang_up(&members[i]);
    client_leave(&quiet);
}
END_TEST

/* Nothing is lost or turned round by having to wait. */
START_TEST(all_come_in_order)
{
    enum { MANY = 3000 };
    uint8_t *bytes = malloc(MANY * 32), *end = bytes;
    struct client loud;
    char text[16];

    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "m%d", i);
        end += frame_bytes(end, 0x80 | TEXT, text, strlen(text));
        end += frame_bytes(end, 0x80 | TEXT, "100", 3);
    }
    serve_with("loops 1\n", "limits ping=off\nws /toil/ toil.so\n");
    loud = client_open("/toil/");
    client_send(&loud, bytes, (size_t)(end - bytes));
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "m%d", i);
        client_expect_text(&loud, text);
    }
    client_leave(&loud);
    free(bytes);
}
END_TEST

#ifdef HAVE_DEFLATE
#define COMPRESS " {\n compress min=1g\n}"
#else
#define COMPRESS ""
#endif

/* What waits for its turn counts as memory that is held, so of each that waits it is little: all
 * come at once here, when a callback has kept the loop busy. */
START_TEST(many_wait_in_little_memory)
{
    enum { MANY = 12, MESSAGES = 200 };
    static char payload[1001];
    struct client toiler, clients[MANY];
    size_t size;

    memset(payload, 'a', sizeof payload - 1);
    uint8_t *bytes = frames(MESSAGES, 0x80 | TEXT, payload, &size);
    serve_with("loops 1\nserver unfinished=1m\n",
               "limits ping=off\n"
               "ws /toil/ toil.so\nws /echo/ function_of_api.so" COMPRESS "\n");
    toiler = client_open("/toil/");
    for (int i = 0; i < MANY; i++)
        clients[i] = client_open_with("/echo/", "Sec-WebSocket-Extensions: permessage-deflate\r\n");
    client_text(&toiler, "300000");
    for (int i = 0; i < MANY; i++)
        client_send(&clients[i], bytes, size);
    for (int i = 0; i < MANY; i++) {
        for (int j = 0; j < MESSAGES; j++)
            ck_assert_uint_eq(client_receive(&clients[i]).opcode, TEXT);
        client_hang_up(&clients[i]);
    }
    client_hang_up(&toiler);
    free(bytes);
}
END_TEST

/* As many as a turn takes, one more, one less: what comes next is heard. */
START_TEST(turns_that_end_with_the_bytes)
{
    struct client client;

    serve_with("loops 1\n", "limits ping=off\nws /echo/ function_of_api.so\n");
    client = client_open("/echo/");
    for (unsigned many = 1; many <= 520; many++) {
        size_t size;
        uint8_t *bytes = frames(many, 0x80 | TEXT, "", &size);

        client_send(&client, bytes, size);
        for (unsigned i = 0; i < many; i++)
            client_expect_text(&client, "");
        free(bytes);
    }
    client_leave(&client);
}
END_TEST

/* A message in very many fragments that hold nothing. */
START_TEST(empty_fragments)
{
    enum { MANY = 300000 };
    struct client loud, quiet;
    size_t size;
    uint8_t *bytes = frames(MANY, CONTINUATION, "", &size);

    serve_with("loops 1\n", "limits fragments=1m ping=off\nws /echo/ function_of_api.so\n");
    quiet = client_open("/echo/");
    loud = client_open("/echo/");
    client_frame(&loud, TEXT, "a", 1);
    client_send(&loud, bytes, size);
    ck_assert_uint_lt(median_wait(&quiet), MEDIAN_MOST);
    client_frame(&loud, 0x80 | CONTINUATION, "b", 1);
    client_expect_text(&loud, "ab");
    client_leave(&loud);
    client_leave(&quiet);
    free(bytes);
}
END_TEST

/* Fragments and pings in one another, cut anywhere. */
START_TEST(fragments_among_pings)
{
    struct client loud;
    uint8_t bytes[200], *end;

    serve_with("loops 1\n", "limits fragments=1m ping=off\nws /echo/ function_of_api.so\n");
    loud = client_open("/echo/");
    client_frame(&loud, TEXT, "", 0);
    for (int i = 0; i < 20000; i++) {
        end = bytes;
        end += frame_bytes(end, CONTINUATION, "", 0);
        end += frame_bytes(end, CONTINUATION, i % 1000 == 0 ? "x" : "", i % 1000 == 0);
        if (i % 100 == 0)
            end += frame_bytes(end, 0x80 | PING, "ping", 4);
        client_send(&loud, bytes, (size_t)(end - bytes));
    }
    client_frame(&loud, 0x80 | CONTINUATION, "", 0);
    struct received frame = client_receive(&loud);
    while (frame.opcode == PONG)
        frame = client_receive(&loud);
    ck_assert_uint_eq(frame.opcode, TEXT);
    ck_assert_str_eq((const char *)frame.payload, "xxxxxxxxxxxxxxxxxxxx");
    client_leave(&loud);
}
END_TEST

START_TEST(requests_sent_at_once)
{
    static const char one[] = "GET /page HTTP/1.1\r\nHost: x\r\n\r\n";
    enum { MANY = 2000 };
    char *all = malloc(MANY * strlen(one) + 1), *end = all;
    struct client loud, quiet;

    for (int i = 0; i < MANY; i++)
        end = stpcpy(end, one);
    put_file("page.html", "page");
    serve_with("loops 1\n",
               "limits ping=off\nws /echo/ function_of_api.so\nhttp /page file=page.html\n");
    quiet = client_open("/echo/");
    loud = client_dial();
    client_say(&loud, all);
    ck_assert_uint_lt(median_wait(&quiet), MEDIAN_MOST);
    for (int i = 0; i < MANY; i++)
        ck_assert_uint_eq(client_answer(&loud).status, 200);
    client_hang_up(&loud);
    client_leave(&quiet);
    free(all);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, a fair share");
    TCase *tcase = harness_case(suite, "fair");

    tcase_add_test(tcase, messages_that_take_long);
    tcase_add_test(tcase, handlers_that_take_long);
    tcase_add_test(tcase, all_come_in_order);
    tcase_add_test(tcase, many_wait_in_little_memory);
    tcase_add_test(tcase, turns_that_end_with_the_bytes);
    tcase_add_test(tcase, empty_fragments);
    tcase_add_test(tcase, fragments_among_pings);
    tcase_add_test(tcase, requests_sent_at_once);
    return harness_run(suite);
}
