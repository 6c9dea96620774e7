/*
 * Tests of base/utf8, against a plain reading of RFC 3629: every class of bytes, whole and in
 * pieces.
 */
#include <check.h>
#include <string.h>

#include "base/utf8.h"
#include "suite.h"

/* The plain reading of RFC 3629: bits first, then what the number may be. Gives the bytes that are
 * good and whole, the length of `bytes` if all are. */
static size_t oracle(const unsigned char *bytes, size_t size)
{
    size_t at = 0;

    while (at < size) {
        unsigned long code = bytes[at];
        size_t length = code < 0x80           ? 1
                        : (code >> 5) == 0x06 ? 2
                        : (code >> 4) == 0x0e ? 3
                        : (code >> 3) == 0x1e ? 4
                                              : 0;
        static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};

        if (length == 0 || at + length > size)
            return at;
        if (length > 1)
            code &= 0x7ful >> length;
        for (size_t i = 1; i < length; i++) {
            if ((bytes[at + i] >> 6) != 2)
                return at;
            code = code << 6 | (bytes[at + i] & 63);
        }
        if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return at;
        at += length;
    }
    return at;
}

static bool fed_in_two(const unsigned char *bytes, size_t size, size_t split)
{
    struct utf8_state state = {0};

    return utf8_feed(&state, bytes, split) && utf8_feed(&state, bytes + split, size - split) &&
           utf8_complete(&state);
}

static bool fed_by_bytes(const unsigned char *bytes, size_t size)
{
    struct utf8_state state = {0};

    for (size_t i = 0; i < size; i++)
        if (!utf8_feed(&state, bytes + i, 1))
            return false;
    return utf8_complete(&state);
}

/* The same answer alone, within ASCII, in every pair of pieces and byte by byte. */
static void agree(const unsigned char *bytes, size_t size)
{
    unsigned char framed[32];
    bool valid = oracle(bytes, size) == size;
    bool same = utf8_valid(bytes, size) == valid && fed_by_bytes(bytes, size) == valid;

    memset(framed, 'a', sizeof framed);
    memcpy(framed + 17, bytes, size);
    same = same && utf8_valid(framed, sizeof framed) == (oracle(framed, 32) == 32);
    for (size_t split = 0; split <= size; split++)
        same = same && fed_in_two(bytes, size, split) == valid;
    ck_assert_msg(same, "%zu bytes: %02x %02x %02x %02x", size, bytes[0], size > 1 ? bytes[1] : 0,
                  size > 2 ? bytes[2] : 0, size > 3 ? bytes[3] : 0);
}

/* Both ends of every range that a byte of UTF-8 can be in. */
static const unsigned char ends[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf,
                                     0xc0, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xec, 0xed, 0xee,
                                     0xef, 0xf0, 0xf1, 0xf3, 0xf4, 0xf5, 0xf7, 0xf8, 0xff};
#define ENDS (sizeof ends)

START_TEST(utf8_all_of_one_and_two_bytes)
{
    for (unsigned first = 0; first < 256; first++) {
        agree((unsigned char[]){(unsigned char)first}, 1);
        for (unsigned second = 0; second < 256; second++)
            agree((unsigned char[]){(unsigned char)first, (unsigned char)second}, 2);
    }
}
END_TEST

START_TEST(utf8_all_classes_of_three_bytes)
{
    for (unsigned first = 0; first < 256; first++)
        for (unsigned i = 0; i < ENDS * ENDS; i++)
            agree((unsigned char[]){(unsigned char)first, ends[i / ENDS], ends[i % ENDS]}, 3);
}
END_TEST

START_TEST(utf8_all_classes_of_four_bytes)
{
    for (unsigned i = 0; i < ENDS * ENDS; i++)
        for (unsigned k = 0; k < ENDS * ENDS; k++)
            agree((unsigned char[]){ends[i / ENDS], ends[i % ENDS], ends[k / ENDS], ends[k % ENDS]},
                  4);
}
END_TEST

/* What a code point would be in `length` bytes, whether it may or not. */
static void encode(uint32_t code, unsigned length, unsigned char out[4])
{
    static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (unsigned i = length; i-- > 0; code >>= 6)
        out[i] = (unsigned char)(i > 0 ? 0x80 | (code & 0x3f) : first[length] | code);
}

START_TEST(utf8_all_code_points)
{
    for (uint32_t code = 0; code < 0x110000; code++) {
        unsigned length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        unsigned char bytes[4] = {0};
        uint32_t read = 0;

        encode(code, length, bytes);
        bool ok = utf8_valid(bytes, length) == !surrogate &&
                  utf8_valid(bytes, length - 1) == (length == 1) &&
                  utf8_character((const char *)bytes, length, &read) == (surrogate ? 0 : length) &&
                  utf8_character((const char *)bytes, length - 1, &read) == 0 &&
                  (surrogate || read == code);
        ck_assert_msg(ok, "U+%04X", code);
    }
}
END_TEST

START_TEST(utf8_refuses_overlong_and_beyond)
{
    unsigned char bytes[4];

    for (unsigned length = 2; length <= 4; length++)
        for (uint32_t code = 0; code < (length == 2   ? 0x80
                                        : length == 3 ? 0x800
                                                      : 0x10000);
             code++) {
            encode(code, length, bytes);
            ck_assert_msg(!utf8_valid(bytes, length), "U+%04X in %u bytes", code, length);
        }
    for (uint32_t code = 0x110000; code < 0x200000; code++) {
        encode(code, 4, bytes);
        ck_assert_msg(!utf8_valid(bytes, 4), "0x%X", code);
    }
}
END_TEST

/* A wrong byte is refused in the call that brings it, wherever it stands in a longer text. */
START_TEST(utf8_fails_at_the_first_wrong_byte)
{
    static const char text[] = "ascii that is longer than sixteen bytes \xc3\xa4\xe2\x82\xac"
                               "\xf0\x9f\x99\x82\xf4\x8f\xbf\xbf and ASCII again, to the end.";
    char copy[sizeof text];
    size_t size = sizeof text - 1;

    ck_assert(utf8_valid(text, size));
    for (size_t wrong = 0; wrong < size; wrong++) {
        struct utf8_state state = {0};

        memcpy(copy, text, size);
        copy[wrong] = (char)0xff;
        ck_assert(utf8_feed(&state, copy, wrong));
        ck_assert(!utf8_feed(&state, copy + wrong, 1));
        ck_assert(!utf8_valid(copy, size));
    }
}
END_TEST

START_TEST(utf8_every_pair_of_splits)
{
    static const char text[] = "twenty ASCII bytes..\xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82.";
    size_t size = sizeof text - 1;

    for (size_t one = 0; one <= size; one++)
        for (size_t two = one; two <= size; two++) {
            struct utf8_state state = {0};

            ck_assert(utf8_feed(&state, text, one));
            ck_assert(utf8_feed(&state, text + one, two - one));
            ck_assert(utf8_feed(&state, text + two, size - two));
            ck_assert(utf8_complete(&state));
        }
}
END_TEST

/* One byte that is not ASCII, at each place and alignment of a run that is skipped in blocks. */
START_TEST(utf8_sees_every_byte_of_a_run)
{
    _Alignas(16) char bytes[80];

    for (size_t from = 0; from < 16; from++)
        for (size_t at = from; at < sizeof bytes; at++) {
            memset(bytes, 'a', sizeof bytes);
            ck_assert(utf8_valid(bytes + from, sizeof bytes - from));
            bytes[at] = (char)0x80;
            ck_assert(!utf8_valid(bytes + from, sizeof bytes - from));
        }
}
END_TEST

START_TEST(utf8_nothing_is_valid)
{
    struct utf8_state state = {0};

    ck_assert(utf8_valid(NULL, 0));
    ck_assert(utf8_feed(&state, "\xe2", 1));
    ck_assert(utf8_feed(&state, NULL, 0));
    ck_assert(!utf8_complete(&state));
    ck_assert(!utf8_valid("\xe2\x82", 2));
}
END_TEST

START_TEST(utf8_cuts_between_characters)
{
    static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x99\x82";
    static const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};

    for (size_t most = 0; most < sizeof expected / sizeof *expected; most++)
        ck_assert_uint_eq(utf8_cut(text, 10, most), expected[most]);
    ck_assert_uint_le(utf8_cut("\x80\x80\x80\x80\x80\x80\x80\x80", 8, 6), 6);
    ck_assert_uint_eq(utf8_cut("\x80\x80", 2, 1), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base_utf8");
    TCase *tcase = tcase_create("utf8");

    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, utf8_all_of_one_and_two_bytes);
    tcase_add_test(tcase, utf8_all_classes_of_three_bytes);
    tcase_add_test(tcase, utf8_all_classes_of_four_bytes);
    tcase_add_test(tcase, utf8_all_code_points);
    tcase_add_test(tcase, utf8_refuses_overlong_and_beyond);
    tcase_add_test(tcase, utf8_fails_at_the_first_wrong_byte);
    tcase_add_test(tcase, utf8_every_pair_of_splits);
    tcase_add_test(tcase, utf8_sees_every_byte_of_a_run);
    tcase_add_test(tcase, utf8_nothing_is_valid);
    tcase_add_test(tcase, utf8_cuts_between_characters);
    suite_add_tcase(suite, tcase);
    return suite_run(suite);
}
