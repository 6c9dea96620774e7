/*
 * Tests of wire/extension: which offers of permessage-deflate are taken, what the answer is, and
 * what holds then.
 */
#include <check.h>
#include <string.h>

#include "base/text.h"
#include "wire/extension.h"
#include "suite.h"

#define HEAD                                                                                       \
    "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"                   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
#define FIELD "Sec-WebSocket-Extensions: "

#define D       "permessage-deflate"
#define S_NO    "server_no_context_takeover"
#define C_NO    "client_no_context_takeover"
#define S_BITS  "server_max_window_bits"
#define C_BITS  "client_max_window_bits"
#define BOTH_NO "; " S_NO "; " C_NO
#define ALONE   D BOTH_NO " 15 15"
#define NONE    ""

static const struct deflate_wish alone = {.bits = 15, .takeover = false};
static const struct deflate_wish keeping = {.bits = 15, .takeover = true};
static const struct deflate_wish small = {.bits = 11, .takeover = false};
static const struct deflate_wish small_keeping = {.bits = 11, .takeover = true};
static const struct deflate_wish smallest = {.bits = 9, .takeover = false};

static bool agree(const char *fields, const struct deflate_wish *wish, struct deflate_terms *terms,
                  struct text *answer)
{
    static const struct http_limits wide = {
        .request_line = 1000, .headers = 100 * 1000, .header_count = 100};
    struct http_scan scan = {0};
    struct http_request request;
    struct text head = {0};

    text_addf(&head, HEAD "%s\r\n", fields);
    ck_assert_int_eq(http_parse(head.data, head.size, &wide, &scan, &request), HTTP_DONE);
    bool agreed = extension_agree(&request, wish, terms, answer);
    text_free(&head);
    return agreed;
}

/* What is answered; then the bits of both windows, and '+' where one is kept. */
static void check(const char *fields, const struct deflate_wish *wish, const char *expected)
{
    struct deflate_terms terms;
    struct text out = {0};

    if (agree(fields, wish, &terms, &out))
        text_addf(&out, " %u%s %u%s", terms.server_bits, terms.server_takeover ? "+" : "",
                  terms.client_bits, terms.client_takeover ? "+" : "");
    else
        ck_assert_uint_eq(out.size, 0);
    text_add_str(&out, "");
    ck_assert_msg(strcmp(out.size > 0 ? out.data : "", expected) == 0, "%s: \"%s\", not \"%s\"",
                  fields, out.size > 0 ? out.data : "", expected);
    text_free(&out);
}

static const struct {
    const char *offer;
    const struct deflate_wish *wish;
    const char *expected;
} offers[] = {
    /* Nothing asked for. */
    {D, &alone, ALONE},
    {D, &keeping, D " 15+ 15+"},
    {D, &small, D BOTH_NO " 11 15"},
    {D, &small_keeping, D " 11+ 15+"},
    /* Takeover. */
    {D "; " S_NO, &keeping, D "; " S_NO " 15 15+"},
    {D "; " C_NO, &keeping, D "; " C_NO " 15+ 15"},
    {D "; " C_NO "; " S_NO, &keeping, ALONE},
    {D "; " S_NO "; " C_NO, &alone, ALONE},
    {D "; " S_NO, &alone, ALONE},
    /* The server's window. */
    {D "; " S_BITS "=15", &alone, D BOTH_NO "; " S_BITS "=15 15 15"},
    {D "; " S_BITS "=14", &alone, D BOTH_NO "; " S_BITS "=14 14 15"},
    {D "; " S_BITS "=9", &alone, D BOTH_NO "; " S_BITS "=9 9 15"},
    {D "; " S_BITS "=8", &alone, D BOTH_NO "; " S_BITS "=8 8 15"},
    {D "; " S_BITS "=8", &keeping, D "; " S_BITS "=8 8+ 15+"},
    {D "; " S_BITS "=12", &small, D BOTH_NO "; " S_BITS "=11 11 15"},
    {D "; " S_BITS "=10", &small, D BOTH_NO "; " S_BITS "=10 10 15"},
    {D "; " S_BITS "=15", &smallest, D BOTH_NO "; " S_BITS "=9 9 15"},
    {D "; " S_BITS "=8", &smallest, D BOTH_NO "; " S_BITS "=8 8 15"},
    /* The client's. */
    {D "; " C_BITS, &alone, ALONE},
    {D "; " C_BITS, &small, D BOTH_NO "; " C_BITS "=11 11 11"},
    {D "; " C_BITS, &smallest, D BOTH_NO "; " C_BITS "=9 9 9"},
    {D "; " C_BITS "=15", &alone, ALONE},
    {D "; " C_BITS "=15", &small, D BOTH_NO "; " C_BITS "=11 11 11"},
    {D "; " C_BITS "=10", &alone, D BOTH_NO "; " C_BITS "=10 15 10"},
    {D "; " C_BITS "=10", &small, D BOTH_NO "; " C_BITS "=10 11 10"},
    {D "; " C_BITS "=8", &small, D BOTH_NO "; " C_BITS "=8 11 8"},
    /* All of it, in the order of the answer and in another; blanks where they may be. */
    {D "; " S_NO "; " C_NO "; " S_BITS "=12; " C_BITS "=13", &keeping,
     D BOTH_NO "; " S_BITS "=12; " C_BITS "=13 12 13"},
    {D ";" C_BITS ";" S_BITS "=12;" C_NO, &small_keeping,
     D "; " C_NO "; " S_BITS "=11; " C_BITS "=11 11+ 11"},
    {D " ;\t" C_BITS " = 9 ; " S_NO " ", &keeping, D "; " S_NO "; " C_BITS "=9 15 9+"},
    /* Quoted values are their tokens. */
    {D "; " S_BITS "=\"10\"", &alone, D BOTH_NO "; " S_BITS "=10 10 15"},
    {D "; " S_BITS "=\"1\\0\"", &alone, D BOTH_NO "; " S_BITS "=10 10 15"},
    {D "; " C_BITS "=\"\\9\"", &alone, D BOTH_NO "; " C_BITS "=9 15 9"},
    {D "; " C_BITS "=\"015\"", &alone, NONE},
    /* Declined: what it is, and whose value it lacks or has. */
    {D "; foo", &alone, NONE},
    {D "; foo=1", &alone, NONE},
    {D "; Server_No_Context_Takeover", &alone, NONE},
    {D "; " S_NO "; foo", &alone, NONE},
    {D "; " S_NO "=1", &alone, NONE},
    {D "; " S_NO "=true", &alone, NONE},
    {D "; " C_NO "=\"1\"", &alone, NONE},
    {D "; " S_BITS, &alone, NONE},
    /* Twice. */
    {D "; " S_NO "; " S_NO, &alone, NONE},
    {D "; " C_NO "; " S_NO "; " C_NO, &alone, NONE},
    {D "; " S_BITS "=10; " S_BITS "=10", &alone, NONE},
    {D "; " S_BITS "=10; " S_BITS "=11", &alone, NONE},
    {D "; " C_BITS "; " C_BITS, &alone, NONE},
    {D "; " C_BITS "; " C_BITS "=10", &alone, NONE},
    {D "; " C_BITS "=10; " C_BITS, &alone, NONE},
    {D "; " C_BITS "=10; " C_BITS "=10", &alone, NONE},
    /* Values. */
    {D "; " S_BITS "=7", &alone, NONE},
    {D "; " S_BITS "=16", &alone, NONE},
    {D "; " S_BITS "=0", &alone, NONE},
    {D "; " S_BITS "=08", &alone, NONE},
    {D "; " S_BITS "=010", &alone, NONE},
    {D "; " S_BITS "=+9", &alone, NONE},
    {D "; " S_BITS "=-9", &alone, NONE},
    {D "; " S_BITS "=9.", &alone, NONE},
    {D "; " S_BITS "=1e", &alone, NONE},
    {D "; " S_BITS "=a", &alone, NONE},
    {D "; " S_BITS "=100", &alone, NONE},
    {D "; " S_BITS "=4294967306", &alone, NONE},
    {D "; " S_BITS "=18446744073709551626", &alone, NONE},
    {D "; " C_BITS "=7", &alone, NONE},
    {D "; " C_BITS "=16", &alone, NONE},
    {D "; " C_BITS "=99", &alone, NONE},
    {D "; " C_BITS "=09", &alone, NONE},
    {D "; " C_BITS "=+9", &alone, NONE},
    /* The next one is taken; the first that can be had. */
    {D "; foo, " D, &alone, ALONE},
    {D "; " S_BITS "=7, " D "; " S_BITS "=9, " D, &alone, D BOTH_NO "; " S_BITS "=9 9 15"},
    {D "; " S_NO ", " D, &keeping, D "; " S_NO " 15 15+"},
    {D "; " S_NO "; " S_NO ", " D "; " C_NO, &keeping, D "; " C_NO " 15+ 15"},
    {D "; " C_BITS "=16, " D "; " C_BITS "=8", &alone, D BOTH_NO "; " C_BITS "=8 15 8"},
    {"foo, " D, &alone, ALONE},
    {"foo; " S_NO "; bar=\"baz\" , ," D " ,, ", &alone, ALONE},
    {D ", " D "; foo", &alone, ALONE},
    /* Others. */
    {"", &alone, NONE},
    {",", &alone, NONE},
    {"permessage-deflate2", &alone, NONE},
    {"x-webkit-deflate-frame", &alone, NONE},
    {"Permessage-Deflate", &alone, NONE},
    {"foo; " D, &alone, NONE},
    {"foo=" D, &alone, NONE},
    {"permessage-bzip2; " C_BITS, &alone, NONE},
    /* No list, which the handshake refuses: nothing is read in behind what can't be read. */
    {"a b, " D, &alone, NONE},
    {D " " S_NO, &alone, NONE},
    {D "; " S_BITS "=", &alone, NONE},
    {D "; " S_BITS "=\"10", &alone, NONE},
};

START_TEST(offers_are_judged)
{
    struct text fields = {0};

    text_addf(&fields, FIELD "%s\r\n", offers[_i].offer);
    check(fields.data, offers[_i].wish, offers[_i].expected);
    text_free(&fields);
}
END_TEST

START_TEST(all_fields_are_one_list)
{
    check("", &alone, NONE);
    check("Sec-WebSocket-Extension: " D "\r\n", &alone, NONE);
    check(FIELD "foo\r\n" FIELD "bar, " D "\r\n", &alone, ALONE);
    check("SEC-WEBSOCKET-extensions: " D "; foo\r\nX: y\r\nsec-websocket-extensions: " D "\r\n",
          &alone, ALONE);
    check(FIELD D "; " S_BITS "=10\r\n" FIELD D "; " S_BITS "=12\r\n", &alone,
          D BOTH_NO "; " S_BITS "=10 10 15");
    check(FIELD "\r\n" FIELD D "\r\n", &keeping, D " 15+ 15+");
    check(FIELD D "; foo\r\n" FIELD D "; bar\r\n", &keeping, NONE);
}
END_TEST

START_TEST(every_number_of_bits)
{
    struct text fields = {0}, expected = {0};

    for (unsigned wish_bits = 9; wish_bits <= 15; wish_bits++) {
        const struct deflate_wish wish = {.bits = (uint8_t)wish_bits, .takeover = true};

        for (unsigned bits = 0; bits <= 101; bits++) {
            unsigned least = bits < wish_bits ? bits : wish_bits;

            text_clear(&fields);
            text_clear(&expected);
            text_addf(&fields, FIELD D "; " S_BITS "=%u; " C_BITS "=%u\r\n", bits, bits);
            text_add_str(&expected, "");
            if (bits >= 8 && bits <= 15) {
                text_addf(&expected, D "; " S_BITS "=%u", least);
                if (least < 15)
                    text_addf(&expected, "; " C_BITS "=%u", least);
                text_addf(&expected, " %u+ %u+", least, least);
            }
            check(fields.data, &wish, expected.size > 0 ? expected.data : "");
        }
    }
    text_free(&fields);
    text_free(&expected);
}
END_TEST

START_TEST(the_answer_is_appended)
{
    struct deflate_terms terms;
    struct text answer = {0};

    text_add_str(&answer, "Sec-WebSocket-Extensions: ");
    ck_assert(agree(FIELD D "\r\n", &keeping, &terms, &answer));
    ck_assert_str_eq(answer.data, "Sec-WebSocket-Extensions: " D);
    ck_assert(!agree(FIELD "foo\r\n", &keeping, &terms, &answer));
    ck_assert_str_eq(answer.data, "Sec-WebSocket-Extensions: " D);
    text_free(&answer);
}
END_TEST

/* The terms hold whether or not the answer could be written: that is the caller's to see. */
START_TEST(without_memory_the_answer_fails)
{
    struct deflate_terms terms;
    struct text answer = {.failed = true};

    ck_assert(agree(FIELD D "; " S_BITS "=10\r\n", &alone, &terms, &answer));
    ck_assert_uint_eq(terms.server_bits, 10);
    ck_assert(answer.failed);
    ck_assert_uint_eq(answer.size, 0);
}
END_TEST

START_TEST(many_offers)
{
    struct deflate_terms terms;
    struct text fields = {0}, answer = {0};

    text_add_str(&fields, FIELD);
    for (unsigned i = 0; i < 1000; i++)
        text_add_str(&fields, D "; " S_BITS "=7, ");
    text_add_str(&fields, D "\r\n");
    ck_assert(agree(fields.data, &alone, &terms, &answer));
    text_free(&fields);
    text_free(&answer);
}
END_TEST

START_TEST(lists_are_judged)
{
    const char *fault = "a Sec-WebSocket-Extensions that is no list of extensions";

    ck_assert_ptr_null(extension_fault(SLICE("")));
    ck_assert_ptr_null(extension_fault(SLICE("a; b; c=d; e=\"f\\g\" ,, h")));
    ck_assert_ptr_null(extension_fault(SLICE(D "; " S_BITS "=99")));
    ck_assert_str_eq(extension_fault(SLICE("a;")), fault);
    ck_assert_str_eq(extension_fault(SLICE(";")), fault);
    ck_assert_str_eq(extension_fault(SLICE("a b")), fault);
    ck_assert_str_eq(extension_fault(SLICE("a; b=\"c")), fault);
    ck_assert_str_eq(extension_fault(SLICE("a; b=\"\"")), fault);
    ck_assert_str_eq(extension_fault(SLICE("a; b=\"c\\\"")), fault);
    ck_assert_str_eq(extension_fault(SLICE("a; b=\"c\" d")), fault);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire/extension");
    TCase *tcase = tcase_create("extension");

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, offers_are_judged, 0, sizeof offers / sizeof *offers);
    tcase_add_test(tcase, all_fields_are_one_list);
    tcase_add_test(tcase, every_number_of_bits);
    tcase_add_test(tcase, the_answer_is_appended);
    tcase_add_test(tcase, without_memory_the_answer_fails);
    tcase_add_test(tcase, many_offers);
    tcase_add_test(tcase, lists_are_judged);
    return suite_run(suite);
}
