/*
 * wire/frame: the header of a WebSocket frame (RFC 6455, section 5.2), and masking.
 */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum frame_opcode {
    FRAME_CONTINUATION = 0x0,
    FRAME_TEXT = 0x1,
    FRAME_BINARY = 0x2,
    FRAME_CLOSE = 0x8,
    FRAME_PING = 0x9,
    FRAME_PONG = 0xA,
};

#define FRAME_HEADER_MAX  14  /* bytes of the longest header, mask included */
#define FRAME_CONTROL_MAX 125 /* bytes of payload in a control frame */
#define FRAME_RSV1        0x40
#define FRAME_RSV2        0x20
#define FRAME_RSV3        0x10

struct frame {
    enum frame_opcode opcode;
    bool fin;
    uint8_t rsv; /* FRAME_RSV1 | ... */
    bool masked;
    uint8_t mask[4];
    uint64_t length;     /* of the payload; at most 2^63 - 1 */
    uint8_t header_size; /* bytes of the header, mask included */
};

enum frame_result {
    FRAME_MORE, /* the header is not whole yet */
    FRAME_DONE,
    FRAME_FAULT, /* an opcode that is reserved, a length that is not minimal or above 2^63 - 1, a
                    control frame that is in fragments or too long */
};

/* Reads a header. Judges what a header alone can tell, at the first byte that tells it; who may
 * mask, and reserved bits, are judged by wire/message. `why` is a literal for the log. */
enum frame_result frame_parse(const uint8_t *data, size_t size, struct frame *frame,
                              const char **why);

/* The same for nearly every header of a client: text or binary, whole, masked, less than 126 bytes.
 * Each of its bytes is in one range of values, and nothing in it can be wrong. False: it is another
 * one, or not whole yet. */
static inline bool frame_parse_common(const uint8_t *data, size_t size, struct frame *frame)
{
    enum { HEADER_SIZE = 2 + sizeof frame->mask, FIN = 0x80, MASK = 0x80, LENGTH_16_BIT = 126 };

    if (size < HEADER_SIZE)
        return false;
    unsigned opcode = data[0] ^ FIN, length = data[1] ^ MASK;
    if (opcode - FRAME_TEXT > FRAME_BINARY - FRAME_TEXT || length >= LENGTH_16_BIT)
        return false;
    frame->opcode = opcode;
    frame->fin = true;
    frame->rsv = 0;
    frame->masked = true;
    frame->header_size = HEADER_SIZE;
    frame->length = length;
    memcpy(frame->mask, data + 2, sizeof frame->mask);
    return true;
}

/* The size of the frame that begins at `data`, its header included; `size` if no frame does. For
 * frames that are known to be whole, one behind the other. */
size_t frame_size_at(const uint8_t *data, size_t size);

/* Of frame_write: the second byte on, where the length does not fit into that. */
size_t frame_write_long(uint8_t out[FRAME_HEADER_MAX], uint64_t length);

/* Writes the header of an unmasked frame that is whole; gives its size (2, 4 or 10). */
static inline size_t frame_write(uint8_t out[FRAME_HEADER_MAX], enum frame_opcode opcode,
                                 uint8_t rsv, uint64_t length)
{
    out[0] = (uint8_t)(0x80 | rsv | opcode);
    if (length >= 126)
        return frame_write_long(out, length);
    out[1] = (uint8_t)length;
    return 2;
}

/* The size of that header. */
static inline size_t frame_header_size(uint64_t length)
{
    return length < 126 ? 2 : length <= UINT16_MAX ? 4 : 10;
}

static inline bool frame_opcode_is_control(unsigned opcode)
{
    return (opcode & 0x8) != 0;
}

/* Ping, pong and close: they may come between the fragments of a message. */
static inline bool frame_is_control(const struct frame *frame)
{
    return frame_opcode_is_control(frame->opcode);
}

/* Masks or unmasks in place. `offset`: bytes of the payload before data. True: what came out is
 * ASCII, which costs nothing to tell here, and then is UTF-8 without another look. */
bool frame_mask(uint8_t *data, size_t size, const uint8_t mask[4], uint64_t offset);

/* The same from `data` to `out`, which may be the same place, lie apart, or begin before it. */
bool frame_mask_to(uint8_t *out, const uint8_t *data, size_t size, const uint8_t mask[4],
                   uint64_t offset);

#endif
