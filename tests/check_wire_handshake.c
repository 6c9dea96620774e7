/*
 * Tests of wire/handshake: what is a handshake, what is not and why, and the answer.
 */
#include <check.h>
#include <string.h>

#include "base/text.h"
#include "wire/handshake.h"
#include "suite.h"

#define GET       "GET / HTTP/1.1\r\n"
#define POST      "POST / HTTP/1.1\r\n"
#define END       "\r\n"
#define UPGRADE   "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
#define KEY       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define VERSION   "Sec-WebSocket-Version: 13\r\n"
#define HANDSHAKE GET UPGRADE KEY VERSION

#define BAD_KEY        "400 a Sec-WebSocket-Key that is not 16 bytes in base64"
#define OTHER_VERSION  "426 a Sec-WebSocket-Version other than 13"
#define BAD_OFFER      "400 a subprotocol that is no token"
#define BAD_EXTENSIONS "400 a Sec-WebSocket-Extensions that is no list of extensions"

#define WITH_KEY(key)        SLICE(GET UPGRADE VERSION "Sec-WebSocket-Key:" key "\r\n" END)
#define WITH_VERSION(number) SLICE(GET UPGRADE KEY "Sec-WebSocket-Version:" number "\r\n" END)
#define WITH_OFFER(offer)    SLICE(HANDSHAKE "Sec-WebSocket-Protocol:" offer "\r\n" END)
#define WITH_EXTENSION(list) SLICE(HANDSHAKE "Sec-WebSocket-Extensions:" list "\r\n" END)

static const struct {
    const char *name;
    struct slice head;
    const char *expected;
} handshakes[] = {
    {"plain", SLICE(HANDSHAKE END), "0"},
    {"no body said so", SLICE(HANDSHAKE "Content-Length: 0\r\n" END), "0"},
    {"POST", SLICE(POST UPGRADE KEY VERSION END), "405 a handshake whose method is not GET"},
    {"get", SLICE("get / HTTP/1.1\r\n" UPGRADE KEY VERSION END),
     "405 a handshake whose method is not GET"},
    {"HTTP/1.0", SLICE("GET / HTTP/1.0\r\n" UPGRADE KEY VERSION END),
     "400 a handshake in HTTP/1.0"},
    {"length", SLICE(HANDSHAKE "Content-Length: 1\r\n" END), "400 a handshake with a body"},
    {"chunked", SLICE(HANDSHAKE "Transfer-Encoding: chunked\r\n" END),
     "400 a handshake with a body"},
    {"no version", SLICE(GET UPGRADE KEY END), OTHER_VERSION},
    {"empty version", WITH_VERSION(""), OTHER_VERSION},
    {"version 8", WITH_VERSION("8"), OTHER_VERSION},
    {"version 013", WITH_VERSION("013"), OTHER_VERSION},
    {"versions in a list", WITH_VERSION("13, 8"), OTHER_VERSION},
    {"version twice", SLICE(HANDSHAKE VERSION END), "400 a second Sec-WebSocket-Version field"},
    {"no key", SLICE(GET UPGRADE VERSION END), BAD_KEY},
    {"empty key", WITH_KEY(""), BAD_KEY},
    {"key twice", SLICE(HANDSHAKE KEY END), "400 a second Sec-WebSocket-Key field"},
    {"key of every kind of digit", WITH_KEY("Az09+/AAAAAAAAAAAAAAAA=="), "0"},
    {"key of 15 bytes", WITH_KEY("dGhlIHNhbXBsZSBub25j"), BAD_KEY},
    {"key of 17 bytes", WITH_KEY("dGhlIHNhbXBsZSBub25jZSE="), BAD_KEY},
    {"key of 18 bytes", WITH_KEY("dGhlIHNhbXBsZSBub25jZSEh"), BAD_KEY},
    {"key without padding", WITH_KEY("dGhlIHNhbXBsZSBub25jZQ"), BAD_KEY},
    {"key with bits to spare set", WITH_KEY("AQIDBAUGBwgJCgsMDQ4PEC=="), "0"},
    {"key with a blank", WITH_KEY("dGhl HNhbXBsZSBub25jZQ=="), BAD_KEY},
    {"key in the other alphabet", WITH_KEY("dGhl-HNhbXBsZSBub25jZQ=="), BAD_KEY},
    {"key with a bracket", WITH_KEY("dGhl[HNhbXBsZSBub25jZQ=="), BAD_KEY},
    {"key above ASCII", WITH_KEY("dGhl\xe1HNhbXBsZSBub25jZQ=="), BAD_KEY},
    {"subprotocols", WITH_OFFER("chat, superchat,,v1.2"), "0"},
    {"no subprotocol", WITH_OFFER(""), "0"},
    {"subprotocol of two words", WITH_OFFER("a b"), BAD_OFFER},
    {"subprotocol in quotes", WITH_OFFER("\"a\""), BAD_OFFER},
    {"subprotocol that is a URL", WITH_OFFER("http://a"), BAD_OFFER},
    {"subprotocol twice", WITH_OFFER("a, b, a"), "400 a subprotocol offered twice"},
    {"subprotocol in two cases", WITH_OFFER("a, A"), "0"},
    {"subprotocol twice, in two fields",
     SLICE(HANDSHAKE "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b,a\r\n" END),
     "400 a subprotocol offered twice"},
    {"extensions", WITH_EXTENSION("a;b;c=d;e=\"f\", g ; h = \"\\i\" ,,"), "0"},
    {"one extension", WITH_EXTENSION("permessage-deflate; client_max_window_bits"), "0"},
    {"no extensions", WITH_EXTENSION(""), "0"},
    {"extension of two words", WITH_EXTENSION("a b"), BAD_EXTENSIONS},
    {"extension without a name", WITH_EXTENSION("a, ;b"), BAD_EXTENSIONS},
    {"parameter without a name", WITH_EXTENSION("a;"), BAD_EXTENSIONS},
    {"parameter without a value", WITH_EXTENSION("a; b="), BAD_EXTENSIONS},
    {"parameter with two", WITH_EXTENSION("a; b=c=d"), BAD_EXTENSIONS},
    {"value of nothing, in quotes", WITH_EXTENSION("a; b=\"\""), BAD_EXTENSIONS},
    {"value of no token, in quotes", WITH_EXTENSION("a; b=\"c d\""), BAD_EXTENSIONS},
    {"value with half its quotes", WITH_EXTENSION("a; b=\"c"), BAD_EXTENSIONS},
    {"value with a backslash at the end", WITH_EXTENSION("a; b=\"c\\"), BAD_EXTENSIONS},
    {"quotes around all", WITH_EXTENSION("\"a\""), BAD_EXTENSIONS},
    {"a wrong list before a right one",
     SLICE(HANDSHAKE "Sec-WebSocket-Extensions: =\r\nSec-WebSocket-Extensions: a\r\n" END),
     BAD_EXTENSIONS},
    {"names that begin like ours",
     SLICE(HANDSHAKE "Sec-WebSocket-: a\r\nSec-WebSocket-Keys: b\r\n" END), "0"},
};

static const struct http_limits wide = {.request_line = 1000, .headers = 4000, .header_count = 100};

static void parse_handshake(struct slice head, struct http_request *request)
{
    struct http_scan scan = {0};

    ck_assert_int_eq(http_parse(head.data, head.size, &wide, &scan, request), HTTP_DONE);
    ck_assert(request->upgrade);
}

START_TEST(handshakes_are_judged)
{
    struct http_request request;
    const char *why = "";
    struct text out = {0};

    parse_handshake(handshakes[_i].head, &request);
    unsigned status = handshake_check(&request, &why);
    text_addf(&out, status == 0 ? "%u" : "%u %s", status, why);
    ck_assert_msg(strcmp(out.data, handshakes[_i].expected) == 0, "%s: \"%s\", not \"%s\"",
                  handshakes[_i].name, out.data, handshakes[_i].expected);
    text_free(&out);
}
END_TEST

START_TEST(subprotocols_of_the_limit)
{
    struct text head = {0};
    struct http_request request;
    const char *why;

    text_add_str(&head, HANDSHAKE "Sec-WebSocket-Protocol: ");
    for (int i = 1; i <= 65; i++) {
        size_t size = head.size;

        text_addf(&head, "v%d\r\n" END, i);
        parse_handshake((struct slice){head.data, head.size}, &request);
        ck_assert_uint_eq(handshake_check(&request, &why), i <= 64 ? 0 : 400);
        head.size = size;
        text_addf(&head, "v%d, ", i);
    }
    ck_assert_str_eq(why, "more than 64 subprotocols offered");
    text_free(&head);
}
END_TEST

START_TEST(offers_are_found_in_all_fields)
{
    struct http_request request;

    parse_handshake(
        SLICE(HANDSHAKE "Sec-WebSocket-Protocol: a, bc\r\nsec-websocket-protocol: d\r\n" END),
        &request);
    ck_assert(handshake_offers(&request, SLICE("a")));
    ck_assert(handshake_offers(&request, SLICE("bc")));
    ck_assert(handshake_offers(&request, SLICE("d")));
    ck_assert(!handshake_offers(&request, SLICE("b")));
    ck_assert(!handshake_offers(&request, SLICE("D")));
}
END_TEST

/* The example of RFC 6455, section 1.3. */
START_TEST(accept_answers_the_key)
{
    struct http_request request;
    char accept[HANDSHAKE_ACCEPT_SIZE];

    parse_handshake(SLICE(HANDSHAKE END), &request);
    ck_assert(handshake_accept(&request, accept));
    ck_assert_str_eq(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    parse_handshake(SLICE(GET UPGRADE VERSION END), &request);
    ck_assert(!handshake_accept(&request, accept));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire/handshake");
    TCase *tcase = tcase_create("handshake");

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, handshakes_are_judged, 0, sizeof handshakes / sizeof *handshakes);
    tcase_add_test(tcase, subprotocols_of_the_limit);
    tcase_add_test(tcase, offers_are_found_in_all_fields);
    tcase_add_test(tcase, accept_answers_the_key);
    return suite_run(suite);
}
