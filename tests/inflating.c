/*
 * tests/inflating: what the tests of compressed messages share: masked frames, and readers that are
 * fed with them.
 */
#include "inflating.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

const struct deflate_terms alone = {.server_bits = 15, .client_bits = 15};
const struct deflate_terms keeping = {15, 15, true, true};

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

struct message_reader reader_new(struct deflate_shared *shared, const struct deflate_terms *terms)
{
    return (struct message_reader){.deflate = deflate_new(shared, terms, 6)};
}

static void describe(struct text *out, enum message_result result, const struct message *message)
{
    static const char *const names[] = {
        [MESSAGE_TEXT] = "text", [MESSAGE_BINARY] = "binary", [MESSAGE_PING] = "ping",
        [MESSAGE_PONG] = "pong", [MESSAGE_CLOSE] = "close",
    };

    if (result == MESSAGE_FAULT) {
        text_addf(out, "%u %s; ", message->code, message->why);
        return;
    }
    ck_assert_uint_eq(message->data[message->size], 0);
    text_addf(out, "%s ", names[result]);
    text_add(out, message->data, message->size);
    text_add_str(out, "; ");
}

/* Some bytes, in memory of just their size. */
void feed(struct message_reader *reader, const struct message_limits *most, const char *bytes,
          size_t size, struct text *out)
{
    uint8_t *place = malloc(size > 0 ? size : 1), *data = place;
    struct message message;
    enum message_result result;

    memcpy(place, bytes, size);
    while ((result = message_next(reader, most, &data, &size, &message)) != MESSAGE_MORE)
        describe(out, result, &message);
    ck_assert_uint_eq(size, 0);
    free(place);
}
