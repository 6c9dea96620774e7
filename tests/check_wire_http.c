/*
 * Tests of wire/http: which heads are taken, which refused and why, the same however they are cut.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "wire/http.h"
#include "suite.h"

#define GET  "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\n"
#define HOST "Host: a\r\n"
#define END  "\r\n"

static const struct http_limits limits = {.request_line = 100, .headers = 400, .header_count = 8};

static void add_slice(struct text *out, const char *before, struct slice slice)
{
    if (slice.data != NULL)
        text_addf(out, "%s%.*s", before, (int)slice.size, slice.data);
}

/* All of a request, or of its refusal, in one line. */
static char *describe(enum http_result result, const struct http_request *request)
{
    struct text out = {0};

    if (result == HTTP_REFUSED) {
        text_addf(&out, "%u %s", request->status, request->why);
        return text_take(&out);
    }
    if (result == HTTP_MORE)
        return text_take(&out);
    add_slice(&out, "", request->method);
    add_slice(&out, " ", request->path);
    add_slice(&out, "?", request->query);
    text_addf(&out, " HTTP/1.%u", request->minor);
    add_slice(&out, " at ", request->host);
    text_addf(&out, "%s%s%s%s", request->keep_alive ? " keep-alive" : "",
              request->upgrade ? " upgrade" : "", request->chunked ? " chunked" : "",
              request->expects ? " expects" : "");
    if (request->body > 0)
        text_addf(&out, " body=%llu", (unsigned long long)request->body);
    return text_take(&out);
}

/* Reads `size` bytes from memory of just that size, at an address of its own. */
static enum http_result parse_some(struct slice head, size_t size, const struct http_limits *most,
                                   struct http_scan *scan, char **description)
{
    char *copy = malloc(size > 0 ? size : 1);
    struct http_request request;

    memcpy(copy, head.data, size);
    enum http_result result = http_parse(copy, size, most, scan, &request);
    if (result == HTTP_DONE)
        ck_assert_uint_eq(request.size, head.size);
    *description = describe(result, &request);
    free(copy);
    return result;
}

/* One byte at a time; gives how many it took to be sure. */
static size_t parse_bytewise(struct slice head, const struct http_limits *most, char **description)
{
    struct http_scan scan = {0};

    for (size_t size = 0; size <= head.size; size++) {
        if (parse_some(head, size, most, &scan, description) != HTTP_MORE)
            return size;
        mem_free(*description);
        /* Nothing is left to look at again, but for a CR that waits for its LF. */
        bool waits = size > 0 && head.data[size - 1] == '\r';
        ck_assert_uint_eq(scan.offset, size - waits);
    }
    *description = mem_strdup("");
    return head.size;
}

static void check_head(const char *name, struct slice head, const char *expected)
{
    char *description;

    parse_bytewise(head, &limits, &description);
    ck_assert_msg(strcmp(description, expected) == 0, "%s, bytewise: \"%s\", not \"%s\"", name,
                  description, expected);
    mem_free(description);
    for (size_t cut = 0; cut <= head.size; cut++) {
        struct http_scan scan = {0};

        if (parse_some(head, cut, &limits, &scan, &description) == HTTP_MORE) {
            mem_free(description);
            parse_some(head, head.size, &limits, &scan, &description);
        }
        ck_assert_msg(strcmp(description, expected) == 0, "%s, cut at %zu: \"%s\", not \"%s\"",
                      name, cut, description, expected);
        mem_free(description);
    }
}

struct head_case {
    const char *name;
    struct slice head;
    const char *expected;
};

static const struct head_case taken[] = {
    {"plain", SLICE(GET HOST END), "GET / HTTP/1.1 at a keep-alive"},
    {"empty lines before it", SLICE("\r\n\r\n" GET HOST END), "GET / HTTP/1.1 at a keep-alive"},
    {"query", SLICE("GET /a?b=c?d HTTP/1.1\r\n" HOST END), "GET /a?b=c?d HTTP/1.1 at a keep-alive"},
    {"empty query", SLICE("GET /a? HTTP/1.1\r\n" HOST END), "GET /a? HTTP/1.1 at a keep-alive"},
    {"what browsers leave as it is", SLICE("GET /a|b\"{}?^`\\[] HTTP/1.1\r\n" HOST END),
     "GET /a|b\"{}?^`\\[] HTTP/1.1 at a keep-alive"},
    {"two slashes are a path", SLICE("GET //a/b HTTP/1.1\r\n" HOST END),
     "GET //a/b HTTP/1.1 at a keep-alive"},
    {"method of any name", SLICE("get!#$%&'*+-.^_`|~0Z / HTTP/1.1\r\n" HOST END),
     "get!#$%&'*+-.^_`|~0Z / HTTP/1.1 at a keep-alive"},
    {"OPTIONS *", SLICE("OPTIONS * HTTP/1.1\r\n" HOST END), "OPTIONS * HTTP/1.1 at a keep-alive"},
    {"absolute", SLICE("GET http://b:81/c?d HTTP/1.1\r\n" HOST END),
     "GET /c?d HTTP/1.1 at b:81 keep-alive"},
    {"absolute, wss, in capitals", SLICE("GET WSS://b/ HTTP/1.1\r\n" HOST END),
     "GET / HTTP/1.1 at b keep-alive"},
    {"absolute without a path", SLICE("GET https://b HTTP/1.1\r\n" HOST END),
     "GET / HTTP/1.1 at b keep-alive"},
    {"absolute, query alone", SLICE("GET ws://b?c/d HTTP/1.1\r\n" HOST END),
     "GET /?c/d HTTP/1.1 at b keep-alive"},
    {"absolute, host first", SLICE("GET http://b/ HTTP/1.1\r\n" HOST END),
     "GET / HTTP/1.1 at b keep-alive"},
    {"HTTP/1.0", SLICE("GET / HTTP/1.0\r\n" END), "GET / HTTP/1.0"},
    {"HTTP/1.0 kept", SLICE("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n" END),
     "GET / HTTP/1.0 keep-alive"},
    {"HTTP/1.0, both", SLICE("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n" END),
     "GET / HTTP/1.0"},
    {"HTTP/1.0 expects nothing", SLICE("GET / HTTP/1.0\r\nExpect: 100-continue\r\n" END),
     "GET / HTTP/1.0"},
    {"later minor versions are 1.1", SLICE("GET / HTTP/1.2\r\n" HOST END),
     "GET / HTTP/1.1 at a keep-alive"},
    {"close", SLICE(GET HOST "Connection: x, CLOSE\r\n" END), "GET / HTTP/1.1 at a"},
    {"nearly close", SLICE(GET HOST "Connection: closed\r\n" END),
     "GET / HTTP/1.1 at a keep-alive"},
    {"host and port", SLICE(GET "Host: a-b.example:8000\r\n" END),
     "GET / HTTP/1.1 at a-b.example:8000 keep-alive"},
    {"host is IPv6", SLICE(GET "HOST:\t[::1]:80 \r\n" END),
     "GET / HTTP/1.1 at [::1]:80 keep-alive"},
    {"length", SLICE(POST HOST "content-length: 0012 \r\n" END),
     "POST / HTTP/1.1 at a keep-alive body=12"},
    {"length of nothing", SLICE(POST HOST "Content-Length: 0\r\n" END),
     "POST / HTTP/1.1 at a keep-alive"},
    {"length of 2^64 - 1", SLICE(POST HOST "Content-Length: 18446744073709551615\r\n" END),
     "POST / HTTP/1.1 at a keep-alive body=18446744073709551615"},
    {"chunked", SLICE(POST HOST "Transfer-Encoding: \t Chunked\t\r\n" END),
     "POST / HTTP/1.1 at a keep-alive chunked"},
    {"expects", SLICE(POST HOST "Content-Length: 3\r\nExpect: 100-Continue\r\n" END),
     "POST / HTTP/1.1 at a keep-alive expects body=3"},
    {"expects it among other things",
     SLICE(POST HOST "Content-Length: 3\r\nExpect: a, 100-continue\r\nExpect: b\r\n" END),
     "POST / HTTP/1.1 at a keep-alive expects body=3"},
    {"expects what is unknown", SLICE(GET HOST "Expect: 200-ok\r\n" END),
     "GET / HTTP/1.1 at a keep-alive"},
    {"upgrade", SLICE(GET HOST "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" END),
     "GET / HTTP/1.1 at a keep-alive upgrade"},
    {"upgrade in several fields",
     SLICE(GET HOST
           "upgrade: h2c\r\nCONNECTION: x\r\nconnection: ,upgrade\r\nUpgrade: ,websocket\r\n" END),
     "GET / HTTP/1.1 at a keep-alive upgrade"},
    {"upgrade without Connection", SLICE(GET HOST "Upgrade: websocket\r\n" END),
     "GET / HTTP/1.1 at a keep-alive"},
    {"upgrade to something else", SLICE(GET HOST "Connection: upgrade\r\nUpgrade: h2c\r\n" END),
     "GET / HTTP/1.1 at a keep-alive"},
    {"upgrade, nearly", SLICE(GET HOST "Connection: upgraded\r\nUpgrade: websocket\r\n" END),
     "GET / HTTP/1.1 at a keep-alive"},
    {"upgrade in quotes", SLICE(GET HOST "Connection: \"upgrade\"\r\nUpgrade: websocket\r\n" END),
     "GET / HTTP/1.1 at a keep-alive"},
    {"values with tabs and bytes above ASCII", SLICE(GET HOST "a: b\tc\x80\xff\r\nd:\r\n" END),
     "GET / HTTP/1.1 at a keep-alive"},
    {"names that others begin with ours", SLICE(GET HOST "hosts: b\r\nHos: c\r\nEoct: d\r\n" END),
     "GET / HTTP/1.1 at a keep-alive"},
    {"as many fields as may be", SLICE(GET HOST "a:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\n" END),
     "GET / HTTP/1.1 at a keep-alive"},
};

START_TEST(heads_that_are_taken)
{
    check_head(taken[_i].name, taken[_i].head, taken[_i].expected);
}
END_TEST

#define BAD_METHOD  "400 a request line that does not begin with a method"
#define BAD_LINE    "400 a request line that is not method, target and version"
#define BAD_VERSION "400 a request line that does not end with one HTTP version"
#define BAD_TARGET  "400 a target that is neither a path nor a URL of http or ws"
#define BAD_LENGTH  "400 a Content-Length that is no number"
#define BAD_CODING  "400 a Transfer-Encoding that is not chunked"
#define BAD_CR      "400 a carriage return without a line feed"
#define BAD_LF      "400 a line feed without a carriage return"
#define BAD_NAME    "400 a byte in a field's name that may not stand there"
#define FOLDED      "400 a line that begins with a blank, as folded ones do"
#define CHUNKED     "Transfer-Encoding: chunked\r\n"

static const struct head_case refused[] = {
    /* Lines. */
    {"bare LF", SLICE("GET / HTTP/1.1\n" HOST END), BAD_LF},
    {"bare LF behind a field", SLICE(GET "Host: a\n" END), BAD_LF},
    {"bare LF as the empty line", SLICE(GET HOST "\n"), BAD_LF},
    {"bare LF before all", SLICE("\n" GET HOST END), BAD_LF},
    {"bare CR", SLICE(GET "Host: a\rb\r\n" END), BAD_CR},
    {"bare CR in the request line", SLICE("GET /\rHTTP/1.1\r\n" HOST END), BAD_CR},
    {"CR CR LF", SLICE(GET "Host: a\r\r\n" END), BAD_CR},
    {"CR before all", SLICE("\r" GET HOST END), BAD_CR},
    {"NUL in a value", SLICE(GET "Host: a\0b\r\n" END), "400 a control byte"},
    {"NUL in a name", SLICE(GET HOST "a\0b: c\r\n" END), "400 a control byte"},
    {"NUL in the target", SLICE("GET /\0 HTTP/1.1\r\n" HOST END), "400 a control byte"},
    {"DEL", SLICE(GET HOST "a: \x7f\r\n" END), "400 a control byte"},
    {"TLS", SLICE("\x16\x03\x01\x02"), "400 a TLS handshake, where plain HTTP is spoken"},
    {"TLS byte, later", SLICE("GET /\x16 HTTP/1.1\r\n" END), "400 a control byte"},
    /* The request line. */
    {"no target", SLICE("GET HTTP/1.1\r\n" HOST END), BAD_LINE},
    {"no version", SLICE("GET /\r\n" HOST END), BAD_LINE},
    {"method alone", SLICE("GET\r\n" HOST END), BAD_METHOD},
    {"blank before the method", SLICE(" GET / HTTP/1.1\r\n" HOST END), BAD_METHOD},
    {"method that is no token", SLICE("G(T / HTTP/1.1\r\n" HOST END), BAD_METHOD},
    {"two blanks before the target", SLICE("GET  / HTTP/1.1\r\n" HOST END), BAD_LINE},
    {"two blanks before the version", SLICE("GET /  HTTP/1.1\r\n" HOST END), BAD_VERSION},
    {"tab for a blank", SLICE("GET\t/ HTTP/1.1\r\n" HOST END), BAD_METHOD},
    {"tab in the target", SLICE("GET /\tHTTP/1.1\r\n" HOST END),
     "400 a byte in the target that is not printable ASCII"},
    {"blank behind the version", SLICE("GET / HTTP/1.1 \r\n" HOST END), BAD_VERSION},
    {"blank in the target", SLICE("GET /a b HTTP/1.1\r\n" HOST END), BAD_VERSION},
    {"fragment", SLICE("GET /#a HTTP/1.1\r\n" HOST END), "400 a fragment in the target"},
    {"target above ASCII", SLICE("GET /\xc3\xa4 HTTP/1.1\r\n" HOST END),
     "400 a byte in the target that is not printable ASCII"},
    {"version in small letters", SLICE("GET / http/1.1\r\n" HOST END), BAD_VERSION},
    {"version of one digit", SLICE("GET / HTTP/1\r\n" HOST END), BAD_VERSION},
    {"version of three digits", SLICE("GET / HTTP/1.10\r\n" HOST END), BAD_VERSION},
    {"version with a comma", SLICE("GET / HTTP/1,1\r\n" HOST END), BAD_VERSION},
    {"version of letters", SLICE("GET / HTTP/a.b\r\n" HOST END), BAD_VERSION},
    {"version of another protocol", SLICE("GET / ICAP/1.0\r\n" HOST END), BAD_VERSION},
    {"HTTP/2.0", SLICE("GET / HTTP/2.0\r\n" HOST END), "505 an HTTP version other than 1"},
    {"HTTP/0.9", SLICE("GET / HTTP/0.9\r\n" HOST END), "505 an HTTP version other than 1"},
    {"HTTP/2 with prior knowledge", SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
     "505 an HTTP version other than 1"},
    {"CONNECT", SLICE("CONNECT a:443 HTTP/1.1\r\n" HOST END), "501 CONNECT, which is for proxies"},
    {"target is a host", SLICE("GET a:80 HTTP/1.1\r\n" HOST END), BAD_TARGET},
    {"target without a slash", SLICE("GET a/b HTTP/1.1\r\n" HOST END), BAD_TARGET},
    {"target of another scheme", SLICE("GET ftp://a/ HTTP/1.1\r\n" HOST END), BAD_TARGET},
    {"target of half a scheme", SLICE("GET http:/a HTTP/1.1\r\n" HOST END), BAD_TARGET},
    {"GET *", SLICE("GET * HTTP/1.1\r\n" HOST END),
     "400 the target * with a method other than OPTIONS"},
    {"OPTIONS *a", SLICE("OPTIONS *a HTTP/1.1\r\n" HOST END), BAD_TARGET},
    {"absolute without a host", SLICE("GET http:///a HTTP/1.1\r\n" HOST END),
     "400 a target without a proper host"},
    {"absolute with a user", SLICE("GET http://u:p@a/ HTTP/1.1\r\n" HOST END),
     "400 a target without a proper host"},
    /* Fields. */
    {"folded", SLICE(GET HOST "a: b\r\n c\r\n" END), FOLDED},
    {"folded with a tab", SLICE(GET HOST "a: b\r\n\tc: d\r\n" END), FOLDED},
    {"blank before the first field", SLICE(GET " Host: a\r\n" END), FOLDED},
    {"line of a blank", SLICE(GET HOST " \r\n" END), FOLDED},
    {"blank before the colon", SLICE(GET "Host : a\r\n" END),
     "400 a blank in a field's name, or behind it"},
    {"tab before the colon", SLICE(GET "Host\t: a\r\n" END),
     "400 a blank in a field's name, or behind it"},
    {"no colon", SLICE(GET HOST "a\r\n" END), "400 a field without a colon"},
    {"no name", SLICE(GET HOST ": a\r\n" END), "400 a field without a name"},
    {"name in brackets", SLICE(GET HOST "(a): b\r\n" END), BAD_NAME},
    {"name above ASCII", SLICE(GET HOST "\xc3\xa4: b\r\n" END), BAD_NAME},
    {"no Host", SLICE(GET END), "400 no Host field"},
    {"two Hosts", SLICE(GET HOST HOST END), "400 a second Host field"},
    {"two Hosts in HTTP/1.0", SLICE("GET / HTTP/1.0\r\n" HOST HOST END), "400 a second Host field"},
    {"empty Host", SLICE(GET "Host:\r\n" END), "400 a Host that is none"},
    {"Host with a path", SLICE(GET "Host: a/b\r\n" END), "400 a Host that is none"},
    {"two hosts in one", SLICE(GET "Host: a, b\r\n" END), "400 a Host that is none"},
    {"absolute, but no Host", SLICE("GET http://a/ HTTP/1.1\r\n" END), "400 no Host field"},
    {"absolute, but a wrong Host", SLICE("GET http://a/ HTTP/1.1\r\nHost: @\r\n" END),
     "400 a Host that is none"},
    /* Bodies. */
    {"two lengths", SLICE(POST HOST "Content-Length: 5\r\nContent-Length: 6\r\n" END),
     "400 a second Content-Length field"},
    {"the same length twice", SLICE(POST HOST "Content-Length: 5\r\nContent-Length: 5\r\n" END),
     "400 a second Content-Length field"},
    {"list of lengths", SLICE(POST HOST "Content-Length: 5,5\r\n" END), BAD_LENGTH},
    {"length with a sign", SLICE(POST HOST "Content-Length: +5\r\n" END), BAD_LENGTH},
    {"length below zero", SLICE(POST HOST "Content-Length: -5\r\n" END), BAD_LENGTH},
    {"length in hexadecimal", SLICE(POST HOST "Content-Length: 0x5\r\n" END), BAD_LENGTH},
    {"length with a blank", SLICE(POST HOST "Content-Length: 5 5\r\n" END), BAD_LENGTH},
    {"length of no digits", SLICE(POST HOST "Content-Length: \r\n" END), BAD_LENGTH},
    {"length of 2^64", SLICE(POST HOST "Content-Length: 18446744073709551616\r\n" END),
     "400 a Content-Length beyond all numbers"},
    {"length of 30 digits",
     SLICE(POST HOST "Content-Length: 111111111111111111111111111111\r\n" END),
     "400 a Content-Length beyond all numbers"},
    {"both", SLICE(POST HOST "Content-Length: 5\r\n" CHUNKED END),
     "400 both Transfer-Encoding and Content-Length"},
    {"both, the other way", SLICE(POST HOST CHUNKED "Content-Length: 5\r\n" END),
     "400 both Transfer-Encoding and Content-Length"},
    {"chunked in HTTP/1.0", SLICE("POST / HTTP/1.0\r\n" HOST CHUNKED END),
     "400 a Transfer-Encoding in HTTP/1.0"},
    {"xchunked", SLICE(POST HOST "Transfer-Encoding: xchunked\r\n" END), BAD_CODING},
    {"chunked with a parameter", SLICE(POST HOST "Transfer-Encoding: chunked;a=b\r\n" END),
     BAD_CODING},
    {"chunked and a comma", SLICE(POST HOST "Transfer-Encoding: ,chunked\r\n" END), BAD_CODING},
    {"chunked in quotes", SLICE(POST HOST "Transfer-Encoding: \"chunked\"\r\n" END), BAD_CODING},
    {"chunked and a vertical tab", SLICE(POST HOST "Transfer-Encoding: \vchunked\r\n" END),
     "400 a control byte"},
    {"chunked twice", SLICE(POST HOST CHUNKED CHUNKED END), BAD_CODING},
    {"chunked twice in one", SLICE(POST HOST "Transfer-Encoding: chunked, chunked\r\n" END),
     BAD_CODING},
    {"chunked, and then nothing", SLICE(POST HOST CHUNKED "Transfer-Encoding:\r\n" END),
     BAD_CODING},
    {"no coding", SLICE(POST HOST "Transfer-Encoding:\r\n" END), BAD_CODING},
    {"identity", SLICE(POST HOST "Transfer-Encoding: identity\r\n" END), BAD_CODING},
    {"gzip", SLICE(POST HOST "Transfer-Encoding: gzip\r\n" END), BAD_CODING},
    {"gzip last", SLICE(POST HOST "Transfer-Encoding: chunked, gzip\r\n" END), BAD_CODING},
    {"gzip, then chunked", SLICE(POST HOST "Transfer-Encoding: gzip, chunked\r\n" END),
     "501 a transfer coding other than chunked"},
    {"gzip, then chunked in another field",
     SLICE(POST HOST "Transfer-Encoding: gzip\r\n" CHUNKED END),
     "501 a transfer coding other than chunked"},
    {"more fields than may be",
     SLICE(GET HOST "a:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\na:\r\n" END),
     "431 more fields than the limit"},
};

START_TEST(heads_that_are_refused)
{
    check_head(refused[_i].name, refused[_i].head, refused[_i].expected);
}
END_TEST

/* By which byte a refusal is sure. */
static const struct {
    struct slice head;
    size_t sure;
    unsigned status;
} early[] = {
    {SLICE("\x16\x03\x01"), 1, 400},
    {SLICE("\n" GET), 1, 400},
    {SLICE("GET / HTTP/1.1\nHost: a"), 15, 400},
    {SLICE("GET / HTTP/1.1\rHost: a"), 16, 400},
    {SLICE("SSH-2.0-OpenSSH_9.2\r\n"), 21, 400},
    {SLICE("PRI * HTTP/2.0\r\n\r\nSM"), 16, 505},
    {SLICE(GET "Host : a\r\n" HOST), sizeof GET "Host : a\r\n" - 1, 400},
    {SLICE(GET " a: b\r\n" HOST), sizeof GET " a: b\r\n" - 1, 400},
};

START_TEST(refusals_do_not_wait)
{
    char *description;

    ck_assert_uint_eq(parse_bytewise(early[_i].head, &limits, &description), early[_i].sure);
    ck_assert_uint_eq(strtoul(description, NULL, 10), early[_i].status);
    mem_free(description);
}
END_TEST

static size_t fill(char *out, const char *begin, char byte, size_t count, const char *end)
{
    size_t size = strlen(begin);

    memcpy(out, begin, size);
    memset(out + size, byte, count);
    strcpy(out + size + count, end);
    return size + count + strlen(end);
}

START_TEST(request_line_of_the_limit)
{
    char head[1000];
    size_t most = limits.request_line - strlen("GET / HTTP/1.1");
    size_t size = fill(head, "\r\nGET /", 'a', most, " HTTP/1.1\r\n" HOST END);
    struct http_scan scan = {0};
    struct http_request request;

    ck_assert_int_eq(http_parse(head, size, &limits, &scan, &request), HTTP_DONE);
    size = fill(head, "\r\nGET /", 'a', most + 1, " HTTP/1.1\r\n" HOST END);
    check_head("request line", (struct slice){head, size}, "414 a request line beyond the limit");

    /* However it would go on: the first byte too many tells. */
    char *description;
    size = fill(head, "", 'a', 200, "");
    size = parse_bytewise((struct slice){head, size}, &limits, &description);
    ck_assert_uint_eq(size, limits.request_line + 1);
    mem_free(description);
}
END_TEST

START_TEST(head_of_the_limit)
{
    char head[1000];
    size_t most = limits.headers - strlen(GET HOST "a:" END END);
    size_t size = fill(head, GET HOST "a:", 'b', most, END END);
    char *description;

    ck_assert_uint_eq(size, limits.headers);
    check_head("head", (struct slice){head, size}, "GET / HTTP/1.1 at a keep-alive");
    size = fill(head, GET HOST "a:", 'b', most + 1, END END);
    check_head("head", (struct slice){head, size}, "431 a head beyond the limit");
    size = fill(head, GET HOST "a:", 'b', 600, "");
    size = parse_bytewise((struct slice){head, size}, &limits, &description);
    ck_assert_uint_eq(size, limits.headers);
    mem_free(description);
}
END_TEST

START_TEST(empty_lines_count_for_the_head)
{
    char head[1000];

    for (size_t i = 0; i < sizeof head; i += 2)
        memcpy(head + i, "\r\n", 2);
    check_head("empty lines", (struct slice){head, sizeof head}, "431 a head beyond the limit");
}
END_TEST

/* What may stand there, told in another way than the parser does. */
static bool may_stand(const char *place, int byte)
{
    bool token = byte != 0 && strchr("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                     "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                                     byte) != NULL;

    if (strcmp(place, "target") == 0)
        return byte > 0x20 && byte < 0x7f && byte != '#';
    if (strcmp(place, "value") == 0)
        return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
    return token || (byte == ':' && strcmp(place, "name") == 0);
}

/* Each byte at each distance from the beginning of a line, so that wide steps have it everywhere.
 */
static void check_bytes(const char *place, const char *before, const char *after)
{
    const struct http_limits wide = {.request_line = 1000, .headers = 1000, .header_count = 100};
    char head[1000];

    for (int byte = 0; byte < 256; byte++) {
        for (size_t distance = 0; distance < 20; distance++) {
            size_t size = fill(head, before, 'x', distance, "");
            struct http_scan scan = {0};
            struct http_request request;

            head[size] = (char)byte;
            size += 1 + fill(head + size + 1, "", 'x', 1, after);

            bool done = http_parse(head, size, &wide, &scan, &request) == HTTP_DONE;
            ck_assert_msg(done == may_stand(place, byte), "byte %02x in a %s", (unsigned)byte,
                          place);
        }
    }
}

START_TEST(bytes_that_may_stand_in_it)
{
    check_bytes("target", "GET /", " HTTP/1.1\r\n" HOST END);
    check_bytes("value", GET HOST "a: ", END END);
    check_bytes("name", GET HOST "n", ": b" END END);
    check_bytes("method", "M", " / HTTP/1.1\r\n" HOST END);
}
END_TEST

START_TEST(fields_come_one_by_one)
{
    const struct slice head = SLICE(GET "Host:a\r\nEmpty:\r\nx-B: \t c:d \t\r\n" END);
    struct http_scan scan = {0};
    struct http_request request;
    struct http_field field;

    ck_assert_int_eq(http_parse(head.data, head.size, &limits, &scan, &request), HTTP_DONE);
    struct slice rest = request.fields;
    ck_assert(http_next_field(&rest, &field));
    ck_assert(slice_equal(field.name, SLICE("Host")) && slice_equal(field.value, SLICE("a")));
    ck_assert(http_next_field(&rest, &field));
    ck_assert(slice_equal(field.name, SLICE("Empty")) && field.value.size == 0);
    ck_assert(http_next_field(&rest, &field));
    ck_assert(slice_equal(field.name, SLICE("x-B")) && slice_equal(field.value, SLICE("c:d")));
    ck_assert(!http_next_field(&rest, &field));
}
END_TEST

START_TEST(elements_come_one_by_one)
{
    struct slice rest = SLICE(" ,a b\t,, c,"), element;

    ck_assert(http_next_element(&rest, &element) && slice_equal(element, SLICE("a b")));
    ck_assert(http_next_element(&rest, &element) && slice_equal(element, SLICE("c")));
    ck_assert(!http_next_element(&rest, &element));
    ck_assert(http_is_token(SLICE("a")) && !http_is_token(SLICE("")));
    ck_assert(!http_is_token(SLICE("a ")) && !http_is_token(SLICE(" a")));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire/http");
    TCase *tcase = tcase_create("http");

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, heads_that_are_taken, 0, sizeof taken / sizeof *taken);
    tcase_add_loop_test(tcase, heads_that_are_refused, 0, sizeof refused / sizeof *refused);
    tcase_add_loop_test(tcase, refusals_do_not_wait, 0, sizeof early / sizeof *early);
    tcase_add_test(tcase, request_line_of_the_limit);
    tcase_add_test(tcase, head_of_the_limit);
    tcase_add_test(tcase, empty_lines_count_for_the_head);
    tcase_add_test(tcase, bytes_that_may_stand_in_it);
    tcase_add_test(tcase, fields_come_one_by_one);
    tcase_add_test(tcase, elements_come_one_by_one);
    return suite_run(suite);
}
