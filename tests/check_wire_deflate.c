/*
 * Tests of wire/deflate: what is compressed comes back out of a decompressor that has no larger
 * window than was agreed on, and what is held for it is known, bounded and given back.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "wire/deflate.h"
#include "suite.h"

#define KIB 1024

/* ---- What is sent --------------------------------------------------------------------------- */

static uint32_t seed = 1;

static uint32_t next_random(void)
{
    seed = seed * 1664525 + 1013904223;
    return seed >> 8;
}

static struct text random_bytes(size_t size)
{
    struct text text = {0};

    for (size_t i = 0; i < size; i++)
        text_add_byte(&text, (char)next_random());
    return text;
}

static struct text zeros(size_t size)
{
    struct text text = {0};

    for (size_t i = 0; i < size; i++)
        text_add_byte(&text, 0);
    return text;
}

static struct text json(size_t size)
{
    struct text text = {0};

    while (text.size < size)
        text_addf(&text,
                  "{\"type\":\"chat.message\",\"room\":\"tea-%u\",\"from\":\"user%u\",\"at\":%u},",
                  next_random() % 9, next_random() % 1000, next_random());
    text.size = size;
    return text;
}

/* Phrases that come again from every distance around what a small window holds. */
static struct text echoes(size_t size)
{
    struct text text = random_bytes(600);

    while (text.size < size) {
        size_t distance = 200 + next_random() % 400, length = 3 + next_random() % 300;

        for (size_t i = 0; i < length; i++)
            text_add_byte(&text, text.data[text.size - distance]);
        text_add_byte(&text, (char)next_random());
    }
    text.size = size;
    return text;
}

static struct text (*const makers[])(size_t size) = {random_bytes, zeros, json, echoes};
static const size_t sizes[] = {1, 2, 64, 1000, 5000, 70 * 1000};

/* ---- A client that inflates ----------------------------------------------------------------- */

struct client {
    z_stream z;
    bool takeover;
};

static void client_begin(struct client *client, unsigned bits, bool takeover)
{
    *client = (struct client){.takeover = takeover};
    ck_assert_int_eq(inflateInit2(&client->z, -(int)bits), Z_OK);
}

static void client_end(struct client *client)
{
    inflateEnd(&client->z);
}

/* In small steps, for in one step zlib reaches back to all that it has put out. */
static void inflate_part(z_stream *z, const void *data, size_t size, struct text *out)
{
    Bytef some[16];
    int status;

    z->next_in = data;
    z->avail_in = (uInt)size;
    do {
        z->next_out = some;
        z->avail_out = sizeof some;
        status = inflate(z, Z_SYNC_FLUSH);
        ck_assert_msg(status == Z_OK || status == Z_BUF_ERROR, "%d %s", status, z->msg);
        text_add(out, some, sizeof some - z->avail_out);
    } while (z->avail_out == 0 || z->avail_in > 0);
}

static void assert_received(struct client *client, struct slice compressed, struct slice message)
{
    struct text out = {0};

    if (!client->takeover)
        inflateReset(&client->z);
    inflate_part(&client->z, compressed.data, compressed.size, &out);
    inflate_part(&client->z, "\0\0\xff\xff", 4, &out);
    ck_assert(slice_equal((struct slice){out.data, out.size}, message));
    text_free(&out);
}

/* ---- Round trips ---------------------------------------------------------------------------- */

static struct deflate_terms terms_of(unsigned bits, bool takeover)
{
    return (struct deflate_terms){.server_bits = (uint8_t)bits,
                                  .client_bits = 15,
                                  .server_takeover = takeover,
                                  .client_takeover = takeover};
}

static void send_one(struct deflate *deflate, struct client *client, struct slice message)
{
    struct slice out;
    enum deflate_result result = deflate_message(deflate, message, &out);

    if (result == DEFLATE_LARGER) {
        ck_assert(!client->takeover);
        return;
    }
    ck_assert_int_eq(result, DEFLATE_DONE);
    ck_assert(client->takeover || out.size < message.size);
    ck_assert_uint_le(out.size, message.size + message.size / 8 + 64);
    assert_received(client, out, message);
}

static void check_round_trips(unsigned bits, unsigned level, bool takeover)
{
    struct deflate_shared *shared = deflate_shared_new();
    struct deflate_terms terms = terms_of(bits, takeover);
    struct deflate *deflate = deflate_new(shared, &terms, level);
    struct client client;

    client_begin(&client, bits, takeover);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t k = 0; k < sizeof makers / sizeof *makers; k++) {
            struct text text = makers[k](sizes[i]);
            struct slice message = {text.data, text.size};

            send_one(deflate, &client, message);
            if (message.size <= 5000)
                send_one(deflate, &client, message);
            send_one(deflate, &client, SLICE(""));
            text_free(&text);
        }
    }
    client_end(&client);
    deflate_free(deflate);
    deflate_shared_free(shared);
}

START_TEST(round_trips)
{
    unsigned bits = 8 + (unsigned)_i;
    long before = mem_live();

    for (unsigned level = 1; level <= 9; level++) {
        check_round_trips(bits, level, false);
        check_round_trips(bits, level, true);
    }
    ck_assert_int_eq(mem_live(), before);
}
END_TEST

/* zlib compresses with no window of 8 bits: one of 9 must do without reaching further back. */
START_TEST(a_window_of_256_bytes_is_never_left)
{
    struct text text = echoes(200 * KIB);

    for (unsigned level = 1; level <= 9; level++) {
        for (unsigned takeover = 0; takeover < 2; takeover++) {
            struct deflate_shared *shared = deflate_shared_new();
            struct deflate_terms terms = terms_of(8, takeover);
            struct deflate *deflate = deflate_new(shared, &terms, level);
            struct client client;

            client_begin(&client, 8, takeover);
            for (size_t at = 0, size; at < text.size; at += size) {
                size = 1 + next_random() % (40 * KIB);
                if (size > text.size - at)
                    size = text.size - at;
                send_one(deflate, &client, (struct slice){text.data + at, size});
            }
            client_end(&client);
            deflate_free(deflate);
            deflate_shared_free(shared);
        }
    }
    text_free(&text);
}
END_TEST

START_TEST(a_kept_window_makes_the_second_smaller)
{
    struct deflate_shared *shared = deflate_shared_new();
    struct deflate_terms terms = terms_of(15, true);
    struct deflate *deflate = deflate_new(shared, &terms, 6);
    struct text text = random_bytes(1000);
    struct slice out, message = {text.data, text.size};

    ck_assert_int_eq(deflate_message(deflate, message, &out), DEFLATE_DONE);
    ck_assert_uint_gt(out.size, 1000);
    ck_assert_int_eq(deflate_message(deflate, message, &out), DEFLATE_DONE);
    ck_assert_uint_lt(out.size, 30);
    text_free(&text);
    deflate_free(deflate);
    deflate_shared_free(shared);
}
END_TEST

/* RFC 7692, section 7.2.3.6: one byte. Without takeover there is no need to compress it. */
START_TEST(empty_messages)
{
    struct deflate_shared *shared = deflate_shared_new();
    struct deflate_terms keeping = terms_of(15, true), alone = terms_of(15, false);
    struct deflate *deflate = deflate_new(shared, &keeping, 6);
    struct slice out;

    for (unsigned i = 0; i < 3; i++) {
        ck_assert_int_eq(deflate_message(deflate, SLICE(""), &out), DEFLATE_DONE);
        ck_assert_uint_eq(out.size, 1);
        ck_assert_int_eq(out.data[0], 0);
    }
    deflate_free(deflate);
    deflate = deflate_new(shared, &alone, 6);
    ck_assert_int_eq(deflate_message(deflate, SLICE(""), &out), DEFLATE_LARGER);
    deflate_free(deflate);
    deflate_shared_free(shared);
}
END_TEST

START_TEST(what_does_not_get_smaller_is_not_compressed)
{
    struct deflate_shared *shared = deflate_shared_new();
    struct slice out;

    for (size_t size = 0; size < 100; size++) {
        struct text text = random_bytes(size);

        ck_assert_int_eq(deflate_once(shared, 15, 6, (struct slice){text.data, text.size}, &out),
                         DEFLATE_LARGER);
        text_free(&text);
    }
    struct text text = random_bytes(300 * KIB);
    ck_assert_int_eq(deflate_once(shared, 15, 9, (struct slice){text.data, text.size}, &out),
                     DEFLATE_LARGER);
    text_free(&text);
    deflate_shared_free(shared);
}
END_TEST

START_TEST(levels_may_change_from_message_to_message)
{
    struct deflate_shared *shared = deflate_shared_new();
    struct text text = json(20 * KIB);
    struct slice out, message = {text.data, text.size};
    size_t first[10];

    for (unsigned round = 0; round < 3; round++) {
        for (unsigned level = 1; level <= 9; level++) {
            struct client client;

            ck_assert_int_eq(deflate_once(shared, 15, level, message, &out), DEFLATE_DONE);
            client_begin(&client, 15, false);
            assert_received(&client, out, message);
            client_end(&client);
            if (round == 0)
                first[level] = out.size;
            ck_assert_uint_eq(out.size, first[level]);
        }
    }
    ck_assert_uint_gt(first[1], first[9]);
    text_free(&text);
    deflate_shared_free(shared);
}
END_TEST

/* ---- Memory --------------------------------------------------------------------------------- */

START_TEST(little_is_held_until_it_is_used)
{
    struct deflate_shared *shared = deflate_shared_new();
    struct deflate_terms alone = terms_of(15, false), keeping = terms_of(15, true);
    struct deflate_terms narrow = terms_of(11, true);
    struct deflate *a = deflate_new(shared, &alone, 6), *b = deflate_new(shared, &keeping, 6);
    struct deflate *c = deflate_new(shared, &narrow, 6);
    struct text text = json(100 * KIB);
    struct slice out, message = {text.data, text.size};

    ck_assert_uint_le(deflate_shared_held(shared), 512);
    ck_assert_uint_le(deflate_held(a), 64);
    ck_assert_uint_le(deflate_held(b), 64);
    ck_assert_int_eq(deflate_message(a, message, &out), DEFLATE_DONE);
    ck_assert_int_eq(deflate_message(b, message, &out), DEFLATE_DONE);
    ck_assert_int_eq(deflate_message(c, message, &out), DEFLATE_DONE);
    ck_assert_uint_le(deflate_held(a), 64);
    ck_assert_uint_gt(deflate_held(b), 256 * KIB);
    ck_assert_uint_lt(deflate_held(b), 272 * KIB);
    ck_assert_uint_gt(deflate_held(c), 16 * KIB);
    ck_assert_uint_lt(deflate_held(c), 24 * KIB);
    ck_assert_uint_gt(deflate_shared_held(shared), 256 * KIB);
    ck_assert_uint_lt(deflate_shared_held(shared), 512 * KIB);
    ck_assert_uint_eq(deflate_terms_of(c)->server_bits, 11);
    text_free(&text);
    deflate_free(a);
    deflate_free(b);
    deflate_free(c);
    deflate_shared_free(shared);
}
END_TEST

START_TEST(trimming_frees_what_is_not_used)
{
    struct deflate_shared *shared = deflate_shared_new();
    size_t least = deflate_shared_held(shared);
    struct text large = json(1000 * KIB);
    struct slice out, message = {large.data, large.size}, little = {large.data, 200};

    ck_assert_int_eq(deflate_once(shared, 15, 6, message, &out), DEFLATE_DONE);
    ck_assert_int_eq(deflate_once(shared, 15, 6, little, &out), DEFLATE_DONE);
    size_t most = deflate_shared_held(shared);
    ck_assert_uint_gt(most, 1200 * KIB);
    deflate_shared_trim(shared); /* all of it was used */
    ck_assert_uint_eq(deflate_shared_held(shared), most);
    ck_assert_int_eq(deflate_once(shared, 15, 6, little, &out), DEFLATE_DONE);
    deflate_shared_trim(shared); /* the small compressor alone */
    ck_assert_uint_lt(deflate_shared_held(shared), 24 * KIB);
    ck_assert_int_eq(deflate_once(shared, 15, 6, little, &out), DEFLATE_DONE);
    size_t small = deflate_shared_held(shared);
    deflate_shared_trim(shared);
    ck_assert_int_eq(deflate_once(shared, 15, 6, little, &out), DEFLATE_DONE);
    ck_assert_uint_eq(deflate_shared_held(shared), small);
    deflate_shared_trim(shared);
    deflate_shared_trim(shared);
    ck_assert_uint_eq(deflate_shared_held(shared), least);
    ck_assert_int_eq(deflate_once(shared, 15, 6, message, &out), DEFLATE_DONE);
    text_free(&large);
    deflate_shared_free(shared);
}
END_TEST

/* All windows and levels: bounded, whoever asks for what. */
START_TEST(shared_compressors_are_bounded)
{
    struct deflate_shared *shared = deflate_shared_new();
    struct text text = json(100 * KIB);
    struct slice out;

    for (unsigned bits = 8; bits <= 15; bits++)
        for (unsigned level = 1; level <= 9; level++)
            for (size_t size = 100; size <= text.size; size *= 4)
                deflate_once(shared, bits, level, (struct slice){text.data, size}, &out);
    ck_assert_uint_lt(deflate_shared_held(shared), 800 * KIB);
    text_free(&text);
    deflate_shared_free(shared);
}
END_TEST

START_TEST(steady_traffic_allocates_nothing)
{
    struct deflate_shared *shared = deflate_shared_new();
    struct deflate_terms terms = terms_of(15, true);
    struct deflate *deflate = deflate_new(shared, &terms, 6);
    struct text text = json(50 * KIB);
    struct slice out, message = {text.data, text.size};

    for (unsigned i = 0; i < 10; i++) {
        if (i > 0)
            mem_fail_at(1);
        ck_assert_int_eq(deflate_once(shared, 12, 6, message, &out), DEFLATE_DONE);
        ck_assert_int_eq(deflate_message(deflate, message, &out), DEFLATE_DONE);
        mem_fail_at(0);
        deflate_shared_trim(shared);
    }
    text_free(&text);
    deflate_free(deflate);
    deflate_shared_free(shared);
}
END_TEST

/* Lets each allocation on the way fail in turn. What fails changes nothing. */
START_TEST(without_memory_a_message_is_not_compressed)
{
    struct text text = random_bytes(20 * KIB); /* which grows, so that its memory does too */
    struct slice message = {text.data, text.size};
    struct deflate_terms terms = terms_of(9 + 6 * (_i & 1), _i & 2);
    unsigned long nth = 0, failures;

    text_add(&text, "abcabcabcabcabcabcabcabcabcabcabcabc", 36);
    message.data = text.data;
    if (!terms.server_takeover)
        message = (struct slice){text.data + text.size - 36, 36};
    long before = mem_live();
    do {
        struct deflate_shared *shared;
        struct deflate *deflate = NULL;
        struct client client;
        struct slice sent[3] = {{0}};

        failures = 0;
        mem_fail_at(++nth);
        if ((shared = deflate_shared_new()) == NULL)
            failures++;
        else if ((deflate = deflate_new(shared, &terms, 1)) == NULL)
            failures++;
        for (unsigned i = 0; deflate != NULL && i < 3; i++) {
            struct slice out;

            if (deflate_message(deflate, message, &out) == DEFLATE_FAILED)
                failures++;
            else
                sent[i] = (struct slice){memcpy(malloc(out.size), out.data, out.size), out.size};
        }
        mem_fail_at(0);
        client_begin(&client, terms.server_bits, terms.server_takeover);
        for (unsigned i = 0; i < 3; i++) {
            if (sent[i].data != NULL)
                assert_received(&client, sent[i], message);
            free((char *)sent[i].data);
        }
        client_end(&client);
        deflate_free(deflate);
        deflate_shared_free(shared);
        ck_assert_int_eq(mem_live(), before);
        ck_assert_uint_le(failures, 1);
    } while (failures > 0);
    ck_assert_uint_ge(nth, 8); /* both structs, the compressor, five of zlib's, the output */
    text_free(&text);
}
END_TEST

START_TEST(nothing_is_freed)
{
    deflate_free(NULL);
    deflate_shared_free(NULL);
    ck_assert(deflate_available());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire/deflate");
    TCase *tcase = tcase_create("deflate");

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 120);
    tcase_add_loop_test(tcase, round_trips, 0, 8);
    tcase_add_test(tcase, a_window_of_256_bytes_is_never_left);
    tcase_add_test(tcase, a_kept_window_makes_the_second_smaller);
    tcase_add_test(tcase, empty_messages);
    tcase_add_test(tcase, what_does_not_get_smaller_is_not_compressed);
    tcase_add_test(tcase, levels_may_change_from_message_to_message);
    tcase_add_test(tcase, little_is_held_until_it_is_used);
    tcase_add_test(tcase, trimming_frees_what_is_not_used);
    tcase_add_test(tcase, shared_compressors_are_bounded);
    tcase_add_test(tcase, steady_traffic_allocates_nothing);
    tcase_add_loop_test(tcase, without_memory_a_message_is_not_compressed, 0, 4);
    tcase_add_test(tcase, nothing_is_freed);
    return suite_run(suite);
}
