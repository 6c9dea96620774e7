/*
 * Tests of requests that are refused: with a reason in the log; and, where two readers could read
 * them differently, with the end of the line.
 */
#include <stdio.h>
#include <string.h>

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
    put_directory("pages");
    put_file("pages/one.html", "<p>one");
    put_file("pages/two.txt", "two\n");
}

static void serve_pages(void)
{
    put_pages();
    serve(CONF);
}

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

    struct answer answer = client_ask(&client, "DELETE /one HTTP/1.1\r\n" HOST "\r\n", true);

    ck_assert_uint_eq(answer.status, 405);
    ck_assert_str_eq(answer_field(&answer, "Allow"), "GET, HEAD");
    client_hang_up(&client);
    /* With a body that looks like a request. */
    answer = client_ask(&client,
                        "POST /one HTTP/1.1\r\n" HOST
                        "Content-Length: 40\r\n\r\nGET /one HTTP/1.1\r\n" HOST "\r\n\r\n",
                        true);
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
    ck_assert_uint_eq(client_ask(&client, request, false).status, 414);
    client_hang_up(&client);
    snprintf(request, sizeof request, "GET /one HTTP/1.1\r\n" HOST "X: %01200d" END, 0);
    ck_assert_uint_eq(client_ask(&client, request, false).status, 431);
    client_hang_up(&client);
    at += sprintf(at, "GET /one HTTP/1.1\r\n" HOST);
    for (int i = 0; i < 10; i++)
        at += sprintf(at, "X-%d: y\r\n", i);
    sprintf(at, "\r\n");
    ck_assert_uint_eq(client_ask(&client, request, false).status, 431);
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
             "allow=\"origins same https://friend.example https://foe.example\"");
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

int main(void)
{
    Suite *suite = suite_create("server, refusals");
    TCase *tcase = harness_case(suite, "refusals");

    tcase_add_test(tcase, missing_path_is_404);
    tcase_add_test(tcase, trailing_slash_is_hinted_at);
    tcase_add_test(tcase, other_methods_are_405);
    tcase_add_test(tcase, plain_request_for_a_websocket_is_426);
    tcase_add_test(tcase, heads_have_limits);
    tcase_add_test(tcase, late_request_is_408);
    tcase_add_test(tcase, origins_are_checked);

    tcase = harness_case(suite, "two ways");
    tcase_add_test(tcase, what_is_unclear_ends_the_line);
    return harness_run(suite);
}
