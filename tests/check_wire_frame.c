/*
 * Tests of wire/frame: headers in and out, and masking at every size, place and offset.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "wire/frame.h"
#include "suite.h"

static const struct {
    uint8_t bytes[FRAME_HEADER_MAX];
    uint8_t size;
    struct frame frame;
} headers[] = {
    {{0x81, 0x05}, 2, {FRAME_TEXT, true, 0, false, {0}, 5, 2}},
    {{0x02, 0x00}, 2, {FRAME_BINARY, false, 0, false, {0}, 0, 2}},
    {{0x00, 0x7d}, 2, {FRAME_CONTINUATION, false, 0, false, {0}, 125, 2}},
    {{0xc1, 0x85, 1, 2, 3, 4}, 6, {FRAME_TEXT, true, FRAME_RSV1, true, {1, 2, 3, 4}, 5, 6}},
    {{0xf2, 0x80, 1, 2, 3, 4},
     6,
     {FRAME_BINARY, true, FRAME_RSV1 | FRAME_RSV2 | FRAME_RSV3, true, {1, 2, 3, 4}, 0, 6}},
    {{0x82, 0x7e, 0x00, 0x7e}, 4, {FRAME_BINARY, true, 0, false, {0}, 126, 4}},
    {{0x82, 0xfe, 0xff, 0xff, 5, 6, 7, 8},
     8,
     {FRAME_BINARY, true, 0, true, {5, 6, 7, 8}, 65535, 8}},
    {{0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0}, 10, {FRAME_BINARY, true, 0, false, {0}, 65536, 10}},
    {{0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 9, 8, 7, 6},
     14,
     {FRAME_BINARY, true, 0, true, {9, 8, 7, 6}, INT64_MAX, 14}},
    {{0x88, 0x00}, 2, {FRAME_CLOSE, true, 0, false, {0}, 0, 2}},
    {{0x89, 0xfd, 1, 2, 3, 4}, 6, {FRAME_PING, true, 0, true, {1, 2, 3, 4}, 125, 6}},
    {{0x8a, 0x01}, 2, {FRAME_PONG, true, 0, false, {0}, 1, 2}},
};

/* The result for the first `size` bytes, in memory of just that size. */
static enum frame_result parse_some(const uint8_t *bytes, size_t size, struct frame *frame,
                                    const char **why)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);

    memcpy(copy, bytes, size);
    enum frame_result result = frame_parse(copy, size, frame, why);
    free(copy);
    return result;
}

START_TEST(headers_are_read)
{
    struct frame frame = {0};
    const char *why;

    for (size_t size = 0; size < headers[_i].size; size++)
        ck_assert_int_eq(parse_some(headers[_i].bytes, size, &frame, &why), FRAME_MORE);
    ck_assert_int_eq(parse_some(headers[_i].bytes, headers[_i].size, &frame, &why), FRAME_DONE);
    ck_assert_int_eq(frame.opcode, headers[_i].frame.opcode);
    ck_assert_int_eq(frame.fin, headers[_i].frame.fin);
    ck_assert_uint_eq(frame.rsv, headers[_i].frame.rsv);
    ck_assert_int_eq(frame.masked, headers[_i].frame.masked);
    ck_assert_mem_eq(frame.mask, headers[_i].frame.mask, 4);
    ck_assert_uint_eq(frame.length, headers[_i].frame.length);
    ck_assert_uint_eq(frame.header_size, headers[_i].frame.header_size);
    ck_assert_int_eq(frame_is_control(&frame), frame.opcode >= FRAME_CLOSE);
}
END_TEST

static const struct {
    uint8_t bytes[FRAME_HEADER_MAX];
    uint8_t sure; /* the number of bytes that tell it */
    const char *why;
} faults[] = {
    {{0x83}, 1, "a frame with a reserved opcode"},
    {{0x87}, 1, "a frame with a reserved opcode"},
    {{0x8b}, 1, "a frame with a reserved opcode"},
    {{0x0f}, 1, "a frame with a reserved opcode"},
    {{0x08}, 1, "a control frame in fragments"},
    {{0x09}, 1, "a control frame in fragments"},
    {{0x0a}, 1, "a control frame in fragments"},
    {{0x88, 0x7e}, 2, "a control frame of more than 125 bytes"},
    {{0x89, 0xfe}, 2, "a control frame of more than 125 bytes"},
    {{0x8a, 0xff}, 2, "a control frame of more than 125 bytes"},
    {{0x82, 0x7e, 0x00, 0x7d}, 4, "a frame's length in more bytes than it needs"},
    {{0x82, 0xfe, 0x00, 0x00}, 4, "a frame's length in more bytes than it needs"},
    {{0x82, 0x7f, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
     10,
     "a frame's length in more bytes than it needs"},
    {{0x82, 0xff, 0, 0, 0, 0, 0, 0, 0, 1}, 10, "a frame's length in more bytes than it needs"},
    {{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0}, 10, "a frame's length with the highest bit set"},
    {{0x82, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
     10,
     "a frame's length with the highest bit set"},
};

START_TEST(faults_are_found_early)
{
    struct frame frame;
    const char *why;
    uint8_t sure = faults[_i].sure;

    ck_assert_int_eq(parse_some(faults[_i].bytes, sure - 1u, &frame, &why), FRAME_MORE);
    for (size_t size = sure; size <= FRAME_HEADER_MAX; size++) {
        ck_assert_int_eq(parse_some(faults[_i].bytes, size, &frame, &why), FRAME_FAULT);
        ck_assert_str_eq(why, faults[_i].why);
    }
}
END_TEST

START_TEST(headers_are_written)
{
    static const uint64_t lengths[] = {0, 1, 125, 126, 127, 65535, 65536, INT64_MAX};
    static const size_t sizes[] = {2, 2, 2, 4, 4, 4, 10, 10};

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        uint8_t header[FRAME_HEADER_MAX];
        struct frame frame;
        const char *why;
        size_t size = frame_write(header, FRAME_BINARY, FRAME_RSV1, lengths[i]);

        ck_assert_uint_eq(size, sizes[i]);
        ck_assert_int_eq(frame_parse(header, size, &frame, &why), FRAME_DONE);
        ck_assert(frame.fin && !frame.masked && frame.opcode == FRAME_BINARY);
        ck_assert_uint_eq(frame.rsv, FRAME_RSV1);
        ck_assert_uint_eq(frame.length, lengths[i]);
        ck_assert_uint_eq(frame.header_size, size);
    }
}
END_TEST

static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};

START_TEST(masking_at_every_size_and_place)
{
    for (size_t size = 0; size <= 70; size++) {
        for (size_t place = 0; place < 17; place++) {
            for (uint64_t offset = 0; offset < 5; offset++) {
                uint8_t data[100], expected[100];

                for (size_t i = 0; i < sizeof data; i++)
                    expected[i] = data[i] = (uint8_t)(i * 37);
                for (size_t i = 0; i < size; i++)
                    expected[place + i] ^= mask[(offset + i) % 4];
                frame_mask(data + place, size, mask, offset);
                ck_assert_mem_eq(data, expected, sizeof data);
            }
        }
    }
}
END_TEST

START_TEST(masking_towards_the_front)
{
    for (size_t size = 0; size <= 70; size++) {
        for (size_t distance = 0; distance < 20; distance++) {
            uint8_t data[100], expected[100];

            for (size_t i = 0; i < sizeof data; i++)
                expected[i] = data[i] = (uint8_t)(i * 37);
            for (size_t i = 0; i < size; i++)
                expected[20 - distance + i] = data[20 + i] ^ mask[(3 + i) % 4];
            frame_mask_to(data + 20 - distance, data + 20, size, mask,
                          UINT64_C(0xffffffff00000003));
            ck_assert_mem_eq(data, expected, sizeof data);
        }
    }
}
END_TEST

START_TEST(unmasking_tells_ascii)
{
    for (size_t size = 0; size <= 70; size++) {
        for (size_t high = 0; high <= size; high++) { /* the byte that is no ASCII; size: none */
            uint8_t data[70];

            for (size_t i = 0; i < size; i++)
                data[i] = (uint8_t)((i == high ? 0x80 : 0x7f) ^ mask[(1 + i) % 4]);
            ck_assert_int_eq(frame_mask(data, size, mask, 1), high == size);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire/frame");
    TCase *tcase = tcase_create("frame");

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, headers_are_read, 0, sizeof headers / sizeof *headers);
    tcase_add_loop_test(tcase, faults_are_found_early, 0, sizeof faults / sizeof *faults);
    tcase_add_test(tcase, headers_are_written);
    tcase_add_test(tcase, masking_at_every_size_and_place);
    tcase_add_test(tcase, masking_towards_the_front);
    tcase_add_test(tcase, unmasking_tells_ascii);
    return suite_run(suite);
}
