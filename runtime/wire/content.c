/*
 * wire/content: the bytes of a message that comes in parts, or compressed: kept as they grow, and
 * judged as they come.
 *
 * What is judged are the bytes that the message will have, in their order, wherever the payload is
 * cut: a wrong byte counts before the limit that is passed behind it, and both before broken data
 * behind them.
 */
#include "wire/content.h"

#include "base/mem.h"
#include "wire/inflate.h"

#define FIRST_ROOM 256 /* bytes, where there may be more */

enum message_result message_fault(struct message *message, uint16_t code, const char *why)
{
    *message = (struct message){.code = code, .why = why};
    return MESSAGE_FAULT;
}

/* The worst that compression does: fixed codes have nine bits for a byte, and each flush costs a
 * few bytes. Without such a bound empty blocks could go on for ever, for nothing comes of them. */
uint64_t content_most_compressed(const struct message_limits *limits)
{
    uint64_t slack = limits->message / 8 + 1024;

    return limits->message < UINT64_MAX - slack ? limits->message + slack : UINT64_MAX;
}

bool content_resize(struct content *content, uint64_t room)
{
    if (room >= SIZE_MAX)
        return false;

    uint8_t *data = mem_realloc(content->data, (size_t)room + 1);
    if (data == NULL)
        return false;
    content->data = data;
    content->room = (size_t)room;
    return true;
}

bool content_reserve(struct content *content, size_t size, uint64_t most)
{
    uint64_t need = (uint64_t)content->size + size, room = need * 2;

    if (content->data != NULL && need <= content->room)
        return true;
    if (room < FIRST_ROOM)
        room = FIRST_ROOM;
    return content_resize(content, room < most ? room : most);
}

enum message_result content_grew(struct content *content, size_t size, uint64_t most,
                                 struct message *message)
{
    const uint8_t *fresh = content->data + content->size;
    bool beyond = size > most - content->size;
    size_t allowed = beyond ? (size_t)(most - content->size) : size;

    content->size += size;
    if (content->text && !utf8_feed(&content->utf8, fresh, allowed))
        return message_fault(message, FAULT_NOT_UTF8, "text that is not UTF-8");
    if (beyond)
        return message_fault(message, FAULT_TOO_BIG, "a message that inflates beyond the limit");
    return MESSAGE_MORE;
}

/* There is room for one byte more than there may be: that it comes is how a message beyond the
 * limit is known. */
static enum message_result inflate_more(struct content *content, struct deflate *deflate,
                                        uint64_t most, struct slice *payload,
                                        enum inflate_result *inflated, struct message *message)
{
    uint64_t bound = most < UINT64_MAX ? most + 1 : UINT64_MAX;
    size_t written;

    if (!content_reserve(content, 1, bound))
        return message_fault(message, FAULT_MEMORY, "no memory for a message");

    size_t room = content->room < bound ? content->room : (size_t)bound;
    *inflated = inflate_some(deflate, payload, content->data + content->size, room - content->size,
                             &written);
    return content_grew(content, written, most, message);
}

enum message_result content_inflate(struct content *content, struct deflate *deflate,
                                    const struct message_limits *limits, struct slice payload,
                                    struct message *message)
{
    enum inflate_result inflated = payload.size > 0 ? INFLATE_FULL : INFLATE_MORE;
    uint64_t most = limits->message;

    if (most < content->size) /* it has been lowered since the message began */
        most = content->size;
    content->came += payload.size;
    while (inflated == INFLATE_FULL)
        if (inflate_more(content, deflate, most, &payload, &inflated, message) == MESSAGE_FAULT)
            return MESSAGE_FAULT;
    if (inflated == INFLATE_BROKEN)
        return message_fault(message, FAULT_BROKEN, "compressed data that are broken");
    if (inflated == INFLATE_FAILED)
        return message_fault(message, FAULT_MEMORY, "no memory for inflating");
    return MESSAGE_MORE;
}

/* That no payload at all may be an empty message is more than RFC 7692 says: its sender should have
 * put a block of no bytes there. Those who compress with zlib and forget so are understood. */
enum message_result content_finish(const struct content *content, struct deflate *deflate,
                                   struct message *message)
{
    if (content->compressed && content->came > 0) {
        enum inflate_result inflated = inflate_finish(deflate);

        if (inflated == INFLATE_FAILED)
            return message_fault(message, FAULT_MEMORY, "no memory for inflating");
        if (inflated != INFLATE_MORE)
            return message_fault(message, FAULT_BROKEN, "compressed data that end within a block");
    }
    if (content->text && !utf8_complete(&content->utf8))
        return message_fault(message, FAULT_NOT_UTF8, "text that is not UTF-8");
    return MESSAGE_MORE;
}

const uint8_t *content_bytes(struct content *content)
{
    static const uint8_t nothing[1];

    if (content->data == NULL)
        return nothing;
    content->data[content->size] = 0;
    return content->data;
}
