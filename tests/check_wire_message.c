/*
 * Tests of wire/message: what a client may send, and which fault answers what it may not, the same
 * however the bytes are cut.
 */
#include <check.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "wire/message.h"
#include "reading.h"
#include "suite.h"

static const struct message_limits limits = {.message = 130, .fragments = 4};

/* --- What is sent --------------------------------------------------------------------------- */

/* Frames as they stand in a table: the first byte, which is opcode and bits, and the payload; or
 * bytes to be sent as they are. */
struct sent {
    uint8_t first;
    bool raw;
    struct slice bytes;
};

#define FRAME(first, payload)                                                                      \
    {                                                                                              \
        first, false, SLICE(payload)                                                               \
    }
#define RAW(bytes)                                                                                 \
    {                                                                                              \
        0, true, SLICE(bytes)                                                                      \
    }

static void add_sent(struct text *out, const struct sent *sent)
{
    for (; sent->bytes.data != NULL; sent++) {
        if (sent->raw)
            text_add(out, sent->bytes.data, sent->bytes.size);
        else
            add_frame(out, sent->first, sent->bytes.data, sent->bytes.size);
    }
}

/* --- What comes of it ----------------------------------------------------------------------- */

static void finish(struct message_reader *reader, struct text *out)
{
    if (message_unfinished(reader))
        text_add_str(out, "...");
    else
        ck_assert_uint_eq(message_held(reader), 0);
    message_reader_free(reader);
    ck_assert_uint_eq(message_held(reader), 0);
}

/* In chunks of that size, the first of another. */
static void feed_chunks(struct slice stream, size_t first, size_t chunk, bool moving,
                        struct text *out)
{
    struct message_reader reader = {0};
    size_t size = first;

    for (size_t at = 0; at < stream.size; at += size, size = chunk) {
        if (size > stream.size - at || size == 0)
            size = stream.size - at;
        (moving ? feed_moving : feed)(&reader, &limits, stream.data + at, size, out);
    }
    finish(&reader, out);
}

static void check_stream(const char *name, struct slice stream, const char *expected)
{
    long before = mem_live();

    for (size_t first = 0; first <= stream.size; first++) {
        struct text whole = {0}, bytewise = {0}, triples = {0};

        feed_chunks(stream, first, stream.size, first % 2 == 1, &whole);
        feed_chunks(stream, first, 1, false, &bytewise);
        feed_chunks(stream, first, 3, true, &triples);
        ck_assert_msg(slice_equal((struct slice){whole.data, whole.size}, slice_of(expected)),
                      "%s, cut at %zu: \"%s\", not \"%s\"", name, first, whole.data, expected);
        ck_assert_msg(slice_equal((struct slice){bytewise.data, bytewise.size}, slice_of(expected)),
                      "%s, bytewise: \"%s\", not \"%s\"", name, bytewise.data, expected);
        ck_assert_msg(slice_equal((struct slice){triples.data, triples.size}, slice_of(expected)),
                      "%s, in threes: \"%s\", not \"%s\"", name, triples.data, expected);
        text_free(&whole);
        text_free(&bytewise);
        text_free(&triples);
    }
    ck_assert_int_eq(mem_live(), before);
}

#define A125                                                                                       \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"                              \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define NOT_UTF8 "1007 text that is not UTF-8; "
#define NO_MASK  "1002 a frame without a mask; "
#define RSV      "1002 a reserved bit that no extension gave a meaning; "
#define RESERVED "1002 a frame with a reserved opcode; "
#define BAD_CODE "1002 a close code that may not be sent; "
#define LENGTH   "1002 a frame's length in more bytes than it needs; "
#define TOO_BIG  "1009 a message beyond the limit; "
#define FOREIGN  "1002 a continuation of no message; "
#define NESTED   "1002 a new message before the last one ended; "

static const struct {
    const char *name;
    struct sent sent[7];
    const char *expected;
} cases[] = {
    /* Messages of one frame. */
    {"text", {FRAME(0x81, "hello")}, "text hello; "},
    {"binary", {FRAME(0x82, "\xff\x80")}, "binary \xff\x80; "},
    {"empty text", {FRAME(0x81, "")}, "text ; "},
    {"empty binary", {FRAME(0x82, "")}, "binary ; "},
    {"several", {FRAME(0x81, "a"), FRAME(0x82, "b"), FRAME(0x81, "")}, "text a; binary b; text ; "},
    {"125 bytes", {FRAME(0x81, A125)}, "text " A125 "; "},
    {"126 bytes", {FRAME(0x81, A125 "b")}, "text " A125 "b; "},
    {"130 bytes, the limit", {FRAME(0x82, A125 "bbbbb")}, "binary " A125 "bbbbb; "},
    {"131 bytes", {FRAME(0x82, A125 "bbbbbb")}, TOO_BIG},
    {"half a frame", {FRAME(0x81, "a"), RAW("\x81\x85\0\0\0\0xx")}, "text a; ..."},
    {"half a header", {FRAME(0x81, "a"), RAW("\x81")}, "text a; ..."},
    {"a mask of zeros", {RAW("\x81\x82\0\0\0\0hi")}, "text hi; "},
    /* Fragments. */
    {"two fragments", {FRAME(0x01, "hel"), FRAME(0x80, "lo")}, "text hello; "},
    {"four fragments, the limit",
     {FRAME(0x02, "a"), FRAME(0x00, "b"), FRAME(0x00, "c"), FRAME(0x80, "d")},
     "binary abcd; "},
    {"five fragments",
     {FRAME(0x02, "a"), FRAME(0x00, ""), FRAME(0x00, "c"), FRAME(0x00, ""), FRAME(0x80, "")},
     "1008 a message in more fragments than the limit; "},
    {"empty fragments", {FRAME(0x01, ""), FRAME(0x00, ""), FRAME(0x80, "")}, "text ; "},
    {"empty last fragment", {FRAME(0x01, "ab"), FRAME(0x80, "")}, "text ab; "},
    {"empty first fragment", {FRAME(0x02, ""), FRAME(0x80, "ab")}, "binary ab; "},
    {"a message behind fragments",
     {FRAME(0x01, "a"), FRAME(0x80, "b"), FRAME(0x82, "c"), FRAME(0x01, "d"), FRAME(0x80, "e")},
     "text ab; binary c; text de; "},
    {"fragments that end together",
     {FRAME(0x01, A125), FRAME(0x80, "bbbbb")},
     "text " A125 "bbbbb; "},
    {"fragments beyond the limit", {FRAME(0x01, A125), FRAME(0x80, "bbbbbb")}, TOO_BIG},
    {"unfinished fragments", {FRAME(0x01, "a"), FRAME(0x00, "b")}, "..."},
    {"continuation of nothing", {FRAME(0x80, "a")}, FOREIGN},
    {"continuation of nothing, not the last", {FRAME(0x00, "a")}, FOREIGN},
    {"continuation behind the end",
     {FRAME(0x01, "a"), FRAME(0x80, "b"), FRAME(0x80, "c")},
     "text ab; " FOREIGN},
    {"text within a message", {FRAME(0x01, "a"), FRAME(0x81, "b")}, NESTED},
    {"binary within a message", {FRAME(0x01, "a"), FRAME(0x02, "b")}, NESTED},
    /* Control frames. */
    {"ping", {FRAME(0x89, "hi")}, "ping hi; "},
    {"empty ping", {FRAME(0x89, "")}, "ping ; "},
    {"ping of 125 bytes", {FRAME(0x89, A125)}, "ping " A125 "; "},
    {"pong", {FRAME(0x8a, "\xff")}, "pong \xff; "},
    {"pings between fragments",
     {FRAME(0x89, "1"), FRAME(0x01, "a"), FRAME(0x89, "2"), FRAME(0x00, "b"), FRAME(0x8a, ""),
      FRAME(0x80, "c")},
     "ping 1; ping 2; pong ; text abc; "},
    {"close between fragments", {FRAME(0x01, "a"), FRAME(0x88, "")}, "close 1005 ; "},
    {"ping of 126 bytes", {FRAME(0x89, A125 "b")}, "1002 a control frame of more than 125 bytes; "},
    {"ping in fragments", {FRAME(0x09, "a")}, "1002 a control frame in fragments; "},
    {"close in fragments", {FRAME(0x08, "")}, "1002 a control frame in fragments; "},
    /* Close. */
    {"close", {FRAME(0x88, "\x03\xe8")}, "close 1000 ; "},
    {"close without a code", {FRAME(0x88, "")}, "close 1005 ; "},
    {"close with a reason",
     {FRAME(0x88, "\x0f\xa1"
                  "caf\xc3\xa9")},
     "close 4001 caf\xc3\xa9; "},
    {"nothing behind a close",
     {FRAME(0x88, "\x03\xe8"), FRAME(0x81, "a"), RAW("\xff\xff")},
     "close 1000 ; "},
    {"close of one byte", {FRAME(0x88, "\x03")}, "1002 a close frame with half a code; "},
    {"close with a code that may not be", {FRAME(0x88, "\x03\xed")}, BAD_CODE},
    {"close with a reason that is not UTF-8",
     {FRAME(0x88, "\x03\xe8\xc3")},
     "1007 a close reason that is not UTF-8; "},
    /* Headers. */
    {"no mask", {RAW("\x81\x02hi")}, NO_MASK},
    {"ping without a mask", {RAW("\x89\x00")}, NO_MASK},
    {"no mask within a message", {FRAME(0x01, "a"), RAW("\x80\x00")}, NO_MASK},
    {"RSV1", {FRAME(0xc1, "a")}, RSV},
    {"RSV2", {FRAME(0xa2, "a")}, RSV},
    {"RSV3", {FRAME(0x91, "a")}, RSV},
    {"RSV1 of a ping", {FRAME(0xc9, "a")}, RSV},
    {"RSV1 of a continuation", {FRAME(0x01, "a"), FRAME(0xc0, "a")}, RSV},
    {"opcode 3", {FRAME(0x83, "a")}, RESERVED},
    {"opcode 7, within a message", {FRAME(0x01, "a"), FRAME(0x87, "")}, RESERVED},
    {"opcode 11", {FRAME(0x8b, "a")}, RESERVED},
    {"opcode 15, all bits", {RAW("\xff")}, RESERVED},
    {"125 as 16 bits", {RAW("\x82\xfe\x00\x7d")}, LENGTH},
    {"1 as 64 bits", {RAW("\x82\xff\0\0\0\0\0\0\0\x01")}, LENGTH},
    {"65535 as 64 bits", {RAW("\x82\xff\0\0\0\0\0\0\xff\xff")}, LENGTH},
    {"2^63",
     {RAW("\x82\xff\x80\0\0\0\0\0\0\0")},
     "1002 a frame's length with the highest bit set; "},
    {"2^63 - 1", {RAW("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0")}, TOO_BIG},
    {"2^63 - 1 behind a fragment",
     {FRAME(0x01, "a"), RAW("\x80\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0")},
     TOO_BIG},
    {"nothing behind a fault", {FRAME(0x83, ""), FRAME(0x81, "a")}, RESERVED},
    {"a message before a fault", {FRAME(0x81, "a"), FRAME(0x83, "")}, "text a; " RESERVED},
    /* UTF-8. */
    {"all widths",
     {FRAME(0x81, "a\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80")},
     "text a\xc3\xa9\xe4\xb8\xad\xf0\x9f\x98\x80; "},
    {"a character in two fragments",
     {FRAME(0x01, "\xf0\x9f"), FRAME(0x00, ""), FRAME(0x80, "\x98\x80")},
     "text \xf0\x9f\x98\x80; "},
    {"zero bytes", {FRAME(0x81, "a\0\0b"), FRAME(0x81, "\0")}, "text a00b; text 0; "},
    {"half a character", {FRAME(0x81, "a\xc3")}, NOT_UTF8},
    {"half a character, then another message",
     {FRAME(0x81, "\xe4\xb8"), FRAME(0x81, "\xad")},
     NOT_UTF8},
    {"a wrong byte", {FRAME(0x81, "ab\xff")}, NOT_UTF8},
    {"a surrogate", {FRAME(0x81, "\xed\xa0\x80")}, NOT_UTF8},
    {"an overlong form", {FRAME(0x81, "\xc0\xaf")}, NOT_UTF8},
    {"above U+10FFFF", {FRAME(0x81, "\xf4\x90\x80\x80")}, NOT_UTF8},
    {"half a character, in fragments", {FRAME(0x01, "a"), FRAME(0x80, "\xc3")}, NOT_UTF8},
    {"a wrong byte in a first fragment", {FRAME(0x01, "a\xff"), FRAME(0x80, "b")}, NOT_UTF8},
    {"a wrong byte behind half a character", {FRAME(0x01, "\xe4\xb8"), FRAME(0x80, "b")}, NOT_UTF8},
    {"a wrong byte in half a frame", {RAW("\x81\xfe\x00\x82\0\0\0\0ab\xff")}, NOT_UTF8},
    {"binary may be anything", {FRAME(0x02, "\xff"), FRAME(0x80, "\xc0")}, "binary \xff\xc0; "},
};

START_TEST(streams)
{
    struct text stream = {0};

    add_sent(&stream, cases[_i].sent);
    check_stream(cases[_i].name, (struct slice){stream.data, stream.size}, cases[_i].expected);
    text_free(&stream);
}
END_TEST

/* Every code there can be, as it is sent, and as message_code_allowed has it. */
START_TEST(close_codes)
{
    for (unsigned code = 0; code <= UINT16_MAX; code++) {
        const char payload[] = {(char)(code >> 8), (char)code};
        bool allowed =
            (code >= 3000 && code < 5000) ||
            (code >= 1000 && code < 1015 && code != 1004 && code != 1005 && code != 1006);
        struct text stream = {0}, out = {0}, expected = {0};
        struct message_reader reader = {0};

        add_frame(&stream, 0x88, payload, sizeof payload);
        feed(&reader, &limits, stream.data, stream.size, &out);
        text_addf(&expected, allowed ? "close %u ; " : BAD_CODE, code);
        ck_assert_str_eq(out.data, expected.data);
        ck_assert_int_eq(message_code_allowed(code), allowed);
        text_free(&stream);
        text_free(&out);
        text_free(&expected);
    }
    ck_assert(!message_code_allowed(65536 + 1000));
}
END_TEST

/* How many bytes it takes until a fault is sure. */
static const struct {
    struct sent sent[3];
    size_t sure;
    unsigned code;
} early[] = {
    {{RAW("\x83")}, 1, 1002},
    {{RAW("\x09")}, 1, 1002},
    {{RAW("\x89\xfe")}, 2, 1002},
    {{FRAME(0xc1, A125)}, 6, 1002},
    {{RAW("\x81\x7d"), FRAME(0x81, "a")}, 2, 1002},
    {{RAW("\x82\xff\0\0\0\0\0\x01\0\0\0\0\0\0")}, 14, 1009},
    {{FRAME(0x02, A125), FRAME(0x80, "aaaaaa")}, 6 + 125 + 6, 1009},
    {{FRAME(0x81, "ab\xff" A125)}, 8 + 3, 1007},
    {{FRAME(0x81, "ab\xe4\x41" A125)}, 8 + 4, 1007},
    {{FRAME(0x01, "\xf0"), FRAME(0x80, "\x8f\x80\x80")}, 7 + 7, 1007},
};

START_TEST(faults_do_not_wait)
{
    struct text stream = {0}, out = {0};
    struct message_reader reader = {0};
    size_t fed = 0;

    add_sent(&stream, early[_i].sent);
    while (out.size == 0 && fed < stream.size)
        feed(&reader, &limits, stream.data + fed++, 1, &out);
    ck_assert_uint_eq(fed, early[_i].sure);
    ck_assert_uint_eq(strtoul(out.data, NULL, 10), early[_i].code);
    ck_assert_uint_eq(message_held(&reader), 0);
    ck_assert(!message_unfinished(&reader));
    text_free(&stream);
    text_free(&out);
}
END_TEST

/* --- Large messages and memory -------------------------------------------------------------- */

#define MIB (1024 * 1024)

static const struct message_limits wide = {.message = 4 * MIB, .fragments = 1000};

static struct text large_frame(uint8_t first, size_t size)
{
    struct text stream = {0};
    char *payload = malloc(size);

    for (size_t i = 0; i < size; i++)
        payload[i] = (char)(' ' + i * 7 % 90);
    add_frame(&stream, first, payload, size);
    free(payload);
    return stream;
}

static void assert_large(const struct message *message, size_t size)
{
    ck_assert_uint_eq(message->size, size);
    for (size_t i = 0; i < size; i++)
        if (message->data[i] != ' ' + i * 7 % 90)
            ck_abort_msg("byte %zu of %zu", i, size);
    ck_assert_uint_eq(message->data[size], 0);
}

/* What comes of all those bytes, received the way a connection does it: into the reader where it
 * has room, else elsewhere, at most `chunk` at a time. */
static enum message_result receive(struct message_reader *reader, const struct text *stream,
                                   size_t chunk, struct message *message, unsigned *direct)
{
    enum message_result result = MESSAGE_MORE;
    static uint8_t buffer[4 * MIB];
    size_t at = 0;

    for (*direct = 0; at < stream->size && result == MESSAGE_MORE;) {
        size_t size, room, left = stream->size - at < chunk ? stream->size - at : chunk;
        uint8_t *data = message_room(reader, &room);

        if (data != NULL) {
            size = left < room ? left : room;
            memcpy(data, stream->data + at, size);
            message_received(reader, size);
            at += size;
            (*direct)++;
            size = 0;
            data = NULL;
        } else {
            memcpy(buffer, stream->data + at, left);
            data = buffer;
            size = left;
            at += left;
        }
        result = message_next(reader, &wide, &data, &size, message);
        ck_assert_uint_le(message_held(reader), 1024 + 2 * at); /* not what is announced */
    }
    return result;
}

START_TEST(frames_are_counted)
{
    static const struct sent sent[] = {FRAME(0x82, "one"), FRAME(0x01, "t"),    FRAME(0x89, "ping"),
                                       FRAME(0x00, ""),    FRAME(0x80, "hree"), {.first = 0}};
    static const unsigned frames[] = {1, 1, 3}; /* of the message, the ping in the second, it */
    struct message_reader reader = {0};
    struct message message;
    struct text text = {0};

    add_sent(&text, sent);
    uint8_t *data = (uint8_t *)text.data;
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_ne(message_next(&reader, &limits, &data, &text.size, &message), MESSAGE_MORE);
        ck_assert_uint_eq(message.frames, frames[i]);
    }
    message_reader_free(&reader);
    text_free(&text);
}
END_TEST

START_TEST(large_messages)
{
    static const size_t chunks[] = {1000, 32 * 1024, 100 * 1000, 512 * 1024, 2 * MIB};
    static const size_t sizes[] = {65535, 65536, 65537, 100 * 1000, MIB, 3 * MIB + 1};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct text stream = large_frame(0x81, sizes[i]);

        for (size_t k = 0; k < sizeof chunks / sizeof *chunks; k++) {
            struct message_reader reader = {0};
            struct message message;
            unsigned direct;

            ck_assert_int_eq(receive(&reader, &stream, chunks[k], &message, &direct), MESSAGE_TEXT);
            assert_large(&message, sizes[i]);
            ck_assert(direct > 0 || sizes[i] < 2 * chunks[k] || sizes[i] < 100 * 1000);
            message_reader_free(&reader);
        }
        text_free(&stream);
    }
}
END_TEST

START_TEST(large_fragments)
{
    static const size_t chunks[] = {50 * 1000, 150 * 1000};
    struct text stream = large_frame(0x02, 200 * 1000), second = large_frame(0x80, 300 * 1000);

    text_add(&stream, second.data, second.size);
    for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
        struct message_reader reader = {0};
        struct message message;
        unsigned direct;

        ck_assert_int_eq(receive(&reader, &stream, chunks[i], &message, &direct), MESSAGE_BINARY);
        ck_assert_uint_eq(message.size, 500 * 1000);
        ck_assert_int_eq(message.data[200 * 1000 - 1], ' ' + (200 * 1000 - 1) * 7 % 90);
        ck_assert_int_eq(message.data[200 * 1000], ' ');
        ck_assert_int_eq(message.data[500 * 1000 - 1], ' ' + (300 * 1000 - 1) * 7 % 90);
        ck_assert_uint_gt(direct, 0);
        message_reader_free(&reader);
    }
    text_free(&stream);
    text_free(&second);
}
END_TEST

START_TEST(a_wrong_byte_that_was_received_directly)
{
    struct text stream = large_frame(0x81, MIB);
    struct message_reader reader = {0};
    struct message message;
    unsigned direct;

    stream.data[MIB / 2] ^= (char)0x80;
    ck_assert_int_eq(receive(&reader, &stream, 100 * 1000, &message, &direct), MESSAGE_FAULT);
    ck_assert_uint_eq(message.code, 1007);
    ck_assert_uint_gt(direct, 0);
    ck_assert_uint_eq(message_held(&reader), 0);
    text_free(&stream);
}
END_TEST

START_TEST(room_only_for_much)
{
    struct text stream = large_frame(0x82, 100 * 1000), ignored = {0};
    struct message_reader reader = {0};
    size_t size;

    ck_assert_ptr_null(message_room(&reader, &size)); /* nothing is half there */
    feed(&reader, &wide, stream.data, 1000, &ignored);
    ck_assert_ptr_null(message_room(&reader, &size)); /* too little has come */
    feed(&reader, &wide, stream.data + 1000, 39000, &ignored);
    uint8_t *room = message_room(&reader, &size);
    ck_assert_ptr_nonnull(room);
    ck_assert_uint_ge(size, 32 * 1024);
    memcpy(room, stream.data + 40000, 100);
    message_received(&reader, 100);
    ck_assert_ptr_null(message_room(&reader, &size)); /* first what was received */
    feed(&reader, &wide, stream.data + 40100, 39900, &ignored);
    ck_assert_ptr_null(message_room(&reader, &size)); /* too little is missing */
    ck_assert_uint_eq(ignored.size, 0);
    message_reader_free(&reader);
    text_free(&stream);
}
END_TEST

START_TEST(no_room_in_control_frames)
{
    struct text stream = {0}, ignored = {0};
    struct message_reader reader = {0};
    size_t size;

    add_frame(&stream, 0x89, A125, 125);
    feed(&reader, &wide, stream.data, 50, &ignored);
    ck_assert_ptr_null(message_room(&reader, &size));
    ck_assert(message_unfinished(&reader));
    message_reader_free(&reader);
    text_free(&stream);
}
END_TEST

/* A header that announces much costs little. */
START_TEST(held_is_what_came)
{
    struct text stream = large_frame(0x82, 3 * MIB), ignored = {0};
    struct message_reader reader = {0};

    ck_assert_uint_eq(message_held(&reader), 0);
    feed(&reader, &wide, stream.data, 14, &ignored);
    ck_assert_uint_gt(message_held(&reader), 0);
    ck_assert_uint_lt(message_held(&reader), 1024);
    feed(&reader, &wide, stream.data + 14, 10, &ignored);
    ck_assert_uint_lt(message_held(&reader), 1024);
    for (size_t at = 24; at < stream.size - 1000; at += 1000) {
        feed(&reader, &wide, stream.data + at, 1000, &ignored);
        ck_assert_uint_ge(message_held(&reader), at);
        ck_assert_uint_le(message_held(&reader), 2 * (at + 1000) + 1024);
    }
    message_reader_free(&reader);
    text_free(&stream);
}
END_TEST

START_TEST(a_reader_is_small)
{
    ck_assert_uint_le(sizeof(struct message_reader), 3 * sizeof(void *));
}
END_TEST

/* Takes all messages there are, and counts them. */
static enum message_result drain(struct message_reader *reader, uint8_t *data, size_t size,
                                 struct message *message, unsigned *count)
{
    enum message_result result;

    while ((result = message_next(reader, &wide, &data, &size, message)) != MESSAGE_MORE) {
        if (result == MESSAGE_FAULT)
            return result;
        (*count)++;
    }
    return result;
}

/* Lets each allocation on the way fail in turn. */
START_TEST(without_memory_the_connection_fails)
{
    struct text stream = {0};
    unsigned long nth = 0;
    unsigned count;
    enum message_result result;

    add_frame(&stream, 0x01, A125, 125);
    add_frame(&stream, 0x89, "ping", 4);
    add_frame(&stream, 0x00, A125, 125);
    add_frame(&stream, 0x80, A125, 125);
    add_frame(&stream, 0x81, "a", 1);

    long before = mem_live();
    do {
        struct message_reader reader = {0};
        struct message message;
        uint8_t *copy = malloc(stream.size);

        memcpy(copy, stream.data, stream.size);
        mem_fail_at(++nth);
        count = 0;
        result = drain(&reader, copy, 300, &message, &count);
        if (result == MESSAGE_MORE)
            result = drain(&reader, copy + 300, stream.size - 300, &message, &count);
        mem_fail_at(0);
        if (result == MESSAGE_FAULT)
            ck_assert_uint_eq(message.code, 1011);
        message_reader_free(&reader);
        free(copy);
        ck_assert_int_eq(mem_live(), before);
    } while (result == MESSAGE_FAULT);
    ck_assert_uint_eq(count, 3); /* ping, text, text */
    ck_assert_uint_ge(nth, 4);   /* the reader's part, and a buffer that grew */
    text_free(&stream);
}
END_TEST

START_TEST(without_memory_there_is_no_room)
{
    struct text stream = large_frame(0x82, MIB), out = {0};
    struct message_reader reader = {0};
    size_t size;

    feed(&reader, &wide, stream.data, 100 * 1000, &out);
    feed(&reader, &wide, stream.data + 100 * 1000, 99 * 1000, &out);
    mem_fail_at(1);
    ck_assert_ptr_null(message_room(&reader, &size));
    mem_fail_at(1);
    feed(&reader, &wide, stream.data + 199 * 1000, 100 * 1000, &out);
    mem_fail_at(0);
    ck_assert_str_eq(out.data, "1011 no memory for a message; ");
    ck_assert_uint_eq(message_held(&reader), 0);
    text_free(&stream);
    text_free(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire/message");
    TCase *tcase = tcase_create("message");

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, streams, 0, sizeof cases / sizeof *cases);
    tcase_add_test(tcase, close_codes);
    tcase_add_loop_test(tcase, faults_do_not_wait, 0, sizeof early / sizeof *early);
    tcase_add_test(tcase, frames_are_counted);
    tcase_add_test(tcase, large_messages);
    tcase_add_test(tcase, large_fragments);
    tcase_add_test(tcase, a_wrong_byte_that_was_received_directly);
    tcase_add_test(tcase, room_only_for_much);
    tcase_add_test(tcase, no_room_in_control_frames);
    tcase_add_test(tcase, held_is_what_came);
    tcase_add_test(tcase, a_reader_is_small);
    tcase_add_test(tcase, without_memory_the_connection_fails);
    tcase_add_test(tcase, without_memory_there_is_no_room);
    return suite_run(suite);
}
