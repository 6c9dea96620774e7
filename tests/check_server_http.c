/*
 * Tests of the server as HTTP clients see it: files, connections that are kept, and handshakes
 * however they arrive.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client.h"
#include "harness.h"

#define CONF                                                                                       \
    "http /static/ dir=pages max-age=1m\n"                                                         \
    "http /one file=pages/one.html csp=\"default-src 'self'\"\n"                                   \
    "ws /ws/echo/ good.so\n"
#define HOST "Host: example.org\r\n"
#define END  "\r\n\r\n"

static void put_pages(void)
{
    put_directory("pages/.git");
    put_file("pages/one.html", "<p>one");
    put_file("pages/two.txt", "two\n");
    put_file("pages/empty.css", "");
    put_file("pages/.env", "SECRET");
    put_file("pages/.git/config", "SECRET");
    put_file("secret.txt", "SECRET");
    ck_assert_int_eq(symlink("../secret.txt", in_dir("pages/link.txt")), 0);
}

static void serve_pages(void)
{
    put_pages();
    serve(CONF);
}

/* ---- Files ----------------------------------------------------------------------------------- */

START_TEST(file_is_served)
{
    struct client client;

    serve_pages();

    struct answer answer =
        client_ask(&client, "GET /static/two.txt HTTP/1.1\r\n" HOST "\r\n", true);

    ck_assert_uint_eq(answer.status, 200);
    ck_assert_str_eq(answer.body, "two\n");
    ck_assert_str_eq(answer_field(&answer, "Content-Type"), "text/plain; charset=utf-8");
    ck_assert_str_eq(answer_field(&answer, "X-Content-Type-Options"), "nosniff");
    ck_assert_str_eq(answer_field(&answer, "Cache-Control"), "max-age=60");
    ck_assert_str_ne(answer_field(&answer, "Date"), "");
    client_say(&client, "GET /one HTTP/1.1\r\n" HOST "\r\n");
    answer = client_answer(&client);
    ck_assert_str_eq(answer.body, "<p>one");
    ck_assert_str_eq(answer_field(&answer, "Content-Security-Policy"), "default-src 'self'");
    client_hang_up(&client);
    ck_assert_uint_eq(ask_for("/static/empty.css"), 200);
    log_wait(" http.request ", "method=GET", "path=/static/two.txt", "status=200", "bytes=4");
}
END_TEST

START_TEST(head_has_no_body)
{
    struct client client = {0};

    serve_pages();
    client = client_dial();
    client_say(&client, "HEAD /static/two.txt HTTP/1.1\r\n" HOST "\r\n"
                        "HEAD /nowhere HTTP/1.1\r\n" HOST "\r\n"
                        "GET /one HTTP/1.1\r\n" HOST "\r\n");

    struct answer answer = client_answer_to_head(&client);

    ck_assert_uint_eq(answer.status, 200);
    ck_assert_str_eq(answer_field(&answer, "Content-Length"), "4");
    ck_assert_uint_eq(client_answer_to_head(&client).status, 404);
    ck_assert_str_eq(client_answer(&client).body, "<p>one");
    client_hang_up(&client);
}
END_TEST

START_TEST(unchanged_file_is_304)
{
    struct client client = {0};
    char request[512];

    serve_pages();

    struct answer answer = client_ask(&client, "GET /one HTTP/1.1\r\n" HOST "\r\n", true);

    snprintf(request, sizeof request, "GET /one HTTP/1.1\r\n" HOST "If-Modified-Since: %s" END,
             answer_field(&answer, "Last-Modified"));
    client_say(&client, request);
    answer = client_answer(&client);
    ck_assert_uint_eq(answer.status, 304);
    client_say(&client,
               "GET /one HTTP/1.1\r\n" HOST "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT" END);
    ck_assert_uint_eq(client_answer(&client).status, 200);
    client_hang_up(&client);
}
END_TEST

START_TEST(nothing_but_the_directory_is_served)
{
    static const char *const paths[] = {
        "/static/../secret.txt",
        "/static/%2e%2e/secret.txt",
        "/static/..%2fsecret.txt",
        "/static/..%5csecret.txt",
        "/static/%252e%252e/secret.txt",
        "/static/x/../../secret.txt",
        "/static//../secret.txt",
        "/static/../../../../../../etc/passwd",
        "/static//etc/passwd",
        "/static/%2fetc/passwd",
        "/static/two.txt%00.html",
        "/static/.env",
        "/static/%2eenv",
        "/static/.git/config",
        "/static/link.txt",
        "/static/two.txt/",
        "/static/one.html/x",
        "/one/x",
    };

    serve_pages();
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        char request[512];
        struct client client = client_dial();

        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
        client_say(&client, request);

        struct answer answer = client_answer(&client);

        ck_assert_msg(answer.status == 404 || answer.status == 400, "%s: %u", paths[i],
                      answer.status);
        ck_assert_msg(strstr(answer.body, "SECRET") == NULL && strstr(answer.body, "root:") == NULL,
                      "%s", paths[i]);
        client_hang_up(&client);
    }
}
END_TEST

/* More than any socket's buffers, to a client that takes its time: none is lost, none is mixed. */
START_TEST(large_file_to_a_slow_client)
{
    enum { SIZE = 12 * 1024 * 1024 };
    uint32_t *content = malloc(SIZE);

    for (uint32_t i = 0; i < SIZE / 4; i++)
        content[i] = i * 2654435761u;
    put_pages();
    put_bytes("pages/large.bin", content, SIZE);
    serve(CONF);

    struct client slow = client_dial_narrow();

    client_say(&slow, "GET /static/large.bin HTTP/1.1\r\n" HOST "\r\n"
                      "GET /one HTTP/1.1\r\n" HOST "\r\n");
    client_fill(&slow, 1); /* it is on its way, and others are served */
    ck_assert_uint_eq(ask_for("/one"), 200);

    struct answer answer = client_answer(&slow);

    ck_assert_uint_eq(answer.size, SIZE);
    ck_assert(memcmp(answer.body, content, SIZE) == 0);
    ck_assert_str_eq(client_answer(&slow).body, "<p>one");
    client_hang_up(&slow);
    free(content);
}
END_TEST

static void ask_range(struct client *client, const char *path, const char *range)
{
    char request[512];

    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "Range: %s" END, path, range);
    client_say(client, request);
}

START_TEST(ranges_are_sent)
{
    struct client client;

    put_pages();
    put_file("pages/digits", "0123456789");
    serve(CONF);
    client = client_dial();
    ask_range(&client, "/static/digits", "bytes=3-5");

    struct answer answer = client_answer(&client);

    ck_assert_uint_eq(answer.status, 206);
    ck_assert_str_eq(answer.body, "345");
    ck_assert_str_eq(answer_field(&answer, "Content-Range"), "bytes 3-5/10");
    ask_range(&client, "/static/digits", "bytes=-1");
    ck_assert_str_eq(client_answer(&client).body, "9");
    ask_range(&client, "/static/digits", "bytes=7-");
    ck_assert_str_eq(client_answer(&client).body, "789");
    ask_range(&client, "/static/digits", "bytes=10-");
    answer = client_answer(&client);
    ck_assert_uint_eq(answer.status, 416);
    ck_assert_str_eq(answer_field(&answer, "Content-Range"), "bytes */10");
    ask_range(&client, "/static/empty.css", "bytes=-1");
    ck_assert_uint_eq(client_answer(&client).status, 200);
    ask_range(&client, "/static/nothing", "bytes=-1");
    ck_assert_uint_eq(client_answer(&client).status, 404);
    client_hang_up(&client);
    log_wait(" http.request ", "status=206", "bytes=3");
}
END_TEST

START_TEST(resumed_only_where_it_is_the_same)
{
    struct client client = {0};
    char request[512], tag[100] = "W";

    serve_pages();
    while (tag[0] == 'W') { /* until it can't change unseen any more */
        struct answer answer = client_ask(&client, "GET /one HTTP/1.1\r\n" HOST "\r\n", true);

        snprintf(tag, sizeof tag, "%s", answer_field(&answer, "ETag"));
        client_hang_up(&client);
    }
    client = client_dial();
    snprintf(request, sizeof request,
             "GET /one HTTP/1.1\r\n" HOST "Range: bytes=3-\r\nIf-Range: %s" END, tag);
    client_say(&client, request);
    ck_assert_str_eq(client_answer(&client).body, "one");
    put_file("pages/one.html", "<p>two");
    client_say(&client, request);
    ck_assert_str_eq(client_answer(&client).body, "<p>two");
    snprintf(request, sizeof request, "GET /one HTTP/1.1\r\n" HOST "If-None-Match: %s" END, tag);
    client_say(&client, request);
    ck_assert_uint_eq(client_answer(&client).status, 200);
    snprintf(request, sizeof request, "GET /one HTTP/1.1\r\n" HOST "If-Match: %s" END, tag);
    client_say(&client, request);
    ck_assert_uint_eq(client_answer(&client).status, 412);
    client_hang_up(&client);
}
END_TEST

/* Takes one part off the beginning of a body of several. */
static const char *take_part(const char *body, const char *range, const void *content, size_t size)
{
    char expected[100];
    const char *data = strstr(body, "\r\n\r\n");

    ck_assert_ptr_nonnull(data);
    snprintf(expected, sizeof expected, "\r\nContent-Range: bytes %s\r\n", range);
    const char *found = strstr(body, expected);
    ck_assert_msg(found != NULL && found < data, "%s", range);
    ck_assert(memcmp(data + 4, content, size) == 0);
    return data + 4 + size;
}

/* Each part more than a socket takes at once. */
START_TEST(several_ranges_to_a_slow_client)
{
    enum { SIZE = 12 * 1024 * 1024 };
    char *content = malloc(SIZE);
    struct client slow;

    for (size_t i = 0; i < SIZE; i++)
        content[i] = (char)('!' + i * 2654435761u % 90);
    put_pages();
    put_bytes("pages/large.bin", content, SIZE);
    serve(CONF);
    slow = client_dial_narrow();
    ask_range(&slow, "/static/large.bin", "bytes=8388608-12582911,1-4194304,5000000-5000000");
    client_say(&slow, "GET /one HTTP/1.1\r\n" HOST "\r\n");
    client_fill(&slow, 1);
    ck_assert_uint_eq(ask_for("/one"), 200);

    struct answer answer = client_answer(&slow);
    const char *body = answer.body;

    ck_assert_uint_eq(answer.status, 206);
    ck_assert_ptr_nonnull(strstr(answer_field(&answer, "Content-Type"), "multipart/byteranges;"));
    body = take_part(body, "8388608-12582911/12582912", content + 8388608, 4194304);
    body = take_part(body, "1-4194304/12582912", content + 1, 4194304);
    body = take_part(body, "5000000-5000000/12582912", content + 5000000, 1);
    ck_assert_ptr_eq(strstr(body, "--\r\n") + 4, answer.body + answer.size);
    ck_assert_str_eq(client_answer(&slow).body, "<p>one");
    client_hang_up(&slow);
    AWAIT(server_files("large.bin") == 0);
    free(content);
}
END_TEST

START_TEST(several_ranges_and_the_end)
{
    struct client client;

    put_pages();
    put_file("pages/digits", "0123456789");
    serve(CONF);
    client = client_dial();
    client_say(&client, "GET /static/digits HTTP/1.1\r\n" HOST
                        "Connection: close\r\nRange: bytes=0-1,4-5" END);

    struct answer answer = client_answer(&client);

    ck_assert_uint_eq(answer.status, 206);
    ck_assert_ptr_nonnull(strstr(answer.body, "\r\n\r\n45\r\n--"));
    client_expect_end(&client);
    client_hang_up(&client);
}
END_TEST

START_TEST(file_that_nobody_reads)
{
    struct client client;

    put_pages();
    put_file("pages/large.bin", "");
    ck_assert_int_eq(truncate(in_dir("pages/large.bin"), 64 * 1024 * 1024), 0);
    serve_with("loops 2\nserver keep-alive=50ms\n", CONF);
    client = client_dial_narrow();
    client_say(&client, "GET /static/large.bin HTTP/1.1\r\n" HOST "\r\n");
    AWAIT(server_files("large.bin") == 1);
    AWAIT(server_files("large.bin") == 0);
    client_drain(&client);
    client_hang_up(&client);
}
END_TEST

START_TEST(file_that_changes_is_served_as_it_is)
{
    struct client client = {0};

    serve_pages();
    ck_assert_uint_eq(ask_for("/static/new.txt"), 404);
    put_file("pages/new.txt", "new");
    ck_assert_str_eq(client_ask(&client, "GET /static/new.txt HTTP/1.1\r\n" HOST "\r\n", true).body,
                     "new");
    client_hang_up(&client);
}
END_TEST

/* ---- Connections that are kept --------------------------------------------------------------- */

START_TEST(pipelined_requests_are_answered_in_order)
{
    enum { MANY = 300 };
    static const char pair[] = "GET /static/two.txt HTTP/1.1\r\n" HOST "\r\n"
                               "GET /one HTTP/1.1\r\n" HOST "\r\n";
    struct client client;

    serve_pages();
    client = client_dial();
    for (int i = 0; i < MANY; i++)
        client_say(&client, pair);
    for (int i = 0; i < MANY; i++) {
        ck_assert_str_eq(client_answer(&client).body, "two\n");
        ck_assert_str_eq(client_answer(&client).body, "<p>one");
    }
    client_say(&client, "GET /one HTTP/1.1\r\n" HOST "Connection: close" END);
    ck_assert_str_eq(client_answer(&client).body, "<p>one");
    client_expect_end(&client);
    client_hang_up(&client);
}
END_TEST

/* Its side of the line is shut before the answer: it gets it all the same. */
START_TEST(half_closed_client_is_answered)
{
    struct client client;

    serve_pages();
    client = client_dial();
    client_say(&client, "GET /one HTTP/1.1\r\n" HOST "\r\nGET /one HTTP/1.1\r\n" HOST "\r\n");
    client_shut(&client);
    ck_assert_str_eq(client_answer(&client).body, "<p>one");
    client_drain(&client);
    client_hang_up(&client);
}
END_TEST

/* What stands behind the last part is written later than the parts: it is not forgotten. Whether
 * the line's end is seen before that is a matter of chance, so there are many. */
START_TEST(half_closed_client_gets_all_parts)
{
    enum { MANY = 50 };
    struct client client;

    serve_pages();
    for (int i = 0; i < MANY; i++) {
        client = client_dial();
        client_say(&client, "GET /one HTTP/1.1\r\n" HOST "Range: bytes=0-1,4-5" END);
        client_shut(&client);
        struct answer answer = client_answer(&client);
        ck_assert_uint_eq(answer.status, 206);
        ck_assert_str_eq(answer.body + answer.size - 4, "--\r\n");
        client_expect_end(&client);
        client_hang_up(&client);
    }
}
END_TEST

START_TEST(old_clients_are_not_kept)
{
    struct client client;

    serve_pages();
    ck_assert_uint_eq(client_ask(&client, "GET /one HTTP/1.0\r\n\r\n", false).status, 200);
    client_hang_up(&client);
}
END_TEST

START_TEST(kept_connection_ends_quietly)
{
    struct client client = {0};

    put_pages();
    serve_with("loops 2\nserver keep-alive=50ms\n", CONF);
    client_ask(&client, "GET /one HTTP/1.1\r\n" HOST "\r\n", true);
    client_expect_end(&client);
    client_hang_up(&client);
}
END_TEST

/* After files, the same line becomes a websocket, whose first frame is there already. */
START_TEST(files_then_a_websocket)
{
    struct client client = {0};
    uint8_t frame[32];

    serve_pages();
    client_ask(&client, "GET /one HTTP/1.1\r\n" HOST "\r\n", true);
    client_shake(&client, "/ws/echo/", "");
    client_send(&client, frame, frame_bytes(frame, 0x80 | TEXT, "early", 5));
    ck_assert_uint_eq(client_answer(&client).status, 101);
    client_expect_text(&client, "early");
    client_leave(&client);
}
END_TEST

/* ---- Handshakes ------------------------------------------------------------------------------ */

#define SHAKE(line)                                                                                \
    line "Host: example.org\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                      \
         "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define GET_ECHO "GET /ws/echo/ HTTP/1.1\r\n"

START_TEST(handshake_in_two_pieces)
{
    static const char request[] = SHAKE(GET_ECHO) "\r\n";
    const size_t size = sizeof request - 1;

    serve_pages();
    for (size_t cut = 1; cut < size; cut++) {
        struct client client = client_dial();

        client_send(&client, request, cut);
        /* So that the pieces don't arrive as one: an answer to somebody else lies between them. */
        ck_assert_uint_eq(ask_for("/one"), 200);
        client_send(&client, request + cut, size - cut);
        ck_assert_uint_eq(client_answer(&client).status, 101);
        client_hang_up(&client);
    }
}
END_TEST

START_TEST(handshake_byte_by_byte)
{
    static const char request[] = SHAKE(GET_ECHO) "\r\n";
    struct client client;

    serve_pages();
    client = client_dial();
    for (const char *byte = request; *byte != '\0'; byte++)
        client_send(&client, byte, 1);
    ck_assert_uint_eq(client_answer(&client).status, 101);
    client_text(&client, "hello");
    client_expect_text(&client, "hello");
    client_leave(&client);
}
END_TEST

START_TEST(handshakes_that_are_none)
{
    static const struct {
        const char *request;
        unsigned status;
    } wrong[] = {
        {SHAKE("POST /ws/echo/ HTTP/1.1\r\n"), 405},
        {SHAKE("GET /ws/echo/ HTTP/1.0\r\n"), 400},
        {SHAKE(GET_ECHO) "Content-Length: 5\r\n", 400},
        {SHAKE(GET_ECHO) "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", 400},
        {SHAKE(GET_ECHO) "Sec-WebSocket-Version: 13\r\n", 400},
        {GET_ECHO HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Version: 13\r\n",
         400},
        {GET_ECHO HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n",
         400},
        {GET_ECHO HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                       "Sec-WebSocket-Version: 12\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
         426},
        /* Connection does not name Upgrade: a plain request, on a path for websockets. */
        {GET_ECHO HOST "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
         426},
    };

    serve_pages();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct client client = client_dial();

        client_say(&client, wrong[i].request);
        client_say(&client, "\r\n");

        struct answer answer = client_answer(&client);

        ck_assert_msg(answer.status == wrong[i].status, "%u in place of %u: %s", answer.status,
                      wrong[i].status, wrong[i].request);
        if (answer.status == 405)
            ck_assert_str_eq(answer_field(&answer, "Allow"), "GET");
        client_hang_up(&client);
    }
}
END_TEST

START_TEST(start_and_end_of_a_websocket_are_logged)
{
    struct client client;

    serve_pages();
    client = client_open("/ws/echo/?token=a");
    log_wait(" conn.open ", "mount=/ws/echo/", "peer=127.0.0.1:", "path=/ws/echo/");
    client_text(&client, "four");
    client_expect_text(&client, "four");
    client_leave(&client);
    log_wait(" conn.close ", "code=1000", "messages_in=1", "messages_out=1");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, HTTP");
    TCase *tcase = harness_case(suite, "files");

    tcase_add_test(tcase, file_is_served);
    tcase_add_test(tcase, head_has_no_body);
    tcase_add_test(tcase, unchanged_file_is_304);
    tcase_add_test(tcase, nothing_but_the_directory_is_served);
    tcase_add_test(tcase, large_file_to_a_slow_client);
    tcase_add_test(tcase, ranges_are_sent);
    tcase_add_test(tcase, resumed_only_where_it_is_the_same);
    tcase_add_test(tcase, several_ranges_to_a_slow_client);
    tcase_add_test(tcase, several_ranges_and_the_end);
    tcase_add_test(tcase, file_that_nobody_reads);
    tcase_add_test(tcase, file_that_changes_is_served_as_it_is);

    tcase = harness_case(suite, "kept connections");
    tcase_add_test(tcase, pipelined_requests_are_answered_in_order);
    tcase_add_test(tcase, half_closed_client_is_answered);
    tcase_add_test(tcase, half_closed_client_gets_all_parts);
    tcase_add_test(tcase, old_clients_are_not_kept);
    tcase_add_test(tcase, kept_connection_ends_quietly);
    tcase_add_test(tcase, files_then_a_websocket);

    tcase = harness_case(suite, "handshakes");
    tcase_add_test(tcase, handshake_in_two_pieces);
    tcase_add_test(tcase, handshake_byte_by_byte);
    tcase_add_test(tcase, handshakes_that_are_none);
    tcase_add_test(tcase, start_and_end_of_a_websocket_are_logged);
    return harness_run(suite);
}
