/*
 * wire/message: a client's frames become messages (RFC 6455, sections 5.4 to 5.6 and 7.1.5).
 *
 * There are two ways through. In place: the frame is whole and is a message by itself, nearly
 * always so. In parts: whatever is not goes through a struct message_partial, byte counts of any
 * kind, until neither a frame nor a message is half there. Both judge a frame by the same rules.
 */
#include "wire/message.h"

#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"
#include "wire/content.h"
#include "wire/inflate.h"

#define ROOM_LEAST (32 * 1024) /* bytes; for less it's better to receive with what follows */

#define CLOSE_NO_CODE 1005

/* Owned by its reader. The frame and the message that are half there: either, or both, or (until
 * the next call, for what was just handed out lies in here) neither. */
struct message_partial {
    uint8_t header[FRAME_HEADER_MAX];
    uint8_t header_size; /* bytes of it that came */
    bool in_frame;       /* the header is whole, the payload isn't */
    struct frame frame;
    uint64_t left; /* bytes of its payload that are still to come */
    uint8_t control[FRAME_CONTROL_MAX + 1];

    enum frame_opcode opcode; /* of the message; FRAME_CONTINUATION: none has begun */
    unsigned fragments;       /* that have begun */
    struct content content;
    size_t fresh; /* bytes behind the content's that were received there, still masked */
};

static void advance(uint8_t **data, size_t *size, size_t by)
{
    if (by > 0) {
        *data += by;
        *size -= by;
    }
}

static bool message_has_begun(const struct message_partial *partial)
{
    return partial->opcode != FRAME_CONTINUATION;
}

static bool is_idle(const struct message_partial *partial)
{
    return !partial->in_frame && partial->header_size == 0 && !message_has_begun(partial);
}

static void free_partial(struct message_reader *reader)
{
    if (reader->partial == NULL)
        return;
    if (reader->deflate != NULL)
        inflate_end(reader->deflate);
    mem_free(reader->partial->content.data);
    mem_free(reader->partial);
    reader->partial = NULL;
}

/* RFC 7692, section 6: RSV1 says that the message is compressed, in its first frame. */
static bool reserved_bits_fit(const struct deflate *deflate, const struct frame *frame)
{
    return frame->rsv == FRAME_RSV1 && deflate != NULL && !frame_is_control(frame) &&
           frame->opcode != FRAME_CONTINUATION;
}

/* `came` bytes of payload are there already. */
static enum message_result judge_length(const struct message_limits *limits, bool compressed,
                                        uint64_t came, uint64_t length, struct message *message)
{
    uint64_t most = compressed ? content_most_compressed(limits) : limits->message;

    if (length <= most && came <= most - length)
        return MESSAGE_MORE;
    return message_fault(message, FAULT_TOO_BIG,
                         compressed ? "a message beyond the limit, even compressed"
                                    : "a message beyond the limit");
}

/* The rules that need no payload, so that nobody sends a gigabyte to hear that it's too much.
 * `partial` is NULL where nothing is half there. */
static inline enum message_result judge_frame(const struct message_partial *partial,
                                              const struct deflate *deflate,
                                              const struct message_limits *limits,
                                              const struct frame *frame, struct message *message)
{
    bool begun = partial != NULL && message_has_begun(partial);
    bool compressed = begun ? partial->content.compressed : frame->rsv != 0;

    if (!frame->masked)
        return message_fault(message, FAULT_PROTOCOL, "a frame without a mask");
    if (frame->rsv != 0 && !reserved_bits_fit(deflate, frame))
        return message_fault(message, FAULT_PROTOCOL,
                             "a reserved bit that no extension gave a meaning");
    if (frame_is_control(frame))
        return MESSAGE_MORE;
    if (frame->opcode == FRAME_CONTINUATION && !begun)
        return message_fault(message, FAULT_PROTOCOL, "a continuation of no message");
    if (frame->opcode != FRAME_CONTINUATION && begun)
        return message_fault(message, FAULT_PROTOCOL, "a new message before the last one ended");
    if ((begun ? partial->fragments : 0) >= limits->fragments)
        return message_fault(message, FAULT_FRAGMENTS,
                             "a message in more fragments than the limit");
    return judge_length(limits, compressed, begun ? partial->content.came : 0, frame->length,
                        message);
}

bool message_code_allowed(unsigned code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static enum message_result finish_close(const uint8_t *payload, size_t size,
                                        struct message *message)
{
    if (size == 1)
        return message_fault(message, FAULT_PROTOCOL, "a close frame with half a code");
    if (size == 0) {
        *message = (struct message){.data = payload, .code = CLOSE_NO_CODE};
        return MESSAGE_CLOSE;
    }

    uint16_t code = (uint16_t)(payload[0] << 8 | payload[1]);
    if (!message_code_allowed(code))
        return message_fault(message, FAULT_PROTOCOL, "a close code that may not be sent");
    if (!utf8_valid(payload + 2, size - 2))
        return message_fault(message, FAULT_NOT_UTF8, "a close reason that is not UTF-8");
    *message = (struct message){.data = payload + 2, .size = size - 2, .code = code};
    return MESSAGE_CLOSE;
}

/* A zero byte stands behind the payload. */
static inline enum message_result finish_message(enum frame_opcode opcode, const uint8_t *payload,
                                                 size_t size, struct message *message)
{
    if (opcode == FRAME_CLOSE)
        return finish_close(payload, size, message);
    *message = (struct message){.data = payload, .size = size, .frames = 1};
    if (!frame_opcode_is_control(opcode))
        return opcode == FRAME_TEXT ? MESSAGE_TEXT : MESSAGE_BINARY;
    return opcode == FRAME_PING ? MESSAGE_PING : MESSAGE_PONG;
}

/* To where all messages of the loop are inflated that come whole. */
static enum message_result inflate_in_place(struct deflate *deflate,
                                            const struct message_limits *limits,
                                            const struct frame *frame, const uint8_t *payload,
                                            struct message *message)
{
    struct scratch *scratch = inflate_scratch(deflate);
    struct content content = {.text = frame->opcode == FRAME_TEXT,
                              .compressed = true,
                              .data = scratch->data,
                              .room = scratch->room};
    struct slice bytes = {(const char *)payload, (size_t)frame->length};
    enum message_result result = content_inflate(&content, deflate, limits, bytes, message);

    if (result == MESSAGE_MORE)
        result = content_finish(&content, deflate, message);
    inflate_end(deflate);
    scratch->data = content.data;
    scratch->room = content.room;
    if (scratch->peak < content.size)
        scratch->peak = content.size;
    if (result == MESSAGE_FAULT)
        return MESSAGE_FAULT;
    return finish_message(frame->opcode, content_bytes(&content), content.size, message);
}

/* To where the mask stands, which is of no more use: that leaves the zero byte a place that is the
 * frame's own, and not the next one's. */
static inline uint8_t *unmask_in_place(const struct frame *frame, uint8_t **data, size_t *size,
                                       bool *ascii)
{
    uint8_t *payload = *data + frame->header_size, *out = payload - sizeof frame->mask;
    size_t length = (size_t)frame->length;

    *ascii = frame_mask_to(out, payload, length, frame->mask, 0);
    out[length] = 0;
    advance(data, size, frame->header_size + length);
    return out;
}

/* The frame is whole, is a message, and is not compressed. */
static inline enum message_result take_in_place(const struct frame *frame, uint8_t **data,
                                                size_t *size, struct message *message)
{
    size_t length = (size_t)frame->length;
    bool ascii;
    const uint8_t *out = unmask_in_place(frame, data, size, &ascii);

    if (frame->opcode == FRAME_TEXT && !ascii && !utf8_valid(out, length))
        return message_fault(message, FAULT_NOT_UTF8, "text that is not UTF-8");
    return finish_message(frame->opcode, out, length, message);
}

/* MESSAGE_MORE, and nothing taken: it has to go in parts. */
static enum message_result next_in_place(const struct message_reader *reader,
                                         const struct message_limits *limits, uint8_t **data,
                                         size_t *size, struct message *message)
{
    struct frame frame;
    const char *why;

    switch (frame_parse(*data, *size, &frame, &why)) {
    case FRAME_FAULT:
        return message_fault(message, FAULT_PROTOCOL, why);
    case FRAME_MORE:
        return MESSAGE_MORE;
    case FRAME_DONE:
        break;
    }
    if (judge_frame(NULL, reader->deflate, limits, &frame, message) == MESSAGE_FAULT)
        return MESSAGE_FAULT;
    if (!frame.fin || frame.length > *size - frame.header_size)
        return MESSAGE_MORE;
    if (frame.rsv == 0)
        return take_in_place(&frame, data, size, message);
    bool ascii;
    const uint8_t *payload = unmask_in_place(&frame, data, size, &ascii);
    return inflate_in_place(reader->deflate, limits, &frame, payload, message);
}

static void begin_frame(struct message_partial *partial)
{
    const struct frame *frame = &partial->frame;

    partial->in_frame = true;
    partial->left = frame->length;
    if (frame_is_control(frame))
        return;
    if (frame->opcode != FRAME_CONTINUATION) {
        partial->opcode = frame->opcode;
        partial->content.text = frame->opcode == FRAME_TEXT;
        partial->content.compressed = frame->rsv != 0;
    }
    partial->fragments++;
}

/* The header, up to its end: of the bytes behind it none is taken. `in_frame` says whether it is
 * whole now. */
static enum message_result take_header(struct message_reader *reader,
                                       const struct message_limits *limits, uint8_t **data,
                                       size_t *size, struct message *message)
{
    struct message_partial *partial = reader->partial;
    size_t before = partial->header_size, part = FRAME_HEADER_MAX - before;
    const char *why;

    if (part > *size)
        part = *size;
    if (part == 0)
        return MESSAGE_MORE;
    memcpy(partial->header + before, *data, part);
    partial->header_size = (uint8_t)(before + part);
    switch (frame_parse(partial->header, partial->header_size, &partial->frame, &why)) {
    case FRAME_FAULT:
        return message_fault(message, FAULT_PROTOCOL, why);
    case FRAME_MORE:
        advance(data, size, part);
        return MESSAGE_MORE;
    case FRAME_DONE:
        advance(data, size, partial->frame.header_size - before);
    }
    if (judge_frame(partial, reader->deflate, limits, &partial->frame, message) == MESSAGE_FAULT)
        return MESSAGE_FAULT;
    begin_frame(partial);
    return MESSAGE_MORE;
}

/* To `out`, which may be the same place. */
static void unmask(struct message_partial *partial, uint8_t *out, const uint8_t *data, size_t size)
{
    frame_mask_to(out, data, size, partial->frame.mask, partial->frame.length - partial->left);
    partial->left -= size;
}

/* What a header announces costs its sender as many bytes: so there is room for twice what came,
 * and less only where the whole message is known to need less. */
static bool reserve(struct message_partial *partial, size_t size)
{
    uint64_t most = partial->frame.fin ? partial->content.size + partial->left : UINT64_MAX;

    return content_reserve(&partial->content, size, most);
}

/* `size` bytes of a data frame's payload, from where they are to the end of the message, which may
 * be the same place. There is room. */
static enum message_result take_data(struct message_partial *partial, const uint8_t *data,
                                     size_t size, struct message *message)
{
    struct content *content = &partial->content;

    unmask(partial, content->data + content->size, data, size);
    content->came += size;
    return content_grew(content, size, UINT64_MAX, message); /* judge_length has seen to it */
}

static enum message_result take_compressed(struct message_reader *reader,
                                           const struct message_limits *limits, uint8_t *data,
                                           size_t size, struct message *message)
{
    struct slice payload = {(const char *)data, size};

    unmask(reader->partial, data, data, size);
    return content_inflate(&reader->partial->content, reader->deflate, limits, payload, message);
}

static enum message_result take_payload(struct message_reader *reader,
                                        const struct message_limits *limits, uint8_t **data,
                                        size_t *size, struct message *message)
{
    struct message_partial *partial = reader->partial;
    size_t part = *size < partial->left ? *size : (size_t)partial->left;
    enum message_result result = MESSAGE_MORE;

    if (part == 0)
        return MESSAGE_MORE;
    if (frame_is_control(&partial->frame))
        unmask(partial, partial->control + (partial->frame.length - partial->left), *data, part);
    else if (partial->content.compressed)
        result = take_compressed(reader, limits, *data, part, message);
    else if (!reserve(partial, part))
        result = message_fault(message, FAULT_MEMORY, "no memory for a message");
    else
        result = take_data(partial, *data, part, message);
    advance(data, size, part);
    return result;
}

/* MESSAGE_MORE: it was a fragment, and not the last one. */
static enum message_result finish_frame(struct message_reader *reader, struct message *message)
{
    struct message_partial *partial = reader->partial;
    struct content *content = &partial->content;
    const struct frame *frame = &partial->frame;

    partial->in_frame = false;
    partial->header_size = 0;
    if (frame_is_control(frame)) {
        partial->control[frame->length] = 0;
        return finish_message(frame->opcode, partial->control, (size_t)frame->length, message);
    }
    if (!frame->fin)
        return MESSAGE_MORE;
    if (content_finish(content, reader->deflate, message) == MESSAGE_FAULT)
        return MESSAGE_FAULT;

    enum frame_opcode opcode = partial->opcode;
    partial->opcode = FRAME_CONTINUATION;
    if (content->compressed)
        inflate_end(reader->deflate);
    enum message_result result =
        finish_message(opcode, content_bytes(content), content->size, message);
    message->frames = partial->fragments;
    return result;
}

static enum message_result take_fresh(struct message_partial *partial, struct message *message)
{
    size_t fresh = partial->fresh;

    partial->fresh = 0;
    if (fresh == 0)
        return MESSAGE_MORE;
    return take_data(partial, partial->content.data + partial->content.size, fresh, message);
}

static enum message_result next_in_parts(struct message_reader *reader,
                                         const struct message_limits *limits, uint8_t **data,
                                         size_t *size, struct message *message)
{
    struct message_partial *partial = reader->partial;
    enum message_result result = take_fresh(partial, message);

    while (result == MESSAGE_MORE) {
        if (!partial->in_frame)
            result = take_header(reader, limits, data, size, message);
        if (result == MESSAGE_MORE && partial->in_frame)
            result = take_payload(reader, limits, data, size, message);
        if (result == MESSAGE_FAULT || !partial->in_frame || partial->left > 0)
            return result;
        result = finish_frame(reader, message);
    }
    return result;
}

/* In place, or else in parts. */
static enum message_result next_message(struct message_reader *reader,
                                        const struct message_limits *limits, uint8_t **data,
                                        size_t *size, struct message *message)
{
    if (reader->partial == NULL) {
        enum message_result result = next_in_place(reader, limits, data, size, message);

        if (result != MESSAGE_MORE || *size == 0)
            return result;
        reader->partial = mem_zalloc(sizeof *reader->partial);
        if (reader->partial == NULL)
            return message_fault(message, FAULT_MEMORY, "no memory for a message");
    }
    return next_in_parts(reader, limits, data, size, message);
}

/* Whatever there is. Not within message_next, which would have to save for it what it needs not. */
static __attribute__((noinline)) enum message_result
next_of_any_kind(struct message_reader *reader, const struct message_limits *limits, uint8_t **data,
                 size_t *size, struct message *message)
{
    enum message_result result;

    if (reader->partial != NULL && (reader->closed || is_idle(reader->partial)))
        free_partial(reader);
    if (reader->closed) {
        advance(data, size, *size);
        return MESSAGE_MORE;
    }
    result = next_message(reader, limits, data, size, message);
    if (result == MESSAGE_FAULT)
        free_partial(reader);
    if (result == MESSAGE_FAULT || result == MESSAGE_CLOSE)
        reader->closed = true;
    return result;
}

/* Nearly every message is short, whole and not compressed: of its header nothing is to be judged
 * but the length. */
enum message_result message_next(struct message_reader *reader, const struct message_limits *limits,
                                 uint8_t **data, size_t *size, struct message *message)
{
    struct frame frame;

    if (reader->partial != NULL || reader->closed || !frame_parse_common(*data, *size, &frame) ||
        frame.length > limits->message || frame.length > *size - frame.header_size)
        return next_of_any_kind(reader, limits, data, size, message);

    enum message_result result = take_in_place(&frame, data, size, message);
    reader->closed = result == MESSAGE_FAULT;
    return result;
}

uint8_t *message_room(struct message_reader *reader, size_t *size)
{
    struct message_partial *partial = reader->partial;

    if (partial == NULL || reader->closed || !partial->in_frame || partial->fresh > 0 ||
        frame_is_control(&partial->frame) || partial->left < ROOM_LEAST)
        return NULL;

    struct content *content = &partial->content;
    if (content->compressed)
        return NULL;
    if (content->room - content->size < ROOM_LEAST) {
        size_t more = content->size < partial->left ? content->size : (size_t)partial->left;

        if (more < ROOM_LEAST || !content_resize(content, content->size + more))
            return NULL;
    }
    *size = content->room - content->size;
    if (*size > partial->left)
        *size = (size_t)partial->left;
    return content->data + content->size;
}

void message_received(struct message_reader *reader, size_t size)
{
    reader->partial->fresh = size;
}

bool message_unfinished(const struct message_reader *reader)
{
    return reader->partial != NULL && !reader->closed && !is_idle(reader->partial);
}

size_t message_held(const struct message_reader *reader)
{
    const struct message_partial *partial = reader->partial;

    if (partial == NULL)
        return 0;
    return sizeof *partial + (partial->content.data != NULL ? partial->content.room + 1 : 0) +
           (reader->deflate != NULL ? inflate_held(reader->deflate) : 0);
}

void message_reader_free(struct message_reader *reader)
{
    free_partial(reader);
    deflate_free(reader->deflate);
    reader->deflate = NULL;
}
