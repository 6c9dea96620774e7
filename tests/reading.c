/*
 * tests/reading: what the tests of messages share: masked frames, and readers that are fed with
 * them.
 */
#include "reading.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

void add_frame(struct text *out, uint8_t first, const void *payload, size_t size)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    uint8_t header[FRAME_HEADER_MAX];
    size_t header_size = frame_write(header, FRAME_BINARY, 0, size);

    header[0] = first;
    header[1] |= 0x80;
    text_add(out, header, header_size);
    text_add(out, mask, sizeof mask);
    text_add(out, payload, size);
    frame_mask((uint8_t *)out->data + out->size - size, size, mask, 0);
}

static void describe(struct text *out, enum message_result result, const struct message *message)
{
    static const char *const names[] = {
        [MESSAGE_TEXT] = "text", [MESSAGE_BINARY] = "binary", [MESSAGE_PING] = "ping",
        [MESSAGE_PONG] = "pong", [MESSAGE_CLOSE] = "close",
    };

    if (result == MESSAGE_FAULT) {
        ck_assert_ptr_null(message->data);
        text_addf(out, "%u %s; ", message->code, message->why);
        return;
    }
    ck_assert_uint_eq(message->data[message->size], 0);
    ck_assert(message->code == 0 || result == MESSAGE_CLOSE);
    text_add_str(out, names[result]);
    if (result == MESSAGE_CLOSE)
        text_addf(out, " %u", message->code);
    text_add_str(out, " ");
    for (size_t i = 0; i < message->size; i++)
        text_add_byte(out, message->data[i] != 0 ? (char)message->data[i] : '0');
    text_add_str(out, "; ");
}

static void give(struct message_reader *reader, const struct message_limits *most,
                 const char *bytes, size_t size, bool moving, struct text *out)
{
    uint8_t *place = malloc(size > 0 ? size : 1), *data = place;
    struct message message;
    enum message_result result;

    memcpy(place, bytes, size);
    while ((result = message_next(reader, most, &data, &size, &message)) != MESSAGE_MORE) {
        describe(out, result, &message);
        if (moving) {
            uint8_t *other = malloc(size > 0 ? size : 1);

            memcpy(other, data, size);
            free(place);
            place = data = other;
        }
    }
    ck_assert_uint_eq(size, 0);
    free(place);
}

void feed(struct message_reader *reader, const struct message_limits *most, const char *bytes,
          size_t size, struct text *out)
{
    give(reader, most, bytes, size, false, out);
}

void feed_moving(struct message_reader *reader, const struct message_limits *most,
                 const char *bytes, size_t size, struct text *out)
{
    give(reader, most, bytes, size, true, out);
}
