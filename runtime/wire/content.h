/*
 * wire/content: the bytes of a message that comes in parts, or compressed: kept as they grow, and
 * judged as they come.
 */
#ifndef WIRE_CONTENT_H
#define WIRE_CONTENT_H

#include "base/text.h"
#include "base/utf8.h"
#include "wire/message.h"

#define FAULT_PROTOCOL  1002
#define FAULT_NOT_UTF8  1007
#define FAULT_BROKEN    1007
#define FAULT_FRAGMENTS 1008
#define FAULT_TOO_BIG   1009
#define FAULT_MEMORY    1011

/* MESSAGE_FAULT, told in `message`. */
enum message_result message_fault(struct message *message, uint16_t code, const char *why);

/* Owned by its message_partial; while a message that came whole is inflated, by that function. */
struct content {
    bool text, compressed;
    struct utf8_state utf8;
    uint64_t came; /* bytes of payload so far; of what is compressed, before it is inflated */
    uint8_t *data; /* unmasked and inflated */
    size_t size;
    size_t room; /* bytes allocated, but for the one of the zero byte */
};

/* The most payload that a message may have which is compressed. */
uint64_t content_most_compressed(const struct message_limits *limits);

/* Room for `size` more bytes, twice what will be there, but not above `most` in all. */
bool content_reserve(struct content *content, size_t size, uint64_t most);
bool content_resize(struct content *content, uint64_t room);

/* `size` bytes have been put behind data[size - 1], and `most` may be there. MESSAGE_MORE, or
 * MESSAGE_FAULT; the next two answer the same. */
enum message_result content_grew(struct content *content, size_t size, uint64_t most,
                                 struct message *message);
/* Inflates unmasked payload to behind data[size - 1]. */
enum message_result content_inflate(struct content *content, struct deflate *deflate,
                                    const struct message_limits *limits, struct slice payload,
                                    struct message *message);
/* All fragments have come. */
enum message_result content_finish(const struct content *content, struct deflate *deflate,
                                   struct message *message);

/* The bytes, closed by a zero byte. */
const uint8_t *content_bytes(struct content *content);

#endif
