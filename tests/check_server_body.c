/*
 * Tests of requests with a body, as HTTP clients send them, and as those do who hope that a byte of
 * it is read as a request.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "harness.h"

#define CONF    "http /static/ dir=pages\nhttp /one file=pages/one.html\nws /ws/echo/ good.so\n"
#define HOST    "Host: example.org\r\n"
#define END     "\r\n\r\n"
#define POST    "POST /one HTTP/1.1\r\n" HOST
#define CHUNKED "Transfer-Encoding: chunked" END
#define NEXT    "GET /one HTTP/1.1\r\n" HOST "\r\n"
#define STOLEN                                                                                     \
    "GET /stolen HTTP/1.1\r\n" HOST "\r\n" /* 43 bytes; a request only where it may be             \
                                            */

static void serve_first(const char *first)
{
    put_directory("pages");
    put_file("pages/one.html", "<p>one");
    put_file("pages/stolen", "");
    serve_with(first, CONF);
}

static void serve_pages(void)
{
    serve_first("");
}

static void expect_one(struct client *client)
{
    ck_assert_str_eq(client_answer(client).body, "<p>one");
}

/* ---- Bodies that are read -------------------------------------------------------------------- */

/* The statuses of all answers to `line`, then whether the connection stays. */
static const struct {
    const char *name, *line;
    unsigned statuses[5]; /* until 0 */
    bool ends;
} lines[] = {
    {"a length", POST "Content-Length: 5" END "hello" NEXT, {405, 200}, false},
    {"a length of nothing", POST "Content-Length: 0" END NEXT, {405, 200}, false},
    {"chunks", POST CHUNKED "5\r\nhello\r\n0\r\n\r\n" NEXT, {405, 200}, false},
    {"no chunks", POST CHUNKED "0\r\n\r\n" NEXT, {405, 200}, false},
    {"chunks with extensions and trailers",
     POST CHUNKED "5;a=\"b\"\r\nhello\r\n0;c\r\nD: e\r\n\r\n" NEXT,
     {405, 200},
     false},
    {"a body behind GET",
     "GET /one HTTP/1.1\r\n" HOST "Content-Length: 43" END STOLEN NEXT,
     {200, 200},
     false},
    {"a body behind what is not there",
     "PUT /nothing HTTP/1.1\r\n" HOST "Content-Length: 43" END STOLEN NEXT,
     {404, 200},
     false},
    {"a request in a body", POST "Content-Length: 43" END STOLEN NEXT, {405, 200}, false},
    {"a request in a chunk", POST CHUNKED "2b\r\n" STOLEN "\r\n0\r\n\r\n" NEXT, {405, 200}, false},
    {"the end of chunks in a chunk",
     POST CHUNKED "33\r\n0\r\n\r\n" STOLEN "0\r\n\r\n0\r\n\r\n" NEXT,
     {405, 200},
     false},
    {"empty lines between", POST "Content-Length: 2" END "\r\n\r\n" NEXT, {405, 200}, false},
    {"the last", POST "Connection: close\r\nContent-Length: 5" END "hello" NEXT, {405}, true},
    {"the last, in chunks", POST "Connection: close\r\n" CHUNKED "0\r\n\r\n" NEXT, {405}, true},
    {"HTTP/1.0", "POST /one HTTP/1.0\r\nContent-Length: 43" END STOLEN NEXT, {405}, true},
    {"HTTP/1.0, kept",
     "POST /one HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 43" END STOLEN NEXT,
     {405, 200},
     false},
    {"a websocket behind a body",
     POST "Content-Length: 5" END "hello"
          "GET /ws/echo/ HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==" END,
     {405, 101},
     false},
    {"a plain request of a websocket, with a body",
     "POST /ws/echo/ HTTP/1.1\r\n" HOST "Content-Length: 43" END STOLEN NEXT,
     {426, 200},
     false},
    /* refused: nothing behind them is looked at */
    {"a handshake with a body",
     "GET /ws/echo/ HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
     "Content-Length: 43" END STOLEN,
     {400},
     true},
    {"a handshake in chunks",
     "GET /ws/echo/ HTTP/1.1\r\n" HOST "Upgrade: websocket\r\nConnection: Upgrade\r\n"
     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" CHUNKED
     "0\r\n\r\n" STOLEN,
     {400},
     true},
    {"a length and chunks", POST "Content-Length: 5\r\n" CHUNKED "0\r\n\r\n" STOLEN, {400}, true},
    {"chunks and a length",
     POST "Transfer-Encoding: chunked\r\nContent-Length: 43" END "0\r\n\r\n" STOLEN,
     {400},
     true},
    {"two lengths", POST "Content-Length: 0\r\nContent-Length: 43" END STOLEN, {400}, true},
    {"a length and its double", POST "Content-Length: 43, 43" END STOLEN, {400}, true},
    {"a length with a sign", POST "Content-Length: +0" END STOLEN, {400}, true},
    {"a length in hexadecimal", POST "Content-Length: 0x0" END STOLEN, {400}, true},
    {"a length behind a blank", POST "Content-Length : 0" END STOLEN, {400}, true},
    {"a length, folded", POST "Content-Length:\r\n 43" END STOLEN, {400}, true},
    {"chunks of another name",
     POST "Transfer-Encoding: xchunked" END "0\r\n\r\n" STOLEN,
     {400},
     true},
    {"chunks twice",
     POST "Transfer-Encoding: chunked, chunked" END "0\r\n\r\n" STOLEN,
     {400},
     true},
    {"chunks, then not",
     POST "Transfer-Encoding: chunked, identity" END "0\r\n\r\n" STOLEN,
     {400},
     true},
    {"chunks behind a vertical tab",
     POST "Transfer-Encoding:\vchunked" END "0\r\n\r\n" STOLEN,
     {400},
     true},
    {"chunks, folded", POST "Transfer-Encoding:\r\n chunked" END "0\r\n\r\n" STOLEN, {400}, true},
    {"chunks behind a blank",
     POST "Transfer-Encoding : chunked" END "0\r\n\r\n" STOLEN,
     {400},
     true},
    {"chunks in HTTP/1.0",
     "POST /one HTTP/1.0\r\nConnection: keep-alive\r\n" CHUNKED "0\r\n\r\n" STOLEN,
     {400},
     true},
    {"zipped chunks", POST "Transfer-Encoding: gzip, chunked" END "0\r\n\r\n" STOLEN, {501}, true},
    {"a size with a sign", POST CHUNKED "+5\r\nhello\r\n0\r\n\r\n" STOLEN, {400}, true},
    {"a size with a prefix", POST CHUNKED "0x2b\r\n" STOLEN "\r\n0\r\n\r\n", {400}, true},
    {"a size behind a blank", POST CHUNKED " 0\r\n\r\n" STOLEN, {400}, true},
    {"a size before a blank", POST CHUNKED "0 \r\n\r\n" STOLEN, {400}, true},
    {"a size beyond 64 bits",
     POST CHUNKED "10000000000000000\r\n\r\n0\r\n\r\n" STOLEN,
     {400},
     true},
    {"a size without digits", POST CHUNKED "\r\n\r\n" STOLEN, {400}, true},
    {"a size and a bare LF", POST CHUNKED "0\n\n" STOLEN, {400}, true},
    {"a size, and a bare LF behind it", POST CHUNKED "0\r\n\n" STOLEN, {400}, true},
    {"a size and a bare CR", POST CHUNKED "0\r\r" STOLEN, {400}, true},
    {"a chunk and a bare LF", POST CHUNKED "5\r\nhello\n0\r\n\r\n" STOLEN, {400}, true},
    {"a chunk that is longer", POST CHUNKED "4\r\nhello\r\n0\r\n\r\n" STOLEN, {400}, true},
    {"a chunk that is shorter", POST CHUNKED "6\r\nhello\r\n0\r\n\r\n" STOLEN, {400}, true},
    {"an extension with a bare LF", POST CHUNKED "0;a\n\r\n" STOLEN, {400}, true},
    {"an extension with a bare CR", POST CHUNKED "0;a\rb\r\n\r\n" STOLEN, {400}, true},
    {"an extension with a line in quotes",
     POST CHUNKED "0;a=\"\r\n\r\n" STOLEN "\"\r\n\r\n",
     {400},
     true},
    {"a trailer that is a request", POST CHUNKED "0\r\n" STOLEN, {400}, true},
    {"a trailer with a bare LF", POST CHUNKED "0\r\nA: b\n\r\n" STOLEN, {400}, true},
    {"a trailer with a blank in front", POST CHUNKED "0\r\n A: b\r\n\r\n" STOLEN, {400}, true},
    {"a trailer with a blank before its colon",
     POST CHUNKED "0\r\nA : b\r\n\r\n" STOLEN,
     {400},
     true},
};

static void assert_answers(struct client *client, unsigned i)
{
    for (const unsigned *status = lines[i].statuses; *status != 0; status++) {
        unsigned found = client_answer(client).status;

        must(found == *status, "%s: %u in place of %u", lines[i].name, found, *status);
    }
    if (lines[i].ends)
        client_expect_end(client);
    client_hang_up(client);
}

START_TEST(lines_are_taken_apart)
{
    serve_pages();
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct client client = client_dial();

        client_say(&client, lines[i].line);
        assert_answers(&client, i);
    }
    ck_assert_uint_eq(log_count("stolen"), 0);
}
END_TEST

START_TEST(lines_are_taken_apart_byte_by_byte)
{
    serve_pages();
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct client client = client_dial();

        for (const char *byte = lines[i].line; *byte != '\0'; byte++)
            client_send(&client, byte, 1);
        assert_answers(&client, i);
    }
    ck_assert_uint_eq(log_count("stolen"), 0);
}
END_TEST

/* With somebody else's answer between the pieces, so that they don't arrive as one. */
START_TEST(a_body_in_two_pieces)
{
    static const char line[] = POST CHUNKED "2b;a=b\r\n" STOLEN "\r\n0\r\nA: b\r\n\r\n";
    const size_t size = sizeof line - 1;

    serve_pages();
    for (size_t cut = 1; cut < size; cut++) {
        struct client client = client_dial();

        client_send(&client, line, cut);
        ck_assert_uint_eq(ask_for("/one"), 200);
        client_send(&client, line + cut, size - cut);
        client_say(&client, NEXT);
        must(client_answer(&client).status == 405, "cut at %zu", cut);
        expect_one(&client);
        client_hang_up(&client);
    }
    ck_assert_uint_eq(log_count("stolen"), 0);
}
END_TEST

START_TEST(many_bodies_in_a_row)
{
    enum { MANY = 200 };
    static const char pair[] =
        POST "Content-Length: 43" END STOLEN POST CHUNKED "2b\r\n" STOLEN "\r\n0\r\n\r\n" NEXT;
    struct client client;

    serve_pages();
    client = client_dial();
    for (int i = 0; i < MANY; i++)
        client_say(&client, pair);
    for (int i = 0; i < MANY; i++) {
        ck_assert_uint_eq(client_answer(&client).status, 405);
        ck_assert_uint_eq(client_answer(&client).status, 405);
        expect_one(&client);
    }
    client_hang_up(&client);
    ck_assert_uint_eq(log_count("stolen"), 0);
}
END_TEST

/* A body of the default limit, and the next request behind it. */
START_TEST(a_large_body_is_thrown_away)
{
    enum { SIZE = 1024 * 1024 };
    char *body = calloc(1, SIZE);
    struct client client;

    serve_pages();
    client = client_dial();
    client_say(&client, POST "Content-Length: 1048576" END);
    client_send(&client, body, SIZE);
    client_say(&client, POST CHUNKED "100000\r\n");
    client_send(&client, body, SIZE);
    client_say(&client, "\r\n0\r\n\r\n" NEXT);
    ck_assert_uint_eq(client_answer(&client).status, 405);
    ck_assert_uint_eq(client_answer(&client).status, 405);
    expect_one(&client);
    client_hang_up(&client);
    free(body);
}
END_TEST

START_TEST(the_answer_comes_behind_the_body)
{
    struct client client;

    serve_pages();
    client = client_dial();
    client_say(&client, POST "Content-Length: 5" END "hell");
    ck_assert_uint_eq(ask_for("/one"), 200);
    ck_assert_uint_eq(log_count("method=POST"), 0);
    client_say(&client, "o");
    ck_assert_uint_eq(client_answer(&client).status, 405);
    client_hang_up(&client);
    log_wait(" http.request ", "method=POST", "path=/one", "status=405", "bytes=23");
}
END_TEST

/* ---- Bodies that are too long, or too late --------------------------------------------------- */

#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static const struct {
    const char *line;
    unsigned status;
    bool ends;
} bounded[] = {
    {POST "Content-Length: 100" END HUNDRED, 405, false},
    {POST "Content-Length: 101" END, 413, true}, /* at once */
    {POST "Content-Length: 18446744073709551615" END, 413, true},
    {POST CHUNKED "64\r\n" HUNDRED "\r\n0\r\n\r\n", 405, false},
    {POST CHUNKED "65\r\n", 413, true}, /* when it is known */
    {POST CHUNKED "ffffffffffffffff\r\n", 413, true},
    {POST CHUNKED "64\r\n" HUNDRED "\r\n1\r\n", 413, true},
    {POST CHUNKED "1;" HUNDRED HUNDRED HUNDRED, 413, true},
    {POST CHUNKED "0\r\nA: " HUNDRED HUNDRED HUNDRED, 431, true},
    {POST CHUNKED "0\r\nA:\r\nB:\r\nC:\r\nD:\r\nE:\r\n\r\n", 431, true},
};

START_TEST(bodies_have_limits)
{
    serve_first("server body=100 headers=256 header-count=4\n");
    for (size_t i = 0; i < sizeof bounded / sizeof *bounded; i++) {
        struct client client = client_dial();

        client_say(&client, bounded[i].line);

        struct answer answer = client_answer(&client);

        must(answer.status == bounded[i].status, "%s: %u", bounded[i].line, answer.status);
        ck_assert_str_eq(answer_field(&answer, "Connection"),
                         bounded[i].ends ? "close" : "keep-alive");
        if (bounded[i].ends)
            client_expect_end(&client);
        client_hang_up(&client);
    }
    log_wait(" http.refused ", "status=413", "bytes=22", "why=\"a body beyond the limit\"");
}
END_TEST

START_TEST(no_bodies_at_all)
{
    struct client client;

    serve_first("server body=0\n");
    client = client_dial();
    client_say(&client, POST "Content-Length: 0" END POST CHUNKED "0\r\n\r\n" POST
                             "Content-Length: 1" END "x");
    ck_assert_uint_eq(client_answer(&client).status, 405);
    ck_assert_uint_eq(client_answer(&client).status, 405);
    ck_assert_uint_eq(client_answer(&client).status, 413);
    client_expect_end(&client);
    client_hang_up(&client);
}
END_TEST

/* A byte now and then does not extend the time that there is for all of them. */
START_TEST(bodies_have_their_time)
{
    struct client slow, silent;
    unsigned status = 0;

    serve_first("server handshake=300ms\n");
    silent = client_dial();
    client_say(&silent, POST "Content-Length: 100" END);
    slow = client_dial();
    client_say(&slow, NEXT POST "Content-Length: 100000" END);
    expect_one(&slow);
    while (log_count("status=408") < 2) {
        if (send(slow.fd, "x", 1, MSG_NOSIGNAL) != 1)
            break;
        usleep(20000);
    }
    status = client_answer(&slow).status;
    ck_assert_uint_eq(status, 408);
    ck_assert_uint_eq(client_answer(&silent).status, 408);
    client_expect_end(&silent);
    client_hang_up(&slow);
    client_hang_up(&silent);
}
END_TEST

START_TEST(half_a_body_and_gone)
{
    serve_pages();
    for (int i = 0; i < 20; i++) {
        struct client client = client_dial();

        client_say(&client, POST "Content-Length: 50" END STOLEN);
        if (i % 2)
            client_hang_up(&client);
        else
            client_cut(&client);
    }
    struct client held = client_dial();

    client_say(&held, POST CHUNKED "2b\r\n" STOLEN);
    ck_assert_uint_eq(ask_for("/one"), 200);
    ck_assert_uint_eq(log_count("stolen"), 0);
    server_stop(); /* while a body is awaited; nothing leaks */
    client_hang_up(&held);
}
END_TEST

/* ---- Expect: 100-continue -------------------------------------------------------------------- */

/* The answer hangs on nothing that the body could say, so it comes at once, in its place. */
START_TEST(who_asks_first_is_answered_at_once)
{
    static const struct {
        const char *line;
        unsigned status;
        bool kept;
    } asked[] = {
        {POST "Expect: 100-continue\r\nContent-Length: 5" END, 405, false},
        {POST "Expect: 100-Continue\r\n" CHUNKED, 405, false},
        {POST "Expect: 100-continue\r\nContent-Length: 1048577" END, 413, false},
        {"PUT /nothing HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 5" END, 404,
         false},
        {"GET /one HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 5" END, 200, false},
        {POST "Expect: 100-continue\r\nContent-Length: 43" END STOLEN, 405, false},
        {POST "Expect: 100-continue" END, 405, true}, /* no body to ask about */
        {POST "Expect: 100-continue\r\nContent-Length: 0" END, 405, true},
    };

    serve_pages();
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        struct client client = {0};

        ck_assert_uint_eq(client_ask(&client, asked[i].line, asked[i].kept).status,
                          asked[i].status);
        client_hang_up(&client);
    }
    ck_assert_uint_eq(log_count("stolen"), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("server, bodies");
    TCase *tcase = harness_case(suite, "read");

    tcase_add_test(tcase, lines_are_taken_apart);
    tcase_add_test(tcase, lines_are_taken_apart_byte_by_byte);
    tcase_add_test(tcase, a_body_in_two_pieces);
    tcase_add_test(tcase, many_bodies_in_a_row);
    tcase_add_test(tcase, a_large_body_is_thrown_away);
    tcase_add_test(tcase, the_answer_comes_behind_the_body);

    tcase = harness_case(suite, "limits");
    tcase_add_test(tcase, bodies_have_limits);
    tcase_add_test(tcase, no_bodies_at_all);
    tcase_add_test(tcase, bodies_have_their_time);
    tcase_add_test(tcase, half_a_body_and_gone);
    tcase_add_test(tcase, who_asks_first_is_answered_at_once);
    return harness_run(suite);
}
