/*
 * Tests of wire/body: where bodies end, and which are refused, the same however they are cut.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "wire/body.h"
#include "suite.h"

#define NEXT "GET / HTTP/1.1\r\n" /* what comes behind a body is none of it */

static const struct body_limits limits = {
    .size = 100, .extensions = 40, .trailers = 60, .trailer_count = 3};

/* Reads all of it, at most `step` bytes at a time. Gives the bytes that were the body's. */
static size_t read_all(struct body *body, struct slice bytes, size_t step, enum body_result *result)
{
    size_t at = 0, taken = 0;

    do {
        size_t some = bytes.size - at < step ? bytes.size - at : step;
        char *copy = malloc(some > 0 ? some : 1); /* of just that size, for the sanitizer */

        memcpy(copy, bytes.data + at, some);
        *result = body_read(body, &limits, copy, some, &taken);
        ck_assert_uint_le(taken, some);
        if (*result == BODY_MORE)
            ck_assert_uint_eq(taken, some);
        free(copy);
        at += taken;
    } while (*result == BODY_MORE && at < bytes.size);
    return at;
}

static struct body begin(bool chunked, uint64_t length, enum body_result expected)
{
    const struct http_request request = {.chunked = chunked, .body = length};
    struct body body;

    ck_assert_int_eq(body_begin(&body, &request, &limits), expected);
    return body;
}

static const size_t steps[] = {1, 2, 3, 7, SIZE_MAX};

/* ---- Of known length ------------------------------------------------------------------------- */

START_TEST(a_length_is_counted)
{
    enum body_result result;

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct body body = begin(false, 12, BODY_MORE);

        ck_assert_uint_eq(read_all(&body, SLICE("0\r\n\r\nhello\r\n" NEXT), steps[i], &result), 12);
        ck_assert_int_eq(result, BODY_DONE);
        ck_assert_uint_eq(body.size, 12);
    }
}
END_TEST

START_TEST(no_body_is_done)
{
    struct body body = begin(false, 0, BODY_DONE);
    size_t taken;

    ck_assert_int_eq(body_read(&body, &limits, NEXT, sizeof NEXT - 1, &taken), BODY_DONE);
    ck_assert_uint_eq(taken, 0);
}
END_TEST

START_TEST(a_length_beyond_the_limit_is_refused_at_once)
{
    begin(false, limits.size, BODY_MORE);
    ck_assert_uint_eq(begin(false, limits.size + 1, BODY_REFUSED).status, 413);

    struct body body = begin(false, UINT64_MAX, BODY_REFUSED);
    size_t taken;

    ck_assert_int_eq(body_read(&body, &limits, "x", 1, &taken), BODY_REFUSED);
    ck_assert_uint_eq(taken, 0);
}
END_TEST

/* ---- Chunks that are taken ------------------------------------------------------------------- */

static const struct {
    const char *bytes;
    uint64_t size; /* of content */
} taken_bodies[] = {
    {"0\r\n\r\n", 0},
    {"5\r\nhello\r\n0\r\n\r\n", 5},
    {"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", 20},
    {"00\r\n\r\n", 0},
    {"000000000000000a\r\n0123456789\r\n0\r\n\r\n", 10},
    {"7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", 7}, /* content that looks like the end */
    {"5;a\r\nhello\r\n0\r\n\r\n", 5},
    {"5;a=b\r\nhello\r\n0;last\r\n\r\n", 5},
    {"5;a=b;c;d=\"e; f\\\"\\\\\"\r\nhello\r\n0\r\n\r\n", 5},
    {"5 ; a = b\t;c\r\nhello\r\n0\r\n\r\n", 5}, /* blanks that the grammar has */
    {"5;a=\"\"\r\nhello\r\n0\r\n\r\n", 5},
    {"5;a=\"\xc3\xa9\"\r\nhello\r\n0\r\n\r\n", 5},
    {"0\r\nDigest: x\r\n\r\n", 0},
    {"0\r\nA:\r\nB: \t x\xff \r\nC: 3\r\n\r\n", 0},
    {"0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 0}, /* says nothing here */
};

START_TEST(chunks_are_taken)
{
    struct text bytes = {0};

    text_addf(&bytes, "%s%s", taken_bodies[_i].bytes, NEXT);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct body body = begin(true, 0, BODY_MORE);
        enum body_result result;
        size_t size = read_all(&body, (struct slice){bytes.data, bytes.size}, steps[i], &result);

        ck_assert_msg(result == BODY_DONE, "%s: %s", taken_bodies[_i].bytes, body.why);
        ck_assert_uint_eq(size, strlen(taken_bodies[_i].bytes));
        ck_assert_uint_eq(body.size, taken_bodies[_i].size);
    }
    text_free(&bytes);
}
END_TEST

/* Every shorter piece of them waits for more. */
START_TEST(chunks_are_not_done_before_their_end)
{
    const char *bytes = taken_bodies[_i].bytes;

    for (size_t size = 0; size < strlen(bytes); size++) {
        struct body body = begin(true, 0, BODY_MORE);
        enum body_result result;

        ck_assert_uint_eq(read_all(&body, (struct slice){bytes, size}, SIZE_MAX, &result), size);
        ck_assert_int_eq(result, BODY_MORE);
    }
}
END_TEST

/* ---- Chunks that are refused ----------------------------------------------------------------- */

#define TEN     "0123456789"
#define LONG    TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define BLANK   "a blank behind a chunk size or an extension"
#define NO_SIZE "a chunk that does not begin with its size in hexadecimal"
#define SIZE    "a chunk size that is not just hexadecimal digits"

static const struct {
    struct slice bytes;
    unsigned status;
    const char *why;
} refused_bodies[] = {
    /* sizes */
    {SLICE("\r\n0\r\n\r\n"), 400, NO_SIZE},
    {SLICE("+5\r\nhello\r\n0\r\n\r\n"), 400, NO_SIZE},
    {SLICE("-5\r\nhello\r\n0\r\n\r\n"), 400, NO_SIZE},
    {SLICE(" 5\r\nhello\r\n0\r\n\r\n"), 400, NO_SIZE},
    {SLICE("\t5\r\nhello\r\n0\r\n\r\n"), 400, NO_SIZE},
    {SLICE("g\r\n"), 400, NO_SIZE},
    {SLICE(";a=b\r\n"), 400, NO_SIZE},
    {SLICE("0x5\r\nhello\r\n0\r\n\r\n"), 400, SIZE},
    {SLICE("5h\r\nhello\r\n0\r\n\r\n"), 400, SIZE},
    {SLICE("1_0\r\n"), 400, SIZE},
    {SLICE("5,5\r\n"), 400, SIZE},
    {SLICE("5.\r\n"), 400, SIZE},
    {SLICE("5\0\r\n"), 400, SIZE},
    {SLICE("5\v\r\n"), 400, SIZE},
    {SLICE("5\xc2\xa0\r\n"), 400, SIZE},
    {SLICE("5 \r\nhello\r\n0\r\n\r\n"), 400, BLANK},
    {SLICE("5\t\r\nhello\r\n0\r\n\r\n"), 400, BLANK},
    {SLICE("5 5\r\n"), 400, BLANK},
    {SLICE("0 \r\n\r\n"), 400, BLANK},
    {SLICE("00000000000000005\r\nhello\r\n"), 400, "a chunk size of too many digits"},
    {SLICE("10000000000000005\r\nhello\r\n"), 400, "a chunk size of too many digits"},
    {SLICE("ffffffffffffffff\r\n"), 413, "a body beyond the limit"},
    {SLICE("7fffffffffffffff\r\n"), 413, "a body beyond the limit"},
    {SLICE("65\r\n"), 413, "a body beyond the limit"},
    {SLICE("60\r\n" LONG), 400, "a chunk that does not end where its size says"},
    {SLICE("64\r\n" LONG "\r\n1\r\n"), 413, "a body beyond the limit"},
    /* the ends of lines */
    {SLICE("5\nhello\n0\n\n"), 400, SIZE},
    {SLICE("5\rhello"), 400, "a chunk size that does not end with CR and LF"},
    {SLICE("5\r\r\nhello"), 400, "a chunk size that does not end with CR and LF"},
    {SLICE("5\r\nhello\n0\r\n\r\n"), 400, "a chunk that does not end where its size says"},
    {SLICE("5\r\nhello0\r\n\r\n"), 400, "a chunk that does not end where its size says"},
    {SLICE("4\r\nhello\r\n0\r\n\r\n"), 400, "a chunk that does not end where its size says"},
    {SLICE("6\r\nhello\r\n0\r\n\r\n"), 400, "a chunk that does not end where its size says"},
    {SLICE("5\r\nhello\r0\r\n\r\n"), 400, "a chunk that does not end with CR and LF"},
    {SLICE("0\r\n\n"), 400, "a trailer without a name, or folded"},
    {SLICE("0\r\n\rX"), 400, "a body that does not end with CR and LF"},
    {SLICE("0\n\n"), 400, SIZE},
    /* extensions */
    {SLICE("5;\r\nhello"), 400, "a chunk extension without a name"},
    {SLICE("5;;a\r\n"), 400, "a chunk extension without a name"},
    {SLICE("5; \r\n"), 400, "a chunk extension without a name"},
    {SLICE("5;=b\r\n"), 400, "a chunk extension without a name"},
    {SLICE("5;a=\r\n"), 400, "a chunk extension without the value that it announces"},
    {SLICE("5;a=;b\r\n"), 400, "a chunk extension without the value that it announces"},
    {SLICE("5;a \r\n"), 400, "a blank behind the name of a chunk extension"},
    {SLICE("5;a b\r\n"), 400, "a blank behind the name of a chunk extension"},
    {SLICE("5;a=b \r\n"), 400, BLANK},
    {SLICE("5;a=b c\r\n"), 400, BLANK},
    {SLICE("5;a\n"), 400, "a byte in a chunk extension that may not stand there"},
    {SLICE("5;a\nhello\r\n"), 400, "a byte in a chunk extension that may not stand there"},
    {SLICE("5;a=b\nhello\r\n"), 400, "a byte in a chunk extension that may not stand there"},
    {SLICE("5;a=b\"c\"\r\n"), 400, "a byte in a chunk extension that may not stand there"},
    {SLICE("5;a=\"b\nc\"\r\n"), 400, "a control byte in a chunk extension"},
    {SLICE("5;a=\"b\r\n\r\n0\r\n"), 400, "a control byte in a chunk extension"},
    {SLICE("5;a=\"b\\\r\n\"\r\n"), 400, "a control byte in a chunk extension"},
    {SLICE("5;a=\"\0\"\r\n"), 400, "a control byte in a chunk extension"},
    {SLICE("5;a=\"b\"c\r\n"), 400, "a byte behind a quoted chunk extension"},
    {SLICE("5;a=" TEN TEN TEN TEN "\r\n"), 413, "chunk extensions beyond the limit"},
    {SLICE("1;" TEN TEN "\r\nx\r\n1;" TEN TEN "\r\nx\r\n"), 413,
     "chunk extensions beyond the limit"},
    /* trailers */
    {SLICE("0\r\n: x\r\n\r\n"), 400, "a trailer without a name, or folded"},
    {SLICE("0\r\nA: b\r\n folded\r\n\r\n"), 400, "a trailer without a name, or folded"},
    {SLICE("0\r\n\tA: b\r\n\r\n"), 400, "a trailer without a name, or folded"},
    {SLICE("0\r\nA : b\r\n\r\n"), 400, "a byte in a trailer's name that may not stand there"},
    {SLICE("0\r\nA\r\n\r\n"), 400, "a byte in a trailer's name that may not stand there"},
    {SLICE("0\r\n" NEXT "\r\n"), 400, "a byte in a trailer's name that may not stand there"},
    {SLICE("0\r\nA: b\n\r\n"), 400, "a control byte in a trailer"},
    {SLICE("0\r\nA: \0\r\n\r\n"), 400, "a control byte in a trailer"},
    {SLICE("0\r\nA: b\rC: d\r\n\r\n"), 400, "a trailer that does not end with CR and LF"},
    {SLICE("0\r\nA: " TEN TEN TEN TEN TEN TEN "\r\n\r\n"), 431, "trailers beyond the limit"},
    {SLICE("0\r\nA:\r\nB:\r\nC:\r\nD:\r\n\r\n"), 431, "more trailers than the limit"},
};

START_TEST(chunks_are_refused)
{
    struct slice bytes = refused_bodies[_i].bytes;
    size_t first = 0;

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct body body = begin(true, 0, BODY_MORE);
        enum body_result result;
        size_t taken = read_all(&body, bytes, steps[i], &result);

        ck_assert_msg(result == BODY_REFUSED, "%.*s", (int)bytes.size, bytes.data);
        ck_assert_msg(strcmp(body.why, refused_bodies[_i].why) == 0, "%.*s: %s", (int)bytes.size,
                      bytes.data, body.why);
        ck_assert_uint_eq(body.status, refused_bodies[_i].status);
        if (i == 0)
            first = taken;
        ck_assert_uint_eq(taken, first); /* known at the same byte */
        ck_assert_int_eq(body_read(&body, &limits, "0", 1, &taken), BODY_REFUSED);
        ck_assert_uint_eq(taken, 0);
    }
}
END_TEST

START_TEST(content_of_the_limit_is_taken)
{
    struct body body = begin(true, 0, BODY_MORE);
    enum body_result result;

    read_all(&body,
             SLICE("32\r\n" TEN TEN TEN TEN TEN "\r\n32\r\n" TEN TEN TEN TEN TEN "\r\n0\r\n\r\n"),
             SIZE_MAX, &result);
    ck_assert_int_eq(result, BODY_DONE);
    ck_assert_uint_eq(body.size, limits.size);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire/body");
    TCase *tcase = tcase_create("length");

    tcase_add_test(tcase, a_length_is_counted);
    tcase_add_test(tcase, no_body_is_done);
    tcase_add_test(tcase, a_length_beyond_the_limit_is_refused_at_once);
    suite_add_tcase(suite, tcase);

    tcase = tcase_create("chunks");
    tcase_add_loop_test(tcase, chunks_are_taken, 0, sizeof taken_bodies / sizeof *taken_bodies);
    tcase_add_loop_test(tcase, chunks_are_not_done_before_their_end, 0,
                        sizeof taken_bodies / sizeof *taken_bodies);
    tcase_add_loop_test(tcase, chunks_are_refused, 0,
                        sizeof refused_bodies / sizeof *refused_bodies);
    tcase_add_test(tcase, content_of_the_limit_is_taken);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
