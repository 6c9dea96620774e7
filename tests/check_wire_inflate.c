/*
 * Tests of wire/inflate and wire/content, through wire/message: what comes of compressed messages,
 * good and broken, the same however the bytes are cut.
 */
#include <check.h>
#include <string.h>

#include "base/mem.h"
#include "inflating.h"
#include "suite.h"

static const struct message_limits limits = {.message = 20, .fragments = 4};

/* ---- What is sent --------------------------------------------------------------------------- */

struct sent {
    uint8_t first;
    struct slice payload;
};

#define FRAME(first, payload)                                                                      \
    {                                                                                              \
        first, SLICE(payload)                                                                      \
    }

/* ---- What comes of it ----------------------------------------------------------------------- */

/* In chunks of that size, the first of another. */
static struct text read_in_chunks(const struct text *stream, const struct deflate_terms *terms,
                                  size_t first, size_t chunk)
{
    struct deflate_shared *shared = deflate_shared_new();
    struct message_reader reader = reader_new(shared, terms);
    struct text out = {0};

    for (size_t at = 0, size = first; at < stream->size; at += size, size = chunk) {
        if (size > stream->size - at || size == 0)
            size = stream->size - at;
        feed(&reader, &limits, stream->data + at, size, &out);
    }
    if (message_unfinished(&reader))
        text_add_str(&out, "...");
    message_reader_free(&reader);
    ck_assert_ptr_null(reader.deflate);
    deflate_shared_free(shared);
    return out;
}

static void check_stream(const char *name, const struct text *stream,
                         const struct deflate_terms *terms, const char *expected)
{
    static const size_t chunks[] = {SIZE_MAX, 1, 3};
    long before = mem_live();

    for (size_t first = 0; first <= stream->size; first++) {
        for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
            struct text out = read_in_chunks(stream, terms, first, chunks[i]);

            ck_assert_msg(slice_equal((struct slice){out.data, out.size}, slice_of(expected)),
                          "%s, cut at %zu and into %zu: \"%s\", not \"%s\"", name, first, chunks[i],
                          out.data, expected);
            text_free(&out);
        }
    }
    ck_assert_int_eq(mem_live(), before);
}

#define RSV      "1002 a reserved bit that no extension gave a meaning; "
#define BROKEN   "1007 compressed data that are broken; "
#define CUT      "1007 compressed data that end within a block; "
#define NOT_UTF8 "1007 text that is not UTF-8; "
#define TOO_BIG  "1009 a message beyond the limit; "
#define NESTED   "1002 a new message before the last one ended; "

/* More blocks without compression: one of 1 byte, of 4, of 21, and of each half of a character. */
#define STORED_A   "\x00\x01\x00\xfe\xff\x61"
#define STORED_4   "\x00\x04\x00\xfb\xff"
#define STORED_21  "\x00\x15\x00\xea\xff"
#define LEAD       "\x00\x01\x00\xfe\xff\xc3"
#define CONTINUING "\x00\x01\x00\xfe\xff\xa9"

static const struct {
    const char *name;
    struct sent sent[7];
    const char *expected;
} cases[] = {
    {"not compressed", {FRAME(0x81, "plain"), FRAME(0x82, "")}, "text plain; binary ; "},
    {"one block", {FRAME(0xc1, HELLO)}, "text Hello; "},
    {"binary", {FRAME(0xc2, HELLO)}, "binary Hello; "},
    {"fragments", {FRAME(0x41, "\xf2\x48\xcd"), FRAME(0x80, "\xc9\xc9\x07\x00")}, "text Hello; "},
    {"empty fragments",
     {FRAME(0x41, ""), FRAME(0x00, HELLO), FRAME(0x00, ""), FRAME(0x80, "")},
     "text Hello; "},
    {"the same again", {FRAME(0xc1, HELLO), FRAME(0xc1, HELLO)}, "text Hello; text Hello; "},
    {"a block without compression", {FRAME(0xc1, "\x00\x05\x00\xfa\xffHello\x00")}, "text Hello; "},
    {"a last block", {FRAME(0xc1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00")}, "text Hello; "},
    {"a last block, and behind it what refers to it",
     {FRAME(0xc1, "\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x00\x11\x00\x00")},
     "text HelloHello; "},
    {"last blocks in fragments",
     {FRAME(0x41, "\xf3\x48\xcd\xc9\xc9\x07\x00"), FRAME(0x80, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00")},
     "text HelloHello; "},
    {"an empty block that is the last one",
     {FRAME(0xc1, STORED_A "\x01"), FRAME(0xc1, STORED_A "\x00")},
     "text a; text a; "},
    {"a last block that nothing follows", {FRAME(0xc1, "\xf3\x48\xcd\xc9\xc9\x07\x00")}, CUT},
    {"two blocks",
     {FRAME(0xc1, "\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00")},
     "text Hello; "},
    {"an empty message", {FRAME(0xc1, "\x00"), FRAME(0xc2, "\x00")}, "text ; binary ; "},
    {"an empty message of some blocks", {FRAME(0xc1, EMPTY EMPTY "\x02\x00")}, "text ; "},
    {"an empty message of nothing",
     {FRAME(0xc1, ""), FRAME(0x41, ""), FRAME(0x80, "")},
     "text ; text ; "},
    {"control frames between",
     {FRAME(0x89, "1"), FRAME(0x41, "\xf2\x48\xcd"), FRAME(0x89, "2"), FRAME(0x00, "\xc9"),
      FRAME(0x8a, ""), FRAME(0x80, "\xc9\x07\x00")},
     "ping 1; ping 2; pong ; text Hello; "},
    {"plain and compressed by turns",
     {FRAME(0xc1, HELLO), FRAME(0x01, "a"), FRAME(0x80, "b"), FRAME(0x42, HELLO), FRAME(0x80, ""),
      FRAME(0x81, "c")},
     "text Hello; text ab; binary Hello; text c; "},
    {"unfinished", {FRAME(0x41, HELLO), FRAME(0x00, "")}, "..."},
    {"closed within a message",
     {FRAME(0x41, "\xf2\x48"), FRAME(0x88, "\x03\xe8")},
     "close 1000 ; "},
    /* Reserved bits. */
    {"RSV1 of a continuation", {FRAME(0x41, "\xf2\x48"), FRAME(0xc0, "\xcd\xc9\xc9\x07\x00")}, RSV},
    {"RSV1 of a plain message's continuation", {FRAME(0x01, "a"), FRAME(0xc0, "b")}, RSV},
    {"RSV1 of a ping", {FRAME(0xc9, "a")}, RSV},
    {"RSV1 of a ping within a message", {FRAME(0x41, "\xf2"), FRAME(0xc9, "a")}, RSV},
    {"RSV1 of a close", {FRAME(0xc8, "")}, RSV},
    {"RSV1 and RSV2", {FRAME(0xe1, HELLO)}, RSV},
    {"RSV1 and RSV3", {FRAME(0xd1, HELLO)}, RSV},
    {"RSV2", {FRAME(0xa1, "a")}, RSV},
    {"RSV1 within a message", {FRAME(0x41, "\xf2"), FRAME(0xc1, HELLO)}, NESTED},
    {"plain within a message", {FRAME(0x41, "\xf2"), FRAME(0x81, "a")}, NESTED},
    {"a continuation of nothing", {FRAME(0xc0, HELLO)}, RSV},
    {"more fragments than the limit",
     {FRAME(0x41, HELLO), FRAME(0x00, ""), FRAME(0x00, ""), FRAME(0x00, ""), FRAME(0x80, "")},
     "1008 a message in more fragments than the limit; "},
    /* Broken. */
    {"a block of no type", {FRAME(0xc1, "\x06\x00\x00")}, BROKEN},
    {"a block's length and its complement differ",
     {FRAME(0xc1, "\x00\x05\x00\xfa\xfeHello\x00")},
     BROKEN},
    {"further back than anything", {FRAME(0xc1, "\xf2\x00\x11\x00\x00")}, BROKEN},
    {"broken behind the text", {FRAME(0xc1, STORED_A "\x06\x00")}, BROKEN},
    {"broken in a second fragment", {FRAME(0x41, STORED_A), FRAME(0x80, "\x06\x00")}, BROKEN},
    {"nothing behind broken data", {FRAME(0xc1, "\x06\x00"), FRAME(0x81, "a")}, BROKEN},
    {"not compressed at all", {FRAME(0xc1, "Hello, world")}, BROKEN},
    /* Ends where it may not. */
    {"one byte short", {FRAME(0xc1, "\xf2\x48\xcd\xc9\xc9\x07")}, CUT},
    {"two bytes short", {FRAME(0xc1, "\xf2\x48\xcd\xc9\xc9")}, CUT},
    {"the tail was left", {FRAME(0xc1, HELLO "\x00\x00\xff\xff")}, CUT},
    {"within a header", {FRAME(0xc1, STORED_A)}, CUT},
    {"within the length of a block", {FRAME(0xc1, "\x00\x05")}, CUT},
    {"within a block without compression", {FRAME(0xc1, "\x00\x05\x00\xfa\xffHel")}, CUT},
    {"within its last four bytes", {FRAME(0xc1, STORED_4)}, CUT},
    {"within a table", {FRAME(0xc1, "\x04\xc0\x81\x08")}, CUT},
    {"a byte too many", {FRAME(0xc1, HELLO "\x00")}, CUT},
    /* UTF-8. */
    {"a character in two blocks", {FRAME(0xc1, LEAD CONTINUING "\x00")}, "text \xc3\xa9; "},
    {"a character in two fragments",
     {FRAME(0x41, LEAD), FRAME(0x80, CONTINUING "\x00")},
     "text \xc3\xa9; "},
    {"half a character", {FRAME(0xc1, LEAD "\x00")}, NOT_UTF8},
    {"half a character in fragments", {FRAME(0x41, LEAD), FRAME(0x80, "\x00")}, NOT_UTF8},
    {"half a character, and another", {FRAME(0xc1, LEAD STORED_A "\x00")}, NOT_UTF8},
    {"a wrong byte", {FRAME(0xc1, STORED_A CONTINUING "\x00")}, NOT_UTF8},
    {"a wrong byte and broken data behind it", {FRAME(0xc1, CONTINUING "\x06\x00")}, NOT_UTF8},
    {"half a character and broken data behind it", {FRAME(0xc1, LEAD "\x06\x00")}, BROKEN},
    {"binary may be anything", {FRAME(0xc2, LEAD "\x00")}, "binary \xc3; "},
    {"a wrong byte before the limit", {FRAME(0xc1, CONTINUING STORED_20 TWENTY "\x00")}, NOT_UTF8},
    {"a wrong byte behind the limit", {FRAME(0xc1, STORED_20 TWENTY CONTINUING "\x00")}, BOMB},
    /* Limits: 20 bytes. */
    {"as long as the limit", {FRAME(0xc1, STORED_20 TWENTY "\x00")}, "text " TWENTY "; "},
    {"longer by one byte", {FRAME(0xc1, STORED_21 TWENTY "b\x00")}, BOMB},
    {"longer, and broken behind", {FRAME(0xc1, STORED_21 TWENTY "b\x06")}, BOMB},
    {"broken, and longer behind", {FRAME(0xc1, "\x06" STORED_21 TWENTY "b")}, BROKEN},
    {"longer in a second fragment",
     {FRAME(0x41, STORED_20 TWENTY), FRAME(0x80, STORED_A "\x00")},
     BOMB},
    {"258 bytes out of a few", {FRAME(0xc1, "\x4b\x4c\xa4\x39\x00\x00")}, BOMB},
    {"plain beyond the limit", {FRAME(0x81, TWENTY "b")}, TOO_BIG},
    {"plain beyond the limit, in fragments", {FRAME(0x01, TWENTY), FRAME(0x80, "b")}, TOO_BIG},
};

static void check_sent(const char *name, const struct sent *sent, const struct deflate_terms *terms,
                       const char *expected)
{
    struct text stream = {0};

    for (; sent->payload.data != NULL; sent++)
        add_frame(&stream, sent->first, sent->payload.data, sent->payload.size);
    check_stream(name, &stream, terms, expected);
    text_free(&stream);
}

START_TEST(streams)
{
    check_sent(cases[_i].name, cases[_i].sent, &alone, cases[_i].expected);
    check_sent(cases[_i].name, cases[_i].sent, &keeping, cases[_i].expected);
}
END_TEST

/* What a message may refer to. */
static const struct {
    const char *name;
    struct sent sent[4];
    const char *expected_alone, *expected_keeping;
} windows[] = {
    {"the window of the message before",
     {FRAME(0xc1, HELLO), FRAME(0xc1, "\xf2\x00\x11\x00\x00"), FRAME(0xc1, HELLO)},
     "text Hello; " BROKEN,
     "text Hello; text Hello; text Hello; "},
    {"the window of the message before last",
     {FRAME(0xc1, HELLO), FRAME(0x81, "x"), FRAME(0xc1, "\xf2\x00\x11\x00\x00")},
     "text Hello; text x; " BROKEN,
     "text Hello; text x; text Hello; "},
    {"a last block, and what refers to it",
     {FRAME(0xc1, "\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), FRAME(0xc1, "\xf2\x00\x11\x00\x00")},
     "text Hello; " BROKEN,
     "text Hello; text Hello; "},
};

START_TEST(windows_are_kept_as_agreed)
{
    check_sent(windows[_i].name, windows[_i].sent, &alone, windows[_i].expected_alone);
    check_sent(windows[_i].name, windows[_i].sent, &keeping, windows[_i].expected_keeping);
}
END_TEST

/* How many bytes it takes until a fault is sure. */
static const struct {
    struct sent sent[2];
    size_t sure;
    const char *expected;
} early[] = {
    {{FRAME(0xc1, STORED_A CONTINUING "\x00\x00\x00")}, 6 + 12, NOT_UTF8},
    {{FRAME(0xc1, "\x06\x00\x00")}, 6 + 1, BROKEN},
    {{FRAME(0xc1, STORED_21 TWENTY "b\x00\x00")}, 6 + 26, BOMB},
    {{FRAME(0xc9, "")}, 6, RSV},
};

START_TEST(faults_do_not_wait)
{
    struct deflate_shared *shared = deflate_shared_new();
    struct message_reader reader = reader_new(shared, &alone);
    struct text stream = {0}, out = {0};
    size_t fed = 0;

    add_frame(&stream, early[_i].sent->first, early[_i].sent->payload.data,
              early[_i].sent->payload.size);
    while (out.size == 0 && fed < stream.size)
        feed(&reader, &limits, stream.data + fed++, 1, &out);
    ck_assert_uint_eq(fed, early[_i].sure);
    ck_assert_str_eq(out.data, early[_i].expected);
    ck_assert_uint_eq(message_held(&reader), 0);
    ck_assert(!message_unfinished(&reader));
    message_reader_free(&reader);
    deflate_shared_free(shared);
    text_free(&stream);
    text_free(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire/inflate");
    TCase *tcase = tcase_create("inflate");

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, streams, 0, sizeof cases / sizeof *cases);
    tcase_add_loop_test(tcase, windows_are_kept_as_agreed, 0, sizeof windows / sizeof *windows);
    tcase_add_loop_test(tcase, faults_do_not_wait, 0, sizeof early / sizeof *early);
    return suite_run(suite);
}
