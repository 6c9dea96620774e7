/*
 * Tests of the server as HTTP clients see it: files, refusals, connections that are kept, and
 * requests that two readers could read differently.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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

/* The answer to a request, and that the line stays or ends, as `kept` says. */
static struct answer answer_to(struct client *client, const char *request, bool kept)
{
    *client = client_dial();
    client_say(client, request);

    struct answer answer = client_answer(client);

    const char *connection = answer_field(&answer, "Connection");

    if (answer.status == 426)
        ck_assert_str_eq(connection, kept ? "keep-alive, Upgrade" : "close, Upgrade");
    else
        ck_assert_str_eq(connection, kept ? "keep-alive" : "close");
    if (!kept)
        client_expect_end(client);
    return answer;
}

/* ---- Files ----------------------------------------------------------------------------------- */

START_TEST(file_is_served)
{
    struct client client;

    serve_pages();

    struct answer answer = answer_to(&client, "GET /static/two.txt HTTP/1.1\r\n" HOST "\r\n", true);

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

    struct answer answer = answer_to(&client, "GET /one HTTP/1.1\r\n" HOST "\r\n", true);

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
    ck_assert_str_eq(answer_to(&client, "GET /static/new.txt HTTP/1.1\r\n" HOST "\r\n", true).body,
                     "new");
    client_hang_up(&client);
}
END_TEST

/* ---- Refusals that say why ------------------------------------------------------------------- */

START_TEST(missing_path_is_404)
{
    serve_pages();
    ck_assert_uint_eq(ask_for("/nowhere"), 404);
    log_wait(" http.request ", "path=/nowhere", "status=404", "no mount takes this path");
    ck_assert_uint_eq(ask_to_open("/one", ""), 404); /* a path for files */
    ck_assert_uint_eq(ask_to_open("/ws/none/", ""), 404);
}
END_TEST

START_TEST(trailing_slash_is_hinted_at)
{
    serve_pages();
    ck_assert_uint_eq(ask_to_open("/ws/echo", ""), 404);
    log_wait("path=/ws/echo ", "status=404", "routing.conf:7 takes it with a trailing");
    ck_assert_uint_eq(ask_for("/one/"), 404);
    log_wait("path=/one/ ", "status=404", "routing.conf:6 takes it without a trailing");
}
END_TEST

START_TEST(other_methods_are_405)
{
    struct client client;

    serve_pages();

    struct answer answer = answer_to(&client, "DELETE /one HTTP/1.1\r\n" HOST "\r\n", true);

    ck_assert_uint_eq(answer.status, 405);
    ck_assert_str_eq(answer_field(&answer, "Allow"), "GET, HEAD");
    client_hang_up(&client);
    /* A body is not read, so the line can't be kept. */
    answer = answer_to(&client,
                       "POST /one HTTP/1.1\r\n" HOST
                       "Content-Length: 40\r\n\r\nGET /one HTTP/1.1\r\n" HOST "\r\n\r\n",
                       false);
    ck_assert_uint_eq(answer.status, 405);
    client_hang_up(&client);
}
END_TEST

START_TEST(plain_request_for_a_websocket_is_426)
{
    struct client client;

    serve_pages();

    client = client_dial();
    client_say(&client, "GET /ws/echo/ HTTP/1.1\r\n" HOST "\r\n");

    struct answer answer = client_answer(&client);

    ck_assert_uint_eq(answer.status, 426);
    ck_assert_ptr_nonnull(strstr(answer.head, "Connection: keep-alive, Upgrade\r\n"));
    ck_assert_str_eq(answer_field(&answer, "Upgrade"), "websocket");
    log_wait("status=426", "this path is a websocket");
    client_hang_up(&client);
}
END_TEST

START_TEST(heads_have_limits)
{
    char request[4096], *at = request;
    struct client client;

    put_pages();
    serve_with("loops 2\nserver headers=1k header-count=10 request-line=256\n", CONF);

    snprintf(request, sizeof request, "GET /%0300d HTTP/1.1\r\n" HOST "\r\n", 0);
    ck_assert_uint_eq(answer_to(&client, request, false).status, 414);
    client_hang_up(&client);
    snprintf(request, sizeof request, "GET /one HTTP/1.1\r\n" HOST "X: %01200d" END, 0);
    ck_assert_uint_eq(answer_to(&client, request, false).status, 431);
    client_hang_up(&client);
    at += sprintf(at, "GET /one HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 10; i++)
        at += sprintf(at, "X-%d: y\r\n", i);
    sprintf(at, "\r\n");
    ck_assert_uint_eq(answer_to(&client, request, false).status, 431);
    client_hang_up(&client);
    /* What never ends is refused as soon as it is too long. */
    client = client_dial();
    for (int i = 0; i < 300; i++)
        client_say(&client, "G");
    ck_assert_uint_eq(client_answer(&client).status, 414);
    client_hang_up(&client);
    log_wait(" http.refused ", "status=431");
    ck_assert_uint_eq(ask_for("/one"), 200);
}
END_TEST

START_TEST(late_request_is_408)
{
    struct client silent, slow;

    put_pages();
    serve_with("loops 2\nserver handshake=50ms\n", CONF);
    silent = client_dial();
    slow = client_dial();
    client_say(&slow, "GET /one HTTP/1.1\r\nHost: exa");
    ck_assert_uint_eq(client_answer(&slow).status, 408);
    client_expect_end(&slow);
    ck_assert_uint_eq(client_answer(&silent).status, 408);
    client_expect_end(&silent);
    client_hang_up(&slow);
    client_hang_up(&silent);
}
END_TEST

static const char *origin(const char *value)
{
    static char line[256];

    snprintf(line, sizeof line, "Origin: %s\r\n", value);
    return line;
}

START_TEST(origins_are_checked)
{
    serve("origins same https://friend.example\nws /ws/ good.so\n"
          "ws /open/ good.so {\n origins *\n}\nws /strict/ good.so {\n origins same "
          "missing=deny\n}\n");
    ck_assert_uint_eq(ask_to_open("/ws/", ""), 101);
    ck_assert_uint_eq(ask_to_open("/ws/", origin("http://example.org")), 101);
    ck_assert_uint_eq(ask_to_open("/ws/", origin("https://friend.example")), 101);
    ck_assert_uint_eq(ask_to_open("/open/", origin("https://foe.example")), 101);
    ck_assert_uint_eq(ask_to_open("/ws/", origin("https://foe.example")), 403);
    log_wait(" origin.refused ", "mount=/ws/", "origin=https://foe.example",
             "allow=\"origins same https://foe.example\"");
    ck_assert_uint_eq(ask_to_open("/ws/", origin("http://example.org.foe.example")), 403);
    ck_assert_uint_eq(ask_to_open("/ws/", origin("null")), 403);
    ck_assert_uint_eq(
        ask_to_open("/ws/", "Origin: http://example.org\r\nOrigin: http://x.example\r\n"), 403);
    ck_assert_uint_eq(ask_to_open("/strict/", ""), 403);
}
END_TEST

/* ---- Requests that can be read in two ways --------------------------------------------------- */

static const struct {
    const char *request;
    unsigned status;
} refused[] = {
    {"GET /one HTTP/1.1" END, 400},
    {"GET /one HTTP/1.1\r\n" HOST HOST "\r\n", 400},
    {"GET /one HTTP/1.1\r\nHost: a b" END, 400},
    {"GET /one HTTP/1.1\r\nHost : example.org" END, 400},
    {"GET /one HTTP/1.1\r\n" HOST "X: y\r\n folded" END, 400},
    {"GET /one HTTP/1.1\r\n" HOST "X y" END, 400},
    {"GET /one HTTP/1.1\r\n" HOST ": y" END, 400},
    {"GET /one HTTP/1.1\nHost: example.org\n\n", 400},
    {"GET /one HTTP/1.1\r\n" HOST "X: a\rb" END, 400},
    {"GET /one HTTP/1.1\r\n" HOST "X: a\x01" END, 400},
    {"GET  /one HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /one HTTP/1.1 \r\n" HOST "\r\n", 400},
    {" GET /one HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /one\r\n" HOST "\r\n", 400},
    {"GET /o\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET one HTTP/1.1\r\n" HOST "\r\n", 400},
    {"GET /one HTTP/2.0\r\n" HOST "\r\n", 505},
    {"CONNECT example.org:443 HTTP/1.1\r\n" HOST "\r\n", 501},
    {"\x16\x03\x01\x02\x01\x01", 400},
    {"GET /one HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6" END, 400},
    {"GET /one HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 5" END, 400},
    {"GET /one HTTP/1.1\r\n" HOST "Content-Length: +5" END, 400},
    {"GET /one HTTP/1.1\r\n" HOST "Content-Length: 5, 5" END, 400},
    {"GET /one HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999" END, 400},
    {"GET /one HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked" END, 400},
    {"GET /one HTTP/1.1\r\n" HOST "Transfer-Encoding: xchunked" END, 400},
    {"GET /one HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked" END, 501},
    {"GET /one HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked, identity" END, 400},
    {"GET /one HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked" END, 400},
};

/* One answer, then the end, though a whole request stands behind it. */
START_TEST(what_is_unclear_ends_the_line)
{
    serve_pages();
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct client client = client_dial();

        client_say(&client, refused[i].request);
        client_say(&client, "GET /static/two.txt HTTP/1.1\r\n" HOST "\r\n");

        struct answer answer = client_answer(&client);

        ck_assert_msg(answer.status == refused[i].status, "%u in place of %u: %s", answer.status,
                      refused[i].status, refused[i].request);
        client_expect_end(&client);
        client_hang_up(&client);
    }
    ck_assert_uint_eq(log_count("path=/static/two.txt"), 0);
}
END_TEST

START_TEST(bodies_are_no_requests)
{
    static const char *const requests[] = {
        "GET /one HTTP/1.1\r\n" HOST "Content-Length: 30" END,
        "GET /one HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked" END "0\r\n\r\n",
        "POST /nowhere HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked" END "0\r\n\r\n",
    };

    serve_pages();
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct client client = client_dial();

        client_say(&client, requests[i]);
        client_say(&client, "GET /static/two.txt HTTP/1.1\r\n" HOST "\r\n");
        ck_assert_str_eq(
            answer_field(&(struct answer){.head = client_answer(&client).head}, "Connection"),
            "close");
        client_expect_end(&client);
        client_hang_up(&client);
    }
    ck_assert_uint_eq(log_count("path=/static/two.txt"), 0);
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

START_TEST(old_clients_are_not_kept)
{
    struct client client;

    serve_pages();
    ck_assert_uint_eq(answer_to(&client, "GET /one HTTP/1.0\r\n\r\n", false).status, 200);
    client_hang_up(&client);
}
END_TEST

START_TEST(kept_connection_ends_quietly)
{
    struct client client = {0};

    put_pages();
    serve_with("loops 2\nserver keep-alive=50ms\n", CONF);
    answer_to(&client, "GET /one HTTP/1.1\r\n" HOST "\r\n", true);
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
    answer_to(&client, "GET /one HTTP/1.1\r\n" HOST "\r\n", true);
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

/* ---- Other addresses ------------------------------------------------------------------------- */

static void echo_over(struct client client)
{
    client_shake(&client, "/ws/echo/", "");
    ck_assert_uint_eq(client_answer(&client).status, 101);
    client_text(&client, "hello");
    client_expect_text(&client, "hello");
    client_leave(&client);
}

START_TEST(unix_socket)
{
    struct stat status;

    put_pages();
    serve_with("loops 2\nlisten unix:here.sock mode=0600\n", CONF);
    ck_assert_ptr_nonnull(strstr(server_output(), "serving on unix:"));
    ck_assert_int_eq(stat(in_dir("here.sock"), &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    for (int i = 0; i < 8; i++)
        echo_over(client_dial_unix("here.sock"));
    log_wait(" conn.open ", "peer=unix");
    ck_assert_uint_eq(ask_for("/one"), 200);
    server_stop();
    ck_assert_int_ne(stat(in_dir("here.sock"), &status), 0);
}
END_TEST

/* A name that a dead server left is taken over, one that is in use is not. */
START_TEST(unix_socket_of_another)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(name.sun_path, sizeof name.sun_path, "%s", in_dir("here.sock"));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    put_pages();
    serve_refused("listen unix:here.sock\n" CONF);
    log_wait("routing.conf:5:", ": error: cannot listen on \"unix:here.sock\": ", "in use");
    close(fd);
    serve("listen unix:here.sock\n" CONF);
    echo_over(client_dial_unix("here.sock"));
}
END_TEST

START_TEST(port_of_another)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof any;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char conf[128];

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&any, size), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&any, &size), 0);
    snprintf(conf, sizeof conf, "listen 127.0.0.1:%u\n", ntohs(any.sin_port));
    serve_refused(conf);
    log_wait("routing.conf:5:", ": error: cannot listen on \"127.0.0.1:", "in use");
    close(fd);
}
END_TEST

START_TEST(address_of_ipv6)
{
    static const char serving[] = "address=http://[::1]:";
    const char *address;
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool has_v6 = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0;

    close(fd);
    if (!has_v6) {
        printf("skipped: this machine has no IPv6\n");
        return;
    }
    put_pages();
    serve_with("loops 2\nlisten [::1]:0\n", CONF);
    AWAIT(log_count(" server.started ") == 2);
    address = strstr(log_text(), serving);
    ck_assert_ptr_nonnull(address);
    echo_over(client_dial_v6((unsigned)atoi(address + strlen(serving))));
    log_wait(" conn.open ", "peer=[::1]:");
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
    tcase_add_test(tcase, file_that_nobody_reads);
    tcase_add_test(tcase, file_that_changes_is_served_as_it_is);

    tcase = harness_case(suite, "refusals");
    tcase_add_test(tcase, missing_path_is_404);
    tcase_add_test(tcase, trailing_slash_is_hinted_at);
    tcase_add_test(tcase, other_methods_are_405);
    tcase_add_test(tcase, plain_request_for_a_websocket_is_426);
    tcase_add_test(tcase, heads_have_limits);
    tcase_add_test(tcase, late_request_is_408);
    tcase_add_test(tcase, origins_are_checked);
    tcase_add_test(tcase, what_is_unclear_ends_the_line);
    tcase_add_test(tcase, bodies_are_no_requests);

    tcase = harness_case(suite, "kept connections");
    tcase_add_test(tcase, pipelined_requests_are_answered_in_order);
    tcase_add_test(tcase, half_closed_client_is_answered);
    tcase_add_test(tcase, old_clients_are_not_kept);
    tcase_add_test(tcase, kept_connection_ends_quietly);
    tcase_add_test(tcase, files_then_a_websocket);

    tcase = harness_case(suite, "handshakes");
    tcase_add_test(tcase, handshake_in_two_pieces);
    tcase_add_test(tcase, handshake_byte_by_byte);
    tcase_add_test(tcase, handshakes_that_are_none);
    tcase_add_test(tcase, start_and_end_of_a_websocket_are_logged);

    tcase = harness_case(suite, "other addresses");
    tcase_add_test(tcase, unix_socket);
    tcase_add_test(tcase, unix_socket_of_another);
    tcase_add_test(tcase, port_of_another);
    tcase_add_test(tcase, address_of_ipv6);
    return harness_run(suite);
}
