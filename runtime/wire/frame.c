/*
 * wire/frame: the header of a WebSocket frame (RFC 6455, section 5.2), and masking.
 *
 * A header is 2 to 14 bytes, and its second byte says how many. Masking repeats four bytes over
 * the payload, so any whole number of them is one wide word.
 */
#include "wire/frame.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define BIT_FIN       0x80
#define BIT_MASK      0x80
#define RSV_BITS      (FRAME_RSV1 | FRAME_RSV2 | FRAME_RSV3)
#define LENGTH_16_BIT 126 /* in the second byte: the length is in the two bytes behind it */
#define LENGTH_64_BIT 127 /* in the eight */

static const char *first_byte_fault(uint8_t byte)
{
    unsigned opcode = byte & 0xf;

    if ((opcode > FRAME_BINARY && opcode < FRAME_CLOSE) || opcode > FRAME_PONG)
        return "a frame with a reserved opcode";
    if (frame_opcode_is_control(opcode) && !(byte & BIT_FIN))
        return "a control frame in fragments";
    return NULL;
}

static const char *length_fault(const struct frame *frame, unsigned short_length)
{
    if (short_length == LENGTH_16_BIT && frame->length < LENGTH_16_BIT)
        return "a frame's length in more bytes than it needs";
    if (short_length == LENGTH_64_BIT && frame->length <= UINT16_MAX)
        return "a frame's length in more bytes than it needs";
    if (frame->length > INT64_MAX)
        return "a frame's length with the highest bit set";
    return NULL;
}

static uint64_t read_big_endian(const uint8_t *data, unsigned size)
{
    uint64_t number = 0;

    for (unsigned i = 0; i < size; i++)
        number = number << 8 | data[i];
    return number;
}

static unsigned bytes_of_length(unsigned short_length)
{
    if (short_length < LENGTH_16_BIT)
        return 0;
    return short_length == LENGTH_16_BIT ? 2 : 8;
}

enum frame_result frame_parse(const uint8_t *data, size_t size, struct frame *frame,
                              const char **why)
{
    if (frame_parse_common(data, size, frame))
        return FRAME_DONE;
    if (size == 0)
        return FRAME_MORE;
    if ((*why = first_byte_fault(data[0])) != NULL)
        return FRAME_FAULT;
    if (size == 1)
        return FRAME_MORE;

    unsigned short_length = data[1] & 0x7f;
    unsigned length_size = bytes_of_length(short_length);

    frame->opcode = data[0] & 0xf;
    frame->fin = (data[0] & BIT_FIN) != 0;
    frame->rsv = data[0] & RSV_BITS;
    frame->masked = (data[1] & BIT_MASK) != 0;
    frame->header_size = (uint8_t)(2 + length_size + (frame->masked ? sizeof frame->mask : 0));
    if (frame_is_control(frame) && short_length > FRAME_CONTROL_MAX) {
        *why = "a control frame of more than 125 bytes";
        return FRAME_FAULT;
    }
    if (size < 2 + length_size)
        return FRAME_MORE;
    frame->length = length_size == 0 ? short_length : read_big_endian(data + 2, length_size);
    if ((*why = length_fault(frame, short_length)) != NULL)
        return FRAME_FAULT;
    if (size < frame->header_size)
        return FRAME_MORE;
    if (frame->masked)
        memcpy(frame->mask, data + 2 + length_size, sizeof frame->mask);
    return FRAME_DONE;
}

size_t frame_size_at(const uint8_t *data, size_t size)
{
    struct frame frame;
    const char *why;

    if (frame_parse(data, size, &frame, &why) != FRAME_DONE || frame.length > size)
        return size;
    return frame.header_size + (size_t)frame.length;
}

static void write_big_endian(uint8_t *out, uint64_t number, unsigned size)
{
    for (; size > 0; size--, number >>= 8)
        out[size - 1] = (uint8_t)number;
}

size_t frame_write_long(uint8_t out[FRAME_HEADER_MAX], uint64_t length)
{
    out[1] = length <= UINT16_MAX ? LENGTH_16_BIT : LENGTH_64_BIT;

    unsigned length_size = bytes_of_length(out[1]);
    write_big_endian(out + 2, length, length_size);
    return 2 + length_size;
}

bool frame_mask(uint8_t *data, size_t size, const uint8_t mask[4], uint64_t offset)
{
    return frame_mask_to(data, data, size, mask, offset);
}

/* The mask twice, from the byte on that belongs to the payload's byte at `offset`. */
static uint64_t wide_mask(const uint8_t mask[4], uint64_t offset)
{
    uint8_t twice[8];
    uint32_t turned;

    memcpy(twice, mask, 4);
    memcpy(twice + 4, mask, 4);
    memcpy(&turned, twice + (offset & 3), sizeof turned);
    return (uint64_t)turned << 32 | turned;
}

/* Each step reads all its bytes before it writes any, and goes upwards: so `out` may begin before
 * `data` by any number of bytes, but not after it. All that comes out is gathered with OR, which
 * tells whether a high bit was among it. */
bool frame_mask_to(uint8_t *out, const uint8_t *data, size_t size, const uint8_t mask[4],
                   uint64_t offset)
{
    const uint64_t high_bits = 0x8080808080808080u, wide = wide_mask(mask, offset);
    uint64_t gathered = 0, word;
    size_t i = 0;

#ifdef __SSE2__
    const __m128i wider = _mm_set1_epi64x((long long)wide);
    __m128i all = _mm_setzero_si128();

    for (size_t blocks = size & ~(size_t)15; i < blocks; i += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)(data + i));

        block = _mm_xor_si128(block, wider);
        all = _mm_or_si128(all, block);
        _mm_storeu_si128((__m128i *)(void *)(out + i), block);
    }
    if (_mm_movemask_epi8(all) != 0)
        gathered = high_bits;
#endif
    for (size_t words = size & ~(size_t)7; i < words; i += 8) {
        memcpy(&word, data + i, sizeof word);
        word ^= wide;
        gathered |= word;
        memcpy(out + i, &word, sizeof word);
    }
    const uint8_t *turned = (const uint8_t *)&wide;
    for (; i < size; i++) {
        out[i] = data[i] ^ turned[i & 7];
        gathered |= (uint64_t)out[i];
    }
    return (gathered & high_bits) == 0;
}
