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

#define PARTIAL_FIRST 256         /* bytes of a message's first buffer, if it may grow longer */
#define ROOM_LEAST    (32 * 1024) /* bytes; for less it's better to receive with what follows */

#define CLOSE_NO_CODE   1005
#define FAULT_PROTOCOL  1002
#define FAULT_NOT_UTF8  1007
#define FAULT_FRAGMENTS 1008
#define FAULT_TOO_BIG   1009
#define FAULT_MEMORY    1011

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
    struct utf8_state utf8;
    uint8_t *data; /* the message's bytes, unmasked */
    size_t size;
    size_t room;  /* bytes allocated, but for the one of the zero byte */
    size_t fresh; /* bytes behind data[size - 1] that were received there, still masked */
};

static enum message_result fault(struct message *message, uint16_t code, const char *why)
{
    *message = (struct message){.code = code, .why = why};
    return MESSAGE_FAULT;
}

static void advance(uint8_t **data, size_t *size, size_t by)
{
    if (by > 0) {
        *data += by;
        *size -= by;
    }
}

static bool message_has_begun(const struct message_partial *partial)
{
    return partial != NULL && partial->opcode != FRAME_CONTINUATION;
}

static bool is_idle(const struct message_partial *partial)
{
    return !partial->in_frame && partial->header_size == 0 && !message_has_begun(partial);
}

static void free_partial(struct message_reader *reader)
{
    if (reader->partial != NULL) {
        mem_free(reader->partial->data);
        mem_free(reader->partial);
        reader->partial = NULL;
    }
}

/* The rules that need no payload, so that nobody sends a gigabyte to hear that it's too much.
 * `partial` is NULL where nothing is half there. */
static enum message_result judge_frame(const struct message_partial *partial,
                                       const struct message_limits *limits,
                                       const struct frame *frame, struct message *message)
{
    bool begun = message_has_begun(partial);
    uint64_t size = begun ? partial->size : 0;
    unsigned fragments = begun ? partial->fragments : 0;

    if (!frame->masked)
        return fault(message, FAULT_PROTOCOL, "a frame without a mask");
    if (frame->rsv != 0)
        return fault(message, FAULT_PROTOCOL, "a reserved bit that no extension gave a meaning");
    if (frame_is_control(frame))
        return MESSAGE_MORE;
    if (frame->opcode == FRAME_CONTINUATION && !begun)
        return fault(message, FAULT_PROTOCOL, "a continuation of no message");
    if (frame->opcode != FRAME_CONTINUATION && begun)
        return fault(message, FAULT_PROTOCOL, "a new message before the last one ended");
    if (frame->length > limits->message || size > limits->message - frame->length)
        return fault(message, FAULT_TOO_BIG, "a message beyond the limit");
    if (fragments >= limits->fragments)
        return fault(message, FAULT_FRAGMENTS, "a message in more fragments than the limit");
    return MESSAGE_MORE;
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
        return fault(message, FAULT_PROTOCOL, "a close frame with half a code");
    if (size == 0) {
        *message = (struct message){.data = payload, .code = CLOSE_NO_CODE};
        return MESSAGE_CLOSE;
    }

    uint16_t code = (uint16_t)(payload[0] << 8 | payload[1]);
    if (!message_code_allowed(code))
        return fault(message, FAULT_PROTOCOL, "a close code that may not be sent");
    if (!utf8_valid(payload + 2, size - 2))
        return fault(message, FAULT_NOT_UTF8, "a close reason that is not UTF-8");
    *message = (struct message){.data = payload + 2, .size = size - 2, .code = code};
    return MESSAGE_CLOSE;
}

/* A zero byte stands behind the payload. */
static enum message_result finish_message(enum frame_opcode opcode, const uint8_t *payload,
                                          size_t size, struct message *message)
{
    if (opcode == FRAME_CLOSE)
        return finish_close(payload, size, message);
    *message = (struct message){.data = payload, .size = size};
    if (opcode == FRAME_PING)
        return MESSAGE_PING;
    if (opcode == FRAME_PONG)
        return MESSAGE_PONG;
    return opcode == FRAME_TEXT ? MESSAGE_TEXT : MESSAGE_BINARY;
}

/* MESSAGE_MORE, and nothing taken: it has to go in parts. */
static enum message_result next_in_place(const struct message_limits *limits, uint8_t **data,
                                         size_t *size, struct message *message)
{
    struct frame frame;
    const char *why;

    switch (frame_parse(*data, *size, &frame, &why)) {
    case FRAME_FAULT:
        return fault(message, FAULT_PROTOCOL, why);
    case FRAME_MORE:
        return MESSAGE_MORE;
    case FRAME_DONE:
        break;
    }
    if (judge_frame(NULL, limits, &frame, message) == MESSAGE_FAULT)
        return MESSAGE_FAULT;
    if (!frame.fin || frame.length > *size - frame.header_size)
        return MESSAGE_MORE;

    /* To where the mask stands, which is of no more use: that leaves the zero byte a place that is
     * the frame's own, and not the next one's. */
    uint8_t *payload = *data + frame.header_size, *out = payload - sizeof frame.mask;
    size_t length = (size_t)frame.length;

    frame_mask_to(out, payload, length, frame.mask, 0);
    out[length] = 0;
    advance(data, size, frame.header_size + length);
    if (frame.opcode == FRAME_TEXT && !utf8_valid(out, length))
        return fault(message, FAULT_NOT_UTF8, "text that is not UTF-8");
    return finish_message(frame.opcode, out, length, message);
}

/* The header, up to its end: of the bytes behind it none is taken. `in_frame` says whether it is
 * whole now. */
static enum message_result take_header(struct message_partial *partial,
                                       const struct message_limits *limits, uint8_t **data,
                                       size_t *size, struct message *message)
{
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
        return fault(message, FAULT_PROTOCOL, why);
    case FRAME_MORE:
        advance(data, size, part);
        return MESSAGE_MORE;
    case FRAME_DONE:
        advance(data, size, partial->frame.header_size - before);
    }
    if (judge_frame(partial, limits, &partial->frame, message) == MESSAGE_FAULT)
        return MESSAGE_FAULT;
    partial->in_frame = true;
    partial->left = partial->frame.length;
    if (frame_is_control(&partial->frame))
        return MESSAGE_MORE;
    if (partial->frame.opcode != FRAME_CONTINUATION)
        partial->opcode = partial->frame.opcode;
    partial->fragments++;
    return MESSAGE_MORE;
}

static bool resize(struct message_partial *partial, uint64_t room)
{
    if (room >= SIZE_MAX)
        return false;

    uint8_t *data = mem_realloc(partial->data, (size_t)room + 1);
    if (data == NULL)
        return false;
    partial->data = data;
    partial->room = (size_t)room;
    return true;
}

/* Twice what will be there: what a header announces costs its sender as many bytes. Less only
 * where the whole message is known to need less. */
static bool grow(struct message_partial *partial, size_t size)
{
    uint64_t need = (uint64_t)partial->size + size, room = need * 2;

    if (partial->data != NULL && need <= partial->room)
        return true;
    if (room < PARTIAL_FIRST)
        room = PARTIAL_FIRST;
    if (partial->frame.fin && room > partial->size + partial->left)
        room = partial->size + partial->left;
    return resize(partial, room);
}

/* `size` bytes of a data frame's payload, from where they are to the end of the message, which may
 * be the same place. There is room. */
static enum message_result take_data(struct message_partial *partial, const uint8_t *data,
                                     size_t size, struct message *message)
{
    uint8_t *out = partial->data + partial->size;

    frame_mask_to(out, data, size, partial->frame.mask, partial->frame.length - partial->left);
    partial->size += size;
    partial->left -= size;
    if (partial->opcode == FRAME_TEXT && !utf8_feed(&partial->utf8, out, size))
        return fault(message, FAULT_NOT_UTF8, "text that is not UTF-8");
    return MESSAGE_MORE;
}

static void take_control(struct message_partial *partial, const uint8_t *data, size_t size)
{
    uint64_t offset = partial->frame.length - partial->left;

    frame_mask_to(partial->control + offset, data, size, partial->frame.mask, offset);
    partial->left -= size;
}

static enum message_result take_payload(struct message_partial *partial, uint8_t **data,
                                        size_t *size, struct message *message)
{
    size_t part = *size < partial->left ? *size : (size_t)partial->left;
    enum message_result result = MESSAGE_MORE;

    if (part == 0)
        return MESSAGE_MORE;
    if (frame_is_control(&partial->frame))
        take_control(partial, *data, part);
    else if (!grow(partial, part))
        result = fault(message, FAULT_MEMORY, "no memory for a message");
    else
        result = take_data(partial, *data, part, message);
    advance(data, size, part);
    return result;
}

/* MESSAGE_MORE: it was a fragment, and not the last one. */
static enum message_result finish_frame(struct message_partial *partial, struct message *message)
{
    static const uint8_t nothing[1];
    const struct frame *frame = &partial->frame;
    enum frame_opcode opcode = partial->opcode;

    partial->in_frame = false;
    partial->header_size = 0;
    if (frame_is_control(frame)) {
        partial->control[frame->length] = 0;
        return finish_message(frame->opcode, partial->control, (size_t)frame->length, message);
    }
    if (!frame->fin)
        return MESSAGE_MORE;
    partial->opcode = FRAME_CONTINUATION;
    if (opcode == FRAME_TEXT && !utf8_complete(&partial->utf8))
        return fault(message, FAULT_NOT_UTF8, "text that is not UTF-8");
    if (partial->data == NULL) /* as empty as all its fragments */
        return finish_message(opcode, nothing, 0, message);
    partial->data[partial->size] = 0;
    return finish_message(opcode, partial->data, partial->size, message);
}

static enum message_result take_fresh(struct message_partial *partial, struct message *message)
{
    size_t fresh = partial->fresh;

    partial->fresh = 0;
    if (fresh == 0)
        return MESSAGE_MORE;
    return take_data(partial, partial->data + partial->size, fresh, message);
}

static enum message_result next_in_parts(struct message_partial *partial,
                                         const struct message_limits *limits, uint8_t **data,
                                         size_t *size, struct message *message)
{
    enum message_result result = take_fresh(partial, message);

    while (result == MESSAGE_MORE) {
        if (!partial->in_frame)
            result = take_header(partial, limits, data, size, message);
        if (result == MESSAGE_MORE && partial->in_frame)
            result = take_payload(partial, data, size, message);
        if (result == MESSAGE_FAULT || !partial->in_frame || partial->left > 0)
            return result;
        result = finish_frame(partial, message);
    }
    return result;
}

static enum message_result next_message(struct message_reader *reader,
                                        const struct message_limits *limits, uint8_t **data,
                                        size_t *size, struct message *message)
{
    if (reader->partial == NULL) {
        enum message_result result = next_in_place(limits, data, size, message);

        if (result != MESSAGE_MORE || *size == 0)
            return result;
        reader->partial = mem_zalloc(sizeof *reader->partial);
        if (reader->partial == NULL)
            return fault(message, FAULT_MEMORY, "no memory for a message");
    }
    return next_in_parts(reader->partial, limits, data, size, message);
}

enum message_result message_next(struct message_reader *reader, const struct message_limits *limits,
                                 uint8_t **data, size_t *size, struct message *message)
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

uint8_t *message_room(struct message_reader *reader, size_t *size)
{
    struct message_partial *partial = reader->partial;

    if (partial == NULL || reader->closed || !partial->in_frame || partial->fresh > 0 ||
        frame_is_control(&partial->frame) || partial->left < ROOM_LEAST)
        return NULL;
    if (partial->room - partial->size < ROOM_LEAST) {
        size_t more = partial->size < partial->left ? partial->size : (size_t)partial->left;

        if (more < ROOM_LEAST || !resize(partial, partial->size + more))
            return NULL;
    }
    *size = partial->room - partial->size;
    if (*size > partial->left)
        *size = (size_t)partial->left;
    return partial->data + partial->size;
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
    return sizeof *partial + (partial->data != NULL ? partial->room + 1 : 0);
}

void message_reader_free(struct message_reader *reader)
{
    free_partial(reader);
}
