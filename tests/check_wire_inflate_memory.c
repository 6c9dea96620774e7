/*
 * Tests of wire/inflate and wire/content, through wire/message: what clients send that compress by
 * themselves, what bombs they can make of it, and what they can make a server hold.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#include "base/mem.h"
#include "inflating.h"
#include "suite.h"

#define KIB 1024

static const struct message_limits limits = {.message = 20, .fragments = 4};
static const struct message_limits wide = {.message = 1000 * KIB, .fragments = 2000};

/* ---- A client that compresses --------------------------------------------------------------- */

static uint32_t seed = 1;

static uint32_t next_random(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

struct client {
    z_stream z;
    bool takeover;
};

static void client_begin(struct client *client, unsigned bits, int level, bool takeover)
{
    *client = (struct client){.takeover = takeover};
    ck_assert_int_eq(deflateInit2(&client->z, level, Z_DEFLATED, -(int)(bits > 9 ? bits : 9), 8, 0),
                     Z_OK);
}

/* What stands in the frames of a message, with some way of flushing along the way. */
static struct text client_compress(struct client *client, struct slice message, int flush)
{
    struct text out = {0};
    Bytef some[4096];

    if (!client->takeover)
        deflateReset(&client->z);
    while (message.size > 0) {
        size_t part = flush == Z_NO_FLUSH || message.size < 3 ? message.size : message.size / 3;

        client->z.next_in = (const Bytef *)message.data;
        client->z.avail_in = (uInt)part;
        message.data += part;
        message.size -= part;
        do {
            client->z.next_out = some;
            client->z.avail_out = sizeof some;
            deflate(&client->z, message.size > 0 ? flush : Z_SYNC_FLUSH);
            text_add(&out, some, sizeof some - client->z.avail_out);
        } while (client->z.avail_out == 0);
    }
    if (out.size == 0)
        text_add(&out, EMPTY, 5);
    out.size -= 4;
    return out;
}

/* In so many fragments, with pings between them. */
static struct text frames(const struct text *payload, unsigned count)
{
    struct text stream = {0};

    for (unsigned i = 0; i < count; i++) {
        size_t from = payload->size * i / count, to = payload->size * (i + 1) / count;
        uint8_t fin = i == count - 1 ? 0x80 : 0, first = i == 0 ? 0x42 : 0;

        add_frame(&stream, fin | first, payload->data + from, to - from);
        if (!fin)
            add_frame(&stream, 0x89, "ping", 4);
    }
    return stream;
}

/* The last data message in there. */
static enum message_result receive(struct message_reader *reader, const struct message_limits *most,
                                   const struct text *stream, size_t chunk, struct message *last,
                                   struct text *content)
{
    enum message_result result = MESSAGE_MORE;
    uint8_t *place = malloc(chunk);

    text_clear(content);
    for (size_t at = 0; at < stream->size;) {
        size_t size = stream->size - at < chunk ? stream->size - at : chunk, room;
        uint8_t *data = memcpy(place, stream->data + at, size);

        at += size;
        while ((result = message_next(reader, most, &data, &size, last)) != MESSAGE_MORE) {
            if (result == MESSAGE_BINARY)
                text_add(content, last->data, last->size);
            if (result == MESSAGE_BINARY || result == MESSAGE_FAULT)
                goto done;
        }
        ck_assert_ptr_null(message_room(reader, &room));
    }
done:
    free(place);
    return result;
}

static struct text sample(size_t size)
{
    struct text text = {0};

    while (text.size < size) {
        if (next_random() % 4 > 0 && text.size > 300)
            text_addf(&text, "%.*s", (int)(next_random() % 40),
                      text.data + text.size - 1 - next_random() % 300);
        text_addf(&text, "{\"%c\":%u}", (char)('a' + next_random() % 26), next_random());
    }
    text.size = size;
    return text;
}

static struct text noise(size_t size)
{
    struct text text = {0};

    for (size_t i = 0; i < size; i++)
        text_add_byte(&text, (char)next_random());
    return text;
}

static void check_messages(unsigned bits, int level, bool takeover)
{
    static const size_t sizes[] = {0, 1, 100, 5000, 100 * 1000};
    static const size_t chunks[] = {SIZE_MAX, 1000, 7};
    static const int flushes[] = {Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_BLOCK};
    struct deflate_terms terms = {15, (uint8_t)bits, takeover, takeover};
    struct deflate_shared *shared = deflate_shared_new();
    struct message_reader reader = reader_new(shared, &terms);
    struct client client;
    unsigned count = 0;

    client_begin(&client, bits, level, takeover);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (unsigned fragments = 1; fragments <= 5; fragments += 2, count++) {
            struct text text = count % 2 ? noise(sizes[i]) : sample(sizes[i]), content = {0};
            struct text payload =
                client_compress(&client, (struct slice){text.data, text.size}, flushes[count % 4]);
            struct text stream = frames(&payload, fragments);
            size_t chunk = chunks[count % 3];
            struct message message;

            if (chunk > stream.size)
                chunk = stream.size;
            ck_assert_int_eq(receive(&reader, &wide, &stream, chunk, &message, &content),
                             MESSAGE_BINARY);
            ck_assert(slice_equal((struct slice){content.data, content.size},
                                  (struct slice){text.data, text.size}));
            text_free(&text);
            text_free(&content);
            text_free(&payload);
            text_free(&stream);
        }
    }
    deflateEnd(&client.z);
    message_reader_free(&reader);
    deflate_shared_free(shared);
}

START_TEST(messages_of_every_window)
{
    unsigned bits = 8 + (unsigned)_i;
    long before = mem_live();

    for (int level = 0; level <= 9; level += level < 2 ? 1 : 3) {
        check_messages(bits, level, false);
        check_messages(bits, level, true);
    }
    ck_assert_int_eq(mem_live(), before);
}
END_TEST

/* ---- Bombs ---------------------------------------------------------------------------------- */

static struct text zeros_compressed(size_t size, int level)
{
    struct client client;
    char *zeros = calloc(1, size);

    client_begin(&client, 15, level, false);
    struct text payload = client_compress(&client, (struct slice){zeros, size}, Z_NO_FLUSH);
    deflateEnd(&client.z);
    free(zeros);
    return payload;
}

START_TEST(a_bomb_is_cut_at_the_limit)
{
    static const size_t chunks[] = {SIZE_MAX, 500, 1};
    static const struct message_limits most = {.message = 100 * KIB, .fragments = 10};
    struct text payload = zeros_compressed(30 * KIB * KIB, 9), content = {0};

    ck_assert_uint_lt(payload.size, 40 * KIB);
    for (unsigned fragments = 1; fragments <= 2; fragments++) {
        struct text stream = frames(&payload, fragments);

        for (size_t i = 0; i < sizeof chunks / sizeof *chunks; i++) {
            struct deflate_shared *shared = deflate_shared_new();
            struct message_reader reader = reader_new(shared, i % 2 ? &alone : &keeping);
            size_t chunk = chunks[i] < stream.size ? chunks[i] : stream.size, held = 0;
            struct text part = stream;
            struct message message;
            enum message_result result = MESSAGE_MORE;

            for (; part.size > 0 && result == MESSAGE_MORE; part.data += chunk) {
                struct text some = {.data = part.data,
                                    .size = chunk < part.size ? chunk : part.size};

                result = receive(&reader, &most, &some, chunk, &message, &content);
                part.size -= some.size;
                size_t now = message_held(&reader) + deflate_held(reader.deflate) +
                             deflate_shared_held(shared);
                held = now > held ? now : held;
            }
            ck_assert_int_eq(result, MESSAGE_FAULT);
            ck_assert_uint_eq(message.code, 1009);
            ck_assert_uint_gt(held, chunk == 1 ? 100 * KIB : 0);
            ck_assert_uint_le(held, most.message + 48 * KIB);
            message_reader_free(&reader);
            deflate_shared_trim(shared);
            deflate_shared_trim(shared);
            ck_assert_uint_lt(deflate_shared_held(shared), 512);
            deflate_shared_free(shared);
        }
        text_free(&stream);
    }
    text_free(&payload);
    text_free(&content);
}
END_TEST

/* Nothing comes of empty blocks, so it is their own number that ends them. */
START_TEST(empty_blocks_are_bounded)
{
    static const struct message_limits most = {.message = 8000, .fragments = 100};
    struct deflate_shared *shared = deflate_shared_new();
    struct message_reader reader = reader_new(shared, &alone);
    struct text blocks = {0}, stream = {0}, out = {0};

    for (unsigned i = 0; i < 200; i++)
        text_add(&blocks, EMPTY, 5);
    add_frame(&stream, 0x42, blocks.data, blocks.size);
    for (unsigned i = 0; i < 9; i++)
        add_frame(&stream, 0x00, blocks.data, blocks.size);
    feed(&reader, &most, stream.data, stream.size, &out); /* 10000 of 8000 + 1000 + 1024 */
    ck_assert_uint_eq(out.size, 0);
    ck_assert_uint_lt(message_held(&reader), 12 * KIB);
    text_clear(&stream);
    add_frame(&stream, 0x80, blocks.data, 25);
    feed(&reader, &most, stream.data, stream.size, &out);
    ck_assert_str_eq(out.data, "1009 a message beyond the limit, even compressed; ");
    message_reader_free(&reader);
    deflate_shared_free(shared);
    text_free(&blocks);
    text_free(&stream);
    text_free(&out);
}
END_TEST

/* The worst of compressors may use a message of the limit: noise, in fixed codes. */
START_TEST(what_grew_by_compression_is_taken)
{
    static const struct message_limits most = {.message = 50 * KIB, .fragments = 100};
    struct deflate_shared *shared = deflate_shared_new();
    struct message_reader reader = reader_new(shared, &alone);
    struct text text = noise(50 * KIB), content = {0};
    struct client client = {0};
    struct message message;

    ck_assert_int_eq(deflateInit2(&client.z, 6, Z_DEFLATED, -15, 8, Z_FIXED), Z_OK);
    struct text payload =
        client_compress(&client, (struct slice){text.data, text.size}, Z_NO_FLUSH);
    struct text stream = frames(&payload, 1);
    ck_assert_int_eq(receive(&reader, &most, &stream, stream.size, &message, &content),
                     MESSAGE_BINARY);
    ck_assert_uint_eq(content.size, text.size);
    deflateEnd(&client.z);
    message_reader_free(&reader);
    deflate_shared_free(shared);
    text_free(&text);
    text_free(&content);
    text_free(&payload);
    text_free(&stream);
}
END_TEST

/* A limit that is none, and one that was lowered while the message came. */
START_TEST(limits_may_change_within_a_message)
{
    static const struct message_limits none = {.message = UINT64_MAX, .fragments = 10};
    static const struct message_limits low = {.message = 10, .fragments = 10};
    struct deflate_shared *shared = deflate_shared_new();
    struct message_reader reader = reader_new(shared, &alone);
    struct text text = sample(5000), out = {0}, stream = {0};

    add_frame(&stream, 0x42, STORED_20 TWENTY STORED_20 TWENTY "\x00", 51);
    feed(&reader, &none, stream.data, stream.size - 21, &out);
    feed(&reader, &low, stream.data + stream.size - 21, 1, &out);
    ck_assert_str_eq(out.data, BOMB);
    message_reader_free(&reader);
    reader = reader_new(shared, &alone);
    text_clear(&out);
    feed(&reader, &none, stream.data, stream.size, &out);
    ck_assert_uint_eq(out.size, 0);
    message_reader_free(&reader);
    deflate_shared_free(shared);
    text_free(&text);
    text_free(&out);
    text_free(&stream);
}
END_TEST

/* ---- Memory --------------------------------------------------------------------------------- */

START_TEST(half_messages_count_what_they_borrow)
{
    struct deflate_shared *shared = deflate_shared_new();
    struct message_reader readers[8];
    struct text text = sample(10 * KIB), out = {0};
    struct client client;

    client_begin(&client, 15, 6, false);
    struct text payload =
        client_compress(&client, (struct slice){text.data, text.size}, Z_NO_FLUSH);
    struct text stream = frames(&payload, 1);
    for (unsigned i = 0; i < 8; i++) {
        readers[i] = reader_new(shared, &alone);
        feed(&readers[i], &wide, stream.data, 5, &out);
        ck_assert_uint_lt(message_held(&readers[i]), 500); /* nothing to inflate yet */
        feed(&readers[i], &wide, stream.data + 5, stream.size - 6, &out);
        ck_assert_uint_gt(message_held(&readers[i]), (32 + 7 + 10) * KIB);
        ck_assert_uint_lt(message_held(&readers[i]), (32 + 10 + 20) * KIB);
        ck_assert_uint_lt(deflate_held(readers[i].deflate), 64);
    }
    ck_assert_uint_lt(deflate_shared_held(shared), 512);
    for (unsigned i = 0; i < 8; i++) {
        if (i == 3) /* given up */
            message_reader_free(&readers[i]);
        else
            feed(&readers[i], &wide, stream.data + stream.size - 1, 1, &out);
    }
    ck_assert_uint_gt(out.size, 7 * text.size);
    for (unsigned i = 0; i < 8; i++) {
        feed(&readers[i], &wide, "", 0, &out); /* what was handed out goes with the next call */
        ck_assert_uint_eq(message_held(&readers[i]), 0);
        message_reader_free(&readers[i]);
    }
    ck_assert_uint_gt(deflate_shared_held(shared), 4 * (32 + 7) * KIB); /* a few are kept */
    ck_assert_uint_lt(deflate_shared_held(shared), 5 * (32 + 10) * KIB);
    deflate_shared_trim(shared);
    ck_assert_uint_gt(deflate_shared_held(shared), 4 * (32 + 7) * KIB);
    deflate_shared_trim(shared);
    ck_assert_uint_lt(deflate_shared_held(shared), 512);
    deflate_shared_free(shared);
    deflateEnd(&client.z);
    text_free(&text);
    text_free(&out);
    text_free(&payload);
    text_free(&stream);
}
END_TEST

START_TEST(a_kept_window_is_counted)
{
    struct deflate_shared *shared = deflate_shared_new();
    struct deflate_terms narrow = {15, 10, false, true};
    struct message_reader wide_one = reader_new(shared, &keeping);
    struct message_reader narrow_one = reader_new(shared, &narrow);
    struct text stream = {0}, out = {0};

    add_frame(&stream, 0xc1, HELLO, sizeof HELLO - 1);
    feed(&wide_one, &wide, stream.data, stream.size, &out);
    feed(&narrow_one, &wide, stream.data, stream.size, &out);
    ck_assert_str_eq(out.data, "text Hello; text Hello; ");
    ck_assert_uint_eq(message_held(&wide_one), 0);
    ck_assert_uint_gt(deflate_held(wide_one.deflate), 39 * KIB);
    ck_assert_uint_lt(deflate_held(wide_one.deflate), 42 * KIB);
    ck_assert_uint_gt(deflate_held(narrow_one.deflate), 7 * KIB);
    ck_assert_uint_lt(deflate_held(narrow_one.deflate), 10 * KIB);
    message_reader_free(&wide_one);
    message_reader_free(&narrow_one);
    deflate_shared_free(shared);
    text_free(&stream);
    text_free(&out);
}
END_TEST

START_TEST(steady_traffic_allocates_nothing)
{
    struct deflate_shared *shared = deflate_shared_new();
    struct deflate_terms narrow = {15, 10, false, false};
    struct message_reader readers[] = {reader_new(shared, &alone), reader_new(shared, &keeping),
                                       reader_new(shared, &narrow)};
    struct text stream = {0};
    uint8_t copy[64];

    add_frame(&stream, 0xc1, HELLO, sizeof HELLO - 1);
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 3; i++) {
            uint8_t *data = memcpy(copy, stream.data, stream.size);
            size_t size = stream.size;
            struct message message;

            if (round > 0)
                mem_fail_at(1);
            ck_assert_int_eq(message_next(&readers[i], &limits, &data, &size, &message),
                             MESSAGE_TEXT);
            mem_fail_at(0);
            ck_assert_uint_eq(size, 0);
            ck_assert(slice_equal((struct slice){(const char *)message.data, message.size},
                                  SLICE("Hello")));
        }
        deflate_shared_trim(shared);
    }
    for (unsigned i = 0; i < 3; i++)
        message_reader_free(&readers[i]);
    deflate_shared_free(shared);
    text_free(&stream);
}
END_TEST

START_TEST(what_was_handed_out_survives_compressing)
{
    struct deflate_shared *shared = deflate_shared_new();
    struct message_reader reader = reader_new(shared, &alone);
    struct text stream = {0}, text = sample(100 * KIB);
    struct message message;
    struct slice out;

    add_frame(&stream, 0xc1, HELLO, sizeof HELLO - 1);
    uint8_t *data = (uint8_t *)stream.data;
    size_t size = stream.size;
    ck_assert_int_eq(message_next(&reader, &wide, &data, &size, &message), MESSAGE_TEXT);
    ck_assert_int_eq(deflate_message(reader.deflate, (struct slice){text.data, text.size}, &out),
                     DEFLATE_DONE);
    ck_assert_str_eq((const char *)message.data, "Hello");
    message_reader_free(&reader);
    deflate_shared_free(shared);
    text_free(&stream);
    text_free(&text);
}
END_TEST

/* Lets each allocation on the way fail in turn: whole or in pieces, with takeover and without. */
START_TEST(without_memory_the_connection_fails)
{
    struct text text = sample(3000);
    const struct deflate_terms *terms = _i & 1 ? &keeping : &alone;
    struct client client;
    unsigned long nth = 0;
    enum message_result result;
    long before;

    client_begin(&client, 15, 6, false);
    struct text payload =
        client_compress(&client, (struct slice){text.data, text.size}, Z_NO_FLUSH);
    struct text stream = frames(&payload, _i & 2 ? 3 : 1);
    text_free(&text);
    text_free(&payload);
    deflateEnd(&client.z);
    before = mem_live();
    do {
        struct deflate_shared *shared = deflate_shared_new();
        struct message_reader reader = reader_new(shared, terms);
        uint8_t *copy = malloc(stream.size), *data = memcpy(copy, stream.data, stream.size);
        struct message message;
        size_t size = stream.size;

        mem_fail_at(++nth);
        do
            result = message_next(&reader, &wide, &data, &size, &message);
        while (result == MESSAGE_PING);
        mem_fail_at(0);
        if (result == MESSAGE_FAULT)
            ck_assert_uint_eq(message.code, 1011);
        else
            ck_assert_uint_eq(message.size, 3000);
        free(copy);
        message_reader_free(&reader);
        deflate_shared_free(shared);
        ck_assert_int_eq(mem_live(), before);
    } while (result == MESSAGE_FAULT);
    ck_assert_int_eq(result, MESSAGE_BINARY);
    ck_assert_uint_ge(nth, 5); /* its memory, which grows, and the stream, its state, its window */
    text_free(&stream);
}
END_TEST

/* What stands in front of them has no part in what comes of them: windows that are too small. */
START_TEST(further_back_than_was_agreed)
{
    struct deflate_terms narrow = {15, 9, false, true};
    struct deflate_shared *shared = deflate_shared_new();
    struct message_reader reader = reader_new(shared, &narrow);
    struct text text = noise(1000), content = {0};
    struct message message;
    struct client client;

    client_begin(&client, 15, 6, true);
    for (unsigned i = 0; i < 2; i++) {
        struct text payload =
            client_compress(&client, (struct slice){text.data, text.size}, Z_NO_FLUSH);
        struct text stream = frames(&payload, 1);

        ck_assert_int_eq(receive(&reader, &wide, &stream, stream.size, &message, &content),
                         i == 0 ? MESSAGE_BINARY : MESSAGE_FAULT);
        text_free(&payload);
        text_free(&stream);
    }
    ck_assert_uint_eq(message.code, 1007);
    message_reader_free(&reader);
    deflate_shared_free(shared);
    deflateEnd(&client.z);
    text_free(&text);
    text_free(&content);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire/inflate, memory");
    TCase *tcase = tcase_create("inflate_memory");

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, messages_of_every_window, 0, 8);
    tcase_add_test(tcase, a_bomb_is_cut_at_the_limit);
    tcase_add_test(tcase, empty_blocks_are_bounded);
    tcase_add_test(tcase, what_grew_by_compression_is_taken);
    tcase_add_test(tcase, limits_may_change_within_a_message);
    tcase_add_test(tcase, half_messages_count_what_they_borrow);
    tcase_add_test(tcase, a_kept_window_is_counted);
    tcase_add_test(tcase, steady_traffic_allocates_nothing);
    tcase_add_test(tcase, what_was_handed_out_survives_compressing);
    tcase_add_loop_test(tcase, without_memory_the_connection_fails, 0, 4);
    tcase_add_test(tcase, further_back_than_was_agreed);
    return suite_run(suite);
}
