/*
 * tests/fuzz_frame: a header is MORE until it is DONE or a FAULT, and stays it; what is read is
 * what would be written; and masking is what a loop over single bytes makes of it.
 */
#include <stdlib.h>
#include <string.h>

#include "wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool fact)
{
    if (!fact)
        abort();
}

static void must_stay(const uint8_t *data, size_t size, enum frame_result expected)
{
    enum frame_result result = FRAME_MORE;
    struct frame frame;
    const char *why;

    for (size_t part = 0; part <= size && part <= FRAME_HEADER_MAX; part++) {
        enum frame_result now = frame_parse(data, part, &frame, &why);

        must(result == FRAME_MORE || now == result);
        result = now;
    }
    must(result == expected);
}

static void must_write_back(const uint8_t *data, const struct frame *frame)
{
    uint8_t header[FRAME_HEADER_MAX];
    size_t size = frame_write(header, frame->opcode, frame->rsv, frame->length);

    must(size + (frame->masked ? 4 : 0) == frame->header_size);
    must((header[0] & 0x7f) == (data[0] & 0x7f));
    must(header[1] == (data[1] & 0x7f));
    must(memcmp(header + 2, data + 2, size - 2) == 0);
}

static void must_mask(const uint8_t *data, size_t size, const uint8_t mask[4], uint64_t offset)
{
    uint8_t *apart = malloc(size > 0 ? size : 1), *moved = malloc(size + 4);

    frame_mask_to(apart, data, size, mask, offset);
    memcpy(moved + 4, data, size);
    frame_mask_to(moved, moved + 4, size, mask, offset);
    for (size_t i = 0; i < size; i++) {
        must(apart[i] == (data[i] ^ mask[(offset + i) & 3]));
        must(moved[i] == apart[i]);
    }
    frame_mask(apart, size, mask, offset);
    must(size == 0 || memcmp(apart, data, size) == 0);
    free(apart);
    free(moved);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame frame = {0};
    const char *why;
    enum frame_result result = frame_parse(data, size, &frame, &why);

    must_stay(data, size, result);
    if (result != FRAME_DONE)
        return 0;
    must(frame.header_size <= size && frame.length <= INT64_MAX);
    if (frame_is_control(&frame))
        must(frame.fin && frame.length <= FRAME_CONTROL_MAX);
    must_write_back(data, &frame);
    must_mask(data + frame.header_size, size - frame.header_size, frame.mask, frame.length);
    return 0;
}
